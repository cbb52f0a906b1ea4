// SPDX-License-Identifier: GPL-2.0-only
/* Whole command lines, lib/opts.c: arguments are separated by newlines. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const colours[] = { "red", "green", NULL };
static const char *const rungs[] = { "fexit", "tp", NULL };

static bool flag;
static uint32_t number;
static uint64_t bytes, ns;
static const char *text, *ifname;
static int colour;
static struct bk_list ports;
static struct bk_net net, host;

static const struct bk_opt rows[] = { BK_FLAG('f', "flag", &flag, "a flag"),
				      BK_U32('c', "number", &number, 5, 10, "N", "a number"),
				      BK_SIZE('s', "size", &bytes, "SIZE", "a size"),
				      BK_DURATION('w', "wait", &ns, "TIME", "a time"),
				      BK_STR('t', "text", &text, "TEXT", "a text"),
				      BK_ENUM('e', "colour", &colour, colours, "COLOUR",
					      "a choice"),
				      BK_LIST('l', "port", &ports, 0, 65535, "PORT,...", "a list"),
				      BK_NET('n', "net", &net, "NET", "a network"),
				      BK_HOST('H', "host", &host, "ADDR", "an address"),
				      BK_IFNAME('I', "ifname", &ifname, "NAME", "an interface"),
				      BK_LETTER('r', "interval"),
				      { .type = BK_OPT_END } };

static const struct bk_tool tool = {
	.name = "sample",
	.summary = "A tool",
	.common = BK_TASK | BK_INTERVAL | BK_COUNT | BK_TIMESTAMP | BK_BUFFER,
	.probes = rungs,
	.opts = rows,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size + 1), *argv[34] = { (char *)"sample" }, *p = copy;
	struct bk_run run = { .tool = &tool };
	int argc = 1, status;

	memcpy(copy, data, size);
	copy[size] = 0;
	while (argc < 33 && p) {
		char *next = strchr(p, '\n');

		if (next)
			*next++ = 0;
		argv[argc++] = p;
		p = next;
	}
	status = bk_parse_args(&run, argc, argv);
	if (status != -1 && status != BK_EXIT_OK && status != BK_EXIT_USAGE)
		abort();
	if (status == -1 &&
	    (run.opts.pids.n > 16 || run.opts.buffer > 1 << 30 ||
	     run.opts.timestamp > BK_TIME_NONE || run.opts.filter.npids != run.opts.pids.n ||
	     run.opts.output > BK_OUT_JSON))
		abort();
	free(copy);
	return 0;
}
