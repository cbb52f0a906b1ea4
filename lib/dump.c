// SPDX-License-Identifier: GPL-2.0-only
/*
 * Formats besides those of bpf/pkt.h: RFC 1191 (ICMP), 4861, 2710 and 3810 (ICMPv6), 7323 and 2018 (options of
 * TCP), IEEE 802.2; www.tcpdump.org/linktypes.html; the registries of IANA for ICMP, ICMPv6 and SCTP.
 */
#include "dump.h"

#include "out.h"
#include "pkt.h"

/* A packet, and what its headers are. */
struct dumped {
	struct bk_out *o;
	struct pkt_src src;
	struct pkt p;
	unsigned int how;
	uint32_t len; /* of the whole packet */
	uint32_t l3;  /* where the network header begins */
	uint32_t l4,
		l4_len; /* the transport header and its length with all that follows; l4 0: there is none */
	uint32_t ip_len; /* of what follows all IP headers, by their word, or PKT_LEN_UNKNOWN */
	uint32_t missing; /* bytes that should be there by the word of the IP header, and never were */
	const uint8_t *cooked; /* the header of that, or NULL */
	uint16_t link_type;
	bool known;      /* the link type is */
	const char *cut; /* what is not all there, or NULL */
	bool malformed;
};

#define put(o, s) bk_put_bytes(o, s, sizeof(s) - 1)

static void put_number(struct bk_out *o, const char *what, uint64_t v)
{
	bk_puts(o, what);
	bk_put_u64(o, v);
}

/* 0x and at least so many digits. */
static void put_hex(struct bk_out *o, uint32_t v, int digits)
{
	put(o, "0x");
	for (int shift = 28; shift >= 0; shift -= 4)
		if (v >> shift || shift < digits * 4)
			bk_putc(o, "0123456789abcdef"[v >> shift & 15]);
}

/* ---- names ---- */

enum { IPIP = 4, IPV6_IN_IP = 41 };

static const struct {
	uint8_t proto;
	const char *name, *shown;
} protocols[] = {
	{ PKT_IP_TCP, "tcp", "TCP" },
	{ PKT_IP_UDP, "udp", "UDP" },
	{ PKT_IP_ICMP, "icmp", "ICMP" },
	{ PKT_IP_ICMP6, "icmp6", "ICMP6" },
	{ 2, "igmp", "IGMP" },
	{ IPIP, "ipip", "IPIP" },
	{ IPV6_IN_IP, "ipv6", "IPV6" },
	{ PKT_IP_GRE, "gre", "GRE" },
	{ 50, "esp", "ESP" },
	{ PKT_IP_AUTH, "ah", "AH" },
	{ 89, "ospf", "OSPF" },
	{ 103, "pim", "PIM" },
	{ PKT_IP_VRRP, "vrrp", "VRRP" },
	{ PKT_IP_SCTP, "sctp", "SCTP" },
	{ 136, "udplite", "UDPLITE" },
};

/* The name, or "protocol 253"; in JSON "253". */
static void put_protocol(struct bk_out *o, uint8_t proto)
{
	for (size_t i = 0; i < ARRAY_LEN(protocols); i++) {
		if (protocols[i].proto != proto)
			continue;
		bk_puts(o, o->json ? protocols[i].name : protocols[i].shown);
		return;
	}
	if (!o->json && proto == PKT_IP_NONE) {
		put(o, "no next header");
		return;
	}
	put_number(o, o->json ? "" : "protocol ", proto);
}

static const struct {
	uint16_t proto;
	const char *name, *shown;
} ethertypes[] = {
	{ PKT_ETH_IPV4, "ip", "IPv4" },
	{ PKT_ETH_IPV6, "ip6", "IPv6" },
	{ PKT_ETH_ARP, "arp", "ARP" },
	{ PKT_ETH_LLDP, "lldp", "LLDP" },
	{ PKT_ETH_VLAN, NULL, "802.1Q" },
	{ PKT_ETH_QINQ, NULL, "802.1ad" },
	{ 0x0842, NULL, "Wake-on-LAN" },
	{ 0x8035, NULL, "RARP" },
	{ 0x6558, NULL, "Ethernet" },
	{ 0x8809, NULL, "slow protocols" },
	{ 0x880b, NULL, "PPP" },
	{ 0x8847, NULL, "MPLS" },
	{ 0x8848, NULL, "MPLS multicast" },
	{ 0x8863, NULL, "PPPoE discovery" },
	{ 0x8864, NULL, "PPPoE" },
	{ 0x888e, NULL, "EAPOL" },
	{ 0x88e5, NULL, "MACsec" },
	{ 0x88f7, NULL, "PTP" },
	{ 0x8902, NULL, "CFM" },
	{ 0x9000, NULL, "loopback" },
};

/* "ethertype IPv4 (0x0800)". */
static void put_ethertype(struct bk_out *o, uint16_t proto)
{
	put(o, "ethertype ");
	for (size_t i = 0; i < ARRAY_LEN(ethertypes); i++) {
		if (ethertypes[i].proto != proto)
			continue;
		bk_puts(o, ethertypes[i].shown);
		put(o, " (");
		put_hex(o, proto, 4);
		bk_putc(o, ')');
		return;
	}
	put_hex(o, proto, 4);
}

/* As netmon names them in JSON. */
static void put_ethertype_name(struct bk_out *o, uint16_t proto)
{
	for (size_t i = 0; i < ARRAY_LEN(ethertypes); i++)
		if (ethertypes[i].proto == proto && ethertypes[i].name) {
			bk_puts(o, ethertypes[i].name);
			return;
		}
	put_hex(o, proto, 4);
}

static const char *direction(uint16_t pkt_type)
{
	static const char *const names[] = { "this-host", "broadcast", "multicast", "other-host",
					     "outgoing" };

	return pkt_type < ARRAY_LEN(names) ? names[pkt_type] : NULL;
}

/* ---- what is where ---- */

/* Where n bytes are, or NULL if they were not captured. */
static const uint8_t *bytes(const struct dumped *d, uint32_t off, uint32_t n)
{
	if (off > d->src.len || n > d->src.len - off)
		return NULL;
	return (const uint8_t *)d->src.data + off;
}

/* The same in what begins with the transport header. NULL: also noted, for the end of the line. */
static const uint8_t *need(struct dumped *d, uint32_t off, uint32_t n, const char *of)
{
	const uint8_t *b = NULL;

	if (off > d->l4_len || n > d->l4_len - off)
		d->malformed = true;
	else
		b = bytes(d, d->l4 + off, n);
	if (!b && !d->malformed)
		d->cut = of;
	return b;
}

static void find_l4(struct dumped *d)
{
	uint32_t off = d->l3, total, head;
	struct pkt *p = &d->p;
	const uint8_t *h;

	if (p->flags & PKT_V4) {
		h = bytes(d, off, 20);
		head = (h[0] & 15) * 4;
		total = pkt_be16(h + 2);
	} else {
		uint8_t flags = 0;

		h = bytes(d, off, 40);
		head = 40;
		total = pkt_be16(h + 4) ? pkt_be16(h + 4) + 40u : 0;
		if (pkt_ext[h[6]]) {
			unsigned long long r = pkt_ipv6_ext(&d->src, off + 40, h[6]);

			head = (r & 0xffffff) - off;
			flags = (r >> 48 & (PKT_TRUNCATED | PKT_MALFORMED)) != 0;
		}
		if (flags)
			return;
	}
	if (total && total < head)
		return;
	d->ip_len = total ? total - head : PKT_LEN_UNKNOWN;
	if (off + total > d->len)
		d->missing = off + total - d->len;
	if (p->flags & PKT_LATER)
		return;
	d->l4 = off + head;
	d->l4_len = d->ip_len;
}

/* From the network header on, which begins at l3. */
static void parse_l3(struct dumped *d, uint16_t eth_proto)
{
	pkt_parse_l3(&d->src, d->l3, eth_proto, PKT_WANT_ALL, &d->p);
	if (d->p.flags & (PKT_V4 | PKT_V6))
		find_l4(d);
}

static void parse_ethernet(struct dumped *d)
{
	unsigned int off, eth_proto;

	if (pkt_parse_l2(&d->src, PKT_WANT_ALL, &off, &eth_proto, &d->p)) {
		d->l3 = off;
		parse_l3(d, eth_proto);
	} else {
		d->l3 = 14 + d->p.vlans * 4u;
	}
}

/* By the first four bits, where no ethertype is. */
static void parse_ip(struct dumped *d, uint32_t off)
{
	const uint8_t *h = bytes(d, off, 1);

	d->l3 = off;
	if (!h)
		d->p.flags |= PKT_TRUNCATED;
	else if (h[0] >> 4 == 4 || h[0] >> 4 == 6)
		parse_l3(d, h[0] >> 4 == 4 ? PKT_ETH_IPV4 : PKT_ETH_IPV6);
	else
		d->p.flags |= PKT_MALFORMED;
}

/* A header of n bytes, in which the ethertype is at proto_at; tags follow as in Ethernet. */
static void parse_cooked(struct dumped *d, uint32_t n, uint32_t proto_at)
{
	struct pkt *p = &d->p;
	uint16_t eth_proto;
	const uint8_t *tag;

	d->cooked = bytes(d, 0, n);
	if (!d->cooked) {
		p->flags |= PKT_TRUNCATED;
		return;
	}
	eth_proto = pkt_be16(d->cooked + proto_at);
	for (; p->vlans < 2 && (eth_proto == PKT_ETH_VLAN || eth_proto == PKT_ETH_QINQ); n += 4) {
		tag = bytes(d, n, 4);
		if (!tag) {
			p->flags |= PKT_TRUNCATED;
			return;
		}
		p->vlan[p->vlans++] = pkt_be16(tag);
		eth_proto = pkt_be16(tag + 2);
	}
	d->l3 = n;
	if (eth_proto >= PKT_ETH_MIN)
		parse_l3(d, eth_proto);
	else if (eth_proto == 4) /* ETH_P_802_2; others have no LLC behind them */
		p->flags |= PKT_LLC;
	else
		p->eth_proto = eth_proto;
}

static void parse(struct dumped *d, const struct bk_dump_packet *p)
{
	d->src = (struct pkt_src){ p->data, p->cap_len };
	d->len = p->len > p->cap_len ? p->len : p->cap_len;
	d->link_type = p->link_type;
	d->known = true;
	d->ip_len = PKT_LEN_UNKNOWN;
	switch (p->link_type) {
	case BK_LINK_ETHERNET:
		parse_ethernet(d);
		break;
	case BK_LINK_RAW:
	case BK_LINK_IPV4:
	case BK_LINK_IPV6:
		parse_ip(d, 0);
		break;
	case BK_LINK_NULL:
	case BK_LINK_LOOP:
		parse_ip(d,
			 4); /* the family has a number of its own on each system; these bits say it too */
		break;
	case BK_LINK_SLL:
		parse_cooked(d, BK_SLL_LEN, 14);
		break;
	case BK_LINK_SLL2:
		parse_cooked(d, BK_SLL2_LEN, 0);
		break;
	default:
		d->known = false;
	}
}

/* What the headers were cut off in. */
static const char *cut_in(const struct dumped *d)
{
	const struct pkt *p = &d->p;

	if (p->flags & (PKT_V4 | PKT_V6)) {
		if (!d->l4)
			return "ip6"; /* its extension headers */
		switch (p->l4_proto) {
		case PKT_IP_TCP:
			return "tcp";
		case PKT_IP_UDP:
			return "udp";
		case PKT_IP_SCTP:
			return "sctp";
		case PKT_IP_GRE:
			return "gre";
		}
		return "icmp";
	}
	switch (p->eth_proto) {
	case PKT_ETH_IPV4:
		return "ip";
	case PKT_ETH_IPV6:
		return "ip6";
	case PKT_ETH_ARP:
		return "arp";
	}
	if (d->link_type == BK_LINK_ETHERNET)
		return p->flags & PKT_MAC ? "vlan" : "ether";
	return d->cooked                                                   ? "vlan" :
	       d->link_type == BK_LINK_SLL || d->link_type == BK_LINK_SLL2 ? "sll" :
									     "ip";
}

/* ---- parts that lines and JSON share ---- */

static const struct flag {
	unsigned int bit;
	char letter;
	const char *name;
} tcp_flags[] = {
	/* letters in the order of tcpdump */
	{ PKT_TCP_FIN, 'F', "FIN" }, { PKT_TCP_SYN, 'S', "SYN" }, { PKT_TCP_RST, 'R', "RST" },
	{ PKT_TCP_PSH, 'P', "PSH" }, { PKT_TCP_ACK, '.', "ACK" }, { PKT_TCP_URG, 'U', "URG" },
	{ 0x40, 'E', "ECE" },        { 0x80, 'W', "CWR" },
};

static void put_addr(struct bk_out *o, const struct pkt *p, const uint8_t *addr)
{
	bk_put_ip(o, p->flags & PKT_V6 ? 6 : 4, addr);
}

static void put_endpoint(struct bk_out *o, const struct pkt *p, const uint8_t *addr, uint16_t port)
{
	bool brackets = (p->flags & (PKT_V6 | PKT_PORTS)) == (PKT_V6 | PKT_PORTS);

	if (brackets)
		bk_putc(o, '[');
	put_addr(o, p, addr);
	if (brackets)
		bk_putc(o, ']');
	if (p->flags & PKT_PORTS) {
		bk_putc(o, ':');
		bk_put_u64(o, port);
	}
}

static void put_endpoints(struct bk_out *o, const struct pkt *p)
{
	put_endpoint(o, p, p->src, p->sport);
	put(o, " > ");
	put_endpoint(o, p, p->dst, p->dport);
	bk_putc(o, ' ');
	put_protocol(o, p->l4_proto);
}

/* Another packet within this one, from off of the transport's part on: its addresses, ports and protocol. */
static void put_inner(struct dumped *d, const char *before, uint32_t off, uint16_t eth_proto)
{
	uint32_t have = d->src.len - d->l4, end = have < d->l4_len ? have : d->l4_len;
	struct pkt_src src = { need(d, off, 1, "ip"), end - off };
	struct bk_out *o = d->o;
	struct pkt p = { 0 };

	if (!src.data)
		return;
	bk_puts(o, before);
	pkt_parse_l3(&src, 0, eth_proto, PKT_WANT_ALL, &p);
	if (eth_proto == PKT_ETH_IPV4)
		put(o, "IP ");
	else
		put(o, "IP6 ");
	if (p.flags & (PKT_V4 | PKT_V6)) {
		put_endpoints(o, &p);
		/* of an error's cause often no more than its ports came along */
		if (p.flags & PKT_TRUNCATED && !(p.flags & PKT_PORTS))
			put(o, " [|...]");
	} else if (p.flags & PKT_TRUNCATED)
		bk_puts(o, eth_proto == PKT_ETH_IPV4 ? "[|ip]" : "[|ip6]");
	else
		put(o, "(malformed)");
}

/* ---- TCP ---- */

static void put_tcp_option(struct bk_out *o, const uint8_t *v, uint8_t len)
{
	switch (v[0]) {
	case 2:
		if (len != 4)
			break;
		put_number(o, "mss ", pkt_be16(v + 2));
		return;
	case 3:
		if (len != 3)
			break;
		put_number(o, "wscale ", v[2]);
		return;
	case 4:
		if (len != 2)
			break;
		put(o, "sackOK");
		return;
	case 5:
		if (len < 10 || (len - 2) % 8)
			break;
		put(o, "sack");
		for (int i = 2; i < len; i += 8) {
			put_number(o, " ", pkt_be32(v + i));
			put_number(o, ":", pkt_be32(v + i + 4));
		}
		return;
	case 8:
		if (len != 10)
			break;
		put_number(o, "TS val ", pkt_be32(v + 2));
		put_number(o, " ecr ", pkt_be32(v + 6));
		return;
	}
	put_number(o, "option ", v[0]);
	put_number(o, " of length ", len);
}

static void put_tcp_options(struct dumped *d, uint32_t off, uint32_t end)
{
	struct bk_out *o = d->o;
	const uint8_t *v;
	uint8_t len;

	if (off >= end)
		return;
	put(o, ", options [");
	for (bool first = true; off < end; off += len, first = false) {
		v = need(d, off, 1, "tcp");
		if (!v)
			break;
		if (!first)
			bk_putc(o, ',');
		len = 1;
		if (v[0] <= 1) {
			bk_puts(o, v[0] ? "nop" : "eol");
			if (!v[0]) /* what follows is padding */
				break;
			continue;
		}
		v = need(d, off, 2, "tcp");
		len = v ? v[1] : 0;
		if (v && (len < 2 || len > end - off)) {
			d->malformed = true;
			break;
		}
		v = v ? need(d, off, len, "tcp") : NULL;
		if (!v)
			break;
		put_tcp_option(o, v, len);
	}
	bk_putc(o, ']');
}

static void put_tcp_seq(struct dumped *d)
{
	if (!(d->p.flags & PKT_TCP) || d->how & BK_DUMP_QUIET)
		return;
	put(d->o, " seq ");
	bk_put_u64(d->o, d->p.tcp_seq);
}

/* Behind the length, so that what is in front of it is the line that people know. */
static void put_tcp_flags(struct dumped *d)
{
	const struct pkt *p = &d->p;
	struct bk_out *o = d->o;
	const uint8_t *h;

	if (!(p->flags & PKT_TCP) || d->how & BK_DUMP_QUIET)
		return;
	put(o, " [");
	for (size_t i = 0; i < ARRAY_LEN(tcp_flags); i++)
		if (p->tcp_flags & tcp_flags[i].bit)
			bk_putc(o, tcp_flags[i].letter);
	if (!p->tcp_flags)
		put(o, "none");
	bk_putc(o, ']');
	h = bytes(d, d->l4, 14);
	if (p->tcp_flags & PKT_TCP_ACK) {
		put(o, ", ack ");
		bk_put_u64(o, pkt_be32(h + 8));
	}
	if (!(d->how & BK_DUMP_VERBOSE) || p->flags & PKT_MALFORMED)
		return;
	h = need(d, 14, 6, "tcp");
	if (!h)
		return;
	put_number(o, ", win ", pkt_be16(h));
	if (p->tcp_flags & PKT_TCP_URG)
		put_number(o, ", urg ", pkt_be16(h + 4));
	put_tcp_options(d, 20, (h[-2] >> 4) * 4u);
}

/* ---- ICMP ---- */

/* The name of a code, or "unreachable, code 99". */
static void put_code(struct bk_out *o, const char *const *names, size_t n, uint8_t code,
		     const char *else_name)
{
	if (code < n) {
		bk_puts(o, names[code]);
	} else {
		bk_puts(o, else_name);
		put_number(o, ", code ", code);
	}
}

static void put_type(struct dumped *d)
{
	put_number(d->o, "type ", d->p.icmp_type);
	put_number(d->o, ", code ", d->p.icmp_code);
}

static void put_id_and_seq(struct dumped *d)
{
	const uint8_t *h = need(d, 4, 4, "icmp");

	if (!h)
		return;
	put_number(d->o, ", id ", pkt_be16(h));
	put_number(d->o, ", seq ", pkt_be16(h + 2));
}

static void put_icmp4(struct dumped *d)
{
	static const char *const names[] = {
		[0] = "echo reply",
		[4] = "source quench",
		[8] = "echo request",
		[9] = "router advertisement",
		[10] = "router solicitation",
		[12] = "parameter problem",
		[13] = "timestamp request",
		[14] = "timestamp reply",
		[15] = "information request",
		[16] = "information reply",
		[17] = "address mask request",
		[18] = "address mask reply",
	};
	static const char *const unreachable[] = {
		"net unreachable",
		"host unreachable",
		"protocol unreachable",
		"port unreachable",
		"fragmentation needed",
		"source route failed",
		"net unknown",
		"host unknown",
		"source host isolated",
		"net prohibited",
		"host prohibited",
		"net unreachable for this service",
		"host unreachable for this service",
		"administratively prohibited",
		"host precedence violation",
		"precedence cutoff",
	};
	static const char *const redirect[] = { "redirect for net", "redirect for host",
						"redirect for service and net",
						"redirect for service and host" };
	static const char *const exceeded[] = { "time exceeded in transit",
						"reassembly time exceeded" };
	uint8_t type = d->p.icmp_type, code = d->p.icmp_code;
	struct bk_out *o = d->o;
	const uint8_t *h;

	if (type == 3)
		put_code(o, unreachable, ARRAY_LEN(unreachable), code, "unreachable");
	else if (type == 5)
		put_code(o, redirect, ARRAY_LEN(redirect), code, "redirect");
	else if (type == 11)
		put_code(o, exceeded, ARRAY_LEN(exceeded), code, "time exceeded");
	else if (type < ARRAY_LEN(names) && names[type])
		bk_puts(o, names[type]);
	else
		put_type(d);
	switch (type) {
	case 0:
	case 8:
	case 13 ... 18:
		put_id_and_seq(d);
		return;
	case 3:
		h = code == 4 ? need(d, 6, 2, "icmp") : NULL;
		if (h)
			put_number(o, ", mtu ", pkt_be16(h));
		break;
	case 5:
		h = need(d, 4, 4, "icmp");
		if (h) {
			put(o, ", gateway ");
			bk_put_ip(o, 4, h);
		}
		break;
	case 12:
		h = need(d, 4, 1, "icmp");
		if (h)
			put_number(o, ", at byte ", h[0]);
		break;
	case 4:
	case 11:
		break;
	default:
		return;
	}
	put_inner(d, ", for ", 8, PKT_ETH_IPV4);
}

/* ", TEXT ADDRESS" of the one at off. */
static void put_icmp6_addr(struct dumped *d, const char *text, uint32_t off)
{
	const uint8_t *h = need(d, off, 16, "icmp6");

	if (!h)
		return;
	bk_puts(d->o, text);
	bk_put_ip(d->o, 6, h);
}

/* The first option of neighbor discovery, at off, if it is a MAC address. */
static void put_link_address(struct dumped *d, uint32_t off)
{
	const uint8_t *h;

	if (off >= d->l4_len) /* it is an option */
		return;
	h = need(d, off, 8, "icmp6");
	if (!h || (h[0] != 1 && h[0] != 2) || h[1] != 1)
		return;
	put(d->o, ", mac ");
	bk_put_mac(d->o, h + 2);
}

static void put_neighbor_flags(struct dumped *d)
{
	const uint8_t *h = need(d, 4, 1, "icmp6");

	if (!h)
		return;
	if (h[0] & 0x80)
		put(d->o, ", router");
	if (h[0] & 0x40)
		put(d->o, ", solicited");
	if (h[0] & 0x20)
		put(d->o, ", override");
}

static void put_icmp6(struct dumped *d)
{
	static const char *const unreachable[] = {
		"no route",
		"administratively prohibited",
		"beyond scope of source address",
		"address unreachable",
		"port unreachable",
		"source address failed policy",
		"route rejects destination",
	};
	static const char *const exceeded[] = { "hop limit exceeded in transit",
						"reassembly time exceeded" };
	static const char *const problem[] = { "parameter problem, erroneous header field",
					       "parameter problem, unknown next header",
					       "parameter problem, unknown option" };
	struct bk_out *o = d->o;
	const uint8_t *h;

	switch (d->p.icmp_type) {
	case 1:
		put_code(o, unreachable, ARRAY_LEN(unreachable), d->p.icmp_code, "unreachable");
		break;
	case 2:
		put(o, "packet too big");
		h = need(d, 4, 4, "icmp6");
		if (h)
			put_number(o, ", mtu ", pkt_be32(h));
		break;
	case 3:
		put_code(o, exceeded, ARRAY_LEN(exceeded), d->p.icmp_code, "time exceeded");
		break;
	case 4:
		put_code(o, problem, ARRAY_LEN(problem), d->p.icmp_code, "parameter problem");
		h = need(d, 4, 4, "icmp6");
		if (h)
			put_number(o, ", at byte ", pkt_be32(h));
		break;
	case 128:
	case 129:
		bk_puts(o, d->p.icmp_type == 128 ? "echo request" : "echo reply");
		put_id_and_seq(d);
		return;
	case 130:
		put(o, "multicast listener query");
		put_icmp6_addr(d, ", group ", 8);
		return;
	case 131:
		put(o, "multicast listener report");
		put_icmp6_addr(d, ", group ", 8);
		return;
	case 132:
		put(o, "multicast listener done");
		put_icmp6_addr(d, ", group ", 8);
		return;
	case 133:
		put(o, "router solicitation");
		put_link_address(d, 8);
		return;
	case 134:
		put(o, "router advertisement");
		h = need(d, 4, 4, "icmp6");
		if (h)
			put_number(o, ", lifetime ", pkt_be16(h + 2));
		put_link_address(d, 16);
		return;
	case 135:
		put(o, "neighbor solicitation");
		put_icmp6_addr(d, ", who has ", 8);
		put_link_address(d, 24);
		return;
	case 136:
		put(o, "neighbor advertisement");
		put_icmp6_addr(d, ", target is ", 8);
		put_neighbor_flags(d);
		put_link_address(d, 24);
		return;
	case 137:
		put(o, "redirect");
		put_icmp6_addr(d, ", ", 24);
		put_icmp6_addr(d, " to ", 8);
		return;
	case 143:
		put(o, "multicast listener report v2");
		h = need(d, 6, 2, "icmp6");
		if (h)
			put_number(o, ", groups ", pkt_be16(h));
		return;
	default:
		put_type(d);
		return;
	}
	put_inner(d, ", for ", 8, PKT_ETH_IPV6);
}

/* ---- SCTP, GRE ---- */

static const char *chunk_name(uint8_t type)
{
	static const char *const names[] = {
		"DATA",  "INIT",     "INIT ACK",          "SACK",  "HEARTBEAT",   "HEARTBEAT ACK",
		"ABORT", "SHUTDOWN", "SHUTDOWN ACK",      "ERROR", "COOKIE ECHO", "COOKIE ACK",
		"ECNE",  "CWR",      "SHUTDOWN COMPLETE", "AUTH",
	};

	if (type < ARRAY_LEN(names))
		return names[type];
	switch (type) {
	case 64:
		return "I-DATA";
	case 128:
		return "ASCONF ACK";
	case 130:
		return "RE-CONFIG";
	case 132:
		return "PAD";
	case 192:
		return "FORWARD TSN";
	case 193:
		return "ASCONF";
	case 194:
		return "I-FORWARD-TSN";
	}
	return NULL;
}

static void put_sctp(struct dumped *d)
{
	const uint8_t *h = need(d, 12, 1, "sctp");

	if (!h)
		return;
	if (chunk_name(h[0])) {
		bk_putc(d->o, ' ');
		bk_puts(d->o, chunk_name(h[0]));
	} else {
		put_number(d->o, " chunk ", h[0]);
	}
	h = d->how & BK_DUMP_VERBOSE ? need(d, 4, 4, "sctp") : NULL;
	if (h) {
		put(d->o, ", tag ");
		put_hex(d->o, pkt_be32(h), 8);
	}
}

static void put_gre(struct dumped *d)
{
	const struct pkt *p = &d->p;
	struct bk_out *o = d->o;
	const uint8_t *h;

	if (!(p->flags & PKT_GRE))
		return;
	h = bytes(d, d->l4, 4);
	if (pkt_be16(h) & PKT_GRE_KEY) {
		h = need(d, pkt_be16(h) & (PKT_GRE_SUM | PKT_GRE_ROUTING) ? 8 : 4, 4, "gre");
		if (!h)
			return;
		put(o, " key ");
		put_hex(o, pkt_be32(h), 1);
	}
	if (p->flags & PKT_PAYLOAD && p->payload &&
	    (p->gre_proto == PKT_ETH_IPV4 || p->gre_proto == PKT_ETH_IPV6)) {
		put_inner(d, " ", d->l4_len - p->payload, p->gre_proto);
	} else {
		bk_putc(o, ' ');
		put_ethertype(o, p->gre_proto);
	}
}

/* ---- IP ---- */

static void put_ip_fields(struct dumped *d)
{
	const uint8_t *h = bytes(d, d->l3, d->p.flags & PKT_V4 ? 20 : 40);
	struct bk_out *o = d->o;

	if (d->p.flags & PKT_V4) {
		put(o, "(");
		if (h[1]) {
			put(o, "tos ");
			put_hex(o, h[1], 2);
			put(o, ", ");
		}
		put_number(o, "ttl ", h[8]);
		put_number(o, ", id ", pkt_be16(h + 4));
		if (h[6] & 0x40)
			put(o, ", DF");
		put_number(o, ", length ", pkt_be16(h + 2));
		if ((h[0] & 15) > 5)
			put_number(o, ", options ", (h[0] & 15) * 4 - 20);
	} else {
		uint32_t first = pkt_be32(h);

		put(o, "(");
		if (first >> 20 & 0xff) {
			put(o, "class ");
			put_hex(o, first >> 20 & 0xff, 2);
			put(o, ", ");
		}
		if (first & 0xfffff) {
			put(o, "flow ");
			put_hex(o, first & 0xfffff, 5);
			put(o, ", ");
		}
		put_number(o, "hlim ", h[7]);
		put_number(o, ", length ", pkt_be16(h + 4));
	}
	put(o, ") ");
}

static bool more_fragments(const struct dumped *d)
{
	unsigned int off;

	if (d->p.flags & PKT_V4)
		return bytes(d, d->l3, 20)[6] & 0x20;
	/* the first one is a fragment only if more follow */
	if (!(d->p.flags & PKT_LATER))
		return true;
	off = d->l3 + 40;
	for (uint8_t next = bytes(d, d->l3, 40)[6]; pkt_ext[next];) {
		const uint8_t *e = bytes(d, off, 4);

		if (!e)
			break;
		if (next == PKT_IP_FRAGMENT && pkt_be16(e + 2) >> 3)
			return e[3] & 1;
		off += 8 + e[1] * (pkt_ext[next] & PKT_EXT_UNIT);
		next = e[0];
	}
	return false;
}

static bool is_icmp(uint8_t proto)
{
	return proto == PKT_IP_ICMP || proto == PKT_IP_ICMP6;
}

/* The length as bk_dump_line() says. */
static bool payload(const struct dumped *d, uint32_t *n)
{
	const struct pkt *p = &d->p;
	uint32_t head = 0;

	if (p->flags & PKT_PAYLOAD) {
		*n = p->payload;
		return true;
	}
	if (d->l4 && pkt_l4_least[p->l4_proto] && !is_icmp(p->l4_proto)) {
		/* of a first fragment of TCP the parser does not say it, of UDP it is that of all fragments */
		if (!(p->flags & PKT_FRAGMENT && p->flags & PKT_TCP) || p->flags & PKT_MALFORMED)
			return false;
		head = (bytes(d, d->l4, 14)[12] >> 4) * 4u;
	}
	*n = d->ip_len - head;
	return d->ip_len != PKT_LEN_UNKNOWN && d->ip_len >= head;
}

/* What follows the protocol's name. */
static void put_l4(struct dumped *d)
{
	const struct pkt *p = &d->p;

	switch (p->l4_proto) {
	case PKT_IP_ICMP:
	case PKT_IP_ICMP6:
		if (!(p->flags & PKT_ICMP))
			break;
		bk_putc(d->o, ' ');
		if (p->l4_proto == PKT_IP_ICMP)
			put_icmp4(d);
		else
			put_icmp6(d);
		break;
	case PKT_IP_SCTP:
		put_sctp(d);
		break;
	case PKT_IP_GRE:
		put_gre(d);
		break;
	case IPIP:
	case IPV6_IN_IP:
		put_inner(d, " ", 0, p->l4_proto == IPIP ? PKT_ETH_IPV4 : PKT_ETH_IPV6);
		break;
	}
}

static void put_ip(struct dumped *d)
{
	const struct pkt *p = &d->p;
	struct bk_out *o = d->o;
	uint32_t n;

	if (p->flags & PKT_V4)
		put(o, "IP ");
	else
		put(o, "IP6 ");
	if (d->how & BK_DUMP_VERBOSE)
		put_ip_fields(d);
	put_endpoints(o, p);
	if (d->l4 && p->l4_proto == PKT_IP_TCP)
		put_tcp_seq(d);
	else if (d->l4 && !(d->how & BK_DUMP_QUIET))
		put_l4(d);
	if (payload(d, &n)) {
		put(o, ", length ");
		bk_put_u64(o, n);
	}
	if (d->l4 && p->l4_proto == PKT_IP_TCP)
		put_tcp_flags(d);
	if (p->flags & PKT_FRAGMENT) {
		put_number(o, ", fragment at ", p->frag_off);
		if (more_fragments(d))
			put(o, ", more");
	}
}

/* ---- ARP, LLC ---- */

/* Of what is not IP: all that is behind the link header. */
static void put_length(struct dumped *d)
{
	put_number(d->o, ", length ", d->len - d->l3);
}

static void put_arp(struct dumped *d)
{
	const uint8_t *h = bytes(d, d->l3, 28);
	const struct pkt *p = &d->p;
	struct bk_out *o = d->o;

	switch (p->arp_op) {
	case 1:
		put(o, "ARP request who-has ");
		bk_put_ip(o, 4, p->dst);
		put(o, " tell ");
		bk_put_ip(o, 4, p->src);
		break;
	case 2:
		put(o, "ARP reply ");
		bk_put_ip(o, 4, p->src);
		put(o, " is-at ");
		bk_put_mac(o, h + 8);
		break;
	default:
		put_number(o, "ARP op ", p->arp_op);
		bk_putc(o, ' ');
		bk_put_ip(o, 4, p->src);
		put(o, " > ");
		bk_put_ip(o, 4, p->dst);
	}
	put_length(d);
}

/* ARP of something else than Ethernet and IPv4. */
static void put_other_arp(struct dumped *d)
{
	const uint8_t *h = bytes(d, d->l3, 8);
	struct bk_out *o = d->o;

	put(o, "ARP");
	if (h) {
		put_number(o, " of hardware ", pkt_be16(h));
		put_number(o, " (", h[4]);
		put(o, " bytes) and protocol ");
		put_hex(o, pkt_be16(h + 2), 4);
		put_number(o, " (", h[5]);
		put_number(o, " bytes), op ", pkt_be16(h + 6));
		put_length(d);
	}
}

static void put_llc(struct dumped *d)
{
	const uint8_t *h = bytes(d, d->l3, 3), *snap;
	struct bk_out *o = d->o;

	put(o, "LLC");
	if (!h) {
		d->cut = "llc";
	} else if (h[0] == 0x42 && h[1] == 0x42) {
		put(o, " STP");
	} else if (h[0] == 0xaa && h[1] == 0xaa && h[2] == 3) {
		put(o, " SNAP");
		snap = bytes(d, d->l3 + 3, 5);
		if (snap) {
			put(o, " oui ");
			put_hex(o, pkt_be32(snap) >> 8, 6);
			put(o, " type ");
			put_hex(o, pkt_be16(snap + 3), 4);
		} else {
			d->cut = "snap";
		}
	} else {
		put(o, " dsap ");
		put_hex(o, h[0], 2);
		put(o, " ssap ");
		put_hex(o, h[1], 2);
		put(o, " control ");
		put_hex(o, h[2], 2);
	}
	put_length(d);
}

/* ---- the line ---- */

static void put_vlans(struct dumped *d, const char *between)
{
	struct bk_out *o = d->o;

	for (int i = 0; i < d->p.vlans; i++) {
		put_number(o, "vlan ", d->p.vlan[i] & 0xfff);
		if (d->how & BK_DUMP_LINK) {
			put_number(o, " prio ", d->p.vlan[i] >> 13);
			if (d->p.vlan[i] & 0x1000)
				put(o, " dei");
		}
		bk_puts(o, between);
	}
}

/* The address that a cooked header has, or NULL. */
static const uint8_t *cooked_mac(const struct dumped *d)
{
	const uint8_t *h = d->cooked;

	if (d->link_type == BK_LINK_SLL2)
		return h[11] == 6 ? h + 12 : NULL;
	return pkt_be16(h + 4) == 6 ? h + 6 : NULL;
}

static uint16_t cooked_type(const struct dumped *d)
{
	return d->link_type == BK_LINK_SLL2 ? d->cooked[10] : pkt_be16(d->cooked);
}

static void put_cooked(struct dumped *d)
{
	const uint8_t *mac = cooked_mac(d);
	struct bk_out *o = d->o;

	if (d->link_type == BK_LINK_SLL2) {
		put_number(o, "interface ", pkt_be32(d->cooked + 4));
		put(o, ", ");
	}
	if (direction(cooked_type(d)))
		bk_puts(o, direction(cooked_type(d)));
	else
		put_number(o, "type ", cooked_type(d));
	if (mac) {
		put(o, ", from ");
		bk_put_mac(o, mac);
	}
	put(o, ", ");
}

static bool has_ethertype(const struct dumped *d)
{
	return d->p.flags & PKT_MAC || d->cooked;
}

/* -e. */
static void put_link(struct dumped *d)
{
	struct bk_out *o = d->o;

	if (d->p.flags & PKT_MAC) {
		bk_put_mac(o, d->p.smac);
		put(o, " > ");
		bk_put_mac(o, d->p.dmac);
		put(o, ", ");
	} else if (d->cooked) {
		put_cooked(d);
	}
	put_vlans(d, ", ");
	if (d->p.flags & PKT_LLC)
		put(o, "802.3, ");
	else if (d->p.eth_proto && has_ethertype(d)) {
		put_ethertype(o, d->p.eth_proto);
		put(o, ", ");
	}
	put_number(o, "length ", d->len);
	put(o, ": ");
}

/* What is behind the link header. */
static void put_network(struct dumped *d)
{
	const struct pkt *p = &d->p;
	struct bk_out *o = d->o;

	if (!d->known) {
		put_number(o, "link type ", d->link_type);
		put_number(o, ", length ", d->len);
	} else if (p->flags & (PKT_V4 | PKT_V6)) {
		put_ip(d);
	} else if (p->flags & PKT_ARP) {
		put_arp(d);
	} else if (p->eth_proto == PKT_ETH_ARP) {
		put_other_arp(d);
		if (p->flags & PKT_MALFORMED)
			d->malformed = false; /* it is said what it is */
	} else if (p->eth_proto == PKT_ETH_IPV4 || p->eth_proto == PKT_ETH_IPV6) {
		if (p->eth_proto == PKT_ETH_IPV4)
			put(o, "IP");
		else
			put(o, "IP6");
	} else if (p->flags & PKT_LLC) {
		put_llc(d);
	} else if (p->eth_proto) {
		if (d->how & BK_DUMP_LINK)
			put(o, "data");
		else
			put_ethertype(o, p->eth_proto);
		put_length(d);
	} else {
		put_number(o, "length ", d->len);
	}
}

void bk_dump_line(struct bk_out *o, const struct bk_dump_packet *p, unsigned int how)
{
	struct dumped d = { .o = o, .how = how };

	parse(&d, p);
	if (d.p.flags & PKT_TRUNCATED)
		d.cut = cut_in(&d);
	d.malformed = d.p.flags & PKT_MALFORMED;
	if (how & BK_DUMP_LINK && d.known)
		put_link(&d);
	else
		put_vlans(&d, " ");
	put_network(&d);
	if (d.cut) {
		put(o, " [|");
		bk_puts(o, d.cut);
		bk_putc(o, ']');
	}
	if (d.missing) {
		put_number(o, " (bytes missing: ", d.missing);
		bk_putc(o, ')');
	}
	if (d.malformed)
		put(o, " (malformed)");
}

/* ---- JSON ---- */

static void json_mac(struct bk_out *o, const char *name, const uint8_t *mac)
{
	bk_json_name(o, name);
	bk_putc(o, '"');
	bk_put_mac(o, mac);
	bk_putc(o, '"');
}

static void json_ip(struct bk_out *o, const char *name, int family, const uint8_t *addr)
{
	bk_json_name(o, name);
	bk_putc(o, '"');
	bk_put_ip(o, family, addr);
	bk_putc(o, '"');
}

static void json_link(struct dumped *d)
{
	struct bk_out *o = d->o;
	const struct pkt *p = &d->p;

	if (d->link_type != BK_LINK_ETHERNET)
		bk_json_u64(o, "link_type", d->link_type);
	if (p->flags & PKT_MAC) {
		json_mac(o, "smac", p->smac);
		json_mac(o, "dmac", p->dmac);
	}
	if (d->cooked) {
		const char *type = direction(cooked_type(d));

		if (d->link_type == BK_LINK_SLL2)
			bk_json_u64(o, "ifindex", pkt_be32(d->cooked + 4));
		if (type)
			bk_json_str(o, "pkt_type", type, strlen(type));
		if (cooked_mac(d))
			json_mac(o, "smac", cooked_mac(d));
	}
	if (p->vlans)
		bk_json_u64(o, "vlan", p->vlan[0] & 0xfff);
	if (p->vlans > 1)
		bk_json_u64(o, "inner_vlan", p->vlan[1] & 0xfff);
	if (p->eth_proto)
		bk_json_u64(o, "ethertype", p->eth_proto);
}

static void json_arp(struct dumped *d)
{
	const uint8_t *h = bytes(d, d->l3, 28);
	struct bk_out *o = d->o;
	char op[8];

	snprintf(op, sizeof(op), "%u", d->p.arp_op);
	bk_json_str(o, "arp_op",
		    d->p.arp_op == 1 ? "request" :
		    d->p.arp_op == 2 ? "reply" :
				       op,
		    sizeof("request"));
	json_mac(o, "arp_smac", h + 8);
	json_mac(o, "arp_dmac", h + 18);
}

static void json_tcp(struct dumped *d)
{
	const uint8_t *h = bytes(d, d->l4, 14);
	const struct pkt *p = &d->p;
	struct bk_out *o = d->o;
	bool any = false;

	bk_json_name(o, "tcp_flags");
	bk_putc(o, '"');
	for (size_t i = 0; i < ARRAY_LEN(tcp_flags); i++) {
		if (!(p->tcp_flags & tcp_flags[i].bit))
			continue;
		if (any)
			bk_putc(o, ' ');
		bk_puts(o, tcp_flags[i].name);
		any = true;
	}
	bk_putc(o, '"');
	bk_json_u64(o, "tcp_seq", p->tcp_seq);
	if (p->tcp_flags & PKT_TCP_ACK)
		bk_json_u64(o, "tcp_ack", pkt_be32(h + 8));
	h = bytes(d, d->l4, 16);
	if (h)
		bk_json_u64(o, "tcp_window", pkt_be16(h + 14));
}

static void json_icmp(struct dumped *d)
{
	uint8_t type = d->p.icmp_type;
	struct bk_out *o = d->o;
	const uint8_t *h;

	bk_json_u64(o, "icmp_type", type);
	bk_json_u64(o, "icmp_code", d->p.icmp_code);
	if (d->p.l4_proto == PKT_IP_ICMP ? type == 0 || type == 8 : type == 128 || type == 129) {
		h = need(d, 4, 4, "icmp");
		if (h) {
			bk_json_u64(o, "icmp_id", pkt_be16(h));
			bk_json_u64(o, "icmp_seq", pkt_be16(h + 2));
		}
	} else if (d->p.l4_proto == PKT_IP_ICMP6 && (type == 135 || type == 136)) {
		h = need(d, 8, 16, "icmp6");
		if (h)
			json_ip(o, "icmp_target", 6, h);
	}
}

static void json_ip_fields(struct dumped *d)
{
	const uint8_t *h = bytes(d, d->l3, 20);
	struct bk_out *o = d->o;

	if (d->p.flags & PKT_V4) {
		bk_json_u64(o, "ttl", h[8]);
		bk_json_u64(o, "ip_id", pkt_be16(h + 4));
	} else {
		bk_json_u64(o, "ttl", h[7]);
	}
}

static void json_network(struct dumped *d)
{
	const struct pkt *p = &d->p;
	struct bk_out *o = d->o;
	uint32_t n;

	if (p->flags & (PKT_V4 | PKT_V6) || p->eth_proto) {
		bk_json_name(o, "proto");
		bk_putc(o, '"');
		if (p->flags & (PKT_V4 | PKT_V6))
			put_protocol(o, p->l4_proto);
		else
			put_ethertype_name(o, p->eth_proto);
		bk_putc(o, '"');
	}
	if (p->flags & (PKT_V4 | PKT_V6 | PKT_ARP)) {
		json_ip(o, "saddr", p->flags & PKT_V6 ? 6 : 4, p->src);
		json_ip(o, "daddr", p->flags & PKT_V6 ? 6 : 4, p->dst);
	}
	if (p->flags & PKT_ARP)
		json_arp(d);
	if (!(p->flags & (PKT_V4 | PKT_V6)))
		return;
	json_ip_fields(d);
	if (p->flags & PKT_PORTS) {
		bk_json_u64(o, "sport", p->sport);
		bk_json_u64(o, "dport", p->dport);
	}
	if (p->flags & PKT_TCP)
		json_tcp(d);
	if (p->flags & PKT_ICMP)
		json_icmp(d);
	if (p->flags & PKT_GRE)
		bk_json_u64(o, "gre_ethertype", p->gre_proto);
	if (payload(d, &n))
		bk_json_u64(o, "payload_bytes", n);
	if (p->flags & PKT_FRAGMENT) {
		bk_json_u64(o, "fragment_offset", p->frag_off);
		bk_json_bool(o, "more_fragments", more_fragments(d));
	}
}

void bk_dump_json(struct bk_out *o, const struct bk_dump_packet *p)
{
	struct dumped d = { .o = o };

	parse(&d, p);
	d.malformed = d.p.flags & PKT_MALFORMED;
	bk_json_u64(o, "len", d.len);
	bk_json_u64(o, "cap_len", p->cap_len);
	json_link(&d);
	json_network(&d);
	if (d.p.flags & PKT_TRUNCATED || d.cut)
		bk_json_bool(o, "truncated", true);
	if (d.missing)
		bk_json_u64(o, "missing_bytes", d.missing);
	if (d.malformed)
		bk_json_bool(o, "malformed", true);
}

/* ---- hexadecimal ---- */

enum { ROW = 16 };

void bk_dump_hex(struct bk_out *o, const void *data, size_t n, bool ascii)
{
	static const char hex[] = "0123456789abcdef";
	const uint8_t *b = data;

	for (size_t at = 0; at < n; at += ROW) {
		size_t part = n - at < ROW ? n - at : ROW;
		char *row = bk_room(o, 128), *p = row;

		*p++ = '\t';
		if (ascii) {
			*p++ = '0';
			*p++ = 'x';
			for (int shift = at >> 16 ? 28 : 12; shift >= 0; shift -= 4)
				*p++ = hex[at >> shift & 15];
			*p++ = ':';
			*p++ = ' ';
		}
		for (size_t i = 0; i < part; i++) {
			if (i % 2 == 0 && (i || ascii))
				*p++ = ' ';
			*p++ = hex[b[at + i] >> 4];
			*p++ = hex[b[at + i] & 15];
		}
		if (ascii) {
			p = bk_blanks(p, (ROW - part) / 2 * 5 + (part % 2) * 2 + 2);
			for (size_t i = 0; i < part; i++)
				*p++ = b[at + i] > ' ' && b[at + i] < 0x7f ? b[at + i] : '.';
		}
		*p++ = '\n';
		o->n += p - row;
	}
}
