// SPDX-License-Identifier: GPL-2.0-only
/* A workload of opens that fail: see opens.c. */
#define FAILS
#include "opens.c"
