/* SPDX-License-Identifier: GPL-2.0-only */
/* What holds of every line and every JSON object of a packet. Used by the unit test and the fuzz target. */
#ifndef CHECK_DUMP_H
#define CHECK_DUMP_H

#include <stdlib.h>

#include "check.h"
#include "dump.h"

enum { CHECK_LINE = 2048, CHECK_JSON = 8 };

/*
 * Prints a copy that ends where its block ends, so that a sanitizer sees a byte read too many. how: CHECK_JSON, or as
 * for lines. The text goes to to, which has room for CHECK_LINE; returns what is wrong with it, or NULL.
 */
static inline const char *check_dump(char *to, const void *bytes, uint32_t n, uint32_t len,
				     uint16_t link_type, unsigned int how)
{
	static struct bk_out o;
	struct bk_dump_packet p = {
		.data = malloc(n), .cap_len = n, .len = len, .link_type = link_type
	};

	if (n)
		memcpy((void *)p.data, bytes, n);
	bk_out_init(&o, -1);
	o.json = how == CHECK_JSON;
	if (o.json) {
		bk_json_begin(&o, "packet");
		bk_dump_json(&o, &p);
		bk_json_end(&o);
	} else {
		bk_dump_line(&o, &p, how);
	}
	free((void *)p.data);
	if (o.n >= CHECK_LINE)
		return "is too long";
	memcpy(to, o.buf, o.n);
	to[o.n] = 0;
	if (o.json)
		return check_json_line(o.buf, o.n) ? NULL : "is no line of JSON";
	for (size_t i = 0; i < o.n; i++)
		if (to[i] < ' ' || to[i] > '~')
			return "has a byte that is not ours";
	if (!o.n || *to == ' ' || to[o.n - 1] == ' ' || strstr(to, "  "))
		return "has blanks without a word between them";
	return NULL;
}

/* A packet that is cut off is told as the whole one, or it is told where it was cut. */
static inline const char *check_cut(const char *whole, const char *cut)
{
	if (strstr(whole, "(malformed)") || strstr(cut, "[|") || !strcmp(whole, cut))
		return NULL;
	return "is neither that of the whole packet nor says that it is cut off";
}

#endif
