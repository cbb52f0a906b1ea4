/* SPDX-License-Identifier: GPL-2.0-only */
/* What the library's own parts write into the buffer of the output. */
#ifndef BK_OUT_H
#define BK_OUT_H

#include <string.h>

#include "bk.h"
#include "escape.h"

void bk_make_room(struct bk_out *o, size_t n);

/* Where n more bytes go, at most 64 KiB; what is open as a cell stays in the buffer. */
static inline char *bk_room(struct bk_out *o, size_t n)
{
	if (__builtin_expect(sizeof(o->buf) - o->n < n, 0))
		bk_make_room(o, n);
	return o->buf + o->n;
}

/* Bytes as they are. */
void bk_put_bytes(struct bk_out *o, const void *bytes, size_t n);
/* n bytes, NUL or not, as bk_put_text() does; in the form that JSON wants or not. */
bool bk_put_exactly(struct bk_out *o, const char *s, size_t n, bool json);

extern const char bk_pairs[]; /* 00 01 02 ... 99 */

/* v, which has at most n digits, with zeros in front; no NUL. */
static inline void bk_digits(char *p, uint64_t v, size_t n)
{
	for (; n > 2; v /= 100)
		memcpy(p + (n -= 2), bk_pairs + v % 100 * 2, 2);
	if (n == 2)
		memcpy(p, bk_pairs + v * 2, 2);
	else
		*p = '0' + v;
}

/* 1 to 20. */
static inline size_t bk_count_digits(uint64_t v)
{
	size_t n = 1;

	if (v < 100)
		return 1 + (v >= 10);
	for (; v >= 10000; v /= 10000)
		n += 4;
	return n + (v >= 10) + (v >= 100) + (v >= 1000);
}

/* All digits of v, at most 20; returns how many. */
static inline size_t bk_number(char *p, uint64_t v)
{
	size_t n = bk_count_digits(v);

	bk_digits(p, v, n);
	return n;
}

/* Returns the end; up to eight bytes behind it are overwritten. */
static inline char *bk_blanks(char *p, size_t n)
{
	for (size_t i = 0; i < n; i += 8)
		memcpy(p + i, "        ", 8);
	return p + n;
}

/* ,"NAME": with n bytes of a name; BK_KEY_MORE more are needed. Returns the end. */
enum { BK_KEY_MORE = 12 };
static inline char *bk_key(char *p, const char *name, size_t n)
{
	memcpy(p, ",\"", 2);
	p += 2;
	for (size_t i = 0; i < n; i += 8) {
		uint64_t x = bk_word(name + i, n - i);

		memcpy(p + i, &x, 8);
	}
	memcpy(p + n, "\":", 2);
	return p + n + 2;
}

/* Blanks between a cell that shows n characters, of which those in front are there, and the next. */
static inline size_t bk_gap(size_t n, short width)
{
	return width < 0 && n < (size_t)-width ? -width - n + 1 : 1;
}

/* Ends the cell that bk_cell() began, and returns the blanks between it and the next. */
size_t bk_cell_align(struct bk_out *o, short width);

#endif
