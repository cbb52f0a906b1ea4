# SPDX-License-Identifier: GPL-2.0-only
"""netmon -w: a capture file has each dropped packet of a known workload, once, and all of it is true."""
import collections
import contextlib
import errno
import fcntl
import os
import pty
import re
import resource
import shutil
import signal
import socket
import stat
import struct
import subprocess
import tempfile
import time

import pytest

from conftest import BPFKIT, LIVE_CHARACTERS, Tool
from drops import KINDS, HiddenNetns, Lab, wait_until
from pcapng import ETHERNET, Pcapng
from test_netmon import flood, interface_names, names

CAPTURED = 120              # bytes of a packet
WITHOUT_LINK_HEADER = ("nft_output", "gso_output")
UNIX = ("unix_datagrams", "unix_large")


def load(path):
    with open(path, "rb") as file:
        return Pcapng(file.read())


def fields(comment):
    """"reason: X, location: Y, netns: Z" as {"reason": "X", ...}; None: not there"""
    return re.fullmatch(r"(?:reason: (?P<reason>\w+), )?location: (?P<location>.*?)(?P<made_up>, link header: made up)?"
                        r"(?:, interface: (?P<interface>.*?))?(?:, vlan: (?P<vlan>\d+))?(?:, netns: (?P<netns>.*))?", comment).groupdict()


class Seen:
    """The whole workload, as a file, as a pipe and as lines."""

    def __init__(self, lab, path):
        self.lab, self.frames = lab, {}
        here = ["--netns", lab.b.name]
        self.lines = Tool("netmon", "--json", *here)
        self.tool = Tool("netmon", "-w", path / "all", *here)
        self.piped = Tool("netmon", "--write", "-", *here)
        tools = [self.lines, self.tool, self.piped]
        try:
            for tool in tools:
                tool.wait_attached()
            self.begin = time.time_ns()
            self.expected = {kind: lab.make(kind) for kind in KINDS}
            wait_until(lambda: len(self.lines.of("drop")) >= sum(e.count for e in self.expected.values() if e.netns))
            self.end = time.time_ns()
            for tool in tools:
                tool.stop()
        finally:
            for tool in tools:
                tool.close()
        self.file = load(path / "all")

    def kind(self, packet):
        """By the source MAC address, else by the port to which UDP was sent."""
        for kind in self.expected:
            if packet.data[6:12] != bytes(6):
                found = packet.data[6:12] == bytes.fromhex(self.lab.smac(kind).replace(":", ""))
            else:
                found = packet.data[36:38] == struct.pack(">H", self.lab.dport(kind))
            if found:
                return kind
        return None

    def packets(self, kind):
        return [packet for packet in self.file.packets if self.kind(packet) == kind]


@pytest.fixture(scope="module")
def seen(lab, tmp_path_factory):
    return Seen(lab, tmp_path_factory.mktemp("seen"))


def test_it_ends_well_and_prints_nothing(seen):
    unix = sum(seen.expected[kind].count for kind in UNIX)
    for tool in (seen.tool, seen.piped):
        assert tool.process.returncode == 0
        assert re.fullmatch(rf"netmon: {unix} drops are not in the file: [^\n]*\n", tool.stderr)
    assert not seen.tool.stdout


def test_who_made_it(seen):
    uname = os.uname()
    assert seen.file.section.hardware == uname.machine
    assert seen.file.section.os == f"{uname.sysname} {uname.release}"
    assert re.fullmatch(r"bpfkit netmon \d\S*", seen.file.section.application)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in UNIX])
def test_each_drop_is_one_packet(seen, kind):
    e = seen.expected[kind]
    assert len(seen.packets(kind)) == (e.count if e.netns else 0)   # of an unknown namespace, filtered


def test_nothing_else_is_in_it(seen):
    assert None not in map(seen.kind, seen.file.packets)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in (*UNIX, *WITHOUT_LINK_HEADER)])
def test_a_packet_is_the_frame_that_was_sent(seen, kind):
    """With its VLAN tags, which the kernel holds outside, and its whole length."""
    e = seen.expected[kind]
    frame = e.frame
    if kind in ("vlan_unknown", "qinq_unknown"):    # nobody has this VLAN: the kernel has taken the outer tag off
        frame = frame[:12] + frame[16:]
    last = seen.packets(kind)[-1:]
    if e.netns:
        assert last[0].length == len(frame) and last[0].data == frame[:CAPTURED]


@pytest.mark.parametrize("kind,payload", [("nft_output", b"bpfkit"), ("gso_output", bytes(300))])
def test_a_packet_without_link_header_gets_one(seen, kind, payload):
    """All of the file has one link type; the comment says what is made up."""
    lab = seen.lab
    assert seen.packets(kind)
    for packet in seen.packets(kind):
        assert fields(packet.comment)["made_up"]
        assert packet.length == 14 + 28 + len(payload)
        assert packet.data[:14] == bytes(12) + b"\x08\x00"
        assert packet.data[14] == 0x45 and packet.data[23] == socket.IPPROTO_UDP
        assert packet.data[26:34] == socket.inet_aton(lab.B4) + socket.inet_aton(lab.PEER4)
        assert packet.data[34:38] == struct.pack(">HH", lab.sport(kind), lab.dport(kind))
        assert packet.data[42:] == payload[:len(packet.data) - 42]


def test_only_what_is_made_up_is_said_to_be(seen):
    for packet in seen.file.packets:
        assert bool(fields(packet.comment)["made_up"]) == (seen.kind(packet) in WITHOUT_LINK_HEADER)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in UNIX])
def test_interface_and_direction(seen, kind):
    e = seen.expected[kind]
    inbound = {"broadcast": 1 | 3 << 2, "multicast": 1 | 2 << 2, "other-host": 1 | 4 << 2}
    for packet in seen.packets(kind):
        # of some drops only the number of the interface is left
        assert packet.interface.name == e.ifname if e.ifname else re.fullmatch(r"if\d+", packet.interface.name)
        assert packet.interface.description == f"network namespace {seen.lab.b.name}"
        assert packet.options.get("flags") == inbound.get(e.pkt_type)


def test_comments_say_what_the_lines_say(seen):
    """Reason and location of each: the tool that printed lines saw the same drops."""
    def of_packet(packet):
        said = fields(packet.comment)
        assert said["interface"] is None and said["vlan"] is None
        return said["reason"], said["location"], said["netns"]

    def of_line(record):
        return record.get("reason"), record["location"], record["netns_name"]
    lines = [record for record in seen.lines.of("drop") if record["kind"] == "packet"]
    assert collections.Counter(map(of_packet, seen.file.packets)) == collections.Counter(map(of_line, lines))
    assert lines


def test_time_is_of_the_wall_clock_in_nanoseconds(seen):
    assert {interface.tsresol for interface in seen.file.interfaces} == {9}
    times = [packet.time for packet in seen.file.packets]
    assert seen.begin - 10**6 < min(times) and max(times) < seen.end + 10**6     # two clocks are compared
    assert sum(time % 1000 != 0 for time in times) > len(times) / 2


def test_statistics(seen):
    [statistics] = seen.file.statistics
    assert seen.file.blocks[-1] is statistics and statistics.interface is seen.file.interfaces[0]
    assert statistics.lost == 0 and statistics.delivered == len(seen.file.packets)
    assert statistics.start < min(packet.time for packet in seen.file.packets)
    assert statistics.start < statistics.end == statistics.time
    assert not [packet for packet in seen.file.packets if packet.interface is seen.file.interfaces[0]]


def test_a_pipe_has_the_same(seen):
    piped = Pcapng(seen.piped.stdout)
    assert [packet.data for packet in piped.packets] == [packet.data for packet in seen.file.packets]
    assert piped.statistics[0].delivered == len(piped.packets)


def test_libpcap_sees_one_snaplen_and_one_link_type(seen):
    """It reads no other files."""
    assert len({interface.fields[2] for interface in seen.file.interfaces}) == 1
    assert {interface.fields[0] for interface in seen.file.interfaces} == {ETHERNET}


def test_tcpdump_reads_all_of_it(seen, tmp_path):
    """Of every kind there is, without a warning."""
    (tmp_path / "file").write_bytes(seen.piped.stdout)
    assert sum(not line.startswith("\t") for line in tcpdump(tmp_path / "file")) == len(seen.file.packets)
    for kind in WITHOUT_LINK_HEADER:
        lines = tcpdump(tmp_path / "file", f"src host {seen.lab.B4} and udp dst port {seen.lab.dport(kind)}")
        assert len(lines) == len(seen.packets(kind))


# ---- other programs ----

def tcpdump(path, *args):
    if not shutil.which("tcpdump"):
        pytest.skip("tcpdump is not installed")
    done = subprocess.run(["tcpdump", "-n", "-r", path, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True, check=False)
    assert done.returncode == 0 and re.fullmatch(r"reading from file .*link-type EN10MB.*\n", done.stderr), done.stderr
    return done.stdout.splitlines()


def test_tcpdump_reads_it(lab, run, tmp_path):
    tool = run("netmon", "-w", tmp_path / "file", "--netns", lab.b.name)
    kinds = ("udp_closed_port", "tcp_closed_port", "qinq_nft", "arp_request", "udp6_closed_port")
    count = sum(lab.make(kind).count for kind in kinds)
    tool.stop()
    assert len(tcpdump(tmp_path / "file")) == count
    closed = tcpdump(tmp_path / "file", "--time-stamp-precision=nano", f"udp dst port {lab.dport('udp_closed_port')}")
    assert len(closed) == KINDS["udp_closed_port"]
    for line in closed:
        assert re.search(rf" IP {lab.sip('udp_closed_port')}\.\d+ > {lab.B4}\.\d+: UDP, length 6$", line), line
    times = {packet.time % 10**9 for packet in load(tmp_path / "file").packets}
    assert {int(line.split()[0].split(".")[1]) for line in closed} <= times
    assert len(tcpdump(tmp_path / "file", "-e", "vlan 78 and vlan 79")) == KINDS["qinq_nft"]


def test_a_file_without_packets_can_be_read(run, tmp_path):
    run("netmon", "-w", tmp_path / "file", "--duration", "100ms", "--ifname", "bk-no-such", wait=False).finish()
    assert not load(tmp_path / "file").packets and tcpdump(tmp_path / "file") == []


# ---- packets of other shapes ----

def test_a_long_packet_is_cut_and_says_how_long_it_was(lab, run, tmp_path):
    tool = run("netmon", "-w", tmp_path / "file", "--netns", lab.b.name)
    frame = bytes(lab.ip("udp_closed_port") / lab.udp("udp_closed_port") / (bytes(range(256)) * 5))
    before = lab.b.snmp("Udp.NoPorts")
    lab.wire.send(frame)
    assert wait_until(lambda: lab.b.snmp("Udp.NoPorts") > before)
    tool.stop()
    [packet] = load(tmp_path / "file").packets
    assert len(frame) > 1300 and packet.length == len(frame) and packet.data == frame[:CAPTURED]


def test_arp_without_link_header_gets_one(lab, run, tmp_path):
    """What is no IP has its ethertype, too."""
    lab.b.command("nft", "-f", "-", input="table arp bkout {\nchain out { type filter hook output priority 0\n"
                                          "policy drop\n}\n}\n")
    lab.b.command("ip", "addr", "add", "203.0.113.1/24", "dev", lab.ifname)
    try:
        tool = run("netmon", "-w", tmp_path / "file", "--proto", "arp", "--netns", lab.b.name)
        with lab.b.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.sendto(b"bpfkit", ("203.0.113.7", 9))
            assert wait_until(lambda: os.path.getsize(tmp_path / "file") > 500)
        tool.stop()
    finally:
        lab.b.command("ip", "neigh", "del", "203.0.113.7", "dev", lab.ifname)   # drops what waits for it, now
        lab.b.command("ip", "addr", "del", "203.0.113.1/24", "dev", lab.ifname)
        lab.b.command("nft", "delete", "table", "arp", "bkout")
    packet = load(tmp_path / "file").packets[0]
    assert packet.interface.name == lab.ifname and fields(packet.comment)["made_up"]
    assert packet.data[:14] == bytes(12) + b"\x08\x06"
    assert packet.data[14:22] == bytes.fromhex("0001080006040001")
    assert packet.data[28:32] == socket.inet_aton("203.0.113.1")
    assert packet.data[38:42] == socket.inet_aton("203.0.113.7") and packet.length == len(packet.data) == 42
    assert re.search(r"ARP, Request who-has 203.0.113.7.* tell 203.0.113.1", tcpdump(tmp_path / "file")[0])


def test_limit_counts_packets(lab, run, tmp_path):
    tool = run("netmon", "-c", "23", "-w", tmp_path / "file", "--netns", lab.b.name)
    lab.unix_datagrams(7)
    lab.udp_closed_port(101)
    tool.finish(10)
    file = load(tmp_path / "file")
    assert tool.process.returncode == 0 and len(file.packets) == 23 and file.statistics[0].delivered == 23


def test_what_was_lost_is_in_the_statistics(lab, run, workload, tmp_path):
    tool = run("netmon", "--buffer", "4k", "--stats", "-w", tmp_path / "file", "--netns", lab.b.name)
    os.kill(tool.pid, signal.SIGSTOP)
    try:
        flood(lab, workload, 20000)
    finally:
        os.kill(tool.pid, signal.SIGCONT)
    lab.make("udp_closed_port")
    tool.stop()
    file = load(tmp_path / "file")
    [statistics] = file.statistics
    assert statistics.lost, "nothing was lost: the test does not test"
    assert statistics.lost + len(file.packets) == 20000 + KINDS["udp_closed_port"]
    assert statistics.delivered == len(file.packets)
    assert f"{statistics.lost} events were lost" in tool.stderr and f"printed {len(file.packets)}," in tool.stderr
    assert tool.process.returncode == 0


def test_a_hundred_thousand(lab, run, workload, tmp_path):
    tool = run("netmon", "--buffer", "64M", "-w", tmp_path / "file", "--netns", lab.b.name)
    flood(lab, workload, 100000, f"{14 + 20}:1000")
    tool.stop()
    file = load(tmp_path / "file")
    assert file.statistics[0].lost == 0 and len(file.packets) == 100000 and len(file.interfaces) == 2
    ports = collections.Counter(packet.data[34:36] for packet in file.packets)
    assert set(ports.values()) == {100} and len(ports) == 1000


def test_more_interfaces_than_are_told_apart(run, tmp_path):
    """One interface, with more names than that."""
    def rename_and_drop():
        frame = bytes(lab.ip("udp_closed_port") / lab.udp("udp_closed_port"))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            for i in range(4200):
                new = f"x{i}"
                try:
                    fcntl.ioctl(s, 0x8923, struct.pack("16s16s8x", lab.ifname.encode(), new.encode()))  # SIOCSIFNAME
                except OSError as error:
                    assert error.errno == errno.EBUSY
                    pytest.skip("this kernel does not rename an interface that is up")
                lab.ifname = new
                lab.wire.send(frame)
    with Lab("m") as lab:
        tool = run("netmon", "-w", tmp_path / "file", "--netns", lab.b.name)
        before = lab.b.snmp("Udp.NoPorts")
        lab.b.run(rename_and_drop)
        assert wait_until(lambda: lab.b.snmp("Udp.NoPorts") - before == 4200)
        tool.stop()
    file = load(tmp_path / "file")
    assert file.statistics[0].lost == 0 and len(file.interfaces) == 4097     # "any", and the one without a name
    named = [packet.interface.options.get("name") or fields(packet.comment)["interface"] for packet in file.packets]
    assert named == [f"x{i}" for i in range(4200)]
    assert sum(bool(fields(packet.comment)["interface"]) for packet in file.packets) == 4200 - 4095


# ---- where it goes ----

def test_only_the_owner_may_read_it(run, tmp_path):
    run("netmon", "-w", tmp_path / "file", "--duration", "1ms", wait=False).finish()
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600


def test_an_older_file_is_replaced(run, tmp_path):
    (tmp_path / "file").write_bytes(bytes(100000))
    run("netmon", "-w", tmp_path / "file", "--ifname", "bk-no-such", "--duration", "1ms", wait=False).finish()
    assert len(load(tmp_path / "file").blocks) == 3


def test_an_older_file_stays_when_nothing_could_be_attached(run, tmp_path):
    (tmp_path / "file").write_bytes(b"older")
    tool = run("netmon", "-w", tmp_path / "file", "--reason", "NO_SUCH_REASON", wait=False).finish()
    assert tool.process.returncode in (2, 3) and (tmp_path / "file").read_bytes() == b"older"


@pytest.mark.parametrize("closed", [False, True], ids=["stdout", "no stdout"])
def test_stdout_is_not_used_for_a_file(run, tmp_path, closed):
    more = {"preexec_fn": lambda: os.close(1)} if closed else {}
    tool = run("netmon", "-w", tmp_path / "file", "--duration", "1ms", wait=False, **more).finish()
    assert tool.process.returncode == 0 and not tool.stdout and load(tmp_path / "file").statistics


def test_a_terminal_is_refused():
    master, slave = pty.openpty()
    try:
        for file in ("-", os.ttyname(slave)):
            done = subprocess.run([BPFKIT, "netmon", "--duration", "1ms", "-w", file], stdout=slave,
                                  stderr=subprocess.PIPE, text=True, check=False)
            assert done.returncode == 2 and "is a terminal" in done.stderr
            assert len(done.stderr.replace("Try 'netmon --help'.\n", "").splitlines()) == 1
        os.set_blocking(master, False)
        with pytest.raises(BlockingIOError):
            os.read(master, 1)
    finally:
        os.close(master)
        os.close(slave)


@pytest.mark.parametrize("path", ["/", "/no/such/folder/file", "/proc/version/file"])
def test_a_file_that_cannot_be_opened(run, path):
    tool = run("netmon", "--duration", "1ms", "-w", path, wait=False).finish()
    assert tool.process.returncode == 1 and len(tool.stderr.splitlines()) == 1
    assert tool.stderr.startswith(f"netmon: cannot open '{path}' to write to it: ")


def test_a_file_is_opened_as_the_caller_may():
    """Though the executable belongs to root and has the set-user-ID bit."""
    with tempfile.TemporaryDirectory() as name:     # others cannot get into pytest's
        if os.statvfs(name).f_flag & os.ST_NOSUID:
            pytest.skip("the file system ignores the set-user-ID bit")
        tool, file = f"{name}/netmon", f"{name}/file"
        shutil.copy(BPFKIT, tool)
        os.chmod(tool, 0o4755)

        def write(mode):
            os.chmod(name, mode)
            return subprocess.run([tool, "-d", "1ms", "-w", file], stderr=subprocess.PIPE, text=True, check=False,
                                  user=65534, group=65534, extra_groups=[])
        done = write(0o711)
        assert done.returncode == 1 and "Permission denied" in done.stderr and not os.path.exists(file)
        done = write(0o777)
        assert done.returncode == 0, done.stderr
        assert os.stat(file).st_uid == 65534 and load(file).statistics


@pytest.mark.parametrize("options", [["-s", "dmac"], ["--stack"], ["--json"], ["--output", "json"], ["--no-header"],
                                     ["--timestamp", "wall"]], ids=" ".join)
def test_options_of_lines_are_refused(run, tmp_path, options):
    tool = run("netmon", "-w", tmp_path / "file", *options, wait=False).finish()
    assert tool.process.returncode == 2 and options[0].lstrip("-") in tool.stderr and not tool.stdout
    assert not (tmp_path / "file").exists()


# ---- how it ends ----

@pytest.mark.parametrize("limit", [1000, 10001, 70003])
def test_a_full_file_is_whole_and_said_once(lab, run, workload, tmp_path, limit):
    """No more than so many bytes may be written to a file."""
    tool = run("netmon", "--buffer", "8M", "-w", tmp_path / "file", "--netns", lab.b.name)
    resource.prlimit(tool.pid, resource.RLIMIT_FSIZE, (limit, limit))
    flood(lab, workload, 2000)
    tool.finish(20)
    assert tool.process.returncode == 1
    assert tool.stderr == f"netmon: cannot write to {tmp_path / 'file'}: File too large\n"
    assert len(load(tmp_path / "file").packets) > 1
    assert limit - 200 < os.path.getsize(tmp_path / "file") <= limit    # a block has less than 200 bytes


def test_a_full_disk_is_whole_and_said_once(lab, run, workload, tmp_path):
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", tmp_path], check=True)
    try:
        tool = run("netmon", "--buffer", "8M", "-w", tmp_path / "file", "--netns", lab.b.name)
        flood(lab, workload, 5000)
        tool.finish(20)
        assert tool.process.returncode == 1
        assert tool.stderr.splitlines()[-1] == f"netmon: cannot write to {tmp_path / 'file'}: No space left on device"
        assert tool.stderr.count("space") == 1
        packets = load(tmp_path / "file").packets
        assert 0 < os.path.getsize(tmp_path / "file") <= 256 << 10 and len(packets) > 500
    finally:
        subprocess.run(["umount", tmp_path], check=True)


def test_a_device_that_is_full(run):
    tool = run("netmon", "-w", "/dev/full", wait=False).finish(20)
    assert tool.process.returncode == 1
    assert tool.stderr == "netmon: cannot write to /dev/full: No space left on device\n"


@pytest.mark.parametrize("drops", [0, 5], ids=["quiet", "busy"])
def test_closed_pipe_ends_it(lab, run, drops):
    tool = run("netmon", "-w", "-", "--netns", lab.b.name, read=False)
    tool.process.stdout.close()
    if drops:
        lab.udp_closed_port(drops)
    tool.finish(10)
    assert tool.process.returncode == 0 and not tool.stderr


def test_named_pipe_waits_for_its_reader(lab, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for reader in (False, True):
        tool = Tool("netmon", "-w", tmp_path / "pipe", "-c", "5", "--netns", lab.b.name)
        try:
            if reader:
                with open(tmp_path / "pipe", "rb") as pipe:
                    tool.wait_attached()
                    lab.udp_closed_port(5)
                    assert len(Pcapng(pipe.read()).packets) == 5
                assert tool.finish(10).process.returncode == 0
            else:
                wait_until(lambda: os.readlink(f"/proc/{tool.pid}/exe") == os.path.realpath(BPFKIT))
                time.sleep(0.3)
                assert tool.stop().process.returncode == -signal.SIGINT     # it has done nothing yet
        finally:
            tool.close()


def test_a_signal_ends_it_while_nobody_reads(lab, run, workload):
    tool = run("netmon", "-w", "-", "--netns", lab.b.name, read=False)
    flood(lab, workload, 3000)          # more than a pipe holds
    time.sleep(0.5)
    tool.process.send_signal(signal.SIGTERM)
    assert wait_until(lambda: tool.process.poll() is not None, 10)
    packets = Pcapng(tool.process.stdout.read()).packets        # whole, if not all
    assert 100 < len(packets) < 3000
    assert tool.finish().process.returncode == 0 and "nobody reads it" in tool.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_file_is_complete_after(lab, run, tmp_path, number):
    tool = run("netmon", "-w", tmp_path / "file", "--netns", lab.b.name)
    lab.udp_closed_port(23)
    tool.stop(number)
    file = load(tmp_path / "file")
    assert tool.process.returncode == 0 and len(file.packets) == 23 and file.statistics


def test_packets_are_there_at_once(lab, run, tmp_path):
    """Not only at the end, and so they are when it is killed."""
    tool = run("netmon", "-w", tmp_path / "file", "--netns", lab.b.name)
    lab.udp_closed_port(23)

    def written():
        with contextlib.suppress(AssertionError):   # while it is written, the last packet need not be whole
            return len(load(tmp_path / "file").packets) == 23
    assert wait_until(written)
    tool.stop(signal.SIGKILL)
    assert len(load(tmp_path / "file").packets) == 23


# ---- text from strangers ----

def assert_inert(file):
    for block in file.blocks:
        for value in block.options.values():
            assert not isinstance(value, str) or not LIVE_CHARACTERS.search(value) and "\n" not in value


def test_interface_names_are_inert(run, tmp_path):
    with Lab("w") as lab:
        tool = run("netmon", "-w", tmp_path / "file", "--netns", lab.b.name)
        for new in map(os.fsdecode, interface_names()):
            for change in (["down"], ["name", new], ["up"]):
                subprocess.run(["ip", "-n", lab.b.name, "link", "set", "dev", lab.ifname, *change], check=True)
                lab.ifname = new if "name" in change else lab.ifname
            lab.wait_up()
            assert lab.udp_closed_port(3).counted() == 3
        tool.stop()
    file = load(tmp_path / "file")
    assert_inert(file)
    by_name = collections.Counter(packet.interface.name for packet in file.packets
                                  if packet.data[36:38] == struct.pack(">H", lab.dport("udp_closed_port")))
    assert list(by_name.values()) == [3] * len(interface_names())


def test_process_names_are_inert(run, tmp_path):
    comms = [b"bkhidden", *names(b"", 15)]
    with HiddenNetns(comms) as hidden:
        tool = run("netmon", "-w", tmp_path / "file")
        hidden.drop(5)
        tool.stop()
        count = len(hidden.comms)
    file = load(tmp_path / "file")
    assert_inert(file)
    ours = [packet for packet in file.packets if packet.data.endswith(b"bpfkit") and packet.interface.name == "lo"]
    assert len(ours) == 5 * count
    assert sum("netns: bkhidden[" in packet.comment for packet in ours) == 5
