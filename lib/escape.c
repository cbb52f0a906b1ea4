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

/* What nearly all text is made of, and needs no look at what surrounds it. */
static bool plain(char c)
{
	return c >= ' ' && c <= '~' && c != '\\' && c != '"';
}

size_t bk_escape(char *dst, const char *s, size_t n, bool json, bool *invalid)
{
	char *d = dst;

	for (size_t i = 0, len; i < n; i += len) {
		unsigned int cp;

		for (len = 0; i + len < n && plain(s[i + len]); len++)
			*d++ = s[i + len];
		if (len)
			continue;
		len = bk_utf8(s + i, n - i, &cp);
		if (!len) {
			len = 1;
			if (json) {
				memcpy(d, "\xef\xbf\xbd", 3);
				d += 3;
				if (invalid)
					*invalid = true;
			} else {
				d += sprintf(d, "\\x%02x", (unsigned char)s[i]);
			}
		} else if (harmful(cp)) {
			d += sprintf(d, json ? "\\u%04x" : cp < 0x80 ? "\\x%02x" : "\\u{%x}", cp);
		} else if (cp == '\\' || (json && cp == '"')) {
			*d++ = '\\';
			*d++ = (char)cp;
		} else {
			memcpy(d, s + i, len);
			d += len;
		}
	}
	return d - dst;
}
