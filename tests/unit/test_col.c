// SPDX-License-Identifier: GPL-2.0-only
/* One table of columns, two outputs: lib/col.c */
#include "test.h"

#include <arpa/inet.h>

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

static void test_all_kinds(void **state)
{
	struct record r = sample();

	assert_string_equal(
		emit(every, &r, false),
		"1.500000    8     16 32 -32 64 true 01:02:03:04:05:af eth0      host 10.0.0.1  24 eth0/host\n");
	assert_string_equal(
		emit(every, &r, true),
		"{\"type\":\"kind\",\"time\":\"1.500000\",\"u8\":8,\"u16\":16,\"u32\":32,\"s32\":-32,"
		"\"u64\":64,\"yes\":true,\"mac\":\"01:02:03:04:05:af\",\"str\":\"eth0\",\"ptr\":\"host\","
		"\"ip\":\"10.0.0.1\",\"sum\":24,\"name\":\"eth0/host\"}\n");
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
		"12345678   ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65790 12345678/\n");
	assert_string_equal(
		emit(every, &r, true),
		"{\"type\":\"kind\",\"time\":\"0.000000\",\"u8\":255,\"u16\":65535,\"u32\":4294967295,"
		"\"s32\":-2147483648,\"u64\":18446744073709551615,\"yes\":false,\"mac\":\"ff:ff:ff:ff:ff:ff\","
		"\"str\":\"12345678\",\"ptr\":\"\",\"ip\":\"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff\","
		"\"sum\":65790,\"name\":\"12345678/\"}\n");
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

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, begin_run, end)
	const struct CMUnitTest tests[] = {
		TEST(test_all_kinds),  TEST(test_limits),
		TEST(test_heading),    TEST(test_heading_is_aligned),
		TEST(test_no_time),    TEST(test_has),
		TEST(test_null),       TEST(test_strangers),
		TEST(test_many_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
