# SPDX-License-Identifier: GPL-2.0-only
"""XDP programs: our packet parser, and as a scale for it those of Debian's xdp-tools, with empty tables."""
from contender import Tool

FOLDER = "/usr/lib/*/bpf"

TOOL = Tool(xdp=[
    ("bpf/pkt.h, protocols", "{objects}/pkt_direct.bpf.o", "xdp_protocols"),
    ("bpf/pkt.h, all but addresses and ports, kept", "{objects}/pkt_direct.bpf.o", "xdp_none"),
    ("bpf/pkt.h, addresses and ports, kept", "{objects}/pkt_direct.bpf.o", "xdp_l4"),
    ("bpf/pkt.h, all, kept", "{objects}/pkt_direct.bpf.o", "xdp_all"),
    ("xdp-filter, UDP", f"{FOLDER}/xdpfilt_alw_udp.o", "xdpfilt_alw_udp"),
    ("xdp-filter, IP", f"{FOLDER}/xdpfilt_alw_ip.o", "xdpfilt_alw_ip"),
    ("xdp-filter, Ethernet", f"{FOLDER}/xdpfilt_alw_eth.o", "xdpfilt_alw_eth"),
    ("xdp-filter, all", f"{FOLDER}/xdpfilt_alw_all.o", "xdpfilt_alw_all"),
])
