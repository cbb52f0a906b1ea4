// SPDX-License-Identifier: GPL-2.0-only
/* Which tool is meant, and what bpfkit does without one. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bk.h"
#include "cbpf.h"
#include "install.h"
#include "version.h"

#define TOOL(name) extern const struct bk_tool name##_tool;
#include "tools.h"
#undef TOOL

static const struct bk_tool *const tools[] = {
#define TOOL(name) &name##_tool,
#include "tools.h"
#undef TOOL
};

static const char *const groups[BK_GROUPS] = {
	[BK_GROUP_NET] = "network", [BK_GROUP_PROCESS] = "processes", [BK_GROUP_FILE] = "files",
	[BK_GROUP_DISK] = "disks",  [BK_GROUP_CPU] = "CPU",
};

static const char usage[] =
	"Usage: bpfkit TOOL [OPTION]...\n"
	"       bpfkit --list [--json] | --version | --help | help TOOL\n"
	"       bpfkit --install [-f] DIR     links named as the tools, to this file\n"
	"       bpfkit --complete [TOOL [OPTION [VALUE]]]\n";

/* ---- finding a tool ---- */

static const struct bk_tool *find(const char *name, const struct bk_alias **alias)
{
	*alias = NULL;
	if (!strncmp(name, "bpfkit-", 7))
		name += 7;
	for (size_t i = 0; i < ARRAY_LEN(tools); i++) {
		if (!strcmp(tools[i]->name, name))
			return tools[i];
		for (const struct bk_alias *a = tools[i]->aliases; a && a->name; a++)
			if (!strcmp(a->name, name)) {
				*alias = a;
				return tools[i];
			}
	}
	return NULL;
}

/*
 * Letters to change, add, leave out or swap with a neighbour to make a into b; words of up to 31
 * letters.
 */
static int distance(const char *a, const char *b)
{
	int d[33][33], n = strlen(a), m = strlen(b);

	if (n > 31 || m > 31)
		return 99;
	for (int i = 0; i <= n; i++)
		for (int j = 0; j <= m; j++) {
			int best = i && j ? d[i - 1][j - 1] + (a[i - 1] != b[j - 1]) : i + j;

			if (i && d[i - 1][j] + 1 < best)
				best = d[i - 1][j] + 1;
			if (j && d[i][j - 1] + 1 < best)
				best = d[i][j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] &&
			    d[i - 2][j - 2] + 1 < best)
				best = d[i - 2][j - 2] + 1;
			d[i][j] = best;
		}
	return d[n][m];
}

static int unknown(const char *name)
{
	const char *near = NULL;
	int best = strlen(name) / 3 + 2;

	for (size_t i = 0; i < ARRAY_LEN(tools); i++) {
		if (distance(name, tools[i]->name) < best) {
			best = distance(name, tools[i]->name);
			near = tools[i]->name;
		}
		for (const struct bk_alias *a = tools[i]->aliases; a && a->name; a++)
			if (distance(name, a->name) < best) {
				best = distance(name, a->name);
				near = a->name;
			}
	}
	if (near)
		bk_error("there is no tool '%s'; did you mean '%s'?", name, near);
	else
		bk_error("there is no tool '%s'; 'bpfkit --list' names them all", name);
	return BK_EXIT_NO_TOOL;
}

/* ---- what bpfkit says of itself ---- */

static void list(void)
{
	for (int g = 0; g < BK_GROUPS; g++) {
		bool any = false;

		for (size_t i = 0; i < ARRAY_LEN(tools); i++) {
			if ((int)tools[i]->group != g)
				continue;
			if (!any)
				printf("%s:\n", groups[g]);
			any = true;
			printf("  %-14s %s\n", tools[i]->name, tools[i]->summary);
			for (const struct bk_alias *a = tools[i]->aliases; a && a->name; a++)
				printf("  %-14s = %s %s\n", a->name, tools[i]->name, a->args);
		}
	}
}

static void list_json(void)
{
	for (size_t i = 0; i < ARRAY_LEN(tools); i++) {
		printf("{\"name\":\"%s\",\"summary\":\"%s\",\"group\":\"%s\",\"aliases\":[",
		       tools[i]->name, tools[i]->summary, groups[tools[i]->group]);
		for (const struct bk_alias *a = tools[i]->aliases; a && a->name; a++)
			printf("%s\"%s\"", a == tools[i]->aliases ? "" : ",", a->name);
		printf("]}\n");
	}
}

static void version(void)
{
	printf("bpfkit %s\n", BPFKIT_VERSION);
	printf("libbpf %s, %s\n", libbpf_version_string() + 1,
	       BPFKIT_STATIC ? "static" : "dynamic");
	if (bk_cbpf_version())
		printf("optional features: filter expressions (%s)\n", bk_cbpf_version());
	else
		printf("optional features: none\n");
}

static void complete(int argc, char **argv)
{
	const struct bk_alias *alias;
	const struct bk_tool *t;

	if (argc) {
		t = find(argv[0], &alias);
		if (t)
			bk_complete(t, argc > 1 ? argv[1] : NULL, argc > 2 ? argv[2] : NULL);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(tools); i++) {
		printf("%s\t%s\n", tools[i]->name, tools[i]->summary);
		for (const struct bk_alias *a = tools[i]->aliases; a && a->name; a++)
			printf("%s\t%s %s\n", a->name, tools[i]->name, a->args);
	}
	printf("help\thelp of a tool\n--list\tall tools\n--version\tof bpfkit and libbpf\n--help\tusage\n"
	       "--install\tlinks named as the tools\n");
}

static int install(int argc, char **argv)
{
	const char *names[256];
	bool force = argc && !strcmp(argv[0], "-f");
	size_t n = 0;

	argc -= force;
	argv += force;
	if (argc != 1) {
		bk_error(
			"--install takes one directory, and -f before it to replace links to another bpfkit");
		return BK_EXIT_USAGE;
	}
	for (size_t i = 0; i < ARRAY_LEN(tools); i++) {
		names[n++] = tools[i]->name;
		for (const struct bk_alias *a = tools[i]->aliases; a && a->name; a++)
			names[n++] = a->name;
	}
	return bk_install(argv[0], names, n, force);
}

static int too_many(const char *arg)
{
	bk_error("'%s' is one argument too many", arg);
	return BK_EXIT_USAGE;
}

/* Options of bpfkit itself. -1: it is none of them. */
static int own(int argc, char **argv)
{
	const struct bk_alias *alias;
	const struct bk_tool *t;

	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") ||
	    (!strcmp(argv[1], "help") && argc == 2)) {
		if (argc > 2)
			return too_many(argv[2]);
		printf("%s\neBPF tools for Linux in one file. The tools:\n\n", usage);
		list();
		return BK_EXIT_OK;
	}
	if (!strcmp(argv[1], "help") || !strcmp(argv[1], "--man-options")) {
		if (argc < 3)
			return -1;
		if (argc > 3)
			return too_many(argv[3]);
		t = find(argv[2], &alias);
		if (!t)
			return unknown(argv[2]);
		if (!strcmp(argv[1], "help"))
			bk_help(t);
		else
			bk_man_options(t);
		return BK_EXIT_OK;
	}
	if (!strcmp(argv[1], "--list")) {
		if (argc > 3 || (argc == 3 && strcmp(argv[2], "--json"))) {
			bk_error("--list takes nothing but --json");
			return BK_EXIT_USAGE;
		}
		if (argc == 3)
			list_json();
		else
			list();
		return BK_EXIT_OK;
	}
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		if (argc > 2)
			return too_many(argv[2]);
		version();
		return BK_EXIT_OK;
	}
	if (!strcmp(argv[1], "--complete")) {
		if (argc > 5)
			return too_many(argv[5]);
		complete(argc - 2, argv + 2);
		return BK_EXIT_OK;
	}
	if (!strcmp(argv[1], "--install"))
		return install(argc - 2, argv + 2);
	return -1;
}

/* The preset options of an alias, then the caller's. */
static char **preset(const struct bk_alias *a, int *argc, char **argv)
{
	char *words = strdup(a->args), *save = NULL, *w;
	char **v = calloc(*argc + 33, sizeof(*v));
	int n = 0;

	if (!words || !v)
		abort();
	v[n++] = argv[0];
	for (w = strtok_r(words, " ", &save); w && n < 32; w = strtok_r(NULL, " ", &save))
		v[n++] = w;
	for (int i = 1; i < *argc; i++)
		v[n++] = argv[i];
	*argc = n;
	return v;
}

static int run_tool(const struct bk_tool *t, const struct bk_alias *alias, int argc, char **argv)
{
	static struct bk_run run;
	static struct bk_out out;
	int status;

	run.tool = t;
	run.out = &out;
	bk_out_init(&out, STDOUT_FILENO);
	bk_log_init(t->name, 0);
	if (alias)
		argv = preset(alias, &argc, argv);
	status = bk_parse_args(&run, argc, argv);
	return status == -1 ? bk_run(&run) : status;
}

/* What was printed has to arrive: a full disk is a failure, a reader that went away is none. */
static int finish(int status)
{
	if (fflush(stdout) || ferror(stdout)) {
		if (errno == EPIPE)
			return status;
		bk_error("cannot write to stdout: %m");
		return BK_EXIT_FAILED;
	}
	return status;
}

int main(int argc, char **argv)
{
	const struct bk_alias *alias = NULL;
	const struct bk_tool *t = NULL;
	const char *base;
	int status;

	if (argc < 1)
		return BK_EXIT_USAGE;
	base = strrchr(argv[0], '/');
	base = base ? base + 1 : argv[0];
	t = find(base, &alias);
	if (t)
		return finish(run_tool(t, alias, argc, argv));
	if (argc == 1) {
		fputs(usage, stderr);
		fputs("\nThe tools:\n\n", stderr);
		fflush(stderr);
		list();
		finish(0);
		return BK_EXIT_USAGE;
	}
	status = own(argc, argv);
	if (status != -1)
		return finish(status);
	if (argv[1][0] == '-') {
		bk_error("there is no option '%s'", argv[1]);
		fputs(usage, stderr);
		return BK_EXIT_USAGE;
	}
	t = find(argv[1], &alias);
	if (!t)
		return unknown(argv[1]);
	return finish(run_tool(t, alias, argc - 1, argv + 1));
}
