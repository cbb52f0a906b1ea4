/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What count.bpf.h and lib/count.c share. */
#ifndef BK_COUNT_H
#define BK_COUNT_H

enum { BK_COUNT_KEY_MAX = 256 }; /* bytes of a key */

/* In the program's .bss. */
struct bk_counts {
	unsigned long long missing[2]; /* of each set: events whose key found no room */
	unsigned int epoch;	       /* its lowest bit says which set counts */
};
#endif
