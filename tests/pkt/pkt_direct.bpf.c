// SPDX-License-Identifier: GPL-2.0-only
/*
 * bpf/pkt.h where it reads the packet in place: at XDP and tc, with all that it can find out, and with less. What
 * it found is in `result`. tests/load runs them by BPF_PROG_TEST_RUN, tests/bench measures them.
 */
#define BK_NO_TASKS
#define PKT_DIRECT
#include "bk.bpf.h"
#include "pkt.h"

enum { TC_ACT_OK = 0, TC_ACT_SHOT = 2 };

struct pkt result;

/*
 * To how many bytes the frame is cut off first, at tc; 0: not at all. New kernels run no program there with less
 * than the header that the frame's type announces.
 */
unsigned int cut;

static __always_inline void parse(u32 data, u32 end, u32 want)
{
	struct pkt_src src = { (void *)(long)data, (void *)(long)end };
	struct pkt p = {};

	pkt_parse(&src, want, &p);
	result = p;
}

#define AT_XDP(name, want)						\
	SEC("xdp")							\
	int name(struct xdp_md *ctx)					\
	{								\
		parse(ctx->data, ctx->data_end, want);			\
		return XDP_PASS;					\
	}

#define AT_TC(name, want)						\
	SEC("tc")							\
	int name(struct __sk_buff *ctx)					\
	{								\
		if (cut && bpf_skb_change_tail(ctx, cut, 0))		\
			return TC_ACT_SHOT;				\
		parse(ctx->data, ctx->data_end, want);			\
		return TC_ACT_OK;					\
	}

AT_XDP(xdp_all, PKT_WANT_ALL)
AT_XDP(xdp_l4, PKT_WANT_ADDR | PKT_WANT_L4)
AT_XDP(xdp_none, 0)
AT_TC(tc_all, PKT_WANT_ALL)
AT_TC(tc_l4, PKT_WANT_ADDR | PKT_WANT_L4)
AT_TC(tc_none, 0)

/* For tests/bench: what a counter of protocols needs. The others write all of a struct, which costs as much again. */
unsigned int protocols;

SEC("xdp")
int xdp_protocols(struct xdp_md *ctx)
{
	struct pkt_src src = { (void *)(long)ctx->data, (void *)(long)ctx->data_end };
	struct pkt p = {};

	pkt_parse(&src, 0, &p);
	protocols = p.flags << 24 | p.eth_proto << 8 | p.l4_proto;
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
