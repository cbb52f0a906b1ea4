/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The filters that all tools share, as the runtime writes them into a program's read-only data. */
#ifndef BK_FILTER_H
#define BK_FILTER_H

#define BK_FILTER_PIDS 16

struct bk_filter {
	unsigned long long comm[2];	 /* compared under the mask: a zero mask takes any */
	unsigned long long comm_mask[2];
	unsigned long long cgroup;	 /* id in the cgroup2 hierarchy, 0 for any; descendants match */
	unsigned int cgroup_level;
	unsigned int self;		 /* bpfkit's own process is never reported: its number in pidns */
	unsigned int pidns;		 /* inode of bpfkit's PID namespace, 0: the initial one */
	unsigned int pidns_numbers;	 /* pids and tids are those of pidns; nothing else is shown */
	unsigned int follow;		 /* only bpfkit's child and what descends from it */
	unsigned int netns;		 /* inode, 0 for any */
	unsigned int uid;
	unsigned int has_uid;
	unsigned int npids, ntids;
	unsigned int pids[BK_FILTER_PIDS];
	unsigned int tids[BK_FILTER_PIDS];
	unsigned int books;		 /* count what is filtered out, see bk_books */
};

/* The books of a program, in its .bss. */
struct bk_books {
	unsigned long long lost;	 /* records that the ring buffer refused */
	unsigned long long filtered;	 /* events that a filter left out; counted only on request */
	unsigned long long unfollowed;	 /* processes for which bk_followed had no room */
	unsigned long long untracked;	 /* processes or threads for which a tool's own table had no room */
	unsigned long long undecided;	 /* events of which a filter expression could not see enough */
	unsigned int asleep;		 /* the reader sleeps and wants to be woken */
};
#endif
