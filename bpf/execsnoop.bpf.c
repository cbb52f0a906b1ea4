// SPDX-License-Identifier: GPL-2.0-only
/*
 * execsnoop: programs that are executed, at the tracepoint sched:sched_process_exec.
 *
 * It fires once an exec has succeeded, whoever called for it and how: from any thread, by execve or
 * execveat, by a 32-bit caller, by the kernel itself. The task is already the new program, and its
 * arguments are where it will find them: the kernel has just written that memory, so it is there.
 * What the caller does with his own copy is never seen. The name is read from there, too: reading
 * kernel memory is not allowed everywhere.
 *
 * Calls that failed are seen when they return: the registers and the memory of the caller are as they were then.
 */
#include "count.bpf.h"
#include "execsnoop.h"
#include "path.bpf.h"
#include "syscall.bpf.h"

enum {
	PRESERVE_ARGV0 = 1 << 3,   /* linux_binprm.interp_flags, from 5.12 */
	SIGNAL_GROUP_EXIT = 1 << 2, /* signal_struct.flags */
	TASK_DEAD = 0x80,	   /* task_struct.__state */
	ARGS_MAX = 256,		   /* of a call that failed, so many are read */
	DYING_MAX = 16384,
	RUNNING_MAX = 65536,
};

const volatile struct execsnoop_config config;

/* How long the name of the file is, with its NUL: it is the last thing on the stack but a word. */
static __always_inline u64 name_size(struct linux_binprm *bprm)
{
	u64 size = 0;

	if (bpf_core_field_exists(bprm->vma))
		size = bprm->vma->vm_end - 8 - bprm->exec;
	return size && size <= EXECSNOOP_NAME_MAX ? size : EXECSNOOP_NAME_MAX;
}

/* The process that is executed, and its parent. */
struct executed {
	struct task_struct *task, *parent;
	struct bk_who who;
	u32 ppid;
};

/* The name comes first, then so many bytes of the arguments. */
static __always_inline void fill(struct execsnoop_event *e, u32 name_room, u32 args_room, u64 args,
				 const struct executed *x, struct linux_binprm *bprm, u64 now, u64 duration)
{
	struct task_struct *task = x->task, *parent = x->parent;
	struct mm_struct *mm = task->mm;
	long n;

	e->head.kind = EXECSNOOP_EXEC;
	e->ret = 0;
	e->head.time = now;
	e->duration = duration;
	e->cgroup = task->cgroups->dfl_cgrp->kn->id;
	e->head.pid = x->who.pid;
	e->ppid = x->ppid;
	e->uid = task->cred->uid.val;
	e->tid = x->who.tid;
	e->argc = bprm->argc;
	e->args_size = mm->arg_end - mm->arg_start;
	e->args_at = name_room;
	e->args_len = 0;
	e->flags = 0;
	if (bprm->interp != bprm->filename)
		e->flags = EXECSNOOP_INTERPRETED;
	if (bprm->interp_flags & PRESERVE_ARGV0)
		e->flags |= EXECSNOOP_ARGV0;
	__builtin_memcpy(e->comm, task->comm, sizeof(e->comm));
	__builtin_memcpy(e->parent_comm, parent->comm, sizeof(e->parent_comm));
	n = bpf_probe_read_user_str(e->data, name_room, (void *)bprm->exec);
	e->file_len = n > 0 ? n : 0;
	bk_hide(args); /* it is checked here, where the verifier sees it */
	if (args <= args_room &&
	    !bpf_probe_read_user(e->data + name_room, args, (void *)mm->arg_start))
		e->args_len = args;
}

/* ---- how long the call took ---- */

SEC("tp")
int begin_call(void *ctx)
{
	return bk_call_begins();
}

static __always_inline u64 call_duration(u32 tid)
{
	return config.duration ? bk_call_took(tid) : 0;
}

/* ---- paths ---- */

struct path_record {
	u64 words[(sizeof(struct execsnoop_path) + BK_PATH_ROOM + BK_PATH_NAME) / 8];
};

/* One for execs and one for calls that failed: on newer kernels two programs can take turns on a CPU. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 3);
	__type(key, u32);
	__type(value, struct path_record);
} paths SEC(".maps");

/* It comes before the exec, and is not that: if it is lost nothing but the path is. */
static __always_inline void send_path(struct bk_place place, const struct path *from, u32 kind, u32 which, u32 pid,
				      u64 now)
{
	struct execsnoop_path *r = bpf_map_lookup_elem(&paths, &which);
	u64 end;

	if (!r)
		return;
	r->head.time = now;
	r->head.kind = kind;
	r->head.pid = pid;
	r->path.ino = 0;
	r->path.dev = 0;
	r->path.flags = BK_PATH_SET;
	end = bk_put_path(r->data, 0, place, bk_place_of(from), false, &r->path);
	bk_hide(end);
	if (end <= BK_PATH_ROOM + BK_PATH_NAME)
		bk_try_output(r, sizeof(*r) + end);
}

/* ---- execs ---- */

/* One record of a size that it fits into; most fit into the smallest. */
#define send_as(name_room, args_room)								\
	do {											\
		struct execsnoop_event *__e;							\
												\
		if (name > (name_room) || args > (args_room))					\
			break;									\
		__e = bk_reserve(sizeof(*__e) + (name_room) + (args_room));			\
		if (__e) {									\
			fill(__e, name_room, args_room, args, &x, bprm, now, duration);		\
			bk_submit(__e);								\
		}										\
		return 0;									\
	} while (0)

/* ---- processes that were executed, until they exit ---- */

struct process {
	struct execsnoop_exit e; /* what is known of its end; the time of CPU adds up */
	u64 start;		 /* of the process: another one can have its number */
	u64 threads;		 /* that have not exited */
	u64 dying;		 /* that have, but still run */
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, RUNNING_MAX);
	__type(key, u32);
	__type(value, struct process);
} running SEC(".maps");

/* Threads of these that have exited, but still run: address of the task, to the process. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, DYING_MAX);
	__type(key, u64);
	__type(value, u32);
} dying SEC(".maps");

static __always_inline struct process *find_process(struct task_struct *task)
{
	u32 pid = task->tgid;
	struct process *p = bpf_map_lookup_elem(&running, &pid);

	return p && p->start == task->start_time ? p : NULL;
}

/* The process is executed once more, whether that is shown or not: its time goes on, with one thread. */
static __always_inline void executed_again(struct task_struct *task, u64 now)
{
	struct process *p = find_process(task);

	if (!p)
		return;
	p->e.since = now;
	p->threads = 1;
}

static __always_inline void remember(struct task_struct *task, u64 now)
{
	u32 pid = task->tgid;
	struct process p = {
		.e.since = now,
		.e.cpu_ns = task->signal->sum_sched_runtime,
		.start = task->start_time,
		.threads = 1,
	};

	if (!find_process(task) && bpf_map_update_elem(&running, &pid, &p, BPF_ANY))
		bk_add(&bk_books.untracked, 1);
}

static __always_inline void note_end(struct execsnoop_exit *e, struct task_struct *task)
{
	struct task_struct *leader = task->group_leader;
	struct signal_struct *signal = task->signal;

	e->head.time = bpf_ktime_get_ns();
	e->head.kind = EXECSNOOP_EXIT;
	e->head.pid = bk_tgid_of(true, task);
	e->code = signal->flags & SIGNAL_GROUP_EXIT ? signal->group_exit_code : leader->exit_code;
	e->ppid = bk_tgid_of(true, task->real_parent);
	e->uid = task->cred->uid.val;
	e->pad = 0;
	bk_comm_of(true, leader, e->comm);
}

/* Of a process that is known, a thread begins. */
BK_TYPED("tp_btf/sched_process_fork", began)
{
	struct task_struct *task = bk_cast((struct task_struct *)ctx[1], BK_TYPE_TASK), *leader = task->group_leader;
	struct process *p;

	if (task == leader)
		return 0;
	p = find_process(leader);
	if (p)
		bk_add(&p->threads, 1);
	return 0;
}

/* Each thread passes this before the switch for which it is dead. */
BK_TYPED("tp_btf/sched_process_exit", exited)
{
	struct task_struct *task = bk_cast((struct task_struct *)ctx[0], BK_TYPE_TASK);
	struct process *p = find_process(task->group_leader);
	u64 key = (u64)task;
	u32 pid = task->tgid;

	if (!p)
		return 0;
	if (!task->signal->live.counter)
		note_end(&p->e, task);
	bk_add(&p->dying, 1);
	bk_add(&p->threads, -1);
	if (!bpf_map_update_elem(&dying, &key, &pid, BPF_ANY))
		return 0;
	/* when it runs for the last time will not be noticed */
	bpf_map_delete_elem(&running, &pid);
	bk_add(&bk_books.untracked, 1);
	return 0;
}

static __always_inline bool is_dead(struct task_struct *task)
{
	struct task_struct___old *old = (void *)task;

	if (bpf_core_field_exists(old->state))
		return old->state == TASK_DEAD;
	return task->__state == TASK_DEAD;
}

/* Here a thread runs for the last time, and the kernel has just counted how long it did in all. */
SEC("tp_btf/sched_switch")
int switched(u64 *ctx)
{
	struct task_struct *task = (void *)ctx[1];
	struct execsnoop_exit *e, end;
	u64 key = (u64)task;
	struct process *p;
	u32 *of, pid;

	if (!is_dead(task))
		return 0;
	of = bpf_map_lookup_elem(&dying, &key);
	if (!of)
		return 0;
	pid = *of;
	bpf_map_delete_elem(&dying, &key);
	p = bpf_map_lookup_elem(&running, &pid);
	if (!p)
		return 0;
	bk_add(&p->e.cpu_ns, task->se.sum_exec_runtime);
	bk_add(&p->dying, -1);
	/* the last one to run sends the end */
	if (p->dying || p->threads || !p->e.head.kind)
		return 0;
	end = p->e;
	/* of two that are the last one at the same time, one has it */
	if (bpf_map_delete_elem(&running, &pid))
		return 0;
	e = bk_reserve(sizeof(*e));
	if (e) {
		__builtin_memcpy(e, &end, sizeof(*e));
		bk_submit(e);
	}
	return 0;
}

/* ---- --count ---- */

static __always_inline void exe_key(struct bk_count_name *exe, struct linux_binprm *bprm)
{
	long n;

	__builtin_memset(exe, 0, sizeof(*exe));
	n = bpf_probe_read_user_str(exe, BK_COUNT_NAME_MAX + 2, (void *)bprm->exec);
	bk_count_name_end(exe, n);
}

static __always_inline void count(struct task_struct *task, struct linux_binprm *bprm)
{
	union execsnoop_key key;

	switch (config.by) {
	case EXECSNOOP_BY_COMM:
		/* unlike what task->comm has, zero behind the end of the name */
		bpf_get_current_comm(key.comm, sizeof(key.comm));
		break;
	case EXECSNOOP_BY_EXE:
		exe_key(&key.exe, bprm);
		break;
	case EXECSNOOP_BY_PPID:
		key.number = bk_tgid_of(true, task->real_parent);
		break;
	case EXECSNOOP_BY_UID:
		key.number = task->cred->uid.val;
		break;
	default:
		key.cgroup = task->cgroups->dfl_cgrp->kn->id;
	}
	bk_count(&key);
}

BK_TYPED("tp_btf/sched_process_exec", exec__tp_btf)
{
	struct task_struct *task = bk_cast((struct task_struct *)ctx[0], BK_TYPE_TASK);
	struct linux_binprm *bprm = (void *)ctx[2];
	struct executed x = { .task = task, .parent = task->real_parent };
	u64 name, args, now, duration;
	u32 tid = ctx[1];

	now = bpf_ktime_get_ns();
	duration = call_duration(tid);
	if (config.exit)
		executed_again(task, now);
	/*
	 * By now the task has the number of its process, whichever thread called. What number the thread had in
	 * another PID namespace is forgotten with it; the first one has that of the process.
	 */
	if (bk_filter.pidns_numbers)
		tid = tid == (u32)task->tgid ? bk_tgid_of(true, task) : 0;
	if (!bk_want_thread(task, tid, &x.who))
		return 0;
	x.ppid = bk_tgid_of(true, x.parent);
	if (config.ppid && x.ppid != config.ppid) {
		bk_leave_out();
		return 0;
	}
	if (config.by) {
		count(task, bprm);
		return 0;
	}
	if (config.cwd)
		send_path(bk_place_of(&task->fs->pwd), &task->fs->root, EXECSNOOP_CWD, 0, x.who.pid,
			  now);
	if (config.exe)
		send_path(bk_place_of(&task->mm->exe_file->f_path), &task->fs->root, EXECSNOOP_EXE, 0,
			  x.who.pid, now);
	if (config.exit)
		remember(task, now);
	name = name_size(bprm);
	args = task->mm->arg_end - task->mm->arg_start;
	if (args > config.args_max)
		args = config.args_max;
	send_as(128, 256);
	send_as(512, 1024);
	send_as(512, 4096);
	send_as(EXECSNOOP_NAME_MAX, 4096);
	send_as(EXECSNOOP_NAME_MAX, 12 << 10);
	send_as(EXECSNOOP_NAME_MAX, EXECSNOOP_ARGS_MAX);
	return 0;
}

/* ---- calls that failed ---- */

struct failed_record {
	u64 words[(sizeof(struct execsnoop_event) + EXECSNOOP_NAME_MAX + 2 * EXECSNOOP_FAILED_MAX) / 8];
};

/* For 64-bit callers and for the others. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, u32);
	__type(value, struct failed_record);
} failures SEC(".maps");

struct call {
	u64 file, argv;
	s64 ret;
	bool compat;
};

static __always_inline bool argument_pointer(const struct call *c, u32 i, u64 *p)
{
	u32 size = c->compat ? 4 : 8;

	*p = 0;
	return !bpf_probe_read_user(p, size, (void *)c->argv + size * (u64)i);
}

/* The arguments behind the name of the file, and behind each other, as far as they can be read. */
static __always_inline void read_arguments(struct execsnoop_event *e, const struct call *c)
{
	u64 start = e->file_len, at, end, p;
	u32 i;
	s64 n;

	/* all ways to get here are one for the verifier, and so are those to the next round */
	bk_forget(start, c->argv);
	at = start;
	end = start + (config.args_max < EXECSNOOP_FAILED_MAX ? config.args_max : EXECSNOOP_FAILED_MAX);
	e->flags = EXECSNOOP_CUT;
	for (i = 0; i <= ARGS_MAX; i++) {
		if (!argument_pointer(c, i, &p))
			break;
		if (!p)
			e->flags = 0;
		if (!p || i == ARGS_MAX || at >= end || at >= EXECSNOOP_NAME_MAX + EXECSNOOP_FAILED_MAX)
			break;
		e->data[at] = 0;
		n = bpf_probe_read_user_str(e->data + at, EXECSNOOP_FAILED_MAX, (void *)p);
		if (n < 0)
			break;
		/* older kernels say 0 of an empty one, and write nothing */
		at += n + bk_same(n, 0);
		bk_forget(at, p);
	}
	if (at > end) {
		at = end;
		e->flags = EXECSNOOP_CUT;
	}
	e->argc = i;
	e->args_at = start;
	e->args_len = at - start;
	e->args_size = e->args_len;
}

static __always_inline int failed(const struct call *c, u32 which)
{
	struct task_struct *task = bk_current(), *parent;
	const bool typed = bk_current_is_typed();
	u64 now = bpf_ktime_get_ns(), duration, len;
	struct css_set *set;
	struct cgroup *cg;
	struct kernfs_node *kn;
	struct fs_struct *fs;
	struct execsnoop_event *e;
	struct bk_who who;
	u32 ppid;
	long n;

	duration = call_duration(bpf_get_current_pid_tgid());
	if (!config.failed || !bk_want_current(task, &who))
		return 0;
	parent = bk_get_ptr(typed, task, real_parent);
	ppid = bk_tgid_of(typed, parent);
	if (config.ppid && ppid != config.ppid) {
		bk_leave_out();
		return 0;
	}
	e = bpf_map_lookup_elem(&failures, &which);
	if (!e)
		return 0;
	e->head.kind = EXECSNOOP_FAILED;
	e->ret = c->ret;
	e->head.time = now;
	e->duration = duration;
	set = bk_get_ptr(typed, task, cgroups);
	cg = bk_get(typed, set, dfl_cgrp);
	kn = bk_get(typed, cg, kn);
	e->cgroup = bk_get(typed, kn, id);
	e->head.pid = who.pid;
	e->ppid = ppid;
	e->uid = bk_uid_of(typed, task);
	e->tid = who.tid;
	bk_comm_of(typed, task, e->comm);
	bk_comm_of(typed, parent, e->parent_comm);
	n = bpf_probe_read_user_str(e->data, EXECSNOOP_NAME_MAX, (void *)c->file);
	e->file_len = n > 0 ? n : 0;
	read_arguments(e, c);
	if (config.cwd) {
		fs = bk_get_ptr(typed, task, fs);
		send_path(bk_place_of(&fs->pwd), &fs->root, EXECSNOOP_CWD, 1 + which, e->head.pid, now);
	}
	len = e->args_at + e->args_len;
	bk_hide(len);
	if (len <= EXECSNOOP_NAME_MAX + EXECSNOOP_FAILED_MAX)
		bk_output(e, sizeof(*e) + len);
	return 0;
}

/* At the exits of execve and execveat. */
SEC("tp")
int failed_call(struct trace_event_raw_sys_exit *ctx)
{
	const bool typed = bk_regs_are_typed();
	struct call c = { .ret = ctx->ret };
	s32 nr = ctx->id;
	struct pt_regs *regs;

	if (c.ret >= 0)
		return 0;
	regs = bk_user_regs(bk_current(), nr);
	if (regs && nr == config.execveat) {
		c.file = bk_syscall_arg(typed, regs, 1, false);
		c.argv = bk_syscall_arg(typed, regs, 2, false);
	} else if (regs) {
		c.file = bk_syscall_arg(typed, regs, 0, false);
		c.argv = bk_syscall_arg(typed, regs, 1, false);
	}
	/* zero or not is one way for the verifier */
	bk_forget(c.file, c.ret);
	bk_forget(c.argv, c.ret);
	return failed(&c, 0);
}

/* At the exit of every system call of everybody: 32-bit callers pass no other tracepoint. */
BK_TYPED("tp_btf/sys_exit", failed_compat)
{
	struct pt_regs *regs = (void *)ctx[0];
	struct call c = { .ret = (s32)ctx[1], .compat = true };
	s32 nr;

	if (c.ret >= 0 || !bk_is_compat(bk_current(), regs))
		return 0;
	nr = bk_syscall_number(true, regs);
	if (nr == config.compat_execve) {
		c.file = bk_syscall_arg(true, regs, 0, true);
		c.argv = bk_syscall_arg(true, regs, 1, true);
	} else if (nr == config.compat_execveat) {
		c.file = bk_syscall_arg(true, regs, 1, true);
		c.argv = bk_syscall_arg(true, regs, 2, true);
	} else {
		return 0;
	}
	return failed(&c, 1);
}

char LICENSE[] SEC("license") = "GPL";
