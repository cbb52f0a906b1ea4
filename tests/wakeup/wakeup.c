// SPDX-License-Identifier: GPL-2.0-only
/*
 * No wakeup is lost. A thread makes events at intervals around the reader's batch window, so that
 * the reader is met awake, asleep and on its way from one to the other, while the producer lingers
 * between taking the reader's word and submitting, for longer than the reader's window.
 * Each event must be read long before the longest sleep (SLEEP_MS in lib/loop.c) could have saved
 * it; a machine that has other things to do may delay one in ten. (With the two steps in the wrong
 * order four in ten are late.) Needs bpf_loop (5.17). Exit status 77: this machine cannot run it.
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bk.h"
#include "loop.h"
#include "wakeup.skel.h"

enum { EVENTS = 211, LATE_MS = 120 };

static struct {
	unsigned int seen, late;
	uint64_t worst;
} result;

static int event(struct bk_run *run, const void *rec, size_t len)
{
	uint64_t age = bk_now() - *(const uint64_t *)rec;

	result.seen++;
	result.late += age > LATE_MS * 1000000ULL;
	if (age > result.worst)
		result.worst = age;
	if (result.seen == EVENTS)
		run->stop = true;
	return 0;
}

static const struct bk_tool tool = { .name = "wakeup", .event = event };
static struct bk_out out;
static pthread_barrier_t ready;
static volatile int producer_tid;

static void *produce(void *unused)
{
	unsigned int seed = 23;

	producer_tid = syscall(SYS_gettid);
	pthread_barrier_wait(&ready);
	pthread_barrier_wait(&ready);
	for (int i = 0; i < EVENTS; i++) {
		syscall(SYS_getppid);
		usleep(rand_r(&seed) % 40000); /* all phases of the window are met */
	}
	return NULL;
}

int main(void)
{
	struct bk_run run = { .tool = &tool, .out = &out, .events = true };
	struct wakeup_bpf *s;
	pthread_t t;
	int err;

	bk_out_init(&out, STDOUT_FILENO);
	out.tty = true; /* the short window, 5 ms */
	bk_log_init("wakeup", 0);
	bk_log_libbpf();
	pthread_barrier_init(&ready, NULL, 2);
	pthread_create(&t, NULL, produce, NULL);
	pthread_barrier_wait(&ready);
	s = wakeup_bpf__open();
	if (!s)
		return 1;
	s->rodata->delay_ns = 8000000;
	s->rodata->traced_tid = producer_tid;
	s->rodata->traced_nr = SYS_getppid;
	err = wakeup_bpf__load(s);
	if (err) {
		fprintf(stderr, "cannot load: %s\n", strerror(-err));
		return 77;
	}
	run.books = (volatile struct bk_books *)&s->bss->bk_books;
	run.opts.duration = 60000000000;
	err = bk_loop_open(&run, &run.loop);
	err = err ? err : bk_loop_ring(run.loop, bpf_map__fd(s->maps.bk_events),
				       bpf_map__max_entries(s->maps.bk_events));
	run.books->asleep = 1;
	err = err ? err : wakeup_bpf__attach(s);
	if (err) {
		fprintf(stderr, "cannot start: %s\n", strerror(-err));
		return err == -EPERM ? 77 : 1;
	}
	pthread_barrier_wait(&ready);
	err = bk_loop_run(run.loop, NULL);
	pthread_join(t, NULL);
	printf("%u of %u events, %u late, the worst after %.1f ms\n", result.seen, EVENTS,
	       result.late, result.worst / 1e6);
	bk_loop_close(run.loop);
	wakeup_bpf__destroy(s);
	return err || result.seen != EVENTS || result.late > EVENTS / 10 ? 1 : 0;
}
