// SPDX-License-Identifier: GPL-2.0-only
/* Enums of the kernel's BTF: lib/btf.c */
#include "test.h"

#include <errno.h>

static void test_look_up(void **state)
{
	struct bk_enum_val vals[] = { { 1, (char *)"ONE" },
				      { 5, (char *)"Five" },
				      { UINT32_MAX, (char *)"LAST" } };
	const struct bk_enum e = { ARRAY_LEN(vals), vals }, none = { 0, NULL };
	uint32_t v = 23;

	assert_string_equal(bk_enum_name(&e, 1), "ONE");
	assert_string_equal(bk_enum_name(&e, 5), "Five");
	assert_string_equal(bk_enum_name(&e, UINT32_MAX), "LAST");
	assert_null(bk_enum_name(&e, 0));
	assert_null(bk_enum_name(&e, 2));
	assert_null(bk_enum_name(&none, 0));
	assert_true(bk_enum_value(&e, "five", &v));
	assert_int_equal(v, 5);
	assert_true(bk_enum_value(&e, "last", &v));
	assert_int_equal(v, UINT32_MAX);
	assert_false(bk_enum_value(&e, "fiv", &v));
	assert_false(bk_enum_value(&e, "fives", &v));
	assert_false(bk_enum_value(&e, "", &v));
	assert_false(bk_enum_value(&none, "one", &v));
	assert_int_equal(v, UINT32_MAX); /* as it was */
}

/* bpf_map_type is part of the user API: its numbers are known. */
static void test_kernel(void **state)
{
	struct bk_enum e;
	uint32_t v;
	int err;

	if (access("/sys/kernel/btf/vmlinux", R_OK))
		skip_because("/sys/kernel/btf/vmlinux cannot be read");
	for (int i = 0; i < 2; i++) { /* anew, and from what is kept */
		assert_int_equal(bk_enum_load(&e, NULL, "bpf_map_type", "BPF_MAP_TYPE_"), 0);
		assert_string_equal(bk_enum_name(&e, 1), "HASH");
		assert_string_equal(bk_enum_name(&e, 27), "RINGBUF");
		assert_true(bk_enum_value(&e, "percpu_array", &v));
		assert_int_equal(v, 6);
		for (size_t k = 1; k < e.n; k++)
			assert_true(e.vals[k - 1].value <= e.vals[k].value);
		bk_enum_free(&e);
		assert_int_equal(e.n, 0);
		assert_null(bk_enum_name(&e, 1));
	}
	/* a prefix that is not there is not cut off */
	assert_int_equal(bk_enum_load(&e, NULL, "bpf_map_type", "NO_SUCH_"), 0);
	assert_string_equal(bk_enum_name(&e, 1), "BPF_MAP_TYPE_HASH");
	bk_enum_free(&e);
	assert_int_equal(bk_enum_load(&e, NULL, "no_such_enum_here", ""), -ENOENT);
	assert_int_equal(e.n, 0);
	bk_enum_free(&e);
	err = bk_enum_load(&e, "no_such_module_here", "bpf_map_type", "");
	assert_true(err < 0);
	assert_int_equal(e.n, 0);
	bk_btf_forget();
	bk_btf_forget();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_look_up),
		cmocka_unit_test(test_kernel),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
