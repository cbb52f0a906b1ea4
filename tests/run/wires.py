# SPDX-License-Identifier: GPL-2.0-only
"""Wires between two network namespaces, frames that go over them, and XDP programs of others at their end.

Frames leave `a` through a raw socket and arrive in `b`, where the tool is. The kernel itself sends nothing: there are
no addresses, and no IPv6.
"""
import contextlib
import ctypes
import json
import os
import platform
import re
import shutil
import socket
import struct
import subprocess
import time

from drops import Netns, libc, wait_until

START_SECONDS = 60          # enough for a kernel under software emulation
SOL_PACKET, PACKET_STATISTICS, ETH_P_ALL = 263, 6, 3
AT_ONCE = 64                # frames; a veth holds 256 for a native program that does not come to look at them


def has_no_privileges(pid):
    with contextlib.suppress(OSError), open(f"/proc/{pid}/status") as status:
        return "\nNoNewPrivs:\t1\n" in status.read()


class Wires:
    """`count` pairs of veth: out0, out1 ... in a, in0, in1 ... in b."""

    def __init__(self, tag="", count=1, mtu=1500):
        self.names = [f"bkw{os.getpid()}{tag}{side}" for side in "ab"]
        self.count, self.mtu = count, mtu
        self.undo = contextlib.ExitStack()

    def __enter__(self):
        with contextlib.ExitStack() as undo:
            self.a, self.b = map(Netns, self.names)
            undo.callback(self.remove)
            for netns in (self.a, self.b):
                netns.sysctl("ipv6.conf.default.disable_ipv6", 1)
                netns.sysctl("ipv6.conf.all.disable_ipv6", 1)
            self.outs, self.taps, self.counts = [], [], []
            for i in range(self.count):
                subprocess.run(["ip", "-n", self.b.name, "link", "add", f"in{i}", "mtu", str(self.mtu), "type", "veth",
                                "peer", "name", f"out{i}", "mtu", str(self.mtu), "netns", self.a.name], check=True)
                self.link("set", f"out{i}", "up", netns=self.a)
                self.link("set", f"in{i}", "up")
                self.outs.append(undo.enter_context(self.a.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)))
                self.outs[i].bind((f"out{i}", 0))
                self.taps.append(undo.enter_context(self.b.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)))
                self.taps[i].bind((f"in{i}", ETH_P_ALL))
                self.counts.append(0)
            self.undo = undo.pop_all()
        return self

    def __exit__(self, *_):
        self.undo.close()

    def remove(self):
        for netns in (self.a, self.b):
            if os.path.exists(netns.path):
                netns.remove()

    def link(self, *words, netns=None):
        return subprocess.run(["ip", "-j", "-d", "-n", (netns or self.b).name, "link", *words], check=True,
                              stdout=subprocess.PIPE, text=True).stdout

    def links(self):
        """{name: what ip says of it}"""
        return {link["ifname"]: link for link in json.loads(self.link("show"))}

    def programs(self, name="in0"):
        """Ids of the XDP programs that an interface has, as ip says."""
        xdp = self.links()[name].get("xdp", {})
        return [attached["prog"]["id"] for attached in xdp.get("attached", [xdp] if "prog" in xdp else [])]

    def arrived(self, wire=0):
        """How many frames have got past XDP at the end of this wire."""
        packets, _ = struct.unpack("II", self.taps[wire].getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
        self.counts[wire] += packets
        return self.counts[wire]

    def send(self, frames, wire=0, wait=True):
        """Until all have arrived, if nobody takes them away."""
        for i in range(0, len(frames), AT_ONCE):
            some, before = frames[i:i + AT_ONCE], self.arrived(wire)
            for frame in some:
                self.outs[wire].send(frame)
            if wait:
                assert wait_until(lambda: self.arrived(wire) - before >= len(some), START_SECONDS)

    def start(self, run, *args, links=1, **more):
        """The tool, in b; it has so many links before this returns, or has not begun if there shall be none."""
        tool = self.b.run(lambda: run("xdpdump", *args, wait=False, **more))
        if links:
            # it tries whether it may look at a program of somebody else's, by a link; what it gives up last is privileges
            wait_until(lambda: tool.process.poll() is not None or (
                len(tool.objects().get("link", ())) >= links and has_no_privileges(tool.process.pid)), START_SECONDS)
            if tool.process.poll() is not None:
                tool.finish()
                raise AssertionError(f"{' '.join(tool.args)}: ended with {tool.process.returncode} before it was "
                                     f"attached: {tool.stderr}")
        return tool

    @contextlib.contextmanager
    def tcpdump(self, path, *args, side="a", wire=0):
        """Writes a file meanwhile: what goes out of a, or comes into b."""
        netns, name = (self.a, f"out{wire}") if side == "a" else (self.b, f"in{wire}")
        process = netns.run(lambda: subprocess.Popen(
            ["tcpdump", "-i", name, "-n", "-U", "--immediate-mode", "-B", "16384", "-s", str(self.mtu + 64),
             "-Z", "root", "-w", path, *args], stderr=subprocess.PIPE, text=True))
        try:
            process.stderr.readline()       # listening on ...
            yield
            size = None
            while size != (size := os.path.getsize(path)):      # it does not read on when it is told to end
                time.sleep(0.3)
        finally:
            process.terminate()
            process.said = process.communicate()[1]
        assert re.search(r"^0 packets dropped by kernel", process.said, re.M), process.said


# ---- programs of others ----

SOURCE = """
struct xdp_md { unsigned int data, data_end; };
unsigned long long frames_seen;
__attribute__((section("xdp"), used)) int %s(struct xdp_md *ctx)
{
	__sync_fetch_and_add(&frames_seen, 1);
	return %d;
}
char LICENSE[] __attribute__((section("license"))) = "GPL";
"""
VERDICTS = {"ABORTED": 0, "DROP": 1, "PASS": 2, "TX": 3}
BPF_OBJ_GET, BPF_LINK_CREATE, BPF_XDP, XDP_FLAGS_SKB, XDP_FLAGS_DRV = 7, 28, 37, 2, 4


def bpf(command, attr):
    number = {"x86_64": 321, "aarch64": 280}[platform.machine()]
    buffer = ctypes.create_string_buffer(attr, 128)
    fd = libc.syscall(number, command, buffer, len(buffer))
    if fd < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return fd


def clang():
    return next(filter(shutil.which, ["clang", *(f"clang-{n}" for n in range(22, 13, -1))]), None)


class Foreign:
    """A program that counts frames and returns a verdict. Its name is longer than the kernel keeps."""

    def __init__(self, folder, verdict="PASS"):
        self.verdict = verdict
        self.name = f"somebody_elses_program_{verdict.lower()}"
        self.object = folder / f"{self.name}.o"
        if not self.object.exists():
            source = folder / f"{self.name}.c"
            source.write_text(SOURCE % (self.name, VERDICTS[verdict]))
            subprocess.run([clang(), "-O2", "-g", "-target", "bpf", "-mcpu=v3", "-c", "-o", self.object, source],
                           check=True)

    def load(self, bpffs):
        self.pin = f"{bpffs}/{self.name}"
        subprocess.run(["bpftool", "prog", "load", self.object, self.pin, "type", "xdp"], check=True)
        self.id = json.loads(subprocess.run(["bpftool", "-j", "prog", "show", "pinned", self.pin], check=True,
                                            stdout=subprocess.PIPE).stdout)["id"]
        return self

    def attach_by_netlink(self, wires, generic=False, name="in0"):
        wires.link("set", name, "xdpgeneric" if generic else "xdpdrv", "pinned", self.pin)

    def attach_by_link(self, wires, generic=False, name="in0"):
        """Returns the link, to be closed."""
        path = self.pin.encode() + b"\0"
        text = ctypes.create_string_buffer(path)
        prog = bpf(BPF_OBJ_GET, struct.pack("Q", ctypes.addressof(text)))
        try:
            index = wires.links()[name]["ifindex"]
            flags = XDP_FLAGS_SKB if generic else XDP_FLAGS_DRV
            return wires.b.run(bpf, BPF_LINK_CREATE, struct.pack("IIII", prog, index, BPF_XDP, flags))
        finally:
            os.close(prog)

    def unload(self):
        os.unlink(self.pin)

    @property
    def seen(self):
        return frames_seen(self.id)


def frames_seen(program):
    """What such a program has counted."""
    def bpftool(*words):
        return subprocess.run(["bpftool", "-j", *words], check=True, stdout=subprocess.PIPE, text=True).stdout
    for number in json.loads(bpftool("prog", "show", "id", str(program)))["map_ids"]:
        if found := re.search(r'"frames_seen":\s*(\d+)', bpftool("map", "dump", "id", str(number))):
            return int(found[1])
    raise LookupError(program)
