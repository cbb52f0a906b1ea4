// SPDX-License-Identifier: GPL-2.0-only
/*
 * lib/cbpf.c on any instructions, and what it makes of them on any frame: it takes them or says why not, and then
 * does what they say. Of the input, the first byte is how many instructions there are, and what they look at; the frame follows them.
 */
#include <stdlib.h>

#include "../unit/check_cbpf.h"
#include "must.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct bpf_insn row[BK_CBPF_ROOM];
	struct bk_cbpf_insn code[32];
	char why[BK_CBPF_WHY] = "";
	struct check_frame f = { 0 };
	const char *wrong;
	size_t n;
	int room;

	if (!size)
		return 0;
	n = data[0] & 31;
	f.kind = data[0] & 64 ? BK_CBPF_IN_PACKET : BK_CBPF_IN_WINDOW;
	f.no_mac = f.kind == BK_CBPF_IN_WINDOW && data[0] & 32;
	size--;
	data++;
	n = n < size / sizeof(*code) ? n : size / sizeof(*code);
	memcpy(code, data, n * sizeof(*code));
	f.bytes = data + n * sizeof(*code);
	f.len = size - n * sizeof(*code);
	f.len = f.len < CHECK_FRAME_MAX ? f.len : CHECK_FRAME_MAX;
	f.away = f.kind == BK_CBPF_IN_PACKET && data[-1] & 32 ? f.len / 3 : 0;
	room = bk_cbpf_translate(code, n, f.kind, row, why);
	if (room < 0) {
		must(*why && strlen(why) < BK_CBPF_WHY - 1);
		return 0;
	}
	must(room > 0 && room <= BK_CBPF_ROOM && !*why);
	wrong = check_row(row);
	if (!wrong) {
		int got = check_run(row, &f, &wrong);

		must(wrong || got == check_classic(code, &f));
	}
	if (wrong)
		fprintf(stderr, "%s\n", wrong);
	must(!wrong);
	return 0;
}
