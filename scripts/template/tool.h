/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What @NAME@'s program and its user side share. */
#ifndef @UPPER@_H
#define @UPPER@_H

struct @NAME@_event {
	unsigned long long time; /* CLOCK_MONOTONIC, ns */
	unsigned int pid, ppid, uid;
	unsigned int pad;
	char comm[16];
};

_Static_assert(sizeof(struct @NAME@_event) == 40, "no hole: every byte is written");
#endif
