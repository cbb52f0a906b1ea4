# SPDX-License-Identifier: GPL-2.0-only
"""Frames of all kinds, made by scapy, and what bpf/pkt.h has to find in them.

SHAPES are the frames. What is expected of one that is cut off comes from scapy: it dissects the whole frame, and says
where each field of each header ends. A field is there if all its bytes are.
"""
import collections
import dataclasses
import functools
import logging
import math
import socket
import struct

logging.getLogger("scapy").setLevel(logging.ERROR)      # that there are no routes

# Not scapy.all: what else is loaded must not matter.
from scapy.contrib.mpls import MPLS  # noqa: E402
from scapy.layers.inet import (  # noqa: E402
    ICMP, IP, TCP, UDP, IPOption_EOL, IPOption_NOP, IPOption_RR, IPOption_Timestamp)
from scapy.layers.inet6 import (  # noqa: E402
    HBHOptUnknown, ICMPv6DestUnreach, ICMPv6EchoRequest, ICMPv6MLReport2, ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6ND_RA,
    ICMPv6PacketTooBig, ICMPv6TimeExceeded, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment, IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting, IPv6ExtHdrSegmentRouting, Jumbo, PadN, RouterAlert)
from scapy.layers.ipsec import AH, ESP  # noqa: E402
from scapy.layers.l2 import ARP, GRE, GRE_PPTP, LLC, STP, Dot1AD, Dot1Q, Dot3, Ether  # noqa: E402
from scapy.layers.sctp import SCTP, SCTPChunkData, SCTPChunkInit  # noqa: E402
from scapy.packet import Padding, Raw, bind_layers  # noqa: E402

# Scapy itself follows it to IP only.
for upper, number in (TCP, 6), (UDP, 17), (SCTP, 132), (IPv6ExtHdrDestOpt, 60):
    bind_layers(AH, upper, nh=number)

# ---- bpf/pkt.h ----

FLAGS = ("MAC V4 V6 ARP PORTS TCP ICMP FRAGMENT LATER TRUNCATED MALFORMED LLC PAYLOAD GRE").split()
FLAG = {name: 1 << i for i, name in enumerate(FLAGS)}
WANT_MAC, WANT_ADDR, WANT_L4, WANT_GRE, WANT_ALL = 1, 2, 4, 8, 15

# struct pkt, as it lies in memory
LAYOUT = struct.Struct("=HHHBB HHBBBx 16s16s 6s6s HHHH II4x")
Pkt = collections.namedtuple("Pkt", "flags eth_proto arp_op l4_proto tcp_flags vlan0 vlan1 vlans icmp_type icmp_code "
                             "src dst dmac smac sport dport frag_off gre_proto tcp_seq payload")


def flag_names(flags):
    return " ".join(name for name in FLAGS if flags & FLAG[name])


# ---- what scapy says ----

@dataclasses.dataclass
class Header:
    kind: type
    start: int
    value: dict         # {field: its value, a number where it is one}
    end: dict           # {field: how many bytes of the frame it takes to know it}


def header(layer, start):
    """Where the fields of a layer end: by reading them one after the other, as scapy does."""
    value, end = {}, {}
    left = whole = layer.original
    for field in layer.fields_desc:
        value[field.name] = getattr(layer, field.name)
        try:
            left = left if left is None else field.getfield(layer, left)[0]
        except struct.error:        # the packet ends before
            left = None
        if left is None:
            end[field.name] = math.inf
            continue
        within = isinstance(left, tuple)        # a byte, of which some bits are read
        end[field.name] = start + len(whole) - len(left[0] if within else left) + within
    return Header(type(layer), start, value, end)


def headers(data):
    found, start = [], 0
    layer = Ether(data)
    while layer and not isinstance(layer, Raw) and layer.raw_packet_cache is not None:
        found.append(header(layer, start))
        start += len(layer.raw_packet_cache)
        layer = layer.payload
    return found


# ---- what has to be found ----

EXTENSIONS = (IPv6ExtHdrHopByHop, IPv6ExtHdrDestOpt, IPv6ExtHdrRouting, IPv6ExtHdrSegmentRouting,
              IPv6ExtHdrFragment, AH)
EXTENSION_NUMBERS = 0, 60, 43, 44, 51
EXTENSIONS_MOST = 8
UNKNOWN = 1 << 30       # length
L4_LEAST = {1: 4, 58: 4, 6: 20, 17: 8, 132: 12, 47: 4}


class Model:
    """What is expected of the first n bytes of a frame."""

    def __init__(self, found, n, want):
        self.n, self.want, self.flags, self.found = n, want, set(), list(found)
        self.out = dict.fromkeys(Pkt._fields, 0) | dict(src=bytes(16), dst=bytes(16), dmac=bytes(6), smac=bytes(6))
        self.link()
        for name in self.flags:
            self.out["flags"] |= FLAG[name]

    def has(self, head, *fields):
        """All of a header, or these fields of it. If not, the frame is cut off."""
        end = max(head.end[name] for name in fields or head.end)
        if end > self.n:
            self.flags.add("TRUNCATED")
        return end <= self.n

    def link(self):
        ether = self.found.pop(0)
        if not self.has(ether):
            return
        self.flags.add("MAC")
        if self.want & WANT_MAC:
            self.out |= {"dmac": mac(ether.value["dst"]), "smac": mac(ether.value["src"])}
        kind = ether.value["len" if ether.kind is Dot3 else "type"]
        while self.found and self.found[0].kind in (Dot1Q, Dot1AD) and self.out["vlans"] < 2:
            tag = self.found.pop(0)
            if not self.has(tag):
                return
            tci = tag.value["prio"] << 13 | int(tag.value[tag_dei(tag)]) << 12 | tag.value["vlan"]
            self.out[f"vlan{self.out['vlans']}"] = tci
            self.out["vlans"] += 1
            kind = tag.value["type"]
        if kind in (0x8100, 0x88a8) and self.out["vlans"] < 2:      # what scapy found no tag in
            self.flags.add("TRUNCATED")
        elif kind < 0x600:
            self.flags.add("LLC")
        else:
            self.out["eth_proto"] = kind
            self.network(kind)

    def network(self, kind):
        function = {0x800: self.ipv4, 0x806: self.arp, 0x86dd: self.ipv6}.get(kind)
        if not function:
            return
        if self.found:
            function(self.found.pop(0))
        else:
            self.flags.add("TRUNCATED")

    def arp(self, head):
        if not self.has(head, "op"):
            return
        value = head.value
        self.out["arp_op"] = value["op"]
        if (value["hwtype"], value["ptype"], value["hwlen"], value["plen"]) != (1, 0x800, 6, 4):
            self.flags.add("MALFORMED")
        elif self.has(head):
            self.flags.add("ARP")
            self.addresses(ip4(value["psrc"]), ip4(value["pdst"]))

    def addresses(self, src, dst):
        if self.want & WANT_ADDR:
            self.out |= {"src": src.ljust(16, b"\0"), "dst": dst.ljust(16, b"\0")}

    def ipv4(self, head):
        value = head.value
        if not self.has(head, "dst"):
            return
        size = value["ihl"] * 4
        if value["version"] != 4 or size < 20:
            self.flags.add("MALFORMED")
            return
        self.flags.add("V4")
        self.addresses(ip4(value["src"]), ip4(value["dst"]))
        self.out |= {"l4_proto": value["proto"], "frag_off": value["frag"] * 8}
        if value["flags"].MF or value["frag"]:
            self.flags.add("FRAGMENT")
        if value["frag"]:
            self.flags.add("LATER")
        elif 0 < value["len"] < size:
            self.flags.add("MALFORMED")
        else:
            self.transport(UNKNOWN if value["flags"].MF or not value["len"] else value["len"] - size, head.start + size)

    def ipv6(self, head):
        value = head.value
        if not self.has(head):
            return
        if value["version"] != 6:
            self.flags.add("MALFORMED")
            return
        self.flags.add("V6")
        self.addresses(ip6(value["src"]), ip6(value["dst"]))
        start = end = head.end["dst"]
        following, more = value["nh"], 0
        for _ in range(EXTENSIONS_MOST):
            if following not in EXTENSION_NUMBERS or "LATER" in self.flags or following == 44 and more:
                break
            if not self.found or self.found[0].start + 4 > self.n:
                self.flags.add("TRUNCATED")
                break
            extension = self.found.pop(0)
            assert extension.kind in EXTENSIONS
            following = extension.value["nh"]
            end += extension_size(extension)
            if extension.kind is IPv6ExtHdrFragment:
                more |= extension.value["m"]
                self.out["frag_off"] = extension.value["offset"] * 8
                if more or extension.value["offset"]:
                    self.flags.add("FRAGMENT")
                if extension.value["offset"]:
                    self.flags.add("LATER")
        self.out["l4_proto"] = following
        if following in EXTENSION_NUMBERS and not self.flags & {"LATER", "TRUNCATED"}:
            self.flags.add("MALFORMED")
        if self.flags & {"LATER", "TRUNCATED", "MALFORMED"}:
            return
        whole = value["plen"]
        if 0 < whole < end - start and "FRAGMENT" not in self.flags:
            self.flags.add("MALFORMED")
        else:
            self.transport(UNKNOWN if not whole or "FRAGMENT" in self.flags else whole - (end - start), end)

    def transport(self, length, start):
        number = self.out["l4_proto"]
        head = self.found[0] if self.found and self.found[0].start == start else None
        if not self.want & WANT_L4:
            if number == 6 and length >= 20 and head and head.end["flags"] <= self.n:
                self.tcp_flags(head)
            return
        if number not in L4_LEAST or number == 47 and not self.want & WANT_GRE:
            return
        if length < L4_LEAST[number]:
            self.flags.add("MALFORMED")
        elif not head:
            self.flags.add("TRUNCATED")
        else:
            {1: self.icmp, 58: self.icmp, 6: self.tcp, 17: self.udp, 132: self.sctp, 47: self.gre}[number](head, length)

    def payload(self, size, length):
        if size > length:
            self.flags.add("MALFORMED")
        elif length != UNKNOWN:
            self.flags.add("PAYLOAD")
            self.out["payload"] = length - size

    def icmp(self, head, length):
        kind, code = list(head.value)[:2]       # not all of ICMPv6 call the second one a code
        if self.has(head, kind, code):
            self.flags.add("ICMP")
            self.out |= {"icmp_type": head.value[kind], "icmp_code": head.value[code]}

    def ports(self, head):
        if not self.has(head, "sport", "dport"):
            return False
        self.flags.add("PORTS")
        self.out |= {"sport": head.value["sport"], "dport": head.value["dport"]}
        return True

    def tcp_flags(self, head):
        self.flags.add("TCP")
        self.out["tcp_flags"] = int(head.value["flags"]) & 0xff

    def tcp(self, head, length):
        if self.ports(head) and self.has(head, "flags"):
            self.tcp_flags(head)
            self.out["tcp_seq"] = head.value["seq"]
            size = head.value["dataofs"] * 4
            if size < 20:
                self.flags.add("MALFORMED")
            else:
                self.payload(size, length)

    def udp(self, head, length):
        if self.ports(head) and self.has(head):
            if 8 <= head.value["len"] <= length:
                self.payload(8, head.value["len"])
            else:
                self.flags.add("MALFORMED")

    def sctp(self, head, length):
        if self.ports(head):
            self.payload(12, length)

    def gre(self, head, length):
        value = head.value
        if not self.has(head, "proto"):
            return
        if head.kind is GRE_PPTP:
            usual = (value["chksum_present"], value["routing_present"], value["key_present"],
                     value["strict_route_source"], value["recursion_control"], value["flags"], value["version"])
            if usual != (0, 0, 1, 0, 0, 0, 1):
                self.flags.add("MALFORMED")
                return
            size = 8 + 4 * value["seqnum_present"] + 4 * value["acknum_present"]
        elif value["version"]:
            self.flags.add("MALFORMED")
            return
        else:
            size = 4 + 4 * (value["chksum_present"] | value["routing_present"]) + 4 * value["key_present"] \
                + 4 * value["seqnum_present"]
        self.flags.add("GRE")
        self.out["gre_proto"] = value["proto"]
        if size > length:
            self.flags.add("MALFORMED")
        elif not value["routing_present"]:
            self.payload(size, length)


def tag_dei(tag):
    return "dei" if "dei" in tag.value else "id"


def extension_size(extension):
    if extension.kind is IPv6ExtHdrFragment:
        return 8
    return (extension.value["payloadlen"] + 2) * 4 if extension.kind is AH else (extension.value["len"] + 1) * 8


def mac(text):
    return bytes.fromhex(text.replace(":", ""))


def ip4(text):
    return bytes(map(int, text.split(".")))


def ip6(text):
    return socket.inet_pton(socket.AF_INET6, text)


# ---- the shapes ----

@dataclasses.dataclass
class Shape:
    name: str
    data: bytes

    @functools.cached_property
    def packet(self):
        """As scapy dissects it."""
        return Ether(self.data)

    @functools.cached_property
    def headers(self):
        return headers(self.data)

    def expected(self, n=None, want=WANT_ALL):
        """What bpf/pkt.h makes of the first n bytes, all if not said."""
        out = Model(self.headers, len(self.data) if n is None else n, want).out
        return Pkt(**out)


SHAPES = []


def shape(name, packet, **changes):
    """changes: what is written over the bytes, such as at_14=b"\\x55"."""
    data = bytearray(bytes(packet))
    for place, new in changes.items():
        at = int(place.removeprefix("at_"))
        data[at:at + len(new)] = new
    assert name not in [shape.name for shape in SHAPES]
    SHAPES.append(Shape(name, bytes(data)))


L2 = Ether(dst="02:00:00:00:00:01", src="02:00:00:00:ff:02")
L4 = L2 / IP(src="10.0.0.1", dst="192.168.10.2", id=23)
L6 = L2 / IPv6(src="2001:db8:0:ff::1", dst="2001:db8::2", fl=0x12345)
SYN = TCP(sport=12345, dport=443, seq=0xfedcba98, ack=0, flags="S", window=65535)
DATA = TCP(sport=443, dport=12345, seq=0x01020304, ack=0xfedcba99, flags="PA", window=501)
DNS = UDP(sport=53, dport=65535)
OPTIONS = [("MSS", 1460), ("SAckOK", b""), ("Timestamp", (23, 0)), ("NOP", None), ("WScale", 7)]


def but(packet, **fields):
    packet = packet.copy()
    for name, value in fields.items():
        setattr(packet, name, value)
    return packet


def data(n):
    return Raw(bytes(0xd0 + i % 16 for i in range(n)))


def make_shapes():
    s = shape
    # no network header
    s("unknown type", but(L2, type=0x1234) / data(46))
    s("Ethernet header alone", but(L2, type=0x9999))
    s("LLDP", but(L2, dst="01:80:c2:00:00:0e", type=0x88cc)
      / Raw(bytes.fromhex("0207040200000000010403050065060200780000")))
    s("STP", Dot3(dst="01:80:c2:00:00:00", src="02:00:00:00:ff:02")
      / LLC(dsap=0x42, ssap=0x42, ctrl=3) / STP() / data(8))
    s("length zero", Dot3(dst="01:80:c2:00:00:00", src="02:00:00:00:ff:02", len=0) / data(46))
    s("largest length", but(L2, type=0x5ff) / data(20))
    s("smallest type", but(L2, type=0x600) / data(20))
    s("MPLS", but(L2, type=0x8847) / MPLS(label=16, s=1, ttl=64) / IP(src="10.0.0.1", dst="10.0.0.2") / DNS)
    s("PPPoE session", but(L2, type=0x8864) / Raw(bytes.fromhex("11000001001e0021")) / IP() / data(8))
    s("all ones", Raw(b"\xff" * 130))
    s("all zeros", Raw(bytes(130)))
    # ARP
    s("ARP request", L2 / ARP(op=1, hwsrc="02:00:00:00:ff:02", psrc="10.0.0.2", pdst="10.0.0.1") / data(18))
    s("ARP reply",
      L2 / ARP(op=2, hwsrc="02:00:00:00:ff:02", psrc="10.0.0.2", hwdst="02:00:00:00:00:01", pdst="10.0.0.1"))
    s("ARP announcement", but(L2, dst="ff:ff:ff:ff:ff:ff") / ARP(op=1, psrc="10.0.0.2", pdst="10.0.0.2"))
    s("RARP's operation", L2 / ARP(op=3, psrc="0.0.0.0", pdst="0.0.0.0"))
    s("ARP of InfiniBand", L2 / ARP(op=1, psrc="10.0.0.2", pdst="10.0.0.1"), at_14=b"\0\x20")
    s("ARP for IPv6", L2 / ARP(op=1, psrc="10.0.0.2", pdst="10.0.0.1"), at_16=b"\x86\xdd")
    s("ARP with long MAC addresses", L2 / ARP(op=1, psrc="10.0.0.2", pdst="10.0.0.1") / data(30), at_18=b"\x08")
    s("ARP garbage", but(L2, type=0x806) / Raw(b"\xa5" * 46))
    # TCP
    s("TCP4 SYN", L4 / SYN)
    s("TCP4 SYN with options", L4 / but(SYN, options=OPTIONS))
    s("TCP4 data", L4 / DATA / data(77))
    s("TCP4 FIN, padded", L4 / but(DATA, flags="FA") / padded(6))
    s("TCP4 RST", L4 / but(DATA, flags="R"))
    s("TCP4 all flags", L4 / but(DATA, flags=0x1ff))
    s("TCP4 no flags", L4 / but(DATA, flags=0))
    s("TCP4 most options of both", with_options(40) / but(SYN, options=[("NOP", None)] * 40) / data(3))
    s("TCP6 SYN with options", L6 / but(SYN, options=OPTIONS))
    s("TCP6 data", L6 / DATA / data(33))
    s("TCP4 offset too small", L4 / SYN, at_46=b"\x4f")
    s("TCP4 offset too large", L4 / SYN / data(3), at_46=b"\x60")
    s("TCP4 in padding", L4 / SYN, at_16=b"\0\x14")
    s("TCP4 longer than the frame", L4 / SYN, at_16=b"\x05\xdc")
    s("TCP4 of unknown length", L4 / DATA / data(64), at_16=b"\0\0")
    # UDP
    s("UDP4", L4 / DNS / data(100))
    s("UDP4 padded", L4 / DNS / padded(18))
    s("UDP4 shorter than IP says", L4 / DNS / data(10), at_38=b"\0\x0b")
    s("UDP4 too short", L4 / DNS / data(10), at_38=b"\0\x07")
    s("UDP4 too long", L4 / DNS / data(10), at_38=b"\0\x13")
    s("UDP6", L6 / DNS / data(33))
    s("UDP6 too long", L6 / DNS / data(3), at_58=b"\0\x0c")
    # ICMP
    s("ICMP echo request", L4 / ICMP(type=8, id=23, seq=1) / data(56))
    s("ICMP echo reply, padded", L4 / ICMP(type=0, id=23, seq=1) / padded(10))
    s("ICMP port unreachable", L4 / ICMP(type=3, code=3) / IP(src="192.168.10.2", dst="10.0.0.1") / DNS)
    s("ICMP fragmentation needed", L4 / ICMP(type=3, code=4, nexthopmtu=1400) / IP() / SYN)
    s("ICMP time exceeded", L4 / ICMP(type=11, code=0) / IP() / DNS)
    s("ICMP redirect", L4 / ICMP(type=5, code=1, gw="10.0.0.3") / IP() / DNS)
    s("ICMP in padding", L4 / ICMP(type=8), at_16=b"\0\x17")
    s("ICMPv6 echo request", L6 / ICMPv6EchoRequest(id=23, seq=1) / data(8))
    s("ICMPv6 neighbour solicitation", L6 / ICMPv6ND_NS(tgt="2001:db8::2"))
    s("ICMPv6 neighbour advertisement", L6 / ICMPv6ND_NA(tgt="2001:db8::2", S=1))
    s("ICMPv6 router advertisement", L6 / ICMPv6ND_RA())
    s("ICMPv6 packet too big", L6 / ICMPv6PacketTooBig(mtu=1280) / IPv6() / DNS)
    s("ICMPv6 unreachable", L6 / ICMPv6DestUnreach(code=4) / IPv6() / DNS)
    s("ICMPv6 time exceeded", L6 / ICMPv6TimeExceeded(code=0) / IPv6() / DNS)
    s("MLD report behind hop-by-hop",
      L6 / IPv6ExtHdrHopByHop(options=[RouterAlert(), PadN(optdata=b"")]) / ICMPv6MLReport2())
    # SCTP and tunnels
    s("SCTP4 INIT",
      L4 / SCTP(sport=2905, dport=36412, tag=0) / SCTPChunkInit(init_tag=23, n_out_streams=5, n_in_streams=5))
    s("SCTP4 DATA", with_options(8) / SCTP(sport=36412, dport=2905, tag=7) / SCTPChunkData(data=b"payload"))
    s("SCTP6 DATA behind options",
      L6 / IPv6ExtHdrDestOpt() / SCTP(sport=36412, dport=2905, tag=7) / SCTPChunkData(data=b"x"))
    s("SCTP4 too short", L4 / SCTP(sport=1, dport=2, tag=7), at_16=b"\0\x1f")
    s("GRE4", L4 / GRE(proto=0x800) / IP(src="10.1.0.1", dst="10.1.0.2") / DNS)
    s("GRE4 key", L4 / GRE(proto=0x6558, key_present=1, key=23) / L2 / IP() / DNS)
    s("GRE4 checksum, key, sequence", L4 / GRE(proto=0x86dd, chksum_present=1, key_present=1, key=23, seqnum_present=1,
                                             sequence_number=7) / IPv6() / DNS)
    s("GRE4 routing", L4 / GRE(proto=0x800, routing_present=1) / data(40))
    s("GRE4 version 2", L4 / GRE(proto=0x800, version=2) / data(40))
    s("GRE4 word too many", L4 / GRE(proto=0x800, key_present=1, key=23), at_16=b"\0\x18")
    s("GRE6", L6 / GRE(proto=0x800, seqnum_present=1, sequence_number=1) / IP() / DNS)
    s("PPTP", L4 / GRE_PPTP(call_id=23, seqnum_present=1, sequence_number=1, acknum_present=1, ack_number=1) / data(30))
    s("PPTP acknowledgement",
      L4 / GRE_PPTP(call_id=23, seqnum_present=0, acknum_present=1, ack_number=1, payload_len=0))
    s("IP in IP", L4 / IP(src="10.1.0.1", dst="10.1.0.2") / DNS)
    s("IPv6 in IP", L4 / IPv6(src="2001:db8::1", dst="2001:db8::2") / SYN)
    # IPv4
    s("IP4 record route", with_options(0, [IPOption_RR(length=23, routers=["0.0.0.0"] * 5)]) / ICMP(type=8) / data(20))
    s("IP4 timestamp", with_options(0, [IPOption_Timestamp(flg=0, length=8)]) / DNS / data(9))
    s("IP4 most options", with_options(40) / ICMP(type=8) / data(9))
    s("IGMP", with_options(4, proto=2) / data(8))
    s("VRRP4", L2 / IP(src="10.0.0.1", dst="224.0.0.18", proto=112, id=1) / data(20))
    s("IP4 unknown protocol", L2 / IP(src="10.0.0.1", dst="10.0.0.2", proto=255, id=1) / data(20))
    s("ESP4", L4 / ESP(spi=23, seq=1, data=b"\xa5" * 40))
    s("AH4", L4 / AH(nh=6, spi=23, seq=1, payloadlen=4, icv=b"\xa5" * 12) / SYN)
    s("IP4 first fragment, TCP", fragment(0) / DATA / data(100))
    s("IP4 first fragment, UDP", fragment(0) / UDP(sport=53, dport=65535, len=3008) / data(92))
    s("IP4 first fragment, ICMP", fragment(0) / ICMP(type=8) / data(92))
    s("IP4 first fragment, SCTP", fragment(0) / SCTP(sport=1, dport=2, tag=3) / data(96))
    s("IP4 middle fragment", fragment(185, proto=17) / data(64))
    s("IP4 last fragment", fragment(1, flags=0, proto=6) / data(64))
    s("IP4 last place", fragment(0x1fff, flags=0, proto=1) / data(8))
    s("IP4 version 5", L4 / SYN, at_14=b"\x55")
    s("IP4 header too short", L4 / SYN, at_14=b"\x44")
    s("IP4 header none", L4 / SYN, at_14=b"\x40")
    s("IP4 shorter than its header", with_options(8) / SYN, at_16=b"\0\x1b")
    s("IP6 as IP4", but(L2, type=0x800) / IPv6(src="2001:db8::1", dst="2001:db8::2") / SYN)
    # IPv6
    s("IP6 nothing next", L2 / IPv6(src="2001:db8::1", dst="2001:db8::2", nh=59))
    s("VRRP6", L2 / IPv6(src="2001:db8::1", dst="ff02::12", nh=112) / data(20))
    s("ESP6", L6 / ESP(spi=23, seq=1, data=b"\xa5" * 40))
    s("IP6 hop-by-hop", L6 / IPv6ExtHdrHopByHop() / DNS / data(5))
    s("IP6 destination options", L6 / IPv6ExtHdrDestOpt(options=[PadN(optdata=b"\0" * 12)]) / DNS / data(2))
    s("IP6 routing", L6 / IPv6ExtHdrRouting(addresses=["2001:db8::3"]) / SYN)
    s("IP6 segment routing", L6 / IPv6ExtHdrSegmentRouting(addresses=["2001:db8::3"], lastentry=0) / SYN)
    s("IP6 authentication", L6 / AH(nh=6, spi=23, seq=1, payloadlen=4, icv=b"\xa5" * 12) / SYN / data(2))
    s("IP6 all headers", L6 / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / IPv6ExtHdrRouting()
      / AH(nh=60, spi=23, seq=1, payloadlen=4, icv=b"\xa5" * 12) / IPv6ExtHdrDestOpt() / DNS)
    s("IP6 seven headers", chain(7) / SYN)
    s("IP6 eight headers", chain(8) / SYN)
    s("IP6 nine headers", chain(9) / SYN)
    s("IP6 unknown option", L6 / IPv6ExtHdrHopByHop(options=[HBHOptUnknown(otype=0x1e, optdata=b"abcd")]) / DNS)
    s("IP6 first fragment, UDP", L6 / IPv6ExtHdrFragment(m=1, id=23) / UDP(sport=53, dport=65535, len=3008) / data(64))
    s("IP6 first fragment, TCP", L6 / IPv6ExtHdrFragment(m=1, id=23) / DATA / data(64))
    s("IP6 middle fragment", L6 / IPv6ExtHdrFragment(m=1, offset=185, nh=17, id=23) / data(64))
    s("IP6 last fragment behind hop-by-hop",
      L6 / IPv6ExtHdrHopByHop() / IPv6ExtHdrFragment(offset=8191, nh=6, id=23) / data(64))
    s("IP6 later fragment, destination options", L6 / IPv6ExtHdrFragment(offset=1, nh=60, id=23) / data(64))
    s("IP6 atomic fragment", L6 / IPv6ExtHdrFragment(id=23) / SYN / data(9))
    s("IP6 atomic fragment, reserved bits", L6 / IPv6ExtHdrFragment(id=23, res1=255, res2=3) / DNS / data(9))
    s("IP6 atomic fragments twice", L6 / IPv6ExtHdrFragment(id=23) / IPv6ExtHdrFragment(id=24) / SYN)
    s("IP6 fragment of a fragment", L6 / IPv6ExtHdrFragment(m=1, id=23) / IPv6ExtHdrFragment(m=1, id=24) / SYN)
    s("IP6 jumbogram", L6 / IPv6ExtHdrHopByHop(options=[Jumbo(jumboplen=70000)]) / DATA / data(64), at_18=b"\0\0")
    s("IP6 version 4", L6 / SYN, at_14=b"\x45")
    s("IP6 shorter than its headers",
      L6 / IPv6ExtHdrHopByHop(options=[PadN(optdata=b"\0" * 12)]) / SYN, at_18=b"\0\x0f")
    s("IP6 UDP in padding", L6 / DNS, at_18=b"\0\x07")
    # VLAN
    s("VLAN, UDP4", L2 / Dot1Q(vlan=5, prio=1) / L4[IP] / DNS / data(5))
    s("VLAN, priority only", L2 / Dot1Q(vlan=0, prio=7) / L4[IP] / SYN)
    s("VLAN, highest", L2 / Dot1Q(vlan=4095, prio=7, id=1) / L6[IPv6] / DNS)
    s("VLAN, ARP", L2 / Dot1Q(vlan=9) / ARP(op=1, psrc="10.0.0.2", pdst="10.0.0.1"))
    s("VLAN, LLC", L2 / Dot1Q(vlan=5, type=0x40) / data(64))
    s("VLAN, LLDP", L2 / Dot1Q(vlan=7, type=0x88cc) / data(40))
    s("VLAN and nothing", but(L2, type=0x8100))
    s("two VLANs", L2 / Dot1Q(vlan=5) / Dot1Q(vlan=6) / L4[IP] / DATA / data(20))
    s("QinQ, ICMPv6", but(L2, type=0x88a8) / Dot1AD(vlan=100) / Dot1Q(vlan=200) / L6[IPv6] / ICMPv6EchoRequest())
    s("QinQ, ARP", but(L2, type=0x88a8) / Dot1AD(vlan=100) / Dot1Q(vlan=200)
      / ARP(op=2, psrc="10.0.0.2", pdst="10.0.0.1"))
    s("QinQ, fragment", but(L2, type=0x88a8) / Dot1AD(vlan=1) / Dot1Q(vlan=2) / fragment(1, proto=17)[IP] / data(30))
    s("QinQ in QinQ", but(L2, type=0x88a8) / Dot1AD(vlan=1, type=0x88a8) / Dot1AD(vlan=2) / L4[IP] / ICMP())
    s("three VLANs", L2 / Dot1Q(vlan=1) / Dot1Q(vlan=2) / Dot1Q(vlan=3) / L4[IP] / DNS)
    s("QinQ and the most of all", but(L2, type=0x88a8) / Dot1AD(vlan=1) / Dot1Q(vlan=2) / chain(8)[IPv6]
      / but(SYN, options=OPTIONS))


def padded(n):
    return Padding(b"\xdd" * n)


def with_options(size, options=None, **fields):
    return L2 / IP(src="10.0.0.1", dst="192.168.10.2", id=23, **fields,
                   options=options or [IPOption_NOP()] * (size - 1) + [IPOption_EOL()])


def fragment(place, flags="MF", **fields):
    return L2 / IP(src="10.0.0.1", dst="192.168.10.2", id=23, flags=flags, frag=place, **fields)


def chain(n):
    packet = L6
    for _ in range(n):
        packet = packet / IPv6ExtHdrDestOpt()
    return packet


make_shapes()
