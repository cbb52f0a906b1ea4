/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What holds of whatever pkt_parse() makes of any bytes. Used by the unit test and the fuzz target.
 */
#ifndef CHECK_PKT_H
#define CHECK_PKT_H

#include <stdlib.h>
#include <string.h>

#include "pkt.h"

/* Parses a copy that ends where its block ends, so that a sanitizer sees a byte read too many. */
static inline struct pkt check_parse(const unsigned char *bytes, unsigned int n, unsigned int want)
{
	void *exact = malloc(n);
	struct pkt_src src = { exact, n };
	struct pkt p = { 0 };

	if (n)
		memcpy(exact, bytes, n);
	pkt_parse(&src, want, &p);
	free(exact);
	return p;
}

/* Returns what contradicts itself, or NULL. */
static inline const char *check_pkt(const struct pkt *p, const unsigned char *b, unsigned int n, unsigned int want)
{
	const unsigned int network = p->flags & (PKT_V4 | PKT_V6 | PKT_ARP | PKT_LLC);
	const unsigned int transport = p->flags & (PKT_PORTS | PKT_TCP | PKT_ICMP | PKT_GRE | PKT_PAYLOAD);
	unsigned int l2 = 14 + p->vlans * 4u;

	if (p->flags >> 14)
		return "an unknown flag";
	if (!(p->flags & PKT_MAC) != (n < 14))
		return "MAC exactly where there are 14 bytes";
	if (p->vlans > 2)
		return "more tags than are kept";
	if (p->vlans && l2 > n)
		return "a tag beyond the end";
	if (network & (network - 1))
		return "of two kinds at once";
	if (p->flags & PKT_V4 && (n < l2 + 20 || b[l2] >> 4 != 4))
		return "IPv4 without its header";
	if (p->flags & PKT_V6 && (n < l2 + 40 || b[l2] >> 4 != 6))
		return "IPv6 without its header";
	if (p->flags & PKT_ARP && n < l2 + 28)
		return "ARP without what it says";
	if (transport && !(p->flags & (PKT_V4 | PKT_V6)))
		return "transport without network";
	if (p->flags & PKT_LATER && (transport || !(p->flags & PKT_FRAGMENT)))
		return "a transport header in a later fragment";
	if (p->flags & PKT_TCP && p->l4_proto != PKT_IP_TCP)
		return "TCP of something else";
	if (p->flags & PKT_TCP && want & PKT_WANT_L4 && !(p->flags & PKT_PORTS))
		return "TCP without ports";
	if (p->flags & PKT_PORTS && p->l4_proto != PKT_IP_TCP && p->l4_proto != PKT_IP_UDP && p->l4_proto != PKT_IP_SCTP)
		return "ports of something else";
	if (p->flags & PKT_ICMP && p->l4_proto != PKT_IP_ICMP && p->l4_proto != PKT_IP_ICMP6)
		return "ICMP of something else";
	if (p->flags & PKT_GRE && p->l4_proto != PKT_IP_GRE)
		return "GRE of something else";
	if (p->flags & PKT_GRE && !(want & PKT_WANT_GRE))
		return "GRE that nobody wanted";
	if (!(p->flags & PKT_GRE) && p->gre_proto)
		return "a tunnel without GRE";
	if (p->flags & PKT_PAYLOAD && (!(p->flags & (PKT_PORTS | PKT_GRE)) || p->payload > 65535))
		return "payload without a header, or too much of it";
	if (p->flags & PKT_LLC && p->eth_proto)
		return "a length and a type";
	if (n < 14 && p->flags != PKT_TRUNCATED)
		return "something in less than an Ethernet header";
	if (!(want & PKT_WANT_ADDR))
		for (int i = 0; i < 16; i++)
			if (p->src[i] || p->dst[i])
				return "addresses that nobody wanted";
	if (!(want & PKT_WANT_MAC))
		for (int i = 0; i < 6; i++)
			if (p->dmac[i] || p->smac[i])
				return "MAC addresses that nobody wanted";
	return NULL;
}

/* What is parsed without PKT_WANT_L4 or PKT_WANT_GRE is the same as with it, but for the transport header. */
static inline const char *check_with_less(const struct pkt *p, const unsigned char *b, unsigned int n, unsigned int want)
{
	const unsigned int of_l4 = PKT_PORTS | PKT_ICMP | PKT_GRE | PKT_PAYLOAD, faults = PKT_TRUNCATED | PKT_MALFORMED;
	struct pkt full = check_parse(b, n, want | PKT_WANT_L4 | PKT_WANT_GRE);
	unsigned int less = of_l4;

	if (want & PKT_WANT_L4)
		less = want & PKT_WANT_GRE || full.l4_proto != PKT_IP_GRE ? 0 : PKT_GRE | PKT_PAYLOAD;
	if (p->flags & less)
		return "a transport header that nobody wanted";
	if ((p->flags & ~faults) != (full.flags & ~(less | faults)))
		return "not the flags that it has with the transport header";
	if (p->flags & faults & ~full.flags)
		return "a fault that it has not with the transport header";
	if (less) {
		full.flags = p->flags;
		full.sport = full.dport = full.icmp_type = full.icmp_code = full.gre_proto = 0;
		full.payload = full.tcp_seq = 0;
	}
	return memcmp(p, &full, sizeof(full)) ? "not what it is with the transport header" : NULL;
}

#endif
