// SPDX-License-Identifier: GPL-2.0-only
/* execsnoop: one line each time a program is executed. */
#include <errno.h>
#include <fnmatch.h>
#include <string.h>

#include "bk.h"
#include "execsnoop.h"
#include "execsnoop.skel.h"

enum { WORDS_MAX = EXECSNOOP_ARGS_MAX, FRONT_MAX = 12 };

static const char *const keys[] = { "comm", "exe", "ppid", "uid", "cgroup", NULL };

static struct {
	bool wall, relative, show_uid, quote, as_is, count;
	const char *name, *text;
	uint32_t ppid, max_args, rows;
	uint64_t args_max;
	int by; /* index into keys */
} opt = { .by = -1 };

static const struct bk_opt opts[] = {
	BK_FLAG('T', "time", &opt.wall, "a column with the time of day"),
	BK_FLAG('t', "relative", &opt.relative, "a column with the seconds since the start"),
	BK_LETTER('u', "uid"),
	BK_FLAG('U', "show-uid", &opt.show_uid, "a column with the user's number"),
	BK_U32('P', "ppid", &opt.ppid, 1, 1 << 22, "PID", "only children of this process"),
	BK_STR('n', "name", &opt.name, "PATTERN", "only commands of such a name; *, ? and [] as in the shell"),
	BK_STR('l', "line", &opt.text, "TEXT", "only where the file or an argument has this text in it"),
	BK_FLAG('q', "quote", &opt.quote, "put each argument in double quotes"),
	BK_U32(0, "max-args", &opt.max_args, 1, UINT32_MAX, "N", "show no more arguments than N"),
	BK_SIZE(0, "args-max", &opt.args_max, "SIZE", "of the arguments, at most this much (4k, at most 32k)"),
	BK_FLAG(0, "argv", &opt.as_is, "the arguments as the program gets them, argv[0] first"),
	BK_FLAG(0, "count", &opt.count, "count in the kernel and report each interval (1s), instead of a line an exec"),
	BK_ENUM(0, "by", &opt.by, keys, "KEY", "--count by this (comm)"),
	BK_U32(0, "rows", &opt.rows, 1, 1 << 20, "N", "how many keys --count can tell apart in an interval (4096)"),
	BK_LETTER('c', "cgroup"),
	{ .type = BK_OPT_END }
};

/* One exec, as it is shown. */
struct exec {
	uint64_t has; /* which of the members below mean something */
	uint64_t time, cgroup;
	uint32_t pid, tid, ppid, uid;
	int32_t ret;
	char comm[16], parent_comm[16];
	const char *file, *interpreter;
	bool cut;
	uint32_t bytes, left_out;
};

enum { H_CUT = 1, H_TID = 2, H_LEFT_OUT = 4 };

/* The arguments of the exec that is shown now. */
static struct {
	const char *file;
	const char *word[WORDS_MAX + 1];
	size_t size[WORDS_MAX + 1];
	size_t n, first; /* the first that is shown */
	bool cut;        /* there are more */
	bool open;       /* the last of them has no NUL behind it */
} args;

/* ---- reading a record ---- */

/* The words of the argument area, which each end in a NUL; where it was cut the last does not. */
static void split(const char *area, size_t len, uint32_t argc, bool cut)
{
	args.n = 0;
	args.cut = cut;
	args.open = false;
	while (len && args.n < argc && args.n < WORDS_MAX) {
		size_t n = strnlen(area, len);

		args.word[args.n] = area;
		args.size[args.n++] = n;
		args.open = n == len;
		n += n < len;
		area += n;
		len -= n;
	}
}

/*
 * For a script the kernel puts the interpreter, its argument and the file's name in the place of argv[0], for
 * each interpreter that is a script itself once more. So what was given begins behind the name. binfmt_misc can
 * keep argv[0] behind it.
 */
static size_t behind_front(const char *file, uint32_t flags)
{
	if (!(flags & EXECSNOOP_INTERPRETED))
		return 1;
	for (size_t i = 1; i < args.n && i < FRONT_MAX; i++)
		if (args.size[i] == strlen(file) && !memcmp(args.word[i], file, args.size[i]))
			return i + 1 + (i == 1 && flags & EXECSNOOP_ARGV0);
	return args.cut ? args.n : 1;
}

static bool has_text(const char *text)
{
	size_t n = strlen(text);

	if (strstr(args.file, text))
		return true;
	for (size_t i = args.first; i < args.n; i++)
		if (memmem(args.word[i], args.size[i], text, n))
			return true;
	return false;
}

/* ---- writing it ---- */

static bool is_shown(size_t i)
{
	return i < args.n && (!opt.max_args || i - args.first < opt.max_args);
}

static void put_word(struct bk_out *o, const char *s, size_t n)
{
	if (!opt.quote) {
		bk_put_text(o, s, n);
		return;
	}
	bk_putc(o, '"');
	for (size_t part; n; s += part, n -= part) {
		for (part = 0; part < n && s[part] != '"'; part++)
			;
		bk_put_text(o, s, part);
		if (part < n) {
			bk_puts(o, "\\\"");
			part++;
		}
	}
	bk_putc(o, '"');
}

static void put_args_text(struct bk_out *o)
{
	bool any = !opt.as_is;
	size_t i;

	if (any)
		put_word(o, args.file, strlen(args.file));
	for (i = args.first; is_shown(i); i++) {
		if (any)
			bk_putc(o, ' ');
		put_word(o, args.word[i], args.size[i]);
		any = true;
	}
	if (i < args.n || args.cut)
		bk_puts(o, any ? " ..." : "...");
}

static void put_args_json(struct bk_out *o)
{
	bool valid = true;

	bk_putc(o, '[');
	for (size_t i = args.first; is_shown(i); i++) {
		bk_puts(o, i > args.first ? ",\"" : "\"");
		valid &= bk_put_text(o, args.word[i], args.size[i]);
		bk_putc(o, '"');
	}
	bk_putc(o, ']');
	if (valid)
		return;
	bk_puts(o, ",\"args_hex\":[");
	for (size_t i = args.first; is_shown(i); i++) {
		bk_puts(o, i > args.first ? ",\"" : "\"");
		bk_put_hex(o, args.word[i], args.size[i]);
		bk_putc(o, '"');
	}
	bk_putc(o, ']');
}

static void put_args(struct bk_out *o, const void *rec)
{
	if (o->json)
		put_args_json(o);
	else
		put_args_text(o);
}

#define COLS_TIME BK_COL("TIME", "time", BK_COL_TIME, -15, struct exec, time)
#define COLS_REST									\
	BK_COL("PCOMM", "comm", BK_COL_STR, -16, struct exec, comm),			\
	BK_COL("PID", "pid", BK_COL_U32, -7, struct exec, pid),				\
	BK_COL_IF(H_TID, NULL, "tid", BK_COL_U32, 0, struct exec, tid),			\
	BK_COL("PPID", "ppid", BK_COL_U32, -7, struct exec, ppid),			\
	BK_COL(NULL, "parent_comm", BK_COL_STR, 0, struct exec, parent_comm),		\
	BK_COL(NULL, "cgroup", BK_COL_U64, 0, struct exec, cgroup),			\
	BK_COL("RET", "ret", BK_COL_S32, 3, struct exec, ret),				\
	BK_COL(NULL, "file", BK_COL_PTR, 0, struct exec, file),				\
	BK_COL(NULL, "interpreter", BK_COL_PTR, 0, struct exec, interpreter),		\
	{ .head = "ARGS", .name = "args", .kind = BK_COL_U8, .put = put_args },		\
	BK_COL_IF(H_CUT, NULL, "args_cut", BK_COL_BOOL, 0, struct exec, cut),		\
	BK_COL_IF(H_CUT, NULL, "args_bytes", BK_COL_U32, 0, struct exec, bytes),	\
	BK_COL_IF(H_LEFT_OUT, NULL, "args_left_out", BK_COL_U32, 0, struct exec, left_out), \
	{ .kind = BK_COL_END }

static const struct bk_col cols[] = {
	COLS_TIME,
	BK_COL(NULL, "uid", BK_COL_U32, 0, struct exec, uid),
	COLS_REST
};

static const struct bk_col cols_uid[] = {
	COLS_TIME,
	BK_COL("UID", "uid", BK_COL_U32, -6, struct exec, uid),
	COLS_REST
};

/* ---- --count ---- */

static void put_exe(struct bk_out *o, const void *rec)
{
	const struct execsnoop_exe *exe = (const void *)((const struct bk_count_row *)rec)->key;

	bk_put_text(o, exe->name, sizeof(exe->name));
	if (exe->cut)
		bk_puts(o, "...");
}

#define KEY_COL(h, n, k, w) BK_COL(h, n, k, w, struct bk_count_row, key)

static const struct bk_col count_cols[][6] = {
	[EXECSNOOP_COMM] = { BK_COUNT_COLS, KEY_COL("COMM", "comm", BK_COL_STR, -16) },
	[EXECSNOOP_EXE] = { BK_COUNT_COLS,
			    { .head = "EXE", .kind = BK_COL_U8, .put = put_exe },
			    KEY_COL(NULL, "file", BK_COL_STR, 0),
			    BK_COL(NULL, "file_cut", BK_COL_BOOL, 0, struct bk_count_row,
				   key[offsetof(struct execsnoop_exe, cut)]) },
	[EXECSNOOP_PPID] = { BK_COUNT_COLS, KEY_COL("PPID", "ppid", BK_COL_U32, -7) },
	[EXECSNOOP_UID] = { BK_COUNT_COLS, KEY_COL("UID", "uid", BK_COL_U32, -6) },
	[EXECSNOOP_CGROUP] = { BK_COUNT_COLS, KEY_COL("CGROUP", "cgroup", BK_COL_U64, -7) },
};

static size_t key_size(uint32_t by)
{
	switch (by) {
	case EXECSNOOP_COMM:
		return sizeof(((union execsnoop_key *)0)->comm);
	case EXECSNOOP_EXE:
		return sizeof(struct execsnoop_exe);
	case EXECSNOOP_CGROUP:
		return sizeof(((union execsnoop_key *)0)->cgroup);
	default:
		return sizeof(((union execsnoop_key *)0)->number);
	}
}

static int init_count(struct bk_run *run)
{
	if (opt.show_uid || opt.name || opt.text || opt.quote || opt.max_args || opt.args_max ||
	    opt.as_is || run->opts.buffer) {
		bk_error("-U, -n, -l, -q, --max-args, --args-max, --argv and --buffer belong to lines; "
			 "--count has none");
		return -EINVAL;
	}
	if (opt.by < 0)
		opt.by = EXECSNOOP_COMM - 1;
	if (!run->opts.interval)
		run->opts.interval = 1000000000;
	run->events = false;
	return 0;
}

static int report(struct bk_run *run, void *skel, bool last)
{
	return run->events ? 0 : bk_count_report(run, last, "execs", keys[opt.by], count_cols[opt.by + 1]);
}

/* ---- the run ---- */

static int init(struct bk_run *run)
{
	if (opt.count || opt.by >= 0) {
		if (init_count(run))
			return -EINVAL;
	} else if (run->opts.interval || opt.rows) {
		bk_error("--interval and --rows belong to --count");
		return -EINVAL;
	}
	if (opt.args_max > EXECSNOOP_ARGS_MAX) {
		bk_error("--args-max: at most 32k");
		return -EINVAL;
	}
	if (run->opts.timestamp == BK_TIME_UNSET)
		run->opts.timestamp = run->events ? BK_TIME_NONE : BK_TIME_WALL;
	if (opt.wall)
		run->opts.timestamp = BK_TIME_WALL;
	if (opt.relative)
		run->opts.timestamp = BK_TIME_REL;
	if (opt.show_uid)
		run->cols = cols_uid;
	return 0;
}

static int configure(struct bk_run *run, void *skel)
{
	struct execsnoop_bpf *s = skel;
	struct execsnoop_config *c = (struct execsnoop_config *)&s->rodata->config;

	c->ppid = opt.ppid;
	c->args_max = opt.args_max ? opt.args_max : 4096;
	c->by = run->events ? 0 : opt.by + 1;
	return bk_count_configure(run, c->by ? key_size(c->by) : 0, opt.rows ? opt.rows : 4096);
}

static int started(struct bk_run *run, void *skel)
{
	return run->events ? 0 : bk_count_started(run);
}

static void start_json(struct bk_run *run, struct bk_out *o)
{
	if (run->events)
		return;
	bk_json_str(o, "by", keys[opt.by], 16);
	bk_json_u64(o, "interval_ms", run->opts.interval / 1000000);
}

static void fini(struct bk_run *run)
{
	bk_count_close();
}

static int event(struct bk_run *run, const void *rec, size_t len)
{
	const struct execsnoop_event *e = rec;
	size_t room = len - sizeof(*e);
	struct exec x = { 0 };

	if (len < sizeof(*e) || e->args_at > room || e->args_len > room - e->args_at ||
	    e->file_len > e->args_at)
		return -EPROTO;
	args.file = e->file_len ? e->data : "";
	split(e->data + e->args_at, e->args_len, e->argc, e->args_len < e->args_size);
	args.first = opt.as_is ? 0 : behind_front(args.file, e->flags);
	if ((opt.name && fnmatch(opt.name, e->comm, 0)) || (opt.text && !has_text(opt.text))) {
		run->left_out++;
		return 0;
	}
	x.time = e->time;
	x.cgroup = e->cgroup;
	x.pid = e->pid;
	x.tid = e->tid;
	x.ppid = e->ppid;
	x.uid = e->uid;
	memcpy(x.comm, e->comm, sizeof(x.comm));
	memcpy(x.parent_comm, e->parent_comm, sizeof(x.parent_comm));
	x.file = args.file;
	if (e->flags & EXECSNOOP_INTERPRETED && args.n > args.open)
		x.interpreter = args.word[0];
	x.cut = args.cut;
	x.bytes = e->args_size;
	if (opt.max_args && args.n > args.first + opt.max_args)
		x.left_out = args.n - args.first - opt.max_args;
	x.has = (args.cut ? H_CUT : 0) | (e->tid != e->pid ? H_TID : 0) |
		(x.left_out ? H_LEFT_OUT : 0);
	bk_emit(run, run->cols, "exec", &x);
	return 0;
}

BK_SKEL(execsnoop);

static const char *const probes[] = { "tp_btf", NULL };

static const char *const blind[] = {
	"calls that failed",
};

const struct bk_tool execsnoop_tool = {
	.name = "execsnoop",
	.summary = "Show each program that is executed",
	.examples = "execsnoop\tone line an exec\n"
		    "execsnoop -T -P 4242\twith the time; only children of this process\n"
		    "execsnoop -n 'git*' --json\tcommands by name, as JSON lines\n"
		    "execsnoop -l /etc/passwd\twhere that is in the arguments\n"
		    "execsnoop --count --by ppid\twho executes most, every second\n",
	.group = BK_GROUP_PROCESS,
	.common = BK_TASK | BK_INTERVAL | BK_COUNT | BK_TIMESTAMP | BK_BUFFER,
	.needs = BK_NEED_EVENTS,
	.timestamp = BK_TIME_UNSET, /* none for lines */
	.probes = probes,
	.blind = blind,
	.opts = opts,
	.cols = cols,
	.skel = &skel,
	.init = init,
	.configure = configure,
	.started = started,
	.event = event,
	.report = report,
	.start_json = start_json,
	.fini = fini,
};
