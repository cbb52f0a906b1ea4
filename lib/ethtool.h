/* SPDX-License-Identifier: GPL-2.0-only */
#ifndef BK_ETHTOOL_H
#define BK_ETHTOOL_H

/* Features that merge packets before the kernel gets them. */
enum { BK_LRO = 1, BK_GRO_HW = 2 };

/* Which of them an interface has on; 0 also if it cannot be found out. Needs no privileges. */
unsigned int bk_ethtool_merging(const char *ifname);

#endif
