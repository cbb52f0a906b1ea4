# SPDX-License-Identifier: GPL-2.0-only
"""execsnoop shows each exec of a known workload, once, with the arguments that the program got."""
import collections
import contextlib
import errno
import functools
import os
import pathlib
import re
import signal
import subprocess
import tempfile

import pytest

import conftest
from conftest import TRIES, again_if_missed, leftovers
from drops import wait_until

TRUE = os.path.realpath("/bin/true")
NO_COMPAT = 77      # status of tests/workload/execs
ODD = ["new\nline", "\x1b[31m", "tab\t", "\u202eback", "ü", '"quoted"', " ", "\\"]
INVALID = [b"\xff\xfe", b"caf\xe9", b"fine"]
MANY = [f"{i:02}" + "x" * 2000 for i in range(100)]
ARGS_MAX = 4096     # if --args-max says nothing else


class Shape:
    """A command, and what the last of its execs is to look like."""

    def __init__(self, command, file, args, interpreter=None, comm="true", execs=2):
        self.command, self.file, self.args = command, file, args
        self.interpreter, self.comm, self.execs = interpreter, comm, execs


class Place:
    """What the shapes are made of."""

    def __init__(self, tmp, execs):
        self.execs = execs
        self.plain = self.script(tmp / "plain.sh", "/bin/sh")
        self.option = self.script(tmp / "option.sh", "/bin/sh -e")
        self.split = self.script(tmp / "split.sh", "/usr/bin/env -S sh -e")
        self.nested = self.script(tmp / "nested.sh", self.plain)
        deep = tmp.joinpath(*["d" * 200] * 17)
        deep.mkdir(parents=True)
        self.far = str(deep / "far")
        os.symlink(TRUE, self.far)

    @staticmethod
    def script(path, line):
        path.write_text(f"#!{line}\nexit 0\n")
        path.chmod(0o755)
        return str(path)

    def call(self, kind, *args):
        return [self.execs, kind, TRUE, *args]


SHAPES = {
    "execve": lambda p: Shape(p.call("execve", "zero", "a b", "", "c"), TRUE, ["a b", "", "c"]),
    "thread": lambda p: Shape(p.call("thread", "zero", "one"), TRUE, ["one"]),
    "execveat": lambda p: Shape(p.call("execveat", "zero", "one"), r"/dev/fd/\d+/true", ["one"]),
    # what a program in memory is called differs by kernel
    "memfd": lambda p: Shape(p.call("memfd", "zero", "one"), r"/dev/fd/\d+", ["one"], comm=None),
    "no arguments": lambda p: Shape(p.call("nothing"), TRUE, []),
    "empty argv[0]": lambda p: Shape(p.call("execve", "", "one"), TRUE, ["one"]),
    "compat": lambda p: Shape(p.call("compat", "zero", "one", "two"), TRUE, ["one", "two"]),
    "script": lambda p: Shape([p.plain, "one", "two"], p.plain, ["one", "two"], "/bin/sh", "plain.sh", 1),
    "script with option": lambda p: Shape([p.option, "one"], p.option, ["one"], "/bin/sh", "option.sh", 1),
    "script of a script": lambda p: Shape([p.nested, "one"], p.nested, ["one"], "/bin/sh", "nested.sh", 1),
    # env is the interpreter of the first exec, and executes the shell
    "script by env -S": lambda p: Shape([p.split, "one"], r"/.*/sh", ["-e", p.split, "one"], comm="sh"),
    "odd characters": lambda p: Shape(p.call("execve", "zero", *ODD), TRUE, ODD),
    "no UTF-8": lambda p: Shape(p.call("execve", "zero", *INVALID), TRUE, INVALID),
    "long name": lambda p: Shape([p.execs, "execve", p.far, "zero", "one"], p.far, ["one"], comm="far"),
    "200 KiB": lambda p: Shape(p.call("execve", "zero", *MANY), TRUE, MANY),
}


@pytest.fixture(scope="module")
def execs(workload):
    return str(workload("execs"))


@pytest.fixture(scope="module")
def place(tmp_path_factory, execs):
    return Place(tmp_path_factory.mktemp("execs"), execs)


def by_pid(records):
    found = {}
    for record in records:
        found.setdefault(record["pid"], []).append(record)
    return found


def repeated(one_pass, is_whole):
    """What a pass gives, with another try where the programs have missed something of it, see again_if_missed()."""
    for left in reversed(range(TRIES)):
        found, some_missed = one_pass()
        if is_whole(found) or not left or not some_missed:
            return found
    return None


def end_of_pass(tool):
    """Records by process, and whether some may be missing."""
    tool.stop()
    lacking = conftest.missed(tool)
    assert tool.process.returncode == 0 and bool(tool.stderr) == bool(lacking), tool.stderr
    tool.assert_inert()
    assert tool.records[-1]["lost"] == 0
    return by_pid(tool.of("exec")), lacking


@pytest.fixture(scope="module")
def seen(place):
    return repeated(lambda: pass_of_shapes(place),
                    lambda found: all(len(records) == shape.execs for shape, _, records in found.values()))


def pass_of_shapes(place):
    """All shapes in one pass: name -> (shape, exit status, records of its process)."""
    tool = conftest.Tool("execsnoop", "--json", "--ppid", os.getpid())
    try:
        tool.wait_attached()
        made = {}
        for name, make in SHAPES.items():
            shape = make(place)
            process = subprocess.Popen(shape.command)
            made[name] = shape, process.wait(), process.pid
        records, lacking = end_of_pass(tool)
        return {name: (shape, status, records.get(pid, [])) for name, (shape, status, pid) in made.items()}, lacking
    finally:
        tool.close()


@pytest.mark.parametrize("name", SHAPES)
def test_shape(seen, name):
    shape, status, records = seen[name]
    if name == "compat" and status in (NO_COMPAT, -signal.SIGSEGV):
        pytest.skip("this kernel has no 32-bit system calls")
    assert status == 0
    assert len(records) == shape.execs
    last = records[-1]
    assert re.fullmatch(shape.file, last["file"])
    assert last["ret"] == 0 and last["ppid"] == os.getpid() and last["uid"] == os.getuid()
    assert shape.comm in (None, last["comm"])
    assert last.get("interpreter") == shape.interpreter
    assert ("tid" in last) == (name == "thread")
    if name == "200 KiB":
        assert last["args_cut"] and last["args_bytes"] == len("zero") + 1 + sum(len(arg) + 1 for arg in MANY)
        whole = len(last["args"]) - 1
        assert last["args"][:whole] == MANY[:whole] and MANY[whole].startswith(last["args"][whole])
        assert len("zero") + 1 + sum(len(arg) + 1 for arg in last["args"]) == ARGS_MAX + 1    # the last NUL is cut off
        return
    assert "args_cut" not in last
    if name == "no UTF-8":
        assert [bytes.fromhex(arg) for arg in last["args_hex"]] == shape.args
    else:
        assert last["args"] == shape.args and "args_hex" not in last


# ---- what the kernel does by itself, which is a setting of the whole machine ----

IN_A_GUEST = pytest.mark.skipif("BPFKIT_KERNEL" not in os.environ,
                                reason="changes a setting of the whole machine: only in a guest of tests/vm")


@contextlib.contextmanager
def written(path, text):
    """A file of the kernel's has another content for a while."""
    path = pathlib.Path(path)
    before = path.read_text()
    path.write_text(text)
    try:
        yield
    finally:
        path.write_text(before)


@IN_A_GUEST
def test_started_by_the_kernel(run):
    """The kernel executes what shall take a core dump; no process has called for that."""
    tool = run("execsnoop", "--json", "--comm", "true")
    with written("/proc/sys/kernel/core_pattern", f"|{TRUE} crashed %P"):
        crashed = subprocess.Popen(["/bin/sh", "-c", "kill -SEGV $$"])
        assert crashed.wait() == -signal.SIGSEGV
        wait_until(lambda: tool.of("exec"), 20)
    tool.stop()
    helper, = tool.of("exec")
    assert (helper["file"], helper["args"]) == (TRUE, ["crashed", str(crashed.pid)]) and "tid" not in helper


@IN_A_GUEST
@pytest.mark.parametrize("flags", ["", "P"])
def test_binfmt_misc(run, execs, tmp_path, flags):
    """What the kernel is told to execute by an interpreter is shown with its own arguments."""
    folder = pathlib.Path("/proc/sys/fs/binfmt_misc")
    if not (folder / "register").exists() and subprocess.run(
            ["mount", "-t", "binfmt_misc", "none", folder], capture_output=True).returncode:
        pytest.skip("this kernel has no binfmt_misc")
    kept = flags == "P" and tuple(map(int, os.uname().release.split(".")[:2])) < (5, 12)
    program = tmp_path / "program"
    program.write_text("bpfkit-test\n")
    program.chmod(0o755)
    (folder / "register").write_text(f":bpfkit:M::bpfkit-test::{TRUE}:{flags}\n")
    try:
        tool = trace(run, "--json", "-P", os.getpid(), commands=[[execs, "execve", str(program), "zero", "one", "two"]])
    finally:
        (folder / "bpfkit").write_text("-1\n")
    last = tool.of("exec")[-1]
    assert (last["file"], last["interpreter"], last["comm"]) == (str(program), TRUE, "program")
    # before 5.12 the kernel does not tell that it has kept argv[0], see CAVEATS
    assert last["args"] == (["zero"] if kept else []) + ["one", "two"]


def trace(run, *args, commands=()):
    tool = run("execsnoop", *args)
    for command in commands:
        subprocess.run(command, check=True)
    return tool.stop()


def test_sizes(run, execs):
    """The records come in several sizes: none of them cuts off too much or too little."""
    # with argv[0], and the NUL of each: 256, 1024, 4096 and 32768 bytes are among them
    sizes = [1, 253, 254, 255, 1021, 1022, 1023, 4093, 4094, 4095, 20000, 32764, 32765, 32766, 40000]
    given = [["y" * min(size, 30000)] + (["z" * (size - 30000)] if size > 30000 else []) for size in sizes]
    # all of them at once would not fit into the standard buffer
    tool = trace(run, "--json", "--args-max", "32k", "--buffer", "4M", "--ppid", os.getpid(),
                 commands=[[execs, "execve", TRUE, "", *words] for words in given])
    assert tool.records[-1]["lost"] == 0
    seen = [record for record in tool.of("exec") if record["comm"] == "true"]
    assert len(seen) == len(given)
    for words, record in zip(given, seen):
        total = 1 + sum(len(word) + 1 for word in words)
        if total <= 32 << 10:
            assert record["args"] == words and "args_cut" not in record
        else:
            assert record["args_cut"] and record["args_bytes"] == total
            assert 1 + sum(len(word) + 1 for word in record["args"]) in ((32 << 10), (32 << 10) + 1)


def test_lengths_of_names(run, execs, tmp_path):
    paths = []
    for size in (126, 127, 128, 129, 510, 511, 512, 513):
        name = "n" * (size - len(str(tmp_path)) - 1)
        path = tmp_path
        while len(name) > 200:
            path, name = path / name[:99], name[100:]
        path.mkdir(parents=True, exist_ok=True)
        path = path / name
        assert len(str(path)) == size
        path.symlink_to(TRUE)
        paths.append(str(path))
    tool = trace(run, "--json", "--ppid", os.getpid(),
                 commands=[[execs, "execve", path, "zero", "one"] for path in paths])
    assert [(record["file"], record["args"]) for record in tool.of("exec")[1::2]] == [(path, ["one"]) for path in paths]


def test_cut_in_front(run, place):
    """Where the cut is in what the kernel put in front of a script's arguments, none is made up of that."""
    for size in range(1, 60):
        if size not in (1, 6, 7, 8, 9, 12, 30, 59):
            continue
        tool = trace(run, "--json", "--args-max", size, "-P", os.getpid(), commands=[[place.option, "one"]])
        record = tool.of("exec")[-1]
        assert record["args_cut"] and record["file"] == place.option
        assert record["args"] in ([], ["one"[:1]]) and record.get("interpreter") in (None, "/bin/sh")
        assert ("interpreter" in record) == (size > len("/bin/sh"))


def test_max_args_in_json(run, execs):
    tool = trace(run, "--json", "--max-args", 2, "-P", os.getpid(),
                 commands=[[execs, "execve", TRUE, "zero", "one", "two", "three", "four"]])
    last = tool.of("exec")[-1]
    assert last["args"] == ["one", "two"] and last["args_left_out"] == 2 and "args_cut" not in last


def test_tid_is_the_caller(run, execs):
    """The thread that called; afterwards it has the number of the process."""
    tool = run("execsnoop", "--json", "-P", os.getpid())
    process = subprocess.Popen([execs, "thread", TRUE, "zero", "one"])
    process.wait()
    tid = tool.stop().of("exec")[-1]["tid"]
    assert tid != process.pid
    # no thread can be told its number before: the first one does not match any more
    tool = run("execsnoop", "--json", "--stats", "--tid", 4194304 - 1, "-P", os.getpid())
    subprocess.run([execs, "thread", TRUE, "zero", "one"], check=True)
    assert not tool.stop().of("exec") and tool.records[-1]["filtered"] >= 2


def test_closed_pipe_ends_it(run, execs):
    tool = run("execsnoop", read=False)
    objects = tool.objects()
    tool.process.stdout.close()
    subprocess.run([execs, "execve", TRUE, "zero"], check=True)
    assert tool.finish().process.returncode == 0 and not leftovers(objects)


# ---- calls that failed ----

class Failure:
    def __init__(self, errno, kind, file, *args, seen=None, compat=False):
        self.errno, self.kind, self.file, self.args = errno, kind, file, [*args]
        self.seen = self.args[1:] if seen is None else seen
        self.compat = compat


@pytest.fixture(scope="module")
def failures(tmp_path_factory, execs):
    tmp = tmp_path_factory.mktemp("failures")
    (tmp / "plain").write_text("nothing that can be executed\n")
    (tmp / "data").write_bytes(b"\x7fnothing")
    (tmp / "data").chmod(0o755)
    (tmp / "busy").write_bytes(open(TRUE, "rb").read())
    (tmp / "busy").chmod(0o755)
    odd = str(tmp / "new\nline")
    huge = ["x" * 100_000] * 30
    many = [str(i) for i in range(400)]
    return {
        "ENOENT": Failure("ENOENT", "execve", str(tmp / "none"), "zero", "one", "a b", ""),
        "EACCES": Failure("EACCES", "execve", str(tmp / "plain"), "zero", "one"),
        "ENOEXEC": Failure("ENOEXEC", "execve", str(tmp / "data"), "zero", "one"),
        "ETXTBSY": Failure("ETXTBSY", "execve", str(tmp / "busy"), "zero", "one"),
        "E2BIG": Failure("E2BIG", "execve", TRUE, "zero", *huge),
        "ENOTDIR": Failure("ENOTDIR", "execve", str(tmp / "plain/none"), "zero", "one"),
        "odd characters": Failure("ENOENT", "execve", odd, "zero", *ODD),
        "no UTF-8": Failure("ENOENT", "execve", odd, "zero", b"\xff", b"fine"),
        "execveat": Failure("ENOENT", "execveat", str(tmp / "none"), "zero", "one"),
        "no arguments": Failure("ENOENT", "nothing", odd),
        "empty argv[0]": Failure("ENOENT", "execve", odd, "", "one"),
        "thread": Failure("ENOENT", "thread", odd, "zero", "one"),
        "many": Failure("ENOENT", "execve", odd, "zero", *many),
        "no such memory": Failure("EFAULT", "pointers", TRUE, "zero", seen=[]),
        "no name": Failure("EFAULT", "nowhere", "", "zero", "one"),
        "compat": Failure("ENOENT", "compat", odd, "zero", "one", "two", compat=True),
        "compat execveat": Failure("ENOENT", "compatat", odd, "zero", "one", "two", compat=True),
    }


FAILURES = ["ENOENT", "EACCES", "ENOEXEC", "ETXTBSY", "E2BIG", "ENOTDIR", "odd characters", "no UTF-8", "execveat",
            "no arguments", "empty argv[0]", "thread", "many", "no such memory", "no name", "compat", "compat execveat"]


@pytest.fixture(scope="module")
def failed(failures, execs):
    return repeated(lambda: pass_of_failures(failures, execs),
                    lambda found: all(len(records) == 2 for _, records in found.values()))


def pass_of_failures(failures, execs):
    """name -> (exit status, records of its process)"""
    assert list(failures) == FAILURES
    tool = conftest.Tool("execsnoop", "--json", "-x", "-D", "--cwd", "--args-max", "12k", "-P", os.getpid())
    made = {}
    try:
        tool.wait_attached()
        for name, failure in failures.items():
            hold = open(failure.file, "r+b") if name == "ETXTBSY" else contextlib.nullcontext()
            with hold:
                if name == "E2BIG":     # by its own child: this list is too long for the workload, too
                    program = f"import os; os.execv({TRUE!r}, ['zero'] + ['x' * 100000] * 30)"
                    command = ["/usr/bin/python3", "-c", program]
                else:
                    command = [execs, failure.kind, failure.file, *failure.args]
                process = subprocess.Popen(command, stderr=subprocess.DEVNULL, cwd="/usr")
                made[name] = process.wait(), process.pid
        records, lacking = end_of_pass(tool)
        assert "cannot_see" not in tool.start
        return {name: (status, records.get(pid, [])) for name, (status, pid) in made.items()}, lacking
    finally:
        tool.close()


@pytest.mark.parametrize("name", FAILURES)
def test_failure(failed, failures, name):
    failure, (status, records) = failures[name], failed[name]
    if failure.compat and status in (NO_COMPAT, -signal.SIGSEGV):
        pytest.skip("this kernel has no 32-bit system calls")
    assert status == (1 if name == "E2BIG" else getattr(errno, failure.errno))
    last = records[-1]
    assert len(records) == 2
    assert (last["ret"], last["errno"], last["error"]) == (-last["errno"], getattr(errno, failure.errno), failure.errno)
    # what the caller was called
    assert last["comm"] == ("python3" if name == "E2BIG" else "execs") and last["cwd"] == "/usr"
    assert ("tid" in last) == (name == "thread") and "interpreter" not in last
    assert ("call_ns" in last) != failure.compat and 0 <= last.get("call_ns", 0) < 60e9
    # with a directory's descriptor, what was given
    name_given = os.path.basename(failure.file) if failure.kind == "execveat" else failure.file
    assert last.get("file", "") == name_given and ("file" in last) == (name != "no name")
    if name == "E2BIG":
        assert last["args_cut"] and set("".join(last["args"])) == {"x"} and "args_bytes" not in last
        assert sum(len(arg) + 1 for arg in last["args"]) in range((12 << 10) - 8, (12 << 10) + 1)
    elif name == "many":
        assert last["args_cut"] and last["args"] == failure.seen[:len(last["args"])] and len(last["args"]) >= 250
    elif name == "no UTF-8":
        assert [bytes.fromhex(arg) for arg in last["args_hex"]] == failure.seen
    elif name == "no such memory":
        assert last["args"] == [] and last["args_cut"]
    else:
        assert last["args"] == failure.seen and "args_cut" not in last


def test_failures_are_asked_for(run, execs, tmp_path):
    """Only with -x, or -A; the time of the call only with -D."""
    command = [execs, "execve", str(tmp_path / "none"), "zero", "one"]
    tools = {option: run("execsnoop", "-P", os.getpid(), "--comm", "execs", *option.split())
             for option in ("", "-x", "-A", "-x -D")}
    subprocess.run(command, check=False)
    seen = {option: lines(tool.stop()) for option, tool in tools.items()}
    assert len(seen[""]) == 2 and seen["-x"][1:] == seen["-A"][1:] and len(seen["-x"]) == 3
    comm, pid, ppid, ret, args = seen["-x"][-1].split(maxsplit=4)
    assert (comm, int(ppid), ret, args) == ("execs", os.getpid(), "ENOENT", f"{tmp_path}/none one")
    assert seen["-x -D"][0].split() == ["PCOMM", "PID", "PPID", "RET", "CALL(us)", "ARGS"]
    assert all(line.split()[4].isdecimal() for line in seen["-x -D"][1:])


# ---- ends ----

@again_if_missed
def test_exit(run, execs, tmp_path):
    """Status, signal, how long it ran, and the same time of CPU that wait() gives."""
    commands = [[execs, "threads", "30"], ["/bin/false"], ["/bin/sh", "-c", "kill -KILL $$"],
                ["/bin/sh", "-c", f"exec {execs} threads 5"], [execs, "thread", TRUE, "zero"], ["/bin/sleep", "0.3"]]
    tool = run("execsnoop", "--json", "--exit", "-P", os.getpid())
    made = []
    for command in commands:
        process = subprocess.Popen(command)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = 0
        made.append((process.pid, status, round((usage.ru_utime + usage.ru_stime) * 1e9)))
    wait_until(lambda: len(tool.of("exit")) >= len(made), 10)
    tool.stop()
    ends = by_pid(tool.of("exit"))
    for (pid, status, cpu), command in zip(made, commands):
        end, = ends[pid]
        assert end["ppid"] == os.getpid() and end["uid"] == os.getuid()
        if os.WIFSIGNALED(status):
            assert (end["signal"], end["core_dumped"]) == (os.WTERMSIG(status), False) and "status" not in end
            assert end["signal_name"] == "SIGKILL"
        else:
            assert end["status"] == os.WEXITSTATUS(status) and "signal" not in end
        # what is waited for is counted a moment before the end
        assert -1e6 < end["cpu_ns"] - cpu < 20e6, (command, cpu, end)
        assert 0 < end["run_ns"] < 60e9
    assert ends[made[0][0]][0]["cpu_ns"] >= 4 * 30e6
    assert ends[made[-1][0]][0]["run_ns"] >= 0.3e9


@again_if_missed
def test_exit_of_a_process_that_is_traced(run, execs, tmp_path):
    """Its threads stay until the tracer has looked at them."""
    own = tmp_path / f"execs{os.getpid()}"      # nobody else's processes have that name
    os.link(execs, own)
    tool = run("execsnoop", "--json", "--exit", "--comm", own.name)
    subprocess.run([own, "traced", own, "threads", "5"], check=True)
    wait_until(lambda: len(tool.of("exit")) >= 2, 10)
    ends = tool.stop().of("exit")
    assert sorted(end["status"] for end in ends) == [0, 3]
    assert tool.records[-1].get("untracked", 0) == 0


@again_if_missed
def test_exit_after_an_exec_that_is_left_out(run):
    """How long it ran is since the last exec, whatever is shown of that."""
    tool = run("execsnoop", "--json", "--exit", "--comm", "sh", "-P", os.getpid())
    subprocess.run(["/bin/sh", "-c", "sleep 0.6; exec sleep 0.1"], check=True)
    wait_until(lambda: tool.of("exit"), 10)
    end, = tool.stop().of("exit")
    assert 0.1e9 <= end["run_ns"] < 0.6e9


def test_time_of_a_call_that_is_not_known(run, execs, tmp_path):
    """What is known of a call that failed is not that of the next one."""
    tool = run("execsnoop", "--json", "-D", "-P", os.getpid())
    process = subprocess.run([execs, "again", TRUE, "zero"], check=False)
    if process.returncode in (NO_COMPAT, -signal.SIGSEGV):
        pytest.skip("this kernel has no 32-bit system calls")
    first, last = tool.stop().of("exec")
    assert "call_ns" in first and "call_ns" not in last


@again_if_missed
def test_exit_in_the_table(run, execs):
    tool = run("execsnoop", "--exit", "-P", os.getpid())
    for command in (["/bin/false"], ["/bin/sh", "-c", "kill -KILL $$"]):
        subprocess.run(command, check=False)
    wait_until(lambda: len(tool.lines) >= 5, 10)
    ends = [line.split(maxsplit=4)[3:] for line in lines(tool.stop())[1:] if " after " in line]
    assert re.fullmatch(r"exited with 1 after 0\.\d{6} s, CPU 0\.\d{6} s", ends[0][1])
    assert re.fullmatch(r"killed by SIGKILL after 0\.\d{6} s, CPU 0\.\d{6} s", ends[1][1]) and ends[1][0] == "-"


@again_if_missed
def test_exit_only_of_what_was_shown(run):
    tool = run("execsnoop", "--json", "--exit", "-n", "fals*", "-P", os.getpid())
    for command in ("/bin/true", "/bin/false", "/bin/true"):
        subprocess.run([command], check=False)
    wait_until(lambda: tool.of("exit"), 10)
    tool.stop()
    assert [record["comm"] for record in tool.of("exec", "exit")] == ["false", "false"]


def test_books_of_ends(run, tmp_path):
    """As many ends as execs, of processes that come and go on all CPUs."""
    own = tmp_path / f"true{os.getpid()}"       # the last of anybody else's could have no end yet
    own.symlink_to(TRUE)
    tool = run("execsnoop", "--json", "--comm", own.name, "--exit", "--buffer", "4M")
    subprocess.run(["xargs", "-P8", "-n1", own], input="\n".join(map(str, range(1000))), text=True, check=True)
    wait_until(lambda: len(tool.of("exit")) >= len(tool.of("exec")) >= 1000, 5)
    tool.stop()
    execs, ends, end = tool.of("exec"), tool.of("exit"), tool.records[-1]
    assert end["lost"] == 0 and end["printed"] == len(execs) + len(ends)
    differ = {record["pid"] for record in execs} ^ {record["pid"] for record in ends}
    assert len(differ) <= end.get("missed", 0) and 1000 - end.get("missed", 0) <= len(execs) <= 1000


# ---- paths ----

@again_if_missed
def test_paths(run, execs, tmp_path):
    """--cwd and --exe are what the kernel says, whatever was asked for."""
    link = tmp_path / "link"
    link.symlink_to(TRUE)
    gone = tmp_path / "gone"
    gone.mkdir()
    deep = tmp_path.joinpath(*["d" * 100] * 30)
    deep.mkdir(parents=True)
    tool = run("execsnoop", "--json", "--cwd", "--exe", "-P", os.getpid())
    # a working directory that is not there any more
    subprocess.run([execs, "execve", str(link), "zero"], check=True, cwd=gone, preexec_fn=gone.rmdir)
    subprocess.run([execs, "execve", str(link), "zero"], check=True, cwd=deep)
    subprocess.run([execs, "memfd", TRUE, "zero"], check=True, cwd="/")
    tool.stop()
    shown = [(record["cwd"], record["exe"]) for record in tool.of("exec")]
    mine = os.path.realpath(execs)
    assert shown[:4] == [(f"{gone} (deleted)", mine), (f"{gone} (deleted)", TRUE), (str(deep), mine), (str(deep), TRUE)]
    assert shown[4:] == [("/", mine), ("/", "/memfd:bpfkit (deleted)")]


def lines(tool):
    return tool.stdout.decode().splitlines()


def test_table(run, execs):
    tool = trace(run, "--ppid", os.getpid(), commands=[[execs, "execve", TRUE, "zero", "a b", *ODD]])
    heading, *rest = lines(tool)
    assert heading.split() == ["PCOMM", "PID", "PPID", "RET", "ARGS"]
    comm, pid, ppid, ret, args = rest[-1].split(maxsplit=4)
    assert (comm, int(ppid), ret) == ("true", os.getpid(), "0")
    assert args == TRUE + r' a b new\x0aline \x1b[31m tab\x09 \u{202e}back ü "quoted"   \\'
    tool.assert_inert()


def test_table_options(run, execs):
    command = [execs, "execve", TRUE, "zero", 'say "x"', "two", "three"]
    tool = trace(run, "-TU", "-q", "--max-args", "2", "-P", os.getpid(), commands=[command])
    heading, *rest = lines(tool)
    assert heading.split() == ["TIME", "UID", "PCOMM", "PID", "PPID", "RET", "ARGS"]
    time, uid, *_, args = rest[-1].split(maxsplit=6)
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{6}", time) and int(uid) == os.getuid()
    assert args == rf'"{TRUE}" "say \"x\"" "two" ...'
    tool = trace(run, "-t", "--argv", "-P", os.getpid(), commands=[command])
    time, *_, args = lines(tool)[-1].split(maxsplit=5)
    assert 0 <= float(time) < 60 and args == 'zero say "x" two three'
    tool = trace(run, "--timestamp", "iso", "-P", os.getpid(), commands=[command])
    assert re.match(r"\d{4}-\d\d-\d\dT", lines(tool)[-1])
    tool = trace(run, "--args-max", "10", "--no-header", "-P", os.getpid(), commands=[command])
    assert lines(tool)[-1].split(maxsplit=4)[4] == f"{TRUE} say " '"' " ..."


def test_argv_of_a_script(run, place):
    tool = trace(run, "--json", "--argv", "-P", os.getpid(), commands=[[place.option, "one"]])
    assert tool.of("exec")[-1]["args"] == ["/bin/sh", "-e", place.option, "one"]


# options, and how many of 23 commands they show: the workload ("execs"), and what it executes ("true")
FILTERS = [
    (["-n", "tr*"], 0, 23), (["-n", "[st]rue"], 0, 23), (["-n", "tru"], 0, 0), (["-l", "needle"], 23, 23),
    (["-l", "haystack"], 0, 0), (["-l", "bin/tru"], 23, 23), (["--comm", "true"], 0, 23), (["--comm", "exec*"], 23, 0),
    (["-u", str(os.getuid())], 23, 23), (["-u", "54321"], 0, 0), (["-n", "true", "-l", "needle"], 0, 23),
]


@again_if_missed
def test_filters(run, execs):
    tools = [run("execsnoop", "--json", "--stats", "-P", os.getpid(), *args) for args, *_ in FILTERS]
    seven = run("execsnoop", "--json", "-P", os.getpid(), "-n", "true", "--limit", 7)
    for _ in range(23):
        subprocess.run([execs, "execve", TRUE, "zero", "one needle"], check=True)
    assert len(seven.finish().of("exec")) == 7
    for tool, (args, workload, executed) in zip(tools, FILTERS):
        comms = [record["comm"] for record in tool.stop().of("exec")]
        assert (comms.count("execs"), comms.count("true")) == (workload, executed), args
        assert tool.records[-1]["filtered"] >= 46 - len(comms)


def test_other_parents_are_left_out(run, execs):
    tool = trace(run, "--json", "-P", 1, commands=[[execs, "execve", TRUE, "zero", "not ours"]])
    assert not [record for record in tool.of("exec") if "not ours" in record["args"]]


@again_if_missed
def test_books(run):
    """2,000 short execs, eight at a time."""
    tool = run("execsnoop", "--json", "--comm", "true")
    subprocess.run(["xargs", "-P8", "-n1", TRUE], input="\n".join(map(str, range(2000))), text=True, check=True)
    tool.stop()
    seen = {record["args"][0] for record in tool.of("exec") if record["args"]}
    end = tool.records[-1]
    assert end["lost"] == 0 and seen >= set(map(str, range(2000)))
    assert end["printed"] == len(tool.of("exec"))


# ---- --count ----

NOBODY = 65534
EXE_MAX = 247       # bytes of a file's name that are a key


class Crowd:
    """
    Many short execs, by several parents at once: of two names, in two folders, by two users, in two cgroups, in
    prime numbers.
    """
    GROUPS = [(61, 0, 0, 0, 0), (67, 1, 0, 0, 0), (59, 0, 0, NOBODY, 1), (71, 0, 1, 0, 0)]
    ROUNDS = 2 if os.environ.get("BPFKIT_KERNEL") else 8        # an exec takes a tenth of a second in a guest

    def __init__(self, folder, cgroups):
        self.names = [f"bkc{os.getpid()}{x}" for x in "ab"]
        self.comm = f"bkc{os.getpid()}*"
        self.folders, self.cgroups = [folder, folder / "other"], cgroups
        self.folders[1].mkdir()
        for path in (folder / name for folder in self.folders for name in self.names):
            path.symlink_to(TRUE)
        self.total = 0
        self.happened = {key: collections.Counter() for key in ("comm", "exe", "ppid", "uid", "cgroup")}

    def become(self, uid, cgroup):
        if self.cgroups:
            self.cgroups[cgroup].enter()
        os.setuid(uid)

    def make(self):
        with contextlib.ExitStack() as stack:
            self.make_all(stack)

    def make_all(self, stack):
        running = []
        for number, name, folder, uid, cgroup in self.GROUPS:
            path = self.folders[folder] / self.names[name]
            process = stack.enter_context(
                subprocess.Popen(["xargs", "-P4", "-n1", path], stdin=subprocess.PIPE, text=True, cwd="/",
                                 preexec_fn=functools.partial(self.become, uid, cgroup)))
            running.append((process, number))
            self.total += number
            for key, value in [("comm", path.name), ("exe", str(path)), ("ppid", process.pid), ("uid", uid),
                               ("cgroup", self.cgroups and self.cgroups[cgroup].number)]:
                self.happened[key][value] += number
        for process, number in running:
            process.stdin.write("\n".join(map(str, range(number))))
            process.stdin.close()
        assert [process.wait() for process, _ in running] == [0] * len(running)


class Cgroup:
    def __init__(self, path):
        path.mkdir()
        self.path, self.number = path, path.stat().st_ino

    def enter(self):
        (self.path / "cgroup.procs").write_text("0")


@pytest.fixture(scope="module")
def cgroups():
    """Two of version 2, or none where that cannot be had."""
    mounts = [line.split()[1] for line in pathlib.Path("/proc/mounts").read_text().splitlines()
              if line.split()[2] == "cgroup2"]
    made = []
    try:
        made = [Cgroup(pathlib.Path(mounts[0]) / f"bpfkit-{os.getpid()}-{i}") for i in range(2)] if mounts else []
        yield made
    finally:
        for cgroup in made:
            cgroup.path.rmdir()


COUNTED = {"comm": "comm", "exe": "file", "ppid": "ppid", "uid": "uid", "cgroup": "cgroup"}     # names in JSON


@pytest.fixture(scope="module")
def counted(cgroups):
    """The crowd as each key shows it in short intervals, and in a table that is too small."""
    from conftest import Tool
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        os.chmod(folder, 0o755)         # for all users
        crowd = Crowd(pathlib.Path(folder), cgroups)
        common = ["--json", "--comm", crowd.comm, "-i"]
        # not all of them that short: an emulated processor would do nothing but report
        tools = {key: Tool("execsnoop", *common, "100ms" if key == "exe" else "500ms", "--by", key) for key in COUNTED}
        tools["small"] = Tool("execsnoop", *common, "500ms", "--by", "exe", "--rows", 1)
        tools["lines"] = Tool("execsnoop", "--json", "--comm", crowd.comm)
        try:
            for tool in tools.values():
                tool.wait_attached()
            crowd.make()
            assert wait_until(lambda: all(len(tools[key].of("total")) > 1 for key in COUNTED), 60)
            for _ in range(crowd.ROUNDS - 1):
                crowd.make()
            for tool in tools.values():
                tool.stop()
                assert tool.process.returncode == 0 and bool(tool.stderr) == bool(missed(tool)), tool.stderr
            yield crowd, tools
        finally:
            for tool in tools.values():
                tool.close()


def missed(tool):
    """
    Execs that the program did not see, as the kernel counted: where tasks are preempted in a tracepoint (7.2), another
    one may come to it on that CPU meanwhile, and no program runs twice on a CPU. Others than ours are among them.
    """
    return tool.records[-1].get("missed", 0)


def summed(tool, name):
    rows = collections.Counter()
    for row in tool.of("count"):
        assert row["count"] > 0
        rows[row[name]] += row["count"]
    return rows


@pytest.mark.parametrize("key", COUNTED)
def test_count(counted, cgroups, key):
    """Over many intervals nothing is lost and nothing appears twice."""
    crowd, tools = counted
    tool = tools[key]
    assert (tool.start["by"], tool.start["interval_ms"]) == (key, 100 if key == "exe" else 500)
    totals = tool.of("total")
    assert len(totals) > 2
    assert crowd.total - missed(tool) <= sum(total["total"] for total in totals) <= crowd.total
    assert not tool.of("other")
    if key == "cgroup" and not cgroups:
        pytest.skip("there is no cgroup file system of version 2")
    shown, happened = summed(tool, COUNTED[key]), crowd.happened[key]
    assert not shown - happened and (happened - shown).total() <= missed(tool)


@pytest.mark.parametrize("key", COUNTED)
def test_count_agrees_with_lines(counted, key):
    _, tools = counted
    lines = collections.Counter(record[COUNTED[key]] for record in tools["lines"].of("exec"))
    counts = summed(tools[key], COUNTED[key])
    assert lines and (lines - counts).total() <= missed(tools[key])
    assert (counts - lines).total() <= missed(tools["lines"])


@pytest.mark.parametrize("key", COUNTED)
def test_count_in_each_interval(counted, key):
    """Rows come before their total, which is their sum, the most first, and no key twice."""
    _, tools = counted
    rows = []
    for record in tools[key].records[1:-1]:
        if record["type"] == "count":
            rows.append(record)
            continue
        assert record["type"] == "total" and record["total"] == sum(row["count"] for row in rows)
        assert {row["time"] for row in rows} <= {record["time"]}
        assert [row["count"] for row in rows] == sorted((row["count"] for row in rows), reverse=True)
        assert len({row[COUNTED[key]] for row in rows}) == len(rows)
        rows = []
    assert not rows


def test_count_in_a_table_that_is_too_small(counted):
    crowd, tools = counted
    tool = tools["small"]
    total = sum(total["total"] for total in tool.of("total"))
    assert crowd.total - missed(tool) <= total <= crowd.total
    assert sum(row["count"] for row in tool.of("count", "other")) == total
    assert sum(row["count"] for row in tool.of("other")) > 100
    kinds = "".join(record["type"][0] for record in tool.records[1:-1])
    assert re.fullmatch("(c?o?t)+", kinds) and "cot" in kinds


def counts_of(run, *args, commands):
    """In one report: the interval is longer than that takes."""
    return trace(run, "--count", "-P", os.getpid(), "-i", "1h", *args, commands=commands)


def test_count_of_long_names(run, tmp_path):
    """What is cut is marked, and what just fits is not."""
    names = {}
    for size in range(EXE_MAX - 1, EXE_MAX + 4):
        path = str(tmp_path) + "/"
        while size - len(path) > 200:
            path += "d" * 99 + "/"
        os.makedirs(path, exist_ok=True)
        path += "f" * (size - len(path))
        os.symlink(TRUE, path)
        names[size] = path
    tool = counts_of(run, "--json", "--by", "exe", commands=[[path] for path in names.values()])
    rows = {(row["file"], row["file_cut"]): row["count"] for row in tool.of("count")}
    assert rows == {(names[EXE_MAX - 1], False): 1, (names[EXE_MAX], False): 1, (names[EXE_MAX + 1][:EXE_MAX], True): 3}
    tool = counts_of(run, "--by", "exe", commands=[[path] for path in names.values()])
    assert [line.split() for line in lines(tool)[2:-1]] == [
        ["3", names[EXE_MAX + 1][:EXE_MAX] + "..."], ["1", names[EXE_MAX - 1]], ["1", names[EXE_MAX]]]


def test_count_of_short_names_after_long_ones(run, tmp_path):
    """Behind the end of a name the kernel keeps what was there: that must not make it another key."""
    for name in ("ab", "abcdefghijklmno", "x" * 40):
        (tmp_path / name).symlink_to("/bin/sh")
    chain = [tmp_path / "abcdefghijklmno", "-c", f"exec {tmp_path}/{'x' * 40} -c 'exec {tmp_path}/ab -c :'"]
    tool = counts_of(run, "--json", commands=[chain, [tmp_path / "ab", "-c", ":"]])
    rows = [(row["comm"], row["count"]) for row in tool.of("count")]
    assert rows == [("ab", 2), ("abcdefghijklmno", 1), ("x" * 15, 1)]


def test_count_table(run, tmp_path):
    odd = tmp_path / "new\nline\x1b[31m"
    odd.symlink_to(TRUE)
    commands = [[TRUE]] * 23 + [[odd]]
    tool = counts_of(run, commands=commands)
    heading, columns, *rows = lines(tool)
    assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{6}: execs by comm:", heading)
    assert (columns, rows) == ("     COUNT COMM",
                               ["        23 true", r"         1 new\x0aline\x1b[31m", "  total: 24"])
    tool.assert_inert()
    tool = counts_of(run, "--by", "exe", "--timestamp", "none", "--no-header", "--rows", 1, commands=commands)
    assert lines(tool) == ["execs by exe:", f"        23 {TRUE}",
                           "  not counted by exe: 1 (the table was full, see --rows)", "  total: 24"]
    tool = counts_of(run, "-t", "--by", "uid", commands=commands)
    heading, columns, *rows = lines(tool)
    assert re.fullmatch(r"\d+\.\d{6}: execs by uid:", heading)
    assert (columns, rows) == ("     COUNT UID", [f"        24 {os.getuid()}", "  total: 24"])


def test_count_interval_and_limit(run):
    tool = run("execsnoop", "--json", "--count", "-P", os.getpid(), "-i", "200ms", "--limit", 3).finish()
    assert [total["total"] for total in tool.of("total")] == [0, 0, 0]
    tool = run("execsnoop", "--json", "--count", "-P", os.getpid(), "--limit", 1).finish()
    assert tool.start["interval_ms"] == 1000 and 900 < tool.of("total")[0]["interval_ms"] < 10000


def test_count_filters_in_the_kernel(run, execs):
    tool = run("execsnoop", "--json", "--stats", "--comm", "true", "-P", os.getpid(), "--count")
    for _ in range(23):
        subprocess.run([execs, "execve", TRUE, "zero"], check=True)
    tool.stop()
    assert summed(tool, "comm") == {"true": 23} and tool.records[-1]["filtered"] >= 23


@pytest.mark.parametrize("mode", [[], ["--count"]], ids=["lines", "count"])
def test_maps_are_only_those_of_the_mode(run, mode):
    tool = run("execsnoop", "--json", *mode)
    names = []
    for number in tool.objects()["map"]:
        shown = subprocess.run(["bpftool", "-j", "map", "show", "id", str(number)], capture_output=True, text=True)
        names.append(re.search(r'"name":"([^"]*)"', shown.stdout)[1])
    tool.stop()
    counts = [name for name in names if name.startswith("bk_counts")]
    assert ("bk_events" in names, len(counts)) == ((False, 2) if mode else (True, 0))


@pytest.mark.parametrize("mode", [[], ["--count"]], ids=["lines", "count"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_is_left(run, number, mode):
    tool = run("execsnoop", "--json", *mode)
    objects = tool.objects()
    assert objects["prog"] and objects["link"]
    tool.stop(number)
    assert not leftovers(objects)


@pytest.mark.parametrize("args, text", [
    (["--count", "-q"], "belong to lines"), (["--by", "exe", "-n", "x"], "belong to lines"), (["--count", "5"], "too many"),
    (["-i", "1"], "belong to --count"), (["--rows", "1"], "belong to --count"), (["--by", "pid"], "none of comm, exe"),
    (["--args-max", "33k"], "at most 32k"), (["--ppid", "0"], "--ppid"), (["-l", ""], "empty"), (["ls"], "too many")])
def test_wrong_arguments(run, args, text):
    tool = run("execsnoop", *args, wait=False).finish()
    assert tool.process.returncode == 2 and text in tool.stderr and not tool.stdout
