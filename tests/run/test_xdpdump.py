# SPDX-License-Identifier: GPL-2.0-only
"""xdpdump: each frame that arrives is captured, once, and shown as what it is; programs of others are left alone."""
import collections
import contextlib
import ipaddress
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

import pytest

from conftest import BPFKIT, Tool, leftovers
from drops import wait_until
from pcapng import ETHERNET, Pcapng
from wires import START_SECONDS, Foreign, VERDICTS, Wires, clang, frames_seen

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from packets import FLAG, IP, SHAPES, UDP, Ether, Raw         # noqa: E402

MODES = {"native": "-N", "generic": "-S"}
KERNEL = tuple(map(int, re.match(r"(\d+)\.(\d+)", os.uname().release).groups()))
HAS_FRAGS = KERNEL >= (5, 18)
EACH = 23                   # frames of each shape
# The kernel itself drops a tag without what it is for, before anybody but XDP sees it.
LIVE = [shape for shape in SHAPES if shape.name != "VLAN and nothing"]
L2 = Ether(dst="02:00:00:00:00:01", src="02:00:00:00:ff:02")
FRAME = bytes(L2 / IP(src="192.0.2.1", dst="192.0.2.2", id=23)
              / UDP(sport=1000, dport=2000, chksum=0) / Raw(b"bpfkit"))


@pytest.fixture(scope="module")
def wires():
    with Wires() as wires:
        yield wires


@pytest.fixture(autouse=True)
def nothing_is_left(request):
    """Whatever a test did, its interfaces are as they were."""
    yield
    if "wires" in request.fixturenames:
        assert not request.getfixturevalue("wires").programs()


@pytest.fixture
def start(run, wires):
    def start(*args, **more):
        return wires.start(run, "-i", "in0", *args, **more)
    return start


@pytest.fixture
def read(run):
    """The tool, reading a file, until its end."""
    def read(path, *args, status=0, **more):
        tool = run("xdpdump", "-r", path, *args, wait=False, **more).finish()
        assert tool.process.returncode == status, tool.stderr
        return tool
    return read


def load(path):
    with open(path, "rb") as file:
        return Pcapng(file.read())


def pcap(data):
    """[(time in ns, length, bytes)] of a pcap file of this machine's byte order."""
    at, found = 24, []
    magic, *_, kind = struct.unpack_from("=IHHiIII", data)
    assert kind == ETHERNET
    unit = {0xa1b2c3d4: 1000, 0xa1b23c4d: 1}[magic]
    while at < len(data):
        seconds, part, captured, length = struct.unpack_from("=IIII", data, at)
        found.append((seconds * 10**9 + part * unit, length, data[at + 16:at + 16 + captured]))
        at += 16 + captured
    return found


def totals(tool):
    """(captured, received by filter, dropped), as it said at the end."""
    found = re.search(r"(?:\A|\n)(\d+) packets? captured\n(\d+) packets? received by filter\n"
                      r"(\d+) packets? dropped by kernel\n", tool.stderr)
    assert found, tool.stderr
    return tuple(map(int, found.groups()))


def stopped(tool, number=signal.SIGINT):
    tool.stop(number)
    assert tool.process.returncode == 0, tool.stderr
    return tool


def said(tool, status):
    """The one sentence with which it ended so."""
    tool.finish()
    assert tool.process.returncode == status, tool.stderr
    lines = tool.stderr.splitlines()
    if status == 2:
        assert lines.pop() == "Try 'xdpdump --help'."
    assert len(lines) == 1 and lines[0].startswith("xdpdump: "), tool.stderr
    return lines[0].removeprefix("xdpdump: ")


def need(program):
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")


# ---- all shapes, in both modes ----

class Seen:
    """All shapes, as a file, as lines and as JSON, and what tcpdump at the other end saw."""

    def __init__(self, wires, mode, path):
        self.mode = mode
        self.frames = [shape.data for shape in LIVE for _ in range(EACH)]
        self.path = path / "file"
        with contextlib.ExitStack() as stack:
            def run(*args, wait, **more):
                tool = Tool(*args, **more)
                stack.callback(tool.close)
                return tool

            def capture(*args):
                tool = wires.start(run, "-i", "in0", MODES[mode], *args)
                self.begin = time.time_ns()
                wires.send(self.frames)
                self.end = time.time_ns()
                return stopped(tool)
            self.text = capture("-e")
            self.json = capture("--json", "-X")
            other = wires.tcpdump(path / "other") if shutil.which("tcpdump") else contextlib.nullcontext()
            with other:
                self.tool = capture("-w", self.path)
        self.file = load(self.path)
        self.other = path / "other"

    def per_shape(self, items):
        """[(shape, those of the items that are its)]"""
        assert len(items) == len(self.frames)
        return [(shape, items[i * EACH:(i + 1) * EACH]) for i, shape in enumerate(LIVE)]


@pytest.fixture(scope="module", params=MODES)
def seen(request, wires, tmp_path_factory):
    return Seen(wires, request.param, tmp_path_factory.mktemp("seen"))


def test_each_frame_is_captured_once(seen):
    n = len(seen.frames)
    assert [totals(tool) for tool in (seen.text, seen.json, seen.tool)] == [(n, n, 0)] * 3
    assert [len(seen.text.lines), len(seen.json.of("packet")), len(seen.file.packets)] == [n] * 3


def test_each_frame_is_captured_as_it_was_sent(seen):
    for shape, packets in seen.per_shape(seen.file.packets):
        assert [packet.data for packet in packets] == [shape.data] * EACH, shape.name
        assert {packet.length for packet in packets} == {len(shape.data)}, shape.name
    assert [bytes.fromhex(packet["data"]) for packet in seen.json.of("packet")] == seen.frames


def test_tcpdump_at_the_other_end_saw_the_same(seen):
    need("tcpdump")
    assert [data for _, _, data in pcap(seen.other.read_bytes())] == [packet.data for packet in seen.file.packets]


def test_times_are_those_of_the_frames(seen):
    times = [packet.time for packet in seen.file.packets]
    assert times == sorted(times) and seen.begin - 10**6 < times[0] and times[-1] < seen.end + 10**6


def test_what_is_written_about_them(seen):
    [interface] = seen.file.interfaces
    assert interface.name == "in0" and interface.description == f"XDP, {seen.mode}" and interface.tsresol == 9
    assert interface.fields[0] == ETHERNET and interface.fields[2] == 262144
    assert re.fullmatch(r"bpfkit xdpdump \d\S*", seen.file.section.application)
    for packet in seen.file.packets:
        assert packet.options == {"flags": 1, "queue": 0}       # inbound
    [statistics] = seen.file.statistics
    assert (statistics.lost, statistics.delivered) == (0, len(seen.frames))
    assert statistics.start < seen.file.packets[0].time and statistics.end > seen.file.packets[-1].time


PROTOCOLS = {1: "icmp", 2: "igmp", 6: "tcp", 17: "udp", 47: "gre", 50: "esp", 51: "ah", 58: "icmp6", 132: "sctp"}


def address(raw, v6):
    return str(ipaddress.ip_address(raw if v6 else raw[:4]))


def test_json_says_what_scapy_says(seen):
    for shape, packets in seen.per_shape(seen.json.of("packet")):
        assert len({json.dumps(packet | {"time": ""}) for packet in packets}) == 1, shape.name
        packet, p = packets[0], shape.expected()
        flags = {name for name in FLAG if p.flags & FLAG[name]}
        want = {"ifname": "in0", "queue": 0, "len": len(shape.data), "cap_len": len(shape.data),
                "dmac": shape.data[:6].hex(":"), "smac": shape.data[6:12].hex(":")}
        want |= {"vlan": p.vlan0 & 0xfff} if p.vlans else {}
        want |= {"inner_vlan": p.vlan1 & 0xfff} if p.vlans > 1 else {}
        if flags & {"V4", "V6"} and any(p.src + p.dst):
            want |= {"saddr": address(p.src, "V6" in flags), "daddr": address(p.dst, "V6" in flags)}
            want |= {"proto": PROTOCOLS[p.l4_proto]} if p.l4_proto in PROTOCOLS else {}
        for name in ("sport", "dport", "tcp_seq"):
            if {"sport": "PORTS", "dport": "PORTS", "tcp_seq": "TCP"}[name] in flags:
                want[name] = getattr(p, name)
            else:
                assert name not in packet, shape.name
        want |= {"icmp_type": p.icmp_type, "icmp_code": p.icmp_code} if "ICMP" in flags else {}
        if "ARP" in flags:
            want |= {"proto": "arp"}
        want |= {"malformed": True} if "MALFORMED" in flags else {}
        assert want.items() <= packet.items(), shape.name
        assert ("saddr" in packet) == bool("ARP" in flags or any(p.src + p.dst)), shape.name
        assert {"vlan", "inner_vlan"} & set(packet) == set(("vlan", "inner_vlan")[:p.vlans]), shape.name


def endpoint(raw, port, v6):
    text = address(raw, v6)
    return text if port is None else f"[{text}]:{port}" if v6 else f"{text}:{port}"


def test_lines_say_what_scapy_says(seen):
    for shape, lines in seen.per_shape(seen.text.stdout.decode().splitlines()):
        assert len({line.split(" ", 1)[1] for line in lines}) == 1, shape.name
        time, link, rest = re.fullmatch(r"(\S+) (\S+ > .*?, length \d+): (.*)", lines[0]).groups()
        p = shape.expected()
        flags = {name for name in FLAG if p.flags & FLAG[name]}
        assert re.fullmatch(r"\d+\.\d{6}", time), shape.name
        assert link.startswith(f"{shape.data[6:12].hex(':')} > {shape.data[:6].hex(':')}, "), shape.name
        assert link.endswith(f", length {len(shape.data)}"), shape.name
        assert re.findall(r"vlan (\d+)", link) == [str(tag & 0xfff) for tag in (p.vlan0, p.vlan1)[:p.vlans]], shape.name
        v6 = "V6" in flags
        if flags & {"V4", "V6"} and any(p.src + p.dst):
            ports = (p.sport, p.dport) if "PORTS" in flags else (None, None)
            words = "IP6" if v6 else "IP", endpoint(p.src, ports[0], v6), ">", endpoint(p.dst, ports[1], v6)
            words += (PROTOCOLS[p.l4_proto].upper(),) if p.l4_proto in PROTOCOLS else ()
            assert rest.replace(",", " ").split()[:len(words)] == list(words), shape.name
        else:
            assert " > " not in rest or "ARP" in flags, shape.name
        assert rest.startswith("ARP ") == ("ARP" in flags or p.eth_proto == 0x806), shape.name
        assert ("seq 4275878552" in rest) == ("TCP" in flags and p.tcp_seq == 4275878552), shape.name
        # ARP for other networks is told as such
        assert rest.endswith("(malformed)") == ("MALFORMED" in flags and p.eth_proto != 0x806), shape.name


# ---- long frames ----

@pytest.fixture(scope="module")
def long_wires():
    with Wires("l", mtu=9000) as wires:
        yield wires


def long_frame(size):
    frame = L2 / IP(src="192.0.2.1", dst="192.0.2.2", id=23) / UDP(sport=1000, dport=2000, chksum=0)
    return bytes(frame / Raw(bytes(i % 251 for i in range(size - 42))))


def long_start(run, wires, mode, *args):
    return wires.start(run, "-i", "in0", MODES[mode], *args)


@pytest.fixture(params=MODES)
def long_mode(request):
    if request.param == "native" and not HAS_FRAGS:
        pytest.skip("the driver takes no program at this MTU: see test_native_at_a_large_mtu_is_refused")
    return request.param


@pytest.mark.parametrize("snaplen,captured", [(None, 9014), ("0", 9014), ("96", 96), ("1", 1), ("3500", 3500),
                                              ("9013", 9013), ("262144", 9014)])
def test_a_long_frame_is_whole_and_says_how_long_it_is(run, long_wires, long_mode, tmp_path, snaplen, captured):
    frames = [long_frame(size) for size in (9014, 60, 3600, 9014)]
    tool = long_start(run, long_wires, long_mode, "-w", tmp_path / "file", *(["-s", snaplen] if snaplen else []))
    long_wires.send(frames)
    assert totals(stopped(tool)) == (4, 4, 0)
    packets = load(tmp_path / "file").packets
    assert [packet.data for packet in packets] == [frame[:captured] for frame in frames]
    assert [packet.length for packet in packets] == list(map(len, frames))


def test_lines_of_long_frames(run, long_wires, long_mode):
    tool = long_start(run, long_wires, long_mode, "--json")
    long_wires.send([long_frame(9014)])
    [packet] = stopped(tool).of("packet")
    assert (packet["len"], packet["cap_len"], packet["payload_bytes"]) == (9014, 256, 8972)
    assert "truncated" not in packet and "malformed" not in packet
    tool = long_start(run, long_wires, long_mode, "-x", "-s", "0")
    long_wires.send([long_frame(9014)])
    line, *rows = stopped(tool).stdout.decode().splitlines()
    assert line.endswith("UDP, length 8972") and bytes.fromhex("".join(rows)) == long_frame(9014)


def test_the_longest_frames(run, long_mode, tmp_path):
    """veth takes 65535, and a link header."""
    with Wires("m", mtu=65535) as wires:
        tool = long_start(run, wires, long_mode, "-w", tmp_path / "file")
        frames = [long_frame(size) for size in (65000, 65534, 65535, 65536, 65549, 16385)]
        wires.send(frames)
        assert totals(stopped(tool)) == (6, 6, 0)
    packets = load(tmp_path / "file").packets
    assert [packet.length for packet in packets] == list(map(len, frames))
    assert [packet.data for packet in packets] == frames


@pytest.mark.parametrize("expression,matches", [
    ("len > 9000", True), ("len < 9000", False), ("greater 9014", True), ("udp dst port 2000", True),
    ("ether[100] = 58", True), ("ether[100] = 59", False)])
def test_expressions_on_long_frames(run, long_wires, long_mode, expression, matches):
    tool = long_start(run, long_wires, long_mode, expression)
    long_wires.send([long_frame(9014)] * 3)
    assert totals(stopped(tool)) == (3 * matches, 3 * matches, 0)


def test_what_an_expression_cannot_see_is_said(run, long_wires, long_mode):
    """Byte 8000 is not in the first piece of the frame; before Linux 6.9 generic XDP has frames in one piece."""
    tool = long_start(run, long_wires, long_mode, "--json", f"ether[8000] = {long_frame(9014)[8000]}")
    long_wires.send([long_frame(9014)] * 5 + [long_frame(100)] * 2)
    stopped(tool)
    if KERNEL >= (6, 9) or long_mode == "native":
        assert totals(tool) == (0, 0, 0) and tool.records[-1]["undecided"] == 5
        assert "whether 5 packets match the expression" in tool.stderr and "left out" in tool.stderr
    else:
        assert totals(tool) == (5, 5, 0) and "match the expression" not in tool.stderr


def test_native_at_a_large_mtu_is_refused(run, long_wires):
    if HAS_FRAGS:
        pytest.skip("this kernel gives frames of several pieces to XDP")
    sentence = said(long_wires.start(run, "-i", "in0", "-N", links=0), 3)
    assert sentence.startswith("in0: the driver refuses native XDP: ") and "-S (generic)" in sentence
    assert "lower the MTU" in sentence and not long_wires.programs()
    tool = long_wires.start(run, "-i", "in0", "-s", "0", "-w", "/dev/null")      # as it can be had
    long_wires.send([long_frame(9014)])
    assert totals(stopped(tool)) == (1, 1, 0) and "generic is used" in tool.stderr


# ---- several interfaces ----

@pytest.fixture(scope="module")
def three():
    with Wires("t", count=3) as wires:
        wires.link("set", "lo", "up")
        yield wires


COUNTS = {"in0": 5, "in1": 7, "in2": 11}


def send_counts(wires):
    for i, n in enumerate(COUNTS.values()):
        wires.send([FRAME] * n, i)


@pytest.mark.parametrize("mode", ["-S", "-N"])
@pytest.mark.parametrize("names", [["in0", "in2"], ["in2", "in1", "in0", "in1"]], ids=" ".join)
def test_several_interfaces(run, three, tmp_path, names, mode):
    arguments = [word for name in names for word in ("-i", name)]
    n = sum(COUNTS[name] for name in set(names))
    tool = three.start(run, *arguments, mode, "--json", links=len(set(names)))
    send_counts(three)
    assert totals(stopped(tool)) == (n, n, 0)
    assert collections.Counter(packet["ifname"] for packet in tool.of("packet")) == \
        {name: COUNTS[name] for name in names}

    tool = three.start(run, *arguments, mode, links=len(set(names)))
    send_counts(three)
    stopped(tool)
    assert collections.Counter(line.split()[1] for line in tool.stdout.decode().splitlines()) == \
        {name: COUNTS[name] for name in names}

    tool = three.start(run, *arguments, mode, "-w", tmp_path / "file", links=len(set(names)))
    send_counts(three)
    stopped(tool)
    file = load(tmp_path / "file")
    assert sorted(interface.name for interface in file.interfaces) == sorted(set(names))
    assert {s.interface.name: s.delivered for s in file.statistics} == {name: COUNTS[name] for name in names}
    assert collections.Counter(packet.interface.name for packet in file.packets) == {n: COUNTS[n] for n in names}
    assert not any(map(three.programs, COUNTS))


def test_any_interface(run, three):
    """All that are up; the loopback interface has generic XDP only, which is said."""
    three.link("set", "in1", "down")
    try:
        tool = three.start(run, "-i", "any", links=3)
        for i in (0, 2):
            three.send([FRAME] * 3, i)
        def over_lo():
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                s.sendto(b"bpfkit", ("127.0.0.1", 9))
        three.b.run(over_lo)
        assert wait_until(lambda: len(tool.lines) >= 8)     # a datagram, and that there is nobody
        stopped(tool)
    finally:
        three.link("set", "in1", "up")
    assert totals(tool) == (8, 8, 0)
    names = collections.Counter(line.split()[1] for line in tool.stdout.decode().splitlines())
    assert names == {"lo": 2, "in0": 3, "in2": 3}
    assert re.match(r"xdpdump: generic XDP, since their drivers have no other: lo\n", tool.stderr)


# ---- programs of others ----

FRAMES = [FRAME] * EACH


@pytest.fixture(scope="module")
def bpffs(tmp_path_factory):
    if not (shutil.which("bpftool") and clang()):
        pytest.skip("bpftool or clang is not installed")
    path = tmp_path_factory.mktemp("bpffs")
    subprocess.run(["mount", "-t", "bpf", "bpf", path], check=True)
    yield path
    subprocess.run(["umount", path], check=True)


@pytest.fixture(scope="module")
def can_trace():
    """May programs be at the entry and exit of others here? If at those of functions: another tool knows."""
    done = subprocess.run([BPFKIT, "opensnoop", "--probe", "fexit", "--duration", "1ms"], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL)
    assert done.returncode in (0, 3)
    return not done.returncode


@contextlib.contextmanager
def attached(folder, bpffs, wires, verdict="PASS", by="link", generic=False, name="in0"):
    foreign, link = Foreign(folder, verdict).load(bpffs), None
    try:
        if by == "link":
            link = foreign.attach_by_link(wires, generic, name)
        else:
            foreign.attach_by_netlink(wires, generic, name)
        yield foreign
    finally:
        if link is not None:
            os.close(link)
        elif by == "netlink":
            wires.link("set", name, "xdpgeneric" if generic else "xdpdrv", "off")
        foreign.unload()
        assert wait_until(lambda: not wires.programs(name))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("foreign")


@pytest.mark.parametrize("generic", [False, True], ids=["native", "generic"])
@pytest.mark.parametrize("by", ["netlink", "link"])
@pytest.mark.parametrize("verdict", ["PASS", "DROP", "TX"])
def test_program_of_somebody_else(run, wires, bpffs, folder, can_trace, verdict, by, generic):
    """Captured at its entry and exit, or left alone where the kernel does not allow that; it works on in each case."""
    with attached(folder, bpffs, wires, verdict, by, generic) as foreign:
        def used(how):
            before = foreign.seen
            wires.send(FRAMES, wait=False)
            assert wait_until(lambda: foreign.seen == before + EACH), how
            assert wires.programs() == [foreign.id], how
        used("before")
        if can_trace:
            tool = wires.start(run, "-i", "in0", "--json", "--rx-capture", "entry,exit", links=2)
            used("meanwhile")
            stopped(tool)
            points(tool, foreign, "generic" if generic else "native")
        for mode in () if can_trace else ([], ["-S"], ["-N"]):
            sentence = said(wires.start(run, "-i", "in0", *mode, links=0), 3)
            assert f"XDP program {foreign.name} (id {foreign.id}, " in sentence and "left alone" in sentence
            assert ("bpftool link detach" if by == "link" else "ip link set") in sentence
        used("afterwards")


def points(tool, foreign, mode):
    assert totals(tool) == (2 * EACH, 2 * EACH, 0)
    assert tool.stderr.startswith(f"xdpdump: in0 has the XDP program {foreign.name} (id {foreign.id}, {mode}): "
                                  "captured at its entry and its exit\n")
    packets = tool.of("packet")
    assert [packet["point"] for packet in packets] == ["entry", "exit"] * EACH
    assert {packet["program"] for packet in packets} == {foreign.name}
    assert [packet.get("verdict") for packet in packets] == [None, foreign.verdict] * EACH
    assert {(packet["len"], packet["dport"]) for packet in packets} == {(len(FRAME), 2000)}


@pytest.mark.parametrize("where,texts", [([], ["entry "]), (["--rx-capture", "exit"], ["exit[DROP] "]),
                                         (["--rx-capture", "entry,exit"], ["entry ", "exit[DROP] "])],
                         ids=["default", "exit", "both"])
def test_points_of_somebody_elses_program(run, wires, bpffs, folder, can_trace, tmp_path, where, texts):
    if not can_trace:
        pytest.skip("the kernel does not allow it: see test_program_of_somebody_else")
    with attached(folder, bpffs, wires, "DROP") as foreign:
        tool = wires.start(run, "-i", "in0", *where, "udp dst port 2000", links=len(texts))
        wires.send(FRAMES + [FRAME.replace(b"\x07\xd0", b"\x07\xd1")] * 5, wait=False)
        assert wait_until(lambda: foreign.seen == EACH + 5)
        n = len(texts)
        assert totals(stopped(tool)) == (n * EACH, n * EACH, 0)
        lines = [line.split(" ", 1)[1] for line in tool.stdout.decode().splitlines()]
        assert lines == [f"{foreign.name}()@{text}IP 192.0.2.1:1000 > 192.0.2.2:2000 UDP, length 6"
                         for text in texts] * EACH
        tool = wires.start(run, "-i", "in0", *where, "-w", tmp_path / "file", links=len(texts))
        wires.send(FRAMES, wait=False)
        assert wait_until(lambda: foreign.seen == 2 * EACH + 5)
        stopped(tool)
    file = load(tmp_path / "file")
    assert [interface.description for interface in file.interfaces] == [
        f"XDP, native, {text[:5].strip('[ ')} of {foreign.name}()" for text in texts]
    assert [packet.data for packet in file.packets] == [FRAME] * EACH * n
    # a type (2: Linux, XDP), and the value
    assert [packet.options.get("verdict") for packet in file.packets] == [
        b"\x02" + struct.pack("=Q", VERDICTS["DROP"]) if "exit" in text else None for text in texts] * EACH


def test_long_frames_at_somebody_elses_program(run, long_wires, bpffs, folder, can_trace, tmp_path):
    """Of the first piece only, but with the true length."""
    if not can_trace:
        pytest.skip("the kernel does not allow it: see test_program_of_somebody_else")
    with attached(folder, bpffs, long_wires, generic=True):
        tool = long_wires.start(run, "-i", "in0", "-w", tmp_path / "file")
        long_wires.send([long_frame(9014)])
        assert totals(stopped(tool)) == (1, 1, 0)
    [packet] = load(tmp_path / "file").packets
    assert packet.length == 9014 and 256 <= len(packet.data) and long_frame(9014).startswith(packet.data)


@contextlib.contextmanager
def dispatcher(folder, wires, verdict="PASS"):
    """libxdp's, with a program behind it. It pins itself where bpffs always is."""
    need("xdp-loader")
    foreign = Foreign(folder, verdict)
    there = os.path.ismount("/sys/fs/bpf")
    if not there:
        subprocess.run(["mount", "-t", "bpf", "bpf", "/sys/fs/bpf"], check=True)
    try:
        done = wires.b.run(lambda: subprocess.run(["xdp-loader", "load", "-m", "native", "in0", foreign.object],
                                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
        if done.returncode:
            pytest.skip(f"xdp-loader cannot load here: {done.stdout[-300:]}")
        try:
            yield foreign
        finally:
            wires.b.run(lambda: subprocess.run(["xdp-loader", "unload", "in0", "--all"], check=True,
                                               stdout=subprocess.DEVNULL))
    finally:
        if not there:
            subprocess.run(["umount", "/sys/fs/bpf"], check=True)


def test_dispatcher_of_libxdp(run, wires, folder, can_trace):
    """Where the kernel allows programs that replace functions; else libxdp attaches the program itself."""
    with dispatcher(folder, wires, "DROP") as foreign:
        done = subprocess.run(["bpftool", "-j", "prog", "show"], check=True, stdout=subprocess.PIPE)
        names = {program["id"]: program.get("name", "?") for program in json.loads(done.stdout)}
        [behind] = [number for number, name in names.items() if foreign.name.startswith(name)]
        [attached] = wires.programs()
        is_dispatcher = names[attached] == "xdp_dispatcher"
        assert is_dispatcher or attached == behind and not can_trace

        def used(n):
            wires.send(FRAMES, wait=False)
            assert wait_until(lambda: frames_seen(behind) == n * EACH) and wires.programs() == [attached]
        used(1)
        name = "xdp_dispatcher" if is_dispatcher else foreign.name
        # the kernel allows nothing at a dispatcher that has programs, and tells which from 5.13 on
        if can_trace and KERNEL >= (5, 13):
            tool = wires.start(run, "-i", "in0", "--json", "--rx-capture", "entry,exit", links=2)
            used(2)
            assert totals(stopped(tool)) == (2 * EACH, 2 * EACH, 0) and "gone" not in tool.stderr
            assert [packet.get("verdict") for packet in tool.of("packet")] == [None, "DROP"] * EACH
            assert {packet["program"] for packet in tool.of("packet")} == {foreign.name}
        else:
            sentence = said(wires.start(run, "-i", "in0", links=0), 3)
            assert f"{name} (id {attached}," in sentence
            used(2)
        used(3)
        rows = wires.start(run, "-D", links=0).finish().stdout.decode().splitlines()
        assert any(re.search(rf"^in0 .* native +{attached} .*{name}$", row) for row in rows)
        if is_dispatcher and KERNEL >= (5, 13):
            assert any(re.search(rf"^in0 .* called +{behind} .*{foreign.name}$", row) for row in rows)


def test_of_any_those_are_left_out_that_have_a_program(run, three, bpffs, folder, can_trace):
    with attached(folder, bpffs, three) as foreign:
        tool = three.start(run, "-i", "any", "--json", links=4 if can_trace else 3)
        send_counts(three)
        stopped(tool)
        assert foreign.seen == COUNTS["in0"]
    names = collections.Counter(packet["ifname"] for packet in tool.of("packet"))
    assert names == {name: n for name, n in COUNTS.items() if can_trace or name != "in0"}
    assert foreign.name in tool.stderr
    if can_trace:
        assert {packet.get("program") for packet in tool.of("packet") if packet["ifname"] == "in0"} == {foreign.name}


# ---- interfaces above others ----

@pytest.fixture
def above(three):
    """Makes an interface of a kind above in1; the kernel can lack that kind."""
    made = []

    def above(kind):
        words = ["add", "above", "type", kind, *(["mode", "active-backup"] if kind == "bond" else [])]
        try:
            three.link(*words)
        except subprocess.CalledProcessError:
            pytest.skip(f"this kernel has no {kind}")
        made.append("above")
        three.link("set", "in1", "down")
        three.link("set", "in1", "master", "above")
        three.link("set", "in1", "up")
        three.link("set", "above", "up")
    yield above
    for name in made:
        three.link("del", name)
        three.link("set", "in1", "up")


@pytest.mark.parametrize("kind", ["bridge", "bond"])
@pytest.mark.parametrize("mode", [[], ["-S"]], ids=["auto", "generic"])
def test_any_with_an_interface_above_others(run, three, above, kind, mode):
    """The kernel refuses a program below one: ports come first."""
    above(kind)
    tool = three.start(run, "-i", "any", "--json", *mode, links=5)
    three.send(FRAMES, wire=1)
    stopped(tool)
    names = collections.Counter(packet["ifname"] for packet in tool.of("packet"))
    assert names["in1"] == EACH and set(names) <= {"in1", "above"}, names


def test_what_the_kernel_turns_off_for_generic_is_said(run, three, above):
    """A new bond has LRO, of which it is said once."""
    above("bond")
    said = "above: the kernel turned off LRO for generic XDP, and will not turn it on again: ethtool -K above lro on"
    for count in 1, 0:
        tool = stopped(three.start(run, "-i", "above", "-S"))
        assert tool.stderr.count(said) == count, tool.stderr


@pytest.mark.skipif(KERNEL < (5, 15), reason="bonds have no native XDP")
def test_a_bond_gives_its_program_to_its_ports(run, three, above, tmp_path):
    above("bond")
    for options in (["--json"], ["-w", tmp_path / "file"]):
        tool = three.start(run, "-i", "above", "-N", *options)
        three.send(FRAMES, wire=1)
        assert totals(stopped(tool)) == (EACH, EACH, 0)
        if options == ["--json"]:
            assert [packet["ifname"] for packet in tool.of("packet")] == ["in1"] * EACH
    assert [packet.interface.name for packet in load(tmp_path / "file").packets] == ["in1"] * EACH


@pytest.mark.skipif(KERNEL < (5, 15), reason="bonds have no native XDP")
def test_the_program_of_a_bond_is_looked_at_in_its_ports(run, three, above, bpffs, folder, can_trace):
    if not can_trace:
        pytest.skip("this kernel does not allow programs at functions")
    above("bond")
    with attached(folder, bpffs, three, name="above") as foreign:
        tool = three.start(run, "-i", "above", "--json", "--rx-capture", "entry,exit", links=2)
        three.send(FRAMES, wire=1)
        stopped(tool)
        assert foreign.seen == EACH
    assert collections.Counter((p["ifname"], p["point"]) for p in tool.of("packet")) == {
        ("in1", "entry"): EACH, ("in1", "exit"): EACH}


# ---- how it ends ----

def test_kill_leaves_nothing(run, three, tmp_path):
    tool = three.start(run, *("-i in0 -i in1 -i in2 -w".split()), tmp_path / "file", links=3)
    held = tool.objects()
    assert all(map(three.programs, COUNTS)) and {"prog", "map", "link"} <= set(held)
    three.send(FRAMES)
    path = tmp_path / "file"
    assert wait_until(lambda: path.read_bytes().count(FRAME) == EACH, START_SECONDS)
    tool.stop(signal.SIGKILL)
    assert wait_until(lambda: not any(map(three.programs, COUNTS))) and not leftovers(held)
    assert len(load(path).packets) == EACH


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_signals(start, wires, tmp_path, number):
    tool = start("-w", tmp_path / "file")
    held = tool.objects()
    wires.send(FRAMES)
    assert totals(stopped(tool, number)) == (EACH, EACH, 0)
    file = load(tmp_path / "file")
    assert len(file.packets) == EACH and len(file.statistics) == 1
    assert not wires.programs() and not leftovers(held)


@pytest.mark.parametrize("options", [[], ["-w", "-"]], ids=["lines", "file"])
@pytest.mark.parametrize("frames", [0, 5], ids=["quiet", "busy"])
def test_closed_pipe_ends_it(start, wires, options, frames):
    tool = start(*options, read=False)
    tool.process.stdout.close()
    wires.send([FRAME] * frames)
    tool.finish()
    assert tool.process.returncode == 0 and "rror" not in tool.stderr and not wires.programs()


def test_a_device_that_is_full(start, wires):
    tool = start("-w", "/dev/full", links=0).finish()
    assert tool.process.returncode == 1 and not wires.programs()
    assert tool.stderr.count("xdpdump: cannot write to /dev/full: No space left on device\n") == 1


def test_a_full_disk(start, wires, tmp_path):
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", tmp_path], check=True)
    try:
        tool = start("-w", tmp_path / "file")
        wires.send([bytes(1514)] * 100)
        tool.finish()
        assert tool.process.returncode == 1 and not wires.programs()
        assert tool.stderr.count(f"xdpdump: cannot write to {tmp_path / 'file'}: No space left on device\n") == 1
        packets = load(tmp_path / "file").packets       # whole
        assert 20 < len(packets) < 43 and {packet.data for packet in packets} == {bytes(1514)}
        assert totals(tool)[0] == len(packets)
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_an_older_file_stays_when_nothing_could_be_attached(run, wires, bpffs, folder, tmp_path):
    (tmp_path / "file").write_bytes(b"older")
    for words, status in (["-i", "none"], 2), (["-i", "in0", "tcp and"], 2), (["-i", "in0", "-H"], 3):
        said(wires.start(run, *words, "-w", tmp_path / "file", links=0), status)
        assert (tmp_path / "file").read_bytes() == b"older"


def test_stdout_is_not_used_for_a_file(start, wires, tmp_path):
    tool = start("-w", tmp_path / "file", "-c", "1")
    wires.send([FRAME])
    assert not tool.finish().stdout and tool.process.returncode == 0


def test_interface_is_removed(run, tmp_path):
    """One of two, then the other: it says so, and the end is one of its own."""
    with Wires("r", count=2) as wires:
        tool = wires.start(run, "-i", "in0", "-i", "in1", "-w", tmp_path / "file", links=2)
        held = tool.objects()
        wires.send(FRAMES)
        wires.link("del", "in0")
        wires.send(FRAMES, 1)
        assert tool.process.poll() is None
        time.sleep(0.5)
        assert tool.process.poll() is None
        wires.link("del", "in1")
        tool.finish()
    assert tool.process.returncode == 0 and totals(tool) == (2 * EACH, 2 * EACH, 0)
    assert [line.split()[1] for line in tool.stderr.splitlines() if "gone" in line] == ["in0", "in1"]
    assert len(load(tmp_path / "file").packets) == 2 * EACH and not leftovers(held)


def test_other_end_is_removed(run):
    """This end goes with it."""
    with Wires("n") as wires:
        tool = wires.start(run, "-i", "in0")
        wires.send(FRAMES)
        wires.link("del", "out0", netns=wires.a)
        tool.finish()
    assert tool.process.returncode == 0 and totals(tool) == (EACH, EACH, 0) and "in0" in tool.stderr


def test_interface_moves_to_another_namespace(run):
    """Its number there may be that of another one: it is gone, and the program with it."""
    with Wires("v") as wires:
        tool = wires.start(run, "-i", "in0")
        wires.send(FRAMES)
        wires.link("set", "in0", "netns", wires.a.name)
        tool.finish()
        assert tool.process.returncode == 0 and totals(tool) == (EACH, EACH, 0) and "in0 is gone" in tool.stderr
        [link] = json.loads(wires.link("show", "in0", netns=wires.a))
        assert "xdp" not in link


def test_interface_goes_down_and_up(run):
    with Wires("d") as wires:
        tool = wires.start(run, "-i", "in0", "--json")
        wires.send(FRAMES)
        wires.link("set", "in0", "down")
        wires.link("set", "in0", "name", "renamed")
        time.sleep(0.3)
        wires.link("set", "renamed", "up")
        wires.send(FRAMES)
        assert totals(stopped(tool)) == (2 * EACH, 2 * EACH, 0) and "gone" not in tool.stderr
        assert tool.of("packet")[0]["ifname"] == "in0"


def test_interface_that_is_down(run):
    """Its frames come when it is up."""
    with Wires("o") as wires:
        wires.link("set", "in0", "down")
        tool = wires.start(run, "-i", "in0")
        wires.link("set", "in0", "up")
        wires.send(FRAMES)
        assert totals(stopped(tool)) == (EACH, EACH, 0)
        assert tool.stderr.startswith("xdpdump: in0 is down: nothing comes until it is up\n")


# ---- the books ----

@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("expression,wanted", [([], 3000), (["udp", "dst", "port", "2000"], 2000)],
                         ids=["all", "expression"])
def test_sent_is_captured_and_dropped(start, wires, tmp_path, mode, expression, wanted):
    """A reader that is stopped, and a small buffer."""
    other = FRAME.replace(b"\x07\xd0", b"\x07\xd1")
    tool = start(MODES[mode], "--buffer", "4096", "-w", tmp_path / "file", *expression)
    wires.send(FRAMES)
    path = tmp_path / "file"
    assert wait_until(lambda: path.read_bytes().count(FRAME) == EACH, START_SECONDS)
    os.kill(tool.pid, signal.SIGSTOP)
    try:
        wires.send([FRAME, FRAME, other] * 1000)
    finally:
        os.kill(tool.pid, signal.SIGCONT)
    wires.send(FRAMES)
    captured, received, dropped = totals(stopped(tool))
    assert captured + dropped == received == wanted + 2 * EACH
    assert dropped > 1500, "nearly nothing was lost: the test does not test"
    file = load(path)
    assert len(file.packets) == captured
    assert [(s.lost, s.delivered) for s in file.statistics] == [(dropped, captured)]


def test_losses_are_those_of_the_interface(run, three, tmp_path):
    tool = three.start(run, *"-i in0 -i in1 -i in2 --buffer 4096 -w".split(), tmp_path / "file", links=3)
    os.kill(tool.pid, signal.SIGSTOP)
    try:
        for i, n in enumerate((100, 300, 0)):
            three.send([FRAME] * n, i)
    finally:
        os.kill(tool.pid, signal.SIGCONT)
    captured, received, dropped = totals(stopped(tool))
    assert received == 400 and captured + dropped == 400 and dropped > 200
    found = {s.interface.name: (s.lost, s.delivered) for s in load(tmp_path / "file").statistics}
    assert {name: sum(both) for name, both in found.items()} == {"in0": 100, "in1": 300, "in2": 0}
    assert sum(lost for lost, _ in found.values()) == dropped


@pytest.mark.parametrize("options", [[], ["--json"], ["-w", "/dev/null"]], ids=["lines", "JSON", "file"])
def test_limit(start, wires, options):
    tool = start("-c", "7", *options)
    wires.send(FRAMES)
    tool.finish()
    captured, received, dropped = totals(tool)
    assert tool.process.returncode == 0 and captured == 7 and 7 <= received <= EACH and not dropped
    if "--json" in options:
        assert len(tool.of("packet")) == 7 and tool.records[-1]["printed"] == 7


def test_duration(start, wires):
    began = time.monotonic()
    tool = start("--duration", "500ms")
    wires.send(FRAMES)
    tool.finish()
    assert totals(tool) == (EACH, EACH, 0) and tool.process.returncode == 0
    assert 0.5 <= time.monotonic() - began < START_SECONDS


def test_end_record(start, wires):
    tool = start("--json", "--buffer", "4096", "--stats", "len = 1514")
    os.kill(tool.pid, signal.SIGSTOP)
    try:
        wires.send([bytes(1514)] * 200 + FRAMES)
    finally:
        os.kill(tool.pid, signal.SIGCONT)
    captured, received, dropped = totals(stopped(tool))
    end = tool.records[-1]
    assert (end["type"], end["printed"], end["lost"], end["filtered"]) == ("end", captured, dropped, EACH)
    assert received == 200 and dropped > 100


def test_many_frames(start, wires, tmp_path):
    """As fast as they can be sent; what the buffer could not hold is counted."""
    tool = start("--buffer", "16M", "-s", "60", "-w", tmp_path / "file")
    frames = [FRAME[:-4] + struct.pack(">I", i) for i in range(20000)]
    wires.send(frames)
    captured, received, dropped = totals(stopped(tool))
    assert received == captured + dropped == 20000
    numbers = [packet.data[-4:] for packet in load(tmp_path / "file").packets]
    assert numbers == [frame[-4:] for frame in frames] if not dropped else len(numbers) == captured


# ---- other programs read it ----

@pytest.fixture(scope="module")
def kinds_of_files(wires, three, tmp_path_factory):
    """{name: path}: of one interface, of several, with cut packets, with losses, empty."""
    path = tmp_path_factory.mktemp("files")
    with contextlib.ExitStack() as stack:
        def run(*args, wait, **more):
            tool = Tool(*args, **more)
            stack.callback(tool.close)
            return tool

        def capture(name, lab, *args, links=1, stop=False):
            tool = lab.start(run, *args, "-w", path / name, links=links)
            if stop:
                os.kill(tool.pid, signal.SIGSTOP)
            for i in range(lab.count if name != "empty" else 0):
                lab.send([shape.data for shape in LIVE], i)
            if stop:
                os.kill(tool.pid, signal.SIGCONT)
            stopped(tool)
        capture("one", wires, "-i", "in0")
        capture("all", wires, "-i", "in0", "-s", "0")
        capture("cut", wires, "-i", "in0", "-s", "40")
        capture("several", three, *"-i in0 -i in1 -i in2".split(), links=3)
        capture("lost", three, *"-i in0 -i in1 -i in2 --buffer 4096".split(), links=3, stop=True)
        capture("empty", wires, "-i", "in0")
    return {name.name: name for name in path.iterdir()}


def tcpdump_reads(path, *expression):
    """[bytes] of what it finds in a file."""
    need("tcpdump")
    done = subprocess.run(["tcpdump", "-n", "-r", path, "-w", "-", *expression], capture_output=True, check=False)
    assert done.returncode == 0 and re.fullmatch(rb"reading from file .*link-type EN10MB.*\n", done.stderr), done.stderr
    return [data for _, _, data in pcap(done.stdout)]


KINDS_OF_FILES = ["one", "all", "cut", "several", "lost", "empty"]


@pytest.mark.parametrize("kind", KINDS_OF_FILES)
def test_tcpdump_reads_it(kinds_of_files, kind):
    file = kinds_of_files[kind]
    assert tcpdump_reads(file) == [packet.data for packet in load(file).packets]


@pytest.mark.parametrize("kind", KINDS_OF_FILES)
def test_tshark_reads_it(kinds_of_files, kind):
    need("tshark")
    file = load(kinds_of_files[kind])
    done = subprocess.run(["tshark", "-n", "-r", kinds_of_files[kind], "-T", "fields", "-e", "frame.len", "-e",
                           "frame.cap_len", "-e", "frame.interface_name", "-e", "frame.interface_queue", "-e",
                           "frame.time_epoch"], capture_output=True, text=True, env=os.environ | {"TZ": "UTC"})
    assert done.returncode == 0
    assert not [line for line in done.stderr.splitlines() if not line.startswith("Running as user")], done.stderr
    assert [line.split("\t")[:4] for line in done.stdout.splitlines()] == [
        [str(packet.length), str(len(packet.data)), packet.interface.name, "0"] for packet in file.packets]
    assert [line.split("\t")[4].replace(".", "") for line in done.stdout.splitlines()] == [
        str(packet.time) for packet in file.packets]


@pytest.mark.parametrize("kind", KINDS_OF_FILES)
def test_capinfos_reads_it(kinds_of_files, kind):
    need("capinfos")
    file = load(kinds_of_files[kind])
    done = subprocess.run(["capinfos", kinds_of_files[kind]], capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr, done.stderr
    assert re.search(rf"Number of packets:\s+{len(file.packets)}\b", done.stdout)
    assert re.search(rf"Number of interfaces in file:\s+{len(file.interfaces)}\b", done.stdout)
    assert "bpfkit xdpdump" in done.stdout


# ---- files are read ----

def without_time(lines):
    return [line.split(b" ", 1)[1] for line in lines]


def without(record, *names):
    return {name: value for name, value in record.items() if name not in names}


def test_a_file_reads_as_it_was_captured(seen, read):
    tool = read(seen.path, "-e")
    assert without_time(tool.lines) == without_time(seen.text.lines) and not tool.stderr
    tool = read(seen.path, "--json", "-X")
    assert [without(packet, "time") for packet in tool.of("packet")] == \
        [without(packet, "time") for packet in seen.json.of("packet")]
    assert tool.records[-1] == {"type": "end", "printed": len(seen.frames)}
    times = [line.split()[0].decode() for line in read(seen.path, "--timestamp", "mono").lines]
    assert times == [f"{packet.time // 10**9}.{packet.time // 1000 % 10**6:06}" for packet in seen.file.packets]


def test_a_file_of_tcpdump(seen, read):
    need("tcpdump")
    tool = read(seen.other, "-e")
    assert without_time(tool.lines) == without_time(seen.text.lines) and not tool.stderr
    assert [without(packet, "time") for packet in read(seen.other, "--json", "-X").of("packet")] == \
        [without(packet, "time", "ifname", "queue") for packet in seen.json.of("packet")]


TIME = 1700000000_123456789


def make_pcap(order, nano, frames, link=ETHERNET, snaplen=65535):
    """A file of frames that are a second apart."""
    out = struct.pack(order + "IHHiIII", 0xa1b23c4d if nano else 0xa1b2c3d4, 2, 4, 0, 0, snaplen, link)
    for i, frame in enumerate(frames):
        cut = frame[:snaplen]
        part = TIME % 10**9 // (1 if nano else 1000)
        out += struct.pack(order + "IIII", TIME // 10**9 + i, part, len(cut), len(frame)) + cut
    return out


UTC = {"env": os.environ | {"TZ": "UTC"}}


@pytest.mark.parametrize("nano", [False, True], ids=["microseconds", "nanoseconds"])
@pytest.mark.parametrize("order", ["<", ">"], ids=["little-endian", "big-endian"])
def test_pcap_of_either_order_and_unit(read, tmp_path, order, nano):
    path = tmp_path / "file"
    path.write_bytes(make_pcap(order, nano, FRAMES))
    tool = read(path, "--timestamp", "iso", **UTC)
    assert tool.stdout.decode().splitlines() == [
        f"2023-11-14T22:13:{20 + i:02}.123456+0000 IP 192.0.2.1:1000 > 192.0.2.2:2000 UDP, length 6"
        for i in range(EACH)]
    lines = read(path, "--timestamp", "rel").stdout.decode().splitlines()
    assert [float(line.split()[0]) for line in lines] == list(range(EACH))
    again = tmp_path / "again"
    assert not read(path, "-w", again).stdout
    assert [(packet.time, packet.data) for packet in load(again).packets] == [
        (TIME + i * 10**9 - (0 if nano else 789), FRAME) for i in range(EACH)]


def test_a_pipe_is_read(seen, run):
    done = subprocess.run([BPFKIT, "xdpdump", "-r", "-", "-e"], input=seen.path.read_bytes(), capture_output=True)
    assert done.returncode == 0 and not done.stderr
    assert without_time(done.stdout.splitlines(True)) == without_time(seen.text.lines)


def test_a_pipe_from_itself(start, wires, tmp_path):
    """What was written is shown at once, not only at the end."""
    tool = start("-w", "-", read=False)
    with open(tmp_path / "lines", "wb") as out:
        reader = subprocess.Popen([BPFKIT, "xdpdump", "-r", "-"], stdin=tool.process.stdout, stdout=out)
    wires.send(FRAMES)
    assert wait_until(lambda: (tmp_path / "lines").read_bytes().count(b"\n") == EACH, START_SECONDS)
    stopped(tool)
    tool.process.stdout.close()
    assert reader.wait(START_SECONDS) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_signal_ends_reading(number):
    reader = subprocess.Popen([BPFKIT, "xdpdump", "-r", "-"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
    try:
        reader.stdin.write(make_pcap("<", False, FRAMES) + b"part")
        reader.stdin.flush()
        lines = [reader.stdout.readline() for _ in FRAMES]
        reader.send_signal(number)
        assert reader.wait(START_SECONDS) == 0 and all(lines) and not reader.stderr.read()
    finally:
        reader.kill()
        reader.communicate()


def test_a_signal_ends_reading_before_anything_came():
    reader = subprocess.Popen([BPFKIT, "xdpdump", "-r", "-"], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        status = pathlib.Path(f"/proc/{reader.pid}/status")
        assert wait_until(lambda: int(re.search(r"SigBlk:\s*(\w+)", status.read_text())[1], 16) & 2, START_SECONDS)
        reader.send_signal(signal.SIGINT)
        assert reader.wait(START_SECONDS) == 0
    finally:
        reader.kill()
        reader.communicate()


def test_a_file_is_not_lost_by_what_cannot_be_read(run, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(make_pcap("<", False, FRAMES))
    before = path.read_bytes()
    (tmp_path / "link").hardlink_to(path)
    for source, status, *words in [(path, 1), (tmp_path / "link", 1), ("/no/such/file", 1), ("/dev/null", 1),
                                   (path, 2, "tcp and")]:
        said(run("xdpdump", "-r", source, "-w", path, *words, wait=False), status)
        assert path.read_bytes() == before


def test_a_file_of_several_interfaces(three, run, read, tmp_path):
    tool = three.start(run, "-i", "any", "-w", tmp_path / "file", links=4)
    for wire in range(3):
        three.send([FRAME] * (wire + 1), wire)
    stopped(tool)
    names = collections.Counter(line.split()[1] for line in read(tmp_path / "file").lines)
    assert names == {b"in0": 1, b"in1": 2, b"in2": 3}


def simple_pcapng(packet_options=b""):
    """One packet without a time, and one with."""
    def block(kind, body):
        body += bytes(-len(body) % 4)
        return struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)
    seconds = 1700000000
    stamp = seconds * 10**6
    return (block(0x0a0d0d0a, struct.pack("<IHHq", 0x1a2b3c4d, 1, 0, -1)) + block(1, struct.pack("<HHI", 1, 0, 0))
            + block(3, struct.pack("<I", len(FRAME)) + FRAME)
            + block(6, struct.pack("<IIIII", 0, stamp >> 32, stamp & 0xffffffff, len(FRAME), len(FRAME)) + FRAME
                    + bytes(-len(FRAME) % 4) + packet_options))


def test_packets_without_a_time(read, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(simple_pcapng())
    assert [line.split()[0] for line in read(path).lines] == [b"-", b"1700000000.000000"]
    assert [line.split()[0] for line in read(path, "--timestamp", "rel").lines] == [b"-", b"0.000000"]
    assert [packet.get("time") for packet in read(path, "--json").of("packet")] == [None, "2023-11-14T22:13:20.000000Z"]


def test_verdicts_of_a_file(read, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(simple_pcapng(struct.pack("<HHBQ3xI", 7, 9, 2, VERDICTS["DROP"], 0)))
    assert [line.split()[1:3] for line in read(path).lines] == [[b"IP", b"192.0.2.1:1000"], [b"[DROP]", b"IP"]]
    assert [packet.get("verdict") for packet in read(path, "--json").of("packet")] == [None, "DROP"]


def test_all_that_a_file_has_is_told(read, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(make_pcap("<", False, [bytes(1000)]))
    assert [(packet["len"], packet["cap_len"]) for packet in read(path, "--json").of("packet")] == [(1000, 1000)]


def test_reading_with_an_expression_and_a_limit(seen, read, tmp_path):
    tool = read(seen.path, "-w", tmp_path / "some", "udp", "and", "ip")
    assert not tool.stdout
    packets = load(tmp_path / "some").packets
    assert [packet.data for packet in packets] == tcpdump_reads(seen.path, "udp and ip") != []
    assert {packet.interface.name for packet in packets} == {"in0"} and {packet.queue for packet in packets} == {0}
    assert len(read(seen.path, "-c", "7", "udp and ip").lines) == 7
    read(seen.path, "-w", tmp_path / "few", "-c", "7")
    assert [packet.data for packet in load(tmp_path / "few").packets] == seen.frames[:7]
    assert not read(seen.path, "tcp port 7").stdout


def test_reading_cuts_where_it_is_told(seen, read, tmp_path):
    read(seen.path, "-w", tmp_path / "cut", "-s", "40")
    file = load(tmp_path / "cut")
    assert [packet.data for packet in file.packets] == [frame[:40] for frame in seen.frames]
    assert [packet.length for packet in file.packets] == list(map(len, seen.frames))
    assert {packet["cap_len"] for packet in read(seen.path, "--json", "-s", "10").of("packet")} == {10}
    assert without_time(read(seen.path, "-e", "-s", "0").lines) == without_time(seen.text.lines)


@pytest.mark.parametrize("damage,shown", [
    (lambda data: data[:-1], EACH - 1), (lambda data: data[:24 + 16 + 10], 0), (lambda data: data[:24 + 7], 0),
    (lambda data: data[:20], 0), (lambda data: data[:3], 0), (lambda data: b"", 0),
    (lambda data: b"#!/bin/sh\n" * 9, 0),
    (lambda data: data[:24] + struct.pack("<IIII", 0, 0, 1 << 31, 1 << 31) + data[40:], 0),
], ids=["last byte", "in a packet", "in its head", "in the head", "3 bytes", "empty", "a script", "huge packet"])
def test_broken_files(run, tmp_path, damage, shown):
    path = tmp_path / "file"
    path.write_bytes(damage(make_pcap("<", False, FRAMES)))
    tool = run("xdpdump", "-r", path, wait=False)
    sentence = said(tool, 1)
    assert sentence.startswith(f"{path} ") and len(tool.lines) == shown
    tool = run("xdpdump", "-r", path, "-w", tmp_path / "again", wait=False)
    said(tool, 1)
    if shown:
        assert len(load(tmp_path / "again").packets) == shown


def test_a_broken_pcapng(seen, run, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(seen.path.read_bytes()[:2001])
    tool = run("xdpdump", "-r", path, wait=False)
    assert said(tool, 1).startswith(f"{path} ") and len(tool.lines) > 5


@pytest.mark.parametrize("path", ["/no/such/file", "/", "/proc/self/mem"])
def test_files_that_cannot_be_read(run, path):
    assert path in said(run("xdpdump", "-r", path, wait=False), 1)


# ---- the list ----

def test_list(wires, three, bpffs, folder):
    with attached(folder, bpffs, three) as foreign:
        links = three.links()
        for options in [], ["--json"]:
            tool = three.b.run(lambda: subprocess.run([BPFKIT, "xdpdump", "-D", *options], capture_output=True,
                                                      text=True))
            assert tool.returncode == 0 and not tool.stderr
            lines = tool.stdout.splitlines()
            if options:
                rows = [json.loads(line) for line in lines]
                assert [row["type"] for row in rows] == ["start", *["interface"] * 4, "end"] and rows[-1]["printed"] == 4
                rows = {row["ifname"]: row for row in rows[1:-1]}
                found = {name: (row["ifindex"], row["mtu"], row["state"]) for name, row in rows.items()}
                assert rows["in0"]["prog_id"] == foreign.id and rows["in0"]["program"] == foreign.name
                assert rows["in0"]["mode"] == "native" and rows["in0"]["link_id"] and "prog_id" not in rows["in1"]
            else:
                rows = {line.split()[0]: line.split() for line in lines[1:]}
                found = {name: (int(row[1]), int(row[3]), row[2]) for name, row in rows.items()}
                assert rows["in0"][4:6] == ["native", str(foreign.id)] and rows["in0"][7] == foreign.name
                assert rows["in1"][4:] == ["-"] * 4
                assert len(lines) == 5 and lines[0].split() == "IFACE INDEX STATE MTU MODE PROG LINK PROGRAM".split()
            assert found == {name: (link["ifindex"], link["mtu"], "up" if "UP" in link["flags"] else "down")
                             for name, link in links.items()}


# ---- how lines look ----

OF_TCP = next(shape.data for shape in LIVE if shape.name == "TCP4 data")


@pytest.mark.parametrize("options,udp,tcp", [
    ([], "IP 192.0.2.1:1000 > 192.0.2.2:2000 UDP, length 6",
     "IP 10.0.0.1:443 > 192.168.10.2:12345 TCP seq 16909060, length 77 [P.], ack 4275878553"),
    (["-v"], "IP (ttl 64, id 23, length 34) 192.0.2.1:1000 > 192.0.2.2:2000 UDP, length 6",
     "IP (ttl 64, id 23, length 117) 10.0.0.1:443 > 192.168.10.2:12345 TCP seq 16909060, length 77 [P.], "
     "ack 4275878553, win 501"),
    (["-e"], "02:00:00:00:ff:02 > 02:00:00:00:00:01, ethertype IPv4 (0x0800), length 48: "
     "IP 192.0.2.1:1000 > 192.0.2.2:2000 UDP, length 6",
     "02:00:00:00:ff:02 > 02:00:00:00:00:01, ethertype IPv4 (0x0800), length 131: IP 10.0.0.1:443 > "
     "192.168.10.2:12345 TCP seq 16909060, length 77 [P.], ack 4275878553"),
    (["-q"], "IP 192.0.2.1:1000 > 192.0.2.2:2000 UDP, length 6",
     "IP 10.0.0.1:443 > 192.168.10.2:12345 TCP, length 77"),
], ids=["plain", "-v", "-e", "-q"])
def test_lines(start, wires, options, udp, tcp):
    tool = start(*options, "--timestamp", "none")
    wires.send([FRAME, OF_TCP])
    assert stopped(tool).stdout.decode().splitlines() == [udp, tcp]


@pytest.mark.parametrize("kind", ["wall", "iso", "rel", "mono"])
def test_timestamps(start, wires, kind):
    tool = start("--timestamp", kind, **UTC)
    begin = time.time(), time.monotonic()
    wires.send([FRAME])
    text = stopped(tool).stdout.split()[0].decode()
    if kind == "mono":
        assert begin[1] <= float(text) + 1e-3 and float(text) < time.monotonic()
    elif kind == "rel":
        assert 0 <= float(text) < START_SECONDS
    else:
        made = time.strftime("%Y-%m-%dT" * (kind == "iso") + "%H:%M:", time.gmtime(begin[0]))
        later = time.strftime("%Y-%m-%dT" * (kind == "iso") + "%H:%M:", time.gmtime())
        assert text.startswith((made, later)), text


BYTES = [bytes(L2 / IP(src="192.0.2.1", dst="192.0.2.2", id=23) / UDP(sport=7, dport=7, chksum=0)
               / Raw(bytes((i * 7 + n) % 256 for i in range(n)))) for n in (18, 19, 31, 32, 256, 1472)]


def test_hex_as_the_original_prints_it(start, wires):
    """16 bytes a row, in groups of two, behind a tab."""
    tool = start("-x", "--timestamp", "none")
    wires.send(BYTES)
    want = []
    for frame in BYTES:
        want.append(f"IP 192.0.2.1:7 > 192.0.2.2:7 UDP, length {len(frame) - 42}")
        for at in range(0, len(frame), 16):
            want.append("\t" + frame[at:at + 16].hex(" ", -2))
    assert stopped(tool).stdout.decode().splitlines() == want


def test_ascii_as_tcpdump_prints_it(start, wires, tmp_path):
    need("tcpdump")
    tool = start("-X", "--timestamp", "none")
    wires.send(BYTES)
    rows = [line for line in stopped(tool).stdout.decode().splitlines() if line.startswith("\t")]
    (tmp_path / "file").write_bytes(make_pcap("=", False, BYTES))
    done = subprocess.run(["tcpdump", "-n", "-t", "-XX", "-r", tmp_path / "file"], capture_output=True, text=True)
    assert rows == [line.rstrip() if not line.endswith(" ") else line for line in done.stdout.splitlines()
                    if line.startswith("\t")]


# ---- expressions ----

EXPRESSIONS = [
    "tcp", "udp", "icmp or icmp6", "arp", "ip6", "sctp", "host 10.0.0.1 and not udp", "src net 10.0.0.0/24",
    "dst host 2001:db8::2", "port 443", "src portrange 50-60", "udp dst port 65535 or tcp src port 443",
    "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0", "vlan", "vlan 5 and udp", "vlan 100 and vlan 200", "ether proto 0x88cc",
    "ether host 02:00:00:00:00:01", "ether multicast", "less 60", "len >= 100 and len < 131", "ip[6:2] & 0x1fff != 0",
    "ip6 proto 17", "ip[2:2] - ((ip[0] & 0xf) << 2) > 40", "icmp[icmptype] = icmp-unreach",
    "not ip and not ip6", "ip multicast or ether broadcast", "mpls", "ether[80] & 3 = 1", "ip and ether[len - 1] = 0",
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_means_what_it_means_to_tcpdump(start, wires, tmp_path, mode, expression):
    need("tcpdump")
    frames = [shape.data for shape in LIVE]
    (tmp_path / "all").write_bytes(make_pcap("=", False, frames))
    words = expression.split() if mode == "native" else [expression]
    tool = start(MODES[mode], "-w", tmp_path / "file", *words)
    wires.send(frames)
    stopped(tool)
    want = tcpdump_reads(tmp_path / "all", expression)
    assert 0 < len(want) < len(frames)
    assert [packet.data for packet in load(tmp_path / "file").packets] == want
    assert totals(tool) == (len(want), len(want), 0)


@pytest.mark.parametrize("expression,why", [
    ("tcp and", "syntax error"), ("host example.org", "names are not looked up"),
    ("port domain", "names are not looked up"),
    ("ether[60000] = 1", "byte 60000"), ("host 1.2.3.400", ""), ("no such thing", ""), ("ip6 protochain 17", ""),
    (" or ".join(f"host 10.1.{i // 250}.{i % 250}" for i in range(3000)), "too long"),
    ("tcp and \x1b[31m\u202e", ""),
], ids=lambda text: text[:30].encode("ascii", "ignore").decode().strip())
def test_expressions_that_are_refused(start, wires, expression, why):
    tool = start(expression, links=0)
    sentence = said(tool, 2)
    assert why in sentence and not wires.programs() and len(sentence) < 600
    assert not re.search("[\0-\x1f\x7f-\x9f\u202e]", sentence)


# ---- wrong usage, and what is lacking ----

@pytest.mark.parametrize("arguments,words", [
    ("", "-i"), ("-i none", "no interface 'none'"), ("-i in0 -S -N", "-S and -N"), ("-i in0 -N -H", "-N and -H"),
    ("-i any -H", "-H is for one interface"), ("-i in0 -s 262145", "262145"), ("-i in0 -s x", "x"),
    ("-i in0 -w /dev/null -x", "-x"), ("-i in0 -w /dev/null -X", "-X"), ("-i in0 -w /dev/null --json", "--output json"),
    ("-i in0 --rx-capture middle", "middle"), ("-i in0 -c 0", "0"), ("-D -i in0", "-D and -i"),
    ("-r x -i in0", "-r and -i"), ("-r x -S", "-r and -S"), ("-D tcp", "-D and"), ("-i in0 --buffer 1T", "1T"),
])
def test_wrong_usage(run, wires, arguments, words):
    assert words in said(wires.start(run, *arguments.split(), links=0), 2)


def test_offload_is_refused_by_the_driver(start):
    sentence = said(start("-H", links=0), 3)
    assert sentence.startswith("in0: its driver takes no offloaded XDP programs") and "-S (generic)" in sentence


@pytest.fixture
def as_nobody(wires):
    """The tool as a user without privileges, in b."""
    with tempfile.TemporaryDirectory() as name:     # others cannot get into pytest's
        shutil.copy(BPFKIT, f"{name}/bpfkit")
        os.chmod(name, 0o755)

        def as_nobody(*args):
            return wires.b.run(lambda: subprocess.run(
                [f"{name}/bpfkit", "xdpdump", *args], capture_output=True, text=True, user=65534, group=65534,
                extra_groups=[], cwd="/"))
        yield as_nobody


def test_without_privileges(as_nobody, wires):
    done = as_nobody("-i", "in0")
    assert done.returncode == 3 and not wires.programs()
    assert re.fullmatch(r"xdpdump: the capabilities .* missing: run it as root \(sudo\)\n", done.stderr)


def test_what_needs_no_privileges(as_nobody, wires):
    done = as_nobody("-D")
    assert done.returncode == 0 and [line.split()[0] for line in done.stdout.splitlines()] == ["IFACE", "lo", "in0"]
    with tempfile.NamedTemporaryFile() as file:
        os.chmod(file.name, 0o644)
        file.write(make_pcap("<", False, FRAMES))
        file.flush()
        done = as_nobody("-r", file.name)
        assert done.returncode == 0 and len(done.stdout.splitlines()) == EACH
        os.chmod(file.name, 0o600)
        done = as_nobody("-r", file.name)
        assert done.returncode == 1 and "Permission denied" in done.stderr


def test_privileges_are_dropped(start):
    tool = start()
    def capabilities():
        status = pathlib.Path(f"/proc/{tool.pid}/status").read_text()
        return int(re.search(r"CapEff:\s*(\w+)", status)[1], 16)
    CAP_BPF = 39            # before about 6.0 it is needed to read maps
    assert wait_until(lambda: capabilities() in (0, *[1 << CAP_BPF] * (KERNEL < (6, 0))))
    stopped(tool)
