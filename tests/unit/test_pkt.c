// SPDX-License-Identifier: GPL-2.0-only
/*
 * The packet parser: bpf/pkt.h, on the user side.
 *
 * Each shape is built by hand, header by header; the builders note what a parser may say of it, and
 * from how many bytes on. Then it is parsed whole and cut off at every byte.
 */
#include "test.h"

#include "check_pkt.h"

enum { FLAGS = 14 };

/* ---- builders ---- */

static struct {
	unsigned char b[4096];
	unsigned int n, l3, l4, inner;
	unsigned int end;	  /* of the packet by its own word; behind it is padding */
	struct pkt p;		  /* what is to come out */
	unsigned int need[FLAGS]; /* bytes from which on a flag is to be there */
	unsigned int proto_need;  /* and l4_proto */
	unsigned int complete;	  /* bytes of all headers */
	unsigned int loose;	  /* flags that may or may not be there while it is cut off */
	unsigned int either;	  /* and those that may at any length */
	bool has_lengths;
} s;

static void put(unsigned int bytes, unsigned long long v)
{
	while (bytes--)
		s.b[s.n++] = (unsigned char)(v >> bytes * 8);
}

static void poke16(unsigned int at, unsigned int v)
{
	s.b[at] = (unsigned char)(v >> 8);
	s.b[at + 1] = (unsigned char)v;
}

static void data(unsigned int bytes)
{
	for (unsigned int i = 0; i < bytes; i++)
		put(1, 0xd0 + i % 16);
}

static void flag(unsigned int f, unsigned int need)
{
	s.p.flags |= f;
	s.need[__builtin_ctz(f)] = need;
	if (s.complete < need)
		s.complete = need;
}

static void without(unsigned int f)
{
	s.p.flags &= ~f;
}

static void type(unsigned int proto)
{
	put(2, proto);
	s.l3 = s.n;
	s.p.eth_proto = proto;
	if (proto < 0x600) {
		s.p.eth_proto = 0;
		flag(PKT_LLC, s.n);
	}
}

static void eth(unsigned int proto)
{
	static const unsigned char macs[12] = { 0x02, 0, 0, 0, 0, 1, 0x02, 0, 0, 0, 0xff, 2 };

	memcpy(s.b, macs, 12);
	memcpy(s.p.dmac, macs, 6);
	memcpy(s.p.smac, macs + 6, 6);
	s.n = 12;
	type(proto);
	flag(PKT_MAC, 14);
}

static void tag(unsigned int tci, unsigned int proto)
{
	put(2, tci);
	if (s.p.vlans < 2)
		s.p.vlan[s.p.vlans++] = tci;
	type(proto);
	if (s.complete < s.n)
		s.complete = s.n;
}

static void ipv4(unsigned int proto, unsigned int frag, unsigned int options)
{
	put(1, 0x40 | (20 + options) / 4);
	put(1, 0);
	put(2, 0); /* total length: set at the end */
	put(2, 23);
	put(2, frag);
	put(1, 64);
	put(1, proto);
	put(2, 0xbeef);
	put(4, 0x0a000001);
	put(4, 0xc0a80a02);
	flag(PKT_V4, s.n);
	memcpy(s.p.src, s.b + s.n - 8, 4);
	memcpy(s.p.dst, s.b + s.n - 4, 4);
	s.p.l4_proto = proto;
	s.proto_need = s.n;
	s.p.frag_off = (frag & 0x1fff) * 8;
	if (frag & 0x3fff)
		flag(PKT_FRAGMENT, s.n);
	if (frag & 0x1fff)
		flag(PKT_LATER, s.n);
	for (unsigned int i = 0; i < options; i++)
		put(1, i + 1 < options); /* no-operation, end of list */
	s.complete = s.l4 = s.n;
}

static void ipv6(unsigned int next)
{
	put(4, 0x60012345);
	put(2, 0); /* payload length: set at the end */
	put(1, next);
	put(1, 64);
	for (int i = 0; i < 2; i++) {
		put(8, 0x20010db8000000ffULL);
		put(8, 0xf000000000000001ULL + i);
	}
	flag(PKT_V6, s.n);
	memcpy(s.p.src, s.b + s.n - 32, 16);
	memcpy(s.p.dst, s.b + s.n - 16, 16);
	s.p.l4_proto = next;
	s.proto_need = s.complete = s.l4 = s.n;
}

static void extended(unsigned int start, unsigned int next)
{
	s.p.l4_proto = next;
	s.proto_need = start + 4;
	s.complete = s.l4 = s.n;
}

/* Hop-by-hop, routing or destination options, of 8 * (more + 1) bytes. */
static void ext(unsigned int next, unsigned int more)
{
	unsigned int start = s.n;

	put(1, next);
	put(1, more);
	put(2, 0x0104); /* padding of 4 bytes */
	put(4, 0);
	for (; more; more--)
		put(8, 0x0106000000000000);
	extended(start, next);
}

static void auth(unsigned int next)
{
	unsigned int start = s.n;

	put(1, next);
	put(1, 4); /* in words, less 2 */
	put(2, 0);
	put(4, 0x100);
	put(8, 1);
	put(8, 0xa1a2a3a4a5a6a7a8);
	extended(start, next);
}

static void fragment(unsigned int next, unsigned int bytes, bool more)
{
	unsigned int start = s.n;

	put(1, next);
	put(1, 0);
	put(2, bytes | more);
	put(4, 0x12345678);
	extended(start, next);
	s.p.frag_off = bytes;
	if (bytes || more)
		flag(PKT_FRAGMENT, start + 4);
	if (bytes)
		flag(PKT_LATER, start + 4);
	s.complete = s.n;
}

static void tcp(unsigned int flags, unsigned int words)
{
	put(2, 12345);
	put(2, 443);
	put(4, 0xfedcba98);
	put(4, 0x01234567);
	put(1, words << 4);
	put(1, flags);
	put(2, 65535);
	put(4, 0);
	for (unsigned int i = 5; i < words; i++)
		put(4, 0x01010101);
	s.p.sport = 12345;
	s.p.dport = 443;
	s.p.tcp_seq = 0xfedcba98;
	s.p.tcp_flags = flags;
	flag(PKT_PORTS, s.l4 + 4);
	flag(PKT_TCP, s.l4 + 14);
	flag(PKT_PAYLOAD, s.l4 + 14);
	s.complete = s.n;
}

static void udp(void)
{
	put(2, 53);
	put(2, 65535);
	put(2, 0); /* length: set at the end */
	put(2, 0xabcd);
	s.p.sport = 53;
	s.p.dport = 65535;
	flag(PKT_PORTS, s.l4 + 4);
	flag(PKT_PAYLOAD, s.l4 + 8);
}

static void sctp(void)
{
	put(2, 2905);
	put(2, 36412);
	put(8, 0x1234567889abcdef);
	s.p.sport = 2905;
	s.p.dport = 36412;
	flag(PKT_PORTS, s.l4 + 4);
	flag(PKT_PAYLOAD, s.l4 + 4);
	s.complete = s.l4 + 4;
}

/* bits: the first two bytes; words that they announce follow. */
static void gre(unsigned int bits, unsigned int proto, unsigned int words)
{
	put(2, bits);
	put(2, proto);
	s.p.gre_proto = proto;
	flag(PKT_GRE, s.l4 + 4);
	flag(PKT_PAYLOAD, s.l4 + 4);
	s.complete = s.l4 + 4;
	for (unsigned int i = 0; i < words; i++)
		put(4, 0x01020304);
	s.inner = s.n;
}

static void icmp(unsigned int kind, unsigned int code)
{
	put(1, kind);
	put(1, code);
	put(2, 0xabcd);
	put(4, 1);
	s.p.icmp_type = kind;
	s.p.icmp_code = code;
	flag(PKT_ICMP, s.l4 + 2);
	s.complete = s.n;
}

static void arp(unsigned int op)
{
	put(8, 0x0001080006040000 | op);
	put(6, 0x020000000002);
	put(4, 0x0a000002);
	put(6, 0);
	put(4, 0x0a000001);
	s.p.arp_op = op;
	memcpy(s.p.src, "\x0a\0\0\x02", 4);
	memcpy(s.p.dst, "\x0a\0\0\x01", 4);
	flag(PKT_ARP, s.n);
}

/* What follows is behind the packet's end, to fill the frame. */
static void pad(unsigned int bytes)
{
	s.end = s.n;
	data(bytes);
}

/* Lengths, as they must be. */
static void lengths(void)
{
	unsigned int end = s.end ? s.end : s.n;

	s.has_lengths = true;
	if (s.p.flags & PKT_V4)
		poke16(s.l3 + 2, end - s.l3);
	if (s.p.flags & PKT_V6)
		poke16(s.l3 + 4, end - s.l3 - 40);
	if (s.p.flags & PKT_TCP)
		s.p.payload = end - s.l4 - (s.b[s.l4 + 12] >> 4) * 4;
	if (s.p.flags & PKT_PORTS && s.p.l4_proto == PKT_IP_UDP) {
		poke16(s.l4 + 4, end - s.l4);
		s.p.payload = end - s.l4 - 8;
	}
	if (s.p.l4_proto == PKT_IP_SCTP)
		s.p.payload = end - s.l4 - 12;
	if (s.p.flags & PKT_GRE)
		s.p.payload = end - s.inner;
}

/*
 * After lengths() something was made to contradict itself: seen from so many bytes on, without the
 * flags given.
 */
static void malformed(unsigned int not, unsigned int need)
{
	without(not);
	flag(PKT_MALFORMED, need);
}

/* As before, but whether it is called malformed or truncated is open. */
static void unusable(unsigned int not)
{
	without(not);
	s.either = PKT_MALFORMED | PKT_TRUNCATED;
}

/* ---- the shapes ---- */

/* The rest of a chain of destination options, of n headers. */
static void chain(unsigned int n)
{
	while (n--)
		ext(60, 0);
}

/* An IPv4 header that nobody is to look at. */
static void ipv4_bytes(void)
{
	put(8, 0x4500003c00010000);
	put(8, 0x4006beef0a000001);
	put(8, 0x0a0000021f900050);
	data(32);
}

#define TCP4 (PKT_MAC | PKT_V4 | PKT_PORTS | PKT_TCP | PKT_PAYLOAD)
#define UDP4 (PKT_MAC | PKT_V4 | PKT_PORTS | PKT_PAYLOAD)
#define ICMP4 (PKT_MAC | PKT_V4 | PKT_ICMP)
#define TCP6 (PKT_MAC | PKT_V6 | PKT_PORTS | PKT_TCP | PKT_PAYLOAD)
#define UDP6 (PKT_MAC | PKT_V6 | PKT_PORTS | PKT_PAYLOAD)
#define GRE4 (PKT_MAC | PKT_V4 | PKT_GRE | PKT_PAYLOAD)
#define GRE6 (PKT_MAC | PKT_V6 | PKT_GRE | PKT_PAYLOAD)
#define ICMP6 (PKT_MAC | PKT_V6 | PKT_ICMP)

#define SHAPES(S) \
	S(unknown_type, PKT_MAC, eth(0x1234); data(46)) \
	S(ethernet_alone, PKT_MAC, eth(0x9999)) \
	S(lldp, PKT_MAC, eth(0x88cc); data(60)) \
	S(llc, PKT_MAC | PKT_LLC, eth(0x26); put(3, 0x424203); data(43)) \
	S(llc_zero, PKT_MAC | PKT_LLC, eth(0)) \
	S(llc_largest, PKT_MAC | PKT_LLC, eth(0x5ff); data(10)) \
	S(type_smallest, PKT_MAC, eth(0x600); data(10)) \
	S(type_largest, PKT_MAC, eth(0xffff); data(10)) \
	S(llc_in_vlan, PKT_MAC | PKT_LLC, eth(0x8100); tag(5, 0x40); data(64)) \
	\
	S(tcp4_syn, TCP4, eth(0x800); ipv4(6, 0, 0); tcp(0x02, 5)) \
	S(tcp4_data, TCP4, eth(0x800); ipv4(6, 0x4000, 0); tcp(0x18, 5); data(77)) \
	S(tcp4_options, TCP4, eth(0x800); ipv4(6, 0, 0); tcp(0x12, 10)) \
	S(tcp4_most_options, TCP4, eth(0x800); ipv4(6, 0, 40); tcp(0x10, 15); data(3)) \
	S(tcp4_padded, TCP4, eth(0x800); ipv4(6, 0, 0); tcp(0x11, 5); pad(6)) \
	S(tcp4_header_alone, TCP4, eth(0x800); ipv4(6, 0x8000, 0); tcp(0, 5)) \
	S(ip4_one_option, UDP4, eth(0x800); ipv4(17, 0, 4); udp(); data(9)) \
	S(ip4_most_options, ICMP4, eth(0x800); ipv4(1, 0, 40); icmp(8, 0)) \
	S(udp4, UDP4, eth(0x800); ipv4(17, 0, 0); udp(); data(100)) \
	S(udp4_empty, UDP4, eth(0x800); ipv4(17, 0, 0); udp(); pad(18)) \
	S(udp4_shorter_than_ip, UDP4, eth(0x800); ipv4(17, 0, 0); udp(); data(10); lengths(); \
	  poke16(s.l4 + 4, 11); s.p.payload = 3) \
	S(udp4_too_short, (UDP4 & ~PKT_PAYLOAD) | PKT_MALFORMED, eth(0x800); ipv4(17, 0, 0); udp(); data(10); lengths(); \
	  poke16(s.l4 + 4, 7); malformed(PKT_PAYLOAD, s.l4 + 8)) \
	S(udp4_zero, (UDP4 & ~PKT_PAYLOAD) | PKT_MALFORMED, eth(0x800); ipv4(17, 0, 0); udp(); data(10); lengths(); \
	  poke16(s.l4 + 4, 0); malformed(PKT_PAYLOAD, s.l4 + 8)) \
	S(udp4_too_long, (UDP4 & ~PKT_PAYLOAD) | PKT_MALFORMED, eth(0x800); ipv4(17, 0, 0); udp(); data(10); lengths(); \
	  poke16(s.l4 + 4, 19); malformed(PKT_PAYLOAD, s.l4 + 8)) \
	S(icmp4_echo, ICMP4, eth(0x800); ipv4(1, 0, 0); icmp(8, 0); data(56)) \
	S(icmp4_unreachable, ICMP4, eth(0x800); ipv4(1, 0, 0); icmp(3, 13); data(28)) \
	S(sctp4, UDP4, eth(0x800); ipv4(132, 0, 0); sctp(); data(16)) \
	S(sctp4_alone, UDP4, eth(0x800); ipv4(132, 0, 24); sctp(); pad(4)) \
	S(sctp4_too_short, PKT_MAC | PKT_V4 | PKT_MALFORMED, eth(0x800); ipv4(132, 0, 0); sctp(); lengths(); \
	  poke16(s.l3 + 2, 31); malformed(PKT_PORTS | PKT_PAYLOAD, s.l4)) \
	S(gre4, GRE4, eth(0x800); ipv4(47, 0, 0); gre(0, 0x800, 0); data(40)) \
	S(gre4_key, GRE4, eth(0x800); ipv4(47, 0, 0); gre(0x2000, 0x6558, 1); data(40)) \
	S(gre4_all_words, GRE4, eth(0x800); ipv4(47, 0, 0); gre(0xb000, 0x86dd, 3); pad(9)) \
	S(gre4_reserved_bits, GRE4, eth(0x800); ipv4(47, 0, 0); gre(0x00f8, 0x800, 0); data(40)) \
	S(gre4_routing, GRE4 & ~PKT_PAYLOAD, eth(0x800); ipv4(47, 0, 0); gre(0x4000, 0x800, 1); data(40); lengths(); \
	  without(PKT_PAYLOAD)) \
	S(gre4_word_too_many, (GRE4 & ~PKT_PAYLOAD) | PKT_MALFORMED, eth(0x800); ipv4(47, 0, 0); gre(0xb000, 0x800, 2); \
	  lengths(); malformed(PKT_PAYLOAD, s.l4 + 4)) \
	S(gre4_version_2, PKT_MAC | PKT_V4 | PKT_MALFORMED, eth(0x800); ipv4(47, 0, 0); gre(2, 0x800, 0); lengths(); \
	  s.p.gre_proto = 0; malformed(PKT_GRE | PKT_PAYLOAD, s.l4 + 4)) \
	S(gre4_too_short, PKT_MAC | PKT_V4 | PKT_MALFORMED, eth(0x800); ipv4(47, 0, 0); gre(0, 0x800, 0); lengths(); \
	  poke16(s.l3 + 2, 23); s.p.gre_proto = 0; malformed(PKT_GRE | PKT_PAYLOAD, s.l4)) \
	S(pptp, GRE4, eth(0x800); ipv4(47, 0, 0); gre(0x3081, 0x880b, 3); data(30)) \
	S(pptp_alone, GRE4, eth(0x800); ipv4(47, 0, 0); gre(0x2081, 0x880b, 2); pad(6)) \
	S(pptp_without_key, PKT_MAC | PKT_V4 | PKT_MALFORMED, eth(0x800); ipv4(47, 0, 0); gre(0x1001, 0x880b, 1); \
	  lengths(); s.p.gre_proto = 0; malformed(PKT_GRE | PKT_PAYLOAD, s.l4 + 4)) \
	S(pptp_of_ip, PKT_MAC | PKT_V4 | PKT_MALFORMED, eth(0x800); ipv4(47, 0, 0); gre(0x2001, 0x800, 1); \
	  lengths(); s.p.gre_proto = 0; malformed(PKT_GRE | PKT_PAYLOAD, s.l4 + 4)) \
	S(igmp, PKT_MAC | PKT_V4, eth(0x800); ipv4(2, 0, 4); data(8)) \
	S(vrrp4, PKT_MAC | PKT_V4, eth(0x800); ipv4(112, 0, 0); data(20)) \
	S(ip4_unknown, PKT_MAC | PKT_V4, eth(0x800); ipv4(255, 0, 0); data(20)) \
	S(ip4_empty, PKT_MAC | PKT_V4, eth(0x800); ipv4(255, 0, 0); pad(26)) \
	\
	S(tcp4_first_fragment, (TCP4 & ~PKT_PAYLOAD) | PKT_FRAGMENT, eth(0x800); ipv4(6, 0x2000, 0); tcp(0x10, 5); \
	  data(100); lengths(); without(PKT_PAYLOAD)) \
	S(udp4_first_fragment, UDP4 | PKT_FRAGMENT, eth(0x800); ipv4(17, 0x2000, 0); udp(); data(100); lengths(); \
	  poke16(s.l4 + 4, 3008); s.p.payload = 3000) \
	S(icmp4_first_fragment, ICMP4 | PKT_FRAGMENT, eth(0x800); ipv4(1, 0x2000, 0); icmp(8, 0); data(100)) \
	S(sctp4_first_fragment, (UDP4 & ~PKT_PAYLOAD) | PKT_FRAGMENT, eth(0x800); ipv4(132, 0x2000, 0); sctp(); \
	  data(96); lengths(); without(PKT_PAYLOAD)) \
	S(gre4_first_fragment, (GRE4 & ~PKT_PAYLOAD) | PKT_FRAGMENT, eth(0x800); ipv4(47, 0x2000, 0); gre(0, 0x800, 0); \
	  data(100); lengths(); without(PKT_PAYLOAD)) \
	S(ip4_middle_fragment, PKT_MAC | PKT_V4 | PKT_FRAGMENT | PKT_LATER, eth(0x800); ipv4(17, 0x20b9, 0); data(64)) \
	S(ip4_last_fragment, PKT_MAC | PKT_V4 | PKT_FRAGMENT | PKT_LATER, eth(0x800); ipv4(6, 0x0001, 8); data(64)) \
	S(ip4_last_place, PKT_MAC | PKT_V4 | PKT_FRAGMENT | PKT_LATER, eth(0x800); ipv4(1, 0x1fff, 0); data(8)) \
	\
	S(ip4_version_5, PKT_MAC | PKT_MALFORMED, eth(0x800); ipv4(6, 0, 0); tcp(2, 5); lengths(); s.b[s.l3] = 0x55; \
	  malformed(TCP4 & ~PKT_MAC, s.l3 + 20)) \
	S(ip4_version_6, PKT_MAC | PKT_MALFORMED, eth(0x800); ipv6(6); tcp(2, 5); lengths(); \
	  malformed(TCP6 & ~PKT_MAC, s.l3 + 20)) \
	S(ip4_header_too_short, PKT_MAC | PKT_MALFORMED, eth(0x800); ipv4(6, 0, 0); tcp(2, 5); lengths(); \
	  s.b[s.l3] = 0x44; malformed(TCP4 & ~PKT_MAC, s.l3 + 20)) \
	S(ip4_header_none, PKT_MAC | PKT_MALFORMED, eth(0x800); ipv4(6, 0, 0); tcp(2, 5); lengths(); \
	  s.b[s.l3] = 0x40; malformed(TCP4 & ~PKT_MAC, s.l3 + 20)) \
	S(ip4_shorter_than_header, PKT_MAC | PKT_V4 | PKT_MALFORMED, eth(0x800); ipv4(6, 0, 8); tcp(2, 5); lengths(); \
	  poke16(s.l3 + 2, 27); malformed(PKT_PORTS | PKT_TCP | PKT_PAYLOAD, s.l3 + 20)) \
	S(ip4_big_tcp, TCP4 & ~PKT_PAYLOAD, eth(0x800); ipv4(6, 0, 0); tcp(0x10, 5); data(64); lengths(); \
	  poke16(s.l3 + 2, 0); without(PKT_PAYLOAD)) \
	S(tcp4_offset_too_small, (TCP4 & ~PKT_PAYLOAD) | PKT_MALFORMED, eth(0x800); ipv4(6, 0, 0); tcp(2, 5); lengths(); \
	  s.b[s.l4 + 12] = 0x4f; malformed(PKT_PAYLOAD, s.l4 + 14)) \
	S(tcp4_offset_too_large, (TCP4 & ~PKT_PAYLOAD) | PKT_MALFORMED, eth(0x800); ipv4(6, 0, 0); tcp(2, 5); data(3); \
	  lengths(); s.b[s.l4 + 12] = 0x60; malformed(PKT_PAYLOAD, s.l4 + 14)) \
	\
	S(vlan_udp4, UDP4, eth(0x8100); tag(0x2005, 0x800); ipv4(17, 0, 0); udp(); data(5)) \
	S(priority_tag, TCP4, eth(0x8100); tag(0xe000, 0x800); ipv4(6, 0, 0); tcp(4, 5)) \
	S(two_vlans, TCP4, eth(0x8100); tag(0xffff, 0x8100); tag(1, 0x800); ipv4(6, 0, 0); tcp(4, 5)) \
	S(qinq, UDP6, eth(0x88a8); tag(100, 0x8100); tag(200, 0x86dd); ipv6(17); udp(); data(5)) \
	S(qinq_in_qinq, ICMP4, eth(0x88a8); tag(100, 0x88a8); tag(200, 0x800); ipv4(1, 0, 0); icmp(0, 0)) \
	S(qinq_arp, PKT_MAC | PKT_ARP, eth(0x88a8); tag(1, 0x8100); tag(2, 0x806); arp(1)) \
	S(vlan_lldp, PKT_MAC, eth(0x8100); tag(7, 0x88cc); data(40)) \
	S(vlan_unknown, PKT_MAC, eth(0x8100); tag(7, 0x1234)) \
	S(three_vlans, PKT_MAC, eth(0x8100); tag(1, 0x8100); tag(2, 0x8100); put(4, 0x00030800); ipv4_bytes()) \
	\
	S(tcp6_syn, TCP6, eth(0x86dd); ipv6(6); tcp(2, 5)) \
	S(tcp6_data, TCP6, eth(0x86dd); ipv6(6); tcp(0x18, 8); data(33)) \
	S(udp6, UDP6, eth(0x86dd); ipv6(17); udp(); data(33)) \
	S(udp6_too_long, (UDP6 & ~PKT_PAYLOAD) | PKT_MALFORMED, eth(0x86dd); ipv6(17); udp(); data(3); lengths(); \
	  poke16(s.l4 + 4, 12); malformed(PKT_PAYLOAD, s.l4 + 8)) \
	S(icmp6_echo, ICMP6, eth(0x86dd); ipv6(58); icmp(128, 0); data(8)) \
	S(sctp6, UDP6, eth(0x86dd); ipv6(60); ext(132, 0); sctp(); data(20)) \
	S(gre6, GRE6, eth(0x86dd); ipv6(47); gre(0x1000, 0x86dd, 1); data(40)) \
	S(vrrp6, PKT_MAC | PKT_V6, eth(0x86dd); ipv6(112); data(20)) \
	S(esp6, PKT_MAC | PKT_V6, eth(0x86dd); ipv6(50); data(40)) \
	S(ip6_nothing_next, PKT_MAC | PKT_V6, eth(0x86dd); ipv6(59)) \
	S(mld, ICMP6, eth(0x86dd); ipv6(0); ext(58, 0); icmp(143, 0); data(20)) \
	S(ip6_routing, TCP6, eth(0x86dd); ipv6(43); ext(6, 2); tcp(2, 5)) \
	S(ip6_dstopts, UDP6, eth(0x86dd); ipv6(60); ext(17, 1); udp(); data(2)) \
	S(ip6_auth, TCP6, eth(0x86dd); ipv6(51); auth(6); tcp(2, 5); data(2)) \
	S(ip6_all_headers, UDP6, eth(0x86dd); ipv6(0); ext(60, 0); ext(43, 1); ext(51, 2); auth(60); ext(17, 0); udp(); \
	  data(1)) \
	S(ip6_largest_header, UDP6, eth(0x86dd); ipv6(60); ext(17, 255); udp(); data(1)) \
	S(ip6_ext_nothing_next, PKT_MAC | PKT_V6, eth(0x86dd); ipv6(0); ext(59, 0)) \
	S(ip6_seven_headers, TCP6, eth(0x86dd); ipv6(60); chain(6); ext(6, 0); tcp(2, 5)) \
	S(ip6_eight_headers, TCP6, eth(0x86dd); ipv6(60); chain(7); ext(6, 0); tcp(2, 5)) \
	S(ip6_nine_headers, PKT_MAC | PKT_V6, eth(0x86dd); ipv6(60); chain(8); ext(6, 0); tcp(2, 5); lengths(); \
	  unusable(PKT_PORTS | PKT_TCP | PKT_PAYLOAD); s.proto_need = ~0U) \
	S(ip6_first_fragment, UDP6 | PKT_FRAGMENT, eth(0x86dd); ipv6(44); fragment(17, 0, true); udp(); data(64); \
	  lengths(); poke16(s.l4 + 4, 3008); s.p.payload = 3000) \
	S(tcp6_first_fragment, (TCP6 & ~PKT_PAYLOAD) | PKT_FRAGMENT, eth(0x86dd); ipv6(44); fragment(6, 0, true); \
	  tcp(0x10, 5); data(64); lengths(); without(PKT_PAYLOAD)) \
	S(ip6_middle_fragment, PKT_MAC | PKT_V6 | PKT_FRAGMENT | PKT_LATER, eth(0x86dd); ipv6(44); \
	  fragment(17, 1480, true); data(64)) \
	S(ip6_last_fragment, PKT_MAC | PKT_V6 | PKT_FRAGMENT | PKT_LATER, eth(0x86dd); ipv6(0); ext(44, 0); \
	  fragment(6, 65528, false); data(64)) \
	S(ip6_later_dstopts, PKT_MAC | PKT_V6 | PKT_FRAGMENT | PKT_LATER, eth(0x86dd); ipv6(44); \
	  fragment(60, 8, false); data(64)) \
	S(ip6_fragment_of_fragment, PKT_MAC | PKT_V6 | PKT_FRAGMENT | PKT_MALFORMED, eth(0x86dd); ipv6(44); \
	  fragment(44, 0, true); malformed(0, s.l4 - 4); data(64)) \
	S(ip6_atomic_twice, TCP6, eth(0x86dd); ipv6(44); fragment(44, 0, false); fragment(6, 0, false); tcp(2, 5)) \
	S(ip6_atomic_and_later, PKT_MAC | PKT_V6 | PKT_FRAGMENT | PKT_LATER, eth(0x86dd); ipv6(44); \
	  fragment(44, 0, false); fragment(6, 1480, true); data(64)) \
	S(ip6_fragment_reserved_bits, TCP6, eth(0x86dd); ipv6(44); fragment(6, 0, false); poke16(s.n - 6, 6); \
	  tcp(2, 5)) \
	S(ip6_atomic_fragment, TCP6, eth(0x86dd); ipv6(44); fragment(6, 0, false); tcp(2, 5); data(9)) \
	S(ip6_jumbogram, TCP6 & ~PKT_PAYLOAD, eth(0x86dd); ipv6(0); ext(6, 0); tcp(0x10, 5); data(64); lengths(); \
	  poke16(s.l3 + 4, 0); without(PKT_PAYLOAD)) \
	S(ip6_version_4, PKT_MAC | PKT_MALFORMED, eth(0x86dd); ipv6(6); tcp(2, 5); lengths(); s.b[s.l3] = 0x45; \
	  malformed(TCP6 & ~PKT_MAC, s.l3 + 40)) \
	S(ip6_shorter_than_headers, PKT_MAC | PKT_V6 | PKT_MALFORMED, eth(0x86dd); ipv6(0); ext(6, 1); tcp(2, 5); \
	  lengths(); poke16(s.l3 + 4, 15); malformed(PKT_PORTS | PKT_TCP | PKT_PAYLOAD, s.l3 + 44)) \
	\
	S(arp_request, PKT_MAC | PKT_ARP, eth(0x806); arp(1); pad(18)) \
	S(arp_reply, PKT_MAC | PKT_ARP, eth(0x806); arp(2)) \
	S(arp_unknown, PKT_MAC | PKT_ARP, eth(0x806); arp(0xffff)) \
	S(arp_vlan, PKT_MAC | PKT_ARP, eth(0x8100); tag(9, 0x806); arp(1)) \
	S(arp_of_infiniband, PKT_MAC | PKT_MALFORMED, eth(0x806); arp(1); s.b[s.l3 + 1] = 32; \
	  malformed(PKT_ARP, s.l3 + 8)) \
	S(arp_for_ipv6, PKT_MAC | PKT_MALFORMED, eth(0x806); arp(1); poke16(s.l3 + 2, 0x86dd); \
	  malformed(PKT_ARP, s.l3 + 8)) \
	S(arp_long_mac, PKT_MAC | PKT_MALFORMED, eth(0x806); arp(1); s.b[s.l3 + 4] = 8; malformed(PKT_ARP, s.l3 + 8)) \
	S(arp_long_ip, PKT_MAC | PKT_MALFORMED, eth(0x806); arp(1); s.b[s.l3 + 5] = 16; malformed(PKT_ARP, s.l3 + 8)) \
	\
	/* By its own length the packet ends before the header: what is behind is padding, not a header. */ \
	S(tcp4_in_padding, PKT_MAC | PKT_V4, eth(0x800); ipv4(6, 0, 0); tcp(2, 5); lengths(); poke16(s.l3 + 2, 20); \
	  unusable(PKT_PORTS | PKT_TCP | PKT_PAYLOAD)) \
	S(udp4_in_padding, PKT_MAC | PKT_V4, eth(0x800); ipv4(17, 0, 0); udp(); data(10); lengths(); \
	  poke16(s.l3 + 2, 20); unusable(PKT_PORTS | PKT_PAYLOAD)) \
	S(icmp4_in_padding, PKT_MAC | PKT_V4, eth(0x800); ipv4(1, 0, 0); icmp(0, 0); lengths(); poke16(s.l3 + 2, 20); \
	  unusable(PKT_ICMP)) \
	S(icmp6_in_padding, PKT_MAC | PKT_V6, eth(0x86dd); ipv6(0); ext(58, 0); icmp(128, 0); lengths(); \
	  poke16(s.l3 + 4, 8); unusable(PKT_ICMP))

#define S(name, flags, ...)		\
	static void name(void)		\
	{				\
		__VA_ARGS__;		\
	}
SHAPES(S)
#undef S

static const struct shape {
	const char *name;
	unsigned int flags;
	void (*build)(void);
} shapes[] = {
#define S(name, flags, ...) { #name, flags, name },
	SHAPES(S)
#undef S
};

/* ---- checks ---- */

static void build(const struct shape *shape)
{
	memset(&s, 0, sizeof(s));
	shape->build();
	if (!s.has_lengths)
		lengths();
	if (s.p.flags != shape->flags)
		fail_msg("%s was built with the flags %#x, not %#x", shape->name, s.p.flags, shape->flags);
}

#define same(field) (!memcmp(&p->field, &s.p.field, sizeof(p->field)))

/* Returns what is wrong with the parse of the first n bytes, or NULL. */
static const char *differs(const struct pkt *p, unsigned int n, unsigned int want)
{
	unsigned int vlans = n < 14 ? 0 : (n - 14) / 4, needed = s.l3;

	for (unsigned int i = 0; i < FLAGS; i++) {
		unsigned int f = 1U << i, need = s.need[i];

		if (f == PKT_TRUNCATED || f & s.either)
			continue;
		if (s.p.flags & f && !(f & s.loose) && needed < need)
			needed = need;
		if (f & s.loose && n < s.complete)
			continue;
		if (!!(p->flags & f) != (s.p.flags & f && n >= need))
			return p->flags & f ? "a flag too many" : "a flag is missing";
	}
	if (!(PKT_TRUNCATED & s.either) && n < needed && !(p->flags & PKT_TRUNCATED))
		return "not said to be truncated";
	if (!(PKT_TRUNCATED & s.either) && n >= s.complete && p->flags & PKT_TRUNCATED)
		return "said to be truncated";
	if (vlans > s.p.vlans)
		vlans = s.p.vlans;
	if (p->vlans != vlans || memcmp(p->vlan, s.p.vlan, vlans * sizeof(p->vlan[0])))
		return "vlan";
	if (p->eth_proto != (n < s.l3 ? 0 : s.p.eth_proto))
		return "eth_proto";
	if (p->flags & PKT_MAC && want & PKT_WANT_MAC && (!same(dmac) || !same(smac)))
		return "dmac, smac";
	if (p->flags & (PKT_V4 | PKT_V6 | PKT_ARP) && want & PKT_WANT_ADDR && (!same(src) || !same(dst)))
		return "src, dst";
	if (p->flags & (PKT_V4 | PKT_V6) && n >= s.proto_need && !same(l4_proto))
		return "l4_proto";
	if (p->flags & PKT_ARP && !same(arp_op))
		return "arp_op";
	if (p->flags & PKT_PORTS && (!same(sport) || !same(dport)))
		return "sport, dport";
	if (p->flags & PKT_TCP && (!same(tcp_flags) || !same(tcp_seq)))
		return "tcp_flags, tcp_seq";
	if (p->flags & PKT_ICMP && (!same(icmp_type) || !same(icmp_code)))
		return "icmp_type, icmp_code";
	if (p->gre_proto != (p->flags & PKT_GRE ? s.p.gre_proto : 0))
		return "gre_proto";
	if (p->flags & PKT_FRAGMENT && !same(frag_off))
		return "frag_off";
	if (p->flags & PKT_PAYLOAD && !same(payload))
		return "payload";
	return NULL;
}

static void check(const struct shape *shape, unsigned int n, unsigned int want)
{
	struct pkt p = check_parse(s.b, n, want);
	const char *why = check_with_less(&p, s.b, n, want);

	if (!why && want & PKT_WANT_L4 && want & PKT_WANT_GRE)
		why = differs(&p, n, want);
	if (!why)
		why = check_pkt(&p, s.b, n, want);
	if (why)
		fail_msg("%s, %u of %u bytes, want %u: %s: flags %#x of %#x, l4_proto %u, payload %u", shape->name, n,
			 s.n, want, why, p.flags, s.p.flags, p.l4_proto, p.payload);
}

static void test_shape(void **state)
{
	const struct shape *shape = *state;

	build(shape);
	for (unsigned int want = 0; want <= PKT_WANT_ALL; want++)
		for (unsigned int n = s.n + 1; n--;)
			check(shape, n, want);
}

/* From the network header on, as of packets that have nothing in front of it. */
static void test_network_header_first(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(shapes); i++) {
		struct pkt whole, p = { 0 };
		struct pkt_src src;

		build(&shapes[i]);
		whole = check_parse(s.b, s.n, PKT_WANT_ALL);
		if (whole.flags & PKT_LLC)
			continue;
		src = (struct pkt_src){ s.b + s.l3, s.n - s.l3 };
		pkt_parse_l3(&src, 0, s.p.eth_proto, PKT_WANT_ALL, &p);
		assert_int_equal(p.flags, whole.flags & ~PKT_MAC);
		memcpy(p.dmac, whole.dmac, 6);
		memcpy(p.smac, whole.smac, 6);
		memcpy(p.vlan, whole.vlan, sizeof(p.vlan));
		p.vlans = whole.vlans;
		p.flags = whole.flags;
		assert_memory_equal(&p, &whole, sizeof(p));
	}
}

static void test_all_tcp_flags(void **state)
{
	for (unsigned int flags = 0; flags < 256; flags++) {
		memset(&s, 0, sizeof(s));
		eth(0x800);
		ipv4(6, 0, 0);
		tcp(flags, 5);
		lengths();
		check(&(struct shape){ .name = "TCP flags" }, s.n, PKT_WANT_ALL);
	}
	assert_int_equal(PKT_TCP_FIN, 1);
	assert_int_equal(PKT_TCP_SYN, 2);
	assert_int_equal(PKT_TCP_RST, 4);
	assert_int_equal(PKT_TCP_PSH, 8);
	assert_int_equal(PKT_TCP_ACK, 16);
	assert_int_equal(PKT_TCP_URG, 32);
}

static void test_all_ports(void **state)
{
	memset(&s, 0, sizeof(s));
	eth(0x800);
	ipv4(17, 0, 0);
	udp();
	lengths();
	for (unsigned int port = 0; port < 65536; port += 251) {
		poke16(s.l4, port);
		poke16(s.l4 + 2, 65535 - port);
		s.p.sport = port;
		s.p.dport = 65535 - port;
		check(&(struct shape){ .name = "ports" }, s.n, PKT_WANT_ALL);
	}
}

/* Every protocol number: none is taken for one that has ports but those that have. */
static void test_all_protocols(void **state)
{
	for (unsigned int proto = 0; proto < 256; proto++)
		for (unsigned int version = 4; version <= 6; version += 2) {
			struct pkt p;

			memset(&s, 0, sizeof(s));
			eth(version == 4 ? 0x800 : 0x86dd);
			if (version == 4)
				ipv4(proto, 0, 0);
			else
				ipv6(proto);
			put(8, 59ULL << 56); /* as an extension header: the last */
			put(8, 0x0000000050000000);
			put(8, 0);
			lengths();
			p = check_parse(s.b, s.n, PKT_WANT_ALL);
			assert_null(check_pkt(&p, s.b, s.n, PKT_WANT_ALL));
			assert_int_equal(!!(p.flags & PKT_TCP), proto == 6);
			assert_int_equal(!!(p.flags & PKT_PORTS), proto == 6 || proto == 17 || proto == 132);
			assert_int_equal(!!(p.flags & PKT_GRE), proto == 47);
			if (proto != (version == 4 ? 58 : 1)) /* one kind of ICMP over the other IP is left open */
				assert_int_equal(!!(p.flags & PKT_ICMP), proto == (version == 4 ? 1 : 58));
		}
}

/* Whatever is changed in a shape, what is said of it does not contradict itself. */
static void test_mutations(void **state)
{
	uint64_t seed = 37;

	for (int i = 0; i < 200000; i++) {
		const struct shape *shape = &shapes[i % ARRAY_LEN(shapes)];
		unsigned int n, want = test_random(&seed) & PKT_WANT_ALL;
		const char *why;
		struct pkt p;

		build(shape);
		for (int k = test_random(&seed) % 4; k >= 0; k--)
			s.b[test_random(&seed) % (s.n < 80 ? s.n : 80)] = (unsigned char)test_random(&seed);
		n = test_random(&seed) % (s.n + 1);
		p = check_parse(s.b, n, want);
		why = check_pkt(&p, s.b, n, want);
		if (why)
			fail_msg("%s, change %d, %u of %u bytes: %s: flags %#x", shape->name, i, n, s.n, why, p.flags);
	}
}

int main(void)
{
	static struct CMUnitTest tests[ARRAY_LEN(shapes) + 5] = {
		cmocka_unit_test(test_network_header_first),
		cmocka_unit_test(test_all_tcp_flags),
		cmocka_unit_test(test_all_ports),
		cmocka_unit_test(test_all_protocols),
		cmocka_unit_test(test_mutations),
	};

	for (size_t i = 0; i < ARRAY_LEN(shapes); i++)
		tests[i + 5] = (struct CMUnitTest){ shapes[i].name, test_shape, NULL, NULL, (void *)&shapes[i] };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
