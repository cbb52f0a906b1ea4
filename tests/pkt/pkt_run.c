// SPDX-License-Identifier: GPL-2.0-only
/*
 * pkt_run MOST < FRAMES > RECORDS: each frame, cut off at each length from 0 to MOST bytes, through bpf/pkt.h
 * compiled for user space, and for programs that the kernel runs by BPF_PROG_TEST_RUN. tests/load/test_pkt.py
 * knows what must come out.
 *
 * A frame is its length, of four bytes, and its bytes. For each length and each way there is a record, see below;
 * all numbers are in the order of this machine. In user space the bytes end before a page that cannot be read.
 * On stderr there is a line for each program, with the instructions that the verifier went through. Exit status 1: a frame cannot be read, or a program not be loaded.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <err.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bk.h"
#include "pkt.h"
#include "pkt_copied.skel.h"
#include "pkt_direct.skel.h"

enum way { USER, XDP, TC, COPIED };
enum { LEAST = 64, LONGEST = 4096, WINDOW = sizeof(((struct pkt_copied_bpf__bss *)0)->window) };

struct record {
	uint32_t frame, len;
	uint32_t way;
	uint32_t want;
	int32_t error;	  /* of the call, errno; what follows is not valid then */
	uint32_t verdict; /* in user space 0 */
	struct pkt pkt;
};

_Static_assert(sizeof(struct record) == 24 + sizeof(struct pkt), "no gaps");

static struct pkt_direct_bpf *direct;
static struct pkt_copied_bpf *copied;

/* The frame's end is the end of what can be read. */
static unsigned char *end_of_memory(void)
{
	unsigned char *at = mmap(NULL, 2 * LONGEST, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED || mprotect(at + LONGEST, LONGEST, PROT_NONE))
		err(1, "mmap");
	return at + LONGEST;
}

static void put(struct record *record)
{
	if (fwrite(record, sizeof(*record), 1, stdout) != 1)
		err(1, "stdout");
}

/* A program that is given the frame itself, or at tc one that is longer and that it cuts off. */
static void run(struct record *r, const struct bpf_program *program, const void *bytes)
{
	bool longer = r->way == TC && r->len >= 14 && r->len < LEAST;
	unsigned char frame[LONGEST], back[LONGEST];
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = longer ? LEAST : r->len,
		    .data_out = back, .data_size_out = sizeof(back), .repeat = 1);

	memset(frame, 0xaa, LEAST);
	memcpy(frame, bytes, r->len);
	direct->bss->cut = longer ? r->len : 0;
	memset(&direct->bss->result, 0xaa, sizeof(direct->bss->result));
	r->error = -bpf_prog_test_run_opts(bpf_program__fd(program), &opts);
	r->verdict = opts.retval;
	r->pkt = direct->bss->result;
	if (!r->error && (opts.data_size_out != r->len || memcmp(back, bytes, r->len)))
		errx(1, "frame %u, %u bytes: %s changed it", r->frame, r->len, bpf_program__name(program));
}

/* The one that reads a window of the kernel's memory. */
static void run_copied(struct record *r, const void *bytes)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	memset(copied->bss->window, 0xaa, WINDOW);
	memcpy(copied->bss->window, bytes, r->len);
	copied->bss->len = r->len;
	memset(&copied->bss->result, 0xaa, sizeof(copied->bss->result));
	r->error = -bpf_prog_test_run_opts(bpf_program__fd(copied->progs.copied_all), &opts);
	r->verdict = opts.retval;
	r->pkt = copied->bss->result;
}

static void all_ways(unsigned int frame, const unsigned char *bytes, unsigned int len)
{
	static const unsigned int wants[] = { PKT_WANT_ALL, PKT_WANT_ADDR | PKT_WANT_L4, 0 };
	const struct bpf_program *const programs[][3] = {
		{ direct->progs.xdp_all, direct->progs.xdp_l4, direct->progs.xdp_none },
		{ direct->progs.tc_all, direct->progs.tc_l4, direct->progs.tc_none },
	};
	struct record r = { .frame = frame, .len = len };

	for (size_t i = 0; i < sizeof(wants) / sizeof(wants[0]); i++) {
		struct pkt_src src = { bytes, len };

		r.want = wants[i];
		r.way = USER;
		r.error = r.verdict = 0;
		memset(&r.pkt, 0, sizeof(r.pkt));
		pkt_parse(&src, r.want, &r.pkt);
		put(&r);
		for (r.way = XDP; r.way <= TC; r.way++) {
			run(&r, programs[r.way - XDP][i], bytes);
			put(&r);
		}
	}
	r.way = COPIED;
	r.want = PKT_WANT_ALL;
	run_copied(&r, bytes);
	put(&r);
}

/* How much the verifier had to do, where the kernel says it (5.16). */
static void show_verified(const struct bpf_object *object)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, object) {
		struct bpf_prog_info info = {};
		unsigned int size = sizeof(info);

		if (!bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size) && info.verified_insns)
			fprintf(stderr, "%s %u\n", bpf_program__name(program), info.verified_insns);
	}
}

static void load(void)
{
	direct = pkt_direct_bpf__open_and_load();
	if (!direct)
		err(1, "the programs that read in place cannot be loaded");
	copied = pkt_copied_bpf__open_and_load();
	if (!copied)
		err(1, "the program that copies cannot be loaded");
	show_verified(direct->obj);
	show_verified(copied->obj);
}

int main(int argc, char **argv)
{
	unsigned char *const end = end_of_memory(), bytes[LONGEST];
	unsigned int most, frame = 0;
	uint32_t len;

	most = argc == 2 ? strtoul(argv[1], NULL, 10) : 0;
	if (!most || most > WINDOW)
		errx(2, "usage: pkt_run MOST < FRAMES > RECORDS, MOST at most %d", WINDOW);
	load();
	for (; fread(&len, sizeof(len), 1, stdin) == 1; frame++) {
		if (len > sizeof(bytes) || fread(bytes, 1, len, stdin) != len)
			errx(1, "frame %u cannot be read", frame);
		for (unsigned int n = 0; n <= len && n <= most; n++)
			all_ways(frame, memcpy(end - n, bytes, n), n);
	}
	if (fflush(stdout))
		err(1, "stdout");
	pkt_direct_bpf__destroy(direct);
	pkt_copied_bpf__destroy(copied);
	return 0;
}
