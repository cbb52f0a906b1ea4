// SPDX-License-Identifier: GPL-2.0-only
/* The constants that programs use (bpf/uapi.def) are those of the kernel's headers. */
#include <linux/bpf.h>

#include "test.h"

/*
 * The macro's value is compared with the enumerator of the same name: a difference does not
 * compile.
 */
#define UAPI(name, value) \
	_Static_assert((name) == (value), #name " is not what <linux/bpf.h> says");
#include "uapi.def"
#undef UAPI

static const struct {
	const char *name;
	unsigned long long ours, theirs;
} constants[] = {
#define UAPI(name, value) { #name, value, name },
#include "uapi.def"
#undef UAPI
};

static void test_values(void **state)
{
	assert_true(ARRAY_LEN(constants) > 0);
	for (size_t i = 0; i < ARRAY_LEN(constants); i++)
		assert_int_equal(constants[i].ours, constants[i].theirs);
}

static void test_each_once(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(constants); i++)
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(constants[i].name, constants[k].name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_each_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
