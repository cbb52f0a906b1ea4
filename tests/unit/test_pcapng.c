// SPDX-License-Identifier: GPL-2.0-only
/* Blocks of pcapng, byte by byte, and that they go out whole. Layouts and numbers: draft-ietf-opsawg-pcapng. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include "out_file.h"
#include "pcapng.h"

/* ---- what is expected, put together by the number ---- */

static unsigned char want[1 << 20];
static size_t nwant;

static void bytes(const void *p, size_t n)
{
	memcpy(want + nwant, p, n);
	nwant += n;
}

static void u16(uint16_t v)
{
	bytes(&v, sizeof(v));
}

static void u32(uint32_t v)
{
	bytes(&v, sizeof(v));
}

static void u64(uint64_t v)
{
	bytes(&v, sizeof(v));
}

static void text_option(uint16_t code, const char *s)
{
	u16(code);
	u16(strlen(s));
	bytes(s, strlen(s));
	while (nwant % 4)
		bytes("", 1);
}

/* What was expected is there, and nothing else. */
static void assert_written(void)
{
	size_t n = nwant;
	struct stat st;

	nwant = 0;
	bk_flush(&out);
	assert_int_equal(out.error, 0);
	assert_int_equal(out.left, 0);
	assert_int_equal(out.part, 0);
	assert_int_equal(fstat(file, &st), 0);
	assert_int_equal(st.st_size, n);
	test_read(file);
	assert_memory_equal(test_text, want, n);
}

/* ---- each block ---- */

static void section(void **state)
{
	struct utsname u;
	char os[256];
	size_t len;

	assert_int_equal(uname(&u), 0);
	snprintf(os, sizeof(os), "%s %s", u.sysname, u.release);
	bk_pcapng_section(&out, "bpfkit test");
	assert_true(out.blocks);
	u32(0x0a0d0d0a);
	u32(0); /* set below */
	u32(0x1a2b3c4d);
	u16(1);
	u16(0);
	u64(UINT64_MAX);
	text_option(2, u.machine);
	text_option(3, os);
	text_option(4, "bpfkit test");
	u32(0);
	len = nwant + 4;
	u32(len);
	memcpy(want + 4, &(uint32_t){ len }, 4);
	assert_written();
}

static void interface(void **state)
{
	struct bk_pcapng_interface i = {
		.name = "eth0", .description = "to the left", .link_type = BK_LINK_ETHERNET, .snaplen = 262144
	};

	bk_pcapng_put_interface(&out, &i);
	u32(1);
	u32(56);
	u16(1);
	u16(0);
	u32(262144);
	text_option(2, "eth0");
	text_option(3, "to the left");
	u16(9);
	u16(1);
	bytes("\x09\0\0", 4);
	u32(0);
	u32(56);
	i.name = i.description = NULL;
	i.link_type = BK_LINK_RAW;
	i.snaplen = 96;
	bk_pcapng_put_interface(&out, &i);
	u32(1);
	u32(32);
	u16(101);
	u16(0);
	u32(96);
	u16(9);
	u16(1);
	bytes("\x09\0\0", 4);
	u32(0);
	u32(32);
	assert_written();
}

static void packet_with_nothing_else(void **state)
{
	struct bk_pcapng_packet p = {
		.interface = 7, .time = 0x1122334455667788, .data = "abcde", .cap_len = 5, .len = 1514
	};

	bk_pcapng_put_packet(&out, &p);
	u32(6);
	u32(40);
	u32(7);
	u32(0x11223344);
	u32(0x55667788);
	u32(5);
	u32(1514);
	bytes("abcde\0\0", 8);
	u32(40);
	/* no byte at all of it was captured */
	p.cap_len = 0;
	p.data = NULL;
	bk_pcapng_put_packet(&out, &p);
	u32(6);
	u32(32);
	u32(7);
	u32(0x11223344);
	u32(0x55667788);
	u32(0);
	u32(1514);
	u32(32);
	assert_written();
}

static void packet_with_all_options(void **state)
{
	struct bk_pcapng_packet p = {
		.data = "abcd",
		.cap_len = 4,
		.len = 4,
		.comment = "why",
		.flags = BK_PCAPNG_IN | BK_PCAPNG_PROMISCUOUS,
		.has = BK_PCAPNG_QUEUE | BK_PCAPNG_VERDICT | BK_PCAPNG_DROPPED,
		.queue = 3,
		.verdict = 2,
		.dropped = 0x100000001,
	};

	bk_pcapng_put_packet(&out, &p);
	u32(6);
	u32(92);
	u32(0);
	u64(0);
	u32(4);
	u32(4);
	bytes("abcd", 4);
	text_option(1, "why");
	u16(2);
	u16(4);
	u32(1 | 4 << 2);
	u16(4);
	u16(8);
	u64(0x100000001);
	u16(6);
	u16(4);
	u32(3);
	u16(7);
	u16(9);
	bytes("\x02", 1);
	u64(2);
	bytes("\0\0", 3);
	u32(0);
	u32(92);
	assert_written();
}

/* Zero is a value like others: only what is not known is left out. */
static void zeros_are_told(void **state)
{
	struct bk_pcapng_packet p = { .has = BK_PCAPNG_QUEUE | BK_PCAPNG_DROPPED };

	bk_pcapng_put_packet(&out, &p);
	u32(6);
	u32(56);
	u32(0);
	u64(0);
	u64(0);
	u16(4);
	u16(8);
	u64(0);
	u16(6);
	u16(4);
	u32(0);
	u32(0);
	u32(56);
	assert_written();
}

static void statistics(void **state)
{
	struct bk_pcapng_statistics s = { .interface = 2,
					  .time = 0x300000004,
					  .start = 0x100000002,
					  .end = 0x300000003,
					  .lost = 0x500000006,
					  .delivered = 23 };

	bk_pcapng_put_statistics(&out, &s);
	u32(5);
	u32(76);
	u32(2);
	u32(3);
	u32(4);
	u16(2);
	u16(8);
	u32(1);
	u32(2);
	u16(3);
	u16(8);
	u32(3);
	u32(3);
	u16(7);
	u16(8);
	u64(0x500000006);
	u16(8);
	u16(8);
	u64(23);
	u32(0);
	u32(76);
	assert_written();
}

static void strings_are_made_harmless(void **state)
{
	struct bk_pcapng_packet p = { .comment = "\033[31m\n\xff\xe2\x80\xae" "\xc3\xa9" };

	bk_pcapng_put_packet(&out, &p);
	u32(6);
	u32(32 + 4 + 28 + 4);
	u32(0);
	u64(0);
	u64(0);
	text_option(1, "\\x1b[31m\\x0a\\xff\\u{202e}\xc3\xa9");
	u32(0);
	u32(32 + 4 + 28 + 4);
	assert_written();
}

/* The longest that there can be: each byte of three strings becomes four. */
static void strings_are_bounded(void **state)
{
	static char name[3000], escaped[4 * BK_PCAPNG_TEXT + 1];
	struct bk_pcapng_interface i = { .name = name, .description = name };
	uint32_t len = 20 + 2 * (4 + 4 * BK_PCAPNG_TEXT) + 8 + 4;

	memset(name, '\001', sizeof(name) - 1);
	for (int k = 0; k < BK_PCAPNG_TEXT; k++)
		memcpy(escaped + 4 * k, "\\x01", 4);
	bk_pcapng_put_interface(&out, &i);
	u32(1);
	u32(len);
	u64(0);
	text_option(2, escaped);
	text_option(3, escaped);
	u16(9);
	u16(1);
	bytes("\x09\0\0", 4);
	u32(0);
	u32(len);
	assert_written();
}

/* ---- blocks go out whole ---- */

/* How many packets there are, of this many bytes and all bytes the same; each block has to be complete. */
static unsigned int packets(const char *p, size_t n)
{
	uint32_t head[7], last;
	unsigned int found = 0;

	for (size_t at = 0; at < n; found++) {
		assert_true(n - at >= 32);
		memcpy(head, p + at, sizeof(head));
		assert_int_equal(head[0], 6);
		assert_true(head[1] >= 32 && head[1] % 4 == 0 && head[1] <= n - at);
		assert_true(head[5] <= head[1] - 32);
		for (uint32_t i = 0; i < head[5]; i++)
			if (p[at + 28 + i] != (char)found)
				fail_msg("byte %u of packet %u", i, found);
		at += head[1];
		memcpy(&last, p + at - 4, 4);
		assert_int_equal(last, head[1]);
	}
	return found;
}

static void put_packets(unsigned int n, uint32_t cap_len)
{
	static char data[400000];
	struct bk_pcapng_packet p = { .data = data, .cap_len = cap_len, .len = cap_len, .comment = "comment" };

	for (unsigned int i = 0; i < n; i++) {
		memset(data, i, cap_len);
		bk_pcapng_put_packet(&out, &p);
	}
}

static void packets_of_all_lengths(void **state)
{
	static const uint32_t lengths[] = { 0, 1, 60, 1514, 9000, 65476, 65480, 65535, 65536, 131072, 300001 };

	out.blocks = true;
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
		put_packets(3, lengths[i]);
		written();
		assert_int_equal(out.left, 0);
		assert_int_equal(packets(test_text, 3 * (28 + (lengths[i] + 3) / 4 * 4 + 12 + 4 + 4)), 3);
	}
}

/* The disk is full after so many bytes. */
static void with_room_for(size_t room, uint32_t cap_len)
{
	uint32_t block = 28 + (cap_len + 3) / 4 * 4 + 12 + 4 + 4;
	struct rlimit old, limit;
	struct stat st;
	int error;

	begin(NULL);
	out.blocks = true;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	limit = old;
	limit.rlim_cur = room;
	setrlimit(RLIMIT_FSIZE, &limit);
	put_packets(200, cap_len);
	bk_flush(&out);
	error = out.error;
	put_packets(200, cap_len);
	bk_flush(&out);
	setrlimit(RLIMIT_FSIZE, &old);
	assert_int_equal(error, -EFBIG);
	assert_int_equal(out.error, -EFBIG);
	assert_int_equal(fstat(file, &st), 0);
	assert_int_equal(st.st_size, room / block * block);
	test_read(file);
	assert_int_equal(packets(test_text, st.st_size), room / block);
	end(NULL);
}

static void file_ends_with_a_whole_packet(void **state)
{
	end(NULL);
	signal(SIGXFSZ, SIG_IGN);
	for (size_t room = 0; room < 500; room++)
		with_room_for(room, 61);
	with_room_for(65536, 1514);
	with_room_for(65537, 1514);
	with_room_for(131072, 1514);
	with_room_for(200000, 1514);
	with_room_for(1000, 100000);
	with_room_for(70000, 100000);
	with_room_for(250000, 100000);
	begin(NULL);
}

/* Of what others wrote nothing is taken back. */
static void appended_file_keeps_what_was_there(void **state)
{
	struct rlimit old, limit;
	struct stat st;

	assert_int_equal(write(file, "before", 6), 6);
	out.blocks = true;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
	limit = old;
	limit.rlim_cur = 6 + 108 + 50;
	setrlimit(RLIMIT_FSIZE, &limit);
	put_packets(3, 60);
	bk_flush(&out);
	setrlimit(RLIMIT_FSIZE, &old);
	assert_int_equal(out.error, -EFBIG);
	assert_int_equal(fstat(file, &st), 0);
	assert_int_equal(st.st_size, 6 + 108);
	test_read(file);
	assert_memory_equal(test_text, "before", 6);
	assert_int_equal(packets(test_text + 6, 108), 1);
}

/* Nobody reads the pipe, which holds so many bytes, and it is time to end. */
static void with_pipe_of(int size, uint32_t cap_len)
{
	static char text[1 << 20];
	size_t n = 0;
	ssize_t got;
	int ends[2];

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(fcntl(ends[1], F_SETPIPE_SZ, size), size);
	bk_out_init(&out, ends[1]);
	out.blocks = true;
	out.patience = 0;
	put_packets(200, cap_len);
	bk_flush(&out);
	assert_int_equal(out.error, -EINTR);
	close(ends[1]);
	while ((got = read(ends[0], text + n, sizeof(text) - n)) > 0)
		n += got;
	close(ends[0]);
	assert_true(n > (size_t)size / 2); /* what of a page is no whole block stays empty */
	packets(text, n);
}

/* Where it is full is another place in the buffer each time. */
static void pipe_ends_with_a_whole_packet(void **state)
{
	for (uint32_t cap_len = 1200; cap_len < 1600; cap_len += 4)
		with_pipe_of(1 << 17, cap_len);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(section, begin, end),
		cmocka_unit_test_setup_teardown(interface, begin, end),
		cmocka_unit_test_setup_teardown(packet_with_nothing_else, begin, end),
		cmocka_unit_test_setup_teardown(packet_with_all_options, begin, end),
		cmocka_unit_test_setup_teardown(zeros_are_told, begin, end),
		cmocka_unit_test_setup_teardown(statistics, begin, end),
		cmocka_unit_test_setup_teardown(strings_are_made_harmless, begin, end),
		cmocka_unit_test_setup_teardown(strings_are_bounded, begin, end),
		cmocka_unit_test_setup_teardown(packets_of_all_lengths, begin, end),
		cmocka_unit_test_setup_teardown(file_ends_with_a_whole_packet, begin, end),
		cmocka_unit_test_setup_teardown(appended_file_keeps_what_was_there, begin, end),
		cmocka_unit_test_setup_teardown(pipe_ends_with_a_whole_packet, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
