/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A packet as people read it: a line, members of JSON, hexadecimal rows. The packet comes from strangers: nothing is
 * read that was not captured, and nothing is printed but numbers and names of ours. Headers are parsed by bpf/pkt.h.
 */
#ifndef BK_DUMP_H
#define BK_DUMP_H

#include "bk.h"
#include "pcapng.h" /* link types */

struct bk_dump_packet {
	uint64_t time_ns; /* for the caller, who prints it in front */
	const void *data;
	uint32_t cap_len; /* bytes of data */
	uint32_t len;	  /* of the whole packet */
	uint16_t link_type; /* BK_LINK_; of others only the length is told */
};

enum bk_dump_how {
	BK_DUMP_LINK = 1,    /* the link header in front: addresses, tags, ethertype, length of the frame */
	BK_DUMP_VERBOSE = 2, /* fields of the IP header, window and options of TCP, and the like */
	BK_DUMP_QUIET = 4, /* only addresses, protocol and length */
};

/*
 * The packet as a part of a line, without time or newline: "IP 10.0.0.2:9203 > 10.0.0.1:80 TCP seq 437136853, length 6
 * [P.], ack 1". The length is that of the payload behind the header of TCP, UDP, SCTP or GRE, of what is
 * behind the IP headers for all else, and of what is behind the link header if it is not IP. A header that is not all
 * there is "[|tcp]", one that contradicts itself "(malformed)".
 */
void bk_dump_line(struct bk_out *o, const struct bk_dump_packet *p, unsigned int how);
/* The same as members of the open object, each only if it is known; what netmon shows too has the same name. */
void bk_dump_json(struct bk_out *o, const struct bk_dump_packet *p);
/* Rows of 16 bytes behind a tab, each with its newline; ascii: with offsets in front, and as text behind. */
void bk_dump_hex(struct bk_out *o, const void *data, size_t n, bool ascii);

#endif
