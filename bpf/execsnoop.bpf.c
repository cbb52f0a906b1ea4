// SPDX-License-Identifier: GPL-2.0-only
/*
 * execsnoop: programs that are executed, at the tracepoint sched:sched_process_exec.
 *
 * It fires once an exec has succeeded, whoever called for it and how: from any thread, by execve or
 * execveat, by a 32-bit caller, by the kernel itself. The task is already the new program, and its
 * arguments are where it will find them: the kernel has just written that memory, so it is there.
 * What the caller does with his own copy is never seen. The name is read from there, too: reading
 * kernel memory is not allowed everywhere.
 */
#include "bk.bpf.h"
#include "count.bpf.h"
#include "execsnoop.h"

enum { PRESERVE_ARGV0 = 1 << 3 }; /* linux_binprm.interp_flags, from 5.12 */

const volatile struct execsnoop_config config;

/* How long the name of the file is, with its NUL: it is the last thing on the stack but a word. */
static __always_inline u64 name_size(struct linux_binprm *bprm)
{
	u64 size = 0;

	if (bpf_core_field_exists(bprm->vma))
		size = bprm->vma->vm_end - 8 - bprm->exec;
	return size && size <= EXECSNOOP_NAME_MAX ? size : EXECSNOOP_NAME_MAX;
}

/* The name comes first, then so many bytes of the arguments. */
static __always_inline void fill(struct execsnoop_event *e, u32 name_room, u32 args_room, u64 args,
				 struct task_struct *task, struct linux_binprm *bprm, u32 tid)
{
	struct mm_struct *mm = task->mm;
	struct task_struct *parent = task->real_parent;
	long n;

	e->time = bpf_ktime_get_ns();
	e->cgroup = task->cgroups->dfl_cgrp->kn->id;
	e->pid = task->tgid;
	e->ppid = parent->tgid;
	e->uid = task->cred->uid.val;
	e->tid = tid;
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

/* One record of a size that it fits into; most fit into the smallest. */
#define send_as(name_room, args_room)								\
	do {											\
		struct execsnoop_event *__e;							\
												\
		if (name > (name_room) || args > (args_room))					\
			break;									\
		__e = bk_reserve(sizeof(*__e) + (name_room) + (args_room));			\
		if (__e) {									\
			fill(__e, name_room, args_room, args, task, bprm, tid);			\
			bk_submit(__e);								\
		}										\
		return 0;									\
	} while (0)

/* ---- --count ---- */

static __always_inline void exe_key(struct execsnoop_exe *exe, struct linux_binprm *bprm)
{
	long n;

	__builtin_memset(exe, 0, sizeof(*exe));
	/* one byte more than is kept tells whether there is more */
	n = bpf_probe_read_user_str(exe, EXECSNOOP_EXE_MAX + 2, (void *)bprm->exec);
	exe->name[EXECSNOOP_EXE_MAX] = 0;
	exe->cut = n > EXECSNOOP_EXE_MAX + 1;
}

static __always_inline void count(struct task_struct *task, struct linux_binprm *bprm)
{
	union execsnoop_key key;

	switch (config.by) {
	case EXECSNOOP_COMM:
		/* unlike what task->comm has, zero behind the end of the name */
		bpf_get_current_comm(key.comm, sizeof(key.comm));
		break;
	case EXECSNOOP_EXE:
		exe_key(&key.exe, bprm);
		break;
	case EXECSNOOP_PPID:
		key.number = task->real_parent->tgid;
		break;
	case EXECSNOOP_UID:
		key.number = task->cred->uid.val;
		break;
	default:
		key.cgroup = task->cgroups->dfl_cgrp->kn->id;
	}
	bk_count(&key);
}

SEC("tp_btf/sched_process_exec")
int exec__tp_btf(u64 *ctx)
{
	struct task_struct *task = (void *)ctx[0];
	struct linux_binprm *bprm = (void *)ctx[2];
	u32 tid = ctx[1];
	u64 name, args;

	/* by now the task has the number of its process, whichever thread called */
	if (!bk_want_thread(task, tid))
		return 0;
	if (config.ppid && (u32)task->real_parent->tgid != config.ppid) {
		bk_leave_out();
		return 0;
	}
	if (config.by) {
		count(task, bprm);
		return 0;
	}
	name = name_size(bprm);
	args = task->mm->arg_end - task->mm->arg_start;
	if (args > config.args_max)
		args = config.args_max;
	send_as(128, 256);
	send_as(512, 1024);
	send_as(EXECSNOOP_NAME_MAX, 4096);
	send_as(EXECSNOOP_NAME_MAX, EXECSNOOP_ARGS_MAX);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
