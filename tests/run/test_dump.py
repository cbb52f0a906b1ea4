# SPDX-License-Identifier: GPL-2.0-only
"""lib/dump.c, lib/savefile.c and filters of files: packets of all kinds are what scapy and tcpdump say of them."""
import ipaddress
import json
import pathlib
import re
import shutil
import struct
import subprocess
import sys

import pytest

from conftest import BPFKIT, ROOT
from test_netmon import needs_expressions

sys.path.insert(0, str(ROOT / "tests"))
import packets     # noqa

RUNNER = pathlib.Path(BPFKIT).resolve().parent / "tests/dump/dump_run"
MOST = 128
ETHERNET, RAW, SLL, SLL2 = 1, 101, 113, 276
PROTOCOLS = {"icmp": 1, "igmp": 2, "ipip": 4, "tcp": 6, "udp": 17, "ipv6": 41, "gre": 47, "esp": 50, "ah": 51,
             "icmp6": 58, "ospf": 89, "pim": 103, "vrrp": 112, "sctp": 132, "udplite": 136}
TCP_FLAGS = {"FIN": 1, "SYN": 2, "RST": 4, "PSH": 8, "ACK": 16, "URG": 32, "ECE": 64, "CWR": 128}


def pcap(packets_, link_type=ETHERNET, order="=", nano=False):
    """(bytes, whole length) each; the number of a packet is its time in seconds."""
    head = struct.pack(order + "IHHiIII", 0xa1b23c4d if nano else 0xa1b2c3d4, 2, 4, 0, 0, 262144, link_type)
    return head + b"".join(struct.pack(order + "IIII", i, 7, len(data), length) + data
                           for i, (data, length) in enumerate(packets_))


def dump(file, how, *expr):
    assert RUNNER.exists(), f"{RUNNER} is not there; build it with the tests"
    done = subprocess.run([RUNNER, how, *expr], input=file, capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b""), done.stderr
    return done.stdout.decode()


def as_json(file):
    return [json.loads(line) for line in dump(file, "json").splitlines()]


def tcpdump(path, *args):
    if not shutil.which("tcpdump"):
        pytest.skip("tcpdump is not installed")
    done = subprocess.run(["tcpdump", "-nn", "-tt", "-r", path, *args], capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def whole():
    return [(shape.data, len(shape.data)) for shape in packets.SHAPES]


def address(value, v6):
    return str(ipaddress.ip_address(value if v6 else value[:4]))


def members(pkt):
    """What JSON has to have of a packet, by its fields."""
    has = {name for name, flag in packets.FLAG.items() if pkt.flags & flag}
    ip, v6 = has & {"V4", "V6"}, "V6" in has
    want = {"truncated": "TRUNCATED" in has or None, "malformed": "MALFORMED" in has or None,
            "ethertype": pkt.eth_proto or None,
            "vlan": pkt.vlan0 & 0xfff if pkt.vlans else None,
            "inner_vlan": pkt.vlan1 & 0xfff if pkt.vlans > 1 else None,
            "smac": pkt.smac.hex(":") if "MAC" in has else None, "dmac": pkt.dmac.hex(":") if "MAC" in has else None,
            "saddr": address(pkt.src, v6) if ip or "ARP" in has else None,
            "daddr": address(pkt.dst, v6) if ip or "ARP" in has else None,
            "sport": pkt.sport if "PORTS" in has else None, "dport": pkt.dport if "PORTS" in has else None,
            "tcp_flags": pkt.tcp_flags if "TCP" in has else None, "tcp_seq": pkt.tcp_seq if "TCP" in has else None,
            "icmp_type": pkt.icmp_type if "ICMP" in has else None,
            "icmp_code": pkt.icmp_code if "ICMP" in has else None,
            "fragment_offset": pkt.frag_off if "FRAGMENT" in has else None,
            "gre_ethertype": pkt.gre_proto if "GRE" in has else None}
    if ip:
        want["proto"] = pkt.l4_proto
    if "PAYLOAD" in has:
        want["payload_bytes"] = pkt.payload
    return want


def number(name, value):
    """Of a member that says it by names."""
    if name == "proto":
        return PROTOCOLS[value] if value in PROTOCOLS else int(value)
    if name == "tcp_flags":
        return sum(TCP_FLAGS[flag] for flag in value.split())
    return value


def test_json_is_what_scapy_says():
    """Each packet, cut off at each byte."""
    cases = [(shape, n) for shape in packets.SHAPES for n in range(min(len(shape.data), MOST) + 1)]
    found = as_json(pcap([(shape.data[:n], len(shape.data)) for shape, n in cases]))
    assert len(found) == len(cases) > 2000
    for (shape, n), record in zip(cases, found):
        where = f"{shape.name}, {n} bytes of {len(shape.data)}"
        assert (record["len"], record["cap_len"]) == (len(shape.data), n), where
        for name, want in members(shape.expected(n)).items():
            got = number(name, record[name]) if name in record else None
            if name in ("truncated", "malformed") and not want and "icmp_type" in record:
                continue        # more of its header is read than pkt.h does
            assert got == want, f"{where}: {name}"


LINE = re.compile(r"(\d+)\.\d+ (?:IP6?) ([\da-f.:]+)\.(\d+) > ([\da-f.:]+)\.(\d+): (.*)")


def test_lines_are_what_tcpdump_says(tmp_path):
    (tmp_path / "file").write_bytes(pcap(whole()))
    ours = dict(line.split(" ", 1) for line in dump(pcap(whole()), "line").splitlines())
    assert len(ours) == len(packets.SHAPES)
    compared = 0
    for match in filter(None, map(LINE.match, tcpdump(tmp_path / "file", "-S").splitlines())):
        index, src, sport, dst, dport, rest = match.groups()
        line = ours[index]
        if not packets.SHAPES[int(index)].expected().flags & packets.FLAG["PORTS"]:
            continue
        src, dst = (f"[{a}]" if ":" in a else a for a in (src, dst))
        assert f"{src}:{sport} > {dst}:{dport} " in line
        flags = re.match(r"Flags \[(.*?)\]", rest)
        if flags:
            assert re.search(rf" TCP seq \d+.* \[{re.escape(flags[1])}\]", line)
            for what in ("seq", "ack"):
                said = re.search(rf"{what} (\d+)", rest)
                if said:
                    assert f"{what} {said[1]}" in line
        length = re.search(r"length (\d+)", rest)
        if length and re.match(r"Flags|UDP", rest) and "(malformed)" not in line:
            assert re.search(rf"length {length[1]}\b", line)
        compared += 1
    assert compared >= 25


def test_hexadecimal_is_what_tcpdump_prints(tmp_path):
    (tmp_path / "file").write_bytes(pcap(whole()))

    def rows(text):
        return [line for line in text.splitlines() if line.startswith("\t0x")]
    ours, theirs = rows(dump(pcap(whole()), "hex")), iter(rows(tcpdump(tmp_path / "file", "-q", "-XX")))
    # in this order; of what it does not understand tcpdump prints rows once more
    assert len(ours) > 100 and all(row in theirs for row in ours)


# ---- files ----

@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("nano", [False, True], ids=["micro", "nano"])
def test_what_tcpdump_writes(tmp_path, order, nano):
    (tmp_path / "in").write_bytes(pcap(whole(), order=order, nano=nano))
    tcpdump(tmp_path / "in", "-w", tmp_path / "out", *["--time-stamp-precision=nano"] * nano)
    found = as_json((tmp_path / "out").read_bytes())
    assert found == as_json(pcap(whole(), order=order, nano=nano))
    assert [record["time_ns"] for record in found] == [i * 10**9 + 7 * (1 if nano else 1000) for i in range(len(found))]


# ---- filters ----

def of_link_type(link_type):
    """The packets with another link header than Ethernet's."""
    for shape in packets.SHAPES:
        data, proto = shape.data[14:], shape.data[12:14]
        if len(shape.data) < 14 or (link_type == RAW and proto not in (b"\x08\x00", b"\x86\xdd")):
            continue
        head = {ETHERNET: shape.data[:14], RAW: b"", SLL: struct.pack(">HHH8s", 0, 1, 6, shape.data[6:12]) + proto,
                SLL2: proto + struct.pack(">HIHBB8s", 0, 3, 1, 0, 6, shape.data[6:12])}[link_type]
        yield head + data, len(head + data)


@needs_expressions
@pytest.mark.parametrize("link_type", [ETHERNET, RAW, SLL, SLL2])
def test_filters_match_what_tcpdump_matches(tmp_path, link_type):
    chosen = list(of_link_type(link_type))
    file = pcap(chosen, link_type)
    (tmp_path / "file").write_bytes(file)
    for expr in ("ip", "ip6", "tcp", "udp port 53", "icmp or icmp6", "not ip", "tcp[tcpflags] & tcp-syn != 0",
                 "len > 70", "src host 10.0.0.1", "ip6 host 2001:db8::2", "ip[6:2] & 0x1fff != 0",
                 "sctp or ip proto 47"):
        theirs = {line.split(".")[0] for line in tcpdump(tmp_path / "file", expr).splitlines() if line[0].isdigit()}
        ours = {line.split(" ")[0] for line in dump(file, "line", expr).splitlines()}
        assert ours == theirs, expr
        assert link_type == RAW or 0 < len(ours) < len(chosen), expr


def test_where_the_file_ends_too_early():
    file = pcap(whole())
    done = subprocess.run([RUNNER, "line"], input=file[:-1], capture_output=True, timeout=60)
    assert done.returncode == 1 and len(done.stdout.splitlines()) == len(packets.SHAPES) - 1
    assert re.fullmatch(rb"the file is cut off at byte \d+, in the middle of a packet that begins at byte \d+\n",
                        done.stderr)
