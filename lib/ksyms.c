// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel's symbols by address. /proc/kallsyms decides when it is opened whether it shows
 * addresses, so it is opened with privileges and read, whole, when the first address is asked for.
 * An address that no symbol covers makes it be read again, at most once a second: a module may have
 * been loaded since.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bk.h"

struct sym {
	uint64_t addr;
	uint32_t name;   /* offsets into text */
	uint32_t module; /* 0: the kernel proper */
};

struct bk_ksyms {
	int fd;
	struct sym *syms;
	size_t n;
	char *text;
	uint64_t read_at;
	bool hidden; /* all addresses are zero to us */
};

struct bk_ksyms *bk_ksyms_open(void)
{
	struct bk_ksyms *k = calloc(1, sizeof(*k));

	if (!k)
		return NULL;
	k->fd = open("/proc/kallsyms", O_RDONLY | O_CLOEXEC);
	if (k->fd < 0) {
		free(k);
		return NULL;
	}
	return k;
}

static void forget(struct bk_ksyms *k)
{
	free(k->syms);
	free(k->text);
	k->syms = NULL;
	k->text = NULL;
	k->n = 0;
}

void bk_ksyms_close(struct bk_ksyms *k)
{
	if (!k)
		return;
	forget(k);
	close(k->fd);
	free(k);
}

static char *slurp(int fd, size_t *size)
{
	size_t cap = 8 << 20, n = 0;
	char *buf = malloc(cap);
	ssize_t r;

	if (!buf || lseek(fd, 0, SEEK_SET))
		goto fail;
	while ((r = read(fd, buf + n, cap - n - 1)) != 0) {
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			goto fail;
		n += r;
		if (cap - n < 65536) {
			char *more = realloc(buf, cap *= 2);

			if (!more)
				goto fail;
			buf = more;
		}
	}
	buf[n] = 0;
	*size = n;
	return buf;
fail:
	free(buf);
	return NULL;
}

static int by_addr(const void *a, const void *b)
{
	const struct sym *x = a, *y = b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

/*
 * Lines: address, type, name, and in brackets the module. Code only; names stay where they were
 * read.
 */
static void load(struct bk_ksyms *k)
{
	size_t size, cap = 0, kept = 1;
	char *p, *line, *next;

	forget(k);
	k->read_at = bk_now();
	k->text = slurp(k->fd, &size);
	if (!k->text)
		return;
	for (p = k->text; *p; p = next) {
		char *end, *name, *module;
		size_t n, m;
		struct sym s;

		line = p;
		next = strchrnul(p, '\n');
		if (*next)
			*next++ = 0;
		s.addr = strtoull(line, &end, 16);
		if (!s.addr || end[0] != ' ' || !strchr("tTwW", end[1]) || end[2] != ' ')
			continue;
		name = end + 3;
		n = strcspn(name, " \t");
		module = strchr(name + n, '[');
		m = module ? strcspn(++module, "]") : 0;
		if (k->n == cap) {
			struct sym *more =
				realloc(k->syms, (cap = cap ? cap * 2 : 65536) * sizeof(*more));

			if (!more) {
				forget(k);
				return;
			}
			k->syms = more;
		}
		/* names move to the front of the same buffer, which they never overtake */
		s.name = kept;
		memmove(k->text + kept, name, n);
		k->text[kept + n] = 0;
		kept += n + 1;
		s.module = 0;
		if (m && k->n && k->syms[k->n - 1].module &&
		    !strncmp(k->text + k->syms[k->n - 1].module, module, m) &&
		    !k->text[k->syms[k->n - 1].module + m]) {
			s.module = k->syms[k->n - 1].module;
		} else if (m) {
			s.module = kept;
			memmove(k->text + kept, module, m);
			k->text[kept + m] = 0;
			kept += m + 1;
		}
		k->syms[k->n++] = s;
	}
	if (!k->n) {
		k->hidden = true;
		bk_warn("places in the kernel have no names: it hides its symbols' addresses "
			"(sysctl kernel.kptr_restrict, or CAP_SYSLOG is missing)");
		return;
	}
	p = realloc(k->text, kept);
	if (p)
		k->text = p;
	qsort(k->syms, k->n, sizeof(*k->syms), by_addr);
}

static const struct sym *covering(struct bk_ksyms *k, uint64_t addr)
{
	size_t lo = 0, hi = k->n;

	while (lo < hi) {
		size_t mid = (lo + hi) / 2;

		if (k->syms[mid].addr <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	/* behind the last symbol of the kernel or of a module there is nothing for a long while */
	if (!lo || addr - k->syms[lo - 1].addr > 1 << 20)
		return NULL;
	lo--;
	while (lo && k->syms[lo - 1].addr == k->syms[lo].addr)
		lo--;
	return &k->syms[lo];
}

bool bk_ksyms_find(struct bk_ksyms *k, uint64_t addr, struct bk_ksym *out)
{
	const struct sym *s;

	if (!k || !addr)
		return false;
	if (!k->read_at)
		load(k);
	s = covering(k, addr);
	if (!s && !k->hidden && bk_now() - k->read_at > 1000000000) {
		load(k);
		s = covering(k, addr);
	}
	if (!s)
		return false;
	out->name = k->text + s->name;
	out->module = s->module ? k->text + s->module : NULL;
	out->addr = s->addr;
	out->offset = addr - s->addr;
	return true;
}

int bk_ksyms_range(struct bk_ksyms *k, const char *name, uint64_t (*ranges)[2], int max)
{
	size_t len = strlen(name);
	int found = 0;

	if (!k)
		return 0;
	if (!k->read_at)
		load(k);
	for (size_t i = 0; i < k->n && found < max; i++) {
		const char *s = k->text + k->syms[i].name;

		if (strncmp(s, name, len) || (s[len] && s[len] != '.'))
			continue;
		ranges[found][0] = k->syms[i].addr;
		while (i + 1 < k->n && k->syms[i + 1].addr == ranges[found][0])
			i++;
		ranges[found++][1] = i + 1 < k->n ? k->syms[i + 1].addr - 1 :
						    k->syms[i].addr + 4096;
	}
	return found;
}
