# SPDX-License-Identifier: GPL-2.0-only
"""xdpdump's own program, given frames that are cut off anywhere: each is passed, and shown once, as scapy sees it."""
import errno
import ipaddress
import json
import os
import random
import re
import sys

import pytest

from objects import KERNEL, ROOT, run, table

sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests/run")]
packets = pytest.importorskip("packets", reason="scapy is not installed")

from feed import FOREIGN, LIBPCAP, AtForeign, Expression, Running     # noqa
from pcapng import Pcapng     # noqa

MOST = 128
RING = 4 << 20
WITH_EXPRESSIONS = LIBPCAP and "filter expressions" in run("--version").stdout

SHAPES = [(shape, n) for shape in packets.SHAPES for n in range(min(len(shape.data), MOST) + 1)]
PROTOCOLS = {1: "icmp", 2: "igmp", 4: "ipip", 6: "tcp", 17: "udp", 41: "ipv6", 47: "gre", 50: "esp", 51: "ah", 58: "icmp6",
             112: "vrrp", 132: "sctp"}
TCP_FLAGS = "FIN SYN RST PSH ACK URG ECE CWR".split()


def feed_all(running):
    """[(shape, n)] of those that the kernel took. Those up to 6.0 take what is shorter than an Ethernet header."""
    taken = []
    for shape, n in SHAPES:
        error = running.feed(shape.data[:n])
        assert not error or error == errno.EINVAL and n < 14, f"{shape.name}, {n} bytes: {os.strerror(error)}"
        if not error:
            taken.append((shape, n))
    assert len(taken) > 8000 and {n for _, n in taken} >= set(range(14, MOST + 1))
    return taken


# ---- what has to be shown ----

def mac(address):
    return address.hex(":")


def addresses(pkt):
    size = 16 if pkt.flags & packets.FLAG["V6"] else 4
    return [str(ipaddress.ip_address(address[:size])) for address in (pkt.src, pkt.dst)]


def members(pkt):
    """Of JSON, those that are told by bpf/pkt.h; None: it must not be there."""
    has = {name: bool(pkt.flags & flag) for name, flag in packets.FLAG.items()}
    ip = has["V4"] or has["V6"]
    saddr, daddr = addresses(pkt) if ip or has["ARP"] else (None, None)
    proto = PROTOCOLS.get(pkt.l4_proto, str(pkt.l4_proto))
    flags = " ".join(name for i, name in enumerate(TCP_FLAGS) if pkt.tcp_flags & 1 << i)
    return {
        "smac": mac(pkt.smac) if has["MAC"] else None, "dmac": mac(pkt.dmac) if has["MAC"] else None,
        "vlan": pkt.vlan0 & 0xfff if pkt.vlans else None, "inner_vlan": pkt.vlan1 & 0xfff if pkt.vlans > 1 else None,
        "ethertype": pkt.eth_proto or None, "saddr": saddr, "daddr": daddr, **({"proto": proto} if ip else {}),
        "sport": pkt.sport if has["PORTS"] else None, "dport": pkt.dport if has["PORTS"] else None,
        "tcp_flags": flags if has["TCP"] else None, "tcp_seq": pkt.tcp_seq if has["TCP"] else None,
        "icmp_type": pkt.icmp_type if has["ICMP"] else None, "icmp_code": pkt.icmp_code if has["ICMP"] else None,
        "gre_ethertype": pkt.gre_proto if has["GRE"] else None,
        "fragment_offset": pkt.frag_off if has["FRAGMENT"] else None,
        "malformed": True if has["MALFORMED"] else None,
        **({"payload_bytes": pkt.payload} if has["PAYLOAD"] else {}),
    }


def begin_of_line(pkt):
    """A pattern, behind the time."""
    tags = "".join(f"vlan {tag & 0xfff} " for tag in (pkt.vlan0, pkt.vlan1)[:pkt.vlans])
    if not pkt.flags & (packets.FLAG["V4"] | packets.FLAG["V6"]):
        kinds = {0x800: r"IP( \[\|ip\]| \(malformed\))", 0x86dd: r"IP6( \[\|ip6\]| \(malformed\))", 0x806: "ARP "}
        return tags + (kinds.get(pkt.eth_proto, r"ethertype .*0x%04x" % pkt.eth_proto) if pkt.eth_proto else
                       "LLC" if pkt.flags & packets.FLAG["LLC"] else "length ")
    six = pkt.flags & packets.FLAG["V6"]
    source, destination = addresses(pkt)
    if pkt.flags & packets.FLAG["PORTS"]:
        source, destination = (f"[{address}]:{port}" if six else f"{address}:{port}"
                               for address, port in ((source, pkt.sport), (destination, pkt.dport)))
    proto = PROTOCOLS.get(pkt.l4_proto, "no next header" if pkt.l4_proto == 59 else f"protocol {pkt.l4_proto}")
    proto = proto.upper() if pkt.l4_proto in PROTOCOLS else proto
    return tags + re.escape(f"IP{'6' if six else ''} {source} > {destination} {proto}") + r"\b"


def is_cut(pkt, shape, n, said, where):
    """The parser's part, and what is only looked at to be shown."""
    assert said or not pkt.flags & packets.FLAG["TRUNCATED"], where
    assert not said or n < len(shape.data) or pkt.flags & packets.FLAG["TRUNCATED"], where


def records(stdout):
    start, *found, end = map(json.loads, stdout.splitlines())
    assert (start["type"], end["type"]) == ("start", "end") and {record["type"] for record in found} == {"packet"}
    assert end.pop("missed", 0) == 0      # 5.10 does not count it
    return found, end


def sums(stderr):
    """The three closing lines."""
    return [int(number) for number in re.findall(r"^(\d+) packets? (?:captured|received by filter|dropped by kernel)$",
                                                 stderr, re.M)]


def assert_member(found, shape, n, length):
    """The first n bytes of a frame of this length."""
    where, pkt = f"{shape.name}, {n} bytes of {len(shape.data)}", shape.expected(n)
    assert bytes.fromhex(found["data"]) == shape.data[:n], where
    assert (found["len"], found["cap_len"], found["ifname"], found["queue"]) == (length, n, "lo", 0), where
    different = {name: (found.get(name), wanted) for name, wanted in members(pkt).items() if found.get(name) != wanted}
    assert not different, f"{where}: {different}"
    is_cut(pkt, shape, n, found.get("truncated", False), where)


# ---- cut off anywhere ----

def test_cut_off_anywhere(kernel, tmp_path):
    """Where records will lie there is something else before: what is not written would show it."""
    pattern = b"\xee" * 3400
    with Running(tmp_path, "--json", "-x", "--buffer", str(RING)) as running:
        fill = RING // len(pattern) + 1
        for i in range(1, fill + 1):
            assert not running.feed(pattern)
            if i % 300 == 0:
                running.wait(1 + i)
        running.wait(1 + fill)
        taken = feed_all(running)
        out, err = running.end()
    found, end = records(out)
    assert {record["data"] for record in found[:fill]} == {pattern.hex()}
    del found[:fill]
    assert sum(40 + (96 if n <= 96 else 224) for _, n in taken) < RING
    assert len(found) == len(taken) and sums(err) == [fill + len(taken)] * 2 + [0], err
    assert end == {"type": "end", "printed": fill + len(taken), "lost": 0}
    for record, (shape, n) in zip(found, taken):
        assert_member(record, shape, n, n)


def test_lines_of_what_is_cut_off_anywhere(kernel, tmp_path):
    with Running(tmp_path, "--timestamp", "none") as running:
        taken = feed_all(running)
        out, err = running.end()
    lines = out.decode("ascii").splitlines()
    assert len(lines) == len(taken) and sums(err) == [len(taken)] * 2 + [0], err
    for line, (shape, n) in zip(lines, taken):
        where, pkt = f"{shape.name}, {n} bytes of {len(shape.data)}: {line}", shape.expected(n)
        assert re.match(begin_of_line(pkt), line), f"{where}, not {begin_of_line(pkt)}"
        is_cut(pkt, shape, n, "[|" in line, where)
        found = re.search(r", fragment at (\d+)", line)
        assert bool(found) == bool(pkt.flags & packets.FLAG["FRAGMENT"]), where
        assert not found or int(found[1]) == pkt.frag_off, where
        # of an ARP that is none of Ethernet and IPv4 it is said what it is
        assert "(malformed)" in line or not pkt.flags & packets.FLAG["MALFORMED"] or pkt.eth_proto == 0x806, where


@pytest.mark.parametrize("snaplen", [1, 13, 14, 34, 54, 95, 96, 97, 128])
def test_snaplen(snaplen, kernel, tmp_path):
    """The same when no more is asked for, of a frame that is all there."""
    with Running(tmp_path, "--json", "-x", "-s", str(snaplen)) as running:
        assert not any(running.feed(shape.data) for shape in packets.SHAPES)
        found, _ = records(running.end()[0])
    assert len(found) == len(packets.SHAPES)
    for record, shape in zip(found, packets.SHAPES):
        n = min(snaplen, len(shape.data))
        if n >= 14 or n == len(shape.data):
            assert_member(record, shape, n, len(shape.data))
        assert (record["cap_len"], record["len"]) == (n, len(shape.data)) and record["data"] == shape.data[:n].hex()


# ---- with an expression ----

EXPRESSIONS = ["arp or ip6", "udp port 53", "icmp or icmp6", "host 10.0.0.2", "src host 2001:db8:0:ff::1 and tcp",
               "tcp[tcpflags] & tcp-syn != 0", "ip[6:2] & 0x1fff != 0", "vlan 100 and vlan 200", "greater 60",
               "ether[len - 1] = 0xdd", "ip[0] & 0xf > 5 and len <= 128", "net 192.168.0.0/16 and portrange 50-450"]


@pytest.mark.skipif(not WITH_EXPRESSIONS, reason="libpcap is not there, or the tool was built without it")
@pytest.mark.parametrize("text", EXPRESSIONS)
def test_expressions_on_what_is_cut_off_anywhere(text, kernel, tmp_path):
    """What libpcap finds in the bytes is what is captured."""
    with Running(tmp_path, "--json", "-x", "--stats", text) as running:
        taken = feed_all(running)
        out, err = running.end()
    expression = Expression(text)
    wanted = [(shape, n) for shape, n in taken if expression.matches(shape.data[:n])]
    assert 0 < len(wanted) < len(taken)
    found, end = records(out)
    for record, (shape, n) in zip(found, wanted):
        assert record["data"] == shape.data[:n].hex(), f"{shape.name}, {n} bytes should be next"
    assert len(found) == len(wanted) and sums(err) == [len(wanted)] * 2 + [0], err
    assert end == {"type": "end", "printed": len(wanted), "lost": 0, "filtered": len(taken) - len(wanted)}


# ---- at the entry and the exit of somebody else's program ----

CANNOT_TRACE = [KERNEL, "xdpdump", "xdpdump_entry"] in [words[:3] for words in table("refused")]
AT_BOTH = ["--rx-capture", "entry,exit"]


@pytest.fixture
def can_trace(kernel):
    if CANNOT_TRACE:
        pytest.skip("this kernel refuses it")
    assert FOREIGN.exists(), f"{FOREIGN} is not there; build it with the tests"


def assert_both(found, taken):
    """A record of the entry, then one of the exit."""
    assert len(found) == 2 * len(taken)
    for i, (shape, n) in enumerate(taken):
        for record, point in zip(found[2 * i:2 * i + 2], ("entry", "exit")):
            assert (record["program"], record["point"], record.get("verdict")) == \
                ("xdp_all", point, "PASS" if point == "exit" else None), (shape.name, n)
            assert_member(record, shape, n, n)


def test_cut_off_anywhere_at_a_foreign_program(can_trace, tmp_path):
    with AtForeign(tmp_path, *AT_BOTH, "--json", "-x", "--buffer", "16M") as running:
        taken = feed_all(running)
        out, err = running.end()
    assert_both(records(out)[0], taken)
    assert sums(err) == [2 * len(taken)] * 2 + [0], err


@pytest.mark.skipif(not WITH_EXPRESSIONS, reason="libpcap is not there, or the tool was built without it")
@pytest.mark.parametrize("text", ["udp port 53", "vlan 100 and vlan 200", "less 40"])
def test_expressions_at_a_foreign_program(text, can_trace, tmp_path):
    with AtForeign(tmp_path, *AT_BOTH, "--json", "-x", "--buffer", "16M", text) as running:
        taken = feed_all(running)
        out, err = running.end()
    expression = Expression(text)
    wanted = [(shape, n) for shape, n in taken if expression.matches(shape.data[:n])]
    assert_both(records(out)[0], wanted)
    assert "is unknown" not in err


@pytest.mark.parametrize("snaplen", [1, 96, 97, 0])
def test_snaplen_at_a_foreign_program(snaplen, can_trace, tmp_path):
    lengths = [n for n in boundaries() if n <= FIRST]
    with AtForeign(tmp_path, *AT_BOTH, "-w", "-", "--buffer", "16M", "-s", str(snaplen)) as running:
        assert not any(running.feed(frame(n)) for n in lengths)
        out, err = running.end()
    found = Pcapng(out).packets
    assert sums(err) == [2 * len(lengths)] * 2 + [0], err
    assert [(packet.length, packet.interface.fields) for packet in found[::2]] == \
        [(packet.length, packet.interface.fields) for packet in found[1::2]]
    for i, packet in enumerate(found):
        n = lengths[i // 2]
        assert packet.length == n and packet.data == frame(n)[:snaplen or n], f"{n} bytes"


# ---- frames of several pieces, from 5.18 on ----

PAGE = 4096
FIRST = PAGE - 256 - 320    # bytes of the first piece: the rest of the page is headroom and the list of the others
LONGEST = 17 * PAGE         # what BPF_PROG_TEST_RUN takes is a little more
ROOMS = [96, 224, 480, 992, 1536, 2016, 4064, 9216, 16352, 32736, 65535, 65568]    # where xdpdump's program goes other ways
BASE = random.Random(23).randbytes(2 * LONGEST)


def frame(n):
    """Such that no two have the same bytes at the same places."""
    at = n * 23 % LONGEST
    return BASE[at:at + n]


def boundaries():
    near = [start + page for start in (0, FIRST) for page in range(0, LONGEST - PAGE, PAGE)]
    return sorted({n for place in near for n in range(place - 20, place + 21) if n >= 14} |
                  {n for room in ROOMS for n in range(room - 3, room + 4)} | {LONGEST - 1, LONGEST})


def feed_frames(running, lengths):
    """Those that the kernel takes: all, or those of one piece."""
    taken = []
    for n in lengths:
        error = running.feed(frame(n))
        assert not error or error in (errno.EINVAL, errno.EMSGSIZE) and n > FIRST, f"{n} bytes: {os.strerror(error)}"
        if not error:
            taken.append(n)
    assert taken == lengths or KERNEL.startswith("5.10") and max(taken) == FIRST, f"the longest is of {max(taken)} bytes"
    return taken


def test_frames_of_several_pieces(kernel, tmp_path):
    with Running(tmp_path, "-w", "-", "--buffer", "64M") as running:
        taken = feed_frames(running, boundaries())
        out, err = running.end()
    found = Pcapng(out).packets
    assert len(found) == len(taken) and sums(err) == [len(taken)] * 2 + [0], err
    for packet, n in zip(found, taken):
        assert (packet.length, len(packet.data)) == (n, n) and packet.data == frame(n), f"{n} bytes"


@pytest.mark.parametrize("snaplen", [0, 1, 96, 97, FIRST, FIRST + 1, 9216, 9217, 65535, 65536, 65569])
def test_snaplen_of_several_pieces(snaplen, kernel, tmp_path):
    lengths = sorted({14, 96, 97, FIRST, FIRST + 1, FIRST + PAGE, 9216, 40001, 65535, 65536, 65568, 65569, LONGEST})
    with Running(tmp_path, "-w", "-", "--buffer", "16M", "-s", str(snaplen)) as running:
        taken = feed_frames(running, lengths)
        out, err = running.end()
    found = Pcapng(out).packets
    assert len(found) == len(taken) and sums(err) == [len(taken)] * 2 + [0], err
    for packet, n in zip(found, taken):
        assert packet.length == n and packet.data == frame(n)[:snaplen or n], f"{n} bytes"


@pytest.mark.skipif(not WITH_EXPRESSIONS, reason="libpcap is not there, or the tool was built without it")
@pytest.mark.parametrize("text, place", [
    ("len > 9000", 0), ("len = 5000 or greater 60000", 0), ("less 4000", 0), ("ether[12:2] & 1 = 1", 14),
    ("ether[3000:4] & 1 = 0", 3004), ("ether[4000:4] & 1 = 0", 4004), ("ether[4000:1] & 1 = 0 and len < 30000", 4001),
    ("ether[len - 1] & 1 = 1", None),
])
def test_expressions_on_several_pieces(text, place, kernel, tmp_path):
    """What is in the first piece, or not in the frame, is known; of the rest it is counted that it is not. place: the end of
    what is looked at, None: that of the frame."""
    with Running(tmp_path, "-w", "-", "--buffer", "16M", "--stats", text) as running:
        taken = feed_frames(running, sorted({14, 60, 2999, 3003, 3004, FIRST - 1, FIRST, FIRST + 1, 4000, 4001, 4004, 5000,
                                             8000, 9001, 9002, 20000, 40000, 40001, 60001, 65536}))
        out, err = running.end()
    expression = Expression(text)
    undecided = [n for n in taken if FIRST < (n if place is None else place) <= n]
    wanted = [n for n in taken if n not in undecided and expression.matches(frame(n))]
    packets_found = Pcapng(out).packets
    assert [packet.length for packet in packets_found] == wanted
    assert all(packet.data == frame(packet.length) for packet in packets_found)
    said = re.search(r"whether (\d+) packets match the expression is unknown", err)
    assert (int(said[1]) if said else 0) == len(undecided), err
