/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BK_ESCAPE_H
#define BK_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * The one place that makes a stranger's bytes harmless. Copies n bytes of s to dst, which must have
 * room for BK_ESCAPE_MAX(n), and returns how many were written; no NUL is added.
 *
 * Text: control characters (C0, DEL, C1), invalid UTF-8, line and paragraph separators and
 * bidirectional controls become \xNN or \u{N...}, a backslash becomes two.
 * JSON: the same characters become \u00NN, quotes and backslashes are escaped, and a byte that is no
 * UTF-8 becomes U+FFFD; *invalid, if not NULL, then tells so.
 */
#define BK_ESCAPE_MAX(n) ((n) * 6 + 16)
size_t bk_escape(char *dst, const char *s, size_t n, bool json, bool *invalid);

/*
 * Copies what nearly all text begins with, and is not changed by this: ASCII but control characters, quotes and
 * backslashes. Returns how many bytes; dst has room for n + 8, and up to eight behind what was copied are
 * overwritten.
 */
size_t bk_copy_plain(char *dst, const char *s, size_t n);

/*
 * Length of the valid UTF-8 character at s, at most n bytes, and its code point; 0 if there is
 * none.
 */
size_t bk_utf8(const char *s, size_t n, unsigned int *cp);

/* The n bytes at s, at most eight, as a word of which the rest is zero; little-endian. */
static inline uint64_t bk_word(const char *s, size_t n)
{
	const unsigned char *u = (const unsigned char *)s;
	uint32_t lo, hi;
	uint64_t x;

	if (n >= 8) {
		memcpy(&x, s, 8);
		return x;
	}
	if (n >= 4) { /* two halves, which may overlap in the same bytes */
		memcpy(&lo, s, 4);
		memcpy(&hi, s + n - 4, 4);
		return lo | (uint64_t)hi << (n - 4) * 8;
	}
	return n ? u[0] | u[n / 2] << n / 2 * 8 | u[n - 1] << (n - 1) * 8 : 0;
}

#endif
