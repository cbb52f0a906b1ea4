# SPDX-License-Identifier: GPL-2.0-only
"""Running a tool of bpfkit, its output, and the kernel objects it holds."""
import contextlib
import functools
import json
import os
import pathlib
import re
import signal
import subprocess
import threading
import time

import pytest

from drops import Lab, wait_until

ROOT = pathlib.Path(__file__).resolve().parents[2]
BPFKIT = os.environ.get("BPFKIT", str(ROOT / "build/bpfkit"))
START_SECONDS = 60          # enough for a kernel under software emulation

# What must never reach stdout: C0 but newline, DEL, C1, line and paragraph separators, bidirectional controls.
LIVE_CHARACTERS = re.compile("[\0-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


class Tool:
    """One running tool. Its stdout is read all the time, unless it is told to keep the pipe."""

    started = []                        # all of them, see again_if_missed()

    def __init__(self, name, *args, read=True, **popen):
        Tool.started.append(self)
        self.args = [name, *map(str, args)]
        self.json = "--json" in args
        self.lines = []                 # of stdout, as bytes
        self.parsed = []                # as many of them as were asked for
        self.stderr = ""
        self.process = subprocess.Popen([BPFKIT, *self.args], stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                        **{"stdout": subprocess.PIPE, **popen})
        self.pid = self.process.pid
        self.threads = [threading.Thread(target=target) for target in [self.read_stderr, self.read][:1 + read]]
        for thread in self.threads:
            thread.start()

    def read(self):
        for line in self.process.stdout:
            self.lines.append(line)

    def read_stderr(self):
        self.stderr = self.process.stderr.read().decode(errors="replace")

    def wait_attached(self):
        """JSON says so by its first line; text does not, but links show in /proc."""
        wait_until(lambda: (self.lines if self.json and len(self.threads) > 1 else self.objects().get("link"))
                   or self.process.poll() is not None, START_SECONDS)
        if self.process.poll() is not None:
            self.finish()
            raise AssertionError(f"{' '.join(self.args)}: ended with {self.process.returncode} before it was attached: "
                                 f"{self.stderr}")
        if not self.json:
            time.sleep(0.3)             # links are there before the last of them is attached
        return self

    def objects(self):
        """Ids of the programs, maps and links that the process holds: {"prog": {1, 2}, ...}"""
        found = {}
        with contextlib.suppress(OSError):
            for fd in os.listdir(f"/proc/{self.pid}/fdinfo"):
                with contextlib.suppress(OSError), open(f"/proc/{self.pid}/fdinfo/{fd}") as info:
                    for what, number in re.findall(r"^(prog|map|link)_id:\s*(\d+)", info.read(), re.M):
                        found.setdefault(what, set()).add(int(number))
        return found

    def finish(self, seconds=START_SECONDS):
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"{' '.join(self.args)}: did not end within {seconds} s") from None
        finally:
            for thread in self.threads:
                thread.join()
        return self

    def stop(self, number=signal.SIGINT):
        self.process.send_signal(number)
        return self.finish()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.finish()
        for pipe in (self.process.stdout, self.process.stderr):
            if pipe:
                pipe.close()

    # its output

    @property
    def stdout(self):
        return b"".join(self.lines)

    @property
    def records(self):
        self.parsed += [json.loads(line.decode()) for line in self.lines[len(self.parsed):]]
        return self.parsed

    def of(self, *types):
        return [record for record in self.records if record["type"] in types]

    @property
    def start(self):
        return self.records[0]

    def assert_inert(self):
        text = self.stdout.decode()     # strict: must be valid UTF-8
        live = LIVE_CHARACTERS.search(text)
        assert not live, f"{live[0]!r} in {text[max(0, live.start() - 80):live.end() + 80]!r}"


TRIES = 4


def missed(tool):
    """How many events; it has ended."""
    found = re.search(r"(\d+) events were missed", tool.stderr)
    return int(found[1]) if found else 0


def unseen(tool):
    """The same, and those that were lost."""
    return missed(tool) or "events were lost" in tool.stderr


def again_if_missed(test):
    """
    Where programs are preempted, they miss what the next task on that CPU does; and where a tool waits for a CPU, what
    others do may fill its buffer: then the test has another try.
    """
    @functools.wraps(test)
    def tries(**fixtures):
        for left in reversed(range(TRIES)):
            place = {}
            if "tmp_path" in fixtures:
                place = {"tmp_path": fixtures["tmp_path"] / str(left)}
                place["tmp_path"].mkdir()
            Tool.started.clear()
            try:
                return test(**fixtures | place)
            except (AssertionError, ValueError, LookupError):
                for tool in Tool.started:
                    if tool.process.poll() is None:
                        tool.stop()
                if not left or not any(map(unseen, Tool.started)):
                    raise
    return tries


def leftovers(objects):
    """Those of the objects that the kernel still has, once it had time to free them."""
    def alive():
        return [(what, number) for what in objects for number in objects[what]
                if subprocess.run(["bpftool", "-j", what, "show", "id", str(number)], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL).returncode == 0]
    wait_until(lambda: not alive(), 10)
    return alive()


@pytest.fixture(scope="session", autouse=True)
def root():
    if os.geteuid():
        pytest.skip("needs root")


@pytest.fixture(scope="session")
def lab():
    with Lab() as lab:
        yield lab


@pytest.fixture(scope="session")
def workload(tmp_path_factory):
    """Compiles a helper of tests/workload."""
    def build(name):
        out = tmp_path_factory.getbasetemp() / name
        if not out.exists():
            subprocess.run(["cc", "-O2", "-o", out, ROOT / f"tests/workload/{name}.c"], check=True)
        return out
    return build


@pytest.fixture
def run():
    """Starts tools and waits until they are attached; whatever is left of them at the end is killed."""
    with contextlib.ExitStack() as stack:
        def start(name, *args, wait=True, **kwargs):
            tool = Tool(name, *args, **kwargs)
            stack.callback(tool.close)
            return tool.wait_attached() if wait else tool
        yield start
