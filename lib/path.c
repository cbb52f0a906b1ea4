// SPDX-License-Identifier: GPL-2.0-only
#include "path.h"

#include <poll.h>
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

static struct {
	FILE *file;
	struct mount {
		unsigned int id, parent;
		uint32_t dev;
		char *root, *point; /* what of the file system is mounted, and where */
	} *all;
	size_t n, room;
} mounts;

/* Blanks and backslashes are octal there: Documentation/filesystems/proc.rst of the kernel, 3.5. */
static char *unescape(const char *s)
{
	char *to = strdup(s), *d = to;

	while (to && *s) {
		if (s[0] == '\\' && strspn(s + 1, "01234567") >= 3) {
			*d++ = (s[1] - '0') << 6 | (s[2] - '0') << 3 | (s[3] - '0');
			s += 4;
		} else {
			*d++ = *s++;
		}
	}
	if (to)
		*d = 0;
	return to;
}

static void forget_all(void)
{
	for (size_t i = 0; i < mounts.n; i++) {
		free(mounts.all[i].root);
		free(mounts.all[i].point);
	}
	mounts.n = 0;
}

void bk_mount_forget(void)
{
	forget_all();
	free(mounts.all);
	if (mounts.file)
		fclose(mounts.file);
	memset(&mounts, 0, sizeof(mounts));
}

static void add_mount(struct mount m)
{
	if (m.root && m.point && mounts.n == mounts.room) {
		size_t room = mounts.room ? 2 * mounts.room : 64;
		struct mount *all = reallocarray(mounts.all, room, sizeof(*all));

		if (all) {
			mounts.all = all;
			mounts.room = room;
		}
	}
	if (!m.root || !m.point || mounts.n == mounts.room) {
		free(m.root);
		free(m.point);
		return;
	}
	mounts.all[mounts.n++] = m;
}

/* ID PARENT MAJOR:MINOR ROOT POINT ..., with a blank between them; other white space is part of a name */
static void read_line(char *line)
{
	unsigned int major, minor;
	struct mount m;
	char *rest, *root, *point;
	int at = 0;

	if (sscanf(line, "%u %u %u:%u%n", &m.id, &m.parent, &major, &minor, &at) != 4 || line[at] != ' ')
		return;
	rest = line + at + 1;
	root = strsep(&rest, " ");
	point = strsep(&rest, " ");
	if (!rest)
		return;
	m.dev = major << 20 | minor;
	m.root = unescape(root);
	m.point = unescape(point);
	add_mount(m);
}

void bk_mount_read(FILE *file)
{
	char *line = NULL;
	size_t size = 0;

	forget_all();
	while (getline(&line, &size, file) > 0)
		read_line(line);
	free(line);
}

/* The kernel says by POLLPRI that it has changed since it was last asked. */
static void read_if_changed(void)
{
	struct pollfd p = { .events = POLLPRI };

	if (mounts.file) {
		p.fd = fileno(mounts.file);
		if (poll(&p, 1, 0) <= 0)
			return;
		rewind(mounts.file);
	} else {
		mounts.file = fopen("/proc/self/mountinfo", "re");
		if (!mounts.file)
			return;
	}
	bk_mount_read(mounts.file);
}

/* What is left of a path behind a directory that it is in; NULL: it is in another one. */
static const char *behind(const char *path, const char *dir)
{
	size_t n = strcmp(dir, "/") ? strlen(dir) : 0;

	if (strncmp(path, dir, n) || (path[n] && path[n] != '/'))
		return NULL;
	return path + n;
}

static const struct mount *parent_of(const struct mount *m)
{
	for (size_t i = 0; i < mounts.n; i++)
		if (mounts.all[i].id == m->parent && &mounts.all[i] != m)
			return &mounts.all[i];
	return NULL;
}

/* Does another mount lie over the way to a path, which is in this one? */
static bool is_covered(const struct mount *m, const char *path)
{
	const struct mount *on_the_way = NULL;

	for (size_t depth = 0; m && depth <= mounts.n; depth++) {
		for (const struct mount *c = mounts.all; c < mounts.all + mounts.n; c++)
			if (c->parent == m->id && c != m && c != on_the_way && behind(path, c->point))
				return true;
		on_the_way = m;
		path = m->point;
		m = parent_of(m);
	}
	return false;
}

static bool join(char *buf, size_t size, const char *point, const char *rest)
{
	int n;

	if (!strcmp(rest, "/"))
		rest = "";
	if (!strcmp(point, "/") && *rest)
		point = "";
	n = snprintf(buf, size, "%s%s", point, rest);
	return n > 0 && (size_t)n < size;
}

bool bk_mount_find(uint32_t dev, const char *within, char *buf, size_t size)
{
	const struct mount *best = NULL;
	const char *rest;

	/* of several, the one that shows most of the file system */
	for (const struct mount *m = mounts.all; m < mounts.all + mounts.n; m++) {
		rest = m->dev == dev ? behind(within, m->root) : NULL;
		if (!rest || (best && strlen(m->root) >= strlen(best->root)))
			continue;
		if (join(buf, size, m->point, rest) && !is_covered(m, buf))
			best = m;
	}
	return best && join(buf, size, best->point, behind(within, best->root));
}

bool bk_mount_path(uint32_t dev, const char *within, char *buf, size_t size)
{
	read_if_changed();
	return bk_mount_find(dev, within, buf, size);
}
