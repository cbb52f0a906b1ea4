#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Writes the seed corpus of every fuzz target: seeds.py DIR makes DIR/pkt, DIR/value, ..."""

import pathlib
import struct
import sys

ETH = bytes.fromhex("020000000001020000000002")


def ip4(proto, body, frag=0, options=b""):
    head = struct.pack("!BBHHHBBH", 0x45 + len(options) // 4, 0, 20 + len(options) + len(body), 1, frag, 64, proto, 0)
    return head + bytes([10, 0, 0, 1, 10, 0, 0, 2]) + options + body


def ip6(proto, body):
    return struct.pack("!IHBB", 6 << 28, len(body), proto, 64) + bytes(15) + b"\1" + bytes(15) + b"\2" + body


def frame(kind, body, *tags):
    tagged = b"".join(struct.pack("!HH", tpid, tci) for tpid, tci in tags)
    return ETH + tagged + struct.pack("!H", kind) + body


TCP = struct.pack("!HHIIBBHHH", 12345, 443, 1, 2, 0x50, 0x12, 65535, 0, 0)
UDP = struct.pack("!HHHH", 53, 53, 12, 0) + b"data"
ICMP = bytes([8, 0, 0, 0, 0, 1, 0, 1])
ARP = struct.pack("!HHBBH", 1, 0x800, 6, 4, 1) + ETH[6:] + bytes([10, 0, 0, 2]) + bytes(6) + bytes([10, 0, 0, 1])

SCTP = struct.pack("!HHII", 2905, 36412, 0x12345678, 0) + struct.pack("!BBH", 10, 0, 4)
GRE = struct.pack("!HHI", 0x2000, 0x800, 7) + ip4(17, UDP)
PPTP = struct.pack("!HHHHII", 0x3081, 0x880b, 4, 1, 2, 3) + b"\xff\3\xc0\x21"


def ext(following, kind=b""):
    return bytes([following, 0]) + (kind or bytes([1, 4, 0, 0, 0, 0]))


PKT = [
    b"",
    frame(0x88CC, b"\2\7\4"),
    frame(0x26, b"BB\3"),
    frame(0x806, ARP),
    frame(0x800, ip4(6, TCP)),
    frame(0x800, ip4(17, UDP, options=b"\1\1\1\0")),
    frame(0x800, ip4(1, ICMP)),
    frame(0x800, ip4(6, TCP, frag=0x2000)),
    frame(0x800, ip4(17, UDP, frag=0x20B9)),
    frame(0x800, ip4(112, bytes(8)), (0x8100, 5)),
    frame(0x86DD, ip6(6, TCP), (0x88A8, 1), (0x8100, 2)),
    frame(0x800, ip4(6, TCP), (0x8100, 1), (0x8100, 2), (0x8100, 3)),
    frame(0x86DD, ip6(17, UDP)),
    frame(0x86DD, ip6(58, ICMP)),
    frame(0x86DD, ip6(0, ext(60) + ext(43) + ext(17) + UDP)),
    frame(0x86DD, ip6(44, ext(17, b"\0\1\0\0\0\1") + UDP)),
    frame(0x86DD, ip6(44, ext(17, b"\5\xc8\0\0\0\1") + UDP)),
    frame(0x86DD, ip6(51, bytes([6, 4]) + bytes(22) + TCP)),
    frame(0x86DD, ip6(60, ext(60) * 9 + TCP)),
    frame(0x800, ip4(132, SCTP)),
    frame(0x86DD, ip6(0, ext(132) + SCTP)),
    frame(0x800, ip4(47, GRE)),
    frame(0x800, ip4(47, PPTP)),
    frame(0x800, ip4(47, GRE, frag=0x2000)),
]

VALUES = [
    ["0", "7", "0x10", "18446744073709551615", "18446744073709551616", "-1", "+1", " 1", "1 "],
    ["5", "10", "4", "11", "0xa"],
    ["10", "1.5s", "200ms", "5us", "1ns", "2m", "2min", "1h", "0.000000001", "4611686019", "1.", ".5"],
    ["65536", "256k", "1M", "3G", "0x1000", "9223372036854775807", "8589934592G", "1kb"],
    ["1", "80,443", "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16", "1,,2", "65535", "0", "1,"],
    ["10.0.0.0/8", "10.1.2.3", "2001:db8::/32", "::ffff:1.2.3.4", "fe80::1", "0.0.0.0/0", "::/129", "/"],
    ["10.1.2.3", "2001:db8::1", "10.0.0.0/8", "localhost"],
    ["root", "0", "4294967294", "4294967295", "nobody"],
]

TEXT = [
    b"", b"plain", b"\x1b[31mred\x1b[0m", b"a\0b", b"\\\"", "é€😀".encode(), b"\xc0\x80", b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80", b"\xe2\x82", b"\xf0\x9f\x98", b"\xff\xfe", "\u2028\u202e\u2066\u061c\x85".encode(),
]

LINES = [
    "-f", "-c\n7", "--number=10", "-s256k", "--wait\n1.5s", "-e\nred", "--colour=yellow", "-l\n80,443",
    "-n\n10.0.0.0/8", "-H\nfe80::1", "-I\neth0", "-r\n1s", "-p\n1,2\n--tid\n3", "--comm\nbash*", "--uid\nroot",
    "--netns\n4026531840", "--timestamp\niso", "--buffer\n1M", "--probe\ntp", "--json\n--no-header\n--stats\n-vv",
    "--output\njson", "--count\n5\n-d\n1m", "--", "-", "argument", "-fZ", "--nonsense=1", "--no-h", "--help",
]



def btf(types, strings):
    return struct.pack("<HBBIIIII", 0xeb9f, 1, 0, 24, 0, len(types), len(types), len(strings)) + types + strings


def btf_type(name, kind, vlen=0, size=0, rest=b""):
    return struct.pack("<III", name, kind << 24 | vlen, size) + rest


# int; a { x, y[3], *p }; bc, a typedef of const a; an enum a; a forward, a function
BTF_TYPES = (btf_type(1, 1, 0, 4, struct.pack("<I", 32)) + btf_type(0, 3, 0, 0, struct.pack("<III", 1, 1, 3)) +
             btf_type(0, 2, 0, 4) + btf_type(5, 4, 3, 24, struct.pack("<9I", 7, 1, 0, 9, 2, 32, 11, 3, 128)) +
             btf_type(0, 10, 0, 4) + btf_type(13, 8, 0, 5) + btf_type(5, 6, 1, 4, struct.pack("<II", 7, 1)) +
             btf_type(16, 7) + btf_type(0, 13, 1, 1, struct.pack("<II", 7, 3)) + btf_type(5, 12, 0, 9))
BTF = btf(BTF_TYPES, b"\0int\0a\0x\0y\0p\0bc\0far\0")
MODULE = btf(btf_type(20, 4, 1, 24, struct.pack("<III", 7, 4, 0)), b"a\0")


def classic(*insns, no_mac=False):
    return bytes([len(insns) | no_mac << 5]) + b"".join(struct.pack("<HBBI", *insn) for insn in insns)


RET_ALL, RET_NONE, RET_A = (6, 0, 0, 262144), (6, 0, 0, 0), (0x16, 0, 0, 0)
LDH_TYPE, IS_IP = (0x28, 0, 0, 12), (0x15, 0, 1, 0x800)
# what libpcap makes of "ip", and of "udp port 53" over IPv4; arithmetic, memory, and a load beyond
CLASSIC = [
    classic(LDH_TYPE, IS_IP, RET_ALL, RET_NONE),
    classic(LDH_TYPE, (0x15, 0, 8, 0x800), (0x30, 0, 0, 23), (0x15, 0, 6, 17), (0x28, 0, 0, 20), (0x45, 4, 0, 0x1fff),
            (0xb1, 0, 0, 14), (0x48, 0, 0, 16), (0x15, 0, 1, 53), RET_ALL, RET_NONE),
    classic((0x80, 0, 0, 0), (2, 0, 0, 3), (0x14, 0, 0, 20), (7, 0, 0, 0), (0x60, 0, 0, 3), (0x3c, 0, 0, 0),
            (0x6c, 0, 0, 0), (0x84, 0, 0, 0), (0x94, 0, 0, 7), (0xac, 0, 0, 0), RET_A),
    classic((1, 0, 0, 100), (0x40, 0, 0, 0), (0x1d, 0, 1, 0), RET_ALL, RET_NONE, no_mac=True),
    classic((0x61, 0, 0, 5), (0x87, 0, 0, 0), (0x25, 1, 1, 3), (5, 0, 0, 0), (0x35, 0, 1, 1), RET_ALL, RET_NONE),
]

# ---- capture files ----

def pcap(order, magic, link_type, *packets):
    return struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, link_type) + b"".join(
        struct.pack(order + "IIII", 1700000000, 999999, len(p), len(p) + 7) + p for p in packets)


def padded(b):
    return b + bytes(-len(b) % 4)


class Pcapng:
    """Blocks in one of the byte orders."""

    def __init__(self, order):
        self.order = order

    def block(self, kind, body):
        length = struct.pack(self.order + "I", 12 + len(body))
        return struct.pack(self.order + "I", kind) + length + body + length

    def options(self, *options):
        return b"".join(struct.pack(self.order + "HH", code, len(v)) + padded(v) for code, v in (*options, (0, b"")))

    def section(self):
        return self.block(0x0A0D0D0A, struct.pack(self.order + "IHHq", 0x1A2B3C4D, 1, 0, -1) +
                          self.options((4, b"bpfkit")))

    def interface(self, link_type, snaplen, *options):
        return self.block(1, struct.pack(self.order + "HHI", link_type, 0, snaplen) + self.options(*options))

    def packet(self, kind, interface, data, *options):
        head = struct.pack(self.order + ("I" if kind == 6 else "HH"), *([interface] if kind == 6 else [interface, 3]))
        return self.block(kind, head + struct.pack(self.order + "IIII", 5, 6, len(data), len(data) + 1) + padded(data) +
                          self.options(*options))

    def simple(self, data):
        return self.block(3, struct.pack(self.order + "I", len(data)) + padded(data))

    def file(self):
        def number(layout, v):
            return struct.pack(self.order + layout, v)
        return (self.section() + self.interface(1, 0, (2, b"eth0"), (9, b"\x09"), (14, number("q", -1))) +
                self.interface(113, 96, (9, b"\x8a")) + self.simple(PKT[5]) +
                self.packet(2, 0, PKT[6], (2, number("I", 1))) +
                self.packet(6, 1, b"abc", (1, b"comment"), (2, number("I", 5)), (4, number("Q", 7)), (6, number("I", 3)),
                            (7, b"\2" + number("Q", 2))) +
                self.block(0x99, b"unknown.") + self.block(5, bytes(12)))


LITTLE, BIG = Pcapng("<").file(), Pcapng(">").file()
SAVED = [
    pcap("<", 0xA1B2C3D4, 1, *PKT[4:7]), pcap(">", 0xA1B2C3D4, 101, b"E"), pcap("<", 0xA1B23C4D, 113, b"", PKT[3]),
    pcap(">", 0xA1B23C4D, 1, PKT[9]), LITTLE, BIG, LITTLE + BIG, LITTLE[:-5], BIG[:100], LITTLE + bytes(64),
    b"\x1f\x8b\x08\x00", b"", b"\xd4",
]

SEEDS = {
    "dump": [p + bytes([kind, how, 40]) for p in PKT for kind, how in ((0, 0), (0, 3))] +
            [p[14:] + bytes([2, 3, 20]) for p in PKT[4:]],
    "savefile": SAVED,
    "pkt": [p + b"\x0f" for p in PKT],
    "value": [bytes([kind]) + s.encode() for kind, strings in enumerate(VALUES) for s in strings],
    "escape": TEXT,
    "kbtf": [b"\0" + BTF, bytes([len(BTF) // 4]) + BTF[:len(BTF) // 4 * 4], bytes([(len(BTF) + 3) // 4]) +
             btf(BTF_TYPES, b"\0int\0a\0x\0y\0p\0bc\0far\0".ljust(-(-len(BTF) // 4) * 4 - len(BTF) + 20, b"\0")) + MODULE],
    "cbpf": [code + p for code in CLASSIC for p in (b"", PKT[4], PKT[5], PKT[9], PKT[12], PKT[14] * 2)],
    "opts": [line.encode() for line in LINES],
}

for target, seeds in SEEDS.items():
    folder = pathlib.Path(sys.argv[1], target)
    folder.mkdir(parents=True, exist_ok=True)
    for i, seed in enumerate(seeds):
        (folder / f"seed-{i:02}").write_bytes(seed)
