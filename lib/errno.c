// SPDX-License-Identifier: GPL-2.0-only
#include <string.h>

#include "bk.h"

/* include/linux/errno.h of the kernel: most of them become others before a program sees them. */
static const struct {
	int number;
	const char *name;
} kernel_only[] = {
	{ 512, "ERESTARTSYS" },	   { 513, "ERESTARTNOINTR" },
	{ 514, "ERESTARTNOHAND" }, { 515, "ENOIOCTLCMD" },
	{ 516, "ERESTART_RESTARTBLOCK" }, { 517, "EPROBE_DEFER" },
	{ 518, "EOPENSTALE" },	   { 519, "ENOPARAM" },
	{ 521, "EBADHANDLE" },	   { 522, "ENOTSYNC" },
	{ 523, "EBADCOOKIE" },	   { 524, "ENOTSUPP" },
	{ 525, "ETOOSMALL" },	   { 526, "ESERVERFAULT" },
	{ 527, "EBADTYPE" },	   { 528, "EJUKEBOX" },
	{ 529, "EIOCBQUEUED" },	   { 530, "ERECALLCONFLICT" },
};

const char *bk_errno_name(int number)
{
	for (size_t i = 0; i < ARRAY_LEN(kernel_only); i++)
		if (kernel_only[i].number == number)
			return kernel_only[i].name;
	return strerrorname_np(number);
}
