// SPDX-License-Identifier: GPL-2.0-only
/* @NAME@: one line each time a process executes a program. */
#include "bk.h"
#include "@NAME@.h"
#include "@NAME@.skel.h"

static struct {
	bool show_uid;
} opt;

static const struct bk_opt opts[] = {
	BK_FLAG('U', "show-uid", &opt.show_uid, "also the user's number, in text"),
	{ .type = BK_OPT_END }
};

static const struct bk_col cols[] = {
	BK_COL("TIME", "time", BK_COL_TIME, -15, struct @NAME@_event, time),
	BK_COL("PID", "pid", BK_COL_U32, 7, struct @NAME@_event, pid),
	BK_COL("PPID", "ppid", BK_COL_U32, 7, struct @NAME@_event, ppid),
	BK_COL(NULL, "uid", BK_COL_U32, 0, struct @NAME@_event, uid),
	BK_COL("COMM", "comm", BK_COL_STR, -16, struct @NAME@_event, comm),
	{ .kind = BK_COL_END }
};

static const struct bk_col cols_uid[] = {
	BK_COL("TIME", "time", BK_COL_TIME, -15, struct @NAME@_event, time),
	BK_COL("UID", "uid", BK_COL_U32, 6, struct @NAME@_event, uid),
	BK_COL("PID", "pid", BK_COL_U32, 7, struct @NAME@_event, pid),
	BK_COL("PPID", "ppid", BK_COL_U32, 7, struct @NAME@_event, ppid),
	BK_COL("COMM", "comm", BK_COL_STR, -16, struct @NAME@_event, comm),
	{ .kind = BK_COL_END }
};

static int init(struct bk_run *run)
{
	if (opt.show_uid)
		run->cols = cols_uid;
	return 0;
}

static int event(struct bk_run *run, const void *rec, size_t len)
{
	bk_emit(run, run->cols, "exec", rec);
	return 0;
}

BK_SKEL(@NAME@);

static const char *const probes[] = { "tp_btf", "tp", NULL };

const struct bk_tool @NAME@_tool = {
	.name = "@NAME@",
	.summary = "Show each process that executes a program",
	.examples = "@NAME@\tone line an exec\n"
		    "@NAME@ --comm 'make*' --json\tof some names, as JSON lines\n",
	.group = BK_GROUP_PROCESS,
	.common = BK_TASK | BK_COUNT | BK_TIMESTAMP | BK_BUFFER,
	.needs = BK_NEED_EVENTS,
	.probes = probes,
	.opts = opts,
	.cols = cols,
	.skel = &skel,
	.init = init,
	.event = event,
};
