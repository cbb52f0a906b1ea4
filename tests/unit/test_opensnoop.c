// SPDX-License-Identifier: GPL-2.0-only
/* What opensnoop makes of its records: cmd/opensnoop.c, with records that no program writes, too. */
#include "test.h"

#include <errno.h>
#include <fcntl.h>

#include "opensnoop.h"

extern const struct bk_tool opensnoop_tool;

static struct bk_out out;
static struct bk_run run = { .tool = &opensnoop_tool, .out = &out, .events = true,
			     .opts.timestamp = BK_TIME_MONO };

/* Records of several sizes, aligned as in the ring. */
static union {
	struct opensnoop_event e;
	char bytes[sizeof(struct opensnoop_event) + BK_PATH_ROOM + BK_PATH_NAME];
} rec;

/* What is shown of what the function is told, as lines of JSON. */
static const char *text;

static void begin(void)
{
	bk_out_init(&out, memfd_create("shown", MFD_CLOEXEC));
	out.json = true;
	run.cols = opensnoop_tool.cols;
	run.printed = run.left_out = 0;
}

static void end(bool last)
{
	if (last)
		assert_int_equal(opensnoop_tool.report(&run, NULL, true), 0);
	bk_flush(&out);
	text = test_read(out.fd);
	close(out.fd);
}

static int event(size_t len)
{
	return opensnoop_tool.event(&run, &rec, len);
}

static size_t fill(enum opensnoop_kind kind, uint64_t id, const char *name, int ret)
{
	memset(&rec.e, 0, sizeof(rec.e));
	rec.e.kind = kind;
	rec.e.id = id;
	rec.e.dfd = AT_FDCWD;
	rec.e.ret = ret;
	rec.e.name_len = strlen(name) + 1;
	strcpy(rec.e.data, name);
	return sizeof(rec.e) + rec.e.name_len;
}

static bool has(const char *part)
{
	return strstr(text, part);
}

static void test_results_find_their_requests(void **state)
{
	begin();
	assert_int_equal(event(fill(OPENSNOOP_ASKED, 1, "one", -1)), 0);
	assert_int_equal(event(fill(OPENSNOOP_ASKED, 2, "two", -1)), 0);
	assert_int_equal(run.printed, 0);
	assert_int_equal(event(fill(OPENSNOOP_DONE, 2, "", 7)), 0);
	assert_int_equal(event(fill(OPENSNOOP_DONE, 1, "", -ENOENT)), 0);
	assert_int_equal(event(fill(OPENSNOOP_DONE, 1, "", 9)), 0); /* of none */
	end(true);
	assert_int_equal(count_lines(text), 2);
	assert_true(has("\"path\":\"two\",\"tid\":0,\"fd\":7,") && has("\"path\":\"one\",\"tid\":0,\"errno\":2,"));
}

/* The memory of a request is that of another one: its result is not known. */
static void test_results_that_never_came(void **state)
{
	begin();
	assert_int_equal(event(fill(OPENSNOOP_ASKED, 1, "one", -1)), 0);
	assert_int_equal(event(fill(OPENSNOOP_ASKED, 1, "two", -1)), 0);
	assert_int_equal(run.printed, 1);
	assert_int_equal(event(fill(OPENSNOOP_DONE, 1, "", 7)), 0);
	assert_int_equal(event(fill(OPENSNOOP_ASKED, 1, "three", -1)), 0);
	end(true);
	assert_int_equal(count_lines(text), 3);
	assert_true(has("\"path\":\"one\",\"tid\":0,\"via\""));
	assert_true(has("\"path\":\"two\",\"tid\":0,\"fd\":7,"));
	assert_true(has("\"path\":\"three\",\"tid\":0,\"via\""));
}

/* So many are remembered, and no more bytes than 8 MB; the oldest go first. */
static void test_requests_are_bounded(void **state)
{
	begin();
	for (uint64_t i = 0; i < OPENSNOOP_REQUESTS + 23; i++)
		assert_int_equal(event(fill(OPENSNOOP_ASKED, i << 8, i ? "x" : "first", -1)), 0);
	assert_int_equal(run.printed, 23);
	end(true);
	assert_int_equal(run.printed, OPENSNOOP_REQUESTS + 23);
	begin();
	for (uint64_t i = 0; i < OPENSNOOP_REQUESTS; i++) {
		size_t len = fill(OPENSNOOP_ASKED, i, "x", -1);

		memset(rec.e.data + 2, 'y', BK_PATH_ROOM - 2);
		rec.e.path_len = BK_PATH_ROOM - 2;
		assert_int_equal(event(len + BK_PATH_ROOM - 2), 0);
	}
	assert_in_range(run.printed, OPENSNOOP_REQUESTS - (8 << 20) / BK_PATH_ROOM, OPENSNOOP_REQUESTS - 900);
	end(false);
	opensnoop_tool.fini(&run);
}

static void test_records_that_are_not_whole(void **state)
{
	size_t len = fill(OPENSNOOP_CALL, 0, "name", 3);

	begin();
	for (size_t n = 0; n < len; n++)
		assert_int_equal(event(n), -EPROTO);
	assert_int_equal(event(len), 0);
	rec.e.path_len = 1;
	assert_int_equal(event(len), -EPROTO);
	rec.e.path_len = 0;
	rec.e.kind = OPENSNOOP_KINDS;
	assert_int_equal(event(len), -EPROTO);
	rec.e.kind = OPENSNOOP_CALL;
	rec.e.name_len = OPENSNOOP_NAME_MAX + 1;
	assert_int_equal(event(sizeof(rec)), -EPROTO);
	rec.e.name_len = OPENSNOOP_NO_NAME;
	assert_int_equal(event(sizeof(rec.e)), 0);
	end(true);
	assert_int_equal(count_lines(text), 2);
	assert_true(has("\"path\":\"name\"") && has("\"flags\":[\"O_RDONLY\"],\"tid\""));
}

/* Where an option of the tool goes to. */
static const struct bk_opt *option(const char *name)
{
	const struct bk_opt *o = opensnoop_tool.opts;

	while (!o->name || strcmp(o->name, name))
		o++;
	return o;
}

static size_t fill_path(const char *name, const char *names, size_t len, unsigned int flags)
{
	size_t n = fill(OPENSNOOP_CALL, 0, name, 3);

	rec.e.path.flags = BK_PATH_SET | flags;
	rec.e.path.dev = ~0U;
	rec.e.path_len = len;
	memcpy((char *)&rec + n, names, len);
	return n + len;
}

/* A name that is not known is not one that is called so, and none that is asked for. */
static void test_names_that_are_not_known(void **state)
{
	size_t len;

	begin();
	assert_int_equal(event(fill(OPENSNOOP_CALL, 0, "?", 3)), 0);
	end(false);
	assert_true(has("\"path\":\"?\""));
	for (int i = 0; i < 3; i++) {
		*option("prefix")->to.str = i == 1 ? "?" : NULL;
		*option("glob")->to.str = i == 2 ? "*" : NULL;
		begin();
		fill(OPENSNOOP_HANDLE, 0, "", -EINVAL);
		rec.e.name_len = OPENSNOOP_NO_NAME;
		assert_int_equal(event(sizeof(rec.e)), 0);
		end(false);
		assert_int_equal(run.printed, !i);
		assert_int_equal(run.left_out, !!i);
		assert_false(has("path"));
	}
	*option("glob")->to.str = NULL;
	begin();
	len = fill_path("", "file\0dir", 9, BK_PATH_OF_FILE);
	memmove(rec.e.data, rec.e.data + 1, 9);
	rec.e.name_len = OPENSNOOP_NO_NAME;
	assert_int_equal(event(len - 1), 0);
	end(false);
	assert_true(has("\"path\":\"/dir/file\"") && !has("\"name\""));
}

static void test_paths_that_none_of_our_mounts_has(void **state)
{
	begin();
	assert_int_equal(event(fill_path("x", "x\0mnt", 6, BK_PATH_OF_FILE)), 0);
	end(false);
	assert_true(has("\"path\":\"/mnt/x\"") && !has("unreachable"));
	*option("host-path")->to.flag = true;
	begin();
	assert_int_equal(event(fill_path("x", "x\0mnt", 6, BK_PATH_OF_FILE | BK_PATH_DELETED)), 0);
	end(false);
	*option("host-path")->to.flag = false;
	assert_true(has("\"path\":\"(unreachable)/mnt/x (deleted)\"") && has("\"unreachable\":true"));
	opensnoop_tool.fini(&run);
}

/* What is missing may be what was asked for. */
static void test_paths_that_are_cut_pass(void **state)
{
	*option("full-path")->to.flag = true;
	*option("prefix")->to.str = "/elsewhere";
	*option("glob")->to.str = "/elsewhere/*";
	begin();
	assert_int_equal(event(fill_path("x", "x\0mnt", 6, BK_PATH_OF_FILE)), 0);
	assert_int_equal(run.left_out, 1);
	assert_int_equal(event(fill_path("x", "x\0mnt", 6, BK_PATH_OF_FILE | BK_PATH_CUT)), 0);
	end(false);
	*option("full-path")->to.flag = false;
	*option("prefix")->to.str = *option("glob")->to.str = NULL;
	assert_int_equal(run.left_out, 1);
	assert_true(has("\"path\":\".../mnt/x\"") && has("\"path_cut\":true"));
}

static void test_resolve(void **state)
{
	begin();
	fill(OPENSNOOP_CALL, 0, "x", 3);
	rec.e.resolve = 0x110;
	assert_int_equal(event(sizeof(rec.e) + 2), 0);
	end(false);
	assert_true(has("\"resolve\":[\"RESOLVE_IN_ROOT\",\"0x100\"]"));
}

/* -x: it may have failed. --min: it may have been short. */
static void test_results_that_never_came_of_those_that_failed(void **state)
{
	for (int i = 0; i < 2; i++) {
		*option("failed")->to.flag = true;
		*option("min")->to.u64 = i;
		begin();
		assert_int_equal(event(fill(OPENSNOOP_ASKED, 1, "one", -1)), 0);
		end(true);
		assert_int_equal(run.printed, !i);
		assert_int_equal(run.left_out, i);
	}
	*option("failed")->to.flag = false;
	*option("min")->to.u64 = 0;
}

/* Whatever is in them, what comes out are lines of JSON. */
static void test_any_records(void **state)
{
	uint64_t seed = 23;

	for (int i = 0; i < 300; i++) {
		begin();
		for (int k = 0; k < 10; k++) {
			size_t len = sizeof(rec.e) + test_random(&seed) % (sizeof(rec) - sizeof(rec.e) + 1);

			for (size_t at = 0; at < len; at += 8) {
				uint64_t some = test_random(&seed);

				memcpy(rec.bytes + at, &some, len - at < 8 ? len - at : 8);
			}
			rec.e.kind %= OPENSNOOP_KINDS + 1;
			rec.e.id %= 4;
			rec.e.name_len %= len;
			rec.e.path_len %= len;
			event(len);
		}
		end(i % 7 == 6);
		for (const char *line = text, *next; *line; line = next) {
			next = strchr(line, '\n') + 1;
			assert_true(check_json_line(line, next - line));
		}
	}
	opensnoop_tool.fini(&run);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_results_find_their_requests),
		cmocka_unit_test(test_results_that_never_came),
		cmocka_unit_test(test_requests_are_bounded),
		cmocka_unit_test(test_records_that_are_not_whole),
		cmocka_unit_test(test_names_that_are_not_known),
		cmocka_unit_test(test_paths_that_none_of_our_mounts_has),
		cmocka_unit_test(test_paths_that_are_cut_pass),
		cmocka_unit_test(test_resolve),
		cmocka_unit_test(test_results_that_never_came_of_those_that_failed),
		cmocka_unit_test(test_any_records),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
