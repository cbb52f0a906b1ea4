/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BK_ESCAPE_H
#define BK_ESCAPE_H

#include <stdbool.h>
#include <stddef.h>

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
 * Length of the valid UTF-8 character at s, at most n bytes, and its code point; 0 if there is
 * none.
 */
size_t bk_utf8(const char *s, size_t n, unsigned int *cp);

#endif
