# SPDX-License-Identifier: GPL-2.0-only
"""execsnoop and its peers: execs, as tests/workload/runs.c makes them."""
import re

from contender import Contender, Tool

PEER = "/usr/sbin/execsnoop"        # by its path: ours may have this name too
# /usr/sbin/execsnoop.bt, for one user
FILTERED = r"""tracepoint:syscalls:sys_enter_exec* /uid == 1/ { printf("%-10u %-5d ", elapsed / 1e6, pid);
               join(args->argv); }"""


def lines(output):
    return len(re.findall(r"^.*/mnt/bpfkit-exec\b.*$", output.stdout, re.M))


TOOL = Tool(
    workload="runs", event="exec", burst=1, events=1000,
    contenders=[
        Contender("bpfkit execsnoop", "line", ["{bpfkit}", "execsnoop"], lines, says=r"attached after ([\d.]+) ms"),
        Contender("bpfkit execsnoop --json", "line", ["{bpfkit}", "execsnoop", "--json"], lines),
        Contender("libbpf-tools execsnoop", "line", [PEER], lines, reference=True),
        Contender("execsnoop.bt", "line", ["bpftrace", "/usr/sbin/execsnoop.bt"], lines),

        # No process of that user executes anything.
        Contender("bpfkit execsnoop -u 1", "filtered", ["{bpfkit}", "execsnoop", "-u", "1"], lines, sees=False),
        Contender("libbpf-tools execsnoop -u 1", "filtered", [PEER, "-u", "1"], lines, reference=True, sees=False),
        Contender("execsnoop.bt for /uid == 1/", "filtered", ["bpftrace", "-e", FILTERED], lines, sees=False),
    ])
