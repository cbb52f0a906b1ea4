// SPDX-License-Identifier: GPL-2.0-only
#include "ethtool.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST = 1024, BLOCK = 32 }; /* features that are looked at, and in each block of bits */

static bool ask(int fd, const char *ifname, void *request)
{
	struct ifreq r = { .ifr_data = request };

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", ifname);
	return !ioctl(fd, SIOCETHTOOL, &r);
}

static unsigned int count_features(int fd, const char *ifname)
{
	/* behind it comes a number for each set that was asked for */
	uint64_t room[(sizeof(struct ethtool_sset_info) + sizeof(uint32_t)) / sizeof(uint64_t) +
		      1] = { 0 };
	struct ethtool_sset_info *info = (void *)room;

	info->cmd = ETHTOOL_GSSET_INFO;
	info->sset_mask = 1ULL << ETH_SS_FEATURES;
	if (!ask(fd, ifname, info) || !info->sset_mask || info->data[0] > MOST)
		return 0;
	return info->data[0];
}

/* Features have no numbers, only names. */
static unsigned int find_active(int fd, const char *ifname, unsigned int n,
				struct ethtool_gstrings *names, struct ethtool_gfeatures *features)
{
	static const char *const wanted[] = { "rx-lro", "rx-gro-hw" };
	unsigned int found = 0;

	names->cmd = ETHTOOL_GSTRINGS;
	names->string_set = ETH_SS_FEATURES;
	names->len = n;
	features->cmd = ETHTOOL_GFEATURES;
	features->size = (n + BLOCK - 1) / BLOCK;
	if (!ask(fd, ifname, names) || !ask(fd, ifname, features))
		return 0;
	for (unsigned int i = 0; i < n && i < names->len; i++)
		for (unsigned int k = 0; k < 2; k++)
			if (!strncmp((const char *)names->data + i * ETH_GSTRING_LEN, wanted[k],
				     ETH_GSTRING_LEN) &&
			    features->features[i / BLOCK].active & 1u << i % BLOCK)
				found |= 1u << k;
	return found;
}

unsigned int bk_ethtool_merging(const char *ifname)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	unsigned int n = fd < 0 ? 0 : count_features(fd, ifname), found = 0;
	struct ethtool_gstrings *names = n ? calloc(1, sizeof(*names) + n * ETH_GSTRING_LEN) : NULL;
	struct ethtool_gfeatures *features =
		n ? calloc(1, sizeof(*features) +
				      (n + BLOCK - 1) / BLOCK * sizeof(features->features[0])) :
		    NULL;

	if (names && features)
		found = find_active(fd, ifname, n, names, features);
	free(names);
	free(features);
	if (fd >= 0)
		close(fd);
	return found;
}
