/* SPDX-License-Identifier: GPL-2.0-only */
/* What a fuzz target asserts, in every build. */
#ifndef MUST_H
#define MUST_H

#include <stdio.h>
#include <stdlib.h>

#define must(what)                                              \
	do {                                                    \
		if (!(what)) {                                  \
			fprintf(stderr, "not so: %s\n", #what); \
			abort();                                \
		}                                               \
	} while (0)

#endif
