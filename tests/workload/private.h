/* SPDX-License-Identifier: GPL-2.0-only */
/* A /mnt of its own for a workload, in memory: it is gone with the process, however that ends. */
#include <sched.h>
#include <sys/mount.h>

static inline void private_mnt(void)
{
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("tmpfs", "/mnt", "tmpfs", 0, NULL))
		err(1, "a /mnt of its own, which needs root");
}
