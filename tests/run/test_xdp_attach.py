# SPDX-License-Identifier: GPL-2.0-only
"""lib/xdp.c, through tests/xdp/xdptest, in network and mount namespaces of the test's own."""
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import threading
import time

import pytest

from conftest import BPFKIT, START_SECONDS
from drops import Netns, wait_until

XDPTEST = pathlib.Path(BPFKIT).resolve().parent / "tests/xdp/xdptest"
FRAMES = 23
LENGTH = 71
ETH_P_ALL = 3
PATTERN = b"\2\0\0\0\0\1\2\0\0\0\0\2\x88\xb5"       # to, from, a type that is for experiments
COPIES = {"native": "xdpdrv", "generic": "xdpgeneric"}
OBJECTS = f"/usr/lib/{os.uname().machine}-linux-gnu/bpf"
DISPATCHED = [f"{OBJECTS}/xdpfilt_alw_ip.o", f"{OBJECTS}/xdpfilt_alw_eth.o"]
DISPATCHER = f"{OBJECTS}/xdp-dispatcher.o"


class Attached:
    """A program that says a line for each interface that it has attached to, and "attached after" when it is done."""

    def __init__(self, room, *args):
        self.process = subprocess.Popen([*room.prefix, XDPTEST, *map(str, args)], stdin=subprocess.DEVNULL, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.lines = []
        late = threading.Timer(START_SECONDS, self.process.kill)
        late.start()
        while not self.lines or not self.lines[-1].startswith("attached"):
            line = self.process.stdout.readline()
            if not line:
                late.cancel()
                self.end(None)
                raise AssertionError(f"{args} did not attach: {self.stderr}")
            self.lines.append(line.strip())
        late.cancel()

    @property
    def modes(self):
        return dict(line.split() for line in self.lines[:-1])

    def end(self, number=signal.SIGTERM):
        """The exit status. frames, bytes: what it saw, if it was not killed."""
        if number:
            self.process.send_signal(number)
        out, self.stderr = self.process.communicate(timeout=START_SECONDS)
        found = re.search(r"^frames (\d+) bytes (\d+)$", out, re.M)
        self.frames, self.bytes = map(int, found.groups()) if found else (None, None)
        return self.process.returncode


class Room(Netns):
    """Namespaces of the network and of mounts, which end with the process that holds them. Two ends of a veth."""

    def __init__(self, mtu=1500):
        script = "mount -t bpf bpf /sys/fs/bpf && echo ready && exec sleep infinity"
        self.holder = subprocess.Popen(["unshare", "--mount", "--net", "sh", "-c", script], stdout=subprocess.PIPE)
        assert self.holder.stdout.readline() == b"ready\n"
        self.path = f"/proc/{self.holder.pid}/ns/net"
        self.inode = os.stat(self.path).st_ino
        self.prefix = ["nsenter", "-t", str(self.holder.pid), "--mount", "--net"]
        self.attached = []
        self.command("sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")
        self.command("ip", "link", "add", "va", "type", "veth", "peer", "name", "vb")
        for end in "va", "vb":
            self.command("ip", "link", "set", end, "up", "mtu", str(mtu))

    def remove(self):
        for one in self.attached:
            if one.process.poll() is None:
                one.end(signal.SIGKILL)
        self.holder.kill()
        self.holder.wait()
        self.holder.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.remove()

    def command(self, *argv, check=True):
        done = subprocess.run([*self.prefix, *map(str, argv)], check=False, text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=START_SECONDS)
        assert not check or done.returncode == 0, f"{argv}: {done.stderr}"
        return done if not check else done.stdout

    def attach(self, *args):
        self.attached.append(Attached(self, "attach", *args))
        return self.attached[-1]

    def refused(self, *args, verb="attach"):
        """The one sentence that says why."""
        done = self.command(XDPTEST, verb, *args, check=False)
        assert done.returncode in (1, 3), done
        assert done.stderr.startswith("xdptest: ") and done.stderr.count("\n") == 1, done.stderr
        return done.stderr[len("xdptest: "):-1]

    def programs(self, interface="va"):
        """{mode: (id, name, link, is it a dispatcher?)}, as the library says, which must be what ip says."""
        line, = [line for line in self.command(XDPTEST, "list").splitlines() if line.split()[1] == interface]
        found = {}
        for word in line.split()[4:]:
            mode, number, name, link, *more = word.split(":")
            found[mode] = (int(number), name, int(link), bool(more))
        shown = json.loads(self.command("ip", "-j", "link", "show", "dev", interface))[0].get("xdp", {})
        ids = {shown["prog"]["id"]} if "prog" in shown else {one["prog"]["id"] for one in shown.get("attached", [])}
        assert {number for number, *_ in found.values()} == ids
        return found

    def send(self, n=FRAMES, length=LENGTH, interface="vb"):
        with self.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL)) as s:
            s.bind((interface, 0))
            for _ in range(n):
                s.send(PATTERN.ljust(length, b"x"))

    def foreign_frames(self, number):
        """What the program of somebody else has counted."""
        ids = json.loads(self.command("bpftool", "-j", "prog", "show", "id", number))["map_ids"]
        for one in ids:
            dump = json.loads(self.command("bpftool", "-j", "map", "dump", "id", one))
            for variable in dump[0].get("formatted", {}).get("value", {}).get(".bss", []):
                if "foreign_frames" in variable:
                    return variable["foreign_frames"]
        raise AssertionError("the program has no counter")


@pytest.fixture
def room():
    with Room() as room:
        yield room


def has_frags(room):
    """Has the kernel programs for several pieces? (5.18) bpftool does not know them; the kernel's types do."""
    return b"bpf_xdp_get_buff_len" in pathlib.Path("/sys/kernel/btf/vmlinux").read_bytes()


# ---- modes ----

@pytest.mark.parametrize("wanted, mode", [("native", "native"), ("generic", "generic"), ("auto", "native")])
def test_a_program_sees_every_frame_in_the_mode_it_has(room, wanted, mode):
    one = room.attach("-m", wanted, "va")
    assert one.modes == {"va": mode}
    assert list(room.programs()) == [mode]
    assert room.programs()[mode][1] == "xdptest" and room.programs()[mode][2]
    room.send()
    wait_until(lambda: False, 0.2)              # a frame can still be on its way
    assert one.end() == 0 and one.stderr == ""
    assert (one.frames, one.bytes) == (FRAMES, FRAMES * LENGTH)
    assert room.programs() == {}


def test_where_there_is_no_native_xdp_generic_is_used_and_said(room):
    room.command("ip", "link", "set", "lo", "up")
    one = room.attach("lo")
    assert one.modes == {"lo": "generic"}
    room.send(interface="lo")
    one.end()
    assert re.fullmatch(r"xdptest: lo: the driver refuses native XDP \([Uu]nderlying driver does not support XDP in native "
                        r"mode\): generic is used, which costs more\n", one.stderr)
    assert one.frames == FRAMES
    assert "use -S (generic)" in room.refused("-m", "native", "lo")
    assert room.programs("lo") == {}


def test_a_driver_that_takes_no_offloaded_programs_is_said_so(room):
    assert re.fullmatch(r"va: its driver takes no offloaded XDP programs \(.+\): use -N \(native\) or -S \(generic\)",
                        room.refused("-m", "offload", "va"))
    assert room.programs() == {}


def test_an_interface_that_is_not_there(room):
    assert room.refused("nosuch") == "there is no interface 0 in this network namespace"
    assert room.refused("#7777") == "there is no interface 7777 in this network namespace"
    assert room.refused("#-1") == "there is no interface -1 in this network namespace"


# ---- programs of others ----

@pytest.mark.parametrize("theirs", ["native", "generic"])
@pytest.mark.parametrize("ours", ["native", "generic", "auto"])
@pytest.mark.parametrize("how", ["netlink", "link"])
def test_the_program_of_somebody_else_is_named_and_left_alone(room, how, theirs, ours):
    if how == "netlink":
        room.command(XDPTEST, "hold", "netlink", "va", theirs)
    else:
        room.attached.append(Attached(room, "hold", "link", "va", theirs))
    before = room.programs()
    (number, name, link, dispatcher), = before.values()
    assert list(before) == [theirs] and name == "foreign_counter_of_frames" and not dispatcher
    assert bool(link) == (how == "link")
    room.send()
    wait_until(lambda: room.foreign_frames(number) == FRAMES)
    said = room.refused("-m", ours, "va")
    by = f"link {link}" if link else "netlink"
    do = f"end its owner, or bpftool link detach id {link}" if link else f"ip link set dev va {COPIES[theirs]} off"
    assert said == (f"va already has the XDP program foreign_counter_of_frames (id {number}, {theirs}, by {by}); "
                    f"it is left alone: detach it first ({do})")
    assert room.programs() == before
    room.send()
    assert wait_until(lambda: room.foreign_frames(number) == 2 * FRAMES)
    if how == "netlink":
        room.command("ip", "link", "set", "dev", "va", COPIES[theirs], "off")
        assert room.programs() == {}


def test_one_refusal_takes_off_what_was_attached_before_it(room):
    room.command(XDPTEST, "hold", "netlink", "vb", "native")
    before = room.programs("vb")
    assert room.refused("va", "vb").startswith("vb already has the XDP program")
    assert room.programs("va") == {} and room.programs("vb") == before


def test_a_hint_has_no_name_that_a_shell_would_run(room):
    name = "a;$(reboot)"
    room.command("ip", "link", "add", "name", name, "type", "veth")
    room.command(XDPTEST, "hold", "netlink", name, "native")
    said = room.refused(name)
    assert said.startswith(f"{name} already has") and said.endswith("(ip link set dev IF xdpdrv off)")


def need_xdp_tools():
    if not shutil.which("xdp-loader") or not all(map(os.path.exists, [*DISPATCHED, DISPATCHER])):
        pytest.skip("xdp-tools is not there (Debian has it from 12 on)")


def test_what_libxdp_attaches_is_left_alone(room):
    """Programs behind its dispatcher, or, where the kernel refuses what that is made of (freplace), one alone."""
    need_xdp_tools()
    loads = [room.command("xdp-loader", "load", "va", file, check=False).returncode for file in DISPATCHED]
    before = room.programs()
    (number, name, link, dispatcher), = before.values()
    said = room.refused("va")
    if name == "xdp_dispatcher":
        assert loads == [0, 0] and dispatcher
        assert said == (f"va already has libxdp's dispatcher xdp_dispatcher (id {number}, native, by netlink)"
                        f"{behind(room, number)}; it is left alone: detach it first (xdp-loader unload va --all)")
    else:
        assert loads[0] == 0 and loads[1] and not dispatcher
        assert said == (f"va already has the XDP program xdpfilt_alw_ip (id {number}, native, by netlink); "
                        "it is left alone: detach it first (ip link set dev va xdpdrv off)")
    assert room.programs() == before and not link
    room.command("xdp-loader", "unload", "va", "--all")
    assert room.programs() == {}


def behind(room, dispatcher):
    """What the sentence says of the programs behind a dispatcher, which must be what xdp-loader says."""
    listed = room.command(XDPTEST, "components", dispatcher, check=False)
    if listed.returncode:           # before 5.13
        assert "Operation not supported" in listed.stderr
        return ""
    parts = [line.split()[:2] for line in listed.stdout.splitlines()]
    shown = room.command("xdp-loader", "status", "va")
    assert parts == [[number, name] for name, number in re.findall(r"=>\s+\d+\s+(\S+)\s+(\d+)", shown)]
    assert sorted(name for _, name in parts) == ["xdpfilt_alw_eth", "xdpfilt_alw_ip"]
    return " with " + ", ".join(f"{name} (id {number})" for number, name in parts)


def test_a_dispatcher_with_nothing_behind_it_is_one(room):
    need_xdp_tools()
    room.command("bpftool", "prog", "loadall", DISPATCHER, "/sys/fs/bpf/theirs", "type", "xdp")
    room.command("bpftool", "net", "attach", "xdpdrv", "pinned", "/sys/fs/bpf/theirs/xdp_dispatcher", "dev", "va")
    before = room.programs()
    (number, name, _, dispatcher), = before.values()
    assert name == "xdp_dispatcher" and dispatcher
    assert room.refused("va").startswith(f"va already has libxdp's dispatcher xdp_dispatcher (id {number}, native, by "
                                         "netlink); it is left alone")
    assert room.programs() == before


# ---- the end ----

@pytest.mark.parametrize("mode", ["native", "generic"])
def test_a_killed_process_leaves_nothing(room, mode):
    one = room.attach("-m", mode, "va", "vb")
    assert list(room.programs()) == list(room.programs("vb")) == [mode]
    one.end(signal.SIGKILL)
    assert wait_until(lambda: not room.programs() and not room.programs("vb"))


def test_the_run_ends_when_the_last_interface_is_gone(room):
    one = room.attach("va", "vb")
    room.send()
    room.command("ip", "link", "del", "va")     # and so its other end
    assert one.end(None) == 0
    gone = re.fullmatch(r"xdptest: (v[ab]) is gone: nothing is seen of it any more\n"
                        r"xdptest: (v[ab]) is gone: it was the last interface, so this ends\n", one.stderr)
    assert gone and set(gone.groups()) == {"va", "vb"}
    assert one.frames == FRAMES


def test_an_interface_that_moves_to_another_namespace_is_let_go(room):
    with Room() as other:
        other.command("ip", "link", "del", "va")
        one = room.attach("va")
        room.command("ip", "link", "set", "va", "netns", str(other.holder.pid))
        assert one.end(None) == 0 and "va is gone" in one.stderr
        assert other.programs() == {}


def test_leaving_a_bridge_is_not_leaving(room):
    room.command("ip", "link", "add", "bridge", "type", "bridge")
    room.command("ip", "link", "set", "va", "master", "bridge")
    one = room.attach("va")
    room.command("ip", "link", "set", "va", "nomaster")
    room.send()
    assert room.programs()
    assert one.end() == 0 and one.stderr == "" and one.frames >= FRAMES


def test_what_somebody_detaches_is_noticed(room):
    one = room.attach("va")
    (_, _, link, _), = room.programs().values()
    room.command("bpftool", "link", "detach", "id", link)
    assert one.end(None) == 0
    assert one.stderr == ("xdptest: va has our program no more, which somebody detached: it was the last interface, so "
                          "this ends\n")


# ---- large frames ----

def test_large_frames(room):
    with Room(mtu=9000) as large:
        said = large.refused("-m", "native", "va")
        assert re.fullmatch(r"va: the driver refuses native XDP: .*MTU.*: lower the MTU \(ip link set dev va mtu 1500; "
                            r"of a veth, that of its other end\), or use -S \(generic\)", said)
        assert large.programs() == {}
        one = large.attach("va")
        assert one.modes == {"va": "generic"}
        large.send(length=9000)
        one.end()
        assert "MTU" in one.stderr and one.frames == FRAMES
        if not has_frags(large):
            assert "MTU" in large.refused("-m", "native", "-f", "va")
            return
        one = large.attach("-m", "native", "-f", "va")
        large.send(length=9000)
        assert one.end() == 0 and one.stderr == ""
        assert (one.frames, one.bytes) == (FRAMES, FRAMES * 9000)


# ---- namespaces ----

def test_the_same_index_in_another_namespace_is_another_interface(room):
    with Room() as other:
        index = {json.loads(one.command("ip", "-j", "link", "show", "va"))[0]["ifindex"] for one in (room, other)}
        assert len(index) == 1
        theirs = other.attach("va")
        ours = room.attach("va")
        room.send()
        other.send(n=2 * FRAMES)
        ours.end()
        assert room.programs() == {} and list(other.programs()) == ["native"]
        theirs.end()
        assert (ours.frames, theirs.frames) == (FRAMES, 2 * FRAMES)


def test_a_link_in_another_namespace_is_not_taken_for_the_one_that_is_here(room):
    with Room() as other:
        other.command(XDPTEST, "hold", "link", "va", "native", "/sys/fs/bpf/theirs", room.path)
        (number, _, link, _), = other.programs().values()
        assert link and room.programs()["native"][0] == number
        assert f"(id {number}, native, by netlink); it" in room.refused("va")
        assert f"native, by link {link}); it" in other.refused("va")


# ---- many ----

def test_any_attaches_to_all_that_are_up_and_soon(room):
    lines = "".join(f"link add a{i} up type veth peer name b{i}\nlink set b{i} up\n" for i in range(50))
    subprocess.run([*room.prefix, "ip", "-batch", "-"], input=lines, text=True, check=True)
    room.command("ip", "link", "set", "vb", "down")
    began = time.monotonic()
    process = subprocess.Popen([*room.prefix, "prlimit", "--nofile=80:4096", XDPTEST, "attach", "any"],
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        lines = [process.stdout.readline().strip() for _ in range(102)]
        took = time.monotonic() - began
    finally:
        process.terminate()
        process.communicate(timeout=START_SECONDS)
    assert sorted(lines[:101]) == sorted(["va native"] + [f"{end}{i} native" for i in range(50) for end in "ab"])
    assert took < (5 if "BPFKIT_KERNEL" not in os.environ else START_SECONDS), f"{took} s, it said {lines[101]}"
    assert room.programs("a0") == {}


# ---- pins ----

def pins(room):
    return room.command("ls", "/sys/fs/bpf/bpfkit", check=False).stdout.split()


def test_a_pinned_program_stays_until_it_is_unpinned(room):
    one = room.attach("-p", "va")
    before = room.programs()
    assert one.end() == 0
    assert room.programs() == before and len(pins(room)) == 1
    assert room.command("stat", "-c", "%a %u", "/sys/fs/bpf/bpfkit") == "700 0\n"
    # ours, too, is left alone
    assert room.refused("va").startswith("va already has the XDP program xdptest")
    assert re.fullmatch(r"va: nothing of xdpother is pinned for it \(there is no .+\)",
                        room.refused("xdpother", "va", verb="unpin"))
    assert "nothing of xdptest is pinned" in room.refused("xdptest", "vb", verb="unpin")
    assert room.programs() == before
    room.command(XDPTEST, "unpin", "xdptest", "va")
    assert room.programs() == {} and pins(room) == []


def test_unpinning_takes_it_off_though_somebody_holds_it(room):
    one = room.attach("-p", "va", "vb")
    room.command(XDPTEST, "unpin", "xdptest", "va")
    assert room.programs() == {} and len(room.programs("vb")) == 1
    assert wait_until(lambda: one.process.poll() is None and len(pins(room)) == 1)
    assert one.end() == 0
    room.command(XDPTEST, "unpin", "xdptest", "vb")


def our_pin(room, interface="va"):
    index = json.loads(room.command("ip", "-j", "link", "show", interface))[0]["ifindex"]
    return f"/sys/fs/bpf/bpfkit/xdptest-{room.inode}-{index}"


def test_what_is_not_ours_is_not_unpinned(room):
    room.attach("-p", "vb").end()
    ours, place = our_pin(room, "vb"), our_pin(room)
    # a program of somebody else, where ours would be
    room.command(XDPTEST, "hold", "link", "va", "native", place)
    before = room.programs()
    assert room.refused("xdptest", "va", verb="unpin") == f"va: {place} is left alone: its program is none of that tool"
    assert room.programs() == before and len(pins(room)) == 2
    # something that is no link
    room.command("rm", place)
    assert room.programs() == {}
    (number, *_), = room.programs("vb").values()
    room.command("bpftool", "prog", "pin", "id", number, place)
    assert room.refused("xdptest", "va", verb="unpin") == f"va: {place} is left alone: it is no link of XDP"
    # one of ours, but to another interface
    room.command("rm", place)
    room.command("mv", ours, place)
    assert room.refused("xdptest", "va", verb="unpin") == \
        f"va: {place} is left alone: it is a link to another interface"
    assert len(room.programs("vb")) == 1
    room.command("mv", place, ours)
    # one of ours, to an interface that has the same index in another namespace, where we are, too
    room.attach("-p", "va").end()
    with Room() as other:
        place = our_pin(room).replace(str(room.inode), str(other.inode))
        room.command("mv", our_pin(room), place)
        theirs = other.attach("va")
        other.prefix = ["nsenter", "-t", str(room.holder.pid), "--mount",
                        "nsenter", "-t", str(other.holder.pid), "--net"]
        assert other.refused("xdptest", "va", verb="unpin") == \
            f"va: {place} is left alone: its program is not the one that is there"
        assert len(room.programs()) == len(other.programs()) == 1
        assert theirs.end() == 0


def test_a_pin_that_is_there_is_not_overwritten(room):
    room.attach("-p", "vb").end()
    room.command("mv", our_pin(room, "vb"), our_pin(room))
    assert room.refused("-p", "va") == f"va: {our_pin(room)} is there already: detach that first"
    assert room.programs() == {} and len(room.programs("vb")) == 1


def test_the_pin_of_an_interface_that_went_is_replaced(room):
    index = json.loads(room.command("ip", "-j", "link", "show", "va"))[0]["ifindex"]
    room.attach("-p", "va").end()
    room.command("ip", "link", "del", "va")
    room.command("ip", "link", "add", "va", "index", index, "up", "type", "veth", "peer", "name", "vb")
    assert len(pins(room)) == 1 and room.programs() == {}
    room.attach("-p", "va").end()
    assert len(pins(room)) == 1 and len(room.programs()) == 1
    room.command("ip", "link", "del", "va")
    room.command("ip", "link", "add", "va", "index", index, "up", "type", "veth", "peer", "name", "vb")
    room.command(XDPTEST, "unpin", "xdptest", "va")
    assert pins(room) == []


def test_pins_need_a_folder_of_ours(room):
    room.command("mkdir", "/sys/fs/bpf/bpfkit")
    room.command("chmod", "755", "/sys/fs/bpf/bpfkit")
    assert room.refused("-p", "va") == \
        "/sys/fs/bpf/bpfkit is no folder of ours alone (owner 0, mode 755): remove it"
    room.command("umount", "/sys/fs/bpf")
    if "bpf" in room.command("stat", "-f", "-c", "%T", "/sys/fs/bpf"):
        room.command("umount", "/sys/fs/bpf")
    assert room.refused("-p", "va") == \
        "/sys/fs/bpf is no BPF file system: mount it (mount -t bpf bpf /sys/fs/bpf)"
    assert room.programs() == {}
