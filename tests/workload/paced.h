/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A workload whose events have a known number and a steady pace: main() of the programs that
 * tests/bench runs. The program says what an event is:
 */
static void prepare(void);    /* what has to be there before the first event */
static void make(long count); /* so many events */
static long made(void);       /* how many there were, by a count that is not ours; -1: none */

/*
 * usage: PROGRAM [-b BURST] [-p NS] [-s NS] [-i] [-t FILE] COUNT
 *
 * Makes COUNT events, BURST (1) at a time, a burst each NS nanoseconds (0: at once), and waits for
 * -s NS at the end. SIGTERM ends it early. "begin" is printed when all is prepared, and at the end
 * a line of JSON: how many were made, the nanoseconds from the first to the last, the CPU time in
 * them of the process and of the children for which it waited, how many bursts came more than a
 * period late, and with -i the nanoseconds in which the processor was not idle, from the first
 * burst to the end of the wait. -t writes the time of each burst, 64 bits of CLOCK_MONOTONIC, into
 * a file.
 *
 * With -i there may be one processor only. A process of the lowest priority then counts in what is
 * left of it; what that took is known, and all else was not idle: processes, interrupts, and the
 * kernel's own threads. Under an instruction counting emulator there is an exact number of
 * instructions to a nanosecond.
 */
#include <err.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { TURNS = 300000, TRIES = 15 };

static volatile sig_atomic_t ended;

static void on_term(int sig)
{
	ended = 1;
}

static int64_t now_by(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static int64_t now(void)
{
	return now_by(CLOCK_MONOTONIC);
}

/* Its own, and that of the children for which it has waited. */
static int64_t cpu_time(void)
{
	struct rusage usage;
	int64_t us;

	getrusage(RUSAGE_CHILDREN, &usage);
	us = (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000LL + usage.ru_utime.tv_usec +
	     usage.ru_stime.tv_usec;
	return now_by(CLOCK_PROCESS_CPUTIME_ID) + us * 1000;
}

static void sleep_until(int64_t ns)
{
	struct timespec t = { ns / 1000000000, ns % 1000000000 };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR && !ended)
		;
}

__attribute__((noinline)) static void turn(volatile uint64_t *turns, uint64_t count)
{
	while (count--)
		++*turns;
}

/* The shortest of some tries is one without an interrupt. */
static double ns_per_turn(volatile uint64_t *turns)
{
	int64_t best = INT64_MAX;

	for (int i = 0; i < TRIES; i++) {
		int64_t ns = now();

		turn(turns, TURNS);
		ns = now() - ns;
		if (ns < best)
			best = ns;
	}
	return (double)best / TURNS;
}

static pid_t start_turning(volatile uint64_t *turns)
{
	struct sched_param none = {};
	pid_t parent = getpid(), child = fork();

	if (child < 0)
		err(1, "fork");
	if (child)
		return child;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (sched_setscheduler(0, SCHED_IDLE, &none) || getppid() != parent)
		_exit(1);
	turn(turns, UINT64_MAX);
	_exit(0);
}

static long number(const char *text)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	if (errno || end == text || *end || value < 0)
		errx(2, "%s is no number from 0 on", text);
	return value;
}

int main(int argc, char **argv)
{
	long burst = 1, period = 0, settle = 0, count, bursts = 0, late = 0, sum = 0;
	volatile uint64_t *turns = NULL;
	int64_t start, last, cpu, *times = NULL;
	double turn_ns = 0, busy = 0;
	const char *file = NULL;
	pid_t turner = 0;
	uint64_t idle = 0;
	int opt;

	while ((opt = getopt(argc, argv, "b:p:s:it:")) != -1) {
		if (opt == 'b')
			burst = number(optarg);
		else if (opt == 'p')
			period = number(optarg);
		else if (opt == 's')
			settle = number(optarg);
		else if (opt == 'i')
			turner = 1;
		else if (opt == 't')
			file = optarg;
		else
			return 2;
	}
	if (optind != argc - 1 || burst < 1)
		errx(2, "usage: %s [-b BURST] [-p NS] [-s NS] [-i] [-t FILE] COUNT", argv[0]);
	count = number(argv[optind]);
	if (turner && sysconf(_SC_NPROCESSORS_ONLN) != 1)
		errx(2, "-i is for one processor");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGTERM, on_term);
	prepare();
	if (file) {
		/* touched before, so that no page fault comes between two events */
		times = malloc((count / burst + 1) * sizeof(*times));
		if (!times)
			err(1, "malloc");
		for (long i = 0; i <= count / burst; i++)
			times[i] = 0;
	}
	if (turner) {
		turns = mmap(NULL, sizeof(*turns), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (turns == MAP_FAILED)
			err(1, "mmap");
		turn_ns = ns_per_turn(turns);
		turner = start_turning(turns);
		sleep_until(now() + 20000000);
		idle = *turns;
	}
	puts("begin");
	fflush(stdout);
	if (turner) {
		sleep_until(now() + 20000000);
		if (*turns == idle)
			errx(1, "the process that takes what is left does not run");
		idle = *turns;
	}

	cpu = cpu_time();
	start = last = now();
	while (sum < count && !ended) {
		long n = count - sum < burst ? count - sum : burst;

		if (period) {
			int64_t due = start + bursts * period;

			last = now();
			if (last < due)
				sleep_until(due);
			else if (last > due + period)
				late++;
		}
		if (times)
			times[bursts] = now();
		make(n);
		sum += n;
		bursts++;
	}
	last = now();
	cpu = cpu_time() - cpu;
	if (settle)
		sleep_until(last + settle);
	if (turner) {
		busy = now() - start - (*turns - idle) * turn_ns;
		kill(turner, SIGKILL);
		waitpid(turner, NULL, 0);
	}
	if (made() >= 0 && made() != sum)
		errx(1, "%ld events were to be made, but there were %ld", sum, made());
	if (times) {
		FILE *out = fopen(file, "w");

		if (!out || fwrite(times, sizeof(*times), bursts, out) != (size_t)bursts ||
		    fclose(out))
			err(1, "%s", file);
	}
	printf("{\"made\": %ld, \"ns\": %lld, \"cpu\": %lld, \"late\": %ld", sum,
	       (long long)(last - start), (long long)cpu, late);
	if (turner)
		printf(", \"busy\": %.0f", busy);
	puts("}");
	return 0;
}
