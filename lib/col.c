// SPDX-License-Identifier: GPL-2.0-only
/* One table of columns, two outputs. */
#include <string.h>

#include "bk.h"
#include "escape.h"
#include "out.h"

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
	case BK_COL_ERRNO:
		return *(const uint32_t *)p;
	case BK_COL_US:
		memcpy(&v, p, sizeof(v));
		return v / 1000;
	case BK_COL_S32:
		return (int64_t) * (const int32_t *)p;
	default:
		memcpy(&v, p, sizeof(v));
		return v;
	}
}

/* The same without its sign. */
static uint64_t magnitude(const struct bk_col *c, const void *p, bool *negative)
{
	uint64_t v = number(c, p);

	*negative = c->kind == BK_COL_S32 && (int64_t)v < 0;
	return *negative ? -v : v;
}

static bool wanted(const struct bk_col *c, const void *rec)
{
	uint64_t bits;

	if (!c->has)
		return true;
	memcpy(&bits, rec, sizeof(bits));
	return (bits & c->has) == c->has;
}

/* What the column's function puts, and the kinds that number_cell() and text_cell() are not for. */
static void put_value(struct bk_run *run, const struct bk_col *c, const void *rec)
{
	const void *p = (const char *)rec + c->offset;
	struct bk_out *o = run->out;
	const struct bk_net *net;

	switch (c->put ? BK_COL_END : c->kind) {
	case BK_COL_TIME:
		o->n += bk_time_text(run, number(c, p), bk_room(o, 40));
		break;
	case BK_COL_MAC:
		bk_put_mac(o, p);
		break;
	case BK_COL_IP:
		net = p;
		bk_put_ip(o, net->family, net->addr);
		break;
	case BK_COL_BOOL:
		bk_puts(o, number(c, p) ? "true" : "false");
		break;
	default:
		c->put(o, rec);
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

static bool in_table(const struct bk_run *run, const struct bk_col *c)
{
	return c->head && (c->kind != BK_COL_TIME || run->opts.timestamp != BK_TIME_NONE);
}

/* A date makes a time wider than its column is otherwise. */
static short width_of(const struct bk_run *run, const struct bk_col *c)
{
	enum { ISO = sizeof("2026-01-31T23:59:59.123456+0000") - 1 };

	return c->kind == BK_COL_TIME && c->width && run->opts.timestamp == BK_TIME_ISO ? -ISO : c->width;
}

/* What a pointer in the record points to; NULL: nothing is known. */
static const char *pointed(const struct bk_col *c, const void *rec)
{
	return *(const char *const *)((const char *)rec + c->offset);
}

static bool known(const struct bk_col *c, const void *rec)
{
	return wanted(c, rec) && (c->kind != BK_COL_PTR || c->put || pointed(c, rec));
}

/*
 * The functions below write a cell behind so many blanks, and return how many must stand between it and the
 * next.
 */

static void begin_cell(struct bk_out *o, size_t gap)
{
	bk_blanks(bk_room(o, gap + 8), gap);
	o->n += gap;
	bk_cell(o);
}

static size_t number_cell(struct bk_out *o, size_t gap, uint64_t v, bool negative, short width)
{
	size_t n = bk_count_digits(v) + negative;
	size_t front = width > 0 && n < (size_t)width ? gap + width - n : gap;
	char *p = bk_blanks(bk_room(o, front + 32), front);

	*p = '-';
	bk_digits(p + negative, v, n - negative);
	o->n += front + n;
	return bk_gap(n, width);
}

static size_t text_cell(struct bk_out *o, size_t gap, const char *s, size_t n, short width)
{
	char *p;

	if (width <= 0 && n <= 4096) {
		p = bk_blanks(bk_room(o, gap + n + 8), gap);
		if (bk_copy_plain(p, s, n) == n) {
			o->n += gap + n;
			return bk_gap(n, width);
		}
	}
	begin_cell(o, gap);
	bk_put_exactly(o, s, n, false);
	return bk_cell_align(o, width);
}

static size_t time_cell(struct bk_run *run, size_t gap, uint64_t ns, short width)
{
	struct bk_out *o = run->out;
	size_t n;

	n = bk_time_text(run, ns, bk_blanks(bk_room(o, gap + 40), gap));
	o->n += gap + n;
	return bk_gap(n, width);
}

/* Our own text, or what the column's function puts. */
static size_t other_cell(struct bk_run *run, size_t gap, const struct bk_col *c, const void *rec,
			 const char *text)
{
	struct bk_out *o = run->out;

	begin_cell(o, gap);
	if (text)
		bk_puts(o, text);
	else
		put_value(run, c, rec);
	return bk_cell_align(o, width_of(run, c));
}

static size_t put_cell(struct bk_run *run, size_t gap, const struct bk_col *c, const void *rec)
{
	const char *p = (const char *)rec + c->offset;
	struct bk_out *o = run->out;
	bool negative;
	uint64_t v;

	switch (c->put ? BK_COL_END : c->kind) {
	case BK_COL_U8:
	case BK_COL_U16:
	case BK_COL_U32:
	case BK_COL_S32:
	case BK_COL_U64:
	case BK_COL_US:
		v = magnitude(c, p, &negative);
		return number_cell(o, gap, v, negative, c->width);
	case BK_COL_STR:
	case BK_COL_PTR:
		if (c->kind == BK_COL_PTR)
			p = pointed(c, rec);
		return text_cell(o, gap, p, c->kind == BK_COL_PTR ? strlen(p) : strnlen(p, c->size),
				 c->width);
	case BK_COL_ERRNO:
		p = bk_errno_name(number(c, p));
		p = p ? p : "?";
		return text_cell(o, gap, p, strlen(p), c->width);
	case BK_COL_TIME:
		if (c->width <= 0)
			return time_cell(run, gap, number(c, p), width_of(run, c));
		/* fall through */
	default:
		return other_cell(run, gap, c, rec, NULL);
	}
}

/* A line of the table: the record's, or that of the headings. */
static void put_line(struct bk_run *run, const struct bk_col *cols, const void *rec)
{
	size_t gap = 0; /* blanks do not end a line, so they wait for the next cell */

	for (const struct bk_col *c = cols; c->kind; c++) {
		if (!in_table(run, c))
			continue;
		if (!rec)
			gap = other_cell(run, gap, c, rec, c->head);
		else if (known(c, rec))
			gap = put_cell(run, gap, c, rec);
		else
			gap = other_cell(run, gap, c, rec, "-");
	}
	bk_putc(run->out, '\n');
}

/* A stranger's string that needs no escape; false, and nothing is written, if it does. */
static bool put_plain(struct bk_out *o, const char *name, size_t name_n, const char *s, size_t n)
{
	char *p;

	if (n > 4096)
		return false;
	p = bk_key(bk_room(o, name_n + n + 16), name, name_n);
	*p++ = '"';
	if (bk_copy_plain(p, s, n) < n)
		return false;
	p[n] = '"';
	o->n = p + n + 1 - o->buf;
	return true;
}

static void put_other(struct bk_run *run, const struct bk_col *c, const void *rec)
{
	bk_json_name(run->out, c->name);
	if (is_text(c))
		bk_putc(run->out, '"');
	put_value(run, c, rec);
	if (is_text(c))
		bk_putc(run->out, '"');
}

/* What most columns are in one go, the rest piece by piece. */
static void put_member(struct bk_run *run, const struct bk_col *c, const void *rec)
{
	const char *s = (const char *)rec + c->offset;
	size_t name_n = strlen(c->name), n;
	struct bk_out *o = run->out;
	bool negative;
	uint64_t v;
	char *p;

	switch (c->put ? BK_COL_END : c->kind) {
	case BK_COL_U8:
	case BK_COL_U16:
	case BK_COL_U32:
	case BK_COL_S32:
	case BK_COL_U64:
	case BK_COL_US:
		p = bk_key(bk_room(o, name_n + 32), c->name, name_n);
		v = magnitude(c, s, &negative);
		*p = '-';
		p += negative;
		p += bk_number(p, v);
		o->n = p - o->buf;
		break;
	case BK_COL_STR:
	case BK_COL_PTR:
		if (c->kind == BK_COL_PTR)
			s = pointed(c, rec);
		n = c->kind == BK_COL_PTR ? strlen(s) : strnlen(s, c->size);
		if (!put_plain(o, c->name, name_n, s, n))
			bk_json_str(o, c->name, s, n);
		break;
	case BK_COL_ERRNO:
		s = bk_errno_name(number(c, s));
		s = s ? s : "?";
		put_plain(o, c->name, name_n, s, strlen(s));
		break;
	default:
		put_other(run, c, rec);
	}
}

void bk_heading(struct bk_run *run, const struct bk_col *cols)
{
	put_line(run, cols, NULL);
}

static void put_object(struct bk_run *run, const struct bk_col *cols, const char *type,
		       const void *rec)
{
	bk_json_begin(run->out, type);
	for (const struct bk_col *c = cols; c->kind; c++)
		if (c->name && known(c, rec))
			put_member(run, c, rec);
	bk_json_end(run->out);
}

void bk_emit(struct bk_run *run, const struct bk_col *cols, const char *type, const void *rec)
{
	run->printed++;
	if (run->out->json)
		put_object(run, cols, type, rec);
	else
		put_line(run, cols, rec);
}
