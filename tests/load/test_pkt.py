# SPDX-License-Identifier: GPL-2.0-only
"""bpf/pkt.h in the kernel: what its programs find in a frame that is cut off anywhere is what scapy says."""
import errno
import os
import struct
import subprocess
import sys

import pytest

from objects import BPFKIT, KERNEL, ROOT

sys.path.insert(0, str(ROOT / "tests"))
packets = pytest.importorskip("packets", reason="scapy is not installed")

RUNNER = BPFKIT.resolve().parent / "tests/pkt/pkt_run"
MOST = 128
INSTRUCTIONS = 20_000       # that the verifier may go through
USER, XDP, TC, COPIED = range(4)
WAYS = {USER: "user space", XDP: "XDP", TC: "tc", COPIED: "copied"}
WANTS = [packets.WANT_ALL, packets.WANT_ADDR | packets.WANT_L4, 0]
PASS = {USER: 0, XDP: 2, TC: 0, COPIED: 0}
HEAD = struct.Struct("=IIIIiI")
SIZE = HEAD.size + packets.LAYOUT.size


@pytest.fixture(scope="session")
def ran():
    """({(frame, length): [(way, want, error, verdict, packet)]}, {program: instructions that were verified})"""
    if os.geteuid():
        pytest.skip("loading programs needs root")
    assert RUNNER.exists(), f"{RUNNER} is not there; build it with the tests"
    frames = b"".join(struct.pack("=I", len(shape.data)) + shape.data for shape in packets.SHAPES)
    done = subprocess.run([RUNNER, str(MOST)], input=frames, capture_output=True, timeout=600)
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    assert len(done.stdout) % SIZE == 0
    records = {}
    for at in range(0, len(done.stdout), SIZE):
        frame, length, *rest = HEAD.unpack_from(done.stdout, at)
        records.setdefault((frame, length), []).append((*rest, done.stdout[at + HEAD.size:at + SIZE]))
    return records, {name: int(count) for name, count in map(str.split, done.stderr.decode().splitlines())}


def refused(way, length, error):
    """Kernels refuse to run a program with less than an Ethernet header, but at XDP old ones do not."""
    return error == errno.EINVAL and length < 14 and (way == TC or way == XDP and not KERNEL.startswith("5.10"))


@pytest.mark.parametrize("number", range(len(packets.SHAPES)), ids=[shape.name for shape in packets.SHAPES])
def test_shape(number, ran):
    shape = packets.SHAPES[number]
    for length in range(min(len(shape.data), MOST) + 1):
        results = ran[0].get((number, length), [])
        # with each want in user space, at XDP, at tc; and copied
        assert [(way, want) for way, want, *_ in results] == \
            [(way, want) for want in WANTS for way in (USER, XDP, TC)] + [(COPIED, packets.WANT_ALL)]
        for way, want, error, verdict, found in results:
            where = f"{WAYS[way]}, {length} bytes of {len(shape.data)}, want {want}"
            if refused(way, length, error):
                continue
            assert (error, verdict) == (0, PASS[way]), where
            found, expected = packets.Pkt(*packets.LAYOUT.unpack(found)), shape.expected(length, want)
            different = [f"{name}: {getattr(found, name)}, not {getattr(expected, name)}"
                         for name in packets.Pkt._fields if getattr(found, name) != getattr(expected, name)]
            assert not different, f"{where}: {', '.join(different)}; {packets.flag_names(found.flags)}, " \
                f"not {packets.flag_names(expected.flags)}"


def test_the_verifier_has_little_to_do(ran):
    assert not {name: count for name, count in ran[1].items() if count > INSTRUCTIONS}


def test_shapes():
    """Each flag is met, and each is missing, so that no program can always say the same."""
    assert len(packets.SHAPES) >= 40
    all_flags = [shape.expected().flags for shape in packets.SHAPES]
    for name, flag in packets.FLAG.items():
        if name != "MAC":
            assert 0 < sum(bool(flags & flag) for flags in all_flags) < len(all_flags), name
