/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The system call that the current task is in: its arguments, which are still there when it returns. */
#ifndef SYSCALL_BPF_H
#define SYSCALL_BPF_H

#include "bk.bpf.h"

enum {
	BK_STACK_MIN = 16 << 10, /* THREAD_SIZE; 64 KiB where pages are, twice that with KASAN */
	BK_STACK_MAX = 128 << 10,
	BK_TS_COMPAT = 2,	 /* x86: thread_info.status, until the call has returned */
	BK_PSR_MODE32 = 0x10,	 /* aarch64: the processor's own word for it */
};

#define bk_regs_are_typed() bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_task_pt_regs)
#define bk_on_x86() bpf_core_field_exists(((struct pt_regs___x86 *)0)->orig_ax)

#define bk_reg(typed, regs, flavour, member) bk_get(typed, (struct pt_regs___##flavour *)(regs), member)

/* Of the call; typed: whether regs are a typed pointer. */
static __always_inline s32 bk_syscall_number(const bool typed, struct pt_regs *regs)
{
	if (bk_on_x86())
		return bk_reg(typed, regs, x86, orig_ax);
	return bk_reg(typed, regs, aarch64, syscallno);
}

/*
 * What user space had in its registers when it made the call of this number. Before 5.15 they are looked for at the
 * top of the stack, of which no type tells the size. NULL: they are not there.
 */
static __always_inline struct pt_regs *bk_user_regs(struct task_struct *task, s32 number)
{
	struct pt_regs *regs = NULL;
	void *stack;

	if (bk_regs_are_typed()) {
		regs = (void *)bpf_task_pt_regs(task);
		return bk_syscall_number(true, regs) == number ? regs : NULL;
	}
	stack = bk_get(bk_current_is_typed(), task, stack);
	for (u32 size = BK_STACK_MIN; size <= BK_STACK_MAX; size *= 2) {
		regs = stack + size - bpf_core_type_size(struct pt_regs);
		if (bk_syscall_number(false, regs) == number)
			return regs;
	}
	return NULL;
}

/* One of the first four arguments, a constant; compat: of a 32-bit caller. */
static __always_inline u64 bk_syscall_arg(const bool typed, struct pt_regs *regs, int i, bool compat)
{
	if (!bk_on_x86())
		return i ? bk_reg(typed, regs, aarch64, regs[i]) : bk_reg(typed, regs, aarch64, orig_x0);
	if (compat)
		return (u32)(i == 0 ? bk_reg(typed, regs, x86, bx) : i == 1 ? bk_reg(typed, regs, x86, cx) :
			     i == 2 ? bk_reg(typed, regs, x86, dx) : bk_reg(typed, regs, x86, si));
	return i == 0 ? bk_reg(typed, regs, x86, di) : i == 1 ? bk_reg(typed, regs, x86, si) :
	       i == 2 ? bk_reg(typed, regs, x86, dx) : bk_reg(typed, regs, x86, r10);
}

/* Is the current task in a call of the 32-bit kind? regs: what it had in its registers, a typed pointer. */
static __always_inline bool bk_is_compat(struct task_struct *task, struct pt_regs *regs)
{
	if (bk_on_x86())
		return bk_get(bk_current_is_typed(), task, thread_info.status) & BK_TS_COMPAT;
	return bk_reg(true, regs, aarch64, pstate) & BK_PSR_MODE32;
}

/* ---- how long a call takes ---- */

enum { BK_CALLS = 16384 }; /* at a time; of more, the oldest are forgotten */

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, BK_CALLS);
	__type(key, u32);
	__type(value, u64);
} bk_calls SEC(".maps");

/* The call of the current thread begins. */
static __always_inline int bk_call_begins(void)
{
	u64 now = bpf_ktime_get_ns();
	u32 tid = bpf_get_current_pid_tgid();

	bpf_map_update_elem(&bk_calls, &tid, &now, BPF_ANY);
	return 0;
}

/* The call of a thread is over: how many ns it took, by the clock of bpf_ktime_get_ns(); 0: not known. */
static __always_inline u64 bk_call_took(u32 tid)
{
	u64 *began = bpf_map_lookup_elem(&bk_calls, &tid), ns;

	if (!began)
		return 0;
	ns = bpf_ktime_get_ns() - *began;
	bpf_map_delete_elem(&bk_calls, &tid);
	return ns;
}

#endif
