/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What execsnoop's program and its user side share. */
#ifndef EXECSNOOP_H
#define EXECSNOOP_H

#include "count.h"
#include "path.h"

enum {
	EXECSNOOP_NAME_MAX = 4096 + 32,	/* of the file's name, with its NUL: PATH_MAX, behind /dev/fd/N/ */
	EXECSNOOP_ARGS_MAX = 32 << 10,	/* of the arguments */
	EXECSNOOP_FAILED_MAX = 12 << 10, /* the same, if the call failed */
};

enum execsnoop_kind {
	EXECSNOOP_EXEC,
	EXECSNOOP_FAILED,
	EXECSNOOP_CWD, /* paths of an exec that follows with the same time and process */
	EXECSNOOP_EXE,
	EXECSNOOP_EXIT,
};

/* What --count counts by. */
enum execsnoop_by {
	EXECSNOOP_BY_COMM = 1,
	EXECSNOOP_BY_EXE,
	EXECSNOOP_BY_PPID,
	EXECSNOOP_BY_UID,
	EXECSNOOP_BY_CGROUP,
};

/* Its keys. */
union execsnoop_key {
	char comm[16];
	unsigned int number; /* of the parent, or of the user */
	unsigned long long cgroup;
	struct bk_count_name exe;
};

enum execsnoop_flags {
	EXECSNOOP_INTERPRETED = 1, /* a script, or what binfmt_misc knows */
	EXECSNOOP_ARGV0 = 2,	   /* the interpreter is given argv[0], too, if binfmt_misc called it */
	EXECSNOOP_CUT = 4,	   /* of a call that failed: there are more arguments */
};

struct execsnoop_config {
	unsigned int ppid;	/* 0: any */
	unsigned int args_max;	/* bytes */
	unsigned int cwd, exe, exit, duration, failed; /* are shown */
	int execveat;		/* number of the call; and for 32-bit callers: */
	int compat_execve, compat_execveat;
	unsigned int by;	/* enum execsnoop_by, 0: a record an exec */
};

/* All records begin so. */
struct execsnoop_head {
	unsigned long long time; /* CLOCK_MONOTONIC, ns */
	unsigned int kind;	 /* enum execsnoop_kind */
	unsigned int pid;
};

/* One exec that has happened, or failed. */
struct execsnoop_event {
	struct execsnoop_head head;
	unsigned long long cgroup;   /* id, of version 2 */
	unsigned long long duration; /* of the call, ns; 0: not known */
	int ret;
	unsigned int ppid, uid;
	unsigned int tid;	   /* of the thread that called, which has become the process; 0: unknown */
	unsigned int argc;	   /* words in the argument area */
	unsigned int args_size;	   /* bytes of that, all of it; of a call that failed, what is here */
	unsigned int args_at;	   /* where they start in data, and how many are here */
	unsigned int args_len;
	unsigned int file_len;	   /* the name of the file, with its NUL, is at the start of data */
	unsigned int flags;	   /* enum execsnoop_flags */
	char comm[16], parent_comm[16];
	char data[];
};

/* One of its paths. */
struct execsnoop_path {
	struct execsnoop_head head;
	struct bk_path path;
	char data[];
};

/* The end of a process that was executed. */
struct execsnoop_exit {
	struct execsnoop_head head;
	unsigned long long since;  /* when it was executed */
	unsigned long long cpu_ns;
	unsigned int code;	   /* as wait() has it: signal, and status << 8 */
	unsigned int ppid, uid, pad;
	char comm[16];
};

_Static_assert(sizeof(struct execsnoop_event) == 104, "no hole: every byte is written");
_Static_assert(sizeof(struct execsnoop_path) == 32, "no hole: every byte is written");
_Static_assert(sizeof(struct execsnoop_exit) == 64, "no hole: every byte is written");
#endif
