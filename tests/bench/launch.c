// SPDX-License-Identifier: GPL-2.0-only
/*
 * launch REPORT COMMAND [WORD...]: run a command, and write what the kernel knows of it into the
 * file REPORT: "pid N" at once, and when it has ended the times of CLOCK_MONOTONIC in nanoseconds
 * at which it was executed and had ended, its wait status, and its peak memory in KiB. SIGTERM here
 * is passed on as -SIGNAL, which may stand before REPORT (-2, SIGINT), and that time is reported
 * too. A small process, since what a child has of memory before it executes the command is in the
 * peak.
 */
#define _GNU_SOURCE
#include <err.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t stopped;
static int number = SIGINT;
static pid_t child;

static int64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void on_term(int sig)
{
	if (!stopped)
		stopped = now();
	kill(child, number);
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_term, .sa_flags = SA_RESTART };
	int64_t started = 0, ended;
	struct rusage usage;
	sigset_t term;
	int status, pipes[2];
	FILE *report;

	if (argc > 1 && argv[1][0] == '-') {
		number = atoi(argv[1] + 1);
		argv++;
		argc--;
	}
	if (argc < 3 || number < 1)
		errx(2, "usage: launch [-SIGNAL] REPORT COMMAND [WORD...]");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	report = fopen(argv[1], "we");
	if (!report || pipe2(pipes, O_CLOEXEC))
		err(1, "%s", argv[1]);
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, NULL);
	child = fork();
	if (child < 0)
		err(1, "fork");
	if (!child) {
		sigprocmask(SIG_UNBLOCK, &term, NULL);
		signal(number, SIG_DFL);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		started = now();
		if (write(pipes[1], &started, sizeof(started)) == sizeof(started))
			execvp(argv[2], argv + 2);
		err(127, "%s", argv[2]);
	}
	close(pipes[1]);
	if (read(pipes[0], &started, sizeof(started)) != sizeof(started))
		errx(1, "the command was never executed");
	sigaction(SIGTERM, &action, NULL);
	sigprocmask(SIG_UNBLOCK, &term, NULL);
	fprintf(report, "pid %d\n", child);
	fflush(report);
	while (wait4(child, &status, 0, &usage) < 0)
		;
	ended = now();
	fprintf(report, "started %lld\nstopped %lld\nended %lld\nstatus %d\nmaxrss %ld\n",
		(long long)started, (long long)stopped, (long long)ended, status, usage.ru_maxrss);
	if (fclose(report))
		err(1, "%s", argv[1]);
	return 0;
}
