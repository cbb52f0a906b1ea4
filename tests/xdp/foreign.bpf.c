// SPDX-License-Identifier: GPL-2.0-only
/* A program of somebody else, whose name is longer than the kernel keeps. */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

enum { PASS = 2 }; /* XDP_PASS */

unsigned long long foreign_frames;

SEC("xdp")
int foreign_counter_of_frames(void *ctx)
{
	__sync_fetch_and_add(&foreign_frames, 1);
	return PASS;
}

char LICENSE[] SEC("license") = "GPL";
