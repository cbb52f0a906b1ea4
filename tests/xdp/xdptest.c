// SPDX-License-Identifier: GPL-2.0-only
/*
 * lib/xdp.c as a tool uses it, for tests/run/test_xdp_attach.py.
 *
 * xdptest attach [-m MODE] [-f] [-p] IF...   attach until a signal (-f: with frags, -p: pin); "any": all that are up
 * xdptest list                               every interface, and what is on it
 * xdptest components ID                      what is behind a dispatcher
 * xdptest unpin TOOL IF
 * xdptest hold netlink|link IF MODE [PIN [NETNS]]
 *                   put somebody else's program there; until a signal, if by link without PIN; the same one by
 *                   netlink to what has the same index in another namespace, too
 */
#include <bpf/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "foreign.skel.h"
#include "xdp.h"
#include "xdptest.skel.h"

static struct {
	char **names; /* ends with NULL */
	enum bk_xdp_mode mode;
	bool frags, pin;
} config;

static int say_why(struct bk_run *run, int err)
{
	bk_error("%s", bk_log_cause());
	run->status = err == -EBUSY ? BK_EXIT_FAILED : BK_EXIT_LACKING;
	return -ECANCELED;
}

static int configure(struct bk_run *run, void *skel)
{
	struct xdptest_bpf *s = skel;
	int err;

	if (config.frags)
		s->rodata->frags = bk_xdp_use_frags(s->progs.xdptest);
	err = bk_xdp_prepare(s->progs.xdptest, if_nametoindex(config.names[0]), config.mode);
	return err ? say_why(run, err) : 0;
}

static int attach_one(struct bk_run *run, struct xdptest_bpf *s, int ifindex, const char *name)
{
	enum bk_xdp_mode got;
	int err = bk_xdp_attach(run, s->progs.xdptest, ifindex, config.mode, &got);

	if (!err && config.pin)
		err = bk_xdp_pin(run, ifindex);
	if (err)
		return say_why(run, err);
	bk_printf(run->out, "%s %s\n", name, bk_xdp_mode_name(got));
	return 0;
}

static int attach_any(struct bk_run *run, struct xdptest_bpf *s)
{
	struct bk_xdp_dev *devs;
	size_t n;
	int err = bk_xdp_devices(&devs, &n);

	if (err)
		return err;
	for (size_t i = 0; i < n && !err; i++)
		if (devs[i].up)
			err = attach_one(run, s, devs[i].ifindex, devs[i].name);
	free(devs);
	return err;
}

static int attach(struct bk_run *run, void *skel)
{
	int err = 0;

	if (!strcmp(config.names[0], "any"))
		return attach_any(run, skel);
	for (char **name = config.names; *name && !err; name++)
		err = attach_one(run, skel,
				 **name == '#' ? atoi(*name + 1) : (int)if_nametoindex(*name),
				 *name);
	return err;
}

static int started(struct bk_run *run, void *skel)
{
	bk_printf(run->out, "attached after %.3f s\n", (bk_now() - run->began_ns) / 1e9);
	return 0;
}

static int report(struct bk_run *run, void *skel, bool last)
{
	struct xdptest_bpf *s = skel;

	bk_printf(run->out, "frames %llu bytes %llu\n", (unsigned long long)s->bss->frames,
		  (unsigned long long)s->bss->bytes);
	return 0;
}

BK_SKEL(xdptest);

static const struct bk_tool tool = {
	.name = "xdptest",
	.needs = BK_NEED_BPF | BK_NEED_NET_ADMIN,
	.skel = &skel,
	.configure = configure,
	.attach = attach,
	.started = started,
	.report = report,
};

static int run_attach(int argc, char **argv)
{
	static struct bk_run run;
	static struct bk_out out;
	int c;

	run.tool = &tool;
	run.out = &out;
	bk_out_init(&out, STDOUT_FILENO);
	while ((c = getopt(argc, argv, "m:fp")) != -1) {
		if (c == 'f')
			config.frags = true;
		if (c == 'p')
			config.pin = true;
		while (c == 'm' && strcmp(bk_xdp_mode_name(config.mode), optarg))
			if (++config.mode > BK_XDP_OFFLOAD)
				return BK_EXIT_USAGE;
	}
	config.names = argv + optind;
	return optind < argc ? bk_run(&run) : BK_EXIT_USAGE;
}

static int list(void)
{
	struct bk_xdp_dev *devs;
	size_t n;
	int err = bk_xdp_devices(&devs, &n);

	if (err) {
		bk_error("%s", strerror(-err));
		return BK_EXIT_FAILED;
	}
	for (const struct bk_xdp_dev *d = devs; d < devs + n; d++) {
		printf("%d %s %s %u", d->ifindex, d->name, d->up ? "up" : "down", d->mtu);
		for (int i = 0; i < d->nprogs; i++)
			printf(" %s:%u:%s:%u%s", bk_xdp_mode_name(d->progs[i].mode), d->progs[i].id,
			       d->progs[i].name, d->progs[i].link_id,
			       d->progs[i].is_dispatcher ? ":dispatcher" : "");
		putchar('\n');
	}
	free(devs);
	return 0;
}

static int components(uint32_t id)
{
	struct bk_xdp_prog progs[16];
	int n = bk_xdp_components(id, progs, ARRAY_LEN(progs));

	if (n < 0) {
		bk_error("%s", strerror(-n));
		return BK_EXIT_LACKING;
	}
	for (int i = 0; i < n; i++)
		printf("%u %s %u\n", progs[i].id, progs[i].name, progs[i].link_id);
	return 0;
}

static int unpin(const char *name, const char *ifname)
{
	int err = bk_xdp_unpin_checked(name, if_nametoindex(ifname));

	if (err)
		bk_error("%s", bk_log_cause());
	return err ? BK_EXIT_FAILED : 0;
}

static int attach_there(const char *netns, int ifindex, int prog_fd, uint32_t flags)
{
	int fd = open(netns, O_RDONLY | O_CLOEXEC),
	    err = fd < 0 || setns(fd, CLONE_NEWNET) ? -errno : 0;

	if (fd >= 0)
		close(fd);
	return err ? err : bpf_xdp_attach(ifindex, prog_fd, flags, NULL);
}

static int hold(int argc, char **argv)
{
	struct foreign_bpf *s = foreign_bpf__open_and_load();
	bool generic = argc > 2 && !strcmp(argv[2], "generic");
	LIBBPF_OPTS(bpf_link_create_opts, o,
		    .flags = generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE);
	int ifindex, fd, link, err;

	if (!s || argc < 3)
		return BK_EXIT_USAGE;
	ifindex = if_nametoindex(argv[1]);
	fd = bpf_program__fd(s->progs.foreign_counter_of_frames);
	if (!strcmp(argv[0], "netlink")) {
		err = bpf_xdp_attach(ifindex, fd, o.flags | XDP_FLAGS_UPDATE_IF_NOEXIST, NULL);
	} else {
		err = link = bpf_link_create(fd, ifindex, BPF_XDP, &o);
		if (link >= 0 && argc > 3)
			err = bpf_obj_pin(link, argv[3]);
		if (err >= 0 && argc > 4)
			err = attach_there(argv[4], ifindex, fd, o.flags);
		if (err >= 0 && argc == 3) {
			puts("attached");
			fflush(stdout);
			pause();
		}
	}
	if (err < 0)
		bk_error("%s", strerror(-err));
	foreign_bpf__destroy(s);
	return err < 0 ? BK_EXIT_FAILED : 0;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	bk_log_init("xdptest", 0);
	if (!strcmp(verb, "attach"))
		return run_attach(argc - 1, argv + 1);
	bk_log_libbpf();
	if (!strcmp(verb, "list"))
		return list();
	if (!strcmp(verb, "components") && argc == 3)
		return components(strtoul(argv[2], NULL, 10));
	if (!strcmp(verb, "unpin") && argc == 4)
		return unpin(argv[2], argv[3]);
	if (!strcmp(verb, "hold"))
		return hold(argc - 2, argv + 2);
	return BK_EXIT_USAGE;
}
