/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Filter expressions in programs. A program reserves a row of instructions, in which lib/cbpf.c writes the filter
 * before the load. It reads a copy of the frame's head, as it would be on the wire: a VLAN tag that lies
 * outside of the data is put back, and a packet without an Ethernet header gets one, of which the type is known.
 */
#ifndef BK_CBPF_BPF_H
#define BK_CBPF_BPF_H

#include "bk.bpf.h"
#include "cbpf.h"

/* Not on the stack: 5.10 allows no offset there that is not constant. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct bk_window);
} bk_window SEC(".maps");

/* What there is of a packet. */
struct bk_frame {
	const void *data; /* kernel memory; what is behind it up to BK_CBPF_WINDOW bytes can be read */
	u64 here;	  /* bytes of the packet from data on, in one piece */
	u64 len;	  /* bytes of the packet from data on */
	u64 has_mac;	  /* 1: data begins with an Ethernet header, 0: with what follows it */
	u16 proto;	  /* without one: what its type would be, in host order */
	u16 vlan_proto;	  /* 0: no tag outside of the data */
	u16 vlan_tci;
};

#define BK_CBPF_TEXT_(x) #x
#define BK_CBPF_TEXT(x) BK_CBPF_TEXT_(x)

/* What a filter says of a packet, and where it was undecided, how many bytes of it it wanted to have. */
struct bk_cbpf_verdict {
	u64 is, wants;
};

/*
 * Does the filter want this packet, whose bytes from data to end can be read, of len in all? What lies behind these
 * bytes is undecided; it is for the caller to say no where the packet does not have as many.
 */
static __always_inline struct bk_cbpf_verdict bk_cbpf_packet(void *data, void *end, u64 len)
{
	u32 mem[BK_CBPF_WORDS];
	register u64 is asm("r0");
	register void *r1 asm("r1") = data;
	register u64 r2 asm("r2") = len;
	register void *r3 asm("r3") = end;
	register void *r4 asm("r4") = mem;
	register u64 wants asm("r6");

	asm volatile("r6 = 0\n"
		     "r0 = " BK_CBPF_TEXT(BK_CBPF_PACKET_MARK) "\n"
		     ".rept " BK_CBPF_TEXT(BK_CBPF_ROOM) " - 1\n"
		     "goto +0\n"
		     ".endr"
		     : "=r"(is), "+r"(r1), "+r"(r2), "+r"(r3), "+r"(r4), "=r"(wants)
		     :
		     : "r5", "r7", "memory");
	return (struct bk_cbpf_verdict){ is, wants };
}

/*
 * The reserved row. frame: where it starts in the window; len: its length; here: how many bytes of it are in
 * the window; no_mac: not 0 if its MAC addresses are not known.
 */
static __always_inline u64 bk_cbpf_row(void *frame, u64 len, u64 here, u64 no_mac)
{
	register u64 verdict asm("r0");
	register void *r1 asm("r1") = frame;
	register u64 r2 asm("r2") = len;
	register u64 r3 asm("r3") = here;
	register u64 r4 asm("r4") = no_mac;

	asm volatile("r0 = " BK_CBPF_TEXT(BK_CBPF_MARK) "\n"
		     ".rept " BK_CBPF_TEXT(BK_CBPF_ROOM) " - 1\n"
		     "goto +0\n"
		     ".endr"
		     : "=r"(verdict), "+r"(r1), "+r"(r2), "+r"(r3), "+r"(r4)
		     :
		     : "r5", "r6", "memory");
	return verdict;
}

/* Puts the head of a frame together and lets the filter look at it. w->busy is set. */
static __always_inline u64 bk_cbpf_look(struct bk_window *w, const struct bk_frame *f)
{
	void *data = (void *)w + BK_CBPF_FRONT;
	u64 tag = bk_less(0, f->vlan_proto), l3 = f->has_mac ^ 1, less, here, start;
	u64 front = 4 * tag + 14 * l3; /* bytes that are put in front of the data */

	/* the tag goes behind addresses that are there; below 0x600 it is no type, but a length */
	if (l3 ? f->proto < 0x600 : tag && f->here < BK_CBPF_MACS)
		return BK_CBPF_UNDECIDED;
	bk_read(data, BK_CBPF_WINDOW, f->data);
	if (l3)
		*(u16 *)(data - 2) = bpf_htons(f->proto);
	if (tag && l3) {
		*(u16 *)(data - 6) = bpf_htons(f->vlan_proto);
		*(u16 *)(data - 4) = bpf_htons(f->vlan_tci);
	} else if (tag) {
		*(u64 *)(data - 4) = *(u64 *)data;
		*(u32 *)(data + 4) = *(u32 *)(data + 8);
		*(u16 *)(data + 8) = bpf_htons(f->vlan_proto);
		*(u16 *)(data + 10) = bpf_htons(f->vlan_tci);
	}
	here = front + f->here;
	less = bk_less(here, BK_CBPF_WINDOW);
	here = less * here + (less ^ 1) * BK_CBPF_WINDOW;
	/* the verifier need not know which one it is */
	start = BK_CBPF_FRONT - front;
	bk_forget(start, f->data);
	start &= BK_CBPF_START;
	return bk_cbpf_row((void *)w + start, front + f->len, here, l3);
}

/* Does the filter want this packet? Returns BK_CBPF_YES, _NO or _UNDECIDED. */
static __always_inline u64 bk_cbpf(const struct bk_frame *f)
{
	u32 zero = 0;
	struct bk_window *w = bpf_map_lookup_elem(&bk_window, &zero);
	u64 verdict;

	/* Kernels before 6.1 run a program within itself, where an interrupt comes between. */
	if (!w || *(volatile u32 *)&w->busy)
		return BK_CBPF_UNDECIDED;
	*(volatile u32 *)&w->busy = 1;
	verdict = bk_cbpf_look(w, f);
	*(volatile u32 *)&w->busy = 0;
	return verdict;
}

#endif
