# SPDX-License-Identifier: GPL-2.0-only
"""opensnoop and its peers: opens, as tests/workload/opens.c makes them."""
import re

from contender import Contender, Tool

PEER = "/usr/sbin/opensnoop"        # by its path: ours may have this name too
ATTACHED = r"attached after ([\d.]+) ms"
# /usr/sbin/opensnoop.bt, for one process
FILTERED = """tracepoint:syscalls:sys_enter_open, tracepoint:syscalls:sys_enter_openat /pid == 1/
              { @filename[tid] = args->filename; }
              tracepoint:syscalls:sys_exit_open, tracepoint:syscalls:sys_exit_openat /@filename[tid]/
              { $ret = args->ret;
                printf("%-6d %-16s %4d %3d %s\\n", pid, comm, $ret >= 0 ? $ret : -1, $ret >= 0 ? 0 : - $ret,
                       str(@filename[tid]));
                delete(@filename[tid]); }"""


def lines(output):
    return len(re.findall(r"^.*/mnt/bpfkit/opens/.*$", output.stdout, re.M))


def ours(*words):
    return ["{bpfkit}", "opensnoop", *words]


TOOL = Tool(
    workload="opens", event="open",
    contenders=[
        Contender("bpfkit opensnoop --probe fexit", "line", ours("--probe", "fexit"), lines, says=ATTACHED),
        Contender("bpfkit opensnoop --probe tp", "line", ours("--probe", "tp"), lines, says=ATTACHED),
        Contender("bpfkit opensnoop -e", "line", ours("-e"), lines),
        Contender("bpfkit opensnoop -F", "line", ours("-F"), lines),
        Contender("bpfkit opensnoop --json", "line", ours("--json"), lines),
        Contender("libbpf-tools opensnoop", "line", [PEER], lines, reference=True),
        Contender("libbpf-tools opensnoop -e", "line", [PEER, "-e"], lines),
        Contender("opensnoop.bt", "line", ["bpftrace", "/usr/sbin/opensnoop.bt"], lines),

        # The first process does nothing meanwhile, least of all open that file.
        Contender("bpfkit opensnoop --probe fexit -p 1", "filtered", ours("--probe", "fexit", "-p", "1"), lines,
                  sees=False),
        Contender("bpfkit opensnoop --probe tp -p 1", "filtered", ours("--probe", "tp", "-p", "1"), lines, sees=False),
        Contender("libbpf-tools opensnoop -p 1", "filtered", [PEER, "-p", "1"], lines, reference=True, sees=False),
        Contender("opensnoop.bt for /pid == 1/", "filtered", ["bpftrace", "-e", FILTERED], lines, sees=False),
    ])
