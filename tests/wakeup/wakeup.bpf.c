// SPDX-License-Identifier: GPL-2.0-only
/*
 * A producer that is slow at the one place where slowness could lose a wakeup: between taking the
 * reader's word and submitting the record. Each getppid() of the thread under test is an event.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

const volatile unsigned int delay_ns;
const volatile unsigned int traced_tid;
const volatile long traced_nr;

static __always_inline void linger(void);
#define BK_BEFORE_WAKEUP() linger()
#include "bk.bpf.h"

struct wait {
	u64 until;
};

static long tick(u32 i, struct wait *w)
{
	return bpf_ktime_get_ns() >= w->until;
}

static __always_inline void linger(void)
{
	struct wait w = { bpf_ktime_get_ns() + delay_ns };

	bpf_loop(1 << 22, tick, &w, 0);
}

SEC("raw_tp/sys_enter")
int enter(u64 *ctx)
{
	u64 *e;

	if ((long)ctx[1] != traced_nr || (u32)bpf_get_current_pid_tgid() != traced_tid)
		return 0;
	e = bk_reserve(sizeof(*e));
	if (!e)
		return 0;
	*e = bpf_ktime_get_ns();
	bk_submit(e);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
