/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel as bpfkit reads it: only the types and fields that some program uses, grouped by
 * subsystem. Field offsets are relocated at load time (CO-RE), so order and gaps mean nothing and
 * nothing here depends on the architecture. A type that changed has a flavour (NAME___old) beside
 * it, with the kernel release that changed it.
 *
 * Constants of the user API stand in uapi.def, which a unit test holds against the kernel's headers.
 */
#ifndef __VMLINUX_H__
#define __VMLINUX_H__

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u64 __be64;
typedef __u16 __sum16;
typedef __u32 __wsum;
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __u64 u64;
typedef __s8 s8;
typedef __s16 s16;
typedef __s32 s32;
typedef __s64 s64;
typedef _Bool bool;
enum { false, true };
#define NULL ((void *)0)

enum {
#define UAPI(name, value) name = value,
#include "uapi.def"
#undef UAPI
};

#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)

/* ---- what programs can call ---- */

enum bpf_func_id {
	BPF_FUNC_get_current_task_btf = 158, /* from 5.11 */
	BPF_FUNC_task_pt_regs = 175,	     /* from 5.15 */
	BPF_FUNC_xdp_get_buff_len = 188,     /* from 5.18 */
	BPF_FUNC_xdp_load_bytes = 189,
};

/* ---- namespaces, cgroups, credentials ---- */

struct proc_ns_operations {
	const char *name;
};

struct ns_common {
	const struct proc_ns_operations *ops;
	unsigned int inum;
};

struct kernfs_node {
	u64 id;
};

struct cgroup {
	struct kernfs_node *kn;
	int level;
	struct cgroup *ancestors[];
};

/* before 6.1: ids instead of pointers */
struct cgroup___old {
	int level;
	u64 ancestor_ids[];
};

struct css_set {
	struct cgroup *dfl_cgrp;
};

typedef struct {
	unsigned int val;
} kuid_t;

struct cred {
	kuid_t uid;
};

struct net_device;

struct net {
	struct ns_common ns;
	struct net_device *loopback_dev;
};

struct nsproxy {
	struct net *net_ns;
};

/* ---- files and paths ---- */

struct qstr {
	const unsigned char *name;
};

struct hlist_bl_node {
	struct hlist_bl_node **pprev;
};

struct file_system_type {
	const char *name;
};

struct super_block {
	unsigned int s_dev;
	unsigned long s_flags, s_magic;
	struct file_system_type *s_type;
};

struct inode {
	unsigned long i_ino;
	void *i_private;
};

struct dentry {
	struct hlist_bl_node d_hash;
	struct dentry *d_parent;
	struct qstr d_name;
	struct inode *d_inode;
};

struct vfsmount {
	struct dentry *mnt_root;
	struct super_block *mnt_sb;
};

struct mount {
	struct mount *mnt_parent;
	struct dentry *mnt_mountpoint;
	struct vfsmount mnt;
};

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct fs_struct {
	struct path root, pwd;
};

struct file {
	struct path f_path;
};

struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct open_how {
	__u64 flags, mode, resolve;
};

/* a name that the kernel has copied */
struct filename {
	const char *name;
};

/* from 7.0 */
struct delayed_filename {
	struct filename *__incomplete_filename;
};

struct io_open {
	int dfd;
	u32 file_slot;
	struct filename *filename;
	struct open_how how;
};

struct io_open___delayed {
	struct delayed_filename filename;
};

struct io_cqe {
	__s32 res;
};

struct io_cmd_data { /* from 6.0 */
	struct file *file;
};

struct io_kiocb {
	u8 opcode;
	u32 flags;
	struct io_cqe cqe; /* from 5.19 */
};

/* what a program has asked for */
struct io_uring_sqe {
	__s32 fd;
	__u64 addr, addr2;
	__u32 len, open_flags;
};

/* from 6.8 */
typedef u64 io_req_flags_t;

struct io_kiocb___wide {
	u64 flags;
};

/* the event tells what the tracepoint's arguments are */
struct trace_event_raw_io_uring_submit_sqe {
	void *req; /* from 5.14 */
};

/* ---- system calls ---- */

struct trace_event_raw_sys_exit {
	long id;
	long ret;
};

/* only its size; what is in it differs by architecture */
struct pt_regs {
};

struct pt_regs___x86 {
	unsigned long r10, dx, si, di, bx, cx, orig_ax;
};

struct pt_regs___aarch64 {
	u64 regs[31];
	u64 pstate, orig_x0;
	s32 syscallno;
};

/* ---- tasks ---- */

struct thread_info {
	u32 status; /* x86 */
};

struct pid_namespace {
	struct ns_common ns;
};

/* the number in one PID namespace */
struct upid {
	int nr;
	struct pid_namespace *ns;
};

/* its numbers, from that in the initial PID namespace to that in its own */
struct pid {
	unsigned int level;
	struct upid numbers[];
};

struct mm_struct {
	unsigned long arg_start, arg_end;
	struct file *exe_file;
};

typedef struct {
	int counter;
} atomic_t;

/* what the threads of a process share */
struct signal_struct {
	atomic_t live; /* threads that have not begun to exit */
	int group_exit_code;
	unsigned int flags;
	unsigned long long sum_sched_runtime; /* ns, of threads that are gone */
};

struct sched_entity {
	u64 sum_exec_runtime; /* ns */
};

struct task_struct {
	struct thread_info thread_info;
	unsigned int __state;
	void *stack;
	unsigned int flags;
	int pid;
	int tgid;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	struct signal_struct *signal;
	char comm[16];
	struct mm_struct *mm;
	struct task_struct *real_parent;
	struct sched_entity se;
	u64 start_time; /* of the process */
	int exit_code;
	const struct cred *cred;
	struct fs_struct *fs;
	struct files_struct *files;
	struct nsproxy *nsproxy;
	struct css_set *cgroups;
};

/* before 5.14 */
struct task_struct___old {
	long state;
};

struct vm_area_struct {
	unsigned long vm_end;
};

/* what is executed */
struct linux_binprm {
	struct vm_area_struct *vma;
	int argc;
	const char *filename; /* as it was asked for */
	const char *interp;   /* what is really executed: another one for scripts */
	unsigned int interp_flags;
	unsigned long exec;   /* where the new program has that name */
};

/* ---- networking ---- */

typedef struct {
	struct net *net;
} possible_net_t;

struct net_device {
	char name[16];
	int ifindex;
	unsigned short type;
	possible_net_t nd_net;
};

struct dst_entry {
	struct net_device *dev;
};

struct sock_common {
	unsigned short skc_family;
	possible_net_t skc_net;
};

struct sock {
	struct sock_common __sk_common;
};

struct skb_shared_info {
	u8 nr_frags;
	unsigned short gso_segs;
	unsigned int xdp_frags_size; /* from 5.18 */
};

/* a frame that an XDP program is given */
struct xdp_rxq_info {
	struct net_device *dev;
	u32 queue_index;
};

struct xdp_buff {
	void *data, *data_end, *data_hard_start;
	struct xdp_rxq_info *rxq;
	u32 frame_sz;
	u32 flags; /* from 5.18 */
};

struct sk_buff {
	struct net_device *dev;
	struct sock *sk;
	unsigned long _skb_refdst;
	unsigned int len;
	__u8 pkt_type : 3;
	int skb_iif;
	__be16 vlan_proto;
	__u16 vlan_tci;
	__be16 protocol;
	__u16 network_header;
	__u16 mac_header;
	unsigned int tail;
	unsigned int end;
	unsigned char *head, *data;
};

/* before 6.0 a bit says whether the tag counts; later an all-zero vlan_all means none */
struct sk_buff___old {
	__u8 vlan_present : 1;
};

/*
 * Numbered anew in every release: only the relocated values and the running kernel's names count.
 */
enum skb_drop_reason {
	SKB_NOT_DROPPED_YET = 0,
	SKB_CONSUMED = 1,
};

/* from 5.17 the tracepoint carries a reason, as its event struct tells */
struct trace_event_raw_kfree_skb {
	enum skb_drop_reason reason;
};

#pragma clang attribute pop

/* ---- contexts of programs, of the user API: they are the same everywhere ---- */

struct xdp_md {
	__u32 data, data_end, data_meta, ingress_ifindex, rx_queue_index, egress_ifindex;
};

struct __sk_buff {
	__u32 len, pkt_type, mark, queue_mapping, protocol, vlan_present, vlan_tci, vlan_proto, priority;
	__u32 ingress_ifindex, ifindex, tc_index, cb[5], hash, tc_classid, data, data_end;
};
#endif
