# SPDX-License-Identifier: GPL-2.0-only
"""Packets that the kernel must drop: a known number of each kind, in namespaces of our own.

Lab() makes two network namespaces with a veth pair between them. Frames made by scapy leave `a` through a
raw socket and are dropped in `b`; `b` has no route back, so it answers almost nothing. Each kind has its own
source MAC, source address and ports, so it is one row however a tool groups. Where the kernel has a counter
of its own for a kind of drop, `Expected.counted()` reads by how much it rose.

Run as a program, it makes each kind and shows what the kernel's own skb:kfree_skb event says of it.
"""
import collections
import contextlib
import ctypes
import dataclasses
import functools
import json
import os
import re
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

from scapy.config import conf
conf.load_layers = []
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import (ICMPv6EchoRequest, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment,
                                IPv6ExtHdrHopByHop)
from scapy.layers.l2 import ARP, Dot1AD, Dot1Q, Ether
from scapy.packet import Raw

libc = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNET = 0x40000000
SO_ATTACH_FILTER = 26
UDP_SEGMENT = 103
KINDS = {}                          # name -> how many of it, by default


@dataclasses.dataclass
class Expected:
    """What a tool that shows drops must show of one kind. None: does not apply, or the kernel has lost it."""
    kind: str
    count: int
    reasons: set                    # names that some kernel gives, without SKB_DROP_REASON_
    netns: str = None
    ifname: str = None
    pkt_type: str = None
    smac: str = None
    dmac: str = None
    vlan: int = None                # the outer tag
    inner_vlan: int = None
    sip: str = None
    dip: str = None
    proto: str = None
    sport: int = None
    dport: int = None
    tcp_flags: str = None
    arp_op: str = None
    icmp_type: int = None
    gso_segs: int = None
    unix: bool = False              # data of a unix socket, no packet
    frame: bytes = None             # the last one that was sent
    columns: tuple = ()             # what the summary counts it under
    counted: callable = None        # rise of the kernel's own counter, or None


def kind(count):
    """Marks a method of Lab that makes drops: method(count) calls it with its own name in front."""
    def register(method):
        name = method.__name__
        KINDS[name] = count
        return functools.wraps(method)(lambda lab, n=count: method(lab, name, n))
    return register


def wait_until(condition, seconds=5):
    end = time.monotonic() + seconds
    while not (ok := condition()) and time.monotonic() < end:
        time.sleep(0.01)
    return ok


class Netns:
    """A network namespace with a name under /run/netns."""

    def __init__(self, name):
        self.name = name
        subprocess.run(["ip", "netns", "add", name], check=True)
        self.path = f"/run/netns/{name}"
        self.inode = os.stat(self.path).st_ino

    def remove(self):
        subprocess.run(["ip", "netns", "del", self.name], check=False)

    def run(self, function, *args):
        """The result of a function called by a thread that is in the namespace."""
        result = []

        def body():
            try:
                with open(self.path) as ns:
                    if libc.setns(ns.fileno(), CLONE_NEWNET):
                        raise OSError(ctypes.get_errno(), "setns")
                result.append((function(*args), None))
            except BaseException as error:
                result.append((None, error))
        thread = threading.Thread(target=body)
        thread.start()
        thread.join()
        value, error = result[0]
        if error:
            raise error
        return value

    def command(self, *argv, **kwargs):
        return self.run(lambda: subprocess.run(argv, check=True, text=True, stdout=subprocess.PIPE, **kwargs).stdout)

    def socket(self, *args):
        return self.run(socket.socket, *args)

    def sysctl(self, name, value):
        def write():
            with open("/proc/sys/net/" + name.replace(".", "/"), "w") as file:
                file.write(str(value))
        self.run(write)

    def proc(self, file):
        def read():
            with open("/proc/thread-self/net/" + file) as lines:
                return lines.read()
        return self.run(read)

    def snmp(self, name):
        """A counter such as "Udp.NoPorts" of /proc/net/{snmp,netstat}, or "Udp6NoPorts" of snmp6."""
        if "." not in name:
            return int(re.search(rf"^{name}\s+(\d+)", self.proc("snmp6"), re.M)[1])
        group, field = name.split(".")
        for file in ("snmp", "netstat"):
            rows = [line.split() for line in self.proc(file).splitlines() if line.startswith(group + ":")]
            if rows and field in rows[0]:
                return int(rows[1][rows[0].index(field)])
        raise KeyError(name)

    def nft(self, name):
        """Packets of the named nft counter."""
        found = json.loads(self.command("nft", "-j", "list", "counters"))["nftables"]
        return sum(row["counter"]["packets"] for row in found if row.get("counter", {}).get("name") == name)


class Lab:
    B4, B6, PEER4, PEER6, FAR4, FAR6 = (
        "192.0.2.2", "2001:db8:b::2", "192.0.2.1", "2001:db8:b::1", "198.51.100.9", "2001:db8:dead::9")
    NFT_PREROUTING = ("frag_first", "frag_rest", "frag6_rest")
    NFT_INPUT = ("nft_input", "icmp_nft", "icmp6_nft")
    NFT_INGRESS = ("vlan_nft", "qinq_nft")
    NFT_ARP = ("arp_request", "arp_reply")

    def __init__(self, tag="", ifname=None):
        pid = os.getpid()
        self.names = [f"bk{pid}{tag}{side}" for side in "ab"]
        self.ifname = ifname or f"bk{pid}{tag}"
        self.mac_prefix = f"02:{len(tag):02x}:{pid >> 16 & 255:02x}:{pid >> 8 & 255:02x}:{pid & 255:02x}"
        self.mac = f"{self.mac_prefix}:ff"
        self.cleanup = contextlib.ExitStack()

    # the lab itself

    def __enter__(self):
        with contextlib.ExitStack() as undo:
            self.a, self.b = (Netns(name) for name in self.names)
            undo.callback(self.b.remove)
            undo.callback(self.a.remove)
            self.setup()
            self.wire = undo.enter_context(self.a.socket(socket.AF_PACKET, socket.SOCK_RAW, 0))
            self.wire.bind(("wire", 0))
            self.cleanup = undo.pop_all()
        return self

    def __exit__(self, *_):
        self.cleanup.close()

    def setup(self):
        for netns in (self.a, self.b):      # no chatter of the kernel's own
            for key, value in {"addr_gen_mode": 1, "accept_dad": 0, "dad_transmits": 0, "accept_ra": 0,
                               "router_solicitations": 0}.items():
                netns.sysctl(f"ipv6.conf.default.{key}", value)
            netns.sysctl("ipv4.conf.default.rp_filter", 0)
            netns.sysctl("ipv4.conf.all.rp_filter", 0)
        self.a.sysctl("ipv6.conf.default.disable_ipv6", 1)
        subprocess.run(["ip", "-n", self.b.name, "link", "add", self.ifname, "address", self.mac, "type", "veth",
                        "peer", "name", "wire", "address", f"{self.mac_prefix}:fe", "netns", self.a.name], check=True)
        self.b.sysctl("ipv4.conf.all.forwarding", 1)
        subprocess.run(["ip", "-n", self.a.name, "link", "set", "wire", "up"], check=True)
        for command in (
                "link set lo up", f"link set {self.ifname} up",
                f"addr add {self.B4}/32 dev {self.ifname}",
                f"addr add {self.B6}/128 dev lo nodad",     # on lo: no solicited-node group, so no MLD
                f"route add {self.PEER4}/32 dev {self.ifname}", f"route add {self.PEER6}/128 dev {self.ifname}",
                f"route add {self.FAR4}/32 dev {self.ifname}",
                *(f"neigh add {far} lladdr {self.mac_prefix}:fe dev {self.ifname} nud permanent"
                  for far in (self.PEER4, self.PEER6, self.FAR4))):
            subprocess.run(["ip", "-n", self.b.name, *command.split(" ")], check=True)
        self.b.command("nft", "-f", "-", input=self.ruleset())
        self.wait_up()

    def wait_up(self):
        """Before both ends have noticed that there is a carrier, they may throw frames away."""
        assert wait_until(lambda: all(b"state UP" in subprocess.run(
            ["ip", "-n", netns.name, "link", "show", "dev", name], stdout=subprocess.PIPE).stdout
            for netns, name in ((self.a, "wire"), (self.b, self.ifname))))

    def ruleset(self):
        counters = "".join(f"counter {name} {{}}\n" for name in KINDS)

        def rules(kinds, match):
            return "".join(f"{match(name)} counter name {name} drop\n" for name in kinds)

        def by_sip(name):
            return f"ip6 saddr {self.sip6(name)}" if "6" in name else f"ip saddr {self.sip(name)}"
        quiet = set(KINDS) - set(self.NFT_INGRESS + self.NFT_INPUT + self.NFT_PREROUTING + self.NFT_ARP) - {
            "nft_output", "gso_output"}
        arrivals = "".join(f"ether saddr {self.smac(name)} counter name {name}\n" for name in sorted(quiet))
        return f"""
table inet bk {{
{counters}
chain early {{ type filter hook prerouting priority -300; {rules(self.NFT_PREROUTING, by_sip)} }}
chain in {{ type filter hook input priority 0; {rules(self.NFT_INPUT, by_sip)} }}
chain out {{ type filter hook output priority 0;
{rules(("nft_output", "gso_output"), lambda name: f"udp dport {self.dport(name)}")} }}
}}
table arp bk {{
{counters}
chain in {{ type filter hook input priority 0; {rules(self.NFT_ARP, lambda name: f"arp saddr ip {self.sip(name)}")} }}
}}
table netdev bk {{
{counters}
chain in {{ type filter hook ingress device "{self.ifname}" priority 0;
{rules(self.NFT_INGRESS, lambda name: f"ether saddr {self.smac(name)}")}{arrivals} }}
}}"""

    # what is each kind's own

    def index(self, name):
        return list(KINDS).index(name)

    def smac(self, name):
        return f"{self.mac_prefix}:{self.index(name):02x}"

    def sip(self, name):
        return f"192.0.2.{100 + self.index(name)}"

    def sip6(self, name):
        return f"2001:db8:a::{100 + self.index(name):x}"

    def sport(self, name):
        return 40000 + self.index(name)

    def dport(self, name):
        return 50000 + self.index(name)

    def ether(self, name, **fields):
        return Ether(**{"src": self.smac(name), "dst": self.mac, **fields})

    def ip(self, name, **fields):
        return self.ether(name) / IP(**{"src": self.sip(name), "dst": self.B4, **fields})

    def ip6(self, name, **fields):
        return self.ether(name) / IPv6(**{"src": self.sip6(name), "dst": self.B6, **fields})

    def udp(self, name, **fields):
        return UDP(sport=self.sport(name), dport=self.dport(name), **fields) / b"bpfkit"

    def tcp(self, name, **fields):
        return TCP(sport=self.sport(name), dport=self.dport(name), **fields)

    # making drops

    def make(self, name):
        return getattr(self, name)()

    def send(self, name, count, frame, reasons, counter=None, **fields):
        """Send a frame count times; say what is to be seen. counter: name of an SNMP counter, or a callable."""
        read = self.counter(name, counter)
        before = read() if read else 0
        for _ in range(count):
            self.wire.send(bytes(frame))
        expected = Expected(name, count, set(reasons.split()), self.b.name, self.ifname, "this-host")
        self.describe(expected, frame)
        return self.finish(expected, read, before, fields)

    def counter(self, name, counter):
        if callable(counter) or counter is None:
            return counter
        return (lambda: self.b.nft(name)) if counter == "nft" else (lambda: self.b.snmp(counter))

    def finish(self, expected, read, before, fields):
        for key, value in fields.items():
            setattr(expected, key, value)
        if read:
            expected.counted = lambda: read() - before
            assert wait_until(lambda: expected.counted() >= expected.count), f"{expected.kind}: not all were dropped"
        return expected

    def describe(self, e, frame):
        e.smac, e.dmac, e.frame = frame.src, frame.dst, bytes(frame)
        columns = []
        ip = frame.getlayer(IP) or frame.getlayer(IPv6)
        if ip:
            e.sip, e.dip = ip.src, ip.dst
            columns.append("ipv4" if IP in frame else "ipv6")
        for layer, e.proto in ((TCP, "tcp"), (UDP, "udp"), (ICMP, "icmp"), (ICMPv6EchoRequest, "icmp6"), (ARP, "arp"),
                               (Raw, None)):
            if layer in frame:
                break
        if e.proto in ("tcp", "udp"):
            e.sport, e.dport = frame[layer].sport, frame[layer].dport
            columns.append(e.proto)
        if e.proto == "tcp":
            letters = {"S": "SYN", "A": "ACK", "F": "FIN", "R": "RST", "P": "PSH", "U": "URG"}
            e.tcp_flags = " ".join(letters[letter] for letter in str(frame[TCP].flags))
        if e.proto in ("icmp", "icmp6"):
            e.icmp_type = frame[layer].type
        e.columns = tuple(columns)

    @kind(5)
    def udp_closed_port(self, name, n):
        return self.send(name, n, self.ip(name) / self.udp(name), "NO_SOCKET", "Udp.NoPorts")

    @kind(7)
    def udp6_closed_port(self, name, n):
        return self.send(name, n, self.ip6(name) / self.udp(name), "NO_SOCKET", "Udp6NoPorts")

    @kind(11)
    def tcp_closed_port(self, name, n):
        return self.send(name, n, self.ip(name) / self.tcp(name, flags="S"), "NO_SOCKET", "Tcp.OutRsts",
                         columns=("ipv4", "tcp", "tcp_syn"))

    @kind(13)
    def tcp6_closed_port(self, name, n):
        return self.send(name, n, self.ip6(name, src=self.PEER6) / self.tcp(name, flags="FA"), "NO_SOCKET",
                         "Tcp.OutRsts", columns=("ipv6", "tcp", "tcp_fin"))

    @kind(17)
    def tcp_stray_reset(self, name, n):
        return self.send(name, n, self.ip(name) / self.tcp(name, flags="R"), "NO_SOCKET", "nft",
                         columns=("ipv4", "tcp", "tcp_reset"))

    @kind(19)
    def nft_input(self, name, n):
        return self.send(name, n, self.ip(name) / self.udp(name), "NETFILTER_DROP", "nft")

    @kind(23)
    def icmp_nft(self, name, n):
        return self.send(name, n, self.ip(name) / ICMP(), "NETFILTER_DROP", "nft")

    @kind(29)
    def icmp6_nft(self, name, n):
        return self.send(name, n, self.ip6(name) / ICMPv6EchoRequest(), "NETFILTER_DROP", "nft")

    @kind(31)
    def bad_ip_checksum(self, name, n):
        return self.send(name, n, self.ip(name, chksum=0xdead) / self.udp(name), "IP_CSUM", "IpExt.InCsumErrors")

    @kind(37)
    def bad_tcp_checksum(self, name, n):
        return self.send(name, n, self.ip(name) / self.tcp(name, flags="A", chksum=0xdead), "TCP_CSUM",
                         "Tcp.InCsumErrors")

    @kind(41)
    def bad_udp_checksum(self, name, n):
        return self.send(name, n, self.ip(name) / self.udp(name, chksum=0xdead), "UDP_CSUM", "Udp.InCsumErrors")

    @kind(43)
    def bad_icmp_checksum(self, name, n):
        return self.send(name, n, self.ip(name) / ICMP(chksum=0xdead), "ICMP_CSUM NOT_SPECIFIED", "Icmp.InCsumErrors")

    @kind(47)
    def unknown_protocol(self, name, n):
        return self.send(name, n, self.ip(name, proto=253) / b"bpfkit", "IP_NOPROTO", "Ip.InUnknownProtos",
                         proto="253")

    @kind(53)
    def other_host(self, name, n):
        frame = self.ip(name) / self.udp(name)
        frame.dst = "02:00:00:00:00:99"
        return self.send(name, n, frame, "OTHERHOST", "nft", pkt_type="other-host")

    @kind(191)
    def unicast_in_broadcast(self, name, n):
        key = f"ipv4.conf.{self.ifname}.drop_unicast_in_l2_multicast"
        frame = self.ip(name) / self.udp(name)
        frame.dst = "ff:ff:ff:ff:ff:ff"
        self.b.sysctl(key, 1)
        try:
            return self.send(name, n, frame, "UNICAST_IN_L2_MULTICAST", "nft", pkt_type="broadcast")
        finally:
            self.b.sysctl(key, 0)

    @kind(59)
    def reverse_path(self, name, n):
        key = f"ipv4.conf.{self.ifname}.rp_filter"
        self.b.sysctl(key, 1)
        try:
            return self.send(name, n, self.ip(name) / self.udp(name), "IP_RPFILTER", "TcpExt.IPReversePathFilter")
        finally:
            self.b.sysctl(key, 0)

    @kind(61)
    def ttl_expired(self, name, n):
        return self.send(name, n, self.ip(name, ttl=1, dst=self.FAR4) / self.udp(name), "IP_INHDR NOT_SPECIFIED",
                         "Ip.InHdrErrors")

    @kind(67)
    def no_route(self, name, n):
        return self.send(name, n, self.ip(name, dst="203.0.113.9") / self.udp(name), "IP_INNOROUTES",
                         "IpExt.InNoRoutes")

    @kind(71)
    def no_route6(self, name, n):
        return self.send(name, n, self.ip6(name, dst=self.FAR6) / self.udp(name), "IP_INNOROUTES", "Ip6InNoRoutes")

    @kind(73)
    def arp_request(self, name, n):
        frame = self.ether(name, dst="ff:ff:ff:ff:ff:ff") / ARP(
            op=1, hwsrc=self.smac(name), psrc=self.sip(name), pdst=self.B4)
        return self.send(name, n, frame, "NETFILTER_DROP", "nft", pkt_type="broadcast", sip=self.sip(name), dip=self.B4,
                         arp_op="request", columns=("arp", "arp_request"))

    @kind(79)
    def arp_reply(self, name, n):
        frame = self.ether(name) / ARP(op=2, hwsrc=self.smac(name), psrc=self.sip(name), hwdst=self.mac, pdst=self.B4)
        return self.send(name, n, frame, "NETFILTER_DROP", "nft", sip=self.sip(name), dip=self.B4, arp_op="reply",
                         columns=("arp", "arp_reply"))

    @kind(83)
    def arp_other(self, name, n):
        frame = self.ether(name) / ARP(op=9, hwsrc=self.smac(name), psrc=self.sip(name), hwdst=self.mac, pdst=self.B4)
        return self.send(name, n, frame, "NOT_SPECIFIED", "nft", sip=self.sip(name), dip=self.B4, arp_op="9",
                         columns=("arp", "arp_other"))

    @kind(89)
    def lldp(self, name, n):
        frame = self.ether(name, dst="01:80:c2:00:00:0e", type=0x88cc) / Raw(bytes(46))
        return self.send(name, n, frame, "UNHANDLED_PROTO", self.rx_dropped, pkt_type="multicast", proto="lldp",
                         columns=("lldp",))

    @kind(97)
    def vrrp(self, name, n):
        return self.send(name, n, self.ip(name, proto=112, ttl=255) / bytes(20), "IP_NOPROTO", "Ip.InUnknownProtos",
                         proto="vrrp", columns=("ipv4", "vrrp"))

    @kind(101)
    def vlan_unknown(self, name, n):
        """The kernel forgets the tag of a VLAN that nobody has before it drops the packet."""
        frame = self.ether(name) / Dot1Q(vlan=77) / IP(src=self.sip(name), dst=self.B4) / self.udp(name)
        return self.send(name, n, frame, "OTHERHOST", "nft", pkt_type="other-host")

    @kind(103)
    def vlan_nft(self, name, n):
        frame = self.ether(name) / Dot1Q(vlan=77, prio=3) / IP(src=self.sip(name), dst=self.B4) / self.udp(name)
        return self.send(name, n, frame, "NETFILTER_DROP", "nft", vlan=77)

    @kind(107)
    def qinq_nft(self, name, n):
        frame = (self.ether(name) / Dot1AD(vlan=78) / Dot1Q(vlan=79) / IP(src=self.sip(name), dst=self.B4) /
                 self.udp(name))
        return self.send(name, n, frame, "NETFILTER_DROP", "nft", vlan=78, inner_vlan=79)

    @kind(109)
    def qinq_unknown(self, name, n):
        """As vlan_unknown: the outer tag is forgotten, the inner one is still in the packet."""
        frame = (self.ether(name) / Dot1AD(vlan=78) / Dot1Q(vlan=79) / IP(src=self.sip(name), dst=self.B4) /
                 self.udp(name))
        return self.send(name, n, frame, "UNHANDLED_PROTO", self.rx_dropped, pkt_type="other-host", vlan=79)

    @kind(113)
    def frag_first(self, name, n):
        return self.send(name, n, self.ip(name, flags="MF") / self.udp(name) / bytes(10), "NETFILTER_DROP", "nft")

    @kind(127)
    def frag_rest(self, name, n):
        """What follows the IP header is no UDP header: there are no ports."""
        return self.send(name, n, self.ip(name, frag=185, proto=17) / Raw(b"\xff" * 16), "NETFILTER_DROP", "nft",
                         proto="udp", columns=("ipv4", "udp"))

    @kind(131)
    def frag6_rest(self, name, n):
        frame = self.ip6(name) / IPv6ExtHdrFragment(nh=17, offset=185, m=0, id=7) / Raw(b"\xff" * 16)
        return self.send(name, n, frame, "NETFILTER_DROP", "nft", proto="udp", columns=("ipv6", "udp"))

    @kind(137)
    def frag_timeout(self, name, n):
        """Fragments whose rest never comes: in the queue they have lost device and namespace."""
        self.b.sysctl("ipv4.ipfrag_time", 1)
        read = self.counter(name, "Ip.ReasmFails")
        before = read()
        for ident in range(n):
            frame = self.ip(name, frag=185, proto=17, id=ident + 1) / Raw(b"\xff" * 16)
            self.wire.send(bytes(frame))
        e = Expected(name, n, {"FRAG_REASM_TIMEOUT", "NOT_SPECIFIED"}, None, None, "this-host")
        self.describe(e, frame)
        return self.finish(e, read, before, {"proto": "udp", "columns": ("ipv4", "udp")})

    @kind(139)
    def ext_headers6(self, name, n):
        frame = self.ip6(name) / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / self.udp(name)
        return self.send(name, n, frame, "NO_SOCKET", "Udp6NoPorts")

    @kind(149)
    def truncated_ip(self, name, n):
        frame = Ether(bytes(self.ip(name) / self.udp(name))[:14 + 11])
        return self.send(name, n, frame, "IP_INHDR PKT_TOO_SMALL NOT_SPECIFIED", "Ip.InHdrErrors",
                         sip=None, dip=None, proto="ip", columns=())

    @kind(151)
    def truncated_udp(self, name, n):
        frame = self.ip(name, proto=17) / Raw(b"\x12\x34\x56")
        return self.send(name, n, frame, "NOT_SPECIFIED", "Udp.InErrors", proto="udp", columns=("ipv4", "udp"))

    @kind(157)
    def socket_filter(self, name, n):
        never = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0))
        with self.b.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
            receiver.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HL", 1, ctypes.addressof(never)))
            receiver.bind((self.B4, self.dport(name)))
            return self.send(name, n, self.ip(name) / self.udp(name), "SOCKET_FILTER", "Udp.InErrors")

    @kind(163)
    def udp_unread(self, name, n):
        """Data in the receive queue of a socket that is closed: it has lost device and namespace."""
        with self.b.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
            receiver.bind((self.B4, self.dport(name)))
            e = self.send(name, n, self.ip(name) / self.udp(name), "QUEUE_PURGE NOT_SPECIFIED", "nft",
                          netns=None, ifname=None)
            time.sleep(0.05)
        time.sleep(0.3)                 # the queue is purged after an RCU grace period
        e.counted = None
        return e

    @kind(167)
    def tcp_out_of_order(self, name, n):
        """Segments with gaps between, in the queue of a connection that is reset. They know their socket only."""
        with contextlib.ExitStack() as stack:
            listener = stack.enter_context(self.b.socket(socket.AF_INET, socket.SOCK_STREAM))
            listener.bind((self.B4, self.dport(name)))
            listener.listen()
            taps = stack.enter_context(self.a.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x800)))
            taps.bind(("wire", 0x800))
            taps.settimeout(5)
            base = self.ip(name, src=self.PEER4)
            self.wire.send(bytes(base / self.tcp(name, flags="S", seq=1000)))
            while True:
                answer = Ether(taps.recv(2000))
                if TCP in answer and answer[TCP].flags == "SA" and answer[TCP].dport == self.sport(name):
                    break
            ack = {"flags": "A", "ack": answer[TCP].seq + 1}
            self.wire.send(bytes(base / self.tcp(name, seq=1001, **ack)))
            taps.close()
            listener.settimeout(5)
            connection = stack.enter_context(listener.accept()[0])
            read = self.counter(name, "TcpExt.TCPOFOQueue")
            before = read()
            for i in range(n):
                frame = base / self.tcp(name, seq=1101 + 20 * i, **ack) / b"bpfkit"
                self.wire.send(bytes(frame))
            e = Expected(name, n, {"TCP_CLOSE", "QUEUE_PURGE", "NOT_SPECIFIED"}, self.b.name, None, "this-host")
            self.describe(e, frame)
            self.finish(e, read, before, {})
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
            time.sleep(0.1)
        return e

    def local_output(self, name, n, data, option=None, **fields):
        read = self.counter(name, "nft")
        before = read()
        with self.b.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.bind((self.B4, self.sport(name)))
            if option:
                sender.setsockopt(socket.IPPROTO_UDP, *option)
            for _ in range(n):
                with contextlib.suppress(PermissionError):
                    sender.sendto(data, (self.PEER4, self.dport(name)))
        e = Expected(name, n, {"NETFILTER_DROP"}, self.b.name, self.ifname, "this-host", sip=self.B4, dip=self.PEER4,
                     proto="udp", sport=self.sport(name), dport=self.dport(name), columns=("ipv4", "udp"))
        return self.finish(e, read, before, fields)

    @kind(173)
    def nft_output(self, name, n):
        """Dropped before there is a MAC header."""
        return self.local_output(name, n, b"bpfkit")

    @kind(179)
    def gso_output(self, name, n):
        return self.local_output(name, n, bytes(300), (UDP_SEGMENT, 100), gso_segs=3)

    def unix_pair(self, name, n, style, data=b"bpfkit"):
        left, right = self.b.run(socket.socketpair, socket.AF_UNIX, style)
        with left:
            for _ in range(n):
                left.send(data)
            right.close()
        return Expected(name, n, {"SOCKET_CLOSE", "NOT_SPECIFIED"}, self.b.name, None, None, unix=True)

    @kind(181)
    def unix_datagrams(self, name, n):
        return self.unix_pair(name, n, socket.SOCK_DGRAM)

    @kind(3)
    def unix_large(self, name, n):
        """Most of the data is in page fragments."""
        return self.unix_pair(name, n, socket.SOCK_DGRAM, bytes(50000))

    def rx_dropped(self):
        line = next(line for line in self.b.proc("dev").splitlines() if line.strip().startswith(self.ifname + ":"))
        return int(line.rsplit(":", 1)[1].split()[3])


class HiddenNetns:
    """Namespaces that no file names, one for each process name given: each drops UDP packets on its loopback."""
    SCRIPT = """
import ctypes, fcntl, os, socket, struct, sys
libc = ctypes.CDLL(None)
go, done, end = os.pipe(), os.pipe(), os.pipe()
for comm in sys.argv[1:]:
    if os.fork():
        os.read(done[0], 1)
        continue
    os.close(go[1]), os.close(end[1])
    libc.unshare(0x40000000)
    libc.prctl(15, bytes.fromhex(comm), 0, 0, 0)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, 0x8914, struct.pack("16sH14x", b"lo", 1))
        print(os.stat("/proc/self/ns/net").st_ino, flush=True)
        os.write(done[1], b".")
        for _ in range(int(os.read(go[0], 99) or 0)):
            s.sendto(b"bpfkit", ("127.0.0.1", 9))
    os.write(done[1], b".")
    os.read(end[0], 1)
    os._exit(0)
print("ready", flush=True)
count = sys.stdin.readline() or sys.exit()
for _ in sys.argv[1:]:
    os.write(go[1], count.encode())
    os.read(done[0], 1)
print("done", flush=True)
sys.stdin.readline()
"""

    def __init__(self, comms):
        self.comms = comms

    def __enter__(self):
        self.process = subprocess.Popen([sys.executable, "-c", self.SCRIPT, *(comm.hex() for comm in self.comms)],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        inodes = [int(line) for line in iter(self.process.stdout.readline, "ready\n")]
        self.comms = dict(zip(inodes, self.comms, strict=True))     # from now on by inode
        return self

    def drop(self, count):
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"

    def __exit__(self, *_):
        self.process.stdin.close()      # the children end with the pipes of their parent
        self.process.wait()
        self.process.stdout.close()


class KernelEvents:
    """The kernel's own view of skb:kfree_skb: count by reason and location, by a tracefs instance of ours."""
    LINE = re.compile(r"kfree_skb: .*location=(\S+?)(?:\+\S+)?(?: \[\S+\])?(?: reason: (\S+))?$")

    def __enter__(self):
        with contextlib.ExitStack() as undo:
            self.root = undo.enter_context(tempfile.TemporaryDirectory())
            subprocess.run(["mount", "-t", "tracefs", "tracefs", self.root], check=True)
            undo.callback(subprocess.run, ["umount", self.root])
            self.instance = f"{self.root}/instances/bk{os.getpid()}"
            os.mkdir(self.instance)
            undo.callback(os.rmdir, self.instance)
            self.write("buffer_size_kb", 4096)
            self.cleanup = undo.pop_all()
        return self

    def __exit__(self, *_):
        self.write("events/skb/kfree_skb/enable", 0)
        self.cleanup.close()

    def write(self, file, value):
        with open(f"{self.instance}/{file}", "w") as out:
            out.write(str(value))

    def count(self, action):
        """(result of the action, {(reason, function): drops}) of what was dropped meanwhile."""
        self.write("trace", "")
        self.write("events/skb/kfree_skb/enable", 1)
        result = action()
        self.write("events/skb/kfree_skb/enable", 0)
        seen = collections.Counter()
        with open(f"{self.instance}/trace") as trace:
            for line in trace:
                if match := self.LINE.search(line.rstrip()):
                    seen[match[2], match[1]] += 1
        return result, seen


def main():
    wrong = 0
    with KernelEvents() as kernel, Lab() as lab:
        for name in sys.argv[1:] or KINDS:
            e, seen = kernel.count(lambda: lab.make(name))
            good = [number for (reason, _), number in seen.items() if reason in e.reasons or reason is None]
            counted = e.counted() if e.counted else "-"
            ok = e.count in good and counted in ("-", e.count)
            wrong += not ok
            shown = ", ".join(f"{number} {reason} {where}" for (reason, where), number in seen.most_common())
            print(f"{'ok ' if ok else 'BAD'} {name:18} {e.count:4} counted {counted!s:4} {shown}", flush=True)
    return wrong != 0


if __name__ == "__main__":
    sys.exit(main())
