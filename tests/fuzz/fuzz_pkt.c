// SPDX-License-Identifier: GPL-2.0-only
/* bpf/pkt.h on any bytes, cut off at every length. */
#include <stdint.h>
#include <stdio.h>

#include "../unit/check_pkt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is said of a packet stays true when more of it is there. */
static const char *grows(const struct pkt *a, const struct pkt *b)
{
	const unsigned int gone = a->flags & ~b->flags;

	if (gone & ~(unsigned int)(PKT_TRUNCATED | PKT_MALFORMED))
		return "a flag went away";
	if (a->flags & PKT_PORTS && (a->sport != b->sport || a->dport != b->dport))
		return "the ports changed";
	if (a->flags & PKT_TCP && (a->tcp_flags != b->tcp_flags || a->tcp_seq != b->tcp_seq))
		return "TCP changed";
	if (a->flags & PKT_ICMP && (a->icmp_type != b->icmp_type || a->icmp_code != b->icmp_code))
		return "ICMP changed";
	if (a->flags & PKT_GRE && a->gre_proto != b->gre_proto)
		return "GRE changed";
	if (a->flags & PKT_FRAGMENT && a->frag_off != b->frag_off)
		return "the fragment changed";
	if (a->flags & PKT_PAYLOAD && a->payload != b->payload)
		return "the payload changed";
	if (a->flags & (PKT_V4 | PKT_V6) &&
	    (memcmp(a->src, b->src, 16) || memcmp(a->dst, b->dst, 16)))
		return "the addresses changed";
	if (!(a->flags & PKT_TRUNCATED) && b->flags & PKT_TRUNCATED && !(b->flags & PKT_MALFORMED))
		return "truncated with more bytes";
	return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned int want = size ? data[--size] & PKT_WANT_ALL : PKT_WANT_ALL;
	struct pkt before = { 0 };

	for (unsigned int n = 0; n <= size; n++) {
		struct pkt p = check_parse(data, n, want);
		const char *why = check_pkt(&p, data, n, want);

		if (!why)
			why = check_with_less(&p, data, n, want);
		if (!why && n >= 14 && before.flags & PKT_MAC)
			why = grows(&before, &p);
		if (why) {
			fprintf(stderr, "%u of %zu bytes, want %u: %s: flags %#x\n", n, size, want,
				why, p.flags);
			abort();
		}
		before = p;
	}
	return 0;
}
