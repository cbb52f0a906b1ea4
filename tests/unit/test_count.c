// SPDX-License-Identifier: GPL-2.0-only
/* Reports of events by key: what of lib/count.c needs no kernel. */
#include "test.h"

#include "out_file.h"

enum { ROWS_MAX = 16 };

static struct bk_run run;
static struct bk_count_row rows[ROWS_MAX];
static struct bk_counted counted;

static const struct bk_col by_name[] = { BK_COUNT_COLS,
					 BK_COL("NAME", "name", BK_COL_STR, -8, struct bk_count_row, key),
					 { .kind = BK_COL_END } };
static const struct bk_col by_path[] = { BK_COUNT_COLS, BK_COUNT_NAME("PATH", "path"), { .kind = BK_COL_END } };

static int begin_run(void **state)
{
	memset(&run, 0, sizeof(run));
	memset(rows, 0, sizeof(rows));
	memset(&counted, 0, sizeof(counted));
	counted.rows = rows;
	run.out = &out;
	run.opts.timestamp = BK_TIME_NONE;
	run.interval_ns = 1500000000;
	return begin(state);
}

static void add(uint64_t count, const void *key, size_t size)
{
	struct bk_count_row *r = &rows[counted.n++];

	r->count = count;
	memcpy(r->key, key, size);
	counted.total += count;
}

static void expect_order(const char *order)
{
	for (size_t i = 0; order[i]; i++)
		if (rows[i].key[0] != (unsigned char)order[i])
			fail_msg("row %zu is of %c, not of %c", i, rows[i].key[0], order[i]);
}

static void test_most_first(void **state)
{
	add(3, "c", 1);
	add(18446744073709551615ULL, "a", 1);
	add(1, "x", 1);
	add(4294967297, "b", 1); /* more than 2^32 */
	add(2, "d", 1);
	bk_count_sort(&counted, 16);
	expect_order("abcdx");
}

static void test_equal_ones_by_bytes(void **state)
{
	add(1, "b\xff", 2);
	add(1, "a\xff", 2);
	add(1, "c", 1);
	add(2, "z", 1);
	bk_count_sort(&counted, 16);
	expect_order("zabc");
}

/* 256 is the least by its bytes, and the greatest number. */
static void test_equal_ones_by_number(void **state)
{
	static const size_t sizes[] = { sizeof(uint32_t), sizeof(uint64_t) };
	const uint64_t numbers[] = { 256, 7, 255, 0 };

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		uint64_t before = 0;

		counted.n = 0;
		memset(rows, 0, sizeof(rows));
		for (size_t k = 0; k < ARRAY_LEN(numbers); k++)
			add(1, &numbers[k], sizes[i]);
		bk_count_sort(&counted, sizes[i]);
		for (size_t k = 0; k < counted.n; k++) {
			uint64_t number = 0;

			memcpy(&number, rows[k].key, sizes[i]);
			assert_true(!k || number > before);
			before = number;
		}
	}
}

static void test_all_of_a_long_key(void **state)
{
	char key[BK_COUNT_KEY_MAX];

	memset(key, 'k', sizeof(key));
	add(1, key, sizeof(key));
	key[sizeof(key) - 1] = 'a';
	add(1, key, sizeof(key));
	bk_count_sort(&counted, sizeof(key));
	assert_int_equal(rows[0].key[sizeof(key) - 1], 'a');
}

static void test_no_rows(void **state)
{
	counted.rows = NULL;
	bk_count_sort(&counted, 16);
	bk_count_print(&run, &counted, "things", "name", by_name);
	assert_non_null(strstr(written(), "things by name:\n     COUNT NAME\n  total: 0\n"));
}

static void test_as_text(void **state)
{
	add(23, "many", 5);
	add(1, "\x1b[31m", 6);
	counted.missing = 5;
	counted.total += 5;
	bk_count_print(&run, &counted, "things", "name", by_name);
	assert_non_null(strstr(written(), "things by name:\n"
					  "     COUNT NAME\n"
					  "        23 many\n"
					  "         1 \\x1b[31m\n"
					  "  not counted by name: 5 (the table was full, see --rows)\n"
					  "  total: 29\n"));
}

/* One is divided from the next by an empty line. */
static void test_as_text_again(void **state)
{
	const char *text;

	run.opts.no_header = true;
	run.opts.timestamp = BK_TIME_MONO;
	add(23, "many", 5);
	bk_count_print(&run, &counted, "things", "name", by_name);
	bk_count_print(&run, &counted, "things", "name", by_name);
	text = written();
	text += *text == '\n'; /* from the report of the test before */
	assert_non_null(strstr(text, ": things by name:\n        23 many\n  total: 23\n\n"));
	assert_int_equal(count_lines(text), 7);
}

static void test_as_json(void **state)
{
	const char *text, *p;
	int lines = 0;

	out.json = true;
	add(23, "many", 5);
	add(1, "\xff", 2);
	counted.missing = 5;
	counted.total += 5;
	bk_count_print(&run, &counted, "things", "name", by_name);
	text = written();
	for (p = text; *p; p += strcspn(p, "\n") + 1, lines++)
		assert_true(check_json_line(p, strcspn(p, "\n") + 1));
	assert_int_equal(lines, 4);
	assert_true(begins(text, "{\"type\":\"count\",\"time\":\""));
	assert_non_null(strstr(text, "\"count\":23,\"name\":\"many\"}\n"));
	assert_non_null(strstr(text, "\"count\":1,\"name\":\"\xef\xbf\xbd\",\"name_hex\":\"ff\"}\n"));
	assert_non_null(strstr(text, "{\"type\":\"other\",\"time\":\""));
	assert_non_null(strstr(text, "\"count\":5}\n"));
	assert_non_null(strstr(text, "\"interval_ms\":1500,\"total\":29}\n"));
}

static void test_json_without_others(void **state)
{
	out.json = true;
	add(23, "many", 5);
	bk_count_print(&run, &counted, "things", "name", by_name);
	assert_null(strstr(written(), "other"));
}

/* A name may be cut, or not known. */
static void test_names(void **state)
{
	struct bk_count_name name = { .name = "/\x1b" };
	const char *text;

	add(23, &name, sizeof(name));
	memset(name.name, 'n', BK_COUNT_NAME_MAX);
	name.cut = true;
	add(3, &name, sizeof(name));
	rows[0].has = rows[1].has = BK_COUNT_KNOWN;
	add(1, "", 1);
	bk_count_print(&run, &counted, "opens", "path", by_path);
	text = written();
	assert_non_null(strstr(text, "     COUNT PATH\n        23 /\\x1b\n         3 nnn"));
	assert_non_null(strstr(text, "nnn...\n         1 -\n"));
}

static void test_names_as_json(void **state)
{
	struct bk_count_name name = { .name = "/", .cut = true };
	const char *text;

	out.json = true;
	add(23, &name, sizeof(name));
	rows[0].has = BK_COUNT_KNOWN;
	add(1, "", 1);
	bk_count_print(&run, &counted, "opens", "path", by_path);
	text = written();
	assert_non_null(strstr(text, "\"count\":23,\"path\":\"/\",\"path_cut\":true}\n"));
	assert_non_null(strstr(text, "\"count\":1,\"path_cut\":false}\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_most_first, begin_run, end),
		cmocka_unit_test_setup_teardown(test_equal_ones_by_bytes, begin_run, end),
		cmocka_unit_test_setup_teardown(test_equal_ones_by_number, begin_run, end),
		cmocka_unit_test_setup_teardown(test_all_of_a_long_key, begin_run, end),
		cmocka_unit_test_setup_teardown(test_no_rows, begin_run, end),
		cmocka_unit_test_setup_teardown(test_as_text, begin_run, end),
		cmocka_unit_test_setup_teardown(test_as_text_again, begin_run, end),
		cmocka_unit_test_setup_teardown(test_as_json, begin_run, end),
		cmocka_unit_test_setup_teardown(test_json_without_others, begin_run, end),
		cmocka_unit_test_setup_teardown(test_names, begin_run, end),
		cmocka_unit_test_setup_teardown(test_names_as_json, begin_run, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
