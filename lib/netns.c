// SPDX-License-Identifier: GPL-2.0-only
/* Names of network namespaces, which the kernel itself only numbers. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bk.h"

enum { CACHE = 256 };

/* An inode number is used again once its namespace is gone, so what is known ages. */
static struct entry {
	uint32_t inode;
	uint64_t at;
	bool named;
	char name[64];
} cache[CACHE];

uint32_t bk_netns_self(void)
{
	static uint32_t self;
	struct stat st;

	if (!self && !stat("/proc/self/ns/net", &st))
		self = st.st_ino;
	return self;
}

static bool in_run(uint32_t inode, char *name, size_t size)
{
	DIR *dir = opendir("/run/netns");
	struct dirent *d;
	bool found = false;

	while (!found && dir && (d = readdir(dir))) {
		struct stat st;

		if (d->d_name[0] == '.' || fstatat(dirfd(dir), d->d_name, &st, 0) ||
		    st.st_ino != inode)
			continue;
		found = true;
		snprintf(name, size, "%.63s", d->d_name);
	}
	if (dir)
		closedir(dir);
	return found;
}

/* Kernel threads have no executable; that they are in a namespace says nothing about it. */
static bool is_kernel_thread(int proc, unsigned long pid)
{
	char path[64], to[8];

	snprintf(path, sizeof(path), "%lu/exe", pid);
	return readlinkat(proc, path, to, sizeof(to)) < 0 && errno == ENOENT;
}

/* The lowest pid is the likeliest to be the one that the namespace was made for. */
static bool in_proc(uint32_t inode, char *name, size_t size)
{
	DIR *dir = opendir("/proc");
	unsigned long best = 0;
	char path[64], comm[32];
	struct dirent *d;
	ssize_t n;
	int fd;

	while (dir && (d = readdir(dir))) {
		unsigned long pid = strtoul(d->d_name, NULL, 10);
		struct stat st;

		if (!pid || (best && pid > best))
			continue;
		snprintf(path, sizeof(path), "%lu/ns/net", pid);
		if (!fstatat(dirfd(dir), path, &st, 0) && st.st_ino == inode &&
		    !is_kernel_thread(dirfd(dir), pid))
			best = pid;
	}
	if (dir)
		closedir(dir);
	if (!best)
		return false;
	snprintf(path, sizeof(path), "/proc/%lu/comm", best);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, comm, sizeof(comm) - 1);
	if (fd >= 0)
		close(fd);
	if (n > 0 && comm[n - 1] == '\n')
		n--;
	comm[n > 0 ? n : 0] = 0;
	snprintf(name, size, "%s[%lu]", comm, best);
	return true;
}

const char *bk_netns_name(uint32_t inode)
{
	struct entry *e = &cache[inode % CACHE];
	uint64_t now = bk_now();

	if (e->inode == inode && now - e->at < 5000000000)
		return e->named ? e->name : NULL;
	e->inode = inode;
	e->at = now;
	e->named = in_run(inode, e->name, sizeof(e->name)) ||
		   in_proc(inode, e->name, sizeof(e->name));
	return e->named ? e->name : NULL;
}
