// SPDX-License-Identifier: GPL-2.0-only
/*
 * A workload (see paced.h) of dropped packets, one for each event, in a network namespace of its
 * own: UDP over IPv4, for 16 destinations in turn that are not this host, sent into the loopback
 * interface. The kernel drops each of them in ip_rcv_core(), as OTHERHOST, before it sends anything
 * itself.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "paced.h"
#include "received.h"

enum { BATCH = 64, DESTINATIONS = 16, DESTINATION = 5, SUM = 24, ADDRESS = 33 };

/* 02:62:6b:00:00:00 to :0f, 192.0.2.0 to .15, from port 4000 to port 9, with 18 bytes of data */
static const unsigned char frame[60] = {
	/* clang-format off */
	0x02, 0x62, 0x6b, 0, 0, 0, 0x02, 0x62, 0x6b, 0, 1, 0, 0x08, 0x00,
	0x45, 0, 0, 46, 0, 1, 0, 0, 64, 17, 0, 0, 198, 51, 100, 1, 192, 0, 2, 0,
	0x0f, 0xa0, 0, 9, 0, 26, 0, 0,
	'b', 'p', 'f', 'k', 'i', 't', ' ', 'd', 'r', 'o', 'p', 's', ' ', 't', 'h', 'i', 's', '\n',
	/* clang-format on */
};

static unsigned char frames[BATCH][sizeof(frame)];
static struct mmsghdr batch[BATCH];
static struct iovec data[BATCH];
static long before;
static int fd;

static void checksum(unsigned char *ip)
{
	unsigned int sum = 0;

	for (int i = 0; i < 20; i += 2)
		sum += ip[i] << 8 | ip[i + 1];
	sum = ~((sum & 0xffff) + (sum >> 16));
	ip[SUM - 14] = sum >> 8;
	ip[SUM - 13] = sum;
}

static void prepare(void)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET };
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };

	if (unshare(CLONE_NEWNET))
		err(1, "a network namespace of its own, which needs root");
	/* protocol 0: it sees no packet itself */
	fd = socket(AF_PACKET, SOCK_RAW, 0);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &lo))
		err(1, "lo");
	to.sll_ifindex = if_nametoindex("lo");
	if (bind(fd, (void *)&to, sizeof(to)))
		err(1, "lo");
	for (int i = 0; i < BATCH; i++) {
		memcpy(frames[i], frame, sizeof(frame));
		frames[i][DESTINATION] = frames[i][ADDRESS] = i % DESTINATIONS;
		checksum(frames[i] + 14);
		data[i] = (struct iovec){ frames[i], sizeof(frame) };
		batch[i].msg_hdr.msg_iov = &data[i];
		batch[i].msg_hdr.msg_iovlen = 1;
	}
	before = received("lo");
}

static void make(long count)
{
	static unsigned int at;

	while (count) {
		int n = count < BATCH - (int)at ? count : BATCH - (int)at;

		n = sendmmsg(fd, batch + at, n, 0);
		if (n < 0)
			err(1, "sendmmsg");
		at = (at + n) % BATCH;
		count -= n;
	}
}

/* What the receiving side's backlog had no room for is not in it. */
static long made(void)
{
	return received("lo") - before;
}
