/* SPDX-License-Identifier: GPL-2.0-only */
#include <err.h>
#include <stdio.h>
#include <string.h>

/* Packets that an interface of this namespace has received, whatever became of them. */
static long received(const char *name)
{
	FILE *in = fopen("/proc/thread-self/net/dev", "r");
	size_t n = strlen(name);
	char line[512], *at;
	long packets = -1;

	while (in && fgets(line, sizeof(line), in)) {
		at = line + strspn(line, " ");
		if (!strncmp(at, name, n) && at[n] == ':')
			sscanf(at + n + 1, "%*u %ld", &packets);
	}
	if (!in || packets < 0)
		errx(1, "/proc/thread-self/net/dev does not show %s", name);
	fclose(in);
	return packets;
}
