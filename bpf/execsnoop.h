/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What execsnoop's program and its user side share. */
#ifndef EXECSNOOP_H
#define EXECSNOOP_H

enum {
	EXECSNOOP_NAME_MAX = 4096 + 32,	/* of the file's name, with its NUL: PATH_MAX, behind /dev/fd/N/ */
	EXECSNOOP_ARGS_MAX = 32 << 10,	/* of the arguments */
	EXECSNOOP_EXE_MAX = 247,	/* of the file's name that is a key of --count, without a NUL */
};

/* What --count counts by. */
enum execsnoop_by {
	EXECSNOOP_COMM = 1,
	EXECSNOOP_EXE,
	EXECSNOOP_PPID,
	EXECSNOOP_UID,
	EXECSNOOP_CGROUP,
};

/* Its keys. */
union execsnoop_key {
	char comm[16];
	unsigned int number; /* of the parent, or of the user */
	unsigned long long cgroup;
	struct execsnoop_exe {
		char name[EXECSNOOP_EXE_MAX + 1]; /* zero behind its end */
		unsigned char cut;		  /* the name goes on */
		char pad[7];
	} exe;
};

enum execsnoop_flags {
	EXECSNOOP_INTERPRETED = 1, /* a script, or what binfmt_misc knows */
	EXECSNOOP_ARGV0 = 2,	   /* the interpreter is given argv[0], too, if binfmt_misc called it */
};

struct execsnoop_config {
	unsigned int ppid;	/* 0: any */
	unsigned int args_max;	/* bytes */
	unsigned int by;	/* enum execsnoop_by, 0: a record an exec */
};

/* One exec that has happened. */
struct execsnoop_event {
	unsigned long long time;   /* CLOCK_MONOTONIC, ns */
	unsigned long long cgroup; /* id, of version 2 */
	unsigned int pid, ppid, uid;
	unsigned int tid;	   /* of the thread that called, which has become the process */
	unsigned int argc;	   /* words in the argument area */
	unsigned int args_size;	   /* bytes of that, all of it */
	unsigned int args_at;	   /* where they start in data, and how many are here */
	unsigned int args_len;
	unsigned int file_len;	   /* the name of the file, with its NUL, is at the start of data */
	unsigned int flags;	   /* enum execsnoop_flags */
	char comm[16], parent_comm[16];
	char data[];
};

_Static_assert(sizeof(struct execsnoop_event) == 88, "no hole: every byte is written");
#endif
