# SPDX-License-Identifier: GPL-2.0-only
"""The compiled programs are the same for each architecture, byte by byte."""
import os
import pathlib
import subprocess

import pytest

from objects import BPFTOOL, OBJECTS, ROOT, TOOLS

# What compilers and build systems for a machine define, and where its own headers are.
MACHINES = {
    "x86-64": ["-D__TARGET_ARCH_x86", "-D__x86_64__", "-isystem", "/usr/include/x86_64-linux-gnu"],
    "aarch64": ["-D__TARGET_ARCH_arm64", "-D__aarch64__", "-isystem", "/usr/include/aarch64-linux-gnu"],
}
CROSS = pathlib.Path(os.environ.get("BPFKIT_ARM64", OBJECTS.parent / "arm64/bpfkit")).resolve().parent / "bpf"


def command(tool):
    """As the build wrote it down; the last word is the source."""
    if not OBJECTS.is_dir():
        pytest.skip(f"there are no objects beside the binary: no {OBJECTS}")
    if not BPFTOOL:
        pytest.skip("bpftool is not installed")
    return [word for word in (OBJECTS / f"{tool}.compile").read_text().splitlines() if word]


def compiled(words, folder):
    """(what the compiler makes, what is left after bpftool)"""
    raw, stripped = folder / "raw.o", folder / "bpf.o"
    subprocess.run([*words, "-o", raw], check=True, cwd=folder)
    subprocess.run([BPFTOOL, "gen", "object", stripped, raw], check=True, cwd=folder)
    return raw.read_bytes(), stripped.read_bytes()


def for_machines(words, folder):
    return {machine: compiled([*words, *options], folder)[1] for machine, options in MACHINES.items()}


@pytest.mark.parametrize("tool", TOOLS)
def test_objects_are_the_same_for_each_machine(tool, tmp_path):
    words = command(tool)
    raw, stripped = compiled(words, tmp_path)
    assert raw == (OBJECTS / f"{tool}.raw.o").read_bytes(), "the build is older than the sources; build again"
    for machine, found in for_machines(words, tmp_path).items():
        assert found == stripped, f"bpf/{tool}.bpf.c is another program for {machine}"


@pytest.mark.parametrize("tool", TOOLS)
def test_objects_of_the_cross_build(tool):
    cross = CROSS / f"{tool}.bpf.o"
    if not cross.exists():
        pytest.skip(f"there is no build for aarch64 (cmake --preset arm64): no {cross}")
    command(tool)
    if "BPFKIT_ARM64" not in os.environ and \
            cross.stat().st_mtime < max(path.stat().st_mtime for path in (ROOT / "bpf").iterdir()):
        pytest.skip(f"{cross} is older than the sources")
    assert cross.read_bytes() == (OBJECTS / f"{tool}.bpf.o").read_bytes()


@pytest.mark.parametrize("macro", ["__aarch64__", "__x86_64__", "__TARGET_ARCH_arm64", "__TARGET_ARCH_x86"])
def test_a_difference_is_seen(macro, tmp_path):
    source = tmp_path / "x.bpf.c"
    source.write_text("__attribute__((section(\"socket\"))) int program(void *ctx)\n"
                      f"{{\n#ifdef {macro}\n\treturn 1;\n#else\n\treturn 0;\n#endif\n}}\n")
    x86, arm = for_machines([*command(TOOLS[0])[:-1], source], tmp_path).values()
    assert x86 != arm
