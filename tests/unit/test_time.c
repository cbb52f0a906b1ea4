// SPDX-License-Identifier: GPL-2.0-only
/* What --timestamp says: bk_time_text() in lib/run.c */
#include "test.h"

#include <sys/syscall.h>
#include <time.h>

/* The clocks of the library, which stand still where a test says so. */
static struct {
	bool on;
	uint64_t mono, wall;
	unsigned int reads;
} fake;

int clock_gettime(clockid_t id, struct timespec *ts)
{
	uint64_t ns = id == CLOCK_REALTIME ? fake.wall : fake.mono;

	if (!fake.on)
		return (int)syscall(SYS_clock_gettime, id, ts);
	fake.reads++;
	*ts = (struct timespec){ (time_t)(ns / 1000000000), (long)(ns % 1000000000) };
	return 0;
}

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

/* The same, slowly. */
static const char *model(int kind, bool json, uint64_t ns, int64_t offset)
{
	bool iso = json || kind == BK_TIME_ISO;
	char front[64], zone[16] = "";
	static char text[100];
	struct tm tm;
	time_t s;

	if (kind == BK_TIME_REL)
		ns = ns > run.start_ns ? ns - run.start_ns : 0;
	if (kind == BK_TIME_REL || kind == BK_TIME_MONO) {
		snprintf(text, sizeof(text), "%llu.%06llu", (unsigned long long)(ns / 1000000000),
			 (unsigned long long)(ns / 1000 % 1000000));
		return text;
	}
	ns += offset;
	s = ns / 1000000000;
	tm = json ? *gmtime(&s) : *localtime(&s);
	strftime(front, sizeof(front), iso ? "%Y-%m-%dT%H:%M:%S" : "%H:%M:%S", &tm);
	if (iso)
		strftime(zone, sizeof(zone), json ? "Z" : "%z", &tm);
	snprintf(text, sizeof(text), "%s.%06llu%s", front,
		 (unsigned long long)(ns / 1000 % 1000000), zone);
	return text;
}

/* The fake clocks start far behind all that was shown before. */
static void fake_clocks(uint64_t wall)
{
	static uint64_t hours;

	fake.on = false;
	fake.mono = bk_now() + ++hours * 3600000000000;
	fake.wall = wall;
	fake.reads = 0;
	fake.on = true;
}

static int end_fake(void **state)
{
	fake.on = false;
	run.start_ns = 0;
	return 0;
}

/* All kinds in all zones, around the ends of microseconds, seconds, minutes and days, before and after the clock. */
static void test_against_model(void **state)
{
	static const char *const zones[] = { "UTC", "XXX-5:30", "XXX3", "XXX-14", "XXX12:59" };
	static const uint64_t walls[] = { 1700006400000000000, 1700006399999999999, 4102444800000000123,
					  5000000000 }; /* midnights; a clock that was never set */
	static const int64_t steps[] = { 0, 1, 999, 1000, 1001, 999999, 999999000, 999999999, 1000000000,
					 1000000001, 59000000000, 60000000000, 86399999999999 };
	uint64_t seed = 53;

	for (size_t z = 0; z < ARRAY_LEN(zones); z++)
		for (size_t w = 0; w < ARRAY_LEN(walls); w++) {
			int64_t offset;

			setenv("TZ", zones[z], 1);
			tzset();
			fake_clocks(walls[w]);
			offset = (int64_t)(fake.wall - fake.mono);
			run.start_ns = fake.mono - 1234567890;
			for (size_t i = 0; i < 2 * ARRAY_LEN(steps); i++)
				for (int k = 0; k < 20; k++) { /* one after the other in any order */
					int64_t step = i & 1 ? -steps[i / 2] : steps[i / 2];
					int kind = test_random(&seed) % (BK_TIME_NONE + 1);
					bool json = test_random(&seed) & 1;
					uint64_t ns = fake.mono + step;

					assert_string_equal(text_of(kind, json, ns),
							    model(kind, json, ns, offset));
				}
		}
	setenv("TZ", "UTC", 1);
	tzset();
}

/* The numbers of --timestamp rel and mono at their limits. */
static void test_seconds_against_model(void **state)
{
	uint64_t ns = 1;

	for (int i = 0; i < 20; i++, ns *= 10)
		for (int d = -2; d < 3; d++) {
			assert_string_equal(text_of(BK_TIME_MONO, i & 1, ns + d),
					    model(BK_TIME_MONO, i & 1, ns + d, 0));
			assert_string_equal(text_of(BK_TIME_REL, i & 1, ns + d),
					    model(BK_TIME_REL, i & 1, ns + d, 0));
		}
	assert_string_equal(text_of(BK_TIME_MONO, false, UINT64_MAX), "18446744073.709551");
}

/* The clocks are read once a second and not for each line; a clock that is set is followed within a second. */
static void test_clock_is_set(void **state)
{
	int64_t offset;
	uint64_t ns;

	fake_clocks(1700000000000000000);
	offset = (int64_t)(fake.wall - fake.mono);
	for (int i = 0; i < 900; i++) {
		ns = fake.mono - i % 50 * 1000000; /* events come late and in any order */
		assert_string_equal(text_of(BK_TIME_ISO, false, ns), model(BK_TIME_ISO, false, ns, offset));
		fake.mono += 1000000;
		fake.wall += 1000000;
	}
	assert_int_equal(fake.reads, 2);
	fake.wall += 7200000000000;
	fake.mono += 1100000000;
	fake.wall += 1100000000;
	offset = (int64_t)(fake.wall - fake.mono);
	assert_string_equal(text_of(BK_TIME_ISO, false, fake.mono),
			    model(BK_TIME_ISO, false, fake.mono, offset));
	assert_int_equal(fake.reads, 4);
	/* those from before that are not so old are shown by the clock as it is now */
	ns = fake.mono - 100000000;
	assert_string_equal(text_of(BK_TIME_ISO, false, ns), model(BK_TIME_ISO, false, ns, offset));
	/* so are those that waited long, once the clock is set again */
	fake.wall -= 3600000000000;
	fake.mono += 5000000000;
	fake.wall += 5000000000;
	offset = (int64_t)(fake.wall - fake.mono);
	ns = fake.mono - 20000000000;
	assert_string_equal(text_of(BK_TIME_WALL, true, ns), model(BK_TIME_WALL, true, ns, offset));
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
		cmocka_unit_test_teardown(test_against_model, end_fake),
		cmocka_unit_test_teardown(test_seconds_against_model, end_fake),
		cmocka_unit_test_teardown(test_clock_is_set, end_fake),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
