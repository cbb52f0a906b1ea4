// SPDX-License-Identifier: GPL-2.0-only
/*
 * A workload (see paced.h) of received frames, one for each event: UDP over IPv4, of 128 bytes, sent into the
 * interface bk0, which is one end of a pair of which bk1 is the other. They are for somebody else's MAC address, so
 * that the kernel drops each of them in ip_rcv_core(), before it sends anything itself.
 */
#define _GNU_SOURCE
#include <linux/if_packet.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>

#include "paced.h"
#include "received.h"

enum { BATCH = 64, LEN = 128, DATA = 42 };

/* from 192.0.2.1, port 4000, to 192.0.2.2, port 9 */
static unsigned char frame[LEN] = {
	/* clang-format off */
	0x02, 0x62, 0x6b, 0, 0, 2, 0x02, 0x62, 0x6b, 0, 0, 1, 0x08, 0x00,
	0x45, 0, 0, LEN - 14, 0, 1, 0, 0, 64, 17, 0xf6, 0x76, 192, 0, 2, 1, 192, 0, 2, 2,
	0x0f, 0xa0, 0, 9, 0, LEN - 34, 0, 0,
	/* clang-format on */
};

static struct mmsghdr batch[BATCH];
static struct iovec data = { frame, sizeof(frame) };
static long before;
static int fd;

static void prepare(void)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET, .sll_ifindex = if_nametoindex("bk0") };

	/* protocol 0: it sees no packet itself */
	fd = socket(AF_PACKET, SOCK_RAW, 0);
	if (fd < 0 || !to.sll_ifindex || bind(fd, (void *)&to, sizeof(to)))
		err(1, "bk0");
	for (int i = DATA; i < LEN; i++)
		frame[i] = i;
	for (int i = 0; i < BATCH; i++) {
		batch[i].msg_hdr.msg_iov = &data;
		batch[i].msg_hdr.msg_iovlen = 1;
	}
	before = received("bk1");
}

static void make(long count)
{
	while (count) {
		int n = sendmmsg(fd, batch, count < BATCH ? count : BATCH, 0);

		if (n < 0)
			err(1, "sendmmsg");
		count -= n;
	}
}

/* What the pair had no room for is not in it. */
static long made(void)
{
	return received("bk1") - before;
}
