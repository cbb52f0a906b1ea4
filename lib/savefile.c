// SPDX-License-Identifier: GPL-2.0-only
#include "savefile.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	PCAP_MICRO = 0xa1b2c3d4,
	PCAP_NANO = 0xa1b23c4d,
	PCAP_HEAD = 24,   /* of the file, with the number that it begins with */
	PCAP_RECORD = 16, /* of a packet */
	DLT_RAW = 12,     /* what libpcap once wrote on Linux for BK_LINK_RAW */

	SECTION = 0x0a0d0d0a, /* the same in either byte order */
	BYTE_ORDER_MAGIC = 0x1a2b3c4d,
	INTERFACE = 1,
	OLD_PACKET = 2,
	SIMPLE_PACKET = 3,
	PACKET = 6,
	FRAME = 12, /* of a block: type, length, length */
};

/* Codes of options, which count for each type of block by itself. */
enum {
	END_OF_OPTIONS = 0,
	COMMENT = 1,
	IF_NAME = 2,
	IF_TSRESOL = 9,
	IF_TSOFFSET = 14,
	EPB_FLAGS = 2,
	EPB_DROPCOUNT = 4,
	EPB_QUEUE = 6,
	EPB_VERDICT = 7,
	VERDICT_XDP = 2,
	NO_DROPCOUNT = 0xffff, /* of the obsolete packet block */
};

struct interface {
	uint16_t link_type;
	uint8_t resolution; /* as if_tsresol */
	uint32_t snaplen;
	int64_t offset; /* seconds */
	char *name;     /* or NULL */
};

struct bk_savefile {
	int fd;
	bool (*before_read)(void *arg);
	void *arg;
	bool swapped, pcapng, ended;
	int error;
	char why[160];
	uint64_t at;       /* bytes of the file that were taken */
	uint64_t block_at; /* where the block or record begins */
	size_t in_at, in_n;
	uint8_t in[65536];
	/* the body of a block or the bytes of a packet */
	uint8_t *body;
	size_t room;
	/* pcap */
	uint32_t fraction; /* nanoseconds that its unit has */
	uint16_t link_type;
	/* pcapng */
	struct interface *interfaces;
	size_t ninterfaces, interface_room;
	char comment[BK_SAVED_COMMENT + 1];
};

/* ---- errors ---- */

__attribute__((format(printf, 3, 4))) static int fail(struct bk_savefile *f, int error,
						      const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(f->why, sizeof(f->why), fmt, ap);
	va_end(ap);
	f->error = error;
	return error;
}

static int cut_off(struct bk_savefile *f)
{
	return fail(f, -EPROTO,
		    "is cut off at byte %llu, in the middle of a %s that begins at byte %llu",
		    (unsigned long long)f->at, f->pcapng ? "block" : "packet",
		    (unsigned long long)f->block_at);
}

static int broken(struct bk_savefile *f, const char *what)
{
	return fail(f, -EPROTO, "is damaged: the %s at byte %llu %s",
		    f->pcapng ? "block" : "packet", (unsigned long long)f->block_at, what);
}

static int no_memory(struct bk_savefile *f)
{
	return fail(f, -ENOMEM, "needs more memory than there is");
}

/* ---- bytes ---- */

/* Up to n bytes: less only at the end of the file; negative: an error. to: NULL throws them away. */
static ssize_t take(struct bk_savefile *f, void *to, size_t n)
{
	size_t done = 0, part;
	ssize_t got;

	while (done < n) {
		if (f->in_at == f->in_n) {
			if (f->before_read && f->before_read(f->arg))
				return fail(f, -EINTR, "was not read to its end");
			do
				got = read(f->fd, f->in, sizeof(f->in));
			while (got < 0 && errno == EINTR);
			if (got < 0)
				return fail(f, -errno, "cannot be read: %s", strerror(errno));
			if (!got)
				break;
			f->in_at = 0;
			f->in_n = got;
		}
		part = f->in_n - f->in_at;
		part = part < n - done ? part : n - done;
		if (to)
			memcpy((uint8_t *)to + done, f->in + f->in_at, part);
		f->in_at += part;
		f->at += part;
		done += part;
	}
	return done;
}

/* All n bytes, or an error. */
static int take_all(struct bk_savefile *f, void *to, size_t n)
{
	ssize_t got = take(f, to, n);

	if (got < 0)
		return got;
	return (size_t)got == n ? 0 : cut_off(f);
}

/* All n bytes to f->body. */
static int take_body(struct bk_savefile *f, size_t n)
{
	if (n > f->room || !f->body) {
		size_t room = f->room ? f->room : 4096;
		uint8_t *body;

		while (room < n)
			room *= 2;
		body = realloc(f->body, room);
		if (!body)
			return no_memory(f);
		f->body = body;
		f->room = room;
	}
	return take_all(f, f->body, n);
}

static uint16_t get16(const struct bk_savefile *f, const uint8_t *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return f->swapped ? __builtin_bswap16(v) : v;
}

static uint32_t get32(const struct bk_savefile *f, const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return f->swapped ? __builtin_bswap32(v) : v;
}

static uint64_t get64(const struct bk_savefile *f, const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return f->swapped ? __builtin_bswap64(v) : v;
}

/* ---- pcap ---- */

static uint16_t link_type(uint32_t v)
{
	v &= 0xffff; /* above it: the length of the frames' checksums */
	return v == DLT_RAW ? BK_LINK_RAW : v;
}

/* The head of the file, behind its magic number. */
static int open_pcap(struct bk_savefile *f, uint32_t magic)
{
	uint8_t h[PCAP_HEAD - 4];
	ssize_t got = take(f, h, sizeof(h));

	if (got < 0)
		return got;
	if ((size_t)got < sizeof(h))
		return fail(f, -EPROTO, "is cut off at byte %llu, within its header",
			    (unsigned long long)f->at);
	if (get16(f, h) != 2 || get16(f, h + 2) != 4)
		return fail(f, -EPROTO, "is pcap of version %u.%u, and only 2.4 is known here",
			    get16(f, h), get16(f, h + 2));
	f->fraction = magic == PCAP_NANO ? 1 : 1000;
	f->link_type = link_type(get32(f, h + 16));
	return 0;
}

/* The first n bytes of a packet or a block: 1; 0: the file ends before it; negative: it cannot be read on. */
static int begin_block(struct bk_savefile *f, uint8_t *h, size_t n)
{
	ssize_t got;

	f->block_at = f->at;
	got = take(f, h, n);
	if (got <= 0)
		return got;
	return (size_t)got < n ? cut_off(f) : 1;
}

static int next_pcap(struct bk_savefile *f, struct bk_saved *p)
{
	uint8_t h[PCAP_RECORD];
	int err = begin_block(f, h, sizeof(h));

	if (err <= 0)
		return err;
	p->cap_len = get32(f, h + 8);
	p->len = get32(f, h + 12);
	if (p->cap_len > BK_SAVED_BLOCK)
		return broken(f, "says that it has more than 16 MiB");
	err = take_body(f, p->cap_len);
	if (err)
		return err;
	p->data = f->body;
	p->link_type = f->link_type;
	p->has_time = true;
	p->time_ns = get32(f, h) * 1000000000ull + (uint64_t)get32(f, h + 4) * f->fraction;
	return 1;
}

/* ---- options of pcapng ---- */

struct option {
	uint16_t code, len;
	const uint8_t *value;
};

/* The next of those between *at and end: 1, 0: there is none, negative: it is broken. */
static int next_option(struct bk_savefile *f, const uint8_t **at, const uint8_t *end,
		       struct option *op)
{
	size_t left = end - *at, padded;

	if (!left) /* all lengths are multiples of four */
		return 0;
	op->code = get16(f, *at);
	op->len = get16(f, *at + 2);
	op->value = *at + 4;
	padded = (op->len + 3u) & ~3u;
	if (op->code == END_OF_OPTIONS)
		return 0;
	if (padded > left - 4)
		return broken(f, "has an option that is longer than the block");
	*at += 4 + padded;
	return 1;
}

/* A string, which may end with a NUL or not, to a buffer with room for max bytes and a NUL. */
static void copy_text(char *to, const struct option *op, size_t max)
{
	size_t n = strnlen((const char *)op->value, op->len < max ? op->len : max);

	memcpy(to, op->value, n);
	to[n] = 0;
}

static int check_len(struct bk_savefile *f, const struct option *op, size_t len)
{
	return op->len == len ? 0 : broken(f, "has an option of a wrong length");
}

/* ---- blocks of pcapng ---- */

static void forget_interfaces(struct bk_savefile *f)
{
	for (size_t i = 0; i < f->ninterfaces; i++)
		free(f->interfaces[i].name);
	f->ninterfaces = 0;
}

static int add_interface(struct bk_savefile *f, size_t n)
{
	struct interface *i;
	const uint8_t *at, *end = f->body + n;
	struct option op;
	int err;

	if (n < 8)
		return broken(f, "is too short for an interface");
	if (f->ninterfaces == BK_SAVED_INTERFACES)
		return broken(
			f, "is the 65537th interface of its section, and more are not told apart");
	if (f->ninterfaces == f->interface_room) {
		size_t room = f->interface_room ? 2 * f->interface_room : 8;

		i = realloc(f->interfaces, room * sizeof(*i));
		if (!i)
			return no_memory(f);
		f->interfaces = i;
		f->interface_room = room;
	}
	i = &f->interfaces[f->ninterfaces++];
	*i = (struct interface){ .link_type = link_type(get16(f, f->body)),
				 .snaplen = get32(f, f->body + 4),
				 .resolution = 6 };
	for (at = f->body + 8; (err = next_option(f, &at, end, &op)) > 0;) {
		switch (op.code) {
		case IF_NAME:
			if (i->name)
				break;
			i->name = malloc((op.len < BK_SAVED_NAME ? op.len : BK_SAVED_NAME) + 1);
			if (!i->name)
				return no_memory(f);
			copy_text(i->name, &op, BK_SAVED_NAME);
			break;
		case IF_TSRESOL:
			if (check_len(f, &op, 1))
				return f->error;
			i->resolution = op.value[0];
			break;
		case IF_TSOFFSET:
			if (check_len(f, &op, 8))
				return f->error;
			i->offset = (int64_t)get64(f, op.value);
			break;
		}
	}
	return err;
}

/* Units of an interface to nanoseconds; false if that is before 1970 or does not fit. */
static bool to_ns(const struct interface *i, uint64_t units, uint64_t *ns)
{
	unsigned __int128 v = units;
	__int128 sum;

	if (i->resolution & 0x80) {
		v = v * 1000000000 >> (i->resolution & 0x7f);
	} else {
		for (int r = i->resolution; r < 9; r++)
			v *= 10;
		for (int r = 9; v && r < i->resolution; r++)
			v /= 10;
	}
	sum = (__int128)v + (__int128)i->offset * 1000000000;
	*ns = sum;
	return sum >= 0 && sum <= UINT64_MAX;
}

static int packet_options(struct bk_savefile *f, struct bk_saved *p, const uint8_t *at,
			  const uint8_t *end, bool old)
{
	struct option op;
	int err;

	while ((err = next_option(f, &at, end, &op)) > 0) {
		if (op.code == COMMENT && !p->comment && op.len) {
			copy_text(f->comment, &op, BK_SAVED_COMMENT);
			p->comment = f->comment;
		} else if (op.code == EPB_FLAGS) {
			if (check_len(f, &op, 4))
				return f->error;
			p->flags = get32(f, op.value);
		} else if (op.code == EPB_DROPCOUNT && !old) {
			if (check_len(f, &op, 8))
				return f->error;
			p->dropped = get64(f, op.value);
			p->has |= BK_PCAPNG_DROPPED;
		} else if (op.code == EPB_QUEUE && !old) {
			if (check_len(f, &op, 4))
				return f->error;
			p->queue = get32(f, op.value);
			p->has |= BK_PCAPNG_QUEUE;
		} else if (op.code == EPB_VERDICT && !old && op.len && op.value[0] == VERDICT_XDP) {
			if (check_len(f, &op, 9))
				return f->error;
			p->verdict = get64(f, op.value + 1);
			p->has |= BK_PCAPNG_VERDICT;
		}
	}
	return err;
}

/* The bytes of a packet in the body of a block, from off on; behind them are its options, unless it is simple. */
static int take_data(struct bk_savefile *f, struct bk_saved *p, uint32_t interface, size_t off,
		     size_t n, uint8_t kind)
{
	const struct interface *i;
	size_t padded = ((size_t)p->cap_len + 3) & ~(size_t)3;

	if (interface >= f->ninterfaces)
		return broken(f, "is a packet of an interface that is not in the file");
	i = &f->interfaces[interface];
	if (kind == SIMPLE_PACKET) {
		p->cap_len = i->snaplen && i->snaplen < p->len ? i->snaplen : p->len;
		padded = ((size_t)p->cap_len + 3) & ~(size_t)3;
	}
	if (padded > n - off)
		return broken(f, "is shorter than its packet");
	p->link_type = i->link_type;
	p->interface = i->name && *i->name ? i->name : NULL;
	p->interfaces = f->ninterfaces;
	p->data = f->body + off;
	if (kind == SIMPLE_PACKET)
		return 0;
	p->has_time = true;
	if (!to_ns(i, (uint64_t)get32(f, f->body + 4) << 32 | get32(f, f->body + 8), &p->time_ns))
		return broken(f, "has a time before 1970 or after 2554");
	return packet_options(f, p, f->body + off + padded, f->body + n, kind == OLD_PACKET);
}

/* The packet of a block whose body is there. */
static int read_packet(struct bk_savefile *f, struct bk_saved *p, uint8_t kind, size_t n)
{
	uint32_t interface = 0;
	const size_t fixed = kind == SIMPLE_PACKET ? 4 : 20;

	if (n < fixed)
		return broken(f, "is too short for a packet");
	if (kind == SIMPLE_PACKET) {
		p->len = get32(f, f->body);
	} else {
		interface = kind == PACKET ? get32(f, f->body) : get16(f, f->body);
		if (kind == OLD_PACKET && get16(f, f->body + 2) != NO_DROPCOUNT) {
			p->dropped = get16(f, f->body + 2);
			p->has |= BK_PCAPNG_DROPPED;
		}
		p->cap_len = get32(f, f->body + 12);
		p->len = get32(f, f->body + 16);
	}
	return take_data(f, p, interface, fixed, n, kind);
}

/* What follows the type and the length of a section; len: as it stands there. */
static int begin_section(struct bk_savefile *f, uint32_t *len)
{
	uint8_t h[8];
	uint32_t magic;

	if (take_all(f, h, sizeof(h)))
		return f->error;
	memcpy(&magic, h, sizeof(magic));
	if (magic != BYTE_ORDER_MAGIC && magic != __builtin_bswap32(BYTE_ORDER_MAGIC))
		return broken(f, "begins a section without telling its byte order");
	if ((magic != BYTE_ORDER_MAGIC) != f->swapped)
		*len = __builtin_bswap32(*len);
	f->swapped = magic != BYTE_ORDER_MAGIC;
	if (get16(f, h + 4) != 1)
		return fail(f, -EPROTO, "is pcapng of version %u.%u, and only 1 is known here",
			    get16(f, h + 4), get16(f, h + 6));
	forget_interfaces(f);
	return 0;
}

/* A block behind its type. 1: there is a packet in it. */
static int read_block(struct bk_savefile *f, struct bk_saved *p, uint32_t type)
{
	bool wanted = type == INTERFACE || type == OLD_PACKET || type == SIMPLE_PACKET ||
		      type == PACKET;
	uint32_t len, used = FRAME;
	uint8_t h[4];
	int err;

	if (take_all(f, h, sizeof(h)))
		return f->error;
	len = get32(f, h);
	if (type == SECTION) {
		if (begin_section(f, &len))
			return f->error;
		used += 8;
	}
	if (len < used || len % 4)
		return broken(f, "has a length that no block can have");
	len -= used;
	if (wanted && len > BK_SAVED_BLOCK)
		return broken(f, "has more than 16 MiB");
	err = wanted ? take_body(f, len) : take_all(f, NULL, len);
	if (err || take_all(f, h, sizeof(h)))
		return f->error;
	if (get32(f, h) != len + used)
		return broken(f, "does not end with the length that it begins with");
	if (type == INTERFACE)
		return add_interface(f, len);
	if (!wanted)
		return 0;
	err = read_packet(f, p, type, len);
	return err ? err : 1;
}

static int next_pcapng(struct bk_savefile *f, struct bk_saved *p)
{
	uint8_t h[4];
	int ret;

	do {
		ret = begin_block(f, h, sizeof(h));
		if (ret <= 0)
			return ret;
		ret = read_block(f, p, get32(f, h));
	} while (!ret);
	return ret;
}

/* ---- both ---- */

static int open_file(struct bk_savefile *f)
{
	static const struct {
		uint8_t magic[4];
		const char *name, *tool;
	} packed[] = {
		{ { 0x1f, 0x8b, 8, 0 }, "gzip", "zcat" },
		{ { 0x28, 0xb5, 0x2f, 0xfd }, "zstd", "zstdcat" },
		{ { 0xfd, '7', 'z', 'X' }, "xz", "xzcat" },
	};
	uint32_t magic, swapped;
	uint8_t h[4];
	ssize_t got = take(f, h, sizeof(h));

	if (got < 0)
		return got;
	if (!got)
		return fail(f, -EPROTO, "is empty");
	memcpy(&magic, h, sizeof(magic));
	swapped = __builtin_bswap32(magic);
	if ((size_t)got == sizeof(h)) {
		if (magic == SECTION) {
			f->pcapng = true;
			return read_block(f, NULL, SECTION);
		}
		if (magic == PCAP_MICRO || magic == PCAP_NANO)
			return open_pcap(f, magic);
		if (swapped == PCAP_MICRO || swapped == PCAP_NANO) {
			f->swapped = true;
			return open_pcap(f, swapped);
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(packed); i++)
		if ((size_t)got == sizeof(h) && !memcmp(h, packed[i].magic, i ? 4 : 3))
			return fail(f, -EPROTO,
				    "is compressed by %s: unpack it (%s FILE | ... -r -)",
				    packed[i].name, packed[i].tool);
	return fail(f, -EPROTO, "is no capture file: it begins as neither pcap nor pcapng does");
}

struct bk_savefile *bk_savefile_open(int fd, const char **why)
{
	static char said[sizeof(((struct bk_savefile *)0)->why)];
	struct bk_savefile *f = calloc(1, sizeof(*f));

	*why = "needs more memory than there is";
	if (!f)
		return NULL;
	f->fd = fd;
	if (!open_file(f))
		return f;
	memcpy(said, f->why, sizeof(said));
	*why = said;
	bk_savefile_close(f);
	return NULL;
}

void bk_savefile_before_read(struct bk_savefile *f, bool (*call)(void *arg), void *arg)
{
	f->before_read = call;
	f->arg = arg;
}

int bk_savefile_next(struct bk_savefile *f, struct bk_saved *p)
{
	int ret;

	memset(p, 0, sizeof(*p));
	if (f->ended || f->error)
		return f->error;
	ret = f->pcapng ? next_pcapng(f, p) : next_pcap(f, p);
	if (ret <= 0)
		memset(p, 0, sizeof(*p));
	else if (p->len < p->cap_len)
		p->len = p->cap_len;
	f->ended = !ret;
	return ret;
}

const char *bk_savefile_why(const struct bk_savefile *f)
{
	return f->why;
}

void bk_savefile_close(struct bk_savefile *f)
{
	if (!f)
		return;
	forget_interfaces(f);
	free(f->interfaces);
	free(f->body);
	free(f);
}
