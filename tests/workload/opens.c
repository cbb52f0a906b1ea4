// SPDX-License-Identifier: GPL-2.0-only
/*
 * A workload (see paced.h) of opens, one for each event: openat() of a file that is there, by its
 * absolute path, and close(). It is in memory, in a mount namespace of its own. With FAILS defined
 * the file is not there, and each open fails with ENOENT.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sys/stat.h>

#include "paced.h"
#include "private.h"

static const char file[] = "/mnt/bpfkit/opens/existing-file";
#ifdef FAILS
static const char missing[] = "/mnt/bpfkit/opens/no-such-file";
#endif

/* The file is not made by an open, which would be an event. */
static void prepare(void)
{
	private_mnt();
	if (mkdir("/mnt/bpfkit", 0755) || mkdir("/mnt/bpfkit/opens", 0755) ||
	    mknod(file, S_IFREG | 0644, 0))
		err(1, "%s", file);
}

static void make(long count)
{
	while (count--) {
#ifdef FAILS
		if (openat(AT_FDCWD, missing, O_RDONLY | O_CLOEXEC) >= 0 || errno != ENOENT)
			errx(1, "the open of %s did not fail with ENOENT", missing);
#else
		int fd = openat(AT_FDCWD, file, O_RDONLY | O_CLOEXEC);

		if (fd < 0 || close(fd))
			err(1, "%s", file);
#endif
	}
}

/* Each of them has been checked. */
static long made(void)
{
	return -1;
}
