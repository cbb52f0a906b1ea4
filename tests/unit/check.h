/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What output is held against: UTF-8, JSON and our own escapes, read by code that shares nothing
 * with the library. Used by unit tests and fuzz targets.
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Length of the well-formed character at s, by table 3-7 of the Unicode standard; 0 if none. */
static inline size_t check_char(const char *str, size_t n)
{
	static const struct {
		unsigned char first, last, low, high; /* of the first byte; of the second */
		size_t len;
	} rows[] = {
		{ 0x00, 0x7f, 0x00, 0x00, 1 }, { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};
	const unsigned char *s = (const unsigned char *)str;

	for (size_t i = 0; n && i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len = rows[i].len;

		if (s[0] < rows[i].first || s[0] > rows[i].last)
			continue;
		if (len > n || (len > 1 && (s[1] < rows[i].low || s[1] > rows[i].high)))
			return 0;
		for (size_t k = 2; k < len; k++)
			if (s[k] < 0x80 || s[k] > 0xbf)
				return 0;
		return len;
	}
	return 0;
}

static inline bool check_utf8(const char *s, size_t n)
{
	for (size_t i = 0, len; i < n; i += len) {
		len = check_char(s + i, n - i);
		if (!len)
			return false;
	}
	return true;
}

/*
 * Bytes that a terminal may get from a stranger: no control byte, no C1, no bidi control, all
 * UTF-8.
 */
static inline bool check_harmless(const char *s, size_t n)
{
	static const char *const bad[] = {
		"\xd8\x9c",	"\xe2\x80\x8e", "\xe2\x80\x8f", "\xe2\x80\xa8", "\xe2\x80\xa9",
		"\xe2\x80\xaa", "\xe2\x80\xab", "\xe2\x80\xac", "\xe2\x80\xad", "\xe2\x80\xae",
		"\xe2\x81\xa6", "\xe2\x81\xa7", "\xe2\x81\xa8", "\xe2\x81\xa9",
	};

	if (!check_utf8(s, n))
		return false;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = s[i];

		if (c < 0x20 || c == 0x7f || (c == 0xc2 && (unsigned char)s[i + 1] < 0xa0))
			return false;
		for (size_t k = 0; k < sizeof(bad) / sizeof(bad[0]); k++)
			if (n - i >= strlen(bad[k]) && !memcmp(s + i, bad[k], strlen(bad[k])))
				return false;
	}
	return true;
}

static inline size_t check_encode(char *d, unsigned int cp)
{
	if (cp < 0x80)
		return d[0] = (char)cp, 1;
	if (cp < 0x800)
		return d[0] = (char)(0xc0 | cp >> 6), d[1] = (char)(0x80 | (cp & 63)), 2;
	if (cp < 0x10000) {
		d[0] = (char)(0xe0 | cp >> 12);
		d[1] = (char)(0x80 | (cp >> 6 & 63));
		d[2] = (char)(0x80 | (cp & 63));
		return 3;
	}
	d[0] = (char)(0xf0 | cp >> 18);
	d[1] = (char)(0x80 | (cp >> 12 & 63));
	d[2] = (char)(0x80 | (cp >> 6 & 63));
	d[3] = (char)(0x80 | (cp & 63));
	return 4;
}

/* Reads hexadecimal digits, at least min and at most max. Returns how many, or 0. */
static inline int check_hex(const char *s, const char *end, int min, int max, unsigned int *v)
{
	int n = 0;

	for (*v = 0; n < max && s + n < end; n++) {
		const char *digits = "0123456789abcdef", *p = s[n] ? strchr(digits, s[n]) : NULL;

		if (!p)
			break;
		*v = *v << 4 | (unsigned int)(p - digits);
	}
	return n < min ? 0 : n;
}

/*
 * Undoes the escapes of text. Returns the length, or -1 where there is something that is no escape.
 */
static inline long check_unescape(const char *s, size_t n, char *d)
{
	const char *end = s + n;
	char *start = d;
	unsigned int v;
	int k;

	while (s < end) {
		if (*s != '\\') {
			*d++ = *s++;
		} else if (end - s >= 2 && s[1] == '\\') {
			*d++ = '\\';
			s += 2;
		} else if (end - s >= 4 && s[1] == 'x' && check_hex(s + 2, end, 2, 2, &v)) {
			*d++ = (char)v;
			s += 4;
		} else if (end - s >= 5 && s[1] == 'u' && s[2] == '{' && (k = check_hex(s + 3, end, 2, 6, &v)) &&
			   s + 3 + k < end && s[3 + k] == '}') {
			d += check_encode(d, v);
			s += 4 + k;
		} else {
			return -1;
		}
	}
	return d - start;
}

/*
 * The JSON string at s: returns what is behind it, or NULL. Its bytes go to d, if not NULL. Only
 * the escapes that RFC 8259 has; no surrogates, which we never write.
 */
static inline const char *check_json_string(const char *s, const char *end, char *d, size_t *n)
{
	char *start = d, trash[4];
	unsigned int v;

	if (s >= end || *s++ != '"')
		return NULL;
	while (s < end && *s != '"') {
		size_t len = check_char(s, end - s);
		static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";

		if (!len || (unsigned char)*s < 0x20)
			return NULL;
		if (*s != '\\') {
			if (d)
				d = (char *)memcpy(d, s, len) + len;
			s += len;
		} else if (end - s >= 2 && s[1] && strchr(from, s[1])) {
			if (d)
				*d++ = to[strchr(from, s[1]) - from];
			s += 2;
		} else if (end - s >= 6 && s[1] == 'u' && check_hex(s + 2, end, 4, 4, &v) && v >> 11 != 0x1b) {
			len = check_encode(d ? d : trash, v);
			d = d ? d + len : NULL;
			s += 6;
		} else {
			return NULL;
		}
	}
	if (s >= end)
		return NULL;
	if (n)
		*n = d - start;
	return s + 1;
}

/* The JSON value at s, without blanks: returns what is behind it, or NULL. */
static inline const char *check_json_value(const char *s, const char *end)
{
	static const char *const words[] = { "true", "false", "null" };

	if (s >= end)
		return NULL;
	if (*s == '"')
		return check_json_string(s, end, NULL, NULL);
	if (*s == '{' || *s == '[') {
		char close = *s == '{' ? '}' : ']', open = *s++;

		if (s < end && *s == close)
			return s + 1;
		for (;; s++) {
			if (open == '{') {
				s = check_json_string(s, end, NULL, NULL);
				if (!s || s >= end || *s++ != ':')
					return NULL;
			}
			s = check_json_value(s, end);
			if (!s || s >= end)
				return NULL;
			if (*s == close)
				return s + 1;
			if (*s != ',')
				return NULL;
		}
	}
	for (size_t i = 0; i < 3; i++)
		if ((size_t)(end - s) >= strlen(words[i]) && !memcmp(s, words[i], strlen(words[i])))
			return s + strlen(words[i]);
	s += *s == '-';
	if (s < end && *s == '0')
		return s + 1;
	if (s >= end || *s < '1' || *s > '9')
		return NULL;
	while (s < end && *s >= '0' && *s <= '9')
		s++;
	return s;
}

/* One object and a newline: a line of --output json. */
static inline bool check_json_line(const char *s, size_t n)
{
	const char *p = n && *s == '{' ? check_json_value(s, s + n) : NULL;

	return p && p == s + n - 1 && *p == '\n';
}

#endif
