// SPDX-License-Identifier: GPL-2.0-only
/* The life of a tool, from its checked options to its exit status. */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "bk.h"
#include "command.h"
#include "loop.h"
#include "out.h"
#include "probe.h"
#include "version.h"
#include "xdp.h"

enum { FOLLOW_MAX = 16384 }; /* processes of a command, at a time */

/* libbpf guarantees these first members in every generated skeleton. */
struct any_skel {
	struct bpf_object_skeleton *skeleton;
	struct bpf_object *obj;
};

uint64_t bk_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

/* ---- variables of the programs ---- */

void *bk_var(struct bpf_object *obj, const char *section, const char *name, size_t size)
{
	struct btf *btf = bpf_object__btf(obj);
	int id = btf__find_by_name_kind(btf, section, BTF_KIND_DATASEC);
	const struct btf_type *sec = id > 0 ? btf__type_by_id(btf, id) : NULL;
	const struct btf_var_secinfo *v = sec ? btf_var_secinfos(sec) : NULL;
	struct bpf_map *map;
	char *mem = NULL;
	size_t len;

	bpf_object__for_each_map(map, obj) {
		const char *full = bpf_map__name(map), *dot = strrchr(full, '.');

		if (dot && !strcmp(dot, section))
			mem = (char *)bpf_map__initial_value(map, &len);
	}
	for (int i = 0; mem && sec && i < btf_vlen(sec); i++) {
		const struct btf_type *t = btf__type_by_id(btf, v[i].type);

		if (!strcmp(btf__name_by_offset(btf, t->name_off), name))
			return v[i].size == size ? mem + v[i].offset : NULL;
	}
	return NULL;
}

/* ---- waiting for programs ---- */

int bk_quiesce_open(struct bk_quiesce *q)
{
	LIBBPF_OPTS(bpf_map_create_opts, o);

	q->outer = -1;
	q->inner = bpf_map_create(BPF_MAP_TYPE_ARRAY, "bk_inner", 4, 4, 1, NULL);
	if (q->inner < 0)
		return q->inner;
	o.inner_map_fd = q->inner;
	q->outer = bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "bk_quiesce", 4, 4, 1, &o);
	return q->outer < 0 ? q->outer : 0;
}

int bk_quiesce(struct bk_quiesce *q)
{
	int zero = 0;

	return bpf_map_update_elem(q->outer, &zero, &q->inner, BPF_ANY);
}

void bk_quiesce_close(struct bk_quiesce *q)
{
	if (q->outer >= 0)
		close(q->outer);
	if (q->inner >= 0)
		close(q->inner);
	q->outer = q->inner = -1;
}

/* ---- time ---- */

enum { SECOND = 1000000000 };

/*
 * CLOCK_REALTIME less CLOCK_MONOTONIC, as it was within a second of the event; of an event that is
 * older, as it was within the last second.
 */
static int64_t wall_offset(uint64_t mono_ns)
{
	static uint64_t sampled;
	static int64_t offset;
	struct timespec ts;
	uint64_t now;

	if (sampled && mono_ns - sampled + SECOND <= 2 * (uint64_t)SECOND)
		return offset;
	now = bk_now();
	if (!sampled || now - sampled > SECOND) {
		clock_gettime(CLOCK_REALTIME, &ts);
		offset = ts.tv_sec * (int64_t)SECOND + ts.tv_nsec - (int64_t)now;
		sampled = now;
	}
	return offset;
}

uint64_t bk_wall(uint64_t mono_ns)
{
	return mono_ns + wall_offset(mono_ns);
}

/* ".123456", without NUL. */
static void put_micros(char *p, uint64_t ns)
{
	*p = '.';
	bk_digits(p + 1, ns / 1000, 6);
}

static size_t seconds_text(uint64_t ns, char *buf)
{
	size_t n = bk_number(buf, ns / SECOND);

	put_micros(buf + n, ns % SECOND);
	buf[n + 7] = 0;
	return n + 7;
}

/* What stands in front of the microseconds and behind them. */
struct wall_text {
	time_t second;
	int kind;
	bool json;
	size_t n, zone_n;
	char text[24], zone[8];
};

static void make_wall_text(struct wall_text *w)
{
	bool iso = w->json || w->kind == BK_TIME_ISO;
	struct tm tm;

	if (w->json ? !gmtime_r(&w->second, &tm) : !localtime_r(&w->second, &tm))
		memset(&tm, 0, sizeof(tm));
	w->n = strftime(w->text, sizeof(w->text), iso ? "%Y-%m-%dT%H:%M:%S" : "%H:%M:%S", &tm);
	w->zone[0] = 0;
	if (iso)
		strftime(w->zone, sizeof(w->zone), w->json ? "Z" : "%z", &tm);
	w->zone_n = strlen(w->zone);
}

/* Time of day, or with the date. */
static size_t clock_text(struct bk_run *run, uint64_t wall, char *buf)
{
	static struct wall_text last; /* most often of this second, too */
	bool json = run->out->json;
	int kind = run->opts.timestamp;
	time_t second = wall / SECOND;

	if (second != last.second || !last.n || last.kind != kind || last.json != json) {
		last.second = second;
		last.kind = kind;
		last.json = json;
		make_wall_text(&last);
	}
	/* as much as there may be, which is cheaper than as much as there is */
	memcpy(buf, last.text, sizeof(last.text));
	put_micros(buf + last.n, wall % SECOND);
	memcpy(buf + last.n + 7, last.zone, sizeof(last.zone));
	return last.n + 7 + last.zone_n;
}

size_t bk_time_text(struct bk_run *run, uint64_t mono_ns, char *buf)
{
	int kind = run->opts.timestamp;

	if (kind == BK_TIME_MONO)
		return seconds_text(mono_ns, buf);
	if (kind == BK_TIME_REL) /* an event can be older than the end of attaching */
		return seconds_text(mono_ns > run->start_ns ? mono_ns - run->start_ns : 0, buf);
	return clock_text(run, bk_wall(mono_ns), buf);
}

size_t bk_wall_text(struct bk_run *run, uint64_t wall_ns, uint64_t first, char *buf)
{
	int kind = run->opts.timestamp;

	if (kind == BK_TIME_MONO)
		return seconds_text(wall_ns, buf);
	if (kind == BK_TIME_REL)
		return seconds_text(wall_ns > first ? wall_ns - first : 0, buf);
	return clock_text(run, wall_ns, buf);
}

/* ---- starting ---- */

/* A program named WHAT__RUNG is loaded only on its rung. */
static void choose_programs(struct bk_run *run, struct bpf_object *obj)
{
	struct bpf_program *p;

	bpf_object__for_each_program(p, obj) {
		const char *name = bpf_program__name(p), *mark = strstr(name, "__");

		if (mark && run->rung && bpf_program__autoload(p))
			bpf_program__set_autoload(p, !strcmp(mark + 2, run->rung));
		if (run->opts.verbose > 1)
			bpf_program__set_log_level(p, 4); /* the verifier's statistics */
	}
}

static int set_ring(struct bk_run *run, struct bpf_object *obj)
{
	struct bpf_map *map = bpf_object__find_map_by_name(obj, "bk_events");
	uint64_t page = sysconf(_SC_PAGESIZE), size = page;

	if (!map)
		return 0;
	if (!run->events)
		return bpf_map__set_autocreate(map, false);
	while (size < (run->opts.buffer   ? run->opts.buffer :
		       run->tool->buffer ? run->tool->buffer :
					    bk_loop_ring_size(sysconf(_SC_NPROCESSORS_ONLN))))
		size *= 2;
	return bpf_map__set_max_entries(map, size);
}

/* What follows a command is loaded only if there is one. */
static int set_follow(struct bk_run *run, struct bpf_object *obj)
{
	struct bpf_map *map = bpf_object__find_map_by_name(obj, "bk_followed");
	struct bpf_program *born = bpf_object__find_program_by_name(obj, "bk_fork"),
			   *gone = bpf_object__find_program_by_name(obj, "bk_exit");

	if (!run->opts.command)
		return map ? bpf_map__set_autocreate(map, false) : 0;
	if (!map || !born || !gone)
		return -EINVAL;
	bpf_program__set_autoload(born, true);
	bpf_program__set_autoload(gone, true);
	return bpf_map__set_max_entries(map, run->opts.follow_max ?: FOLLOW_MAX);
}

/* The kernel compares with plain numbers where it can: in the first PID namespace. */
static int set_pidns(struct bk_filter *f, bool numbers)
{
	struct stat st;

	/* that namespace always has this number (include/linux/proc_ns.h) */
	if (stat("/proc/self/ns/pid", &st))
		return -errno;
	f->self = getpid();
	f->pidns = st.st_ino == 0xEFFFFFFCU ? 0 : st.st_ino;
	f->pidns_numbers = numbers && f->pidns;
	return 0;
}

static int prepare(struct bk_run *run, struct any_skel *skel)
{
	struct bk_filter *f = bk_var(skel->obj, ".rodata", "bk_filter", sizeof(*f));
	int err;

	if (!f)
		return -EINVAL;
	*f = run->opts.filter;
	f->books = run->opts.stats;
	f->follow = !!run->opts.command;
	choose_programs(run, skel->obj);
	err = set_pidns(f, run->opts.pidns);
	err = err ? err : set_follow(run, skel->obj);
	err = err ? err : set_ring(run, skel->obj);
	if (!err && run->tool->configure)
		err = run->tool->configure(run, skel);
	return err ? err : bk_probe_resolve(run->probe, skel->obj, run->tool->optional);
}

int bk_attach(struct bk_run *run)
{
	return bk_probe_attach(((struct any_skel *)run->skel)->skeleton);
}

int bk_attach_tracepoint(struct bk_run *run, struct bpf_program *prog, const char *category,
			 const char *name)
{
	struct bpf_link *link;

	if (run->nlinks == ARRAY_LEN(run->links))
		return -ENOSPC;
	link = bpf_program__attach_tracepoint(prog, category, name);
	if (!link)
		return -errno;
	run->links[run->nlinks++] = link;
	return 0;
}

int bk_attach_calls(struct bk_run *run, struct bpf_program *prog, const char *edge,
		    const struct bk_call *calls, size_t n)
{
	char name[64];
	int err;

	if (!prog || bpf_program__fd(prog) < 0)
		return 0;
	for (const struct bk_call *c = calls; c < calls + n; c++) {
		if (c->number < 0)
			continue;
		snprintf(name, sizeof(name), "sys_%s_%s", edge, c->name);
		err = bk_attach_tracepoint(run, prog, "syscalls", name);
		if (err && (err != -ENOENT || !c->optional))
			return err;
	}
	return 0;
}

static void detach(struct bk_run *run, struct any_skel *skel)
{
	bpf_object__detach_skeleton(skel->skeleton);
	while (run->nlinks)
		bpf_link__destroy(run->links[--run->nlinks]);
	bk_xdp_detach(run);
}

static int attach(struct bk_run *run, struct any_skel *skel)
{
	struct bpf_map *ring;
	int err;

	run->books = bk_var(skel->obj, ".bss", "bk_books", sizeof(*run->books));
	if (!run->books)
		return -EINVAL;
	if (run->events) {
		ring = bpf_object__find_map_by_name(skel->obj, "bk_events");
		err = bk_loop_ring(run->loop, bpf_map__fd(ring), bpf_map__max_entries(ring));
		if (err)
			return err;
		run->books->asleep = 1;
	}
	return run->tool->attach ? run->tool->attach(run, skel) : bk_attach(run);
}

static int open_skeleton(struct bk_run *run, struct any_skel **out, const char **what)
{
	*what = "open the programs";
	*out = run->tool->skel->open(bk_probe_opts(run->probe));
	if (!*out)
		return -errno;
	*what = "prepare the programs";
	return bk_probe_learn(run->probe, (*out)->obj);
}

static const char attach_the_programs[] = "attach the programs";

static int load_and_attach(struct bk_run *run, struct any_skel *skel, const char **what)
{
	int err = prepare(run, skel);

	if (!err) {
		*what = "load the programs";
		err = bpf_object__load_skeleton(skel->skeleton);
	}
	if (!err) {
		*what = attach_the_programs;
		err = attach(run, skel);
	}
	return err;
}

/*
 * Opens, loads and attaches on one rung. On failure *what says what failed, and everything is undone; a skeleton
 * with which nothing was done yet is left for the next rung.
 */
static int start_on(struct bk_run *run, struct any_skel **skel, const char **what)
{
	int err = 0;

	bk_log_forget();
	if (!*skel)
		err = open_skeleton(run, skel, what);
	if (!err && run->rung) {
		*what = "prepare the programs";
		err = bk_probe_try(run->probe, (*skel)->obj, run->rung);
		if (err)
			return err;
	}
	if (!err) {
		run->obj = (*skel)->obj;
		run->skel = *skel;
		err = load_and_attach(run, *skel, what);
	}
	if (err && *skel) {
		run->obj = NULL;
		run->books = NULL;
		detach(run, *skel);
		run->tool->skel->destroy(*skel);
		*skel = NULL;
	}
	return err;
}

/* Why a tracepoint of tracefs cannot be found, and what to do; NULL: that is not why. */
static const char *no_tracefs(void)
{
	static const char *const places[] = { "/sys/kernel/tracing/events", "/sys/kernel/debug/tracing/events" };
	bool refused = false;

	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		if (!faccessat(AT_FDCWD, places[i], X_OK, AT_EACCESS))
			return NULL;
		refused |= errno == EACCES;
	}
	return refused ? "tracefs is only for root here: run it as root, or with CAP_DAC_READ_SEARCH, too" :
			 "this probe needs tracefs (mount -t tracefs tracefs /sys/kernel/tracing)";
}

static int refused(struct bk_run *run, int err, const char *what)
{
	/* the kernel's own number for what it does not support, which has no text */
	enum { KERNEL_ENOTSUPP = 524 };
	const char *cause = bk_log_cause(), *on = run->rung ? run->rung : "",
		   *with = run->rung ? " with the probe " : "", *tracefs = NULL;

	if (err == -KERNEL_ENOTSUPP)
		err = -EOPNOTSUPP;
	if (what == attach_the_programs && (err == -ENOENT || err == -EACCES))
		tracefs = no_tracefs();
	if ((err == -EPERM || err == -EACCES) && !tracefs) {
		bk_error("cannot %s%s%s: the kernel refuses (%s): %s", what, with, on,
			 strerror(-err), err == -EACCES && cause ? cause : bk_why_refused());
		return err == -EPERM ? BK_EXIT_LACKING : BK_EXIT_FAILED;
	}
	if (tracefs)
		cause = tracefs;
	bk_error("cannot %s%s%s: %s%s%s", what, with, on, strerror(-err), cause ? ": " : "",
		 cause ? cause : "");
	return tracefs || err == -ENOENT || err == -ESRCH || err == -EOPNOTSUPP || err == -ENOSYS ?
		       BK_EXIT_LACKING :
		       BK_EXIT_FAILED;
}

/*
 * The best rung that this kernel takes, decided by trying. Returns -1 to go on, else the exit
 * status.
 */
static int start(struct bk_run *run, struct any_skel **skel)
{
	static const char *const none[] = { NULL, NULL };
	const char *const *rungs = run->tool->probes ? run->tool->probes : none;
	const char *what = NULL;
	int err = 0;

	for (size_t i = 0; i == 0 || rungs[i]; i++) {
		if (run->opts.probe && strcmp(run->opts.probe, rungs[i]))
			continue;
		run->rung = rungs[i];
		run->blind = run->tool->blind ? run->tool->blind[i] : NULL;
		err = start_on(run, skel, &what);
		if (!err) {
			bk_debug("attached after %.1f ms%s%s%s%s", (bk_now() - run->began_ns) / 1e6,
				 run->rung ? " with the probe " : "", run->rung ? run->rung : "",
				 run->blind ? ", which cannot see " : "",
				 run->blind ? run->blind : "");
			return -1;
		}
		if (err == -ECANCELED)
			return run->status == BK_EXIT_USAGE ? bk_usage(run) :
							      run->status ?: BK_EXIT_LACKING;
		if (rungs[i] && rungs[i + 1] && !run->opts.probe)
			bk_debug("the probe %s is not to be had here (%s)", rungs[i],
				 bk_log_cause() ? bk_log_cause() : strerror(-err));
	}
	if (*skel)
		run->tool->skel->destroy(*skel);
	return refused(run, err, what);
}

/* ---- the end ---- */

struct costs {
	uint64_t missed;
	bool missed_known;
};

/* What the kernel counted for each program; shown with --stats. */
static struct costs read_costs(struct bk_run *run)
{
	struct costs c = { .missed_known = true };
	struct bpf_program *p;

	bpf_object__for_each_program(p, run->obj) {
		struct bpf_prog_info info = { 0 };
		uint32_t len = sizeof(info);
		int fd = bpf_program__fd(p);

		if (fd < 0)
			continue;
		if (bpf_obj_get_info_by_fd(fd, &info, &len)) {
			c.missed_known = false;
			continue;
		}
		if (len < offsetof(struct bpf_prog_info, recursion_misses) +
				  sizeof(info.recursion_misses))
			c.missed_known = false;
		else
			c.missed += info.recursion_misses;
		if (run->opts.stats)
			bk_note(run->timed ? "%s: ran %llu times, %llu ns each" :
					     "%s: how often it ran is unknown",
				bpf_program__name(p), (unsigned long long)info.run_cnt,
				(unsigned long long)(info.run_cnt ?
							     info.run_time_ns / info.run_cnt :
							     0));
	}
	return c;
}

static void close_books(struct bk_run *run)
{
	struct costs c = read_costs(run);
	uint64_t lost = run->books->lost, filtered = run->books->filtered + run->left_out,
		 unfollowed = run->books->unfollowed, untracked = run->books->untracked,
		 undecided = run->books->undecided;
	struct bk_out *o = run->out;

	if (o->json && !o->error) {
		bk_json_begin(o, "end");
		if (run->events) {
			bk_json_u64(o, "printed", run->printed);
			bk_json_u64(o, "lost", lost);
			if (run->unprinted)
				bk_json_u64(o, "unprinted", run->unprinted);
		}
		if (c.missed_known)
			bk_json_u64(o, "missed", c.missed);
		if (run->opts.command)
			bk_json_u64(o, "unfollowed", unfollowed);
		if (untracked)
			bk_json_u64(o, "untracked", untracked);
		if (undecided)
			bk_json_u64(o, "undecided", undecided);
		if (run->opts.stats)
			bk_json_u64(o, "filtered", filtered);
		bk_json_end(o);
	}
	if (lost)
		bk_warn("%llu events were lost: the ring buffer was full; "
			"a larger one may help (--buffer)",
			(unsigned long long)lost);
	if (c.missed)
		bk_warn("%llu events were missed: they came while the program was already "
			"running on that CPU",
			(unsigned long long)c.missed);
	if (unfollowed)
		bk_warn("%llu processes were not followed, nor what they started: there were too "
			"many at a time; a larger table may help (--follow-max)",
			(unsigned long long)unfollowed);
	if (untracked)
		bk_warn("of %llu processes or threads the end was not seen: there were too many at a time",
			(unsigned long long)untracked);
	if (undecided)
		bk_warn("whether %llu packets match the expression is unknown, and they are left "
			"out: what it looks at could not be read",
			(unsigned long long)undecided);
	if (!run->opts.stats)
		return;
	if (run->events)
		bk_note("printed %llu, filtered %llu, lost %llu, "
			"left after the last that was asked for %llu",
			(unsigned long long)run->printed, (unsigned long long)filtered,
			(unsigned long long)lost, (unsigned long long)run->unprinted);
	else
		bk_note("filtered %llu", (unsigned long long)filtered);
	if (c.missed_known)
		bk_note("missed %llu", (unsigned long long)c.missed);
	else
		bk_note("missed: unknown, this kernel does not count it");
}

/* ---- a file instead of lines ---- */

static bool to_stdout(const struct bk_run *run)
{
	return !run->save || !strcmp(run->save, "-");
}

int bk_open_as_caller(const char *path, int flags)
{
	uid_t uid = setfsuid(getuid());
	gid_t gid = setfsgid(getgid());
	int fd = open(path, flags | O_NOCTTY | O_CLOEXEC, 0600);
	int err = fd < 0 ? -errno : 0;

	setfsgid(gid);
	setfsuid(uid);
	return err ? err : fd;
}

/*
 * Returns 0 or the exit status. What is in the file stays there until all is attached. Before signals are blocked: it
 * can take long until a pipe has a reader.
 */
static int open_save(struct bk_run *run)
{
	int fd;

	if (!run->save)
		return 0;
	if (!to_stdout(run)) {
		fd = bk_open_as_caller(run->save, O_WRONLY | O_CREAT);
		if (fd < 0) {
			bk_error("cannot open '%s' to write to it: %s", run->save, strerror(-fd));
			return BK_EXIT_FAILED;
		}
		bk_out_init(run->out, fd);
	}
	if (!run->out->tty)
		return 0;
	bk_error("%s is a terminal, which packets would only confuse: name a file, or a pipe to what reads them",
		 to_stdout(run) ? "stdout" : run->save);
	return bk_usage(run);
}

static int empty_save(struct bk_run *run)
{
	struct stat st;

	if (to_stdout(run) || fstat(run->out->fd, &st) || !S_ISREG(st.st_mode))
		return 0;
	return ftruncate(run->out->fd, 0) ? -errno : 0;
}

int bk_begin_output(struct bk_run *run)
{
	int err = empty_save(run);

	if (err)
		bk_error("cannot empty '%s': %s", run->save, strerror(-err));
	return err;
}

/* What could not be written before may be said only now. */
static void close_save(struct bk_run *run)
{
	if (!to_stdout(run) && close(run->out->fd) && !run->out->error)
		run->out->error = -errno;
}

/* ---- the run ---- */

static int report(struct bk_run *run, bool last)
{
	uint64_t now = bk_now();

	run->interval_ns = now - run->reported_ns;
	run->reported_ns = now;
	return run->tool->report(run, run->skel, last);
}

static int tick(struct bk_run *run)
{
	int err = report(run, false);

	run->reports++;
	if (run->opts.count && !run->events && run->reports >= run->opts.count)
		run->stop = true;
	return err;
}

static void put_command(struct bk_run *run, struct bk_out *o)
{
	bool valid = true;

	bk_json_name(o, "command");
	for (char **arg = run->opts.command; *arg; arg++) {
		bk_puts(o, arg == run->opts.command ? "[\"" : ",\"");
		valid &= bk_put_text(o, *arg, strlen(*arg));
		bk_putc(o, '"');
	}
	bk_putc(o, ']');
	for (char **arg = run->opts.command; !valid && *arg; arg++) {
		bk_puts(o, arg == run->opts.command ? ",\"command_hex\":[\"" : ",\"");
		bk_put_hex(o, *arg, strlen(*arg));
		bk_puts(o, arg[1] ? "\"" : "\"]");
	}
	/* as columns have it */
	bk_json_u64(o, "pid",
		    run->opts.pidns ? (uint32_t)run->command->pid : run->command->kernel_pid);
}

static void start_lines(struct bk_run *run)
{
	struct bk_out *o = run->out;

	if (o->json) {
		bk_json_begin(o, "start");
		bk_json_str(o, "tool", run->tool->name, 64);
		bk_json_str(o, "version", BPFKIT_VERSION, 64);
		if (run->rung)
			bk_json_str(o, "probe", run->rung, 64);
		if (run->blind)
			bk_json_str(o, "cannot_see", run->blind, 512);
		if (run->command)
			put_command(run, o);
		if (run->tool->start_json)
			run->tool->start_json(run, o);
		bk_json_end(o);
	} else if (run->events && run->cols && !run->opts.no_header) {
		bk_heading(run, run->cols);
	}
	if (!run->events && run->opts.interval && isatty(STDERR_FILENO) && !o->json)
		bk_note("a report every %.3g s; Ctrl-C ends with what there is",
			run->opts.interval / 1e9);
	bk_flush(o);
}

/* The first process that is followed is our child, before anything else can be. */
static int start_command(struct bk_run *run, struct bk_command *command)
{
	struct bpf_map *map = bpf_object__find_map_by_name(run->obj, "bk_followed");
	int err = bk_command_start(command, run->opts.command, run->caller);

	if (err)
		return err;
	run->command = command;
	err = bpf_map_get_next_key(bpf_map__fd(map), NULL, &command->kernel_pid);
	if (err)
		bk_error("the command cannot be followed: the kernel did not show how it began");
	return err;
}

static int go(struct bk_run *run, struct any_skel *skel, struct bk_command *command)
{
	int err = 0;

	run->start_ns = run->reported_ns = bk_now();
	err = empty_save(run);
	if (!err && run->tool->started)
		err = run->tool->started(run, skel);
	if (!err && run->opts.command)
		err = start_command(run, command);
	bk_probe_loaded(run->probe);
	bk_btf_forget();
	if (!err)
		err = bk_drop_privileges(run->tool->needs, run->map_fd);
	if (err) {
		bk_error("cannot start: %s", strerror(-err));
		return err;
	}
	start_lines(run);
	if (run->command)
		err = bk_loop_command(run->loop, run->command);
	if (!err)
		err = bk_loop_run(run->loop, tick);
	/* totals are final only when no program can run any more and the ring is empty */
	detach(run, skel);
	if (!err)
		err = bk_loop_drain(run->loop);
	if (!err && run->tool->report && !run->stop && !run->out->error)
		err = report(run, true);
	if (run->tool->ended)
		run->tool->ended(run);
	if (err)
		bk_error("failed while running: %s", strerror(-err));
	close_books(run);
	return err;
}

static int check_btf(struct bk_run *run)
{
	if (!(run->tool->needs & BK_NEED_BTF) || !access("/sys/kernel/btf/vmlinux", R_OK))
		return 0;
	bk_error("/sys/kernel/btf/vmlinux is missing: %s",
		 access("/sys/kernel", F_OK) ? "mount sysfs (mount -t sysfs sys /sys)" :
					       "the kernel needs CONFIG_DEBUG_INFO_BTF");
	return BK_EXIT_LACKING;
}

/* Where stdin or stderr is closed, the first descriptor that is opened would take its place. */
static void fill_stdio(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/* Writes the rest, and says if that failed; returns the exit status. */
static int end_output(struct bk_run *run, int status)
{
	bk_flush(run->out);
	close_save(run);
	if (run->out->error == -EINTR) {
		bk_warn("the end of the output could not be written: nobody reads it");
	} else if (run->out->error && run->out->error != -EPIPE) {
		bk_error("cannot write to %s: %s", to_stdout(run) ? "stdout" : run->save,
			 strerror(-run->out->error));
		return BK_EXIT_FAILED;
	}
	return status;
}

/* What needs no program needs no privileges either. */
static int do_instead(struct bk_run *run)
{
	int status = open_save(run);

	if (status)
		return status;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	run->cols = NULL;
	start_lines(run);
	status = run->instead(run);
	if (run->out->json) {
		bk_json_begin(run->out, "end");
		bk_json_u64(run->out, "printed", run->printed);
		bk_json_end(run->out);
	}
	return end_output(run, status);
}

int bk_run(struct bk_run *run)
{
	struct bk_command command = { .pidfd = -1, .hold = -1 };
	struct bk_caller caller;
	struct any_skel *skel = NULL;
	int status, err, stats_fd = -1;
	bool closed;

	run->began_ns = bk_now();
	bk_caller_save(&caller);
	run->caller = &caller;
	closed = fcntl(run->out->fd, F_GETFD) < 0;
	fill_stdio();
	run->map_fd = -1;
	run->events = !!run->tool->event;
	run->cols = run->tool->cols;
	run->out->json = run->opts.output == BK_OUT_JSON;
	bk_log_libbpf();
	if (run->tool->init && run->tool->init(run)) {
		status = bk_usage(run);
		goto fini;
	}
	status = 0;
	if (!run->instead)
		status = bk_preflight(run->tool->needs);
	if (!status && !run->instead)
		status = check_btf(run);
	if (!status && closed && to_stdout(run)) {
		bk_error("stdout is closed: there is nowhere to write to");
		status = BK_EXIT_FAILED;
	}
	if (!status && run->instead) {
		status = do_instead(run);
		goto fini;
	}
	if (!status)
		status = open_save(run);
	if (status)
		goto fini;
	err = bk_loop_open(run, &run->loop);
	if (err) {
		bk_error("cannot start: %s", strerror(-err));
		status = BK_EXIT_FAILED;
		goto fini;
	}
	err = bk_probe_open(&run->probe);
	if (err == -ENXIO)
		bk_error(
			"/proc is missing, or it is that of other processes: mount it (mount -t proc proc "
			"/proc)");
	else if (err)
		bk_error("cannot start: %s", strerror(-err));
	if (err) {
		status = err == -ENXIO ? BK_EXIT_LACKING : BK_EXIT_FAILED;
		goto close;
	}
	if (run->opts.stats) {
		stats_fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
		run->timed = stats_fd >= 0;
		if (stats_fd < 0)
			bk_warn("--stats: the kernel does not measure run times here: %s",
				strerror(-stats_fd));
	}
	status = start(run, &skel);
	if (status != -1)
		goto close;
	err = go(run, skel, &command);
	status = end_output(run, err ? BK_EXIT_FAILED : BK_EXIT_OK);
	run->tool->skel->destroy(skel);
	if (run->command) {
		bk_loop_wait(run->loop);
		err = bk_command_wait(run->command);
		status = status == BK_EXIT_OK ? err : status;
	}
close:
	bk_probe_close(run->probe);
	bk_loop_close(run->loop);
	if (stats_fd >= 0)
		close(stats_fd);
fini:
	if (run->tool->fini)
		run->tool->fini(run);
	return status;
}
