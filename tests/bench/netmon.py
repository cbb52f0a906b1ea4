# SPDX-License-Identifier: GPL-2.0-only
"""netmon and its peers: dropped packets, as tests/workload/drops.c makes them."""
import re

from contender import Contender, Tool

MAC = "02:62:6b:00:00:0"        # the destinations of the workload, without the last digit
ONE_LINER = "tracepoint:skb:kfree_skb { @[args->reason] = count() }"
PRINTF = r"""tracepoint:skb:kfree_skb { printf("%llu %d %s %d\n", nsecs, args->reason, ksym(args->location),
             args->protocol) }"""


def most(pattern):
    """The greatest number: that of the workload's reason or place, if the machine drops little else."""
    return lambda output: max(map(int, re.findall(pattern, output.stdout + output.stderr, re.M)), default=0)


def lines(pattern):
    return lambda output: len(re.findall(pattern, output.stdout + output.stderr + output.after, re.M))


def rows(output):
    """The totals of the workload's destinations."""
    return sum(map(int, re.findall(rf"^ *{MAC}[0-9a-f] .* (\d+)$", output.stdout, re.M)))


TOOL = Tool(
    workload="drops", event="drop", modules=["drop_monitor"],
    contenders=[
        Contender("bpfkit netmon -s dmac", "summary", ["{bpfkit}", "netmon", "-s", "dmac", "-r", "1h"], rows,
                  says=r"attached after ([\d.]+) ms"),
        Contender("bpfkit netmon -s reason", "summary", ["{bpfkit}", "netmon", "-s", "reason", "-r", "1h"],
                  most(r"^ *OTHERHOST .* (\d+)$"), says=r"attached after ([\d.]+) ms"),
        Contender("bpftrace one-liner", "summary", ["bpftrace", "-e", ONE_LINER], most(r"^@\[\d+\]: (\d+)$"),
                  reference=True),
        # It reports each second what came since the last time.
        Contender("dropwatch", "summary", ["dropwatch", "-l", "kas"], settle=1.2,
                  stdin="set alertmode summary\nstart\n",     # the kernel remembers the mode
                  count=lambda output: sum(map(int, re.findall(r"^(\d+) drops at ip_rcv_core", output.stdout, re.M)))),
        Contender("perf stat", "summary", ["perf", "stat", "-a", "-x,", "-e", "skb:kfree_skb"], most("^(\\d+),,skb:")),

        Contender("bpfkit netmon", "line", ["{bpfkit}", "netmon"], lines(f"{MAC}[0-9a-f]"),
                  says=r"attached after ([\d.]+) ms"),
        Contender("bpfkit netmon --json", "line", ["{bpfkit}", "netmon", "--json"], lines(f"{MAC}[0-9a-f]")),
        Contender("bpftrace printf", "line", ["bpftrace", "-e", PRINTF], lines(r"^\d+ \d+ ip_rcv_core"),
                  reference=True),
        Contender("dropwatch, by packet", "line", ["dropwatch", "-l", "kas"],
                  lines(r"^drop at: ip_rcv_core"), stdin="set alertmode packet\nstart\n"),
        Contender("perf trace", "line", ["perf", "trace", "-a", "-e", "skb:kfree_skb"], lines("protocol: 2048,")),
        Contender("perf record", "line", ["perf", "record", "-q", "-a", "-e", "skb:kfree_skb", "-o", "perf.data"],
                  lines("protocol=2048 .*reason: OTHERHOST"), after=["perf", "script", "-i", "perf.data"]),
    ])
