// SPDX-License-Identifier: GPL-2.0-only
/* Privileges: what is missing is said before anything is opened; what is not needed is given up. */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "bk.h"

#ifndef CAP_PERFMON /* Linux 5.8 */
#define CAP_PERFMON 38
#define CAP_BPF 39
#endif

struct caps {
	struct __user_cap_data_struct d[2];
};

static int get_caps(struct caps *c)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };

	return syscall(SYS_capget, &h, c->d) ? -errno : 0;
}

static int set_caps(const struct caps *c)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };

	return syscall(SYS_capset, &h, c->d) ? -errno : 0;
}

static bool effective(const struct caps *c, int cap)
{
	return c->d[cap / 32].effective & 1u << cap % 32;
}

static void keep(struct caps *to, const struct caps *from, int cap)
{
	uint32_t bit = 1u << cap % 32;

	to->d[cap / 32].permitted |= from->d[cap / 32].permitted & bit;
	to->d[cap / 32].effective |= from->d[cap / 32].permitted & bit;
}

static bool in_user_namespace(void)
{
	struct stat st;

	/* the first user namespace always has this number (include/linux/proc_ns.h) */
	return !stat("/proc/self/ns/user", &st) && st.st_ino != 0xEFFFFFFDU;
}

static bool locked_down(const char *how)
{
	char text[128] = "", mark[32];
	int fd = open("/sys/kernel/security/lockdown", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = 0;
	close(fd);
	snprintf(mark, sizeof(mark), "[%s]", how);
	return strstr(text, mark);
}

/*
 * Before 5.11 maps count as locked memory and one that does not fit fails with EPERM: then a small
 * map can be made and one that is larger than the limit cannot.
 */
static bool memory_limited(void)
{
	struct rlimit limit;
	int small, large;

	if (getrlimit(RLIMIT_MEMLOCK, &limit) || limit.rlim_cur > 64 << 20)
		return false;
	small = bpf_map_create(BPF_MAP_TYPE_ARRAY, "bk_small", 4, 8, 1, NULL);
	large = bpf_map_create(BPF_MAP_TYPE_ARRAY, "bk_large", 4, limit.rlim_cur + (1 << 20), 1, NULL);
	if (small >= 0)
		close(small);
	if (large >= 0)
		close(large);
	return large == -EPERM && (small >= 0 || limit.rlim_cur < 65536);
}

const char *bk_why_refused(void)
{
	if (in_user_namespace())
		return "bpfkit runs in a user namespace, whose root has no say over the kernel: "
		       "run it outside of the container";
	if (locked_down("confidentiality"))
		return "the kernel is locked down (confidentiality), which forbids reading its "
		       "memory";
	if (locked_down("integrity"))
		return "the kernel is locked down (integrity), which forbids some kinds of probes";
	if (memory_limited())
		return "the limit of locked memory is too low: raise it (ulimit -l unlimited)";
	return "this kernel was built or told not to allow it (an LSM or seccomp, or a kind of "
	       "probe that it lacks)";
}

int bk_preflight(unsigned int needs)
{
	bool bpf, net;
	struct caps c;

	if (get_caps(&c))
		return 0; /* then the kernel will say it */
	bpf = needs & BK_NEED_BPF && !effective(&c, CAP_SYS_ADMIN) &&
	      !(effective(&c, CAP_BPF) && effective(&c, CAP_PERFMON));
	net = needs & BK_NEED_NET_ADMIN && !effective(&c, CAP_NET_ADMIN);
	if (bpf || net) {
		bk_error("the %s missing: run it as root (sudo)",
			 !net ? "capabilities CAP_BPF and CAP_PERFMON are" :
			 !bpf ? "capability CAP_NET_ADMIN is" :
				"capabilities CAP_BPF, CAP_PERFMON and CAP_NET_ADMIN are");
		return BK_EXIT_LACKING;
	}
	if (in_user_namespace() && needs & BK_NEED_BPF) {
		bk_error("cannot load programs: %s", bk_why_refused());
		return BK_EXIT_LACKING;
	}
	return 0;
}

/* With the capabilities that are now effective, may this map be read? */
static bool may_read(int map_fd)
{
	char key[256];

	return bpf_map_get_next_key(map_fd, NULL, key) != -EPERM;
}

int bk_drop_privileges(unsigned int needs, int map_fd)
{
	struct caps have, left = { 0 };
	int err;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -errno;
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	err = get_caps(&have);
	if (err)
		return err;
	if (needs & BK_KEEP_PTRACE)
		keep(&left, &have, CAP_SYS_PTRACE);
	if (needs & BK_KEEP_NET_ADMIN)
		keep(&left, &have, CAP_NET_ADMIN);
	if (map_fd >= 0) {
		struct caps trial = have;

		/* Before about 6.0 every bpf() wants CAP_BPF where unprivileged use is off: try. */
		trial.d[0].effective = left.d[0].effective;
		trial.d[1].effective = left.d[1].effective;
		err = set_caps(&trial);
		if (err)
			return err;
		if (!may_read(map_fd)) {
			keep(&left, &have, CAP_BPF);
			if (!(left.d[1].effective & 1u << CAP_BPF % 32))
				keep(&left, &have, CAP_SYS_ADMIN);
		}
	}
	return set_caps(&left);
}
