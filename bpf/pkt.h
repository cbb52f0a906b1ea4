/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The one packet parser, compiled for programs and for user space.
 *
 * Each header comes from its source by pkt_load(), which checks it against the end, so the same lines
 * serve
 * - a buffer in user space, and kernel memory behind an skb: headers are copied out of it;
 * - with PKT_DIRECT defined before this file is included, the packet that a program at XDP or tc was
 *   called for, through the pointers of its context: headers are read in place, and only the bytes that
 *   are wanted. What of it is not in one piece (the fragments of a multi-buffer frame at XDP, the paged
 *   part of an skb at tc) is behind the end, as if it had been cut off. At tc the outermost VLAN tag may
 *   not be among the bytes, but in the context.
 *
 * What is cut off is PKT_TRUNCATED, what contradicts itself PKT_MALFORMED, and fields are valid only
 * where the flags say so.
 *
 * Formats: IEEE 802.3, 802.1Q, 802.1ad; RFC 791, 8200, 4302, 826, 792, 4443, 9293, 768, 9260, 2784, 2890,
 * 1701, 2637.
 */
#ifndef BK_PKT_H
#define BK_PKT_H

enum {
	PKT_ETH_IPV4 = 0x0800,
	PKT_ETH_ARP = 0x0806,
	PKT_ETH_VLAN = 0x8100,
	PKT_ETH_IPV6 = 0x86dd,
	PKT_ETH_QINQ = 0x88a8,
	PKT_ETH_LLDP = 0x88cc,
	PKT_ETH_MIN = 0x0600, /* below: a length, and LLC follows */
};

enum {
	PKT_IP_ICMP = 1,
	PKT_IP_TCP = 6,
	PKT_IP_UDP = 17,
	PKT_IP_GRE = 47,
	PKT_IP_ICMP6 = 58,
	PKT_IP_VRRP = 112,
	PKT_IP_SCTP = 132,
	/* IPv6 extension headers */
	PKT_IP_HOPOPTS = 0,
	PKT_IP_ROUTING = 43,
	PKT_IP_FRAGMENT = 44,
	PKT_IP_AUTH = 51,
	PKT_IP_NONE = 59,
	PKT_IP_DSTOPTS = 60,
	PKT_EXT_MAX = 8, /* extension headers that are followed */
};

enum pkt_flags {
	PKT_MAC = 1 << 0,	/* dmac, smac */
	PKT_V4 = 1 << 1,	/* src, dst (4 bytes), l4_proto */
	PKT_V6 = 1 << 2,	/* src, dst (16 bytes), l4_proto */
	PKT_ARP = 1 << 3,	/* arp_op; src, dst: the protocol addresses, IPv4 */
	PKT_PORTS = 1 << 4,	/* sport, dport: of TCP, UDP, SCTP */
	PKT_TCP = 1 << 5,	/* tcp_flags, tcp_seq */
	PKT_ICMP = 1 << 6,	/* icmp_type, icmp_code */
	PKT_FRAGMENT = 1 << 7,	/* a fragment of a larger packet */
	PKT_LATER = 1 << 8,	/* a fragment after the first: no transport header */
	PKT_TRUNCATED = 1 << 9,	/* the headers end before they are complete */
	PKT_MALFORMED = 1 << 10, /* a header contradicts itself */
	PKT_LLC = 1 << 11,	/* 802.3 with a length instead of a type */
	PKT_PAYLOAD = 1 << 12,	/* payload: bytes behind the transport header, by the headers' word */
	PKT_GRE = 1 << 13,	/* gre_proto */
};

enum { PKT_TCP_FIN = 1, PKT_TCP_SYN = 2, PKT_TCP_RST = 4, PKT_TCP_PSH = 8, PKT_TCP_ACK = 16, PKT_TCP_URG = 32 };

/* Copies are made in words, so that no byte is handled alone. */
#define PKT_ALIGNED __attribute__((aligned(8)))

struct pkt {
	/* one word, see pkt_forget_start() */
	unsigned short flags;
	unsigned short eth_proto; /* the innermost, host order; 0: none or LLC */
	unsigned short arp_op;
	unsigned char l4_proto;
	unsigned char tcp_flags;

	unsigned short vlan[2];	  /* tag control, outermost first, host order */
	unsigned char vlans;	  /* tags in front, two at most; a third is eth_proto */
	unsigned char icmp_type, icmp_code, pad;
	unsigned char src[16] PKT_ALIGNED, dst[16] PKT_ALIGNED;
	unsigned char dmac[6], smac[6];
	unsigned short sport, dport;
	unsigned short frag_off;  /* bytes */
	unsigned short gre_proto; /* the ethertype of what is in the tunnel */
	unsigned int tcp_seq;
	unsigned int payload, pad2;
};

/*
 * The headers do not say how long it is: first fragments, and packets larger than the field can
 * hold.
 */
enum { PKT_LEN_UNKNOWN = 0x7fffffff };

/*
 * What is wanted besides protocols, tags and fragments; without PKT_WANT_L4 only the flags of TCP are read
 * of a transport header. PKT_WANT_GRE is that of GRE, together with PKT_WANT_L4. A constant in programs, so
 * the rest vanishes.
 */
enum { PKT_WANT_MAC = 1, PKT_WANT_ADDR = 2, PKT_WANT_L4 = 4, PKT_WANT_GRE = 8, PKT_WANT_ALL = 15 };

_Static_assert(sizeof(struct pkt) % 8 == 0, "whole words, see bk_zero()");

#ifdef __bpf__
#define PKT_INLINE static __always_inline
#define pkt_hide(x) bk_hide(x)
#define pkt_be16(p) bpf_ntohs(*(const u16 *)(p))
#define pkt_be32(p) bpf_ntohl(*(const u32 *)(p))
#else
#include <stdbool.h>
#include <string.h>
#define PKT_INLINE static inline
#define pkt_hide(x) ((void)0)
#define pkt_be16(p) ((unsigned short)((p)[0] << 8 | (p)[1]))
#define pkt_be32(p) ((unsigned int)(p)[0] << 24 | (p)[1] << 16 | (p)[2] << 8 | (p)[3])
#endif

#ifdef PKT_DIRECT

/* Of a context: { (void *)(long)ctx->data, (void *)(long)ctx->data_end } */
struct pkt_src {
	const void *data, *end;
};

#define PKT_HEADER(h, most) const unsigned char *h
/* In words, though they are not aligned: the processors that bpfkit runs on do not mind. */
#define pkt_copy(dst, n, src) __builtin_memcpy((dst), (const u64 *)(src), (n))
/*
 * As bk_forget(), but not volatile: it vanishes with what nobody uses. The difference of two pointers is a number of
 * which the verifier knows nothing; to take it needs CAP_PERFMON.
 */
#define pkt_forget(x, s)								\
	({										\
		u64 __x = (x);								\
		asm("%0 ^= %1\n%0 ^= %1" : "+r"(__x) : "r"((u64)((s)->end - (s)->data)));	\
		(x) = __x;								\
	})
#define pkt_forget_start(p, s) pkt_forget((p)->flags, s)

/* Lets h point to the n bytes, a constant, at offset off; false where the source ends before. */
#define pkt_load(s, off, h, n) pkt_point(s, off, &(h), n)

PKT_INLINE bool pkt_point(const struct pkt_src *s, unsigned int off, const unsigned char **h, unsigned int n)
{
	/* no headers are longer, but the verifier does not know that */
	const unsigned char *p = (const unsigned char *)s->data + (off & 0x7fff);

	/* what was compared with the end must be what is read through: the compiler may not make two of it */
	if (!__builtin_constant_p(off))
		bk_hide(p);
	if (p + n > (const unsigned char *)s->end)
		return false;
	*h = p;
	return true;
}

#else

struct pkt_src {
	const void *data;
	unsigned int len; /* bytes that are there */
};

#define PKT_HEADER(h, most) unsigned char h[most] PKT_ALIGNED

#ifdef __bpf__
#define pkt_read(dst, n, src) bk_read((dst), (n), (src))
#define pkt_forget(x, s) bk_forget(x, (s)->len)
/* What decides of which kind a packet is. */
#define pkt_forget_start(p, s) bk_forget(*(u64 *)(p), (unsigned long)(s)->data)
/* Calculated: a comparison would tell the verifier how long the source is, which makes states differ. */
#define pkt_less(a, b) bk_less(a, b)
#else
#define pkt_read(dst, n, src) memcpy((dst), (src), (n))
#define pkt_forget(x, s) ((void)0)
#define pkt_forget_start(p, s) ((void)0)
#define pkt_less(a, b) ((a) < (b))
#endif
#define pkt_copy(dst, n, src) __builtin_memcpy((dst), (src), (n))

/* Copies n bytes, a constant, from offset off to h; false where the source ends before. */
PKT_INLINE bool pkt_load(const struct pkt_src *s, unsigned int off, void *h, unsigned int n)
{
	if (pkt_less(s->len, off + n))
		return false;
	pkt_read(h, n, (const char *)s->data + off);
	return true;
}

#endif

/* The shortest header of each transport that is looked into; 0: of another one. */
static const unsigned char pkt_l4_least[256] = {
	[PKT_IP_ICMP] = 4,  [PKT_IP_TCP] = 20, [PKT_IP_UDP] = 8,
	[PKT_IP_GRE] = 4,   [PKT_IP_ICMP6] = 4, [PKT_IP_SCTP] = 12,
};

/* The transport header has len bytes, of l4_len that belong to the packet. */
PKT_INLINE void pkt_payload(unsigned int len, unsigned int l4_len, struct pkt *p)
{
	if (len > l4_len) {
		p->flags |= PKT_MALFORMED;
	} else if (l4_len != PKT_LEN_UNKNOWN) {
		p->payload = l4_len - len;
		p->flags |= PKT_PAYLOAD;
	}
}

PKT_INLINE void pkt_udp(const struct pkt_src *s, unsigned int off, unsigned int l4_len, struct pkt *p)
{
	PKT_HEADER(h, 8);
	unsigned int len;

	if (!pkt_load(s, off + 4, h, 4)) {
		p->flags |= PKT_TRUNCATED;
		return;
	}
	len = pkt_be16(h);
	if (len < 8 || len > l4_len)
		p->flags |= PKT_MALFORMED;
	else
		pkt_payload(8, len, p);
}

PKT_INLINE void pkt_tcp(const struct pkt_src *s, unsigned int off, unsigned int l4_len, struct pkt *p)
{
	PKT_HEADER(h, 16);
	unsigned int len;

	/* as far as the flags; the rest may be cut off without harm */
	if (!pkt_load(s, off + 4, h, 10)) {
		p->flags |= PKT_TRUNCATED;
		return;
	}
	p->tcp_seq = pkt_be32(h);
	p->tcp_flags = h[9];
	p->flags |= PKT_TCP;
	len = (h[8] >> 4) * 4;
	if (len < 20)
		p->flags |= PKT_MALFORMED;
	else
		pkt_payload(len, l4_len, p);
}

enum {
	PKT_GRE_SUM = 0x8000,
	PKT_GRE_ROUTING = 0x4000,
	PKT_GRE_KEY = 0x2000,
	PKT_GRE_SEQ = 0x1000,
	PKT_GRE_ACK = 0x0080, /* version 1 only */
	PKT_GRE_VERSION = 0x0007,
	PKT_GRE_PPP = 0x880b, /* all that version 1 is for (PPTP) */
};

/* Of the first four bytes, the rest of the header follows: words that may be left out, each with a bit of its own. */
PKT_INLINE void pkt_gre(unsigned int bits, unsigned int proto, unsigned int l4_len, struct pkt *p)
{
	const unsigned int version = bits & PKT_GRE_VERSION;
	/* checksum and offset share a word; calculated, since each condition is a branch */
	const unsigned int words = 1 + ((bits >> 15 | bits >> 14) & 1) + (bits >> 13 & 1) + (bits >> 12 & 1) +
				   (bits >> 7 & version);

	if (version > 1 ||
	    (version && ((bits & ~(PKT_GRE_SEQ | PKT_GRE_ACK)) != (PKT_GRE_KEY | 1) || proto != PKT_GRE_PPP))) {
		p->flags |= PKT_MALFORMED;
		return;
	}
	p->gre_proto = proto;
	p->flags |= PKT_GRE;
	/* how long a list of routes is stands in the list */
	pkt_payload(words * 4, bits & PKT_GRE_ROUTING && words * 4 <= l4_len ? PKT_LEN_UNKNOWN : l4_len, p);
}

/* The transport header, of which l4_len bytes belong to the packet; behind them may be padding. */
PKT_INLINE void pkt_l4(const struct pkt_src *s, unsigned int off, unsigned int want, unsigned int l4_len,
		       struct pkt *p)
{
	PKT_HEADER(h, 8);

	pkt_forget_start(p, s);
	pkt_forget(l4_len, s);
	if (!(want & PKT_WANT_L4)) {
		if (p->l4_proto == PKT_IP_TCP && l4_len >= 20 && pkt_load(s, off + 13, h, 1)) {
			p->tcp_flags = h[0];
			p->flags |= PKT_TCP;
		}
		return;
	}
	if (!pkt_l4_least[p->l4_proto] || (p->l4_proto == PKT_IP_GRE && !(want & PKT_WANT_GRE)))
		return;
	if (l4_len < pkt_l4_least[p->l4_proto]) {
		p->flags |= PKT_MALFORMED;
		return;
	}
	if (pkt_l4_least[p->l4_proto] == 4 && p->l4_proto != PKT_IP_GRE) {
		if (!pkt_load(s, off, h, 2)) {
			p->flags |= PKT_TRUNCATED;
			return;
		}
		p->icmp_type = h[0];
		p->icmp_code = h[1];
		p->flags |= PKT_ICMP;
		return;
	}
	if (!pkt_load(s, off, h, 4)) {
		p->flags |= PKT_TRUNCATED;
		return;
	}
	if (want & PKT_WANT_GRE && p->l4_proto == PKT_IP_GRE) {
		pkt_gre(pkt_be16(h), pkt_be16(h + 2), l4_len, p);
		return;
	}
	p->sport = pkt_be16(h);
	p->dport = pkt_be16(h + 2);
	p->flags |= PKT_PORTS;
	if (p->l4_proto == PKT_IP_UDP)
		pkt_udp(s, off, l4_len, p);
	else if (p->l4_proto == PKT_IP_TCP)
		pkt_tcp(s, off, l4_len, p);
	else
		pkt_payload(12, l4_len, p);
}

/*
 * The IP headers move *off to the transport header, of *len bytes; false if there is none to look
 * at.
 */
PKT_INLINE bool pkt_ipv4(const struct pkt_src *s, unsigned int *off, unsigned int want, unsigned int *l4_len,
			 struct pkt *p)
{
	PKT_HEADER(h, 24);
	unsigned int ihl, len, frag;

	if (!pkt_load(s, *off, h, 20)) {
		p->flags |= PKT_TRUNCATED;
		return false;
	}
	ihl = (h[0] & 15) * 4;
	len = pkt_be16(h + 2);
	if (h[0] >> 4 != 4 || ihl < 20) {
		p->flags |= PKT_MALFORMED;
		return false;
	}
	p->flags |= PKT_V4;
	p->l4_proto = h[9];
	if (want & PKT_WANT_ADDR) {
		pkt_copy(p->src, 4, h + 12);
		pkt_copy(p->dst, 4, h + 16);
	}
	frag = pkt_be16(h + 6);
	p->frag_off = (frag & 0x1fff) * 8;
	if (frag & 0x3fff)
		p->flags |= PKT_FRAGMENT;
	if (frag & 0x1fff) {
		p->flags |= PKT_LATER;
		return false;
	}
	if (len && len < ihl) {
		p->flags |= PKT_MALFORMED;
		return false;
	}
	*off += ihl;
	*l4_len = !len || frag & 0x2000 ? PKT_LEN_UNKNOWN : len - ihl;
	return true;
}

/*
 * The extension headers of IPv6 by their type: how many bytes each unit of the length field stands
 * for, beside the first 8; the fragment header has none. 0: of another type.
 */
enum {
	PKT_EXT_FRAGMENT = 1, /* 1: one with the bit that says that more fragments follow */
	PKT_EXT_UNIT = 4 | 8,
};

static const unsigned char pkt_ext[256] = {
	[PKT_IP_HOPOPTS] = 8,
	[PKT_IP_ROUTING] = 8,
	[PKT_IP_FRAGMENT] = PKT_EXT_FRAGMENT,
	[PKT_IP_AUTH] = 4,
	[PKT_IP_DSTOPTS] = 8,
};

/*
 * Follows the extension headers of IPv6, of which the first is of type next and starts at off. Returns, from
 * the lowest bit on: 24 bits the offset of what follows them, 8 its type, 16 the fragment's offset in
 * bytes, 16 flags (of enum pkt_flags). All in one number, in which the many ways through the loop meet.
 */
PKT_INLINE unsigned long long pkt_ipv6_ext(const struct pkt_src *s, unsigned int off, unsigned char next)
{
	unsigned long long flags = 0, frag = 0, kind, is_frag;
	PKT_HEADER(e, 8);

#ifdef __bpf__
#pragma clang loop unroll(disable)
#endif
	for (unsigned int i = 0; i < PKT_EXT_MAX; i++) {
		kind = pkt_ext[next];
		/* data follows the header of a later fragment; a fragment of a fragment is not looked into */
		if (!kind || (frag & 0xfff8) | (frag & kind & PKT_EXT_FRAGMENT))
			break;
		if (!pkt_load(s, off, e, 4)) {
			flags = PKT_TRUNCATED;
			break;
		}
		is_frag = kind & PKT_EXT_FRAGMENT;
		pkt_hide(is_frag); /* else the product is made by a branch */
		frag |= is_frag * pkt_be16(e + 2);
		off += 8 + e[1] * (kind & PKT_EXT_UNIT);
		next = e[0];
	}
	pkt_forget(frag, s);
	if (frag & 0xfff8)
		flags |= PKT_FRAGMENT | PKT_LATER;
	else if (pkt_ext[next] && !flags)
		flags = PKT_MALFORMED; /* too many, or fragments of fragments */
	/* if no more follow, this is the whole packet (RFC 6946) */
	flags |= (frag & 1) * PKT_FRAGMENT;
	return (off & 0xffffff) | (unsigned long long)next << 24 | (frag & 0xfff8) << 32 | flags << 48;
}

PKT_INLINE bool pkt_ipv6(const struct pkt_src *s, unsigned int *at, unsigned int want, unsigned int *l4_len,
			 struct pkt *p)
{
	unsigned int len, off = *at, start = off + 40;
	PKT_HEADER(h, 40);
	unsigned char next;

	if (!pkt_load(s, off, h, 40)) {
		p->flags |= PKT_TRUNCATED;
		return false;
	}
	if (h[0] >> 4 != 6) {
		p->flags |= PKT_MALFORMED;
		return false;
	}
	p->flags |= PKT_V6;
	len = pkt_be16(h + 4);
	next = h[6];
	if (want & PKT_WANT_ADDR) {
		pkt_copy(p->src, 16, h + 8);
		pkt_copy(p->dst, 16, h + 24);
	}
	off = start;
	if (pkt_ext[next]) {
		unsigned long long r = pkt_ipv6_ext(s, off, next);

		off = r & 0xffffff;
		next = r >> 24;
		p->frag_off = r >> 32;
		p->flags |= r >> 48;
	}
	p->l4_proto = next;
	if (p->flags & (PKT_TRUNCATED | PKT_LATER | PKT_MALFORMED))
		return false;
	if (len == 0 || p->flags & PKT_FRAGMENT)
		len = PKT_LEN_UNKNOWN;
	else if (len < off - start) {
		p->flags |= PKT_MALFORMED;
		return false;
	} else {
		len -= off - start;
	}
	*at = off;
	*l4_len = len;
	return true;
}

/* From the network header on, of the ethertype given. */
PKT_INLINE void pkt_parse_l3(const struct pkt_src *s, unsigned int off, unsigned int eth_proto,
			     unsigned int want, struct pkt *p)
{
	PKT_HEADER(h, 32);
	unsigned int l4_len = 0;
	bool l4 = false;

	pkt_forget(off, s);
	p->eth_proto = eth_proto;
	pkt_forget_start(p, s);
	switch (p->eth_proto) {
	case PKT_ETH_IPV4:
		l4 = pkt_ipv4(s, &off, want, &l4_len, p);
		break;
	case PKT_ETH_IPV6:
		l4 = pkt_ipv6(s, &off, want, &l4_len, p);
		break;
	case PKT_ETH_ARP:
		if (!pkt_load(s, off, h, 8)) {
			p->flags |= PKT_TRUNCATED;
			return;
		}
		p->arp_op = pkt_be16(h + 6);
		/* Ethernet and IPv4, the only kind that is met: addresses at fixed places */
		if (pkt_be16(h) != 1 || pkt_be16(h + 2) != PKT_ETH_IPV4 || h[4] != 6 || h[5] != 4) {
			p->flags |= PKT_MALFORMED;
			return;
		}
		if (!pkt_load(s, off + 8, h, 20)) {
			p->flags |= PKT_TRUNCATED;
			return;
		}
		p->flags |= PKT_ARP;
		if (want & PKT_WANT_ADDR) {
			pkt_copy(p->src, 4, h + 6);
			pkt_copy(p->dst, 4, h + 16);
		}
		break;
	}
	if (l4)
		pkt_l4(s, off, want, l4_len, p);
}

/*
 * The Ethernet header and its VLAN tags: to *off and *eth_proto of what follows; false if nothing
 * does.
 */
PKT_INLINE bool pkt_parse_l2(const struct pkt_src *s, unsigned int want, unsigned int *at, unsigned int *eth_proto,
			     struct pkt *p)
{
	PKT_HEADER(h, 16);
	unsigned int off = 14, proto;

	if (!pkt_load(s, 0, h, 14)) {
		p->flags |= PKT_TRUNCATED;
		return false;
	}
	p->flags |= PKT_MAC;
	if (want & PKT_WANT_MAC) {
		pkt_copy(p->dmac, 6, h);
		pkt_copy(p->smac, 6, h + 6);
	}
	proto = pkt_be16(h + 12);
#ifdef __bpf__
#pragma clang loop unroll(full)
#endif
	for (int i = 0; i < 2; i++) {
		if (proto != PKT_ETH_VLAN && proto != PKT_ETH_QINQ)
			break;
		if (!pkt_load(s, off, h, 4)) {
			p->flags |= PKT_TRUNCATED;
			return false;
		}
		p->vlan[i] = pkt_be16(h);
		p->vlans = i + 1;
		proto = pkt_be16(h + 2);
		off += 4;
	}
	if (proto < PKT_ETH_MIN) {
		p->flags |= PKT_LLC;
		return false;
	}
	*at = off;
	*eth_proto = proto;
	return true;
}

/* From the Ethernet header on. p is all zero before. */
PKT_INLINE void pkt_parse(const struct pkt_src *s, unsigned int want, struct pkt *p)
{
	unsigned int off, eth_proto;

	if (pkt_parse_l2(s, want, &off, &eth_proto, p))
		pkt_parse_l3(s, off, eth_proto, want, p);
}

#endif
