/* SPDX-License-Identifier: GPL-2.0-only */
/* An output into a file in memory, and what has come out of it. */
#ifndef OUT_FILE_H
#define OUT_FILE_H

#include "test.h"

static struct bk_out out;
static int file = -1;

static int begin(void **state)
{
	file = memfd_create("out", MFD_CLOEXEC);
	bk_out_init(&out, file);
	return file < 0;
}

static int end(void **state)
{
	close(file);
	file = -1;
	return 0;
}

/* What has come out; the next starts anew. */
static const char *written(void)
{
	bk_flush(&out);
	assert_int_equal(out.error, 0);
	assert_int_equal(out.n, 0);
	test_read(file);
	if (ftruncate(file, 0) || lseek(file, 0, SEEK_SET))
		fail();
	return test_text;
}

#endif
