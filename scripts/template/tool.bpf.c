// SPDX-License-Identifier: GPL-2.0-only
/*
 * @NAME@: what is measured, where the clock starts and stops, what is missed.
 *
 * Here: each process that executes a program. sched_process_exec fires once an exec has succeeded,
 * from any thread and for any caller; failed ones are not seen.
 */
#include "bk.bpf.h"
#include "@NAME@.h"

static __always_inline int on_exec(struct task_struct *task)
{
	struct @NAME@_event *e;
	struct bk_who who;

	/* filter first: what is reserved is always sent */
	if (!bk_want(task, &who))
		return 0;
	e = bk_reserve(sizeof(*e));
	if (!e)
		return 0;
	e->time = bpf_ktime_get_ns();
	e->pid = who.pid;
	e->ppid = bk_tgid_of(true, task->real_parent);
	e->uid = task->cred->uid.val;
	e->pad = 0;
	__builtin_memcpy(e->comm, task->comm, sizeof(e->comm));
	bk_submit(e);
	return 0;
}

/* One program a rung, named WHAT__RUNG. The best: the tracepoint with its BTF types, no copying. */
BK_TYPED("tp_btf/sched_process_exec", exec__tp_btf)
{
	return on_exec((void *)ctx[0]);
}

/* Where that is refused: the classic tracepoint. Needs bpf_get_current_task_btf (5.11). */
SEC("tracepoint/sched/sched_process_exec")
int exec__tp(void *ctx)
{
	return on_exec(bpf_get_current_task_btf());
}

char LICENSE[] SEC("license") = "GPL";
