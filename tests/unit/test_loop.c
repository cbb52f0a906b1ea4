// SPDX-License-Identifier: GPL-2.0-only
/* The loop without a ring: lib/loop.c */
#include "test.h"

#include <errno.h>
#include <signal.h>

#include "loop.h"

static struct bk_out out;
static struct bk_run run;
static int (*on_watched)(void *ctx); /* if set, a descriptor that is ready at once is watched */
static int ticks, watched, signal_at, stop_at, fail_at, close_at, reader;

static int report(struct bk_run *r, void *skel, bool last)
{
	return 0;
}

static const struct bk_tool tool = { .name = "sample", .report = report };

static int on_tick(struct bk_run *r)
{
	ticks++;
	bk_puts(r->out, "x");
	if (ticks == signal_at)
		raise(SIGTERM);
	if (ticks == close_at)
		close(reader);
	if (ticks == stop_at)
		r->stop = true;
	return ticks == fail_at ? -EIO : 0;
}

static int count_watched(void *ctx)
{
	assert_ptr_equal(ctx, &watched);
	watched++;
	return 0;
}

static int end_watched(void *ctx)
{
	count_watched(ctx);
	return watched == 3;
}

static int fail_watched(void *ctx)
{
	return -ENXIO;
}

/* Among others that are not ready, or no longer watched. */
static void watch_one(struct bk_loop *loop)
{
	static int quiet[2], ready[2];

	watched = 0;
	assert_int_equal(pipe(quiet), 0);
	assert_int_equal(pipe(ready), 0);
	assert_int_equal(write(ready[1], "x", 1), 1);
	for (int i = 0; i < 11; i++) { /* more often than there are places */
		assert_int_equal(bk_loop_watch(loop, ready[0], fail_watched, NULL), 0);
		bk_loop_unwatch(loop, ready[0]);
	}
	assert_int_equal(bk_loop_watch(loop, quiet[0], fail_watched, NULL), 0);
	assert_int_equal(bk_loop_watch(loop, ready[0], on_watched, &watched), 0);
	assert_int_equal(bk_loop_watch(loop, ready[0], fail_watched, NULL), -EEXIST);
}

/* Runs with the interval and the duration given, in ms; returns how many ms it took. */
static double go(int interval, int duration, int want)
{
	uint64_t before = bk_now();
	struct bk_loop *loop;
	int ends[2], err;

	assert_int_equal(pipe(ends), 0);
	reader = ends[0];
	memset(&run, 0, sizeof(run));
	bk_out_init(&out, ends[1]);
	run.start_ns = bk_now();
	run.tool = &tool;
	run.out = &out;
	run.opts.interval = interval * 1000000ULL;
	run.opts.duration = duration * 1000000ULL;
	ticks = 0;
	assert_int_equal(bk_loop_open(&run, &loop), 0);
	if (on_watched)
		watch_one(loop);
	err = bk_loop_run(loop, on_tick);
	bk_loop_close(loop);
	close(ends[1]);
	if (!close_at)
		close(ends[0]);
	assert_int_equal(err, want);
	signal_at = stop_at = fail_at = close_at = 0;
	return (bk_now() - before) / 1e6;
}

static void test_duration(void **state)
{
	double ms = go(0, 60, 0);

	assert_true(ms >= 60 && ms < 5000);
	assert_int_equal(ticks, 0);
	assert_false(run.stop);
	assert_int_equal(out.error, 0);
}

static void test_interval(void **state)
{
	stop_at = 5;
	assert_true(go(20, 0, 0) >= 100);
	assert_int_equal(ticks, 5);
}

static void test_signal(void **state)
{
	signal_at = 2;
	go(10, 20000, 0);
	assert_in_range(ticks, 2, 4);
	assert_false(run.stop); /* an end like any other: the last report still comes */
}

/* Signals are blocked only as long as the loop is there. */
static void test_signals_are_given_back(void **state)
{
	sigset_t before, after;

	sigprocmask(SIG_SETMASK, NULL, &before);
	go(0, 1, 0);
	sigprocmask(SIG_SETMASK, NULL, &after);
	for (int i = 1; i < 32; i++)
		assert_int_equal(sigismember(&before, i), sigismember(&after, i));
}

static void test_closed_stdout(void **state)
{
	close_at = 2;
	assert_true(go(10, 20000, 0) < 10000);
	assert_int_equal(out.error, -EPIPE);
	assert_in_range(ticks, 2, 3);
}

/* The reader looks more often when much came, and less often when little did. */
static void test_window(void **state)
{
	const size_t ring = 512 << 10;
	int ms = 5;

	assert_int_equal(bk_loop_window(5, ring / 8, ring, false), 5); /* between a sixteenth and a quarter */
	assert_int_equal(bk_loop_window(5, ring / 2, ring, false), 2);
	assert_int_equal(bk_loop_window(2, ring, ring, false), 1);
	assert_int_equal(bk_loop_window(1, ring, ring, false), 1);
	for (int i = 0; i < 5; i++)
		ms = bk_loop_window(ms, 200, ring, false);
	assert_int_equal(ms, 50);
	assert_int_equal(bk_loop_window(5, 200, ring, true), 5); /* somebody looks on */
	assert_int_equal(bk_loop_window(1, 200, ring, true), 2);
	/* at a steady rate it comes to rest where the ring is never more than half full, whatever was before */
	for (size_t rate = 1000; rate < ring / 2; rate *= 2) /* bytes a ms */
		for (int from = 1; from <= 50; from++) {
			ms = from;
			for (int i = 0; i < 20; i++)
				ms = bk_loop_window(ms, rate * ms, ring, false);
			assert_true(rate * ms <= ring / 2);
			assert_true(ms == 50 || rate * ms * 2 > ring / 16);
		}
}

static void test_ring_size(void **state)
{
	static const long cpus[] = { -1, 0, 1, 2, 4, 5, 15, 16, 17, 4096 };

	for (size_t i = 0; i < ARRAY_LEN(cpus); i++) {
		uint64_t size = bk_loop_ring_size(cpus[i]);

		assert_true(size >= 2 << 20 && size <= 8 << 20);
		if (cpus[i] > 4 && cpus[i] < 16)
			assert_int_equal(size, cpus[i] * (512 << 10));
	}
}

static void test_failure(void **state)
{
	fail_at = 3;
	go(10, 20000, -EIO);
	assert_int_equal(ticks, 3);
}

static void test_watched(void **state)
{
	on_watched = end_watched;
	assert_true(go(0, 20000, 0) < 5000);
	assert_int_equal(watched, 3);
	on_watched = fail_watched;
	go(0, 20000, -ENXIO);
	on_watched = count_watched;
	go(0, 50, 0);
	assert_true(watched > 3);
	on_watched = NULL;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_duration),      cmocka_unit_test(test_interval),
		cmocka_unit_test(test_signal),        cmocka_unit_test(test_signals_are_given_back),
		cmocka_unit_test(test_closed_stdout), cmocka_unit_test(test_failure),
		cmocka_unit_test(test_window),        cmocka_unit_test(test_ring_size),
		cmocka_unit_test(test_watched),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
