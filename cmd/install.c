// SPDX-License-Identifier: GPL-2.0-only
#include "install.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bk.h"

enum found { NOTHING, OURS, OTHER_BPFKIT, FOREIGN };

/* What stands at a name: judged by where the link points, never by running it. */
static enum found look(int dir, const char *name, const char *self)
{
	char to[PATH_MAX];
	struct stat st, own;
	const char *base;
	ssize_t n;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? NOTHING : FOREIGN;
	if (!S_ISLNK(st.st_mode))
		return FOREIGN;
	n = readlinkat(dir, name, to, sizeof(to) - 1);
	if (n < 0)
		return FOREIGN;
	to[n] = 0;
	if (!fstatat(dir, name, &st, 0) && !stat(self, &own) && st.st_dev == own.st_dev &&
	    st.st_ino == own.st_ino)
		return OURS;
	base = strrchr(to, '/');
	return strcmp(base ? base + 1 : to, "bpfkit") ? FOREIGN : OTHER_BPFKIT;
}

int bk_install(const char *path, const char *const *names, size_t count, bool force)
{
	struct stat running, found;
	char self[PATH_MAX];
	int dir, status = BK_EXIT_OK;
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n < 0) {
		bk_error("cannot find out where this executable is: /proc/self/exe: %s",
			 strerror(errno));
		return BK_EXIT_FAILED;
	}
	self[n] = 0;
	if (stat("/proc/self/exe", &running) || stat(self, &found) ||
	    running.st_ino != found.st_ino || running.st_dev != found.st_dev) {
		bk_error("--install: this executable is no longer at %s, so nothing can link to it",
			 self);
		return BK_EXIT_FAILED;
	}
	dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0) {
		bk_error("--install: %s: %s", path, strerror(errno));
		return BK_EXIT_FAILED;
	}
	for (size_t i = 0; i < count; i++) {
		char temp[64];

		switch (look(dir, names[i], self)) {
		case OURS:
			continue;
		case FOREIGN:
			bk_warn("%s/%s is no link to bpfkit and stays as it is", path, names[i]);
			status = BK_EXIT_FAILED;
			continue;
		case OTHER_BPFKIT:
			if (force)
				break;
			bk_warn("%s/%s is a link to another bpfkit and stays as it is; -f replaces it",
				path, names[i]);
			status = BK_EXIT_FAILED;
			continue;
		case NOTHING:
			/* whoever takes the name in this moment keeps it */
			if (!symlinkat(self, dir, names[i]))
				continue;
			bk_error("--install: %s/%s: %s", path, names[i], strerror(errno));
			status = BK_EXIT_FAILED;
			continue;
		}
		/* beside the name and then over it, so that there is no moment without it */
		snprintf(temp, sizeof(temp), ".%.32s.%d", names[i], getpid());
		if (symlinkat(self, dir, temp) || renameat(dir, temp, dir, names[i])) {
			bk_error("--install: %s/%s: %s", path, names[i], strerror(errno));
			unlinkat(dir, temp, 0);
			status = BK_EXIT_FAILED;
		}
	}
	close(dir);
	return status;
}
