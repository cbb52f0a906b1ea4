// SPDX-License-Identifier: GPL-2.0-only
/*
 * usage: dump_run json|line|hex [EXPR] < FILE
 *
 * The packets of a capture file as lib/dump.c shows them, those that match if there is an expression; lines with the
 * seconds of their time in front. For tests that hold it against others.
 */
#include <stdlib.h>
#include <string.h>

#include "cbpf.h"
#include "dump.h"
#include "savefile.h"

static struct bk_out out;
static struct bk_cbpf_user *filters[65536]; /* by link type */

static bool matches(const char *expr, const struct bk_saved *s)
{
	struct bk_cbpf_user **u = &filters[s->link_type];
	char why[BK_CBPF_WHY];

	if (!expr)
		return true;
	if (!*u && bk_cbpf_user_make(expr, s->link_type, u, why)) {
		fprintf(stderr, "'%s' %s\n", expr, why);
		exit(1);
	}
	return bk_cbpf_user_match(*u, s->data, s->cap_len, s->len);
}

static void show(const char *how, const struct bk_saved *s)
{
	struct bk_dump_packet p = { s->time_ns, s->data, s->cap_len, s->len, s->link_type };

	out.json = !strcmp(how, "json");
	if (out.json) {
		bk_json_begin(&out, "packet");
		bk_json_u64(&out, "time_ns", s->time_ns);
		bk_dump_json(&out, &p);
		bk_json_end(&out);
		return;
	}
	bk_put_u64(&out, s->time_ns / 1000000000);
	bk_putc(&out, ' ');
	bk_dump_line(&out, &p, 0);
	bk_putc(&out, '\n');
	if (!strcmp(how, "hex"))
		bk_dump_hex(&out, s->data, s->cap_len, true);
}

int main(int argc, char **argv)
{
	struct bk_savefile *f;
	struct bk_saved s;
	const char *why;
	int ret;

	if (argc < 2)
		return 2;
	bk_out_init(&out, 1);
	f = bk_savefile_open(0, &why);
	if (!f) {
		fprintf(stderr, "the file %s\n", why);
		return 1;
	}
	while ((ret = bk_savefile_next(f, &s)) > 0)
		if (matches(argv[2], &s))
			show(argv[1], &s);
	bk_flush(&out);
	if (ret)
		fprintf(stderr, "the file %s\n", bk_savefile_why(f));
	bk_savefile_close(f);
	return ret || out.error;
}
