/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Capture files in the format pcapng (draft-ietf-opsawg-pcapng), written into an output. A file is a section, then
 * interfaces and the packets that name them, then statistics; its blocks are in our own byte order, and go out whole
 * (see struct bk_out). Times are nanoseconds since 1970. Strings may come from strangers: they are made harmless, and
 * of each no more than BK_PCAPNG_TEXT bytes are taken.
 */
#ifndef BK_PCAPNG_H
#define BK_PCAPNG_H

#include "bk.h"

enum { BK_PCAPNG_TEXT = 1024 };

/* Link types (www.tcpdump.org/linktypes.html). */
enum {
	BK_LINK_NULL = 0, /* address family, four bytes in the order of the machine that captured */
	BK_LINK_ETHERNET = 1,
	BK_LINK_RAW = 101,  /* an IPv4 or IPv6 header, as its first four bits tell */
	BK_LINK_LOOP = 108, /* address family, four bytes, big-endian */
	BK_LINK_SLL = 113,  /* the header of Linux cooked capture, BK_SLL_LEN bytes */
	BK_LINK_IPV4 = 228,
	BK_LINK_IPV6 = 229,
	BK_LINK_SLL2 = 276, /* its second version, BK_SLL2_LEN bytes */
};

/*
 * packet type (PACKET_HOST to PACKET_OUTGOING), type of the device (ARPHRD_), length of its address, each two bytes
 * and big-endian; the address, eight bytes; the ethertype, two bytes
 */
enum { BK_SLL_LEN = 16 };

/*
 * the ethertype, two bytes, big-endian as all of it; two that are zero; the number of the interface, four; type of the
 * device, two; packet type, one; length of the address, one; the address, eight bytes
 */
enum { BK_SLL2_LEN = 20 };

/* What is known of a packet: a direction, and a reception type. */
enum bk_pcapng_flags {
	BK_PCAPNG_IN = 1,
	BK_PCAPNG_OUT = 2,
	BK_PCAPNG_UNICAST = 1 << 2,
	BK_PCAPNG_MULTICAST = 2 << 2,
	BK_PCAPNG_BROADCAST = 3 << 2,
	BK_PCAPNG_PROMISCUOUS = 4 << 2,
};

struct bk_pcapng_interface {
	const char *name, *description; /* or NULL */
	uint16_t link_type;
	/* at most so many bytes of a packet are written; libpcap reads no file where not all have the same */
	uint32_t snaplen;
};

enum bk_pcapng_has { BK_PCAPNG_QUEUE = 1, BK_PCAPNG_VERDICT = 2, BK_PCAPNG_DROPPED = 4 };

struct bk_pcapng_packet {
	uint32_t interface; /* the first one that was written is 0 */
	uint64_t time;
	const void *data;
	uint32_t cap_len, len; /* bytes of data, and of the whole packet, which is not shorter */
	const char *comment;   /* or NULL */
	uint32_t flags;	       /* 0: nothing is known */
	uint32_t has;	       /* which of these are known */
	uint32_t queue;
	uint64_t verdict; /* enum xdp_action */
	uint64_t dropped; /* packets, between this one and the one before it of its interface */
};

struct bk_pcapng_statistics {
	uint32_t interface;
	uint64_t time, start, end;
	uint64_t lost;	    /* packets that the kernel gave up since the start, for want of room */
	uint64_t delivered; /* those that came to us */
};

/* Begins a file; application: what writes it. From here on the output has nothing but blocks. */
void bk_pcapng_section(struct bk_out *o, const char *application);
void bk_pcapng_put_interface(struct bk_out *o, const struct bk_pcapng_interface *i);
void bk_pcapng_put_packet(struct bk_out *o, const struct bk_pcapng_packet *p);
void bk_pcapng_put_statistics(struct bk_out *o, const struct bk_pcapng_statistics *s);

#endif
