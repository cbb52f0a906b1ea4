/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What xdpdump's programs and its user side share. */
#ifndef BK_XDPDUMP_H
#define BK_XDPDUMP_H

/* The most that can be captured of a frame: the kernel reads no more than 0xffff bytes of one at a time, and twice. */
enum { XDPDUMP_SNAP_MAX = 2 * 0xffff };

enum xdpdump_point {
	XDPDUMP_OWN,   /* by a program of ours, which passes everything */
	XDPDUMP_ENTRY, /* before a program of somebody else's */
	XDPDUMP_EXIT,  /* behind it: verdict is what it returned */
};

struct xdpdump_config {
	unsigned int snaplen; /* bytes of a frame, at most */
	unsigned int has_filter;
	unsigned int filter_has_len; /* it looks at that, which takes time to find out */
	unsigned int only; /* index of the interface, if it is one; 0: those in the table */
};

struct xdpdump_packet {
	unsigned long long time; /* CLOCK_MONOTONIC, ns */
	unsigned int ifindex, queue;
	unsigned int len;     /* of the frame, all its pieces */
	unsigned int cap_len; /* bytes of it in data; what is behind them means nothing */
	unsigned int verdict; /* XDPDUMP_EXIT */
	unsigned int point;   /* enum xdpdump_point */
	unsigned char data[];
};

#endif
