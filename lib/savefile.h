/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads capture files: pcap (draft-ietf-opsawg-pcap) and pcapng (draft-ietf-opsawg-pcapng), of either byte order, also
 * from a pipe. Files come from strangers: whatever is in one, no more than BK_SAVED_BLOCK bytes of a block are kept
 * in memory, and strings are as they stand there, to be escaped where they are printed.
 */
#ifndef BK_SAVEFILE_H
#define BK_SAVEFILE_H

#include "bk.h"
#include "pcapng.h"

enum {
	BK_SAVED_BLOCK = 16 << 20, /* a longer packet is refused; other blocks are passed over */
	BK_SAVED_NAME = 255,	   /* bytes of an interface's name that are kept */
	BK_SAVED_COMMENT = 4095,   /* and of a comment */
	BK_SAVED_INTERFACES = 65536, /* of a section */
};

/* What it has belongs to the reader, and is valid until its next call. */
struct bk_saved {
	uint16_t link_type;
	bool has_time;	  /* simple packet blocks have none */
	uint64_t time_ns; /* since 1970 */
	const void *data;
	uint32_t cap_len, len; /* bytes of data, and of the whole packet, which is not shorter */
	const char *interface; /* its name, or NULL */
	size_t interfaces;     /* so many there were in this section by now */
	const char *comment;   /* the first, or NULL */
	uint32_t flags;	       /* enum bk_pcapng_flags and others; 0: nothing is known */
	uint32_t has;	       /* which of these are known: enum bk_pcapng_has */
	uint32_t queue;
	uint64_t verdict; /* enum xdp_action */
	uint64_t dropped; /* packets, between this one and the one before it of its interface */
};

struct bk_savefile;

/*
 * Reads from where the descriptor is, which stays the caller's. NULL: it is no capture file; *why is the end of the
 * sentence "FILE ...", valid until the next call.
 */
struct bk_savefile *bk_savefile_open(int fd, const char **why);
/*
 * Is called before each read from the descriptor, which may wait: what came before can be shown, and bytes or a signal be
 * waited for. If it returns true nothing is read any more: bk_savefile_next() returns -EINTR.
 */
void bk_savefile_before_read(struct bk_savefile *f, bool (*call)(void *arg), void *arg);
/*
 * The next packet: 1; 0: the file ends here, as it should; negative: it cannot be read on, and bk_savefile_why() says
 * why, as the end of the sentence "FILE ...". After one of the latter two all further calls return the same.
 */
int bk_savefile_next(struct bk_savefile *f, struct bk_saved *p);
const char *bk_savefile_why(const struct bk_savefile *f);
void bk_savefile_close(struct bk_savefile *f);

#endif
