// SPDX-License-Identifier: GPL-2.0-only
/* Values of options: lib/value.c */
#include "test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pwd.h>
#include <sys/stat.h>

enum { UNTOUCHED = 0xa5 };

typedef const char *parser(const char *s, uint64_t *v);

static void good(parser *parse, const char *s, uint64_t want)
{
	uint64_t v = ~want;
	const char *bad = parse(s, &v);

	if (bad)
		fail_msg("'%s' is refused: %s", s, bad);
	if (v != want)
		fail_msg("'%s' is %llu, expected %llu", s, (unsigned long long)v,
			 (unsigned long long)want);
}

/* Returns what is said, which must be there, and nothing may have been written. */
static const char *bad(parser *parse, const char *s)
{
	uint64_t v, untouched;
	const char *said;

	memset(&untouched, UNTOUCHED, sizeof(untouched));
	v = untouched;
	said = parse(s, &v);
	if (!said)
		fail_msg("'%s' is taken: %llu", s, (unsigned long long)v);
	if (!*said || said[strlen(said) - 1] == '.' || strchr(said, '\n'))
		fail_msg("'%s': not the end of a sentence: '%s'", s, said);
	if (v != untouched)
		fail_msg("'%s' is refused, yet something was written", s);
	return said;
}

static const char *const no_numbers[] = {
	"",
	" ",
	"-1",
	"+1",
	"-0",
	" 1",
	"1 ",
	"1\n",
	"1x",
	"x1",
	"1.0",
	"1e3",
	"1,",
	",1",
	"0x",
	"0xg",
	"0x-1",
	"0x 1",
	"x",
	"--1",
	"one",
	"18446744073709551616",
	"99999999999999999999999999999",
	"0x10000000000000000",
	"\xd9\xa3",
	"\xff",
};

/* ---- whole numbers ---- */

static const char *any_u64(const char *s, uint64_t *v)
{
	return bk_parse_u64(s, 0, UINT64_MAX, v);
}

static const char *five_to_ten(const char *s, uint64_t *v)
{
	return bk_parse_u64(s, 5, 10, v);
}

static const char *count(const char *s, uint64_t *v)
{
	return bk_parse_u64(s, 1, UINT32_MAX, v);
}

static void test_u64(void **state)
{
	good(any_u64, "0", 0);
	good(any_u64, "00", 0);
	good(any_u64, "7", 7);
	good(any_u64, "010", 10); /* not octal */
	good(any_u64, "0x10", 16);
	good(any_u64, "0XfF", 255);
	good(any_u64, "18446744073709551615", UINT64_MAX);
	good(any_u64, "0xffffffffffffffff", UINT64_MAX);
	for (size_t i = 0; i < ARRAY_LEN(no_numbers); i++)
		bad(any_u64, no_numbers[i]);
}

static void test_u64_range(void **state)
{
	good(five_to_ten, "5", 5);
	good(five_to_ten, "10", 10);
	assert_non_null(strstr(bad(five_to_ten, "4"), "5"));
	assert_non_null(strstr(bad(five_to_ten, "11"), "10"));
	bad(five_to_ten, "0");
	bad(five_to_ten, "18446744073709551615");
	good(count, "4294967295", UINT32_MAX);
	assert_non_null(strstr(bad(count, "0"), "1"));
}

/* What is said of a number that is too large is not that it has to be larger. */
static void test_u64_too_large(void **state)
{
	const char *said = bad(count, "4294967296");

	if (!strstr(said, "4294967295"))
		fail_msg("'4294967296' is %s", said);
}

/* ---- durations ---- */

static void test_duration(void **state)
{
	good(bk_parse_duration, "1", 1000000000);
	good(bk_parse_duration, "10", 10000000000);
	good(bk_parse_duration, "1s", 1000000000);
	good(bk_parse_duration, "1.5s", 1500000000);
	good(bk_parse_duration, "1.5", 1500000000);
	good(bk_parse_duration, "0.1", 100000000);
	good(bk_parse_duration, "0.05s", 50000000);
	good(bk_parse_duration, "01", 1000000000);
	good(bk_parse_duration, "200ms", 200000000);
	good(bk_parse_duration, "0.5ms", 500000);
	good(bk_parse_duration, "5us", 5000);
	good(bk_parse_duration, "1ns", 1);
	good(bk_parse_duration, "999ns", 999);
	good(bk_parse_duration, "2m", 120000000000);
	good(bk_parse_duration, "2min", 120000000000);
	good(bk_parse_duration, "0.25m", 15000000000);
	good(bk_parse_duration, "1h", 3600000000000);
	good(bk_parse_duration, "1.5h", 5400000000000);
	good(bk_parse_duration, "0.000000001", 1);
	good(bk_parse_duration, "0.000000001s", 1);
	good(bk_parse_duration, "1.9999999999999999999999s", 1999999999);
	good(bk_parse_duration, "1.123456789", 1123456789);
	/* the largest: a quarter of what fits, so that sums of two still do */
	good(bk_parse_duration, "4611686018427387903ns", 4611686018427387903);
	good(bk_parse_duration, "4611686018", 4611686018000000000);
}

static void test_duration_bad(void **state)
{
	static const char *const no_times[] = {
		".5", "1.", "1.s",   "1..5", "1.5.5", "1 s", "1sec", "1S",   "1MS", "1d",  "1w",
		"s",  "ms", "1m30s", "1,5",  "0x10",  "1e3", "1.5x", "1.-5", "inf", "nan", "1.5 ",
	};

	for (size_t i = 0; i < ARRAY_LEN(no_numbers); i++)
		if (strcmp(no_numbers[i], "1.0"))
			bad(bk_parse_duration, no_numbers[i]);
	for (size_t i = 0; i < ARRAY_LEN(no_times); i++)
		bad(bk_parse_duration, no_times[i]);
	bad(bk_parse_duration, "0");
	bad(bk_parse_duration, "0s");
	bad(bk_parse_duration, "0.0h");
	bad(bk_parse_duration, "0.1ns");
	bad(bk_parse_duration, "4611686018427387904ns");
	bad(bk_parse_duration, "4611686019");
	bad(bk_parse_duration, "18446744073709551615h");
	bad(bk_parse_duration, "5124095576030431h"); /* wraps in 64 bits */
}

/* ---- sizes ---- */

static void test_size(void **state)
{
	static const char *const no_sizes[] = {
		"k",   "M",    "1kk", "1kb", "1kB", "1KiB", "1T",
		"1 k", "1.5M", "-1k", "1k ", "0x",  "0xk",  "1e6",
	};

	good(bk_parse_size, "0", 0);
	good(bk_parse_size, "1", 1);
	good(bk_parse_size, "65536", 65536);
	good(bk_parse_size, "0x1000", 4096);
	good(bk_parse_size, "256k", 262144);
	good(bk_parse_size, "256K", 262144);
	good(bk_parse_size, "1m", 1048576);
	good(bk_parse_size, "1M", 1048576);
	good(bk_parse_size, "1g", 1073741824);
	good(bk_parse_size, "3G", 3221225472);
	good(bk_parse_size, "9223372036854775807", INT64_MAX);
	good(bk_parse_size, "8589934591G", 8589934591ULL << 30);
	good(bk_parse_size, "9007199254740991k", 9007199254740991ULL << 10);
	for (size_t i = 0; i < ARRAY_LEN(no_numbers); i++)
		bad(bk_parse_size, no_numbers[i]);
	for (size_t i = 0; i < ARRAY_LEN(no_sizes); i++)
		bad(bk_parse_size, no_sizes[i]);
	bad(bk_parse_size, "9223372036854775808");
	bad(bk_parse_size, "8589934592G");
	bad(bk_parse_size, "9007199254740992k");
	bad(bk_parse_size, "18446744073709551615G");
}

/* ---- lists ---- */

static void good_list(const char *s, unsigned int n, const uint32_t *want)
{
	struct bk_list l = { 0 };
	const char *said = bk_parse_list(s, 1, 65535, &l);

	if (said)
		fail_msg("'%s' is refused: %s", s, said);
	assert_int_equal(l.n, n);
	assert_memory_equal(l.v, want, n * sizeof(*want));
}

static void bad_list(const char *s)
{
	struct bk_list untouched = { .n = 1, .v = { 7 } }, l = untouched;
	const char *said;

	said = bk_parse_list(s, 1, 65535, &l);
	if (!said)
		fail_msg("'%s' is taken", s);
	assert_memory_equal(&l, &untouched, sizeof(l));
}

static void test_list_that_grows(void **state)
{
	static const uint32_t want[] = { 1, 2, 3, 4, 5 };
	struct bk_list l = { 0 };

	assert_null(bk_parse_list("1,2", 1, 65535, &l));
	assert_null(bk_parse_list("3", 1, 65535, &l));
	assert_non_null(bk_parse_list("4,0", 1, 65535, &l));
	assert_null(bk_parse_list("4,5", 1, 65535, &l));
	assert_int_equal(l.n, ARRAY_LEN(want));
	assert_memory_equal(l.v, want, sizeof(want));
	assert_non_null(bk_parse_list("1,2,3,4,5,6,7,8,9,10,11,12", 1, 65535, &l));
	assert_int_equal(l.n, ARRAY_LEN(want));
}

static void test_list(void **state)
{
	static const char sixteen[] = "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16";
	static const char *const none[] = {
		"",
		",",
		"1,",
		",1",
		"1,,2",
		"1;2",
		"1, 2",
		"1 ,2",
		"0",
		"65536",
		"1,0",
		"1,65536",
		"-1",
		"1-2",
		"a",
		"1,b",
		"1,2,",
		"0000000000000001",
		"99999999999999999999",
		"1.5",
	};
	uint32_t v[16];
	char more[64];

	for (uint32_t i = 0; i < 16; i++)
		v[i] = i + 1;
	good_list("1", 1, v);
	good_list("1,2,3", 3, v);
	good_list("0x1,02", 2, v);
	good_list("65535", 1, &(uint32_t){ 65535 });
	good_list("7,7", 2, (uint32_t[]){ 7, 7 });
	good_list(sixteen, 16, v);
	snprintf(more, sizeof(more), "%s,17", sixteen);
	bad_list(more);
	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		bad_list(none[i]);
}

/* ---- addresses ---- */

static void good_net(const char *s, bool host, const char *addr, int bits)
{
	unsigned char want[16] = { 0 };
	struct bk_net net;
	const char *said;

	memset(&net, UNTOUCHED, sizeof(net));
	said = bk_parse_net(s, host, &net);
	if (said)
		fail_msg("'%s' is refused: %s", s, said);
	assert_int_equal(inet_pton(strchr(addr, ':') ? AF_INET6 : AF_INET, addr, want), 1);
	assert_int_equal(net.family, strchr(addr, ':') ? 6 : 4);
	if (net.bits != bits || memcmp(net.addr, want, 16))
		fail_msg("'%s' is not %s/%d", s, addr, bits);
}

static void bad_net(const char *s, bool host)
{
	struct bk_net net, untouched;

	memset(&untouched, UNTOUCHED, sizeof(untouched));
	net = untouched;
	if (!bk_parse_net(s, host, &net))
		fail_msg("'%s' is taken", s);
	assert_memory_equal(&net, &untouched, sizeof(net));
}

static void test_net(void **state)
{
	static const char *const none[] = {
		"",
		"/",
		"/8",
		"10",
		"10.0.0",
		"10.0.0.0.0",
		"10.0.0.256",
		"10.0.0.0/33",
		"10.0.0.0/",
		"10.0.0.0/-1",
		"10.0.0.0/8/8",
		"10.0.0.0/a",
		"10.0.0.0 /8",
		" 10.0.0.0",
		"10.0.0.0/255.0.0.0",
		"::/129",
		"::/",
		":",
		":::",
		"1::2::3",
		"fe80::1%eth0",
		"g::",
		"localhost",
		"1:2:3:4:5:6:7:8:9",
		"12345::",
		"1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb:cccc",
		"0000:0000:0000:0000:0000:0000:255.255.255.255x",
		"\xff",
	};
	char s[64], want[64];

	good_net("10.0.0.0/8", false, "10.0.0.0", 8);
	good_net("10.1.2.3", false, "10.1.2.3", 32);
	good_net("0.0.0.0/0", false, "0.0.0.0", 0);
	good_net("255.255.255.255/32", false, "255.255.255.255", 32);
	good_net("2001:db8::/32", false, "2001:db8::", 32);
	good_net("::", false, "::", 128);
	good_net("::/0", false, "::", 0);
	good_net("fe80::1", false, "fe80::1", 128);
	good_net("::ffff:1.2.3.4", false, "::ffff:1.2.3.4", 128);
	good_net("0000:0000:0000:0000:0000:ffff:255.255.255.255", false, "::ffff:255.255.255.255",
		 128);
	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		bad_net(none[i], false);
	/* the bits that do not count are cleared, whatever their number */
	for (int bits = 0; bits <= 32; bits++) {
		uint32_t mask = bits ? htonl(UINT32_MAX << (32 - bits)) : 0;

		snprintf(s, sizeof(s), "255.255.255.255/%d", bits);
		good_net(s, false, inet_ntop(AF_INET, &mask, want, sizeof(want)), bits);
	}
	for (int bits = 0; bits <= 128; bits++) {
		unsigned char mask[16] = { 0 };

		for (int i = 0; i < bits; i++)
			mask[i / 8] |= 0x80 >> i % 8;
		snprintf(s, sizeof(s), "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/%d", bits);
		good_net(s, false, inet_ntop(AF_INET6, mask, want, sizeof(want)), bits);
	}
}

static void test_host(void **state)
{
	good_net("10.1.2.3", true, "10.1.2.3", 32);
	good_net("2001:db8::1", true, "2001:db8::1", 128);
	bad_net("10.1.2.3/32", true);
	bad_net("10.1.2.3/", true);
	bad_net("localhost", true);
	bad_net("", true);
}

/* ---- users ---- */

static const char *user(const char *s, uint64_t *v)
{
	uint32_t uid = (uint32_t)*v, before = uid;
	const char *said = bk_parse_user(s, &uid);

	if (!said || uid != before)
		*v = uid;
	return said;
}

static void test_user(void **state)
{
	struct passwd *pw;
	int names = 0;
	FILE *f;

	good(user, "0", 0);
	good(user, "1000", 1000);
	good(user, "4294967294", 4294967294);
	bad(user, "4294967295"); /* (uid_t)-1 is nobody */
	bad(user, "4294967296");
	bad(user, "-1");
	bad(user, "");
	bad(user, "no-such-user-here");
	bad(user, "root:x");
	f = fopen("/etc/passwd", "re");
	if (!f)
		skip_because("there is no /etc/passwd");
	while ((pw = fgetpwent(f))) {
		if (pw->pw_name[0] >= '0' && pw->pw_name[0] <= '9')
			continue;
		good(user, strdupa(pw->pw_name), pw->pw_uid);
		names++;
	}
	fclose(f);
	assert_true(names > 0);
}

/* ---- control groups ---- */

static bool cgroup2(char *dir, size_t size)
{
	FILE *f = fopen("/proc/self/mounts", "re");
	char line[1024], type[64], where[512];
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f))
		if (sscanf(line, "%*s %511s %63s", where, type) == 2 && !strcmp(type, "cgroup2"))
			found = snprintf(dir, size, "%s", where) > 0;
	if (f)
		fclose(f);
	return found;
}

static void good_cgroup(const char *s, const char *dir, uint32_t want_level)
{
	uint32_t level = 99;
	uint64_t id = 0;
	const char *said = bk_parse_cgroup(s, &id, &level);
	struct stat st;

	if (said)
		fail_msg("'%s' is refused: %s", s, said);
	assert_return_code(stat(dir, &st), errno);
	assert_int_equal(id, st.st_ino); /* the same number on 64 bits */
	assert_int_equal(level, want_level);
}

static void bad_cgroup(const char *s)
{
	uint64_t id = 23;
	uint32_t level = 29;

	if (!bk_parse_cgroup(s, &id, &level))
		fail_msg("'%s' is taken: id %llu, level %u", s, (unsigned long long)id, level);
	assert_int_equal(id, 23);
	assert_int_equal(level, 29);
}

static void test_cgroup(void **state)
{
	char mount[512], path[1100];

	if (!cgroup2(mount, sizeof(mount)))
		skip_because("no cgroup2 hierarchy is mounted");
	if (sizeof(long) < 8)
		skip_because("inode numbers are cut to 32 bits");
	good_cgroup("/", mount, 0);
	good_cgroup(mount, mount, 0);
	snprintf(path, sizeof(path), "%s/", mount);
	good_cgroup(path, mount, 0);
	bad_cgroup("no-such-cgroup");
	bad_cgroup("/etc");
	bad_cgroup("..");
	bad_cgroup("../../../etc");
	memset(path, 'x', sizeof(path));
	path[sizeof(path) - 1] = 0;
	bad_cgroup(path);
}

/* One below the other, where this user may make them; gone again even if an assertion fails. */
static char made[2][700];

static int remove_cgroups(void **state)
{
	for (int i = 1; i >= 0; i--)
		if (made[i][0])
			rmdir(made[i]);
	return 0;
}

static void test_cgroup_level(void **state)
{
	char mount[512], *outer, path[1600];

	if (!cgroup2(mount, sizeof(mount)))
		skip_because("no cgroup2 hierarchy is mounted");
	snprintf(made[0], sizeof(made[0]), "%s/bpfkit-unit-%d", mount, (int)getpid());
	snprintf(made[1], sizeof(made[1]), "%s/bpfkit-unit-%d/below", mount, (int)getpid());
	if (mkdir(made[0], 0755) || mkdir(made[1], 0755))
		skip_because("cannot make a cgroup in %s: %s", mount, strerror(errno));
	outer = made[0] + strlen(mount);
	good_cgroup(made[0], made[0], 1);
	good_cgroup(outer, made[0], 1);
	good_cgroup(outer + 1, made[0], 1);
	good_cgroup(made[1], made[1], 2);
	snprintf(path, sizeof(path), "%s//below/", outer);
	good_cgroup(path, made[1], 2);
	snprintf(path, sizeof(path), "%s/../%s/./below/..", made[0], outer);
	good_cgroup(path, made[0], 1);
}

/* The files of a cgroup have numbers, too, but nothing runs in them. */
static void test_cgroup_file(void **state)
{
	char mount[512], path[600];

	if (!cgroup2(mount, sizeof(mount)))
		skip_because("no cgroup2 hierarchy is mounted");
	snprintf(path, sizeof(path), "%s/cgroup.procs", mount);
	if (access(path, F_OK))
		skip_because("there is no %s", path);
	bad_cgroup("cgroup.procs");
	bad_cgroup(path);
}

/* ---- network namespaces ---- */

static const char *netns(const char *s, uint64_t *v)
{
	uint32_t inode = (uint32_t)*v, before = inode;
	const char *said = bk_parse_netns(s, &inode);

	if (!said || inode != before)
		*v = inode;
	return said;
}

static void test_netns(void **state)
{
	char path[600];
	struct stat st;

	good(netns, "4026531840", 4026531840);
	good(netns, "1", 1);
	good(netns, "0xf0000000", 0xf0000000);
	assert_return_code(stat("/proc/self/ns/net", &st), errno);
	good(netns, "/proc/self/ns/net", st.st_ino);
	good(netns, "/proc/thread-self/ns/net", st.st_ino);
	bad(netns, "0");
	bad(netns, "4294967296");
	bad(netns, "-1");
	bad(netns, "no-such-name-in-run-netns");
	bad(netns, "/no/such/path");
	bad(netns, "/proc/self/ns/no-such");
	memset(path, 'x', sizeof(path));
	path[sizeof(path) - 1] = 0;
	bad(netns, path);
	path[0] = '/';
	bad(netns, path);
}

/* An inode number of something else would match nothing, in silence. */
static void test_netns_of_another_kind(void **state)
{
	static const char *const others[] = { "/etc/passwd", "/", "/proc/self/ns/mnt",
					      "/dev/null" };

	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (!access(others[i], F_OK))
			bad(netns, others[i]);
}

static void test_netns_no_name(void **state)
{
	if (access("/run/netns", F_OK))
		skip_because("there is no /run/netns");
	bad(netns, "");
	bad(netns, ".");
	bad(netns, "..");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_u64),
		cmocka_unit_test(test_u64_range),
		cmocka_unit_test(test_u64_too_large),
		cmocka_unit_test(test_duration),
		cmocka_unit_test(test_duration_bad),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_list), cmocka_unit_test(test_list_that_grows),
		cmocka_unit_test(test_net),
		cmocka_unit_test(test_host),
		cmocka_unit_test(test_user),
		cmocka_unit_test(test_cgroup),
		cmocka_unit_test_teardown(test_cgroup_level, remove_cgroups),
		cmocka_unit_test(test_cgroup_file),
		cmocka_unit_test(test_netns),
		cmocka_unit_test(test_netns_of_another_kind),
		cmocka_unit_test(test_netns_no_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
