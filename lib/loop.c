// SPDX-License-Identifier: GPL-2.0-only
#include "loop.h"

#include <errno.h>
#include <linux/bpf.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum {
	WINDOW_MIN_MS = 1,
	WINDOW_MS = 5, /* the first one after a sleep, and the longest where a person looks on */
	WINDOW_MAX_MS = 50, /* else */
	SLEEP_MS =
		250, /* no sleep is longer while there is a ring: a lost wakeup costs this much */
	DRAIN_MAX = 65536,    /* records at a time, so that a flood does not keep signals waiting */
};

enum what { SIGNAL, INTERVAL, DURATION, STDOUT, RING, COMMAND, WATCHED };

struct watched {
	int fd;
	int (*ready)(void *ctx); /* NULL: a free place */
	void *ctx;
};

struct bk_loop {
	struct bk_run *run;
	int ep, signals, interval, duration;
	sigset_t ending, old;
	bool told; /* a signal came */
	struct bk_command *command;
	struct ring_buffer *ring;
	bool awake;
	unsigned int drained; /* records, in this drain */
	size_t bytes;         /* of the ring, in this drain */
	size_t size;          /* of the ring */
	int window;           /* ms */
	uint64_t lost;        /* as far as it was said */
	struct watched watched[4];
};

static int watch(struct bk_loop *l, int fd, enum what what, uint32_t events, int op)
{
	struct epoll_event ev = { .events = events, .data.u32 = what };

	return epoll_ctl(l->ep, op, fd, &ev) ? -errno : 0;
}

static int timer(struct bk_loop *l, enum what what, uint64_t ns, bool repeat)
{
	struct itimerspec it = {
		.it_value = { .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 },
	};
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);

	if (fd < 0)
		return -errno;
	if (repeat)
		it.it_interval = it.it_value;
	if (timerfd_settime(fd, 0, &it, NULL) || watch(l, fd, what, EPOLLIN, EPOLL_CTL_ADD)) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

int bk_loop_open(struct bk_run *run, struct bk_loop **out)
{
	static const int ending[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct bk_loop *l = calloc(1, sizeof(*l));
	int err;

	if (!l)
		return -ENOMEM;
	l->run = run;
	l->interval = l->duration = -1;
	sigemptyset(&l->ending);
	for (size_t i = 0; i < ARRAY_LEN(ending); i++) {
		struct sigaction now;

		/* what the caller ignores, as nohup does, stays ignored */
		if (!sigaction(ending[i], NULL, &now) && now.sa_handler != SIG_IGN)
			sigaddset(&l->ending, ending[i]);
	}
	sigprocmask(SIG_BLOCK, &l->ending, &l->old);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* then a write fails, and that is said */
	l->ep = epoll_create1(EPOLL_CLOEXEC);
	l->signals = signalfd(-1, &l->ending, SFD_CLOEXEC | SFD_NONBLOCK);
	if (l->ep < 0 || l->signals < 0) {
		err = -errno;
		bk_loop_close(l);
		return err;
	}
	err = watch(l, l->signals, SIGNAL, EPOLLIN, EPOLL_CTL_ADD);
	/*
	 * a pipe without readers, a terminal that hung up; files cannot be watched and need not be
	 */
	if (!err && watch(l, run->out->fd, STDOUT, 0, EPOLL_CTL_ADD) == -ENOMEM)
		err = -ENOMEM;
	if (err) {
		bk_loop_close(l);
		return err;
	}
	run->out->wake[0] = l->signals;
	*out = l;
	return 0;
}

static int on_record(void *ctx, void *rec, size_t len)
{
	struct bk_loop *l = ctx;
	struct bk_run *run = l->run;
	int err;

	l->drained++;
	l->bytes += len + BPF_RINGBUF_HDR_SZ;
	if (run->stop) {
		run->unprinted++;
		return l->drained >= DRAIN_MAX ? -EAGAIN : 0;
	}
	err = run->tool->event(run, rec, len);
	if (err)
		return err;
	if (run->opts.count && run->printed >= run->opts.count)
		run->stop = true;
	if (run->out->error)
		return -ECANCELED;
	/* negative ends the drain; this record is done with */
	return l->drained >= DRAIN_MAX ? -EAGAIN : 0;
}

int bk_loop_ring(struct bk_loop *l, int map_fd, size_t size)
{
	l->size = size;
	/* that of a rung that could not be attached */
	if (l->ring) {
		epoll_ctl(l->ep, EPOLL_CTL_DEL, ring_buffer__epoll_fd(l->ring), NULL);
		ring_buffer__free(l->ring);
	}
	l->ring = ring_buffer__new(map_fd, on_record, l, NULL);
	if (!l->ring)
		return -errno;
	return watch(l, ring_buffer__epoll_fd(l->ring), RING, EPOLLIN, EPOLL_CTL_ADD);
}

/* Marks a gap where it is seen. */
static void tell_losses(struct bk_loop *l)
{
	uint64_t lost = l->run->books->lost, n = lost - l->lost;
	struct bk_out *o = l->run->out;

	if (!n || l->run->stop || o->blocks)
		return;
	l->lost = lost;
	if (o->json) {
		bk_json_begin(o, "lost");
		bk_json_u64(o, "ring", n);
		bk_json_end(o);
	} else {
		bk_printf(o, "# lost %llu events here\n", (unsigned long long)n);
	}
}

/* Returns how many records came, or a negative errno. */
static int drain(struct bk_loop *l)
{
	int err;

	l->drained = l->bytes = 0;
	err = ring_buffer__consume(l->ring);
	tell_losses(l);
	if (err < 0 && err != -EAGAIN && err != -ECANCELED)
		return err;
	return l->drained;
}

int bk_loop_drain(struct bk_loop *l)
{
	int n = 0;

	while (l->ring && !l->run->out->error && (n = drain(l)) >= DRAIN_MAX)
		;
	return n < 0 ? n : 0;
}

/* Says in the programs' memory that we sleep, or not any more. */
static void set_asleep(struct bk_loop *l, bool asleep)
{
	__atomic_store_n(&l->run->books->asleep, asleep, __ATOMIC_SEQ_CST);
	l->awake = !asleep;
	watch(l, ring_buffer__epoll_fd(l->ring), RING, asleep ? EPOLLIN : 0, EPOLL_CTL_MOD);
}

uint64_t bk_loop_ring_size(long cpus)
{
	return cpus <= 4 ? 2 << 20 : cpus >= 16 ? 8 << 20 : (uint64_t)cpus << 19;
}

int bk_loop_window(int ms, size_t bytes, size_t size, bool tty)
{
	int most = tty ? WINDOW_MS : WINDOW_MAX_MS;

	if (bytes > size / 4)
		return ms / 2 > WINDOW_MIN_MS ? ms / 2 : WINDOW_MIN_MS;
	if (bytes < size / 16)
		return 2 * ms < most ? 2 * ms : most;
	return ms;
}

static int ring_step(struct bk_loop *l)
{
	int n = drain(l);

	if (n > 0 && !l->awake) {
		l->window = WINDOW_MS;
		set_asleep(l, false);
	} else if (n > 0) {
		l->window = bk_loop_window(l->window, l->bytes, l->size, l->run->out->tty);
	} else if (!n && l->awake) {
		/*
		 * the window brought nothing; what came before the word was set is looked for once
		 * more
		 */
		set_asleep(l, true);
		n = drain(l);
		if (n > 0)
			set_asleep(l, false);
	}
	return n;
}

/* Else they would still be there when they are unblocked, and end us before the books are closed. */
static bool take_signals(struct bk_loop *l)
{
	struct signalfd_siginfo taken;
	bool any = false;

	while (read(l->signals, &taken, sizeof(taken)) == sizeof(taken)) {
		any = l->told = true;
		if (l->command)
			bk_command_pass_on(l->command, &taken);
	}
	return any;
}

/* Where the duration ends with an interval, or nearly, the last report covers both. */
static bool ends_soon(const struct bk_run *run)
{
	return run->opts.duration &&
	       bk_now() + run->opts.interval / 20 >= run->start_ns + run->opts.duration;
}

int bk_loop_watch(struct bk_loop *l, int fd, int (*ready)(void *ctx), void *ctx)
{
	int err;

	for (size_t i = 0; i < ARRAY_LEN(l->watched); i++) {
		if (l->watched[i].ready)
			continue;
		err = watch(l, fd, WATCHED + i, EPOLLIN, EPOLL_CTL_ADD);
		if (!err)
			l->watched[i] = (struct watched){ fd, ready, ctx };
		return err;
	}
	return -ENOSPC;
}

void bk_loop_unwatch(struct bk_loop *l, int fd)
{
	for (size_t i = 0; i < ARRAY_LEN(l->watched); i++)
		if (l->watched[i].ready && l->watched[i].fd == fd) {
			watch(l, fd, WATCHED + i, 0, EPOLL_CTL_DEL);
			l->watched[i].ready = NULL;
		}
}

/* Returns what the function does. */
static int be_ready(struct bk_loop *l, uint32_t what)
{
	const struct watched *w = &l->watched[what - WATCHED];

	return w->ready ? w->ready(w->ctx) : 0;
}

int bk_loop_command(struct bk_loop *l, struct bk_command *command)
{
	int err = watch(l, command->pidfd, COMMAND, EPOLLIN, EPOLL_CTL_ADD);

	if (err)
		return err;
	l->command = command;
	bk_command_release(command);
	return 0;
}

int bk_loop_run(struct bk_loop *l, int (*tick)(struct bk_run *))
{
	struct bk_run *run = l->run;
	bool ended = false; /* the command */
	int last = 0, err;
	uint64_t ticks;

	if (run->opts.interval && run->tool->report) {
		l->interval = timer(l, INTERVAL, run->opts.interval, true);
		if (l->interval < 0)
			return l->interval;
	}
	if (run->opts.duration) {
		l->duration = timer(l, DURATION, run->opts.duration, false);
		if (l->duration < 0)
			return l->duration;
		run->out->wake[1] = l->duration;
	}
	while (!run->stop) {
		struct epoll_event ev[8];
		bool over = false;
		int n, wait = !l->ring          ? -1 :
			      last >= DRAIN_MAX ? 0 :
			      l->awake          ? l->window :
						  SLEEP_MS;

		bk_flush(run->out);
		if (run->out->error)
			break;
		n = epoll_wait(l->ep, ev, ARRAY_LEN(ev), wait);
		if (n < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < n; i++)
			switch (ev[i].data.u32) {
			case INTERVAL:
				if (read(l->interval, &ticks, sizeof(ticks)) < 0 || ends_soon(run))
					break;
				err = tick(run);
				if (err)
					return err;
				break;
			case STDOUT:
				run->out->error = -EPIPE;
				run->stop = true;
				break;
			case SIGNAL:
				over |= take_signals(l);
				break;
			case DURATION:
				over = true;
				break;
			case COMMAND:
				ended = over = true;
				break;
			case RING:
				break;
			default:
				err = be_ready(l, ev[i].data.u32);
				if (err < 0)
					return err;
				over |= err;
			}
		if (over || run->stop)
			break;
		if (l->ring) {
			last = ring_step(l);
			if (last < 0)
				return last;
		}
	}
	take_signals(l);
	run->out->wake[1] = -1;
	/* who reads what the command did may take his time, until a signal comes; else nobody is waited for */
	if (!ended || l->told) {
		run->out->wake[0] = -1;
		run->out->patience = BK_LAST_WRITE_MS;
	}
	/* from here on a second Ctrl-C just ends us; a first one is still the command's, too */
	if (!l->command || l->told)
		sigprocmask(SIG_SETMASK, &l->old, NULL);
	return 0;
}

void bk_loop_wait(struct bk_loop *l)
{
	struct pollfd p[2] = { { .events = POLLIN },
			       { .fd = l->told ? -1 : l->signals, .events = POLLIN } };

	if (!l->command)
		return;
	if (l->told)
		sigprocmask(SIG_SETMASK, &l->old, NULL); /* if the loop has failed it is not done yet */
	ring_buffer__free(l->ring); /* nothing of us stays in the kernel meanwhile */
	l->ring = NULL;
	p[0].fd = l->command->pidfd;
	while (poll(p, 2, -1) < 0 || !p[0].revents) {
		if (p[1].fd < 0 || !take_signals(l))
			continue;
		p[1].fd = -1;
		sigprocmask(SIG_SETMASK, &l->old, NULL);
	}
}

void bk_loop_close(struct bk_loop *l)
{
	if (!l)
		return;
	if (l->signals >= 0)
		take_signals(l);
	ring_buffer__free(l->ring);
	if (l->interval >= 0)
		close(l->interval);
	if (l->duration >= 0)
		close(l->duration);
	if (l->signals >= 0)
		close(l->signals);
	if (l->ep >= 0)
		close(l->ep);
	sigprocmask(SIG_SETMASK, &l->old, NULL);
	free(l);
}
