// SPDX-License-Identifier: GPL-2.0-only
/* What the running kernel says of itself in its BTF. */
#include <bpf/btf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bk.h"

static int by_value(const void *a, const void *b)
{
	const struct bk_enum_val *x = a, *y = b;

	return x->value < y->value ? -1 : x->value > y->value;
}

/* The kernel's own types: large, and slow to read, so they are kept until bk_btf_forget(). */
static struct btf *vmlinux;

void bk_btf_forget(void)
{
	btf__free(vmlinux);
	vmlinux = NULL;
}

int bk_enum_load(struct bk_enum *e, const char *module, const char *name, const char *prefix)
{
	const struct btf_type *t;
	struct btf *btf;
	int id, err = 0;

	e->n = 0;
	e->vals = NULL;
	if (!vmlinux)
		vmlinux = btf__load_vmlinux_btf();
	if (!vmlinux)
		return -errno;
	btf = module ? btf__load_module_btf(module, vmlinux) : vmlinux;
	if (!btf)
		return -errno;
	id = btf__find_by_name_kind(btf, name, BTF_KIND_ENUM);
	if (id < 0) {
		err = -ENOENT;
		goto out;
	}
	t = btf__type_by_id(btf, id);
	e->vals = calloc(btf_vlen(t), sizeof(*e->vals));
	if (!e->vals) {
		err = -ENOMEM;
		goto out;
	}
	for (int i = 0; i < btf_vlen(t); i++) {
		const struct btf_enum *v = &btf_enum(t)[i];
		const char *s = btf__name_by_offset(btf, v->name_off);
		size_t cut = strlen(prefix);

		s += strncmp(s, prefix, cut) ? 0 : cut;
		e->vals[e->n].value = v->val;
		e->vals[e->n].name = strdup(s);
		if (!e->vals[e->n].name) {
			bk_enum_free(e);
			err = -ENOMEM;
			goto out;
		}
		e->n++;
	}
	qsort(e->vals, e->n, sizeof(*e->vals), by_value);
out:
	if (btf != vmlinux)
		btf__free(btf);
	return err;
}

const char *bk_enum_name(const struct bk_enum *e, uint32_t value)
{
	struct bk_enum_val key = { .value = value }, *v;

	if (!e->n)
		return NULL;
	v = bsearch(&key, e->vals, e->n, sizeof(*e->vals), by_value);
	return v ? v->name : NULL;
}

bool bk_enum_value(const struct bk_enum *e, const char *name, uint32_t *value)
{
	for (size_t i = 0; i < e->n; i++)
		if (!strcasecmp(e->vals[i].name, name)) {
			*value = e->vals[i].value;
			return true;
		}
	return false;
}

void bk_enum_free(struct bk_enum *e)
{
	for (size_t i = 0; i < e->n; i++)
		free(e->vals[i].name);
	free(e->vals);
	e->vals = NULL;
	e->n = 0;
}
