// SPDX-License-Identifier: GPL-2.0-only
/*
 * xdp_ns [-r REPEAT] [-n RUNS] [-p FILE] [PROGRAM...]: how long XDP programs take for a packet, by
 * BPF_PROG_TEST_RUN, which needs no network card. A PROGRAM is OBJECT.o:NAME (a function in it),
 * /sys/fs/bpf/... (pinned), or a number (its id).
 *
 * All of them, and an empty program that returns XDP_PASS, run in turn, RUNS times (20) with REPEAT
 * packets (1000000) each. The packet is FILE, or 64 bytes of UDP over IPv4. For each there is a
 * line of JSON: what it returned, and the shortest and the median of its runs in nanoseconds a
 * packet. While the kernel counts the run time of programs there is also what that count says of a
 * packet: for the empty program it is what reading the clock adds.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <err.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MANY = 64 };

struct program {
	const char *name;
	int fd;
	unsigned int returned;
	double *ns;
};

static unsigned char packet[4096] = {
	/* clang-format off */
	2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0,
	0x45, 0, 0, 50, 0, 1, 0, 0, 64, 17, 0xf6, 0xb8, 192, 0, 2, 1, 192, 0, 2, 2,
	0x0f, 0xa0, 0, 9, 0, 30, 0, 0,
	/* clang-format on */
};
static unsigned int size = 64;

static int load_empty(void)
{
	struct bpf_insn code[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = XDP_PASS },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	return bpf_prog_load(BPF_PROG_TYPE_XDP, "empty", "GPL", code, 2, NULL);
}

static int load_from(const char *word, const char *colon)
{
	char *path = strndup(word, colon - word);
	struct bpf_object *object;
	struct bpf_program *program, *wanted;
	struct bpf_map *map;

	object = path ? bpf_object__open_file(path, NULL) : NULL;
	if (!object)
		err(1, "%s", path);
	free(path);
	wanted = bpf_object__find_program_by_name(object, colon + 1);
	if (!wanted)
		errx(1, "%s: there is no such program", word);
	bpf_object__for_each_program(program, object)
		bpf_program__set_autoload(program, program == wanted);
	bpf_program__set_type(wanted, BPF_PROG_TYPE_XDP);
	/* Maps that a program shares with others by a name are its own here. */
	bpf_object__for_each_map(map, object)
		bpf_map__set_pin_path(map, NULL);
	if (bpf_object__load(object))
		err(1, "%s cannot be loaded", word);
	return bpf_program__fd(wanted);
}

static int find(const char *word)
{
	const char *colon = strrchr(word, ':');
	char *end;
	unsigned long id;

	if (colon)
		return load_from(word, colon);
	if (strchr(word, '/'))
		return bpf_obj_get(word);
	id = strtoul(word, &end, 10);
	if (*end || end == word)
		errx(2, "%s is no OBJECT:NAME, no path and no number", word);
	return bpf_prog_get_fd_by_id(id);
}

static double run(struct program *program, int repeat)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = size,
		    .repeat = repeat);

	/* What the kernel says: whole nanoseconds, but the call itself takes some 20 ms more. */
	if (bpf_prog_test_run_opts(program->fd, &opts))
		err(1, "%s cannot be run", program->name);
	program->returned = opts.retval;
	return opts.duration;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void show(struct program *program, int runs)
{
	struct bpf_prog_info info = {};
	unsigned int length = sizeof(info);

	qsort(program->ns, runs, sizeof(*program->ns), compare);
	printf("{\"program\": \"%s\", \"returned\": %u, \"min\": %.0f, \"median\": %.1f",
	       program->name, program->returned, program->ns[0],
	       (program->ns[(runs - 1) / 2] + program->ns[runs / 2]) / 2);
	if (!bpf_obj_get_info_by_fd(program->fd, &info, &length) && info.run_cnt)
		printf(", \"counted\": %.3f", (double)info.run_time_ns / info.run_cnt);
	puts("}");
}

int main(int argc, char **argv)
{
	int repeat = 1000000, runs = 20, count = 1, opt;
	struct program programs[MANY] = { { .name = "empty" } };
	const char *file = NULL;
	FILE *in;

	while ((opt = getopt(argc, argv, "r:n:p:")) != -1) {
		if (opt == 'r')
			repeat = atoi(optarg);
		else if (opt == 'n')
			runs = atoi(optarg);
		else if (opt == 'p')
			file = optarg;
		else
			return 2;
	}
	if (repeat < 1 || runs < 1 || argc - optind >= MANY)
		errx(2, "usage: xdp_ns [-r REPEAT] [-n RUNS] [-p FILE] [OBJECT:NAME|PATH|ID...]");
	if (file) {
		in = fopen(file, "r");
		size = in ? fread(packet, 1, sizeof(packet), in) : 0;
		if (size < 14)
			errx(1, "%s holds no frame of 14 bytes or more", file);
		fclose(in);
	}
	programs[0].fd = load_empty();
	for (; optind < argc; optind++, count++) {
		programs[count].name = argv[optind];
		programs[count].fd = find(argv[optind]);
	}
	for (int i = 0; i < count; i++) {
		if (programs[i].fd < 0)
			err(1, "%s", programs[i].name);
		programs[i].ns = calloc(runs, sizeof(*programs[i].ns));
		if (!programs[i].ns)
			err(1, "calloc");
		run(&programs[i], repeat / 100 + 1);
	}
	for (int n = 0; n < runs; n++)
		for (int i = 0; i < count; i++)
			programs[i].ns[n] = run(&programs[i], repeat);
	for (int i = 0; i < count; i++)
		show(&programs[i], runs);
	return 0;
}
