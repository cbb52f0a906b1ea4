// SPDX-License-Identifier: GPL-2.0-only
/*
 * lib/kbtf.c on any bytes as BTF. What is extracted must be BTF itself, with all the names in it. One half of the
 * input may continue the other, as a module's does: the first byte says where.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kbtf.h"
#include "must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	ANY = 1 << BTF_KIND_STRUCT | 1 << BTF_KIND_UNION | 1 << BTF_KIND_ENUM |
	      1 << BTF_KIND_TYPEDEF
};

static void look(struct bk_kbtf *b)
{
	struct bk_kbtf_name names[] = { { "a", ANY, 0 },
					{ "bc", ANY, 0 },
					{ "int", 1 << BTF_KIND_INT, 0 },
					{ "a", 1 << BTF_KIND_FUNC, 0 } },
			    again[4], one = { "a", 1 << BTF_KIND_ENUM, 0 },
			    two[] = { one, { "a", 1 << BTF_KIND_INT, 0 } };
	const struct btf_type *t;
	struct bk_kbtf *small;
	size_t size;
	void *out;

	memcpy(again, names, sizeof(names));
	for (uint32_t id = 0; id < 40; id++) {
		t = bk_kbtf_type(b, id);
		if (t)
			bk_kbtf_string(b, t->name_off);
	}
	if (bk_kbtf_extract(b, names, 4, &out, &size))
		return;
	/* enums alone are looked for in another way */
	must(!bk_kbtf_find(b, &one, 1) && !bk_kbtf_find(b, two, 2));
	must(one.id == two[0].id);
	small = bk_kbtf_from(out, size, NULL);
	must(small);
	must(!bk_kbtf_find(small, again, 4));
	for (int i = 0; i < 3; i++) {
		if (!names[i].id)
			continue;
		must(again[i].id);
		t = bk_kbtf_type(b, names[i].id);
		must(t && !strcmp(bk_kbtf_string(b, t->name_off), names[i].name));
		t = bk_kbtf_type(small, again[i].id);
		must(t && !strcmp(bk_kbtf_string(small, t->name_off), names[i].name));
	}
	bk_kbtf_close(small);
	free(out);
}

/* In a block of its own, which is aligned, and behind which nothing may be read. */
static void *own(const uint8_t *data, size_t size)
{
	void *copy = malloc(size);

	memcpy(copy, data, size);
	return copy;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bk_kbtf *base, *split;
	size_t first;
	void *a, *b;

	if (size < 1)
		return 0;
	first = data[0] ? data[0] * 4 : size - 1;
	data++, size--;
	if (first > size)
		first = size;
	a = own(data, first);
	b = own(data + first, size - first);
	base = bk_kbtf_from(a, first, NULL);
	if (base) {
		look(base);
		split = bk_kbtf_from(b, size - first, base);
		if (split)
			look(split);
		bk_kbtf_close(split);
	}
	bk_kbtf_close(base);
	free(a);
	free(b);
	return 0;
}
