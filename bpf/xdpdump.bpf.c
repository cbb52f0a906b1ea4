// SPDX-License-Identifier: GPL-2.0-only
/*
 * xdpdump: frames as the driver received them, before the kernel made packets of them.
 *
 * Where no program is on an interface, one of ours is put there that passes everything; the filter looks at the
 * frame itself, and what it wants is copied. Where there is one, ours are at its entry and its exit, so nothing
 * changes for it; they find a frame in kernel memory, of which they copy the first piece.
 *
 * Not seen: what the network card or its driver dropped, what another program dropped before the exit (at the entry all
 * is seen), and what is sent.
 */
#define BK_NO_TASKS
#include "bk.bpf.h"
#include "cbpf.bpf.h"
#include "xdpdump.h"

enum { AT_ONCE = 0xffff }; /* bytes that bpf_xdp_load_bytes() reads at the most, and from where (net/core/filter.c) */

const volatile struct xdpdump_config config;

/* Of each interface that is captured from: what was lost of it, for want of room. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u64);
} interfaces SEC(".maps");

/* A frame, as one of the programs has it. */
struct frame {
	void *ctx;  /* xdp_md, or NULL: data is kernel memory */
	void *data, *end; /* its first piece */
	u64 here; /* bytes of that */
	u64 len;
	u32 ifindex, queue, verdict, point;
};

/* From 5.18 on a frame can have several pieces, and there is a helper that reads all of them. */
#define has_pieces() bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_xdp_load_bytes)

enum { SHORT = 96 }; /* bytes that are copied here; more by a helper, which costs as much as everything else */

/* The first piece, as far as there is room: whole words, then what is left of one. */
static __always_inline void load_short(const struct frame *f, void *dst)
{
	void *from = f->data, *end = f->end;

#pragma clang loop unroll(full)
	for (u32 i = 0; i < SHORT / 8; i++) {
		if (from + 8 > end)
			goto rest;
		*(u64 *)dst = *(u64 *)from;
		from += 8;
		dst += 8;
	}
	return;
rest:
	if (from + 4 <= end) {
		*(u32 *)dst = *(u32 *)from;
		from += 4;
		dst += 4;
	}
	if (from + 2 <= end) {
		*(u16 *)dst = *(u16 *)from;
		from += 2;
		dst += 2;
	}
	if (from + 1 <= end)
		*(u8 *)dst = *(u8 *)from;
}

/* Of all pieces. Of n - 1, which is below room, verifiers see that n is not 0; up to 6.7 not of n itself. */
static __always_inline void load_pieces(struct xdp_md *ctx, u32 from, void *dst, u64 n, u64 room)
{
	n--;
	bk_hide(n);
	if (n < room)
		bpf_xdp_load_bytes(ctx, from, dst, n + 1);
}

static __always_inline void load(const struct frame *f, void *dst, u64 n, u64 room)
{
	if (f->ctx && room == SHORT && n <= f->here) {
		load_short(f, dst);
		return;
	}
	/* whatever n is: behind a frame there is always room, where the kernel would keep a list of its other pieces */
	if (!f->ctx && room == SHORT && bk_kernel.has_rdonly_cast) {
		bk_read(dst, SHORT, f->data);
		return;
	}
	if (!f->ctx || !has_pieces()) {
		if (n <= room)
			bpf_probe_read_kernel(dst, n, f->data);
		return;
	}
	if (n <= AT_ONCE) {
		load_pieces(f->ctx, 0, dst, n, room);
	} else if (room > AT_ONCE) {
		bpf_xdp_load_bytes(f->ctx, 0, dst, AT_ONCE);
		load_pieces(f->ctx, AT_ONCE, dst + AT_ONCE, n - AT_ONCE, room - AT_ONCE);
	}
}

static __always_inline void count_loss(u32 ifindex)
{
	u64 *lost = bpf_map_lookup_elem(&interfaces, &ifindex);

	if (lost)
		bk_add(lost, 1);
}

/* The record has a constant size, which is the smallest of a few. */
static __always_inline void put(const struct frame *f, u64 n, const u64 room)
{
	struct xdpdump_packet *p = bk_reserve(sizeof(*p) + room);

	if (!p) {
		count_loss(f->ifindex);
		return;
	}
	p->time = bpf_ktime_get_ns();
	p->ifindex = f->ifindex;
	p->queue = f->queue;
	p->len = f->len;
	p->cap_len = n;
	p->verdict = f->verdict;
	p->point = f->point;
	load(f, p->data, n, room);
	bk_submit(p);
}

/* What goes into which record: as they come most often, and then so that no more than half is wasted. */
#define ROOMS(X) X(SHORT) X(224) X(480) X(992) X(1536) X(2016) X(4064) X(9216) X(16352) X(32736)

static __always_inline void capture(const struct frame *f)
{
	u64 most = f->ctx && has_pieces() ? f->len : f->here, n = config.snaplen;

	n = most < n ? most : n;
	bk_hide(n);
	if (n > config.snaplen) /* the verifier has to see it */
		return;
#define PUT(room)									\
	if (n <= (room)) {								\
		put(f, n, room);							\
		return;									\
	}
	ROOMS(PUT)
	if (n <= 65568)
		put(f, n, 65568);
	else
		put(f, n, XDPDUMP_SNAP_MAX);
}

/* ---- a program of ours ---- */

SEC("xdp")
int xdpdump(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct frame f = { .ctx = ctx, .data = data, .end = end, .here = end - data };

	/* asked for when it is needed: the call takes as long as a filter */
	f.len = f.here;
	if (config.filter_has_len && has_pieces())
		f.len = bpf_xdp_get_buff_len(ctx);
	if (config.has_filter) {
		struct bk_cbpf_verdict v = bk_cbpf_packet(data, end, f.len);

		if (v.is == BK_CBPF_UNDECIDED && v.wants > (has_pieces() ? bpf_xdp_get_buff_len(ctx) : f.here))
			v.is = BK_CBPF_NO;
		if (v.is == BK_CBPF_UNDECIDED)
			bk_add(&bk_books.undecided, 1);
		if (v.is == BK_CBPF_NO)
			bk_leave_out();
		if (v.is != BK_CBPF_YES)
			return XDP_PASS;
	}
	if (has_pieces())
		f.len = bpf_xdp_get_buff_len(ctx);
	f.ifindex = ctx->ingress_ifindex;
	f.queue = ctx->rx_queue_index;
	capture(&f);
	return XDP_PASS;
}

/* ---- at the entry and the exit of somebody else's ---- */

/* What lies in other pieces than the first (include/net/xdp.h: xdp_data_hard_end() is where the list of them begins). */
static __always_inline u64 other_pieces(struct xdp_buff *x)
{
	enum { HAS_FRAGS = 1, CACHE_LINE = 64 };
	struct skb_shared_info *pieces = NULL;
	u32 size = 0;

	if (!bpf_core_field_exists(x->flags) || !bpf_core_field_exists(pieces->xdp_frags_size) ||
	    !(x->flags & HAS_FRAGS))
		return 0;
	pieces = (void *)bk_address(x, data_hard_start) + x->frame_sz -
		 (bpf_core_type_size(struct skb_shared_info) + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
	bk_read(&size, sizeof(size), &pieces->xdp_frags_size);
	return size;
}

static __always_inline int look_at(struct xdp_buff *x, u32 point, u32 verdict)
{
	u64 data = bk_address(x, data);
	struct frame f = {
		.data = (void *)data,
		.here = bk_address(x, data_end) - data,
		.ifindex = x->rxq->dev->ifindex,
		.queue = x->rxq->queue_index,
		.point = point,
		.verdict = verdict,
	};

	/* the program may be on others, too; to look into the table costs as much as a copy of 96 bytes */
	if (config.only ? f.ifindex != config.only : !bpf_map_lookup_elem(&interfaces, &f.ifindex))
		return 0;
	f.len = f.here + other_pieces(x);
	if (config.has_filter) {
		struct bk_frame head = { .data = f.data, .here = f.here, .len = f.len, .has_mac = 1 };
		u64 is = bk_cbpf(&head);

		if (is == BK_CBPF_UNDECIDED)
			bk_add(&bk_books.undecided, 1);
		if (is == BK_CBPF_NO)
			bk_leave_out();
		if (is != BK_CBPF_YES)
			return 0;
	}
	capture(&f);
	return 0;
}

SEC("program/entry")
int xdpdump_entry(u64 *ctx)
{
	return look_at((void *)ctx[0], XDPDUMP_ENTRY, 0);
}

SEC("program/exit")
int xdpdump_exit(u64 *ctx)
{
	return look_at((void *)ctx[0], XDPDUMP_EXIT, ctx[1]);
}

char LICENSE[] SEC("license") = "GPL";
