/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Filter expressions: libpcap makes classic BPF of them, this makes instructions for the kernel of that, which are
 * written into the row that a program has reserved for them (bpf/cbpf.bpf.h). There are two kinds of rows: one looks at
 * a copy of the frame's head, in a window, the other at the packet itself.
 */
#ifndef LIB_CBPF_H
#define LIB_CBPF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../bpf/cbpf.h"

struct bpf_insn;
struct bpf_object;
struct bpf_program;

/* One instruction of classic BPF, as libpcap and the kernel (struct sock_filter) have it. */
struct bk_cbpf_insn {
	uint16_t code;
	uint8_t jt, jf;
	uint32_t k;
};

enum { BK_CBPF_WHY = 256 }; /* bytes for what is wrong with an expression: "is ..." or "needs ..." */

/*
 * Compiles an expression for Ethernet, without looking names up. *code is the caller's, to be freed. Returns how many
 * instructions there are, -EINVAL if something is wrong with it, -EOPNOTSUPP if bpfkit was built without libpcap,
 * -ENOMEM; with each, why says what.
 */
int bk_cbpf_compile(const char *expr, struct bk_cbpf_insn **code, char why[BK_CBPF_WHY]);
/*
 * Translates n instructions, of anybody: they are checked. out has room for BK_CBPF_ROOM, all of which are written.
 * Returns how many it takes, -EINVAL if it is no program, -EOPNOTSUPP for a loop, -ERANGE if it always looks
 * beyond what there is to see, -E2BIG if it is too long, -ENOMEM; with each, why says what.
 */
int bk_cbpf_translate(const struct bk_cbpf_insn *code, size_t n, enum bk_cbpf_kind kind, struct bpf_insn *out,
		      char why[BK_CBPF_WHY]);
/* Both. */
int bk_cbpf_make(const char *expr, enum bk_cbpf_kind kind, struct bpf_insn *out, char why[BK_CBPF_WHY]);
/* Does a filter look at the length of the frame? */
bool bk_cbpf_has_len(const struct bpf_insn *filter);
/* Writes a filter into a program, or into each that will be loaded, before that; -ENOENT: one has no row of this kind. */
int bk_cbpf_put_into(const struct bpf_insn *filter, enum bk_cbpf_kind kind, struct bpf_program *prog);
int bk_cbpf_put(const struct bpf_insn *filter, enum bk_cbpf_kind kind, struct bpf_object *obj);
/*
 * A filter for user space, of packets from files: compiled for the link type that they have (BK_LINK_ of pcapng.h),
 * errors as of bk_cbpf_compile(). What is not in the bytes that were captured does not match.
 */
struct bk_cbpf_user;
int bk_cbpf_user_make(const char *expr, int link_type, struct bk_cbpf_user **user, char why[BK_CBPF_WHY]);
/* data has cap_len bytes, of a packet of len. */
bool bk_cbpf_user_match(const struct bk_cbpf_user *u, const void *data, uint32_t cap_len, uint32_t len);
void bk_cbpf_user_free(struct bk_cbpf_user *u); /* NULL is allowed */
/* The version of libpcap, owned by it, or NULL: built without. */
const char *bk_cbpf_version(void);

#endif
