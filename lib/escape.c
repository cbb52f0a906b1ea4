// SPDX-License-Identifier: GPL-2.0-only
#include "escape.h"

#include <stdio.h>
#include <string.h>

/* RFC 3629: no overlong forms, no surrogates, nothing above U+10FFFF. */
size_t bk_utf8(const char *str, size_t n, unsigned int *cp)
{
	const unsigned char *s = (const unsigned char *)str;
	static const unsigned int least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t len;

	if (!n)
		return 0;
	if (s[0] < 0x80) {
		*cp = s[0];
		return 1;
	}
	if ((s[0] & 0xe0) == 0xc0)
		len = 2;
	else if ((s[0] & 0xf0) == 0xe0)
		len = 3;
	else if ((s[0] & 0xf8) == 0xf0)
		len = 4;
	else
		return 0;
	if (len > n)
		return 0;
	*cp = s[0] & (0xff >> (len + 1));
	for (size_t i = 1; i < len; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return 0;
		*cp = *cp << 6 | (s[i] & 0x3f);
	}
	if (*cp < least[len] || *cp > 0x10ffff || (*cp >= 0xd800 && *cp <= 0xdfff))
		return 0;
	return len;
}

/* Characters that move, hide or reorder what stands around them. */
static bool harmful(unsigned int cp)
{
	return cp < 0x20 || (cp >= 0x7f && cp <= 0x9f) || cp == 0x061c || cp == 0x200e ||
	       cp == 0x200f || cp == 0x2028 || cp == 0x2029 || (cp >= 0x202a && cp <= 0x202e) ||
	       (cp >= 0x2066 && cp <= 0x2069);
}

#define EACH(byte) (0x0101010101010101ULL * (byte))

/*
 * The bytes of a word that need a look, marked by their highest bit: all but blank to tilde, and
 * quote and backslash. Above the first of them the marks mean nothing: a subtraction may borrow.
 */
static uint64_t not_plain(uint64_t x)
{
	uint64_t below = x - EACH(' '), above = x + EACH(1), quote = (x ^ EACH('"')) - EACH(1),
		 backslash = (x ^ EACH('\\')) - EACH(1);

	return (x | below | above | quote | backslash) & EACH(0x80);
}

/* Copies eight bytes; returns how many of them are plain from the first on. */
static inline size_t copy_word(char *dst, const char *s)
{
	uint64_t x, bad;

	memcpy(&x, s, 8);
	memcpy(dst, &x, 8);
	bad = not_plain(x);
	return bad ? __builtin_ctzll(bad) / 8 : 8;
}

size_t bk_copy_plain(char *dst, const char *s, size_t n)
{
	uint64_t x;
	size_t i, plain;

	if (n < 8) {
		x = bk_word(s, n); /* the zeros behind the end are not plain */
		memcpy(dst, &x, 8);
		return __builtin_ctzll(not_plain(x)) / 8;
	}
	for (i = 0; i < n - 8; i += 8) {
		plain = copy_word(dst + i, s + i);
		if (plain < 8)
			return i + plain;
	}
	/* the last eight, of which some may be there already */
	return n - 8 + copy_word(dst + n - 8, s + n - 8);
}

/* One character, or one byte that is none. Returns how many bytes were read. */
static size_t escape_one(char **dst, const char *s, size_t n, bool json, bool *invalid)
{
	unsigned int cp;
	size_t len = bk_utf8(s, n, &cp);
	char *d = *dst;

	if (!len) {
		len = 1;
		if (json) {
			memcpy(d, "\xef\xbf\xbd", 3);
			d += 3;
			if (invalid)
				*invalid = true;
		} else {
			d += sprintf(d, "\\x%02x", (unsigned char)*s);
		}
	} else if (harmful(cp)) {
		d += sprintf(d, json ? "\\u%04x" : cp < 0x80 ? "\\x%02x" : "\\u{%x}", cp);
	} else if (cp == '\\' || (json && cp == '"')) {
		*d++ = '\\';
		*d++ = (char)cp;
	} else {
		memcpy(d, s, len);
		d += len;
	}
	*dst = d;
	return len;
}

size_t bk_escape(char *dst, const char *s, size_t n, bool json, bool *invalid)
{
	char *d = dst;

	for (size_t i = 0; i < n;) {
		size_t plain = bk_copy_plain(d, s + i, n - i);

		d += plain;
		i += plain;
		if (i < n)
			i += escape_one(&d, s + i, n - i, json, invalid);
	}
	return d - dst;
}
