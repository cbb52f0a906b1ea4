/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BK_BTF_H
#define BK_BTF_H

/* The running kernel's BTF, opened once and kept until bk_btf_forget(). NULL, and errno, if it cannot be. */
struct bk_kbtf *bk_btf_kernel(void);

#endif
