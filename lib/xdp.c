// SPDX-License-Identifier: GPL-2.0-only
#include "xdp.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/magic.h>
#include <linux/membarrier.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "ethtool.h"
#include "loop.h"
#include "probe.h"
#include "rtnl.h"

#ifndef BPF_F_XDP_HAS_FRAGS /* Linux 5.18 */
#define BPF_F_XDP_HAS_FRAGS (1U << 5)
#endif

enum {
	COMPONENTS = 16,      /* a dispatcher of libxdp has ten */
	CHECKED_AT_ONCE = 64, /* links, each second: the time this takes must not count */
};

static const struct {
	const char *name;
	uint32_t flag;
	const char *off; /* what "ip link set" calls it, to remove a program */
} modes[] = {
	[BK_XDP_AUTO] = { "auto", 0, "xdp" },
	[BK_XDP_NATIVE] = { "native", XDP_FLAGS_DRV_MODE, "xdpdrv" },
	[BK_XDP_GENERIC] = { "generic", XDP_FLAGS_SKB_MODE, "xdpgeneric" },
	[BK_XDP_OFFLOAD] = { "offload", XDP_FLAGS_HW_MODE, "xdpoffload" },
};

const char *bk_xdp_mode_name(enum bk_xdp_mode mode)
{
	return modes[mode].name;
}

/* ---- programs ---- */

/* The whole name of a program's function, which the kernel cuts after 15 bytes. */
static void full_name(const struct btf *btf, uint32_t type_id, char *name, size_t size)
{
	const struct btf_type *t = btf__type_by_id(btf, type_id);
	const char *full = t && btf_is_func(t) ? btf__name_by_offset(btf, t->name_off) : NULL;

	if (full && full[0])
		snprintf(name, size, "%s", full);
}

static bool has_var(const struct btf *btf, const char *name)
{
	return btf__find_by_name_kind(btf, name, BTF_KIND_VAR) > 0;
}

/* Fills in the name, and what it is; *ours: it has been made with bk.bpf.h. */
static int read_prog(struct bk_xdp_prog *p, bool *ours)
{
	struct bpf_func_info func = { 0 };
	struct bpf_prog_info info = {
		.nr_func_info = 1,
		.func_info_rec_size = sizeof(func),
		.func_info = (uintptr_t)&func,
	};
	uint32_t len = sizeof(info);
	int fd = bpf_prog_get_fd_by_id(p->id), err;
	struct btf *btf;

	if (fd < 0)
		return fd;
	err = bpf_obj_get_info_by_fd(fd, &info, &len);
	close(fd);
	if (err)
		return err;
	snprintf(p->name, sizeof(p->name), "%.*s", (int)sizeof(info.name), info.name);
	btf = info.btf_id ? btf__load_from_kernel_by_id(info.btf_id) : NULL;
	if (!btf)
		return 0;
	if (info.nr_func_info)
		full_name(btf, func.type_id, p->name, sizeof(p->name));
	p->is_dispatcher = !strcmp(p->name, "xdp_dispatcher") && has_var(btf, "dispatcher_version");
	if (ours)
		*ours = has_var(btf, "bk_books");
	btf__free(btf);
	return 0;
}

/* ---- links ---- */

/*
 * Gives what the kernel tells of each link to a function, until that returns other than 0. -EPERM: it needs
 * CAP_SYS_ADMIN.
 */
static int each_link(int (*each)(void *ctx, const struct bpf_link_info *info), void *ctx)
{
	uint32_t id = 0;
	int err;

	while (!(err = bpf_link_get_next_id(id, &id))) {
		struct bpf_link_info info = { 0 };
		uint32_t len = sizeof(info);
		int fd = bpf_link_get_fd_by_id(id);

		if (fd == -ENOENT || fd == -EAGAIN) /* it is gone meanwhile, or not ready */
			continue;
		if (fd < 0)
			return fd;
		err = bpf_obj_get_info_by_fd(fd, &info, &len);
		close(fd);
		err = err ? err : each(ctx, &info);
		if (err)
			return err;
	}
	return err == -ENOENT ? 0 : err;
}

struct devs {
	struct bk_xdp_dev *v;
	size_t n;
};

static int note_link(void *ctx, const struct bpf_link_info *info)
{
	struct devs *d = ctx;

	if (info->type != BPF_LINK_TYPE_XDP)
		return 0;
	for (struct bk_xdp_dev *dev = d->v; dev < d->v + d->n; dev++)
		for (int i = 0; i < dev->nprogs && dev->ifindex == (int)info->xdp.ifindex; i++)
			if (dev->progs[i].id == info->prog_id)
				dev->progs[i].link_id = info->id;
	return 0;
}

/* What programs are called, and what holds them; nothing is asked where there are none. */
static void describe(struct bk_xdp_dev *v, size_t n)
{
	const struct bk_xdp_prog *known = NULL; /* often the same one is on many interfaces */
	struct devs d = { v, n };
	bool any = false;

	for (struct bk_xdp_dev *dev = v; dev < v + n; dev++)
		for (struct bk_xdp_prog *p = dev->progs; p < dev->progs + dev->nprogs; p++) {
			if (known && known->id == p->id) {
				memcpy(p->name, known->name, sizeof(p->name));
				p->is_dispatcher = known->is_dispatcher;
			} else {
				read_prog(p, NULL);
			}
			known = p;
			any = true;
		}
	if (!any || !each_link(note_link, &d))
		return;
	for (struct bk_xdp_dev *dev = v; dev < v + n; dev++)
		for (int i = 0; i < dev->nprogs; i++)
			dev->progs[i].link_id = BK_XDP_LINK_UNKNOWN;
}

/* ---- interfaces ---- */

static void copy_link(struct bk_xdp_dev *dev, const struct bk_rtnl_link *l)
{
	static const enum bk_xdp_mode mode_of[BK_RTNL_MODES] = {
		[BK_RTNL_NATIVE] = BK_XDP_NATIVE,
		[BK_RTNL_GENERIC] = BK_XDP_GENERIC,
		[BK_RTNL_OFFLOAD] = BK_XDP_OFFLOAD,
	};

	*dev = (struct bk_xdp_dev){ .ifindex = l->ifindex, .up = l->up, .mtu = l->mtu, .master = l->master };
	memcpy(dev->name, l->name, sizeof(dev->name));
	for (int i = 0; i < BK_RTNL_MODES; i++)
		if (l->progs[i])
			dev->progs[dev->nprogs++] =
				(struct bk_xdp_prog){ .id = l->progs[i], .mode = mode_of[i] };
}

static int take_one(void *ctx, const struct bk_rtnl_link *l)
{
	copy_link(ctx, l);
	return 0;
}

int bk_xdp_query(int ifindex, struct bk_xdp_dev *dev)
{
	int err;

	if (ifindex <= 0)
		return -ENODEV;
	memset(dev, 0, sizeof(*dev));
	err = bk_rtnl_links(ifindex, take_one, dev);
	if (!err && dev->ifindex != ifindex)
		err = -ENODEV;
	if (!err)
		describe(dev, 1);
	return err;
}

static int take_all(void *ctx, const struct bk_rtnl_link *l)
{
	struct devs *d = ctx;
	struct bk_xdp_dev *more;

	if (!(d->n & (d->n - 1))) { /* a power of two is full */
		more = realloc(d->v, (d->n ? 2 * d->n : 1) * sizeof(*d->v));
		if (!more)
			return -ENOMEM;
		d->v = more;
	}
	copy_link(&d->v[d->n++], l);
	return 0;
}

static int by_index(const void *a, const void *b)
{
	return ((const struct bk_xdp_dev *)a)->ifindex - ((const struct bk_xdp_dev *)b)->ifindex;
}

int bk_xdp_devices(struct bk_xdp_dev **devs, size_t *n)
{
	struct devs d = { 0 };
	int err = bk_rtnl_links(0, take_all, &d);

	if (err) {
		free(d.v);
		return err;
	}
	if (d.n)
		qsort(d.v, d.n, sizeof(*d.v), by_index);
	describe(d.v, d.n);
	*devs = d.v;
	*n = d.n;
	return 0;
}

/* ---- libxdp's dispatcher ---- */

/* It calls functions of its own, which components replace (BPF_PROG_TYPE_EXT), by links that name both. */
struct components {
	uint32_t dispatcher;
	struct {
		struct bk_xdp_prog prog;
		uint32_t slot; /* the replaced function's type; they are numbered as they are called */
	} v[COMPONENTS];
	int n;
	bool untold;
};

static int note_component(void *ctx, const struct bpf_link_info *info)
{
	struct bpf_prog_info prog = { 0 };
	struct components *c = ctx;
	uint32_t len = sizeof(prog);
	int fd, err, at;

	if (info->type != BPF_LINK_TYPE_TRACING)
		return 0;
	/* of fentry and the like it is a BTF's id, which may be the same number */
	fd = bpf_prog_get_fd_by_id(info->prog_id);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	err = bpf_obj_get_info_by_fd(fd, &prog, &len);
	close(fd);
	if (err || prog.type != BPF_PROG_TYPE_EXT)
		return err;
	if (!info->tracing.target_obj_id)
		c->untold = true;
	if (info->tracing.target_obj_id != c->dispatcher || c->n == COMPONENTS)
		return 0;
	for (at = c->n++; at > 0 && c->v[at - 1].slot > info->tracing.target_btf_id; at--)
		c->v[at] = c->v[at - 1];
	memset(&c->v[at], 0, sizeof(c->v[at]));
	c->v[at].slot = info->tracing.target_btf_id;
	c->v[at].prog.id = info->prog_id;
	c->v[at].prog.link_id = info->id;
	return 0;
}

int bk_xdp_components(uint32_t dispatcher_id, struct bk_xdp_prog *progs, int max)
{
	struct components c = { .dispatcher = dispatcher_id };
	int err = each_link(note_component, &c);

	if (err)
		return err;
	if (!c.n && c.untold)
		return -EOPNOTSUPP;
	for (int i = 0; i < c.n && i < max; i++) {
		read_prog(&c.v[i].prog, NULL);
		progs[i] = c.v[i].prog;
	}
	return c.n;
}

/* ---- what the kernel takes ---- */

/* Loads the smallest program there is: the kernel says whether it takes such a one. */
static int trial_load(uint32_t flags, int ifindex)
{
	const struct bpf_insn pass[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, o, .prog_flags = flags, .prog_ifindex = ifindex);
	int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "bk_trial", "GPL", pass, ARRAY_LEN(pass), &o);

	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

bool bk_xdp_has_frags(void)
{
	static int has = -1;

	if (has < 0)
		has = !trial_load(BPF_F_XDP_HAS_FRAGS, 0);
	return has;
}

bool bk_xdp_use_frags(struct bpf_program *prog)
{
	return bk_xdp_has_frags() &&
	       !bpf_program__set_flags(prog, bpf_program__flags(prog) | BPF_F_XDP_HAS_FRAGS);
}

/* What an interface is called in a sentence. */
static const char *name_of(int ifindex, char name[IF_NAMESIZE])
{
	return if_indextoname(ifindex, name) ? name : "the interface";
}

int bk_xdp_prepare(struct bpf_program *prog, int ifindex, enum bk_xdp_mode mode)
{
	char name[IF_NAMESIZE];
	int err;

	if (mode != BK_XDP_OFFLOAD)
		return 0;
	err = trial_load(0, ifindex);
	if (err) {
		bk_log_set_cause(
			"%s: its driver takes no offloaded XDP programs (%s): use -N (native) or -S (generic)",
			name_of(ifindex, name), strerror(-err));
		return err;
	}
	bpf_program__set_ifindex(prog, ifindex);
	return 0;
}

/* ---- attaching ---- */

struct port {
	int ifindex;
	int link; /* -1: gone */
	uint32_t traced; /* the program of somebody else's that ours look at; 0: it is ours */
	char name[IF_NAMESIZE];
};

/* A program of ours that looks at one of somebody else's. */
struct trace {
	const struct bpf_program *prog;
	uint32_t id;
	int link;
};

struct bk_xdp {
	struct trace *traces;
	size_t ntraces;
	uint32_t aim; /* the program that ours are loaded for */
	int aim_fd;
	struct bk_loop *loop;
	struct port *ports;
	size_t n, room, left;
	size_t next; /* to be checked */
	int news, clock;
	struct bk_quiesce quiesce; /* where there is no membarrier() */
};

static int make_link(int prog_fd, int ifindex, enum bk_xdp_mode mode)
{
	LIBBPF_OPTS(bpf_link_create_opts, o, .flags = modes[mode].flag);

	return bpf_link_create(prog_fd, ifindex, BPF_XDP, &o);
}

/* Of these the driver was not asked. */
static bool is_ours_to_solve(int err)
{
	return err == -EPERM || err == -EACCES || err == -ENODEV || err == -EMFILE ||
	       err == -ENFILE;
}

/*
 * The driver's reason. A link is refused with a number only, the same by netlink in words. If that succeeds, since
 * things changed in between, it is undone at once: removed is only what is there by this descriptor.
 */
static void ask_why(int prog_fd, int ifindex, enum bk_xdp_mode mode, int err, char *why,
		    size_t size)
{
	uint32_t flag = modes[mode].flag;

	why[0] = 0;
	if (!is_ours_to_solve(err) &&
	    !bk_rtnl_set_xdp(ifindex, prog_fd, -1, flag | XDP_FLAGS_UPDATE_IF_NOEXIST, why, size) &&
	    bk_rtnl_set_xdp(ifindex, -1, prog_fd, flag | XDP_FLAGS_REPLACE, why, size))
		bk_warn("interface %d keeps our program, which could not be taken off: %s (ip link set dev IF %s off)",
			ifindex, why, modes[mode].off);
	if (!why[0])
		snprintf(why, size, "%s", err == -EPERM ? bk_why_refused() : strerror(-err));
}

/*
 * Is what is there attached by a link? Asks to replace a program that is not there: the kernel refuses
 * that in each case, and says of a link EBUSY, else EEXIST. Where it does not come to that, what holds
 * the program has to do.
 */
static bool is_by_link(int prog_fd, int ifindex, const struct bk_xdp_prog *p)
{
	char why[8];
	int err = bk_rtnl_set_xdp(ifindex, prog_fd, prog_fd,
				  modes[p->mode].flag | XDP_FLAGS_REPLACE, why, sizeof(why));

	return err == -EBUSY || (err != -EEXIST && p->link_id);
}

/* ": xdp_filter (id 7), other (id 9)", or nothing. */
static void list_components(uint32_t dispatcher, char *buf, size_t size)
{
	struct bk_xdp_prog progs[COMPONENTS];
	int n = bk_xdp_components(dispatcher, progs, COMPONENTS);
	size_t at = 0;

	buf[0] = 0;
	for (int i = 0; i < n && at < size; i++)
		at += snprintf(buf + at, size - at, "%s%s (id %u)", i ? ", " : " with ",
			       progs[i].name, progs[i].id);
}

/* A name that a shell takes as it is, for what is to be typed; names are made by strangers. */
static const char *typed(const char *name)
{
	size_t plain =
		strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._@+-");

	return name[plain] || name[0] == '-' ? "IF" : name;
}

static void what_to_do(const struct bk_xdp_dev *dev, const struct bk_xdp_prog *p, bool by_link,
		       char *buf, size_t size)
{
	if (p->is_dispatcher)
		snprintf(buf, size, "xdp-loader unload %s --all", typed(dev->name));
	else if (!by_link)
		snprintf(buf, size, "ip link set dev %s %s off", typed(dev->name),
			 modes[p->mode].off);
	else if (p->link_id && p->link_id != BK_XDP_LINK_UNKNOWN)
		snprintf(buf, size, "end its owner, or bpftool link detach id %u", p->link_id);
	else
		snprintf(buf, size, "end its owner");
}

/* prog_fd: another program, or -1: there is none to ask with. */
static void say_busy(const struct bk_xdp_dev *dev, int prog_fd)
{
	const struct bk_xdp_prog *p = &dev->progs[0];
	bool link_known = p->link_id && p->link_id != BK_XDP_LINK_UNKNOWN;
	bool by_link = prog_fd < 0 ? link_known : is_by_link(prog_fd, dev->ifindex, p);
	char with[256] = "", todo[80], link[24] = "";

	if (p->is_dispatcher)
		list_components(p->id, with, sizeof(with));
	if (by_link && link_known)
		snprintf(link, sizeof(link), " %u", p->link_id);
	what_to_do(dev, p, by_link, todo, sizeof(todo));
	bk_log_set_cause(
		"%s already has %s %s (id %u, %s, by %s%s)%s; it is left alone: detach it first (%s)",
		dev->name, p->is_dispatcher ? "libxdp's dispatcher" : "the XDP program",
		p->name[0] ? p->name : "?", p->id, modes[p->mode].name,
		by_link ? "link" : "netlink", link, with, todo);
}

/* A driver's "no", with what helps. */
static void say_refused(const struct bk_xdp_dev *dev, enum bk_xdp_mode mode, int err,
			const char *why)
{
	bool size = strcasestr(why, "mtu") || err == -ERANGE || err == -EMSGSIZE;

	if (err == -ENODEV)
		bk_log_set_cause("%s is gone", dev->name);
	else if (err == -EMFILE || err == -ENFILE)
		bk_log_set_cause("%s: %s: raise the limit (ulimit -n)", dev->name, strerror(-err));
	else if (is_ours_to_solve(err))
		bk_log_set_cause("%s: the kernel refuses %s XDP (%s): %s", dev->name,
				 modes[mode].name, strerror(-err), why);
	else if (mode == BK_XDP_GENERIC || err == -EEXIST)
		bk_log_set_cause("%s: the kernel refuses %s XDP: %s", dev->name, modes[mode].name, why);
	else if (size)
		bk_log_set_cause(
			"%s: the driver refuses %s XDP: %s: lower the MTU (ip link set dev %s mtu 1500; of a "
			"veth, that of its other end), or use -S (generic)",
			dev->name, modes[mode].name, why, typed(dev->name));
	else
		bk_log_set_cause("%s: the driver refuses %s XDP: %s: use -S (generic)", dev->name,
				 modes[mode].name, why);
}

/* The kernel does that for generic XDP, and does not undo it. */
static void tell_merging(const char *name, unsigned int before)
{
	unsigned int off = before & ~bk_ethtool_merging(name);

	if (off)
		bk_note("%s: the kernel turned off %s%s%s for generic XDP, and will not turn %s on again: "
			"ethtool -K %s%s%s",
			name, off & BK_LRO ? "LRO" : "", off == (BK_LRO | BK_GRO_HW) ? " and " : "",
			off & BK_GRO_HW ? "rx-gro-hw" : "",
			off == (BK_LRO | BK_GRO_HW) ? "them" : "it", typed(name), off & BK_LRO ? " lro on" : "",
			off & BK_GRO_HW ? " rx-gro-hw on" : "");
}

static int make_generic_link(int prog_fd, const struct bk_xdp_dev *dev)
{
	unsigned int before = bk_ethtool_merging(dev->name);
	int link = make_link(prog_fd, dev->ifindex, BK_XDP_GENERIC);

	if (link >= 0)
		tell_merging(dev->name, before);
	return link;
}

/* Returns the link, or a negative errno, said. */
static int attach_one(int prog_fd, const struct bk_xdp_dev *dev, enum bk_xdp_mode wanted,
		      enum bk_xdp_mode *got)
{
	enum bk_xdp_mode mode = wanted == BK_XDP_AUTO ? BK_XDP_NATIVE : wanted;
	struct bk_xdp_dev now;
	char why[256], generic[256];
	int err, native;

	*got = mode;
	err = mode == BK_XDP_GENERIC ? make_generic_link(prog_fd, dev) :
				       make_link(prog_fd, dev->ifindex, mode);
	if (err >= 0)
		return err;
	if ((err == -EBUSY || err == -EEXIST) && !bk_xdp_query(dev->ifindex, &now) && now.nprogs) {
		say_busy(&now, prog_fd); /* it came meanwhile */
		return -EBUSY;
	}
	ask_why(prog_fd, dev->ifindex, mode, err, why, sizeof(why));
	if (wanted != BK_XDP_AUTO || is_ours_to_solve(err)) {
		say_refused(dev, mode, err, why);
		return err;
	}
	native = err;
	*got = BK_XDP_GENERIC;
	err = make_generic_link(prog_fd, dev);
	if (err >= 0) {
		bk_note("%s: the driver refuses native XDP (%s): generic is used, which costs more",
			dev->name, why);
		return err;
	}
	ask_why(prog_fd, dev->ifindex, BK_XDP_GENERIC, err, generic, sizeof(generic));
	if (is_ours_to_solve(err))
		say_refused(dev, BK_XDP_GENERIC, err, generic);
	else if (native == err && !strcmp(why, generic))
		bk_log_set_cause("%s: the kernel refuses XDP: %s", dev->name, why);
	else
		bk_log_set_cause("%s: the driver refuses native XDP (%s), the kernel generic (%s)",
				 dev->name, why, generic);
	return err;
}

/* ---- what becomes of it ---- */

/* What /proc says of a link that we hold: no privileges are needed. False: it is none of XDP. */
struct link_facts {
	uint32_t prog_id;
	int ifindex; /* 0: it is attached to nothing any more */
};

static bool read_link(int fd, struct link_facts *facts)
{
	char path[40], line[128];
	bool xdp = false;
	FILE *f;

	*facts = (struct link_facts){ 0 };
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		if (!strcmp(line, "link_type:\txdp\n"))
			xdp = true;
		else if (sscanf(line, "prog_id: %u", &facts->prog_id) != 1)
			sscanf(line, "ifindex: %d", &facts->ifindex);
	}
	if (f)
		fclose(f);
	return xdp;
}

static void forget_port(struct bk_xdp *x, struct port *p, const char *what)
{
	close(p->link);
	p->link = -1;
	x->left--;
	bk_warn("%s %s: %s", p->name, what,
		x->left ? "nothing is seen of it any more" :
			  "it was the last interface, so this ends");
}

static bool has_program(int ifindex, uint32_t id)
{
	struct bk_xdp_dev dev;

	if (bk_xdp_query(ifindex, &dev))
		return true; /* as far as is known */
	for (int i = 0; i < dev.nprogs; i++)
		if (dev.progs[i].id == id)
			return true;
	return false;
}

static void check_port(struct bk_xdp *x, struct port *p)
{
	char name[IF_NAMESIZE];
	struct link_facts facts;

	if (p->link < 0 || (!p->traced && !read_link(p->link, &facts)))
		return;
	if (!if_indextoname(p->ifindex, name))
		forget_port(x, p, "is gone");
	else if (p->traced && !has_program(p->ifindex, p->traced))
		forget_port(x, p, "has another XDP program now, or none");
	else if (p->traced)
		return;
	else if (facts.ifindex != p->ifindex)
		forget_port(x, p, "has our program no more, which somebody detached");
}

static void check(struct bk_xdp *x, size_t n)
{
	for (; n; n--) {
		x->next = x->next < x->n ? x->next : 0;
		check_port(x, &x->ports[x->next++]);
	}
}

static void on_gone(void *ctx, int ifindex)
{
	struct bk_xdp *x = ctx;

	for (struct port *p = x->ports; p < x->ports + x->n; p++)
		if (p->ifindex == ifindex && p->link >= 0)
			forget_port(x, p, "is gone");
}

static int on_news(void *ctx)
{
	struct bk_xdp *x = ctx;

	if (bk_rtnl_gone(x->news, on_gone, x))
		check(x, x->n);
	return !x->left;
}

/* A program that somebody detaches is no news to netlink. */
static int on_clock(void *ctx)
{
	struct bk_xdp *x = ctx;
	uint64_t ticks;

	if (read(x->clock, &ticks, sizeof(ticks)) > 0)
		check(x, x->n < CHECKED_AT_ONCE ? x->n : CHECKED_AT_ONCE);
	return !x->left;
}

size_t bk_xdp_check(struct bk_run *run)
{
	if (!run->xdp)
		return 0;
	check(run->xdp, run->xdp->n);
	return run->xdp->left;
}

/* From before the first one is attached, so that nothing is missed. */
static int watch(struct bk_xdp *x)
{
	const struct itimerspec second = { { 1, 0 }, { 1, 0 } };
	int err;

	x->news = bk_rtnl_watch();
	if (x->news < 0)
		return x->news;
	x->clock = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (x->clock < 0 || timerfd_settime(x->clock, 0, &second, NULL))
		return -errno;
	err = bk_loop_watch(x->loop, x->news, on_news, x);
	return err ? err : bk_loop_watch(x->loop, x->clock, on_clock, x);
}

/* Not with nohz_full. */
static bool has_membarrier(void)
{
	long known = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);

	return known > 0 && known & MEMBARRIER_CMD_GLOBAL;
}

static int start_xdp(struct bk_run *run)
{
	int err;

	if (run->xdp)
		return 0;
	run->xdp = calloc(1, sizeof(*run->xdp));
	if (!run->xdp)
		return -ENOMEM;
	*run->xdp = (struct bk_xdp){ .loop = run->loop, .news = -1, .clock = -1, .aim_fd = -1,
				     .quiesce = { -1, -1 } };
	if (!has_membarrier())
		bk_quiesce_open(&run->xdp->quiesce);
	err = watch(run->xdp);
	if (err)
		bk_xdp_detach(run);
	return err;
}

/* Each link is an open file, and the usual soft limit is 1024. */
static void allow_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit); /* if it fails, the link that finds no room says so */
}

static int make_room(struct bk_xdp *x)
{
	size_t room = x->room ? 2 * x->room : 16;
	struct port *more;

	if (x->n < x->room)
		return 0;
	more = realloc(x->ports, room * sizeof(*more));
	if (!more)
		return -ENOMEM;
	if (x->room)
		allow_files();
	x->ports = more;
	x->room = room;
	return 0;
}

int bk_xdp_attach(struct bk_run *run, struct bpf_program *prog, int ifindex,
		  enum bk_xdp_mode wanted, enum bk_xdp_mode *got)
{
	enum bk_xdp_mode mode;
	struct bk_xdp_dev dev;
	int err = bk_xdp_query(ifindex, &dev), link;

	if (err == -ENODEV) {
		bk_log_set_cause("there is no interface %d in this network namespace", ifindex);
		return err;
	}
	if (!err && dev.nprogs) {
		say_busy(&dev, bpf_program__fd(prog));
		return -EBUSY;
	}
	err = err ? err : start_xdp(run);
	err = err ? err : make_room(run->xdp);
	if (err) {
		bk_log_set_cause("interface %d: cannot attach to it: %s%s", ifindex, strerror(-err),
				 err == -EMFILE ? ": raise the limit (ulimit -n)" : "");
		return err;
	}
	link = attach_one(bpf_program__fd(prog), &dev, wanted, &mode);
	if (link < 0)
		return link;
	run->xdp->ports[run->xdp->n] = (struct port){ .ifindex = ifindex, .link = link };
	memcpy(run->xdp->ports[run->xdp->n].name, dev.name, sizeof(dev.name));
	run->xdp->n++;
	run->xdp->left++;
	if (got)
		*got = mode;
	return 0;
}

/* Drivers do not wait for programs that run on other CPUs, which both of these do (synchronize_rcu()). */
static void wait_for_programs(struct bk_xdp *x)
{
	if (x->quiesce.outer < 0 || bk_quiesce(&x->quiesce))
		syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
}

void bk_xdp_detach(struct bk_run *run)
{
	struct bk_xdp *x = run->xdp;

	if (!x)
		return;
	bk_loop_unwatch(x->loop, x->news);
	bk_loop_unwatch(x->loop, x->clock);
	for (struct port *p = x->ports; p < x->ports + x->n; p++)
		if (p->link >= 0)
			close(p->link);
	for (size_t i = 0; i < x->ntraces; i++)
		close(x->traces[i].link);
	if (x->left)
		wait_for_programs(x);
	bk_quiesce_close(&x->quiesce);
	if (x->news >= 0)
		close(x->news);
	if (x->clock >= 0)
		close(x->clock);
	if (x->aim_fd >= 0)
		close(x->aim_fd);
	free(x->traces);
	free(x->ports);
	free(x);
	run->xdp = NULL;
}

/* ---- at the programs of others ---- */

/* The id of the type of a program's function in its own BTF; of several functions the first is the program itself. */
static int find_function(int prog_fd, uint32_t *function)
{
	struct bpf_func_info info = { 0 };
	struct bpf_prog_info prog = { .nr_func_info = 1,
				      .func_info_rec_size = sizeof(info),
				      .func_info = (uintptr_t)&info };
	uint32_t size = sizeof(prog);
	int err = bpf_obj_get_info_by_fd(prog_fd, &prog, &size);

	*function = info.type_id;
	return err ? err : prog.btf_id && info.type_id ? 0 : -ENOENT;
}

static int load_at(int prog_fd, uint32_t function, enum bpf_attach_type type, const struct bpf_insn *insns,
		   size_t n)
{
	LIBBPF_OPTS(bpf_prog_load_opts, o, .expected_attach_type = type, .attach_prog_fd = prog_fd,
		    .attach_btf_id = function);

	return bpf_prog_load(BPF_PROG_TYPE_TRACING, "bpfkit", "GPL", insns, n, &o);
}

/*
 * Loads and attaches a program that looks at the first member of the frame and does nothing: some kernels refuse the
 * one, some the other, and that member is to be seen only where the other program says what it is given.
 */
static int try_at(int prog_fd, uint32_t function)
{
	static const struct bpf_insn nothing[] = {
		{ .code = BPF_LDX | BPF_MEM | BPF_DW, .dst_reg = BPF_REG_1, .src_reg = BPF_REG_1 },
		{ .code = BPF_LDX | BPF_MEM | BPF_DW, .dst_reg = BPF_REG_1, .src_reg = BPF_REG_1 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int fd = load_at(prog_fd, function, BPF_TRACE_FENTRY, nothing, 4), link;

	if (fd < 0)
		return fd;
	link = bpf_raw_tracepoint_open(NULL, fd);
	close(fd);
	if (link >= 0)
		close(link);
	return link < 0 ? link : 0;
}

int bk_xdp_can_trace(const struct bk_xdp_dev *dev)
{
	enum { KERNEL_ENOTSUPP = 524 }; /* without trampolines, as on arm64 before 6.0 */
	int fd = bpf_prog_get_fd_by_id(dev->progs[0].id), err = fd < 0 ? fd : 0;
	const char *why = NULL;
	uint32_t function;
	char busy[400];

	if (!err) {
		err = find_function(fd, &function);
		if (err == -ENOENT)
			why = "it was loaded without types (BTF)";
		err = err ? err : try_at(fd, function);
	}
	if (err == -KERNEL_ENOTSUPP)
		err = -EOPNOTSUPP;
	if (fd >= 0)
		close(fd);
	if (!err)
		return 0;
	say_busy(dev, -1);
	snprintf(busy, sizeof(busy), "%s", bk_log_cause());
	bk_log_set_cause("%s. At its entry or exit nothing can be captured: %s", busy,
			 why		    ? why :
			 err == -EACCES	    ? "its argument is not declared as struct xdp_md *" :
			 err == -EBUSY	    ? "the kernel lets nobody look at a dispatcher that has programs" :
			 err == -EPERM	    ? "this kernel does not allow programs at functions" :
			 err == -EOPNOTSUPP ? "this kernel has no programs at functions" :
			 err == -EINVAL	    ? "the kernel has no such programs at this one" :
					      strerror(-err));
	return err;
}

int bk_xdp_aim(struct bk_run *run, uint32_t id)
{
	uint32_t function;
	int err = start_xdp(run), fd;

	fd = err ? err : bpf_prog_get_fd_by_id(id);
	err = fd < 0 ? fd : find_function(fd, &function);
	if (err) {
		bk_log_set_cause("XDP program %u cannot be looked at: %s", id, strerror(-err));
		if (fd >= 0)
			close(fd);
		return err;
	}
	run->xdp->aim = id;
	run->xdp->aim_fd = fd;
	bk_probe_aim(run->probe, fd, function);
	return 0;
}

/* The same program, loaded for another one than bk_xdp_aim() said. Returns its descriptor. */
static int load_again(const struct bpf_program *prog, uint32_t id)
{
	enum bpf_attach_type type = bpf_program__expected_attach_type(prog);
	int fd = bpf_prog_get_fd_by_id(id), again;
	uint32_t function;

	again = fd < 0 ? fd : find_function(fd, &function);
	if (!again)
		again = load_at(fd, function, type, bpf_program__insns(prog), bpf_program__insn_cnt(prog));
	if (fd >= 0)
		close(fd);
	return again;
}

/* Once for each of their programs, whichever interfaces have it. Returns the link. */
static int find_trace(struct bk_xdp *x, const struct bpf_program *prog, uint32_t id)
{
	struct trace *more;
	int fd, link;

	for (struct trace *t = x->traces; t < x->traces + x->ntraces; t++)
		if (t->prog == prog && t->id == id)
			return t->link;
	more = reallocarray(x->traces, x->ntraces + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	x->traces = more;
	fd = id == x->aim ? bpf_program__fd(prog) : load_again(prog, id);
	link = fd < 0 ? fd : bpf_raw_tracepoint_open(NULL, fd);
	if (fd >= 0 && id != x->aim)
		close(fd);
	if (link >= 0)
		more[x->ntraces++] = (struct trace){ prog, id, link };
	return link;
}

int bk_xdp_trace(struct bk_run *run, struct bpf_program *prog, uint32_t id, int ifindex)
{
	struct bk_xdp *x = run->xdp;
	struct port *p;
	struct bk_xdp_dev dev;
	uint32_t watched = id; /* or the dispatcher that calls it */
	int link = find_trace(x, prog, id), err;

	if (link < 0) {
		bk_log_set_cause("XDP program %u cannot be looked at: %s", id, strerror(-link));
		return link;
	}
	for (p = x->ports; p < x->ports + x->n; p++)
		if (p->ifindex == ifindex)
			return 0;
	err = make_room(x);
	if (err) {
		bk_log_set_cause("interface %d cannot be watched: %s", ifindex, strerror(-err));
		return err;
	}
	if (!has_program(ifindex, id) && !bk_xdp_query(ifindex, &dev) && dev.nprogs && dev.progs[0].is_dispatcher)
		watched = dev.progs[0].id;
	p = &x->ports[x->n];
	*p = (struct port){ .ifindex = ifindex, .traced = watched, .link = fcntl(link, F_DUPFD_CLOEXEC, 0) };
	if (p->link < 0 || !if_indextoname(ifindex, p->name)) {
		err = -errno;
		bk_log_set_cause("interface %d cannot be watched: %s", ifindex, strerror(-err));
		return err;
	}
	x->n++;
	x->left++;
	return 0;
}

/* ---- staying attached ---- */

#define BPFFS "/sys/fs/bpf"
#define PINS BPFFS "/bpfkit"

/* There is our folder, in which only root can write. make: it is made if it is not there. */
static int check_folder(bool make)
{
	struct statfs fs;
	struct stat st;

	if (statfs(BPFFS, &fs) || fs.f_type != BPF_FS_MAGIC) {
		bk_log_set_cause(BPFFS " is no BPF file system: mount it (mount -t bpf bpf " BPFFS
				       ")");
		return -ENOTSUP;
	}
	if (make && mkdir(PINS, 0700) && errno != EEXIST) {
		int err = -errno;

		bk_log_set_cause("cannot make " PINS ": %s", strerror(-err));
		return err;
	}
	if (lstat(PINS, &st))
		return -errno;
	if (S_ISDIR(st.st_mode) && st.st_uid == geteuid() && !(st.st_mode & 077))
		return 0;
	bk_log_set_cause(PINS " is no folder of ours alone (owner %u, mode %o): remove it",
			 st.st_uid, st.st_mode & 07777);
	return -EPERM;
}

static void pin_path(char *path, size_t size, const char *tool, int ifindex)
{
	snprintf(path, size, PINS "/%s-%u-%d", tool, bk_netns_self(), ifindex);
}

/* What makes a pinned link that of a tool. NULL, or why it is not: the end of a sentence. */
static const char *why_not_ours(int link, const char *tool, int ifindex, struct link_facts *facts)
{
	struct bk_xdp_prog prog = { 0 };
	size_t n = strlen(tool);
	struct bk_xdp_dev dev;
	bool ours = false, there = false;

	if (!read_link(link, facts))
		return "it is no link of XDP";
	prog.id = facts->prog_id;
	if (read_prog(&prog, &ours) || !ours || strncmp(prog.name, tool, n) ||
	    (prog.name[n] && prog.name[n] != '_'))
		return "its program is none of that tool";
	if (!facts->ifindex) /* the interface is gone, or somebody detached it */
		return NULL;
	if (facts->ifindex != ifindex || bk_xdp_query(ifindex, &dev))
		return "it is a link to another interface";
	for (int i = 0; i < dev.nprogs; i++)
		there |= dev.progs[i].id == facts->prog_id;
	return there ? NULL : "its program is not the one that is there";
}

/* A pin of ours that holds a link to nothing is of no use to anybody. */
static bool is_dead(const char *path, const char *tool, int ifindex)
{
	struct link_facts facts;
	int link = bpf_obj_get(path);
	bool dead = link >= 0 && !why_not_ours(link, tool, ifindex, &facts) && !facts.ifindex;

	if (link >= 0)
		close(link);
	return dead;
}

static const struct port *find_port(const struct bk_xdp *x, int ifindex)
{
	for (size_t i = 0; x && i < x->n; i++)
		if (x->ports[i].ifindex == ifindex && x->ports[i].link >= 0)
			return &x->ports[i];
	return NULL;
}

int bk_xdp_pin(struct bk_run *run, int ifindex)
{
	const struct port *p = find_port(run->xdp, ifindex);
	const char *tool = run->tool->name;
	char path[128];
	int err;

	if (!p) {
		bk_log_set_cause("interface %d has no program of ours that could be pinned",
				 ifindex);
		return -ENOENT;
	}
	err = check_folder(true);
	if (err)
		return err;
	pin_path(path, sizeof(path), tool, ifindex);
	err = bpf_obj_pin(p->link, path);
	if (err == -EEXIST && is_dead(path, tool, ifindex) && !unlink(path))
		err = bpf_obj_pin(p->link, path);
	if (err == -EEXIST)
		bk_log_set_cause("%s: %s is there already: detach that first", p->name, path);
	else if (err)
		bk_log_set_cause("%s: cannot pin it as %s: %s", p->name, path, strerror(-err));
	return err;
}

int bk_xdp_unpin_checked(const char *tool, int ifindex)
{
	struct link_facts facts;
	char path[128], buf[IF_NAMESIZE];
	const char *name = name_of(ifindex, buf), *why;
	int err = check_folder(false), link;

	pin_path(path, sizeof(path), tool, ifindex);
	link = err ? err : bpf_obj_get(path);
	if (link == -ENOENT)
		bk_log_set_cause("%s: nothing of %s is pinned for it (there is no %s)", name, tool,
				 path);
	else if (link < 0 && !err)
		bk_log_set_cause("%s: cannot open %s: %s", name, path, strerror(-link));
	if (link < 0)
		return link;
	why = why_not_ours(link, tool, ifindex, &facts);
	err = why ? -EPERM : 0;
	if (why)
		bk_log_set_cause("%s: %s is left alone: %s", name, path, why);
	/* somebody else may hold it, too: not only our hold ends, but it is off */
	if (!err && facts.ifindex)
		err = bpf_link_detach(link);
	if (!err && unlink(path))
		err = -errno;
	if (err && !why)
		bk_log_set_cause("%s: cannot detach %s: %s", name, path, strerror(-err));
	close(link);
	return err;
}
