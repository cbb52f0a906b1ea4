// SPDX-License-Identifier: GPL-2.0-only
/* One table of options: it parses, explains itself, fills the man page and completes. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bk.h"

enum { MAX_OPTS = 96 };

static const char *const timestamps[] = { "wall", "iso", "rel", "mono", "none", NULL };
static const char *const outputs[] = { "text", "json", NULL };

/* All rows that a tool takes: its own first, then the shared ones. */
struct table {
	struct bk_opt rows[MAX_OPTS];
	size_t n, own;
};

static void add(struct table *t, const struct bk_opt *o)
{
	/* a tool's own name wins over a shared one */
	for (size_t i = 0; i < t->n; i++)
		if (!strcmp(t->rows[i].name, o->name))
			return;
	if (t->n == MAX_OPTS)
		abort(); /* a constant of the program is too small; the tests see it first */
	t->rows[t->n] = *o;
	/* a tool's own letter wins over a shared one; the long form stays */
	for (size_t i = 0; i < t->n; i++)
		if (t->rows[i].letter == o->letter)
			t->rows[t->n].letter = 0;
	t->n++;
}

static void make_table(struct table *t, const struct bk_tool *tool, struct bk_common_opts *c)
{
	const struct bk_opt shared[] = {
		BK_LIST('p', "pid", &c->pids, 1, 1 << 22, "PID,...", "only these processes"),
		BK_LIST(0, "tid", &c->tids, 1, 1 << 22, "TID,...", "only these threads"),
		BK_STR(0, "comm", &c->comm, "NAME",
		       "only processes of this name; NAME* takes any that begin so"),
		{ 0, "uid", "USER", "only processes of this user, by name or number", BK_OPT_USER,
		  .to.filter = &c->filter },
		{ 0, "cgroup", "PATH", "only processes in this cgroup (version 2) or below it",
		  BK_OPT_CGROUP, .to.filter = &c->filter },
		{ 0, "netns", "NS", "only this network namespace: name, path or inode",
		  BK_OPT_NETNS, .to.filter = &c->filter },
		BK_FLAG(0, "pidns", &c->pidns,
			"numbers of processes as in this PID namespace, and only what is in it"),
		BK_U32(0, "follow-max", &c->follow_max, 1, 1 << 22, "N",
		       "of a command behind --, follow at most N processes at a time (16384)"),
		BK_DURATION('i', "interval", &c->interval, "TIME", "time between reports"),
		BK_U32('c', "limit", &c->count, 1, UINT32_MAX, "N",
		       "stop after N lines, or N reports"),
		BK_U32(0, "count", &c->count, 1, UINT32_MAX, "N", "the same as --limit"),
		{ 0, "timestamp", "KIND",
		  "time of day, ISO 8601, since the start, CLOCK_MONOTONIC, or none", BK_OPT_ENUM,
		  .choices = timestamps, .to.choice = &c->timestamp },
		BK_SIZE(0, "buffer", &c->buffer, "SIZE",
			"of the ring buffer, rounded up to a power of two (512k for each CPU, 2M to 8M)"),
		BK_DURATION('d', "duration", &c->duration, "TIME", "stop after this time"),
		{ 0, "output", "FORMAT", "text or JSON lines", BK_OPT_ENUM, .choices = outputs,
		  .to.choice = &c->output },
		BK_FLAG(0, "json", &c->json, "JSON lines: --output json"),
		BK_FLAG(0, "no-header", &c->no_header, "no line of headings"),
		BK_STR(0, "probe", &c->probe, "RUNG", "use this kind of probe and no other"),
		BK_FLAG(0, "stats", &c->stats,
			"at the end, what the programs cost and how the books balance"),
		{ 'v', "verbose", NULL, "say what is done; twice: with libbpf's debug messages",
		  BK_OPT_FLAG, .to.flag = NULL },
		{ 'h', "help", NULL, "this text", BK_OPT_FLAG, .to.flag = NULL },
	};
	static char buffer_help[96];
	static const unsigned int taken_if[] = {
		BK_PID,	  BK_TID,     BK_COMM,	   BK_UID,   BK_CGROUP, BK_NETNS,
		BK_PIDNS, BK_COMMAND, BK_INTERVAL, BK_COUNT, BK_COUNT,	BK_TIMESTAMP,
		BK_BUFFER,
	};

	t->n = 0;
	for (const struct bk_opt *o = tool->opts; o && o->type; o++)
		if (o->type != BK_OPT_SHARED)
			add(t, o);
	t->own = t->n;
	for (size_t i = 0; i < ARRAY_LEN(shared); i++) {
		struct bk_opt row = shared[i];

		if (i < ARRAY_LEN(taken_if) && !(tool->common & taken_if[i]))
			continue;
		if (!tool->probes && !strcmp(row.name, "probe"))
			continue;
		if (tool->buffer && !strcmp(row.name, "buffer")) {
			snprintf(buffer_help, sizeof(buffer_help),
				 "of the ring buffer, rounded up to a power of two (%uM)",
				 (unsigned int)(tool->buffer >> 20));
			row.help = buffer_help;
		}
		for (const struct bk_opt *o = tool->opts; o && o->type; o++) {
			if (o->type != BK_OPT_SHARED)
				continue;
			if (!strcmp(o->name, row.name))
				row.letter = o->letter;
			else if (o->letter == shared[i].letter && row.letter == shared[i].letter)
				row.letter = 0;
		}
		add(t, &row);
	}
}

/* ---- values ---- */

static const char *choose(const struct bk_opt *o, const char *arg)
{
	static char bad[256];
	int n;

	for (int i = 0; o->choices[i]; i++)
		if (!strcasecmp(o->choices[i], arg)) {
			*o->to.choice = i;
			return NULL;
		}
	n = snprintf(bad, sizeof(bad), "none of");
	for (int i = 0; o->choices[i] && n < (int)sizeof(bad); i++)
		n += snprintf(bad + n, sizeof(bad) - n, "%s %s", i ? "," : "", o->choices[i]);
	return bad;
}

/* Several of them, with commas between; they add to those that were given before. */
static const char *choose_some(const struct bk_opt *o, const char *arg)
{
	uint64_t bits = 0;
	const char *bad;
	int i = 0;
	struct bk_opt one = *o;

	one.to.choice = &i;
	for (const char *end; *arg || !bits; arg = end + (*end == ',')) {
		char name[64];

		end = arg + strcspn(arg, ",");
		snprintf(name, sizeof(name), "%.*s", (int)(end - arg), arg);
		bad = choose(&one, name);
		if (bad)
			return bad;
		bits |= 1ULL << i;
	}
	*o->to.u64 |= bits;
	return NULL;
}

/* Returns NULL or what is wrong with the value. */
static const char *set(const struct bk_opt *o, const char *arg)
{
	const char *bad;
	uint64_t v;

	switch (o->type) {
	case BK_OPT_FLAG:
		*o->to.flag = true;
		return NULL;
	case BK_OPT_U32:
		bad = bk_parse_u64(arg, o->min, o->max, &v);
		if (!bad)
			*o->to.u32 = v;
		return bad;
	case BK_OPT_SIZE:
		bad = bk_parse_size(arg, &v);
		if (!bad && !v)
			return "too small";
		if (!bad)
			*o->to.u64 = v;
		return bad;
	case BK_OPT_DURATION:
		return bk_parse_duration(arg, o->to.u64);
	case BK_OPT_STR:
	case BK_OPT_FILE:
		*o->to.str = arg;
		return *arg ? NULL : "empty";
	case BK_OPT_ENUM:
		return choose(o, arg);
	case BK_OPT_SET:
		return choose_some(o, arg);
	case BK_OPT_LIST:
		return bk_parse_list(arg, o->min, o->max, o->to.list);
	case BK_OPT_NET:
		return bk_parse_net(arg, false, o->to.net);
	case BK_OPT_HOST:
		return bk_parse_net(arg, true, o->to.net);
	case BK_OPT_USER:
		bad = bk_parse_user(arg, &o->to.filter->uid);
		if (!bad)
			o->to.filter->has_uid = 1;
		return bad;
	case BK_OPT_CGROUP: {
		uint64_t id;

		bad = bk_parse_cgroup(arg, &id, &o->to.filter->cgroup_level);
		if (!bad)
			o->to.filter->cgroup = id;
		return bad;
	}
	case BK_OPT_NETNS:
		return bk_parse_netns(arg, &o->to.filter->netns);
	case BK_OPT_IFNAME:
		if (!*arg || strlen(arg) > 15)
			return "not the name of an interface: 1 to 15 bytes";
		*o->to.str = arg;
		return NULL;
	case BK_OPT_IFNAMES:
		if (!*arg || strlen(arg) > 15)
			return "not the name of an interface: 1 to 15 bytes";
		if (o->to.names->n == ARRAY_LEN(o->to.names->v))
			return "one too many: it can be given 64 times";
		o->to.names->v[o->to.names->n++] = arg;
		return NULL;
	default:
		return "unusable";
	}
}

/* ---- parsing ---- */

static bool is_probe(const struct bk_tool *tool, const char *name)
{
	for (const char *const *p = tool->probes; p && *p; p++)
		if (!strcmp(*p, name))
			return true;
	return false;
}

static int check(struct bk_run *run)
{
	struct bk_common_opts *c = &run->opts;
	struct bk_filter *f = &c->filter;

	if (c->json)
		c->output = BK_OUT_JSON;
	if (c->probe && !is_probe(run->tool, c->probe)) {
		char list[128] = "";

		for (const char *const *p = run->tool->probes; p && *p; p++)
			snprintf(list + strlen(list), sizeof(list) - strlen(list), " %s", *p);
		bk_error("--probe: '%s' is no probe of this tool; it has:%s", c->probe, list);
		return BK_EXIT_USAGE;
	}
	if (c->buffer > 1ULL << 30) {
		bk_error("--buffer: at most 1G");
		return BK_EXIT_USAGE;
	}
	if (c->follow_max && !c->command) {
		bk_error("--follow-max belongs to a command, behind '--'");
		return BK_EXIT_USAGE;
	}
	if (c->comm) {
		size_t n = strlen(c->comm);
		bool prefix = n && c->comm[n - 1] == '*';

		n -= prefix;
		if (n > 15 || !n) {
			bk_error("--comm: '%s' is longer than the 15 bytes that a name can have, or empty",
				 c->comm);
			return BK_EXIT_USAGE;
		}
		memcpy(f->comm, c->comm, n);
		memset(f->comm_mask, 0xff, prefix ? n : n + 1);
	}
	f->npids = c->pids.n;
	memcpy(f->pids, c->pids.v, sizeof(f->pids));
	f->ntids = c->tids.n;
	memcpy(f->tids, c->tids.v, sizeof(f->tids));
	return -1;
}

int bk_usage(const struct bk_run *run)
{
	fprintf(stderr, "Try '%s --help'.\n", run->tool->name);
	return BK_EXIT_USAGE;
}

/* What the help calls the value of the option with this letter. */
static const char *value_of(const struct table *t, int letter)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->rows[i].letter == letter)
			return t->rows[i].arg;
	return "";
}

static int too_many(const struct bk_run *run, const char *arg)
{
	if (run->tool->common & BK_COMMAND)
		bk_error("'%s' is one argument too many: a command to run stands behind '--', "
			 "as in '-- %s'",
			 arg, arg);
	else
		bk_error("'%s' is one argument too many: this tool takes options only", arg);
	return bk_usage(run);
}

/* Behind those that came before. */
static void add_word(struct bk_run *run, const char *word)
{
	size_t before = run->opts.words ? strlen(run->opts.words) : 0;
	char *words = realloc(run->opts.words, before + strlen(word) + 2);

	if (!words)
		abort();
	sprintf(words + before, before ? " %s" : "%s", word);
	run->opts.words = words;
}

/* What stands behind "--": n words. */
static int set_command(struct bk_run *run, char **words, int n)
{
	if (run->tool->common & BK_WORDS) {
		for (int i = 0; i < n; i++)
			add_word(run, words[i]);
		return -1;
	}
	if (n && !(run->tool->common & BK_COMMAND)) {
		bk_error("'%s' is one argument too many: this tool runs no command", words[0]);
		return BK_EXIT_USAGE;
	}
	if (!n && run->tool->common & BK_COMMAND) {
		bk_error("behind '--' a command is missing");
		return BK_EXIT_USAGE;
	}
	run->opts.command = n ? words : NULL;
	return -1;
}

int bk_parse_args(struct bk_run *run, int argc, char **argv)
{
	struct option longs[MAX_OPTS + 1] = { 0 };
	char shorts[2 * MAX_OPTS + 3], *s = shorts;
	struct table t;
	int c, at, err = -1;

	run->opts.timestamp = run->tool->timestamp;
	make_table(&t, run->tool, &run->opts);
	*s++ = run->tool->synopsis && !(run->tool->common & BK_WORDS) ? '+' : '-';
	*s++ = ':';
	for (size_t i = 0; i < t.n; i++) {
		longs[i] = (struct option){ t.rows[i].name,
					    t.rows[i].arg ? required_argument : no_argument, NULL,
					    256 + (int)i };
		if (t.rows[i].letter) {
			*s++ = t.rows[i].letter;
			if (t.rows[i].arg)
				*s++ = ':';
		}
	}
	*s = 0;
	opterr = 0;
	optind = 0;
	while (at = optind ? optind : 1, (c = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		const struct bk_opt *o = NULL;
		const char *bad;

		for (size_t i = 0; i < t.n; i++)
			if (c == 256 + (int)i ||
			    (c < 256 && t.rows[i].letter && c == t.rows[i].letter))
				o = &t.rows[i];
		if (c == 1 && run->tool->common & BK_WORDS) {
			add_word(run, optarg);
			continue;
		}
		if (c == 1)
			return too_many(run, optarg);
		if (!o) {
			const char *arg = argv[optind > 0 ? optind - 1 : 0];

			if (c == ':' && optopt >= 256 && optopt < 256 + (int)t.n)
				bk_error("--%s needs a value: %s", t.rows[optopt - 256].name,
					 t.rows[optopt - 256].arg);
			else if (c == ':')
				bk_error("-%c needs a value: %s", optopt, value_of(&t, optopt));
			else if (optopt >= 256 && optopt < 256 + (int)t.n)
				bk_error("--%s takes no value", t.rows[optopt - 256].name);
			else if (optopt)
				bk_error("there is no option -%c", optopt);
			else
				bk_error("there is no option %s, or it could be several", arg);
			return bk_usage(run);
		}
		if (!strcmp(o->name, "help")) {
			bk_help(run->tool);
			return BK_EXIT_OK;
		}
		if (!strcmp(o->name, "verbose")) {
			run->opts.verbose++;
			bk_log_init(run->tool->name, run->opts.verbose);
			continue;
		}
		bad = set(o, optarg);
		if (bad) {
			bk_error("--%s: '%s' is %s", o->name, optarg, bad);
			return bk_usage(run);
		}
	}
	/* "--" itself: not where it is the value of an option, which is behind "at" then */
	if (at < argc && !strcmp(argv[at], "--"))
		err = set_command(run, argv + optind, argc - optind);
	else if (optind < argc)
		return too_many(run, argv[optind]);
	err = err == -1 ? check(run) : err;
	return err == -1 ? -1 : bk_usage(run);
}

/* ---- help, man page, completion ---- */

enum { HELP_LEFT = 30, HELP_WIDTH = 100 };

/* In lines behind the help, if they are many. */
static void help_choices(const struct bk_opt *o)
{
	size_t at = HELP_LEFT + strlen(o->help) + 1;

	printf(":");
	for (int i = 0; o->choices[i]; i++) {
		size_t n = strlen(o->choices[i]) + 1;

		if (at + n > HELP_WIDTH) {
			printf("\n%*s", HELP_LEFT + 1, "");
			at = HELP_LEFT + 1;
		}
		printf(" %s", o->choices[i]);
		at += n;
	}
}

static void help_row(const struct bk_opt *o)
{
	char left[64];
	int n;

	n = snprintf(left, sizeof(left), o->letter ? "-%c, " : "    ", o->letter);
	n += snprintf(left + n, sizeof(left) - n, "--%s%s%s", o->name, o->arg ? " " : "",
		      o->arg ? o->arg : "");
	if (n > 26)
		printf("  %s\n  %-26s  %s", left, "", o->help);
	else
		printf("  %-26s  %s", left, o->help);
	if (o->choices)
		help_choices(o);
	printf("\n");
}

void bk_help(const struct bk_tool *tool)
{
	struct bk_common_opts unused;
	struct table t;

	make_table(&t, tool, &unused);
	printf("Usage: %s [OPTION]...%s%s%s\n%s.\n", tool->name, tool->synopsis ? " " : "",
	       tool->synopsis ? tool->synopsis : "",
	       tool->common & BK_COMMAND ? " [-- COMMAND [ARGUMENT]...]" : "", tool->summary);
	if (t.own) {
		printf("\nOptions:\n");
		for (size_t i = 0; i < t.own; i++)
			help_row(&t.rows[i]);
	}
	printf("\nShared options:\n");
	for (size_t i = t.own; i < t.n; i++)
		help_row(&t.rows[i]);
	if (tool->examples) {
		printf("\nExamples:\n");
		for (const char *p = tool->examples; *p;) {
			int left = strcspn(p, "\t"), right = strcspn(p + left + 1, "\n");

			printf("  %-44.*s  %.*s\n", left, p, right, p + left + 1);
			p += left + 1 + right + 1;
		}
	}
	printf("\nThe manual: man %s\n", tool->name);
}

/* Text for mdoc: a backslash or a leading dot would be read as a request. */
static void mdoc(const char *s)
{
	if (*s == '.' || *s == '\'')
		printf("\\&");
	for (; *s; s++)
		printf(*s == '\\' ? "\\e" : *s == '-' ? "\\-" : "%c", *s);
}

static void man_row(const struct bk_opt *o)
{
	printf(".It ");
	if (o->letter)
		printf("Fl %c , ", o->letter);
	printf("Fl Fl %s", o->name);
	if (o->arg) {
		printf(" Ar ");
		mdoc(o->arg);
	}
	printf("\n");
	mdoc(o->help);
	if (o->choices) {
		printf(":");
		for (int i = 0; o->choices[i]; i++)
			printf("%s %s", i ? "," : "", o->choices[i]);
	}
	printf(".\n");
}

void bk_man_options(const struct bk_tool *tool)
{
	struct bk_common_opts unused;
	struct table t;

	make_table(&t, tool, &unused);
	printf(".Bl -tag -width Ds\n");
	for (size_t i = 0; i < t.n; i++)
		man_row(&t.rows[i]);
	printf(".El\n");
}

static void complete_values(const struct bk_tool *tool, const struct bk_opt *o, const char *begun)
{
	/* one more of several goes behind what is there */
	const char *comma = begun && o->type == BK_OPT_SET ? strrchr(begun, ',') : NULL;
	int before = comma ? comma + 1 - begun : 0;

	if (o->type == BK_OPT_IFNAME || o->type == BK_OPT_IFNAMES)
		printf("<iface>\n");
	else if (o->type == BK_OPT_FILE)
		printf("<file>\n");
	else if (o->type == BK_OPT_CGROUP)
		printf("<dir>\n");
	else if (o->type == BK_OPT_NETNS || (o->type == BK_OPT_STR && !strcmp(o->arg, "PATH")))
		printf("<file>\n");
	else if (!strcmp(o->name, "probe"))
		for (const char *const *p = tool->probes; p && *p; p++)
			printf("%s\n", *p);
	else if (o->type != BK_OPT_FLAG && !o->choices)
		printf("<value>\n");
	for (int i = 0; o->choices && o->choices[i]; i++)
		printf("%.*s%s\n", before, before ? begun : "", o->choices[i]);
}

void bk_complete(const struct bk_tool *tool, const char *opt, const char *begun)
{
	struct bk_common_opts unused;
	struct table t;

	make_table(&t, tool, &unused);
	for (size_t i = 0; i < t.n; i++) {
		const struct bk_opt *o = &t.rows[i];

		if (opt) {
			if (!strncmp(opt, "--", 2) ?
				    !strcmp(opt + 2, o->name) :
				    opt[0] == '-' && o->letter && opt[1] == o->letter && !opt[2])
				complete_values(tool, o, begun);
			continue;
		}
		printf("--%s\t%s\n", o->name, o->help);
		if (o->letter)
			printf("-%c\t%s\n", o->letter, o->help);
	}
}
