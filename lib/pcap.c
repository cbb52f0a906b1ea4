// SPDX-License-Identifier: GPL-2.0-only
/* Filter expressions to classic BPF, by libpcap. Its headers and the kernel's cannot be included together. */
#include "cbpf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "version.h"

#if BPFKIT_PCAP
#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pcap/pcap.h>
#include <sys/socket.h>

enum { MAX_EXPR = 4096, SNAPLEN = 262144 };

/* As in pcapng.h, which cannot be included together with libpcap's headers either. */
enum { BK_LINK_ETHERNET = 1, BK_LINK_RAW = 101 };

/*
 * libpcap looks up, in files and in the network, each word that it does not know as its own (scanner.l, "ID"). There is
 * no way to tell it not to, so these are found before.
 */
static const char own[] =
	" dst src link ether ppp slip fddi tr wlan arp rarp ip sctp tcp udp icmp igmp igrp pim vrrp carp radio "
	"ip6 icmp6 ah esp atalk aarp decnet lat sca moprc mopdl iso esis es-is isis is-is l1 l2 iih lsp snp "
	"csnp psnp clnp stp ipx netbeui host net mask port portrange proto protochain gateway type subtype "
	"direction dir address1 addr1 address2 addr2 address3 addr3 address4 addr4 ra ta less greater byte "
	"broadcast multicast and or not len length inbound outbound ifindex vlan mpls pppoed pppoes geneve lane "
	"llc metac bcc oam oamf4 oamf4ec oamf4sc sc ilmic vpi vci connectmsg metaconnect on ifname rset ruleset "
	"rnr rulenum srnr subrulenum reason action fisu lssu lsu msu hfisu hlssu hmsu sio opc dpc sls hsio hopc "
	"hdpc hsls icmptype icmpcode icmp-echoreply icmp-unreach icmp-sourcequench icmp-redirect icmp-echo "
	"icmp-routeradvert icmp-routersolicit icmp-timxceed icmp-paramprob icmp-tstamp icmp-tstampreply "
	"icmp-ireq icmp-ireqreply icmp-maskreq icmp-maskreply icmp6type icmp6code icmp6-destinationunreach "
	"icmp6-packettoobig icmp6-timeexceeded icmp6-parameterproblem icmp6-echo icmp6-echoreply "
	"icmp6-multicastlistenerquery icmp6-multicastlistenerreportv1 icmp6-multicastlistenerdone "
	"icmp6-routersolicit icmp6-routeradvert icmp6-neighborsolicit icmp6-neighboradvert icmp6-redirect "
	"icmp6-routerrenum icmp6-nodeinformationquery icmp6-nodeinformationresponse "
	"icmp6-ineighbordiscoverysolicit icmp6-ineighbordiscoveryadvert icmp6-multicastlistenerreportv2 "
	"icmp6-homeagentdiscoveryrequest icmp6-homeagentdiscoveryreply icmp6-mobileprefixsolicit "
	"icmp6-mobileprefixadvert icmp6-certpathsolicit icmp6-certpathadvert icmp6-multicastrouteradvert "
	"icmp6-multicastroutersolicit icmp6-multicastrouterterm tcpflags tcp-fin tcp-syn tcp-rst tcp-push "
	"tcp-ack tcp-urg tcp-ece tcp-cwr ";

static const char digits[] = "0123456789", hex[] = "0123456789abcdefABCDEF",
		  alnum[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
		  in_word[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.",
		  in_address[] = "0123456789abcdefABCDEF:.";

static bool is(const char *s, size_t n, const char *word)
{
	return strlen(word) == n && !memcmp(s, word, n);
}

static bool is_own(const char *s, size_t n)
{
	char word[48];

	if (n + 3 > sizeof(word))
		return false;
	snprintf(word, sizeof(word), " %.*s ", (int)n, s);
	return strstr(own, word);
}

/* The length of a number at s: decimal or hexadecimal; 0: there is none. */
static size_t number(const char *s)
{
	size_t n;

	if (s[0] == '0' && (s[1] == 'x' || s[1] == 'X')) {
		n = strspn(s + 2, hex);
		return n ? n + 2 : 1;
	}
	return strspn(s, digits);
}

/* One to four of them, with dots between. */
static bool is_number_or_ipv4(const char *s, size_t n)
{
	size_t at = 0;

	for (int i = 0; i < 4; i++) {
		size_t len = number(s + at);

		at += len;
		if (!len || at >= n || s[at] != '.')
			return len && at == n;
		at++;
	}
	return false;
}

/* As many groups of least to most hexadecimal digits, with this between them. */
static bool is_groups(const char *s, size_t n, int groups, size_t least, size_t most, char between)
{
	size_t at = 0;

	for (int i = 0; i < groups; i++) {
		size_t len = strspn(s + at, hex);

		if (i && between) {
			if (s[at] != between)
				return false;
			len = strspn(s + ++at, hex);
		}
		if (len > most)
			len = between ? 0 : most;
		if (len < least)
			return false;
		at += len;
	}
	return at == n;
}

static bool is_mac(const char *s, size_t n)
{
	return is_groups(s, n, 6, 1, 2, ':') || is_groups(s, n, 6, 1, 2, '-') ||
	       is_groups(s, n, 6, 1, 2, '.') || is_groups(s, n, 3, 4, 4, '.') ||
	       is_groups(s, n, 3, 4, 4, 0);
}

static bool is_ipv6(const char *s, size_t n)
{
	struct in6_addr addr;
	char text[64];

	if (n >= sizeof(text) || !memchr(s, ':', n))
		return false;
	memcpy(text, s, n);
	text[n] = 0;
	return inet_pton(AF_INET6, text, &addr) == 1;
}

static bool is_range(const char *s, size_t n)
{
	size_t first = strspn(s, digits);

	return first && s[first] == '-' && strspn(s + first + 1, digits) == n - first - 1 &&
	       n > first + 1;
}

/* What came before: it decides what a word may be without being looked up. */
enum before { NOTHING, ETHER, ETHER_PROTO, PORTRANGE, LLC };

static enum before after(enum before b, const char *s, size_t n)
{
	if (is(s, n, "ether") || is(s, n, "link"))
		return ETHER;
	if (is(s, n, "proto"))
		return b == ETHER ? ETHER_PROTO : NOTHING;
	if (is(s, n, "portrange"))
		return PORTRANGE;
	if (is(s, n, "llc"))
		return LLC;
	/* the next one is of the same kind as the last */
	if ((is(s, n, "and") || is(s, n, "or") || is(s, n, "not")) &&
	    (b == ETHER_PROTO || b == PORTRANGE))
		return b;
	return NOTHING;
}

/* The first word that would be looked up, and its length; 0: there is none. */
static size_t find_name(const char *s, const char **name)
{
	enum before b = NOTHING;
	size_t n;

	for (; *s; s += n) {
		n = strspn(s, in_address);
		*name = s;
		if (*s == '\\') { /* a name that is a word of libpcap's own, too */
			n = strcspn(s, " !()\n\t");
			if (b != ETHER_PROTO && b != LLC)
				return n;
		} else if (is_mac(s, n) || is_ipv6(s, n)) {
			;
		} else if (strchr(alnum, *s)) {
			n = strspn(s, in_word);
			while (strchr("-_", s[n - 1]))
				n--;
			if (is_mac(s, n) || is_number_or_ipv4(s, n) ||
			    (b == PORTRANGE && is_range(s, n)))
				continue;
			if (!is_own(s, n) && b != LLC)
				return n;
			b = after(b, s, n);
		} else {
			n = 1;
			if (*s == ')' || *s == '[')
				b = NOTHING;
		}
	}
	return 0;
}

static int take(struct bpf_program *made, struct bk_cbpf_insn **code)
{
	struct bk_cbpf_insn *c = calloc(made->bf_len + 1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	for (unsigned int i = 0; i < made->bf_len; i++)
		c[i] = (struct bk_cbpf_insn){ made->bf_insns[i].code, made->bf_insns[i].jt,
					      made->bf_insns[i].jf, made->bf_insns[i].k };
	*code = c;
	return made->bf_len;
}

/* What libpcap calls a link type; only here do the numbers of files differ. */
static int dlt(int link_type)
{
	return link_type == BK_LINK_RAW ? DLT_RAW : link_type;
}

/* Compiles for a link type; to be freed by pcap_freecode(). */
static int compile(const char *expr, int link_type, struct bpf_program *made, char why[BK_CBPF_WHY])
{
	const char *name;
	size_t len;
	pcap_t *p;
	int err = 0;

	if (strlen(expr) > MAX_EXPR) {
		snprintf(why, BK_CBPF_WHY, "is too long: it may have %d characters", MAX_EXPR);
		return -EINVAL;
	}
	len = find_name(expr, &name);
	if (len) {
		snprintf(why, BK_CBPF_WHY,
			 "has the name '%.*s', and names are not looked up: write %s",
			 (int)(len < 64 ? len : 64), name,
			 *name == '\\' ? "the number, or a word such as tcp in its place" :
					 "the address or the number");
		return -EINVAL;
	}
	p = pcap_open_dead(dlt(link_type), SNAPLEN);
	if (!p) {
		snprintf(why, BK_CBPF_WHY, "needs more memory than there is");
		return -ENOMEM;
	}
	if (pcap_compile(p, made, expr, 1, PCAP_NETMASK_UNKNOWN)) {
		snprintf(why, BK_CBPF_WHY, "is refused by libpcap: %s", pcap_geterr(p));
		err = -EINVAL;
	}
	pcap_close(p);
	return err;
}

int bk_cbpf_compile(const char *expr, struct bk_cbpf_insn **code, char why[BK_CBPF_WHY])
{
	struct bpf_program made;
	int n;

	*code = NULL;
	n = compile(expr, BK_LINK_ETHERNET, &made, why);
	if (n)
		return n;
	n = take(&made, code);
	if (n < 0)
		snprintf(why, BK_CBPF_WHY, "needs more memory than there is");
	pcap_freecode(&made);
	return n;
}

struct bk_cbpf_user {
	struct bpf_program made;
};

int bk_cbpf_user_make(const char *expr, int link_type, struct bk_cbpf_user **user, char why[BK_CBPF_WHY])
{
	struct bk_cbpf_user *u = calloc(1, sizeof(*u));
	int err;

	*user = NULL;
	if (!u) {
		snprintf(why, BK_CBPF_WHY, "needs more memory than there is");
		return -ENOMEM;
	}
	err = compile(expr, link_type, &u->made, why);
	if (err)
		free(u);
	else
		*user = u;
	return err;
}

bool bk_cbpf_user_match(const struct bk_cbpf_user *u, const void *data, uint32_t cap_len, uint32_t len)
{
	return bpf_filter(u->made.bf_insns, data, len, cap_len);
}

void bk_cbpf_user_free(struct bk_cbpf_user *u)
{
	if (!u)
		return;
	pcap_freecode(&u->made);
	free(u);
}

const char *bk_cbpf_version(void)
{
	return pcap_lib_version();
}

#if BPFKIT_PCAP_ALONE
/*
 * libpcap.a can also capture from D-Bus, for which it needs a library that nothing else here needs. With these two that
 * part of it is left out.
 */
int dbus_findalldevs(void *devices, char *error);
pcap_t *dbus_create(const char *device, char *error, int *is_ours);

int dbus_findalldevs(void *devices, char *error)
{
	return 0;
}

pcap_t *dbus_create(const char *device, char *error, int *is_ours)
{
	*is_ours = 0;
	return NULL;
}

/*
 * What it calls to look names up, by the linker (--wrap in cmake/Libpcap.cmake): addresses in figures are understood, and
 * there are no names. In a static executable that saves the resolver, which would need shared libraries.
 */
struct hostent *__wrap_gethostbyname(const char *name);
int __wrap_getaddrinfo(const char *name, const char *port, const struct addrinfo *hints,
		       struct addrinfo **found);
void __wrap_freeaddrinfo(struct addrinfo *found);
int __wrap_getnetbyname_r(const char *name, struct netent *net, char *buf, size_t size,
			  struct netent **found, int *error);
int __wrap_getprotobyname_r(const char *name, struct protoent *proto, char *buf, size_t size,
			    struct protoent **found);
int __wrap_ether_hostton(const char *name, void *addr);

int __wrap_ether_hostton(const char *name, void *addr)
{
	return -1;
}

struct hostent *__wrap_gethostbyname(const char *name)
{
	return NULL;
}

int __wrap_getaddrinfo(const char *name, const char *port, const struct addrinfo *hints,
		       struct addrinfo **found)
{
	struct {
		struct addrinfo info;
		struct sockaddr_in6 addr;
	} *made;

	*found = NULL;
	made = calloc(1, sizeof(*made));
	if (!made)
		return EAI_MEMORY;
	made->addr.sin6_family = AF_INET6;
	if (!name || inet_pton(AF_INET6, name, &made->addr.sin6_addr) != 1) {
		free(made);
		return EAI_NONAME;
	}
	made->info.ai_family = AF_INET6;
	made->info.ai_addrlen = sizeof(made->addr);
	made->info.ai_addr = (struct sockaddr *)&made->addr;
	*found = &made->info;
	return 0;
}

void __wrap_freeaddrinfo(struct addrinfo *found)
{
	free(found);
}

int __wrap_getnetbyname_r(const char *name, struct netent *net, char *buf, size_t size,
			  struct netent **found, int *error)
{
	*found = NULL;
	return 0;
}

int __wrap_getprotobyname_r(const char *name, struct protoent *proto, char *buf, size_t size,
			    struct protoent **found)
{
	*found = NULL;
	return 0;
}
#endif

#else
int bk_cbpf_compile(const char *expr, struct bk_cbpf_insn **code, char why[BK_CBPF_WHY])
{
	*code = NULL;
	snprintf(why, BK_CBPF_WHY, "needs libpcap, without which this bpfkit was built");
	return -EOPNOTSUPP;
}

int bk_cbpf_user_make(const char *expr, int link_type, struct bk_cbpf_user **user, char why[BK_CBPF_WHY])
{
	struct bk_cbpf_insn *code;

	*user = NULL;
	return bk_cbpf_compile(expr, &code, why);
}

/* There is none. */
bool bk_cbpf_user_match(const struct bk_cbpf_user *u, const void *data, uint32_t cap_len, uint32_t len)
{
	return false;
}

void bk_cbpf_user_free(struct bk_cbpf_user *u)
{
}

const char *bk_cbpf_version(void)
{
	return NULL;
}
#endif

int bk_cbpf_make(const char *expr, enum bk_cbpf_kind kind, struct bpf_insn *out, char why[BK_CBPF_WHY])
{
	struct bk_cbpf_insn *code = NULL;
	int n = bk_cbpf_compile(expr, &code, why);

	if (n >= 0)
		n = bk_cbpf_translate(code, n, kind, out, why);
	free(code);
	return n;
}
