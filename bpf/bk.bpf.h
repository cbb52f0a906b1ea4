/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The base of every program: counters, the ring buffer with its losses, filters, kernel reads. */
#ifndef BK_BPF_H
#define BK_BPF_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_endian.h>
#include "filter.h"
#include "kernel.h"

/* Zero until the runtime has written it; constants to the verifier, so unused filters vanish. */
const volatile struct bk_filter bk_filter;

struct bk_books bk_books;

/*
 * Adds to a counter that others write too. The result must not be used: without it the compiler
 * emits the plain atomic add, which every kernel has; fetching ones need 5.12.
 */
#define bk_add(ptr, n) ((void)__sync_fetch_and_add((ptr), (n)))

/* The value of a key, made if it is new; NULL if the table is full. */
static __always_inline void *bk_slot(void *map, const void *key, const void *fresh)
{
	void *v = bpf_map_lookup_elem(map, key);

	if (v)
		return v;
	bpf_map_update_elem(map, key, fresh, BPF_NOEXIST);
	return bpf_map_lookup_elem(map, key);
}

/* ---- records to user space ---- */

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096); /* --buffer sets it */
} bk_events SEC(".maps");

/*
 * Room for a record of constant size, or NULL, counted as lost. Decide before calling: never
 * discard.
 */
static __always_inline void *bk_reserve(u64 size)
{
	void *rec = bpf_ringbuf_reserve(&bk_events, size, 0);

	if (!rec)
		bk_add(&bk_books.lost, 1);
	return rec;
}

#ifndef BK_BEFORE_WAKEUP
#define BK_BEFORE_WAKEUP() ((void)0) /* a test puts a delay here */
#endif

/*
 * The reader is woken only if it said that it sleeps. The word is cleared before the submit:
 * cleared after it, a reader that went back to sleep in between would not be woken again.
 */
static __always_inline void bk_submit(void *rec)
{
	volatile u32 *asleep = &bk_books.asleep;

	if (*asleep) {
		*asleep = 0;
		BK_BEFORE_WAKEUP();
		bpf_ringbuf_submit(rec, BPF_RB_FORCE_WAKEUP);
	} else {
		bpf_ringbuf_submit(rec, BPF_RB_NO_WAKEUP);
	}
}

/*
 * The same for a record that lies elsewhere and whose size is not constant; it is copied. False if there was no
 * room: then it is for the caller to count it.
 */
static __always_inline bool bk_try_output(void *rec, u64 size)
{
	volatile u32 *asleep = &bk_books.asleep;
	u64 flags = BPF_RB_NO_WAKEUP;

	if (*asleep) {
		*asleep = 0;
		BK_BEFORE_WAKEUP();
		flags = BPF_RB_FORCE_WAKEUP;
	}
	if (!bpf_ringbuf_output(&bk_events, rec, size, flags))
		return true;
	if (flags == BPF_RB_FORCE_WAKEUP)
		*asleep = 1;
	return false;
}

/* It is counted as lost if there was no room. */
static __always_inline void bk_output(void *rec, u64 size)
{
	if (!bk_try_output(rec, size))
		bk_add(&bk_books.lost, 1);
}

/* ---- kernel memory without a type ---- */

const volatile struct bk_kernel bk_kernel;

static void *(*const bk_rdonly_cast)(const void *obj, u32 btf_id)
	__attribute__((unused)) = (void *)BK_KFUNC_RDONLY_CAST;

static void (*const bk_preempt_disable)(void) __attribute__((unused)) = (void *)BK_KFUNC_PREEMPT_DISABLE;
static void (*const bk_preempt_enable)(void) __attribute__((unused)) = (void *)BK_KFUNC_PREEMPT_ENABLE;

/*
 * A program at a typed tracepoint or function, as one piece: BK_TYPED("tp_btf/NAME", name) { body }. The kernel skips
 * a program that is running on the CPU already: were the task preempted in it, the events of all others there would
 * be missed until it runs again. (Functions from 5.11 on, tracepoints from 7.0, each with CONFIG_PREEMPT; before 6.11
 * nothing can be done about it.)
 */
#define BK_TYPED(section, name)								\
	static __always_inline int name##_body(u64 *ctx);				\
											\
	SEC(section)									\
	int name(u64 *ctx)								\
	{										\
		int ret;								\
											\
		if (bk_kernel.has_preempt)						\
			bk_preempt_disable();						\
		ret = name##_body(ctx);							\
		if (bk_kernel.has_preempt)						\
			bk_preempt_enable();						\
		return ret;								\
	}										\
											\
	static __always_inline int name##_body(u64 *ctx)

/*
 * The bytes at an address, at most BK_RAW_MAX of them, through the one type that is a long array of
 * bytes: __kernel_sockaddr_storage, which is the same for ever (uapi/linux/socket.h).
 */
enum { BK_RAW_MAX = 120, BK_RAW_AT = 2 /* its __data */ };

static __always_inline const char *bk_raw(const void *src)
{
	const char *raw = bk_rdonly_cast(src - BK_RAW_AT, BK_TYPE_RAW);

	return raw + BK_RAW_AT;
}

/*
 * Reads size bytes, a constant of at most BK_RAW_MAX, of kernel memory at any address; what cannot
 * be read is zero. Where the kernel has bpf_rdonly_cast (6.2) these are inlined loads, which
 * lockdown does not refuse either; elsewhere the helper does it. dst is aligned to 8 bytes, or to its
 * size: otherwise the compiler would copy byte by byte.
 */
static __always_inline void bk_read(void *dst, u32 size, const void *src)
{
	const char *raw;
	u32 i = 0;

	if (!bk_kernel.has_rdonly_cast) {
		bpf_probe_read_kernel(dst, size, src);
		return;
	}
	raw = bk_raw(src);
#pragma clang loop unroll(full)
	for (; i + 8 <= size; i += 8)
		*(u64 *)(dst + i) = *(const u64 *)(raw + i);
	if (size & 4) {
		*(u32 *)(dst + i) = *(const u32 *)(raw + i);
		i += 4;
	}
	if (size & 2) {
		*(u16 *)(dst + i) = *(const u16 *)(raw + i);
		i += 2;
	}
	if (size & 1)
		*(u8 *)(dst + i) = *(const u8 *)(raw + i);
}

/*
 * The value of a member that points to bytes, as a number. From 6.17 on the verifier takes what is loaded
 * from it for memory, with which nothing can be calculated.
 */
#define bk_address(obj, member)								\
	({										\
		u64 __a;								\
		if (bk_kernel.has_rdonly_cast)						\
			__a = *(const u64 *)bk_raw(&(obj)->member);			\
		else									\
			__a = (u64)(obj)->member;					\
		__a;									\
	})

/*
 * A pointer to the type that id stands for, no longer trusted. What a trusted one leads to makes newer verifiers
 * search all of the kernel's types for how far it is trusted, each time: a millisecond.
 */
#define bk_cast(obj, id)								\
	({										\
		typeof(obj) __o = (obj);						\
		bk_kernel.has_rdonly_cast ? (typeof(obj))bk_rdonly_cast(__o, id) : __o;	\
	})

/* The value of a member that points to a struct, of the type that id stands for, no longer trusted either. */
#define bk_follow(obj, member, id)							\
	({										\
		typeof((obj)->member) __p;						\
		if (bk_kernel.has_rdonly_cast)						\
			__p = bk_rdonly_cast(*(void **)bk_raw(&(obj)->member), id);	\
		else									\
			__p = (obj)->member;						\
		__p;									\
	})

/* Hides a value from the compiler, which would turn the arithmetic back into a branch. */
#define bk_hide(x) asm volatile("" : "+r"(x))

/*
 * Comparisons of numbers below 2^63, calculated: 1 or 0. A branch would be two ways for the verifier to
 * follow, and each part of a condition is a branch.
 */
static __always_inline u64 bk_less(u64 a, u64 b)
{
	u64 less = a - b;

	bk_hide(less);
	less >>= 63;
	bk_hide(less); /* that it is 1 or 0 */
	return less;
}

static __always_inline u64 bk_same(u64 a, u64 b)
{
	return bk_less(a ^ b, 1);
}

/*
 * Reads the first n bytes of size, a constant multiple of 8, at most BK_RAW_MAX; the rest is zero. There must
 * be size bytes behind src that can be read.
 */
static __always_inline void bk_read_some(void *dst, u32 size, u64 n, const void *src)
{
	u64 at = n & ~7ULL;
	const char *raw;

	__builtin_memset(dst, 0, size);
	if (!bk_kernel.has_rdonly_cast) {
		bk_hide(n); /* the compiler may know it, the verifier has to see it */
		if (n <= size)
			bpf_probe_read_kernel(dst, n, src);
		return;
	}
	raw = bk_raw(src);
#pragma clang loop unroll(full)
	for (u32 i = 0; i < size; i += 8) {
		if (!bk_less(i, n))
			break;
		*(u64 *)(dst + i) = *(const u64 *)(raw + i);
	}
	/* in the last word, what is behind the n bytes */
	bk_hide(at);
	if (n & 7 && at <= size - 8)
		*(u64 *)(dst + at) &= (1ULL << 8 * (n & 7)) - 1;
}

/*
 * Makes the verifier forget what it knows of a number. Where several paths meet it would otherwise
 * follow each of them to the end with its own value: a program that is small is verified in a
 * moment, and loads in one. any: a number of which it knows nothing, as wide as x.
 */
#define bk_forget(x, any)								\
	({										\
		u64 __x = (x);								\
		asm volatile("%0 ^= %1\n%0 ^= %1" : "+r"(__x) : "r"((u64)(any)));	\
		(x) = __x;								\
	})

/*
 * Zeroes a struct, of whole words, so that the verifier does not know it: else "still zero" and "written" are
 * two states of each of its words, wherever paths meet. any: a number of which it knows nothing.
 */
#define bk_zero(obj, any)								\
	({										\
		u64 __zero = 0;								\
		bk_forget(__zero, any);							\
		for (u32 __i = 0; __i < sizeof(*(obj)) / 8; __i++)			\
			((u64 *)(obj))[__i] = __zero;				\
	})

/* ---- filters ---- */

/* Leaves an event out, and says so for the books. */
static __always_inline bool bk_leave_out(void)
{
	if (bk_filter.books)
		bk_add(&bk_books.filtered, 1);
	return false;
}

static __always_inline bool bk_one_of(const volatile u32 *list, u32 n, u32 id)
{
	for (u32 i = 0; i < BK_FILTER_PIDS; i++) {
		/* constant while the program runs: the verifier takes out what is behind it */
		if (i >= n)
			break;
		if (list[i] == id)
			return true;
	}
	return false;
}

/*
 * The task that runs. From 5.11 on it is a typed pointer, which can be followed; before, one that has to be
 * read through: bk_get(bk_current_is_typed(), task, member).
 */
#define bk_current_is_typed() bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_get_current_task_btf)

static __always_inline struct task_struct *bk_current(void)
{
	if (bk_current_is_typed())
		return bpf_get_current_task_btf();
	return (void *)bpf_get_current_task();
}

/* A member of a struct, if that is typed; else read by the helper. */
#define bk_get(typed, obj, member)							\
	({										\
		typeof(&*(obj)) __of = (obj); /* itself no part of what is relocated */	\
		typeof((obj)->member) __v;						\
		if (typed)								\
			__v = __of->member;						\
		else									\
			bpf_core_read(&__v, sizeof(__v), &__of->member);		\
		__v;									\
	})

/* The same for a member of a task that points to something. */
#define bk_get_ptr(typed, task, member) bk_get(typed, bk_cast(task, BK_TYPE_TASK), member)

static __always_inline bool bk_in_cgroup(const bool typed, struct task_struct *task)
{
	struct css_set *set = bk_get_ptr(typed, task, cgroups);
	struct cgroup *cg = bk_get(typed, set, dfl_cgrp);
	struct cgroup___old *old = (void *)cg;
	u32 level = bk_filter.cgroup_level;
	u64 id = 0;

	if (bk_get(typed, cg, level) < (int)level)
		return false;
	if (bpf_core_field_exists(cg->ancestors)) {
		struct cgroup *up = NULL;
		struct kernfs_node *kn = NULL;

		bk_read(&up, sizeof(up), &cg->ancestors[level]);
		bk_read(&kn, sizeof(kn), &up->kn);
		bk_read(&id, sizeof(id), &kn->id);
	} else {
		bk_read(&id, sizeof(id), &old->ancestor_ids[level]);
	}
	return id == bk_filter.cgroup;
}

static __always_inline u32 bk_netns_of(const bool typed, struct task_struct *task)
{
	struct nsproxy *proxy = bk_get_ptr(typed, task, nsproxy);
	struct net *net = bk_get(typed, proxy, net_ns);

	return bk_get(typed, net, ns.inum);
}

static __always_inline u32 bk_uid_of(const bool typed, struct task_struct *task)
{
	struct cred *cred = (void *)bk_get_ptr(typed, task, cred);

	return bk_get(typed, cred, uid.val);
}

/* All 16 bytes of the name. */
static __always_inline void bk_comm_of(const bool typed, struct task_struct *task, void *comm)
{
	if (typed) {
		((u64 *)comm)[0] = *(const u64 *)&task->comm[0];
		((u64 *)comm)[1] = *(const u64 *)&task->comm[8];
	} else {
		bpf_core_read(comm, 16, &task->comm);
	}
}

/*
 * The number of a task in bpfkit's PID namespace, 0 if it is not in that or below it. Which level of
 * the namespaces that is cannot be known beforehand; it is one of the first, nearly always.
 */
static __always_inline u32 bk_pid_in_ns(const bool typed, struct task_struct *task)
{
	enum { LEVELS = 33 }; /* MAX_PID_NS_LEVEL, and the initial one */
	struct pid *pid = bk_get_ptr(typed, task, thread_pid);
	const void *numbers = __builtin_preserve_access_index(&pid->numbers[0]);
	u32 level = bk_get(typed, pid, level);

#pragma clang loop unroll(disable)
	for (u32 i = 0; i < LEVELS; i++) {
		struct pid_namespace *ns = NULL;
		struct upid *at = (void *)numbers + i * bpf_core_type_size(struct upid);
		u32 inum = 0, nr = 0;

		if (i > level)
			break;
		bk_read(&ns, sizeof(ns), &at->ns);
		bk_read(&inum, sizeof(inum), &ns->ns.inum);
		if (inum != bk_filter.pidns)
			continue;
		bk_read(&nr, sizeof(nr), &at->nr);
		return nr;
	}
	return 0;
}

/*
 * The numbers of a task's process and of the task itself, as options and columns have them: those of
 * the kernel; with --pidns those in bpfkit's PID namespace, 0 for what is not in it. typed: see
 * bk_get(); in tp_btf programs it is true.
 */
static __always_inline u32 bk_tgid_of(const bool typed, struct task_struct *task)
{
	if (bk_filter.pidns_numbers)
		return bk_pid_in_ns(typed, bk_get_ptr(typed, task, group_leader));
	return bk_get(typed, task, tgid);
}

static __always_inline u32 bk_tid_of(const bool typed, struct task_struct *task)
{
	return bk_filter.pidns_numbers ? bk_pid_in_ns(typed, task) : bk_get(typed, task, pid);
}

/* Is it bpfkit itself? */
static __always_inline bool bk_is_self(const bool typed, struct task_struct *task)
{
	if (bk_filter.pidns)
		return bk_filter.self == bk_pid_in_ns(typed, bk_get_ptr(typed, task, group_leader));
	return bk_filter.self == (u32)bk_get(typed, task, tgid);
}

#ifndef BK_NO_TASKS
#include "follow.bpf.h"

/* Whom an event is about: what bk_tgid_of() and bk_tid_of() say, found out once. */
struct bk_who {
	u32 pid, tid;
};

static __always_inline bool bk_is_wanted(const bool typed, struct task_struct *task, const struct bk_who *who)
{
	u32 n = bk_filter.ntids;

	if (n && !bk_one_of(bk_filter.tids, n, who->tid))
		return false;
	if (bk_filter.has_uid && bk_filter.uid != bk_uid_of(typed, task))
		return false;
	if (bk_filter.netns && bk_filter.netns != bk_netns_of(typed, task))
		return false;
	if (bk_filter.comm_mask[0]) {
		u64 comm[2];

		bk_comm_of(typed, task, comm);
		if (((comm[0] ^ bk_filter.comm[0]) & bk_filter.comm_mask[0]) |
		    ((comm[1] ^ bk_filter.comm[1]) & bk_filter.comm_mask[1]))
			return false;
	}
	return !bk_filter.cgroup || bk_in_cgroup(typed, task);
}

/* tid: who->tid is known already. */
static __always_inline bool bk_want_any(const bool typed, struct task_struct *task, struct bk_who *who,
					const bool tid)
{
	u32 tgid = bk_get(typed, task, tgid), n = bk_filter.npids;

	who->pid = tgid;
	if (bk_filter.pidns) {
		u32 nr = bk_pid_in_ns(typed, bk_get_ptr(typed, task, group_leader));

		if (nr == bk_filter.self)
			return false;
		if (bk_filter.pidns_numbers && !nr)
			return bk_leave_out();
		if (bk_filter.pidns_numbers)
			who->pid = nr;
	} else if (tgid == bk_filter.self) {
		return false;
	}
	if (bk_filter.follow && !bk_is_followed(typed, task, tgid))
		return bk_leave_out();
	if (n && !bk_one_of(bk_filter.pids, n, who->pid))
		return bk_leave_out();
	if (!tid)
		who->tid = bk_tid_of(typed, task);
	return bk_is_wanted(typed, task, who) || bk_leave_out();
}

/*
 * Do the filters want this task, as the thread of this number (see bk_tid_of())? It is the subject of the event, not
 * whoever happens to be running. who is filled in.
 */
static __always_inline bool bk_want_thread(struct task_struct *task, u32 tid, struct bk_who *who)
{
	who->tid = tid;
	return bk_want_any(true, task, who, true);
}

/* The same for what bk_current() gives. */
static __always_inline bool bk_want_current(struct task_struct *task, struct bk_who *who)
{
	return bk_want_any(bk_current_is_typed(), task, who, false);
}

static __always_inline bool bk_want(struct task_struct *task, struct bk_who *who)
{
	return bk_want_any(true, task, who, false);
}
#endif

#endif
