/* SPDX-License-Identifier: GPL-2.0-only */
/* What the unit tests share. */
#ifndef TEST_H
#define TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "bk.h"
#include "check.h"

enum { SKIPPED = 77 }; /* exit status of a program all of whose tests cannot run here */

#define skip_because(...)				\
	do {						\
		print_message("skipped: " __VA_ARGS__);	\
		print_message("\n");			\
		skip();					\
	} while (0)

/* Contents of a file without a name, of which there is one per test. */
static char test_text[1 << 20];

static inline const char *test_read(int fd)
{
	ssize_t n = pread(fd, test_text, sizeof(test_text) - 1, 0);

	test_text[n > 0 ? n : 0] = 0;
	return test_text;
}

/*
 * Between the two calls what is written to a descriptor is kept. No assertion may stand between
 * them, or its message is kept, too.
 */
struct capture {
	int to, saved, file;
};

static inline struct capture capture_begin(int fd)
{
	struct capture c = { fd, dup(fd), memfd_create("captured", MFD_CLOEXEC) };

	fflush(NULL);
	dup2(c.file, fd);
	return c;
}

/* Valid until the next call. */
static inline const char *capture_end(struct capture *c)
{
	fflush(NULL);
	dup2(c->saved, c->to);
	close(c->saved);
	test_read(c->file);
	close(c->file);
	return test_text;
}

static inline unsigned int count_lines(const char *s)
{
	unsigned int n = 0;

	for (; *s; s++)
		n += *s == '\n';
	return n;
}

static inline bool begins(const char *s, const char *with)
{
	return !strncmp(s, with, strlen(with));
}

/* A reproducible sequence (xorshift64). */
static inline uint64_t test_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

#endif
