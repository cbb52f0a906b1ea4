// SPDX-License-Identifier: GPL-2.0-only
/* Data on its way out: one buffer, our own formatting, strangers' bytes made harmless. */
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bk.h"
#include "escape.h"

void bk_out_init(struct bk_out *o, int fd)
{
	struct stat st;

	o->fd = fd;
	o->tty = isatty(fd);
	o->waits = o->tty || (!fstat(fd, &st) && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)));
	o->wake[0] = o->wake[1] = -1;
	o->patience = -1;
	o->json = false;
	o->error = 0;
	o->n = o->mark = o->flushed = 0;
}

/* Waits until something can be written without waiting; not for much longer than until we are to end. */
static bool may_write(struct bk_out *o)
{
	struct pollfd p[3] = { { .fd = o->fd, .events = POLLOUT },
			       { .fd = o->wake[0], .events = POLLIN },
			       { .fd = o->wake[1], .events = POLLIN } };

	/* first without waking, so that what can be written is written whatever came */
	if (poll(p, 1, 0) == 1)
		return true;
	while (poll(p, 3, o->patience) < 0)
		if (errno != EINTR)
			return true;
	/* to be told to end is no reason to lose what a reader who is only slow would have got */
	return p[0].revents || (o->patience < 0 && poll(p, 1, BK_LAST_WRITE_MS) == 1);
}

/* Writes out the first n bytes and moves the rest to the front. */
static void drain(struct bk_out *o, size_t n)
{
	size_t done = 0;

	while (done < n && !o->error) {
		size_t part = n - done;
		ssize_t w;

		if (o->waits) {
			if (!may_write(o)) {
				o->error = -EINTR;
				break;
			}
			/* a pipe that can be written to takes so many bytes without waiting (POSIX) */
			if (part > PIPE_BUF)
				part = PIPE_BUF;
		}
		w = write(o->fd, o->buf + done, part);

		if (w >= 0)
			done += w;
		else if (errno == EAGAIN) /* somebody made it non-blocking */
			o->waits = true;
		else if (errno != EINTR)
			o->error = -errno;
	}
	o->flushed += done;
	memmove(o->buf, o->buf + n, o->n - n);
	o->n -= n;
	o->mark = o->mark > n ? o->mark - n : 0;
}

void bk_flush(struct bk_out *o)
{
	drain(o, o->n);
}

/* Room for n more bytes; what is open as a cell stays in the buffer. */
static char *room(struct bk_out *o, size_t n)
{
	if (sizeof(o->buf) - o->n < n)
		drain(o, o->mark && o->mark < o->n ? o->mark : o->n);
	if (sizeof(o->buf) - o->n < n)
		drain(o, o->n);
	return o->buf + o->n;
}

static void put(struct bk_out *o, const char *s, size_t n)
{
	while (n) {
		size_t part = n < 4096 ? n : 4096;

		memcpy(room(o, part), s, part);
		o->n += part;
		s += part;
		n -= part;
	}
}

void bk_puts(struct bk_out *o, const char *s)
{
	put(o, s, strlen(s));
}

void bk_putc(struct bk_out *o, char c)
{
	*room(o, 1) = c;
	o->n++;
}

void bk_printf(struct bk_out *o, const char *fmt, ...)
{
	char *p = room(o, 512);
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(p, 512, fmt, ap);
	va_end(ap);
	o->n += n < 0 ? 0 : n > 511 ? 511 : n;
}

void bk_put_u64(struct bk_out *o, uint64_t v)
{
	char digits[20];
	int i = sizeof(digits);

	do
		digits[--i] = '0' + v % 10;
	while (v /= 10);
	put(o, digits + i, sizeof(digits) - i);
}

void bk_put_s64(struct bk_out *o, int64_t v)
{
	if (v < 0)
		bk_putc(o, '-');
	bk_put_u64(o, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

/* Escapes in pieces that do not split a character. Returns whether bytes were no UTF-8. */
static bool escape(struct bk_out *o, const char *s, size_t n, bool json)
{
	bool invalid = false;

	while (n) {
		size_t part = n;

		if (part > 1024) {
			unsigned int cp;

			part = 1024;
			for (size_t back = 1; back < 4; back++)
				if (bk_utf8(s + 1024 - back, n - 1024 + back, &cp) > back)
					part = 1024 - back;
		}
		o->n += bk_escape(room(o, BK_ESCAPE_MAX(part)), s, part, json, &invalid);
		s += part;
		n -= part;
	}
	return invalid;
}

bool bk_put_text(struct bk_out *o, const char *s, size_t n)
{
	return !escape(o, s, strnlen(s, n), o->json);
}

void bk_put_hex(struct bk_out *o, const char *s, size_t n)
{
	static const char hex[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		bk_putc(o, hex[(unsigned char)s[i] >> 4]);
		bk_putc(o, hex[(unsigned char)s[i] & 15]);
	}
}

void bk_put_mac(struct bk_out *o, const uint8_t mac[6])
{
	static const char hex[] = "0123456789abcdef";
	char *p = room(o, 18);

	for (int i = 0; i < 6; i++) {
		*p++ = hex[mac[i] >> 4];
		*p++ = hex[mac[i] & 15];
		*p++ = ':';
	}
	o->n += 17;
}

void bk_put_ip(struct bk_out *o, int family, const uint8_t *addr)
{
	char text[INET6_ADDRSTRLEN];

	if (family == 4) {
		for (int i = 0; i < 4; i++) {
			if (i)
				bk_putc(o, '.');
			bk_put_u64(o, addr[i]);
		}
	} else if (inet_ntop(AF_INET6, addr, text, sizeof(text))) {
		bk_puts(o, text);
	}
}

void bk_cell(struct bk_out *o)
{
	room(o, 1024);
	o->mark = o->n;
}

/* Characters, not bytes: what a terminal shows, with no width for combining ones known. */
static size_t shown(const char *s, size_t n)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++)
		k += (s[i] & 0xc0) != 0x80;
	return k;
}

void bk_cell_end(struct bk_out *o, int width, bool last)
{
	size_t have = shown(o->buf + o->mark, o->n - o->mark);
	size_t want = width < 0 ? -width : width, pad = want > have ? want - have : 0;
	char *cell;

	if (width >= 0 && pad) { /* right-aligned: the blanks go in front */
		room(o, pad + 1);
		cell = o->buf + o->mark;
		memmove(cell + pad, cell, o->n - o->mark);
		memset(cell, ' ', pad);
		o->n += pad;
		pad = 0;
	}
	if (!last)
		for (pad++; pad; pad--)
			bk_putc(o, ' ');
	o->mark = 0;
}

/* ---- JSON ---- */

void bk_json_begin(struct bk_out *o, const char *type)
{
	bk_puts(o, "{\"type\":\"");
	bk_puts(o, type);
	bk_putc(o, '"');
}

void bk_json_name(struct bk_out *o, const char *name)
{
	bk_puts(o, ",\"");
	bk_puts(o, name);
	bk_puts(o, "\":");
}

/* Bytes that are no UTF-8 cannot stand in JSON: then NAME_hex has the whole value, exactly. */
void bk_json_str(struct bk_out *o, const char *name, const char *s, size_t n)
{
	bool invalid;

	n = strnlen(s, n);
	bk_json_name(o, name);
	bk_putc(o, '"');
	invalid = escape(o, s, n, true);
	bk_putc(o, '"');
	if (!invalid)
		return;
	bk_printf(o, ",\"%s_hex\":\"", name);
	bk_put_hex(o, s, n);
	bk_putc(o, '"');
}

void bk_json_u64(struct bk_out *o, const char *name, uint64_t v)
{
	bk_json_name(o, name);
	bk_put_u64(o, v);
}

void bk_json_bool(struct bk_out *o, const char *name, bool v)
{
	bk_json_name(o, name);
	bk_puts(o, v ? "true" : "false");
}

void bk_json_end(struct bk_out *o)
{
	bk_puts(o, "}\n");
}
