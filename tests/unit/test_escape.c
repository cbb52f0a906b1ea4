// SPDX-License-Identifier: GPL-2.0-only
/* Strangers' bytes: lib/escape.c */
#include "test.h"

#include "escape.h"

/* Kinds of invalid UTF-8; no byte of any of them begins or ends a valid character. */
static const struct {
	const char *what, *s;
} invalid[] = {
	{ "lone continuation", "\x80" },
	{ "last continuation", "\xbf" },
	{ "overlong, 2 bytes, U+0000", "\xc0\x80" },
	{ "overlong, 2 bytes, slash", "\xc0\xaf" },
	{ "overlong, 2 bytes, U+007F", "\xc1\xbf" },
	{ "overlong, 3 bytes, slash", "\xe0\x80\xaf" },
	{ "overlong, 3 bytes, U+07FF", "\xe0\x9f\xbf" },
	{ "overlong, 4 bytes, U+0000", "\xf0\x80\x80\x80" },
	{ "overlong, 4 bytes, U+FFFF", "\xf0\x8f\xbf\xbf" },
	{ "first surrogate", "\xed\xa0\x80" },
	{ "last surrogate", "\xed\xbf\xbf" },
	{ "a pair of surrogates", "\xed\xa0\x81\xed\xb0\x80" },
	{ "U+110000", "\xf4\x90\x80\x80" },
	{ "lead byte f5", "\xf5\x80\x80\x80" },
	{ "5 bytes", "\xf8\x88\x80\x80\x80" },
	{ "6 bytes", "\xfc\x84\x80\x80\x80\x80" },
	{ "fe", "\xfe" },
	{ "ff", "\xff" },
	{ "2 bytes cut off", "\xc3" },
	{ "3 bytes cut off after 1", "\xe2" },
	{ "3 bytes cut off after 2", "\xe2\x82" },
	{ "4 bytes cut off after 1", "\xf0" },
	{ "4 bytes cut off after 2", "\xf0\x9f" },
	{ "4 bytes cut off after 3", "\xf0\x9f\x98" },
};

/* dst ends where BK_ESCAPE_MAX says, so that a sanitizer sees a byte too many. */
static char *escaped(const char *s, size_t n, bool json, bool *bad, size_t *len)
{
	char *in = malloc(n ? n : 1), *out = malloc(BK_ESCAPE_MAX(n));

	assert_non_null(in);
	assert_non_null(out);
	memcpy(in, s, n);
	*len = bk_escape(out, in, n, json, bad);
	assert_true(*len <= BK_ESCAPE_MAX(n));
	free(in);
	return out;
}

/* What holds of any input, in both forms. */
static void check_any(const char *s, size_t n)
{
	bool valid = check_utf8(s, n), bad = false;
	char *back = malloc(BK_ESCAPE_MAX(n)), *quoted, *d;
	size_t len, got;

	d = escaped(s, n, false, NULL, &len);
	assert_true(check_harmless(d, len));
	assert_int_equal(check_unescape(d, len, back), n);
	assert_memory_equal(back, s, n);
	free(d);

	d = escaped(s, n, true, &bad, &len);
	assert_true(check_harmless(d, len));
	assert_int_equal(bad, !valid);
	quoted = malloc(len + 2);
	quoted[0] = quoted[len + 1] = '"';
	memcpy(quoted + 1, d, len);
	assert_ptr_equal(check_json_string(quoted, quoted + len + 2, back, &got), quoted + len + 2);
	if (valid) {
		assert_int_equal(got, n);
		assert_memory_equal(back, s, n);
	}
	free(quoted);
	free(d);
	free(back);
}

static void expect_of(const char *what, const char *s, size_t n, bool json, const char *want)
{
	size_t len;
	char *d = escaped(s, n, json, NULL, &len);

	if (len != strlen(want) || memcmp(d, want, len))
		fail_msg("%s: got '%.*s', expected '%s'", what, (int)len, d, want);
	free(d);
}

static void expect(const char *s, size_t n, bool json, const char *want)
{
	expect_of(json ? "JSON" : "text", s, n, json, want);
}

static void test_bytes(void **state)
{
	for (int c = 0; c < 256; c++) {
		char s = (char)c, text[8], json[8];

		check_any(&s, 1);
		if (c < 0x20 || c >= 0x7f)
			snprintf(text, sizeof(text), "\\x%02x", c);
		else
			snprintf(text, sizeof(text), c == '\\' ? "\\\\" : "%c", c);
		if (c < 0x20 || c == 0x7f)
			snprintf(json, sizeof(json), "\\u%04x", c);
		else if (c > 0x7f)
			snprintf(json, sizeof(json), "\xef\xbf\xbd");
		else
			snprintf(json, sizeof(json), c == '\\' || c == '"' ? "\\%c" : "%c", c);
		expect(&s, 1, false, text);
		expect(&s, 1, true, json);
	}
}

static void test_pairs_of_bytes(void **state)
{
	for (int a = 0; a < 256; a++)
		for (int b = 0; b < 256; b++) {
			char s[2] = { (char)a, (char)b };

			check_any(s, 2);
		}
}

/* Every code point there is: harmful ones are spelled, all others pass unchanged. */
static void test_code_points(void **state)
{
	for (unsigned int cp = 0x80; cp < 0x110000; cp++) {
		char s[4], out[BK_ESCAPE_MAX(4)], want[16];
		size_t n = check_encode(s, cp), len;
		unsigned int back = 0;
		bool harmful = cp < 0xa0 || cp == 0x61c || cp == 0x200e || cp == 0x200f ||
			       cp == 0x2028 || cp == 0x2029 || (cp >= 0x202a && cp <= 0x202e) ||
			       (cp >= 0x2066 && cp <= 0x2069);

		if (cp >> 11 == 0x1b) { /* surrogates are no characters */
			assert_int_equal(bk_utf8(s, n, &back), 0);
			continue;
		}
		assert_int_equal(bk_utf8(s, n, &back), n);
		assert_int_equal(back, cp);
		for (size_t cut = 0; cut < n; cut++)
			assert_int_equal(bk_utf8(s, cut, &back), 0);
		len = bk_escape(out, s, n, false, NULL);
		if (harmful)
			snprintf(want, sizeof(want), "\\u{%x}", cp);
		else
			snprintf(want, sizeof(want), "%.*s", (int)n, s);
		assert_int_equal(len, strlen(want));
		assert_memory_equal(out, want, len);
		len = bk_escape(out, s, n, true, NULL);
		if (harmful)
			snprintf(want, sizeof(want), "\\u%04x", cp);
		assert_int_equal(len, strlen(want));
		assert_memory_equal(out, want, len);
	}
}

static void test_invalid(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(invalid); i++) {
		size_t n = strlen(invalid[i].s);
		char text[64] = "", json[64] = "", around[16];
		unsigned int cp;

		for (size_t k = 0; k < n; k++) {
			assert_int_equal(bk_utf8(invalid[i].s + k, n - k, &cp), 0);
			sprintf(text + strlen(text), "\\x%02x", (unsigned char)invalid[i].s[k]);
			strcat(json, "\xef\xbf\xbd");
		}
		check_any(invalid[i].s, n);
		expect_of(invalid[i].what, invalid[i].s, n, false, text);
		expect_of(invalid[i].what, invalid[i].s, n, true, json);
		/* what stands around it is not swallowed */
		snprintf(around, sizeof(around), "a%sz", invalid[i].s);
		check_any(around, n + 2);
		memmove(text + 1, text, strlen(text) + 1);
		text[0] = 'a';
		expect_of(invalid[i].what, around, n + 2, false, strcat(text, "z"));
	}
}

static void test_empty(void **state)
{
	unsigned int cp;

	check_any("", 0);
	assert_int_equal(bk_utf8("a", 0, &cp), 0);
}

static void test_mixed(void **state)
{
	static const char s[] = "a\0b\x1b[31mr\xc3\xa9\"\\\xe2\x80\xaex\xf0\x9f\x98\x80\xff";

	check_any(s, sizeof(s) - 1);
	expect(s, sizeof(s) - 1, false,
	       "a\\x00b\\x1b[31mr\xc3\xa9\"\\\\\\u{202e}x\xf0\x9f\x98\x80\\xff");
	expect(s, sizeof(s) - 1, true,
	       "a\\u0000b\\u001b[31mr\xc3\xa9\\\"\\\\\\u202ex\xf0\x9f\x98\x80\xef\xbf\xbd");
}

/* *invalid is set, never cleared: a value that comes in pieces is invalid if any of them is. */
static void test_invalid_sticks(void **state)
{
	char d[BK_ESCAPE_MAX(1)];
	bool bad = false;

	bk_escape(d, "a", 1, true, &bad);
	assert_false(bad);
	bk_escape(d, "\xff", 1, true, &bad);
	assert_true(bad);
	bk_escape(d, "a", 1, true, &bad);
	assert_true(bad);
}

static void test_longest(void **state)
{
	static const char *const worst[] = { "\x01", "\x7f", "\xc2\x80",    "\xff",
					     "\\",   "\"",   "\xe2\x80\xa8" };
	char s[3000];

	for (size_t i = 0; i < ARRAY_LEN(worst); i++) {
		size_t n = strlen(worst[i]);

		for (size_t k = 0; k < sizeof(s); k++)
			s[k] = worst[i][k % n];
		check_any(s, sizeof(s) / n * n);
	}
}

static void test_random_bytes(void **state)
{
	static const char hot[] =
		"\x00\x1b\x7f\x80\xbf\xc2\xe0\xe2\x80\xa8\xed\xa0\xf0\x9f\x98\xf4\x8f\xff\\\"az";
	uint64_t seed = 23;
	char s[64];

	for (int i = 0; i < 20000; i++) {
		size_t n = test_random(&seed) % sizeof(s);

		for (size_t k = 0; k < n; k++)
			s[k] = i & 1 ? (char)test_random(&seed) :
				       hot[test_random(&seed) % (sizeof(hot) - 1)];
		check_any(s, n);
	}
}

/* The same, one character after the other. */
static size_t model(char *d, const char *s, size_t n, bool json)
{
	char *start = d;

	for (size_t i = 0, len; i < n; i += len) {
		unsigned char c = s[i];

		len = check_char(s + i, n - i);
		if (!len && json)
			d += sprintf(d, "\xef\xbf\xbd");
		else if (!len || ((c < 0x20 || c == 0x7f) && !json))
			d += sprintf(d, "\\x%02x", c);
		else if (c < 0x20 || c == 0x7f)
			d += sprintf(d, "\\u%04x", c);
		else if (c == '\\' || (c == '"' && json))
			d += sprintf(d, "\\%c", c);
		else if (check_harmless(s + i, len))
			d += sprintf(d, "%.*s", (int)len, s + i);
		else
			d += bk_escape(d, s + i, len, json, NULL); /* alone: see test_code_points() */
		len = len ? len : 1;
	}
	return d - start;
}

/* Each byte at each place of texts about as long as what is copied at once, wherever they lie. */
static void test_places(void **state)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz~ !#";
	char s[40], *d = malloc(BK_ESCAPE_MAX(40)), want[BK_ESCAPE_MAX(40)];

	for (int c = 0; c < 256; c++)
		for (size_t n = 1; n < 27; n++)
			for (size_t at = 0; at < n; at++)
				for (int json = 0; json < 2; json++) {
					size_t align = (c + n + at) % 8, len, plain;

					memcpy(s + align, letters, n);
					s[align + n] = 'z'; /* what stands behind does not count */
					s[align + at] = (char)c;
					len = model(want, s + align, n, json);
					if (bk_escape(d, s + align, n, json, NULL) != len || memcmp(d, want, len))
						fail_msg("byte %02x at %zu of %zu, aligned to %zu", c, at, n, align);
					plain = c < ' ' || c > '~' || c == '"' || c == '\\' ? at : n;
					assert_int_equal(bk_copy_plain(d, s + align, n), plain);
					assert_memory_equal(d, s + align, plain);
				}
	free(d);
}

static void test_words(void **state)
{
	static const char s[] = "\x01\x82\x03\x84\x05\x86\x07\x88";

	for (size_t n = 0; n < 9; n++) {
		char *exact = malloc(n + 1);
		uint64_t want = 0, got;

		memcpy(exact + 1, s, n);
		memcpy(&want, s, n);
		got = bk_word(exact + 1, n);
		assert_memory_equal(&got, &want, 8);
		free(exact);
	}
}

/* No byte of what lies behind the text is read, and none is written behind the room that is asked for. */
static void test_bounds(void **state)
{
	for (size_t n = 0; n < 40; n++) {
		char *s = malloc(n ? n : 1), *d = malloc(n + 8);

		memset(s, 'x', n);
		assert_int_equal(bk_copy_plain(d, s, n), n);
		free(s);
		free(d);
	}
}

static void test_random_against_model(void **state)
{
	static const char *const parts[] = { "a", "bc", "\x1b", "\"", "\\", "\xc3\xa9", "\xe2\x82\xac", "\xff",
					     "\xf0\x9f\x98\x80", "\xe2\x80\xae", "0123456789", "\x7f", "\xe2\x82" };
	static char s[6000], want[BK_ESCAPE_MAX(sizeof(s))];
	uint64_t seed = 37;

	for (int i = 0; i < 3000; i++) {
		size_t n = 0, len, most = test_random(&seed) % (i % 100 ? 100 : sizeof(s) - 10);

		while (n < most) {
			const char *part = parts[test_random(&seed) % (i & 1 ? 2 : ARRAY_LEN(parts))];

			memcpy(s + n, part, strlen(part));
			n += strlen(part);
		}
		for (int json = 0; json < 2; json++) {
			char *d = escaped(s, n, json, NULL, &len);

			assert_int_equal(len, model(want, s, n, json));
			assert_memory_equal(d, want, len);
			free(d);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),          cmocka_unit_test(test_pairs_of_bytes),
		cmocka_unit_test(test_code_points),    cmocka_unit_test(test_invalid),
		cmocka_unit_test(test_empty),          cmocka_unit_test(test_mixed),
		cmocka_unit_test(test_invalid_sticks), cmocka_unit_test(test_longest),
		cmocka_unit_test(test_random_bytes),   cmocka_unit_test(test_places),
		cmocka_unit_test(test_words),          cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_random_against_model),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
