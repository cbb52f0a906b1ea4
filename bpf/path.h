/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What a program says of a path, besides the names. */
#ifndef PATH_H
#define PATH_H

enum {
	BK_PATH_MAX = 4096,
	BK_PATH_ROOM = 2 * BK_PATH_MAX, /* a name that was given, and a path */
	BK_PATH_NAME = 256,		/* one name of a path, with its NUL */
};

enum bk_path_flags {
	BK_PATH_SET = 1,	 /* there is one */
	BK_PATH_CUT = 2,	 /* names are missing at its beginning */
	BK_PATH_DELETED = 4,
	BK_PATH_OUTSIDE = 8,	 /* it cannot be reached from the root */
	BK_PATH_PSEUDO = 16,	 /* not in any directory: the names are of its kind (its file system) and its own */
	BK_PATH_OF_FILE = 32,	 /* of the file itself; else of the directory that the name begins in */
};

struct bk_path {
	unsigned long long ino; /* only of BK_PATH_PSEUDO */
	unsigned int dev;	/* as the kernel has it: major << 20 | minor */
	unsigned int flags;
};
#endif
