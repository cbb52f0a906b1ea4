// SPDX-License-Identifier: GPL-2.0-only
/*
 * lib/dump.c on any bytes. Of the input, the last three bytes are not of the packet: its link type, how it is printed,
 * and where it is cut off.
 */
#include "../unit/check_dump.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *text, const char *wrong)
{
	if (!wrong)
		return;
	fprintf(stderr, "\"%s\" %s\n", text, wrong);
	abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint16_t types[] = {
		BK_LINK_ETHERNET, BK_LINK_ETHERNET, BK_LINK_RAW,  BK_LINK_SLL,  BK_LINK_SLL2,
		BK_LINK_NULL,     BK_LINK_LOOP,     BK_LINK_IPV4, BK_LINK_IPV6, 127
	};
	static char whole[CHECK_LINE], text[CHECK_LINE];
	static struct bk_out o;
	uint16_t type;
	uint32_t cut;
	int how;

	if (size < 3)
		return 0;
	size -= 3;
	type = types[data[size] % ARRAY_LEN(types)];
	how = data[size + 1] & 3;
	cut = size ? data[size + 2] % size : 0;
	check(whole, check_dump(whole, data, size, size, type, how));
	check(text, check_dump(text, data, cut, size, type, how));
	check(text, check_cut(whole, text));
	check(text, check_dump(text, data, size, 0, type, CHECK_JSON));
	check(text, check_dump(text, data, cut, size, type, CHECK_JSON));
	bk_out_init(&o, -1);
	bk_dump_hex(&o, data, size, how & 1);
	return 0;
}
