# SPDX-License-Identifier: GPL-2.0-only
"""XDP programs of others, as a scale for ours: those of Debian's xdp-tools, with empty tables."""
from contender import Tool

FOLDER = "/usr/lib/*/bpf"

TOOL = Tool(xdp=[
    ("xdp-filter, UDP", f"{FOLDER}/xdpfilt_alw_udp.o", "xdpfilt_alw_udp"),
    ("xdp-filter, IP", f"{FOLDER}/xdpfilt_alw_ip.o", "xdpfilt_alw_ip"),
    ("xdp-filter, Ethernet", f"{FOLDER}/xdpfilt_alw_eth.o", "xdpfilt_alw_eth"),
    ("xdp-filter, all", f"{FOLDER}/xdpfilt_alw_all.o", "xdpfilt_alw_all"),
])
