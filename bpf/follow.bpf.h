/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The command behind "--" and all that descends from it, kept up to date where processes begin and
 * end. The map is made and the programs are loaded only if there is a command.
 */
#ifndef BK_FOLLOW_BPF_H
#define BK_FOLLOW_BPF_H

enum { BK_PF_FORKNOEXEC = 0x40 }; /* task_struct.flags: the kernel's PF_FORKNOEXEC, which no BTF has */

/*
 * By the kernel's number of the process. It has its memory from the start: before 6.1 kernels warn
 * of any other kind in a program at a classic tracepoint. The value: is it bpfkit's own child, which
 * is the command once it has executed it?
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1); /* --follow-max sets it */
	__type(key, u32);
	__type(value, u32);
} bk_followed SEC(".maps");

/* What bpfkit's child does until it has executed the command is bpfkit's doing. */
static __always_inline bool bk_is_followed(const bool typed, struct task_struct *task, u32 tgid)
{
	u32 *child = bpf_map_lookup_elem(&bk_followed, &tgid);
	struct task_struct *leader;

	if (!child)
		return false;
	if (!*child)
		return true;
	leader = bk_get_ptr(typed, task, group_leader);
	return !(bk_get(typed, leader, flags) & BK_PF_FORKNOEXEC);
}

/*
 * Runs before the new task is woken, so nothing that it does comes first. The first argument is who
 * made it, also where the parent is another one (CLONE_PARENT).
 */
BK_TYPED("?tp_btf/sched_process_fork", bk_fork)
{
	struct task_struct *maker = (void *)ctx[0], *task = (void *)ctx[1];
	u32 from = maker->tgid, tgid = task->tgid, child = bk_is_self(true, maker);

	if (task->pid != task->tgid) /* a thread */
		return 0;
	if (!child && !bpf_map_lookup_elem(&bk_followed, &from)) {
		/* bk_exit may have missed the one that had this number before: see recursion_misses */
		if (bpf_map_lookup_elem(&bk_followed, &tgid))
			bpf_map_delete_elem(&bk_followed, &tgid);
		return 0;
	}
	if (bpf_map_update_elem(&bk_followed, &tgid, &child, BPF_ANY))
		bk_add(&bk_books.unfollowed, 1);
	return 0;
}

/* The last thread of a process takes it out, before its number can be given to another one. */
BK_TYPED("?tp_btf/sched_process_exit", bk_exit)
{
	struct task_struct *task = (void *)ctx[0];
	u32 tgid = task->tgid;

	if (!task->signal->live.counter)
		bpf_map_delete_elem(&bk_followed, &tgid);
	return 0;
}

#endif
