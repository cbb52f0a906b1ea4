// SPDX-License-Identifier: GPL-2.0-only
/* xdpdump: see bpf/xdpdump.bpf.c for what is captured, and where. */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bk.h"
#include "cbpf.h"
#include "dump.h"
#include "pcapng.h"
#include "savefile.h"
#include "version.h"
#include "xdp.h"
#include "xdpdump.h"
#include "xdpdump.skel.h"

BK_SKEL(xdpdump);

/* ---- options ---- */

enum {
	SNAP_ALL =
		262144, /* as tcpdump's: what is captured of a frame then is XDPDUMP_SNAP_MAX, at most */
	SNAP_LINES = 256, /* what a line is made of */
	SNAP_UNSET = UINT32_MAX,
	/* At full speed a CPU makes a record of 144 bytes each microsecond, and a reader may not look for 50 ms. */
	BUFFER = 8 << 20,
};

static const char *const points[] = { "entry", "exit", NULL };

enum { AT_ENTRY = 1, AT_EXIT = 2 }; /* of them */

static struct {
	struct bk_names names;
	bool generic, native, offload, list;
	bool hex, ascii, link, quiet;
	uint32_t snaplen;
	uint64_t points;
	const char *write, *read;
} opt = { .snaplen = SNAP_UNSET };

static const struct bk_opt opts[] = {
	BK_IFNAMES('i', "interface", &opt.names, "IF",
		   "capture on this one; can be given several times; any: all that are up"),
	BK_FLAG('S', "generic", &opt.generic,
		"put the program where the kernel has made packets of frames"),
	BK_FLAG('N', "native", &opt.native, "put it into the driver, or stop if that cannot do it"),
	BK_FLAG('H', "offload", &opt.offload,
		"put it into the network card, or stop if that cannot do it"),
	BK_SET(0, "rx-capture", &opt.points, points, "WHERE,...",
	       "where an XDP program is there already, look before it, behind it, or both; entry if not given"),
	BK_FLAG('x', "hex", &opt.hex, "the captured bytes under each line"),
	BK_FLAG('X', "ascii", &opt.ascii, "the same, with offsets and as text"),
	BK_FLAG('e', "link-header", &opt.link,
		"addresses, type, tags and length of the frame in each line"),
	BK_FLAG('q', "quiet", &opt.quiet, "shorter lines: addresses, protocol, length"),
	BK_U32('s', "snaplen", &opt.snaplen, 0, SNAP_ALL, "BYTES",
	       "capture so many of each frame; 0: all (256; all with -w, -x and -X)"),
	BK_FILE('w', "write", &opt.write, "FILE",
		"write the frames to this file (- is stdout) as pcapng, instead of lines"),
	BK_FILE('r', "read", &opt.read, "FILE",
		"read this file (- is stdin), pcap or pcapng, instead of capturing"),
	BK_FLAG('D', "list-interfaces", &opt.list,
		"list the interfaces, and which XDP programs they have"),
	{ .type = BK_OPT_END }
};

/* ---- interfaces ---- */

enum { POINTS = XDPDUMP_EXIT + 1, DEEPEST = 8, PORTS = 1024 };

/* One that is captured from, or a port of one: a bond gives its program to its ports, and frames are theirs. */
struct iface {
	uint32_t ifindex;
	char name[IF_NAMESIZE];
	unsigned int depth;         /* how many interfaces are above it: bonds, bridges */
	uint32_t port_of;           /* 0: it is captured from itself */
	struct bk_xdp_prog foreign; /* id 0: there is none, ours is put there */
	bool up, left_out;
	bool numbered[POINTS]; /* in the file */
	uint32_t numbers[POINTS];
	enum bk_xdp_mode mode; /* of ours */
	uint64_t delivered[POINTS], lost;
};

/* Packets that are not written yet, at most: each takes more than 16 bytes of the buffer. */
enum { PENDING = 4096 };

static struct {
	struct iface *ifaces; /* by index */
	size_t n;
	struct iface *last; /* that was looked for: most often it is the next, too */
	bool any, points_given;
	char *expr;
	struct bpf_insn filter[BK_CBPF_ROOM];
	uint64_t began;         /* before the first one was attached, CLOCK_MONOTONIC */
	uint64_t first;         /* time of the first packet of a file */
	uint64_t ends[PENDING]; /* where in the output the last packets end */
} st;

static enum bk_xdp_mode wanted_mode(void)
{
	return opt.generic ? BK_XDP_GENERIC :
	       opt.native  ? BK_XDP_NATIVE :
	       opt.offload ? BK_XDP_OFFLOAD :
			     BK_XDP_AUTO;
}

static int by_ifindex(const void *a, const void *b)
{
	uint32_t x = ((const struct iface *)a)->ifindex, y = ((const struct iface *)b)->ifindex;

	return (x > y) - (x < y);
}

static struct iface *find_iface(uint32_t ifindex)
{
	if (!st.last || st.last->ifindex != ifindex)
		st.last = bsearch(&(struct iface){ .ifindex = ifindex }, st.ifaces, st.n,
				  sizeof(*st.ifaces), by_ifindex);
	return st.last;
}

/* Behind all others, if it is new. */
static int add_iface(const struct iface *i)
{
	struct iface *more;

	for (size_t k = 0; k < st.n; k++)
		if (st.ifaces[k].ifindex == i->ifindex)
			return 0;
	more = reallocarray(st.ifaces, st.n + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	more[st.n++] = *i;
	st.ifaces = more;
	st.last = NULL;
	return 0;
}

static void sort_ifaces(void)
{
	qsort(st.ifaces, st.n, sizeof(*st.ifaces), by_ifindex);
	st.last = NULL;
}

static const struct bk_xdp_dev *find_dev(const struct bk_xdp_dev *devs, size_t n, int ifindex)
{
	for (size_t i = 0; i < n; i++)
		if (devs[i].ifindex == ifindex)
			return &devs[i];
	return NULL;
}

static unsigned int depth_of(const struct bk_xdp_dev *devs, size_t n, const struct bk_xdp_dev *dev)
{
	unsigned int depth = 0;

	while (dev && dev->master && depth < DEEPEST) {
		dev = find_dev(devs, n, dev->master);
		depth++;
	}
	return depth;
}

/* all: those that are up; else the one of this name. */
static int add_devs(const struct bk_xdp_dev *devs, size_t n, const char *name, bool all)
{
	int err = 0;

	for (const struct bk_xdp_dev *d = devs; !err && d < devs + n; d++) {
		struct iface i = { .ifindex = d->ifindex,
				   .depth = depth_of(devs, n, d),
				   .up = d->up };

		memcpy(i.name, d->name, sizeof(i.name));
		if (all ? d->up : !strcmp(d->name, name))
			err = add_iface(&i);
	}
	return err;
}

/* Those that were named, once each. */
static int find_ifaces(void)
{
	struct bk_xdp_dev *devs;
	size_t n;
	int err = bk_xdp_devices(&devs, &n);

	if (err) {
		bk_error("the interfaces cannot be listed: %s", strerror(-err));
		return err;
	}
	for (unsigned int i = 0; !err && i < opt.names.n; i++) {
		const char *name = opt.names.v[i];
		size_t before = st.n;

		err = add_devs(devs, n, name, false);
		if (!err && st.n == before && !strcmp(name, "any")) {
			st.any = true;
			err = add_devs(devs, n, name, true);
		} else if (!err && st.n == before && !if_nametoindex(name)) {
			bk_error("there is no interface '%s' (-D lists them)", name);
			err = -ENODEV;
		}
	}
	free(devs);
	if (!err && !st.n) {
		bk_error("no interface is up");
		return -ENODEV;
	}
	if (!err)
		sort_ifaces();
	return err;
}

/* The ports of those whose native program is theirs, too; of others packets come by their own index. */
static int add_ports(bool (*is_theirs)(const struct iface *))
{
	struct bk_xdp_dev *devs;
	size_t n, captured = st.n;
	bool any = false;
	int err;

	for (size_t k = 0; k < captured; k++)
		any |= is_theirs(&st.ifaces[k]);
	if (!any)
		return 0;
	err = bk_xdp_devices(&devs, &n);
	if (err)
		return err;
	for (const struct bk_xdp_dev *d = devs; !err && d < devs + n; d++)
		for (size_t k = 0; !err && d->master && k < captured; k++) {
			struct iface port = st.ifaces[k];

			if ((int)port.ifindex != d->master || !is_theirs(&port))
				continue;
			port.port_of = port.ifindex;
			port.ifindex = d->ifindex;
			memcpy(port.name, d->name, sizeof(port.name));
			err = add_iface(&port);
		}
	free(devs);
	sort_ifaces();
	return err;
}

static bool is_native_foreign(const struct iface *i)
{
	return i->foreign.id && i->foreign.mode == BK_XDP_NATIVE;
}

static bool is_native_ours(const struct iface *i)
{
	return !i->foreign.id && i->mode == BK_XDP_NATIVE;
}

/* ---- what is printed ---- */

static unsigned int how(const struct bk_run *run)
{
	return (opt.link ? BK_DUMP_LINK : 0) |
	       (run->opts.verbose && !opt.quiet ? BK_DUMP_VERBOSE : 0) |
	       (opt.quiet ? BK_DUMP_QUIET : 0);
}

static const char *verdict_name(uint64_t verdict)
{
	static const char *const names[] = { "ABORTED", "DROP", "PASS", "TX", "REDIRECT" };

	return verdict < ARRAY_LEN(names) ? names[verdict] : "unknown";
}

/* A packet, from an interface or a file. */
struct shown {
	const char *ifname, *program; /* or NULL; from strangers, as the comment is */
	unsigned int point; /* enum xdpdump_point */
	uint32_t has;       /* of enum bk_pcapng_has */
	uint32_t queue;
	uint64_t verdict;
	const char *comment;
	bool no_time; /* the file has none */
	bool several; /* interfaces, so the line has its name */
	struct bk_dump_packet d;
};

/* NAME()@entry, or NAME()@exit[PASS]: as xdp-tools' */
static void put_point(struct bk_out *o, const struct shown *s)
{
	bk_put_text(o, s->program, BK_PCAPNG_TEXT);
	bk_puts(o, s->point == XDPDUMP_ENTRY ? "()@entry " : "()@exit[");
	if (s->point == XDPDUMP_EXIT) {
		bk_puts(o, verdict_name(s->verdict));
		bk_puts(o, "] ");
	}
}

/* Behind the time. */
static void put_line(struct bk_run *run, const struct shown *s)
{
	struct bk_out *o = run->out;

	if (s->ifname && s->several) {
		bk_put_text(o, s->ifname, BK_PCAPNG_TEXT);
		bk_putc(o, ' ');
	}
	if (s->point != XDPDUMP_OWN)
		put_point(o, s);
	else if (s->has & BK_PCAPNG_VERDICT)
		bk_printf(o, "[%s] ", verdict_name(s->verdict));
	bk_dump_line(o, &s->d, how(run));
	if (run->opts.verbose && s->comment) {
		bk_puts(o, " # ");
		bk_put_text(o, s->comment, BK_PCAPNG_TEXT);
	}
	bk_putc(o, '\n');
	if (opt.hex || opt.ascii)
		bk_dump_hex(o, s->d.data, s->d.cap_len, opt.ascii);
}

/* Behind the time, to the end of the object. */
static void put_json(struct bk_out *o, const struct shown *s)
{
	if (s->ifname)
		bk_json_str(o, "ifname", s->ifname, BK_PCAPNG_TEXT);
	if (s->has & BK_PCAPNG_QUEUE)
		bk_json_u64(o, "queue", s->queue);
	if (s->program)
		bk_json_str(o, "program", s->program, BK_PCAPNG_TEXT);
	if (s->point != XDPDUMP_OWN)
		bk_json_str(o, "point", points[s->point - XDPDUMP_ENTRY], 8);
	if (s->has & BK_PCAPNG_VERDICT)
		bk_json_str(o, "verdict", verdict_name(s->verdict), 16);
	if (s->comment)
		bk_json_str(o, "comment", s->comment, BK_PCAPNG_TEXT);
	bk_dump_json(o, &s->d);
	if (opt.hex || opt.ascii) {
		bk_json_name(o, "data");
		bk_putc(o, '"');
		bk_put_hex(o, s->d.data, s->d.cap_len);
		bk_putc(o, '"');
	}
	bk_json_end(o);
}

/* mono: the time is CLOCK_MONOTONIC, else that of a file */
static void show(struct bk_run *run, const struct shown *s, bool mono)
{
	struct bk_out *o = run->out;
	char time[64] = "-";
	size_t n = 1;

	if (!s->no_time)
		n = mono ? bk_time_text(run, s->d.time_ns, time) :
			   bk_wall_text(run, s->d.time_ns, st.first, time);
	time[n] = 0;
	if (o->json) {
		bk_json_begin(o, "packet");
		if (!s->no_time)
			bk_json_str(o, "time", time, sizeof(time));
		put_json(o, s);
		return;
	}
	if (run->opts.timestamp != BK_TIME_NONE) {
		bk_puts(o, time);
		bk_putc(o, ' ');
	}
	put_line(run, s);
}

/* ---- a file ---- */

static const char application[] = "bpfkit xdpdump " BPFKIT_VERSION;

static bool is_captured(const struct iface *i, unsigned int point)
{
	return point == XDPDUMP_OWN ? !i->foreign.id :
				      i->foreign.id && opt.points & 1 << (point - XDPDUMP_ENTRY);
}

static void put_interface(struct bk_out *o, struct iface *i, unsigned int point)
{
	static uint32_t next;
	char text[128] = "";
	struct bk_pcapng_interface pcapng = { .name = i->name,
					      .description = text,
					      .link_type = BK_LINK_ETHERNET,
					      .snaplen = opt.snaplen };

	if (point == XDPDUMP_OWN)
		snprintf(text, sizeof(text), "XDP, %s", bk_xdp_mode_name(i->mode));
	else
		snprintf(text, sizeof(text), "XDP, %s, %s of %s()",
			 bk_xdp_mode_name(i->foreign.mode), points[point - XDPDUMP_ENTRY],
			 i->foreign.name);
	bk_pcapng_put_interface(o, &pcapng);
	i->numbers[point] = next++;
	i->numbered[point] = true;
}

/* Ports come when they have something. */
static void begin_file(struct bk_run *run)
{
	bk_pcapng_section(run->out, application);
	for (struct iface *i = st.ifaces; i < st.ifaces + st.n; i++)
		for (unsigned int point = 0; point < POINTS; point++)
			if (is_captured(i, point) && !i->port_of && !i->left_out)
				put_interface(run->out, i, point);
}

static void save(struct bk_run *run, struct iface *i, const struct xdpdump_packet *p)
{
	struct bk_pcapng_packet pcapng = { .time = bk_wall(p->time),
					   .data = p->data,
					   .cap_len = p->cap_len,
					   .len = p->len,
					   .flags = BK_PCAPNG_IN,
					   .has = BK_PCAPNG_QUEUE,
					   .queue = p->queue,
					   .verdict = p->verdict };

	if (!i->numbered[p->point])
		put_interface(run->out, i, p->point);
	pcapng.interface = i->numbers[p->point];
	if (p->point == XDPDUMP_EXIT)
		pcapng.has |= BK_PCAPNG_VERDICT;
	bk_pcapng_put_packet(run->out, &pcapng);
}

/* What was lost of an interface with two points is told of the first. */
static void end_file(struct bk_run *run)
{
	uint64_t now = bk_wall(bk_now());

	for (struct iface *i = st.ifaces; i < st.ifaces + st.n; i++) {
		bool told = false;

		for (unsigned int point = 0; point < POINTS; point++) {
			struct bk_pcapng_statistics s = { .interface = i->numbers[point],
							  .time = now,
							  .start = bk_wall(st.began),
							  .end = now,
							  .lost = told ? 0 : i->lost,
							  .delivered = i->delivered[point] };

			if (!i->numbered[point])
				continue;
			bk_pcapng_put_statistics(run->out, &s);
			told = true;
		}
	}
}

/* ---- a frame ---- */

/* A port that a bond got meanwhile. */
static struct iface *adopt(uint32_t ifindex)
{
	struct iface i = { .ifindex = ifindex, .port_of = UINT32_MAX, .mode = BK_XDP_NATIVE };

	if (!if_indextoname(ifindex, i.name))
		snprintf(i.name, sizeof(i.name), "if%u", ifindex);
	if (add_iface(&i))
		return NULL;
	sort_ifaces();
	return find_iface(ifindex);
}

/* Notes where the packet ends that was put last. */
static void count_packet(struct bk_run *run)
{
	st.ends[run->printed++ % PENDING] = run->out->flushed + run->out->n;
}

/* Where not all could be written, those that were. */
static uint64_t written(const struct bk_run *run)
{
	uint64_t n = run->printed;

	while (run->out->error && n && run->printed - n < PENDING &&
	       st.ends[(n - 1) % PENDING] > run->out->flushed)
		n--;
	return n;
}

static int event(struct bk_run *run, const void *rec, size_t len)
{
	const struct xdpdump_packet *p = rec;
	struct iface *i = find_iface(p->ifindex);
	struct shown s = { .has = BK_PCAPNG_QUEUE,
			   .point = p->point,
			   .queue = p->queue,
			   .verdict = p->verdict,
			   .d = { .time_ns = p->time,
				  .data = p->data,
				  .cap_len = p->cap_len,
				  .len = p->len,
				  .link_type = BK_LINK_ETHERNET } };

	i = i ? i : adopt(p->ifindex);
	if (!i)
		return -ENOMEM;
	i->delivered[p->point]++;
	if (opt.write) {
		save(run, i, p);
		count_packet(run);
		return 0;
	}
	s.ifname = i->name;
	s.several = st.n > 1;
	if (p->point != XDPDUMP_OWN)
		s.program = i->foreign.name;
	if (p->point == XDPDUMP_EXIT)
		s.has |= BK_PCAPNG_VERDICT;
	show(run, &s, true);
	count_packet(run);
	return 0;
}

static int started(struct bk_run *run, void *skeleton)
{
	struct xdpdump_bpf *s = skeleton;

	run->map_fd = bpf_map__fd(s->maps.interfaces);
	if (opt.write)
		begin_file(run);
	return 0;
}

static void put_total(uint64_t n, const char *what)
{
	bk_total("%llu packet%s %s", (unsigned long long)n, n == 1 ? "" : "s", what);
}

/* As tcpdump's, in its words. */
static void put_totals(const struct bk_run *run)
{
	uint64_t lost = run->books->lost;

	put_total(written(run), "captured");
	put_total(run->printed + run->unprinted + lost, "received by filter");
	put_total(lost, "dropped by kernel");
}

static void ended(struct bk_run *run)
{
	for (struct iface *i = st.ifaces; i < st.ifaces + st.n; i++)
		bpf_map_lookup_elem(run->map_fd, &i->ifindex, &i->lost);
	if (opt.write)
		end_file(run);
	bk_flush(run->out);
	put_totals(run);
}

/* ---- before the load, and behind it ---- */

/* What is wrong comes last, and a message has an end. */
static int say_expr(const char *why)
{
	bk_error("'%.100s%s' %s", st.expr, strlen(st.expr) > 100 ? "..." : "", why);
	return -EINVAL;
}

static const struct iface *first_foreign(void)
{
	for (const struct iface *i = st.ifaces; i < st.ifaces + st.n; i++)
		if (i->foreign.id)
			return i;
	return NULL;
}

static bool any_free(void)
{
	for (const struct iface *i = st.ifaces; i < st.ifaces + st.n; i++)
		if (!i->foreign.id)
			return true;
	return false;
}

static int said(struct bk_run *run, int err)
{
	bk_error("%s", bk_log_cause());
	switch (err) {
	case -ENOMEM:
	case -EMFILE:
	case -ENFILE:
	case -ENODEV:
		run->status = BK_EXIT_FAILED;
		break;
	default: /* the kernel, the driver, or who was there first */
		run->status = BK_EXIT_LACKING;
	}
	return -ECANCELED;
}

static const char *where(void)
{
	return opt.points == (AT_ENTRY | AT_EXIT) ? "entry and its exit" :
	       opt.points == AT_EXIT              ? "exit" :
						    "entry";
}

/*
 * The kernel lets nobody look at a dispatcher of libxdp while it has programs. If it has one, then what this gets and
 * decides is the same.
 */
static int look_behind(struct bk_xdp_dev *dev)
{
	struct bk_xdp_prog behind[2], *p = &dev->progs[0];

	if (!p->is_dispatcher || bk_xdp_components(p->id, behind, 2) != 1)
		return -EBUSY;
	behind[0].mode = p->mode;
	*p = behind[0];
	return bk_xdp_can_trace(dev);
}

/* Has an interface a program, and can we look at it? Of "any" those are left out where we cannot. */
static int look(struct iface *i)
{
	struct bk_xdp_dev dev;
	int err = bk_xdp_query(i->ifindex, &dev);

	if (err)
		bk_log_set_cause("%s cannot be looked at: %s", i->name, strerror(-err));
	if (err || !dev.nprogs)
		return err;
	err = bk_xdp_can_trace(&dev);
	if (err == -EBUSY)
		err = look_behind(&dev);
	i->foreign = dev.progs[0];
	if (!err)
		bk_note("%s has the XDP program %s (id %u, %s): captured at its %s%s", i->name,
			i->foreign.name, i->foreign.id, bk_xdp_mode_name(i->foreign.mode), where(),
			wanted_mode() != BK_XDP_AUTO && wanted_mode() != i->foreign.mode ?
				", so in that mode" :
				"");
	else if (st.any)
		bk_warn("left out: %s", bk_log_cause());
	return err;
}

static int look_at_all(struct bk_run *run)
{
	size_t n = 0;
	int err = 0;

	for (size_t i = 0; i < st.n; i++) {
		err = look(&st.ifaces[i]);
		if (!err)
			st.ifaces[n++] = st.ifaces[i];
		else if (!st.any)
			return said(run, err);
	}
	st.n = n;
	if (n && st.points_given && !first_foreign())
		bk_warn("--rx-capture has no effect: no other XDP program is there");
	return n ? 0 : said(run, err);
}

/* Into the programs that will be loaded: ours has the frame itself, those at others' a copy of its head. */
static int put_filter(struct xdpdump_bpf *s, struct bk_run *run)
{
	char why[BK_CBPF_WHY];
	int err = 0;

	if (any_free())
		err = bk_cbpf_put_into(st.filter, BK_CBPF_IN_PACKET, s->progs.xdpdump);
	if (err || !first_foreign())
		return err;
	err = bk_cbpf_make(st.expr, BK_CBPF_IN_WINDOW, st.filter, why);
	if (err < 0) {
		say_expr(why);
		run->status = BK_EXIT_USAGE;
		return -ECANCELED;
	}
	err = bk_cbpf_put_into(st.filter, BK_CBPF_IN_WINDOW, s->progs.xdpdump_entry);
	return err ? err : bk_cbpf_put_into(st.filter, BK_CBPF_IN_WINDOW, s->progs.xdpdump_exit);
}

static int configure(struct bk_run *run, void *skeleton)
{
	struct xdpdump_bpf *s = skeleton;
	struct xdpdump_config *config = bk_var(s->obj, ".rodata", "config", sizeof(*config));
	const struct iface *foreign;
	int err = look_at_all(run);

	if (err)
		return err;
	if (!config)
		return -EINVAL;
	config->snaplen = opt.snaplen && opt.snaplen < XDPDUMP_SNAP_MAX ? opt.snaplen :
									  XDPDUMP_SNAP_MAX;
	config->has_filter = !!st.expr;
	err = add_ports(is_native_foreign);
	if (err)
		return err;
	config->only = st.n == 1 ? st.ifaces[0].ifindex : 0;
	config->filter_has_len = st.expr && bk_cbpf_has_len(st.filter);
	foreign = first_foreign();
	bpf_program__set_autoload(s->progs.xdpdump, any_free());
	bpf_program__set_autoload(s->progs.xdpdump_entry, foreign && opt.points & AT_ENTRY);
	bpf_program__set_autoload(s->progs.xdpdump_exit, foreign && opt.points & AT_EXIT);
	if (!st.expr)
		bpf_map__set_autocreate(s->maps.bk_window, !!foreign);
	if (!opt.offload) /* which knows no frames of several pieces */
		bk_xdp_use_frags(s->progs.xdpdump);
	err = bpf_map__set_max_entries(s->maps.interfaces, st.n + PORTS);
	if (!err && st.expr)
		err = put_filter(s, run);
	if (!err && foreign && bk_xdp_aim(run, foreign->foreign.id))
		return said(run, -EOPNOTSUPP);
	if (!err && opt.offload)
		err = bk_xdp_prepare(s->progs.xdpdump, st.ifaces[0].ifindex, BK_XDP_OFFLOAD) ?
			      said(run, -EOPNOTSUPP) :
			      0;
	return err;
}

/* With "any" each interface gets what it can have, and those that cannot have native XDP are told together. */
static int attach_somehow(struct bk_run *run, struct xdpdump_bpf *s, struct iface *i)
{
	int err = bk_xdp_attach(run, s->progs.xdpdump, i->ifindex, BK_XDP_NATIVE, &i->mode);

	return err ? bk_xdp_attach(run, s->progs.xdpdump, i->ifindex, BK_XDP_GENERIC, &i->mode) : 0;
}

static int attach_iface(struct bk_run *run, struct xdpdump_bpf *s, struct iface *i)
{
	int err = 0;

	if (i->foreign.id && opt.points & AT_ENTRY)
		err = bk_xdp_trace(run, s->progs.xdpdump_entry, i->foreign.id, i->ifindex);
	if (!err && i->foreign.id && opt.points & AT_EXIT)
		err = bk_xdp_trace(run, s->progs.xdpdump_exit, i->foreign.id, i->ifindex);
	if (i->foreign.id)
		return err;
	if (st.any && wanted_mode() == BK_XDP_AUTO)
		return attach_somehow(run, s, i);
	return bk_xdp_attach(run, s->progs.xdpdump, i->ifindex, wanted_mode(), &i->mode);
}

static void tell_generic(void)
{
	char names[512] = "";
	size_t n = 0, more = 0;

	for (struct iface *i = st.ifaces; i < st.ifaces + st.n; i++) {
		if (i->foreign.id || i->left_out || i->mode != BK_XDP_GENERIC)
			continue;
		if (n + sizeof(i->name) + 2 < sizeof(names))
			n += snprintf(names + n, sizeof(names) - n, "%s%s", n ? ", " : "", i->name);
		else
			more++;
	}
	if (more)
		bk_note("generic XDP, since their drivers have no other: %s and %zu more", names,
			more);
	else if (n)
		bk_note("generic XDP, since their drivers have no other: %s", names);
}

/*
 * Ports before what is above them: the kernel refuses a program below one. With "any" what cannot be captured from is
 * left out.
 */
static int attach_all(struct bk_run *run, struct xdpdump_bpf *s)
{
	size_t attached = 0;
	int err = 0;

	for (int depth = DEEPEST; depth >= 0; depth--)
		for (struct iface *i = st.ifaces; i < st.ifaces + st.n; i++) {
			if (i->port_of || (int)i->depth != depth)
				continue;
			err = attach_iface(run, s, i);
			if (err && !st.any)
				return said(run, err);
			i->left_out = err;
			if (err)
				bk_warn("left out: %s", bk_log_cause());
			else
				attached++;
		}
	return attached ? 0 : said(run, err);
}

static int attach(struct bk_run *run, void *skeleton)
{
	struct xdpdump_bpf *s = skeleton;
	int fd = bpf_map__fd(s->maps.interfaces), err;
	uint64_t none = 0;

	for (struct iface *i = st.ifaces; i < st.ifaces + st.n; i++) {
		err = bpf_map_update_elem(fd, &i->ifindex, &none, BPF_ANY);
		if (err)
			return err;
	}
	st.began = bk_now();
	err = attach_all(run, s);
	if (err)
		return err;
	for (struct iface *i = st.ifaces; i < st.ifaces + st.n; i++)
		if (!i->up)
			bk_warn("%s is down: nothing comes until it is up", i->name);
	if (st.any && wanted_mode() == BK_XDP_AUTO)
		tell_generic();
	err = add_ports(is_native_ours);
	for (struct iface *i = st.ifaces; !err && i < st.ifaces + st.n; i++)
		if (i->port_of) /* if there is no room, what is lost of it is counted with all */
			bpf_map_update_elem(fd, &i->ifindex, &none, BPF_ANY);
	return err;
}

/* ---- instead: the list ---- */

struct row {
	uint64_t has;
	const char *ifname, *state, *mode, *program;
	uint32_t ifindex, mtu, id, link;
};

enum { HAS_PROGRAM = 1, HAS_LINK = 2 };

static const struct bk_col list_cols[] = {
	BK_COL("IFACE", "ifname", BK_COL_PTR, -16, struct row, ifname),
	BK_COL("INDEX", "ifindex", BK_COL_U32, 5, struct row, ifindex),
	BK_COL("STATE", "state", BK_COL_PTR, -5, struct row, state),
	BK_COL("MTU", "mtu", BK_COL_U32, 5, struct row, mtu),
	BK_COL("MODE", "mode", BK_COL_PTR, -9, struct row, mode),
	BK_COL_IF(HAS_PROGRAM, "PROG", "prog_id", BK_COL_U32, 6, struct row, id),
	BK_COL_IF(HAS_LINK, "LINK", "link_id", BK_COL_U32, 6, struct row, link),
	BK_COL("PROGRAM", "program", BK_COL_PTR, 0, struct row, program),
	{ .kind = BK_COL_END }
};

static void list_program(struct bk_run *run, struct row *r, const struct bk_xdp_prog *p,
			 const char *mode)
{
	r->has = HAS_PROGRAM | (p->link_id && p->link_id != BK_XDP_LINK_UNKNOWN ? HAS_LINK : 0);
	r->mode = mode;
	r->id = p->id;
	r->link = p->link_id;
	r->program = *p->name ? p->name : NULL;
	bk_emit(run, list_cols, "interface", r);
}

/* Behind a dispatcher of libxdp are the programs that people know. */
static void list_components(struct bk_run *run, struct row *r, uint32_t dispatcher)
{
	struct bk_xdp_prog progs[16];
	int n = bk_xdp_components(dispatcher, progs, ARRAY_LEN(progs));

	for (int i = 0; i < n && i < (int)ARRAY_LEN(progs); i++)
		list_program(run, r, &progs[i], "called");
}

static int list(struct bk_run *run)
{
	struct bk_xdp_dev *devs;
	size_t n;
	int err = bk_xdp_devices(&devs, &n);

	if (err) {
		bk_error("the interfaces cannot be listed: %s", strerror(-err));
		return BK_EXIT_FAILED;
	}
	if (!run->out->json && !run->opts.no_header)
		bk_heading(run, list_cols);
	for (const struct bk_xdp_dev *d = devs; d < devs + n; d++) {
		struct row r = { .ifname = d->name,
				 .state = d->up ? "up" : "down",
				 .ifindex = d->ifindex,
				 .mtu = d->mtu };

		if (!d->nprogs)
			bk_emit(run, list_cols, "interface", &r);
		for (int i = 0; i < d->nprogs; i++) {
			list_program(run, &r, &d->progs[i], bk_xdp_mode_name(d->progs[i].mode));
			if (d->progs[i].is_dispatcher)
				list_components(run, &r, d->progs[i].id);
		}
	}
	free(devs);
	return BK_EXIT_OK;
}

/* ---- instead: a file ---- */

/* What of it there is, by name and link type: a filter for the one, a number in the new file for both. */
struct source {
	char name[64];
	uint16_t link_type;
	struct bk_cbpf_user *filter;
};

static struct {
	int fd, signals;
	bool has_first; /* a packet with a time came */
	struct source sources[1024];
	uint32_t n;
} file;

/* Before waiting for more: who looks on sees what there is, and a signal ends it. */
static bool before_read(void *arg)
{
	struct bk_run *run = arg;
	struct pollfd p[2] = { { .fd = file.fd, .events = POLLIN },
			       { .fd = file.signals, .events = POLLIN } };

	bk_flush(run->out);
	while (poll(p, 2, -1) < 0)
		;
	return p[1].revents;
}

/* Fails if the expression is nothing for this kind of packets. */
static int add_source(struct bk_run *run, struct source *s)
{
	struct bk_pcapng_interface i = { .name = s->name,
					 .link_type = s->link_type,
					 .snaplen = opt.snaplen };
	char why[BK_CBPF_WHY];

	if (st.expr && bk_cbpf_user_make(st.expr, s->link_type, &s->filter, why) < 0)
		return say_expr(why);
	if (opt.write)
		bk_pcapng_put_interface(run->out, &i);
	return 0;
}

static struct source *find_source(struct bk_run *run, const struct bk_saved *p)
{
	const char *name = p->interface ? p->interface : "";
	struct source *s;

	for (s = file.sources; s < file.sources + file.n; s++)
		if (s->link_type == p->link_type && !strncmp(s->name, name, sizeof(s->name) - 1))
			return s;
	if (file.n == ARRAY_LEN(file.sources)) {
		bk_error("%s has more than %zu interfaces", opt.read, ARRAY_LEN(file.sources));
		return NULL;
	}
	s->link_type = p->link_type;
	snprintf(s->name, sizeof(s->name), "%s", name);
	if (add_source(run, s))
		return NULL;
	file.n++;
	return s;
}

static void save_again(struct bk_run *run, const struct bk_saved *p, uint32_t cap_len,
		       uint32_t number)
{
	struct bk_pcapng_packet again = { .interface = number,
					  .time = p->time_ns,
					  .data = p->data,
					  .cap_len = cap_len,
					  .len = p->len,
					  .comment = p->comment,
					  .flags = p->flags,
					  .has = p->has,
					  .queue = p->queue,
					  .verdict = p->verdict,
					  .dropped = p->dropped };

	bk_pcapng_put_packet(run->out, &again);
}

/* Negative: said. */
static int on_saved(struct bk_run *run, const struct bk_saved *p)
{
	uint32_t cap_len = p->cap_len < opt.snaplen ? p->cap_len : opt.snaplen;
	struct source *source = find_source(run, p);
	struct shown s = { .ifname = p->interface,
			   .has = p->has,
			   .queue = p->queue,
			   .verdict = p->verdict,
			   .comment = p->comment,
			   .no_time = !p->has_time,
			   .several = p->interfaces > 1,
			   .d = { .time_ns = p->time_ns,
				  .data = p->data,
				  .cap_len = cap_len,
				  .len = p->len,
				  .link_type = p->link_type } };

	if (!source)
		return -EINVAL;
	if (source->filter && !bk_cbpf_user_match(source->filter, p->data, p->cap_len, p->len))
		return 0;
	if (!file.has_first && p->has_time) {
		st.first = p->time_ns;
		file.has_first = true;
	}
	run->printed++;
	if (opt.write)
		save_again(run, p, cap_len, source - file.sources);
	else
		show(run, &s, false);
	return 0;
}

static int read_packets(struct bk_run *run, struct bk_savefile *f)
{
	struct bk_saved p;
	int err = 0, n;

	if (opt.write)
		bk_pcapng_section(run->out, application);
	while (!run->out->error && (!run->opts.count || run->printed < run->opts.count)) {
		n = bk_savefile_next(f, &p);
		if (!n || n == -EINTR)
			break;
		if (n < 0) {
			bk_error("%s %s", opt.read, bk_savefile_why(f));
			return BK_EXIT_FAILED;
		}
		err = on_saved(run, &p);
		if (err)
			return BK_EXIT_FAILED;
	}
	return BK_EXIT_OK;
}

/* Negative: said. What is in the new file stays there as long as the old one cannot be read. */
static int open_file(struct bk_run *run)
{
	struct stat from, to;
	sigset_t ending;

	file.fd = strcmp(opt.read, "-") ? bk_open_as_caller(opt.read, O_RDONLY) : STDIN_FILENO;
	if (file.fd < 0) {
		bk_error("cannot open '%s': %s", opt.read, strerror(-file.fd));
		return file.fd;
	}
	if (opt.write && !fstat(file.fd, &from) && !fstat(run->out->fd, &to) &&
	    S_ISREG(from.st_mode) && from.st_dev == to.st_dev && from.st_ino == to.st_ino) {
		bk_error("-r %s and -w %s are the same file, which would be lost", opt.read,
			 opt.write);
		return -EINVAL;
	}
	bk_drop_privileges(0, -1);
	sigemptyset(&ending);
	sigaddset(&ending, SIGINT);
	sigaddset(&ending, SIGTERM);
	sigaddset(&ending, SIGHUP);
	sigprocmask(SIG_BLOCK, &ending, NULL);
	file.signals = signalfd(-1, &ending, SFD_CLOEXEC);
	return file.signals < 0 ? -errno : 0;
}

static int read_file(struct bk_run *run)
{
	struct bk_savefile *f;
	const char *why;
	int status;

	if (open_file(run))
		return BK_EXIT_FAILED;
	if (before_read(run))
		return BK_EXIT_OK;
	f = bk_savefile_open(file.fd, &why);
	if (!f) {
		bk_error("%s %s", opt.read, why);
		return BK_EXIT_FAILED;
	}
	bk_savefile_before_read(f, before_read, run);
	status = bk_begin_output(run) ? BK_EXIT_FAILED : read_packets(run, f);
	for (uint32_t i = 0; i < file.n; i++)
		bk_cbpf_user_free(file.sources[i].filter);
	bk_savefile_close(f);
	return status;
}

/* ---- the start ---- */

static int check_modes(void)
{
	const char *first = opt.generic ? "-S" : opt.native ? "-N" : "-H";

	if (opt.generic + opt.native + opt.offload > 1) {
		bk_error("%s and %s exclude each other", first, opt.offload ? "-H" : "-N");
		return -EINVAL;
	}
	if (opt.offload && (opt.names.n != 1 || !strcmp(opt.names.v[0], "any"))) {
		bk_error("-H is for one interface: a program is offloaded to one card");
		return -EINVAL;
	}
	return 0;
}

/* -r and -D capture nothing. */
static int check_instead(const struct bk_run *run, const char *which)
{
	const struct {
		bool given, only_list;
		const char *name;
	} vain[] = {
		{ opt.names.n, false, "-i" },
		{ opt.generic, false, "-S" },
		{ opt.native, false, "-N" },
		{ opt.offload, false, "-H" },
		{ opt.points, false, "--rx-capture" },
		{ run->opts.buffer, false, "--buffer" },
		{ run->opts.duration, false, "--duration" },
		{ run->opts.stats, false, "--stats" },
		{ !opt.list && run->opts.no_header, false, "--no-header" },
		{ opt.read, true, "-r" },
		{ opt.write, true, "-w" },
		{ opt.hex, true, "-x" },
		{ opt.ascii, true, "-X" },
		{ opt.link, true, "-e" },
		{ opt.quiet, true, "-q" },
		{ opt.snaplen != SNAP_UNSET, true, "-s" },
		{ run->opts.count, true, "-c" },
		{ run->opts.timestamp != BK_TIME_UNSET, true, "--timestamp" },
		{ st.expr, true, "an expression" },
	};

	for (size_t i = 0; i < ARRAY_LEN(vain); i++)
		if (vain[i].given && (opt.list || !vain[i].only_list)) {
			bk_error("%s and %s cannot be given together", which, vain[i].name);
			return -EINVAL;
		}
	return 0;
}

/* Options that say how lines look belong to lines. */
static int check_write(struct bk_run *run)
{
	const char *vain = opt.hex                              ? "-x" :
			   opt.ascii                            ? "-X" :
			   opt.link                             ? "-e" :
			   opt.quiet                            ? "-q" :
			   run->out->json                       ? "--output json" :
			   run->opts.timestamp != BK_TIME_UNSET ? "--timestamp" :
								  NULL;

	if (vain) {
		bk_error("-w and %s cannot be given together: with -w nothing is printed", vain);
		return -EINVAL;
	}
	run->save = opt.write;
	return 0;
}

static int make_filter(void)
{
	char why[BK_CBPF_WHY];

	return bk_cbpf_make(st.expr, BK_CBPF_IN_PACKET, st.filter, why) < 0 ? say_expr(why) : 0;
}

/* Of a file it is compiled again, for its link types, but is there anything wrong with it at all? */
static int check_expr(void)
{
	struct bk_cbpf_user *filter;
	char why[BK_CBPF_WHY];

	if (bk_cbpf_user_make(st.expr, BK_LINK_ETHERNET, &filter, why) < 0)
		return say_expr(why);
	bk_cbpf_user_free(filter);
	return 0;
}

static int init(struct bk_run *run)
{
	bool lines = !opt.write && !opt.hex && !opt.ascii && !opt.read;

	st.expr = run->opts.words;
	if ((opt.list && check_instead(run, "-D")) || (opt.read && check_instead(run, "-r")))
		return -EINVAL;
	if (opt.write && check_write(run))
		return -EINVAL;
	if (run->opts.timestamp == BK_TIME_UNSET)
		run->opts.timestamp = run->out->json ? BK_TIME_WALL : BK_TIME_MONO;
	st.points_given = opt.points;
	if (!opt.points)
		opt.points = AT_ENTRY;
	if (opt.snaplen == SNAP_UNSET)
		opt.snaplen = lines ? SNAP_LINES : SNAP_ALL;
	else if (!opt.snaplen)
		opt.snaplen = SNAP_ALL;
	if (opt.list) {
		run->instead = list;
		return 0;
	}
	if (opt.read) {
		run->instead = read_file;
		return st.expr ? check_expr() : 0;
	}
	if (run->opts.no_header) {
		bk_error("--no-header belongs to -D: lines have no headings");
		return -EINVAL;
	}
	if (!opt.names.n) {
		bk_error(
			"an interface is missing: -i IF, or -i any for all that are up (-D lists them)");
		return -EINVAL;
	}
	if (check_modes() || find_ifaces())
		return -EINVAL;
	return st.expr ? make_filter() : 0;
}

static void fini(struct bk_run *run)
{
	free(st.ifaces);
}

const struct bk_tool xdpdump_tool = {
	.name = "xdpdump",
	.summary = "Capture packets where XDP gets them, before the kernel does",
	.synopsis = "[EXPRESSION]",
	.examples =
		"xdpdump -i eth0 -S\tall that eth0 receives, with any driver\n"
		"xdpdump -i eth0 udp port 53\tDNS, before the kernel could drop it\n"
		"xdpdump -i any -e -c 10 arp\tten ARP packets of any interface, with their MAC addresses\n"
		"xdpdump -i eth0 -s 96 -w flood.pcapng\tthe first 96 bytes of all frames to a file\n"
		"xdpdump -r flood.pcapng -x tcp\tthe TCP packets of that file, with their bytes\n"
		"xdpdump -i eth0 --rx-capture entry,exit\twhat another XDP program gets, and what it decides\n"
		"xdpdump -D\twhich interfaces have XDP programs\n",
	.group = BK_GROUP_NET,
	.common = BK_COUNT | BK_TIMESTAMP | BK_BUFFER | BK_WORDS,
	.needs = BK_NEED_BPF | BK_NEED_NET_ADMIN | BK_NEED_BTF,
	.timestamp = BK_TIME_UNSET,
	.buffer = BUFFER,
	.opts = opts,
	.skel = &skel,
	.init = init,
	.configure = configure,
	.attach = attach,
	.started = started,
	.event = event,
	.ended = ended,
	.fini = fini,
};
