// SPDX-License-Identifier: GPL-2.0-only
/* One table of columns, two outputs: lib/col.c */
#include "test.h"

#include <errno.h>
#include <arpa/inet.h>

#include "escape.h"
#include "out_file.h"

struct record {
	uint64_t has;
	uint64_t time, u64;
	uint32_t u32;
	int32_t s32;
	uint16_t u16;
	uint8_t u8;
	bool yes;
	uint8_t mac[6];
	char str[8];
	const char *ptr;
	struct bk_net ip;
};

enum { HAS_A = 1, HAS_B = 2 };

static void put_sum(struct bk_out *o, const void *rec)
{
	const struct record *r = rec;

	bk_put_u64(o, r->u8 + r->u16);
}

static void put_name(struct bk_out *o, const void *rec)
{
	const struct record *r = rec;

	bk_put_text(o, r->str, sizeof(r->str));
	bk_puts(o, "/");
	bk_put_text(o, r->ptr, strlen(r->ptr));
}

static const struct bk_col every[] = { BK_COL("TIME", "time", BK_COL_TIME, -8, struct record, time),
				       BK_COL("U8", "u8", BK_COL_U8, 4, struct record, u8),
				       BK_COL("U16", "u16", BK_COL_U16, 6, struct record, u16),
				       BK_COL("U32", "u32", BK_COL_U32, 0, struct record, u32),
				       BK_COL("S32", "s32", BK_COL_S32, 0, struct record, s32),
				       BK_COL("U64", "u64", BK_COL_U64, 0, struct record, u64),
				       BK_COL("YES", "yes", BK_COL_BOOL, 0, struct record, yes),
				       BK_COL("MAC", "mac", BK_COL_MAC, 0, struct record, mac),
				       BK_COL("STR", "str", BK_COL_STR, -9, struct record, str),
				       BK_COL("PTR", "ptr", BK_COL_PTR, 0, struct record, ptr),
				       BK_COL("IP", "ip", BK_COL_IP, 0, struct record, ip),
				       BK_COL("ERR", "err", BK_COL_ERRNO, -7, struct record, u32),
				       BK_COL("LAT", "lat_us", BK_COL_US, 5, struct record, u64),
				       { "SUM", "sum", BK_COL_U64, 3, .put = put_sum },
				       { "NAME", "name", BK_COL_STR, -12, .put = put_name },
				       { .kind = BK_COL_END } };

static struct bk_run run;

static int begin_run(void **state)
{
	memset(&run, 0, sizeof(run));
	run.out = &out;
	run.opts.timestamp = BK_TIME_MONO;
	return begin(state);
}

static const char *emit(const struct bk_col *cols, const struct record *r, bool json)
{
	out.json = json;
	bk_emit(&run, cols, "kind", r);
	written();
	if (json)
		assert_true(check_json_line(test_text, strlen(test_text)));
	assert_int_equal(count_lines(test_text), 1);
	assert_true(check_harmless(test_text, strlen(test_text) - 1));
	return test_text;
}

static struct record sample(void)
{
	struct record r = {
		.time = 1500000000,
		.u64 = 64,
		.u32 = 32,
		.s32 = -32,
		.u16 = 16,
		.u8 = 8,
		.yes = true,
		.mac = { 1, 2, 3, 4, 5, 0xaf },
		.str = "eth0",
		.ptr = "host",
		.ip = { .family = 4, .bits = 32 },
	};

	inet_pton(AF_INET, "10.0.0.1", r.ip.addr);
	return r;
}

static void test_errors(void **state)
{
	static const struct {
		uint32_t number;
		const char *name;
	} known[] = { { 0, "0" }, { ENOENT, "ENOENT" }, { EAGAIN, "EAGAIN" }, { 512, "ERESTARTSYS" },
		      { 530, "ERECALLCONFLICT" } };
	const struct bk_col cols[] = { BK_COL("ERR", "err", BK_COL_ERRNO, 0, struct record, u32),
				       { .kind = BK_COL_END } };
	struct record r = sample();
	char want[64];

	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		r.u32 = known[i].number;
		snprintf(want, sizeof(want), "%s\n", known[i].name);
		assert_string_equal(emit(cols, &r, false), want);
	}
	for (r.u32 = 2000; r.u32; r.u32 *= 2) {
		assert_null(bk_errno_name(r.u32));
		assert_string_equal(emit(cols, &r, false), "?\n");
	}
}

static void test_all_kinds(void **state)
{
	struct record r = sample();

	assert_string_equal(
		emit(every, &r, false),
		"1.500000    8     16 32 -32 64 true 01:02:03:04:05:af eth0      host 10.0.0.1 "
		"EPIPE       0  24 eth0/host\n");
	assert_string_equal(
		emit(every, &r, true),
		"{\"type\":\"kind\",\"time\":\"1.500000\",\"u8\":8,\"u16\":16,\"u32\":32,\"s32\":-32,"
		"\"u64\":64,\"yes\":true,\"mac\":\"01:02:03:04:05:af\",\"str\":\"eth0\",\"ptr\":\"host\","
		"\"ip\":\"10.0.0.1\",\"err\":\"EPIPE\",\"lat_us\":0,\"sum\":24,\"name\":\"eth0/host\"}\n");
	assert_int_equal(run.printed, 2);
}

static void test_limits(void **state)
{
	struct record r = {
		.time = 0,
		.u64 = UINT64_MAX,
		.u32 = UINT32_MAX,
		.s32 = INT32_MIN,
		.u16 = UINT16_MAX,
		.u8 = UINT8_MAX,
		.mac = { 255, 255, 255, 255, 255, 255 },
		.str = "12345678" /* no NUL */,
		.ptr = "",
		.ip = { .family = 6, .bits = 128 },
	};

	memset(r.ip.addr, 0xff, sizeof(r.ip.addr));
	assert_string_equal(
		emit(every, &r, false),
		"0.000000  255  65535 4294967295 -2147483648 18446744073709551615 false ff:ff:ff:ff:ff:ff "
		"12345678   ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ?       18446744073709551 65790 12345678/\n");
	assert_string_equal(
		emit(every, &r, true),
		"{\"type\":\"kind\",\"time\":\"0.000000\",\"u8\":255,\"u16\":65535,\"u32\":4294967295,"
		"\"s32\":-2147483648,\"u64\":18446744073709551615,\"yes\":false,\"mac\":\"ff:ff:ff:ff:ff:ff\","
		"\"str\":\"12345678\",\"ptr\":\"\",\"ip\":\"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff\","
		"\"err\":\"?\",\"lat_us\":18446744073709551,\"sum\":65790,\"name\":\"12345678/\"}\n");
	r.s32 = INT32_MAX;
	assert_non_null(strstr(emit(every, &r, true), "\"s32\":2147483647,"));
}

static void test_heading(void **state)
{
	static const struct bk_col cols[] = {
		BK_COL("LEFT", "left", BK_COL_U8, -6, struct record, u8),
		BK_COL(NULL, "json_only", BK_COL_U8, 9, struct record, u8),
		BK_COL("RIGHT", NULL, BK_COL_U8, 7, struct record, u8),
		BK_COL("L", NULL, BK_COL_U8, -20, struct record, u8),
		BK_COL(NULL, "last", BK_COL_U8, 9, struct record, u8),
		{ .kind = BK_COL_END }
	};
	struct record r = { .u8 = 5 };

	bk_heading(&run, cols);
	assert_string_equal(written(), "LEFT     RIGHT L\n");
	assert_string_equal(emit(cols, &r, false), "5            5 5\n");
	assert_string_equal(emit(cols, &r, true),
			    "{\"type\":\"kind\",\"left\":5,\"json_only\":5,\"last\":5}\n");
}

/* A heading and its values begin, or end, at the same place. */
static void test_heading_is_aligned(void **state)
{
	struct record r = sample();
	static const struct bk_col cols[] = { BK_COL("A", "a", BK_COL_U8, 5, struct record, u8),
					      BK_COL("BCD", "b", BK_COL_STR, -8, struct record,
						     str),
					      BK_COL("E", "e", BK_COL_U16, 4, struct record, u16),
					      { .kind = BK_COL_END } };

	bk_heading(&run, cols);
	assert_string_equal(written(), "    A BCD         E\n");
	assert_string_equal(emit(cols, &r, false), "    8 eth0       16\n");
	strcpy(r.str, "\xc3\xa9\xc3\xa9");
	assert_string_equal(emit(cols, &r, false), "    8 \xc3\xa9\xc3\xa9         16\n");
}

static void test_no_time(void **state)
{
	struct record r = sample();

	run.opts.timestamp = BK_TIME_NONE;
	bk_heading(&run, every);
	assert_true(begins(written(), "  U8 "));
	assert_true(begins(emit(every, &r, false), "   8 "));
	assert_non_null(strstr(emit(every, &r, true), "\"time\":\"")); /* a record keeps it */
}

/* What a record does not have is a dash in the table and no member in JSON. */
static void test_has(void **state)
{
	static const struct bk_col cols[] = {
		BK_COL_IF(HAS_A, "A", "a", BK_COL_U8, 3, struct record, u8),
		BK_COL_IF(HAS_A | HAS_B, "AB", "ab", BK_COL_STR, -6, struct record, str),
		BK_COL_IF(1ULL << 63, "H", "h", BK_COL_U16, 0, struct record, u16),
		{ "PUT", "put", BK_COL_U64, 0, .has = HAS_B, .put = put_sum },
		{ .kind = BK_COL_END }
	};
	struct record r = sample();

	assert_string_equal(emit(cols, &r, false), "  - -      - -\n");
	assert_string_equal(emit(cols, &r, true), "{\"type\":\"kind\"}\n");
	r.has = HAS_A;
	assert_string_equal(emit(cols, &r, false), "  8 -      - -\n");
	assert_string_equal(emit(cols, &r, true), "{\"type\":\"kind\",\"a\":8}\n");
	r.has = HAS_B;
	assert_string_equal(emit(cols, &r, false), "  - -      - 24\n");
	assert_string_equal(emit(cols, &r, true), "{\"type\":\"kind\",\"put\":24}\n");
	r.has = HAS_A | HAS_B | 1ULL << 63;
	assert_string_equal(emit(cols, &r, false), "  8 eth0   16 24\n");
	assert_string_equal(emit(cols, &r, true),
			    "{\"type\":\"kind\",\"a\":8,\"ab\":\"eth0\",\"h\":16,\"put\":24}\n");
}

static void test_null(void **state)
{
	static const struct bk_col cols[] = { BK_COL(NULL, "ptr", BK_COL_PTR, 0, struct record,
						     ptr),
					      BK_COL(NULL, "u8", BK_COL_U8, 0, struct record, u8),
					      { .kind = BK_COL_END } };
	struct record r = { .u8 = 3 };

	assert_string_equal(emit(cols, &r, true), "{\"type\":\"kind\",\"u8\":3}\n");
	emit(cols, &r, false);
}

/* All bytes, through each way that a stranger's text can take. */
static void test_strangers(void **state)
{
	for (int c = 1; c < 256; c++) {
		char text[4] = { 'a', (char)c, 'z', 0 }, hex[64], want[16];
		struct record r = sample();

		memcpy(r.str, text, sizeof(text));
		r.ptr = text;
		emit(every, &r, true);
		snprintf(hex, sizeof(hex), "\"str_hex\":\"61%02x7a\"", c);
		assert_int_equal(!!strstr(test_text, hex), c > 127);
		snprintf(hex, sizeof(hex), "\"ptr_hex\":\"61%02x7a\"", c);
		assert_int_equal(!!strstr(test_text, hex), c > 127);
		emit(every, &r, false);
		if (c < 0x20 || c >= 0x7f)
			snprintf(want, sizeof(want), "a\\x%02xz", c);
		else
			snprintf(want, sizeof(want), c == '\\' ? "a\\\\z" : "a%cz", c);
		assert_non_null(strstr(test_text, want));
	}
}

/* A table's width does not depend on where the buffer ends. */
static void test_many_lines(void **state)
{
	struct record r = sample();
	char *first;
	size_t n;

	first = strdup(emit(every, &r, false));
	n = strlen(first);
	for (int i = 0; i < 5000; i++)
		bk_emit(&run, every, "kind", &r);
	written();
	assert_int_equal(strlen(test_text), 5000 * n);
	for (int i = 0; i < 5000; i++)
		assert_memory_equal(test_text + i * n, first, n);
	assert_int_equal(run.printed, 5001);
	free(first);
}

/* ---- against a model ---- */

/* Adds the value of a column as text, by printf(); a stranger's bytes by bk_escape(). */
static void model_value(char *d, const struct bk_col *c, const struct record *r, bool json)
{
	const char *p = (const char *)r + c->offset;

	d += strlen(d);
	if (c->put == put_sum) {
		sprintf(d, "%u", r->u8 + r->u16);
		return;
	}
	if (c->put) {
		d += bk_escape(d, r->str, strnlen(r->str, sizeof(r->str)), json, NULL);
		*d++ = '/';
		d[bk_escape(d, r->ptr, strlen(r->ptr), json, NULL)] = 0;
		return;
	}
	switch (c->kind) {
	case BK_COL_TIME:
		sprintf(d, "%llu.%06llu", (unsigned long long)(r->time / 1000000000),
			(unsigned long long)(r->time / 1000 % 1000000));
		break;
	case BK_COL_STR:
		d[bk_escape(d, p, strnlen(p, c->size), json, NULL)] = 0;
		break;
	case BK_COL_PTR:
		d[bk_escape(d, r->ptr, strlen(r->ptr), json, NULL)] = 0;
		break;
	case BK_COL_MAC:
		for (int i = 0; i < 6; i++)
			d += sprintf(d, i ? ":%02x" : "%02x", r->mac[i]);
		break;
	case BK_COL_IP:
		inet_ntop(r->ip.family == 4 ? AF_INET : AF_INET6, r->ip.addr, d, INET6_ADDRSTRLEN);
		break;
	case BK_COL_BOOL:
		strcpy(d, r->yes ? "true" : "false");
		break;
	case BK_COL_S32:
		sprintf(d, "%d", r->s32);
		break;
	case BK_COL_ERRNO:
		strcpy(d, bk_errno_name(r->u32) ? bk_errno_name(r->u32) : "?");
		break;
	case BK_COL_US:
		sprintf(d, "%llu", (unsigned long long)(r->u64 / 1000));
		break;
	default:
		sprintf(d, "%llu", c->kind == BK_COL_U8	 ? r->u8 :
				   c->kind == BK_COL_U16 ? r->u16 :
				   c->kind == BK_COL_U32 ? r->u32 :
							   (unsigned long long)r->u64);
	}
}

static bool model_has(const struct bk_col *c, const struct record *r)
{
	return (r->has & c->has) == c->has && (c->kind != BK_COL_PTR || c->put || r->ptr);
}

static void model_line(char *d, const struct bk_col *cols, const struct record *r, int timestamp)
{
	const struct bk_col *shown[32];
	int n = 0;

	for (const struct bk_col *c = cols; c->kind; c++)
		if (c->head && (c->kind != BK_COL_TIME || timestamp != BK_TIME_NONE))
			shown[n++] = c;
	*d = 0;
	for (int i = 0; i < n; i++) {
		int width = shown[i]->width, chars = 0;
		char text[1000] = "";

		if (model_has(shown[i], r))
			model_value(text, shown[i], r, false);
		else
			strcpy(text, "-");
		for (const char *p = text; *p; p++)
			chars += (*p & 0xc0) != 0x80;
		d += strlen(d);
		d += sprintf(d, "%*s%s", width > chars ? width - chars : 0, "", text);
		if (i < n - 1)
			sprintf(d, "%*s ", -width > chars ? -width - chars : 0, "");
	}
	strcat(d, "\n");
}

static void model_object(char *d, const struct bk_col *cols, const struct record *r)
{
	strcpy(d, "{\"type\":\"kind\"");
	for (const struct bk_col *c = cols; c->kind; c++) {
		const char *quote = c->kind == BK_COL_STR || c->kind == BK_COL_PTR || c->kind == BK_COL_TIME ||
						    c->kind == BK_COL_MAC || c->kind == BK_COL_IP ||
						    c->kind == BK_COL_ERRNO ? "\"" : "";
		const char *p = c->kind == BK_COL_STR ? (const char *)r + c->offset : r->ptr;
		size_t n;

		if (!c->name || !model_has(c, r))
			continue;
		sprintf(d + strlen(d), ",\"%s\":%s", c->name, quote);
		model_value(d, c, r, true);
		strcat(d, quote);
		if (c->put || (c->kind != BK_COL_STR && c->kind != BK_COL_PTR))
			continue;
		n = c->kind == BK_COL_STR ? strnlen(p, c->size) : strlen(p);
		if (check_utf8(p, n))
			continue;
		sprintf(d + strlen(d), ",\"%s_hex\":\"", c->name);
		for (size_t i = 0; i < n; i++)
			sprintf(d + strlen(d), "%02x", (unsigned char)p[i]);
		strcat(d, "\"");
	}
	strcat(d, "}\n");
}

/* Mostly letters, of each length around what is copied at once; now and then what needs an escape. */
static void random_text(uint64_t *seed, char *s, size_t n)
{
	static const char *const parts[] = { "\x1b", "\\", "\"", "\xc3\xa9", "\xff", "\xe2\x80\xae", "\x7f" };

	for (size_t i = 0; i < n; i++)
		s[i] = (char)('!' + test_random(seed) % 13);
	if (n > 3 && test_random(seed) % 4 == 0) {
		const char *part = parts[test_random(seed) % ARRAY_LEN(parts)];

		memcpy(s + test_random(seed) % (n - 3), part, strlen(part));
	}
}

static void test_against_model(void **state)
{
	static char want[20000];
	uint64_t seed = 47;

	for (int round = 0; round < 3000; round++) {
		struct bk_col cols[16] = { 0 };
		struct record r = { 0 };
		size_t n = test_random(&seed) % 15;
		char ptr[120] = "";

		for (size_t i = 0; i < n; i++) {
			cols[i] = every[test_random(&seed) % (ARRAY_LEN(every) - 1)];
			cols[i].width = (short)(test_random(&seed) % 61) - 30;
			if (test_random(&seed) % 4 == 0)
				cols[i].head = NULL;
			if (test_random(&seed) % 4 == 0)
				cols[i].name = NULL;
			if (test_random(&seed) % 4 == 0)
				cols[i].has = 1 + test_random(&seed) % 3;
		}
		r.has = test_random(&seed) % 4;
		r.time = test_random(&seed) >> test_random(&seed) % 64;
		r.u64 = test_random(&seed) >> test_random(&seed) % 64;
		r.u32 = (uint32_t)(test_random(&seed) >> test_random(&seed) % 64);
		r.s32 = (int32_t)test_random(&seed) >> test_random(&seed) % 32;
		r.u16 = (uint16_t)test_random(&seed) >> test_random(&seed) % 16;
		r.u8 = (uint8_t)test_random(&seed) >> test_random(&seed) % 8;
		r.yes = test_random(&seed) & 1;
		for (int i = 0; i < 16; i++)
			r.ip.addr[i] = test_random(&seed) % 3 ? 0 : (uint8_t)test_random(&seed);
		memcpy(r.mac, r.ip.addr, 6);
		r.ip.family = test_random(&seed) & 1 ? 4 : 6;
		random_text(&seed, r.str, test_random(&seed) % (sizeof(r.str) + 1));
		random_text(&seed, ptr, test_random(&seed) % (sizeof(ptr) - 1));
		r.ptr = ptr;
		for (size_t i = 0; i < n; i++) /* a function of the test takes no NULL */
			if (cols[i].put)
				goto keep;
		if (test_random(&seed) % 8 == 0)
			r.ptr = NULL;
keep:
		run.opts.timestamp = BK_TIME_MONO;
		model_object(want, cols, &r);
		assert_string_equal(emit(cols, &r, true), want);
		run.opts.timestamp = test_random(&seed) & 1 ? BK_TIME_MONO : BK_TIME_NONE;
		model_line(want, cols, &r, run.opts.timestamp);
		assert_string_equal(emit(cols, &r, false), want);
	}
}

static void emit_behind(size_t before, const struct bk_col *cols, const struct record *r, bool json)
{
	static char want[70000];

	memset(want, '.', before);
	want[before] = 0;
	bk_puts(&out, want);
	out.json = json;
	bk_emit(&run, cols, "kind", r);
	assert_in_range(out.n, 0, sizeof(out.buf));
	if (json)
		model_object(want + before, cols, r);
	else
		model_line(want + before, cols, r, run.opts.timestamp);
	written();
	if (strcmp(test_text, want))
		fail_msg("%zu bytes, then '%s'", before, test_text + before);
}

/*
 * At every place around the end of the buffer: all kinds, and those alone that are written in one go, each of
 * them as the first.
 */
static void test_at_the_end(void **state)
{
	struct bk_col simple[ARRAY_LEN(every)] = { 0 }, *s = simple;
	struct record r = sample();
	char text[100];

	memset(text, 'p', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	r.ptr = text;
	for (const struct bk_col *c = every; c->kind; c++)
		if (!c->put && c->kind != BK_COL_BOOL && c->kind != BK_COL_MAC && c->kind != BK_COL_IP)
			*s++ = *c;
	for (size_t left = 0; left < 700; left++)
		for (int json = 0; json < 2; json++) {
			emit_behind(sizeof(out.buf) - left, every, &r, json);
			for (s = simple; left < 100 && s->kind; s++)
				emit_behind(sizeof(out.buf) - left, s, &r, json);
		}
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin_run, end)
	const struct CMUnitTest tests[] = {
		TEST(test_all_kinds),  TEST(test_errors), TEST(test_limits),
		TEST(test_heading),    TEST(test_heading_is_aligned),
		TEST(test_no_time),    TEST(test_has),
		TEST(test_null),       TEST(test_strangers),
		TEST(test_many_lines), TEST(test_against_model),
		TEST(test_at_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
