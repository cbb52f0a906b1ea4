// SPDX-License-Identifier: GPL-2.0-only
/* What the running kernel says of itself in its BTF. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bk.h"
#include "btf.h"
#include "kbtf.h"

static int by_value(const void *a, const void *b)
{
	const struct bk_enum_val *x = a, *y = b;

	return x->value < y->value ? -1 : x->value > y->value;
}

/* The kernel's own types, kept until bk_btf_forget(). */
static struct bk_kbtf *vmlinux;

struct bk_kbtf *bk_btf_kernel(void)
{
	if (!vmlinux)
		vmlinux = bk_kbtf_open("/sys/kernel/btf/vmlinux", NULL);
	return vmlinux;
}

void bk_btf_forget(void)
{
	bk_kbtf_close(vmlinux);
	vmlinux = NULL;
}

static struct bk_kbtf *open_module(const char *module)
{
	char path[128];

	if (!bk_btf_kernel())
		return NULL;
	snprintf(path, sizeof(path), "/sys/kernel/btf/%s", module);
	return bk_kbtf_open(path, vmlinux);
}

static int copy_values(struct bk_enum *e, const struct bk_kbtf *btf, const struct btf_type *t,
		       const char *prefix)
{
	const struct btf_enum *v = (const void *)(t + 1);
	size_t n = t->info & 0xffff, cut = strlen(prefix);

	e->vals = calloc(n, sizeof(*e->vals));
	if (!e->vals)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++) {
		const char *s = bk_kbtf_string(btf, v[i].name_off);

		if (!s)
			continue;
		s += strncmp(s, prefix, cut) ? 0 : cut;
		e->vals[e->n].value = v[i].val;
		e->vals[e->n].name = strdup(s);
		if (!e->vals[e->n].name)
			return -ENOMEM;
		e->n++;
	}
	qsort(e->vals, e->n, sizeof(*e->vals), by_value);
	return 0;
}

int bk_enum_load(struct bk_enum *e, const char *module, const char *name, const char *prefix)
{
	struct bk_kbtf_name wanted = { name, 1 << BTF_KIND_ENUM, 0 };
	struct bk_kbtf *btf;
	int err;

	e->n = 0;
	e->vals = NULL;
	errno = 0;
	btf = module ? open_module(module) : bk_btf_kernel();
	if (!btf)
		return errno ? -errno : -ENOMEM;
	err = bk_kbtf_find(btf, &wanted, 1);
	if (!err)
		err = wanted.id ? copy_values(e, btf, bk_kbtf_type(btf, wanted.id), prefix) :
				  -ENOENT;
	if (err)
		bk_enum_free(e);
	if (btf != vmlinux)
		bk_kbtf_close(btf);
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
