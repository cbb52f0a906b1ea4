/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BK_LOOP_H
#define BK_LOOP_H

#include "bk.h"
#include "command.h"

/*
 * The one loop: records from the ring, signals, the interval, the duration, stdout hanging up, and
 * the end of a command.
 *
 * Reader and programs agree on a word in the program's memory that says that the reader sleeps.
 * Only then does a program wake it (bk_submit() in bpf/bk.bpf.h); a reader that was woken drains,
 * waits one batch window, drains again, and goes to sleep when a window brought nothing.
 */
struct bk_loop;

/* Blocks the signals and makes the descriptors; before attaching, so that none is missed. */
int bk_loop_open(struct bk_run *run, struct bk_loop **loop);
/* The bytes of the ring that a machine with so many CPUs has by itself: each of them can produce events. */
uint64_t bk_loop_ring_size(long cpus);
/*
 * After a window of so many ms in which so many bytes came, of a ring of that size: how long to wait before
 * the next look. So long that the wait is worth its while, and so short that the ring is not full
 * meanwhile, not even if twice as much comes.
 */
int bk_loop_window(int ms, size_t bytes, size_t size, bool tty);
/* The ring, of so many bytes, if the tool has events. */
int bk_loop_ring(struct bk_loop *loop, int map_fd, size_t size);
/*
 * Calls a function when there is something to be read from a descriptor, until bk_loop_unwatch(). The function returns
 * 0, or 1 to end the loop, or a negative errno.
 */
int bk_loop_watch(struct bk_loop *loop, int fd, int (*ready)(void *ctx), void *ctx);
void bk_loop_unwatch(struct bk_loop *loop, int fd);
/* Lets a command go. Its end ends the loop, and signals that are sent to us alone are passed on to it. */
int bk_loop_command(struct bk_loop *loop, struct bk_command *command);
/*
 * Runs until a signal, the duration, the count, run->stop, a closed stdout, or the end of the
 * command. tick: at each interval.
 */
int bk_loop_run(struct bk_loop *loop, int (*tick)(struct bk_run *));
/* Records that are still in the ring. */
int bk_loop_drain(struct bk_loop *loop);
/*
 * After the loop has ended for another reason: waits for the end of the command, if there is one.
 * The first signal is passed on as before, the next one ends us.
 */
void bk_loop_wait(struct bk_loop *loop);
void bk_loop_close(struct bk_loop *loop);

#endif
