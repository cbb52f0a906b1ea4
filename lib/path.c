// SPDX-License-Identifier: GPL-2.0-only
#include "path.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bk.h"

/* ---- names become a path ---- */

struct text {
	char *buf;
	size_t n, size;
};

static void add(struct text *t, const char *s, size_t n)
{
	if (n >= t->size - t->n)
		n = t->size - t->n - 1;
	memcpy(t->buf + t->n, s, n);
	t->n += n;
	t->buf[t->n] = 0;
}

static void add_string(struct text *t, const char *s)
{
	add(t, s, strlen(s));
}

/* As /proc/PID/fd shows them. */
static void add_pseudo(struct text *t, const struct bk_path *p, const char *names, size_t len)
{
	const char *fs = names, *own;
	size_t n = strnlen(fs, len);
	char number[32];

	own = n < len ? names + n + 1 : "";
	n = n < len ? strnlen(own, len - n - 1) : 0;
	snprintf(number, sizeof(number), ":[%llu]", p->ino);
	if (!strcmp(fs, "anon_inodefs")) {
		add_string(t, "anon_inode:");
		add(t, own, n);
	} else if (!strcmp(fs, "tmpfs") || !strcmp(fs, "hugetlbfs")) {
		add_string(t, "/");
		add(t, own, n);
		add_string(t, " (deleted)");
	} else {
		add_string(t, !strcmp(fs, "pipefs") ? "pipe" : !strcmp(fs, "sockfs") ? "socket" : fs);
		add_string(t, number);
	}
}

/* From the last name to the first. */
static void add_names(struct text *t, const char *names, size_t len)
{
	size_t end = len, start;

	while (end) {
		start = --end; /* the NUL of this one */
		while (start && names[start - 1])
			start--;
		add_string(t, "/");
		add(t, names + start, end - start);
		end = start;
	}
}

size_t bk_path_text(const struct bk_path *p, const char *names, size_t len, char *buf, size_t size)
{
	struct text t = { buf, 0, size };

	*buf = 0;
	if (len && names[len - 1])
		len = 0; /* not what a program has written */
	if (p->flags & BK_PATH_PSEUDO) {
		add_pseudo(&t, p, len ? names : "", len ? len : 1);
		return t.n;
	}
	if (p->flags & BK_PATH_CUT)
		add_string(&t, "...");
	else if (p->flags & BK_PATH_OUTSIDE)
		add_string(&t, "(unreachable)");
	if (len)
		add_names(&t, names, len);
	else
		add_string(&t, "/");
	if (p->flags & BK_PATH_DELETED)
		add_string(&t, " (deleted)");
	return t.n;
}

/* ---- our mounts ---- */

static struct mounts {
	struct mount {
		uint32_t dev;
		char *root, *point; /* what of the file system is mounted, and where */
	} *all;
	size_t n;
	uint64_t read_ns;
} mounts;

enum { READ_AGAIN_NS = 100000000 };

/* In /proc blanks and backslashes are octal: Documentation/filesystems/proc.rst of the kernel, 3.5. */
static char *unescape(const char *s)
{
	char *to = strdup(s), *d = to;

	for (; to && *s; d++) {
		unsigned int c;

		if (*s == '\\' && sscanf(s + 1, "%3o", &c) == 1) {
			*d = c;
			s += 4;
		} else {
			*d = *s++;
		}
	}
	if (to)
		*d = 0;
	return to;
}

void bk_mount_forget(void)
{
	for (size_t i = 0; i < mounts.n; i++) {
		free(mounts.all[i].root);
		free(mounts.all[i].point);
	}
	free(mounts.all);
	memset(&mounts, 0, sizeof(mounts));
}

static void add_mount(uint32_t dev, const char *root, const char *point)
{
	struct mount m = { dev, unescape(root), unescape(point) }, *all;

	all = reallocarray(mounts.all, mounts.n + 1, sizeof(*all));
	if (!all || !m.root || !m.point) {
		free(m.root);
		free(m.point);
		mounts.all = all ? all : mounts.all;
		return;
	}
	mounts.all = all;
	mounts.all[mounts.n++] = m;
}

static void read_mounts(void)
{
	FILE *f = fopen("/proc/self/mountinfo", "re");
	unsigned int major, minor;
	char *line = NULL, *root, *point;
	size_t size = 0;

	bk_mount_forget();
	mounts.read_ns = bk_now();
	while (f && getline(&line, &size, f) > 0) {
		if (sscanf(line, "%*u %*u %u:%u %ms %ms", &major, &minor, &root, &point) != 4)
			continue;
		add_mount(major << 20 | minor, root, point);
		free(root);
		free(point);
	}
	free(line);
	if (f)
		fclose(f);
}

/* What is left of a path behind a directory that it is in; NULL: it is in another one. */
static const char *behind(const char *path, const char *dir)
{
	size_t n = strcmp(dir, "/") ? strlen(dir) : 0;

	if (strncmp(path, dir, n) || (path[n] && path[n] != '/'))
		return NULL;
	return path + n;
}

static bool find(uint32_t dev, const char *within, const char **mount, const char **path)
{
	const struct mount *best = NULL;

	/* of several, the one that shows most of the file system */
	for (const struct mount *m = mounts.all; m < mounts.all + mounts.n; m++)
		if (m->dev == dev && behind(within, m->root) &&
		    (!best || strlen(m->root) < strlen(best->root)))
			best = m;
	if (!best)
		return false;
	*mount = best->point;
	*path = behind(within, best->root);
	return true;
}

bool bk_mount_find(uint32_t dev, const char *within, const char **mount, const char **path)
{
	if (mounts.read_ns && find(dev, within, mount, path))
		return true;
	/* it may be new; but what is never found shall not be looked for each time */
	if (mounts.read_ns && bk_now() - mounts.read_ns < READ_AGAIN_NS)
		return false;
	read_mounts();
	return find(dev, within, mount, path);
}
