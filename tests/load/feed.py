# SPDX-License-Identifier: GPL-2.0-only
"""A running xdpdump, whose program is given frames by BPF_PROG_TEST_RUN; and libpcap's own answer to an expression."""
import ctypes
import ctypes.util
import pathlib
import platform
import re
import signal
import struct
import subprocess
import time

from objects import ALONE, BPFKIT, INTERFACE, OBJECTS, SECONDS

LIBC = ctypes.CDLL(None, use_errno=True)
SYS_BPF = {"x86_64": 321, "aarch64": 280}[platform.machine()]
BPF_PROG_TEST_RUN, BPF_PROG_GET_FD_BY_ID = 10, 13
BPF_PROG_TYPE_XDP = 6
XDP_PASS = 2


def bpf(command, attr):
    """(what the call returns, errno)"""
    got = LIBC.syscall(SYS_BPF, command, attr, len(attr))
    return got, ctypes.get_errno() if got < 0 else 0


class Running:
    """xdpdump on an interface where nothing comes by itself. What it writes goes to files in a folder."""

    before = ALONE

    def __init__(self, folder, *args):
        self.out, self.err = folder / "out", folder / "err"
        command = [*self.before, BPFKIT, "xdpdump", *INTERFACE["xdpdump"], *args]
        with open(self.out, "wb") as out, open(self.err, "wb") as err:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        self.program = None
        self.back = ctypes.create_string_buffer(1 << 17)

    def __enter__(self):
        end = time.monotonic() + SECONDS
        while self.program is None:
            assert self.process.poll() is None and time.monotonic() < end, self.err.read_text()
            time.sleep(0.01)
            self.program = self.find_program()
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.program is not None:
            LIBC.close(self.program)

    def find_program(self):
        """That of the link which the tool holds once it is attached."""
        for path in pathlib.Path(f"/proc/{self.process.pid}/fdinfo").glob("*"):
            try:
                facts = dict(line.split(":\t", 1) for line in path.read_text().splitlines() if ":\t" in line)
            except OSError:
                continue
            if facts.get("link_type") == "xdp":
                return self.open_program(int(facts["prog_id"]))
        return None

    def open_program(self, number):
        fd, error = bpf(BPF_PROG_GET_FD_BY_ID, struct.pack("=III4x", number, 0, 0))
        assert not error
        return fd

    def feed(self, frame):
        """The program has to pass it as it is. Returns the errno of a kernel that runs no program with such a frame."""
        attr = ctypes.create_string_buffer(struct.pack("=IIIIQQIIIIQQIIII", self.program, 0, len(frame), len(self.back),
                                                       ctypes.cast(ctypes.c_char_p(frame), ctypes.c_void_p).value or 0,
                                                       ctypes.addressof(self.back), 1, *[0] * 9), 80)
        _, error = bpf(BPF_PROG_TEST_RUN, attr)
        if not error:
            _, verdict, _, size = struct.unpack_from("=IIII", attr)
            assert verdict == XDP_PASS
            assert self.back.raw[:size] == frame if size < 1 << 10 else self.back[:size] == frame, "it was changed"
        return error

    def wait(self, lines):
        """Until there are so many on stdout."""
        end = time.monotonic() + SECONDS
        while self.out.read_bytes().count(b"\n") < lines:
            assert self.process.poll() is None and time.monotonic() < end
            time.sleep(0.02)

    def end(self):
        """(stdout, stderr)"""
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(SECONDS) == 0, self.err.read_text()
        return self.out.read_bytes(), self.err.read_text()


FOREIGN = OBJECTS / "pkt_direct.bpf.o"
ATTACH_FOREIGN = """
PATH=$PATH:/usr/sbin:/sbin
mount -t bpf none "$0"
bpftool prog loadall "$1" "$0"
ip link set dev lo xdpgeneric pinned "$0/xdp_all"
shift
exec "$@"
"""


class AtForeign(Running):
    """The program is somebody else's, and xdpdump's are at its entry and its exit."""

    def __init__(self, folder, *args):
        (folder / "programs").mkdir()
        self.before = [*ALONE, "--mount", "bash", "-ec", ATTACH_FOREIGN, folder / "programs", FOREIGN]
        super().__init__(folder, "--verbose", *args)

    def find_program(self):
        said = self.err.read_text()
        number = re.search(r"lo has the XDP program xdp_all \(id (\d+), generic\)", said)
        return self.open_program(int(number[1])) if number and "attached after" in said else None


# ---- libpcap ----

class Program(ctypes.Structure):
    _fields_ = [("n", ctypes.c_uint), ("insns", ctypes.c_void_p)]


def load_libpcap():
    name = ctypes.util.find_library("pcap")
    if not name:
        return None
    library = ctypes.CDLL(name)
    library.pcap_open_dead.restype = library.pcap_geterr.restype = ctypes.c_void_p
    library.pcap_open_dead.argtypes = [ctypes.c_int, ctypes.c_int]
    library.pcap_compile.argtypes = [ctypes.c_void_p, ctypes.POINTER(Program), ctypes.c_char_p, ctypes.c_int, ctypes.c_uint]
    library.bpf_filter.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_uint, ctypes.c_uint]
    library.bpf_filter.restype = ctypes.c_uint
    return library


LIBPCAP = load_libpcap()


class Expression:
    """As libpcap compiles and runs it."""
    ETHERNET, LONGEST, NETMASK_UNKNOWN = 1, 262144, 0xffffffff

    def __init__(self, text):
        self.program = Program()
        handle = LIBPCAP.pcap_open_dead(self.ETHERNET, self.LONGEST)
        assert not LIBPCAP.pcap_compile(handle, self.program, text.encode(), 1, self.NETMASK_UNKNOWN), text

    def matches(self, frame):
        return LIBPCAP.bpf_filter(self.program.insns, frame, len(frame), len(frame)) != 0
