# SPDX-License-Identifier: GPL-2.0-only
"""xdpdump and its peers: frames that one end of a veth pair receives, as tests/workload/frames.c sends them."""
import re

from contender import Contender, Tool

WORKLOAD = ["udp", "and", "src", "port", "4000", "and", "dst", "port", "9"]
FILE = "packets"
READ = ["tcpdump", "-nr", FILE, "--count", *WORKLOAD]     # of 4.99 or later
SNAP = ["-s", "96"]
SETTLE = 1.2        # seconds: the others look at what they have each second, or when there is much of it
READY = r"attached after ([\d.]+) ms"
SETUP = [
    ["sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6"],
    ["ip", "link", "add", "bk0", "type", "veth", "peer", "name", "bk1"],
    ["ip", "link", "set", "bk0", "up"],
    ["ip", "link", "set", "bk1", "up"],
]


def of_file(output):
    """The frames of the workload that are in the file, as tcpdump reads it."""
    return sum(map(int, re.findall(r"^(\d+) packets?$", output.after, re.M)))


def lines(pattern):
    return lambda output: len(re.findall(pattern, output.stdout, re.M))


def ours(name, *words, **more):
    command = ["{bpfkit}", "xdpdump", "-i", "bk1", *SNAP, *words, "-w", FILE]
    return Contender(f"bpfkit xdpdump {name}".strip(), "file", command, of_file, after=READ, says=READY, **more)


def our_lines(name, *words):
    text = r'"saddr":"192\.0\.2\.1".*"sport":4000,"dport":9,' if "--json" in words else "192.0.2.1:4000 > 192.0.2.2:9 "
    return Contender(f"bpfkit xdpdump {name}".strip(), "line", ["{bpfkit}", "xdpdump", "-i", "bk1", *SNAP, *words],
                     lines(text), says=READY)


def theirs(name, *words, **more):
    return Contender(f"xdp-tools xdpdump {name}".strip(), "file", ["xdpdump", "-i", "bk1", *SNAP, *words, "-w", FILE],
                     of_file, after=READ, settle=SETTLE, **more)


def their_lines(name, *words, **more):
    return Contender(f"xdp-tools xdpdump {name}".strip(), "line", ["xdpdump", "-i", "bk1", *SNAP, *words],
                     lines("packet size 128 bytes "), settle=SETTLE, **more)


# -Z: else it becomes a user who cannot write here
TCPDUMP = ["tcpdump", "-n", "-p", "-Z", "root", "-i", "bk1", *SNAP]

# What it costs that there is a program at all, whatever it does: a veth then gives frames to the kernel in another way.
PASS = "ip link set dev bk1 xdpdrv obj {helpers}/pass.o sec xdp"
ONLY_PASS = f"""{PASS}; sleep 1000 & trap 'kill $!; ip link set dev bk1 xdpdrv off' EXIT; trap exit INT; wait"""

TOOL = Tool(
    workload="frames", event="packet", setup=SETUP, paces=[100000, 0],
    contenders=[
        ours("-w"),
        ours("-S -w", "-S"),
        theirs("--load-xdp-program -w", "--load-xdp-program", reference=True),
        Contender("tcpdump -w", "file", [*TCPDUMP, "-w", FILE], of_file, after=READ, settle=SETTLE),

        our_lines(""),
        our_lines("--json", "--json"),
        their_lines("--load-xdp-program", "--load-xdp-program"),
        Contender("tcpdump", "line", TCPDUMP, lines(r"192\.0\.2\.1\.4000 > 192\.0\.2\.2\.9: "), settle=SETTLE,
                  reference=True),
        Contender("a program that passes all", "none", ["sh", "-c", ONLY_PASS], lambda output: 0, sees=False,
                  reference=True),
    ])
