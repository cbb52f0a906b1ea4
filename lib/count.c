// SPDX-License-Identifier: GPL-2.0-only
/* Events that the programs counted by a key: bpf/count.bpf.h has the other half. */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bk.h"

static struct {
	struct bpf_map *maps[2];
	size_t key_size;
	volatile struct bk_counts *counts; /* in the program's memory */
	struct bk_quiesce quiesce;
	uint32_t rows;
	const char *by; /* the name of the key */
	bool reported;
} st = { .quiesce = { -1, -1 } };

enum { ROWS = 4096 }; /* if --rows says nothing else */

/* ---- before and after load ---- */

bool bk_count_wanted(const struct bk_count_opts *o)
{
	return o->on || o->by >= 0;
}

int bk_count_init(struct bk_run *run, struct bk_count_opts *o, const char *const *keys)
{
	bool asked = bk_count_wanted(o);

	if (!asked && (run->opts.interval || o->rows)) {
		bk_error("--interval and --rows belong to --count");
		return -EINVAL;
	}
	if (run->opts.interval && run->opts.interval < 1000000) {
		bk_error("--interval: at least 1ms, which is how it is told");
		return -EINVAL;
	}
	if (asked && !run->opts.interval)
		run->opts.interval = 1000000000;
	if (asked)
		run->events = false;
	if (run->opts.timestamp == BK_TIME_UNSET)
		run->opts.timestamp = asked ? BK_TIME_WALL : BK_TIME_NONE;
	if (asked && o->by < 0)
		o->by = 0;
	st.by = asked ? keys[o->by] : NULL;
	st.rows = o->rows ? o->rows : ROWS;
	return 0;
}

void bk_count_start_json(struct bk_run *run, struct bk_out *o)
{
	if (run->events)
		return;
	bk_json_str(o, "by", st.by, strlen(st.by));
	bk_json_u64(o, "interval_ms", run->opts.interval / 1000000);
}

int bk_count_configure(struct bk_run *run, size_t key_size)
{
	static const char *const names[2] = { "bk_counts0", "bk_counts1" };
	int err = 0;

	st.key_size = key_size;
	for (int i = 0; !err && i < 2; i++) {
		struct bpf_map *map = bpf_object__find_map_by_name(run->obj, names[i]);

		if (!map)
			return -EINVAL;
		st.maps[i] = map;
		if (run->events) {
			err = bpf_map__set_autocreate(map, false);
			continue;
		}
		err = bpf_map__set_key_size(map, key_size);
		err = err ? err : bpf_map__set_max_entries(map, st.rows);
	}
	return err;
}

int bk_count_started(struct bk_run *run, void *skel)
{
	(void)skel;
	if (run->events)
		return 0;
	st.counts = bk_var(run->obj, ".bss", "bk_counts", sizeof(*st.counts));
	if (!st.counts)
		return -EINVAL;
	run->map_fd = bpf_map__fd(st.maps[0]);
	return bk_quiesce_open(&st.quiesce);
}

void bk_count_close(void)
{
	bk_quiesce_close(&st.quiesce);
}

/* ---- reading ---- */

int bk_empty_map(int fd, size_t ksize, size_t vsize,
		 void (*each)(void *ctx, const void *key, const void *value), void *ctx)
{
	uint32_t in = 0, out = 0, cap = 256, n;
	char *keybuf = NULL, *values = NULL;
	bool first = true;
	int err = 0;

	for (;;) {
		char *k = realloc(keybuf, cap * ksize), *v;

		keybuf = k ? k : keybuf;
		v = realloc(values, cap * vsize);
		values = v ? v : values;
		if (!k || !v) {
			err = -ENOMEM;
			break;
		}
		n = cap;
		err = bpf_map_lookup_and_delete_batch(fd, first ? NULL : &in, &out, keybuf, values,
						      &n, NULL);
		if (err == -ENOSPC && cap < 1 << 20) { /* a bucket holds more than fits */
			cap *= 2;
			continue;
		}
		if (err && err != -ENOENT)
			break;
		for (uint32_t i = 0; i < n; i++)
			each(ctx, keybuf + i * ksize, values + i * vsize);
		if (err) {
			err = 0;
			break;
		}
		first = false;
		in = out;
	}
	free(keybuf);
	free(values);
	return err;
}

struct reading {
	struct bk_counted *c;
	bool failed;
};

static void add_row(void *ctx, const void *key, const void *value)
{
	struct reading *reading = ctx;
	struct bk_counted *c = reading->c;
	struct bk_count_row *r;

	if (c->n == c->room) {
		size_t room = c->room ? c->room * 2 : 64;

		r = realloc(c->rows, room * sizeof(*r));
		if (!r) {
			reading->failed = true;
			return;
		}
		c->rows = r;
		c->room = room;
	}
	r = &c->rows[c->n++];
	memset(r, 0, sizeof(*r));
	memcpy(&r->count, value, sizeof(r->count));
	memcpy(r->key, key, st.key_size);
	c->total += r->count;
}

int bk_count_read(struct bk_counted *c)
{
	struct reading reading = { .c = c };
	uint32_t set = st.counts->epoch & 1;
	int err;

	memset(c, 0, sizeof(*c));
	__atomic_store_n(&st.counts->epoch, st.counts->epoch + 1, __ATOMIC_SEQ_CST);
	err = bk_quiesce(&st.quiesce);
	err = err ? err :
		    bk_empty_map(bpf_map__fd(st.maps[set]), st.key_size, sizeof(uint64_t), add_row,
				 &reading);
	if (!err && reading.failed)
		err = -ENOMEM;
	if (err) {
		free(c->rows);
		memset(c, 0, sizeof(*c));
		return err;
	}
	c->missing = st.counts->missing[set];
	st.counts->missing[set] = 0;
	c->total += c->missing;
	return 0;
}

int bk_count_wait(void)
{
	return bk_quiesce(&st.quiesce);
}

int bk_count_add(const void *key, uint64_t n)
{
	uint32_t set = st.counts->epoch & 1;
	int fd = bpf_map__fd(st.maps[set]), err;
	uint64_t count;

	if (bpf_map_lookup_elem(fd, key, &count))
		count = 0;
	count += n;
	err = bpf_map_update_elem(fd, key, &count, BPF_ANY);
	if (err == -E2BIG) {
		st.counts->missing[set] += n;
		return 0;
	}
	return err;
}

/* ---- sorting and printing ---- */

void bk_count_put_name(struct bk_out *o, const void *row)
{
	const struct bk_count_name *name = (const void *)((const struct bk_count_row *)row)->key;

	bk_put_text(o, name->name, sizeof(name->name));
	if (name->cut)
		bk_puts(o, "...");
}

static int by_count(const void *a, const void *b, void *ctx)
{
	const struct bk_count_row *x = a, *y = b;
	size_t size = *(size_t *)ctx;
	uint64_t p = 0, q = 0;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	if (size != sizeof(uint32_t) && size != sizeof(uint64_t))
		return memcmp(x->key, y->key, size);
	memcpy(&p, x->key, size); /* both architectures are little-endian */
	memcpy(&q, y->key, size);
	return p < q ? -1 : p > q;
}

void bk_count_sort(struct bk_counted *c, size_t key_size)
{
	if (c->n)
		qsort_r(c->rows, c->n, sizeof(*c->rows), by_count, &key_size);
}

/* One time for all of them: the text of two could differ, since the clock may be set meanwhile. */
static void print_json(struct bk_run *run, struct bk_counted *c, const char *time,
		       const struct bk_col *cols)
{
	struct bk_out *o = run->out;

	for (size_t i = 0; i < c->n; i++) {
		c->rows[i].time = time;
		bk_emit(run, cols, "count", &c->rows[i]);
	}
	if (c->missing) {
		bk_json_begin(o, "other");
		bk_json_str(o, "time", time, strlen(time));
		bk_json_u64(o, "count", c->missing);
		bk_json_end(o);
	}
	bk_json_begin(o, "total");
	bk_json_str(o, "time", time, strlen(time));
	bk_json_u64(o, "interval_ms", run->interval_ns / 1000000);
	bk_json_u64(o, "total", c->total);
	bk_json_end(o);
}

static void print_text(struct bk_run *run, struct bk_counted *c, const char *time, const char *what,
		       const char *by, const struct bk_col *cols)
{
	struct bk_out *o = run->out;

	if (st.reported)
		bk_putc(o, '\n');
	if (run->opts.timestamp != BK_TIME_NONE)
		bk_printf(o, "%s: ", time);
	bk_printf(o, "%s by %s:\n", what, by);
	if (!run->opts.no_header) {
		bk_puts(o, "  ");
		bk_heading(run, cols);
	}
	for (size_t i = 0; i < c->n; i++) {
		bk_puts(o, "  ");
		bk_emit(run, cols, "count", &c->rows[i]);
	}
	if (c->missing)
		bk_printf(o, "  not counted by %s: %llu (the table was full, see --rows)\n", by,
			  (unsigned long long)c->missing);
	bk_printf(o, "  total: %llu\n", (unsigned long long)c->total);
}

void bk_count_print(struct bk_run *run, struct bk_counted *c, const char *what, const char *by,
		    const struct bk_col *cols)
{
	char time[40];

	bk_time_text(run, bk_now(), time);
	if (run->out->json)
		print_json(run, c, time, cols);
	else
		print_text(run, c, time, what, by, cols);
	st.reported = true;
}

int bk_count_report(struct bk_run *run, bool last, const char *what, const struct bk_col *cols,
		    bool (*is_known)(const unsigned char *key))
{
	struct bk_counted c;
	int err = bk_count_read(&c);

	if (err)
		return err;
	for (size_t i = 0; i < c.n; i++)
		c.rows[i].has = !is_known || is_known(c.rows[i].key) ? BK_COUNT_KNOWN : 0;
	if (!last || c.total || !st.reported) {
		bk_count_sort(&c, st.key_size);
		bk_count_print(run, &c, what, st.by, cols);
	}
	free(c.rows);
	return 0;
}
