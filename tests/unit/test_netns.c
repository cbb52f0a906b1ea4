// SPDX-License-Identifier: GPL-2.0-only
/* Names of network namespaces: lib/netns.c, and bk_parse_netns() of a name. */
#include "test.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

static uint32_t inode_of(const char *path)
{
	struct stat st;

	return stat(path, &st) ? 0 : (uint32_t)st.st_ino;
}

static void test_self(void **state)
{
	assert_true(bk_netns_self() > 0);
	assert_int_equal(bk_netns_self(), inode_of("/proc/self/ns/net"));
}

/* A process that is in it, by the name that /proc has for it. */
static void test_process(void **state)
{
	const char *name = bk_netns_name(bk_netns_self()), *mark;
	char path[64], comm[64] = "", want[80];
	uint32_t inode;
	FILE *f;
	int pid;

	assert_non_null(name);
	assert_ptr_equal(bk_netns_name(bk_netns_self()), name); /* kept */
	mark = strrchr(name, '[');
	if (!mark)
		skip_because("this namespace has a name of its own, %s", name);
	assert_int_equal(sscanf(mark, "[%d]", &pid), 1);
	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	inode = inode_of(path);
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	f = fopen(path, "re");
	if (!f || !fgets(comm, sizeof(comm), f))
		skip_because("process %d is gone", pid);
	fclose(f);
	comm[strcspn(comm, "\n")] = 0;
	assert_int_equal(inode, bk_netns_self());
	snprintf(want, sizeof(want), "%s[%d]", comm, pid);
	assert_string_equal(name, want);
}

static void test_nobody(void **state)
{
	assert_null(bk_netns_name(1));
	assert_null(bk_netns_name(UINT32_MAX));
}

/* In a process of its own, with a /run of its own, so that nothing of it is seen outside. */
static int with_a_name(void)
{
	uint32_t outside = inode_of("/proc/self/ns/net"), inode = 0;
	const char *name;
	int fd;

	if (unshare(CLONE_NEWNS | CLONE_NEWNET) &&
	    unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET))
		return SKIPPED;
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount("none", "/run", "tmpfs", 0, NULL) || mkdir("/run/netns", 0755))
		return SKIPPED;
	fd = open("/run/netns/blue", O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || mount("/proc/thread-self/ns/net", "/run/netns/blue", NULL, MS_BIND, NULL))
		return SKIPPED;
	close(fd);
	if (bk_parse_netns("blue", &inode) || inode == outside ||
	    inode != inode_of("/proc/thread-self/ns/net"))
		return 1;
	name = bk_netns_name(inode);
	if (!name || strcmp(name, "blue"))
		return 2;
	inode = 23;
	if (!bk_parse_netns("green", &inode) || inode != 23)
		return 3;
	return 0;
}

static void test_name(void **state)
{
	int status;
	pid_t child = fork();

	if (!child)
		_exit(with_a_name());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == SKIPPED)
		skip_because("namespaces cannot be made here");
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_self),
		cmocka_unit_test(test_process),
		cmocka_unit_test(test_nobody),
		cmocka_unit_test(test_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
