// SPDX-License-Identifier: GPL-2.0-only
/* One table of options, four uses: lib/opts.c */
#include "test.h"

enum { ARGS = 40 };

static const char *const colours[] = { "red", "green", "blue", NULL };
static const char *const rungs[] = { "fexit", "tp", NULL };

static struct {
	bool flag, other;
	uint32_t number;
	uint64_t size, time;
	const char *text, *file, *ifname;
	int colour;
	uint64_t mix;
	struct bk_list ports;
	struct bk_net net, host;
} opt;

static const struct bk_opt rows[] = {
	BK_FLAG('f', "flag", &opt.flag, "a flag"),
	BK_FLAG('t', "other", &opt.other, ".begins with a dot and has a \\ in it"),
	BK_U32('c', "number", &opt.number, 5, 10, "N",
	       "a number, whose letter --limit has elsewhere"),
	BK_SIZE(0, "size", &opt.size, "SIZE", "a size"),
	BK_DURATION('w', "wait", &opt.time, "TIME", "a time"),
	BK_STR(0, "text", &opt.text, "TEXT", "a text"),
	BK_FILE(0, "file", &opt.file, "FILE", "a file"),
	BK_ENUM('e', "colour", &opt.colour, colours, "COLOUR", "a choice"),
	BK_SET(0, "mix", &opt.mix, colours, "COLOUR,...", "some choices"),
	BK_LIST(0, "port", &opt.ports, 0, 65535, "PORT,...", "a list"),
	BK_NET(0, "net", &opt.net, "NET", "a network"),
	BK_HOST(0, "host", &opt.host, "ADDR", "an address"),
	BK_IFNAME('I', "ifname", &opt.ifname, "NAME", "an interface"),
	BK_LETTER('r', "interval"),
	{ .type = BK_OPT_END }
};

#define EVERYTHING (BK_TASK | BK_INTERVAL | BK_COUNT | BK_TIMESTAMP | BK_BUFFER)

static const struct bk_tool tool = {
	.name = "sample",
	.summary = "A tool with every type of option",
	.examples = "sample -f\twith the flag\nsample -e red\tin red\n",
	.common = EVERYTHING,
	.probes = rungs,
	.opts = rows,
};

static const struct bk_tool bare = { .name = "bare",
				     .summary = "A tool without options of its own" };

static struct bk_run run;
static const char *said; /* on stderr */

/* Arguments are separated by blanks; "''" is an empty one. */
static int parse_of(const struct bk_tool *t, const char *line)
{
	static char copy[4096];
	static char *argv[ARGS + 2]; /* a command is part of it */
	char *save = NULL, *word;
	struct capture c;
	int argc = 1, status;

	memset(argv, 0, sizeof(argv));
	argv[0] = (char *)t->name;

	memset(&run, 0, sizeof(run));
	memset(&opt, 0, sizeof(opt));
	run.tool = t;
	snprintf(copy, sizeof(copy), "%s", line);
	for (word = strtok_r(copy, " ", &save); word && argc <= ARGS;
	     word = strtok_r(NULL, " ", &save))
		argv[argc++] = strcmp(word, "''") ? word : word + 2;
	bk_log_init(t->name, 0);
	c = capture_begin(STDERR_FILENO);
	status = bk_parse_args(&run, argc, argv);
	said = capture_end(&c);
	return status;
}

static void good(const char *line)
{
	int status = parse_of(&tool, line);

	if (status != -1 || *said)
		fail_msg("'%s' gives %d: %s", line, status, said);
}

/* One sentence that names the option, and where to read more. */
static void bad_of(const struct bk_tool *t, const char *line, const char *names)
{
	int status = parse_of(t, line);
	char head[64], tail[64];

	snprintf(head, sizeof(head), "%s: ", t->name);
	snprintf(tail, sizeof(tail), "\nTry '%s --help'.\n", t->name);
	if (status != BK_EXIT_USAGE)
		fail_msg("'%s' gives %d", line, status);
	if (count_lines(said) != 2 || !begins(said, head) || strlen(said) < strlen(tail) ||
	    strcmp(said + strlen(said) - strlen(tail), tail))
		fail_msg("'%s' says '%s'", line, said);
	if (!strstr(said, names))
		fail_msg("'%s' does not name %s: %s", line, names, said);
}

static void bad(const char *line, const char *names)
{
	bad_of(&tool, line, names);
}

/* ---- parsing ---- */

static void test_nothing(void **state)
{
	good("");
	assert_false(opt.flag);
	assert_int_equal(run.opts.count, 0);
	assert_int_equal(run.opts.output, BK_OUT_TEXT);
	assert_int_equal(run.opts.timestamp, BK_TIME_WALL);
}

static void test_own(void **state)
{
	good("-f");
	assert_true(opt.flag);
	good("--flag");
	assert_true(opt.flag);
	assert_false(opt.other);
	good("--number 5");
	assert_int_equal(opt.number, 5);
	good("--number=10");
	assert_int_equal(opt.number, 10);
	good("--size 256k");
	assert_int_equal(opt.size, 262144);
	good("-w1.5s");
	assert_int_equal(opt.time, 1500000000);
	good("--wait 200ms");
	assert_int_equal(opt.time, 200000000);
	good("--text some");
	assert_string_equal(opt.text, "some");
	good("--text --flag");
	assert_string_equal(opt.text, "--flag");
	assert_false(opt.flag);
	good("-e blue");
	assert_int_equal(opt.colour, 2);
	good("--colour GREEN");
	assert_int_equal(opt.colour, 1);
	good("--mix red");
	assert_int_equal(opt.mix, 1);
	good("--mix blue,Red,blue");
	assert_int_equal(opt.mix, 5);
	good("--mix green --mix blue,");
	assert_int_equal(opt.mix, 6);
	good("--port 80,443");
	assert_int_equal(opt.ports.n, 2);
	assert_int_equal(opt.ports.v[1], 443);
	good("--net 10.1.0.0/8");
	assert_int_equal(opt.net.bits, 8);
	assert_int_equal(opt.net.addr[1], 0);
	good("--host fe80::1");
	assert_int_equal(opt.host.family, 6);
	good("-I eth0");
	assert_string_equal(opt.ifname, "eth0");
	good("-I 123456789012345");
	good("-tfc7");
	assert_true(opt.flag && opt.other);
	assert_int_equal(opt.number, 7);
}

static void test_last_wins_and_lists_grow(void **state)
{
	good("-c 5 -c 6 --number 7 -e red -e blue --port 1,2 --port 3");
	assert_int_equal(opt.number, 7);
	assert_int_equal(opt.colour, 2);
	assert_int_equal(opt.ports.n, 3);
	assert_int_equal(opt.ports.v[0], 1);
	assert_int_equal(opt.ports.v[2], 3);
}

static void test_shared(void **state)
{
	const struct bk_filter *f = &run.opts.filter;

	good("-p 1,2 --tid 3 --comm bash --uid 0 --netns 4026531840");
	assert_int_equal(run.opts.pids.n, 2);
	assert_int_equal(f->npids, 2);
	assert_int_equal(f->pids[0], 1);
	assert_int_equal(f->pids[1], 2);
	assert_int_equal(f->ntids, 1);
	assert_int_equal(f->tids[0], 3);
	assert_true(f->has_uid);
	assert_int_equal(f->uid, 0);
	assert_int_equal(f->netns, 4026531840);
	good("-r 2s -d 1m --count 3 --timestamp mono --buffer 1M --probe tp --stats --no-header");
	assert_int_equal(run.opts.interval, 2000000000);
	assert_int_equal(run.opts.duration, 60000000000);
	assert_int_equal(run.opts.count, 3);
	assert_int_equal(run.opts.timestamp, BK_TIME_MONO);
	assert_int_equal(run.opts.buffer, 1 << 20);
	assert_string_equal(run.opts.probe, "tp");
	assert_true(run.opts.stats && run.opts.no_header);
	good("--json");
	assert_int_equal(run.opts.output, BK_OUT_JSON);
	good("--output json");
	assert_int_equal(run.opts.output, BK_OUT_JSON);
	good("--output text");
	assert_int_equal(run.opts.output, BK_OUT_TEXT);
	good("--buffer 1G");
	good("-vv");
	assert_int_equal(run.opts.verbose, 2);
	good("--verbose");
	assert_int_equal(run.opts.verbose, 1);
	good("-p 4194304");
	good("--no-h"); /* long names may be cut short where they stay unique */
	assert_true(run.opts.no_header);
}

static void test_all_pids(void **state)
{
	const struct bk_filter *f = &run.opts.filter;

	good("-p 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16 --tid 21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36");
	assert_int_equal(f->npids, 16);
	assert_int_equal(f->ntids, 16);
	for (unsigned int i = 0; i < 16; i++) {
		assert_int_equal(f->pids[i], i + 1);
		assert_int_equal(f->tids[i], i + 21);
	}
}

/* What a name is compared with is all of it, or what stands before the star. */
static void expect_comm(const char *line, const char *name, unsigned int bytes)
{
	unsigned char want[16] = { 0 }, mask[16] = { 0 };

	good(line);
	memcpy(want, name, strlen(name));
	memset(mask, 0xff, bytes);
	assert_memory_equal(run.opts.filter.comm, want, 16);
	assert_memory_equal(run.opts.filter.comm_mask, mask, 16);
}

static void test_comm(void **state)
{
	expect_comm("--comm a", "a", 2);
	expect_comm("--comm bash", "bash", 5);
	expect_comm("--comm bash*", "bash", 4);
	expect_comm("--comm *x", "*x", 3);
	expect_comm("--comm 123456789012345", "123456789012345", 16);
	expect_comm("--comm 123456789012345*", "123456789012345", 15);
	expect_comm("", "", 0);
	bad("--comm 1234567890123456", "--comm");
	bad("--comm 1234567890123456*", "--comm");
	bad("--comm *", "--comm");
	bad("--comm ''", "--comm");
}

/* ---- letters ---- */

static void test_own_letter_wins(void **state)
{
	good("-c 7");
	assert_int_equal(opt.number, 7);
	assert_int_equal(run.opts.count, 0);
	good("--count 7"); /* the long form stays */
	assert_int_equal(run.opts.count, 7);
	assert_int_equal(opt.number, 0);
}

/* So does its own long name, of another kind even; --limit is what all tools have. */
static void test_own_name_wins(void **state)
{
	static bool flag;
	static const struct bk_opt names[] = { BK_FLAG(0, "count", &flag, "another thing"),
					       { .type = BK_OPT_END } };
	const struct bk_tool t = { .name = "names", .common = EVERYTHING, .opts = names };
	struct capture c;
	const char *help, *p;

	assert_int_equal(parse_of(&t, "--count --limit 5"), -1);
	assert_true(flag);
	assert_int_equal(run.opts.count, 5);
	assert_int_equal(parse_of(&t, "-c 6"), -1);
	assert_int_equal(run.opts.count, 6);
	bad_of(&t, "--count=7", "--count takes no value");
	c = capture_begin(STDOUT_FILENO);
	bk_help(&t);
	help = capture_end(&c);
	p = strstr(help, "--count");
	assert_non_null(p);
	assert_null(strstr(p + 1, "--count"));
	assert_null(strstr(help, "the same as --limit"));
}

static void test_limit_and_count_are_one(void **state)
{
	good("--limit 5");
	assert_int_equal(run.opts.count, 5);
	good("--limit 5 --count 6");
	assert_int_equal(run.opts.count, 6);
}

static void test_another_letter(void **state)
{
	good("-r 3s");
	assert_int_equal(run.opts.interval, 3000000000);
	good("--interval 4s");
	assert_int_equal(run.opts.interval, 4000000000);
	bad("-i", "-i"); /* instead, not besides */
	bad("-r", "-r");
	bad("-r x", "--interval");
}

/*
 * A letter that a tool gives to a shared option is its own, too, and wins over another's default.
 */
static void test_another_letter_wins(void **state)
{
	static const struct bk_opt letters[] = { BK_LETTER('c', "duration"),
						 { .type = BK_OPT_END } };
	const struct bk_tool t = { .name = "letters", .common = EVERYTHING, .opts = letters };
	int status = parse_of(&t, "-c 5s");

	if (status != -1)
		fail_msg("-c is not --duration: %s", said);
	assert_int_equal(run.opts.duration, 5000000000);
	assert_int_equal(run.opts.count, 0);
	assert_int_equal(parse_of(&t, "--count 5"), -1);
	assert_int_equal(run.opts.count, 5);
}

/* Only what a tool says it takes. */
static void test_not_taken(void **state)
{
	static const char *const lines[] = {
		"-p 1",       "--pid 1",         "--tid 1",     "--comm x",     "--uid 0",
		"--pidns",    "--follow-max 1",
		"--cgroup /", "--netns 1",       "-i 1",        "--interval 1", "-c 1",
		"--limit 1",  "--count 1",  "--timestamp iso", "--buffer 1M", "-f",           "-r 1",
	};

	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		bad_of(&bare, lines[i], "there is no option");
	assert_int_equal(parse_of(&bare, "-d 1s --output json --json --no-header --stats -v"), -1);
}

/* ---- errors ---- */

static void test_bad_values(void **state)
{
	static const struct {
		const char *line, *names;
	} lines[] = {
		{ "-c 4", "--number" },
		{ "-c 11", "--number" },
		{ "--number x", "--number" },
		{ "-c -1", "--number" },
		{ "--number=", "--number" },
		{ "--size 1T", "--size" },
		{ "-w 1.", "--wait" },
		{ "-w 0", "--wait" },
		{ "--text ''", "--text" },
		{ "-e yellow", "--colour" },
		{ "-e ''", "--colour" },
		{ "-e re", "--colour" },
		{ "--mix ''", "--mix" },
		{ "--mix ,", "--mix" },
		{ "--mix red,yellow", "--mix" },
		{ "--mix red,,blue", "--mix" },
		{ "--port 65536", "--port" },
		{ "--port 1,,2", "--port" },
		{ "--net 10.0.0.0/33", "--net" },
		{ "--host 10.0.0.0/8", "--host" },
		{ "--host example.org", "--host" },
		{ "-I 1234567890123456", "--ifname" },
		{ "-I ''", "--ifname" },
		{ "-p 0", "--pid" },
		{ "-p 4194305", "--pid" },
		{ "--uid no-such-user-here", "--uid" },
		{ "--uid 4294967295", "--uid" },
		{ "--cgroup no-such-cgroup", "--cgroup" },
		{ "--netns no-such-name-here", "--netns" },
		{ "--limit 0", "--limit" },
		{ "--count 0", "--count" },
		{ "--count 4294967296", "--count" },
		{ "-r 1x", "--interval" },
		{ "-d 0", "--duration" },
		{ "--timestamp utc", "--timestamp" },
		{ "--output xml", "--output" },
		{ "--buffer x", "--buffer" },
		{ "--buffer 2G", "--buffer" },
		{ "--probe kprobe", "--probe" },
		{ "--probe ''", "--probe" },
	};

	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		bad(lines[i].line, lines[i].names);
}

/* What would have been right is said, and the value that was not. */
static void test_bad_values_help(void **state)
{
	bad("-e yellow", "red, green, blue");
	bad("-e yellow", "'yellow'");
	bad("--probe kprobe", "fexit tp");
	bad("-c 11", "from 5 to 10");
}

static void test_bad_options(void **state)
{
	static const struct {
		const char *line, *names;
	} lines[] = {
		{ "-Z", "-Z" },
		{ "-fZ", "-Z" },
		{ "--nonsense", "--nonsense" },
		{ "--nonsense=1", "--nonsense" },
		{ "--t", "--t" },
		{ "-c", "-c" },
		{ "-fc", "-c" },
		{ "--number", "--number" },
		{ "--flag=1", "--flag" },
		{ "--json=x", "--json" },
		{ "argument", "'argument'" },
		{ "-f argument", "'argument'" },
		{ "argument -f", "'argument'" },
		{ "argument -- command", "'argument'" },
		{ "-- ", "a command is missing" },
		{ "-f --", "a command is missing" },
		{ "--follow-max 3", "--follow-max" },
		{ "-", "'-'" },
		{ "-?", "-?" },
		{ "-:", "-:" },
	};

	for (size_t i = 0; i < ARRAY_LEN(lines); i++)
		bad(lines[i].line, lines[i].names);
	bad_of(&bare, "argument", "'argument'");
	bad_of(&bare, "-- argument", "'argument'");
	bad_of(&bare, "-v -- argument", "runs no command");
	assert_int_equal(parse_of(&bare, "--"), -1);
}

static void expect_command(const char *line, const char *const *words)
{
	size_t n = 0;

	good(line);
	assert_non_null(run.opts.command);
	for (; words[n]; n++)
		assert_string_equal(run.opts.command[n], words[n]);
	assert_null(run.opts.command[n]);
}

/* All behind the first "--" that is no value is the command's. */
static void test_command(void **state)
{
	static const char *const one[] = { "ls", NULL };
	static const char *const more[] = { "ls", "-f", "--", "x", NULL };
	static const char *const empty[] = { "", NULL };

	expect_command("-- ls", one);
	expect_command("-f -- ls", one);
	assert_true(opt.flag);
	expect_command("-- ls -f -- x", more);
	assert_false(opt.flag);
	expect_command("-- ''", empty);
	expect_command("--text -- -- ls", one);
	assert_string_equal(opt.text, "--");
	expect_command("--follow-max 5 -- ls", one);
	assert_int_equal(run.opts.follow_max, 5);
	good("--text --");
	assert_null(run.opts.command);
	good("--pidns");
	assert_true(run.opts.pidns);
}

/* A value comes from a stranger, too: a script may have put anything there. */
static void test_values_are_escaped(void **state)
{
	bad("-e \x1b[31m\n", "\\x1b[31m\\x0a");
	bad("--number \xff\xe2\x80\xae", "\\xff\\u{202e}");
	bad("\x1b]0;x\x07", "\\x1b]0;x\\x07");
	bad("--\x1bx", "\\x1bx");
}

/* Called again, as for several tools in a process, it begins anew. */
static void test_again(void **state)
{
	bad("-f x", "'x'");
	good("-f");
	bad("-fZ", "-Z");
	good("-t");
	assert_false(opt.flag);
}

/* ---- help, man page, completion ---- */

/* The rows that a tool must have: letter, name and what the help says of it. */
static const struct {
	char letter;
	const char *name, *arg, *help;
} expected[] = {
	{ 'f', "flag", NULL, "a flag" },
	{ 't', "other", NULL, ".begins with a dot and has a \\ in it" },
	{ 'c', "number", "N", "a number, whose letter --limit has elsewhere" },
	{ 0, "size", "SIZE", "a size" },
	{ 'w', "wait", "TIME", "a time" },
	{ 0, "text", "TEXT", "a text" },
	{ 0, "file", "FILE", "a file" },
	{ 'e', "colour", "COLOUR", "a choice" },
	{ 0, "mix", "COLOUR,...", "some choices" },
	{ 0, "port", "PORT,...", "a list" },
	{ 0, "net", "NET", "a network" },
	{ 0, "host", "ADDR", "an address" },
	{ 'I', "ifname", "NAME", "an interface" },
	{ 'p', "pid", "PID,...", "" },
	{ 0, "tid", "TID,...", "" },
	{ 0, "comm", "NAME", "" },
	{ 0, "uid", "USER", "" },
	{ 0, "cgroup", "PATH", "" },
	{ 0, "netns", "NS", "" },
	{ 0, "pidns", NULL, "" },
	{ 0, "follow-max", "N", "" },
	{ 'r', "interval", "TIME", "" },
	{ 0, "limit", "N", "" },
	{ 0, "count", "N", "the same as --limit" },
	{ 0, "timestamp", "KIND", "" },
	{ 0, "buffer", "SIZE", "" },
	{ 'd', "duration", "TIME", "" },
	{ 0, "output", "FORMAT", "" },
	{ 0, "json", NULL, "" },
	{ 0, "no-header", NULL, "" },
	{ 0, "probe", "RUNG", "" },
	{ 0, "stats", NULL, "" },
	{ 'v', "verbose", NULL, "" },
	{ 'h', "help", NULL, "" },
};

static void expect_text(const char *text, const char *line)
{
	const char *p = text;

	while ((p = strstr(p, line)) && p > text && p[-1] != '\n')
		p++;
	if (!p)
		fail_msg("no line begins with '%s' in\n%s", line, text);
}

static void test_help(void **state)
{
	struct capture c = capture_begin(STDOUT_FILENO);
	unsigned int rows_shown = 0;
	const char *text, *p;
	char line[128];

	bk_help(&tool);
	text = capture_end(&c);
	assert_true(begins(text, "Usage: sample [OPTION]... [-- COMMAND [ARGUMENT]...]\n"
				  "A tool with every type of option.\n"));
	for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
		if (expected[i].letter)
			snprintf(line, sizeof(line), "  -%c, --%s", expected[i].letter,
				 expected[i].name);
		else
			snprintf(line, sizeof(line), "      --%s", expected[i].name);
		if (expected[i].arg)
			snprintf(line + strlen(line), sizeof(line) - strlen(line), " %s",
				 expected[i].arg);
		expect_text(text, line);
		assert_non_null(strstr(text, expected[i].help));
	}
	assert_non_null(strstr(text, "a choice: red green blue\n"));
	assert_non_null(strstr(text, "sample -e red"));
	assert_non_null(strstr(text, "in red\n"));
	for (p = text; *p; p += strcspn(p, "\n") + 1)
		rows_shown += begins(p, "  -") || begins(p, "      --");
	assert_int_equal(rows_shown, ARRAY_LEN(expected));
}

/* --help itself is that text, on stdout, and a success. */
static void test_help_option(void **state)
{
	char *help;
	int status;
	struct capture c = capture_begin(STDOUT_FILENO);

	bk_help(&tool);
	help = strdup(capture_end(&c));
	c = capture_begin(STDOUT_FILENO);
	status = parse_of(&tool, "--flag --help --nonsense");
	assert_string_equal(capture_end(&c), help);
	assert_int_equal(status, BK_EXIT_OK);
	free(help);
}

static void test_man(void **state)
{
	struct capture c = capture_begin(STDOUT_FILENO);
	unsigned int items = 0;
	const char *text;
	char line[128];

	bk_man_options(&tool);
	text = capture_end(&c);
	assert_true(begins(text, ".Bl "));
	expect_text(text, ".El\n");
	for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
		if (expected[i].letter)
			snprintf(line, sizeof(line), ".It Fl %c , Fl Fl %s", expected[i].letter,
				 expected[i].name);
		else
			snprintf(line, sizeof(line), ".It Fl Fl %s", expected[i].name);
		snprintf(line + strlen(line), sizeof(line) - strlen(line), "%s%s\n",
			 expected[i].arg ? " Ar " : "", expected[i].arg ? expected[i].arg : "");
		expect_text(text, line);
	}
	/* text is no request, a backslash no escape, a minus no hyphen */
	expect_text(text, "\\&.begins with a dot and has a \\e in it.\n");
	expect_text(text, "a number, whose letter \\-\\-limit has elsewhere.\n");
	expect_text(text, "a choice: red, green, blue.\n");
	for (const char *p = text; *p; p = strchr(p, '\n') + 1) {
		if (*p == '.' && !begins(p, ".It ") && !begins(p, ".Bl ") && !begins(p, ".El\n"))
			fail_msg("a request by accident: %s", p);
		items += begins(p, ".It ");
	}
	assert_int_equal(items, ARRAY_LEN(expected));
}

static const char *complete_begun(const struct bk_tool *t, const char *of, const char *begun)
{
	struct capture c = capture_begin(STDOUT_FILENO);

	bk_complete(t, of, begun);
	return capture_end(&c);
}

static const char *complete(const struct bk_tool *t, const char *of)
{
	return complete_begun(t, of, NULL);
}

static void test_complete(void **state)
{
	const char *text = complete(&tool, NULL);
	unsigned int lines = 0;
	char line[160];

	for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
		snprintf(line, sizeof(line), "--%s\t%s", expected[i].name, expected[i].help);
		expect_text(text, line);
		lines++;
		if (!expected[i].letter)
			continue;
		snprintf(line, sizeof(line), "-%c\t%s", expected[i].letter, expected[i].help);
		expect_text(text, line);
		lines++;
	}
	assert_int_equal(count_lines(text), lines);
}

static void test_complete_values(void **state)
{
	assert_string_equal(complete(&tool, "--colour"), "red\ngreen\nblue\n");
	assert_string_equal(complete(&tool, "--mix"), "red\ngreen\nblue\n");
	assert_string_equal(complete(&tool, "-e"), "red\ngreen\nblue\n");
	assert_string_equal(complete(&tool, "--probe"), "fexit\ntp\n");
	assert_string_equal(complete(&tool, "--timestamp"), "wall\niso\nrel\nmono\nnone\n");
	assert_string_equal(complete(&tool, "--output"), "text\njson\n");
	assert_string_equal(complete(&tool, "--ifname"), "<iface>\n");
	assert_string_equal(complete(&tool, "--cgroup"), "<dir>\n");
	assert_string_equal(complete(&tool, "--netns"), "<file>\n");
	assert_string_equal(complete(&tool, "--comm"), "<value>\n");
	assert_string_equal(complete(&tool, "--file"), "<file>\n");
	assert_string_equal(complete(&tool, "--flag"), "");
	assert_string_equal(complete(&tool, "--nonsense"), "");
	assert_string_equal(complete(&tool, "-"), "");
	assert_string_equal(complete(&tool, "--"), "");
	assert_string_equal(complete(&tool, "-ee"), "");
	assert_string_equal(complete(&bare, "--timestamp"), "");
}

static void test_complete_several(void **state)
{
	assert_string_equal(complete_begun(&tool, "--mix", ""), "red\ngreen\nblue\n");
	assert_string_equal(complete_begun(&tool, "--mix", "gr"), "red\ngreen\nblue\n");
	assert_string_equal(complete_begun(&tool, "--mix", ","), ",red\n,green\n,blue\n");
	assert_string_equal(complete_begun(&tool, "--mix", "red,x,gr"), "red,x,red\nred,x,green\nred,x,blue\n");
	/* of these there is only one */
	assert_string_equal(complete_begun(&tool, "--colour", "red,"), "red\ngreen\nblue\n");
	assert_string_equal(complete_begun(&tool, "--probe", "tp,"), "fexit\ntp\n");
}

/* Each name and each letter stands once, whatever the tool takes. */
static void test_unique(void **state)
{
	const struct bk_tool all = { .name = "all", .common = ~0U };
	const struct bk_tool *tools[] = { &tool, &bare, &all };

	for (size_t i = 0; i < ARRAY_LEN(tools); i++) {
		char copy[16384], *lines[128], *save = NULL;
		size_t n = 0;

		snprintf(copy, sizeof(copy), "%s", complete(tools[i], NULL));
		for (char *l = strtok_r(copy, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
			assert_true(n < ARRAY_LEN(lines));
			l[strcspn(l, "\t")] = 0;
			for (size_t k = 0; k < n; k++)
				assert_string_not_equal(lines[k], l);
			lines[n++] = l;
		}
		assert_true(n > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_own),
		cmocka_unit_test(test_last_wins_and_lists_grow),
		cmocka_unit_test(test_shared),
		cmocka_unit_test(test_all_pids),
		cmocka_unit_test(test_comm),
		cmocka_unit_test(test_own_letter_wins),
		cmocka_unit_test(test_own_name_wins),
		cmocka_unit_test(test_limit_and_count_are_one),
		cmocka_unit_test(test_another_letter),
		cmocka_unit_test(test_another_letter_wins),
		cmocka_unit_test(test_not_taken),
		cmocka_unit_test(test_bad_values),
		cmocka_unit_test(test_bad_values_help),
		cmocka_unit_test(test_bad_options), cmocka_unit_test(test_command),
		cmocka_unit_test(test_values_are_escaped),
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_help_option),
		cmocka_unit_test(test_man),
		cmocka_unit_test(test_complete),
		cmocka_unit_test(test_complete_values),
		cmocka_unit_test(test_complete_several),
		cmocka_unit_test(test_unique),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
