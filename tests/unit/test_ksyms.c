// SPDX-License-Identifier: GPL-2.0-only
/* Symbols of the running kernel: lib/ksyms.c, against /proc/kallsyms read here. */
#include "test.h"

/* What is there, in the order of addresses: code only. */
static struct symbol {
	uint64_t addr;
	char name[128], module[64];
} * syms;
static size_t n_syms;

static int by_addr(const void *a, const void *b)
{
	const struct symbol *x = a, *y = b;

	return x->addr < y->addr ? -1 : x->addr > y->addr;
}

/* Returns why the tests cannot run, or NULL. */
static const char *read_symbols(void)
{
	FILE *f = fopen("/proc/kallsyms", "re");
	char line[1024];
	size_t cap = 0;

	if (!f)
		return "/proc/kallsyms cannot be read";
	while (fgets(line, sizeof(line), f)) {
		unsigned long long addr;
		struct symbol s = { 0 };
		char type;

		if (sscanf(line, "%llx %c %127s [%63[^]]]", &addr, &type, s.name, s.module) < 3 ||
		    !addr || !strchr("tTwW", type))
			continue;
		/* programs of others and their trampolines come and go */
		if (!strcmp(s.module, "bpf") || !strncmp(s.module, "__builtin", 9))
			continue;
		s.addr = addr;
		if (n_syms == cap) {
			cap = cap ? cap * 2 : 65536;
			syms = realloc(syms, cap * sizeof(*syms));
			if (!syms)
				abort();
		}
		syms[n_syms++] = s;
	}
	fclose(f);
	if (!n_syms)
		return "/proc/kallsyms shows no addresses (kptr_restrict, or not root)";
	qsort(syms, n_syms, sizeof(*syms), by_addr);
	return NULL;
}

/* Whether one of the symbols at this address has that name and module. */
static bool is_one_of(uint64_t addr, const char *name, const char *module)
{
	for (size_t i = 0; i < n_syms && syms[i].addr <= addr; i++)
		if (syms[i].addr == addr && !strcmp(syms[i].name, name) &&
		    !strcmp(syms[i].module, module ? module : ""))
			return true;
	return false;
}

static const struct symbol *by_name(const char *name)
{
	for (size_t i = 0; i < n_syms; i++)
		if (!strcmp(syms[i].name, name))
			return &syms[i];
	return NULL;
}

/* The first address behind addr at which another symbol begins, 0 if there is none. */
static uint64_t next_address(uint64_t addr)
{
	for (size_t i = 0; i < n_syms; i++)
		if (syms[i].addr > addr)
			return syms[i].addr;
	return 0;
}

static const char *const functions[] = {
	"schedule",         "vfs_read",  "vfs_write", "do_sys_openat2",
	"kfree_skb_reason", "kfree_skb", "ip_rcv",    "tcp_v4_rcv",
};

static void test_known_functions(void **state)
{
	struct bk_ksyms *k = bk_ksyms_open();
	int found = 0;

	assert_non_null(k);
	for (size_t i = 0; i < ARRAY_LEN(functions); i++) {
		const struct symbol *s = by_name(functions[i]);
		struct bk_ksym got;

		if (!s)
			continue;
		found++;
		assert_true(bk_ksyms_find(k, s->addr + 1, &got));
		assert_int_equal(got.addr, s->addr);
		assert_int_equal(got.offset, 1);
		assert_true(is_one_of(s->addr, got.name, got.module));
	}
	assert_true(found > 0);
	bk_ksyms_close(k);
}

/* First, second and last byte of many symbols, of modules, too. */
static void test_many(void **state)
{
	struct bk_ksyms *k = bk_ksyms_open();
	size_t step = n_syms / 3000 + 1;

	for (size_t i = 0; i + 1 < n_syms; i += step) {
		uint64_t start = syms[i].addr, end, probes[3];
		struct bk_ksym got;

		for (size_t j = i + 1; j < n_syms && syms[j].addr == start; j++)
			;
		for (end = start; end == start && i + 1 < n_syms; i++)
			end = syms[i + 1].addr;
		i--;
		if (end <= start || end - start > 1 << 20)
			continue;
		probes[0] = start;
		probes[1] = start + (end - start) / 2;
		probes[2] = end - 1;
		for (int p = 0; p < 3; p++) {
			assert_true(bk_ksyms_find(k, probes[p], &got));
			assert_int_equal(got.addr, start);
			assert_int_equal(got.offset, probes[p] - start);
		}
		assert_true(is_one_of(start, got.name, got.module));
	}
	bk_ksyms_close(k);
}

static void test_modules(void **state)
{
	struct bk_ksyms *k = bk_ksyms_open();
	int modules = 0;

	for (size_t i = 0; i < n_syms; i++) {
		struct bk_ksym got;

		if (!syms[i].module[0] || (i && syms[i - 1].module[0]))
			continue;
		modules++;
		assert_true(bk_ksyms_find(k, syms[i].addr, &got));
		assert_non_null(got.module);
		assert_true(is_one_of(syms[i].addr, got.name, got.module));
	}
	bk_ksyms_close(k);
	if (!modules)
		skip_because("no module is loaded");
}

static void test_nothing(void **state)
{
	struct bk_ksyms *k = bk_ksyms_open();
	struct bk_ksym got;

	assert_false(bk_ksyms_find(k, 0, &got));
	assert_false(bk_ksyms_find(k, 1, &got));
	assert_false(bk_ksyms_find(k, syms[0].addr - 1, &got));
	assert_false(bk_ksyms_find(k, syms[n_syms - 1].addr + (16 << 20), &got));
	assert_false(bk_ksyms_find(k, UINT64_MAX, &got));
	assert_false(bk_ksyms_find(NULL, syms[0].addr, &got));
	bk_ksyms_close(k);
	bk_ksyms_close(NULL);
}

static void test_ranges(void **state)
{
	struct bk_ksyms *k = bk_ksyms_open();
	int found = 0;

	for (size_t i = 0; i < ARRAY_LEN(functions); i++) {
		const struct symbol *s = by_name(functions[i]);
		uint64_t r[4][2];
		bool there = false;
		int n;

		if (!s)
			continue;
		n = bk_ksyms_range(k, functions[i], r, 4);
		assert_in_range(n, 1, 4);
		for (int j = 0; j < n; j++) {
			there |= r[j][0] == s->addr;
			assert_true(r[j][0] <= r[j][1]);
			assert_int_equal(r[j][1] + 1, next_address(r[j][0]));
		}
		assert_true(there);
		found++;
		/* no more than there is room for */
		r[1][0] = 23;
		assert_int_equal(bk_ksyms_range(k, functions[i], r, 1), 1);
		assert_int_equal(r[1][0], 23);
		assert_int_equal(bk_ksyms_range(k, functions[i], r, 0), 0);
	}
	assert_true(found > 0);
	bk_ksyms_close(k);
}

/* A name with a suffix, such as schedule.cold, belongs to the function; a longer name does not. */
static void test_range_names(void **state)
{
	struct bk_ksyms *k = bk_ksyms_open();
	uint64_t r[4][2];

	for (size_t i = 0; i < n_syms; i++) {
		char base[128], *dot;
		bool there = false;
		int n;

		snprintf(base, sizeof(base), "%s", syms[i].name);
		dot = strchr(base, '.');
		if (!dot || dot == base || strcmp(dot, ".cold"))
			continue;
		*dot = 0;
		if (!by_name(base))
			continue;
		n = bk_ksyms_range(k, base, r, 4);
		for (int j = 0; j < n; j++)
			there |= r[j][0] == syms[i].addr;
		assert_true(n == 4 || there);
		break;
	}
	assert_int_equal(bk_ksyms_range(k, "schedul", r, 4), 0);
	assert_int_equal(bk_ksyms_range(k, "no_such_function_here", r, 4), 0);
	assert_int_equal(bk_ksyms_range(NULL, "schedule", r, 4), 0);
	bk_ksyms_close(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_functions), cmocka_unit_test(test_many),
		cmocka_unit_test(test_modules),         cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_ranges),          cmocka_unit_test(test_range_names),
	};
	const char *why = read_symbols();
	int failed;

	if (why) {
		print_message("skipped: %s\n", why);
		return SKIPPED;
	}
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	free(syms);
	return failed;
}
