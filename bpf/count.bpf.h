/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Events counted by a key of the tool's own, for --count; lib/count.c reads them.
 *
 * Counters exist twice; the epoch says which set counts. The reader flips it, waits until no program
 * can still be using the old set, then reads and empties that at leisure: no count is lost and none
 * appears twice. The maps are preallocated, so this may be called from every kind of tracing
 * program, and the reader sizes them; where nothing is counted they are not made, and the program
 * must have a constant in read-only data that keeps it from calling bk_count().
 */
#ifndef BK_COUNT_BPF_H
#define BK_COUNT_BPF_H

#include "bk.bpf.h"
#include "count.h"

struct bk_counts bk_counts;

struct bk_count_map {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__uint(key_size, BK_COUNT_KEY_MAX);
	__uint(value_size, sizeof(u64));
} bk_counts0 SEC(".maps"), bk_counts1 SEC(".maps");

static const u64 bk_no_count;

/*
 * Of a key that is zero and into whose name one byte more than is kept has been read, which tells whether there is
 * more: n is what the helper that read it has returned.
 */
static __always_inline void bk_count_name_end(struct bk_count_name *key, long n)
{
	key->name[BK_COUNT_NAME_MAX] = 0;
	key->cut = n > BK_COUNT_NAME_MAX + 1;
	key->none = n < 0;
}

/*
 * Counts an event. The key is as many bytes as the user side told bk_count_configure(), all of them
 * written.
 */
static __always_inline void bk_count(const void *key)
{
	u32 set = *(volatile u32 *)&bk_counts.epoch & 1;
	u64 *n = set ? bk_slot(&bk_counts1, key, &bk_no_count) :
		       bk_slot(&bk_counts0, key, &bk_no_count);

	if (n)
		bk_add(n, 1);
	else if (set)
		bk_add(&bk_counts.missing[1], 1);
	else
		bk_add(&bk_counts.missing[0], 1);
}

#endif
