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
#include "out.h"

static const char hex[] = "0123456789abcdef";

void bk_out_init(struct bk_out *o, int fd)
{
	struct stat st;

	o->fd = fd;
	o->tty = isatty(fd);
	o->waits = o->tty || (!fstat(fd, &st) && (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode)));
	o->wake[0] = o->wake[1] = -1;
	o->patience = -1;
	o->json = o->wide = o->blocks = false;
	o->error = 0;
	o->n = o->mark = o->flushed = o->left = o->part = 0;
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

/* The length of a block stands behind its type. A block that is in the buffer begins with both. */
static size_t block_len(const char *block)
{
	uint32_t len;

	memcpy(&len, block + sizeof(len), sizeof(len));
	return len;
}

/* Of the n bytes at p as many as end with a block, but not more than max; max if no block ends there. */
static size_t whole_blocks(const struct bk_out *o, const char *p, size_t n, size_t max)
{
	size_t end = o->left, fits = 0;

	while (end <= max) {
		fits = end;
		if (end == n)
			break;
		end += block_len(p + end);
	}
	return fits ? fits : max;
}

/* So many bytes at p have been written: how much is that of a block that has not come to its end? */
static void follow_blocks(struct bk_out *o, const char *p, size_t n)
{
	size_t end = o->left, begin = 0;

	if (n < end) {
		o->left -= n;
		o->part += n;
		return;
	}
	while (end < n) {
		begin = end;
		end += block_len(p + end);
	}
	o->left = end - n;
	o->part = o->left ? n - begin : 0;
}

/* A file ends with a whole block: what is there of another is taken back, unless somebody else writes there, too. */
static void take_back(struct bk_out *o)
{
	off_t at = lseek(o->fd, 0, SEEK_CUR), end = at - (off_t)o->part;
	struct stat st;

	if (!o->part || end < 0 || fstat(o->fd, &st) || !S_ISREG(st.st_mode) || st.st_size != at)
		return;
	if (!ftruncate(o->fd, end) && lseek(o->fd, end, SEEK_SET) == end)
		o->part = o->left = 0;
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
				part = o->blocks ? whole_blocks(o, o->buf + done, part, PIPE_BUF) :
						   PIPE_BUF;
		}
		w = write(o->fd, o->buf + done, part);

		if (w > 0 && o->blocks)
			follow_blocks(o, o->buf + done, w);
		if (w >= 0)
			done += w;
		else if (errno == EAGAIN) /* somebody made it non-blocking */
			o->waits = true;
		else if (errno != EINTR)
			o->error = -errno;
	}
	if (o->error)
		take_back(o);
	o->flushed += done;
	memmove(o->buf, o->buf + n, o->n - n);
	o->n -= n;
	o->mark = o->mark > n ? o->mark - n : 0;
}

void bk_flush(struct bk_out *o)
{
	drain(o, o->n);
}

void bk_make_room(struct bk_out *o, size_t n)
{
	drain(o, o->mark && o->mark < o->n ? o->mark : o->n);
	if (sizeof(o->buf) - o->n < n)
		drain(o, o->n);
}

void bk_put_bytes(struct bk_out *o, const void *bytes, size_t n)
{
	const char *s = bytes;

	o->wide = true;
	for (size_t part; n > sizeof(o->buf) - o->n; s += part, n -= part) {
		part = n < 4096 ? n : 4096;
		memcpy(bk_room(o, part), s, part);
		o->n += part;
	}
	memcpy(o->buf + o->n, s, n);
	o->n += n;
}

void bk_puts(struct bk_out *o, const char *s)
{
	bk_put_bytes(o, s, strlen(s));
}

void bk_putc(struct bk_out *o, char c)
{
	*bk_room(o, 1) = c;
	o->wide |= (unsigned char)c >= 0x80; /* a char has a sign or not */
	o->n++;
}

void bk_printf(struct bk_out *o, const char *fmt, ...)
{
	char *p = bk_room(o, 512);
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(p, 512, fmt, ap);
	va_end(ap);
	o->wide = true;
	o->n += n < 0 ? 0 : n > 511 ? 511 : n;
}

const char bk_pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
			"40414243444546474849505152535455565758596061626364656667686970717273747576777879"
			"8081828384858687888990919293949596979899";

void bk_put_u64(struct bk_out *o, uint64_t v)
{
	o->n += bk_number(bk_room(o, 20), v);
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

	o->wide = true;
	while (n) {
		size_t part = n;

		if (part > 1024) {
			unsigned int cp;

			part = 1024;
			for (size_t back = 1; back < 4; back++)
				if (bk_utf8(s + 1024 - back, n - 1024 + back, &cp) > back)
					part = 1024 - back;
		}
		o->n += bk_escape(bk_room(o, BK_ESCAPE_MAX(part)), s, part, json, &invalid);
		s += part;
		n -= part;
	}
	return invalid;
}

bool bk_put_exactly(struct bk_out *o, const char *s, size_t n, bool json)
{
	size_t plain = 0;

	if (n <= 4096) {
		plain = bk_copy_plain(bk_room(o, n + 8), s, n);
		o->n += plain;
	}
	return plain == n || !escape(o, s + plain, n - plain, json);
}

bool bk_put_text(struct bk_out *o, const char *s, size_t n)
{
	return bk_put_exactly(o, s, strnlen(s, n), o->json);
}

void bk_put_hex(struct bk_out *o, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		bk_putc(o, hex[(unsigned char)s[i] >> 4]);
		bk_putc(o, hex[(unsigned char)s[i] & 15]);
	}
}

void bk_put_mac(struct bk_out *o, const uint8_t mac[6])
{
	char *p = bk_room(o, 18);

	for (int i = 0; i < 6; i++) {
		*p++ = hex[mac[i] >> 4];
		*p++ = hex[mac[i] & 15];
		*p++ = ':';
	}
	o->n += 17;
}

static char *put_ip4(char *p, const uint8_t *addr)
{
	for (int i = 0; i < 4; i++) {
		p += bk_number(p, addr[i]);
		*p++ = '.';
	}
	return p - 1;
}

/* The first of the longest runs of zeros, of at least two of the eight words. */
static int zeros(const unsigned int *words, int *len)
{
	int at = -1;

	*len = 1;
	for (int i = 0, n; i < 8; i += n + 1) {
		for (n = 0; i + n < 8 && !words[i + n]; n++)
			;
		if (n > *len) {
			*len = n;
			at = i;
		}
	}
	return at;
}

/* As inet_ntop() does, which is ten times slower. */
static char *put_ip6(char *p, const uint8_t *addr)
{
	unsigned int words[8];
	int at, len;

	for (int i = 0; i < 8; i++)
		words[i] = addr[2 * i] << 8 | addr[2 * i + 1];
	at = zeros(words, &len);
	for (int i = 0; i < 8; i++) {
		if (i == at) {
			*p++ = ':';
			i += len - 1;
			if (i == 7)
				*p++ = ':';
			continue;
		}
		if (i)
			*p++ = ':';
		if (i == 6 && at == 0 && (len == 6 || words[5] == 0xffff))
			return put_ip4(p, addr + 12); /* ::1.2.3.4 and ::ffff:1.2.3.4 */
		for (int shift = 12; shift >= 0; shift -= 4)
			if (!shift || words[i] >> shift)
				*p++ = hex[words[i] >> shift & 15];
	}
	return p;
}

void bk_put_ip(struct bk_out *o, int family, const uint8_t *addr)
{
	char *p = bk_room(o, INET6_ADDRSTRLEN);

	o->n += (family == 4 ? put_ip4(p, addr) : put_ip6(p, addr)) - p;
}

void bk_cell(struct bk_out *o)
{
	bk_room(o, 1024);
	o->mark = o->n;
	o->wide = false;
}

/* Characters, not bytes: what a terminal shows, with no width for combining ones known. */
static size_t shown(const char *s, size_t n)
{
	size_t k = n;

	for (size_t i = 0; i < n; i += 8) {
		uint64_t x = bk_word(s + i, n - i), more = x & ~(x << 1) & 0x8080808080808080;

		if (more) /* bytes that continue a character: 10xxxxxx */
			k -= __builtin_popcountll(more);
	}
	return k;
}

/* Blanks behind a cell can be those at the end of the line, so they are left to the caller. */
size_t bk_cell_align(struct bk_out *o, short width)
{
	size_t n = o->n - o->mark, pad;
	char *cell;

	if (o->wide && width)
		n = shown(o->buf + o->mark, n);
	if (width <= 0 || n >= (size_t)width) {
		o->mark = 0;
		return bk_gap(n, width);
	}
	pad = width - n;
	bk_room(o, pad);
	cell = o->buf + o->mark;
	memmove(cell + pad, cell, o->n - o->mark);
	memset(cell, ' ', pad);
	o->n += pad;
	o->mark = 0;
	return 1;
}

void bk_cell_end(struct bk_out *o, short width, bool last)
{
	size_t gap = bk_cell_align(o, width);

	if (last)
		return;
	bk_blanks(bk_room(o, gap + 8), gap);
	o->n += gap;
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
	size_t n = strlen(name);

	bk_key(bk_room(o, n + BK_KEY_MORE), name, n);
	o->n += n + 4;
}

/* Bytes that are no UTF-8 cannot stand in JSON: then NAME_hex has the whole value, exactly. */
void bk_json_str(struct bk_out *o, const char *name, const char *s, size_t n)
{
	bool valid;

	n = strnlen(s, n);
	bk_json_name(o, name);
	bk_putc(o, '"');
	valid = bk_put_exactly(o, s, n, true);
	bk_putc(o, '"');
	if (valid)
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
