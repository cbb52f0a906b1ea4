// SPDX-License-Identifier: GPL-2.0-only
/*
 * netmon: buffers that the network stack gave up, at the tracepoint skb:kfree_skb.
 *
 * The tracepoint fires in kfree_skb() and its relatives and not in consume_skb(), so it sees what
 * the kernel itself calls a drop, just before the buffer is freed. It is taken BTF-typed (tp_btf):
 * all kernels from 5.10 on have it, fields are plain loads, and it costs least.
 *
 * Not seen: what never became an skb (drops in the network card, its driver's rings, at XDP),
 * queues that free with another function, and hardware forwarding.
 *
 * With a summary key the packet is counted here and nothing goes to user space. Counters exist
 * twice; `epoch` says which set counts. The reader flips it, waits until no program can still be
 * using the old set, then reads and empties that at leisure: no count is lost and none appears twice.
 */
#define BK_NO_TASKS
#include "bk.bpf.h"
#include "cbpf.bpf.h"
#include "pkt.h"
#include "netmon.h"

enum {
	AF_UNIX = 1,
	AF_NETLINK = 16,
	ARPHRD_ETHER = 1,
	ARPHRD_LOOPBACK = 772,
	PACKET_HOST = 0,
	MAC_UNSET = 0xffff,
	VLAN_VID = 0xfff,
};

const volatile struct netmon_config config;

unsigned int epoch;

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, u32);
	__type(value, struct netmon_totals);
} totals SEC(".maps");

struct rows {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(struct netmon_row_id));
	__uint(value_size, sizeof(struct netmon_row));
} rows0 SEC(".maps"), rows1 SEC(".maps");

struct sites {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct netmon_site);
	__type(value, u64);
} sites0 SEC(".maps"), sites1 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 512);
	__type(key, u32);
	__type(value, u8);
} reasons SEC(".maps");

/* What the program finds out about a buffer. */
struct drop {
	u64 name[2]; /* of the interface, if anybody wants it */
	u32 ifindex, netns, reason, kind, pkt_type;
	u64 location;
	struct pkt_src src;
	u32 protocol;
	u16 vlan_tci, vlan_proto;
	u8 has_device; /* no bool: making one is a branch */
	u8 ether;      /* 1: there may be an Ethernet header, else 0 */
	bool came_in;
};

_Static_assert(sizeof(struct drop) % 8 == 0, "whole words, see bk_zero()");

/* The tracepoint's arguments are as many as its event struct tells. */
#define has_reason() bpf_core_field_exists(((struct trace_event_raw_kfree_skb *)0)->reason)

/* A namespace knows its loopback device, and that device knows its namespace. */
static __always_inline bool is_net(struct net *net)
{
	struct net_device *lo = net->loopback_dev;

	return lo->nd_net.net == net;
}

/*
 * skb->dev shares its place with other things (a tree node, UDP's scratch word), and a read through
 * a wrong pointer gives zeros or garbage. It is believed only if its namespace proves to be one.
 */
static __always_inline bool is_device(struct net_device *dev)
{
	struct net *net = dev->nd_net.net;

	return net && dev->ifindex > 0 && is_net(net);
}

/* The highest bits of the bytes that are NUL; of those behind the first one they may be wrong. */
static __always_inline u64 nuls(u64 word)
{
	return (word - 0x0101010101010101) & ~word & 0x8080808080808080;
}

/* The name without what may lie behind its end: rests of an older name. Little endian. */
static __always_inline void clean_name(u64 name[2])
{
	u64 first = nuls(name[0]), second = nuls(name[1]);

	name[0] &= ((first & -first) >> 7) - 1;
	/* shifted: below 2^63 */
	name[1] &= (((second & -second) >> 7) - 1) & -bk_same(first >> 7, 0);
}

/*
 * The interface by the route, for buffers that no longer carry a device. Untyped, so it is copied.
 */
static __always_inline bool device_of_route(struct sk_buff *skb, struct drop *d)
{
	struct dst_entry *dst = (void *)(skb->_skb_refdst & ~3UL);
	struct net_device *dev = NULL, *lo = NULL;
	struct net *net = NULL, *back = NULL;
	int ifindex = 0;
	u32 inum = 0;

	if (!dst)
		return false;
	bk_read(&dev, sizeof(dev), &dst->dev);
	if (!dev)
		return false;
	bk_read(&net, sizeof(net), &dev->nd_net.net);
	bk_read(&ifindex, sizeof(ifindex), &dev->ifindex);
	bk_read(&lo, sizeof(lo), &net->loopback_dev);
	bk_read(&back, sizeof(back), &lo->nd_net.net);
	if (!net || back != net || ifindex <= 0)
		return false;
	bk_read(&inum, sizeof(inum), &net->ns.inum);
	if (config.want_name)
		bk_read(d->name, sizeof(d->name), dev->name);
	d->ifindex = ifindex;
	d->netns = inum;
	return true;
}

static __always_inline void find_device(struct sk_buff *skb, struct sock *sk, struct drop *d)
{
	struct net_device *dev = bk_follow(skb, dev, BK_TYPE_NET_DEVICE);
	struct net *net;

	d->ether = 1;
	if (is_device(dev)) {
		d->has_device = 1;
		if (config.want_name) {
			d->name[0] = *(const u64 *)&dev->name[0];
			d->name[1] = *(const u64 *)&dev->name[8];
		}
		if (config.want_device) {
			d->ifindex = dev->ifindex;
			d->netns = dev->nd_net.net->ns.inum;
		}
		d->ether = bk_same(dev->type, ARPHRD_ETHER) | bk_same(dev->type, ARPHRD_LOOPBACK);
		return;
	}
	if (!config.want_device || device_of_route(skb, d))
		return;
	d->ifindex = skb->skb_iif;
	if (!sk)
		return;
	net = sk->__sk_common.skc_net.net;
	if (net && is_net(net))
		d->netns = net->ns.inum;
}

static __always_inline u16 vlan_proto(struct sk_buff *skb)
{
	struct sk_buff___old *old = (void *)skb;
	u16 proto = bpf_ntohs(skb->vlan_proto);

	if (bpf_core_field_exists(old->vlan_present))
		proto *= BPF_CORE_READ_BITFIELD(old, vlan_present);
	return proto;
}

/* Where the headers start, if there are any, and how many bytes from there are in one piece. */
static __always_inline void find_headers(struct sk_buff *skb, struct sock *sk, struct drop *d)
{
	u64 mac = skb->mac_header, net = skb->network_header, tail = skb->tail, start, l2, l3;
	u64 family = 0, is_unix, is_netlink, packet;

	d->protocol = bpf_ntohs(skb->protocol);
	if (!d->has_device && sk)
		family = sk->__sk_common.skc_family;
	is_unix = bk_same(family, AF_UNIX);
	is_netlink = bk_same(family, AF_NETLINK);
	packet = ~(is_unix | is_netlink);
	/* the network header may not be known, but it is not within that of Ethernet */
	l2 = packet & d->ether & bk_less(mac, tail) & ~bk_same(mac, MAC_UNSET) &
	     (bk_less(net, mac) | bk_less(mac + 13, net));
	l3 = packet & ~l2 & bk_less(0, net) & bk_less(net, tail) & bk_less(0, d->protocol);
	start = l2 * mac + l3 * net;
	d->kind = l2 * NETMON_L2 + l3 * NETMON_L3 + is_unix * NETMON_UNIX +
		  is_netlink * NETMON_NETLINK;
	d->src.data = (void *)(bk_address(skb, head) + start);
	d->src.len = (l2 | l3) * (tail - start);
	d->vlan_proto = (l2 | l3) * vlan_proto(skb);
	d->vlan_tci = bk_less(0, d->vlan_proto) * skb->vlan_tci;
}

static __always_inline void parse(struct drop *d, u32 want, struct pkt *p)
{
	u32 off = 0, eth_proto = d->protocol;

	if (d->kind == NETMON_L2) {
		if (!pkt_parse_l2(&d->src, want, &off, &eth_proto, p))
			return;
	} else if (d->kind != NETMON_L3) {
		return;
	}
	pkt_parse_l3(&d->src, off, eth_proto, want, p);
}

/* ---- filters ---- */

static __always_inline bool want_location(u64 location)
{
	bool within = false;

	if (!config.ovs)
		return true;
	for (int i = 0; i < NETMON_RANGES; i++)
		within |= location >= config.ovs_range[i][0] && location <= config.ovs_range[i][1];
	return within == (config.ovs == 1);
}

static __always_inline bool want_reason(u32 reason)
{
	if (!config.reasons)
		return true;
	return !!bpf_map_lookup_elem(&reasons, &reason) == (config.reasons == 1);
}

static __always_inline bool want_device(struct drop *d)
{
	if (bk_filter.netns && d->netns != bk_filter.netns)
		return false;
	return !config.has_ifname || (!((d->name[0] ^ config.ifname[0]) & config.ifname_mask[0]) &&
				      !((d->name[1] ^ config.ifname[1]) & config.ifname_mask[1]));
}

static __always_inline bool in_net(const unsigned char addr[16])
{
	u64 a[2];

	__builtin_memcpy(a, addr, 16);
	return !((a[0] ^ config.addr[0]) & config.mask[0]) &&
	       !((a[1] ^ config.addr[1]) & config.mask[1]);
}

/* Calculated: sixteen comparisons would be as many ways for the verifier to follow. */
static __always_inline bool is_port(const struct pkt *p)
{
	u64 differs = 1, product;

	for (int i = 0; i < NETMON_PORTS; i++) {
		if (i >= config.nports)
			break;
		product = (u64)(p->sport ^ config.ports[i]) * (p->dport ^ config.ports[i]);
		differs &= (product | -product) >> 63;
	}
	return !differs;
}

static __always_inline bool by_packet(void)
{
	return config.skip_tcp || config.addr_family || config.nports || config.has_eth ||
	       config.has_l4 || config.has_vlan;
}

/* Is one of its tags that of the VLAN? */
static __always_inline bool in_vlan(struct drop *d, const struct pkt *p)
{
	return (bk_less(0, d->vlan_proto) & bk_same(d->vlan_tci & VLAN_VID, config.vlan)) |
	       (bk_less(0, p->vlans) & bk_same(p->vlan[0] & VLAN_VID, config.vlan)) |
	       (bk_less(1, p->vlans) & bk_same(p->vlan[1] & VLAN_VID, config.vlan));
}

static __always_inline bool want_packet(struct drop *d, const struct pkt *p)
{
	/* what this host makes itself has the same type, but came in nowhere */
	if (config.skip_tcp && d->pkt_type == PACKET_HOST && d->came_in &&
	    p->flags & (PKT_V4 | PKT_V6) && p->l4_proto == PKT_IP_TCP)
		return false;
	if (config.addr_family) {
		if (!(p->flags & (config.addr_family == 4 ? PKT_V4 | PKT_ARP : PKT_V6)))
			return false;
		if (!in_net(p->src) && !in_net(p->dst))
			return false;
	}
	if (config.has_eth && p->eth_proto != config.eth_proto)
		return false;
	if (config.has_l4 && (!(p->flags & (PKT_V4 | PKT_V6)) || p->l4_proto != config.l4_proto))
		return false;
	if (config.nports && (!(p->flags & PKT_PORTS) || !is_port(p)))
		return false;
	if (config.has_vlan && !in_vlan(d, p))
		return false;
	return true;
}

/* What has no headers that can be found cannot be decided; what is no packet does not match. */
static __always_inline u64 by_expression(struct sk_buff *skb, struct drop *d)
{
	u64 start = (u64)d->src.data;
	struct bk_frame f = {
		.data = d->src.data,
		.here = d->src.len,
		.len = bk_address(skb, data) - start + skb->len,
		.has_mac = bk_same(d->kind, NETMON_L2),
		.proto = d->protocol,
		.vlan_proto = d->vlan_proto,
		.vlan_tci = d->vlan_tci,
	};

	if (d->kind == NETMON_UNIX || d->kind == NETMON_NETLINK)
		return BK_CBPF_NO;
	if (d->kind == NETMON_NONE)
		return BK_CBPF_UNDECIDED;
	return bk_cbpf(&f);
}

/* The last of the filters: what is undecided has passed all others. */
static __always_inline bool want_expression(struct sk_buff *skb, struct drop *d)
{
	u64 verdict = by_expression(skb, d);

	if (verdict == BK_CBPF_UNDECIDED)
		bk_add(&bk_books.undecided, 1);
	return verdict == BK_CBPF_YES || (verdict == BK_CBPF_NO && bk_leave_out());
}

/* ---- counting ---- */

/* How far the class of each protocol is below NETMON_IP_OTHER. To that of TCP its flags are added. */
static const u8 below_other[256] = {
	[PKT_IP_TCP] = NETMON_IP_OTHER - NETMON_CLASS_IPV4,
	[PKT_IP_UDP] = NETMON_IP_OTHER - NETMON_IP_UDP,
	[PKT_IP_VRRP] = NETMON_IP_OTHER - NETMON_IP_VRRP,
};

/* Looked up and calculated: the verifier follows each branch to the end of the program. */
static __always_inline u32 class_of(const struct pkt *p)
{
	u64 ip = bk_less(0, p->flags & (PKT_V4 | PKT_V6)), arp = bk_same(p->eth_proto, PKT_ETH_ARP);
	u64 of_ip, other;

	of_ip = NETMON_IP_OTHER - below_other[p->l4_proto] +
		(p->tcp_flags & (NETMON_TCP_FIN | NETMON_TCP_SYN | NETMON_TCP_RST)) +
		bk_less(0, p->flags & PKT_V6) * NETMON_CLASS_IPV6;
	/* only ARP has an operation */
	other = NETMON_CLASS_OTHER - arp * (NETMON_CLASS_OTHER - NETMON_CLASS_ARP_OTHER) -
		bk_same(p->arp_op, 1) * (NETMON_CLASS_ARP_OTHER - NETMON_CLASS_ARP_REQUEST) -
		bk_same(p->arp_op, 2) * (NETMON_CLASS_ARP_OTHER - NETMON_CLASS_ARP_REPLY) -
		bk_same(p->eth_proto, PKT_ETH_LLDP) * (NETMON_CLASS_OTHER - NETMON_CLASS_LLDP);
	return ip * of_ip + (ip ^ 1) * other;
}

static __always_inline void flow_key(const struct pkt *p, union netmon_row_key *k)
{
	u64 a[2], b[2];
	bool swap;

	if (p->flags & (PKT_V4 | PKT_ARP))
		k->flow.family = 4;
	else if (p->flags & PKT_V6)
		k->flow.family = 6;
	k->flow.eth_proto = p->eth_proto;
	k->flow.l4_proto = p->l4_proto;
	__builtin_memcpy(a, p->src, 16);
	__builtin_memcpy(b, p->dst, 16);
	/* both directions are one flow: any order will do, so long as it is always the same */
	swap = config.key == NETMON_FLOW && (a[0] != b[0] ? a[0] > b[0] :
					     a[1] != b[1] ? a[1] > b[1] :
							    p->sport > p->dport);
	if (swap) {
		__builtin_memcpy(k->flow.src, b, 16);
		__builtin_memcpy(k->flow.dst, a, 16);
		k->flow.sport = p->dport;
		k->flow.dport = p->sport;
	} else {
		__builtin_memcpy(k->flow.src, a, 16);
		__builtin_memcpy(k->flow.dst, b, 16);
		k->flow.sport = p->sport;
		k->flow.dport = p->dport;
	}
}

static __always_inline void row_key(struct drop *d, const struct pkt *p, union netmon_row_key *k)
{
	switch (config.key) {
	case NETMON_NETNS:
		k->netns = d->netns;
		break;
	case NETMON_REASON:
		k->reason = d->reason;
		break;
	case NETMON_LOCATION:
		k->location = d->location;
		break;
	case NETMON_DMAC:
	case NETMON_SMAC:
		if (!(p->flags & PKT_MAC))
			break;
		__builtin_memcpy(k->mac.mac, config.key == NETMON_DMAC ? p->dmac : p->smac, 6);
		k->mac.has = 1;
		break;
	case NETMON_DIP:
	case NETMON_SIP:
		if (!(p->flags & (PKT_V4 | PKT_V6)))
			break;
		__builtin_memcpy(k->ip.addr, config.key == NETMON_DIP ? p->dst : p->src, 16);
		k->ip.family = p->flags & PKT_V4 ? 4 : 6;
		break;
	case NETMON_FLOW:
	case NETMON_FLOW_SRC:
		flow_key(p, k);
		break;
	case NETMON_IFNAME:
		__builtin_memcpy(k->dev.name, d->name, 16);
		k->dev.netns = d->netns;
		k->dev.ifindex = d->ifindex;
		break;
	case NETMON_PROTO:
		k->proto.eth_proto = p->eth_proto;
		k->proto.l4_proto = p->l4_proto;
		k->proto.has_l4 = !!(p->flags & (PKT_V4 | PKT_V6));
		k->proto.kind = p->eth_proto ? 0 :
					       d->kind; /* it only explains what has no protocol */
		break;
	}
}

static const struct netmon_row no_row;
static const u64 no_site;

/*
 * The index is checked where it is used: old verifiers forget the bounds of what was on the stack
 * meanwhile.
 */
#define count_at(counters, index, n)                 \
	({                                           \
		u64 __i = (index);                   \
		asm volatile("" : "+r"(__i));        \
		if (__i < (n))                       \
			bk_add(&(counters)[__i], 1); \
	})

static __always_inline void count(struct drop *d, const struct pkt *p)
{
	u32 cpu = bpf_get_smp_processor_id();
	struct netmon_site site = { .location = d->location, .reason = d->reason, .cpu = cpu };
	u32 set = *(volatile u32 *)&epoch & 1, class = class_of(p);
	struct netmon_totals *t = bpf_map_lookup_elem(&totals, &set);
	struct netmon_row_id id = { .cpu = cpu };
	struct netmon_row *row;
	u64 *n;

	bk_forget(class, d->location);
	if (!t)
		return;
	if (d->kind == NETMON_UNIX) {
		bk_add(&t->unix_sockets, 1);
		if (config.skip_unix)
			return;
	}
	count_at(t->pkt_type, d->pkt_type, 8);
	n = set ? bk_slot(&sites1, &site, &no_site) : bk_slot(&sites0, &site, &no_site);
	if (n)
		bk_add(n, 1);
	if (d->kind == NETMON_UNIX)
		return;
	count_at(t->n, class, NETMON_CLASSES);
	row_key(d, p, &id.key);
	row = set ? bk_slot(&rows1, &id, &no_row) : bk_slot(&rows0, &id, &no_row);
	if (row)
		count_at(row->n, class, NETMON_CLASSES);
}

/* ---- one line a drop ---- */

static __always_inline void fill(struct sk_buff *skb, struct drop *d, struct netmon_event *e)
{
	struct skb_shared_info *shared = (void *)(skb->head + skb->end);
	u64 data = bk_address(skb, data);
	u8 small[4] = {};
	u64 fits = bk_less(d->src.len, NETMON_BYTES);
	u32 cap = fits * d->src.len + (fits ^ 1) * NETMON_BYTES;

	e->time = bpf_ktime_get_ns();
	e->location = d->location;
	e->netns = d->netns;
	e->ifindex = d->ifindex;
	e->reason = d->reason;
	e->len = skb->len;
	e->protocol = d->protocol;
	e->vlan_tci = d->vlan_tci;
	e->vlan_proto = d->vlan_proto;
	bk_read(&e->gso_segs, sizeof(e->gso_segs), &shared->gso_segs);
	bk_read(&small, 1, &shared->nr_frags);
	e->nr_frags = small[0];
	e->pkt_type = d->pkt_type;
	e->kind = d->kind;
	e->cap_len = cap;
	/* skb->len is from skb->data on, which may be before or behind the headers */
	bk_hide(data); /* of a pointer that is cut, half could be loaded, which old verifiers refuse */
	e->wire_len = e->len + data - (u64)d->src.data;
	__builtin_memcpy(e->ifname, d->name, sizeof(e->ifname));
	/* behind the data lies the shared info, which is longer */
	bk_read_some(e->bytes, NETMON_BYTES, cap, d->src.data);
}

static __always_inline void emit(void *ctx, struct sk_buff *skb, struct drop *d)
{
	struct netmon_stack_event *s;
	long n;

	if (config.stack)
		s = bk_reserve(sizeof(*s));
	else
		s = bk_reserve(sizeof(s->e));
	if (!s)
		return;
	fill(skb, d, &s->e);
	if (config.stack) {
		__builtin_memset(s->stack, 0, sizeof(s->stack));
		n = bpf_get_stack(ctx, s->stack, sizeof(s->stack), 0);
		s->stack_bytes = n > 0 ? n : 0;
	}
	bk_submit(s);
}

/* Looks at a buffer; is it a drop that is asked for? Arguments of the tracepoint: the buffer, the
 * location, from 5.17 the reason (from 6.11 also a socket, which is not needed). */
static __always_inline bool look(u64 *ctx, bool must_parse, struct drop *d, struct pkt *p)
{
	struct sk_buff *skb = (void *)ctx[0];
	struct sock *sk;

	bk_zero(d, ctx[1]);
	d->location = ctx[1];
	if (has_reason()) {
		d->reason = ctx[2];
		/* the caller kept the buffer, or was content with it */
		if (bpf_core_enum_value_exists(enum skb_drop_reason, SKB_NOT_DROPPED_YET) &&
		    d->reason == bpf_core_enum_value(enum skb_drop_reason, SKB_NOT_DROPPED_YET))
			return false;
		if (bpf_core_enum_value_exists(enum skb_drop_reason, SKB_CONSUMED) &&
		    d->reason == bpf_core_enum_value(enum skb_drop_reason, SKB_CONSUMED))
			return false;
	}
	if (!want_reason(d->reason) || !want_location(d->location))
		return bk_leave_out();
	sk = bk_follow(skb, sk, BK_TYPE_SOCK);
	find_device(skb, sk, d);
	bk_forget(d->has_device, d->location);
	if (config.want_name)
		clean_name(d->name);
	if (!want_device(d))
		return bk_leave_out();
	find_headers(skb, sk, d);
	d->pkt_type = BPF_CORE_READ_BITFIELD(skb, pkt_type);
	d->came_in = config.skip_tcp && skb->skb_iif;
	if (config.skip_unix && !must_parse && d->kind == NETMON_UNIX)
		return bk_leave_out();
	if (must_parse || by_packet()) {
		bk_zero(p, d->location);
		parse(d, config.want, p);
		pkt_forget_start(p, &d->src);
		if (by_packet() && !want_packet(d, p))
			return bk_leave_out();
	}
	return !config.has_filter || want_expression(skb, d);
}

BK_TYPED("tp_btf/kfree_skb", line__tp_btf)
{
	struct drop d;
	struct pkt p;

	if (look(ctx, false, &d, &p))
		emit(ctx, (void *)ctx[0], &d);
	return 0;
}

BK_TYPED("tp_btf/kfree_skb", count__tp_btf)
{
	struct drop d;
	struct pkt p;

	if (look(ctx, true, &d, &p))
		count(&d, &p);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
