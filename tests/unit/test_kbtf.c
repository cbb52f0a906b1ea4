// SPDX-License-Identifier: GPL-2.0-only
/* The kernel's BTF read in place: lib/kbtf.c. What libbpf writes and reads is the oracle. */
#include "test.h"

#include <bpf/btf.h>
#include <errno.h>

#include "kbtf.h"

#define KIND(k) (1u << BTF_KIND_##k)
#define ANY (KIND(STRUCT) | KIND(UNION) | KIND(ENUM) | KIND(TYPEDEF))

/* struct inner { int x; char name[16]; }; and what uses it */
static struct btf *make(void)
{
	struct btf *b = btf__new_empty();
	int i, c, inner, array, pointer, typedef_, konst;

	assert_non_null(b);
	i = btf__add_int(b, "int", 4, BTF_INT_SIGNED);
	c = btf__add_int(b, "char", 1, BTF_INT_CHAR);
	array = btf__add_array(b, i, c, 16);
	inner = btf__add_struct(b, "inner", 20);
	assert_int_equal(btf__add_field(b, "x", i, 0, 0), 0);
	assert_int_equal(btf__add_field(b, "name", array, 32, 0), 0);
	konst = btf__add_const(b, inner);
	typedef_ = btf__add_typedef(b, "inner_t", konst);
	pointer = btf__add_ptr(b, btf__add_fwd(b, "far_away", BTF_FWD_STRUCT));
	btf__add_struct(b, "outer", 40);
	assert_int_equal(btf__add_field(b, "in", typedef_, 0, 0), 0);
	assert_int_equal(btf__add_field(b, "next", pointer, 192, 0), 0);
	assert_int_equal(btf__add_field(b, "prev", pointer, 256, 0), 0);
	btf__add_enum(b, "colour", 4);
	assert_int_equal(btf__add_enum_value(b, "RED", 1), 0);
	assert_int_equal(btf__add_enum_value(b, "BLUE", 7), 0);
	btf__add_enum(b, "outer", 4); /* the same name, of another kind */
	assert_int_equal(btf__add_enum_value(b, "OUTER", 3), 0);
	btf__add_union(b, "unasked", 4);
	assert_int_equal(btf__add_field(b, "u", i, 0, 0), 0);
	btf__add_func_proto(b, i);
	assert_int_equal(btf__add_func_param(b, "a", pointer), 0);
	btf__add_func(b, "do_it", BTF_FUNC_STATIC, btf__type_cnt(b) - 1);
	for (int n = 0; n < 50; n++) { /* more than one place that is remembered */
		char name[16];

		snprintf(name, sizeof(name), "filler%d", n);
		btf__add_struct(b, name, 4);
		assert_int_equal(btf__add_field(b, "f", i, 0, 0), 0);
	}
	btf__add_struct(b, "inner", 4); /* a second one */
	assert_int_equal(btf__add_field(b, "y", i, 0, 0), 0);
	return b;
}

static const struct btf_type *by_name(struct btf *b, const char *name, uint32_t kind)
{
	int id = btf__find_by_name_kind(b, name, kind);

	assert_true(id > 0);
	return btf__type_by_id(b, id);
}

static void test_find(void **state)
{
	struct btf *from = make();
	uint32_t size;
	const void *data = btf__raw_data(from, &size);
	struct bk_kbtf *b = bk_kbtf_from(data, size, NULL);
	struct bk_kbtf_name names[] = {
		{ "outer", KIND(STRUCT), 9 },
		{ "outer", KIND(ENUM), 9 },
		{ "outer", KIND(UNION), 9 },
		{ "do_it", KIND(FUNC), 9 },
		{ "do_it", ANY, 9 },
		{ "nobody", ANY | KIND(FUNC), 9 },
		{ "inner", ANY, 9 },
		{ "filler49", KIND(STRUCT), 9 },
		{ "", ANY, 9 },
		{ "inne", ANY, 9 },
		{ "innerx", ANY, 9 },
	};
	struct bk_kbtf_name enums[] = {
		{ "outer", KIND(ENUM), 9 },
		{ "colour", KIND(ENUM), 9 },
		{ "inner", KIND(ENUM), 9 },
		{ "nobody", KIND(ENUM), 9 },
	};

	assert_non_null(b);
	assert_int_equal(bk_kbtf_find(b, names, ARRAY_LEN(names)), 0);
	assert_int_equal(names[0].id, btf__find_by_name_kind(from, "outer", BTF_KIND_STRUCT));
	assert_int_equal(names[1].id, btf__find_by_name_kind(from, "outer", BTF_KIND_ENUM));
	assert_int_equal(names[2].id, 0);
	assert_int_equal(names[3].id, btf__find_by_name_kind(from, "do_it", BTF_KIND_FUNC));
	assert_int_equal(names[4].id, 0);
	assert_int_equal(names[5].id, 0);
	assert_int_equal(names[6].id,
			 btf__find_by_name_kind(from, "inner", BTF_KIND_STRUCT)); /* the first */
	assert_int_equal(names[7].id, btf__find_by_name_kind(from, "filler49", BTF_KIND_STRUCT));
	for (int i = 8; i < 11; i++)
		assert_int_equal(names[i].id, 0);
	for (uint32_t id = 1; id < btf__type_cnt(from); id++) {
		const struct btf_type *t = bk_kbtf_type(b, id), *same = btf__type_by_id(from, id);

		assert_non_null(t);
		assert_memory_equal(t, same, sizeof(*t));
		assert_string_equal(bk_kbtf_string(b, t->name_off),
				    btf__name_by_offset(from, t->name_off));
	}
	/* where only enums are looked for, the walk has left their ids */
	assert_int_equal(bk_kbtf_find(b, enums, ARRAY_LEN(enums)), 0);
	assert_int_equal(enums[0].id, btf__find_by_name_kind(from, "outer", BTF_KIND_ENUM));
	assert_int_equal(enums[1].id, btf__find_by_name_kind(from, "colour", BTF_KIND_ENUM));
	assert_int_equal(enums[2].id, 0);
	assert_int_equal(enums[3].id, 0);
	assert_null(bk_kbtf_type(b, 0));
	assert_null(bk_kbtf_type(b, btf__type_cnt(from)));
	assert_null(bk_kbtf_type(b, UINT32_MAX));
	assert_null(bk_kbtf_string(b, UINT32_MAX));
	bk_kbtf_close(b);
	btf__free(from);
}

static void test_extract(void **state)
{
	struct btf *from = make(), *small;
	struct bk_kbtf_name names[] = { { "outer", ANY, 0 },
					{ "colour", ANY, 0 },
					{ "inner", ANY, 0 } };
	const struct btf_type *t, *in, *next, *prev;
	const struct btf_member *m;
	uint32_t size;
	const void *data = btf__raw_data(from, &size);
	struct bk_kbtf *b = bk_kbtf_from(data, size, NULL);
	size_t len;
	void *out;
	int inners = 0;

	assert_int_equal(bk_kbtf_extract(b, names, ARRAY_LEN(names), &out, &len), 0);
	small = btf__new(out, len);
	assert_non_null(small);
	t = by_name(small, "outer", BTF_KIND_STRUCT);
	assert_int_equal(t->size, 40);
	assert_int_equal(btf_vlen(t), 3);
	m = btf_members(t);
	assert_string_equal(btf__name_by_offset(small, m[0].name_off), "in");
	assert_int_equal(m[1].offset, 192);
	/* typedef, const, struct, as it was */
	in = btf__type_by_id(small, m[0].type);
	assert_true(btf_is_typedef(in));
	assert_string_equal(btf__name_by_offset(small, in->name_off), "inner_t");
	in = btf__type_by_id(small, in->type);
	assert_true(btf_is_const(in));
	in = btf__type_by_id(small, in->type);
	assert_true(btf_is_struct(in));
	m = btf_members(in);
	assert_string_equal(btf__name_by_offset(small, m[1].name_off), "name");
	assert_int_equal(m[1].offset, 32);
	assert_int_equal(btf__resolve_size(small, m[1].type), 16);
	assert_string_equal(btf__name_by_offset(small, btf__type_by_id(small, m[0].type)->name_off),
			    "int");
	/* what is pointed to is left behind */
	m = btf_members(t);
	next = btf__type_by_id(small, m[1].type);
	prev = btf__type_by_id(small, m[2].type);
	assert_true(btf_is_ptr(next) && next == prev && !next->type);
	assert_true(btf__find_by_name(small, "far_away") < 0);
	assert_true(btf__find_by_name(small, "unasked") < 0);
	assert_true(btf__find_by_name(small, "filler0") < 0);
	t = by_name(small, "colour", BTF_KIND_ENUM);
	assert_int_equal(btf_enum(t)[1].val, 7);
	assert_string_equal(btf__name_by_offset(small, btf_enum(t)[1].name_off), "BLUE");
	by_name(small, "outer", BTF_KIND_ENUM);
	for (uint32_t id = 1; id < btf__type_cnt(small); id++)
		inners += !strcmp(btf__name_by_offset(small, btf__type_by_id(small, id)->name_off),
				  "inner");
	assert_int_equal(inners, 2); /* all that have the name */
	btf__free(small);
	free(out);
	/* of nothing: a BTF without types */
	names[0].name = names[1].name = names[2].name = "nobody";
	assert_int_equal(bk_kbtf_extract(b, names, ARRAY_LEN(names), &out, &len), 0);
	small = btf__new(out, len);
	assert_non_null(small);
	assert_int_equal(btf__type_cnt(small), 1);
	btf__free(small);
	free(out);
	bk_kbtf_close(b);
	btf__free(from);
}

/* A module's BTF continues the kernel's. */
static void test_split(void **state)
{
	struct btf *base = make(), *split = btf__new_empty_split(base), *small;
	struct bk_kbtf_name names[] = { { "mod", ANY, 0 }, { "inner", ANY, 0 } };
	uint32_t base_size, size;
	const void *base_data, *data;
	struct bk_kbtf *b, *s;
	const struct btf_type *t;
	size_t len;
	void *out;

	btf__add_struct(split, "mod", 24);
	assert_int_equal(btf__add_field(split, "in", btf__find_by_name(base, "inner"), 0, 0), 0);
	base_data = btf__raw_data(base, &base_size);
	data = btf__raw_data(split, &size);
	b = bk_kbtf_from(base_data, base_size, NULL);
	s = bk_kbtf_from(data, size, b);
	assert_non_null(s);
	assert_int_equal(bk_kbtf_find(s, names, 2), 0);
	assert_int_equal(names[0].id, btf__find_by_name(split, "mod"));
	assert_int_equal(names[1].id, 0); /* it is not this file's own */
	t = bk_kbtf_type(s, names[0].id);
	assert_string_equal(bk_kbtf_string(s, t->name_off), "mod");
	t = bk_kbtf_type(s, ((const struct btf_member *)(t + 1))->type);
	assert_string_equal(bk_kbtf_string(s, t->name_off), "inner");
	assert_int_equal(bk_kbtf_extract(s, names, 2, &out, &len), 0);
	small = btf__new(out, len);
	assert_non_null(small);
	t = by_name(small, "mod", BTF_KIND_STRUCT);
	assert_int_equal(btf_members(btf__type_by_id(small, btf_members(t)[0].type))[1].offset, 32);
	btf__free(small);
	free(out);
	bk_kbtf_close(s);
	bk_kbtf_close(b);
	btf__free(split);
	btf__free(base);
}

/* Does something with a file, whatever it holds; was it taken? */
static bool survives(const void *data, size_t size)
{
	struct bk_kbtf_name names[] = { { "outer", ANY, 0 },
					{ "inner", ANY, 0 },
					{ "colour", ANY, 0 } };
	struct bk_kbtf *b = bk_kbtf_from(data, size, NULL);
	size_t len;
	void *out;
	bool taken;

	if (!b)
		return false;
	taken = !bk_kbtf_extract(b, names, ARRAY_LEN(names), &out, &len);
	if (taken)
		free(out);
	bk_kbtf_close(b);
	return taken;
}

static void test_damaged(void **state)
{
	struct btf *from = make();
	uint32_t size;
	const void *data = btf__raw_data(from, &size);
	struct btf_header *h;
	char *copy = malloc(size);

	assert_true(survives(data, size));
	for (uint32_t n = 0; n < size;
	     n++) { /* cut off; in a block of its own, so that a read behind it is seen */
		char *cut = malloc(n);

		memcpy(cut, data, n);
		assert_false(survives(cut, n));
		free(cut);
	}
	h = (void *)copy;
#define WITH(change)                                \
	do {                                        \
		memcpy(copy, data, size);           \
		change;                             \
		assert_false(survives(copy, size)); \
	} while (0)
	WITH(h->magic = 0x9feb);
	WITH(h->version = 2);
	WITH(h->hdr_len = 20);
	WITH(h->hdr_len = 26);
	WITH(h->hdr_len = UINT32_MAX - 3);
	WITH(h->type_off = UINT32_MAX - 3);
	WITH(h->type_off = 2);
	WITH(h->type_len += 4);
	WITH(h->type_len -= 4);
	WITH(h->type_len = UINT32_MAX);
	WITH(h->str_off = UINT32_MAX);
	WITH(h->str_len = UINT32_MAX);
	WITH(h->str_len -= 1);                        /* the last string does not end */
	WITH(((struct btf_type *)(h + 1))->info = 0); /* no kind, and one of the future */
	WITH(((struct btf_type *)(h + 1))->info = 31u << 24);
	/* every word changed: whatever it is then, it is not read beyond */
	for (uint32_t at = 0; at + 4 <= size; at += 4) {
		memcpy(copy, data, size);
		*(uint32_t *)(copy + at) ^= 0xffffffff;
		survives(copy, size);
	}
	free(copy);
	btf__free(from);
}

static void test_files(void **state)
{
	char path[] = "/tmp/bpfkit-kbtf-XXXXXX";
	struct btf *from = make();
	uint32_t size;
	const void *data = btf__raw_data(from, &size);
	struct bk_kbtf_name name = { "outer", ANY, 0 };
	struct bk_kbtf *b;
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	errno = 0;
	assert_null(bk_kbtf_open(path, NULL)); /* empty */
	assert_int_equal(errno, EINVAL);
	assert_int_equal(write(fd, "nonsense, and long enough for a header", 38), 38);
	assert_null(bk_kbtf_open(path, NULL));
	assert_int_equal(errno, EINVAL);
	assert_int_equal(pwrite(fd, data, size, 0), size);
	b = bk_kbtf_open(path, NULL);
	assert_non_null(b);
	assert_int_equal(bk_kbtf_find(b, &name, 1), 0);
	assert_true(name.id);
	bk_kbtf_close(b);
	close(fd);
	unlink(path);
	assert_null(bk_kbtf_open(path, NULL));
	assert_int_equal(errno, ENOENT);
	bk_kbtf_close(NULL);
	btf__free(from);
}

/* All members of a struct, and of what it contains, as libbpf knows them. */
static void same_struct(struct btf *a, int x, struct btf *b, int y, int depth)
{
	const struct btf_type *s = btf__type_by_id(a, x), *t = btf__type_by_id(b, y);

	while (btf_is_mod(s) || btf_is_typedef(s))
		s = btf__type_by_id(a, s->type);
	while (btf_is_mod(t) || btf_is_typedef(t))
		t = btf__type_by_id(b, t->type);
	assert_int_equal(btf_kind(s), btf_kind(t));
	if (!btf_is_composite(s) || depth > 6)
		return;
	assert_int_equal(s->info, t->info);
	assert_int_equal(s->size, t->size);
	for (int i = 0; i < btf_vlen(s); i++) {
		const struct btf_member *m = &btf_members(s)[i], *n = &btf_members(t)[i];

		assert_string_equal(btf__name_by_offset(a, m->name_off),
				    btf__name_by_offset(b, n->name_off));
		assert_int_equal(m->offset, n->offset);
		same_struct(a, m->type, b, n->type, depth + 1);
	}
}

static void test_kernel(void **state)
{
	struct bk_kbtf_name names[] = { { "sk_buff", KIND(STRUCT), 0 },
					{ "net_device", KIND(STRUCT), 0 },
					{ "task_struct", KIND(STRUCT), 0 },
					{ "sock", KIND(STRUCT), 0 },
					{ "btf_trace_kfree_skb", KIND(TYPEDEF), 0 },
					{ "pid_type", KIND(ENUM), 0 } };
	struct btf *kernel, *small;
	struct bk_kbtf *b;
	size_t len;
	void *out;

	b = bk_kbtf_open("/sys/kernel/btf/vmlinux", NULL);
	kernel = btf__load_vmlinux_btf();
	if (!b || !kernel)
		skip_because("/sys/kernel/btf/vmlinux cannot be read");
	assert_int_equal(bk_kbtf_extract(b, names, ARRAY_LEN(names), &out, &len), 0);
	small = btf__new(out, len);
	assert_non_null(small);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		uint32_t kind = __builtin_ctz(names[i].kinds);

		assert_int_equal(names[i].id, btf__find_by_name_kind(kernel, names[i].name, kind));
		same_struct(kernel, names[i].id, small,
			    btf__find_by_name_kind(small, names[i].name, kind), 0);
	}
	assert_true(len < 1 << 20);
	btf__free(small);
	free(out);
	btf__free(kernel);
	bk_kbtf_close(b);
}

static bool is_function(const char *name)
{
	return !strncmp(name, "bpf_", 4);
}

/* The names in bpf/kernel.h: a slip in one of them would make all programs take the slower way. */
static void test_numbers(void **state)
{
	static const char *const known[] = { BK_NUMBER_NAMES };
	struct bk_kbtf_name names[ARRAY_LEN(known)];
	struct bk_kbtf *b = bk_kbtf_open("/sys/kernel/btf/vmlinux", NULL);

	assert_int_equal(ARRAY_LEN(known), BK_NUMBERS_END - BK_KFUNC_RDONLY_CAST);
	if (!b)
		skip_because("/sys/kernel/btf/vmlinux cannot be read");
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		names[i] = (struct bk_kbtf_name){ known[i], is_function(known[i]) ? KIND(FUNC) : KIND(STRUCT), 0 };
	assert_int_equal(bk_kbtf_find(b, names, ARRAY_LEN(known)), 0);
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		assert_true(names[i].id || is_function(known[i])); /* those are there from 6.2 and 6.11 on */
	assert_int_equal(!names[BK_KFUNC_PREEMPT_DISABLE - BK_KFUNC_RDONLY_CAST].id,
			 !names[BK_KFUNC_PREEMPT_ENABLE - BK_KFUNC_RDONLY_CAST].id);
	bk_kbtf_close(b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_find),    cmocka_unit_test(test_extract),
		cmocka_unit_test(test_split),   cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_files),   cmocka_unit_test(test_kernel),
		cmocka_unit_test(test_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
