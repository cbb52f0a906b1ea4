/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BK_RTNL_H
#define BK_RTNL_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What of rtnetlink the tools use: the interfaces of our network namespace, XDP programs on them, and the end of an
 * interface. Formats: <linux/rtnetlink.h>, <linux/if_link.h>. All return 0 or a negative errno.
 */

enum { BK_RTNL_NATIVE, BK_RTNL_GENERIC, BK_RTNL_OFFLOAD, BK_RTNL_MODES };

struct bk_rtnl_link {
	int ifindex;
	char name[IF_NAMESIZE]; /* from strangers */
	bool up;
	uint32_t mtu;
	int master; /* index of the interface that it is a port of; 0: of none */
	uint32_t progs[BK_RTNL_MODES]; /* ids of XDP programs; 0: none */
};

/*
 * Gives each interface, or the one with this index, to a function; if that returns other than 0 it is not called
 * again, and that is returned. A list that changed while it was read is given as it was read. -ENODEV: there is none.
 */
int bk_rtnl_links(int ifindex, int (*each)(void *ctx, const struct bk_rtnl_link *link), void *ctx);

/*
 * Sets (prog_fd -1: removes) the XDP program of an interface. flags: XDP_FLAGS_*; expected_fd: the program that must
 * be there, with XDP_FLAGS_REPLACE. why: the kernel's words if it refuses, else empty.
 */
int bk_rtnl_set_xdp(int ifindex, int prog_fd, int expected_fd, uint32_t flags, char *why, size_t size);

/* A descriptor, without waiting, that can be read when interfaces come, change and go. */
int bk_rtnl_watch(void);
/* Reads it and calls a function for each interface that left this namespace. -ENOBUFS: some of that got lost. */
int bk_rtnl_gone(int fd, void (*gone)(void *ctx, int ifindex), void *ctx);

#endif
