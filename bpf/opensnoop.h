/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What opensnoop's programs and its user side share. */
#ifndef OPENSNOOP_H
#define OPENSNOOP_H

#include "count.h"
#include "path.h"

enum {
	OPENSNOOP_NAME_SHORT = 128, /* a longer name needs a larger record; both with the NUL */
	OPENSNOOP_NAME_MAX = 4096,
	OPENSNOOP_NO_NAME = 0xffff,  /* as name_len: it could not be read */
	OPENSNOOP_ANY_SLOT = 0xffff, /* as slot: the kernel chose it */
	OPENSNOOP_REQUESTS = 4096,   /* of io_uring, so many are remembered until they are done */
};

enum opensnoop_kind {
	OPENSNOOP_CALL,	  /* open, openat, openat2, creat */
	OPENSNOOP_HANDLE, /* open_by_handle_at */
	OPENSNOOP_ASKED,  /* io_uring: the request was taken; the rest follows under the same id */
	OPENSNOOP_DONE,	  /* io_uring: and this is what came of it */
	OPENSNOOP_SENT,	  /* io_uring: what came of it cannot be known */
	OPENSNOOP_REFUSED, /* io_uring: the request was not taken */
	OPENSNOOP_KINDS,
};

/* The system calls that open. */
enum opensnoop_call {
	OPENSNOOP_OPENAT,
	OPENSNOOP_OPEN,
	OPENSNOOP_CREAT,
	OPENSNOOP_OPENAT2,
	OPENSNOOP_OPEN_BY_HANDLE_AT,
	OPENSNOOP_CALLS,
};

/* What --count counts by. */
enum opensnoop_by {
	OPENSNOOP_BY_PATH = 1,
	OPENSNOOP_BY_COMM,
	OPENSNOOP_BY_PID,
	OPENSNOOP_BY_ERRNO,
};

enum { OPENSNOOP_UNKNOWN = 0xffff }; /* no error, but that it is not known */

/* Its keys. */
union opensnoop_key {
	char comm[16];
	unsigned int number; /* of the process, or of the error; 0: it succeeded */
	struct bk_count_name name;
};

/* Which files are wanted; constant while a program runs. */
struct opensnoop_config {
	unsigned char host;	   /* within the file system: the reader knows where that is mounted */
	unsigned char time, uid;   /* are shown */
	unsigned char failed;	   /* only these */
	unsigned char write;	   /* only those that may write */
	unsigned char latency;	   /* is measured */
	unsigned char modes;	   /* 1 << access mode: these, or one of flags; 0: any */
	unsigned int flags;
	unsigned int by;	   /* enum opensnoop_by, 0: a record an open */
	unsigned int prefix_len;
	int numbers[OPENSNOOP_CALLS];	     /* of the calls; -1: there is none */
	int compat_numbers[OPENSNOOP_CALLS]; /* for 32-bit callers */
	unsigned long long min_ns;	     /* latency */
	unsigned long long prefix[OPENSNOOP_NAME_SHORT / 8], prefix_mask[OPENSNOOP_NAME_SHORT / 8];
};

/* One open, when the call has returned. */
struct opensnoop_event {
	unsigned long long time;    /* CLOCK_MONOTONIC, ns; 0 if it is not shown */
	unsigned long long latency; /* ns; 0: not known */
	unsigned long long id;	    /* of an io_uring request, while it lasts */
	struct bk_path path;
	unsigned int pid, tid, uid;
	int ret;		    /* a descriptor, or a negative errno */
	int dfd;
	unsigned int flags, mode, resolve;
	unsigned short kind;	    /* enum opensnoop_kind */
	unsigned short slot;	    /* io_uring: not a descriptor, but 1 + a place among the ring's files */
	unsigned short name_len;    /* with its NUL, at the start of data; the names of a path follow */
	unsigned short path_len;
	char comm[16];
	char data[];
};

_Static_assert(sizeof(struct opensnoop_event) == 96, "no hole: every byte is written");
#endif
