// SPDX-License-Identifier: GPL-2.0-only
/* One table of columns, two outputs. */
#include <string.h>

#include "bk.h"

static uint64_t number(const struct bk_col *c, const void *p)
{
	uint64_t v = 0;

	switch (c->kind) {
	case BK_COL_U8:
	case BK_COL_BOOL:
		return *(const uint8_t *)p;
	case BK_COL_U16:
		return *(const uint16_t *)p;
	case BK_COL_U32:
		return *(const uint32_t *)p;
	case BK_COL_S32:
		return (int64_t) * (const int32_t *)p;
	default:
		memcpy(&v, p, sizeof(v));
		return v;
	}
}

static bool wanted(const struct bk_col *c, const void *rec)
{
	uint64_t bits;

	if (!c->has)
		return true;
	memcpy(&bits, rec, sizeof(bits));
	return (bits & c->has) == c->has;
}

static void put_value(struct bk_run *run, const struct bk_col *c, const void *rec)
{
	const char *p = (const char *)rec + c->offset;
	struct bk_out *o = run->out;
	char time[40];

	if (c->put) {
		c->put(o, rec);
		return;
	}
	switch (c->kind) {
	case BK_COL_STR:
		bk_put_text(o, p, c->size);
		break;
	case BK_COL_PTR:
		p = *(const char *const *)p;
		bk_put_text(o, p, strlen(p));
		break;
	case BK_COL_TIME:
		bk_time_text(run, number(c, p), time);
		bk_puts(o, time);
		break;
	case BK_COL_MAC:
		bk_put_mac(o, (const uint8_t *)p);
		break;
	case BK_COL_IP: {
		const struct bk_net *net = (const void *)p;

		bk_put_ip(o, net->family, net->addr);
		break;
	}
	case BK_COL_BOOL:
		bk_puts(o, number(c, p) ? "true" : "false");
		break;
	case BK_COL_S32:
		bk_put_s64(o, number(c, p));
		break;
	default:
		bk_put_u64(o, number(c, p));
	}
}

static bool is_text(const struct bk_col *c)
{
	switch (c->kind) {
	case BK_COL_STR:
	case BK_COL_PTR:
	case BK_COL_TIME:
	case BK_COL_MAC:
	case BK_COL_IP:
		return true;
	default:
		return false;
	}
}

static bool in_table(struct bk_run *run, const struct bk_col *c)
{
	return c->head && (c->kind != BK_COL_TIME || run->opts.timestamp != BK_TIME_NONE);
}

static bool any_after(struct bk_run *run, const struct bk_col *c)
{
	while ((++c)->kind)
		if (in_table(run, c))
			return true;
	return false;
}

void bk_heading(struct bk_run *run, const struct bk_col *cols)
{
	for (const struct bk_col *c = cols; c->kind; c++) {
		if (!in_table(run, c))
			continue;
		bk_cell(run->out);
		bk_puts(run->out, c->head);
		bk_cell_end(run->out, c->width, !any_after(run, c));
	}
	bk_putc(run->out, '\n');
}

void bk_emit(struct bk_run *run, const struct bk_col *cols, const char *type, const void *rec)
{
	struct bk_out *o = run->out;

	if (o->json)
		bk_json_begin(o, type);
	for (const struct bk_col *c = cols; c->kind; c++) {
		const char *p = (const char *)rec + c->offset;

		if (o->json) {
			if (!c->name || !wanted(c, rec))
				continue;
			if (c->kind == BK_COL_PTR && !c->put)
				p = *(const char *const *)p;
			if (!p)
				continue;
			if (!c->put && (c->kind == BK_COL_STR || c->kind == BK_COL_PTR)) {
				bk_json_str(o, c->name, p,
					    c->kind == BK_COL_STR ? c->size : strlen(p));
				continue;
			}
			bk_json_name(o, c->name);
			if (is_text(c))
				bk_putc(o, '"');
			put_value(run, c, rec);
			if (is_text(c))
				bk_putc(o, '"');
		} else if (in_table(run, c)) {
			bk_cell(o);
			if (wanted(c, rec) &&
			    (c->kind != BK_COL_PTR || c->put || *(const char *const *)p))
				put_value(run, c, rec);
			else
				bk_putc(o, '-');
			bk_cell_end(o, c->width, !any_after(run, c));
		}
	}
	if (o->json)
		bk_json_end(o);
	else
		bk_putc(o, '\n');
	run->printed++;
}
