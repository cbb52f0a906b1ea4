// SPDX-License-Identifier: GPL-2.0-only
/* The parsers of option values, lib/value.c, on any string. The first byte says which. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static union value {
	uint64_t u64;
	uint32_t u32;
	struct bk_list list;
	struct bk_net net;
	unsigned char bytes[128];
} v, untouched;

static void wrong(const char *s, const char *what)
{
	fprintf(stderr, "'%s': %s\n", s, what);
	abort();
}

static const char *parse(unsigned int kind, const char *s)
{
	switch (kind) {
	case 0:
		return bk_parse_u64(s, 0, UINT64_MAX, &v.u64);
	case 1:
		return bk_parse_u64(s, 5, 10, &v.u64);
	case 2:
		return bk_parse_duration(s, &v.u64);
	case 3:
		return bk_parse_size(s, &v.u64);
	case 4:
		return bk_parse_list(s, 1, 65535, &v.list);
	case 5:
		return bk_parse_net(s, false, &v.net);
	case 6:
		return bk_parse_net(s, true, &v.net);
	default:
		return bk_parse_user(s, &v.u32);
	}
}

/* What was taken is within what was asked for. */
static void taken(unsigned int kind, const char *s)
{
	if (!*s)
		wrong(s, "nothing is no value");
	if (kind == 1 && (v.u64 < 5 || v.u64 > 10))
		wrong(s, "out of range");
	if (kind == 2 && (!v.u64 || v.u64 > UINT64_MAX / 2))
		wrong(s, "no time, or too long a time");
	if (kind == 3 && v.u64 > INT64_MAX)
		wrong(s, "too large a size");
	if (kind == 4 && (!v.list.n || v.list.n > 16))
		wrong(s, "too long a list");
	for (unsigned int i = 0; kind == 4 && i < v.list.n; i++)
		if (!v.list.v[i] || v.list.v[i] > 65535)
			wrong(s, "out of range");
	if (kind == 5 || kind == 6) {
		unsigned int most = v.net.family == 4 ? 32 : 128;

		if ((v.net.family != 4 && v.net.family != 6) || v.net.bits > most ||
		    (kind == 6 && v.net.bits != most))
			wrong(s, "no network");
		for (unsigned int i = v.net.bits; i < 128; i++)
			if (v.net.addr[i / 8] & 0x80 >> i % 8)
				wrong(s, "bits that do not count");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *said;
	unsigned int kind;
	char *s;

	if (!size)
		return 0;
	kind = data[0] % 8;
	s = malloc(size); /* the string ends where its block ends */
	memcpy(s, data + 1, size - 1);
	s[size - 1] = 0;
	memset(&untouched, 0xa5, sizeof(untouched));
	if (kind == 4)
		untouched.list.n = 0; /* what is added to */
	v = untouched;
	said = parse(kind, s);
	if (!said)
		taken(kind, s);
	else if (!*said)
		wrong(s, "refused without a word");
	else if (memcmp(&v, &untouched, sizeof(v)))
		wrong(s, "refused, yet something was written");
	free(s);
	return 0;
}
