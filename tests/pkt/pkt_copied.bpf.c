// SPDX-License-Identifier: GPL-2.0-only
/* bpf/pkt.h where headers are copied out of kernel memory, as netmon does: here out of `window`. */
#define BK_NO_TASKS
#include "bk.bpf.h"
#include "pkt.h"

unsigned char window[256];
unsigned int len;
unsigned long long address;
struct pkt result;

SEC("raw_tp")
int copied_all(void *ctx)
{
	struct pkt_src src = { .len = *(volatile unsigned int *)&len };
	struct pkt p;

	/* as a number: it is to be read as memory of which nothing is known */
	*(volatile u64 *)&address = (u64)window;
	src.data = (void *)*(volatile u64 *)&address;
	bk_zero(&p, src.len);
	pkt_parse(&src, PKT_WANT_ALL, &p);
	result = p;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
