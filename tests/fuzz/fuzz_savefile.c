// SPDX-License-Identifier: GPL-2.0-only
/*
 * lib/savefile.c on any file, from memory and from a pipe in pieces: it comes to an end, all that it gives can be read,
 * and both ways give the same.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "must.h"
#include "savefile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A sum of all that a reader may look at. */
static uint64_t sum;

static void add(const void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		sum = (sum ^ ((const uint8_t *)p)[i]) * 1099511628211ull; /* FNV */
}

static void look_at(const struct bk_saved *p)
{
	must(p->data && p->cap_len <= BK_SAVED_BLOCK && p->len >= p->cap_len);
	must(!(p->has & ~(unsigned int)(BK_PCAPNG_QUEUE | BK_PCAPNG_VERDICT | BK_PCAPNG_DROPPED)));
	must(p->has_time || !p->time_ns);
	add(p->data, p->cap_len);
	add(&p->time_ns, sizeof(p->time_ns));
	add(&p->link_type, sizeof(p->link_type));
	if (p->interface) {
		must(*p->interface && strlen(p->interface) <= BK_SAVED_NAME);
		add(p->interface, strlen(p->interface));
	}
	if (p->comment) {
		must(strlen(p->comment) <= BK_SAVED_COMMENT);
		add(p->comment, strlen(p->comment));
	}
}

/* Returns how many packets there were. */
static size_t read_all(int fd, size_t size)
{
	struct bk_savefile *f;
	struct bk_saved p;
	const char *why;
	size_t n = 0;
	int ret;

	sum = 0;
	f = bk_savefile_open(fd, &why);
	if (!f) {
		must(*why && strlen(why) < 159);
		add(why, strlen(why));
		return 0;
	}
	while ((ret = bk_savefile_next(f, &p)) > 0) {
		look_at(&p);
		must(++n <= size / 16 + 1);
	}
	must(bk_savefile_next(f, &p) == ret && !p.data);
	must(!ret == !*bk_savefile_why(f) && strlen(bk_savefile_why(f)) < 159);
	add(bk_savefile_why(f), strlen(bk_savefile_why(f)));
	bk_savefile_close(f);
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int file = -1;
	uint64_t before;
	size_t n;
	int ends[2];

	if (file < 0)
		file = memfd_create("fuzz", MFD_CLOEXEC);
	must(!ftruncate(file, 0) && pwrite(file, data, size, 0) == (ssize_t)size &&
	     !lseek(file, 0, SEEK_SET));
	n = read_all(file, size);
	before = sum;
	if (size > 4096)
		return 0;
	/* one that gives no more than a page at once, in packets */
	must(!pipe2(ends, O_DIRECT));
	for (size_t at = 0, part; at < size; at += part) {
		part = size - at < size / 7 + 1 ? size - at : size / 7 + 1;
		must(write(ends[1], data + at, part) == (ssize_t)part);
	}
	close(ends[1]);
	must(read_all(ends[0], size) == n && sum == before);
	close(ends[0]);
	return 0;
}
