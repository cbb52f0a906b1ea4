# SPDX-License-Identifier: GPL-2.0-only
"""The static binary in a root that holds nothing else. BPFKIT_STATIC names it."""
import os
import shutil
import subprocess

import pytest

from cli import TOOLS, least


@pytest.fixture
def empty_root(tmp_path):
    binary = os.environ.get("BPFKIT_STATIC")
    if not binary:
        pytest.skip("BPFKIT_STATIC names no static binary")
    if os.geteuid():
        pytest.skip("chroot needs root")
    shutil.copy(binary, tmp_path / "bpfkit")

    def run(*args):
        return subprocess.run(["/bpfkit", *args], preexec_fn=lambda: (os.chroot(tmp_path), os.chdir("/")), cwd="/",
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    return run


def test_says_what_it_is(empty_root):
    done = empty_root("--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1].endswith(", static")
    done = empty_root("--list")
    assert (done.returncode, done.stderr) == (0, "")
    assert all(f"\n  {tool} " in done.stdout for tool in TOOLS)


def test_a_tool_says_what_is_missing(empty_root, tool):
    done = empty_root(tool, *least(tool))
    assert (done.returncode, done.stdout) == (3, "")
    said = done.stderr.splitlines()
    assert len(said) == 1 and said[0].startswith(f"{tool}: ") and "/sys/kernel/btf/vmlinux is missing" in said[0]
    assert empty_root(tool, "--help").stdout.startswith(f"Usage: {tool} ")


def test_install_says_what_is_missing(empty_root):
    done = empty_root("--install", "/")
    assert done.returncode == 1 and "/proc/self/exe" in done.stderr
