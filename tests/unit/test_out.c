// SPDX-License-Identifier: GPL-2.0-only
/* The buffer that all data goes through: lib/out.c */
#include "test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "escape.h"
#include "out_file.h"

#define expect(want) assert_string_equal(written(), want)

static void test_init(void **state)
{
	assert_int_equal(out.fd, file);
	assert_false(out.tty || out.json);
	assert_int_equal(out.error, 0);
	expect("");
}

static void test_puts(void **state)
{
	bk_puts(&out, "a\x1b\n");
	bk_putc(&out, 'b');
	bk_puts(&out, "");
	bk_printf(&out, "%d%s", 5, "x");
	assert_int_equal(out.flushed, 0);
	expect("a\x1b\nb5x");
	assert_int_equal(out.flushed, 6);
}

static void test_printf_long(void **state)
{
	char s[600];

	memset(s, 'x', sizeof(s) - 1);
	s[sizeof(s) - 1] = 0;
	bk_printf(&out, "%s", s);
	s[511] = 0; /* cut, not overrun */
	expect(s);
}

static void test_u64(void **state)
{
	static const uint64_t v[] = {
		0,
		1,
		9,
		10,
		11,
		99,
		100,
		101,
		999,
		1000,
		INT32_MAX,
		UINT32_MAX,
		(uint64_t)UINT32_MAX + 1,
		INT64_MAX,
		(uint64_t)INT64_MAX + 1,
		9999999999999999999ULL,
		10000000000000000000ULL,
		UINT64_MAX - 1,
		UINT64_MAX,
	};
	char want[32];

	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		snprintf(want, sizeof(want), "%" PRIu64, v[i]);
		bk_put_u64(&out, v[i]);
		expect(want);
	}
}

/* Around each power of ten, and of any length. */
static void test_digits(void **state)
{
	uint64_t power = 1, seed = 41;
	char want[64];

	for (int i = 0; i < 20; i++, power *= 10)
		for (int d = -1; d < 2; d++) {
			snprintf(want, sizeof(want), "%" PRIu64 " %" PRId64, power + d, (int64_t)(power + d));
			bk_put_u64(&out, power + d);
			bk_putc(&out, ' ');
			bk_put_s64(&out, (int64_t)(power + d));
			expect(want);
		}
	for (int i = 0; i < 20000; i++) {
		uint64_t v = test_random(&seed) >> i % 64;

		snprintf(want, sizeof(want), "%" PRIu64, v);
		bk_put_u64(&out, v);
		expect(want);
	}
}

static void test_s64(void **state)
{
	static const int64_t v[] = {
		0, 1, -1, 9, -9, 10, -10, INT32_MIN, INT32_MAX, INT64_MIN, INT64_MIN + 1, INT64_MAX
	};
	char want[32];

	for (size_t i = 0; i < ARRAY_LEN(v); i++) {
		snprintf(want, sizeof(want), "%" PRId64, v[i]);
		bk_put_s64(&out, v[i]);
		expect(want);
	}
}

static void test_mac(void **state)
{
	bk_put_mac(&out, (const uint8_t[]){ 0, 0, 0, 0, 0, 0 });
	expect("00:00:00:00:00:00");
	bk_put_mac(&out, (const uint8_t[]){ 0x01, 0x23, 0x45, 0x67, 0x89, 0xab });
	expect("01:23:45:67:89:ab");
	bk_put_mac(&out, (const uint8_t[]){ 0xff, 0xfe, 0xfd, 0xfc, 0x0f, 0xf0 });
	expect("ff:fe:fd:fc:0f:f0");
}

static void test_ip(void **state)
{
	static const char *const texts[] = {
		"0.0.0.0",
		"10.0.0.1",
		"255.255.255.255",
		"100.99.9.10",
		"::",
		"::1",
		"fe80::1",
		"2001:db8::ff00:42:8329",
		"::ffff:1.2.3.4",
		"1:2:3:4:5:6:7:8",
		"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
	};

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		int family = strchr(texts[i], '.') && !strchr(texts[i], ':') ? 4 : 6;
		uint8_t addr[16];

		assert_int_equal(inet_pton(family == 4 ? AF_INET : AF_INET6, texts[i], addr), 1);
		bk_put_ip(&out, family, addr);
		expect(texts[i]);
	}
}

/* All patterns of words that are zero and not, of each length, against inet_ntop(). */
static void test_ip6(void **state)
{
	static const unsigned int values[] = { 1, 0xf, 0x10, 0xff, 0x100, 0xfff, 0x1000, 0xffff, 0xa0b };

	for (unsigned int pattern = 0; pattern < 256; pattern++)
		for (size_t first = 0; first < ARRAY_LEN(values); first++) {
			char want[INET6_ADDRSTRLEN];
			uint8_t addr[16] = { 0 };

			for (unsigned int i = 0; i < 8; i++)
				if (pattern >> i & 1) {
					unsigned int v = values[(first + (first & 1 ? i : 0)) % ARRAY_LEN(values)];

					addr[2 * i] = (uint8_t)(v >> 8);
					addr[2 * i + 1] = (uint8_t)v;
				}
			inet_ntop(AF_INET6, addr, want, sizeof(want));
			bk_put_ip(&out, 6, addr);
			expect(want);
		}
}

/* ---- strangers' text ---- */

static void test_strangers(void **state)
{
	bk_put_text(&out, "ab\0cd", 5);
	expect("ab");
	bk_put_text(&out, "abcd", 3); /* no NUL is needed */
	expect("abc");
	bk_put_text(&out, "", 0);
	expect("");
	bk_put_text(&out, "\x1b[0m\xff\xe2\x80\xae\\", 16);
	expect("\\x1b[0m\\xff\\u{202e}\\\\");
	out.json = true;
	bk_put_text(&out, "\x1b\"", 16);
	expect("\\u001b\\\"");
}

static void test_all_bytes(void **state)
{
	for (int c = 1; c < 256; c++) {
		char s[2] = { (char)c, 0 };

		bk_put_text(&out, s, sizeof(s));
		written();
		assert_true(check_harmless(test_text, strlen(test_text)));
		assert_true(strlen(test_text) > 0);
	}
}

/* A long text is escaped in pieces; where they end makes no difference. */
static void test_pieces(void **state)
{
	static const char *const parts[] = { "\xf0\x9f\x98\x80", "\xe2\x82\xac", "\xc3\xa9",
					     "\xe2\x80\xae" };
	static char s[4096], want[BK_ESCAPE_MAX(sizeof(s))];

	for (size_t p = 0; p < ARRAY_LEN(parts); p++)
		for (size_t before = 1015; before < 1030; before++) {
			size_t n = before, len;

			memset(s, 'x', before);
			while (n + strlen(parts[p]) < sizeof(s)) {
				memcpy(s + n, parts[p], strlen(parts[p]));
				n += strlen(parts[p]);
			}
			len = bk_escape(want, s, n, false, NULL);
			want[len] = 0;
			bk_put_text(&out, s, n);
			expect(want);
		}
}

/* The same with a byte that continues nothing right behind the end of a piece. */
static void test_pieces_of_invalid(void **state)
{
	static const char *const parts[] = {
		"\xf0\x9f\x98\x80\x80",     "\xe2\x82\xac\x80", "\xc3\xa9\x80\x80",
		"\x80\x80\x80\x80\x80\x80", "\xff\x80\xf0\x9f",
	};
	static char s[2048], want[BK_ESCAPE_MAX(sizeof(s))];

	for (size_t p = 0; p < ARRAY_LEN(parts); p++)
		for (size_t before = 1015; before < 1030; before++) {
			size_t n = before, len;

			memset(s, 'x', sizeof(s));
			memcpy(s + n, parts[p], strlen(parts[p]));
			len = bk_escape(want, s, sizeof(s), false, NULL);
			want[len] = 0;
			bk_put_text(&out, s, sizeof(s));
			written();
			if (strcmp(test_text, want))
				fail_msg("%zu bytes, then part %zu: '%.40s', expected '%.40s'",
					 before, p, test_text + before, want + before);
		}
}

/* ---- the buffer's end ---- */

/* What is larger than the buffer comes out whole, wherever it starts. */
static void test_larger_than_the_buffer(void **state)
{
	static char s[3 * sizeof(out.buf)];
	uint64_t seed = 29;

	for (size_t i = 0; i < sizeof(s) - 1; i++)
		s[i] = 'a' + test_random(&seed) % 26;
	for (size_t before = sizeof(out.buf) - 3; before < sizeof(out.buf) + 3; before++) {
		bk_puts(&out, s + sizeof(s) - 1 - before);
		bk_puts(&out, s);
		written();
		assert_int_equal(strlen(test_text), before + sizeof(s) - 1);
		assert_memory_equal(test_text, s + sizeof(s) - 1 - before, before);
		assert_string_equal(test_text + before, s);
	}
	bk_put_text(&out, s, sizeof(s));
	expect(s);
}

/* Each kind of thing, put at every place around the end of the buffer. */
static void test_everything_at_the_end(void **state)
{
	static char want[2 * sizeof(out.buf)];
	const char *const tail =
		"c18446744073709551615-922337203685477580801:02:03:04:05:06"
		"1.2.3.4\\x1b\\xff7,\"a\":\"\\u001b\xef\xbf\xbd\",\"a_hex\":\"1bff\"  abcd ef ";

	for (size_t before = sizeof(out.buf) - 700; before <= sizeof(out.buf); before++) {
		memset(want, '.', before);
		strcpy(want + before, tail);
		for (size_t i = 0; i < before; i++)
			bk_putc(&out, '.');
		bk_putc(&out, 'c');
		bk_put_u64(&out, UINT64_MAX);
		bk_put_s64(&out, INT64_MIN);
		bk_put_mac(&out, (const uint8_t[]){ 1, 2, 3, 4, 5, 6 });
		bk_put_ip(&out, 4, (const uint8_t[]){ 1, 2, 3, 4 });
		bk_put_text(&out, "\x1b\xff", 2);
		bk_printf(&out, "%d", 7);
		bk_json_str(&out, "a", "\x1b\xff", 2);
		bk_cell(&out);
		bk_puts(&out, "ab");
		bk_puts(&out, "cd");
		bk_cell_end(&out, 6, false);
		bk_cell(&out);
		bk_puts(&out, "ef");
		bk_cell_end(&out, -2, false);
		expect(want);
	}
}

/* ---- cells ---- */

static void cell(const char *s, int width, bool last, const char *want)
{
	bk_cell(&out);
	bk_puts(&out, s);
	bk_cell_end(&out, width, last);
	expect(want);
}

static void test_cells(void **state)
{
	cell("ab", 5, false, "   ab ");
	cell("ab", 5, true, "   ab");
	cell("ab", -5, false, "ab    ");
	cell("ab", -5, true, "ab"); /* no blanks at the end of a line */
	cell("ab", 2, false, "ab ");
	cell("ab", -2, false, "ab ");
	cell("abc", 2, false, "abc "); /* too wide: never cut, still separated */
	cell("abc", -2, false, "abc ");
	cell("abc", 0, true, "abc");
	cell("", 3, false, "    ");
	cell("", -3, false, "    ");
	cell("", 0, false, " ");
	cell("", -3, true, "");
}

static void test_cells_count_characters(void **state)
{
	cell("\xc3\xa9\xc3\xa9", 4, false, "  \xc3\xa9\xc3\xa9 ");
	cell("\xc3\xa9\xc3\xa9", -4, false, "\xc3\xa9\xc3\xa9   ");
	cell("\xe2\x82\xac", 2, true, " \xe2\x82\xac");
	cell("\xf0\x9f\x98\x80", -2, false, "\xf0\x9f\x98\x80  ");
}

/* Cells of random text, put in each way, against blanks that are counted one by one. */
static void test_cells_against_model(void **state)
{
	static const char *const parts[] = { "a", "bcdefghi", " ", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x98\x80" };
	uint64_t seed = 43;

	for (int i = 0; i < 30000; i++) {
		int width = (int)(test_random(&seed) % 61) - 30, kinds = i & 1 ? 3 : ARRAY_LEN(parts);
		bool last = test_random(&seed) & 1;
		char text[200] = "", want[300] = "";
		size_t chars = 0, pad;

		bk_cell(&out);
		for (uint64_t n = test_random(&seed) % 5; n; n--) {
			const char *part = parts[test_random(&seed) % kinds];

			for (const char *p = part; *p; p++)
				chars += (*p & 0xc0) != 0x80;
			strcat(text, part);
			switch (test_random(&seed) % 4) {
			case 0:
				bk_puts(&out, part);
				break;
			case 1:
				bk_printf(&out, "%s", part);
				break;
			case 2:
				bk_put_text(&out, part, 8);
				break;
			default:
				for (const char *p = part; *p; p++)
					bk_putc(&out, *p);
			}
		}
		bk_cell_end(&out, width, last);
		pad = (size_t)abs(width) > chars ? abs(width) - chars : 0;
		for (size_t k = 0; width > 0 && k < pad; k++)
			strcat(want, " ");
		strcat(want, text);
		for (size_t k = 0; width < 0 && !last && k < pad; k++)
			strcat(want, " ");
		strcat(want, last ? "" : " ");
		expect(want);
	}
}

static void test_row_of_cells(void **state)
{
	for (int i = 0; i < 3; i++) {
		bk_cell(&out);
		bk_put_u64(&out, i * 100);
		bk_cell_end(&out, i == 1 ? -5 : 5, i == 2);
	}
	expect("    0 100     200");
}

/* Lines of cells, more than the buffer holds: each is as if it stood alone. */
static void test_cells_across_the_end(void **state)
{
	static const char line[] = "     a b     \xc3\xa9\xc3\xa9    \xc3\xa9 the last\n";
	enum { LINES = 9000 };

	for (int i = 0; i < LINES; i++) {
		bk_cell(&out);
		bk_puts(&out, "a");
		bk_cell_end(&out, 6, false);
		bk_cell(&out);
		bk_puts(&out, "b");
		bk_cell_end(&out, -5, false);
		bk_cell(&out);
		bk_puts(&out, "\xc3\xa9");
		bk_puts(&out, "\xc3\xa9");
		bk_cell_end(&out, -5, false);
		bk_cell(&out);
		bk_puts(&out, "\xc3\xa9");
		bk_cell_end(&out, 0, false);
		bk_cell(&out);
		bk_puts(&out, "the last");
		bk_cell_end(&out, -20, true);
		bk_putc(&out, '\n');
	}
	written();
	assert_int_equal(strlen(test_text), LINES * (sizeof(line) - 1));
	for (int i = 0; i < LINES; i++)
		assert_memory_equal(test_text + i * (sizeof(line) - 1), line, sizeof(line) - 1);
}

/*
 * A long cell that begins just before the end: its start is still there when its blanks go in
 * front.
 */
static void test_long_cell_across_the_end(void **state)
{
	static char text[3000], want[4000];

	memset(text, 'y', sizeof(text) - 1);
	snprintf(want, sizeof(want), "%3500s ", text);
	for (size_t before = sizeof(out.buf) - 3600; before <= sizeof(out.buf); before += 37) {
		for (size_t i = 0; i < before; i++)
			bk_putc(&out, '.');
		bk_cell(&out);
		for (size_t i = 0; i < sizeof(text) - 1; i++)
			bk_putc(&out, 'y');
		bk_cell_end(&out, 3500, false);
		written();
		assert_int_equal(strlen(test_text), before + strlen(want));
		assert_string_equal(test_text + before, want);
	}
}

/* ---- JSON ---- */

static void test_json(void **state)
{
	bk_json_begin(&out, "drop");
	bk_json_u64(&out, "zero", 0);
	bk_json_u64(&out, "most", UINT64_MAX);
	bk_json_bool(&out, "yes", true);
	bk_json_bool(&out, "no", false);
	bk_json_str(&out, "empty", "", 0);
	bk_json_str(&out, "name", "e\"th\\0\n\0x", 16);
	bk_json_name(&out, "raw");
	bk_puts(&out, "[]");
	bk_json_end(&out);
	written();
	assert_true(check_json_line(test_text, strlen(test_text)));
	assert_string_equal(
		test_text,
		"{\"type\":\"drop\",\"zero\":0,\"most\":18446744073709551615,\"yes\":true,"
		"\"no\":false,\"empty\":\"\",\"name\":\"e\\\"th\\\\0\\u000a\",\"raw\":[]}\n");
}

/* NAME_hex is there exactly if the bytes are no UTF-8, and has all of them. */
static void test_json_hex(void **state)
{
	static const struct {
		const char *s, *want;
	} cases[] = {
		{ "\xc3\xa9", "{\"type\":\"t\",\"n\":\"\xc3\xa9\"}\n" },
		{ "\x1b", "{\"type\":\"t\",\"n\":\"\\u001b\"}\n" },
		{ "a\xff", "{\"type\":\"t\",\"n\":\"a\xef\xbf\xbd\",\"n_hex\":\"61ff\"}\n" },
		{ "\xe2\x82",
		  "{\"type\":\"t\",\"n\":\"\xef\xbf\xbd\xef\xbf\xbd\",\"n_hex\":\"e282\"}\n" },
		{ "\xef\xbf\xbd", "{\"type\":\"t\",\"n\":\"\xef\xbf\xbd\"}\n" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		bk_json_begin(&out, "t");
		bk_json_str(&out, "n", cases[i].s, strlen(cases[i].s));
		bk_json_end(&out);
		expect(cases[i].want);
	}
}

static void test_is_exact(void **state)
{
	out.json = true;
	assert_true(bk_put_text(&out, "caf\xc3\xa9\x1b", 7));
	assert_false(bk_put_text(&out, "caf\xe9", 5));
	out.json = false;
	assert_true(bk_put_text(&out, "caf\xe9", 5)); /* in text it is escaped, in JSON it cannot be */
	bk_puts(&out, " ");
	bk_put_hex(&out, "\x01\xff\0a", 4);
	bk_put_hex(&out, "", 0);
	expect("caf\xc3\xa9\\u001bcaf\xef\xbf\xbd""caf\\xe9 01ff0061");
}

/* Any bytes make a line of JSON, from which they can be had back exactly. */
static void test_json_round_trip(void **state)
{
	uint64_t seed = 31;
	char s[40], back[BK_ESCAPE_MAX(sizeof(s))];

	for (int i = 0; i < 3000; i++) {
		size_t n = test_random(&seed) % sizeof(s), got;
		const char *p, *hex;

		for (size_t k = 0; k < n; k++)
			s[k] = (char)(1 + test_random(&seed) % (i & 1 ? 127 : 255));
		bk_json_begin(&out, "t");
		bk_json_str(&out, "n", s, n);
		bk_json_end(&out);
		written();
		assert_true(check_json_line(test_text, strlen(test_text)));
		assert_true(check_harmless(test_text, strlen(test_text) - 1));
		p = strstr(test_text, "\"n\":");
		hex = strstr(test_text, ",\"n_hex\":\"");
		assert_non_null(p);
		assert_int_equal(!hex, check_utf8(s, n));
		if (hex) {
			hex += strlen(",\"n_hex\":\"");
			for (got = 0; *hex != '"'; got++, hex += 2) {
				unsigned int v = 0;

				assert_true(got < n && check_hex(hex, hex + 2, 2, 2, &v) == 2);
				back[got] = (char)v;
			}
		} else {
			assert_non_null(check_json_string(p + 4, test_text + strlen(test_text),
							  back, &got));
		}
		assert_int_equal(got, n);
		assert_memory_equal(back, s, n);
	}
}

/* ---- errors ---- */

static void test_closed_pipe(void **state)
{
	void (*old)(int) = signal(SIGPIPE, SIG_IGN);
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	bk_out_init(&out, ends[1]);
	bk_puts(&out, "hello");
	close(ends[0]);
	assert_int_equal(out.error, 0);
	bk_flush(&out);
	assert_int_equal(out.error, -EPIPE);
	assert_int_equal(out.n, 0);
	assert_int_equal(out.flushed, 0);
	/* it sticks: the rest is thrown away, even where it could now be written */
	assert_return_code(dup2(file, ends[1]), errno);
	for (int i = 0; i < 100000; i++)
		bk_puts(&out, "more");
	bk_cell(&out);
	bk_puts(&out, "x");
	bk_cell_end(&out, 5, false);
	bk_flush(&out);
	assert_int_equal(out.error, -EPIPE);
	assert_int_equal(out.flushed, 0);
	assert_string_equal(test_read(file), "");
	close(ends[1]);
	signal(SIGPIPE, old);
}

static void test_full(void **state)
{
	int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		skip_because("there is no /dev/full");
	bk_out_init(&out, fd);
	bk_puts(&out, "hello");
	bk_flush(&out);
	assert_int_equal(out.error, -ENOSPC);
	assert_int_equal(out.n, 0);
	assert_int_equal(out.flushed, 0);
	bk_puts(&out, "hello");
	bk_flush(&out);
	assert_int_equal(out.error, -ENOSPC);
	close(fd);
}

/* A write that takes only a part: the rest follows, and only what was taken counts. */
static void test_partial_write(void **state)
{
	void (*old_handler)(int) = signal(SIGXFSZ, SIG_IGN);
	struct rlimit old, low;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	low = (struct rlimit){ 10, old.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &low), 0);
	bk_puts(&out, "0123456789abcdef");
	bk_flush(&out);
	setrlimit(RLIMIT_FSIZE, &old);
	signal(SIGXFSZ, old_handler);
	assert_int_equal(out.error, -EFBIG);
	assert_int_equal(out.flushed, 10);
	assert_string_equal(test_read(file), "0123456789");
}

static void test_bad_descriptor(void **state)
{
	bk_out_init(&out, 1 << 20);
	bk_puts(&out, "hello");
	bk_flush(&out);
	assert_int_equal(out.error, -EBADF);
}

/* A pipe takes what it has room for: the rest is written later, none of it twice. */
static void test_slow_reader(void **state)
{
	enum { LINES = 50000 };
	int ends[2], status;
	pid_t reader;

	assert_int_equal(pipe(ends), 0);
	reader = fork();
	if (!reader) {
		unsigned long n = 0;
		char buf[777], want = 'a';
		ssize_t r;

		close(ends[1]);
		while ((r = read(ends[0], buf, sizeof(buf))) > 0)
			for (ssize_t i = 0; i < r; i++, n++, want = want == 'z' ? 'a' : want + 1)
				if (buf[i] != want)
					_exit(1);
		_exit(n == LINES * 26UL ? 0 : 2);
	}
	close(ends[0]);
	bk_out_init(&out, ends[1]);
	for (int i = 0; i < LINES; i++)
		bk_puts(&out, "abcdefghijklmnopqrstuvwxyz");
	bk_flush(&out);
	close(ends[1]);
	assert_int_equal(out.error, 0);
	assert_int_equal(out.flushed, LINES * 26);
	assert_int_equal(waitpid(reader, &status, 0), reader);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* Told to end, with a full pipe: a reader who is only slow still gets all, one who does not read is left. */
static void test_told_to_end(void **state)
{
	enum { BYTES = 1 << 20 };

	for (int reads = 0; reads < 2; reads++) {
		char part[4096], line[1025];
		int ends[2], wake[2], status;
		size_t got = 0;
		ssize_t n;
		pid_t child;

		memset(line, 'x', 1024);
		line[1024] = 0;
		assert_int_equal(pipe(ends), 0);
		assert_int_equal(pipe(wake), 0);
		assert_int_equal(write(wake[1], "", 1), 1); /* as a signal does */
		child = fork();
		if (!child) {
			close(ends[0]);
			bk_out_init(&out, ends[1]);
			out.wake[0] = wake[0];
			for (int i = 0; i < BYTES / 1024; i++)
				bk_puts(&out, line);
			bk_flush(&out);
			_exit(out.error == 0 ? 0 : out.error == -EINTR ? 1 : 2);
		}
		close(ends[1]);
		if (reads)
			while (usleep(500), (n = read(ends[0], part, sizeof(part))) > 0)
				got += n;
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), !reads);
		assert_int_equal(got, reads ? BYTES : 0);
		close(ends[0]);
		close(wake[0]);
		close(wake[1]);
	}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(test_init),
		TEST(test_puts),
		TEST(test_printf_long),
		TEST(test_u64),
		TEST(test_digits),
		TEST(test_s64),
		TEST(test_mac),
		TEST(test_ip),
		TEST(test_ip6),
		TEST(test_strangers),
		TEST(test_all_bytes),
		TEST(test_pieces),
		TEST(test_pieces_of_invalid),
		TEST(test_larger_than_the_buffer),
		TEST(test_everything_at_the_end),
		TEST(test_cells),
		TEST(test_cells_count_characters),
		TEST(test_cells_against_model),
		TEST(test_row_of_cells),
		TEST(test_cells_across_the_end),
		TEST(test_long_cell_across_the_end),
		TEST(test_json),
		TEST(test_json_hex),
		TEST(test_is_exact),
		TEST(test_json_round_trip),
		TEST(test_closed_pipe),
		TEST(test_full),
		TEST(test_partial_write),
		TEST(test_bad_descriptor),
		TEST(test_slow_reader),
		TEST(test_told_to_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
