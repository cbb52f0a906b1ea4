# SPDX-License-Identifier: GPL-2.0-only
"""XDP programs: our packet parser, and as a scale for it those of Debian's xdp-tools, with empty tables."""
from contender import Capture, Tool

FOLDER = "/usr/lib/*/bpf"
BUFFER = ["--buffer", "64M"]

TOOL = Tool(xdp=[
    ("bpf/pkt.h, protocols", "{objects}/pkt_direct.bpf.o", "xdp_protocols"),
    ("bpf/pkt.h, all but addresses and ports, kept", "{objects}/pkt_direct.bpf.o", "xdp_none"),
    ("bpf/pkt.h, addresses and ports, kept", "{objects}/pkt_direct.bpf.o", "xdp_l4"),
    ("bpf/pkt.h, all, kept", "{objects}/pkt_direct.bpf.o", "xdp_all"),
    ("xdp-filter, UDP", f"{FOLDER}/xdpfilt_alw_udp.o", "xdpfilt_alw_udp"),
    ("xdp-filter, IP", f"{FOLDER}/xdpfilt_alw_ip.o", "xdpfilt_alw_ip"),
    ("xdp-filter, Ethernet", f"{FOLDER}/xdpfilt_alw_eth.o", "xdpfilt_alw_eth"),
    ("xdp-filter, all", f"{FOLDER}/xdpfilt_alw_all.o", "xdpfilt_alw_all"),
], captures=[
    Capture("xdpdump 'tcp port 80', not of 64 bytes of UDP", ["tcp", "port", "80"], 64),
    Capture("xdpdump 'tcp port 80', not of 1514 bytes of UDP", ["tcp", "port", "80"], 1514),
    Capture("xdpdump 'udp port 80', not of 64 bytes of UDP", ["udp", "port", "80"], 64),
    # all of them fit into the buffer, even if nobody reads them
    Capture("xdpdump -s 96, of 128 bytes", ["-s", "96", *BUFFER], 128, 20000, True),
    Capture("xdpdump -s 96 'udp port 9', of 128 bytes", ["-s", "96", *BUFFER, "udp", "port", "9"], 128, 20000, True),
    Capture("xdpdump -s 96 'udp port 9', of 1514 bytes", ["-s", "96", *BUFFER, "udp", "port", "9"], 1514, 20000, True),
    Capture("xdpdump, 64 bytes", BUFFER, 64, 20000, True),
    Capture("xdpdump, 1514 bytes", BUFFER, 1514, 2000, True),
])
