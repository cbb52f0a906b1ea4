// SPDX-License-Identifier: GPL-2.0-only
/*
 * flood INTERFACE COUNT [OFFSET:MODULUS]: send the frame on stdin COUNT times through a raw socket.
 * To the 16 bits at OFFSET, 0 to MODULUS - 1 is added in turn, so that there are that many flows.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BATCH = 64, FRAME = 2048 };

static unsigned char frames[BATCH][FRAME];

int main(int argc, char **argv)
{
	struct sockaddr_ll to = { .sll_family = AF_PACKET };
	struct mmsghdr batch[BATCH] = {};
	struct iovec data[BATCH];
	unsigned int offset = 0, modulus = 1;
	long sent = 0, count;
	cpu_set_t one;
	ssize_t len;
	int fd;

	if (argc < 3 || (argc > 3 && sscanf(argv[3], "%u:%u", &offset, &modulus) != 2))
		errx(2, "usage: flood INTERFACE COUNT [OFFSET:MODULUS]");
	count = atol(argv[2]);
	len = read(0, frames[0], FRAME);
	if (len < 14 || offset + 2 > len || !modulus)
		errx(2, "no such frame");
	to.sll_ifindex = if_nametoindex(argv[1]);
	fd = socket(AF_PACKET, SOCK_RAW, 0);
	if (fd < 0 || bind(fd, (void *)&to, sizeof(to)))
		err(1, "%s", argv[1]);

	/* on one CPU, and yielding: the receiving side's backlog of 1000 must not overflow */
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	sched_setaffinity(0, sizeof(one), &one);

	for (int i = 0; i < BATCH; i++) {
		memcpy(frames[i], frames[0], len);
		data[i] = (struct iovec){ frames[i], len };
		batch[i].msg_hdr.msg_iov = &data[i];
		batch[i].msg_hdr.msg_iovlen = 1;
	}
	unsigned int base = frames[0][offset] << 8 | frames[0][offset + 1];

	while (sent < count) {
		int n = count - sent < BATCH ? count - sent : BATCH;

		for (int i = 0; i < n && modulus > 1; i++) {
			unsigned int value = base + (sent + i) % modulus;

			frames[i][offset] = value >> 8;
			frames[i][offset + 1] = value;
		}
		n = sendmmsg(fd, batch, n, 0);
		if (n < 0)
			err(1, "sendmmsg");
		sent += n;
		sched_yield();
	}
	return 0;
}
