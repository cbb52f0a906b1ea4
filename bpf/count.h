/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What count.bpf.h and lib/count.c share. */
#ifndef BK_COUNT_H
#define BK_COUNT_H

enum {
	BK_COUNT_KEY_MAX = 256,	 /* bytes of a key */
	BK_COUNT_NAME_MAX = 247, /* of a name that is one, without a NUL */
};

/* A key that is a name. */
struct bk_count_name {
	char name[BK_COUNT_NAME_MAX + 1]; /* zero behind its end */
	unsigned char cut;		  /* the name goes on */
	unsigned char none;		  /* it is not known, or there is none */
	char pad[6];
};

/* In the program's .bss. */
struct bk_counts {
	unsigned long long missing[2]; /* of each set: events whose key found no room */
	unsigned int epoch;	       /* its lowest bit says which set counts */
};
#endif
