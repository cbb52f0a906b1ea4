// SPDX-License-Identifier: GPL-2.0-only
/* Capture files, put together byte by byte in either byte order, and those of lib/pcapng.c. */
#include <errno.h>
#include <fcntl.h>

#include "pcapng.h"
#include "savefile.h"
#include "test.h"

/* ---- files ---- */

static uint8_t made[1 << 20];
static size_t n;
static bool big; /* in which order what is put comes */

static void put_bytes(const void *p, size_t len)
{
	memcpy(made + n, p, len);
	n += len;
}

static void put(uint64_t v, int len)
{
	for (int i = 0; i < len; i++) {
		int at = big ? len - 1 - i : i;

		made[n++] = at < 8 ? v >> 8 * at : 0;
	}
}

static void pad(void)
{
	while (n % 4)
		made[n++] = 0;
}

static size_t begin_block(uint32_t type)
{
	put(type, 4);
	put(0, 4);
	return n - 8;
}

static void end_block(size_t start)
{
	uint32_t len = n + 4 - start;

	put(len, 4);
	n = start + 4;
	put(len, 4);
	n = start + len;
}

static void option(uint16_t code, const void *value, size_t len)
{
	put(code, 2);
	put(len, 2);
	put_bytes(value, len);
	pad();
}

/* An option that is a number. */
static void number(uint16_t code, uint64_t v, int len)
{
	put(code, 2);
	put(len, 2);
	put(v, len);
	pad();
}

static void section(bool big_endian)
{
	size_t b;

	big = big_endian;
	b = begin_block(0x0a0d0d0a);
	put(0x1a2b3c4d, 4);
	put(1, 2);
	put(0, 2);
	put(UINT64_MAX, 8);
	option(4, "somebody", 8);
	put(0, 4);
	end_block(b);
}

/* Of a resolution, 0: the usual one, and with an offset. */
static void interface(uint16_t link_type, uint32_t snaplen, const char *name, uint8_t tsresol,
		      int64_t tsoffset)
{
	size_t b = begin_block(1);

	put(link_type, 2);
	put(0, 2);
	put(snaplen, 4);
	if (name)
		option(2, name, strlen(name));
	if (tsresol)
		number(9, tsresol, 1);
	if (tsoffset)
		number(14, tsoffset, 8);
	end_block(b); /* without the end of options, which may be left out */
}

/* What there is of an enhanced packet before its options. */
static size_t begin_packet(uint32_t id, uint64_t units, const char *data, uint32_t len)
{
	size_t b = begin_block(6);

	put(id, 4);
	put(units >> 32, 4);
	put((uint32_t)units, 4);
	put(strlen(data), 4);
	put(len, 4);
	put_bytes(data, strlen(data));
	pad();
	return b;
}

static void packet(uint32_t id, uint64_t units, const char *data, uint32_t len)
{
	end_block(begin_packet(id, units, data, len));
}

static void pcap(bool big_endian, uint32_t magic, uint32_t link_type)
{
	big = big_endian;
	put(magic, 4);
	put(2, 2);
	put(4, 2);
	put(0, 8);
	put(65535, 4);
	put(link_type, 4);
}

static void record(uint32_t sec, uint32_t fraction, const char *data, uint32_t len)
{
	put(sec, 4);
	put(fraction, 4);
	put(strlen(data), 4);
	put(len, 4);
	put_bytes(data, strlen(data));
}

/* ---- reading them ---- */

static struct bk_savefile *f;
static struct bk_saved p;
static const char *why;
static int fd = -1;

/* Opens what was put together, and begins anew. */
static void open_file(void)
{
	bk_savefile_close(f);
	if (fd >= 0)
		close(fd);
	fd = memfd_create("made", MFD_CLOEXEC);
	if (write(fd, made, n) != (ssize_t)n || lseek(fd, 0, SEEK_SET))
		fail();
	f = bk_savefile_open(fd, &why);
	n = 0;
}

static int clear(void **state)
{
	bk_savefile_close(f);
	f = NULL;
	n = 0;
	big = false;
	if (fd >= 0)
		close(fd);
	fd = -1;
	return 0;
}

static void assert_refused(const char *with)
{
	open_file();
	assert_null(f);
	assert_string_equal(why, with);
}

static void assert_next(const char *data, uint32_t len, uint16_t link_type, uint64_t time_ns)
{
	if (bk_savefile_next(f, &p) != 1)
		fail_msg("no packet: %s", bk_savefile_why(f));
	assert_int_equal(p.cap_len, strlen(data));
	assert_memory_equal(p.data, data, p.cap_len);
	assert_int_equal(p.len, len);
	assert_int_equal(p.link_type, link_type);
	assert_true(p.has_time);
	assert_int_equal(p.time_ns, time_ns);
}

static void assert_end(void)
{
	for (int i = 0; i < 2; i++)
		if (bk_savefile_next(f, &p))
			fail_msg("no end: %s", bk_savefile_why(f));
	assert_string_equal(bk_savefile_why(f), "");
}

/* Here it cannot be read on, also when it is asked again. */
static void assert_broken(const char *with)
{
	for (int i = 0; i < 2; i++) {
		assert_true(bk_savefile_next(f, &p) < 0);
		assert_string_equal(bk_savefile_why(f), with);
		assert_null(p.data);
	}
}

/* ---- pcap ---- */

static void pcap_of_all_kinds(void **state)
{
	for (int i = 0; i < 4; i++) {
		bool nano = i & 1;

		pcap(i & 2, nano ? 0xa1b23c4d : 0xa1b2c3d4, 113);
		record(1700000000, 123456, "abc", 1514);
		record(0xffffffff, 0, "", 0);
		record(0, 999999, "defgh", 5);
		open_file();
		assert_non_null(f);
		assert_next("abc", 1514, 113, 1700000000000000000 + 123456 * (nano ? 1 : 1000));
		assert_null(p.interface);
		assert_null(p.comment);
		assert_int_equal(p.has, 0);
		assert_next("", 0, 113, 4294967295000000000);
		assert_next("defgh", 5, 113, 999999 * (nano ? 1 : 1000));
		assert_end();
	}
}

static void pcap_links(void **state)
{
	pcap(false, 0xa1b2c3d4, 0x24000001); /* Ethernet, checksums of four bytes behind it */
	record(1, 0, "abc", 3);
	open_file();
	assert_next("abc", 3, BK_LINK_ETHERNET, 1000000000);
	pcap(false, 0xa1b2c3d4, 12); /* what older ones wrote */
	record(1, 0, "abc", 3);
	open_file();
	assert_next("abc", 3, BK_LINK_RAW, 1000000000);
}

static void a_packet_that_is_longer_than_it_was(void **state)
{
	pcap(false, 0xa1b2c3d4, 1);
	record(1, 0, "abc", 2);
	open_file();
	assert_next("abc", 3, 1, 1000000000);
	assert_end();
}

static void pcap_that_is_cut_off(void **state)
{
	static const char *const ends[] = {
		[23] = "is cut off at byte 23, within its header",
		[25] = "is cut off at byte 25, in the middle of a packet that begins at byte 24",
		[42] = "is cut off at byte 42, in the middle of a packet that begins at byte 24",
		[60] = "is cut off at byte 60, in the middle of a packet that begins at byte 43",
	};

	for (size_t cut = 4; cut <= 61; cut++) {
		pcap(true, 0xa1b2c3d4, 1);
		record(1, 0, "abc", 3);
		record(2, 0, "de", 3);
		assert_int_equal(n, 61);
		n = cut;
		open_file();
		assert_true(!f == (cut < 24));
		if (!f) {
			assert_non_null(strstr(why, ", within its header"));
		} else {
			if (cut >= 43)
				assert_next("abc", 3, 1, 1000000000);
			if (cut == 24 || cut == 43) {
				assert_end();
				continue;
			}
			if (cut == 61) {
				assert_next("de", 3, 1, 2000000000);
				assert_end();
				continue;
			}
			assert_true(bk_savefile_next(f, &p) < 0);
			why = bk_savefile_why(f);
		}
		if (cut < ARRAY_LEN(ends) && ends[cut])
			assert_string_equal(why, ends[cut]);
	}
}

static void pcap_of_a_packet_that_is_too_long(void **state)
{
	pcap(false, 0xa1b2c3d4, 1);
	record(1, 0, "abc", 3);
	put(1, 8);
	put(0xffffffff, 4);
	put(0xffffffff, 4);
	open_file();
	assert_next("abc", 3, 1, 1000000000);
	assert_broken("is damaged: the packet at byte 43 says that it has more than 16 MiB");
}

static void what_is_no_capture_file(void **state)
{
	assert_refused("is empty");
	put_bytes("\xd4\xc3\xb2", 3);
	assert_refused("is no capture file: it begins as neither pcap nor pcapng does");
	put_bytes("#!/bin/sh\n", 10);
	assert_refused("is no capture file: it begins as neither pcap nor pcapng does");
	put_bytes("\x1f\x8b\x08\x08zzzz", 8);
	assert_refused("is compressed by gzip: unpack it (zcat FILE | ... -r -)");
	put(0xa1b2c3d4, 4);
	put(3, 4);
	put(0, 16);
	assert_refused("is pcap of version 3.0, and only 2.4 is known here");
	f = bk_savefile_open(-1, &why);
	assert_null(f);
	assert_string_equal(why, "cannot be read: Bad file descriptor");
}

/* ---- pcapng ---- */

static void pcapng_of_both_orders(void **state)
{
	for (int i = 0; i < 2; i++) {
		size_t b;

		section(i);
		interface(1, 262144, "eth0", 9, 0);
		interface(113, 96, NULL, 0, 0);
		b = begin_packet(0, 1700000000123456789, "abcde", 1514);
		option(1, "a comment", 9);
		option(1, "another", 7);
		number(2, 0x11, 4);
		option(3, "\2hash", 5);
		number(4, 0x1122334455667788, 8);
		number(6, 7, 4);
		put(7, 2);
		put(9, 2);
		put_bytes("\2", 1);
		put(2, 8);
		pad();
		put(0, 4);
		end_block(b);
		packet(1, 1700000000123456, "xyz", 3);
		open_file();
		assert_non_null(f);
		assert_next("abcde", 1514, 1, 1700000000123456789);
		assert_string_equal(p.interface, "eth0");
		assert_string_equal(p.comment, "a comment");
		assert_int_equal(p.flags, 0x11);
		assert_int_equal(p.has, BK_PCAPNG_QUEUE | BK_PCAPNG_VERDICT | BK_PCAPNG_DROPPED);
		assert_int_equal(p.queue, 7);
		assert_int_equal(p.verdict, 2);
		assert_int_equal(p.dropped, 0x1122334455667788);
		assert_next("xyz", 3, 113, 1700000000123456000);
		assert_null(p.interface);
		assert_null(p.comment);
		assert_int_equal(p.flags, 0);
		assert_int_equal(p.has, 0);
		assert_end();
	}
}

static void verdict_of_another_kind(void **state)
{
	size_t b;

	section(false);
	interface(1, 0, NULL, 0, 0);
	b = begin_packet(0, 0, "abc", 3);
	option(7, "\1\2\0\0\0\0\0\0\0", 9); /* of tc */
	option(7, "\0hardware", 9);
	end_block(b);
	open_file();
	assert_next("abc", 3, 1, 0);
	assert_int_equal(p.has, 0);
	assert_end();
}

/* Each has interfaces of its own, and its byte order. */
static void several_sections(void **state)
{
	section(false);
	interface(1, 0, "first", 9, 0);
	packet(0, 1, "abc", 3);
	section(true);
	interface(101, 0, "second", 9, 0);
	packet(0, 2, "de", 3);
	section(false);
	packet(0, 3, "f", 3);
	open_file();
	assert_next("abc", 3, 1, 1);
	assert_string_equal(p.interface, "first");
	assert_next("de", 3, 101, 2);
	assert_string_equal(p.interface, "second");
	assert_true(bk_savefile_next(f, &p) < 0);
	assert_non_null(
		strstr(bk_savefile_why(f), "is a packet of an interface that is not in the file"));
}

static void blocks_that_are_passed_over(void **state)
{
	size_t b;

	section(true);
	for (uint32_t type = 4; type < 12; type += type == 5 ? 2 : 1) { /* all but packets */
		b = begin_block(type);
		put_bytes("anything", 8);
		end_block(b);
	}
	b = begin_block(0x80000001);
	memset(made + n, 0, 500000);
	n += 500000;
	end_block(b);
	b = begin_block(0);
	end_block(b);
	interface(1, 0, NULL, 9, 0);
	b = begin_block(5);
	end_block(b);
	packet(0, 23, "abc", 3);
	open_file();
	assert_next("abc", 3, 1, 23);
	assert_end();
}

static void simple_packets(void **state)
{
	static const struct {
		uint32_t snaplen, len, cap_len;
	} cases[] = { { 0, 6, 6 }, { 4, 6, 4 }, { 100, 6, 6 } };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		size_t b;

		section(false);
		interface(1, cases[i].snaplen, "eth0", 0, 0);
		interface(113, 0, "eth1", 0, 0);
		b = begin_block(3);
		put(cases[i].len, 4);
		put_bytes("abcdef", cases[i].cap_len);
		pad();
		end_block(b);
		open_file();
		assert_int_equal(bk_savefile_next(f, &p), 1);
		assert_int_equal(p.cap_len, cases[i].cap_len);
		assert_int_equal(p.len, 6);
		assert_memory_equal(p.data, "abcdef", p.cap_len);
		assert_string_equal(p.interface, "eth0");
		assert_false(p.has_time);
		assert_end();
	}
}

static void obsolete_packets(void **state)
{
	for (int i = 0; i < 2; i++) {
		size_t b;

		section(i);
		interface(1, 0, "eth0", 0, 0);
		for (int lost = 0; lost < 2; lost++) {
			b = begin_block(2);
			put(0, 2);
			put(lost ? 5 : 0xffff, 2);
			put(1, 4);
			put(2, 4);
			put(3, 4);
			put(9, 4);
			put_bytes("abc", 3);
			pad();
			number(2, 2, 4);
			option(4, "something that is not of this block", 35);
			end_block(b);
		}
		open_file();
		assert_next("abc", 9, 1, 0x100000002ull * 1000);
		assert_int_equal(p.flags, 2);
		assert_int_equal(p.has, 0);
		assert_next("abc", 9, 1, 0x100000002ull * 1000);
		assert_int_equal(p.has, BK_PCAPNG_DROPPED);
		assert_int_equal(p.dropped, 5);
		assert_end();
	}
}

static void resolutions_and_offsets(void **state)
{
	static const struct {
		uint8_t tsresol;
		int64_t tsoffset;
		uint64_t units, ns; /* UINT64_MAX: does not fit */
	} cases[] = {
		{ 6, 0, 1700000000123456, 1700000000123456000 },
		{ 9, 0, UINT64_MAX - 1, UINT64_MAX - 1 },
		{ 3, 0, 1700000000123, 1700000000123000000 },
		{ 12, 0, 1999999, 1999 },
		{ 28, 0, UINT64_MAX, 1 },
		{ 29, 0, UINT64_MAX, 0 },
		{ 127, 0, UINT64_MAX, 0 },
		{ 0x80, 0, 1700000000, 1700000000000000000 }, /* 2^-0: seconds */
		{ 0x81, 0, 3, 1500000000 },
		{ 0x8a, 0, 1025, 1000976562 },
		{ 0xa0, 0, 0x180000000, 1500000000 },
		{ 0xc0, 0, UINT64_MAX, 999999999 },
		{ 0xff, 0, UINT64_MAX, 0 },
		{ 6, 1700000000, 5, 1700000000000005000 },
		{ 6, -1, 1500000, 500000000 },
		{ 9, -1700000000, 1700000000000000007, 7 },
		{ 9, -1, 999999999, UINT64_MAX },
		{ 6, 0, UINT64_MAX, UINT64_MAX },
		{ 9, 1, UINT64_MAX - 1, UINT64_MAX },
		{ 9, INT64_MAX, 0, UINT64_MAX },
		{ 9, INT64_MIN, UINT64_MAX, UINT64_MAX },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		section(i & 1);
		interface(1, 0, NULL, cases[i].tsresol, cases[i].tsoffset);
		packet(0, cases[i].units, "abc", 3);
		open_file();
		if (cases[i].ns == UINT64_MAX) {
			assert_true(bk_savefile_next(f, &p) < 0);
			assert_non_null(
				strstr(bk_savefile_why(f), "has a time before 1970 or after 2554"));
		} else {
			assert_next("abc", 3, 1, cases[i].ns);
		}
	}
}

/* Strings of strangers end where they say, or with a NUL, or where there is no more room. */
static void texts(void **state)
{
	static char text[60000];
	size_t b;

	memset(text, 'x', sizeof(text));
	section(false);
	b = begin_block(1);
	put(1, 2);
	put(0, 6);
	option(2, text, sizeof(text));
	option(2, "another", 7);
	end_block(b);
	b = begin_block(1);
	put(1, 2);
	put(0, 6);
	option(2, "eth\0\x1b[31m", 9);
	end_block(b);
	b = begin_packet(0, 0, "abc", 3);
	option(1, text, sizeof(text));
	end_block(b);
	b = begin_packet(1, 0, "abc", 3);
	option(1, "", 0);
	option(1, "the first that says something", 29);
	end_block(b);
	open_file();
	assert_next("abc", 3, 1, 0);
	assert_int_equal(strlen(p.interface), BK_SAVED_NAME);
	assert_int_equal(strlen(p.comment), BK_SAVED_COMMENT);
	assert_next("abc", 3, 1, 0);
	assert_string_equal(p.interface, "eth");
	assert_string_equal(p.comment, "the first that says something");
	assert_end();
}

/* ---- what is wrong with them ---- */

/* A packet, and behind it what b does; the whole may be changed before it is read. */
static size_t one_packet(void)
{
	section(false);
	interface(1, 0, NULL, 9, 0);
	packet(0, 23, "abc", 3);
	return n;
}

static void assert_damaged(size_t at, const char *how)
{
	char want[200];

	open_file();
	assert_next("abc", 3, 1, 23);
	snprintf(want, sizeof(want), "is damaged: the block at byte %zu %s", at, how);
	assert_broken(want);
}

static void blocks_of_wrong_lengths(void **state)
{
	static const uint32_t lengths[] = { 0, 4, 8, 11, 13, 33, 0xfffffffe, 0xffffffff };
	size_t at;

	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		at = one_packet();
		put(6, 4);
		put(lengths[i], 4);
		put(0, 60);
		assert_damaged(at, "has a length that no block can have");
	}
	at = one_packet();
	put(6, 4);
	put(0xfffffffc, 4);
	assert_damaged(at, "has more than 16 MiB");
	at = one_packet();
	packet(0, 0, "x", 1);
	made[n - 4]++;
	assert_damaged(at, "does not end with the length that it begins with");
	for (uint32_t type = 1; type <= 6; type += type == 3 ? 3 : 1) {
		size_t b;

		at = one_packet();
		b = begin_block(type);
		put(0, type == 1 ? 4 : type == 3 ? 0 : 16); /* a word less than it must have */
		end_block(b);
		assert_damaged(at, type == 1 ? "is too short for an interface" :
					       "is too short for a packet");
	}
}

static void packets_of_wrong_lengths(void **state)
{
	static const uint32_t lengths[] = { 5,          9,          100,       0x7fffffff,
					    0x80000000, 0xfffffffc, 0xffffffff };
	size_t at, b;

	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		at = one_packet();
		packet(0, 0, "abcd", 4);
		big = false;
		b = n;
		n = at + 20;
		put(lengths[i], 4);
		n = b;
		assert_damaged(at, "is shorter than its packet");
	}
	at = one_packet();
	b = begin_block(3);
	put(5, 4);
	put_bytes("abcd", 4);
	end_block(b);
	assert_damaged(at, "is shorter than its packet");
	at = one_packet();
	packet(1, 0, "abcd", 4);
	assert_damaged(at, "is a packet of an interface that is not in the file");
	at = one_packet();
	packet(0xffffffff, 0, "abcd", 4);
	assert_damaged(at, "is a packet of an interface that is not in the file");
}

static void options_that_are_wrong(void **state)
{
	static const struct {
		uint16_t code;
		size_t len;
	} fixed[] = { { 2, 3 }, { 2, 8 }, { 4, 4 }, { 6, 0 }, { 6, 5 } };
	size_t at, b;

	for (size_t i = 0; i < ARRAY_LEN(fixed); i++) {
		at = one_packet();
		b = begin_packet(0, 0, "abcd", 4);
		option(fixed[i].code, "12345678", fixed[i].len);
		end_block(b);
		assert_damaged(at, "has an option of a wrong length");
	}
	at = one_packet();
	b = begin_packet(0, 0, "abcd", 4);
	option(7, "\2\2", 2);
	end_block(b);
	assert_damaged(at, "has an option of a wrong length");
	for (uint32_t len = 5; len < 0x10000; len += len < 20 ? 1 : 9973) {
		at = one_packet();
		b = begin_packet(0, 0, "abcd", 4);
		put(1, 2);
		put(len, 2);
		put_bytes("1234", 4);
		end_block(b);
		assert_damaged(at, "has an option that is longer than the block");
	}
	for (int i = 0; i < 2; i++) {
		at = one_packet();
		b = begin_block(1);
		put(0, 8);
		number(i ? 14 : 9, 0, 2);
		end_block(b);
		assert_damaged(at, "has an option of a wrong length");
	}
}

static void sections_that_are_wrong(void **state)
{
	size_t at = one_packet();

	section(true);
	made[at + 8] = 0;
	assert_damaged(at, "begins a section without telling its byte order");
	at = one_packet();
	section(true);
	n = at + 8;
	put(0x1a2b3c4d, 4);
	put(2, 2);
	n = at + 48;
	open_file();
	assert_next("abc", 3, 1, 23);
	assert_broken("is pcapng of version 2.0, and only 1 is known here");
	big = false;
	put(0x0a0d0d0a, 4);
	put(12, 4);
	put(0x1a2b3c4d, 4);
	put(1, 4);
	assert_refused("is damaged: the block at byte 0 has a length that no block can have");
	put(0x0a0d0d0a, 4);
	put(28, 4);
	assert_refused("is cut off at byte 8, in the middle of a block that begins at byte 0");
}

static void pcapng_that_is_cut_off(void **state)
{
	char want[200];
	size_t at = one_packet(), end;

	packet(0, 0, "defg", 4);
	end = n;
	for (size_t cut = at + 1; cut < end; cut++) {
		one_packet();
		packet(0, 0, "defg", 4);
		n = cut;
		open_file();
		assert_next("abc", 3, 1, 23);
		snprintf(want, sizeof(want),
			 "is cut off at byte %zu, in the middle of a block that begins at byte %zu",
			 cut, at);
		assert_broken(want);
		n = 0;
	}
}

static void too_many_interfaces(void **state)
{
	fd = memfd_create("many", MFD_CLOEXEC);
	section(false);
	for (int i = 0; i <= BK_SAVED_INTERFACES; i++) {
		interface(1, 0, NULL, 0, 0);
		if (n > sizeof(made) / 2) {
			assert_int_equal(write(fd, made, n), n);
			n = 0;
		}
	}
	assert_int_equal(write(fd, made, n), n);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	f = bk_savefile_open(fd, &why);
	assert_true(bk_savefile_next(f, &p) < 0);
	assert_non_null(strstr(bk_savefile_why(f), "is the 65537th interface of its section"));
}

/* ---- from elsewhere ---- */

static void what_our_writer_wrote(void **state)
{
	struct bk_pcapng_interface i = { .name = "eth0",
					 .description = "to the left",
					 .link_type = BK_LINK_ETHERNET,
					 .snaplen = 262144 };
	struct bk_pcapng_packet w = { .time = 1700000000123456789,
				      .data = "abcde",
				      .cap_len = 5,
				      .len = 1514,
				      .comment = "reason: X",
				      .flags = BK_PCAPNG_IN,
				      .has = BK_PCAPNG_QUEUE | BK_PCAPNG_VERDICT |
					     BK_PCAPNG_DROPPED,
				      .queue = 3,
				      .verdict = 1,
				      .dropped = 7 };
	struct bk_pcapng_statistics s = { .delivered = 1 };
	static struct bk_out out;

	fd = memfd_create("written", MFD_CLOEXEC);
	bk_out_init(&out, fd);
	bk_pcapng_section(&out, "bpfkit test");
	bk_pcapng_put_interface(&out, &i);
	bk_pcapng_put_packet(&out, &w);
	bk_pcapng_put_statistics(&out, &s);
	bk_flush(&out);
	assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
	f = bk_savefile_open(fd, &why);
	assert_non_null(f);
	assert_next("abcde", 1514, 1, 1700000000123456789);
	assert_string_equal(p.interface, "eth0");
	assert_string_equal(p.comment, "reason: X");
	assert_int_equal(p.flags, BK_PCAPNG_IN);
	assert_int_equal(p.has, w.has);
	assert_int_equal(p.queue, 3);
	assert_int_equal(p.verdict, 1);
	assert_int_equal(p.dropped, 7);
	assert_end();
}

static int calls;

static bool count_call(void *arg)
{
	return ++calls == *(int *)arg;
}

/* A pipe gives what it has; the caller is told before each wait. */
static void from_a_pipe(void **state)
{
	int ends[2], never = -1;

	calls = 0;
	pcap(false, 0xa1b2c3d4, 1);
	record(1, 0, "abc", 3);
	record(2, 0, "defg", 4);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], made, 43), 43);
	f = bk_savefile_open(ends[0], &why);
	assert_non_null(f);
	bk_savefile_before_read(f, count_call, &never);
	assert_next("abc", 3, 1, 1000000000);
	assert_int_equal(calls, 0); /* it was there already */
	assert_int_equal(write(ends[1], made + 43, 5), 5);
	assert_int_equal(write(ends[1], made + 48, n - 48), n - 48);
	close(ends[1]);
	assert_next("defg", 4, 1, 2000000000);
	assert_int_equal(calls, 1);
	assert_end();
	assert_int_equal(calls, 2);
	close(ends[0]);
}

/* Whoever is told to end need not wait for what may never come. */
static void reading_can_be_ended(void **state)
{
	int ends[2], second = 2;

	calls = 0;
	pcap(false, 0xa1b2c3d4, 1);
	record(1, 0, "abc", 3);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], made, 24), 24);
	f = bk_savefile_open(ends[0], &why);
	assert_non_null(f);
	bk_savefile_before_read(f, count_call, &second);
	assert_int_equal(write(ends[1], made + 24, n - 24), n - 24);
	assert_next("abc", 3, 1, 1000000000);
	assert_int_equal(bk_savefile_next(f, &p), -EINTR);
	assert_int_equal(bk_savefile_next(f, &p), -EINTR);
	close(ends[0]);
	close(ends[1]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, clear, clear)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(pcap_of_all_kinds),
		TEST(pcap_links),
		TEST(a_packet_that_is_longer_than_it_was),
		TEST(pcap_that_is_cut_off),
		TEST(pcap_of_a_packet_that_is_too_long),
		TEST(what_is_no_capture_file),
		TEST(pcapng_of_both_orders),
		TEST(verdict_of_another_kind),
		TEST(several_sections),
		TEST(blocks_that_are_passed_over),
		TEST(simple_packets),
		TEST(obsolete_packets),
		TEST(resolutions_and_offsets),
		TEST(texts),
		TEST(blocks_of_wrong_lengths),
		TEST(packets_of_wrong_lengths),
		TEST(options_that_are_wrong),
		TEST(sections_that_are_wrong),
		TEST(pcapng_that_is_cut_off),
		TEST(too_many_interfaces),
		TEST(what_our_writer_wrote),
		TEST(from_a_pipe),
		TEST(reading_can_be_ended),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
