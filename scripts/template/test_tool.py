# SPDX-License-Identifier: GPL-2.0-only
"""@NAME@ sees every exec of a known workload, on each rung."""
import json
import os
import signal
import subprocess

import pytest

BPFKIT = os.environ.get("BPFKIT", os.path.join(os.path.dirname(__file__), "../../build/bpfkit"))
RUNS = 23


def rungs():
    out = subprocess.run([BPFKIT, "--complete", "@NAME@", "--probe"], capture_output=True, text=True, check=True)
    return out.stdout.split()


def trace(args, workload):
    """Runs the workload while the tool is attached; returns its records by type."""
    tool = subprocess.Popen([BPFKIT, "@NAME@", "--json", *args], stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)
    start = json.loads(tool.stdout.readline() or "{}")
    if start:
        workload()
        tool.send_signal(signal.SIGINT)
    out, err = tool.communicate(timeout=20)
    if tool.returncode == 3:
        pytest.skip(err.strip() or "refused")
    assert tool.returncode == 0, err
    records = [json.loads(line) for line in out.splitlines()]
    return start, [r for r in records if r["type"] == "exec"], records[-1]


def execs():
    for _ in range(RUNS):
        subprocess.run(["/bin/true"], check=True)


@pytest.mark.parametrize("rung", rungs())
def test_every_exec_is_seen(rung):
    start, seen, end = trace(["--probe", rung], execs)
    assert start["probe"] == rung
    ours = [r for r in seen if r["comm"] == "true" and r["ppid"] == os.getpid()]
    assert len(ours) == RUNS
    assert end["lost"] == 0


@pytest.mark.parametrize("rung", rungs())
def test_filters(rung):
    for args, count in ((["--comm", "true"], RUNS), (["--comm", "tr*"], RUNS), (["--comm", "tru"], 0),
                        (["--uid", str(os.getuid()), "--comm", "true"], RUNS), (["--uid", "54321"], 0),
                        (["--netns", "/proc/self/ns/net", "--comm", "true"], RUNS),
                        (["--pid", "4000000"], 0), (["--tid", "4000000"], 0)):
        _, seen, end = trace(["--probe", rung, "--stats", *args], execs)
        ours = [r for r in seen if r["ppid"] == os.getpid()]
        assert len(ours) == count, args
        assert end["filtered"] >= RUNS - count


@pytest.fixture
def cgroup():
    """An empty cgroup of version 2, in one of its own."""
    with open("/proc/self/mounts") as mounts:
        top = next((line.split()[1] for line in mounts if line.split()[2] == "cgroup2"), None)
    if not top:
        pytest.skip("no cgroup2 hierarchy is mounted")
    outer = os.path.join(top, f"bpfkit-test-{os.getpid()}")
    inner = os.path.join(outer, "inner")
    os.makedirs(inner)
    yield inner
    os.rmdir(inner)
    os.rmdir(outer)


@pytest.mark.parametrize("rung", rungs())
def test_cgroup(rung, cgroup):
    def execs_in_it():
        execs()
        for _ in range(RUNS):
            subprocess.run(["/bin/sh", "-c", 'echo $$ >"$1/cgroup.procs" && exec /bin/true', "sh", cgroup], check=True)

    for path in (cgroup, os.path.dirname(cgroup)):
        _, seen, _ = trace(["--probe", rung, "--cgroup", path], execs_in_it)
        assert [r["comm"] for r in seen] == ["true"] * RUNS
    _, seen, _ = trace(["--probe", rung, "--cgroup", cgroup], execs)
    assert not seen
