// SPDX-License-Identifier: GPL-2.0-only
#include "pcapng.h"

#include <sys/utsname.h>

#include "escape.h"
#include "out.h"

enum { SECTION = 0x0a0d0d0a, INTERFACE = 1, STATISTICS = 5, PACKET = 6 };
enum { BYTE_ORDER_MAGIC = 0x1a2b3c4d, FRAME = 12 /* of a block: type, length, length */ };

/* Codes of options, which count for each type of block by itself. */
enum {
	COMMENT = 1,

	SHB_HARDWARE = 2,
	SHB_OS,
	SHB_USERAPPL,

	IF_NAME = 2,
	IF_DESCRIPTION,
	IF_TSRESOL = 9,

	EPB_FLAGS = 2,
	EPB_DROPCOUNT = 4,
	EPB_QUEUE = 6,
	EPB_VERDICT,

	ISB_STARTTIME = 2,
	ISB_ENDTIME,
	ISB_OSDROP = 7,
	ISB_USRDELIV,
};

enum { VERDICT_XDP = 2 };

/* The options of a block, of which at most three are strings. */
struct options {
	size_t n;
	char buf[3 * (BK_ESCAPE_MAX(BK_PCAPNG_TEXT) + 8) + 64];
};

static size_t padded(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

/* Gives a value, that is there already, its header and its padding. */
static void end_option(struct options *op, uint16_t code, size_t len)
{
	uint16_t head[2] = { code, len };

	memcpy(op->buf + op->n, head, sizeof(head));
	op->n += sizeof(head);
	memset(op->buf + op->n + len, 0, padded(len) - len);
	op->n += padded(len);
}

static void add_value(struct options *op, uint16_t code, const void *value, size_t len)
{
	memcpy(op->buf + op->n + 4, value, len);
	end_option(op, code, len);
}

static void add_text(struct options *op, uint16_t code, const char *s)
{
	size_t n = s ? strlen(s) : 0;

	if (!n)
		return;
	n = n < BK_PCAPNG_TEXT ? n : BK_PCAPNG_TEXT;
	end_option(op, code, bk_escape(op->buf + op->n + 4, s, n, false, NULL));
}

/* Times are two words, the high one first, in files of either byte order. */
static void add_time(struct options *op, uint16_t code, uint64_t time)
{
	uint32_t words[2] = { time >> 32, time };

	add_value(op, code, words, sizeof(words));
}

static char *append(char *p, const void *bytes, size_t n)
{
	memcpy(p, bytes, n);
	return p + n;
}

static const char zeros[4];

/* One that fits into the buffer, as nearly all do: at once, since it is what takes most of the time of a packet. */
static void put_small(struct bk_out *o, const uint32_t *head, const void *fixed, size_t nfixed,
		      const void *data, size_t ndata, const struct options *op)
{
	char *begin = bk_room(o, head[1]), *p = begin;

	p = append(p, head, 2 * sizeof(*head));
	p = append(p, fixed, nfixed);
	if (ndata)
		p = append(p, data, ndata);
	p = append(p, zeros, padded(ndata) - ndata);
	p = append(p, op->buf, op->n);
	p = append(p, &head[1], sizeof(*head));
	o->n += p - begin;
}

static void put_block(struct bk_out *o, uint32_t type, const void *fixed, size_t nfixed,
		      const void *data, size_t ndata, struct options *op)
{
	uint32_t head[2] = { type };

	if (op->n)
		end_option(op, 0, 0);
	head[1] = FRAME + nfixed + padded(ndata) + op->n;
	if (head[1] <= sizeof(o->buf)) {
		put_small(o, head, fixed, nfixed, data, ndata, op);
		return;
	}
	/* what does not fit into the buffer begins at its start */
	bk_room(o, sizeof(o->buf));
	bk_put_bytes(o, head, sizeof(head));
	bk_put_bytes(o, fixed, nfixed);
	bk_put_bytes(o, data, ndata);
	bk_put_bytes(o, zeros, padded(ndata) - ndata);
	bk_put_bytes(o, op->buf, op->n);
	bk_put_bytes(o, &head[1], sizeof(head[1]));
}

void bk_pcapng_section(struct bk_out *o, const char *application)
{
	struct {
		uint32_t magic;
		uint16_t major, minor;
		uint32_t length[2];
	} fixed = { BYTE_ORDER_MAGIC, 1, 0, { UINT32_MAX, UINT32_MAX } /* not known */ };
	struct options op = { 0 };
	struct utsname u;
	char os[sizeof(u.sysname) + sizeof(u.release)];

	if (!uname(&u)) {
		snprintf(os, sizeof(os), "%s %s", u.sysname, u.release);
		add_text(&op, SHB_HARDWARE, u.machine);
		add_text(&op, SHB_OS, os);
	}
	add_text(&op, SHB_USERAPPL, application);
	o->blocks = true;
	put_block(o, SECTION, &fixed, sizeof(fixed), NULL, 0, &op);
}

void bk_pcapng_put_interface(struct bk_out *o, const struct bk_pcapng_interface *i)
{
	struct {
		uint16_t link_type, reserved;
		uint32_t snaplen;
	} fixed = { i->link_type, 0, i->snaplen };
	struct options op = { 0 };
	uint8_t nanoseconds = 9;

	add_text(&op, IF_NAME, i->name);
	add_text(&op, IF_DESCRIPTION, i->description);
	add_value(&op, IF_TSRESOL, &nanoseconds, sizeof(nanoseconds));
	put_block(o, INTERFACE, &fixed, sizeof(fixed), NULL, 0, &op);
}

void bk_pcapng_put_packet(struct bk_out *o, const struct bk_pcapng_packet *p)
{
	uint32_t fixed[5] = { p->interface, p->time >> 32, p->time, p->cap_len, p->len };
	struct options op;
	char verdict[9];

	op.n = 0;
	add_text(&op, COMMENT, p->comment);
	if (p->flags)
		add_value(&op, EPB_FLAGS, &p->flags, sizeof(p->flags));
	if (p->has & BK_PCAPNG_DROPPED)
		add_value(&op, EPB_DROPCOUNT, &p->dropped, sizeof(p->dropped));
	if (p->has & BK_PCAPNG_QUEUE)
		add_value(&op, EPB_QUEUE, &p->queue, sizeof(p->queue));
	if (p->has & BK_PCAPNG_VERDICT) {
		verdict[0] = VERDICT_XDP;
		memcpy(verdict + 1, &p->verdict, sizeof(p->verdict));
		add_value(&op, EPB_VERDICT, verdict, sizeof(verdict));
	}
	put_block(o, PACKET, fixed, sizeof(fixed), p->data, p->cap_len, &op);
}

void bk_pcapng_put_statistics(struct bk_out *o, const struct bk_pcapng_statistics *s)
{
	uint32_t fixed[3] = { s->interface, s->time >> 32, s->time };
	struct options op = { 0 };

	add_time(&op, ISB_STARTTIME, s->start);
	add_time(&op, ISB_ENDTIME, s->end);
	add_value(&op, ISB_OSDROP, &s->lost, sizeof(s->lost));
	add_value(&op, ISB_USRDELIV, &s->delivered, sizeof(s->delivered));
	put_block(o, STATISTICS, fixed, sizeof(fixed), NULL, 0, &op);
}
