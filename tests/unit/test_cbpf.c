// SPDX-License-Identifier: GPL-2.0-only
/*
 * Filters as the kernel would run them, against libpcap's own bpf_filter(). BPFKIT_CBPF_PAIRS is how many pairs of a
 * filter and a frame are tried, of random instructions and of random expressions each; 10000 otherwise.
 */
#include <arpa/inet.h>
#include <errno.h>

#include "check_cbpf.h"
#include "pcapng.h"
#include "test.h"
#include "version.h"

#if BPFKIT_PCAP
/* As pcap/bpf.h has it; that cannot be included with linux/bpf.h. Instructions are those of struct bk_cbpf_insn. */
unsigned int bpf_filter(const void *code, const unsigned char *p, unsigned int len,
			unsigned int here);
#define need_libpcap() ((void)0)
#else
#define bpf_filter(code, p, len, here) 0
#define need_libpcap() skip_because("built without libpcap")
#endif

enum { FRAMES = 25 }; /* that each filter sees */

static uint64_t seed = 88172645463325252;

static uint32_t below(uint32_t n)
{
	return (test_random(&seed) >> 20) % n;
}

static unsigned int rounds(void)
{
	const char *n = getenv("BPFKIT_CBPF_PAIRS");

	return (n && *n ? strtoul(n, NULL, 10) : 10000) / FRAMES;
}

static struct bpf_insn row[BK_CBPF_ROOM];
static char why[BK_CBPF_WHY];

/* What the filters of a test look at. */
static enum bk_cbpf_kind kind;

static int in_window(void **state)
{
	kind = BK_CBPF_IN_WINDOW;
	return 0;
}

static int in_packet(void **state)
{
	kind = BK_CBPF_IN_PACKET;
	return 0;
}

/* ---- frames, of few values, so that filters match often ---- */

static unsigned char frame[400];

static unsigned int put16(unsigned int at, unsigned int v)
{
	frame[at] = v >> 8;
	frame[at + 1] = v;
	return at + 2;
}

static unsigned int make_l4(unsigned int at, unsigned int proto)
{
	for (int i = 0; i < 40; i++)
		frame[at + i] = below(4) ? 0 : below(256);
	put16(at, below(2) ? 53 : 1 + below(4));
	put16(at + 2, below(2) ? 53 : 1 + below(4));
	if (proto == 6)
		frame[at + 12] = 0x50;
	return at + (proto == 6 ? 20 : 8) + below(100);
}

static unsigned int make_l3(unsigned int at, unsigned int type)
{
	static const unsigned char protos[] = { 1, 2, 6, 6, 17, 17, 58, 132 };
	unsigned int proto = protos[below(sizeof(protos))], options = below(3) ? 0 : below(11);

	if (type == 0x800) {
		frame[at] = 0x45 + options;
		put16(at + 2, 20 + 4 * options + 8 + below(100));
		put16(at + 6, below(3) ? 0 : below(4) * 0x1000 + below(2) * 185);
		frame[at + 8] = below(5);
		frame[at + 9] = proto;
		memcpy(frame + at + 12,
		       (unsigned char[]){ 10, 0, 0, 1 + below(3), 10, 0, 0, 1 + below(3) }, 8);
		return make_l4(at + 20 + 4 * options, proto);
	}
	if (type == 0x86dd) {
		frame[at] = 0x60;
		frame[at + 6] = below(4) ? proto : 44;
		memset(frame + at + 8, 0, 32);
		memcpy(frame + at + 8, "\x20\x01\x0d\xb8", 4);
		memcpy(frame + at + 24, "\x20\x01\x0d\xb8", 4);
		frame[at + 23] = 1 + below(3);
		frame[at + 39] = 1 + below(3);
		if (frame[at + 6] == 44) {
			memset(frame + at + 40, 0, 8);
			frame[at + 40] = proto;
			at += 8;
		}
		return make_l4(at + 40, proto);
	}
	return at + below(60);
}

static unsigned int make_frame(void)
{
	static const unsigned short types[] = { 0x800,  0x800, 0x800,  0x86dd,
						0x86dd, 0x806, 0x88cc, 0x26 };
	unsigned int at = 12, tags = below(4), type = types[below(ARRAY_LEN(types))], n;

	for (size_t i = 0; i < sizeof(frame); i++)
		frame[i] = below(256);
	memcpy(frame, (unsigned char[]){ 2, 0, 0, 0, 0, below(4), 2, 0, 0, 0, 0, below(4) }, 12);
	if (!below(5))
		memset(frame, 255, 6);
	for (unsigned int i = 1; i < tags; i++) {
		at = put16(at, below(3) ? 0x8100 : 0x88a8);
		at = put16(at, below(8) * 0x2000 + below(4));
	}
	n = make_l3(put16(at, type), type);
	/* damage, and a cut */
	for (unsigned int i = below(3); i; i--)
		frame[below(n + 1)] = below(256);
	return below(3) ? n : below(n + 1);
}

/* ---- a filter and many frames ---- */

static unsigned int verdicts[3];

static void compare(const struct bk_cbpf_insn *code, const struct check_frame *f, const char *what)
{
	const char *wrong;
	int want = check_classic(code, f), got = check_run(row, f, &wrong);

	if (wrong)
		fail_msg("%s: %s", what, wrong);
	if (got != want)
		fail_msg("%s: %d, not %d, for a frame of %u bytes", what, got, want, f->len);
	verdicts[got]++;
	if (f->no_mac)
		return;
	/* libpcap says no where a frame is cut; beyond BK_CBPF_FARTHEST no frame of these reaches */
	if (got == BK_CBPF_UNDECIDED)
		assert_int_equal(bpf_filter(code, f->bytes, f->len, check_here(f)), 0);
	else if (BPFKIT_PCAP &&
		 !!bpf_filter(code, f->bytes, f->len, f->len) != (got == BK_CBPF_YES))
		fail_msg("%s: libpcap does not say %d for a frame of %u bytes", what, got, f->len);
}

static void compare_frames(const struct bk_cbpf_insn *code, const char *what)
{
	const char *wrong = check_row(row);

	if (wrong)
		fail_msg("%s: %s", what, wrong);
	for (int i = 0; i < FRAMES; i++) {
		struct check_frame f = { .bytes = frame, .len = make_frame(), .kind = kind };

		if (kind == BK_CBPF_IN_WINDOW)
			f.no_mac = !below(4);
		else if (!below(3))
			f.away = below(f.len + 1);
		compare(code, &f, what);
	}
}

/* ---- random instructions ---- */

static const uint8_t alu[] = { BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV, BPF_MOD, BPF_AND,
			       BPF_OR,  BPF_XOR, BPF_LSH, BPF_RSH, BPF_NEG };
static const uint8_t jumps[] = { BPF_JEQ, BPF_JGT, BPF_JGE, BPF_JSET, BPF_JA };
static const uint8_t sizes[] = { BPF_B, BPF_H, BPF_W };

enum { WORDS = 4, INSNS = 40 };

static uint32_t number(void)
{
	static const uint32_t odd[] = { 0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0x800, 14, 255 };

	return below(2) ? below(130) :
	       below(2) ? odd[below(ARRAY_LEN(odd))] :
			  (uint32_t)test_random(&seed);
}

static struct bk_cbpf_insn make_insn(unsigned int left)
{
	unsigned int what = below(10);
	uint8_t size = sizes[below(3)], by = below(2) ? BPF_X : BPF_K;
	struct bk_cbpf_insn c = { .k = number() };

	if (what < 3) {
		c.code = BPF_LD | size | (below(2) ? BPF_ABS : BPF_IND);
		c.k = below(20) ? below(110) : number();
	} else if (what == 3) {
		static const uint16_t codes[] = {
			BPF_LD | BPF_IMM,          BPF_LDX | BPF_IMM,
			BPF_LD | BPF_LEN | BPF_W,  BPF_LDX | BPF_LEN | BPF_W,
			BPF_LDX | BPF_MSH | BPF_B, BPF_MISC | BPF_TAX,
			BPF_MISC | BPF_TXA
		};

		c.code = codes[below(ARRAY_LEN(codes))];
		if (BPF_MODE(c.code) == BPF_MSH)
			c.k = below(BK_CBPF_WINDOW);
	} else if (what == 4) {
		static const uint16_t codes[] = { BPF_LD | BPF_MEM, BPF_LDX | BPF_MEM, BPF_ST,
						  BPF_STX };

		c.code = codes[below(4)];
		c.k = below(WORDS);
	} else if (what < 7) {
		c.code = BPF_ALU | alu[below(sizeof(alu))] | by;
		if (BPF_OP(c.code) == BPF_NEG)
			c.code = BPF_ALU | BPF_NEG;
		else if (BPF_OP(c.code) == BPF_LSH || BPF_OP(c.code) == BPF_RSH)
			c.k %= 32;
		else if (!c.k)
			c.k = 3;
	} else {
		c.code = BPF_JMP | jumps[below(sizeof(jumps))] | by;
		c.jt = below(left < 8 ? left : 8);
		c.jf = below(left < 8 ? left : 8);
		if (BPF_OP(c.code) == BPF_JA) {
			c.code = BPF_JMP | BPF_JA;
			c.k = below(left < 8 ? left : 8);
		}
	}
	return c;
}

/* Memory is written before it can be read, since libpcap does not say what is in it. */
static size_t make_program(struct bk_cbpf_insn *code)
{
	size_t n = 0, end = 2 * WORDS + 1 + below(INSNS);

	for (int i = 0; i < WORDS; i++) {
		code[n++] = (struct bk_cbpf_insn){ BPF_LD | BPF_IMM, 0, 0, number() };
		code[n++] = (struct bk_cbpf_insn){ BPF_ST, 0, 0, i };
	}
	for (; n < end; n++)
		code[n] = make_insn(end - n);
	code[n++] = (struct bk_cbpf_insn){ BPF_RET | (below(2) ? BPF_A : BPF_K), 0, 0, below(2) };
	return n;
}

static void test_random_instructions(void **state)
{
	struct bk_cbpf_insn code[2 * WORDS + INSNS + 3];
	unsigned int n = rounds(), taken = 0;

	memset(verdicts, 0, sizeof(verdicts));
	while (taken < n) {
		size_t len = make_program(code);
		int err = bk_cbpf_translate(code, len, kind, row, why);
		char what[64];

		if (err == -ERANGE)
			continue;
		assert_in_range(err, 1, BK_CBPF_ROOM);
		snprintf(what, sizeof(what), "random instructions, filter %u", taken++);
		compare_frames(code, what);
	}
	print_message("no %u, yes %u, undecided %u\n", verdicts[0], verdicts[1], verdicts[2]);
	for (int i = 0; i < 3; i++)
		assert_true(verdicts[i] > n); /* of FRAMES for each */
}

/* ---- random expressions ---- */

static const char *const primitives[] = {
	"ip",
	"ip6",
	"arp",
	"tcp",
	"udp",
	"icmp",
	"icmp6",
	"sctp",
	"igmp",
	"port 53",
	"tcp port 1",
	"udp src port 2",
	"tcp dst port 53",
	"portrange 1-3",
	"udp portrange 2-60",
	"host 10.0.0.1",
	"src host 10.0.0.2",
	"dst 10.0.0.3",
	"net 10.0.0.0/30",
	"src net 10.0.0.2/31",
	"host 2001:db8::1",
	"ip6 src host 2001:db8::2",
	"net 2001:db8::/127",
	"ether host 02:00:00:00:00:01",
	"ether src 02:00:00:00:00:02",
	"ether broadcast",
	"ether multicast",
	"ip multicast",
	"broadcast",
	"ether proto 0x88cc",
	"ether proto \\arp",
	"ip proto 6",
	"ip6 proto 17",
	"less 80",
	"greater 100",
	"len = 64",
	"len - 14 > 50",
	"ip[8] < 3",
	"ip[0] & 0xf != 5",
	"ip[6:2] & 0x1fff != 0",
	"ip[2:2] > 60",
	"tcp[tcpflags] & (tcp-syn|tcp-fin) != 0",
	"tcp[13] = 0",
	"udp[4:2] > 8",
	"icmp[icmptype] = icmp-echo",
	"ip[2:2] - ((ip[0] & 0xf) << 2) > 40",
	"ether[0] & 1 = 0",
	"ether[6:4] = 0x02000000",
	"ip6[6] = 44",
	"ip[ip[8]] = 10",
	"ether[len - 1] > 100",
	"tcp[((tcp[12] & 0xf0) >> 2):2] = 0",
	"ip[8] * 3 / 2 = 3",
	"ip[8] % 2 = 1",
	"ip[8] ^ 3 = 2",
	"1 << ip[8] = 4",
	"200 >> ip[8] > 60",
	"10 / ip[8] = 5",
	"llc",
	"llc u",
	"ether[100:4] = 0",
	"stp",
	"ah",
	"esp",
	"udp[100] = 3",
	"ip[90:2] != 0",
};
static const char *const tagged[] = { "vlan", "vlan 1", "vlan 2 and vlan 3", "vlan and udp port 53",
				      "mpls", "pppoes" };

static void add_primitive(char *expr, size_t size, int depth)
{
	size_t n = strlen(expr);

	if (!below(3))
		strncat(expr, "not ", size - n - 1);
	n = strlen(expr);
	if (depth && !below(3)) {
		strncat(expr, "(", size - n - 1);
		add_primitive(expr, size, depth - 1);
		strncat(expr, below(2) ? " and " : " or ", size - strlen(expr) - 1);
		add_primitive(expr, size, depth - 1);
		strncat(expr, ")", size - strlen(expr) - 1);
	} else {
		strncat(expr, primitives[below(ARRAY_LEN(primitives))], size - n - 1);
	}
}

/* From "vlan" on, all offsets are others: it comes last. */
static void make_expression(char *expr, size_t size)
{
	*expr = 0;
	for (unsigned int left = 1 + below(5); left; left--) {
		add_primitive(expr, size, 2);
		if (left > 1 || !below(4))
			strncat(expr, left > 1 ? (below(2) ? " and " : " or ") : " or ",
				size - strlen(expr) - 1);
		else
			return;
	}
	strncat(expr, tagged[below(ARRAY_LEN(tagged))], size - strlen(expr) - 1);
}

static void test_random_expressions(void **state)
{
	unsigned int n = rounds(), taken = 0, refused = 0;
	struct bk_cbpf_insn *code;
	char expr[2048];

	need_libpcap();
	memset(verdicts, 0, sizeof(verdicts));
	while (taken < n) {
		int len, err;

		make_expression(expr, sizeof(expr));
		len = bk_cbpf_compile(expr, &code, why);
		/* what can never match is refused, and there is some of that */
		if (len < 0 && ++refused <= 9 * (taken + 10) && strstr(why, "rejects all packets"))
			continue;
		if (len < 0)
			fail_msg("'%s' %s", expr, why);
		err = bk_cbpf_translate(code, len, kind, row, why);
		if (err < 0)
			fail_msg("'%s' %s", expr, why);
		taken++;
		compare_frames(code, expr);
		free(code);
	}
	print_message("no %u, yes %u, undecided %u; never matches: %u\n", verdicts[0], verdicts[1],
		      verdicts[2], refused);
	assert_true(verdicts[0] > n && verdicts[1] > n && verdicts[2] > n / 50);
}

/* Each of them is taken, and says the same as libpcap for a frame cut at each length. */
static void test_primitives(void **state)
{
	struct bk_cbpf_insn *code;

	need_libpcap();
	for (size_t i = 0; i < ARRAY_LEN(primitives) + ARRAY_LEN(tagged); i++) {
		const char *expr = i < ARRAY_LEN(primitives) ? primitives[i] :
							       tagged[i - ARRAY_LEN(primitives)];
		int n = bk_cbpf_compile(expr, &code, why);

		if (n < 0 || bk_cbpf_translate(code, n, kind, row, why) < 0)
			fail_msg("'%s' %s", expr, why);
		for (int k = 0; k < 5; k++) {
			unsigned int whole = make_frame();

			for (unsigned int len = 0; len <= whole; len++)
				compare(code,
					&(struct check_frame){
						.bytes = frame, .len = len, .kind = kind },
					expr);
		}
		free(code);
	}
}

/* ---- what is decided, by hand ---- */

static int verdict_in(const char *expr, const struct check_frame *f)
{
	const char *wrong;
	int n = bk_cbpf_make(expr, kind, row, why);

	if (n < 0)
		fail_msg("'%s' %s", expr, why);
	n = check_run(row, f, &wrong);
	if (wrong)
		fail_msg("'%s': %s", expr, wrong);
	return n;
}

static int verdict_of(const char *expr, const unsigned char *bytes, uint32_t len, bool no_mac)
{
	return verdict_in(expr,
			  &(struct check_frame){ .bytes = bytes, .len = len, .no_mac = no_mac });
}

static void test_undecided(void **state)
{
	unsigned char bytes[300] = { [12] = 8, [14] = 0x4f };

	need_libpcap();
	/* 14 bytes, 60 of the header: byte 50 behind is 124 */
	bytes[23] = 17;
	assert_int_equal(verdict_of("udp[50] = 0", bytes, 300, false), BK_CBPF_UNDECIDED);
	assert_int_equal(verdict_of("udp[45] = 0", bytes, 300, false), BK_CBPF_YES);
	assert_int_equal(verdict_of("udp[46] = 0", bytes, 300, false), BK_CBPF_UNDECIDED);
	/* in a frame that ends before, it is decided */
	assert_int_equal(verdict_of("udp[50] = 0", bytes, 124, false), BK_CBPF_NO);
	assert_int_equal(verdict_of("udp[50] = 0", bytes, 125, false), BK_CBPF_UNDECIDED);
	/* what comes first may decide */
	assert_int_equal(verdict_of("arp and udp[50] = 0 or ip", bytes, 300, false), BK_CBPF_YES);
	/* without addresses all but these is known */
	assert_int_equal(verdict_of("udp", bytes, 300, true), BK_CBPF_YES);
	assert_int_equal(verdict_of("ether broadcast", bytes, 300, true), BK_CBPF_UNDECIDED);
	assert_int_equal(verdict_of("tcp and ether broadcast", bytes, 300, true), BK_CBPF_NO);
	assert_int_equal(verdict_of("greater 300", bytes, 300, true), BK_CBPF_YES);
	assert_int_equal(verdict_of("greater 301", bytes, 300, true), BK_CBPF_NO);
	/* no expression: all of them */
	assert_int_equal(verdict_of("", bytes, 0, true), BK_CBPF_YES);
}

/* In a packet all is seen that is in its first piece. */
static void test_undecided_in_a_packet(void **state)
{
	static unsigned char bytes[500] = { [12] = 8, [14] = 0x45, [23] = 17 };
	struct check_frame f = { .bytes = bytes, .len = 500, .kind = BK_CBPF_IN_PACKET };

	need_libpcap();
	assert_int_equal(verdict_in("udp[465] = 0", &f), BK_CBPF_YES);
	assert_int_equal(verdict_in("udp[466] = 0", &f), BK_CBPF_NO);
	f.away = 100;
	assert_int_equal(verdict_in("udp[365] = 0", &f), BK_CBPF_YES);
	assert_int_equal(verdict_in("udp[366] = 0", &f), BK_CBPF_UNDECIDED);
	assert_int_equal(verdict_in("udp[465] = 0", &f), BK_CBPF_UNDECIDED);
	assert_int_equal(verdict_in("udp[466] = 0", &f), BK_CBPF_NO);
	assert_false(bk_cbpf_has_len(row));
	assert_int_equal(verdict_in("len = 500 and ether[399] = 0", &f), BK_CBPF_YES);
	assert_true(bk_cbpf_has_len(row));
	/* what is too far for the verifier, though it may be there */
	f.len = 100000;
	f.away = 100000 - 500;
	assert_int_equal(verdict_in("ether[len - 1] = 0", &f), BK_CBPF_UNDECIDED);
	assert_int_equal(verdict_in("ether[len] = 0", &f), BK_CBPF_NO);
	assert_int_equal(verdict_in("ether[0 - len] = 0", &f), BK_CBPF_NO);
	assert_int_equal(bk_cbpf_make("ether[32766] = 0", kind, row, why) > 0, 1);
	assert_int_equal(bk_cbpf_make("ether[32767] = 0", kind, row, why), -ERANGE);
	assert_non_null(strstr(why, "byte 32767"));
}

/* ---- what is refused ---- */

static void test_expressions_that_are_refused(void **state)
{
	static const struct {
		const char *expr, *says;
		int err;
	} cases[] = {
		{ "tcp port", "libpcap", -EINVAL },
		{ "(", "libpcap", -EINVAL },
		{ "ether[117:4] = 0", "byte 117", -ERANGE },
		{ "ether[120] = 0", "byte 120", -ERANGE },
		{ "ip and ether[300 + len] = 0 or udp", "byte", -ERANGE },
		{ "inbound", "only a capture knows", -ERANGE },
		{ "ip protochain 6", "loop", -EOPNOTSUPP },
		{ "host localhost", "'localhost'", -EINVAL },
		{ "www.example.org", "'www.example.org'", -EINVAL },
		{ "ip host 1.2.3.4.5", "'1.2.3.4.5'", -EINVAL },
		{ "net loopback", "'loopback'", -EINVAL },
		{ "port domain", "'domain'", -EINVAL },
		{ "tcp port http", "'http'", -EINVAL },
		{ "portrange ssh-telnet", "'ssh-telnet'", -EINVAL },
		{ "portrange 22-telnet", "'22-telnet'", -EINVAL },
		{ "portrange 1-2 or tcp 3-4", "'3-4'", -EINVAL },
		{ "host 1-2", "'1-2'", -EINVAL },
		{ "ip proto \\tcp", "'\\tcp'", -EINVAL },
		{ "proto \\udp", "'\\udp'", -EINVAL },
		{ "ether proto \\ip or host \\ip", "'\\ip'", -EINVAL },
		{ "ether host router", "'router'", -EINVAL },
		{ "gateway gate", "'gate'", -EINVAL },
		{ "ip and tcp-foo", "'tcp-foo'", -EINVAL },
		{ "TCP", "'TCP'", -EINVAL },
		{ "0x", "'0x'", -EINVAL },
		{ "1.2.3.", "'1.2.3.'", -EINVAL },
		{ "host 00:11:22:33:44:xg", "'xg'", -EINVAL },
		{ "host 2001:db8::g", "'g'", -EINVAL },
		{ "len-4 > 3", "'len-4'", -EINVAL },
		{ "ether host 0011223344556", NULL, -EINVAL },
		{ "llc and llc foo or foo", NULL, -EINVAL },
	};

	need_libpcap();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int err = bk_cbpf_make(cases[i].expr, kind, row, why);

		if (err != cases[i].err || (cases[i].says && !strstr(why, cases[i].says)))
			fail_msg("'%s': %d, %s", cases[i].expr, err, why);
	}
}

static void test_expressions_that_are_taken(void **state)
{
	static const char *const taken[] = {
		"ether proto \\ip or \\arp",
		"link proto \\ip6",
		"portrange 1-2 or 3-4",
		"portrange 1-2 and not 3-4",
		"tcp[tcpflags] & (tcp-syn|tcp-ack) == tcp-syn",
		"host 1.2.3.4",
		"net 10",
		"net 192.168",
		"net 10.0/16",
		"net 10.0.0.0 mask 255.0.0.0",
		"port 0x35",
		"host ::1",
		"ip6 host ::ffff:1.2.3.4",
		"net fe80::/10",
		"ether host 00:11:22:33:44:55",
		"ether host 00-11-22-33-44-55",
		"ether src 0011.2233.4455",
		"ether dst 001122aabbcc",
		"ether host 0:1:2:3:a:b",
		"ip[0:2]=3&&ip[4]!=7",
		"tcp[13]&7!=0||udp",
		"llc rr",
		"vlan 5 and ip",
		"icmp6[icmp6type]==icmp6-echo",
		"(udp)\n\tor\ttcp",
		"!tcp",
		"ip[-(-2)] = 0",
		"len > 4 - 2",
	};

	need_libpcap();
	for (size_t i = 0; i < ARRAY_LEN(taken); i++)
		if (bk_cbpf_make(taken[i], kind, row, why) < 0)
			fail_msg("'%s' %s", taken[i], why);
}

static void test_long_expressions(void **state)
{
	static char expr[8192];
	int n = 0, before = 0, ports = 0;

	need_libpcap();
	*expr = 0;
	for (; ports < 240; ports += 40) {
		for (int i = 0; i < 40; i++)
			snprintf(expr + strlen(expr), 32, "%sport %d", ports + i ? " or " : "",
				 1 + 7 * (ports + i));
		n = bk_cbpf_make(expr, kind, row, why);
		if (n < 0)
			break;
		assert_true(n > before);
		before = n;
	}
	print_message("room for %d ports, in %d instructions\n", ports, before);
	assert_true(ports >= 100);
	assert_int_equal(n, -E2BIG);
	assert_non_null(strstr(why, "is too long: it takes"));
	memset(expr, ' ', 5000);
	assert_int_equal(bk_cbpf_make(expr, kind, row, why), -EINVAL);
	assert_non_null(strstr(why, "4096 characters"));
}

/* Exactly as many as there is room for, and one more. */
static void test_room(void **state)
{
	struct bk_cbpf_insn code[BK_CBPF_ROOM] = { 0 };
	/* A and X, the ends, the jump to the end: the rest is one each */
	const int rest = 2 + 1 + 2 + 1, most = BK_CBPF_ROOM - rest;

	for (int i = 0; i < most + 1; i++)
		code[i] = (struct bk_cbpf_insn){ BPF_LD | BPF_IMM, 0, 0, i };
	code[most] = (struct bk_cbpf_insn){ BPF_RET | BPF_K, 0, 0, 1 };
	assert_int_equal(bk_cbpf_translate(code, most + 1, kind, row, why), BK_CBPF_ROOM);
	compare_frames(code, "full");
	code[most + 1] = code[most];
	code[most] = code[0];
	assert_int_equal(bk_cbpf_translate(code, most + 2, kind, row, why), -E2BIG);
	assert_non_null(strstr(why, "takes 1025 instructions, and there is room for 1024"));
}

static void test_instructions_that_are_refused(void **state)
{
	static const struct bk_cbpf_insn cases[] = {
		{ BPF_ALU | BPF_DIV | BPF_K, 0, 0, 0 },
		{ BPF_ALU | BPF_MOD | BPF_K, 0, 0, 0 },
		{ BPF_ALU | BPF_LSH | BPF_K, 0, 0, 32 },
		{ BPF_ALU | 0xb0, 0, 0, 1 },
		{ BPF_LD | BPF_MEM, 0, 0, 16 },
		{ BPF_ST, 0, 0, 16 },
		{ BPF_STX, 0, 0, UINT32_MAX },
		{ BPF_LD | BPF_MSH | BPF_B, 0, 0, 14 },
		{ BPF_LDX | BPF_ABS | BPF_B, 0, 0, 14 },
		{ BPF_LD | BPF_ABS | 0x18, 0, 0, 14 },
		{ BPF_LDX | BPF_MSH | BPF_W, 0, 0, 14 },
		{ BPF_JMP | 0x50, 0, 0, 0 },
		{ BPF_MISC | 0x40, 0, 0, 0 },
		{ BPF_RET | BPF_X, 0, 0, 0 },
		{ BPF_JMP | BPF_JA, 0, 0, 1 },
		{ BPF_JMP | BPF_JEQ, 1, 0, 0 },
		{ BPF_JMP | BPF_JEQ, 0, 1, 0 },
		{ BPF_JMP | BPF_JA, 0, 0, 0x7fffffff },
	};
	struct bk_cbpf_insn code[2] = { { 0 }, { BPF_RET | BPF_K, 0, 0, 1 } };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		code[0] = cases[i];
		if (bk_cbpf_translate(code, 2, kind, row, why) != -EINVAL)
			fail_msg("instruction %zu is taken", i);
	}
	code[0] = (struct bk_cbpf_insn){ BPF_JMP | BPF_JA, 0, 0, -1 };
	assert_int_equal(bk_cbpf_translate(code, 2, kind, row, why), -EOPNOTSUPP);
	assert_int_equal(bk_cbpf_translate(code, 0, kind, row, why), -EINVAL);
	code[0] = (struct bk_cbpf_insn){ BPF_LD | BPF_IMM, 0, 0, 1 };
	assert_int_equal(bk_cbpf_translate(code, 1, kind, row, why), -EINVAL);
	assert_int_equal(bk_cbpf_translate(code, 5000, kind, row, why), -E2BIG);
}

/* ---- for packets of files ---- */

static const unsigned char udp53[] = "\x45\0\0\x1c\0\1\0\0\x40\x11\0\0\x0a\0\0\2\x0a\0\0\1"
				     "\0\7\0\x35\0\x08\0\0";

static bool user_match(const char *expr, int link_type, const unsigned char *head, uint32_t n, uint32_t cut)
{
	uint32_t len = n + sizeof(udp53) - 1;
	struct bk_cbpf_user *u;
	unsigned char *bytes;
	bool yes;

	if (bk_cbpf_user_make(expr, link_type, &u, why))
		fail_msg("'%s' of link type %d %s", expr, link_type, why);
	bytes = malloc(len - cut);
	memcpy(bytes, head, n);
	memcpy(bytes + n, udp53, len - cut - n);
	yes = bk_cbpf_user_match(u, bytes, len - cut, len);
	free(bytes);
	bk_cbpf_user_free(u);
	return yes;
}

static void test_files(void **state)
{
	static const struct {
		int link_type;
		uint32_t n;
		const char *head;
	} links[] = {
		{ BK_LINK_ETHERNET, 14, "\2\0\0\0\0\1\2\0\0\0\0\2\x08\0" },
		{ BK_LINK_RAW, 0, "" },
		{ BK_LINK_IPV4, 0, "" },
		{ BK_LINK_SLL, BK_SLL_LEN, "\0\0\0\1\0\6\2\0\0\0\0\2\0\0\x08\0" },
		{ BK_LINK_SLL2, BK_SLL2_LEN, "\x08\0\0\0\0\0\0\3\0\1\0\6\2\0\0\0\0\2\0\0" },
		{ BK_LINK_LOOP, 4, "\0\0\0\2" },
	};

	need_libpcap();
	for (size_t i = 0; i < ARRAY_LEN(links); i++) {
		const unsigned char *head = (const unsigned char *)links[i].head;
		uint32_t n = links[i].n;
		int type = links[i].link_type;

		assert_true(user_match("", type, head, n, 0));
		assert_true(user_match("udp port 53 and host 10.0.0.2", type, head, n, 0));
		assert_false(user_match("tcp or udp port 54", type, head, n, 0));
		/* the port was not captured, the protocol was, and the length is the packet's */
		assert_false(user_match("udp dst port 53", type, head, n, 5));
		assert_true(user_match("udp and len >= 28", type, head, n, 5));
	}
}

static void test_files_that_are_refused(void **state)
{
	static char n_times_a[5000];
	struct bk_cbpf_user *u = (struct bk_cbpf_user *)&u;

	need_libpcap();
	memset(n_times_a, '(', sizeof(n_times_a) - 1);
	assert_int_equal(bk_cbpf_user_make("nonsense", BK_LINK_RAW, &u, why), -EINVAL);
	assert_null(u);
	assert_int_equal(bk_cbpf_user_make("ip and", BK_LINK_RAW, &u, why), -EINVAL);
	assert_true(begins(why, "is refused by libpcap: "));
	assert_int_equal(bk_cbpf_user_make(n_times_a, BK_LINK_RAW, &u, why), -EINVAL);
	assert_int_equal(bk_cbpf_user_make("ether host 2:0:0:0:0:1", BK_LINK_RAW, &u, why), -EINVAL);
	bk_cbpf_user_free(NULL);
}

static void test_without_libpcap(void **state)
{
	struct bk_cbpf_user *u;

	if (BPFKIT_PCAP) {
		assert_true(begins(bk_cbpf_version(), "libpcap version 1."));
		return;
	}
	assert_null(bk_cbpf_version());
	assert_int_equal(bk_cbpf_make("udp", kind, row, why), -EOPNOTSUPP);
	assert_non_null(strstr(why, "libpcap"));
	assert_int_equal(bk_cbpf_user_make("udp", BK_LINK_RAW, &u, why), -EOPNOTSUPP);
	assert_non_null(strstr(why, "libpcap"));
	assert_null(u);
}

int main(void)
{
#define BOTH(test)                                                 \
	{ #test ", in a window", test, in_window, NULL, NULL },    \
	{                                                          \
#test ", in a packet", test, in_packet, NULL, NULL \
	}
	const struct CMUnitTest tests[] = {
		BOTH(test_random_instructions),
		BOTH(test_random_expressions),
		BOTH(test_primitives),
		cmocka_unit_test_setup(test_undecided, in_window),
		cmocka_unit_test_setup(test_undecided_in_a_packet, in_packet),
		cmocka_unit_test_setup(test_expressions_that_are_refused, in_window),
		BOTH(test_expressions_that_are_taken),
		BOTH(test_long_expressions),
		BOTH(test_room),
		BOTH(test_instructions_that_are_refused),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_files_that_are_refused),
		cmocka_unit_test(test_without_libpcap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
