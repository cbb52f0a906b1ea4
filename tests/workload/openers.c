// SPDX-License-Identifier: GPL-2.0-only
/*
 * openers KIND ARGUMENT... - open a file in one of many ways, see the table at the end.
 *
 * "/marker" is opened just before, which fails; what this process opens behind that is only what KIND says. What came
 * of it is written to stdout as JSON: ret, a descriptor or a negative errno, and the thread that called. Where it
 * cannot be done here the status is 77, and stderr says why.
 */
#define _GNU_SOURCE
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/io_uring.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* RESULTS: the room of a ring for them */
enum { SKIP = 77, LOW = 1 << 20, ENTRIES = 64, RESULTS = 2 * ENTRIES, MODE = 0640 };

static char **args;
static long tid;

static void begin(void)
{
	tid = syscall(SYS_gettid);
	syscall(SYS_openat, AT_FDCWD, "/marker", O_RDONLY);
}

static long result(long ret)
{
	return ret < 0 ? -errno : ret;
}

static int directory(const char *path)
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

static void *must(void *p)
{
	if (p == MAP_FAILED)
		err(1, "mmap");
	return p;
}

/* ---- system calls ---- */

static long by_open(void)
{
#ifdef SYS_open
	begin();
	return result(syscall(SYS_open, args[0], O_RDONLY | O_CLOEXEC));
#else
	warnx("there is no such call on this architecture");
	exit(SKIP);
#endif
}

static long by_openat(void)
{
	begin();
	return result(syscall(SYS_openat, AT_FDCWD, args[0], O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, MODE));
}

/* DIRECTORY NAME */
static long by_dirfd(void)
{
	int fd = directory(args[0]);

	begin();
	return result(syscall(SYS_openat, fd, args[1], O_RDONLY));
}

/* DIRECTORY NAME: by a chain of descriptors, one for each name of DIRECTORY behind a "//" */
static long by_chain(void)
{
	char *at = strstr(args[0], "//"), *next;
	int fd, up;

	*at = 0;
	fd = directory(args[0]);
	for (at += 2; *at; at = next) {
		next = strchrnul(at, '/');
		if (*next)
			*next++ = 0;
		up = fd;
		fd = openat(up, at, O_PATH | O_DIRECTORY);
		if (fd < 0)
			err(1, "%s", at);
		close(up);
	}
	begin();
	return result(syscall(SYS_openat, fd, args[1], O_RDONLY));
}

/* DIRECTORY NAME */
static long in_directory(void)
{
	if (chdir(args[0]))
		err(1, "%s", args[0]);
	begin();
	return result(syscall(SYS_openat, AT_FDCWD, args[1], O_RDONLY));
}

/* DIRECTORY NAME */
static long in_root(void)
{
	struct open_how how = { .flags = O_RDONLY, .resolve = RESOLVE_IN_ROOT };
	int fd = directory(args[0]);

	begin();
	return result(syscall(SYS_openat2, fd, args[1], &how, sizeof(how)));
}

/* A mode without O_CREAT is refused. */
static long by_wrong_how(void)
{
	struct open_how how = { .flags = O_RDONLY, .mode = MODE };

	begin();
	return result(syscall(SYS_openat2, AT_FDCWD, args[0], &how, sizeof(how)));
}

static long by_small_how(void)
{
	struct open_how how = { .flags = O_RDONLY };

	begin();
	return result(syscall(SYS_openat2, AT_FDCWD, args[0], &how, sizeof(how) - 1));
}

static long by_creat(void)
{
#ifdef SYS_creat
	begin();
	return result(syscall(SYS_creat, args[0], MODE));
#else
	warnx("there is no such call on this architecture");
	exit(SKIP);
#endif
}

/* DIRECTORY NAME */
static long by_handle(void)
{
	struct {
		struct file_handle h;
		unsigned char room[MAX_HANDLE_SZ];
	} handle = { .h.handle_bytes = MAX_HANDLE_SZ };
	int mount, fd = directory(args[0]);

	if (name_to_handle_at(fd, args[1], &handle.h, &mount, 0)) {
		warn("name_to_handle_at");
		exit(SKIP);
	}
	/* no O_PATH here */
	close(fd);
	fd = open(args[0], O_RDONLY | O_DIRECTORY);
	begin();
	return result(open_by_handle_at(fd, &handle.h, O_RDONLY));
}

/* With a name where there is none, at the address 0. */
static long by_handle_at_zero(void)
{
	static const char name[] = "/no/such/name";
	char *volatile zero = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	if (zero == MAP_FAILED) {
		warn("the page at 0");
		exit(SKIP);
	}
	for (size_t i = 0; i < sizeof(name); i++)
		zero[i] = name[i];
	return by_handle();
}

static long by_wrong_handle(void)
{
	struct {
		struct file_handle h;
		unsigned char room[MAX_HANDLE_SZ];
	} handle = { .h.handle_bytes = MAX_HANDLE_SZ + 1 };

	begin();
	return result(open_by_handle_at(AT_FDCWD, &handle.h, O_RDONLY));
}

static void *opener(void *unused)
{
	(void)unused;
	return (void *)by_openat();
}

static long by_thread(void)
{
	pthread_t thread;
	void *ret;

	if (pthread_create(&thread, NULL, opener, NULL) || pthread_join(thread, &ret))
		errx(1, "pthread_create");
	return (long)ret;
}

/* Another thread closes it as soon as it is there. */
static volatile bool closing = true;

static void *closer(void *fd)
{
	while (closing)
		close((long)fd);
	return NULL;
}

static long and_close(void)
{
	pthread_t thread;
	long ret, next = dup(0);

	close(next);
	if (pthread_create(&thread, NULL, closer, (void *)next))
		errx(1, "pthread_create");
	begin();
	ret = result(syscall(SYS_openat, AT_FDCWD, args[0], O_RDONLY));
	closing = false;
	pthread_join(thread, NULL);
	return ret;
}

/* ---- names ---- */

/* FILE that holds the name: the page is not there when the call is made. */
static long by_page(void)
{
	int fd = open(args[0], O_RDONLY);
	const char *name = must(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0));

	close(fd);
	begin();
	return result(syscall(SYS_openat, AT_FDCWD, name, O_RDONLY));
}

static long by_bad_pointer(void)
{
	begin();
	return result(syscall(SYS_openat, AT_FDCWD, 16, O_RDONLY));
}

static long by_null(void)
{
	begin();
	return result(syscall(SYS_openat, AT_FDCWD, NULL, O_RDONLY));
}

/* Refused before the kernel gets to it. */
static long by_seccomp(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EXDEV),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { sizeof(code) / sizeof(*code), code };

	begin();
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter)) {
		warn("prctl");
		exit(SKIP);
	}
	return result(syscall(SYS_openat, AT_FDCWD, args[0], O_RDONLY));
}

/* The name begins on the last bytes of a page, and the next one is not there. */
static long by_end_of_page(void)
{
	char *page = must(mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
	size_t n = strlen(args[0]) + 1;

	munmap(page + 4096, 4096);
	memcpy(page + 4096 - n, args[0], n);
	begin();
	return result(syscall(SYS_openat, AT_FDCWD, page + 4096 - n, O_RDONLY));
}

/* ---- places ---- */

/* DIRECTORY NAME */
static long in_chroot(void)
{
	if (chroot(args[0]) || chdir("/"))
		err(1, "%s", args[0]);
	begin();
	return result(syscall(SYS_openat, AT_FDCWD, args[1], O_RDONLY));
}

/* DIRECTORY ROOT NAME: the working directory is not below the root */
static long out_of_chroot(void)
{
	if (chdir(args[0]) || chroot(args[1]))
		err(1, "%s", args[0]);
	begin();
	return result(syscall(SYS_openat, AT_FDCWD, args[2], O_RDONLY));
}

/* DIRECTORY NAME: as in a container */
static long in_container(void)
{
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount(args[0], args[0], NULL, MS_BIND, NULL) || chdir(args[0]) ||
	    syscall(SYS_pivot_root, ".", ".") || umount2(".", MNT_DETACH) || chdir("/"))
		err(1, "%s", args[0]);
	begin();
	return result(syscall(SYS_openat, AT_FDCWD, args[1], O_RDONLY));
}

/* DIRECTORY NAME: in a file system that only we have mounted there */
static long in_own_mount(void)
{
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", args[0], "tmpfs", 0, NULL) || chdir(args[0]) ||
	    close(open(args[1], O_CREAT | O_WRONLY, MODE)))
		err(1, "%s", args[0]);
	begin();
	return result(syscall(SYS_openat, AT_FDCWD, args[1], O_RDONLY));
}

/* DIRECTORY NAME */
static long in_deleted_directory(void)
{
	if (chdir(args[0]) || rmdir(args[0]))
		err(1, "%s", args[0]);
	begin();
	return result(syscall(SYS_openat, AT_FDCWD, args[1], O_RDONLY | O_CREAT, MODE));
}

static long again(int fd)
{
	char path[64];

	if (fd < 0)
		err(1, "%s", args[0] ? args[0] : "no descriptor");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	begin();
	return result(syscall(SYS_openat, AT_FDCWD, path, O_RDONLY));
}

static long of_deleted_file(void)
{
	int fd = open(args[0], O_RDONLY);

	if (unlink(args[0]))
		err(1, "%s", args[0]);
	return again(fd);
}

static long of_pipe(void)
{
	int fds[2];
	struct stat st;

	if (pipe(fds) || fstat(fds[0], &st))
		err(1, "pipe");
	fprintf(stderr, "pipe:[%llu]", (unsigned long long)st.st_ino);
	return again(fds[0]);
}

static long of_memory(void)
{
	return again(memfd_create("in memory", 0));
}

static long tmpfile_in(void)
{
	begin();
	return result(syscall(SYS_openat, AT_FDCWD, args[0], O_TMPFILE | O_RDWR, MODE));
}

/* ---- waiting ---- */

static void on_alarm(int number)
{
	(void)number;
}

static long opened_after(int flags, long ms)
{
	struct sigaction action = { .sa_handler = on_alarm, .sa_flags = flags };
	struct itimerval timer = { .it_value = { ms / 1000, ms % 1000 * 1000 } };

	sigaction(SIGALRM, &action, NULL);
	begin();
	setitimer(ITIMER_REAL, &timer, NULL);
	return result(syscall(SYS_openat, AT_FDCWD, args[0], O_RDONLY));
}

static long interrupted(void)
{
	return opened_after(0, 50);
}


/* FIFO MILLISECONDS: the other side comes after that time; it is a process of its own */
static long waited(void)
{
	long ms = atol(args[1]);
	pid_t child = fork();

	if (!child) {
		usleep(ms * 1000);
		_exit(open(args[0], O_WRONLY) < 0);
	}
	begin();
	return result(syscall(SYS_openat, AT_FDCWD, args[0], O_RDONLY));
}

/* ---- many ---- */

/* Opens NAME COUNT times, every millisecond as many as PER_SECOND says; 0: without a pause. */
static void *repeat(void *unused)
{
	long count = atol(args[1]), burst = atol(args[2]) / 1000;
	struct timespec due;

	clock_gettime(CLOCK_MONOTONIC, &due);
	for (long i = 0; i < count; i++) {
		close(syscall(SYS_openat, AT_FDCWD, args[0], O_RDONLY));
		if (!burst || i % burst != burst - 1)
			continue;
		due.tv_nsec += 1000000;
		due.tv_sec += due.tv_nsec / 1000000000;
		due.tv_nsec %= 1000000000;
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, NULL);
	}
	return unused;
}

/* NAME COUNT PER_SECOND THREADS, each of which does that, or we ourselves; the microseconds that it took */
static long many_times(void)
{
	int n = atoi(args[3]);
	pthread_t threads[64];
	struct timespec from, to;

	begin();
	clock_gettime(CLOCK_MONOTONIC, &from);
	if (!n)
		repeat(NULL);
	for (int i = 0; i < n && i < 64; i++)
		if (pthread_create(&threads[i], NULL, repeat, NULL))
			err(1, "pthread_create");
	for (int i = 0; i < n && i < 64; i++)
		pthread_join(threads[i], NULL);
	clock_gettime(CLOCK_MONOTONIC, &to);
	return (to.tv_sec - from.tv_sec) * 1000000 + (to.tv_nsec - from.tv_nsec) / 1000;
}

/* ---- 32-bit callers ---- */

#ifdef __x86_64__
static long compat(int number, long first, const char *name, long flags, long mode)
{
	char *low = must(mmap(NULL, LOW, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0));
	uint32_t a = first, b = flags, c = mode, d = 0;
	int ret;

	strcpy(low, name);
	if (number == 295) { /* openat(dfd, name, flags, mode) */
		b = (uintptr_t)low;
		c = flags;
		d = mode;
	} else { /* open(name, flags, mode) */
		a = (uintptr_t)low;
	}
	begin();
	asm volatile("int $0x80" : "=a"(ret) : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d) : "memory");
	if (ret == -ENOSYS) {
		warnx("this kernel has no 32-bit system calls");
		exit(SKIP);
	}
	return ret;
}
#else
static long compat(int number, long first, const char *name, long flags, long mode)
{
	warnx("int 0x80 is of x86-64");
	exit(SKIP);
}
#endif

static long by_compat_open(void)
{
	return compat(5, 0, args[0], O_RDWR | O_CREAT, MODE);
}

/* DIRECTORY NAME */
static long by_compat_openat(void)
{
	return compat(295, directory(args[0]), args[1], O_RDONLY, 0);
}

/* ---- io_uring ---- */

static struct {
	int fd;
	unsigned int *sq_tail, *sq_mask, *sq_array, *cq_head, *cq_tail, *cq_mask;
	struct io_uring_sqe *sqes;
	struct io_uring_cqe *cqes;
	unsigned int n;
} ring;

static void ring_open(void)
{
	struct io_uring_params p = { 0 };
	size_t size;
	char *sq;

	ring.fd = syscall(SYS_io_uring_setup, ENTRIES, &p);
	if (ring.fd < 0) {
		warn("io_uring_setup");
		exit(SKIP);
	}
	size = p.sq_off.array + p.sq_entries * sizeof(int);
	if (size < p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe))
		size = p.cq_off.cqes + p.cq_entries * sizeof(struct io_uring_cqe);
	sq = must(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, ring.fd, IORING_OFF_SQ_RING));
	ring.sqes = must(mmap(NULL, p.sq_entries * sizeof(*ring.sqes), PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_POPULATE, ring.fd, IORING_OFF_SQES));
	ring.sq_tail = (void *)(sq + p.sq_off.tail);
	ring.sq_mask = (void *)(sq + p.sq_off.ring_mask);
	ring.sq_array = (void *)(sq + p.sq_off.array);
	ring.cq_head = (void *)(sq + p.cq_off.head);
	ring.cq_tail = (void *)(sq + p.cq_off.tail);
	ring.cq_mask = (void *)(sq + p.cq_off.ring_mask);
	ring.cqes = (void *)(sq + p.cq_off.cqes);
}

/* All have the same user_data. */
static struct io_uring_sqe *ring_add(int opcode)
{
	unsigned int at = (*ring.sq_tail + ring.n++) & *ring.sq_mask;
	struct io_uring_sqe *sqe = &ring.sqes[at];

	memset(sqe, 0, sizeof(*sqe));
	sqe->opcode = opcode;
	sqe->user_data = 23;
	ring.sq_array[at] = at;
	return sqe;
}

static struct io_uring_sqe *ring_add_open(int dfd, const char *name, int flags)
{
	struct io_uring_sqe *sqe = ring_add(IORING_OP_OPENAT);

	sqe->fd = dfd;
	sqe->addr = (uintptr_t)name;
	sqe->open_flags = flags;
	sqe->len = flags & O_CREAT ? MODE : 0;
	return sqe;
}

/* Submits all and waits for so many; the result of the last. */
static long ring_run(unsigned int wanted)
{
	unsigned int n = ring.n;
	long ret = 0;

	__atomic_store_n(ring.sq_tail, *ring.sq_tail + n, __ATOMIC_RELEASE);
	ring.n = 0;
	if (syscall(SYS_io_uring_enter, ring.fd, n, wanted, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
		err(1, "io_uring_enter");
	while (*ring.cq_head != __atomic_load_n(ring.cq_tail, __ATOMIC_ACQUIRE)) {
		ret = ring.cqes[*ring.cq_head & *ring.cq_mask].res;
		__atomic_store_n(ring.cq_head, *ring.cq_head + 1, __ATOMIC_RELEASE);
	}
	return ret;
}

static long ring_open_one(int dfd, const char *name, int flags, int sqe_flags, int slot)
{
	struct io_uring_sqe *sqe;

	ring_open();
	begin();
	sqe = ring_add_open(dfd, name, flags);
	sqe->flags = sqe_flags;
	sqe->file_index = slot;
	return ring_run(1);
}

static long by_uring(void)
{
	return ring_open_one(AT_FDCWD, args[0], O_RDONLY | O_CLOEXEC, 0, 0);
}

/* By a thread of the kernel, at once. */
static long by_uring_async(void)
{
	return ring_open_one(AT_FDCWD, args[0], O_RDWR | O_CREAT, IOSQE_ASYNC, 0);
}

/* DIRECTORY NAME */
static long by_uring_dirfd(void)
{
	return ring_open_one(directory(args[0]), args[1], O_RDONLY, 0, 0);
}

/* DIRECTORY NAME */
static long by_uring_in_root(void)
{
	static struct open_how how = { .flags = O_RDONLY, .resolve = RESOLVE_IN_ROOT };
	struct io_uring_sqe *sqe;
	int fd = directory(args[0]);

	ring_open();
	begin();
	sqe = ring_add(IORING_OP_OPENAT2);
	sqe->fd = fd;
	sqe->addr = (uintptr_t)args[1];
	sqe->len = sizeof(how);
	sqe->off = (uintptr_t)&how;
	return ring_run(1);
}

static long by_uring_bad_pointer(void)
{
	return ring_open_one(AT_FDCWD, (char *)16, O_RDONLY, 0, 0);
}

/* NAME TIMES: and in between as many that do nothing, all at once */
static long by_uring_many(void)
{
	int n = atoi(args[1]);

	ring_open();
	begin();
	for (int i = 0; i < n; i++) {
		ring_add_open(AT_FDCWD, args[0], O_RDONLY);
		ring_add(IORING_OP_NOP);
	}
	ring_run(2 * n);
	return 0;
}

/* NAME SLOT: into a place of the ring's own; 0 for any */
static long by_uring_direct(void)
{
	int files[8] = { -1, -1, -1, -1, -1, -1, -1, -1 }, slot = atoi(args[1]);
	struct io_uring_sqe *sqe;
	long ret;

	ring_open();
	if (syscall(SYS_io_uring_register, ring.fd, IORING_REGISTER_FILES, files, 8) < 0)
		err(1, "io_uring_register");
	begin();
	sqe = ring_add_open(AT_FDCWD, args[0], O_RDONLY);
	sqe->file_index = slot ? (unsigned int)slot : ~0U;
	ret = ring_run(1);
	if (!slot && ret == -EINVAL) {
		warnx("this kernel chooses no place by itself");
		exit(SKIP);
	}
	return ret;
}

/* Linked to one that fails, so it is not even tried. */
static long by_uring_link(void)
{
	static char c;
	struct io_uring_sqe *sqe;

	ring_open();
	begin();
	sqe = ring_add(IORING_OP_READ);
	sqe->fd = -1;
	sqe->addr = (uintptr_t)&c;
	sqe->len = 1;
	sqe->flags = IOSQE_IO_LINK;
	ring_add_open(AT_FDCWD, args[0], O_RDONLY);
	return ring_run(2);
}

/* Told of only if it fails. */
static long by_uring_skip(void)
{
	ring_open();
	begin();
	ring_add_open(AT_FDCWD, args[0], O_RDONLY)->flags = 1 << 6; /* IOSQE_CQE_SKIP_SUCCESS, from 5.17 */
	ring_add(IORING_OP_NOP);
	return ring_run(1) == -EINVAL ? -EINVAL : 0;
}

/* Four times the entries: there is no room to tell what came of the last ones. */
static void ring_flood(int dfd, const char *name, int flags)
{
	unsigned int rounds = 4;

	for (unsigned int i = 0; i < rounds * ENTRIES; i++) {
		ring_add_open(dfd, name, flags);
		if (ring.n < ENTRIES)
			continue;
		__atomic_store_n(ring.sq_tail, *ring.sq_tail + ring.n, __ATOMIC_RELEASE);
		ring.n = 0;
		if (syscall(SYS_io_uring_enter, ring.fd, ENTRIES, 0, 0, NULL, 0) != ENTRIES)
			err(1, "io_uring_enter");
	}
}

/* NAME: until there is no room. A thread of the kernel may open some of them, and would be stopped with us. */
static long by_uring_overflow(void)
{
	ring_open();
	begin();
	ring_flood(AT_FDCWD, args[0], O_RDONLY);
	while (__atomic_load_n(ring.cq_tail, __ATOMIC_ACQUIRE) - *ring.cq_head < RESULTS)
		if (syscall(SYS_io_uring_enter, ring.fd, 0, RESULTS, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
			err(1, "io_uring_enter");
	return 0;
}

/*
 * The same for writing; then some for reading get the memory of those. All fail before a path is walked, the former with
 * EBADF, the latter with ENOTDIR: what is walked may be left to a thread of the kernel, and be over, and its memory free,
 * at any time.
 */
static long by_uring_reuse(void)
{
	ring_open();
	begin();
	ring_flood(-1, "name", O_WRONLY);
	while (ring_run(0))
		;
	for (int i = 0; i < ENTRIES; i++)
		ring_add_open(ring.fd, "other", O_RDONLY);
	return ring_run(ENTRIES);
}

/* FIFO TIMES: it says on stderr when all are asked for, and ends with its input. */
static long by_uring_waiting(void)
{
	char c;

	ring_open();
	begin();
	for (int i = atoi(args[1]); i > 0; i--) {
		ring_add_open(AT_FDCWD, args[0], O_RDONLY)->flags = IOSQE_ASYNC;
		if (i % 4 == 1)
			ring_run(0);
	}
	fputs("waiting\n", stderr);
	while (read(0, &c, 1) > 0)
		;
	return 0;
}

/* ---- */

static const struct kind {
	const char *name;
	long (*open)(void);
	int args;
} kinds[] = {
	{ "open", by_open, 1 },
	{ "openat", by_openat, 1 },
	{ "dirfd", by_dirfd, 2 },
	{ "chain", by_chain, 2 },
	{ "cwd", in_directory, 2 },
	{ "in-root", in_root, 2 },
	{ "wrong-how", by_wrong_how, 1 },
	{ "small-how", by_small_how, 1 },
	{ "creat", by_creat, 1 },
	{ "handle", by_handle, 2 },
	{ "handle-at-zero", by_handle_at_zero, 2 },
	{ "wrong-handle", by_wrong_handle, 0 },
	{ "thread", by_thread, 1 },
	{ "close", and_close, 1 },
	{ "page", by_page, 1 },
	{ "bad-pointer", by_bad_pointer, 0 },
	{ "null", by_null, 0 },
	{ "end-of-page", by_end_of_page, 1 },
	{ "seccomp", by_seccomp, 1 },
	{ "chroot", in_chroot, 2 },
	{ "out-of-chroot", out_of_chroot, 3 },
	{ "container", in_container, 2 },
	{ "own-mount", in_own_mount, 2 },
	{ "deleted-directory", in_deleted_directory, 2 },
	{ "deleted-file", of_deleted_file, 1 },
	{ "pipe", of_pipe, 0 },
	{ "memory", of_memory, 0 },
	{ "tmpfile", tmpfile_in, 1 },
	{ "interrupted", interrupted, 1 },
	{ "waited", waited, 2 },
	{ "times", many_times, 4 },
	{ "compat-open", by_compat_open, 1 },
	{ "compat-openat", by_compat_openat, 2 },
	{ "uring", by_uring, 1 },
	{ "uring-async", by_uring_async, 1 },
	{ "uring-dirfd", by_uring_dirfd, 2 },
	{ "uring-in-root", by_uring_in_root, 2 },
	{ "uring-bad-pointer", by_uring_bad_pointer, 0 },
	{ "uring-many", by_uring_many, 2 },
	{ "uring-direct", by_uring_direct, 2 },
	{ "uring-link", by_uring_link, 1 },
	{ "uring-skip", by_uring_skip, 1 },
	{ "uring-overflow", by_uring_overflow, 1 },
	{ "uring-reuse", by_uring_reuse, 0 },
	{ "uring-waiting", by_uring_waiting, 2 },
};

int main(int argc, char **argv)
{
	for (size_t i = 0; argc > 1 && i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (strcmp(argv[1], kinds[i].name) || argc != 2 + kinds[i].args)
			continue;
		args = argv + 2;
		printf("{\"ret\":%ld,", kinds[i].open());
		printf("\"tid\":%ld}\n", tid);
		return 0;
	}
	fprintf(stderr, "usage: %s KIND ARGUMENT...\n", argv[0]);
	return 2;
}
