// SPDX-License-Identifier: GPL-2.0-only
/* opensnoop: one line each time a file is opened, or could not be. */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bk.h"
#include "opensnoop.h"
#include "opensnoop.skel.h"

/* ---- flags ---- */

#ifndef O_TMPFILE
#define O_TMPFILE (020000000 | O_DIRECTORY)
#endif

/* What the C library hides from 64-bit programs. The kernel sets it for them, so it says nothing. */
#ifdef __aarch64__
#define LARGE 0400000
#else
#define LARGE 0100000
#endif

static const char *const flag_names[] = {
	"O_RDONLY", "O_WRONLY",	   "O_RDWR",	"O_CREAT",  "O_EXCL",	  "O_NOCTTY",  "O_TRUNC",
	"O_APPEND", "O_NONBLOCK",  "O_DSYNC",	"O_SYNC",   "O_ASYNC",	  "O_DIRECT",  "O_DIRECTORY",
	"O_NOFOLLOW", "O_NOATIME", "O_CLOEXEC", "O_PATH",   "O_TMPFILE",  NULL
};

/* Of O_SYNC and O_TMPFILE, the bit that only they have. */
enum { OWN_SYNC = O_SYNC & ~O_DSYNC, OWN_TMPFILE = O_TMPFILE & ~O_DIRECTORY };

static const uint32_t flag_bits[] = {
	0,	   0,	       0,	  O_CREAT, O_EXCL,   O_NOCTTY,	   O_TRUNC,
	O_APPEND,  O_NONBLOCK, O_DSYNC,	  OWN_SYNC, FASYNC, O_DIRECT, O_DIRECTORY,
	O_NOFOLLOW, O_NOATIME, O_CLOEXEC, O_PATH,  OWN_TMPFILE,
};

enum { ACCESS_MODES = 3 };

/* Of openat2, from the lowest bit: the kernel's uapi/linux/openat2.h. */
static const char *const resolve_names[] = {
	"RESOLVE_NO_XDEV", "RESOLVE_NO_MAGICLINKS", "RESOLVE_NO_SYMLINKS",
	"RESOLVE_BENEATH", "RESOLVE_IN_ROOT",	    "RESOLVE_CACHED",
};

_Static_assert(ARRAY_LEN(flag_names) == ARRAY_LEN(flag_bits) + 1, "each name has a bit");

/* ---- options ---- */

static const char *const keys[] = { "path", "comm", "pid", "errno", NULL };

static struct {
	bool wall, show_uid, failed, show_flags, full, host, write, latency, compat;
	const char *name, *prefix, *glob;
	uint64_t flags, min_ns;
	struct bk_count_opts count;
} opt = { .count.by = -1 };

static const struct bk_opt opts[] = {
	BK_FLAG('T', "time", &opt.wall, "a column with the time of day"),
	BK_FLAG('U', "show-uid", &opt.show_uid, "a column with the user's number"),
	BK_FLAG('x', "failed", &opt.failed, "only opens that failed"),
	BK_LETTER('t', "tid"),
	BK_LETTER('u', "uid"),
	BK_STR('n', "name", &opt.name, "PATTERN", "only commands of such a name; *, ? and [] as in the shell"),
	BK_FLAG('e', "flags", &opt.show_flags, "columns with the flags and the mode"),
	BK_SET('f', "flag", &opt.flags, flag_names, "FLAG,...", "only opens with one of these flags"),
	BK_FLAG(0, "write", &opt.write, "only for writing"),
	BK_FLAG('F', "full-path", &opt.full, "whole paths, as the process sees them from its root"),
	BK_FLAG(0, "host-path", &opt.host, "whole paths, as they are from our root"),
	BK_STR(0, "prefix", &opt.prefix, "PATH", "only paths that begin so; at most 127 bytes without -F"),
	BK_STR(0, "glob", &opt.glob, "PATTERN", "only such paths; *, ? and [] as in the shell, * with slashes"),
	BK_FLAG(0, "latency", &opt.latency, "a column with the time that the call took"),
	BK_DURATION(0, "min", &opt.min_ns, "TIME", "only calls that took at least so long"),
	BK_FLAG(0, "compat", &opt.compat,
		"with the probe tp: 32-bit programs, too; costs something at each system call"),
	BK_COUNT_OPTS(opt.count, keys, "path", "a line an open"),
	BK_LETTER('c', "cgroup"),
	BK_LETTER('b', "buffer"),
	{ .type = BK_OPT_END }
};

/* ---- one line an open ---- */

/* One open, as it is shown. */
struct shown {
	uint64_t has; /* which of the members below mean something */
	uint64_t time, latency_ns;
	uint32_t pid, tid, uid, flags, mode, resolve, error;
	int32_t ret, dfd;
	char comm[16];
	const char *path, *name, *via; /* NULL: not known, or none */
	bool path_cut; /* at its beginning */
	bool cut;      /* there, or at its end */
	bool deleted, outside, direct;
};

enum {
	H_FD = 1 << 0,
	H_ERROR = 1 << 1,
	H_LATENCY = 1 << 2,
	H_MODE = 1 << 3,
	H_DFD = 1 << 4,
	H_CUT = 1 << 5,
	H_DELETED = 1 << 6,
	H_OUTSIDE = 1 << 7,
	H_DIRECT = 1 << 8,
	H_RESULT = 1 << 9, /* one of the first two */
	H_RESOLVE = 1 << 10,
};

static void put_fd(struct bk_out *o, const void *rec)
{
	const struct shown *s = rec;

	if (s->has & H_FD && s->has & H_DIRECT)
		bk_putc(o, '@');
	if (s->has & H_FD)
		bk_put_u64(o, s->ret);
	else
		bk_puts(o, s->has & H_RESULT ? "-1" : "-");
}

/* Between the names: a bar in the table, a comma in the list. */
static void put_flags(struct bk_out *o, const void *rec)
{
	const struct shown *s = rec;
	uint32_t flags = s->flags & ~LARGE, mode = flags & O_ACCMODE, rest;
	const char *between = o->json ? "\",\"" : "|";

	bk_puts(o, o->json ? "[\"" : "");
	bk_puts(o, mode < ACCESS_MODES ? flag_names[mode] : "O_ACCMODE");
	rest = flags & ~O_ACCMODE;
	/* these contain another one */
	if (rest & OWN_SYNC)
		rest &= ~O_DSYNC;
	if (rest & OWN_TMPFILE)
		rest &= ~O_DIRECTORY;
	for (size_t i = ACCESS_MODES; i < ARRAY_LEN(flag_bits); i++) {
		if (!(rest & flag_bits[i]))
			continue;
		rest &= ~flag_bits[i];
		bk_puts(o, between);
		bk_puts(o, flag_names[i]);
	}
	if (rest) {
		bk_puts(o, between);
		bk_printf(o, "%#x", rest);
	}
	bk_puts(o, o->json ? "\"]" : "");
}

static void put_resolve(struct bk_out *o, const void *rec)
{
	uint32_t rest = ((const struct shown *)rec)->resolve;
	const char *between = "[\"";

	for (size_t i = 0; i < ARRAY_LEN(resolve_names); i++) {
		if (!(rest >> i & 1))
			continue;
		rest &= ~(1U << i);
		bk_puts(o, between);
		bk_puts(o, resolve_names[i]);
		between = "\",\"";
	}
	if (rest) {
		bk_puts(o, between);
		bk_printf(o, "%#x", rest);
	}
	bk_puts(o, "\"]");
}

static void put_mode(struct bk_out *o, const void *rec)
{
	const struct shown *s = rec;

	if (s->has & H_MODE)
		bk_printf(o, o->json ? "\"%04o\"" : "%04o", s->mode & 07777);
	else
		bk_puts(o, o->json ? "null" : "-");
}

enum { C_TIME, C_UID, C_FLAGS = 6, C_MODE, C_LATENCY };

/* init() takes the headings of those away that are not asked for. */
static struct bk_col cols[] = {
	[C_TIME] = BK_COL("TIME", "time", BK_COL_TIME, -15, struct shown, time),
	[C_UID] = BK_COL("UID", "uid", BK_COL_U32, -6, struct shown, uid),
	BK_COL("PID", "pid", BK_COL_U32, -7, struct shown, pid),
	BK_COL("COMM", "comm", BK_COL_STR, -16, struct shown, comm),
	{ .head = "FD", .width = 4, .put = put_fd, .kind = BK_COL_S32 },
	BK_COL_IF(H_RESULT, "ERR", NULL, BK_COL_ERRNO, -8, struct shown, error),
	[C_FLAGS] = { .head = "FLAGS", .name = "flags", .width = -20, .put = put_flags, .kind = BK_COL_U32 },
	[C_MODE] = { .head = "MODE", .width = -4, .put = put_mode, .kind = BK_COL_U32 },
	[C_LATENCY] = BK_COL_IF(H_LATENCY, "LAT(us)", NULL, BK_COL_US, 7, struct shown, latency_ns),
	BK_COL("PATH", "path", BK_COL_PTR, 0, struct shown, path),
	BK_COL(NULL, "tid", BK_COL_U32, 0, struct shown, tid),
	BK_COL_IF(H_FD, NULL, "fd", BK_COL_S32, 0, struct shown, ret),
	BK_COL_IF(H_ERROR, NULL, "errno", BK_COL_U32, 0, struct shown, error),
	BK_COL_IF(H_ERROR, NULL, "error", BK_COL_ERRNO, 0, struct shown, error),
	{ .name = "mode", .kind = BK_COL_U32, .has = H_MODE, .put = put_mode },
	{ .name = "resolve", .kind = BK_COL_U32, .has = H_RESOLVE, .put = put_resolve },
	BK_COL_IF(H_LATENCY, NULL, "latency_ns", BK_COL_U64, 0, struct shown, latency_ns),
	BK_COL(NULL, "name", BK_COL_PTR, 0, struct shown, name),
	BK_COL_IF(H_DFD, NULL, "dirfd", BK_COL_S32, 0, struct shown, dfd),
	BK_COL(NULL, "via", BK_COL_PTR, 0, struct shown, via),
	BK_COL_IF(H_DIRECT, NULL, "direct", BK_COL_BOOL, 0, struct shown, direct),
	BK_COL_IF(H_CUT, NULL, "path_cut", BK_COL_BOOL, 0, struct shown, cut),
	BK_COL_IF(H_DELETED, NULL, "deleted", BK_COL_BOOL, 0, struct shown, deleted),
	BK_COL_IF(H_OUTSIDE, NULL, "unreachable", BK_COL_BOOL, 0, struct shown, outside),
	{ .kind = BK_COL_END }
};

/* ---- --count ---- */

static void put_count_error(struct bk_out *o, const void *rec)
{
	uint32_t number = *(const uint32_t *)((const struct bk_count_row *)rec)->key;
	const char *name = number ? bk_errno_name(number) : "0";

	if (o->json)
		bk_putc(o, '"');
	bk_puts(o, name ? name : "?");
	if (o->json)
		bk_putc(o, '"');
}

static bool is_known(const unsigned char *key)
{
	switch (opt.count.by + 1) {
	case OPENSNOOP_BY_PATH:
		return !((const struct bk_count_name *)key)->none;
	case OPENSNOOP_BY_ERRNO:
		return *(const uint32_t *)key != OPENSNOOP_UNKNOWN;
	default:
		return true;
	}
}

static const struct bk_col count_cols[][6] = {
	[OPENSNOOP_BY_PATH] = { BK_COUNT_COLS, BK_COUNT_NAME("PATH", "path") },
	[OPENSNOOP_BY_COMM] = { BK_COUNT_COLS, BK_COUNT_KEY("COMM", "comm", BK_COL_STR, -16) },
	[OPENSNOOP_BY_PID] = { BK_COUNT_COLS, BK_COUNT_KEY("PID", "pid", BK_COL_U32, -7) },
	[OPENSNOOP_BY_ERRNO] = { BK_COUNT_COLS,
				 { .head = "ERR", .name = "error", .kind = BK_COL_U32, .width = -8,
				   .has = BK_COUNT_KNOWN, .put = put_count_error },
				 BK_COL_IF(BK_COUNT_KNOWN, NULL, "errno", BK_COL_U32, 0, struct bk_count_row, key) },
};

static size_t key_size(uint32_t by)
{
	switch (by) {
	case OPENSNOOP_BY_PATH:
		return sizeof(struct bk_count_name);
	case OPENSNOOP_BY_COMM:
		return sizeof(((union opensnoop_key *)0)->comm);
	default:
		return sizeof(((union opensnoop_key *)0)->number);
	}
}

static int check_count(const struct bk_run *run)
{
	if (opt.show_uid || opt.name || opt.glob || opt.show_flags || opt.full || opt.host || run->opts.buffer) {
		bk_error("-U, -n, -e, -F, --host-path, --glob and --buffer belong to lines; --count has none");
		return -EINVAL;
	}
	if (opt.latency) {
		bk_error("--latency belongs to lines; --count has none, but takes --min");
		return -EINVAL;
	}
	if (opt.prefix && opt.count.by > OPENSNOOP_BY_PATH - 1) { /* the first, which need not be given */
		bk_error("--prefix: the name is looked at only with --by path");
		return -EINVAL;
	}
	return 0;
}

/* ---- before load ---- */

static const struct bk_call calls[OPENSNOOP_CALLS] = {
	[OPENSNOOP_OPENAT] = { BK_CALL("openat", 257, 56, 295, 322) },
	[OPENSNOOP_OPEN] = { BK_CALL("open", 2, -1, 5, 5) },
	[OPENSNOOP_CREAT] = { BK_CALL("creat", 85, -1, 8, 8) },
	[OPENSNOOP_OPENAT2] = { BK_CALL("openat2", 437, 437, 437, 437) },
	[OPENSNOOP_OPEN_BY_HANDLE_AT] = { BK_CALL("open_by_handle_at", 304, 265, 342, 371), .optional = true },
};

static int init(struct bk_run *run)
{
	if (opt.prefix && !opt.full && !opt.host && strlen(opt.prefix) >= OPENSNOOP_NAME_SHORT) {
		bk_error("--prefix: '%s' is longer than the %d bytes that are compared without -F", opt.prefix,
			 OPENSNOOP_NAME_SHORT - 1);
		return -EINVAL;
	}
	if (opt.wall && run->opts.timestamp == BK_TIME_UNSET)
		run->opts.timestamp = BK_TIME_WALL;
	if ((bk_count_wanted(&opt.count) && check_count(run)) || bk_count_init(run, &opt.count, keys))
		return -EINVAL;
	opt.full |= opt.host;
	opt.latency |= opt.min_ns > 0;
	if (!opt.show_uid)
		cols[C_UID].head = NULL;
	if (!opt.show_flags)
		cols[C_FLAGS].head = cols[C_MODE].head = NULL;
	if (!opt.latency)
		cols[C_LATENCY].head = NULL;
	return 0;
}

/* Programs exist once for lines with names, for lines with paths, and for counts. */
static const char *kind(void)
{
	return bk_count_wanted(&opt.count) ? "_count" : opt.full ? "_path" : "";
}

static bool is_of_kind(const char *program)
{
	bool has = strstr(program, "_count") || strstr(program, "_path");

	return *kind() ? strstr(program, kind()) != NULL : !has;
}

/* Those named begin_WHAT are there for the latency, and only once; others are the runtime's. */
static void choose_programs(struct bpf_object *obj)
{
	struct bpf_program *p;

	bpf_object__for_each_program(p, obj) {
		const char *name = bpf_program__name(p);
		bool begins = !strncmp(name, "begin_", 6);

		if (!strncmp(name, "bk_", 3))
			continue;
		if ((begins ? !opt.latency : !is_of_kind(name)) ||
		    (strstr(name, "compat") && !opt.compat))
			bpf_program__set_autoload(p, false);
	}
}

/* The program of this kind, if it is loaded. */
static struct bpf_program *loaded(const struct bk_run *run, const char *what, const char *rung)
{
	struct bpf_program *p;
	char name[64];

	snprintf(name, sizeof(name), "%s%s%s", what, kind(), rung);
	p = bpf_object__find_program_by_name(run->obj, name);
	return p && bpf_program__fd(p) >= 0 ? p : NULL;
}

static int configure(struct bk_run *run, void *skel)
{
	struct opensnoop_bpf *s = skel;
	struct opensnoop_config *c = (struct opensnoop_config *)&s->rodata->config;
	int err = 0;

	c->host = opt.host;
	c->time = run->out->json || run->opts.timestamp != BK_TIME_NONE;
	c->uid = run->out->json || opt.show_uid;
	c->by = run->events ? 0 : opt.count.by + 1;
	c->failed = opt.failed;
	c->write = opt.write;
	c->latency = opt.latency;
	c->min_ns = opt.min_ns;
	for (size_t i = 0; flag_names[i]; i++)
		if (opt.flags >> i & 1) {
			c->modes |= i < ACCESS_MODES ? 1 << i : 0;
			c->flags |= flag_bits[i];
		}
	/* a path is put together by the reader, so it is compared there, too */
	if (opt.prefix && !opt.full) {
		c->prefix_len = strlen(opt.prefix);
		memcpy(c->prefix, opt.prefix, c->prefix_len);
		memset(c->prefix_mask, 0xff, c->prefix_len);
	}
	for (size_t i = 0; i < OPENSNOOP_CALLS; i++) {
		c->numbers[i] = calls[i].number;
		c->compat_numbers[i] = calls[i].compat;
	}
	choose_programs(run->obj);
	if (!opt.latency)
		err = bpf_map__set_autocreate(s->maps.bk_calls, false);
	if (!err && !opt.full)
		err = bpf_map__set_autocreate(s->maps.records, false);
	return err ? err : bk_count_configure(run, key_size(c->by));
}

/* What of io_uring cannot be seen here. */
static const char *find_blind_uring(const struct bk_run *run)
{
	const struct bpf_program *sqe = loaded(run, "uring_sqe", "");
	bool told = bk_kernel_has(run, "io_kiocb", "cqe");
	/* by anything but the error it is requests that count, before it is known what comes of them */
	bool results = told && (run->events || opt.count.by + 1 == OPENSNOOP_BY_ERRNO || !(opt.failed || opt.min_ns));

	if (!sqe && !loaded(run, "uring_req", ""))
		return ""; /* the kernel has none */
	if (sqe && !bk_kernel_has(run, "trace_event_raw_io_uring_submit_sqe", "req"))
		return "opens by io_uring";
	if (results)
		return "";
	return told ? "what comes of opens by io_uring" :
		      "what comes of opens by io_uring, and those that are refused at once";
}

/* What cannot be seen here, or NULL. */
static const char *find_blind(const struct bk_run *run)
{
	static char text[256];
	const char *call = "", *handle = "", *uring = find_blind_uring(run);

	if (loaded(run, "call", "__tp") && !opt.compat)
		call = "opens of 32-bit programs without --compat";
	else if (loaded(run, "open", "__fexit"))
		call = "openat2 with a wrong size or address, calls that seccomp refuses";
	if (loaded(run, "open", "__fexit") && !loaded(run, "handle", "__fexit"))
		handle = ", open_by_handle_at";
	snprintf(text, sizeof(text), "%s%s%s%s", call, handle, *call && *uring ? ", " : "", uring);
	return *text ? text : NULL;
}

static int attach(struct bk_run *run, void *skel)
{
	struct opensnoop_bpf *s = skel;
	int err = bk_attach_calls(run, s->progs.begin_call__tp, "enter", calls, OPENSNOOP_CALLS);

	err = err ? err : bk_attach_calls(run, loaded(run, "call", "__tp"), "exit", calls, OPENSNOOP_CALLS);
	run->blind = find_blind(run);
	return err ? err : bk_attach(run);
}

/* ---- io_uring: what was asked for, and what came of it ---- */

enum { PENDING_BYTES = 8 << 20 };

/* Requests whose result has not come yet, in a tree by their id and in a list, the oldest first. */
static struct {
	struct pending {
		struct pending *older, *newer;
		size_t len;
		struct opensnoop_event e;
	} *oldest, *newest;
	void *tree;
	size_t n, bytes;
} pending;

static int by_id(const void *a, const void *b)
{
	const struct pending *p = a, *q = b;

	return p->e.id < q->e.id ? -1 : p->e.id > q->e.id;
}

/* Takes it out; the caller frees it. */
static struct pending *take(struct pending *p)
{
	tdelete(p, &pending.tree, by_id);
	*(p->older ? &p->older->newer : &pending.oldest) = p->newer;
	*(p->newer ? &p->newer->older : &pending.newest) = p->older;
	pending.n--;
	pending.bytes -= p->len;
	return p;
}

/* NULL: its record was lost, or it is none of those that are asked for. */
static struct pending *recall(uint64_t id)
{
	struct pending key = { .e.id = id };
	void *found = tfind(&key, &pending.tree, by_id);

	return found ? take(*(struct pending **)found) : NULL;
}

static int remember(const struct opensnoop_event *e, size_t len)
{
	struct pending *p = malloc(offsetof(struct pending, e) + len);

	if (!p)
		return -ENOMEM;
	memcpy(&p->e, e, len);
	if (!tsearch(p, &pending.tree, by_id)) {
		free(p);
		return -ENOMEM;
	}
	p->len = len;
	p->older = pending.newest;
	p->newer = NULL;
	*(p->older ? &p->older->newer : &pending.oldest) = p;
	pending.newest = p;
	pending.n++;
	pending.bytes += len;
	return 0;
}

/* ---- an event ---- */

/* Of the name in a record, with its NUL; 0: there is none. */
static size_t name_size(const struct opensnoop_event *e)
{
	return e->name_len == OPENSNOOP_NO_NAME ? 0 : e->name_len;
}

static struct {
	char given[OPENSNOOP_NAME_MAX + sizeof("...")];
	char within[BK_PATH_ROOM + 1024];
	char path[2 * BK_PATH_ROOM + OPENSNOOP_NAME_MAX];
} names;

static void append(const char *s)
{
	size_t n = strlen(names.path);

	snprintf(names.path + n, sizeof(names.path) - n, "%s", s);
}

/* From our root; false: it cannot be reached from there. */
static bool put_host_path(const struct bk_path *p, const char *data, size_t len)
{
	struct bk_path only = *p;
	bool reached;

	only.flags &= ~BK_PATH_DELETED;
	bk_path_text(&only, data, len, names.within, sizeof(names.within));
	reached = bk_mount_path(p->dev, names.within, names.path, sizeof(names.path));
	if (!reached)
		snprintf(names.path, sizeof(names.path), "(unreachable)%s", names.within);
	if (p->flags & BK_PATH_DELETED)
		append(" (deleted)");
	return reached;
}

/* The path of the file, or that of a directory and the name that begins in it, or the name as it was given. */
static void show_path(struct shown *s, const struct opensnoop_event *e, bool named)
{
	const char *data = e->data + name_size(e);
	size_t len;

	if (!(e->path.flags & BK_PATH_SET) || !(named || e->path.flags & BK_PATH_OF_FILE)) {
		s->path = named ? names.given : NULL;
		return;
	}
	s->path = names.path;
	s->name = named ? names.given : NULL;
	s->path_cut = e->path.flags & BK_PATH_CUT;
	s->deleted = e->path.flags & BK_PATH_DELETED;
	s->outside = e->path.flags & BK_PATH_OUTSIDE;
	if (!opt.host || e->path.flags & (BK_PATH_PSEUDO | BK_PATH_CUT))
		bk_path_text(&e->path, data, e->path_len, names.path, sizeof(names.path));
	else
		s->outside |= !put_host_path(&e->path, data, e->path_len);
	if (e->path.flags & BK_PATH_OF_FILE)
		return;
	len = strlen(names.path);
	if (len && names.path[len - 1] == '/')
		names.path[len - 1] = 0;
	append(*names.given == '/' ? "" : "/");
	append(names.given);
}

/* e is NULL: what came of it is not known. */
static void show_result(struct shown *s, const struct opensnoop_event *e)
{
	if (!e || e->kind == OPENSNOOP_SENT)
		return;
	s->ret = e->ret;
	s->has |= H_RESULT | (e->ret >= 0 ? H_FD : H_ERROR);
	s->error = e->ret < 0 ? -(int64_t)e->ret : 0;
}

/* A path whose beginning is missing may be one of those that are asked for, so it is; what is not known is not. */
static bool is_wanted(const struct shown *s)
{
	if (opt.name && fnmatch(opt.name, s->comm, 0))
		return false;
	if (s->path_cut)
		return true;
	if (!s->path)
		return !opt.prefix && !opt.glob;
	if (opt.prefix && opt.full && strncmp(s->path, opt.prefix, strlen(opt.prefix)))
		return false;
	if (opt.glob && fnmatch(opt.glob, s->path, 0))
		return false;
	return true;
}

/*
 * asked: what io_uring was asked for, if that is what done has come of; else the same event. done is NULL: what
 * came of it is not known.
 */
static void show(struct bk_run *run, const struct opensnoop_event *asked, const struct opensnoop_event *done)
{
	static const char *const via[OPENSNOOP_KINDS] = {
		NULL, "open_by_handle_at", "io_uring", "io_uring", "io_uring", "io_uring"
	};
	const struct opensnoop_event *where = done && done->path.flags & BK_PATH_SET ? done : asked;
	size_t given = name_size(asked);
	struct shown s = {
		.time = done ? done->time : asked->time,
		.latency_ns = done ? done->latency : 0,
		.pid = asked->pid,
		.tid = asked->tid,
		.uid = asked->uid,
		.flags = asked->flags,
		.mode = asked->mode,
		.resolve = asked->resolve,
		.dfd = asked->dfd,
		.via = via[asked->kind],
		.direct = asked->slot != 0,
	};

	memcpy(s.comm, asked->comm, sizeof(s.comm));
	show_result(&s, done);
	memcpy(names.given, asked->data, given);
	names.given[given] = 0;
	if (given == OPENSNOOP_NAME_MAX && s.error == ENAMETOOLONG) {
		strcat(names.given, "...");
		s.cut = true;
	}
	if (asked->slot && asked->slot != OPENSNOOP_ANY_SLOT)
		s.ret = asked->slot - 1;
	show_path(&s, where, given);
	s.cut |= s.path_cut;
	s.has |= (s.latency_ns ? H_LATENCY : 0) | (s.cut ? H_CUT : 0) | (s.deleted ? H_DELETED : 0) |
		 (s.outside ? H_OUTSIDE : 0) | (s.direct ? H_DIRECT : 0) | (asked->flags & (O_CREAT | OWN_TMPFILE) ? H_MODE : 0) |
		 (asked->dfd != AT_FDCWD ? H_DFD : 0) | (s.resolve ? H_RESOLVE : 0);
	if (is_wanted(&s))
		bk_emit(run, run->cols, "open", &s);
	else
		run->left_out++;
}

static bool is_whole(const struct opensnoop_event *e, size_t len)
{
	size_t name;

	if (len < sizeof(*e) || e->kind >= OPENSNOOP_KINDS)
		return false;
	name = name_size(e);
	return name <= OPENSNOOP_NAME_MAX && name + e->path_len <= len - sizeof(*e) &&
	       e->path_len <= BK_PATH_ROOM + BK_PATH_NAME;
}

/* No result of it will come any more. It may have failed; of how long it took nothing can be said. */
static void give_up(struct bk_run *run, struct pending *p)
{
	if (opt.min_ns)
		run->left_out++;
	else
		show(run, &p->e, NULL);
	free(p);
}

/* The same id: the request before had the same memory, so it is over. */
static int asked(struct bk_run *run, const struct opensnoop_event *e, size_t len)
{
	struct pending *before = recall(e->id);

	if (before)
		give_up(run, before);
	while (pending.n && (pending.n == OPENSNOOP_REQUESTS || pending.bytes + len > PENDING_BYTES))
		give_up(run, take(pending.oldest));
	return remember(e, len);
}

static void done(struct bk_run *run, const struct opensnoop_event *e)
{
	struct pending *p = recall(e->id);

	if (!p)
		return;
	if ((opt.failed && e->ret >= 0) || e->latency < opt.min_ns)
		run->left_out++;
	else
		show(run, &p->e, e);
	free(p);
}

static int event(struct bk_run *run, const void *rec, size_t len)
{
	const struct opensnoop_event *e = rec;

	if (!is_whole(e, len))
		return -EPROTO;
	if (e->kind == OPENSNOOP_ASKED)
		return asked(run, e, len);
	if (e->kind == OPENSNOOP_DONE)
		done(run, e);
	else
		show(run, e, e);
	return 0;
}

/* Those that the program still waits for, which it does only to count by error. */
static int count_unfinished(struct bk_run *run, const struct opensnoop_bpf *s)
{
	union opensnoop_key key = { .number = OPENSNOOP_UNKNOWN };
	int err = bk_count_wait();
	uint64_t n = s->bss->unfinished;

	if (err || !n)
		return err;
	if (!opt.min_ns)
		return bk_count_add(&key, n);
	run->left_out += n;
	return 0;
}

/* With what is asked for and not done at the end. */
static int report(struct bk_run *run, void *skel, bool last)
{
	int err = 0;

	if (!run->events) {
		err = last ? count_unfinished(run, skel) : 0;
		return err ? err : bk_count_report(run, last, "opens", count_cols[opt.count.by + 1], is_known);
	}
	while (last && pending.n)
		give_up(run, take(pending.oldest));
	return 0;
}

static void fini(struct bk_run *run)
{
	(void)run;
	while (pending.n)
		free(take(pending.oldest));
	bk_mount_forget();
	bk_count_close();
}

BK_SKEL(opensnoop);

static const char *const probes[] = { "fexit", "tp", NULL };

/* io_uring may be missing, and its tracepoints differ; so may open_by_handle_at. */
#define EACH_KIND(name, rung) name rung, name "_path" rung, name "_count" rung

static const char *const optional[] = {
	EACH_KIND("uring_req", ""),    EACH_KIND("uring_sqe", ""),	  EACH_KIND("uring_done", ""),
	EACH_KIND("uring_failed", ""), EACH_KIND("handle", "__fexit"), "begin_handle__fexit", NULL
};

const struct bk_tool opensnoop_tool = {
	.name = "opensnoop",
	.summary = "Show each file that is opened",
	.examples = "opensnoop\tone line an open\n"
		    "opensnoop -T -x\twith the time; only those that failed\n"
		    "opensnoop -F --prefix /etc --write\twhole paths; what is written there\n"
		    "opensnoop -e -n 'nginx*' --json\twith flags, by command, as JSON lines\n"
		    "opensnoop --count -x\twhich files are missed most, every second\n",
	.group = BK_GROUP_FILE,
	.common = BK_TASK | BK_INTERVAL | BK_COUNT | BK_TIMESTAMP | BK_BUFFER,
	.needs = BK_NEED_EVENTS,
	.timestamp = BK_TIME_UNSET, /* none for lines */
	.probes = probes,
	.optional = optional,
	.opts = opts,
	.cols = cols,
	.skel = &skel,
	.init = init,
	.configure = configure,
	.attach = attach,
	.started = bk_count_started,
	.event = event,
	.report = report,
	.start_json = bk_count_start_json,
	.fini = fini,
};
