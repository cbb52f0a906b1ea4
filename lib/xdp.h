/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BK_XDP_H
#define BK_XDP_H

#include <net/if.h>

#include "bk.h"

/*
 * Attaching at XDP, by bpf_link: when the descriptor is closed, however the process ends, the program is off the
 * interface. What others have attached is named and left alone.
 *
 * All return 0 or a negative errno. Where it says "said", bk_log_cause() then is the whole sentence: the thing, the
 * reason, what to do.
 */

enum bk_xdp_mode { BK_XDP_AUTO, BK_XDP_NATIVE, BK_XDP_GENERIC, BK_XDP_OFFLOAD };

/* "native", "generic", "offload"; "auto" */
const char *bk_xdp_mode_name(enum bk_xdp_mode mode);

/* ---- what is there ---- */

#define BK_XDP_LINK_UNKNOWN UINT32_MAX

struct bk_xdp_prog {
	uint32_t id;
	/*
	 * The function's whole name where it has BTF, else the first 15 bytes of it; empty without CAP_SYS_ADMIN, which
	 * looking at programs needs. From strangers.
	 */
	char name[64];
	enum bk_xdp_mode mode; /* BK_XDP_AUTO for a component: it has that of its dispatcher */
	/*
	 * The link that holds it; 0: attached by netlink; BK_XDP_LINK_UNKNOWN without CAP_SYS_ADMIN. The kernel tells a
	 * link's interface by index only: one that holds the same program, on an interface of another namespace that has
	 * the same index, is taken for it.
	 */
	uint32_t link_id;
	bool is_dispatcher; /* libxdp's, which calls other programs */
};

struct bk_xdp_dev {
	int ifindex;
	char name[IF_NAMESIZE]; /* from strangers */
	bool up;
	uint32_t mtu;
	int master; /* index of the interface that it is a port of (of a bond, a bridge ...); 0: of none */
	struct bk_xdp_prog progs[4]; /* at most one for each mode */
	int nprogs;
};

/* An interface of our network namespace. -ENODEV: there is none. */
int bk_xdp_query(int ifindex, struct bk_xdp_dev *dev);
/* All of them, by index. *devs is the caller's, to be freed. */
int bk_xdp_devices(struct bk_xdp_dev **devs, size_t *n);
/*
 * The programs behind a dispatcher, in the order in which it calls them. Returns how many there are, of which at most
 * max are written. -EOPNOTSUPP: the kernel does not tell (before 5.13); -EPERM: it needs CAP_SYS_ADMIN.
 */
int bk_xdp_components(uint32_t dispatcher_id, struct bk_xdp_prog *progs, int max);

/* ---- attaching ---- */

/*
 * For configure(): a program in SEC("xdp") that bears packets of several buffers ("frags": data_end is only the end
 * of the first) is loaded as such where the kernel has that (5.18). Returns whether it has; then drivers take the
 * program at large MTUs, too, and its helpers are there (bpf_xdp_get_buff_len(), bpf_xdp_load_bytes()).
 */
bool bk_xdp_use_frags(struct bpf_program *prog);
/* Has the kernel that? Asked once. */
bool bk_xdp_has_frags(void);
/*
 * For configure(): a program to be offloaded is loaded for its interface, and for no other. With another mode there is
 * nothing to do. Fails, said, if the driver takes none.
 */
int bk_xdp_prepare(struct bpf_program *prog, int ifindex, enum bk_xdp_mode mode);

/*
 * For attach(): attaches a loaded program, until the run's programs are detached. BK_XDP_AUTO: native, or else, with a
 * notice that has the driver's reason, generic. *got: the mode that it has now; may be NULL. There is no limit to the
 * number of interfaces but that of open files, of which the soft one is raised.
 *
 * An interface that goes away is told in a warning, and when the last one is gone the run ends.
 *
 * On failure nothing has changed, and it is said why. -EBUSY: a program is there already. -ENODEV: there is no such
 * interface in our namespace.
 */
int bk_xdp_attach(struct bk_run *run, struct bpf_program *prog, int ifindex, enum bk_xdp_mode wanted,
		  enum bk_xdp_mode *got);
/* On how many interfaces our programs still are; looks at each, and warns of those that are gone. Needs no privileges. */
size_t bk_xdp_check(struct bk_run *run);
/* For the runtime: detaches all of them, and waits until none runs any more. */
void bk_xdp_detach(struct bk_run *run);

/* ---- at the programs of others ---- */

/*
 * For configure(): may programs of ours be at the entry and the exit of the program that an interface has? Fails, said
 * with the name of that program: the kernel does not allow it, or that program has no types. Nothing has changed.
 */
int bk_xdp_can_trace(const struct bk_xdp_dev *dev);
/* For configure(), once: those in SEC("program/entry") and SEC("program/exit") are loaded for this program. */
int bk_xdp_aim(struct bk_run *run, uint32_t id);
/*
 * For attach(): has such a program look at this one, on this interface, until the run's programs are detached; what it
 * sees on other interfaces it must leave out itself. It may be one that a dispatcher there calls. Fails, said. That
 * the interface is gone, or has another program, is told in a warning, and when there is no interface left the run ends.
 */
int bk_xdp_trace(struct bk_run *run, struct bpf_program *prog, uint32_t id, int ifindex);

/* ---- staying attached ---- */

/*
 * The program that was attached to this interface stays there when the run ends: its link is pinned, as
 * /sys/fs/bpf/bpfkit/TOOL-NETNS-IFINDEX (NETNS: inode number of the network namespace; names of interfaces change, and
 * cannot all be file names there). Before privileges are dropped. Fails, said; -EEXIST: one is pinned already.
 */
int bk_xdp_pin(struct bk_run *run, int ifindex);
/*
 * Detaches what a tool has pinned for an interface. Only if the pin is a link of XDP to that interface, its program is
 * the one that is there, and this is the tool's: its function is called TOOL or TOOL_..., and it has the variable
 * "bk_books" of bk.bpf.h, as its BTF says. (The tag says nothing: it changes with what the user filters.) The folder
 * belongs to root, who alone may write to it. Else nothing is done, and it is said why. -ENOENT: nothing is pinned.
 */
int bk_xdp_unpin_checked(const char *tool, int ifindex);

#endif
