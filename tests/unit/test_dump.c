// SPDX-License-Identifier: GPL-2.0-only
/*
 * Packets as lines, JSON and hexadecimal rows. The packets were made by scapy; what is expected of each has been held
 * against what tcpdump says of it.
 */
#include "out_file.h"

#include "check_dump.h"

static const struct shape {
	const char *name;
	uint16_t link_type;
	const char *hex, *line;
	const char *full; /* the line with link header and more fields, or NULL */
	const char *json; /* with ' for ", and blanks between members; or NULL */
} shapes[] = {
	{ "tcp data", BK_LINK_ETHERNET,
	  "02000000000102000000000208004500002e00010000400666c70a0000020a00000123f300001a0e"
	  "2dd5ee6b280050182000a42c0000736978736978",
	  .line = "IP 10.0.0.2:9203 > 10.0.0.1:0 TCP seq 437136853, length 6 [P.], ack 4000000000",
	  .full = "02:00:00:00:00:02 > 02:00:00:00:00:01, ethertype IPv4 (0x0800), length 60: IP "
	  "(ttl 64, id 1, length 46) 10.0.0.2:9203 > 10.0.0.1:0 TCP seq 437136853, "
	  "length 6 [P.], ack 4000000000, win 8192" },
	{ "tcp seq is unsigned", BK_LINK_ETHERNET,
	  "02000000000102000000000208004500002e00010000400666c70a0000020a00000123f30050ffff"
	  "ffff000000005000200002440000736978736978",
	  .line = "IP 10.0.0.2:9203 > 10.0.0.1:80 TCP seq 4294967295, length 6 [none]" },
	{ "tcp syn, options", BK_LINK_ETHERNET,
	  "02000000000102000000000208004510003c10e14000400615c90a0000020a000001000100020000"
	  "000000000000a002faf039030000020405b40402080a000000070000000001030307",
	  .line = "IP 10.0.0.2:1 > 10.0.0.1:2 TCP seq 0, length 0 [S]",
	  .full = "02:00:00:00:00:02 > 02:00:00:00:00:01, ethertype IPv4 (0x0800), length 74: IP "
	  "(tos 0x10, ttl 64, id 4321, DF, length 60) 10.0.0.2:1 > 10.0.0.1:2 TCP seq 0, "
	  "length 0 [S], win 64240, options [mss 1460,sackOK,TS val 7 ecr 0,nop,wscale 7]",
	  .json = ", 'len':74, 'cap_len':74, 'smac':'02:00:00:00:00:02', "
	  "'dmac':'02:00:00:00:00:01', 'ethertype':2048, 'proto':'tcp', "
	  "'saddr':'10.0.0.2', 'daddr':'10.0.0.1', 'ttl':64, 'ip_id':4321, 'sport':1, "
	  "'dport':2, 'tcp_flags':'SYN', 'tcp_seq':0, 'tcp_window':64240, "
	  "'payload_bytes':0" },
	{ "tcp sack, urgent, ecn", BK_LINK_ETHERNET,
	  "02000000000102000000000208004500003c00010000400666b90a0000020a000001000100020000"
	  "000000000003a0f0200025b700050512000000010000000200000003000000040000",
	  .line = "IP 10.0.0.2:1 > 10.0.0.1:2 TCP seq 0, length 0 [.UEW], ack 3",
	  .full = "02:00:00:00:00:02 > 02:00:00:00:00:01, ethertype IPv4 (0x0800), length 74: IP "
	  "(ttl 64, id 1, length 60) 10.0.0.2:1 > 10.0.0.1:2 TCP seq 0, length 0 [.UEW], "
	  "ack 3, win 8192, urg 5, options [sack 1:2 3:4,eol]" },
	{ "tcp unknown option", BK_LINK_ETHERNET,
	  "02000000000102000000000208004500003000010000400666c50a0000020a000001000100020000"
	  "0000000000037012200076f20000220661626364fe02",
	  .line = "IP 10.0.0.2:1 > 10.0.0.1:2 TCP seq 0, length 0 [S.], ack 3",
	  .full = "02:00:00:00:00:02 > 02:00:00:00:00:01, ethertype IPv4 (0x0800), length 62: IP "
	  "(ttl 64, id 1, length 48) 10.0.0.2:1 > 10.0.0.1:2 TCP seq 0, length 0 [S.], "
	  "ack 3, win 8192, options [option 34 of length 6,option 254 of length 2]" },
	{ "tcp fin", BK_LINK_ETHERNET,
	  "02000000000102000000000286dd600000000014064020010db80000000000000000000000022001"
	  "0db800000000000000000000000101bbea6000000000000000015011200048420000",
	  .line = "IP6 [2001:db8::2]:443 > [2001:db8::1]:60000 TCP seq 0, length 0 [F.], ack 1" },
	{ "ipv4 options", BK_LINK_ETHERNET,
	  "02000000000102000000000208004700002700010000401159bc0a0000020a000001070704000000"
	  "000000050006000b2768616263",
	  .line = "IP 10.0.0.2:5 > 10.0.0.1:6 UDP, length 3",
	  .full = "02:00:00:00:00:02 > 02:00:00:00:00:01, ethertype IPv4 (0x0800), length 53: IP "
	  "(ttl 64, id 1, length 39, options 8) 10.0.0.2:5 > 10.0.0.1:6 UDP, length 3" },
	{ "udp", BK_LINK_ETHERNET,
	  "02000000000102000000000208004500004f000100004011669b0a0000020a000001d2fd0035003b"
	  "932e7171717171717171717171717171717171717171717171717171717171717171717171717171"
	  "71717171717171717171717171",
	  .line = "IP 10.0.0.2:54013 > 10.0.0.1:53 UDP, length 51" },
	{ "udp, padded", BK_LINK_ETHERNET,
	  "02000000000102000000000208004500001d00010000401166cd0a0000020a000001d2fd00350009"
	  "a7a6710000000000000000000000000000000000",
	  .line = "IP 10.0.0.2:54013 > 10.0.0.1:53 UDP, length 1" },
	{ "udp over ipv6", BK_LINK_ETHERNET,
	  "02000000000102000000000286dd603123450018110120010db80000000000000000000000022001"
	  "0db800000000000000000000000100090009001818ac71717171717171717171717171717171",
	  .line = "IP6 [2001:db8::2]:9 > [2001:db8::1]:9 UDP, length 16",
	  .full = "02:00:00:00:00:02 > 02:00:00:00:00:01, ethertype IPv6 (0x86dd), length 78: "
	  "IP6 (class 0x03, flow 0x12345, hlim 1, length 24) [2001:db8::2]:9 > "
	  "[2001:db8::1]:9 UDP, length 16" },
	{ "ipv6 extension headers", BK_LINK_ETHERNET,
	  "02000000000102000000000286dd600000000019004020010db80000000000000000000000022001"
	  "0db80000000000000000000000013c000502000001001100010200000100000900090009335571",
	  .line = "IP6 [2001:db8::2]:9 > [2001:db8::1]:9 UDP, length 1" },
	{ "icmp echo request", BK_LINK_ETHERNET,
	  "02000000000102000000000208004500005400010000400166a60a0000020a0000010800aba30007"
	  "00097070707070707070707070707070707070707070707070707070707070707070707070707070"
	  "707070707070707070707070707070707070",
	  .line = "IP 10.0.0.2 > 10.0.0.1 ICMP echo request, id 7, seq 9, length 64",
	  .json = ", 'len':98, 'cap_len':98, 'smac':'02:00:00:00:00:02', "
	  "'dmac':'02:00:00:00:00:01', 'ethertype':2048, 'proto':'icmp', "
	  "'saddr':'10.0.0.2', 'daddr':'10.0.0.1', 'ttl':64, 'ip_id':1, 'icmp_type':8, "
	  "'icmp_code':0, 'icmp_id':7, 'icmp_seq':9, 'payload_bytes':64" },
	{ "icmp echo reply", BK_LINK_ETHERNET,
	  "02000000000102000000000208004500005400010000400166a60a0000020a0000010000b3a30007"
	  "00097070707070707070707070707070707070707070707070707070707070707070707070707070"
	  "707070707070707070707070707070707070",
	  .line = "IP 10.0.0.2 > 10.0.0.1 ICMP echo reply, id 7, seq 9, length 64" },
	{ "icmp port unreachable", BK_LINK_ETHERNET,
	  "02000000000102000000000208004500004c00010000400166ae0a0000020a0000010303112d0000"
	  "00004500003000010000401166ba0a0000010a00000200359c40001c9a8978787878787878787878"
	  "78787878787878787878",
	  .line = "IP 10.0.0.2 > 10.0.0.1 ICMP port unreachable, for IP 10.0.0.1:53 > "
	  "10.0.0.2:40000 UDP, length 56" },
	{ "icmp fragmentation needed", BK_LINK_ETHERNET,
	  "02000000000102000000000208004500004c00010000400166ae0a0000020a00000103040bb40000"
	  "05784500003000010000401166ba0a0000010a00000200359c40001c9a8978787878787878787878"
	  "78787878787878787878",
	  .line = "IP 10.0.0.2 > 10.0.0.1 ICMP fragmentation needed, mtu 1400, for IP "
	  "10.0.0.1:53 > 10.0.0.2:40000 UDP, length 56" },
	{ "icmp unknown code", BK_LINK_ETHERNET,
	  "02000000000102000000000208004500004c00010000400166ae0a0000020a000001036310cd0000"
	  "00004500003000010000401166ba0a0000010a00000200359c40001c9a8978787878787878787878"
	  "78787878787878787878",
	  .line = "IP 10.0.0.2 > 10.0.0.1 ICMP unreachable, code 99, for IP 10.0.0.1:53 > "
	  "10.0.0.2:40000 UDP, length 56" },
	{ "icmp redirect", BK_LINK_ETHERNET,
	  "02000000000102000000000208004500004c00010000400166ae0a0000020a000001050104310a00"
	  "00fe4500003000010000401166ba0a0000010a00000200359c40001c9a8978787878787878787878"
	  "78787878787878787878",
	  .line = "IP 10.0.0.2 > 10.0.0.1 ICMP redirect for host, gateway 10.0.0.254, for IP "
	  "10.0.0.1:53 > 10.0.0.2:40000 UDP, length 56" },
	{ "icmp time exceeded", BK_LINK_ETHERNET,
	  "02000000000102000000000208004500004c00010000400166ae0a0000020a0000010b0009300000"
	  "00004500003000010000401166ba0a0000010a00000200359c40001c9a8978787878787878787878"
	  "78787878787878787878",
	  .line = "IP 10.0.0.2 > 10.0.0.1 ICMP time exceeded in transit, for IP 10.0.0.1:53 > "
	  "10.0.0.2:40000 UDP, length 56" },
	{ "icmp parameter problem", BK_LINK_ETHERNET,
	  "02000000000102000000000208004500004c00010000400166ae0a0000020a0000010c00f42f1400"
	  "00004500003000010000401166ba0a0000010a00000200359c40001c9a8978787878787878787878"
	  "78787878787878787878",
	  .line = "IP 10.0.0.2 > 10.0.0.1 ICMP parameter problem, at byte 20, for IP 10.0.0.1:53 "
	  "> 10.0.0.2:40000 UDP, length 56" },
	{ "icmp timestamp", BK_LINK_ETHERNET,
	  "02000000000102000000000208004500002800010000400166d20a0000020a0000010d00b0810001"
	  "00020053c0800053c0800053c080",
	  .line = "IP 10.0.0.2 > 10.0.0.1 ICMP timestamp request, id 1, seq 2, length 20" },
	{ "icmp unknown type", BK_LINK_ETHERNET,
	  "02000000000102000000000208004500002000010000400166da0a0000020a000001fa0341350000"
	  "000061626364",
	  .line = "IP 10.0.0.2 > 10.0.0.1 ICMP type 250, code 3, length 12" },
	{ "icmp6 echo", BK_LINK_ETHERNET,
	  "02000000000102000000000286dd6000000000103a4020010db80000000000000000000000022001"
	  "0db80000000000000000000000018000425d0001ffff7878787878787878",
	  .line = "IP6 2001:db8::2 > 2001:db8::1 ICMP6 echo request, id 1, seq 65535, length 16" },
	{ "icmp6 unreachable", BK_LINK_ETHERNET,
	  "02000000000102000000000286dd60000000004c3a4020010db80000000000000000000000022001"
	  "0db8000000000000000000000001010431d10000000060000000001c114020010db8000000000000"
	  "00000000000120010db800000000000000000000000200359c40001c531778787878787878787878"
	  "78787878787878787878",
	  .line = "IP6 2001:db8::2 > 2001:db8::1 ICMP6 port unreachable, for IP6 "
	  "[2001:db8::1]:53 > [2001:db8::2]:40000 UDP, length 76" },
	{ "icmp6 too big", BK_LINK_ETHERNET,
	  "02000000000102000000000286dd60000000004c3a4020010db80000000000000000000000022001"
	  "0db800000000000000000000000102002bd50000050060000000001c114020010db8000000000000"
	  "00000000000120010db800000000000000000000000200359c40001c531778787878787878787878"
	  "78787878787878787878",
	  .line = "IP6 2001:db8::2 > 2001:db8::1 ICMP6 packet too big, mtu 1280, for IP6 "
	  "[2001:db8::1]:53 > [2001:db8::2]:40000 UDP, length 76" },
	{ "icmp6 time exceeded", BK_LINK_ETHERNET,
	  "02000000000102000000000286dd60000000004c3a4020010db80000000000000000000000022001"
	  "0db800000000000000000000000103002fd50000000060000000001c114020010db8000000000000"
	  "00000000000120010db800000000000000000000000200359c40001c531778787878787878787878"
	  "78787878787878787878",
	  .line = "IP6 2001:db8::2 > 2001:db8::1 ICMP6 hop limit exceeded in transit, for IP6 "
	  "[2001:db8::1]:53 > [2001:db8::2]:40000 UDP, length 76" },
	{ "icmp6 parameter problem", BK_LINK_ETHERNET,
	  "02000000000102000000000286dd60000000004c3a4020010db80000000000000000000000022001"
	  "0db800000000000000000000000104012ece0000000660000000001c114020010db8000000000000"
	  "00000000000120010db800000000000000000000000200359c40001c531778787878787878787878"
	  "78787878787878787878",
	  .line = "IP6 2001:db8::2 > 2001:db8::1 ICMP6 parameter problem, unknown next header, "
	  "at byte 6, for IP6 [2001:db8::1]:53 > [2001:db8::2]:40000 UDP, length 76" },
	{ "icmp6 neighbor solicitation", BK_LINK_ETHERNET,
	  "02000000000102000000000286dd6000000000203aff20010db80000000000000000000000022001"
	  "0db80000000000000000000000018700ec720000000020010db80000000000000000000000010101"
	  "020000000002",
	  .line = "IP6 2001:db8::2 > 2001:db8::1 ICMP6 neighbor solicitation, who has "
	  "2001:db8::1, mac 02:00:00:00:00:02, length 32",
	  .json = ", 'len':86, 'cap_len':86, 'smac':'02:00:00:00:00:02', "
	  "'dmac':'02:00:00:00:00:01', 'ethertype':34525, 'proto':'icmp6', "
	  "'saddr':'2001:db8::2', 'daddr':'2001:db8::1', 'ttl':255, 'icmp_type':135, "
	  "'icmp_code':0, 'icmp_target':'2001:db8::1', 'payload_bytes':32" },
	{ "icmp6 neighbor advertisement", BK_LINK_ETHERNET,
	  "02000000000102000000000286dd6000000000203aff20010db80000000000000000000000022001"
	  "0db800000000000000000000000188008a716000000020010db80000000000000000000000020201"
	  "020000000002",
	  .line = "IP6 2001:db8::2 > 2001:db8::1 ICMP6 neighbor advertisement, target is "
	  "2001:db8::2, solicited, override, mac 02:00:00:00:00:02, length 32" },
	{ "icmp6 router solicitation", BK_LINK_ETHERNET,
	  "02000000000102000000000286dd6000000000083aff20010db80000000000000000000000022001"
	  "0db800000000000000000000000185001f4800000000",
	  .line = "IP6 2001:db8::2 > 2001:db8::1 ICMP6 router solicitation, length 8" },
	{ "icmp6 router advertisement", BK_LINK_ETHERNET,
	  "02000000000102000000000286dd6000000000183aff20010db80000000000000000000000022001"
	  "0db8000000000000000000000001860014250008070800000000000000000101020000000002",
	  .line = "IP6 2001:db8::2 > 2001:db8::1 ICMP6 router advertisement, lifetime 1800, mac "
	  "02:00:00:00:00:02, length 24" },
	{ "icmp6 redirect", BK_LINK_ETHERNET,
	  "02000000000102000000000286dd6000000000283aff20010db80000000000000000000000022001"
	  "0db80000000000000000000000018900eee600000000fe8000000000000000000000000000012001"
	  "0db8000500000000000000000001",
	  .line = "IP6 2001:db8::2 > 2001:db8::1 ICMP6 redirect, 2001:db8:5::1 to fe80::1, "
	  "length 40" },
	{ "icmp6 listener report", BK_LINK_ETHERNET,
	  "02000000000102000000000286dd600000000020004020010db80000000000000000000000022001"
	  "0db80000000000000000000000013a000502000001008300213a00000000ff020000000000000000"
	  "0000000000fb",
	  .line = "IP6 2001:db8::2 > 2001:db8::1 ICMP6 multicast listener report, group "
	  "ff02::fb, length 24" },
	{ "icmp6 listener report v2", BK_LINK_ETHERNET,
	  "02000000000102000000000286dd600000000024004020010db80000000000000000000000022001"
	  "0db80000000000000000000000013a000502000001008f0011350000000104000000ff0200000000"
	  "000000000000000000fb",
	  .line = "IP6 2001:db8::2 > 2001:db8::1 ICMP6 multicast listener report v2, groups 1, "
	  "length 28" },
	{ "sctp", BK_LINK_ETHERNET,
	  "02000000000102000000000208004500003400010000408466430a0000020a0000010b590b5adead"
	  "beef67d007ba0100001400000001000003e80000000000000000",
	  .line = "IP 10.0.0.2:2905 > 10.0.0.1:2906 SCTP INIT, length 20",
	  .full = "02:00:00:00:00:02 > 02:00:00:00:00:01, ethertype IPv4 (0x0800), length 66: IP "
	  "(ttl 64, id 1, length 52) 10.0.0.2:2905 > 10.0.0.1:2906 SCTP INIT, tag "
	  "0xdeadbeef, length 20" },
	{ "sctp, unknown chunk", BK_LINK_ETHERNET,
	  "02000000000102000000000286dd600000000010844020010db80000000000000000000000022001"
	  "0db80000000000000000000000010b590b5a000000002a76b7f84d000004",
	  .line = "IP6 [2001:db8::2]:2905 > [2001:db8::1]:2906 SCTP chunk 77, length 4" },
	{ "gre with a packet", BK_LINK_ETHERNET,
	  "02000000000102000000000208004500004800010000402f66840a0000020a000001000008004500"
	  "003000010000401166ba0a0000010a00000200359c40001c9a897878787878787878787878787878"
	  "787878787878",
	  .line = "IP 10.0.0.2 > 10.0.0.1 GRE IP 10.0.0.1:53 > 10.0.0.2:40000 UDP, length 48",
	  .json = ", 'len':86, 'cap_len':86, 'smac':'02:00:00:00:00:02', "
	  "'dmac':'02:00:00:00:00:01', 'ethertype':2048, 'proto':'gre', "
	  "'saddr':'10.0.0.2', 'daddr':'10.0.0.1', 'ttl':64, 'ip_id':1, "
	  "'gre_ethertype':2048, 'payload_bytes':48" },
	{ "gre with a key", BK_LINK_ETHERNET,
	  "02000000000102000000000208004500003000010000402f669c0a0000020a000001200065580000"
	  "00050000000000000000000000000000000000000000",
	  .line = "IP 10.0.0.2 > 10.0.0.1 GRE key 0x5 ethertype Ethernet (0x6558), length 20",
	  .full = "02:00:00:00:00:02 > 02:00:00:00:00:01, ethertype IPv4 (0x0800), length 62: IP "
	  "(ttl 64, id 1, length 48) 10.0.0.2 > 10.0.0.1 GRE key 0x5 ethertype Ethernet "
	  "(0x6558), length 20" },
	{ "gre with a packet of ipv6", BK_LINK_ETHERNET,
	  "02000000000102000000000286dd60000000004c2f4020010db80000000000000000000000022001"
	  "0db8000000000000000000000001800086dd87f2000060000000001c114020010db8000000000000"
	  "00000000000120010db800000000000000000000000200359c40001c531778787878787878787878"
	  "78787878787878787878",
	  .line = "IP6 2001:db8::2 > 2001:db8::1 GRE IP6 [2001:db8::1]:53 > [2001:db8::2]:40000 "
	  "UDP, length 68" },
	{ "ipip", BK_LINK_ETHERNET,
	  "02000000000102000000000208004500004400010000400466b30a0000020a000001450000300001"
	  "0000401166ba0a0000010a00000200359c40001c9a89787878787878787878787878787878787878"
	  "7878",
	  .line = "IP 10.0.0.2 > 10.0.0.1 IPIP IP 10.0.0.1:53 > 10.0.0.2:40000 UDP, length 48" },
	{ "ipv6 in ip", BK_LINK_ETHERNET,
	  "020000000001020000000002080045000058000100004029667a0a0000020a00000160000000001c"
	  "114020010db800000000000000000000000120010db800000000000000000000000200359c40001c"
	  "53177878787878787878787878787878787878787878",
	  .line = "IP 10.0.0.2 > 10.0.0.1 IPV6 IP6 [2001:db8::1]:53 > [2001:db8::2]:40000 UDP, "
	  "length 68" },
	{ "esp", BK_LINK_ETHERNET,
	  "02000000000102000000000208004500002c000100004032669d0a0000020a000001656565656565"
	  "656565656565656565656565656565656565",
	  .line = "IP 10.0.0.2 > 10.0.0.1 ESP, length 24" },
	{ "unknown protocol", BK_LINK_ETHERNET,
	  "02000000000102000000000208004500002c0001000040fd65d20a0000020a000001656565656565"
	  "656565656565656565656565656565656565",
	  .line = "IP 10.0.0.2 > 10.0.0.1 protocol 253, length 24",
	  .json = ", 'len':58, 'cap_len':58, 'smac':'02:00:00:00:00:02', "
	  "'dmac':'02:00:00:00:00:01', 'ethertype':2048, 'proto':'253', "
	  "'saddr':'10.0.0.2', 'daddr':'10.0.0.1', 'ttl':64, 'ip_id':1, "
	  "'payload_bytes':24" },
	{ "no next header", BK_LINK_ETHERNET,
	  "02000000000102000000000286dd6000000000023b4020010db80000000000000000000000022001"
	  "0db80000000000000000000000017878",
	  .line = "IP6 2001:db8::2 > 2001:db8::1 no next header, length 2" },
	{ "first fragment", BK_LINK_ETHERNET,
	  "02000000000102000000000208004500003400072000401146b00a0000020a000001000500060bc0"
	  "1334666666666666666666666666666666666666666666666666",
	  .line = "IP 10.0.0.2:5 > 10.0.0.1:6 UDP, length 3000, fragment at 0, more",
	  .full = "02:00:00:00:00:02 > 02:00:00:00:00:01, ethertype IPv4 (0x0800), length 66: IP "
	  "(ttl 64, id 7, length 52) 10.0.0.2:5 > 10.0.0.1:6 UDP, length 3000, fragment "
	  "at 0, more" },
	{ "later fragment", BK_LINK_ETHERNET,
	  "02000000000102000000000208004500002c000720b9401145ff0a0000020a000001666666666666"
	  "666666666666666666666666666666666666",
	  .line = "IP 10.0.0.2 > 10.0.0.1 UDP, length 24, fragment at 1480, more",
	  .json = ", 'len':58, 'cap_len':58, 'smac':'02:00:00:00:00:02', "
	  "'dmac':'02:00:00:00:00:01', 'ethertype':2048, 'proto':'udp', "
	  "'saddr':'10.0.0.2', 'daddr':'10.0.0.1', 'ttl':64, 'ip_id':7, "
	  "'payload_bytes':24, 'fragment_offset':1480, 'more_fragments':true" },
	{ "last fragment", BK_LINK_ETHERNET,
	  "02000000000102000000000208004500002c00070172401165460a0000020a000001666666666666"
	  "666666666666666666666666666666666666",
	  .line = "IP 10.0.0.2 > 10.0.0.1 UDP, length 24, fragment at 2960" },
	{ "first fragment of ipv6", BK_LINK_ETHERNET,
	  "02000000000102000000000286dd6000000000282c4020010db80000000000000000000000022001"
	  "0db80000000000000000000000011100000100000001000500060bc0cbc166666666666666666666"
	  "6666666666666666666666666666",
	  .line = "IP6 [2001:db8::2]:5 > [2001:db8::1]:6 UDP, length 3000, fragment at 0, more" },
	{ "later fragment of ipv6", BK_LINK_ETHERNET,
	  "02000000000102000000000286dd6000000000202c4020010db80000000000000000000000022001"
	  "0db8000000000000000000000001110005c900000001666666666666666666666666666666666666"
	  "666666666666",
	  .line = "IP6 2001:db8::2 > 2001:db8::1 UDP, length 24, fragment at 1480, more" },
	{ "last fragment of ipv6", BK_LINK_ETHERNET,
	  "02000000000102000000000286dd6000000000283c4020010db80000000000000000000000022001"
	  "0db80000000000000000000000012c0001020000010011000b900000000166666666666666666666"
	  "6666666666666666666666666666",
	  .line = "IP6 2001:db8::2 > 2001:db8::1 UDP, length 24, fragment at 2960" },
	{ "atomic fragment", BK_LINK_ETHERNET,
	  "02000000000102000000000286dd6000000000112c4020010db80000000000000000000000022001"
	  "0db800000000000000000000000111000000000000010005000600093e5c66",
	  .line = "IP6 [2001:db8::2]:5 > [2001:db8::1]:6 UDP, length 1" },
	{ "arp request", BK_LINK_ETHERNET,
	  "020000000001020000000002080600010800060400010200000000020a0000020000000000000a00"
	  "0001",
	  .line = "ARP request who-has 10.0.0.1 tell 10.0.0.2, length 28",
	  .full = "02:00:00:00:00:02 > 02:00:00:00:00:01, ethertype ARP (0x0806), length 42: ARP "
	  "request who-has 10.0.0.1 tell 10.0.0.2, length 28" },
	{ "arp reply", BK_LINK_ETHERNET,
	  "020000000001020000000002080600010800060400020200000000020a0000020200000000010a00"
	  "0001",
	  .line = "ARP reply 10.0.0.2 is-at 02:00:00:00:00:02, length 28",
	  .json = ", 'len':42, 'cap_len':42, 'smac':'02:00:00:00:00:02', "
	  "'dmac':'02:00:00:00:00:01', 'ethertype':2054, 'proto':'arp', "
	  "'saddr':'10.0.0.2', 'daddr':'10.0.0.1', 'arp_op':'reply', "
	  "'arp_smac':'02:00:00:00:00:02', 'arp_dmac':'02:00:00:00:00:01'" },
	{ "arp of another kind", BK_LINK_ETHERNET,
	  "020000000001020000000002080600010800060400080200000000020a0000020000000000000a00"
	  "0001",
	  .line = "ARP op 8 10.0.0.2 > 10.0.0.1, length 28",
	  .json = ", 'len':42, 'cap_len':42, 'smac':'02:00:00:00:00:02', "
	  "'dmac':'02:00:00:00:00:01', 'ethertype':2054, 'proto':'arp', "
	  "'saddr':'10.0.0.2', 'daddr':'10.0.0.1', 'arp_op':'8', "
	  "'arp_smac':'02:00:00:00:00:02', 'arp_dmac':'00:00:00:00:00:00'" },
	{ "arp garbage", BK_LINK_ETHERNET,
	  "0200000000010200000000020806000608000104000a676172626167652e2e2e2e2e2e2e2e2e2e2e"
	  "2e2e2e2e",
	  .line = "ARP of hardware 6 (1 bytes) and protocol 0x0800 (4 bytes), op 10, length 30" },
	{ "vlan", BK_LINK_ETHERNET,
	  "0200000000010200000000028100600508004500001d00010000401166cd0a0000020a0000010005"
	  "0006000975ce76",
	  .line = "vlan 5 IP 10.0.0.2:5 > 10.0.0.1:6 UDP, length 1",
	  .full = "02:00:00:00:00:02 > 02:00:00:00:00:01, vlan 5 prio 3, ethertype IPv4 "
	  "(0x0800), length 47: IP (ttl 64, id 1, length 29) 10.0.0.2:5 > 10.0.0.1:6 "
	  "UDP, length 1" },
	{ "two tags", BK_LINK_ETHERNET,
	  "02000000000102000000000288a810648100000786dd600000000014064020010db8000000000000"
	  "00000000000220010db8000000000000000000000001000500060000000000000000500220003463"
	  "0000",
	  .line = "vlan 100 vlan 7 IP6 [2001:db8::2]:5 > [2001:db8::1]:6 TCP seq 0, length 0 [S]",
	  .full = "02:00:00:00:00:02 > 02:00:00:00:00:01, vlan 100 prio 0 dei, vlan 7 prio 0, "
	  "ethertype IPv6 (0x86dd), length 82: IP6 (hlim 64, length 20) [2001:db8::2]:5 "
	  "> [2001:db8::1]:6 TCP seq 0, length 0 [S], win 8192",
	  .json = ", 'len':82, 'cap_len':82, 'smac':'02:00:00:00:00:02', "
	  "'dmac':'02:00:00:00:00:01', 'vlan':100, 'inner_vlan':7, 'ethertype':34525, "
	  "'proto':'tcp', 'saddr':'2001:db8::2', 'daddr':'2001:db8::1', 'ttl':64, "
	  "'sport':5, 'dport':6, 'tcp_flags':'SYN', 'tcp_seq':0, 'tcp_window':8192, "
	  "'payload_bytes':0" },
	{ "three tags", BK_LINK_ETHERNET,
	  "02000000000102000000000281000001810000028100000308004500001c00010000401166ce0a00"
	  "00020a000001003500350008eb71",
	  .line = "vlan 1 vlan 2 ethertype 802.1Q (0x8100), length 32",
	  .full = "02:00:00:00:00:02 > 02:00:00:00:00:01, vlan 1 prio 0, vlan 2 prio 0, "
	  "ethertype 802.1Q (0x8100), length 54: data, length 32" },
	{ "stp", BK_LINK_ETHERNET,
	  "0180c200000002000000000200264242030000000000000000000000000000000000000000000000"
	  "000000000100140002000f00",
	  .line = "LLC STP, length 38",
	  .full = "02:00:00:00:00:02 > 01:80:c2:00:00:00, 802.3, length 52: LLC STP, length 38" },
	{ "snap", BK_LINK_ETHERNET,
	  "01000ccccccc0200000000020012aaaa0300000c200063636363636363636363",
	  .line = "LLC SNAP oui 0x00000c type 0x2000, length 18" },
	{ "llc", BK_LINK_ETHERNET,
	  "0180c2000014020000000002000dfefe0363636363636363636363",
	  .line = "LLC dsap 0xfe ssap 0xfe control 0x03, length 13" },
	{ "lldp", BK_LINK_ETHERNET,
	  "02000000000102000000000288cc0207040200000000020000",
	  .line = "ethertype LLDP (0x88cc), length 11",
	  .json = ", 'len':25, 'cap_len':25, 'smac':'02:00:00:00:00:02', "
	  "'dmac':'02:00:00:00:00:01', 'ethertype':35020, 'proto':'lldp'" },
	{ "mpls", BK_LINK_ETHERNET,
	  "0200000000010200000000028847000101407878787878787878787878787878787878787878",
	  .line = "ethertype MPLS (0x8847), length 24" },
	{ "unknown ethertype", BK_LINK_ETHERNET,
	  "02000000000102000000000212347575757575757575757575757575757575757575",
	  .line = "ethertype 0x1234, length 20",
	  .full = "02:00:00:00:00:02 > 02:00:00:00:00:01, ethertype 0x1234, length 34: data, "
	  "length 20" },
	{ "wrong version", BK_LINK_ETHERNET,
	  "02000000000102000000000208006575757575757575757575757575757575757575757575757575"
	  "757575757575757575757575757575",
	  .line = "IP (malformed)",
	  .json = ", 'len':55, 'cap_len':55, 'smac':'02:00:00:00:00:02', "
	  "'dmac':'02:00:00:00:00:01', 'ethertype':2048, 'proto':'ip', 'malformed':true" },
	{ "short header length", BK_LINK_ETHERNET,
	  "02000000000102000000000208004175757575757575757575757575757575757575757575757575"
	  "757575757575757575757575757575",
	  .line = "IP (malformed)" },
	{ "ip length too small", BK_LINK_ETHERNET,
	  "02000000000102000000000208004500000a00010000401166e00a0000020a000001003500350008"
	  "eb79",
	  .line = "IP 10.0.0.2 > 10.0.0.1 UDP (malformed)" },
	{ "udp length too small", BK_LINK_ETHERNET,
	  "02000000000102000000000208004500001f00010000401166cb0a0000020a000001000100020003"
	  "2778616263",
	  .line = "IP 10.0.0.2:1 > 10.0.0.1:2 UDP (malformed)",
	  .json = ", 'len':45, 'cap_len':45, 'smac':'02:00:00:00:00:02', "
	  "'dmac':'02:00:00:00:00:01', 'ethertype':2048, 'proto':'udp', "
	  "'saddr':'10.0.0.2', 'daddr':'10.0.0.1', 'ttl':64, 'ip_id':1, 'sport':1, "
	  "'dport':2, 'malformed':true" },
	{ "tcp offset too small", BK_LINK_ETHERNET,
	  "02000000000102000000000208004500002800010000400666cd0a0000020a000001000100020000"
	  "00000000000120102000abce0000",
	  .line = "IP 10.0.0.2:1 > 10.0.0.1:2 TCP seq 0 [.], ack 1 (malformed)" },
	{ "tcp option too long", BK_LINK_ETHERNET,
	  "02000000000102000000000208004500002c00010000400666c90a0000020a000001000100020000"
	  "0000000000006002200063cf0000080a0000",
	  .line = "IP 10.0.0.2:1 > 10.0.0.1:2 TCP seq 0, length 0 [S]",
	  .full = "02:00:00:00:00:02 > 02:00:00:00:00:01, ethertype IPv4 (0x0800), length 58: IP "
	  "(ttl 64, id 1, length 44) 10.0.0.2:1 > 10.0.0.1:2 TCP seq 0, length 0 [S], "
	  "win 8192, options [] (malformed)" },
	{ "tcp option beyond the header", BK_LINK_ETHERNET,
	  "02000000000102000000000208004500003300010000400666c20a0000020a000001000100020000"
	  "00000000000060022000a6980000080a00007061796c6f6164",
	  .line = "IP 10.0.0.2:1 > 10.0.0.1:2 TCP seq 0, length 7 [S]",
	  .full = "02:00:00:00:00:02 > 02:00:00:00:00:01, ethertype IPv4 (0x0800), length 65: IP "
	  "(ttl 64, id 1, length 51) 10.0.0.2:1 > 10.0.0.1:2 TCP seq 0, length 7 [S], "
	  "win 8192, options [] (malformed)" },
	{ "tcp sack of a wrong length", BK_LINK_ETHERNET,
	  "02000000000102000000000208004500003800010000400666bd0a0000020a000001000100020000"
	  "0000000000009002200034bc0000050c0000000000010000000201010101",
	  .line = "IP 10.0.0.2:1 > 10.0.0.1:2 TCP seq 0, length 0 [S]",
	  .full = "02:00:00:00:00:02 > 02:00:00:00:00:01, ethertype IPv4 (0x0800), length 70: IP "
	  "(ttl 64, id 1, length 56) 10.0.0.2:1 > 10.0.0.1:2 TCP seq 0, length 0 [S], "
	  "win 8192, options [option 5 of length 12,nop,nop,nop,nop]" },
	{ "ip length of an unknown protocol too small", BK_LINK_ETHERNET,
	  "02000000000102000000000208004500000a0001000040fd65f40a0000020a00000161626364",
	  .line = "IP 10.0.0.2 > 10.0.0.1 protocol 253 (malformed)" },
	{ "gre with checksum and key", BK_LINK_ETHERNET,
	  "02000000000102000000000208004500003400010000402f66980a0000020a000001a00088be08a6"
	  "000000abcdef0000000000000000000000000000000000000000",
	  .line = "IP 10.0.0.2 > 10.0.0.1 GRE key 0xabcdef ethertype 0x88be, length 20" },
	{ "first fragment of tcp", BK_LINK_ETHERNET,
	  "02000000000102000000000208004500004000072000400646af0a0000020a000001000500060000"
	  "00000000000150102000aee10000666666666666666666666666666666666666666666666666",
	  .line = "IP 10.0.0.2:5 > 10.0.0.1:6 TCP seq 0, length 24 [.], ack 1, fragment at 0, "
	  "more" },
	{ "bytes that were never there", BK_LINK_ETHERNET,
	  "0200000000010200000000020800450005dc000100004011610e0a0000020a0000010001000205c8"
	  "1bf6616263",
	  .line = "IP 10.0.0.2:1 > 10.0.0.1:2 UDP, length 1472 (bytes missing: 1469)",
	  .json = ", 'len':45, 'cap_len':45, 'smac':'02:00:00:00:00:02', "
	  "'dmac':'02:00:00:00:00:01', 'ethertype':2048, 'proto':'udp', "
	  "'saddr':'10.0.0.2', 'daddr':'10.0.0.1', 'ttl':64, 'ip_id':1, 'sport':1, "
	  "'dport':2, 'payload_bytes':1472, 'missing_bytes':1469" },
	{ "icmp without a body", BK_LINK_ETHERNET,
	  "02000000000102000000000208004500001800010000400166e20a0000020a0000010303112d0000"
	  "00004500003000010000401166ba0a0000010a00000200359c40001c9a8978787878787878787878"
	  "78787878787878787878",
	  .line = "IP 10.0.0.2 > 10.0.0.1 ICMP port unreachable, length 4 (malformed)" },
	{ "raw", BK_LINK_RAW,
	  "4500001d00010000401166cd0a0000020a00000100010002000979d672",
	  .line = "IP 10.0.0.2:1 > 10.0.0.1:2 UDP, length 1",
	  .full = "length 29: IP (ttl 64, id 1, length 29) 10.0.0.2:1 > 10.0.0.1:2 UDP, length 1" },
	{ "raw ipv6", BK_LINK_RAW,
	  "600000000009114020010db800000000000000000000000220010db8000000000000000000000001"
	  "000100020009326472",
	  .line = "IP6 [2001:db8::2]:1 > [2001:db8::1]:2 UDP, length 1",
	  .json = ", 'len':49, 'cap_len':49, 'link_type':101, 'ethertype':34525, 'proto':'udp', "
	  "'saddr':'2001:db8::2', 'daddr':'2001:db8::1', 'ttl':64, 'sport':1, 'dport':2, "
	  "'payload_bytes':1" },
	{ "raw garbage", BK_LINK_RAW,
	  "000102",
	  .line = "length 3 (malformed)",
	  .full = "length 3: length 3 (malformed)" },
	{ "ipv4", BK_LINK_IPV4,
	  "4500001d00010000401166cd0a0000020a00000100010002000979d672",
	  .line = "IP 10.0.0.2:1 > 10.0.0.1:2 UDP, length 1" },
	{ "ipv6", BK_LINK_IPV6,
	  "6000000000083a4020010db800000000000000000000000220010db8000000000000000000000001"
	  "8100234500010002",
	  .line = "IP6 2001:db8::2 > 2001:db8::1 ICMP6 echo reply, id 1, seq 2, length 8" },
	{ "null", BK_LINK_NULL,
	  "020000004500001d00010000401166cd0a0000020a00000100010002000979d672",
	  .line = "IP 10.0.0.2:1 > 10.0.0.1:2 UDP, length 1" },
	{ "loop", BK_LINK_LOOP,
	  "00000018600000000009114020010db800000000000000000000000220010db80000000000000000"
	  "00000001000100020009326472",
	  .line = "IP6 [2001:db8::2]:1 > [2001:db8::1]:2 UDP, length 1" },
	{ "cooked", BK_LINK_SLL,
	  "000400010006020000000002000008004500001d00010000401166cd0a0000020a00000100010002"
	  "000979d672",
	  .line = "IP 10.0.0.2:1 > 10.0.0.1:2 UDP, length 1",
	  .full = "outgoing, from 02:00:00:00:00:02, ethertype IPv4 (0x0800), length 45: IP (ttl "
	  "64, id 1, length 29) 10.0.0.2:1 > 10.0.0.1:2 UDP, length 1",
	  .json = ", 'len':45, 'cap_len':45, 'link_type':113, 'pkt_type':'outgoing', "
	  "'smac':'02:00:00:00:00:02', 'ethertype':2048, 'proto':'udp', "
	  "'saddr':'10.0.0.2', 'daddr':'10.0.0.1', 'ttl':64, 'ip_id':1, 'sport':1, "
	  "'dport':2, 'payload_bytes':1" },
	{ "cooked vlan", BK_LINK_SLL,
	  "0001000100000000000000000000810000090806000108000604000102fc000000010a0000020000"
	  "000000000a000001",
	  .line = "vlan 9 ARP request who-has 10.0.0.1 tell 10.0.0.2, length 28",
	  .full = "broadcast, vlan 9 prio 0, ethertype ARP (0x0806), length 48: ARP request "
	  "who-has 10.0.0.1 tell 10.0.0.2, length 28" },
	{ "cooked llc", BK_LINK_SLL,
	  "00000200000602000000000200000004424203000000000000000000000000000000000000000000"
	  "0000000000000100140002000f00",
	  .line = "LLC STP, length 38",
	  .full = "this-host, from 02:00:00:00:00:02, 802.3, length 54: LLC STP, length 38" },
	{ "cooked, second version", BK_LINK_SLL2,
	  "86dd000000000003000100060200000000020000600000000009114020010db80000000000000000"
	  "0000000220010db8000000000000000000000001000100020009326472",
	  .line = "IP6 [2001:db8::2]:1 > [2001:db8::1]:2 UDP, length 1",
	  .full = "interface 3, this-host, from 02:00:00:00:00:02, ethertype IPv6 (0x86dd), "
	  "length 69: IP6 (hlim 64, length 9) [2001:db8::2]:1 > [2001:db8::1]:2 UDP, "
	  "length 1",
	  .json = ", 'len':69, 'cap_len':69, 'link_type':276, 'ifindex':3, "
	  "'pkt_type':'this-host', 'smac':'02:00:00:00:00:02', 'ethertype':34525, "
	  "'proto':'udp', 'saddr':'2001:db8::2', 'daddr':'2001:db8::1', 'ttl':64, "
	  "'sport':1, 'dport':2, 'payload_bytes':1" },
	{ "unknown link type", 127,
	  "616263646566",
	  .line = "link type 127, length 6",
	  .full = "link type 127, length 6" },
};

static uint8_t bytes[4096];

static uint32_t make(const char *hex)
{
	uint32_t n = 0;
	unsigned int v;

	for (; *hex; hex += 2) {
		assert_int_equal(check_hex(hex, hex + 2, 2, 2, &v), 2);
		bytes[n++] = v;
	}
	return n;
}

/* What is said of the first n bytes. */
static const char *said(const struct shape *s, uint32_t n, uint32_t len, unsigned int how)
{
	static char text[CHECK_LINE];
	const char *wrong = check_dump(text, bytes, n, len, s->link_type, how);

	if (wrong)
		fail_msg("%s, %u of %u bytes: %s %s", s->name, n, len, text, wrong);
	return text;
}

static void assert_said(const struct shape *s, const char *text, const char *want)
{
	if (strcmp(text, want))
		fail_msg("%s:\nis:   %s\nwant: %s", s->name, text, want);
}

static void each_packet_as_a_line(void **state)
{
	for (const struct shape *s = shapes; s < shapes + ARRAY_LEN(shapes); s++) {
		uint32_t n = make(s->hex);

		assert_said(s, said(s, n, n, 0), s->line);
		if (s->full)
			assert_said(s, said(s, n, n, BK_DUMP_LINK | BK_DUMP_VERBOSE), s->full);
	}
}

static void packets_as_json(void **state)
{
	for (const struct shape *s = shapes; s < shapes + ARRAY_LEN(shapes); s++) {
		char want[CHECK_LINE] = "{\"type\":\"packet\"", *p = want + strlen(want);
		uint32_t n = make(s->hex);

		said(s, n, n, CHECK_JSON);
		if (!s->json)
			continue;
		for (const char *j = s->json; *j; j++)
			if (*j != ' ')
				*p++ = *j == '\'' ? '"' : *j;
		strcpy(p, "}\n");
		assert_said(s, said(s, n, n, CHECK_JSON), want);
	}
}

/* Each of them at every byte: nothing is read beyond it, and it is told that it is cut off. */
static void each_packet_cut_off(void **state)
{
	static char whole[CHECK_LINE];

	for (const struct shape *s = shapes; s < shapes + ARRAY_LEN(shapes); s++) {
		uint32_t len = make(s->hex);

		for (unsigned int how = 0; how <= CHECK_JSON; how++) {
			strcpy(whole, said(s, len, len, how));
			for (uint32_t n = 0; n < len; n++) {
				const char *text = said(s, n, len, how),
					   *wrong = how == CHECK_JSON ? NULL : check_cut(whole, text);

				if (wrong)
					fail_msg("%s, %u of %u bytes: %s %s", s->name, n, len, text,
						 wrong);
			}
		}
	}
}

static const struct shape *shape(const char *name)
{
	for (const struct shape *s = shapes; s < shapes + ARRAY_LEN(shapes); s++)
		if (!strcmp(s->name, name))
			return s;
	fail_msg("no shape %s", name);
	return NULL;
}

static void where_it_is_cut_off(void **state)
{
	static const struct {
		const char *name;
		uint32_t n;
		const char *line;
	} cuts[] = {
		{ "udp", 0, "length 93 [|ether]" },
		{ "udp", 13, "length 93 [|ether]" },
		{ "udp", 14, "IP [|ip]" },
		{ "udp", 33, "IP [|ip]" },
		{ "udp", 34, "IP 10.0.0.2 > 10.0.0.1 UDP [|udp]" },
		{ "udp", 37, "IP 10.0.0.2 > 10.0.0.1 UDP [|udp]" },
		{ "udp", 38, "IP 10.0.0.2:54013 > 10.0.0.1:53 UDP [|udp]" },
		{ "udp", 42, "IP 10.0.0.2:54013 > 10.0.0.1:53 UDP, length 51" },
		{ "ipv4 options", 41, "IP 10.0.0.2 > 10.0.0.1 UDP [|udp]" },
		{ "tcp data", 47, "IP 10.0.0.2:9203 > 10.0.0.1:0 TCP [|tcp]" },
		{ "tcp data", 48,
		  "IP 10.0.0.2:9203 > 10.0.0.1:0 TCP seq 437136853, length 6 [P.], ack 4000000000" },
		{ "icmp echo request", 36, "IP 10.0.0.2 > 10.0.0.1 ICMP echo request, length 64 [|icmp]" },
		{ "icmp port unreachable", 43,
		  "IP 10.0.0.2 > 10.0.0.1 ICMP port unreachable, for IP [|ip], length 56" },
		{ "icmp port unreachable", 62,
		  "IP 10.0.0.2 > 10.0.0.1 ICMP port unreachable, for IP 10.0.0.1 > 10.0.0.2 UDP [|...], "
		  "length 56" },
		{ "ipv6 extension headers", 57, "IP6 2001:db8::2 > 2001:db8::1 protocol 0 [|ip6]" },
		{ "later fragment of ipv6", 54, "IP6 2001:db8::2 > 2001:db8::1 protocol 44 [|ip6]" },
		{ "sctp", 46, "IP 10.0.0.2:2905 > 10.0.0.1:2906 SCTP, length 20 [|sctp]" },
		{ "gre with a key", 40, "IP 10.0.0.2 > 10.0.0.1 GRE, length 20 [|gre]" },
		{ "arp request", 41,
		  "ARP of hardware 1 (6 bytes) and protocol 0x0800 (4 bytes), op 1, length 28 [|arp]" },
		{ "arp request", 21, "ARP [|arp]" },
		{ "vlan", 17, "length 47 [|vlan]" },
		{ "two tags", 18, "vlan 100 length 82 [|vlan]" },
		{ "stp", 16, "LLC, length 38 [|llc]" },
		{ "snap", 20, "LLC SNAP, length 18 [|snap]" },
		{ "cooked", 15, "length 45 [|sll]" },
		{ "cooked vlan", 17, "length 48 [|vlan]" },
		{ "null", 4, "length 33 [|ip]" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cuts); i++) {
		const struct shape *s = shape(cuts[i].name);
		uint32_t len = make(s->hex);

		assert_said(s, said(s, cuts[i].n, len, 0), cuts[i].line);
	}
}

/* The length is the whole packet's, also where fewer bytes were captured; a file can say that it is shorter. */
static void lengths(void **state)
{
	const struct shape *s = shape("unknown ethertype");
	uint32_t n = make(s->hex);

	assert_said(s, said(s, n, 9014, 0), "ethertype 0x1234, length 9000");
	assert_said(s, said(s, n, 0, 0), "ethertype 0x1234, length 20");
	assert_said(s, said(s, n, UINT32_MAX, 0), "ethertype 0x1234, length 4294967281");
}

static void any_type_of_link(void **state)
{
	const struct shape *s = shape("tcp data");
	uint32_t n = make(s->hex);

	for (uint32_t type = 0; type < 65536; type++) {
		struct shape other = { .name = "any", .link_type = type };

		said(&other, n, n, type & 3);
		said(&other, n, n, CHECK_JSON);
	}
}

/* ---- hexadecimal ---- */

static const char *hex(const void *data, size_t n, bool ascii)
{
	void *exact = malloc(n);

	memcpy(exact, data, n);
	bk_dump_hex(&out, exact, n, ascii);
	free(exact);
	return written();
}

static void hexadecimal(void **state)
{
	uint32_t n = make(shape("tcp data")->hex);

	assert_string_equal(hex(bytes, n, false),
			    "\t0200 0000 0001 0200 0000 0002 0800 4500\n"
			    "\t002e 0001 0000 4006 66c7 0a00 0002 0a00\n"
			    "\t0001 23f3 0000 1a0e 2dd5 ee6b 2800 5018\n"
			    "\t2000 a42c 0000 7369 7873 6978\n");
	assert_string_equal(hex(bytes, 3, false), "\t0200 00\n");
	assert_string_equal(hex(bytes, 0, false), "");
	assert_string_equal(hex(bytes, 0, true), "");
}

/* As tcpdump -X does it, of which this is a copy. */
static void hexadecimal_and_text(void **state)
{
	uint32_t n = make(shape("tcp data")->hex);

	assert_string_equal(hex(bytes + 14, n - 14, true),
			    "\t0x0000:  4500 002e 0001 0000 4006 66c7 0a00 0002  E.......@.f.....\n"
			    "\t0x0010:  0a00 0001 23f3 0000 1a0e 2dd5 ee6b 2800  ....#.....-..k(.\n"
			    "\t0x0020:  5018 2000 a42c 0000 7369 7873 6978       P....,..sixsix\n");
	for (size_t i = 1; i <= 16; i++) { /* the text is always at the same place */
		const char *row = hex("0123456789abcdef", i, true);

		assert_int_equal(strlen(row), 51 + i + 1);
		assert_memory_equal(row + 51, "0123456789abcdef\n", i);
	}
}

/* Of each kind no more than its addresses, the protocol and the length. */
static void quiet(void **state)
{
	static const struct {
		const char *name, *line;
	} want[] = {
		{ "tcp data", "IP 10.0.0.2:9203 > 10.0.0.1:0 TCP, length 6" },
		{ "tcp fin", "IP6 [2001:db8::2]:443 > [2001:db8::1]:60000 TCP, length 0" },
		{ "icmp echo request", "IP 10.0.0.2 > 10.0.0.1 ICMP, length 64" },
	};
	unsigned int found = 0;

	for (size_t i = 0; i < ARRAY_LEN(shapes); i++)
		for (size_t k = 0; k < ARRAY_LEN(want); k++)
			if (!strcmp(shapes[i].name, want[k].name)) {
				uint32_t n = make(shapes[i].hex);

				assert_said(&shapes[i], said(&shapes[i], n, n, BK_DUMP_QUIET), want[k].line);
				found++;
			}
	assert_int_equal(found, ARRAY_LEN(want));
}

static void text_has_no_bytes_of_strangers(void **state)
{
	uint8_t all[256];
	const char *rows;

	for (int i = 0; i < 256; i++)
		all[i] = i;
	rows = hex(all, sizeof(all), true);
	assert_int_equal(count_lines(rows), 16);
	for (; *rows; rows++)
		assert_true(*rows == '\n' || *rows == '\t' || (*rows >= ' ' && *rows <= '~'));
}

static void offsets_of_long_packets(void **state)
{
	static uint8_t zeros[65552];
	const char *rows = hex(zeros, sizeof(zeros), true);

	assert_non_null(strstr(rows, "\n\t0xfff0:  0000"));
	assert_non_null(strstr(rows, "\n\t0x00010000:  0000"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_packet_as_a_line),
		cmocka_unit_test(packets_as_json),
		cmocka_unit_test(each_packet_cut_off),
		cmocka_unit_test(where_it_is_cut_off),
		cmocka_unit_test(lengths),
		cmocka_unit_test(quiet),
		cmocka_unit_test(any_type_of_link),
		cmocka_unit_test_setup_teardown(hexadecimal, begin, end),
		cmocka_unit_test_setup_teardown(hexadecimal_and_text, begin, end),
		cmocka_unit_test_setup_teardown(text_has_no_bytes_of_strangers, begin, end),
		cmocka_unit_test_setup_teardown(offsets_of_long_packets, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
