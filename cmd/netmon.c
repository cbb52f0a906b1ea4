// SPDX-License-Identifier: GPL-2.0-only
/* netmon: which packets the kernel drops, where and why. */
#include <bpf/bpf.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bk.h"
#include "cbpf.h"
#include "netmon.h"
#include "netmon.skel.h"
#include "pcapng.h"
#include "pkt.h"
#include "version.h"

/* ---- options ---- */

static const char *const keys[] = { "netns",    "dmac",   "smac",     "dip",    "sip",   "flow",
				    "flow-src", "reason", "location", "ifname", "proto", NULL };
static const char *const sorts[] = { "total", "key", "lldp", "arp",   "ipv4", "ipv6",
				     "tcp",   "udp", "vrrp", "other", NULL };

static struct {
	int key;  /* index into keys; -1: lines */
	int sort; /* index into sorts; -1: by total */
	uint32_t threshold, top, rows, vlan;
	bool no_tcp, no_unix, only_ovs, no_ovs, stack;
	const char *reasons, *ifname, *proto, *filter, *write;
	struct bk_net host, net;
	struct bk_list ports;
} opt = { .key = -1, .sort = -1, .threshold = 1, .vlan = UINT32_MAX };

static const struct bk_opt opts[] = {
	BK_ENUM('s', "by", &opt.key, keys, "KEY",
		"count by this and report each interval, instead of a line a drop"),
	BK_LETTER('r', "interval"),
	BK_U32('t', "threshold", &opt.threshold, 1, UINT32_MAX, "N",
	       "only rows with at least N drops"),
	BK_U32(0, "top", &opt.top, 1, UINT32_MAX, "N", "only the first N rows"),
	BK_ENUM(0, "sort", &opt.sort, sorts, "COLUMN", "order of the rows"),
	BK_U32(0, "rows", &opt.rows, 1, 1 << 20, "N",
	       "how many keys can be told apart in an interval (1024; 4096 of addresses and flows)"),
	BK_FLAG('T', "no-tcp", &opt.no_tcp, "without TCP that came for this host"),
	BK_FLAG('U', "no-unix", &opt.no_unix, "without data of unix sockets"),
	BK_FLAG('o', "only-ovs", &opt.only_ovs, "only Open vSwitch upcalls"),
	BK_FLAG('O', "no-ovs", &opt.no_ovs, "without Open vSwitch upcalls"),
	BK_STR(0, "reason", &opt.reasons, "LIST",
	       "only these reasons; with a ! in front, all but these"),
	BK_IFNAME(0, "ifname", &opt.ifname, "NAME", "only this interface"),
	BK_HOST(0, "host", &opt.host, "ADDR", "only packets from or to this address"),
	BK_NET(0, "net", &opt.net, "NET", "only packets from or to this network"),
	BK_LIST(0, "port", &opt.ports, 0, 65535, "PORT,...",
		"only packets from or to one of these ports"),
	BK_STR(0, "proto", &opt.proto, "PROTO",
	       "only ip, ip6, arp, lldp, tcp, udp, icmp, icmp6, ... or an IP protocol number"),
	BK_U32(0, "vlan", &opt.vlan, 0, 4094, "ID", "only packets with this VLAN tag"),
	BK_STR('f', "filter", &opt.filter, "EXPR",
	       "only packets that match this expression, in the language of tcpdump"),
	BK_FLAG(0, "stack", &opt.stack, "the kernel's stack under each line"),
	BK_FILE('w', "write", &opt.write, "FILE",
		"write the packets to this file (- is stdout) as pcapng, instead of lines"),
	{ .type = BK_OPT_END }
};

/* What the run needs besides. */
static struct {
	struct bk_ksyms *ksyms;
	struct bk_enum reasons; /* of the core */
	struct bk_enum subsystems;
	struct bk_enum sub[8]; /* of subsystem 1 to 7, loaded when first met */
	bool sub_tried[8];
	bool reasons_loaded;
	struct bk_quiesce quiesce;
	struct bpf_insn filter[BK_CBPF_ROOM];
	int cpus;
	size_t key_size;   /* of union netmon_row_key, for this key */
	uint32_t max_rows;
	struct bk_col row_cols[32];
	uint64_t reported;  /* reports so far */
	uint64_t no_packet; /* drops that are no packets: not for a file */
} st = { .quiesce = { -1, -1 } };

/* ---- names ---- */

static const char *const pkt_types[8] = {
	[PACKET_HOST] = "this-host",      [PACKET_BROADCAST] = "broadcast",
	[PACKET_MULTICAST] = "multicast", [PACKET_OTHERHOST] = "other-host",
	[PACKET_OUTGOING] = "outgoing",   [PACKET_LOOPBACK] = "loopback",
	[PACKET_USER] = "to-user",        [PACKET_KERNEL] = "to-kernel",
};
static const char *const pkt_type_members[8] = {
	"this_host", "broadcast", "multicast", "other_host",
	"outgoing",  "loopback",  "to_user",   "to_kernel",
};

static const struct {
	const char *name;
	uint8_t proto;
} l4_names[] = {
	{ "icmp", PKT_IP_ICMP },
	{ "igmp", 2 },
	{ "ipip", 4 },
	{ "tcp", PKT_IP_TCP },
	{ "udp", PKT_IP_UDP },
	{ "ipv6", 41 },
	{ "gre", 47 },
	{ "esp", 50 },
	{ "ah", 51 },
	{ "icmp6", PKT_IP_ICMP6 },
	{ "ospf", 89 },
	{ "vrrp", PKT_IP_VRRP },
	{ "sctp", 132 },
};

static const struct {
	const char *name;
	uint16_t proto;
} eth_names[] = {
	{ "ip", PKT_ETH_IPV4 },
	{ "ip6", PKT_ETH_IPV6 },
	{ "arp", PKT_ETH_ARP },
	{ "lldp", PKT_ETH_LLDP },
};

/* Both write into their own buffer. */
static const char *l4_name(uint8_t proto)
{
	static char number[8];

	for (size_t i = 0; i < ARRAY_LEN(l4_names); i++)
		if (l4_names[i].proto == proto)
			return l4_names[i].name;
	snprintf(number, sizeof(number), "%u", proto);
	return number;
}

static const char *eth_name(uint16_t proto)
{
	static char number[8];

	for (size_t i = 0; i < ARRAY_LEN(eth_names); i++)
		if (eth_names[i].proto == proto)
			return eth_names[i].name;
	snprintf(number, sizeof(number), "0x%04x", proto);
	return number;
}

#define CORE_PREFIX "SKB_DROP_REASON_"
#define SUBSYS_PREFIX "SKB_DROP_REASON_SUBSYS_"

static void load_reasons(void)
{
	if (st.reasons_loaded)
		return;
	st.reasons_loaded = true;
	if (!bk_enum_load(&st.reasons, NULL, "skb_drop_reason", CORE_PREFIX))
		bk_enum_load(&st.subsystems, NULL, "skb_drop_reason_subsys", SUBSYS_PREFIX);
}

static bool has_reasons(void)
{
	load_reasons();
	return st.reasons.n;
}

/*
 * The high 16 bits name a subsystem, which numbers its own reasons in an enum of its module's BTF.
 */
static const struct bk_enum *subsystem_reasons(uint32_t sub)
{
	static const struct {
		const char *subsystem, *module, *type;
	} known[] = {
		{ "OPENVSWITCH", "openvswitch", "ovs_drop_reason" },
		{ "MAC80211_UNUSABLE", "mac80211", "mac80211_drop_reason" },
		{ "MAC80211_MONITOR", "mac80211", "mac80211_drop_reason" },
	};
	const char *name = bk_enum_name(&st.subsystems, sub);

	if (sub >= ARRAY_LEN(st.sub) || !name)
		return NULL;
	for (size_t i = 0; !st.sub_tried[sub] && i < ARRAY_LEN(known); i++)
		if (!strcmp(known[i].subsystem, name) &&
		    bk_enum_load(&st.sub[sub], known[i].module, known[i].type, "") == -ENOENT)
			bk_enum_load(&st.sub[sub], NULL, known[i].type, "");
	if (!st.sub_tried[sub])
		bk_btf_forget();
	st.sub_tried[sub] = true;
	return &st.sub[sub];
}

/* NULL where the kernel knows no reasons. */
static const char *reason_name(uint32_t reason)
{
	static char text[64];
	const struct bk_enum *e;
	const char *name;

	if (!has_reasons())
		return NULL;
	name = bk_enum_name(&st.reasons, reason);
	if (!name && reason >> 16) {
		e = subsystem_reasons(reason >> 16);
		name = e ? bk_enum_name(e, reason) : NULL;
	}
	if (name)
		return name;
	if (reason >> 16) {
		name = bk_enum_name(&st.subsystems, reason >> 16);
		snprintf(text, sizeof(text), "%s_%u", name ? name : "SUBSYSTEM", reason & 0xffff);
	} else {
		snprintf(text, sizeof(text), "%u", reason);
	}
	return text;
}

/*
 * Adds a string to one that ends at p, cut where the buffer ends, and returns its new end. Lines are made of these
 * and not by snprintf(), which takes more time than all the rest.
 */
static char *add(char *p, const char *end, const char *s)
{
	size_t n = strlen(s), room = end - p - 1;

	n = n < room ? n : room;
	memcpy(p, s, n);
	p[n] = 0;
	return p + n;
}

static char *add_hex(char *p, const char *end, uint64_t v)
{
	char digits[17], *d = digits + sizeof(digits) - 1;

	*d = 0;
	do
		*--d = "0123456789abcdef"[v & 15];
	while (v >>= 4);
	return add(p, end, d);
}

/*
 * "symbol+0xoffset [module]"; false if the symbol is not known. Addresses themselves are not shown.
 */
static bool location_text(uint64_t addr, char *buf, size_t size)
{
	const char *end = buf + size;
	struct bk_ksym s;

	if (!bk_ksyms_find(st.ksyms, addr, &s)) {
		add(buf, end, "unknown");
		return false;
	}
	buf = add(add(buf, end, s.name), end, "+0x");
	buf = add_hex(buf, end, s.offset);
	if (s.module)
		add(add(add(buf, end, " ["), end, s.module), end, "]");
	return true;
}

/* A name, else a process in it, else the number; "" if the namespace itself is not known. */
static void netns_text(uint32_t inode, char *buf, size_t size)
{
	const char *name = inode ? bk_netns_name(inode) : "";

	if (name)
		add(buf, buf + size, name);
	else
		snprintf(buf, size, "%u", inode);
}

/* ---- checks ---- */

static int parse_proto(struct netmon_config *c)
{
	uint64_t n;

	for (size_t i = 0; i < ARRAY_LEN(eth_names); i++)
		if (!strcasecmp(opt.proto, eth_names[i].name)) {
			c->has_eth = 1;
			c->eth_proto = eth_names[i].proto;
			return 0;
		}
	for (size_t i = 0; i < ARRAY_LEN(l4_names); i++)
		if (!strcasecmp(opt.proto, l4_names[i].name)) {
			c->has_l4 = 1;
			c->l4_proto = l4_names[i].proto;
			return 0;
		}
	if (bk_parse_u64(opt.proto, 0, 255, &n))
		return -EINVAL;
	c->has_l4 = 1;
	c->l4_proto = n;
	return 0;
}

/* With -w there are no lines, so nothing can be said of them. */
static int init_write(struct bk_run *run)
{
	const char *vain = opt.key >= 0                         ? "-s" :
			   opt.stack                            ? "--stack" :
			   run->opts.output != BK_OUT_TEXT      ? "--output json" :
			   run->opts.no_header                  ? "--no-header" :
			   run->opts.timestamp != BK_TIME_UNSET ? "--timestamp" :
								  NULL;

	if (vain) {
		bk_error("-w and %s cannot be given together: with -w nothing is printed", vain);
		return -EINVAL;
	}
	run->save = opt.write;
	run->cols = NULL;
	return 0;
}

/* Whatever is wrong with it, is so on each kernel. */
static int make_filter(void)
{
	char why[BK_CBPF_WHY];

	if (bk_cbpf_make(opt.filter, BK_CBPF_IN_WINDOW, st.filter, why) >= 0)
		return 0;
	/* what is wrong comes last, and a message has an end */
	bk_error("--filter: '%.100s%s' %s", opt.filter, strlen(opt.filter) > 100 ? "..." : "", why);
	return -EINVAL;
}

static int init(struct bk_run *run)
{
	struct netmon_config unused;

	if (opt.write && init_write(run))
		return -EINVAL;
	if (run->opts.timestamp == BK_TIME_UNSET)
		run->opts.timestamp = BK_TIME_WALL;

	if (opt.key < 0) {
		if (run->opts.interval || opt.top || opt.rows || opt.threshold > 1 ||
		    opt.sort >= 0) {
			bk_error("--interval, --threshold, --top, --sort and --rows "
				 "belong to a summary (-s KEY)");
			return -EINVAL;
		}
	} else {
		if (opt.stack) {
			bk_error("--stack belongs to lines; a summary (-s) has none");
			return -EINVAL;
		}
		if (!run->opts.interval)
			run->opts.interval = 10000000000;
		/* the counters of a row have 32 bits for each CPU */
		if (run->opts.interval > 3600000000000) {
			bk_error("--interval: at most an hour");
			return -EINVAL;
		}
		run->events = false;
	}
	if (opt.host.family && opt.net.family) {
		bk_error("--host and --net cannot be given together");
		return -EINVAL;
	}
	if (opt.only_ovs && opt.no_ovs) {
		bk_error("-o and -O cannot be given together");
		return -EINVAL;
	}
	if (opt.reasons && !opt.reasons[strspn(opt.reasons, "!,")]) {
		bk_error("--reason: '%s' names no reason", opt.reasons);
		return -EINVAL;
	}
	if (opt.ports.n > NETMON_PORTS) {
		bk_error("--port: at most %d ports", NETMON_PORTS);
		return -EINVAL;
	}
	if (opt.proto && parse_proto(&unused)) {
		bk_error("--proto: '%s' is neither the name of a protocol known here nor a number "
			 "up to 255",
			 opt.proto);
		return -EINVAL;
	}
	return opt.filter ? make_filter() : 0;
}

/* ---- before load ---- */

static int find_reason(const char *name, uint32_t *value)
{
	uint64_t n;

	if (!strncasecmp(name, CORE_PREFIX, strlen(CORE_PREFIX)))
		name += strlen(CORE_PREFIX);
	if (bk_enum_value(&st.reasons, name, value))
		return 0;
	for (uint32_t sub = 1; sub < ARRAY_LEN(st.sub); sub++) {
		const struct bk_enum *e = subsystem_reasons(sub);

		if (e && bk_enum_value(e, name, value))
			return 0;
	}
	if (bk_parse_u64(name, 0, UINT32_MAX, &n))
		return -EINVAL;
	*value = n;
	return 0;
}

static struct {
	uint32_t v[256];
	size_t n;
} wanted_reasons;

static int configure_reasons(struct bk_run *run, struct netmon_config *c)
{
	char *list, *name, *save = NULL;
	const char *s = opt.reasons;

	if (!has_reasons()) {
		bk_error("--reason: this kernel gives no reasons (5.17 and later do)");
		return -ECANCELED;
	}
	c->reasons = *s == '!' ? 2 : 1;
	list = strdup(*s == '!' ? s + 1 : s);
	if (!list)
		return -ENOMEM;
	wanted_reasons.n = 0;
	for (name = strtok_r(list, ",", &save); name; name = strtok_r(NULL, ",", &save)) {
		if (wanted_reasons.n == ARRAY_LEN(wanted_reasons.v) ||
		    find_reason(name, &wanted_reasons.v[wanted_reasons.n])) {
			bk_error(wanted_reasons.n == ARRAY_LEN(wanted_reasons.v) ?
					 "--reason: '%s' is one reason too many" :
					 "--reason: '%s' is no reason of this kernel's",
				 name);
			free(list);
			run->status = BK_EXIT_USAGE;
			return -ECANCELED;
		}
		wanted_reasons.n++;
	}
	free(list);
	return 0;
}

/* The functions in which a packet on its way to Open vSwitch's daemon can be freed. */
static int configure_ovs(struct netmon_config *c)
{
	static const char *const functions[] = { "queue_userspace_packet", "ovs_dp_upcall",
						 "ovs_dp_process_packet" };
	uint64_t ranges[NETMON_RANGES][2];
	int n = 0;

	for (size_t i = 0; i < ARRAY_LEN(functions); i++)
		n += bk_ksyms_range(st.ksyms, functions[i], ranges + n, NETMON_RANGES - n);
	if (!n && opt.only_ovs) {
		bk_error("-o: Open vSwitch is not in this kernel (modprobe openvswitch)");
		return -ECANCELED;
	}
	for (int i = 0; i < n; i++) {
		c->ovs_range[i][0] = ranges[i][0];
		c->ovs_range[i][1] = ranges[i][1];
	}
	c->ovs = n ? opt.only_ovs ? 1 : 2 : 0;
	return 0;
}

/*
 * Strangers choose addresses, so of these there can be many; of the rest there are few. There are
 * two tables, and in each of them room for the rows on every CPU.
 */
static uint32_t default_rows(int key)
{
	bool many = key == NETMON_DIP || key == NETMON_SIP || key == NETMON_FLOW ||
		    key == NETMON_FLOW_SRC;
	size_t row = st.cpus * (sizeof(struct netmon_row_id) + sizeof(struct netmon_row)) * 2;
	uint32_t n = many ? 4096 : 1024;

	while (n > 256 && n * row > 96 << 20)
		n /= 2;
	return n;
}

static size_t key_size(int key)
{
	switch (key) {
	case NETMON_NETNS:
	case NETMON_REASON:
		return sizeof(uint32_t);
	case NETMON_DIP:
	case NETMON_SIP:
		return sizeof(((union netmon_row_key *)0)->ip);
	case NETMON_FLOW:
	case NETMON_FLOW_SRC:
		return sizeof(((union netmon_row_key *)0)->flow);
	case NETMON_IFNAME:
		return sizeof(((union netmon_row_key *)0)->dev);
	default:
		return sizeof(uint64_t);
	}
}

/* On a kernel without reasons the place is what comes nearest to one. */
static void without_reasons(void)
{
	if (opt.key + 1 != NETMON_REASON || has_reasons())
		return;
	bk_note("this kernel gives no reasons (5.17 and later do): counting by location instead");
	opt.key = NETMON_LOCATION - 1;
}

static size_t row_id_size(void)
{
	return offsetof(struct netmon_row_id, key) + st.key_size;
}

/* Room for so many keys on each CPU. */
static int set_table(struct bpf_map *map, uint32_t room, size_t size)
{
	uint64_t n = (uint64_t)room * st.cpus;
	int err = bpf_map__set_max_entries(map, n < 1 << 30 ? n : 1 << 30);

	return err ? err : bpf_map__set_key_size(map, size);
}

/* What the program has to know of a packet, for its key and for the filters. */
static uint8_t wanted(uint32_t key)
{
	bool flow = key == NETMON_FLOW || key == NETMON_FLOW_SRC;
	uint8_t want = 0;

	if (key == NETMON_DMAC || key == NETMON_SMAC)
		want |= PKT_WANT_MAC;
	if (flow || key == NETMON_DIP || key == NETMON_SIP || opt.host.family || opt.net.family)
		want |= PKT_WANT_ADDR;
	if (flow || opt.ports.n)
		want |= PKT_WANT_L4;
	return want;
}

static int configure(struct bk_run *run, void *skel)
{
	struct netmon_bpf *s = skel;
	struct netmon_config *c = (struct netmon_config *)&s->rodata->config;
	const struct bk_net *net = opt.host.family ? &opt.host : &opt.net;
	int err = 0;

	st.cpus = libbpf_num_possible_cpus();
	if (st.cpus < 0)
		return st.cpus;
	if (!st.ksyms)
		st.ksyms = bk_ksyms_open();
	if (!st.ksyms)
		bk_debug("/proc/kallsyms cannot be read: locations will be unknown");
	without_reasons();
	c->key = opt.key + 1;
	c->stack = opt.stack;
	c->skip_tcp = opt.no_tcp;
	c->skip_unix = opt.no_unix;
	c->want_device = !c->key || c->key == NETMON_NETNS || c->key == NETMON_IFNAME || opt.ifname ||
			 run->opts.filter.netns;
	c->want_name = opt.ifname || !c->key || c->key == NETMON_IFNAME;
	c->want = wanted(c->key);
	if (opt.ifname) {
		c->has_ifname = 1;
		memcpy(c->ifname, opt.ifname, strlen(opt.ifname));
		memset(c->ifname_mask, 0xff, strlen(opt.ifname) + 1);
	}
	if (net->family) {
		c->addr_family = net->family;
		memcpy(c->addr, net->addr, sizeof(c->addr));
		for (int i = 0; i < net->bits; i++)
			((uint8_t *)c->mask)[i / 8] |= 0x80 >> i % 8;
	}
	if (opt.proto)
		parse_proto(c);
	c->nports = opt.ports.n;
	for (unsigned int i = 0; i < opt.ports.n; i++)
		c->ports[i] = opt.ports.v[i];
	c->has_vlan = opt.vlan != UINT32_MAX;
	c->vlan = opt.vlan;
	if (opt.reasons)
		err = configure_reasons(run, c);
	if (!err && (opt.only_ovs || opt.no_ovs))
		err = configure_ovs(c);
	if (err)
		return err;
	c->has_filter = !!opt.filter;
	bpf_map__set_autocreate(s->maps.reasons, opt.reasons);
	bpf_map__set_autocreate(s->maps.bk_window, opt.filter);
	bpf_program__set_autoload(c->key ? s->progs.line__tp_btf : s->progs.count__tp_btf, false);
	if (opt.filter) {
		err = bk_cbpf_put(st.filter, BK_CBPF_IN_WINDOW, s->obj);
		if (err)
			return err;
	}
	if (!c->key) {
		bpf_map__set_autocreate(s->maps.rows0, false);
		bpf_map__set_autocreate(s->maps.rows1, false);
		bpf_map__set_autocreate(s->maps.sites0, false);
		bpf_map__set_autocreate(s->maps.sites1, false);
		bpf_map__set_autocreate(s->maps.totals, false);
		return 0;
	}
	st.max_rows = opt.rows ? opt.rows : default_rows(c->key);
	st.key_size = key_size(c->key);
	err = set_table(s->maps.rows0, st.max_rows, row_id_size());
	err = err ? err : set_table(s->maps.rows1, st.max_rows, row_id_size());
	err = err ? err : set_table(s->maps.sites0, NETMON_SITES, sizeof(struct netmon_site));
	return err ? err : set_table(s->maps.sites1, NETMON_SITES, sizeof(struct netmon_site));
}

static int attach(struct bk_run *run, void *skel)
{
	const struct netmon_bpf *s = skel;
	uint8_t yes = 1;
	int err = 0;

	for (size_t i = 0; !err && i < wanted_reasons.n; i++)
		err = bpf_map_update_elem(bpf_map__fd(s->maps.reasons), &wanted_reasons.v[i], &yes,
					  BPF_ANY);
	return err ? err : bk_attach(run);
}

static void begin_file(struct bk_out *o);

static int started(struct bk_run *run, void *skel)
{
	struct netmon_bpf *s = skel;

	load_reasons();
	if (opt.write)
		begin_file(run->out);
	if (opt.key < 0)
		return 0;
	run->map_fd = bpf_map__fd(s->maps.rows0);
	return bk_quiesce_open(&st.quiesce);
}

static void start_json(struct bk_run *run, struct bk_out *o)
{
	bk_json_bool(o, "reasons", has_reasons());
	if (opt.key >= 0) {
		bk_json_str(o, "by", keys[opt.key], 16);
		bk_json_u64(o, "interval_ms", run->opts.interval / 1000000);
	}
}

/* ---- one line a drop ---- */

/* Which members of a struct drop mean something. */
enum {
	H_IFNAME = 1 << 0,
	H_IFINDEX = 1 << 1,
	H_NETNS = 1 << 2,
	H_REASON = 1 << 3,
	H_LOCATION = 1 << 4,
	H_MAC = 1 << 5,
	H_VLAN = 1 << 6,
	H_INNER_VLAN = 1 << 7,
	H_ADDR = 1 << 8,
	H_PORTS = 1 << 9,
	H_TCP = 1 << 10,
	H_ICMP = 1 << 11,
	H_ARP = 1 << 12,
	H_FRAGMENT = 1 << 13,
	H_TRUNCATED = 1 << 14,
	H_MALFORMED = 1 << 15,
	H_PAYLOAD = 1 << 16,
	H_PROTO = 1 << 17,
	H_STACK = 1 << 18,
	H_PACKET = 1 << 19,
	H_ROWS = 1 << 20,
};

struct drop {
	uint64_t has;
	const struct netmon_event *e;
	uint64_t time;
	char ifname[24];
	uint32_t ifindex, netns, len, frags, gso_segs, reason_code;
	const char *kind, *pkt_type, *reason, *proto, *arp_op;
	char netns_name[64], location[160];
	uint32_t vlan, inner_vlan;
	struct bk_net src, dst;
	struct pkt p;
	bool yes;
	unsigned int frames;
	const uint64_t *stack;
};

static void put_tcp_flags(struct bk_out *o, const void *rec)
{
	static const struct {
		unsigned int bit;
		const char *name;
	} names[] = { { PKT_TCP_SYN, "SYN" }, { PKT_TCP_FIN, "FIN" }, { PKT_TCP_RST, "RST" },
		      { PKT_TCP_PSH, "PSH" }, { PKT_TCP_ACK, "ACK" }, { PKT_TCP_URG, "URG" } };
	const struct drop *d = rec;
	bool any = false;

	if (o->json)
		bk_putc(o, '"');
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (!(d->p.tcp_flags & names[i].bit))
			continue;
		if (any)
			bk_putc(o, ' ');
		bk_puts(o, names[i].name);
		any = true;
	}
	if (o->json)
		bk_putc(o, '"');
}

static void put_stack(struct bk_out *o, const void *rec)
{
	const struct drop *d = rec;
	char text[160];

	bk_putc(o, '[');
	for (unsigned int i = 0; i < d->frames; i++) {
		location_text(d->stack[i], text, sizeof(text));
		bk_puts(o, i ? ",\"" : "\"");
		bk_put_text(o, text, sizeof(text));
		bk_putc(o, '"');
	}
	bk_putc(o, ']');
}

static void put_number(struct bk_out *o, const char *what, uint64_t v)
{
	bk_puts(o, what);
	bk_put_u64(o, v);
}

static void put_endpoint(struct bk_out *o, const struct drop *d, const struct bk_net *a,
			 uint16_t port)
{
	bool brackets = a->family == 6 && d->has & H_PORTS;

	if (brackets)
		bk_putc(o, '[');
	bk_put_ip(o, a->family, a->addr);
	if (brackets)
		bk_putc(o, ']');
	if (d->has & H_PORTS)
		put_number(o, ":", port);
}

/* The headers as text. */
static void put_packet(struct bk_out *o, const void *rec)
{
	const struct drop *d = rec;
	char upper[16];
	size_t i;

	if (!(d->has & H_PACKET)) {
		bk_puts(o, d->e->kind == NETMON_UNIX    ? "data of a unix socket" :
			   d->e->kind == NETMON_NETLINK ? "netlink message" :
							  "no packet header");
		return;
	}
	if (d->has & H_MAC) {
		bk_put_mac(o, d->p.smac);
		bk_puts(o, " > ");
		bk_put_mac(o, d->p.dmac);
		bk_putc(o, ' ');
	}
	if (d->has & H_VLAN) {
		put_number(o, "vlan ", d->vlan);
		bk_putc(o, ' ');
	}
	if (d->has & H_INNER_VLAN) {
		put_number(o, "vlan ", d->inner_vlan);
		bk_putc(o, ' ');
	}
	if (d->has & H_ARP) {
		bk_puts(o, "ARP ");
		bk_puts(o, d->arp_op);
		bk_putc(o, ' ');
		bk_put_ip(o, 4, d->p.arp_op == 1 ? d->p.dst : d->p.src);
		bk_puts(o, d->p.arp_op == 1 ? " tell " : " to ");
		bk_put_ip(o, 4, d->p.arp_op == 1 ? d->p.src : d->p.dst);
	} else if (d->has & H_ADDR) {
		bk_puts(o, d->src.family == 4 ? "IP " : "IP6 ");
		put_endpoint(o, d, &d->src, d->p.sport);
		bk_puts(o, " > ");
		put_endpoint(o, d, &d->dst, d->p.dport);
		for (i = 0; d->proto[i] && i < sizeof(upper) - 1; i++)
			upper[i] = d->proto[i] >= 'a' && d->proto[i] <= 'z' ? d->proto[i] - 32 :
									      d->proto[i];
		upper[i] = 0;
		bk_puts(o, *upper >= '0' && *upper <= '9' ? " protocol " : " ");
		bk_puts(o, upper);
		if (d->has & H_TCP && d->p.tcp_flags & 0x3f) {
			bk_putc(o, ' ');
			put_tcp_flags(o, d);
		}
		if (d->has & H_TCP)
			put_number(o, " seq ", d->p.tcp_seq);
		if (d->has & H_ICMP) {
			put_number(o, " type ", d->p.icmp_type);
			put_number(o, " code ", d->p.icmp_code);
		}
		if (d->has & H_PAYLOAD)
			put_number(o, " length ", d->p.payload);
		if (d->has & H_FRAGMENT)
			put_number(o, " fragment at ", d->p.frag_off);
	} else if (d->p.flags & PKT_LLC) {
		bk_puts(o, "LLC");
	} else if (d->p.eth_proto == PKT_ETH_LLDP) {
		bk_puts(o, "LLDP");
	} else if (d->p.eth_proto) {
		bk_printf(o, "ethertype 0x%04x", d->p.eth_proto);
	}
	if (d->has & H_TRUNCATED)
		bk_puts(o, " (headers cut off)");
	if (d->has & H_MALFORMED)
		bk_puts(o, " (malformed)");
}

static void put_ifname(struct bk_out *o, const void *rec)
{
	const struct drop *d = rec;

	if (d->has & H_IFNAME)
		bk_put_text(o, d->ifname, sizeof(d->ifname));
	else if (d->has & H_IFINDEX)
		put_number(o, "if", d->ifindex);
	else
		bk_putc(o, '-');
}

static void put_reason(struct bk_out *o, const void *rec)
{
	const struct drop *d = rec;

	bk_puts(o, d->has & H_REASON ? d->reason : "(not told)");
}

static const struct bk_col cols[] = {
	BK_COL("TIME", "time", BK_COL_TIME, -15, struct drop, time),
	BK_COL(NULL, "kind", BK_COL_PTR, 0, struct drop, kind),
	{ "IFACE", NULL, BK_COL_STR, -10, .put = put_ifname },
	BK_COL_IF(H_IFNAME, NULL, "ifname", BK_COL_STR, 0, struct drop, ifname),
	BK_COL_IF(H_IFINDEX, NULL, "ifindex", BK_COL_U32, 0, struct drop, ifindex),
	BK_COL("TYPE", "pkt_type", BK_COL_PTR, -10, struct drop, pkt_type),
	BK_COL_IF(H_NETNS, "NETNS", "netns_name", BK_COL_STR, -12, struct drop, netns_name),
	BK_COL_IF(H_NETNS, NULL, "netns", BK_COL_U32, 0, struct drop, netns),
	BK_COL("LEN", "len", BK_COL_U32, 5, struct drop, len),
	BK_COL("FRAGS", "frags", BK_COL_U32, 5, struct drop, frags),
	BK_COL("SEGS", "gso_segs", BK_COL_U32, 4, struct drop, gso_segs),
	{ "REASON", NULL, BK_COL_STR, -20, .put = put_reason },
	BK_COL_IF(H_REASON, NULL, "reason", BK_COL_PTR, 0, struct drop, reason),
	BK_COL_IF(H_REASON, NULL, "reason_code", BK_COL_U32, 0, struct drop, reason_code),
	BK_COL("LOCATION", "location", BK_COL_STR, -28, struct drop, location),
	{ "PACKET", NULL, BK_COL_STR, 0, .put = put_packet },
	BK_COL_IF(H_MAC, NULL, "smac", BK_COL_MAC, 0, struct drop, p.smac),
	BK_COL_IF(H_MAC, NULL, "dmac", BK_COL_MAC, 0, struct drop, p.dmac),
	BK_COL_IF(H_VLAN, NULL, "vlan", BK_COL_U32, 0, struct drop, vlan),
	BK_COL_IF(H_INNER_VLAN, NULL, "inner_vlan", BK_COL_U32, 0, struct drop, inner_vlan),
	BK_COL_IF(H_PACKET, NULL, "ethertype", BK_COL_U16, 0, struct drop, p.eth_proto),
	BK_COL_IF(H_PROTO, NULL, "proto", BK_COL_PTR, 0, struct drop, proto),
	BK_COL_IF(H_ADDR, NULL, "saddr", BK_COL_IP, 0, struct drop, src),
	BK_COL_IF(H_ADDR, NULL, "daddr", BK_COL_IP, 0, struct drop, dst),
	BK_COL_IF(H_PORTS, NULL, "sport", BK_COL_U16, 0, struct drop, p.sport),
	BK_COL_IF(H_PORTS, NULL, "dport", BK_COL_U16, 0, struct drop, p.dport),
	{ NULL, "tcp_flags", BK_COL_U64, .has = H_TCP, .put = put_tcp_flags },
	BK_COL_IF(H_TCP, NULL, "tcp_seq", BK_COL_U32, 0, struct drop, p.tcp_seq),
	BK_COL_IF(H_ARP, NULL, "arp_op", BK_COL_PTR, 0, struct drop, arp_op),
	BK_COL_IF(H_ICMP, NULL, "icmp_type", BK_COL_U8, 0, struct drop, p.icmp_type),
	BK_COL_IF(H_ICMP, NULL, "icmp_code", BK_COL_U8, 0, struct drop, p.icmp_code),
	BK_COL_IF(H_PAYLOAD, NULL, "payload_bytes", BK_COL_U32, 0, struct drop, p.payload),
	BK_COL_IF(H_FRAGMENT, NULL, "fragment_offset", BK_COL_U16, 0, struct drop, p.frag_off),
	BK_COL_IF(H_TRUNCATED, NULL, "truncated", BK_COL_BOOL, 0, struct drop, yes),
	BK_COL_IF(H_MALFORMED, NULL, "malformed", BK_COL_BOOL, 0, struct drop, yes),
	{ NULL, "stack", BK_COL_U64, .has = H_STACK, .put = put_stack },
	{ .kind = BK_COL_END }
};

static void set_addr(struct bk_net *n, bool v6, const unsigned char *addr)
{
	n->family = v6 ? 6 : 4;
	n->bits = v6 ? 128 : 32;
	memcpy(n->addr, addr, 16);
}

static void add_vlan(struct drop *d, uint16_t tci)
{
	if (!(d->has & H_VLAN))
		d->vlan = tci & 0xfff;
	else
		d->inner_vlan = tci & 0xfff;
	d->has |= d->has & H_VLAN ? H_INNER_VLAN : H_VLAN;
}

static void decode(struct drop *d)
{
	static const char *const arp_ops[] = { "0", "request", "reply" };
	static char arp_number[8];
	const struct netmon_event *e = d->e;
	struct pkt_src src = { e->bytes, e->cap_len };
	struct pkt *p = &d->p;

	if (e->kind != NETMON_L2 && e->kind != NETMON_L3)
		return;
	if (e->kind == NETMON_L2)
		pkt_parse(&src, PKT_WANT_ALL, p);
	else
		pkt_parse_l3(&src, 0, e->protocol, PKT_WANT_ALL, p);
	d->has |= H_PACKET;
	if (p->flags & PKT_MAC)
		d->has |= H_MAC;
	if (e->vlan_proto)
		add_vlan(d, e->vlan_tci);
	for (int i = 0; i < p->vlans; i++)
		add_vlan(d, p->vlan[i]);
	if (p->flags & (PKT_V4 | PKT_V6 | PKT_ARP)) {
		set_addr(&d->src, p->flags & PKT_V6, p->src);
		set_addr(&d->dst, p->flags & PKT_V6, p->dst);
		d->has |= H_ADDR | H_PROTO;
	}
	if (p->flags & (PKT_V4 | PKT_V6)) {
		d->proto = l4_name(p->l4_proto);
	} else if (p->eth_proto) {
		d->proto = eth_name(p->eth_proto);
		d->has |= H_PROTO;
	}
	if (p->flags & PKT_PORTS)
		d->has |= H_PORTS;
	if (p->flags & PKT_TCP)
		d->has |= H_TCP;
	if (p->flags & PKT_ICMP)
		d->has |= H_ICMP;
	if (p->flags & PKT_PAYLOAD)
		d->has |= H_PAYLOAD;
	if (p->flags & PKT_FRAGMENT)
		d->has |= H_FRAGMENT;
	if (p->flags & PKT_TRUNCATED)
		d->has |= H_TRUNCATED;
	if (p->flags & PKT_MALFORMED)
		d->has |= H_MALFORMED;
	if (p->flags & PKT_ARP) {
		d->has |= H_ARP;
		d->arp_op = p->arp_op < ARRAY_LEN(arp_ops) ? arp_ops[p->arp_op] : arp_number;
		if (d->arp_op == arp_number)
			snprintf(arp_number, sizeof(arp_number), "%u", p->arp_op);
	}
}

/* ---- packets to a file (-w) ---- */

enum {
	INTERFACES = 4096, /* that are told apart */
	MACS_LEN = 12, /* of an Ethernet header: what is in front of the tags */
	TAG_LEN = 4,
	TYPE_LEN = 2, /* behind the tags */
	SNAPLEN = NETMON_BYTES + MACS_LEN + TAG_LEN + TYPE_LEN,
};

/* All interfaces that the file has, by name and namespace, in a hash half of which is empty. */
static struct interface {
	uint32_t number; /* 0: an empty place */
	uint32_t netns;
	char name[16];
} interfaces[2 * INTERFACES];
static uint32_t ninterfaces;

/* The first interface is none: it has the statistics, as what was lost is not known by interface. */
static void begin_file(struct bk_out *o)
{
	struct bk_pcapng_interface any = {
		.name = "any",
		.description = "all interfaces; only the statistics belong to this one",
		.link_type = BK_LINK_ETHERNET,
		.snaplen = SNAPLEN,
	};

	bk_pcapng_section(o, "bpfkit netmon " BPFKIT_VERSION);
	bk_pcapng_put_interface(o, &any);
	ninterfaces = 1;
}

static void put_interface(struct bk_out *o, const struct interface *i, const struct drop *d)
{
	char text[128], *p = text, *end = text + sizeof(text);
	struct bk_pcapng_interface pcapng = {
		.name = i->name, .description = text, .link_type = BK_LINK_ETHERNET, .snaplen = SNAPLEN
	};

	*p = 0;
	if (i->netns)
		add(add(p, end, "network namespace "), end, d->netns_name);
	bk_pcapng_put_interface(o, &pcapng);
}

static struct interface *find_interface(const struct interface *key)
{
	const unsigned char *name = (const unsigned char *)key->name;
	uint32_t hash = key->netns * 31;
	struct interface *i;

	for (size_t c = 0; c < sizeof(key->name); c++)
		hash = (hash ^ name[c]) * 16777619; /* FNV */
	for (;; hash++) {
		i = &interfaces[hash % ARRAY_LEN(interfaces)];
		if (!i->number ||
		    (i->netns == key->netns && !memcmp(i->name, key->name, sizeof(i->name))))
			return i;
	}
}

/*
 * The number of the drop's interface, which is written to the file first if it is new. Where there are too many
 * there is one without a name; false.
 */
static bool interface_number(struct bk_out *o, const struct drop *d, uint32_t *number)
{
	struct interface key = { .netns = d->netns }, *i;
	bool fits;

	if (d->has & H_IFNAME)
		memcpy(key.name, d->ifname, strnlen(d->ifname, sizeof(key.name) - 1));
	else if (d->has & H_IFINDEX)
		snprintf(key.name, sizeof(key.name), "if%u", d->ifindex);
	i = find_interface(&key);
	fits = i->number || ninterfaces < INTERFACES;
	if (!fits) {
		key = (struct interface){ 0 };
		i = find_interface(&key);
	}
	if (!i->number) {
		put_interface(o, &key, d);
		*i = key;
		i->number = ninterfaces++;
	}
	*number = i->number;
	return fits;
}

/*
 * What the comment says: all that the drop has and the format has no place for. Last comes the name of the namespace,
 * which can be that of a process, so any text.
 */
static void comment(const struct drop *d, bool named, bool tagged, char *p, char *end)
{
	char number[16];

	*p = 0;
	if (d->has & H_REASON)
		p = add(add(add(p, end, "reason: "), end, d->reason), end, ", ");
	p = add(add(p, end, "location: "), end, d->location);
	if (d->e->kind == NETMON_L3)
		p = add(p, end, ", link header: made up");
	if (!named && d->has & H_IFNAME)
		p = add(add(p, end, ", interface: "), end, d->ifname);
	if (d->e->vlan_proto && !tagged) {
		snprintf(number, sizeof(number), "%u", d->e->vlan_tci & 0xfff);
		p = add(add(p, end, ", vlan: "), end, number);
	}
	if (d->has & H_NETNS)
		add(add(p, end, ", netns: "), end, d->netns_name);
}

static uint32_t packet_flags(const struct netmon_event *e)
{
	switch (e->pkt_type) {
	case PACKET_OUTGOING:
		return BK_PCAPNG_OUT;
	case PACKET_BROADCAST:
		return BK_PCAPNG_IN | BK_PCAPNG_BROADCAST;
	case PACKET_MULTICAST:
		return BK_PCAPNG_IN | BK_PCAPNG_MULTICAST;
	case PACKET_OTHERHOST:
		return BK_PCAPNG_IN | BK_PCAPNG_PROMISCUOUS;
	}
	return 0; /* PACKET_HOST is also what this host has made itself */
}

static void put_be16(uint8_t *p, uint16_t v)
{
	p[0] = v >> 8;
	p[1] = v;
}

/* The frame with the tag that was held outside of it; returns how much was added. */
static uint32_t tagged_frame(const struct netmon_event *e, uint8_t *to)
{
	uint32_t tag = e->vlan_proto && e->cap_len >= MACS_LEN ? TAG_LEN : 0,
		 macs = tag ? MACS_LEN : 0;

	memcpy(to, e->bytes, macs);
	if (tag) {
		put_be16(to + MACS_LEN, e->vlan_proto);
		put_be16(to + MACS_LEN + 2, e->vlan_tci);
	}
	memcpy(to + macs + tag, e->bytes + macs, e->cap_len - macs);
	return tag;
}

/*
 * A packet without a link header gets one, with addresses that are zero: what reads a file by libpcap wants one link
 * type for all of it. Returns how much was added.
 */
static uint32_t made_up_frame(const struct netmon_event *e, uint8_t *to)
{
	uint8_t *p = to + MACS_LEN;

	memset(to, 0, MACS_LEN);
	if (e->vlan_proto) {
		put_be16(p, e->vlan_proto);
		put_be16(p + 2, e->vlan_tci);
		p += TAG_LEN;
	}
	put_be16(p, e->protocol);
	p += TYPE_LEN;
	memcpy(p, e->bytes, e->cap_len);
	return p - to;
}

/* What can stand in a frame of Ethernet; numbers too small for a type are the kernel's own. */
static bool is_packet(const struct netmon_event *e)
{
	return e->kind == NETMON_L2 || (e->kind == NETMON_L3 && e->protocol >= PKT_ETH_MIN);
}

static void save(struct bk_run *run, const struct drop *d)
{
	const struct netmon_event *e = d->e;
	uint8_t frame[SNAPLEN];
	char text[512];
	struct bk_pcapng_packet p = { .time = bk_wall(e->time),
				      .data = frame,
				      .comment = text,
				      .flags = packet_flags(e) };
	uint32_t more;
	bool named;

	if (!is_packet(e)) {
		run->left_out++;
		st.no_packet++;
		return;
	}
	more = e->kind == NETMON_L2 ? tagged_frame(e, frame) : made_up_frame(e, frame);
	p.cap_len = e->cap_len + more;
	p.len = (e->wire_len > e->cap_len ? e->wire_len : e->cap_len) + more;
	named = interface_number(run->out, d, &p.interface);
	comment(d, named, more, text, text + sizeof(text));
	bk_pcapng_put_packet(run->out, &p);
	run->printed++;
}

static void ended(struct bk_run *run)
{
	uint64_t now = bk_wall(bk_now());
	struct bk_pcapng_statistics s = { .time = now,
					  .start = bk_wall(run->start_ns),
					  .end = now,
					  .lost = run->books->lost,
					  .delivered = run->printed };

	if (!opt.write)
		return;
	bk_pcapng_put_statistics(run->out, &s);
	if (st.no_packet)
		bk_note("%llu drops are not in the file: they are no packets of a network (data of sockets), or "
			"their headers could not be found",
			(unsigned long long)st.no_packet);
}

/* ---- a drop ---- */

static int event(struct bk_run *run, const void *rec, size_t len)
{
	static const char *const kinds[] = {
		[NETMON_NONE] = "unknown", [NETMON_L2] = "packet",       [NETMON_L3] = "packet",
		[NETMON_UNIX] = "unix",    [NETMON_NETLINK] = "netlink",
	};
	const struct netmon_stack_event *with_stack = rec;
	const struct netmon_event *e = rec;
	struct drop d = { .e = e };

	if (len < sizeof(*e) || e->cap_len > sizeof(e->bytes))
		return -EPROTO;
	d.yes = true;
	d.time = e->time;
	d.kind = e->kind < ARRAY_LEN(kinds) ? kinds[e->kind] : kinds[0];
	d.pkt_type = pkt_types[e->pkt_type & 7];
	d.len = e->len;
	d.frags = e->nr_frags;
	d.gso_segs = e->gso_segs;
	d.ifindex = e->ifindex;
	d.netns = e->netns;
	d.reason_code = e->reason;
	memcpy(d.ifname, e->ifname, strnlen(e->ifname, sizeof(e->ifname)));
	/*
	 * only the index is left: it says which interface within a namespace, of which we know one
	 */
	if (!d.ifname[0] && e->ifindex && e->netns && e->netns == bk_netns_self())
		if_indextoname(e->ifindex, d.ifname);
	if (d.ifname[0])
		d.has |= H_IFNAME;
	if (e->ifindex)
		d.has |= H_IFINDEX;
	if (e->netns) {
		d.has |= H_NETNS;
		netns_text(e->netns, d.netns_name, sizeof(d.netns_name));
	}
	d.reason = reason_name(e->reason);
	if (d.reason)
		d.has |= H_REASON;
	location_text(e->location, d.location, sizeof(d.location));
	if (opt.write) {
		save(run, &d);
		return 0;
	}
	decode(&d);
	if (opt.stack && len >= sizeof(*with_stack)) {
		d.has |= H_STACK;
		d.frames = with_stack->stack_bytes / sizeof(uint64_t);
		if (d.frames > NETMON_STACK)
			d.frames = NETMON_STACK;
		d.stack = (const uint64_t *)with_stack->stack;
		/* above the place of the drop are only the tracepoint and our own program */
		for (unsigned int i = 0; i < d.frames; i++)
			if (d.stack[i] == e->location) {
				d.stack += i;
				d.frames -= i;
				break;
			}
	}
	bk_emit(run, cols, "drop", &d);
	for (unsigned int i = 0; i < d.frames && !run->out->json; i++) {
		location_text(d.stack[i], d.location, sizeof(d.location));
		bk_puts(run->out, "    ");
		bk_put_text(run->out, d.location, sizeof(d.location));
		bk_putc(run->out, '\n');
	}
	return 0;
}

/* ---- summaries ---- */

enum column {
	C_LLDP,
	C_ARP,
	C_ARP_REQUEST,
	C_ARP_REPLY,
	C_ARP_OTHER,
	C_IPV4,
	C_IPV6,
	C_TCP,
	C_TCP_SYN,
	C_TCP_RESET,
	C_TCP_FIN,
	C_UDP,
	C_VRRP,
	C_OTHER,
	C_TOTAL,
	COLUMNS,
};

static const struct {
	const char *head, *name;
} columns[COLUMNS] = {
	{ "LLDP", "lldp" },           { "ARP", "arp" },
	{ "ARP req", "arp_request" }, { "ARP reply", "arp_reply" },
	{ "ARP other", "arp_other" }, { "IPv4", "ipv4" },
	{ "IPv6", "ipv6" },           { "TCP", "tcp" },
	{ "TCP syn", "tcp_syn" },     { "TCP reset", "tcp_reset" },
	{ "TCP fin", "tcp_fin" },     { "UDP", "udp" },
	{ "VRRP", "vrrp" },           { "other", "other" },
	{ "total", "total" },
};

struct row {
	uint64_t has; /* as in struct drop */
	uint64_t time;
	union netmon_row_key key;
	const char *by;
	const char *label; /* instead of a key */
	char text[160];
	char proto[16];
	struct bk_net src, dst;
	uint32_t netns;
	uint32_t rows; /* that one line stands for */
	uint64_t n[NETMON_CLASSES];
	uint64_t col[COLUMNS];
};

static void sum_columns(struct row *r)
{
	uint64_t *c = r->col;

	memset(c, 0, sizeof(r->col));
	for (int v6 = 0; v6 < 2; v6++) {
		const uint64_t *n = r->n + (v6 ? NETMON_CLASS_IPV6 : NETMON_CLASS_IPV4);
		uint64_t tcp = 0, all = 0;

		for (int i = 0; i < NETMON_IP_UDP; i++) {
			tcp += n[i];
			c[C_TCP_SYN] += i & NETMON_TCP_SYN ? n[i] : 0;
			c[C_TCP_RESET] += i & NETMON_TCP_RST ? n[i] : 0;
			c[C_TCP_FIN] += i & NETMON_TCP_FIN ? n[i] : 0;
		}
		all = tcp + n[NETMON_IP_UDP] + n[NETMON_IP_VRRP] + n[NETMON_IP_OTHER];
		c[C_TCP] += tcp;
		c[C_UDP] += n[NETMON_IP_UDP];
		c[C_VRRP] += n[NETMON_IP_VRRP];
		c[v6 ? C_IPV6 : C_IPV4] += all;
	}
	c[C_LLDP] = r->n[NETMON_CLASS_LLDP];
	c[C_ARP_REQUEST] = r->n[NETMON_CLASS_ARP_REQUEST];
	c[C_ARP_REPLY] = r->n[NETMON_CLASS_ARP_REPLY];
	c[C_ARP_OTHER] = r->n[NETMON_CLASS_ARP_OTHER];
	c[C_ARP] = c[C_ARP_REQUEST] + c[C_ARP_REPLY] + c[C_ARP_OTHER];
	c[C_OTHER] = r->n[NETMON_CLASS_OTHER];
	c[C_TOTAL] = c[C_LLDP] + c[C_ARP] + c[C_IPV4] + c[C_IPV6] + c[C_OTHER];
}

/* ---- the key's columns ---- */

static void put_key(struct bk_out *o, const void *rec)
{
	const struct row *r = rec;

	if (r->rows)
		bk_printf(o, "%u ", r->rows);
	if (r->label) {
		bk_puts(o, r->label);
		return;
	}
	switch (opt.key + 1) {
	case NETMON_DMAC:
	case NETMON_SMAC:
		bk_put_mac(o, r->key.mac.mac);
		break;
	case NETMON_DIP:
	case NETMON_SIP:
		bk_put_ip(o, r->src.family, r->src.addr);
		break;
	case NETMON_FLOW:
	case NETMON_FLOW_SRC: {
		struct drop d = { .has = r->has, .src = r->src, .dst = r->dst };

		if (r->has & H_ADDR) {
			put_endpoint(o, &d, &d.src, r->key.flow.sport);
			bk_puts(o, opt.key + 1 == NETMON_FLOW ? " <> " : " > ");
			put_endpoint(o, &d, &d.dst, r->key.flow.dport);
			bk_putc(o, ' ');
		}
		bk_puts(o, r->proto);
		break;
	}
	default:
		bk_put_text(o, r->text, sizeof(r->text));
	}
}

/* What JSON has for each key, besides the counts. */
static const struct bk_col key_cols[][8] = {
	[NETMON_NETNS] = { BK_COL_IF(H_NETNS, NULL, "netns", BK_COL_U32, 0, struct row, netns),
			   BK_COL_IF(H_NETNS, NULL, "netns_name", BK_COL_STR, 0, struct row,
				     text) },
	[NETMON_DMAC] = { BK_COL_IF(H_MAC, NULL, "dmac", BK_COL_MAC, 0, struct row, key.mac.mac) },
	[NETMON_SMAC] = { BK_COL_IF(H_MAC, NULL, "smac", BK_COL_MAC, 0, struct row, key.mac.mac) },
	[NETMON_DIP] = { BK_COL_IF(H_ADDR, NULL, "dip", BK_COL_IP, 0, struct row, src) },
	[NETMON_SIP] = { BK_COL_IF(H_ADDR, NULL, "sip", BK_COL_IP, 0, struct row, src) },
	[NETMON_FLOW] = { { NULL, "flow", BK_COL_STR, .has = H_PROTO, .put = put_key },
			  BK_COL_IF(H_PROTO, NULL, "proto", BK_COL_STR, 0, struct row, proto),
			  BK_COL_IF(H_ADDR, NULL, "saddr", BK_COL_IP, 0, struct row, src),
			  BK_COL_IF(H_ADDR, NULL, "daddr", BK_COL_IP, 0, struct row, dst),
			  BK_COL_IF(H_PORTS, NULL, "sport", BK_COL_U16, 0, struct row,
				    key.flow.sport),
			  BK_COL_IF(H_PORTS, NULL, "dport", BK_COL_U16, 0, struct row,
				    key.flow.dport) },
	[NETMON_REASON] = { BK_COL_IF(H_REASON, NULL, "reason", BK_COL_STR, 0, struct row, text) },
	[NETMON_LOCATION] = { BK_COL_IF(H_LOCATION, NULL, "location", BK_COL_STR, 0, struct row,
					text) },
	[NETMON_IFNAME] = { BK_COL_IF(H_IFNAME, NULL, "ifname", BK_COL_STR, 0, struct row, key.dev.name),
			    BK_COL_IF(H_IFINDEX, NULL, "ifindex", BK_COL_U32, 0, struct row,
				      key.dev.ifindex),
			    BK_COL_IF(H_NETNS, NULL, "netns", BK_COL_U32, 0, struct row, netns) },
	[NETMON_PROTO] = { BK_COL_IF(H_PROTO, NULL, "proto", BK_COL_STR, 0, struct row, text) },
};

static void make_row_cols(void)
{
	static const short widths[] = {
		[NETMON_NETNS] = 16,    [NETMON_DMAC] = 17,   [NETMON_SMAC] = 17,
		[NETMON_DIP] = 24,      [NETMON_SIP] = 24,    [NETMON_FLOW] = 48,
		[NETMON_FLOW_SRC] = 48, [NETMON_REASON] = 28, [NETMON_LOCATION] = 36,
		[NETMON_IFNAME] = 20,   [NETMON_PROTO] = 12,
	};
	int key = opt.key + 1;
	const struct bk_col *k = key_cols[key == NETMON_FLOW_SRC ? NETMON_FLOW : key];
	struct bk_col *c = st.row_cols;

	*c++ = (struct bk_col)BK_COL(NULL, "time", BK_COL_TIME, 0, struct row, time);
	*c++ = (struct bk_col)BK_COL(NULL, "key", BK_COL_PTR, 0, struct row, by);
	*c++ = (struct bk_col){
		.head = "", .kind = BK_COL_STR, .width = -widths[key], .put = put_key
	};
	while (k->kind)
		*c++ = *k++;
	*c++ = (struct bk_col)BK_COL_IF(H_ROWS, NULL, "rows", BK_COL_U32, 0, struct row, rows);
	for (int i = 0; i < COLUMNS; i++) {
		int w = strlen(columns[i].head);

		*c++ = (struct bk_col){ .head = columns[i].head,
					.name = columns[i].name,
					.kind = BK_COL_U64,
					.width = w < 6 ? 6 : w,
					.offset = offsetof(struct row, col) + i * sizeof(uint64_t),
					.size = sizeof(uint64_t) };
	}
	c->kind = BK_COL_END;
}

/* From the bytes of the key to what is shown of it. Rows are moved later: no pointers into them. */
static void name_row(struct row *r)
{
	const union netmon_row_key *k = &r->key;
	const char *name;

	r->by = keys[opt.key];
	switch (opt.key + 1) {
	case NETMON_NETNS:
		r->netns = k->netns;
		netns_text(k->netns, r->text, sizeof(r->text));
		r->has |= k->netns ? H_NETNS : 0;
		r->label = k->netns ? NULL : "unknown";
		break;
	case NETMON_DMAC:
	case NETMON_SMAC:
		r->has |= k->mac.has ? H_MAC : 0;
		r->label = k->mac.has ? NULL : "no MAC header";
		break;
	case NETMON_DIP:
	case NETMON_SIP:
		if (k->ip.family) {
			set_addr(&r->src, k->ip.family == 6, k->ip.addr);
			r->has |= H_ADDR;
		} else {
			r->label = "not IP";
		}
		break;
	case NETMON_FLOW:
	case NETMON_FLOW_SRC:
		if (k->flow.family) {
			set_addr(&r->src, k->flow.family == 6, k->flow.src);
			set_addr(&r->dst, k->flow.family == 6, k->flow.dst);
			r->has |= H_ADDR;
		} else {
			r->label = k->flow.eth_proto ? NULL : "no flow";
		}
		if (k->flow.sport || k->flow.dport)
			r->has |= H_PORTS;
		if (k->flow.family || k->flow.eth_proto)
			r->has |= H_PROTO;
		name = k->flow.family && k->flow.eth_proto != PKT_ETH_ARP ?
			       l4_name(k->flow.l4_proto) :
			       eth_name(k->flow.eth_proto);
		snprintf(r->proto, sizeof(r->proto), "%s", name);
		break;
	case NETMON_REASON:
		snprintf(r->text, sizeof(r->text), "%s", reason_name(k->reason));
		r->has |= H_REASON;
		break;
	case NETMON_LOCATION:
		location_text(k->location, r->text, sizeof(r->text));
		r->has |= H_LOCATION;
		break;
	case NETMON_IFNAME: {
		bool elsewhere;
		char ns[64];

		netns_text(k->dev.netns, ns, sizeof(ns));
		r->netns = k->dev.netns;
		r->has |= (k->dev.name[0] ? H_IFNAME : 0) | (k->dev.ifindex ? H_IFINDEX : 0) |
			  (k->dev.netns ? H_NETNS : 0);
		elsewhere = k->dev.netns && k->dev.netns != bk_netns_self();
		if (k->dev.name[0])
			snprintf(r->text, sizeof(r->text), "%.15s", k->dev.name);
		else if (k->dev.ifindex)
			snprintf(r->text, sizeof(r->text), "if%u", k->dev.ifindex);
		else
			r->label = "no interface";
		if (elsewhere && !r->label)
			snprintf(r->text + strlen(r->text), 80, "@%s", ns);
		break;
	}
	case NETMON_PROTO:
		r->has |= H_PROTO;
		if (k->proto.has_l4)
			snprintf(r->text, sizeof(r->text), "%s %s", eth_name(k->proto.eth_proto),
				 l4_name(k->proto.l4_proto));
		else if (k->proto.eth_proto)
			snprintf(r->text, sizeof(r->text), "%s", eth_name(k->proto.eth_proto));
		else
			snprintf(r->text, sizeof(r->text), "%s",
				 k->proto.kind == NETMON_NETLINK ? "netlink" :
				 k->proto.kind == NETMON_L2      ? "llc" :
								   "unknown");
		break;
	}
}

/* ---- reading the maps ---- */

/* What the CPUs counted, as it is read, and then by key. */
struct rows {
	struct counted {
		union netmon_row_key key;
		struct netmon_row row;
	} *raw;
	size_t raw_n, raw_room;
	struct row *v;
	size_t n;
	bool failed;
};

static void add_row(void *ctx, const void *key, const void *value)
{
	struct rows *rows = ctx;
	struct counted *c;

	if (rows->raw_n == rows->raw_room) {
		size_t room = rows->raw_room ? rows->raw_room * 2 : 64;

		c = realloc(rows->raw, room * sizeof(*c));
		if (!c) {
			rows->failed = true;
			return;
		}
		rows->raw = c;
		rows->raw_room = room;
	}
	c = &rows->raw[rows->raw_n++];
	memset(&c->key, 0, sizeof(c->key));
	memcpy(&c->key, (const char *)key + offsetof(struct netmon_row_id, key), st.key_size);
	memcpy(&c->row, value, sizeof(c->row));
}

static int by_key(const void *a, const void *b)
{
	const struct counted *x = a, *y = b;

	return memcmp(&x->key, &y->key, sizeof(x->key));
}

static int by_column_total(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	uint64_t p = x->col[C_TOTAL], q = y->col[C_TOTAL];

	return p != q ? (p < q ? 1 : -1) : memcmp(&x->key, &y->key, sizeof(x->key));
}

/*
 * One row a key. Keys that came on several CPUs left room for others: of more than were asked for the
 * largest stay, and the rest is "other".
 */
static int merge_rows(struct rows *rows)
{
	struct row *r = NULL;

	if (!rows->raw_n)
		return 0;
	rows->v = calloc(rows->raw_n, sizeof(*rows->v));
	if (!rows->v)
		return -ENOMEM;
	qsort(rows->raw, rows->raw_n, sizeof(*rows->raw), by_key);
	for (size_t i = 0; i < rows->raw_n; i++) {
		const struct counted *c = &rows->raw[i];

		if (!i || by_key(c, c - 1)) {
			r = &rows->v[rows->n++];
			r->key = c->key;
		}
		for (int k = 0; k < NETMON_CLASSES; k++)
			r->n[k] += c->row.n[k];
	}
	for (size_t i = 0; i < rows->n; i++)
		sum_columns(&rows->v[i]);
	if (rows->n > st.max_rows) {
		qsort(rows->v, rows->n, sizeof(*rows->v), by_column_total);
		rows->n = st.max_rows;
	}
	return 0;
}

/* Drops by a name, of reasons or of locations. */
struct tally {
	struct count {
		uint64_t id, total;
	} v[2048];
	size_t n;
};

static struct tally by_reason, by_location;

static void add_count(struct tally *t, uint64_t id, uint64_t n)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->v[i].id == id) {
			t->v[i].total += n;
			return;
		}
	if (t->n < ARRAY_LEN(t->v))
		t->v[t->n++] = (struct count){ id, n };
}

static void add_site(void *ctx, const void *key, const void *value)
{
	struct netmon_site site;
	uint64_t n;

	memcpy(&site, key, sizeof(site));
	memcpy(&n, value, sizeof(n));
	if (!n)
		return;
	add_count(&by_reason, site.reason, n);
	add_count(&by_location, site.location, n);
}

static int read_totals(int fd, uint32_t set, struct netmon_totals *sum)
{
	struct netmon_totals *v = calloc(st.cpus, sizeof(*v));
	int err;

	if (!v)
		return -ENOMEM;
	err = bpf_map_lookup_elem(fd, &set, v);
	memset(sum, 0, sizeof(*sum));
	for (int cpu = 0; !err && cpu < st.cpus; cpu++) {
		const uint64_t *from = (const uint64_t *)&v[cpu];
		uint64_t *to = (uint64_t *)sum;

		for (size_t i = 0; i < sizeof(*sum) / sizeof(*to); i++)
			to[i] += from[i];
	}
	memset(v, 0, st.cpus * sizeof(*v));
	if (!err)
		err = bpf_map_update_elem(fd, &set, v, BPF_ANY);
	free(v);
	return err;
}

/* ---- printing ---- */

static const int sort_columns[] = { C_TOTAL, -1,    C_LLDP, C_ARP,  C_IPV4,
				    C_IPV6,  C_TCP, C_UDP,  C_VRRP, C_OTHER };

/* Most first; what is equal, or everything with --sort key, in the order of what is shown. */
static int by_sort(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int c = opt.sort < 0 ? C_TOTAL : sort_columns[opt.sort], text;

	if (c >= 0 && x->col[c] != y->col[c])
		return x->col[c] < y->col[c] ? 1 : -1;
	text = strcmp(x->text, y->text);
	return text ? text : memcmp(&x->key, &y->key, sizeof(x->key));
}

static int by_total(const void *a, const void *b)
{
	const struct count *x = a, *y = b;

	return x->total != y->total ? (x->total < y->total ? 1 : -1) :
	       x->id < y->id        ? -1 :
				      x->id > y->id;
}

static void print_tally(struct bk_run *run, struct tally *t, const char *name, uint64_t total,
			bool reasons, uint64_t now)
{
	struct bk_out *o = run->out;
	uint64_t rest = total;
	char text[160], time[40];

	bk_time_text(run, now, time);
	qsort(t->v, t->n, sizeof(t->v[0]), by_total);
	if (!o->json && total)
		bk_printf(o, "  drops by %s:\n", name);
	for (size_t i = 0; i <= t->n; i++) {
		uint64_t n = i < t->n ? t->v[i].total : rest;

		if (i < t->n) {
			rest -= n;
			if (reasons)
				snprintf(text, sizeof(text), "%s", reason_name(t->v[i].id));
			else
				location_text(t->v[i].id, text, sizeof(text));
		} else if (!rest) {
			break;
		} else {
			snprintf(text, sizeof(text), "other"); /* the table of places was full */
		}
		if (o->json) {
			bk_json_begin(o, name);
			bk_json_str(o, "time", time, sizeof(time));
			bk_json_str(o, name, text, sizeof(text));
			bk_json_u64(o, "total", n);
			bk_json_end(o);
		} else {
			bk_puts(o, "    ");
			bk_cell(o);
			bk_put_text(o, text, sizeof(text));
			bk_putc(o, ':');
			bk_cell_end(o, -45, false);
			bk_printf(o, "%10llu\n", (unsigned long long)n);
		}
	}
	t->n = 0;
}

static void print_head(struct bk_run *run, uint64_t total, uint64_t unix_sockets, uint64_t now)
{
	static const char *const what[] = {
		[NETMON_NETNS] = "network namespace",
		[NETMON_DMAC] = "destination mac",
		[NETMON_SMAC] = "source mac",
		[NETMON_DIP] = "destination ip",
		[NETMON_SIP] = "source ip",
		[NETMON_FLOW] = "flow",
		[NETMON_FLOW_SRC] = "source ip and flow",
		[NETMON_REASON] = "reason",
		[NETMON_LOCATION] = "location",
		[NETMON_IFNAME] = "interface",
		[NETMON_PROTO] = "protocol",
	};
	char time[40];

	bk_time_text(run, now, time);
	if (st.reported)
		bk_putc(run->out, '\n');
	if (run->opts.timestamp != BK_TIME_NONE)
		bk_printf(run->out, "%s: ", time);
	bk_printf(run->out, "sort by %s, total drops: %llu (unix sockets %llu):\n",
		  what[opt.key + 1], (unsigned long long)total, (unsigned long long)unix_sockets);
	if (!run->opts.no_header) {
		bk_puts(run->out, "  ");
		bk_heading(run, st.row_cols);
	}
}

static void print_row(struct bk_run *run, const struct row *r, const char *type)
{
	if (!run->out->json)
		bk_puts(run->out, "  ");
	bk_emit(run, st.row_cols, type, r);
}

static void print_totals(struct bk_run *run, const struct netmon_totals *t, uint64_t total,
			 uint64_t now)
{
	struct bk_out *o = run->out;
	char time[40];

	if (o->json) {
		bk_time_text(run, now, time);
		bk_json_begin(o, "total");
		bk_json_str(o, "time", time, sizeof(time));
		bk_json_u64(o, "interval_ms", run->interval_ns / 1000000);
		bk_json_u64(o, "total", total);
		bk_json_u64(o, "unix", t->unix_sockets);
		for (int i = 0; i < 8; i++)
			bk_json_u64(o, pkt_type_members[i], t->pkt_type[i]);
		bk_json_end(o);
		return;
	}
	bk_puts(o, "  drops by packet type:");
	for (int i = 0; i < 8; i++)
		bk_printf(o, " %s: %llu", pkt_types[i], (unsigned long long)t->pkt_type[i]);
	bk_putc(o, '\n');
}

/* All counts of the set that counted until now; the other one counts meanwhile. */
static int report(struct bk_run *run, void *skel, bool last)
{
	struct netmon_bpf *s = skel;
	struct row rest = { .by = opt.key >= 0 ? keys[opt.key] : NULL, .label = "other" },
		   hidden = { .label = "rows not shown" };
	uint32_t set, shown = 0;
	struct rows rows = { 0 };
	struct netmon_totals t;
	uint64_t total = 0, now = bk_now();
	int err;

	if (opt.key < 0)
		return 0;
	set = s->bss->epoch & 1;
	__atomic_store_n(&s->bss->epoch, s->bss->epoch + 1, __ATOMIC_SEQ_CST);
	err = bk_quiesce(&st.quiesce);
	err = err ? err : read_totals(bpf_map__fd(s->maps.totals), set, &t);
	err = err ? err :
		    bk_empty_map(bpf_map__fd(set ? s->maps.rows1 : s->maps.rows0), row_id_size(),
				 sizeof(struct netmon_row), add_row, &rows);
	err = err ? err :
		    bk_empty_map(bpf_map__fd(set ? s->maps.sites1 : s->maps.sites0),
				 sizeof(struct netmon_site), sizeof(uint64_t), add_site, NULL);
	if (!err)
		err = rows.failed ? -ENOMEM : merge_rows(&rows);
	if (err)
		goto out;
	memcpy(rest.n, t.n, sizeof(rest.n));
	for (size_t i = 0; i < rows.n; i++)
		for (int c = 0; c < NETMON_CLASSES; c++)
			rest.n[c] -= rows.v[i].n[c];
	sum_columns(&rest);
	for (int i = 0; i < NETMON_CLASSES; i++)
		total += t.n[i];
	if (!opt.no_unix) /* else counted apart, and only there */
		total += t.unix_sockets;
	if (last && !total && st.reported)
		goto out;
	if (!st.row_cols[0].kind)
		make_row_cols();
	if (!run->out->json)
		print_head(run, total, t.unix_sockets, now);
	for (size_t i = 0; i < rows.n; i++)
		name_row(&rows.v[i]);
	if (rows.n)
		qsort(rows.v, rows.n, sizeof(*rows.v), by_sort);
	for (size_t i = 0; i < rows.n; i++) {
		struct row *r = &rows.v[i];

		if (!r->col[C_TOTAL])
			continue;
		if (r->col[C_TOTAL] < opt.threshold || (opt.top && shown >= opt.top)) {
			hidden.rows++;
			for (int c = 0; c < COLUMNS; c++)
				hidden.col[c] += r->col[c];
			continue;
		}
		shown++;
		r->time = now;
		print_row(run, r, "row");
	}
	rest.time = hidden.time = now;
	hidden.by = rest.by;
	if (hidden.rows) {
		hidden.has = H_ROWS;
		print_row(run, &hidden, "hidden");
	}
	if (rest.col[C_TOTAL])
		print_row(run, &rest, "other");
	print_totals(run, &t, total, now);
	if (has_reasons())
		print_tally(run, &by_reason, "reason", total, true, now);
	print_tally(run, &by_location, "location", total, false, now);
	st.reported++;
out:
	by_reason.n = by_location.n = 0;
	free(rows.raw);
	free(rows.v);
	return err;
}

static void fini(struct bk_run *run)
{
	bk_quiesce_close(&st.quiesce);
	bk_ksyms_close(st.ksyms);
	bk_enum_free(&st.reasons);
	bk_enum_free(&st.subsystems);
	for (size_t i = 0; i < ARRAY_LEN(st.sub); i++)
		bk_enum_free(&st.sub[i]);
}

BK_SKEL(netmon);

static const char *const probes[] = { "tp_btf", NULL };
static const char *const blind[] = {
	"packets that never became a socket buffer (in the card, its driver, at native XDP)", NULL
};

const struct bk_tool netmon_tool = {
	.name = "netmon",
	.summary = "Show which packets the kernel drops, where and why",
	.examples = "netmon\tone line a drop\n"
		    "netmon -s dmac\tcount drops by destination MAC, report every 10 s\n"
		    "netmon -s reason -r 1\twhy packets are dropped, every second\n"
		    "netmon -s flow --netns blue --top 10\tthe ten worst flows in one namespace\n"
		    "netmon --port 53 --stack\tdropped DNS packets with the kernel's stack\n"
		    "netmon -f 'ip6 and udp port 53'\tdropped packets that an expression of tcpdump's matches\n"
		    "netmon --reason '!NO_SOCKET' --json\tall but one reason, as JSON lines\n"
		    "netmon -w drops.pcapng\tthe packets to a file, with reason and place\n",
	.group = BK_GROUP_NET,
	.common = BK_NETNS | BK_INTERVAL | BK_COUNT | BK_TIMESTAMP | BK_BUFFER,
	.needs = BK_NEED_EVENTS | BK_KEEP_PTRACE,
	.timestamp = BK_TIME_UNSET, /* of day, unless there are no lines */
	.probes = probes,
	.blind = blind,
	.opts = opts,
	.cols = cols,
	.skel = &skel,
	.init = init,
	.configure = configure,
	.attach = attach,
	.started = started,
	.event = event,
	.report = report,
	.ended = ended,
	.start_json = start_json,
	.fini = fini,
};
