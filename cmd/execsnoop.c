// SPDX-License-Identifier: GPL-2.0-only
/* execsnoop: one line each time a program is executed. */
#include <errno.h>
#include <fnmatch.h>
#include <search.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bk.h"
#include "execsnoop.h"
#include "execsnoop.skel.h"

enum { WORDS_MAX = EXECSNOOP_ARGS_MAX, FRONT_MAX = 12 };

static const char *const keys[] = { "comm", "exe", "ppid", "uid", "cgroup", NULL };

static struct {
	bool wall, relative, show_uid, quote, as_is, failed, duration, exit, cwd, exe;
	const char *name, *text;
	uint32_t ppid, max_args;
	uint64_t args_max;
	struct bk_count_opts count;
} opt = { .count.by = -1 };

static const struct bk_opt opts[] = {
	BK_FLAG('T', "time", &opt.wall, "a column with the time of day"),
	BK_FLAG('t', "relative", &opt.relative, "a column with the seconds since the start"),
	BK_FLAG('x', "failed", &opt.failed, "calls that failed, too"),
	BK_FLAG('A', "all", &opt.failed, "the same as --failed"),
	BK_FLAG('D', "call-time", &opt.duration, "a column with the time that the call took"),
	BK_FLAG(0, "exit", &opt.exit, "a line at the end of each process, too"),
	BK_FLAG(0, "cwd", &opt.cwd, "a column with the working directory"),
	BK_FLAG(0, "exe", &opt.exe, "a column with the path of the file that is executed"),
	BK_LETTER('u', "uid"),
	BK_FLAG('U', "show-uid", &opt.show_uid, "a column with the user's number"),
	BK_U32('P', "ppid", &opt.ppid, 1, 1 << 22, "PID", "only children of this process"),
	BK_STR('n', "name", &opt.name, "PATTERN", "only commands of such a name; *, ? and [] as in the shell"),
	BK_STR('l', "line", &opt.text, "TEXT", "only where the file or an argument has this text in it"),
	BK_FLAG('q', "quote", &opt.quote, "put each argument in double quotes"),
	BK_U32(0, "max-args", &opt.max_args, 1, UINT32_MAX, "N", "show no more arguments than N"),
	BK_SIZE(0, "args-max", &opt.args_max, "SIZE", "of the arguments, at most this much (4k, at most 32k)"),
	BK_FLAG(0, "argv", &opt.as_is, "the arguments as the program gets them, argv[0] first"),
	BK_COUNT_OPTS(opt.count, keys, "comm", "a line an exec"),
	BK_LETTER('c', "cgroup"),
	{ .type = BK_OPT_END }
};

/* One exec, as it is shown. */
struct exec {
	uint64_t has; /* which of the members below mean something */
	uint64_t time, cgroup, duration_ns;
	uint32_t pid, tid, ppid, uid, error;
	int32_t ret;
	char comm[16], parent_comm[16];
	const char *file, *interpreter, *cwd, *exe;
	bool cut;
	uint32_t bytes, left_out;
};

enum { H_CUT = 1, H_TID = 2, H_LEFT_OUT = 4, H_ERROR = 8, H_DURATION = 16, H_BYTES = 32 };

/* The arguments of the exec that is shown now. */
static struct {
	const char *file;
	bool named; /* it has one; else it could not be read */
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

	if (any && args.named)
		put_word(o, args.file, strlen(args.file));
	else if (any)
		bk_putc(o, '-');
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

enum { C_TIME, C_UID, C_RET = 8, C_DURATION = 12, C_CWD, C_EXE };

/* init() takes the headings of those away that are not asked for. */
static struct bk_col cols[] = {
	[C_TIME] = BK_COL("TIME", "time", BK_COL_TIME, -15, struct exec, time),
	[C_UID] = BK_COL("UID", "uid", BK_COL_U32, -6, struct exec, uid),
	BK_COL("PCOMM", "comm", BK_COL_STR, -16, struct exec, comm),
	BK_COL("PID", "pid", BK_COL_U32, -7, struct exec, pid),
	BK_COL_IF(H_TID, NULL, "tid", BK_COL_U32, 0, struct exec, tid),
	BK_COL("PPID", "ppid", BK_COL_U32, -7, struct exec, ppid),
	BK_COL(NULL, "parent_comm", BK_COL_STR, 0, struct exec, parent_comm),
	BK_COL(NULL, "cgroup", BK_COL_U64, 0, struct exec, cgroup),
	[C_RET] = BK_COL("RET", NULL, BK_COL_ERRNO, 3, struct exec, error),
	BK_COL(NULL, "ret", BK_COL_S32, 0, struct exec, ret),
	BK_COL_IF(H_ERROR, NULL, "errno", BK_COL_U32, 0, struct exec, error),
	BK_COL_IF(H_ERROR, NULL, "error", BK_COL_ERRNO, 0, struct exec, error),
	[C_DURATION] = BK_COL_IF(H_DURATION, "CALL(us)", NULL, BK_COL_US, 8, struct exec, duration_ns),
	[C_CWD] = BK_COL("CWD", "cwd", BK_COL_PTR, -24, struct exec, cwd),
	[C_EXE] = BK_COL("EXE", "exe", BK_COL_PTR, -24, struct exec, exe),
	BK_COL_IF(H_DURATION, NULL, "call_ns", BK_COL_U64, 0, struct exec, duration_ns),
	BK_COL(NULL, "file", BK_COL_PTR, 0, struct exec, file),
	BK_COL(NULL, "interpreter", BK_COL_PTR, 0, struct exec, interpreter),
	{ .head = "ARGS", .name = "args", .kind = BK_COL_U8, .put = put_args },
	BK_COL_IF(H_CUT, NULL, "args_cut", BK_COL_BOOL, 0, struct exec, cut),
	BK_COL_IF(H_BYTES, NULL, "args_bytes", BK_COL_U32, 0, struct exec, bytes),
	BK_COL_IF(H_LEFT_OUT, NULL, "args_left_out", BK_COL_U32, 0, struct exec, left_out),
	{ .kind = BK_COL_END }
};

/* ---- writing the end of a process ---- */

struct ending {
	uint64_t has;
	uint64_t time, run_ns, cpu_ns;
	uint32_t pid, ppid, uid, status, signal;
	char comm[16];
	char name[24]; /* of the signal */
	bool core;
};

enum { H_STATUS = 1, H_SIGNAL = 2 };

static void put_seconds(struct bk_out *o, uint64_t ns)
{
	bk_printf(o, "%llu.%06llu s", (unsigned long long)(ns / 1000000000),
		  (unsigned long long)(ns / 1000 % 1000000));
}

static void put_ending(struct bk_out *o, const void *rec)
{
	const struct ending *x = rec;

	if (x->has & H_STATUS)
		bk_printf(o, "exited with %u", x->status);
	else
		bk_printf(o, "killed by %s%s", x->name, x->core ? ", core dumped" : "");
	bk_puts(o, " after ");
	put_seconds(o, x->run_ns);
	bk_puts(o, ", CPU ");
	put_seconds(o, x->cpu_ns);
}

static void put_dash(struct bk_out *o, const void *rec)
{
	(void)rec;
	bk_putc(o, '-');
}

/* As wide as those of an exec. */
static struct bk_col exit_cols[] = {
	[C_TIME] = BK_COL("TIME", "time", BK_COL_TIME, -15, struct ending, time),
	[C_UID] = BK_COL("UID", "uid", BK_COL_U32, -6, struct ending, uid),
	BK_COL("PCOMM", "comm", BK_COL_STR, -16, struct ending, comm),
	BK_COL("PID", "pid", BK_COL_U32, -7, struct ending, pid),
	BK_COL("PPID", "ppid", BK_COL_U32, -7, struct ending, ppid),
	BK_COL_IF(H_STATUS, NULL, "status", BK_COL_U32, 0, struct ending, status),
	BK_COL_IF(H_SIGNAL, NULL, "signal", BK_COL_U32, 0, struct ending, signal),
	BK_COL_IF(H_SIGNAL, NULL, "core_dumped", BK_COL_BOOL, 0, struct ending, core),
	[C_RET] = { .head = "RET", .kind = BK_COL_S32, .width = 3, .put = put_dash },
	BK_COL(NULL, "run_ns", BK_COL_U64, 0, struct ending, run_ns),
	BK_COL(NULL, "cpu_ns", BK_COL_U64, 0, struct ending, cpu_ns),
	BK_COL_IF(H_SIGNAL, NULL, "signal_name", BK_COL_STR, 0, struct ending, name),
	[C_DURATION] = { .head = "CALL(us)", .kind = BK_COL_S32, .width = 8, .put = put_dash },
	[C_CWD] = { .head = "CWD", .kind = BK_COL_S32, .width = -24, .put = put_dash },
	[C_EXE] = { .head = "EXE", .kind = BK_COL_S32, .width = -24, .put = put_dash },
	{ .head = "ARGS", .kind = BK_COL_S32, .put = put_ending },
	{ .kind = BK_COL_END }
};

static void hide(size_t column)
{
	cols[column].head = exit_cols[column].head = NULL;
}

/* ---- --count ---- */

static const struct bk_col count_cols[][6] = {
	[EXECSNOOP_BY_COMM] = { BK_COUNT_COLS, BK_COUNT_KEY("COMM", "comm", BK_COL_STR, -16) },
	[EXECSNOOP_BY_EXE] = { BK_COUNT_COLS, BK_COUNT_NAME("EXE", "file") },
	[EXECSNOOP_BY_PPID] = { BK_COUNT_COLS, BK_COUNT_KEY("PPID", "ppid", BK_COL_U32, -7) },
	[EXECSNOOP_BY_UID] = { BK_COUNT_COLS, BK_COUNT_KEY("UID", "uid", BK_COL_U32, -6) },
	[EXECSNOOP_BY_CGROUP] = { BK_COUNT_COLS, BK_COUNT_KEY("CGROUP", "cgroup", BK_COL_U64, -7) },
};

static size_t key_size(uint32_t by)
{
	switch (by) {
	case EXECSNOOP_BY_COMM:
		return sizeof(((union execsnoop_key *)0)->comm);
	case EXECSNOOP_BY_EXE:
		return sizeof(struct bk_count_name);
	case EXECSNOOP_BY_CGROUP:
		return sizeof(((union execsnoop_key *)0)->cgroup);
	default:
		return sizeof(((union execsnoop_key *)0)->number);
	}
}

static int check_count(const struct bk_run *run)
{
	if (opt.show_uid || opt.name || opt.text || opt.quote || opt.max_args || opt.args_max ||
	    opt.as_is || opt.failed || opt.duration || opt.exit || opt.cwd || opt.exe || run->opts.buffer) {
		bk_error("-U, -n, -l, -q, -x, -D, --exit, --cwd, --exe, --max-args, --args-max, --argv and "
			 "--buffer belong to lines; --count has none");
		return -EINVAL;
	}
	return 0;
}

static int report(struct bk_run *run, void *skel, bool last)
{
	return run->events ? 0 : bk_count_report(run, last, "execs", count_cols[opt.count.by + 1], NULL);
}

/* ---- the run ---- */

static int init(struct bk_run *run)
{
	if (opt.wall && opt.relative) {
		bk_error("-T and -t: there is one column for the time");
		return -EINVAL;
	}
	if ((opt.wall || opt.relative) && run->opts.timestamp == BK_TIME_UNSET)
		run->opts.timestamp = opt.wall ? BK_TIME_WALL : BK_TIME_REL;
	if ((bk_count_wanted(&opt.count) && check_count(run)) || bk_count_init(run, &opt.count, keys))
		return -EINVAL;
	if (opt.args_max > EXECSNOOP_ARGS_MAX) {
		bk_error("--args-max: at most 32k");
		return -EINVAL;
	}
	if (!opt.show_uid)
		hide(C_UID);
	if (!opt.duration)
		hide(C_DURATION);
	if (!opt.cwd)
		hide(C_CWD);
	if (!opt.exe)
		hide(C_EXE);
	if (opt.failed)
		cols[C_RET].width = exit_cols[C_RET].width = -7;
	return 0;
}

/* ---- before load ---- */

enum { EXECVE, EXECVEAT, CALLS };

static const struct bk_call calls[CALLS] = {
	[EXECVE] = { BK_CALL("execve", 59, 221, 11, 11) },
	[EXECVEAT] = { BK_CALL("execveat", 322, 281, 358, 387) },
};

static int configure(struct bk_run *run, void *skel)
{
	struct execsnoop_bpf *s = skel;
	struct execsnoop_config *c = (struct execsnoop_config *)&s->rodata->config;

	bool maps[] = { opt.duration, opt.cwd || opt.exe, opt.exit, opt.exit, opt.failed };
	struct bpf_map *of[] = { s->maps.bk_calls, s->maps.paths, s->maps.running, s->maps.dying,
				 s->maps.failures };
	int err = 0;

	c->ppid = opt.ppid;
	c->args_max = opt.args_max ? opt.args_max : 4096;
	c->by = run->events ? 0 : opt.count.by + 1;
	c->cwd = opt.cwd;
	c->exe = opt.exe;
	c->exit = opt.exit;
	c->duration = opt.duration;
	c->failed = opt.failed;
	c->execveat = calls[EXECVEAT].number;
	c->compat_execve = calls[EXECVE].compat;
	c->compat_execveat = calls[EXECVEAT].compat;
	if (opt.failed)
		run->blind = NULL;
	bpf_program__set_autoload(s->progs.begin_call, opt.duration);
	/* a call that failed is over, too */
	bpf_program__set_autoload(s->progs.failed_call, opt.failed || opt.duration);
	bpf_program__set_autoload(s->progs.failed_compat, opt.failed);
	bpf_program__set_autoload(s->progs.began, opt.exit);
	bpf_program__set_autoload(s->progs.exited, opt.exit);
	bpf_program__set_autoload(s->progs.switched, opt.exit);
	for (size_t i = 0; !err && i < ARRAY_LEN(maps); i++)
		if (!maps[i])
			err = bpf_map__set_autocreate(of[i], false);
	return err ? err : bk_count_configure(run, key_size(c->by));
}

static int attach(struct bk_run *run, void *skel)
{
	struct execsnoop_bpf *s = skel;
	int err = bk_attach_calls(run, s->progs.begin_call, "enter", calls, CALLS);

	err = err ? err : bk_attach_calls(run, s->progs.failed_call, "exit", calls, CALLS);
	return err ? err : bk_attach(run);
}

/* ---- paths, which come before their exec ---- */

enum { PLACES = 64 };

/* The last ones; where records of several CPUs are mixed, their execs are not far behind. */
static struct place {
	uint64_t time;
	uint32_t pid, kind;
	char text[2 * BK_PATH_MAX];
} places[PLACES];
static unsigned int next_place;

static int take_path(const struct execsnoop_path *p, size_t len)
{
	struct place *to = &places[next_place++ % PLACES];

	if (len < sizeof(*p))
		return -EPROTO;
	to->time = p->head.time;
	to->pid = p->head.pid;
	to->kind = p->head.kind;
	bk_path_text(&p->path, p->data, len - sizeof(*p), to->text, sizeof(to->text));
	return 0;
}

static const char *find_path(const struct execsnoop_event *e, uint32_t kind)
{
	for (size_t i = 0; i < PLACES; i++)
		if (places[i].time == e->head.time && places[i].pid == e->head.pid && places[i].kind == kind)
			return places[i].text;
	return NULL;
}

/* ---- ends ---- */

/*
 * The processes whose exec was shown, where that is decided here: the program knows of all. It is a tree of
 * their numbers.
 */
static void *shown;

static int by_number(const void *a, const void *b)
{
	return ((uintptr_t)a > (uintptr_t)b) - ((uintptr_t)a < (uintptr_t)b);
}

static bool decides_here(void)
{
	return opt.name || opt.text;
}

static int event_exit(struct bk_run *run, const struct execsnoop_exit *e, size_t len)
{
	struct ending x = { 0 };
	const char *name;

	if (len < sizeof(*e))
		return -EPROTO;
	if (decides_here()) {
		if (!tfind((void *)(uintptr_t)e->head.pid, &shown, by_number)) {
			run->left_out++;
			return 0;
		}
		tdelete((void *)(uintptr_t)e->head.pid, &shown, by_number);
	}
	x.time = e->head.time;
	x.pid = e->head.pid;
	x.ppid = e->ppid;
	x.uid = e->uid;
	memcpy(x.comm, e->comm, sizeof(x.comm));
	x.run_ns = e->head.time - e->since;
	x.cpu_ns = e->cpu_ns;
	x.signal = e->code & 0x7f;
	x.core = e->code & 0x80;
	x.status = e->code >> 8 & 0xff;
	name = sigabbrev_np(x.signal);
	if (name)
		snprintf(x.name, sizeof(x.name), "SIG%s", name);
	else
		snprintf(x.name, sizeof(x.name), "signal %u", x.signal);
	x.has = x.signal ? H_SIGNAL : H_STATUS;
	bk_emit(run, exit_cols, "exit", &x);
	return 0;
}

/* ---- an event ---- */

static int event_exec(struct bk_run *run, const struct execsnoop_event *e, size_t len)
{
	size_t room = len - sizeof(*e);
	struct exec x = { 0 };

	if (len < sizeof(*e) || e->args_at > room || e->args_len > room - e->args_at ||
	    e->file_len > e->args_at)
		return -EPROTO;
	args.file = e->file_len ? e->data : "";
	args.named = e->file_len;
	split(e->data + e->args_at, e->args_len, e->argc,
	      e->args_len < e->args_size || e->flags & EXECSNOOP_CUT);
	args.first = opt.as_is ? 0 : behind_front(args.file, e->flags);
	if ((opt.name && fnmatch(opt.name, e->comm, 0)) || (opt.text && !has_text(opt.text))) {
		run->left_out++;
		return 0;
	}
	if (opt.exit && decides_here() && !e->ret &&
	    !tsearch((void *)(uintptr_t)e->head.pid, &shown, by_number))
		return -ENOMEM;
	x.time = e->head.time;
	x.ret = e->ret;
	x.error = -(int64_t)e->ret;
	x.duration_ns = e->duration;
	x.cwd = opt.cwd ? find_path(e, EXECSNOOP_CWD) : NULL;
	x.exe = opt.exe ? find_path(e, EXECSNOOP_EXE) : NULL;
	x.cgroup = e->cgroup;
	x.pid = e->head.pid;
	x.tid = e->tid;
	x.ppid = e->ppid;
	x.uid = e->uid;
	memcpy(x.comm, e->comm, sizeof(x.comm));
	memcpy(x.parent_comm, e->parent_comm, sizeof(x.parent_comm));
	x.file = e->file_len ? args.file : NULL;
	if (e->flags & EXECSNOOP_INTERPRETED && args.n > args.open)
		x.interpreter = args.word[0];
	x.cut = args.cut;
	x.bytes = e->args_size;
	if (opt.max_args && args.n > args.first + opt.max_args)
		x.left_out = args.n - args.first - opt.max_args;
	x.has = (args.cut ? H_CUT : 0) | (e->tid && e->tid != e->head.pid ? H_TID : 0) |
		(x.left_out ? H_LEFT_OUT : 0) | (e->ret ? H_ERROR : 0) |
		(e->duration ? H_DURATION : 0) | (args.cut && !e->ret ? H_BYTES : 0);
	bk_emit(run, run->cols, "exec", &x);
	return 0;
}

static int event(struct bk_run *run, const void *rec, size_t len)
{
	const struct execsnoop_head *head = rec;

	if (len < sizeof(*head))
		return -EPROTO;
	switch (head->kind) {
	case EXECSNOOP_EXEC:
	case EXECSNOOP_FAILED:
		return event_exec(run, rec, len);
	case EXECSNOOP_CWD:
	case EXECSNOOP_EXE:
		return take_path(rec, len);
	case EXECSNOOP_EXIT:
		return event_exit(run, rec, len);
	default:
		return -EPROTO;
	}
}

static void fini(struct bk_run *run)
{
	(void)run;
	bk_count_close();
	while (shown)
		tdelete(*(void **)shown, &shown, by_number);
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
	.attach = attach,
	.started = bk_count_started,
	.event = event,
	.report = report,
	.start_json = bk_count_start_json,
	.fini = fini,
};
