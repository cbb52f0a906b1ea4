// SPDX-License-Identifier: GPL-2.0-only
/*
 * opensnoop: files that are opened, when the call returns.
 *
 * fexit: do_sys_openat2() is where open, openat, openat2, creat and their 32-bit forms meet; its arguments and
 * its result are seen in one program. do_handle_open() is that of open_by_handle_at.
 *
 * tp: the tracepoints at the exits of these system calls, where the registers still hold the arguments, so that
 * nothing has to be kept from the entry. Calls of 32-bit programs do not pass them, but the one of all system calls
 * (compat).
 *
 * io_uring passes neither: its own tracepoints tell of a request once when it is taken, however often the kernel
 * tries, and once when what came of it is put where the program looks for it; or that it was not taken, since its
 * name cannot be read or what it asks for makes no sense.
 *
 * The name is read when the call returns. The kernel has just read it, so its memory is there; but it is what
 * it is then. That of a request is the kernel's own copy.
 *
 * The clock (--latency) runs from the entry of what is named above to its exit; of a request from when it is taken
 * until it is done.
 */
#include "count.bpf.h"
#include "opensnoop.h"
#include "path.bpf.h"
#include "syscall.bpf.h"

enum {
	AT_FDCWD = -100,
	O_ACCMODE = 3,
	O_CREAT = 0100,
	O_TRUNC = 01000,
	RESOLVE_IN_ROOT = 0x10,
	IORING_OP_OPENAT = 18,
	IORING_OP_OPENAT2 = 28,
	REQ_F_CQE_SKIP = 1 << 6, /* as IOSQE_CQE_SKIP_SUCCESS: a success is not told */
};

const volatile struct opensnoop_config config;

/* Where the name is; constant in each program, unlike the kind. */
enum where {
	IN_USER,
	IN_KERNEL,
	IN_REQUEST, /* the record of which came before */
	NOWHERE,
};

/* Where no process has memory, unlike at 0: what is said to be there cannot be read. */
#define NO_NAME (-1ULL)

/* An open that has returned. */
struct open {
	struct bk_who who;
	enum where where;
	u64 name; /* its address */
	u64 id, latency;
	s64 ret;
	s32 dfd;
	u32 flags, mode, resolve, kind, slot;
	bool compat;
};

/* ---- what is wanted ---- */

static __always_inline bool want_flags(const struct open *o)
{
	u32 mode = o->flags & O_ACCMODE;

	if (config.write && !mode)
		return false;
	if (!config.modes && !config.flags)
		return true;
	return config.modes >> mode & 1 || config.flags & o->flags;
}

static __always_inline bool want_result(const struct open *o)
{
	if (config.failed && o->ret >= 0)
		return false;
	return o->latency >= config.min_ns;
}

/* The first bytes of the name, zero behind its end as far as the prefix goes: else it would not be equal. */
static __always_inline bool want_name(const char *name)
{
	const u64 *word = (const void *)name;
	u64 differs = 0;

#pragma clang loop unroll(full)
	for (u32 i = 0; i < OPENSNOOP_NAME_SHORT / 8; i++) {
		if (i * 8 >= config.prefix_len)
			break;
		differs |= (word[i] ^ config.prefix[i]) & config.prefix_mask[i];
	}
	return !differs;
}

/* ---- records ---- */

static __always_inline void fill(struct opensnoop_event *e, const struct open *o, struct task_struct *task)
{
	const bool typed = bk_current_is_typed();

	e->time = config.time ? bpf_ktime_get_ns() : 0;
	e->latency = o->latency;
	e->id = o->id;
	e->path.ino = 0;
	e->path.dev = 0;
	e->path.flags = 0;
	e->pid = o->who.pid;
	e->tid = o->who.tid;
	e->uid = config.uid ? bk_uid_of(typed, task) : 0;
	e->ret = o->ret;
	e->dfd = o->dfd;
	e->flags = o->flags;
	e->mode = o->mode;
	e->resolve = o->resolve;
	e->kind = o->kind;
	e->slot = o->slot < OPENSNOOP_ANY_SLOT ? o->slot : OPENSNOOP_ANY_SLOT;
	e->path_len = 0;
	bk_comm_of(typed, task, e->comm);
}

static __always_inline long read_name(char *to, u32 size, const struct open *o)
{
	long n;

	if (o->where == NOWHERE)
		return -1;
	if (o->where == IN_REQUEST)
		return 0;
	if (o->where == IN_USER)
		n = bpf_probe_read_user_str(to, size, (void *)o->name);
	else
		n = bpf_probe_read_kernel_str(to, size, (void *)o->name);
	if (n)
		return n;
	/* an empty one; before 6.4 its NUL is not counted */
	*to = 0;
	return 1;
}

/* False: it is lost. A result that is lost is not counted: what was asked for is shown without it. */
static __always_inline bool output(void *rec, u64 size, const struct open *o)
{
	if (bk_try_output(rec, size))
		return true;
	if (o->where != IN_REQUEST)
		bk_add(&bk_books.lost, 1);
	return false;
}

#define RECORD(name, room)								\
	struct name {									\
		u64 words[(sizeof(struct opensnoop_event) + (room)) / 8];		\
	}

RECORD(short_record, OPENSNOOP_NAME_SHORT);
RECORD(full_record, BK_PATH_ROOM + BK_PATH_NAME);

static __always_inline bool send_long(const struct open *o, const struct opensnoop_event *filled)
{
	struct opensnoop_event *e = bk_reserve(sizeof(*e) + OPENSNOOP_NAME_MAX);
	long n;

	if (!e)
		return false;
	__builtin_memcpy(e, filled, sizeof(*e));
	n = read_name(e->data, OPENSNOOP_NAME_MAX, o);
	e->name_len = n >= 0 ? n : OPENSNOOP_NO_NAME;
	bk_submit(e);
	return true;
}

/* The name as it was given. Most are short, and the record is then as long as it must be. */
static __always_inline bool send_name(const struct open *o, struct task_struct *task)
{
	struct short_record r;
	struct opensnoop_event *e = (void *)&r;
	s64 n = read_name(e->data, OPENSNOOP_NAME_SHORT, o);

	if (config.prefix_len && o->where != IN_REQUEST && (n <= 0 || !want_name(e->data))) {
		bk_leave_out();
		return false;
	}
	fill(e, o, task);
	if (n == OPENSNOOP_NAME_SHORT)
		return send_long(o, e);
	e->name_len = n >= 0 ? n : OPENSNOOP_NO_NAME;
	if (n < 0)
		n = 0;
	bk_hide(n);
	return (u64)n <= OPENSNOOP_NAME_SHORT && output(e, sizeof(*e) + n, o);
}

/* ---- records with paths ---- */

/* One for each program: on newer kernels two of them can take turns on a CPU. */
enum { RECORD_COMPAT = OPENSNOOP_KINDS, RECORDS };

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, RECORDS);
	__type(key, u32);
	__type(value, struct full_record);
} records SEC(".maps");

/* The file, or the directory in which the name begins, if it is known and begins in one. */
static __always_inline struct bk_place find_place(const struct open *o, struct task_struct *task,
						  struct fs_struct *fs, bool known, char first,
						  struct bk_path *p)
{
	struct bk_place place = {};

	if (o->ret >= 0 && !o->slot)
		place = bk_place_of_fd(task, o->ret);
	if (place.dentry) {
		p->flags = BK_PATH_SET | BK_PATH_OF_FILE;
		return place;
	}
	if (o->where == IN_REQUEST || !known)
		return place;
	if (first == '/' && !(o->resolve & RESOLVE_IN_ROOT)) {
		if (config.host)
			place = bk_place_of(&fs->root);
	} else if (o->dfd == AT_FDCWD) {
		place = bk_place_of(&fs->pwd);
	} else if (o->dfd >= 0) {
		place = bk_place_of_fd(task, o->dfd);
	}
	if (place.dentry)
		p->flags = BK_PATH_SET;
	return place;
}

static __always_inline bool send_full(const struct open *o, struct task_struct *task)
{
	struct fs_struct *fs = bk_get_ptr(bk_current_is_typed(), task, fs);
	struct bk_place place, root;
	struct opensnoop_event *e;
	u32 which = o->compat ? RECORD_COMPAT : o->kind;
	u64 at, end;
	s64 n;

	e = bpf_map_lookup_elem(&records, &which);
	if (!e)
		return false;
	fill(e, o, task);
	n = read_name(e->data, OPENSNOOP_NAME_MAX, o);
	e->name_len = n >= 0 ? n : OPENSNOOP_NO_NAME;
	at = n >= 0 ? n : 0;
	if (!at)
		e->data[0] = 0;
	bk_hide(at);
	if (at > OPENSNOOP_NAME_MAX)
		return false;
	place = find_place(o, task, fs, n >= 0, e->data[0], &e->path);
	end = at;
	if (place.dentry) {
		root = bk_place_of(&fs->root);
		end = bk_put_path(e->data, at, place, root, config.host, &e->path);
	}
	e->path_len = end - at;
	bk_hide(end);
	return end <= BK_PATH_ROOM + BK_PATH_NAME && output(e, sizeof(*e) + end, o);
}

/* ---- --count ---- */

static __always_inline void name_key(struct bk_count_name *key, const struct open *o)
{
	long n;

	__builtin_memset(key, 0, sizeof(*key));
	n = read_name(key->name, BK_COUNT_NAME_MAX + 2, o);
	bk_count_name_end(key, n);
}

static __always_inline void count(const struct open *o, struct task_struct *task)
{
	union opensnoop_key key;

	switch (config.by) {
	case OPENSNOOP_BY_PATH:
		name_key(&key.name, o);
		if (config.prefix_len && !want_name(key.name.name)) {
			bk_leave_out();
			return;
		}
		break;
	case OPENSNOOP_BY_COMM:
		bpf_get_current_comm(key.comm, sizeof(key.comm));
		break;
	case OPENSNOOP_BY_PID:
		key.number = o->who.pid;
		break;
	default:
		key.number = o->kind == OPENSNOOP_SENT ? OPENSNOOP_UNKNOWN : o->ret < 0 ? -o->ret : 0;
	}
	bk_count(&key);
}

/* ---- what becomes of an open that is wanted ---- */

/* Programs exist once for each: one for all would be several times as long, and take as long to load. */
enum what { NAME, PATH, COUNT };

/* False: there is no record of it. */
static __always_inline bool send(const struct open *o, struct task_struct *task, const enum what what)
{
	if (what == PATH)
		return send_full(o, task);
	if (what == NAME)
		return send_name(o, task);
	count(o, task);
	return true;
}

#define OPENS(section, name, rung, body)						\
	BK_TYPED(section, name##rung)							\
	{										\
		return body(ctx, NAME);							\
	}										\
											\
	BK_TYPED(section, name##_path##rung)						\
	{										\
		return body(ctx, PATH);							\
	}										\
											\
	BK_TYPED(section, name##_count##rung)						\
	{										\
		return body(ctx, COUNT);						\
	}

/* ---- how long it took ---- */

static __always_inline u64 latency(void)
{
	return config.latency ? bk_call_took(bpf_get_current_pid_tgid()) : 0;
}

/* ---- the call has returned ---- */

/* Most opens that are left out are those of others, and cost no more than to find out. */
#define if_wanted(call)									\
	({										\
		u64 ns = latency();							\
		struct task_struct *task = bk_current();				\
		struct bk_who who;							\
		bk_want_current(task, &who) ? (call) : 0;				\
	})

static __always_inline int returned(struct open *o, struct task_struct *task, const enum what what)
{
	if (!want_flags(o) || !want_result(o)) {
		bk_leave_out();
		return 0;
	}
	send(o, task, what);
	return 0;
}

/* ---- fexit ---- */

static __always_inline int open_returned(u64 *ctx, struct task_struct *task, struct bk_who who, u64 ns,
					 const enum what what)
{
	struct open_how *how = (void *)ctx[2];
	struct open o = {
		.who = who,
		.name = ctx[1],
		.latency = ns,
		.ret = (s32)ctx[3],
		.dfd = ctx[0],
		.flags = how->flags,
		.mode = how->mode,
		.resolve = how->resolve,
		.kind = OPENSNOOP_CALL,
	};

	return returned(&o, task, what);
}

static __always_inline int handle_returned(u64 *ctx, struct task_struct *task, struct bk_who who, u64 ns,
					   const enum what what)
{
	struct open o = {
		.who = who,
		.latency = ns,
		.ret = (s32)ctx[3],
		.dfd = ctx[0],
		.flags = ctx[2],
		.where = NOWHERE,
		.kind = OPENSNOOP_HANDLE,
	};

	return returned(&o, task, what);
}

static __always_inline int open_call(u64 *ctx, const enum what what)
{
	return if_wanted(open_returned(ctx, task, who, ns, what));
}

OPENS("fexit/do_sys_openat2", open, __fexit, open_call)

static __always_inline int handle_call(u64 *ctx, const enum what what)
{
	return if_wanted(handle_returned(ctx, task, who, ns, what));
}

OPENS("fexit/do_handle_open", handle, __fexit, handle_call)

BK_TYPED("fentry/do_sys_openat2", begin_open__fexit)
{
	return bk_call_begins();
}

BK_TYPED("fentry/do_handle_open", begin_handle__fexit)
{
	return bk_call_begins();
}

/* ---- tracepoints of system calls ---- */

static __always_inline void take_how(struct open *o, const void *user)
{
	struct open_how how = {};

	bpf_probe_read_user(&how, sizeof(how), user);
	o->flags = how.flags;
	o->mode = how.mode;
	o->resolve = how.resolve;
}

static __always_inline void take_arguments(struct open *o, u32 call, const bool typed,
					   struct pt_regs *regs, const bool compat)
{
#define ARG(i) bk_syscall_arg(typed, regs, i, compat)
	o->kind = OPENSNOOP_CALL;
	o->dfd = AT_FDCWD;
	switch (call) {
	case OPENSNOOP_OPEN:
		o->name = ARG(0);
		o->flags = ARG(1);
		o->mode = ARG(2);
		break;
	case OPENSNOOP_CREAT:
		o->name = ARG(0);
		o->flags = O_CREAT | 1 | O_TRUNC;
		o->mode = ARG(1);
		break;
	case OPENSNOOP_OPENAT:
		o->dfd = ARG(0);
		o->name = ARG(1);
		o->flags = ARG(2);
		o->mode = ARG(3);
		break;
	case OPENSNOOP_OPENAT2:
		o->dfd = ARG(0);
		o->name = ARG(1);
		take_how(o, (void *)ARG(2));
		break;
	case OPENSNOOP_OPEN_BY_HANDLE_AT:
		o->kind = OPENSNOOP_HANDLE; /* without a name */
		o->dfd = ARG(0);
		o->flags = ARG(2);
		break;
	}
#undef ARG
	/* whichever call it is, the rest is one way for the verifier */
	bk_forget(o->name, o->ret);
	bk_forget(o->kind, o->ret);
	bk_forget(o->dfd, o->ret);
	bk_forget(o->flags, o->ret);
	bk_forget(o->mode, o->ret);
	bk_forget(o->resolve, o->ret);
}

static __always_inline u32 find_call(const volatile int numbers[OPENSNOOP_CALLS], s32 nr)
{
	u32 call = 0;

	while (call < OPENSNOOP_CALLS && numbers[call] != nr)
		call++;
	return call;
}

static __always_inline int call_returned(struct trace_event_raw_sys_exit *ctx, struct task_struct *task,
					 struct bk_who who, u64 ns, const enum what what)
{
	struct open o = { .who = who, .name = NO_NAME, .ret = ctx->ret, .latency = ns };
	s32 nr = ctx->id;
	struct pt_regs *regs = bk_user_regs(task, nr);

	if (regs)
		take_arguments(&o, find_call(config.numbers, nr), bk_regs_are_typed(), regs, false);
	return returned(&o, task, what);
}

/* At the exits of those calls that this architecture has. */
#define CALLS(name, what)								\
	SEC("tp")									\
	int name(struct trace_event_raw_sys_exit *ctx)					\
	{										\
		return if_wanted(call_returned(ctx, task, who, ns, what));		\
	}

CALLS(call__tp, NAME)
CALLS(call_path__tp, PATH)
CALLS(call_count__tp, COUNT)

SEC("tp")
int begin_call__tp(void *ctx)
{
	return bk_call_begins();
}

/* ---- 32-bit callers, at every system call of everybody ---- */

/* Which call, if it is of the 32-bit kind; else OPENSNOOP_CALLS. */
static __always_inline u32 compat_call(struct pt_regs *regs)
{
	if (!bk_is_compat(bk_current(), regs))
		return OPENSNOOP_CALLS;
	return find_call(config.compat_numbers, bk_syscall_number(true, regs));
}

static __always_inline int compat_returned(u64 *ctx, struct task_struct *task, struct bk_who who, u64 ns,
					   u32 call, const enum what what)
{
	struct open o = { .who = who, .name = NO_NAME, .ret = (s32)ctx[1], .latency = ns, .compat = true };

	take_arguments(&o, call, true, (void *)ctx[0], true);
	return returned(&o, task, what);
}

static __always_inline int compat_exit(u64 *ctx, const enum what what)
{
	u32 call = compat_call((void *)ctx[0]);

	if (call == OPENSNOOP_CALLS)
		return 0;
	return if_wanted(compat_returned(ctx, task, who, ns, call, what));
}

OPENS("tp_btf/sys_exit", compat, __tp, compat_exit)

BK_TYPED("tp_btf/sys_enter", begin_compat__tp)
{
	if (compat_call((void *)ctx[0]) != OPENSNOOP_CALLS)
		bk_call_begins();
	return 0;
}

/* ---- io_uring ---- */

/*
 * Requests to open that are not done yet, and when they were taken. Some are never seen to be done: the kernel does
 * not tell when it had no room for the result.
 */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, OPENSNOOP_REQUESTS);
	__type(key, u64);
	__type(value, u64);
} requests SEC(".maps");

/* Of those that are counted when they are done, so many are not: also those for which the map had no room. */
unsigned long long unfinished;

static __always_inline void request_taken(u64 id, u64 now)
{
	bpf_map_update_elem(&requests, &id, &now, BPF_ANY);
	if (config.by == OPENSNOOP_BY_ERRNO)
		bk_add(&unfinished, 1);
}

/* False: it was not one of them. */
static __always_inline bool request_over(u64 id)
{
	if (bpf_map_delete_elem(&requests, &id))
		return false;
	if (config.by == OPENSNOOP_BY_ERRNO)
		bk_add(&unfinished, -1);
	return true;
}

static __always_inline u8 uring_opcode(const struct io_kiocb *req)
{
	u8 opcode = 0;

	bk_read(&opcode, sizeof(opcode), &req->opcode);
	return opcode;
}

static __always_inline bool uring_opens(const struct io_kiocb *req)
{
	u8 opcode = uring_opcode(req);

	return opcode == IORING_OP_OPENAT || opcode == IORING_OP_OPENAT2;
}

/* Is its result told, by a tracepoint, in the request? */
static __always_inline bool uring_tells(const struct io_kiocb *req)
{
	const struct io_kiocb___wide *wide = (void *)req;
	u64 flags = 0;

	if (!bpf_core_field_exists(req->cqe.res))
		return false;
	if (bpf_core_type_exists(io_req_flags_t))
		bk_read(&flags, sizeof(u64), &wide->flags);
	else
		bk_read(&flags, sizeof(u32), &req->flags);
	return !(flags & REQ_F_CQE_SKIP);
}

static __always_inline u32 uring_slot(const struct io_open *open)
{
	u32 slot = 0;

	if (bpf_core_field_exists(open->file_slot))
		bk_read(&slot, sizeof(slot), &open->file_slot);
	return slot;
}

static __always_inline const char *uring_name(const void *open)
{
	const struct io_open___delayed *newer = open;
	const struct io_open *older = open;
	struct filename *filename = NULL;
	const char *name = NULL;

	if (bpf_core_field_exists(newer->filename.__incomplete_filename))
		bk_read(&filename, sizeof(filename), &newer->filename.__incomplete_filename);
	else
		bk_read(&filename, sizeof(filename), &older->filename);
	if (filename)
		bk_read(&name, sizeof(name), &filename->name);
	return name;
}

/*
 * Is what it asks for put together with what comes of it? Without lines there is nobody to do that: by error the
 * result counts, by anything else the request.
 */
static __always_inline bool is_matched(const struct open *o)
{
	return o->kind == OPENSNOOP_ASKED && (!config.by || config.by == OPENSNOOP_BY_ERRNO);
}

/*
 * A request to open has this memory now. If another one is not done yet, it never will be: what comes now is not its
 * result. By error only the results count, so this is where it does.
 */
static __always_inline void uring_begins(u64 id)
{
	u32 key = OPENSNOOP_UNKNOWN;

	if (!request_over(id) || config.by != OPENSNOOP_BY_ERRNO)
		return;
	if (config.min_ns)
		bk_leave_out();
	else
		bk_count(&key);
}

static __always_inline int uring_taken(struct io_kiocb *req, const enum what what)
{
	/* a request begins with what is particular to its kind */
	const struct io_open *open = (void *)req;
	struct task_struct *task = bk_current();
	struct open o = { .where = IN_KERNEL, .id = (u64)req };
	u64 now = 0;

	if (!uring_opens(req))
		return 0;
	uring_begins(o.id); /* whoever asks, and for what */
	if (!bk_want_current(task, &o.who))
		return 0;
	o.kind = uring_tells(req) ? OPENSNOOP_ASKED : OPENSNOOP_SENT;
	bk_read(&o.dfd, sizeof(o.dfd), &open->dfd);
	bk_read(&o.flags, sizeof(o.flags), &open->how.flags);
	bk_read(&o.mode, sizeof(o.mode), &open->how.mode);
	bk_read(&o.resolve, sizeof(o.resolve), &open->how.resolve);
	o.slot = uring_slot(open);
	o.name = (u64)uring_name(open);
	o.ret = -1; /* not known yet: a path is that of the directory */
	if (!want_flags(&o) || (!is_matched(&o) && (config.failed || config.min_ns))) {
		bk_leave_out();
		return 0;
	}
	if (config.latency)
		now = bpf_ktime_get_ns();
	bk_forget(o.kind, o.flags);
	if ((config.by != OPENSNOOP_BY_ERRNO || !is_matched(&o)) && !send(&o, task, what))
		return 0; /* the reader would take its result for that of the one before, which it knows */
	if (is_matched(&o))
		request_taken(o.id, now);
	return 0;
}

static __always_inline int submit_req(u64 *ctx, const enum what what)
{
	return uring_taken((void *)ctx[0], what);
}

OPENS("tp_btf/io_uring_submit_req", uring_req, , submit_req)

/* Until 5.19 the ring is an argument of these tracepoints, in front of the request; 6.0 has this type, too. */
#define uring_has_no_ring() bpf_core_type_exists(struct io_cmd_data)

/* Loaded where it is there: the compiler would load it before, or calculate where it is. */
#define uring_arg(ctx, i)								\
	({										\
		u64 __arg;								\
		asm volatile("%0 = *(u64 *)(%1 + %2)"					\
			     : "=r"(__arg) : "r"(ctx), "i"((i) * sizeof(u64)));		\
		__arg;									\
	})

/* Until 6.4; and until 5.13 the request is not told. */
static __always_inline int submit_sqe(u64 *ctx, const enum what what)
{
	if (!bpf_core_field_exists(((struct trace_event_raw_io_uring_submit_sqe *)0)->req))
		return 0;
	return uring_taken((void *)(uring_has_no_ring() ? uring_arg(ctx, 0) : uring_arg(ctx, 1)), what);
}

OPENS("tp_btf/io_uring_submit_sqe", uring_sqe, , submit_sqe)

/* From 5.16; what comes of the others is not known before 5.19. */
static __always_inline int req_failed(u64 *ctx, const enum what what)
{
	const struct io_uring_sqe *sqe = (void *)ctx[0];
	struct open o = { .kind = OPENSNOOP_REFUSED };
	struct task_struct *task;
	struct io_kiocb *req;
	u64 how = 0;

	if (!bpf_core_field_exists(((struct io_kiocb *)0)->cqe))
		return 0;
	req = (void *)(uring_has_no_ring() ? uring_arg(ctx, 1) : uring_arg(ctx, 2));
	o.ret = (s32)(uring_has_no_ring() ? uring_arg(ctx, 2) : uring_arg(ctx, 3));
	if (!uring_opens(req))
		return 0;
	uring_begins((u64)req);
	task = bk_current();
	if (!bk_want_current(task, &o.who))
		return 0;
	bk_read(&o.dfd, sizeof(o.dfd), &sqe->fd);
	bk_read(&o.name, sizeof(o.name), &sqe->addr);
	bk_read(&o.flags, sizeof(o.flags), &sqe->open_flags);
	bk_read(&o.mode, sizeof(o.mode), &sqe->len);
	bk_forget(o.resolve, o.flags);
	if (uring_opcode(req) == IORING_OP_OPENAT2) {
		bk_read(&how, sizeof(how), &sqe->addr2);
		take_how(&o, (void *)how);
	}
	if (!want_flags(&o) || !want_result(&o)) {
		bk_leave_out();
		return 0;
	}
	send(&o, task, what);
	return 0;
}

OPENS("tp_btf/io_uring_req_failed", uring_failed, , req_failed)

/* From 5.19: a request has its result in it. There are also results of no request. */
static __always_inline int complete(u64 *ctx, const enum what what)
{
	struct open o = { .where = IN_REQUEST, .kind = OPENSNOOP_DONE, .id = ctx[1] };
	struct io_kiocb *req = (void *)o.id;
	struct task_struct *task;
	u64 *taken;
	s32 ret = 0;

	if (!bpf_core_field_exists(req->cqe.res) || !req || !uring_opens(req))
		return 0;
	taken = bpf_map_lookup_elem(&requests, &o.id);
	if (!taken)
		return 0;
	if (config.latency)
		o.latency = bpf_ktime_get_ns() - *taken;
	if (!request_over(o.id))
		return 0;
	bk_read(&ret, sizeof(ret), &req->cqe.res);
	o.slot = uring_slot((void *)req);
	o.ret = ret;
	/* otherwise the reader looks at it, who knows what was asked for */
	if (config.by && !want_result(&o)) {
		bk_leave_out();
		return 0;
	}
	task = bk_current();
	send(&o, task, what);
	return 0;
}

OPENS("tp_btf/io_uring_complete", uring_done, , complete)

char LICENSE[] SEC("license") = "GPL";
