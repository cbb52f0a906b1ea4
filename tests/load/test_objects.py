# SPDX-License-Identifier: GPL-2.0-only
"""What is in the compiled programs, without loading them."""
import struct

import pytest

from objects import OBJECTS, TOOLS, atomics, sections

BPF_ADD = 0x00
BPF_CALL, BPF_PSEUDO_CALL = 0x85, 1
BPF_LD_IMM64, BPF_PSEUDO_FUNC = 0x18, 4


@pytest.fixture(params=TOOLS)
def elf(request):
    """{section: (is it code, bytes)} of a tool's object."""
    if not OBJECTS.is_dir():
        pytest.skip(f"there are no objects beside the binary: no {OBJECTS}")
    return {section.name: section for section in sections(OBJECTS / f"{request.param}.bpf.o")}


def test_no_functions(elf):
    """
    Before Linux 6.4 (commit 0108a4e9f358) a program that has functions of its own may be without its table of
    exceptions: then a read through a stale pointer is not mended, but a panic. Everything is inlined.
    """
    for section in elf.values():
        for i in range(0, len(section.data) if section.code else 0, 8):
            code, registers = section.data[i:i + 2]
            assert (code, registers >> 4) != (BPF_CALL, BPF_PSEUDO_CALL), f"{section.name}: call at {i // 8}"
            assert (code, registers >> 4) != (BPF_LD_IMM64, BPF_PSEUDO_FUNC), f"{section.name}: callback at {i // 8}"
    assert ".text" not in {section.name for section in elf.values() if section.code and section.data}


def test_sections(elf):
    assert {".maps", ".BTF", ".BTF.ext"} <= elf.keys()
    assert struct.unpack("H", elf[".BTF"].data[:2]) == (0xeb9f,)
    assert elf["license"].data == b"GPL\0"
    assert not [name for name in elf if name.startswith(".debug")], "what only a debugger reads is not shipped"


def test_programs(elf):
    code = {name: section.data for name, section in elf.items() if section.code}
    assert code
    assert not [name for name in code if name.lstrip("?").startswith(("kprobe", "kretprobe", "ksyscall", "kretsyscall"))]
    for name, data in code.items():
        found = [f"{name}+{at}: {what:#x}" for at, what in atomics(data) if what != BPF_ADD]
        assert not found, "atomic instructions that need Linux 5.12"


def test_there_are_atomics():
    """All tools count what they lose; a compiler could make plain additions of it."""
    if not OBJECTS.is_dir():
        pytest.skip(f"there are no objects beside the binary: no {OBJECTS}")
    assert any(atomics(section.data) for path in OBJECTS.glob("*.bpf.o") for section in sections(path) if section.code)


@pytest.mark.parametrize("opcode", [0xc3, 0xdb])
@pytest.mark.parametrize("what", [0x00, 0x01, 0x40, 0x41, 0xe1, 0xf1])
def test_atomics_are_found(opcode, what):
    """add, fetching add, or, fetching or, xchg, cmpxchg, behind a 64-bit constant that looks like them."""
    constant = struct.pack("<BBhi", 0x18, 1, 0, 0xdb) + struct.pack("<BBhi", 0, 0, 0, 0xc3)
    store = struct.pack("<BBhi", 0x7b, 0x1a, -8, 0)
    assert atomics(constant + store + struct.pack("<BBhi", opcode, 0x12, 0, what)) == [(3, what)]
