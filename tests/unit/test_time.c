// SPDX-License-Identifier: GPL-2.0-only
/* What --timestamp says: bk_time_text() in lib/run.c */
#include "test.h"

#include <time.h>

static struct bk_out out;
static struct bk_run run;

static const char *text_of(int kind, bool json, uint64_t ns)
{
	static char text[40];
	size_t n;

	run.out = &out;
	run.opts.timestamp = kind;
	out.json = json;
	n = bk_time_text(&run, ns, text);
	assert_int_equal(n, strlen(text));
	return text;
}

static void test_mono(void **state)
{
	assert_string_equal(text_of(BK_TIME_MONO, false, 0), "0.000000");
	assert_string_equal(text_of(BK_TIME_MONO, false, 999), "0.000000");
	assert_string_equal(text_of(BK_TIME_MONO, false, 1000), "0.000001");
	assert_string_equal(text_of(BK_TIME_MONO, true, 1999999999), "1.999999");
	assert_string_equal(text_of(BK_TIME_MONO, false, 123456789012345678), "123456789.012345");
}

static void test_rel(void **state)
{
	run.start_ns = 5000000000;
	assert_string_equal(text_of(BK_TIME_REL, false, 5000000000), "0.000000");
	assert_string_equal(text_of(BK_TIME_REL, false, 6500000000), "1.500000");
	assert_string_equal(text_of(BK_TIME_REL, true, 6500000000), "1.500000");
	assert_string_equal(text_of(BK_TIME_REL, false, 4999999999),
			    "0.000000"); /* older than the start */
	run.start_ns = 0;
}

/* Wall clock: of an event n seconds ago, against the clock itself, to 50 ms. */
static void expect_wall(int kind, bool json, const char *zone, const char *format, int seconds_ago)
{
	uint64_t mono = bk_now() - seconds_ago * 1000000000ULL;
	struct timespec ts;
	unsigned int micros;
	const char *text, *dot;
	char copy[40];
	struct tm tm;
	double behind;

	setenv("TZ", zone, 1);
	tzset();
	clock_gettime(CLOCK_REALTIME, &ts);
	text = text_of(kind, json, mono);
	dot = strchr(text, '.');
	assert_non_null(dot);
	assert_int_equal(sscanf(dot, ".%6u", &micros), 1);
	snprintf(copy, sizeof(copy), "%.*s%s", (int)(dot - text), text, dot + 7);
	ts.tv_sec -= seconds_ago;
	/* the second that is shown is this one, or the one before if it has just begun */
	for (int i = 0; i < 2; i++, ts.tv_sec--) {
		char want[40];

		localtime_r(&ts.tv_sec, &tm);
		if (json)
			gmtime_r(&ts.tv_sec, &tm);
		strftime(want, sizeof(want), format, &tm);
		if (strcmp(want, copy))
			continue;
		behind = i + ts.tv_nsec / 1e9 - micros / 1e6;
		if (behind > -0.05 && behind < 0.05)
			return;
	}
	fail_msg("%s is not %d s ago", text, seconds_ago);
}

/* Each of another second: within one the text is kept. */
static void test_wall(void **state)
{
	expect_wall(BK_TIME_WALL, false, "UTC", "%H:%M:%S", 100);
	expect_wall(BK_TIME_WALL, false, "XXX-5:30", "%H:%M:%S", 200);
	expect_wall(BK_TIME_ISO, false, "UTC", "%Y-%m-%dT%H:%M:%S+0000", 300);
	expect_wall(BK_TIME_ISO, false, "XXX-5:30", "%Y-%m-%dT%H:%M:%S+0530", 400);
	expect_wall(BK_TIME_ISO, false, "XXX3", "%Y-%m-%dT%H:%M:%S-0300", 500);
	expect_wall(BK_TIME_WALL, true, "XXX-5:30", "%Y-%m-%dT%H:%M:%SZ", 600);
	expect_wall(BK_TIME_ISO, true, "XXX3", "%Y-%m-%dT%H:%M:%SZ", 700);
	expect_wall(BK_TIME_NONE, true, "UTC", "%Y-%m-%dT%H:%M:%SZ",
		    800); /* a record always has its time */
	expect_wall(BK_TIME_WALL, false, "UTC", "%H:%M:%S", 0);
}

static void test_order(void **state)
{
	uint64_t from = bk_now() - 50000000000;
	char before[40] = "";

	for (int i = 0; i < 2000; i++) {
		const char *now = text_of(BK_TIME_WALL, true, from + i * 1234567ULL);

		assert_true(strcmp(before, now) <= 0);
		strcpy(before, now);
	}
}

static void test_clock(void **state)
{
	uint64_t a = bk_now(), b;
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	b = bk_now();
	assert_in_range(ts.tv_sec * 1000000000ULL + ts.tv_nsec, a, b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mono),  cmocka_unit_test(test_rel),
		cmocka_unit_test(test_wall),  cmocka_unit_test(test_order),
		cmocka_unit_test(test_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
