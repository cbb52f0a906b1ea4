// SPDX-License-Identifier: GPL-2.0-only
/* Paths: lib/path.c puts names together, and finds where we see a file system. */
#include "test.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

#include "path.h"

/* ---- names ---- */

static char path[3 * BK_PATH_ROOM];

static const struct {
	uint32_t flags;
	const char *names; /* the last one first, each with its NUL */
	size_t len;
	const char *path;
} texts[] = {
#define TEXT(flags, names, path) { flags, names, sizeof(names) - 1, path }
	TEXT(0, "", "/"),
	TEXT(0, "etc\0", "/etc"),
	TEXT(0, "passwd\0etc\0", "/etc/passwd"),
	TEXT(0, "c\0bb\0a\0", "/a/bb/c"),
	/* what strangers put into names is theirs: it is the output that escapes it */
	TEXT(0, "new\nline\0\\134\0\xff\x1b[m\0", "/\xff\x1b[m/\\134/new\nline"),

	TEXT(BK_PATH_CUT, "c\0b\0", ".../b/c"),
	TEXT(BK_PATH_DELETED, "c\0b\0", "/b/c (deleted)"),
	TEXT(BK_PATH_OUTSIDE, "c\0", "(unreachable)/c"),
	TEXT(BK_PATH_OUTSIDE | BK_PATH_DELETED, "c\0", "(unreachable)/c (deleted)"),
	TEXT(BK_PATH_OUTSIDE | BK_PATH_CUT, "c\0", ".../c"),

	TEXT(BK_PATH_PSEUDO, "pipefs\0\0", "pipe:[23]"),
	TEXT(BK_PATH_PSEUDO, "sockfs\0\0", "socket:[23]"),
	TEXT(BK_PATH_PSEUDO, "net\0/\0", "net:[23]"),
	TEXT(BK_PATH_PSEUDO, "anon_inodefs\0[eventpoll]\0", "anon_inode:[eventpoll]"),
	TEXT(BK_PATH_PSEUDO, "tmpfs\0memfd:x\ny\0", "/memfd:x\ny (deleted)"),
	/* not whole */
	TEXT(BK_PATH_PSEUDO, "pipefs\0", "pipe:[23]"),
	TEXT(BK_PATH_PSEUDO, "anon_inodefs\0", "anon_inode:"),
	TEXT(BK_PATH_PSEUDO, "", ":[23]"),
	TEXT(BK_PATH_PSEUDO, "pipefs", ":[23]"),

	/* without an end */
	TEXT(0, "c\0b", "/"),
	TEXT(0, "\0", "/"),
	TEXT(0, "\0\0", "//"),
};

static void test_texts(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		const struct bk_path p = { .ino = 23, .flags = BK_PATH_SET | texts[i].flags };
		size_t n = bk_path_text(&p, texts[i].names, texts[i].len, path, sizeof(path));

		assert_string_equal(path, texts[i].path);
		assert_int_equal(n, strlen(path));
	}
}

/* Any bytes, into any room: it ends where it must, and nothing behind is touched. */
static void test_any_bytes_in_any_room(void **state)
{
	uint64_t seed = 23;

	for (int i = 0; i < 20000; i++) {
		size_t len = test_random(&seed) % 300, size = 1 + test_random(&seed) % 310, n;
		struct bk_path p = { .flags = test_random(&seed) % 64 };
		/* of their own size, so that the sanitizer sees what is outside */
		char *names = malloc(len + 1), *buf = malloc(size);

		for (size_t k = 0; k < len; k++)
			names[k] = test_random(&seed) % 4 ? 'a' : 0;
		names = realloc(names, len ? len : 1);
		n = bk_path_text(&p, names, len, buf, size);
		assert_true(n < size && !buf[n] && strlen(buf) == n);
		free(names);
		free(buf);
	}
}

/* ---- mounts ---- */

static const char *find(uint32_t dev, const char *within)
{
	return bk_mount_find(dev, within, path, sizeof(path)) ? path : "nowhere";
}

/* Where a path within a file system is to be seen. */
struct place {
	uint32_t dev;
	const char *within, *path;
};

static void expect(const struct place *places, size_t n)
{
	for (size_t i = 0; i < n; i++)
		assert_string_equal(find(places[i].dev, places[i].within), places[i].path);
}

static void mounts(const char *lines)
{
	FILE *file = fmemopen((void *)lines, strlen(lines), "r");

	assert_non_null(file);
	bk_mount_read(file);
	fclose(file);
}

enum { ROOT = 8 << 20 | 1, HOME = 8 << 20 | 2, DATA = 254 << 20 | 300, OTHER = 1 };

static void test_mounts(void **state)
{
	static const struct place places[] = {
		{ ROOT, "/", "/" },
		{ ROOT, "/etc/passwd", "/etc/passwd" },
		/* where most of it is mounted */
		{ ROOT, "/var/lib/x", "/var/lib/x" },
		{ HOME, "/", "/home" },
		{ HOME, "/me", "/home/me" },
		{ DATA, "/sub/vol", "/home/data" },
		{ DATA, "/sub/vol/x", "/home/data/x" },
		{ DATA, "/sub/volume", "nowhere" },
		{ DATA, "/sub", "nowhere" },
		{ OTHER, "/", "nowhere" },
	};

	mounts("21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n"
	       "22 21 8:2 / /home rw shared:2 - xfs /dev/sda2 rw\n"
	       "23 21 8:1 /var/lib /mnt rw - ext4 /dev/sda1 rw\n"
	       "24 22 254:300 /sub/vol /home/data rw - btrfs /dev/vda rw\n");
	expect(places, ARRAY_LEN(places));
}

static void test_mounts_over_others(void **state)
{
	static const struct place places[] = {
		{ HOME, "/me", "nowhere" },
		{ DATA, "/x", "nowhere" },
		{ OTHER, "/me", "/home/me" },
		{ OTHER, "/x/y", "/home/x/y" },
		{ ROOT, "/etc", "/etc" },
		/* under a mount, but for what is bound elsewhere */
		{ ROOT, "/home/me", "nowhere" },
		{ ROOT, "/home/kept/x", "/kept/x" },
	};

	mounts("21 1 8:1 / / rw - ext4 a rw\n"
	       "22 21 8:2 / /home rw - xfs b rw\n"
	       "23 22 0:1 / /home rw - tmpfs c rw\n"      /* over it */
	       "24 21 254:300 / /data/deep rw - xfs d rw\n"
	       "25 21 0:1 /x /data rw - tmpfs c rw\n"     /* over what leads there */
	       "26 21 8:1 /home/kept /kept rw - ext4 a rw\n");
	expect(places, ARRAY_LEN(places));
}

static void test_names_of_mounts(void **state)
{
	mounts("21 1 8:1 / / rw - ext4 a rw\n"
	       "22 21 8:2 /a\\040b\\134040 /new\\012line\\011\\134x rw - xfs b rw\n"
	       "23 21 254:300 / /carriage\rreturn\vand\fmore rw - xfs d rw\n"
	       "24 21 0:1 / /\\9\\18\\ rw - tmpfs c rw\n");
	assert_string_equal(find(HOME, "/a b\\040/f"), "/new\nline\t\\x/f");
	assert_string_equal(find(DATA, "/f"), "/carriage\rreturn\vand\fmore/f");
	assert_string_equal(find(OTHER, "/f"), "/\\9\\18\\/f");
}

/* Lines that are none, and mounts that are their own parents. */
static void test_wrong_lines(void **state)
{
	mounts("\n21\n21 1\n21 1 8:1\n21 1 8:1 /\n21 1 8:1 / /only\nx 1 8:1 / / rw\n21 1 8 / / rw\n"
	       "21 21 8:1 / /self rw - ext4 a rw\n"
	       "30 31 8:2 / /one rw - xfs b rw\n"
	       "31 30 254:300 / /one/two rw - xfs d rw");
	assert_string_equal(find(ROOT, "/x"), "/self/x");
	find(HOME, "/x"); /* it ends */
	find(DATA, "/x");
	mounts("\n");
	assert_string_equal(find(ROOT, "/x"), "nowhere");
	bk_mount_forget();
}

static void test_any_lines(void **state)
{
	static const char some[] = "0123 \\:/ab\n";
	uint64_t seed = 42;
	char lines[400];

	for (int i = 0; i < 3000; i++) {
		size_t n = 1 + test_random(&seed) % (sizeof(lines) - 1);

		for (size_t k = 0; k < n; k++)
			lines[k] = some[test_random(&seed) % (sizeof(some) - 1)];
		for (size_t k = 0; k + 20 < n; k += 40)
			memcpy(lines + k, "\n2 1 0:1 / /a", 13);
		lines[n] = 0;
		mounts(lines);
		find(OTHER, "/a/b");
	}
	bk_mount_forget();
}

/* What is mounted later is found, without being told: in a process of its own, with mounts of its own. */
static int with_a_mount(void)
{
	char dir[] = "/tmp/bkXXXXXX", want[64];
	struct stat st;
	uint32_t dev;

	if (!mkdtemp(dir))
		return SKIPPED;
	if ((unshare(CLONE_NEWNS) && unshare(CLONE_NEWUSER | CLONE_NEWNS)) ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL)) {
		rmdir(dir);
		return SKIPPED;
	}
	bk_mount_path(OTHER, "/", path, sizeof(path)); /* all is read for the first time */
	if (mount("none", dir, "tmpfs", 0, NULL) || stat(dir, &st))
		return SKIPPED;
	dev = major(st.st_dev) << 20 | minor(st.st_dev);
	snprintf(want, sizeof(want), "%s/x", dir);
	if (!bk_mount_path(dev, "/x", path, sizeof(path)) || strcmp(path, want))
		return 1;
	umount2(dir, MNT_DETACH);
	rmdir(dir);
	return bk_mount_path(dev, "/x", path, sizeof(path)) ? 2 : 0;
}

static void test_changes(void **state)
{
	pid_t child = fork();
	int status;

	if (!child)
		_exit(with_a_mount());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == SKIPPED)
		skip_because("mounts cannot be made here");
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_any_bytes_in_any_room),
		cmocka_unit_test(test_mounts),
		cmocka_unit_test(test_mounts_over_others),
		cmocka_unit_test(test_names_of_mounts),
		cmocka_unit_test(test_wrong_lines),
		cmocka_unit_test(test_any_lines),
		cmocka_unit_test(test_changes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
