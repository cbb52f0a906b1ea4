/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BK_KBTF_H
#define BK_KBTF_H

#include <linux/btf.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The kernel's BTF, read where it lies. It has some 100,000 types, of which a tool needs a hundred:
 * one walk finds them all, and what they are made of is copied into a small BTF that libbpf relocates
 * against. (libbpf by itself copies, indexes and searches the whole for each name: most of the time
 * and memory that a start would take.)
 *
 * Format: Documentation/bpf/btf.rst of the kernel. All of it is checked; nothing is believed.
 */
struct bk_kbtf;

/* A name to look for, and what has it. */
struct bk_kbtf_name {
	const char *name;
	uint32_t kinds; /* 1 << BTF_KIND_STRUCT ... */
	uint32_t id;    /* of the first type that has it; 0: none */
};

/*
 * A file such as /sys/kernel/btf/vmlinux, mapped where the kernel can, else read. base: for a module's, what it
 * continues; it must outlive the result. NULL, and errno, if it cannot be read (EINVAL: it is no BTF). The
 * types are looked at later.
 */
struct bk_kbtf *bk_kbtf_open(const char *path, struct bk_kbtf *base);
/* The same for bytes in memory, aligned to 4, that outlive the result. */
struct bk_kbtf *bk_kbtf_from(const void *data, size_t size, struct bk_kbtf *base);
/* NULL is allowed. */
void bk_kbtf_close(struct bk_kbtf *b);

/* Sets the ids of names, in one walk over this file's own types at most. 0, -ENOMEM, or -EINVAL (a type is not whole). */
int bk_kbtf_find(struct bk_kbtf *b, struct bk_kbtf_name *names, size_t n);
/* The type of an id, whole within the file, and a string; NULL if there is none. They live as long as b. */
const struct btf_type *bk_kbtf_type(struct bk_kbtf *b, uint32_t id);
const char *bk_kbtf_string(const struct bk_kbtf *b, uint32_t offset);

/*
 * Sets the ids as bk_kbtf_find() does, and makes a BTF file of every type that has one of the names,
 * with what it contains by value; what is only pointed to becomes void. Types have new ids in it. The
 * caller frees *data. Returns 0, -ENOMEM, or -EINVAL where the types contradict themselves.
 */
int bk_kbtf_extract(struct bk_kbtf *b, struct bk_kbtf_name *names, size_t n, void **data,
		    size_t *size);

#endif
