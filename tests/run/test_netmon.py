# SPDX-License-Identifier: GPL-2.0-only
"""netmon shows each drop of a known workload, once, as what it was."""
import collections
import functools
import json
import os
import signal
import subprocess
import time

import pytest

from conftest import BPFKIT, Tool, leftovers
from scapy.layers.inet import UDP, IPOption

from drops import KINDS, HiddenNetns, KernelEvents, Lab, wait_until

KEYS = ("netns", "dmac", "smac", "dip", "sip", "flow", "flow-src", "reason", "location", "ifname", "proto")
COLUMNS = ("lldp", "arp", "arp_request", "arp_reply", "arp_other", "ipv4", "ipv6", "tcp", "tcp_syn", "tcp_reset",
           "tcp_fin", "udp", "vrrp")
TYPES = ("this_host", "broadcast", "multicast", "other_host", "outgoing", "loopback")


# One pass of the whole workload, watched by many copies of the tool at once

def filters(lab):
    """Name of a filter -> (its options, which kinds pass it)."""
    ports = lab.dport("udp_closed_port"), lab.sport("tcp6_closed_port")
    return {
        "host": (["--host", lab.sip("nft_input")], lambda e: lab.sip("nft_input") in (e.sip, e.dip)),
        "host6": (["--host", lab.FAR6], lambda e: lab.FAR6 in (e.sip, e.dip)),
        "net": (["--net", "198.51.100.0/24"], lambda e: (e.dip or "").startswith("198.51.100.")),
        "net6": (["--net", "2001:db8:a::/48"], lambda e: (e.sip or "").startswith("2001:db8:a:")),
        "port": (["--port", ports[0]], lambda e: ports[0] in (e.sport, e.dport)),
        "ports": (["--port", f"{ports[0]},{ports[1]}"], lambda e: set(ports) & {e.sport, e.dport}),
        "tcp": (["--proto", "tcp"], lambda e: e.proto == "tcp"),
        "udp": (["--proto", "udp"], lambda e: e.proto == "udp"),
        "icmp": (["--proto", "icmp"], lambda e: e.proto == "icmp"),
        "arp": (["--proto", "arp"], lambda e: e.proto == "arp"),
        "vlan outer": (["--vlan", "78"], lambda e: e.kind == "qinq_nft"),
        "vlan inner": (["--vlan", "79"], lambda e: e.kind in ("qinq_nft", "qinq_unknown")),
        "ifname": (["--ifname", lab.ifname], lambda e: e.ifname == lab.ifname),
        "other ifname": (["--ifname", "lo"], lambda e: False),
        "no tcp": (["-T"], lambda e: e.proto != "tcp"),
        "no unix": (["-U"], lambda e: not e.unix),
        "both": (["--proto", "udp", "--port", ports[0]], lambda e: e.kind == "udp_closed_port"),
    }


def reason_filters():
    return {
        "reason": (["--reason", "NO_SOCKET"], lambda r: r == "NO_SOCKET"),
        "reasons": (["--reason", "NO_SOCKET,IP_CSUM"], lambda r: r in ("NO_SOCKET", "IP_CSUM")),
        "not reason": (["--reason", "!NETFILTER_DROP"], lambda r: r != "NETFILTER_DROP"),
    }


VERSION = subprocess.run([BPFKIT, "--version"], stdout=subprocess.PIPE, text=True).stdout
WITH_EXPRESSIONS = "filter expressions" in VERSION


def expressions(lab):
    """Name of an expression -> (the expression, which kinds match it). Of a packet within a VLAN it sees the tag."""
    return {
        # of IPv6 libpcap looks at the first header behind, and at that of a fragment; of what is cut off, at the rest
        "expr udp": ("udp", lambda e: e.proto == "udp" and not e.vlan and e.kind != "ext_headers6" or
                     e.kind == "truncated_ip"),
        "expr port": (f"udp dst port {lab.dport('udp_closed_port')}", lambda e: e.kind == "udp_closed_port"),
        "expr port6": (f"src port {lab.sport('tcp6_closed_port')}", lambda e: e.kind == "tcp6_closed_port"),
        "expr host": (f"host {lab.sip('nft_input')}", lambda e: lab.sip("nft_input") in (e.sip, e.dip) and not e.vlan),
        "expr vlan": ("vlan and udp", lambda e: e.kind in ("vlan_nft", "qinq_unknown")),
        "expr vlans": ("vlan 78 and vlan 79 and udp", lambda e: e.kind == "qinq_nft"),
        "expr rest": ("not ip and not ip6 and not arp", lambda e: e.proto == "lldp" or e.vlan),
        "expr ttl": ("ip[8] = 1", lambda e: e.kind == "ttl_expired"),
        "expr flags": ("tcp[tcpflags] & tcp-syn != 0", lambda e: e.kind == "tcp_closed_port"),
        "expr mac": (f"ether src {lab.smac('nft_input')}", lambda e: e.kind == "nft_input"),
        # without an Ethernet header it counts nevertheless
        "expr no mac": (f"udp dst port {lab.dport('nft_output')}", lambda e: e.kind == "nft_output"),
        "expr len": (f"len = {14 + 20 + 8 + 300} or (len = 48 and udp dst port {lab.dport('no_route')})",
                     lambda e: e.kind in ("gso_output", "no_route")),
    }


EXPRESSIONS = ["expr udp", "expr port", "expr port6", "expr host", "expr vlan", "expr vlans", "expr rest", "expr ttl",
               "expr flags", "expr mac", "expr no mac", "expr len"]
needs_expressions = pytest.mark.skipif(not WITH_EXPRESSIONS, reason="built without libpcap")


class Pass:
    """What was dropped, and the tools that watched. A tool that failed has its error instead."""

    def __init__(self, lab):
        here = ["--netns", lab.b.name]
        self.lab = lab
        options = {"all": [], "all again": [], "here": here, "by path": ["--netns", lab.b.path],
                   "by inode": ["--netns", lab.b.inode], "top": ["-s", "smac", "-r", "600", "--top", "3", *here],
                   "threshold": ["-s", "smac", "-r", "600", "-t", "100", *here],
                   "sorted": ["-s", "smac", "-r", "600", "--sort", "udp", *here], "stacks": ["--stack", *here]}
        options |= {f"by {key}": ["-s", key, "-r", "600", *here] for key in KEYS}
        options |= {f"only {name}": [*args, *here] for name, (args, _) in (filters(lab) | reason_filters()).items()}
        if WITH_EXPRESSIONS:
            options |= {name: ["-f", expr, *here] for name, (expr, _) in expressions(lab).items()}
            options |= {"expr mac by smac": ["-s", "smac", "-r", "600", "-f", expressions(lab)["expr mac"][0], *here],
                        "expr and proto": ["-f", "ip or vlan", "--proto", "tcp", *here]}
        self.tools = {name: Tool("netmon", "--json", *args) for name, args in options.items()}
        self.errors = {}
        try:
            for name, tool in self.tools.items():
                try:
                    tool.wait_attached()
                except AssertionError as error:
                    self.errors[name] = error
            self.expected, self.counted = {}, {}
            self.functions = {}         # kind -> where the kernel says that it was dropped
            with KernelEvents() as kernel:
                for kind in KINDS:
                    e, seen = kernel.count(lambda: lab.make(kind))
                    self.expected[kind] = e
                    if e.counted:
                        self.counted[kind] = e.counted()
                    self.functions[kind] = {function for (reason, function), n in seen.items() if n >= e.count}
            for name, tool in self.tools.items():
                if name not in self.errors:
                    try:
                        tool.stop()
                    except AssertionError as error:
                        self.errors[name] = error
        finally:
            for tool in self.tools.values():
                tool.close()

    def __getitem__(self, name):
        if name in self.errors:
            pytest.fail(str(self.errors[name]), pytrace=False)
        tool = self.tools[name]
        assert tool.process.returncode == 0, tool.stderr
        return tool

    def here(self):
        """What was dropped in a namespace that the kernel still knew."""
        return [e for e in self.expected.values() if e.netns]

    @functools.cache
    def lines(self, name):
        """What a tool in line mode showed, by kind."""
        found = {kind: [] for kind in [*self.expected, None]}
        for record in self[name].of("drop"):
            found[self.kind(record)].append(record)
        return found

    def kind(self, record):
        """Of which kind a line is: each has its own MAC address, or else its own port. None: not one of ours."""
        lab = self.lab
        if record.get("netns", lab.b.inode) != lab.b.inode:
            return None
        if record["kind"] == "unix":
            return {6: "unix_datagrams", 50000: "unix_large"}.get(record["len"])
        for kind in self.expected:
            if record["smac"] == lab.smac(kind) if "smac" in record else record.get("dport") == lab.dport(kind):
                return kind
        return None

    def kinds(self, name):
        """Count of drops by kind, as a tool in line mode saw them."""
        return +collections.Counter({kind: len(records) for kind, records in self.lines(name).items()})


@pytest.fixture(scope="module")
def seen(lab):
    return Pass(lab)


def rows(tool, field):
    return {row[field]: row for row in tool.of("row") if field in row}


def summed(expected, field):
    total = collections.Counter()
    for e in expected:
        if getattr(e, field) is not None:
            total[getattr(e, field)] += e.count
    return total


# Lines

def test_start_record(seen):
    start = seen["all"].start
    assert start["type"] == "start" and start["tool"] == "netmon" and start["version"] and start["probe"]


def test_nothing_lost(seen):
    for name in set(seen.tools) - set(seen.errors):
        assert not seen[name].of("lost"), name


def test_kernel_counters_agree(seen):
    assert {kind: seen.expected[kind].count for kind in seen.counted} == seen.counted


@pytest.mark.parametrize("kind", KINDS)
def test_each_drop_is_one_line(seen, kind):
    assert seen.kinds("all")[kind] == seen.expected[kind].count


def test_two_copies_see_the_same(seen):
    ours, again = seen.kinds("all"), seen.kinds("all again")
    del ours[None], again[None]         # what others dropped before the second one was there
    assert ours and ours == again


@pytest.mark.parametrize("name", ["here", "by path", "by inode"])
def test_netns_filter(seen, name):
    assert seen.kinds(name) == {e.kind: e.count for e in seen.here()}


@pytest.mark.parametrize("kind", KINDS)
def test_fields(seen, kind):
    e = seen.expected[kind]
    records = seen.lines("all")[kind]
    assert len(records) == e.count

    def values(field):
        return {record.get(field) for record in records}
    for field, value in {"smac": e.smac, "dmac": e.dmac, "vlan": e.vlan, "inner_vlan": e.inner_vlan,
                         "saddr": e.sip, "daddr": e.dip, "proto": e.proto, "sport": e.sport, "dport": e.dport,
                         "icmp_type": e.icmp_type, "arp_op": e.arp_op}.items():
        assert values(field) == {value}, field
    if e.tcp_flags:
        assert {frozenset(record["tcp_flags"].split()) for record in records} == {frozenset(e.tcp_flags.split())}
    else:
        assert values("tcp_flags") == {None}
    if e.pkt_type:
        assert values("pkt_type") == {e.pkt_type}
    if e.netns:
        assert values("netns_name") == {e.netns} and values("netns") == {seen.lab.b.inode}
        assert values("ifname") == {e.ifname}
    else:
        assert values("netns_name") <= {None, seen.lab.b.name} and values("ifname") <= {None, seen.lab.ifname}
    if e.gso_segs:
        assert values("gso_segs") == {e.gso_segs}
    assert all(0 < record["len"] <= 65536 for record in records)
    if seen["all"].start.get("reasons", True):
        assert values("reason") <= e.reasons and len(values("reason")) == 1
        assert all(isinstance(record["reason_code"], int) for record in records)
    else:
        assert values("reason") == values("reason_code") == {None}


@pytest.mark.parametrize("kind", KINDS)
def test_location_is_the_kernels(seen, kind):
    functions = {function for function in seen.functions[kind] if not function.lstrip("0").startswith("ffff")}
    if not functions or all(set(function) <= set("0123456789abcdef") for function in functions):
        pytest.skip("this kernel's own event shows no symbol")
    shown = {record["location"].split("+")[0] for record in seen.lines("all")[kind]}
    assert len(shown) == 1 and shown <= functions


def test_unix_data_is_no_packet(seen):
    for record in seen.lines("all")["unix_datagrams"] + seen.lines("all")["unix_large"]:
        assert not {"smac", "dmac", "saddr", "daddr", "sport", "dport", "vlan", "proto"} & set(record)


def test_page_fragments_are_shown(seen):
    assert all(record["frags"] > 0 for record in seen.lines("all")["unix_large"])


def test_stack_goes_through_the_location(seen):
    for record in seen["stacks"].of("drop"):
        assert record["location"].split("+")[0] in {frame.split("+")[0] for frame in record["stack"]}, record


def test_end_record(seen):
    for name in ("all", "here"):
        assert seen[name].records[-1]["type"] == "end"
        assert seen[name].records[-1]["printed"] == len(seen[name].of("drop"))


def test_time_never_goes_back(seen):
    times = [record["time"] for record in seen["here"].of("drop")]
    assert times and times == sorted(times)


# Filters

def filtered(seen, name):
    table = filters(seen.lab)
    return {e.kind: e.count for e in seen.here() if table[name][1](e)}


@pytest.mark.parametrize("name", ["host", "host6", "net", "net6", "port", "ports", "tcp", "udp", "icmp", "arp",
                                  "vlan outer", "vlan inner", "ifname", "other ifname", "no tcp", "no unix", "both"])
def test_filter(seen, name):
    assert seen.kinds(f"only {name}") == filtered(seen, name)


@pytest.mark.parametrize("name", reason_filters())
def test_reason_filter(seen, name):
    if not seen["all"].start.get("reasons", True):
        assert seen.tools[f"only {name}"].process.returncode == 3
        return
    passes = reason_filters()[name][1]
    want = collections.Counter(record["reason"] for record in seen["here"].of("drop") if passes(record["reason"]))
    assert want
    assert collections.Counter(record["reason"] for record in seen[f"only {name}"].of("drop")) == want


@needs_expressions
@pytest.mark.parametrize("name", EXPRESSIONS)
def test_expression(seen, name):
    passes = expressions(seen.lab)[name][1]
    assert seen.kinds(name) == {e.kind: e.count for e in seen.here() if passes(e)}
    assert ("undecided" in seen[name].records[-1]) == (name == "expr mac")


@needs_expressions
def test_all_expressions_are_tried(seen):
    assert list(expressions(seen.lab)) == EXPRESSIONS


@needs_expressions
def test_expression_and_another_filter(seen):
    assert seen.kinds("expr and proto") == {
        e.kind: e.count for e in seen.here() if e.proto == "tcp" and "ipv4" in e.columns}


@needs_expressions
@pytest.mark.parametrize("name", ["expr mac", "expr mac by smac"])
def test_expression_of_addresses_that_are_not_there(seen, name):
    """What is dropped before it has a MAC header is undecided, and told at the end."""
    count = sum("smac" not in record and record["kind"] != "unix" for record in seen["here"].of("drop"))
    assert count == sum(e.count for e in seen.here() if e.kind in ("nft_output", "gso_output"))
    assert seen[name].records[-1]["undecided"] == count
    assert f"whether {count} packets match" in seen[name].stderr


@needs_expressions
def test_expression_in_a_summary(seen):
    [total] = seen["expr mac by smac"].of("total")
    assert (total["total"], total["unix"]) == (seen.expected["nft_input"].count, 0)
    assert [row["smac"] for row in seen["expr mac by smac"].of("row")] == [seen.lab.smac("nft_input")]


# Summaries

@pytest.mark.parametrize("key,field", [("dmac", "dmac"), ("smac", "smac"), ("dip", "dip"), ("sip", "sip")])
def test_rows(seen, key, field):
    tool = seen[f"by {key}"]
    expected = [e for e in seen.here() if e.proto != "arp" or "mac" in key]
    want = summed(expected, field)
    shown = {value: row["total"] for value, row in rows(tool, key).items() if value in want}
    assert shown == want


def test_rows_by_flow(seen):
    shown = collections.Counter()
    for row in seen["by flow"].of("row"):
        ends = frozenset([(row.get("saddr"), row.get("sport") or None), (row.get("daddr"), row.get("dport") or None)])
        shown[ends, row.get("proto")] += row["total"]
    for e in seen.here():
        if e.proto in ("tcp", "udp"):
            assert shown[frozenset([(e.sip, e.sport), (e.dip, e.dport)]), e.proto] == e.count, e.kind


def test_rows_by_flow_source(seen):
    shown = collections.Counter()
    for row in seen["by flow-src"].of("row"):
        shown[row.get("saddr"), row.get("sport") or None] += row["total"]
    for e in seen.here():
        if e.proto in ("tcp", "udp"):
            assert shown[e.sip, e.sport] == e.count, e.kind


def test_rows_by_netns(seen):
    total = sum(e.count for e in seen.here() if not e.unix)
    assert [(row["netns"], row["netns_name"], row["total"]) for row in seen["by netns"].of("row")] == [
        (seen.lab.b.inode, seen.lab.b.name, total)]


def test_rows_by_ifname(seen):
    want = summed(seen.here(), "ifname")
    shown = {row["ifname"]: row["total"] for row in seen["by ifname"].of("row") if row.get("ifname") in want}
    assert shown == want


def test_rows_by_proto(seen):
    named = ("tcp", "udp", "icmp", "icmp6", "arp", "lldp", "vrrp")
    want = summed([e for e in seen.here() if e.proto in named], "proto")
    shown = collections.Counter()
    for row in seen["by proto"].of("row"):
        shown[row["proto"].split()[-1]] += row["total"]     # "ip udp"
    assert {proto: shown[proto] for proto in want} == want


@pytest.mark.parametrize("key", KEYS)
def test_no_two_rows_look_the_same(seen, key):
    counts = {*COLUMNS, "other", "total"}
    names = [str({field: value for field, value in row.items() if field not in counts})
             for row in seen[f"by {key}"].of("row")]
    assert len(names) == len(set(names))


def drops_by(seen, field, packets_only):
    return collections.Counter(record[field].split("+")[0] for record in seen["here"].of("drop")
                               if not (packets_only and record["kind"] == "unix"))


@pytest.mark.parametrize("key", ["reason", "location"])
def test_rows_by_reason_and_location_match_the_lines(seen, key):
    asked, key = key, key if seen["all"].start.get("reasons", True) else "location"
    assert seen[f"by {asked}"].start["by"] == key
    shown = collections.Counter()
    for row in seen[f"by {asked}"].of("row"):
        shown[row[key].split("+")[0]] += row["total"]
    assert shown == drops_by(seen, key, True)


# without a MAC header, or when its namespace is forgotten, a kind has no row of its own
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in (
    "unix_datagrams", "unix_large", "nft_output", "gso_output", "frag_timeout", "udp_unread", "truncated_ip")])
def test_columns(seen, kind):
    e = seen.expected[kind]
    row = rows(seen["by smac"], "smac")[e.smac]
    assert {column for column in COLUMNS if row.get(column)} == set(e.columns)
    assert {row[column] for column in e.columns} <= {e.count}
    assert row["total"] == e.count


@pytest.mark.parametrize("key", KEYS)
def test_summary_books(seen, key):
    """Rows and other make up the total; the types, reasons and places do too."""
    tool = seen[f"by {key}"]
    [total] = tool.of("total")
    happened = sum(e.count for e in seen.here())
    assert total["interval_ms"] > 0
    unix = sum(e.count for e in seen.here() if e.unix)
    assert total["total"] == happened and total["unix"] == unix
    assert sum(row["total"] for row in tool.of("row", "other")) == happened - unix
    assert sum(record["total"] for record in tool.of("location")) == happened
    if tool.start.get("reasons", True):
        assert sum(record["total"] for record in tool.of("reason")) == happened
    else:
        assert not tool.of("reason")


def test_totals_by_packet_type(seen):
    [total] = seen["by dmac"].of("total")
    want = summed(seen.here(), "pkt_type")
    want = {kind: want[kind.replace("_", "-")] for kind in TYPES}
    unix = total["unix"]
    shown = {kind: total.get(kind, 0) for kind in TYPES}
    assert shown in (want, want | {"this_host": want["this_host"] + unix})


def test_reasons_of_summary_match_the_lines(seen):
    if not seen["all"].start.get("reasons", True):
        pytest.skip("this kernel gives no reasons")
    shown = {record["reason"]: record["total"] for record in seen["by dmac"].of("reason")}
    assert shown == drops_by(seen, "reason", False)


def test_locations_of_summary_match_the_lines(seen):
    shown = collections.Counter()
    for record in seen["by dmac"].of("location"):
        shown[record["location"].split("+")[0]] += record["total"]
    assert shown == drops_by(seen, "location", False)


def test_top(seen):
    tool, full = seen["top"], seen["by smac"]
    [total] = tool.of("total")
    assert sorted(row["total"] for row in tool.of("row")) == sorted(row["total"] for row in full.of("row"))[-3:]
    assert len(tool.of("hidden")) == 1
    assert sum(row["total"] for row in tool.of("row", "hidden")) == total["total"] - total["unix"]


@pytest.mark.parametrize("name,column", [("by smac", "total"), ("sorted", "udp")])
def test_order(seen, name, column):
    numbers = [row[column] for row in seen[name].of("row")]
    assert len(set(numbers)) > 3 and numbers == sorted(numbers, reverse=True)


def test_threshold(seen):
    want = {mac: row["total"] for mac, row in rows(seen["by smac"], "smac").items() if row["total"] >= 100}
    shown = {mac: row["total"] for mac, row in rows(seen["threshold"], "smac").items()}
    assert shown == want and any(n < 100 for n in (row["total"] for row in seen["by smac"].of("row")))


# Expressions that look further than can be seen

@needs_expressions
def test_undecided_is_counted(lab, run):
    """Behind the longest of IP headers byte 50 of UDP is beyond the window."""
    kind = "nft_input"
    tools = [run("netmon", "--json", "--stats", "-f", "udp[50] = 7", "--netns", lab.b.name, *by)
             for by in ([], ["-s", "smac", "-r", "600"])]
    for count, value, options in ((19, 7, b""), (17, 8, b""), (23, 7, b"\1" * 40), (13, 7, b"\1" * 32)):
        frame = lab.ip(kind, options=[IPOption(options)] if options else []) / UDP(
            sport=lab.sport(kind), dport=lab.dport(kind)) / (bytes(42) + bytes([value]) + bytes(300))
        before = lab.b.nft(kind)
        for _ in range(count):
            lab.wire.send(bytes(frame))
        assert wait_until(lambda: lab.b.nft(kind) - before == count)
    for tool in tools:
        end = tool.stop().records[-1]
        assert tool.process.returncode == 0 and not tool.of("lost")
        assert end["undecided"] == 23 and end["filtered"] >= 17     # and what is dropped elsewhere
    assert len(tools[0].of("drop")) == 19 + 13
    assert [total["total"] for total in tools[1].of("total")] == [19 + 13]


@needs_expressions
def test_undecided_is_said_once(lab, run):
    tool = run("netmon", "-f", "ether src 02:00:00:00:00:01", "--netns", lab.b.name)
    e = lab.nft_output(23)
    tool.stop()
    assert e.counted() == 23
    assert [line for line in tool.stderr.splitlines() if "unknown" in line] == [
        "netmon: whether 23 packets match the expression is unknown, and they are left out: "
        "what it looks at could not be read"]


@needs_expressions
@pytest.mark.parametrize("expr, said", {
    "host localhost": "names are not looked up", "ether[120] = 1": "first 120", "tcp port": "libpcap",
    "ip protochain 6": "loop", "port " + " or ".join(map(str, range(1, 900, 3))): "too long", "\x1b[31m": "\\x1b",
}.items(), ids=lambda text: text[:16])
def test_expressions_that_are_refused(expr, said):
    done = subprocess.run([BPFKIT, "netmon", "-f", expr], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=60)
    assert (done.returncode, done.stdout) == (2, "")
    lines = [line for line in done.stderr.splitlines() if not line.startswith("Try ")]
    assert len(lines) == 1 and lines[0].startswith("netmon: --filter: '") and said in lines[0]


# Many

def flood(lab, workload, count, vary=None):
    """As many drops as wanted, at full speed, all in one direction to a closed port."""
    kind = "udp_closed_port"
    before = lab.b.snmp("Udp.NoPorts")
    frame = bytes(lab.ip(kind) / lab.udp(kind, chksum=0))
    lab.a.run(lambda: subprocess.run([workload("flood"), "wire", str(count), *([vary] if vary else [])], input=frame,
                                     check=True))
    wait_until(lambda: lab.b.snmp("Udp.NoPorts") - before >= count, 30)
    assert lab.b.snmp("Udp.NoPorts") - before == count, "the workload itself lost packets"


SPORT_OFFSET = 14 + 20


def test_a_hundred_thousand_are_counted(lab, run, workload):
    tool = run("netmon", "--json", "-s", "dmac", "-r", "600", "--netns", lab.b.name)
    flood(lab, workload, 100000)
    tool.stop()
    assert tool.process.returncode == 0 and not tool.of("lost")
    assert [row["total"] for row in tool.of("row")] == [100000]
    assert [(total["total"], total["this_host"]) for total in tool.of("total")] == [(100000, 100000)]


def test_intervals_lose_nothing_and_count_nothing_twice(lab, run, workload):
    begin, sent = time.monotonic(), 0
    tool = run("netmon", "--json", "-s", "flow", "-r", "1", "--netns", lab.b.name)
    attached = time.monotonic()
    while time.monotonic() < attached + 3.5 or len(tool.of("total")) < 2 and time.monotonic() < attached + 60:
        flood(lab, workload, 20000, f"{SPORT_OFFSET}:7")
        sent += 20000
    tool.stop()
    assert len(tool.of("total")) >= 3
    assert 3300 < sum(total["interval_ms"] for total in tool.of("total")) < 1000 * (time.monotonic() - begin)
    assert sum(total["total"] for total in tool.of("total")) == sent
    assert sum(row["total"] for row in tool.of("row", "other")) == sent
    assert sum(record["total"] for record in tool.of("location")) == sent


def test_other_row_is_exact_when_the_table_is_full(lab, run, workload):
    tool = run("netmon", "--json", "-s", "flow", "-r", "600", "--rows", "64", "--top", "1000", "--netns", lab.b.name)
    flood(lab, workload, 10000, f"{SPORT_OFFSET}:1000")
    tool.stop()
    assert {row["total"] for row in tool.of("row")} == {10}
    assert 1 < len(tool.of("row")) <= 64
    [other] = tool.of("other")
    assert other["total"] == 10000 - 10 * len(tool.of("row"))


def test_books_balance_when_the_reader_is_stopped(lab, run, workload):
    tool = run("netmon", "--json", "--buffer", "4k", "--netns", lab.b.name)
    lab.make("udp_closed_port")
    assert wait_until(lambda: len(tool.lines) > 5)
    os.kill(tool.pid, signal.SIGSTOP)
    try:
        flood(lab, workload, 20000)
    finally:
        os.kill(tool.pid, signal.SIGCONT)
    lab.make("udp_closed_port")
    tool.stop()
    drops, lost = tool.of("drop"), tool.of("lost")
    assert lost, "nothing was lost: the test does not test"
    assert len(drops) + sum(record["ring"] for record in lost) == 20000 + 2 * KINDS["udp_closed_port"]
    assert tool.records[-1]["lost"] == sum(record["ring"] for record in lost)
    assert "lost" in tool.stderr
    assert tool.process.returncode == 0


# Ends

def test_count(lab, run):
    tool = run("netmon", "--json", "-c", "23", "--netns", lab.b.name)
    lab.udp_closed_port(101)
    tool.finish(10)
    assert tool.process.returncode == 0
    assert len(tool.of("drop")) == 23


def test_count_of_reports(lab, run):
    tool = run("netmon", "--json", "-s", "dmac", "-r", "300ms", "-c", "3", "--netns", lab.b.name)
    lab.udp_closed_port(7)
    tool.finish(10)
    assert tool.process.returncode == 0
    assert len(tool.of("total")) == 3 and sum(total["total"] for total in tool.of("total")) == 7


def test_duration(lab, run):
    begin = time.monotonic()
    tool = run("netmon", "--json", "--duration", "1s", "--netns", lab.b.name)
    attached = time.monotonic()
    lab.udp_closed_port(5)
    tool.finish(30)
    assert time.monotonic() - begin >= 1 and time.monotonic() - attached < 5
    assert tool.process.returncode == 0 and len(tool.of("drop")) == 5


def test_last_interval_is_reported(lab, run):
    tool = run("netmon", "--json", "-s", "dip", "-r", "600", "--netns", lab.b.name)
    lab.udp_closed_port(13)
    tool.stop()
    assert [total["total"] for total in tool.of("total")] == [13]


def held(tool):
    objects = tool.objects()
    assert {"prog", "map", "link"} <= set(objects), objects
    return objects


@pytest.mark.parametrize("mode", [[], ["-s", "flow"]], ids=["lines", "summary"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL],
                         ids=lambda number: number.name)
def test_nothing_is_left_by(lab, run, number, mode):
    tool = run("netmon", "--json", *mode)
    objects = held(tool)
    lab.udp_closed_port(5)
    tool.stop(number)
    assert tool.process.returncode == (-signal.SIGKILL if number == signal.SIGKILL else 0)
    assert not leftovers(objects)


@pytest.mark.parametrize("drops", [0, 5], ids=["quiet", "busy"])
@pytest.mark.parametrize("output", [[], ["--json"]], ids=["text", "json"])
def test_closed_pipe_ends_it(lab, run, output, drops):
    tool = run("netmon", *output, "--netns", lab.b.name, read=False)
    objects = held(tool)
    tool.process.stdout.close()
    if drops:
        lab.udp_closed_port(drops)
    tool.finish(10)
    assert tool.process.returncode == 0 and not tool.stderr.strip()
    assert not leftovers(objects)


@pytest.mark.parametrize("mode", [[], ["-s", "flow"]], ids=["lines", "summary"])
def test_privileges_are_dropped(run, mode):
    tool = run("netmon", *mode)
    with open(f"/proc/{tool.pid}/status") as status:
        fields = dict(line.split(":\t", 1) for line in status)
    tool.stop()
    ptrace, bpf = 1 << 19, 1 << 39      # to name namespaces; to read maps on kernels before 6.0
    for field in ("CapEff", "CapPrm", "CapAmb", "CapInh"):
        assert int(fields[field], 16) & ~(ptrace | (bpf if mode else 0)) == 0, field
    assert fields["NoNewPrivs"].strip() == "1"


def test_full_disk_is_an_error(lab, run):
    with open("/dev/full", "w") as full:
        tool = run("netmon", "-c", "5", "--netns", lab.b.name, wait=False, read=False, stdout=full)
        wait_until(lambda: tool.objects().get("link") or tool.process.poll() is not None)
        lab.udp_closed_port(5)          # the headings may have been enough
        tool.finish(10)
    assert tool.process.returncode == 1 and len(tool.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize("options", [
    ["--no-such-option"], ["--probe", "nonsense"], ["stray"], ["-s", "nonsense"], ["--port", "65536"],
    ["--host", "nonsense"], ["--net", "10.0.0.0/33"], ["--host", "10.0.0.1", "--net", "10.0.0.0/8"], ["-c", "-1"],
    ["-c", "0"], ["--vlan", "4096"], ["-r", "0", "-s", "dmac"], ["-r", "1"], ["--top", "3"], ["--sort", "udp"],
    ["-s", "dmac", "--stack"], ["--reason", ""], ["--reason", "!"], ["--netns", ""],
    ["--netns", "bk-no-such"], ["--netns", "/etc/passwd"], ["--ifname", "sixteen-bytes-xx"]], ids=" ".join)
def test_wrong_usage(run, options):
    tool = run("netmon", "--duration", "1s", *options, wait=False).finish()
    assert tool.process.returncode == 2
    assert tool.stderr.startswith("netmon: ") and not tool.stdout
    assert len(tool.stderr.replace("Try 'netmon --help'.\n", "").splitlines()) == 1


def test_no_such_reason(seen, run):
    tool = run("netmon", "--duration", "1s", "--reason", "NO_SUCH_REASON", wait=False).finish()
    assert tool.process.returncode == (2 if seen["all"].start.get("reasons", True) else 3)
    assert len(tool.stderr.replace("Try 'netmon --help'.\n", "").splitlines()) == 1


def test_without_privileges(run):
    tool = run("netmon", wait=False, user=65534, group=65534, extra_groups=[]).finish(20)
    assert tool.process.returncode == 3
    assert len(tool.stderr.strip().splitlines()) == 1 and "libbpf" not in tool.stderr


# Text from strangers

def names(forbidden, length):
    values = bytes(value for value in range(1, 256) if value not in forbidden)
    return [values[i:i + length] for i in range(0, len(values), length)]


def exact(record, field):
    """The bytes of a text. JSON can hold only UTF-8; what is none stands in hexadecimal beside it."""
    return bytes.fromhex(record[field + "_hex"]) if field + "_hex" in record else record[field].encode()


def interface_names():
    """All bytes that the kernel lets into the name of an interface; it takes 0xa0 for a space."""
    return names(b"%/: \t\n\v\f\r\xa0", 15)


@pytest.mark.parametrize("output", [[], ["--json"]], ids=["text", "json"])
def test_interface_names_are_inert(run, output):
    with Lab("n") as lab:
        lines = run("netmon", *output, "--netns", lab.b.name)
        summary = run("netmon", *output, "-s", "ifname", "-r", "600", "--netns", lab.b.name)
        for new in map(os.fsdecode, interface_names()):
            for change in (["down"], ["name", new], ["up"]):
                subprocess.run(["ip", "-n", lab.b.name, "link", "set", "dev", lab.ifname, *change], check=True)
                lab.ifname = new if "name" in change else lab.ifname
            lab.wait_up()
            assert lab.udp_closed_port(3).counted() == 3
        lines.stop()
        summary.stop()
    for tool in lines, summary:
        tool.assert_inert()
        assert tool.process.returncode == 0
    if output:
        drops = [record for record in lines.of("drop") if record.get("dport") == lab.dport("udp_closed_port")]
        assert len(drops) == 3 * len(interface_names())
        assert collections.Counter(exact(record, "ifname") for record in drops) == {
            name: 3 for name in interface_names()}
    else:
        assert len(lines.lines) >= 3 * len(interface_names())
    assert len(summary.lines) >= len(interface_names())


@pytest.mark.parametrize("output", [[], ["--json"]], ids=["text", "json"])
@pytest.mark.parametrize("summary", [[], ["-s", "netns", "-r", "600"]], ids=["lines", "summary"])
def test_process_names_are_inert(run, output, summary):
    """A namespace without a name is called by a process in it; that process may call itself anything."""
    comms = [b"bkhidden", *names(b"", 15)]
    with HiddenNetns(comms) as hidden:
        tool = run("netmon", *output, *summary)
        hidden.drop(5)
        tool.stop()
    tool.assert_inert()
    assert tool.process.returncode == 0 and b"bkhidden" in tool.stdout
    if output:
        shown = collections.Counter()
        for record in tool.of("row" if summary else "drop"):
            if comm := hidden.comms.get(record.get("netns")):
                assert exact(record, "netns_name").startswith(comm)
                shown[comm] += record["total"] if summary else 1
        assert shown == {comm: 5 for comm in comms}


# What people read

def test_text_lines(lab, run):
    tool = run("netmon", "--netns", lab.b.name)
    lab.udp_closed_port(5)
    lab.vlan_nft(7)
    tool.stop()
    tool.assert_inert()
    text = tool.stdout.decode()
    for shown in (lab.smac("udp_closed_port"), lab.sip("udp_closed_port"), str(lab.dport("udp_closed_port"))):
        assert text.count(shown) == 5, shown
    assert text.count(lab.b.name) >= 12
    assert tool.process.returncode == 0


def test_text_summary(lab, run):
    tool = run("netmon", "-s", "dip", "-r", "600", "--netns", lab.b.name)
    lab.udp_closed_port(23)
    tool.stop()
    tool.assert_inert()
    assert any(line.split()[-1:] == ["23"] and line.split()[0] == lab.B4 for line in tool.stdout.decode().splitlines()
               if line.split())


# ---- how it ends ----

def start(*args, **more):
    return subprocess.Popen([BPFKIT, "netmon", "--json", *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, **more)


def test_a_signal_ends_it_while_nobody_reads(lab):
    tool = start("--netns", lab.b.name)
    assert b"start" in tool.stdout.readline()
    for _ in range(60):  # more than a pipe holds
        lab.make("udp_closed_port")
    time.sleep(0.5)
    tool.send_signal(signal.SIGTERM)
    assert tool.wait(timeout=10) == 0
    tool.communicate()


def test_a_duration_ends_it_while_nobody_reads(lab):
    tool = start("--netns", lab.b.name, "--duration", "2s")
    assert b"start" in tool.stdout.readline()
    for _ in range(60):
        lab.make("udp_closed_port")
    assert tool.wait(timeout=15) == 0
    tool.communicate()


def test_two_signals_at_once():
    tool = start()
    tool.stdout.readline()
    for each in (signal.SIGSTOP, signal.SIGINT, signal.SIGTERM, signal.SIGCONT):
        tool.send_signal(each)
    out, _ = tool.communicate(timeout=10)
    assert tool.returncode == 0 and json.loads(out.splitlines()[-1])["type"] == "end"


def test_an_ignored_signal_stays_ignored():
    tool = start("--duration", "1500ms", preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    tool.stdout.readline()
    tool.send_signal(signal.SIGHUP)
    time.sleep(0.5)
    assert tool.poll() is None
    assert tool.wait(timeout=10) == 0
    tool.communicate()
