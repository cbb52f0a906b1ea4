// SPDX-License-Identifier: GPL-2.0-only
#include "command.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bk.h"

enum { CANNOT_EXECUTE = 126, NOT_FOUND = 127, SIGNALLED = 128 }; /* as in all shells */

void bk_caller_save(struct bk_caller *c)
{
	for (int fd = 0; fd < 3; fd++)
		c->closed[fd] = fcntl(fd, F_GETFD) < 0;
	sigprocmask(SIG_BLOCK, NULL, &c->mask);
	sigaction(SIGPIPE, NULL, &c->pipe);
	sigaction(SIGXFSZ, NULL, &c->xfsz);
	sigaction(SIGCHLD, NULL, &c->chld);
	getrlimit(RLIMIT_MEMLOCK, &c->memlock);
}

/* ---- in the child ---- */

/*
 * Closes what an exec would close, which are ours: a program stays attached as long as anybody has its link, and
 * nobody knows when the exec will be.
 */
static int close_ours(int but)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *e;

	if (!dir)
		return -errno;
	while ((e = readdir(dir))) {
		int fd = atoi(e->d_name), flags = fcntl(fd, F_GETFD);

		if (fd > STDERR_FILENO && fd != but && fd != dirfd(dir) && flags >= 0 &&
		    flags & FD_CLOEXEC)
			close(fd);
	}
	closedir(dir);
	return 0;
}

static int be_real_user(void)
{
	uid_t uid = getuid();
	gid_t gid = getgid();

	if (gid != getegid() && setresgid(gid, gid, gid))
		return -errno;
	return uid != geteuid() && setresuid(uid, uid, uid) ? -errno : 0;
}

static void restore(const struct bk_caller *c)
{
	sigaction(SIGPIPE, &c->pipe, NULL);
	sigaction(SIGXFSZ, &c->xfsz, NULL);
	sigaction(SIGCHLD, &c->chld, NULL);
	setrlimit(RLIMIT_MEMLOCK, &c->memlock);
	sigprocmask(SIG_SETMASK, &c->mask, NULL);
}

static _Noreturn void be_command(char **argv, const struct bk_caller *caller, int hold)
{
	int err = close_ours(hold);
	char go;

	if (!err)
		err = be_real_user();
	restore(caller);
	if (read(hold, &go, 1) != 1)
		_exit(BK_EXIT_FAILED);
	if (!err) {
		for (int fd = 0; fd < 3; fd++)
			if (caller->closed[fd])
				close(fd);
		execvp(argv[0], argv);
		err = -errno;
	}
	bk_error("cannot run '%s': %s", argv[0], strerror(-err));
	_exit(err == -ENOENT ? NOT_FOUND : CANNOT_EXECUTE);
}

/* ---- in bpfkit ---- */

int bk_command_start(struct bk_command *c, char **argv, const struct bk_caller *caller)
{
	int ends[2], err;

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	signal(SIGCHLD, SIG_DFL); /* if it were ignored the kernel would throw away the status */
	c->pid = fork();
	if (!c->pid) {
		close(ends[1]);
		be_command(argv, caller, ends[0]);
	}
	err = -errno;
	close(ends[0]);
	c->hold = ends[1];
	if (c->pid < 0) {
		c->pid = 0;
		close(c->hold);
		return err;
	}
	c->pidfd = syscall(SYS_pidfd_open, c->pid, 0);
	if (c->pidfd < 0) {
		err = -errno;
		bk_command_wait(c);
		return err;
	}
	return 0;
}

static void let_go(struct bk_command *c)
{
	if (c->hold >= 0)
		close(c->hold);
	c->hold = -1;
}

void bk_command_release(struct bk_command *c)
{
	/* if that fails it has been killed */
	if (write(c->hold, "", 1) == 1)
		bk_debug("the command runs as process %d", c->pid);
	let_go(c);
}

void bk_command_pass_on(const struct bk_command *c, const struct signalfd_siginfo *signal)
{
	bool sent = signal->ssi_code == SI_USER || signal->ssi_code == SI_TKILL ||
		    signal->ssi_code == SI_QUEUE;

	if (c->pid && sent && kill(c->pid, signal->ssi_signo))
		bk_warn("the signal %u could not be passed on to the command: %s",
			signal->ssi_signo, strerror(errno));
}

int bk_command_wait(struct bk_command *c)
{
	siginfo_t how = { 0 };
	int err;

	let_go(c);
	do
		err = waitid(P_PID, c->pid, &how, WEXITED) ? errno : 0;
	while (err == EINTR);
	c->pid = 0;
	if (c->pidfd >= 0)
		close(c->pidfd);
	c->pidfd = -1;
	if (err) {
		bk_error("how the command ended is unknown: %s", strerror(err));
		return BK_EXIT_FAILED;
	}
	return how.si_code == CLD_EXITED ? how.si_status : SIGNALLED + how.si_status;
}
