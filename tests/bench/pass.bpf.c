// SPDX-License-Identifier: GPL-2.0-only
/* An XDP program that is on an interface already, and at whose entry or exit the contenders capture. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

SEC("xdp")
int pass(struct xdp_md *ctx)
{
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
