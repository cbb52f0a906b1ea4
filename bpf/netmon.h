/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What netmon's program and its user side share. */
#ifndef NETMON_H
#define NETMON_H

enum {
	NETMON_BYTES = 120, /* of the packet's headers in a record */
	NETMON_STACK = 64,  /* frames */
	NETMON_PORTS = 8,
	NETMON_RANGES = 4,
	NETMON_SITES = 512, /* places and reasons that are told apart, on each CPU */
};

/* What the buffer is. */
enum netmon_kind {
	NETMON_NONE,	/* no header that can be found */
	NETMON_L2,	/* bytes start at the Ethernet header */
	NETMON_L3,	/* bytes start at the network header: locally made, tun */
	NETMON_UNIX,	/* no packet but data of a unix socket */
	NETMON_NETLINK, /* no packet but a netlink message */
};

enum netmon_key {
	NETMON_LINES, /* no summary */
	NETMON_NETNS,
	NETMON_DMAC,
	NETMON_SMAC,
	NETMON_DIP,
	NETMON_SIP,
	NETMON_FLOW,
	NETMON_FLOW_SRC,
	NETMON_REASON,
	NETMON_LOCATION,
	NETMON_IFNAME,
	NETMON_PROTO,
};

/*
 * Every dropped packet is of exactly one class, so that one increment counts it; the protocol
 * columns are sums of classes. TCP is split by which of FIN, SYN and RST it carries, the lowest bits of its
 * flags (RFC 9293).
 */
enum {
	NETMON_TCP_FIN = 1,
	NETMON_TCP_SYN = 2,
	NETMON_TCP_RST = 4,
	NETMON_IP_UDP = 8, /* the classes within IPv4 and within IPv6 */
	NETMON_IP_VRRP,
	NETMON_IP_OTHER,
	NETMON_IP_CLASSES,

	NETMON_CLASS_IPV4 = 0,
	NETMON_CLASS_IPV6 = NETMON_IP_CLASSES,
	NETMON_CLASS_LLDP = 2 * NETMON_IP_CLASSES,
	NETMON_CLASS_ARP_REQUEST,
	NETMON_CLASS_ARP_REPLY,
	NETMON_CLASS_ARP_OTHER,
	NETMON_CLASS_OTHER,
	NETMON_CLASSES,
};

struct netmon_config {
	unsigned int key;	   /* enum netmon_key */
	unsigned char stack;
	unsigned char skip_tcp;	   /* TCP to this host */
	unsigned char skip_unix;
	unsigned char ovs;	   /* 1 only, 2 without what was dropped within ovs_range */
	unsigned char reasons;	   /* 1 only, 2 without those in the map of that name */
	unsigned char want_device; /* its number, its namespace */
	unsigned char want_name, has_ifname, has_vlan, has_filter;
	unsigned char want;	   /* of the packet: PKT_WANT_ */
	unsigned char addr_family; /* 0 any, 4, 6 */
	unsigned char l4_proto, has_l4;
	unsigned short eth_proto, has_eth;
	unsigned short vlan;
	unsigned short nports;
	unsigned short ports[NETMON_PORTS];
	unsigned long long addr[2], mask[2];
	unsigned long long ifname[2], ifname_mask[2]; /* compared under the mask */
	unsigned long long ovs_range[NETMON_RANGES][2]; /* first, last address */
};

/* One dropped buffer. */
struct netmon_event {
	unsigned long long time;     /* CLOCK_MONOTONIC, ns */
	unsigned long long location; /* where it was freed */
	unsigned int netns;	     /* inode, 0 unknown */
	unsigned int ifindex;	     /* 0 unknown */
	unsigned int reason;
	unsigned int len;
	unsigned short protocol;     /* ethertype by skb, host order */
	unsigned short vlan_tci, vlan_proto; /* of a tag held outside the data */
	unsigned short gso_segs;
	unsigned char nr_frags;
	unsigned char pkt_type;
	unsigned char kind;
	unsigned char cap_len;	     /* valid bytes */
	unsigned int wire_len;	     /* from the first of the bytes to the packet's end, where there are bytes */
	char ifname[16] __attribute__((aligned(8))); /* empty: unknown */
	unsigned char bytes[NETMON_BYTES];
};

struct netmon_stack_event {
	struct netmon_event e;
	unsigned long long stack_bytes;
	unsigned long long stack[NETMON_STACK];
};

/* The key of a row; only the first bytes of it that the kind of key needs are used. */
union netmon_row_key {
	unsigned int netns;
	unsigned int reason;
	unsigned long long location;
	struct {
		unsigned char mac[6];
		unsigned char has, pad;
	} mac;
	struct {
		unsigned char addr[16];
		unsigned char family, pad[7];
	} ip;
	struct {
		unsigned char src[16], dst[16];
		unsigned short sport, dport;
		unsigned short eth_proto;
		unsigned char l4_proto, family;
	} flow;
	struct {
		char name[16];
		unsigned int netns, ifindex;
	} dev;
	struct {
		unsigned short eth_proto;
		unsigned char l4_proto, kind, has_l4, pad[3];
	} proto;
	unsigned long long u64[5];
};

/* Each CPU has rows of its own, in one table: a table by CPU would be allocated row by row. */
struct netmon_row_id {
	unsigned int cpu, pad;
	union netmon_row_key key;
};

struct netmon_row {
	unsigned int n[NETMON_CLASSES];
	unsigned int pad;
};

struct netmon_site {
	unsigned long long location;
	unsigned int reason, cpu;
};

struct netmon_totals {
	unsigned long long n[NETMON_CLASSES];
	unsigned long long unix_sockets;
	unsigned long long pkt_type[8];
};

_Static_assert(sizeof(struct netmon_event) % 8 == 0, "no hole at the end");
_Static_assert(sizeof(struct netmon_row) % 8 == 0, "no hole at the end");
_Static_assert(sizeof(union netmon_row_key) == 40, "no hole at the end");
#endif
