/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * bpfkit's own library: everything a tool includes.
 *
 * A tool is a descriptor (struct bk_tool) and the functions that only it can have; the runtime
 * (run.c) leads it through its life. Functions return 0 or a negative errno unless said otherwise.
 */
#ifndef BK_H
#define BK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <bpf/libbpf.h>

#include "count.h"
#include "filter.h"
#include "kernel.h"

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* Exit statuses. */
enum {
	BK_EXIT_OK = 0,
	BK_EXIT_FAILED = 1,
	BK_EXIT_USAGE = 2,
	BK_EXIT_LACKING = 3, /* the kernel or the privileges lack something */
	BK_EXIT_NO_TOOL = 127,
};

struct bk_run;
struct bk_out;
struct bk_xdp;

/* ---- values in options (value.c) ---- */

struct bk_net { /* an address and how many of its leading bits count */
	uint8_t family; /* 4, 6; 0: none given */
	uint8_t bits;
	uint8_t addr[16]; /* network order; the bits that do not count are zero */
};

struct bk_list { /* of small numbers: pids, ports */
	unsigned int n;
	uint32_t v[16];
};

struct bk_names { /* of an option that is given several times */
	unsigned int n;
	const char *v[64];
};

/*
 * Each parses the whole of a string and returns NULL, or what is wrong with it, as the end of the
 * sentence "'X' is ...". Nothing is written on failure.
 */
const char *bk_parse_u64(const char *s, uint64_t min, uint64_t max, uint64_t *v);
const char *bk_parse_duration(const char *s, uint64_t *ns);	/* 10, 1.5s, 10ms, 5us, 2m, 1h: nanoseconds */
const char *bk_parse_size(const char *s, uint64_t *bytes);	/* 65536, 256k, 1M, 1G */
const char *bk_parse_list(const char *s, uint32_t min, uint32_t max, struct bk_list *l); /* 1,2,3: behind what is in it */
const char *bk_parse_net(const char *s, bool host_only, struct bk_net *net); /* 10.0.0.0/8, fe80::1 */
const char *bk_parse_user(const char *s, uint32_t *uid);	/* name in /etc/passwd, or number */
const char *bk_parse_cgroup(const char *s, uint64_t *id, uint32_t *level); /* path, absolute or below the mount */
const char *bk_parse_netns(const char *s, uint32_t *inode);	/* name, path or inode number */

/* ---- options (opts.c) ---- */

enum bk_opt_type {
	BK_OPT_END,
	BK_OPT_FLAG,	 /* bool */
	BK_OPT_U32,
	BK_OPT_SIZE,	 /* uint64_t, bytes */
	BK_OPT_DURATION, /* uint64_t, nanoseconds */
	BK_OPT_STR,	 /* const char *, kept as given */
	BK_OPT_FILE,	 /* the same, a file's name */
	BK_OPT_ENUM,	 /* int: index into choices */
	BK_OPT_SET,	 /* uint64_t: 1 << index of each that was given; at most 64 choices */
	BK_OPT_LIST,	 /* struct bk_list */
	BK_OPT_NET,	 /* struct bk_net */
	BK_OPT_HOST,	 /* struct bk_net, all bits */
	BK_OPT_USER,	 /* uint32_t, and has */
	BK_OPT_CGROUP,	 /* struct bk_filter: cgroup, cgroup_level */
	BK_OPT_NETNS,	 /* uint32_t, inode */
	BK_OPT_IFNAME,	 /* const char *, at most 15 bytes */
	BK_OPT_IFNAMES,	 /* struct bk_names of such */
	BK_OPT_SHARED,	 /* no option of its own: another letter for the shared one of this name */
};

/*
 * One row serves the parser, --help, the man page and completion. The macros below make the typed
 * pointer, so that a row whose variable has the wrong type does not compile.
 */
struct bk_opt {
	char letter;	  /* 0: only the long form */
	const char *name;
	const char *arg;  /* what the help calls the value */
	const char *help;
	enum bk_opt_type type;
	uint64_t min, max; /* U32, LIST */
	const char *const *choices; /* ENUM, SET: NULL-terminated */
	union {
		bool *flag;
		uint32_t *u32;
		uint64_t *u64;
		const char **str;
		int *choice;
		struct bk_list *list;
		struct bk_names *names;
		struct bk_net *net;
		struct bk_filter *filter;
	} to;
};

#define BK_FLAG(l, n, p, h) \
	{ .letter = l, .name = n, .help = h, .type = BK_OPT_FLAG, .to.flag = p }
#define BK_U32(l, n, p, lo, hi, a, h) \
	{ .letter = l, .name = n, .arg = a, .help = h, .type = BK_OPT_U32, .min = lo, .max = hi, .to.u32 = p }
#define BK_SIZE(l, n, p, a, h) \
	{ .letter = l, .name = n, .arg = a, .help = h, .type = BK_OPT_SIZE, .to.u64 = p }
#define BK_DURATION(l, n, p, a, h) \
	{ .letter = l, .name = n, .arg = a, .help = h, .type = BK_OPT_DURATION, .to.u64 = p }
#define BK_STR(l, n, p, a, h) \
	{ .letter = l, .name = n, .arg = a, .help = h, .type = BK_OPT_STR, .to.str = p }
#define BK_FILE(l, n, p, a, h) \
	{ .letter = l, .name = n, .arg = a, .help = h, .type = BK_OPT_FILE, .to.str = p }
#define BK_ENUM(l, n, p, c, a, h) \
	{ .letter = l, .name = n, .arg = a, .help = h, .type = BK_OPT_ENUM, .choices = c, .to.choice = p }
#define BK_SET(l, n, p, c, a, h) \
	{ .letter = l, .name = n, .arg = a, .help = h, .type = BK_OPT_SET, .choices = c, .to.u64 = p }
#define BK_LIST(l, n, p, lo, hi, a, h) \
	{ .letter = l, .name = n, .arg = a, .help = h, .type = BK_OPT_LIST, .min = lo, .max = hi, .to.list = p }
#define BK_NET(l, n, p, a, h) \
	{ .letter = l, .name = n, .arg = a, .help = h, .type = BK_OPT_NET, .to.net = p }
#define BK_HOST(l, n, p, a, h) \
	{ .letter = l, .name = n, .arg = a, .help = h, .type = BK_OPT_HOST, .to.net = p }
#define BK_IFNAME(l, n, p, a, h) \
	{ .letter = l, .name = n, .arg = a, .help = h, .type = BK_OPT_IFNAME, .to.str = p }
#define BK_IFNAMES(l, n, p, a, h) \
	{ .letter = l, .name = n, .arg = a, .help = h, .type = BK_OPT_IFNAMES, .to.names = p }
#define BK_LETTER(l, n) { .letter = l, .name = n, .type = BK_OPT_SHARED }

/* The shared options that a tool takes; all tools take the output and diagnostic ones besides. */
enum bk_common {
	BK_PID = 1 << 0,
	BK_TID = 1 << 1,
	BK_COMM = 1 << 2,
	BK_UID = 1 << 3,
	BK_CGROUP = 1 << 4,
	BK_NETNS = 1 << 5,
	BK_INTERVAL = 1 << 6,
	BK_COUNT = 1 << 7,
	BK_TIMESTAMP = 1 << 8,
	BK_BUFFER = 1 << 9, /* has events */
	BK_PIDNS = 1 << 10,
	BK_COMMAND = 1 << 11, /* one to run and to follow, behind "--" */
	BK_WORDS = 1 << 12,   /* words beside the options, which together are one text */
	BK_TASK = BK_PID | BK_TID | BK_COMM | BK_UID | BK_CGROUP | BK_NETNS | BK_PIDNS | BK_COMMAND,
};

/* BK_TIME_UNSET: nothing was given, and init() decides. */
enum bk_timestamp { BK_TIME_WALL, BK_TIME_ISO, BK_TIME_REL, BK_TIME_MONO, BK_TIME_NONE, BK_TIME_UNSET };

/* What the shared options say. */
struct bk_common_opts {
	struct bk_list pids, tids;
	const char *comm;
	char **command; /* behind "--", ends with NULL; NULL: none */
	char *words;    /* with a blank between each two; NULL: none */
	struct bk_filter filter; /* uid, cgroup, netns; the rest is filled in by the runtime */
	uint64_t duration, interval, buffer;
	uint32_t count, follow_max; /* count: --limit */
	int timestamp; /* enum bk_timestamp */
	int output;    /* enum bk_format */
	bool json, no_header, stats, pidns;
	uint32_t verbose;
	const char *probe;
};

/* ---- columns (col.c) ---- */

enum bk_kind {
	BK_COL_END,
	BK_COL_U8,
	BK_COL_U16,
	BK_COL_U32,
	BK_COL_S32,
	BK_COL_U64,
	BK_COL_STR,  /* char array in the record, from strangers: escaped */
	BK_COL_PTR,  /* const char * in the record, from strangers: escaped */
	BK_COL_TIME, /* uint64_t, CLOCK_MONOTONIC ns; shown as --timestamp says */
	BK_COL_MAC,  /* 6 bytes */
	BK_COL_IP,   /* struct bk_net */
	BK_COL_BOOL, /* bool */
	BK_COL_ERRNO, /* uint32_t, positive; shown as ENOENT ..., 0 as 0 */
	BK_COL_US,    /* uint64_t, ns; shown as whole microseconds */
};

enum { BK_TEXT = 1, BK_JSON = 2, BK_BOTH = 3 };

/* One column: heading of the table, name in JSON, where in the record, how wide, where shown. */
struct bk_col {
	const char *head; /* NULL: not in the table */
	const char *name; /* NULL: not in JSON; snake_case with the unit in it */
	enum bk_kind kind;
	short width;	  /* of the table; negative: left-aligned */
	unsigned short offset, size;
	unsigned long long has; /* shown if these bits of the record's first 64-bit word are set */
	/* Instead of the kind: writes the cell itself. */
	void (*put)(struct bk_out *o, const void *rec);
};

#define BK_COL(h, n, k, w, st, m) \
	{ .head = h, .name = n, .kind = k, .width = w, .offset = offsetof(st, m), .size = sizeof(((st *)0)->m) }
#define BK_COL_IF(bits, h, n, k, w, st, m) \
	{ .head = h, .name = n, .kind = k, .width = w, .offset = offsetof(st, m), \
	  .size = sizeof(((st *)0)->m), .has = bits }

/* Prints a record as a line of the table or as a JSON object of the type given. */
void bk_emit(struct bk_run *run, const struct bk_col *cols, const char *type, const void *rec);
/* Prints the headings, in text. */
void bk_heading(struct bk_run *run, const struct bk_col *cols);

/* ---- output (out.c) ---- */

/*
 * All data goes through one buffer to one descriptor. Errors stick: once a write has failed the
 * rest is thrown away, and error tells (-EPIPE: the reader is gone, no failure; -EINTR: the reader
 * does not read, and we were told to end).
 */
struct bk_out {
	int fd;
	bool tty, json;
	int error;
	int wake[2];   /* descriptors that end a wait for a reader that does not read; -1: none */
	int patience;  /* how long to wait for such a reader, in milliseconds; -1: until woken */
	bool waits;    /* a write may wait: a pipe, a socket, a terminal */
	size_t n, mark; /* bytes pending; where a cell began */
	bool wide;      /* since then something came that may not be ASCII */
	size_t flushed; /* bytes written, ever */
	/*
	 * What comes is blocks (pcapng.h), the length of each a 32-bit number behind its first four bytes. When no
	 * more can be written a file ends with a whole one, and a pipe too, if no block is longer than PIPE_BUF.
	 */
	bool blocks;
	size_t left, part; /* bytes of a block that are not yet written, and that are */
	char buf[65536];
};

enum bk_format { BK_OUT_TEXT, BK_OUT_JSON };

enum { BK_LAST_WRITE_MS = 1000 }; /* how long a reader that does not read is waited for, once we are to end */

void bk_out_init(struct bk_out *o, int fd);
void bk_flush(struct bk_out *o);
/* Our own text, as it is. */
void bk_puts(struct bk_out *o, const char *s);
void bk_putc(struct bk_out *o, char c);
void bk_printf(struct bk_out *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void bk_put_u64(struct bk_out *o, uint64_t v);
void bk_put_s64(struct bk_out *o, int64_t v);
/*
 * A stranger's bytes, at most n of them, up to a NUL, made harmless (escape.h). False if they are no UTF-8 and
 * this is JSON, which then does not have them exactly.
 */
bool bk_put_text(struct bk_out *o, const char *s, size_t n);
/* n bytes as hexadecimal digits. */
void bk_put_hex(struct bk_out *o, const char *s, size_t n);
void bk_put_mac(struct bk_out *o, const uint8_t mac[6]);
void bk_put_ip(struct bk_out *o, int family, const uint8_t *addr);
/* Cells: begin, put, then pad to a width (negative: left-aligned) and separate. */
void bk_cell(struct bk_out *o);
void bk_cell_end(struct bk_out *o, short width, bool last);
/* JSON: members of the open object; names are our own and need no escape. */
void bk_json_begin(struct bk_out *o, const char *type);
void bk_json_name(struct bk_out *o, const char *name);
/* A stranger's string; if it is no UTF-8, NAME_hex follows and has it exactly. */
void bk_json_str(struct bk_out *o, const char *name, const char *s, size_t n);
void bk_json_u64(struct bk_out *o, const char *name, uint64_t v);
void bk_json_bool(struct bk_out *o, const char *name, bool v);
void bk_json_end(struct bk_out *o);

/* ---- messages to stderr (log.c) ---- */

/* "TOOL: text\n", control bytes escaped. bk_debug only with -v. */
void bk_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void bk_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void bk_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* What a tool ends with, in the words of another one: without the tool's name in front. */
void bk_total(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void bk_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void bk_log_init(const char *name, unsigned int verbose);
/* Keeps libbpf's messages; the last that names a cause, or NULL. Valid until the next load. */
void bk_log_libbpf(void);
void bk_log_forget(void);
const char *bk_log_cause(void);
/* Sets it where libbpf did not come to say it. */
__attribute__((format(printf, 1, 2))) void bk_log_set_cause(const char *fmt, ...);

/* ---- the running kernel (btf.c, ksyms.c, netns.c) ---- */

struct bk_enum { /* the names of an enum, by value */
	size_t n;
	struct bk_enum_val {
		uint32_t value;
		char *name; /* owned */
	} *vals;
};

/*
 * Reads an enum of the kernel's BTF, or of a module's; prefix is cut off the names. -ENOENT if
 * absent. The BTF stays open (5 MB where it cannot be mapped) for the next call until bk_btf_forget().
 */
int bk_enum_load(struct bk_enum *e, const char *module, const char *name, const char *prefix);
void bk_btf_forget(void);
const char *bk_enum_name(const struct bk_enum *e, uint32_t value);
/* Case does not matter. */
bool bk_enum_value(const struct bk_enum *e, const char *name, uint32_t *value);
void bk_enum_free(struct bk_enum *e);

struct bk_ksyms;
/* Opens the kernel's symbol table, to be called with privileges; it is read when first asked. */
struct bk_ksyms *bk_ksyms_open(void);
void bk_ksyms_close(struct bk_ksyms *k);
struct bk_ksym {
	const char *name, *module; /* owned by the table, valid until the next look-up; module may be NULL */
	uint64_t addr, offset;
};
bool bk_ksyms_find(struct bk_ksyms *k, uint64_t addr, struct bk_ksym *sym);
/*
 * First and last address of a function, by exact name or NAME.suffix. Returns how many were found,
 * at most max.
 */
int bk_ksyms_range(struct bk_ksyms *k, const char *name, uint64_t (*ranges)[2], int max);

/*
 * Name of a network namespace: in /run/netns, else "COMM[PID]" of a process in it; NULL if neither.
 * Owned here.
 */
const char *bk_netns_name(uint32_t inode);
uint32_t bk_netns_self(void);

/* ---- paths (path.c) ---- */

struct bk_path;

/*
 * Puts together what bk_put_path() of bpf/path.bpf.h has collected: len bytes of names, the last one first. Writes
 * at most size bytes with a NUL and returns how many there are before it. What is above a cut is "...", a file
 * that is in no directory any more ends in " (deleted)", what cannot be reached from the root begins with
 * "(unreachable)", as in /proc.
 */
size_t bk_path_text(const struct bk_path *p, const char *names, size_t len, char *buf, size_t size);

/*
 * Where we see, from our root, a path within a file system (major << 20 | minor): to buf, with a NUL. False if
 * it is not to be seen: nowhere mounted, under another mount, or too long.
 */
bool bk_mount_path(uint32_t dev, const char *within, char *buf, size_t size);
/* The same in what bk_mount_read() has read, of the format of /proc/PID/mountinfo. */
bool bk_mount_find(uint32_t dev, const char *within, char *buf, size_t size);
void bk_mount_read(FILE *file);
void bk_mount_forget(void);

/* ---- errors (errno.c) ---- */

/* ENOENT ..., also of the kernel's own that end in user space only when traced; NULL: none has this number. */
const char *bk_errno_name(int number);

/* ---- privileges (priv.c) ---- */

enum bk_need {
	BK_NEED_BPF = 1 << 0,	    /* CAP_BPF and CAP_PERFMON, or CAP_SYS_ADMIN */
	BK_NEED_NET_ADMIN = 1 << 1,
	BK_NEED_BTF = 1 << 2,
	BK_NEED_EVENTS = BK_NEED_BPF | BK_NEED_BTF,
	BK_KEEP_PTRACE = 1 << 16,   /* kept: namespaces of other users' processes are read */
	BK_KEEP_NET_ADMIN = 1 << 17,
};

/* Says what is missing and returns BK_EXIT_LACKING, or 0. */
int bk_preflight(unsigned int needs);
/* Gives up all capabilities but those that needs keeps; map_fd: a map that is read later, or -1. */
int bk_drop_privileges(unsigned int needs, int map_fd);
/* Why the kernel says EPERM to somebody who has all capabilities: the end of a sentence. */
const char *bk_why_refused(void);

/* ---- descriptors and the run (run.c) ---- */

struct bk_skel_ops {
	void *(*open)(const struct bpf_object_open_opts *);
	void (*destroy)(void *);
};

/* The functions of a generated skeleton without its type. */
#define BK_SKEL(name)								\
	static void *skel_open(const struct bpf_object_open_opts *how)		\
	{									\
		return name##_bpf__open_opts(how);				\
	}									\
	static void skel_destroy(void *s)					\
	{									\
		name##_bpf__destroy(s);						\
	}									\
	static const struct bk_skel_ops skel = { skel_open, skel_destroy }

enum bk_group { BK_GROUP_NET, BK_GROUP_PROCESS, BK_GROUP_FILE, BK_GROUP_DISK, BK_GROUP_CPU, BK_GROUPS };

struct bk_alias {
	const char *name;
	const char *args; /* preset options, separated by blanks */
};

struct bk_tool {
	const char *name, *summary;
	const char *synopsis; /* what follows the options, or NULL */
	const char *examples; /* lines "command\tmeaning\n" */
	const struct bk_alias *aliases; /* ends with a NULL name */
	enum bk_group group;
	unsigned int common; /* enum bk_common */
	unsigned int needs;  /* enum bk_need */
	uint64_t buffer; /* bytes of the ring where --buffer is not given; 0: by the number of CPUs */
	enum bk_timestamp timestamp; /* where --timestamp is not given */
	const char *const *probes; /* rungs, best first, NULL-terminated; a program is WHAT__RUNG */
	const char *const *blind;  /* what each rung cannot see, or NULL */
	const char *const *optional; /* programs that are left out where the kernel has not what they attach to */
	const struct bk_opt *opts;
	const struct bk_col *cols; /* of event lines */
	const struct bk_skel_ops *skel;
	/* All are optional. */
	int (*init)(struct bk_run *);			 /* checks across options; negative: usage error, said */
	/*
	 * Read-only data, map sizes, before load. -ECANCELED: it said itself what is wrong, see
	 * bk_run.status.
	 */
	int (*configure)(struct bk_run *, void *skel);
	int (*attach)(struct bk_run *, void *skel);	 /* instead of the default; -ECANCELED as configure() */
	int (*started)(struct bk_run *, void *skel);	 /* attached, privileges still there */
	int (*event)(struct bk_run *, const void *rec, size_t len);
	int (*report)(struct bk_run *, void *skel, bool last); /* each interval, and once at the end */
	void (*ended)(struct bk_run *);			 /* after the last event, when nothing is attached */
	void (*start_json)(struct bk_run *, struct bk_out *);	 /* members of the first JSON line */
	void (*fini)(struct bk_run *);
};

struct bk_run {
	const struct bk_tool *tool;
	struct bk_common_opts opts;
	struct bk_out *out;
	const char *rung;	/* of the probes, the one that was taken */
	const char *blind;	/* what it cannot see, or NULL */
	const struct bk_col *cols; /* of event lines: the tool's, unless init() chose others */
	bool events;		/* records come through the ring; tools with only totals clear it in init */
	uint64_t began_ns;	/* CLOCK_MONOTONIC, before anything was opened */
	uint64_t start_ns;	/* when attached */
	uint64_t reported_ns;	/* when report() was last called */
	uint64_t printed;	/* events printed */
	uint64_t left_out;	/* events that event() found to be not asked for */
	uint64_t unprinted;	/* events that came after the last that was asked for */
	bool timed;		/* the kernel measures run times (--stats) */
	uint64_t interval_ns;	/* length of the time that report() now covers */
	void *skel;		/* the tool's own type of skeleton */
	struct bk_probe *probe; /* what the kernel's types are, for libbpf */
	struct bpf_object *obj;
	uint32_t reports;
	int map_fd;		/* a map that report() reads by system call, or -1; set by started() */
	volatile struct bk_books *books;
	bool stop;		/* end the loop after this event */
	/* with run->save it calls bk_begin_output() before it writes */
	int (*instead)(struct bk_run *); /* set by init(): what is done without any program; returns the exit status */
	const char *save;	/* a file for pcapng.h, instead of lines on stdout ("-": there); set by init(), or NULL */
	const struct bk_caller *caller;
	struct bk_command *command; /* behind "--", from when it is there, or NULL */
	int status;		/* with -ECANCELED from configure() or attach(): the exit status, BK_EXIT_LACKING if 0 */
	struct bk_loop *loop;
	struct bpf_link *links[16]; /* besides those of the skeleton; gone when that is detached */
	size_t nlinks;
	struct bk_xdp *xdp; /* what is attached to interfaces (xdp.h), or NULL */
};

/* Parses the arguments behind the tool's name. Returns -1 to go on, else the exit status. */
int bk_parse_args(struct bk_run *run, int argc, char **argv);
/* Points to --help, behind the sentence that said what is wrong; returns BK_EXIT_USAGE. */
int bk_usage(const struct bk_run *run);
/* Has a struct of the running kernel this member? Of the structs that the programs name; to be asked in attach(). */
bool bk_kernel_has(const struct bk_run *run, const char *type, const char *member);
/* Attaches all programs, the typed ones too, of which libbpf does not know; for a tool's own attach(). */
int bk_attach(struct bk_run *run);
/*
 * Attaches a program to a classic tracepoint, one of several that it may have. -ENOENT: the kernel has not this
 * one (or no tracefs). The link is the run's.
 */
int bk_attach_tracepoint(struct bk_run *run, struct bpf_program *prog, const char *category,
			 const char *name);

/* A system call: its number, and that for 32-bit callers; -1: there is none on this architecture. */
struct bk_call {
	const char *name;
	int number, compat;
	bool optional; /* kernels can be built without it */
};

/* The numbers: the kernel's syscall_64.tbl and syscall_32.tbl, uapi/asm-generic/unistd.h and arm64's unistd32.h. */
#ifdef __x86_64__
#define BK_CALL(n, x86, arm, compat_x86, compat_arm) .name = n, .number = x86, .compat = compat_x86
#elif defined(__aarch64__)
#define BK_CALL(n, x86, arm, compat_x86, compat_arm) .name = n, .number = arm, .compat = compat_arm
#else
#error "the numbers of the system calls of this architecture are not known here"
#endif

/*
 * Attaches a program to the classic tracepoints where these calls begin ("enter") or end ("exit"). It may be NULL or
 * not loaded: then there is nothing to do. -ENOENT: the kernel has not one that is not optional.
 */
int bk_attach_calls(struct bk_run *run, struct bpf_program *prog, const char *edge,
		    const struct bk_call *calls, size_t n);

/*
 * Opens a file as our caller may do it, not as we may; a new one is only for him. The descriptor is closed where
 * another program is executed. Returns it, or a negative errno.
 */
int bk_open_as_caller(const char *path, int flags);
/* What is in the file of run->save goes now; a negative errno is said. */
int bk_begin_output(struct bk_run *run);
/* Leads the tool through its life and returns the exit status. */
int bk_run(struct bk_run *run);

void bk_help(const struct bk_tool *tool);
void bk_man_options(const struct bk_tool *tool);
/*
 * Options of a tool for the shells, or the values of one of them. begun: how its value begins, which matters where it
 * can have several; or NULL.
 */
void bk_complete(const struct bk_tool *tool, const char *opt, const char *begun);

/*
 * Writes a variable of a program's data section before load, or finds it after. NULL: there is
 * none.
 */
void *bk_var(struct bpf_object *obj, const char *section, const char *name, size_t size);

/*
 * Time of an event as --timestamp says, into buf (40 bytes, all of which may be written); returns its length. The
 * clock is read for few of them: how wall and monotonic time differ is taken from within a second of the event.
 */
size_t bk_time_text(struct bk_run *run, uint64_t mono_ns, char *buf);
/*
 * The same for a time in CLOCK_REALTIME, such as a file has. Of kinds that count from something else than midnight
 * there are the seconds since first, and of CLOCK_MONOTONIC, those since 1970.
 */
size_t bk_wall_text(struct bk_run *run, uint64_t wall_ns, uint64_t first, char *buf);
uint64_t bk_now(void); /* CLOCK_MONOTONIC, ns */
/* The same in CLOCK_REALTIME, of which the difference is taken as bk_time_text() does. */
uint64_t bk_wall(uint64_t mono_ns);

/*
 * bk_quiesce() waits until every program that may have started before the call has returned: the
 * update of a map in a map waits for that (kernel commit 1ae80cf31938). Opened with privileges.
 */
struct bk_quiesce {
	int outer, inner;
};
int bk_quiesce_open(struct bk_quiesce *q);
int bk_quiesce(struct bk_quiesce *q);
void bk_quiesce_close(struct bk_quiesce *q);

/* ---- events by key, for --count (count.c, bpf/count.bpf.h) ---- */

/* One key, as a record for columns: those of the tool have the key's members at its offset. */
struct bk_count_row {
	uint64_t has;	  /* BK_COUNT_KNOWN, if the key is */
	const char *time; /* of the report, as JSON has it; valid while it is printed */
	uint64_t count; /* events */
	unsigned char key[BK_COUNT_KEY_MAX] __attribute__((aligned(8))); /* zero behind its size */
};

/* How the columns of a report begin. */
#define BK_COUNT_COLS								\
	BK_COL(NULL, "time", BK_COL_PTR, 0, struct bk_count_row, time),	\
	BK_COL("COUNT", "count", BK_COL_U64, 8, struct bk_count_row, count)

#define BK_COUNT_KEY(h, n, k, w) BK_COL(h, n, k, w, struct bk_count_row, key)

/* Those of a key that is a struct bk_count_name; in the table "..." says that it is cut. */
#define BK_COUNT_NAME(h, n)							\
	{ .head = h, .kind = BK_COL_U8, .has = BK_COUNT_KNOWN, .put = bk_count_put_name }, \
	BK_COL_IF(BK_COUNT_KNOWN, NULL, n, BK_COL_STR, 0, struct bk_count_row, key), \
	BK_COL(NULL, n "_cut", BK_COL_BOOL, 0, struct bk_count_row,		\
	       key[offsetof(struct bk_count_name, cut)])

void bk_count_put_name(struct bk_out *o, const void *row);

enum { BK_COUNT_KNOWN = 1 };

/* What the options say. */
struct bk_count_opts {
	bool on;
	int by;	       /* index into the keys; -1: not given */
	uint32_t rows; /* 0: not given */
};

/* These options. keys: NULL-terminated, the first is for those who give none; a_line: "a line an open". */
#define BK_COUNT_OPTS(o, keys, first, a_line)					\
	BK_FLAG(0, "count", &(o).on,						\
		"count in the kernel and report each interval (1s), instead of " a_line), \
	BK_ENUM(0, "by", &(o).by, keys, "KEY", "--count by this (" first ")"),	\
	BK_U32(0, "rows", &(o).rows, 1, 1 << 20, "N",				\
	       "how many keys --count can tell apart in an interval (4096)")

/* What an interval counted. */
struct bk_counted {
	struct bk_count_row *rows; /* owned; to be freed */
	size_t n, room;
	uint64_t missing; /* events whose key found no room in the table */
	uint64_t total;	  /* events, these among them */
};

/* Is it asked for, by --count or by --by alone? */
bool bk_count_wanted(const struct bk_count_opts *o);
/*
 * For init(): if it is asked for there are no lines, but a report each second if --interval says nothing else, with
 * the time of day; lines have no time unless that is asked for. The key is then given, too. -EINVAL, said:
 * what belongs to --count is there without it, or is out of range. The names of the keys must stay.
 */
int bk_count_init(struct bk_run *run, struct bk_count_opts *o, const char *const *keys);
/* As start_json(): what is counted by, and how often it is reported; nothing if there are lines. */
void bk_count_start_json(struct bk_run *run, struct bk_out *o);
/*
 * For configure(): room for as many keys as was asked for, of this many bytes, at most BK_COUNT_KEY_MAX. If there
 * are lines nothing is counted: the maps are not made, and the program must not use them.
 */
int bk_count_configure(struct bk_run *run, size_t key_size);
/*
 * As started(): what reading needs privileges for; nothing if there are lines. Sets map_fd, so that they stay where
 * it needs them later.
 */
int bk_count_started(struct bk_run *run, void *skel);
/*
 * Takes out all that was counted since the last call, or the start, while counting goes on. No event
 * is in none of two such intervals, nor in both.
 */
int bk_count_read(struct bk_counted *c);
/* When the programs are detached: waits for those that still run; then counts n more events of a key. */
int bk_count_wait(void);
int bk_count_add(const void *key, uint64_t n);
/* Most first; equal ones by key: those of 4 and 8 bytes as numbers, others as bytes. */
void bk_count_sort(struct bk_counted *c, size_t key_size);
/* Prints that: a heading ("WHAT by BY"), the rows, what has no row, the total. */
void bk_count_print(struct bk_run *run, struct bk_counted *c, const char *what, const char *by,
		    const struct bk_col *cols);
/*
 * For report(): the three of them, by the key that was asked for; at the end only if there is something to say.
 * is_known: has an event with this key one at all? NULL: all have.
 */
int bk_count_report(struct bk_run *run, bool last, const char *what, const struct bk_col *cols,
		    bool (*is_known)(const unsigned char *key));
void bk_count_close(void);

/*
 * Takes all entries out of a hash that no program uses any more, a batch at a time, and gives each to
 * a function.
 */
int bk_empty_map(int fd, size_t ksize, size_t vsize,
		 void (*each)(void *ctx, const void *key, const void *value), void *ctx);

#endif
