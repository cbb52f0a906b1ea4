# SPDX-License-Identifier: GPL-2.0-only
"""A command behind "--": it and all that descends from it is followed, and it runs as if its caller had run it."""
import contextlib
import fcntl
import glob
import json
import os
import pathlib
import pty
import re
import resource
import signal
import subprocess
import termios
import time

import pytest

from conftest import BPFKIT, again_if_missed, leftovers
from drops import wait_until

TRUE = os.path.realpath("/bin/true")
NOBODY = 65534


@pytest.fixture(scope="module")
def execs(workload):
    return str(workload("execs"))


@pytest.fixture
def follow(run):
    """
    Starts the tool with a command, in a session of its own, of which nothing is left at the end. The command may have
    ended before anybody could see that the tool is attached, unless that is waited for.
    """
    tools = []

    def start(*command, options=(), wait=False, **kwargs):
        tool = run("execsnoop", "--json", *options, "--", *command, wait=False, start_new_session=True, **kwargs)
        tools.append(tool)
        return tool.wait_attached() if wait else tool
    yield start
    for tool in tools:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(tool.pid, signal.SIGKILL)


def words(tool):
    """The first arguments of what was executed."""
    return [record["args"][0] for record in tool.of("exec") if record["args"]]


# ---- how it ends ----

@pytest.mark.parametrize("script, status", [
    ("exit 0", 0), ("exit 5", 5), ("exit 255", 255), ("kill -KILL $$", 137), ("kill -TERM $$", 143)])
def test_status(follow, script, status):
    tool = follow("sh", "-c", script).finish()
    assert tool.process.returncode == status and not tool.stderr
    assert (tool.start["command"], tool.start["pid"]) == (["sh", "-c", script], tool.of("exec")[0]["pid"])
    assert tool.of("exec")[0]["ppid"] == tool.pid and tool.of("exec")[0]["args"] == ["-c", script]
    assert tool.records[-1] == {"type": "end", "printed": 1, "lost": 0, "unfollowed": 0} | (
        {"missed": 0} if "missed" in tool.records[-1] else {})


@pytest.mark.parametrize("command, status, reason", [
    ("no-such-command", 127, "No such file or directory"), ("/no/such/file", 127, "No such file or directory"),
    ("", 127, "No such file or directory"), ("/etc/passwd", 126, "Permission denied"), ("/", 126, "Permission denied")])
def test_what_cannot_be_run(follow, command, status, reason):
    tool = follow(command).finish()
    assert tool.process.returncode == status
    assert tool.stderr == f"execsnoop: cannot run '{command}': {reason}\n"
    assert not tool.of("exec") and tool.records[-1]["type"] == "end"


def test_words_that_are_no_utf8(follow):
    tool = follow("sh", "-c", "exit 0", "caf\udce9", "new\nline").finish()
    tool.assert_inert()
    assert [bytes.fromhex(word) for word in tool.start["command_hex"]] == [
        b"sh", b"-c", b"exit 0", b"caf\xe9", b"new\nline"]


def test_an_option_of_the_command_is_its_own(run, follow):
    tool = follow(TRUE, "--json", "--", "--help").finish()
    assert tool.of("exec")[0]["args"] == ["--json", "--", "--help"] and tool.process.returncode == 0


# ---- what is followed ----

FAMILY = """
import ctypes, os, platform, subprocess, sys, threading, time
true, execs, gate = sys.argv[1:]
CLONE_PARENT, SIGCHLD = 0x8000, 17

def end_of(pid):
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0

def fork():
    if not (pid := os.fork()):
        os.execv(true, ["true", "fork"])
    end_of(pid)

def fork_by_a_thread():
    thread = threading.Thread(target=subprocess.run, args=([true, "fork by a thread"],))
    thread.start()
    thread.join()

def daemon():
    here, there = os.pipe()
    if not (child := os.fork()):
        os.setsid()
        middle = os.getpid()
        if os.fork():
            os._exit(0)
        while os.getppid() == middle:
            time.sleep(0.01)
        subprocess.run([true, "daemon"], check=True)
        os.write(there, b"1")
        os._exit(0)
    end_of(child)
    os.close(there)
    assert os.read(here, 1) == b"1"

def clone_parent():
    # the new process is none of our children, but one of our parent's
    here, there = os.pipe()
    os.set_inheritable(there, True)
    call = {"x86_64": 56, "aarch64": 220}[platform.machine()]
    if not ctypes.CDLL(None).syscall(call, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0):
        os.execv(true, ["true", "clone parent"])
    os.close(there)
    assert os.read(here, 1) == b""

open(gate).read()
fork()
fork_by_a_thread()
daemon()
clone_parent()
end_of(os.posix_spawn(true, ["true", "vfork"], {}))
subprocess.run([execs, "thread", true, "zero", "exec by a thread"], check=True)
subprocess.run(["sh", "-c", "sh -c '$0 deep; :' $0; :", true], check=True)
open(gate).read()
"""
MEMBERS = ["fork", "fork by a thread", "daemon", "clone parent", "vfork", "exec by a thread", "deep"]


def followed(tool):
    """The keys of the map, read by somebody else."""
    for number in tool.objects()["map"]:
        shown = json.loads(subprocess.run(["bpftool", "-j", "map", "show", "id", str(number)], check=True,
                                          stdout=subprocess.PIPE).stdout)
        if shown["name"] == "bk_followed":
            entries = json.loads(subprocess.run(["bpftool", "-j", "map", "dump", "id", str(number)], check=True,
                                                stdout=subprocess.PIPE).stdout)
            return {int.from_bytes(bytes(int(byte, 16) for byte in entry["key"]), "little") for entry in entries}
    raise AssertionError("there is no map bk_followed")


@again_if_missed
def test_all_that_descends_is_followed_and_nothing_else(run, follow, execs, tmp_path):
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    tool = follow("/usr/bin/python3", "-c", FAMILY, TRUE, execs, gate, wait=True)
    others = [follow("sleep", "600", wait=True), run("execsnoop", "--json", "--ppid", os.getpid())]
    for _ in range(23):
        subprocess.run([TRUE, "stranger"], check=True)
    gate.write_text("")
    wait_until(lambda: "deep" in words(tool) or tool.process.poll() is not None, 60)
    assert tool.process.poll() is None, tool.stderr
    wait_until(lambda: followed(tool) == {tool.start["pid"]}, 10)
    assert followed(tool) == {tool.start["pid"]}, "what has ended is taken out"
    gate.write_text("")
    assert tool.finish().process.returncode == 0 and not tool.stderr
    seen = words(tool)
    assert [word for word in seen if word in MEMBERS] == MEMBERS
    assert "stranger" not in seen and tool.records[-1]["unfollowed"] == 0
    assert "tid" in next(record for record in tool.of("exec") if record["args"] == ["exec by a thread"])
    sleeper, all_of_ours = others
    os.kill(sleeper.start["pid"], signal.SIGKILL)
    assert sleeper.finish().process.returncode == 137 and words(sleeper) == ["600"]
    assert words(all_of_ours.stop()).count("stranger") == 23


def test_a_process_whose_first_thread_has_ended(run, follow, tmp_path):
    """It is followed as long as it has a thread."""
    code = ("import ctypes, os, subprocess, sys, threading, time\n"
            "def rest():\n"
            "    while ' Z ' not in open(f'/proc/{os.getpid()}/task/{os.getpid()}/stat').read():\n"
            "        time.sleep(0.01)\n"
            f"    subprocess.run(['{TRUE}', 'after its first thread'])\n"
            "    os._exit(9)\n"
            "threading.Thread(target=rest).start()\n"
            "ctypes.CDLL(None).syscall({'x86_64': 60, 'aarch64': 93}[os.uname().machine], 0)\n")
    tool = follow("/usr/bin/python3", "-c", code).finish()
    assert tool.process.returncode == 9 and "after its first thread" in words(tool)


def test_filters_apply_too(follow):
    tool = follow("sh", "-c", f"{TRUE} one; /bin/echo two >/dev/null", options=["--comm", "true", "--stats"]).finish()
    assert words(tool) == ["one"]
    assert tool.records[-1]["filtered"] >= 2


def test_a_table_that_is_full_is_told(follow):
    tool = follow("sh", "-c", "/bin/true; /bin/true; exit 3", options=["--follow-max", "1"]).finish()
    assert tool.process.returncode == 3 and len(tool.of("exec")) == 1
    assert tool.records[-1]["unfollowed"] == 2
    assert "2 processes were not followed" in tool.stderr and "--follow-max" in tool.stderr


# ---- the run ends first ----

@pytest.mark.parametrize("options", [["--duration", "1s"], ["--limit", "1"]], ids=" ".join)
def test_a_run_that_is_shorter(follow, tmp_path, options):
    tool = follow("sh", "-c", f'while ! [ -e "$0" ]; do sleep 0.1; done; {TRUE} late; exit 4', tmp_path / "go",
                  options=options, wait=True)
    objects = tool.objects()
    wait_until(lambda: tool.records[-1]["type"] == "end", 30)
    assert tool.of("end") and tool.process.poll() is None
    assert not leftovers(objects), "nothing is attached any more"
    (tmp_path / "go").touch()
    assert tool.finish().process.returncode == 4 and "late" not in words(tool) and not tool.stderr


def test_a_reader_that_goes_away(follow, tmp_path):
    ours, its = os.pipe()
    tool = follow("sh", "-c", 'while ! [ -e "$0" ]; do sleep 0.1; done; exit 6', tmp_path / "go",
                  stdout=its, read=False, wait=True)
    os.close(its)
    objects = tool.objects()
    os.close(ours)
    assert not leftovers(objects)
    assert tool.process.poll() is None
    (tmp_path / "go").touch()
    assert tool.finish().process.returncode == 6 and not tool.stderr


def test_a_reader_that_is_slow_gets_all_of_it(follow):
    """Who looks at the output of a command that has ended may take more time than somebody who pressed Ctrl-C."""
    ours, its = os.pipe()
    fcntl.fcntl(ours, 1031, 4096)       # F_SETPIPE_SZ
    tool = follow("sh", "-c", f"for i in $(seq 101); do {TRUE} $i; done", stdout=its, read=False)
    os.close(its)
    time.sleep(4)
    with open(ours, "rb") as pipe:
        tool.lines += pipe
    assert tool.finish().process.returncode == 0 and not tool.stderr
    assert [record["args"][0] for record in tool.of("exec") if record["comm"] == "true"] == [
        str(i + 1) for i in range(101)]


# ---- signals ----

def traps(*signals, then="exit 7"):
    """A command that writes a line into a file when it is ready, and one for each signal."""
    return ["sh", "-c", "".join(f"trap 'echo {s} >>$0; {then}' {s}; " for s in signals) +
            "echo ready >>$0; while :; do sleep 0.1; done"]


def lines(path):
    return path.read_text().split() if path.exists() else []


@pytest.mark.parametrize("name", ["INT", "TERM", "HUP", "QUIT"])
def test_a_signal_to_the_tool_alone_is_passed_on(follow, tmp_path, name):
    tool = follow(*traps(name), tmp_path / "log", wait=True)
    wait_until(lambda: lines(tmp_path / "log"), 30)
    tool.stop(signal.Signals["SIG" + name])
    assert tool.process.returncode == 7 and lines(tmp_path / "log") == ["ready", name]
    assert tool.records[-1]["type"] == "end" and not tool.stderr


def test_a_signal_ends_a_command_that_does_not_care(follow):
    tool = follow("sleep", "600", wait=True)
    wait_until(lambda: tool.of("exec"), 30)
    assert tool.stop(signal.SIGTERM).process.returncode == 128 + signal.SIGTERM


def test_a_signal_to_all_of_the_group(follow):
    tool = follow("sleep", "600", wait=True)
    wait_until(lambda: tool.of("exec"), 30)
    os.killpg(tool.pid, signal.SIGINT)
    assert tool.finish().process.returncode == 128 + signal.SIGINT and tool.records[-1]["type"] == "end"


def test_ctrl_c_comes_once(follow, tmp_path):
    master, slave = pty.openpty()
    tool = follow(*traps("INT", then="sleep 0.5; exit 8"), tmp_path / "log",
                  preexec_fn=lambda: fcntl.ioctl(slave, termios.TIOCSCTTY, 0), wait=True)
    wait_until(lambda: lines(tmp_path / "log"), 30)
    os.write(master, b"\x03")
    assert tool.finish().process.returncode == 8
    assert lines(tmp_path / "log") == ["ready", "INT"]
    os.close(master)
    os.close(slave)


def test_after_the_end_a_first_signal_is_passed_on_and_a_second_ends_the_tool(follow, tmp_path):
    tool = follow(*traps("TERM", then=":"), tmp_path / "log", options=["--duration", "1s"],
                  wait=True)
    pid = tool.start["pid"]
    try:
        wait_until(lambda: tool.records[-1]["type"] == "end" and lines(tmp_path / "log"), 30)
        tool.process.terminate()
        wait_until(lambda: "TERM" in lines(tmp_path / "log"), 10)
        assert lines(tmp_path / "log") == ["ready", "TERM"] and tool.process.poll() is None
        tool.process.terminate()
        assert tool.process.wait(30) == -signal.SIGTERM
        assert os.path.exists(f"/proc/{pid}/stat"), "nobody has killed the command"
        assert lines(tmp_path / "log") == ["ready", "TERM"]
    finally:
        os.kill(pid, signal.SIGKILL)


def children(pid):
    found = []
    for stat in map(pathlib.Path, glob.glob("/proc/[0-9]*/stat")):   # pathlib's stumbles over one that ends
        try:
            text = stat.read_text()
        except OSError:
            continue
        if int(text.rsplit(")", 1)[1].split()[1]) == pid:
            found.append(int(stat.parent.name))
    return found


def has_ended(pid):
    try:
        return " Z " in pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True


def test_a_tool_that_dies_before_the_command_begins(follow, tmp_path):
    """It waits for a reader to take the first line; then the command must neither run nor be left behind."""
    ours, its = os.pipe()
    os.set_blocking(its, False)
    while True:
        try:
            os.write(its, b"\n" * 4096)
        except BlockingIOError:
            break
    os.set_blocking(its, True)
    tool = follow("touch", tmp_path / "ran", stdout=its, read=False)
    wait_until(lambda: children(tool.pid), 60)
    held, = children(tool.pid)
    wait_until(lambda: "\nSigBlk:\t0000000000000000\n" in pathlib.Path(f"/proc/{held}/status").read_text(), 10)
    time.sleep(0.5)
    assert tool.objects()["link"]
    assert not [path for path in pathlib.Path(f"/proc/{held}/fd").iterdir() if "bpf" in os.readlink(path)]
    tool.process.kill()
    tool.finish()
    wait_until(lambda: has_ended(held), 10)
    assert has_ended(held) and not (tmp_path / "ran").exists()
    os.close(ours)
    os.close(its)


# ---- what the command gets from its caller ----

# Each is the command itself when it looks: a shell does too much of its own meanwhile.
STATES = [
    """exec find /proc/self/fd -mindepth 1 -printf '%f %l\\n' >"$0" """,
    """exec grep -E '^(SigBlk|SigIgn|SigCgt|Cap|NoNewPrivs|Seccomp|Uid|Gid|Groups|Threads)' /proc/self/status >"$0" """,
    """exec grep 'locked memory' /proc/self/limits >"$0" """,
    """umask >"$0" """,
]


def nothing():
    pass


def ignoring():
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGCHLD, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def blocking():
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1, signal.SIGINT, signal.SIGCHLD])


def closing():
    os.close(0)
    os.close(2)


def limiting():
    most = resource.getrlimit(resource.RLIMIT_MEMLOCK)[1]
    resource.setrlimit(resource.RLIMIT_MEMLOCK, (1 << 22 if most < 0 else min(1 << 22, most // 2), most))
    os.umask(0o27)


@pytest.mark.parametrize("how", [nothing, ignoring, blocking, closing, limiting], ids=lambda how: how.__name__)
def test_the_command_is_as_its_caller_would_have_made_it(tmp_path, how):
    extra, other = os.pipe()
    null = open(os.devnull, "r+b")
    states = {}
    for name, before in {"direct": [], "tool": [BPFKIT, "execsnoop", "--json", "--"]}.items():
        states[name] = []
        for state in STATES:
            done = subprocess.Popen([*before, "/bin/sh", "-c", state, tmp_path / "state"], preexec_fn=how,
                                    pass_fds=[extra], stdin=null, stdout=null, stderr=null)
            states[name].append(f"status {done.wait(60)}")
            states[name] += (tmp_path / "state").read_text().replace(f"/proc/{done.pid}/", "/proc/PID/").splitlines()
    states["tool"] = [re.sub(r"/proc/\d+/", "/proc/PID/", line) for line in states["tool"]]
    assert states["tool"] == states["direct"]
    assert len(states["tool"]) > 15 and any(line.startswith(f"{extra} pipe:") for line in states["tool"])
    for fd in (extra, other):
        os.close(fd)
    null.close()


def test_the_real_user_is_who_runs_it(run):
    tool = run("execsnoop", "--", "grep", "^Uid", "/proc/self/status", wait=False,
               preexec_fn=lambda: os.setresuid(NOBODY, 0, 0)).finish()
    assert tool.process.returncode == 0, tool.stderr
    assert b"Uid:\t" + b"\t".join([str(NOBODY).encode()] * 4) + b"\n" in tool.stdout


# ---- nothing is left ----

@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left(follow, number):
    tool = follow("sleep", "600", wait=True)
    objects = tool.objects()
    assert len(objects["link"]) == 3
    tool.process.send_signal(number)
    tool.process.wait(30)
    assert not leftovers(objects)
