/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BK_COMMAND_H
#define BK_COMMAND_H

#include <signal.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/types.h>

/*
 * The command behind "--". It begins as a child that is held, so that it can be followed before it does anything; if
 * we die before it is let go, it ends without having executed anything.
 */

/* What the command is to get as our caller gave it to us, though we have it in another way. */
struct bk_caller {
	bool closed[3]; /* of stdin, stdout, stderr */
	sigset_t mask;
	struct sigaction pipe, xfsz, chld;
	struct rlimit memlock; /* libbpf raises it on kernels where it limits maps */
};

/* First of all, before anything is opened. */
void bk_caller_save(struct bk_caller *c);

struct bk_command {
	pid_t pid;		 /* 0: there is none, or it has been waited for */
	unsigned int kernel_pid; /* the same in the first PID namespace, by which it is followed */
	int pidfd;		 /* can be read when the command has ended */
	int hold;		 /* the end of a pipe on which the child waits */
};

/*
 * Forks the child that will execute argv, with the privileges of now, those of the real user. It holds none of our
 * descriptors. Returns 0 or a negative errno; then there is no child.
 */
int bk_command_start(struct bk_command *c, char **argv, const struct bk_caller *caller);
/* Lets it execute the command. If it cannot, it says so and ends with 127 (there is none) or 126. */
void bk_command_release(struct bk_command *c);
/* A signal that somebody sent to us alone is sent to it, too; one of the terminal has reached both. */
void bk_command_pass_on(const struct bk_command *c, const struct signalfd_siginfo *signal);
/*
 * Waits until it has ended and returns its exit status, 128 + N if signal N ended it. One that is still held ends
 * without executing anything.
 */
int bk_command_wait(struct bk_command *c);

#endif
