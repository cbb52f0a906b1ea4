# SPDX-License-Identifier: GPL-2.0-only
"""--pidns: numbers as in the PID namespace of the tool. Outside of the initial one it knows itself all the same."""
import json
import os
import signal
import subprocess

import pytest

from conftest import BPFKIT
from drops import wait_until

TRUE = os.path.realpath("/bin/true")

# In the namespace: starts the tools, runs a workload that says its own numbers, stops the tools.
INSIDE = """
exec 2>&1
n=0
while IFS= read -r line; do
    n=$((n + 1))
    $BPFKIT execsnoop --json $line >$DIR/$n &
    pids="$pids $!"
    while ! [ -s $DIR/$n ]; do sleep 0.1; done
done <$DIR/options
: >$DIR/ready
read -r line <$DIR/go
sh -c 'echo $$ $PPID; exec $TRUE plain' >$DIR/plain
sh -c 'echo $$ $PPID; exec $TRUE plain' >>$DIR/plain
$EXECS thread $TRUE zero thread
unshare --pid --fork sh -c 'echo $$; exec $TRUE nested' >$DIR/nested
for pid in $pids; do kill $pid; wait $pid || echo status $?; done
"""
OPTIONS = {"pidns": "--pidns", "kernel": "", "parent": "--pidns --ppid 1", "no parent": "--pidns --ppid 4000000",
           "pid": "--pidns --pid 1", "tid": "--pidns --tid 1"}


@pytest.fixture(scope="module")
def seen(workload, tmp_path_factory):
    """{what: records of exec}, and what the processes said of themselves."""
    place = tmp_path_factory.mktemp("pidns")
    os.mkfifo(place / "go")
    (place / "options").write_text("".join(line + "\n" for line in OPTIONS.values()))
    inside = subprocess.Popen(
        ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", INSIDE],
        stdout=subprocess.PIPE, text=True,
        env={**os.environ, "BPFKIT": BPFKIT, "DIR": str(place), "TRUE": TRUE, "EXECS": str(workload("execs"))})
    try:
        wait_until(lambda: (place / "ready").exists() or inside.poll() is not None, 120)
        outside = subprocess.Popen([TRUE, "outside"])
        outside.wait()
        (place / "go").write_text("\n")
        said, _ = inside.communicate(timeout=120)
    finally:
        inside.kill()
    # while the tools are started two may execute at once on one CPU, of which newer kernels show only one
    assert inside.returncode == 0 and all(" events were missed: " in line for line in said.splitlines()), said
    records = {what: [json.loads(line) for line in (place / str(i + 1)).read_text().splitlines()]
               for i, what in enumerate(OPTIONS)}
    for what in records:
        assert records[what][-1]["type"] == "end" and records[what][-1]["lost"] == 0
    return ({what: [record for record in records[what] if record["type"] == "exec"] for what in records},
            {"plain": [tuple(map(int, line.split())) for line in (place / "plain").read_text().splitlines()],
             "nested": int((place / "nested").read_text()), "outside": outside.pid})


def of(records, word):
    return [record for record in records if record["args"][-1:] == [word] and record["comm"] == "true"]


def test_numbers_are_those_that_the_processes_have(seen):
    records, said = seen
    assert [(record["pid"], record["ppid"]) for record in of(records["pidns"], "plain")] == said["plain"]
    assert len(said["plain"]) == 2 and all(ppid == 1 for _, ppid in said["plain"])


def test_what_is_below_is_shown_with_its_number_in_ours(seen):
    records, said = seen
    nested, = of(records["pidns"], "nested")
    assert said["nested"] == 1 and nested["pid"] > 1 and nested["ppid"] > 1


def test_what_is_not_in_it_is_not_shown(seen):
    records, said = seen
    assert not of(records["pidns"], "outside")
    assert [record["pid"] for record in of(records["kernel"], "outside")] == [said["outside"]]


def test_without_it_numbers_are_those_of_the_kernel(seen):
    records, said = seen
    plain = of(records["kernel"], "plain")
    assert len(plain) == 2 and not {record["pid"] for record in plain} & {pid for pid, _ in said["plain"]}


def test_the_number_that_a_thread_had_is_unknown(seen):
    records, _ = seen
    assert ["tid" in record for record in of(records["pidns"], "thread")] == [False]
    assert ["tid" in record for record in of(records["kernel"], "thread")] == [True]


def test_filters(seen):
    records, _ = seen
    assert len(of(records["parent"], "plain")) == 2 and not of(records["parent"], "nested")
    assert all(record["ppid"] == 1 for record in records["parent"])
    assert not records["no parent"] and not records["pid"] and not records["tid"]


def test_pid_and_tid(tmp_path):
    """A number that is known beforehand: that of a shell, which executes another program."""
    script = """
        for what in pid tid; do
            sh -c 'while ! [ -e '$DIR/go' ]; do sleep 0.1; done; exec $TRUE me' &
            me=$!
            $BPFKIT execsnoop --json --pidns --$what $me >$DIR/$what &
            tool=$!
            while ! [ -s $DIR/$what ]; do sleep 0.1; done
            $TRUE other
            : >$DIR/go
            wait $me
            kill $tool
            wait $tool
            rm $DIR/go
            echo $me
        done"""
    done = subprocess.run(["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", script],
                          check=True, stdout=subprocess.PIPE, text=True, timeout=240,
                          env={**os.environ, "BPFKIT": BPFKIT, "DIR": str(tmp_path), "TRUE": TRUE})
    for what, number in zip(("pid", "tid"), done.stdout.split(), strict=True):
        records = [json.loads(line) for line in (tmp_path / what).read_text().splitlines()]
        execs = [record for record in records if record["type"] == "exec"]
        assert [(record["pid"], record["args"]) for record in execs] == [(int(number), ["me"])]


@pytest.mark.parametrize("options", [[], ["--pidns"]], ids=["kernel", "pidns"])
@pytest.mark.parametrize("first", [True, False], ids=["first process", "child"])
def test_a_command_in_a_namespace(options, first):
    """The tool is found to be itself, which has another number for the kernel, as the parent of the command."""
    tool = [BPFKIT, "execsnoop", "--json", *options, "--", "sh", "-c", f"{TRUE} mark; exit 9"]
    shell = [] if first else ["sh", "-c", '"$@"; exit $?', "sh"]
    done = subprocess.run(["unshare", "--pid", "--fork", "--mount-proc", *shell, *tool], stdout=subprocess.PIPE, timeout=120)
    records = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 9
    start, shell, mark, _ = records
    assert mark["args"] == ["mark"] and mark["ppid"] == shell["pid"] == start["pid"]
    assert (shell["ppid"] == (1 if first else 2)) == bool(options)
    assert (shell["pid"] == (2 if first else 3)) == bool(options)


def test_in_the_initial_namespace_nothing_changes(tmp_path, run):
    if os.stat("/proc/self/ns/pid").st_ino != 0xEFFFFFFC:
        pytest.skip("this is not the initial PID namespace")
    tool = run("execsnoop", "--json", "--pidns")
    child = subprocess.Popen(["unshare", "--pid", "--fork", TRUE, "inside"])
    child.wait()
    plain = subprocess.Popen([TRUE, "plain"])
    plain.wait()
    tool.stop(signal.SIGINT)
    assert [(record["pid"], record["ppid"]) for record in of(tool.of("exec"), "plain")] == [(plain.pid, os.getpid())]
    inside, = of(tool.of("exec"), "inside")
    assert inside["ppid"] == child.pid and inside["pid"] > 1
