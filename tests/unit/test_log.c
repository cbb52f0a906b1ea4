// SPDX-License-Identifier: GPL-2.0-only
/* Messages to stderr: lib/log.c */
#include "test.h"

static const char *say(void (*how)(const char *, ...), const char *text)
{
	struct capture c = capture_begin(STDERR_FILENO);

	how("%s", text);
	return capture_end(&c);
}

static void test_lines(void **state)
{
	bk_log_init("sample", 0);
	assert_string_equal(say(bk_error, "it failed"), "sample: it failed\n");
	assert_string_equal(say(bk_warn, "it may fail\n\n"), "sample: it may fail\n");
	assert_string_equal(say(bk_note, ""), "sample: \n");
	bk_log_init("other", 0);
	assert_string_equal(say(bk_note, "%s"), "other: %s\n");
}

static void test_debug(void **state)
{
	bk_log_init("sample", 0);
	assert_string_equal(say(bk_debug, "secret"), "");
	bk_log_init("sample", 1);
	assert_string_equal(say(bk_debug, "said"), "sample: said\n");
	bk_log_init("sample", 0);
}

/* A message is one line, and holds strangers' bytes. */
static void test_harmless(void **state)
{
	bk_log_init("sample", 0);
	assert_string_equal(say(bk_error, "a\nb\x1b[31m\xff"), "sample: a\\x0ab\\x1b[31m\\xff\n");
	for (int c = 1; c < 256; c++) {
		char s[3] = { (char)c, 'x', 0 };
		const char *text = say(bk_error, s);

		assert_int_equal(count_lines(text), 1);
		assert_true(check_harmless(text, strlen(text) - 1));
	}
}

static void test_long(void **state)
{
	static char s[5000];
	const char *text;

	bk_log_init("sample", 0);
	memset(s, '\x1b', sizeof(s) - 1);
	text = say(bk_error, s);
	assert_int_equal(count_lines(text), 1);
	assert_int_equal(text[strlen(text) - 1], '\n');
	assert_true(check_harmless(text, strlen(text) - 1));
}

/* ---- what libbpf says ---- */

static libbpf_print_fn_t print;

static __attribute__((format(printf, 2, 3))) void libbpf_says(enum libbpf_print_level level,
							      const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print(level, fmt, ap);
	va_end(ap);
}

static int begin_libbpf(void **state)
{
	bk_log_init("sample", 0);
	bk_log_libbpf();
	print = libbpf_set_print(NULL);
	libbpf_set_print(print);
	bk_log_forget();
	return !print;
}

static void test_cause(void **state)
{
	struct capture c = capture_begin(STDERR_FILENO);
	const char *said, *cause;

	libbpf_says(LIBBPF_DEBUG, "libbpf: loading\n");
	libbpf_says(LIBBPF_INFO, "libbpf: something\n");
	cause = bk_log_cause();
	libbpf_says(LIBBPF_WARN, "libbpf: map 'x': failed to create: %s(-1)\n",
		    "Operation not permitted");
	libbpf_says(LIBBPF_WARN, "libbpf: failed to load object\n");
	said = capture_end(&c);
	assert_null(cause);
	assert_string_equal(said, "");
	assert_string_equal(bk_log_cause(),
			    "map 'x': failed to create: Operation not permitted(-1)"); /* the first */
	bk_log_forget();
	assert_null(bk_log_cause());
}

static void test_cause_of_the_verifier(void **state)
{
	libbpf_says(LIBBPF_WARN, "libbpf: prog 'p': BPF program load failed: Permission denied\n");
	libbpf_says(
		LIBBPF_WARN,
		"libbpf: prog 'p': -- BEGIN PROG LOAD LOG --\n0: (79) r1 = *(u64 *)(r1 +8)\nR1 invalid mem access\n"
		"verification time 23 usec\nstack depth 8\nprocessed 1 insns (limit 1000000)\n-- END PROG LOAD LOG --\n");
	libbpf_says(LIBBPF_WARN, "libbpf: failed to load object 'p'\n");
	assert_string_equal(bk_log_cause(), "R1 invalid mem access");
}

/* It has been wrong since 5.11. */
static void test_no_memory_limit(void **state)
{
	libbpf_says(
		LIBBPF_WARN,
		"libbpf: permission error while running as root; try raising 'ulimit -l'? current value: 8M\n");
	assert_null(bk_log_cause());
}

static void test_verbose(void **state)
{
	struct capture c;
	const char *said;

	bk_log_init("sample", 1);
	c = capture_begin(STDERR_FILENO);
	libbpf_says(LIBBPF_DEBUG, "libbpf: details\n");
	libbpf_says(LIBBPF_WARN, "libbpf: one\ntwo \x1b\n");
	said = capture_end(&c);
	assert_string_equal(said, "sample: libbpf: one\nsample: two \\x1b\n");
	bk_log_init("sample", 2);
	c = capture_begin(STDERR_FILENO);
	libbpf_says(LIBBPF_DEBUG, "libbpf: details\n");
	said = capture_end(&c);
	assert_string_equal(said, "sample: libbpf: details\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_debug),
		cmocka_unit_test(test_harmless),
		cmocka_unit_test(test_long),
		cmocka_unit_test_setup(test_cause, begin_libbpf),
		cmocka_unit_test_setup(test_cause_of_the_verifier, begin_libbpf),
		cmocka_unit_test_setup(test_no_memory_limit, begin_libbpf),
		cmocka_unit_test_setup(test_verbose, begin_libbpf),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
