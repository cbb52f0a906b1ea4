# SPDX-License-Identifier: GPL-2.0-only
"""Runs of the binary under test, what the kernel holds, and what is in the compiled programs."""
import collections
import glob
import json
import os
import pathlib
import platform
import re
import shutil
import struct
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BPFKIT = pathlib.Path(os.environ.get("BPFKIT", ROOT / "build/bpfkit")).absolute()
OBJECTS = BPFKIT.resolve().parent / "bpf"
TOOLS = re.findall(r"^TOOL\((\w+)\)$", (ROOT / "cmd/tools.h").read_text(), re.M)
COMPILER = (OBJECTS / "compiler").read_text().strip() if (OBJECTS / "compiler").exists() else "an unknown compiler"
BPFTOOL = shutil.which("bpftool", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin:/usr/local/sbin")
SECONDS = 120           # for a load under software emulation

# In a guest of tests/vm the kernel has a name; elsewhere its first two numbers are one.
KERNEL = os.environ.get("BPFKIT_KERNEL") or ".".join(platform.release().split(".")[:2])


def table(name):
    """The lines of a table in tests/vm, in words."""
    lines = (ROOT / "tests/vm" / name).read_text().splitlines()
    return [line.split() for line in lines if line.strip() and not line.startswith("#")]


# Where tracefs is not mounted, it is mounted for the tool alone: classic tracepoints need it.
TRACEFS = pathlib.Path("/sys/kernel/tracing")
WITH_TRACEFS = ["unshare", "--mount", "sh", "-c", 'mount -t tracefs tracefs "$0" 2>/dev/null; exec "$@"', TRACEFS]


# What a tool cannot do without. It is run in a network namespace that ends with it, where there is only this interface.
INTERFACE = {"xdpdump": ["--interface", "lo"]}
ALONE = ["unshare", "--net"]


def run(*args):
    root = not os.geteuid()
    with_tracefs = WITH_TRACEFS if root and not (TRACEFS / "events").exists() else []
    interface = INTERFACE.get(args[0], []) if root else []
    return call(*(ALONE if interface else []), *with_tracefs, BPFKIT, args[0], *interface, *args[1:])


def call(*command):
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", timeout=SECONDS)


def complete(*words):
    return [line.split("\t")[0] for line in run("--complete", *words).stdout.splitlines()]


# ---- what the verifier said, from -vv ----

def verified(stderr):
    """{program: instructions that the verifier went through}"""
    logs = re.findall(r"prog '([^']+)': -- BEGIN PROG LOAD LOG --\n"
                      r"(?:(?!.*-- END PROG LOAD LOG --).*\n)*?.*processed (\d+) insns", stderr)
    return {name: int(count) for name, count in logs}


# ---- what the kernel holds ----

def show(kind):
    for _ in range(20):     # an object that goes while bpftool looks at it is an error
        done = subprocess.run([BPFTOOL, "-j", kind, "show"], capture_output=True, text=True)
        if done.returncode == 0:
            return json.loads(done.stdout or "[]")
        time.sleep(0.05)
    raise AssertionError(f"bpftool {kind} show: {done.stdout}{done.stderr}")


def held_objects():
    """("prog", 7) ... of all that processes hold by a descriptor, and what those objects hold in turn."""
    held = set()
    for path in glob.glob("/proc/[0-9]*/fdinfo/*"):     # that of pathlib stumbles over a process that ends
        try:
            held |= {(kind, int(number))
                     for kind, number in re.findall(r"^(prog|map|link)_id:\s*(\d+)", pathlib.Path(path).read_text(), re.M)}
        except OSError:
            pass            # has ended
    for prog in show("prog"):
        if ("prog", prog["id"]) in held:
            held |= {("map", number) for number in prog.get("map_ids", [])}
    return held


def all_objects():
    return {(kind, thing["id"]) for kind in ("prog", "map", "link") for thing in show(kind)}


def orphans(before, seconds=10):
    """New objects that no process holds, once the kernel had time to free what it can."""
    end = time.monotonic() + seconds
    while True:
        new = all_objects() - before
        new -= held_objects() if new else set()
        if not new or time.monotonic() > end:
            return new
        time.sleep(0.05)


# ---- compiled programs ----

Section = collections.namedtuple("Section", "name code data")


def sections(path):
    """Of an ELF file, 64 bits."""
    data = path.read_bytes()
    assert data[:5] == b"\x7fELF\x02", f"{path} is no 64-bit ELF file"
    end = {1: "<", 2: ">"}[data[5]]
    offset, = struct.unpack_from(end + "Q", data, 0x28)
    size, count, names = struct.unpack_from(end + "3H", data, 0x3a)
    heads = [struct.unpack_from(end + "IIQQQQ", data, offset + i * size) for i in range(count)]
    table = heads[names][4]
    SHT_PROGBITS, SHT_NOBITS, SHF_EXECINSTR = 1, 8, 4
    return [Section(data[table + name:data.index(b"\0", table + name)].decode(),
                    kind == SHT_PROGBITS and bool(flags & SHF_EXECINSTR) and length > 0,
                    b"" if kind == SHT_NOBITS else data[start:start + length])
            for name, kind, flags, _, start, length in heads]


def atomics(code):
    """(index of the instruction, what it does) of the atomic ones: class STX, mode ATOMIC, any size."""
    assert len(code) % 8 == 0
    return [(i // 8, struct.unpack_from("<i", code, i + 4)[0]) for i in range(0, len(code), 8) if code[i] & 0xe7 == 0xc3]
