// SPDX-License-Identifier: GPL-2.0-only
/* Counts frames and their bytes, and passes them. */
#define BK_NO_TASKS
#include "bk.bpf.h"

enum { PASS = 2 }; /* XDP_PASS */

const volatile bool frags; /* a frame can have several pieces */
unsigned long long frames, bytes;

SEC("xdp")
int xdptest(u32 *ctx)
{
	bk_add(&frames, 1);
	if (frags)
		bk_add(&bytes, bpf_xdp_get_buff_len((void *)ctx));
	else
		bk_add(&bytes, (void *)(long)ctx[1] - (void *)(long)ctx[0]);
	return PASS;
}

char LICENSE[] SEC("license") = "GPL";
