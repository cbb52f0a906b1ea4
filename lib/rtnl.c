// SPDX-License-Identifier: GPL-2.0-only
#include "rtnl.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REPLY = 65536 }; /* more than the kernel puts into one message of a dump */

struct request {
	struct nlmsghdr head;
	struct ifinfomsg link;
	char attrs[64];
} __attribute__((aligned(NLMSG_ALIGNTO)));

static int open_socket(int flags, uint32_t groups)
{
	struct sockaddr_nl to = { .nl_family = AF_NETLINK, .nl_groups = groups };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | flags, NETLINK_ROUTE), one = 1;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one));
	setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&to, sizeof(to))) {
		int err = -errno;

		close(fd);
		return err;
	}
	return fd;
}

/* The bytes of a message from the kernel; others can send to us, too, and are not heard. */
static ssize_t receive(int fd, char *buf, size_t size)
{
	struct iovec v = { buf, size };
	struct sockaddr_nl from;
	struct msghdr m = { .msg_name = &from, .msg_iov = &v, .msg_iovlen = 1 };
	ssize_t n;

	do {
		m.msg_namelen = sizeof(from);
		n = recvmsg(fd, &m, 0);
	} while ((n < 0 && errno == EINTR) || (n >= 0 && from.nl_pid));
	if (n < 0)
		return -errno;
	return m.msg_flags & MSG_TRUNC ? -EMSGSIZE : n;
}

static void *add_attr(struct request *r, unsigned short type, const void *data, size_t size)
{
	struct rtattr *a = (struct rtattr *)((char *)r + NLMSG_ALIGN(r->head.nlmsg_len));

	a->rta_type = type;
	a->rta_len = RTA_LENGTH(size);
	if (size)
		memcpy(RTA_DATA(a), data, size);
	r->head.nlmsg_len = NLMSG_ALIGN(r->head.nlmsg_len) + RTA_ALIGN(a->rta_len);
	return a;
}

static struct request make_request(int type, int flags, int ifindex)
{
	return (struct request){
		.head = { .nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)),
			  .nlmsg_type = type,
			  .nlmsg_flags = NLM_F_REQUEST | flags,
			  .nlmsg_seq = 1 },
		.link = { .ifi_family = AF_UNSPEC, .ifi_index = ifindex },
	};
}

/* An answer: the error that it tells, and the kernel's words for it. */
static int read_error(const struct nlmsghdr *h, char *why, size_t size)
{
	const struct nlmsgerr *e = NLMSG_DATA(h);
	const struct rtattr *a = (const struct rtattr *)(e + 1);
	int left = (int)h->nlmsg_len - NLMSG_LENGTH(sizeof(*e));

	if (left < 0)
		return -EBADMSG;
	for (; h->nlmsg_flags & NLM_F_ACK_TLVS && RTA_OK(a, left); a = RTA_NEXT(a, left))
		if (a->rta_type == NLMSGERR_ATTR_MSG && size)
			snprintf(why, size, "%.*s", (int)RTA_PAYLOAD(a), (const char *)RTA_DATA(a));
	return e->error;
}

/* The end of a list, and whether it was one before all was told. */
static int read_done(const struct nlmsghdr *h)
{
	int err = 0;

	if (h->nlmsg_len >= NLMSG_LENGTH(sizeof(err)))
		memcpy(&err, NLMSG_DATA(h), sizeof(err));
	return err < 0 ? err : 0;
}

/* Sends a request, and gives what is answered, but for the end of it, to a function. */
static int ask(const struct request *r, int (*each)(void *ctx, const struct nlmsghdr *h), void *ctx,
	       char *why, size_t size)
{
	char buf[REPLY] __attribute__((aligned(NLMSG_ALIGNTO)));
	int fd = open_socket(0, 0), err = 0;
	bool done = false;
	ssize_t n;

	if (size)
		why[0] = 0;
	if (fd < 0)
		return fd;
	if (send(fd, r, r->head.nlmsg_len, 0) < 0) {
		err = -errno;
		done = true;
	}
	while (!done) {
		n = receive(fd, buf, sizeof(buf));
		if (n < 0) {
			err = n;
			break;
		}
		for (const struct nlmsghdr *h = (void *)buf; !done && NLMSG_OK(h, n);
		     h = NLMSG_NEXT(h, n)) {
			if (h->nlmsg_type == NLMSG_ERROR)
				err = read_error(h, why, size);
			else if (h->nlmsg_type == NLMSG_DONE)
				err = read_done(h);
			else
				err = each ? each(ctx, h) : 0;
			done = err || h->nlmsg_type == NLMSG_ERROR || h->nlmsg_type == NLMSG_DONE;
		}
	}
	close(fd);
	return err;
}

/* ---- interfaces ---- */

static uint32_t get_u32(const struct rtattr *a)
{
	uint32_t v = 0;

	if (RTA_PAYLOAD(a) >= sizeof(v))
		memcpy(&v, RTA_DATA(a), sizeof(v));
	return v;
}

static void read_xdp(const struct rtattr *nest, uint32_t progs[BK_RTNL_MODES])
{
	const struct rtattr *a = RTA_DATA(nest);
	int left = RTA_PAYLOAD(nest);

	for (; RTA_OK(a, left); a = RTA_NEXT(a, left))
		switch (a->rta_type & NLA_TYPE_MASK) {
		case IFLA_XDP_DRV_PROG_ID:
			progs[BK_RTNL_NATIVE] = get_u32(a);
			break;
		case IFLA_XDP_SKB_PROG_ID:
			progs[BK_RTNL_GENERIC] = get_u32(a);
			break;
		case IFLA_XDP_HW_PROG_ID:
			progs[BK_RTNL_OFFLOAD] = get_u32(a);
			break;
		}
}

struct reading {
	int (*each)(void *ctx, const struct bk_rtnl_link *link);
	void *ctx;
};

static int read_link(void *ctx, const struct nlmsghdr *h)
{
	const struct ifinfomsg *info = NLMSG_DATA(h);
	const struct rtattr *a = IFLA_RTA(info);
	int left = (int)h->nlmsg_len - NLMSG_LENGTH(sizeof(*info));
	struct reading *r = ctx;
	struct bk_rtnl_link l = { 0 };

	if (h->nlmsg_type != RTM_NEWLINK || left < 0)
		return 0;
	l.ifindex = info->ifi_index;
	l.up = info->ifi_flags & IFF_UP;
	for (; RTA_OK(a, left); a = RTA_NEXT(a, left))
		switch (a->rta_type & NLA_TYPE_MASK) {
		case IFLA_IFNAME:
			snprintf(l.name, sizeof(l.name), "%.*s", (int)RTA_PAYLOAD(a),
				 (const char *)RTA_DATA(a));
			break;
		case IFLA_MTU:
			l.mtu = get_u32(a);
			break;
		case IFLA_MASTER:
			l.master = get_u32(a);
			break;
		case IFLA_XDP:
			read_xdp(a, l.progs);
			break;
		}
	return r->each(r->ctx, &l);
}

int bk_rtnl_links(int ifindex, int (*each)(void *ctx, const struct bk_rtnl_link *link), void *ctx)
{
	struct request r = make_request(RTM_GETLINK, ifindex ? NLM_F_ACK : NLM_F_DUMP, ifindex);
	uint32_t what = RTEXT_FILTER_SKIP_STATS;
	struct reading to = { each, ctx };

	if (ifindex < 0)
		return -ENODEV;
	add_attr(&r, IFLA_EXT_MASK, &what, sizeof(what));
	return ask(&r, read_link, &to, NULL, 0);
}

int bk_rtnl_set_xdp(int ifindex, int prog_fd, int expected_fd, uint32_t flags, char *why,
		    size_t size)
{
	struct request r = make_request(RTM_SETLINK, NLM_F_ACK, ifindex);
	struct rtattr *nest = add_attr(&r, NLA_F_NESTED | IFLA_XDP, NULL, 0);

	add_attr(&r, IFLA_XDP_FD, &prog_fd, sizeof(prog_fd));
	add_attr(&r, IFLA_XDP_FLAGS, &flags, sizeof(flags));
	if (expected_fd >= 0)
		add_attr(&r, IFLA_XDP_EXPECTED_FD, &expected_fd, sizeof(expected_fd));
	nest->rta_len = (char *)&r + r.head.nlmsg_len - (char *)nest;
	return ask(&r, NULL, NULL, why, size);
}

/* ---- their end ---- */

int bk_rtnl_watch(void)
{
	return open_socket(SOCK_NONBLOCK, RTMGRP_LINK);
}

int bk_rtnl_gone(int fd, void (*gone)(void *ctx, int ifindex), void *ctx)
{
	char buf[REPLY] __attribute__((aligned(NLMSG_ALIGNTO)));
	ssize_t n;

	while ((n = receive(fd, buf, sizeof(buf))) >= 0)
		for (const struct nlmsghdr *h = (void *)buf; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
			const struct ifinfomsg *info = NLMSG_DATA(h);

			/* those of a bridge say that an interface left the bridge */
			if (h->nlmsg_type == RTM_DELLINK && info->ifi_family == AF_UNSPEC &&
			    h->nlmsg_len >= NLMSG_LENGTH(sizeof(*info)))
				gone(ctx, info->ifi_index);
		}
	return n == -EAGAIN ? 0 : n;
}
