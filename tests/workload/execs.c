// SPDX-License-Identifier: GPL-2.0-only
/*
 * execs KIND FILE ARGUMENT... - execute FILE with these arguments, argv[0] first, in one of these ways:
 *
 *   execve    the usual one
 *   thread    by a thread that is not the first
 *   execveat  relative to a descriptor of its directory
 *   memfd     a copy of FILE that lies in memory only, by its descriptor
 *   nothing   with no arguments at all
 *   compat    by a 32-bit system call (x86-64; status 77 where the kernel has none)
 *   compatat  by the other one
 *   pointers  as execve, but argv[1] and what follows cannot be read
 *   nowhere   as execve, but the name cannot be read
 *   again     fail to execute a file that is not there, and then as compat
 *   traced    execute the rest, and trace it and its threads until it ends
 *   threads   run four threads for the milliseconds that FILE says, then exit with status 3
 *
 * If that fails the status is the errno.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { SKIP = 77, LOW = 1 << 20 };

static char **arguments;
static char *volatile unreadable = (char *)8;
static char *const nothing[] = { NULL };

static void *in_thread(void *file)
{
	execve(file, arguments, nothing);
	_exit(errno);
}

static int at_directory(const char *file)
{
	char *dir = strdup(file), *name = strdup(file);

	return syscall(SYS_execveat, open(dirname(dir), O_PATH | O_DIRECTORY), basename(name),
		       arguments, nothing, 0);
}

static int in_memory(const char *file)
{
	int from = open(file, O_RDONLY), to = memfd_create("bpfkit", MFD_CLOEXEC);
	struct stat st;

	if (from < 0 || to < 0 || fstat(from, &st) || sendfile(to, from, NULL, st.st_size) < 0)
		return -1;
	return syscall(SYS_execveat, to, "", arguments, nothing, AT_EMPTY_PATH);
}

/* Threads that are traced are there until they are waited for, which is done last. */
static void trace(void)
{
	pid_t pid = fork();
	siginfo_t info;
	int status = 0;

	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		execve(arguments[-1], arguments - 1, nothing);
		_exit(errno);
	}
	waitpid(pid, &status, 0);
	ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL);
	ptrace(PTRACE_CONT, pid, NULL, NULL);
	for (int i = 0; i < 500; i++) {
		info.si_pid = 0;
		if (!waitid(P_ALL, 0, &info, WSTOPPED | WNOHANG | __WALL) && info.si_pid)
			ptrace(PTRACE_CONT, info.si_pid, NULL, NULL);
		usleep(1000);
	}
	while (waitpid(-1, &status, __WALL) > 0)
		;
	exit(0);
}

static void *spin(void *ms)
{
	struct timespec now;

	do
		clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	while (now.tv_sec * 1000 + now.tv_nsec / 1000000 < (intptr_t)ms);
	return NULL;
}

static void run_threads(intptr_t ms)
{
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, spin, (void *)ms);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	exit(3);
}

#ifdef __x86_64__
/* The call takes addresses of 32 bits, so all of it is copied to where those reach. */
static int compat(const char *file, bool at_cwd)
{
	char *low = mmap(NULL, LOW, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	uint32_t *argv = (void *)low;
	char *at = low + LOW / 2;
	int n = 0, ret;

	if (low == MAP_FAILED)
		return -1;
	for (; arguments[n]; n++) {
		argv[n] = (uintptr_t)strcpy(at, arguments[n]);
		at += strlen(at) + 1;
	}
	strcpy(at, file);
	if (at_cwd)
		asm volatile("int $0x80"
			     : "=a"(ret)
			     : "a"(358), "b"(AT_FDCWD), "c"((uint32_t)(uintptr_t)at),
			       "d"((uint32_t)(uintptr_t)argv), "S"((uint32_t)(uintptr_t)(argv + n)),
			       "D"(0)
			     : "memory");
	else
		asm volatile("int $0x80"
			     : "=a"(ret)
			     : "a"(11), "b"((uint32_t)(uintptr_t)at),
			       "c"((uint32_t)(uintptr_t)argv), "d"((uint32_t)(uintptr_t)(argv + n))
			     : "memory");
	if (ret == -ENOSYS)
		_exit(SKIP);
	errno = -ret;
	return -1;
}
#else
static int compat(const char *file, bool at_cwd)
{
	(void)file;
	(void)at_cwd;
	_exit(SKIP);
}
#endif

int main(int argc, char **argv)
{
	const char *kind = argc > 2 ? argv[1] : "";
	pthread_t thread;

	if (argc < 3) {
		fprintf(stderr, "usage: %s KIND FILE ARGUMENT...\n", argv[0]);
		return 2;
	}
	arguments = argv + 3;
	if (!strcmp(kind, "execve"))
		execve(argv[2], arguments, nothing);
	else if (!strcmp(kind, "nothing"))
		execve(argv[2], nothing, nothing);
	else if (!strcmp(kind, "execveat"))
		at_directory(argv[2]);
	else if (!strcmp(kind, "memfd"))
		in_memory(argv[2]);
	else if (!strcmp(kind, "compat"))
		compat(argv[2], false);
	else if (!strcmp(kind, "compatat"))
		compat(argv[2], true);
	else if (!strcmp(kind, "pointers"))
		execve(argv[2], (char *[]){ argv[3], unreadable, unreadable, NULL }, nothing);
	else if (!strcmp(kind, "nowhere"))
		execve(unreadable, arguments, nothing);
	else if (!strcmp(kind, "again")) {
		execve("/nonexistent", arguments, nothing);
		compat(argv[2], false);
	} else if (!strcmp(kind, "traced"))
		trace();
	else if (!strcmp(kind, "threads"))
		run_threads(atoi(argv[2]));
	else if (!strcmp(kind, "thread") && !pthread_create(&thread, NULL, in_thread, argv[2]))
		pthread_join(thread, NULL);
	else
		return 2;
	return errno;
}
