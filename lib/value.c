// SPDX-License-Identifier: GPL-2.0-only
/* Values of options: strings from the command line to numbers, addresses, ids. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/nsfs.h>
#include <mntent.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bk.h"

/* The digits at the start of s, in base 10 or 16 (0x). False: none, or too large. */
static bool digits(const char *s, char **end, uint64_t *v)
{
	if (*s < '0' || *s > '9')
		return false;
	errno = 0;
	*v = strtoull(s, end, s[0] == '0' && (s[1] == 'x' || s[1] == 'X') ? 16 : 10);
	return !errno;
}

const char *bk_parse_u64(const char *s, uint64_t min, uint64_t max, uint64_t *v)
{
	static char range[64];
	char *end;
	uint64_t n;

	if (!digits(s, &end, &n) || *end)
		return "not a whole number";
	if (n < min || n > max) {
		if (max == UINT64_MAX || max == UINT32_MAX)
			snprintf(range, sizeof(range), "out of range: at %s %llu",
				 n < min ? "least" : "most",
				 (unsigned long long)(n < min ? min : max));
		else
			snprintf(range, sizeof(range), "out of range: from %llu to %llu",
				 (unsigned long long)min, (unsigned long long)max);
		return range;
	}
	*v = n;
	return NULL;
}

const char *bk_parse_duration(const char *s, uint64_t *ns)
{
	static const struct {
		const char *unit;
		uint64_t ns;
	} units[] = {
		{ "", 1000000000 },
		{ "s", 1000000000 },
		{ "ms", 1000000 },
		{ "us", 1000 },
		{ "ns", 1 },
		{ "m", 60000000000 },
		{ "min", 60000000000 },
		{ "h", 3600000000000 },
	};
	const char *bad = "not a time such as 10, 1.5s, 200ms or 2m";
	uint64_t whole, part = 0, scale = 1, v;
	char *end;

	if (*s < '0' || *s > '9')
		return bad;
	errno = 0;
	whole = strtoull(s, &end, 10);
	if (errno)
		return bad;
	if (*end == '.') {
		end++;
		if (*end < '0' || *end > '9')
			return bad;
		for (; *end >= '0' && *end <= '9'; end++)
			if (scale < 1000000000) {
				part = part * 10 + (*end - '0');
				scale *= 10;
			}
	}
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		if (strcmp(end, units[i].unit))
			continue;
		if (whole > UINT64_MAX / 4 / units[i].ns)
			return "too long a time";
		v = whole * units[i].ns + (uint64_t)((double)part * units[i].ns / scale + 0.5);
		if (!v)
			return "no time at all";
		*ns = v;
		return NULL;
	}
	return bad;
}

const char *bk_parse_size(const char *s, uint64_t *bytes)
{
	const char *bad = "not a size such as 65536, 256k or 1M";
	uint64_t v, unit = 1;
	char *end;

	if (!digits(s, &end, &v))
		return bad;
	switch (*end) {
	case 'k':
	case 'K':
		unit = 1 << 10;
		end++;
		break;
	case 'm':
	case 'M':
		unit = 1 << 20;
		end++;
		break;
	case 'g':
	case 'G':
		unit = 1 << 30;
		end++;
		break;
	}
	if (*end)
		return bad;
	if (v > (UINT64_MAX >> 1) / unit)
		return "too large a size";
	*bytes = v * unit;
	return NULL;
}

const char *bk_parse_list(const char *s, uint32_t min, uint32_t max, struct bk_list *l)
{
	struct bk_list out = *l;
	char item[16];

	for (;;) {
		size_t n = strcspn(s, ",");
		const char *bad;
		uint64_t v;

		if (n >= sizeof(item))
			return "not a list of numbers such as 80,443";
		memcpy(item, s, n);
		item[n] = 0;
		bad = bk_parse_u64(item, min, max, &v);
		if (bad)
			return n && *bad != 'n' ? bad : "not a list of numbers such as 80,443";
		if (out.n >= ARRAY_LEN(out.v))
			return "too long a list: at most 16";
		out.v[out.n++] = v;
		if (!s[n])
			break;
		s += n + 1;
	}
	*l = out;
	return NULL;
}

const char *bk_parse_net(const char *s, bool host_only, struct bk_net *net)
{
	struct bk_net out = { 0 };
	const char *slash = strchr(s, '/');
	size_t n = slash ? (size_t)(slash - s) : strlen(s);
	char addr[INET6_ADDRSTRLEN];
	uint64_t bits;

	if (slash && host_only)
		return "not one address";
	if (n >= sizeof(addr))
		return "not an IP address";
	memcpy(addr, s, n);
	addr[n] = 0;
	if (inet_pton(AF_INET, addr, out.addr) == 1)
		out.family = 4;
	else if (inet_pton(AF_INET6, addr, out.addr) == 1)
		out.family = 6;
	else
		return host_only ? "not an IP address; names are not looked up" :
				   "not a network such as 10.0.0.0/8 or 2001:db8::/32";
	bits = out.family == 4 ? 32 : 128;
	if (slash && bk_parse_u64(slash + 1, 0, bits, &bits))
		return out.family == 4 ? "a network whose length is not from 0 to 32" :
					 "a network whose length is not from 0 to 128";
	out.bits = bits;
	for (int i = 0; i < 16; i++) {
		int keep = (int)bits - i * 8;

		if (keep < 8)
			out.addr[i] &= keep <= 0 ? 0 : 0xff << (8 - keep);
	}
	*net = out;
	return NULL;
}

/* From the file itself, since a static executable has no name service. */
const char *bk_parse_user(const char *s, uint32_t *uid)
{
	struct passwd *pw = NULL;
	uint64_t v;
	FILE *f;

	if (!bk_parse_u64(s, 0, UINT32_MAX - 1, &v)) {
		*uid = v;
		return NULL;
	}
	f = fopen("/etc/passwd", "re");
	if (f) {
		while ((pw = fgetpwent(f)))
			if (!strcmp(pw->pw_name, s))
				break;
		if (pw)
			*uid = pw->pw_uid;
		fclose(f);
	}
	return pw ? NULL : "neither a number nor a user in /etc/passwd";
}

/* Mount point of the cgroup2 hierarchy: on a mixed system it is not where one expects it. */
static bool cgroup2_mount(char *dir, size_t size)
{
	FILE *f = setmntent("/proc/self/mounts", "re");
	struct mntent *m;
	bool found = false;

	if (!f)
		return false;
	while (!found && (m = getmntent(f)))
		if (!strcmp(m->mnt_type, "cgroup2"))
			found = snprintf(dir, size, "%s", m->mnt_dir) < (int)size;
	endmntent(f);
	return found;
}

const char *bk_parse_cgroup(const char *s, uint64_t *id, uint32_t *level)
{
	char mount[512], path[1024], real[PATH_MAX];
	union {
		struct file_handle h;
		char room[sizeof(struct file_handle) + 8];
	} fh = { .h.handle_bytes = 8 };
	struct stat st;
	int mount_id;
	size_t n;

	/* the first cgroup namespace always has this number (include/linux/proc_ns.h) */
	if (!stat("/proc/self/ns/cgroup", &st) && st.st_ino != 0xEFFFFFFBU)
		return "unusable: within a cgroup namespace it is not known how deep a cgroup lies";

	if (!cgroup2_mount(mount, sizeof(mount)))
		return "unusable: no cgroup2 hierarchy is mounted (mount -t cgroup2 none DIR)";
	n = strlen(mount);
	if (snprintf(path, sizeof(path), "%s", s) >= (int)sizeof(path) ||
	    ((strncmp(s, mount, n) || (s[n] && s[n] != '/')) &&
	     snprintf(path, sizeof(path), "%s/%s", mount, s) >= (int)sizeof(path)))
		return "too long a path";
	if (!*s || !realpath(path, real) || strncmp(real, mount, n) || (real[n] && real[n] != '/'))
		return "not a directory of the cgroup2 hierarchy";
	if (stat(real, &st) || !S_ISDIR(st.st_mode))
		return "not a directory of the cgroup2 hierarchy";
	/* the handle of a directory there is the number that programs see */
	if (name_to_handle_at(AT_FDCWD, real, &fh.h, &mount_id, 0) || fh.h.handle_bytes != 8)
		return "not a directory of the cgroup2 hierarchy";
	memcpy(id, fh.h.f_handle, 8);
	*level = 0;
	for (const char *p = real + n; *p; p++)
		*level += *p == '/' && p[1];
	return NULL;
}

const char *bk_parse_netns(const char *s, uint32_t *inode)
{
	const char *bad =
		strchr(s, '/') ?
			"not a network namespace" :
			"not a network namespace: no such name in /run/netns, no path, no inode number";
	char path[512];
	struct stat st;
	uint64_t v;
	int fd, type;

	if (strchr(s, '/') ? snprintf(path, sizeof(path), "%s", s) >= (int)sizeof(path) :
			     snprintf(path, sizeof(path), "/run/netns/%s", s) >= (int)sizeof(path))
		return "too long a name";
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	/* a name may be a number */
	if (fd < 0 && !bk_parse_u64(s, 1, UINT32_MAX, &v)) {
		*inode = v;
		return NULL;
	}
	if (fd < 0)
		return errno == EACCES ? "not for you to read" : bad;
	type = ioctl(fd, NS_GET_NSTYPE);
	if (type != CLONE_NEWNET || fstat(fd, &st)) {
		close(fd);
		return bad;
	}
	close(fd);
	*inode = st.st_ino;
	return NULL;
}
