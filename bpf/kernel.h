/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What the runtime tells programs of the kernel's own functions and types. */
#ifndef BK_KERNEL_H
#define BK_KERNEL_H

/*
 * Numbers that stand in the instructions until the runtime puts the kernel's there. libbpf can do
 * that (__ksym, type ids), but would read all of the kernel's BTF for it.
 */
enum bk_kernel_number {
	BK_KFUNC_RDONLY_CAST = 0x6b0f0000, /* calls of bpf_rdonly_cast(), from 6.2 */
	BK_TYPE_RAW,			   /* ids of types */
	BK_TYPE_NET_DEVICE,
	BK_TYPE_SOCK,
	BK_TYPE_TASK,
	BK_KFUNC_PREEMPT_DISABLE,	   /* calls of bpf_preempt_disable(), from 6.11 */
	BK_KFUNC_PREEMPT_ENABLE,
	BK_NUMBERS_END,
};

/* The kernel's names of them, in that order. */
#define BK_NUMBER_NAMES "bpf_rdonly_cast", "__kernel_sockaddr_storage", "net_device", "sock", \
	"task_struct", "bpf_preempt_disable", "bpf_preempt_enable"

/* In read-only data, so that code for what is not there vanishes. */
struct bk_kernel {
	unsigned int has_rdonly_cast; /* and the types */
	unsigned int has_preempt;
};
#endif
