// SPDX-License-Identifier: GPL-2.0-only
/* lib/escape.c on any bytes: harmless, within bounds, and nothing is lost. */
#include <stdint.h>
#include <stdlib.h>

#include "../unit/check.h"
#include "escape.h"
#include "must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *s = (const char *)data;
	char *d = malloc(BK_ESCAPE_MAX(size)), *quoted = malloc(BK_ESCAPE_MAX(size) + 2);
	char *back = malloc(BK_ESCAPE_MAX(size));
	bool invalid = false;
	size_t n, got;

	n = bk_escape(d, s, size, false, NULL);
	must(n <= BK_ESCAPE_MAX(size));
	must(check_harmless(d, n));
	must(check_unescape(d, n, back) == (long)size);
	must(!memcmp(back, s, size));

	n = bk_escape(d, s, size, true, &invalid);
	must(n <= BK_ESCAPE_MAX(size));
	must(check_harmless(d, n));
	must(invalid == !check_utf8(s, size));
	quoted[0] = quoted[n + 1] = '"';
	memcpy(quoted + 1, d, n);
	must(check_json_string(quoted, quoted + n + 2, back, &got) == quoted + n + 2);
	must(invalid || (got == size && !memcmp(back, s, size)));

	for (size_t i = 0; i < size; i++) {
		unsigned int cp;

		must(bk_utf8(s + i, size - i, &cp) == check_char(s + i, size - i));
	}
	free(d);
	free(quoted);
	free(back);
	return 0;
}
