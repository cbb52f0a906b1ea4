/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BK_INSTALL_H
#define BK_INSTALL_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Makes symbolic links of these names in dir to the running executable. What is there already and
 * is no link to a bpfkit stays; force replaces links to another bpfkit. Says what it could not do
 * and returns the exit status.
 */
int bk_install(const char *dir, const char *const *names, size_t n, bool force);

#endif
