/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What lib/cbpf.c and the programs with a filter expression share: see bpf/cbpf.bpf.h. */
#ifndef BK_CBPF_H
#define BK_CBPF_H

/* Instructions that are reserved for a filter. A number, since the assembler reads it, too. */
#define BK_CBPF_ROOM 1024
/* The first of them loads this, so that the place is found. */
#define BK_CBPF_MARK 0x62706663
#define BK_CBPF_PACKET_MARK 0x62706670

/* What a filter looks at. */
enum bk_cbpf_kind { BK_CBPF_IN_WINDOW, BK_CBPF_IN_PACKET };

/* What a filter says of a frame. */
enum { BK_CBPF_NO, BK_CBPF_YES, BK_CBPF_UNDECIDED };

enum {
	BK_CBPF_WINDOW = 120, /* bytes of a frame that a filter can look at, from the Ethernet header on */
	BK_CBPF_MACS = 12,    /* the first of them, which packets without that header do not have */
	BK_CBPF_FRONT = 24,   /* room in front of what is copied, for what is put there */
	BK_CBPF_START = 31,   /* where a frame starts at the latest: of the front and this, the verifier knows this */
	/* In a packet: the bytes that loads can begin from or end at; each twice is what the verifier allows (0xffff). */
	BK_CBPF_FARTHEST = 0x7fff,
	BK_CBPF_WORDS = 16,   /* memory of classic BPF (BPF_MEMWORDS) */
	/* Where that is, from the start of the frame on: behind the data, wherever in the front the frame starts. */
	BK_CBPF_MEM = 138,
};

/* A copy of a frame's head. */
struct bk_window {
	unsigned char front[BK_CBPF_FRONT];
	unsigned char data[BK_CBPF_WINDOW];
	unsigned char mem[92]; /* BK_CBPF_MEM behind any start */
	unsigned int busy;
};

_Static_assert(BK_CBPF_START + BK_CBPF_MEM + 4 * BK_CBPF_WORDS <= __builtin_offsetof(struct bk_window, busy),
	       "the memory lies within the window");
_Static_assert(sizeof(struct bk_window) % 8 == 0, "whole words");
#endif
