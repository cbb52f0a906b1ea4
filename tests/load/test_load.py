# SPDX-License-Identifier: GPL-2.0-only
"""Every rung of every tool, and every shape of its programs, is loaded by this kernel."""
import itertools
import json
import os
import re
import subprocess

import pytest

from objects import (BPFKIT, BPFTOOL, COMPILER, KERNEL, OBJECTS, TOOLS, TRACEFS, WITH_TRACEFS, all_objects, call,
                     complete, orphans, run, table, verified)

INSTRUCTIONS = 100_000      # that the verifier may go through; its own limit is a million

# What kernels of the matrix refuse: {(tool, rung): the reason that is given}. There everything else loads; on other
# kernels a rung may be refused, but with a reason.
MATRIX = next(words[2:] for words in table("verified") if words[:2] == ["tool", "program"])
REFUSED = {(tool, None if rung == "-" else rung): " ".join(text) for kernel, tool, rung, *text in table("refused")
           if kernel == KERNEL}
RUNGS = [(tool, rung) for tool in TOOLS for rung in complete(tool, "--probe") or [None]]


def attached(*args, into):
    """Runs a tool for a moment. It must have attached; returns {program: instructions that were verified}."""
    return attached_by(run(args[0], "--verbose", "--verbose", "--duration", "1ms", *args[1:]), args, into)


def attached_by(done, args, into):
    tail = "\n".join(done.stderr.splitlines()[-15:])
    assert done.returncode == 0, f"{' '.join(args)}: status {done.returncode}:\n{tail}"
    assert re.search(rf"^{args[0]}: attached\b", done.stderr, re.M), tail
    counts = verified(done.stderr)
    assert counts, f"no statistics of the verifier:\n{tail}"
    for program, count in counts.items():
        into[args[0], program] = max(into.get((args[0], program), (0,)), (count, args))
    return counts


def assert_cheap(counts):
    assert all(0 < count < INSTRUCTIONS for count in counts.values()), counts


# ---- all tools ----

@pytest.mark.parametrize("tool, rung", RUNGS, ids=[f"{tool} {rung}" for tool, rung in RUNGS])
def test_rung(tool, rung, kernel):
    force = ["--probe", rung] if rung else []
    done = run(tool, *force, "--verbose", "--duration", "200ms")
    said = done.stderr.splitlines()
    if done.returncode == 0:
        assert re.search(rf"^{tool}: attached\b" + (rf".* with the probe {rung}\b" if rung else ""), done.stderr, re.M)
        assert (tool, rung) not in REFUSED, "tests/vm/refused says that this kernel refuses it"
    else:
        assert done.returncode == 3 and said and len(said[-1]) > 30, done
        assert not done.stdout
        assert KERNEL not in MATRIX or (tool, rung) in REFUSED, said[-1]
        assert REFUSED.get((tool, rung), "") in said[-1]


@pytest.mark.parametrize("tool", TOOLS)
def test_the_best_rung_is_taken(tool, kernel):
    """Without --probe: the first one that loads when it is forced."""
    rungs = complete(tool, "--probe")
    best = [rung for rung in rungs if run(tool, "--probe", rung, "--duration", "1ms").returncode == 0][:1]
    first = json.loads(run(tool, "--json", "--duration", "1ms").stdout.splitlines()[0])
    assert (first["type"], first["tool"]) == ("start", tool)
    assert [first["probe"]] == best if rungs else "probe" not in first


@pytest.mark.parametrize("tool, rung", RUNGS, ids=[f"{tool} {rung}" for tool, rung in RUNGS])
def test_the_verifier_has_little_to_do(tool, rung, kernel, statistics):
    if run(tool, *(["--probe", rung] if rung else []), "--duration", "1ms").returncode == 3:
        pytest.skip("this kernel refuses it")
    assert_cheap(attached(tool, *(["--probe", rung] if rung else []), into=statistics))


TAKES_COMMAND = [tool for tool in TOOLS if "[-- COMMAND" in run(tool, "--help").stdout.splitlines()[0]]


@pytest.mark.parametrize("tool, rung", [(tool, rung) for tool, rung in RUNGS if tool in TAKES_COMMAND],
                         ids=lambda word: str(word))
def test_with_a_command(tool, rung, kernel, statistics):
    """What follows the command and all that it starts is loaded too."""
    force = ["--probe", rung] if rung else []
    if run(tool, *force, "--duration", "1ms").returncode == 3:
        pytest.skip("this kernel refuses it")
    counts = attached(tool, *force, "--", "true", into=statistics)
    assert {"bk_fork", "bk_exit"} < counts.keys()
    assert_cheap(counts)


@pytest.mark.parametrize("tool, rung", [(tool, rung) for tool, rung in RUNGS if "--pidns" in complete(tool)],
                         ids=lambda word: str(word))
def test_in_a_pid_namespace(tool, rung, kernel):
    """Numbers are looked for in up to 33 namespaces: that is another program, and a longer one."""
    force = ["--probe", rung] if rung else []
    if run(tool, *force, "--duration", "1ms").returncode == 3:
        pytest.skip("this kernel refuses it")
    command = ["--", "true"] if tool in TAKES_COMMAND else []
    usual = attached(tool, *force, into={})
    alone = not (TRACEFS / "events").exists()
    done = subprocess.run([*(WITH_TRACEFS if alone else []), "unshare", "--pid", "--fork", "--mount-proc", BPFKIT, tool,
                           "-vv", "--pidns", "--pid", "1", "--tid", "1", *force, "--duration", "1ms", *command],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr[-2000:]
    counts = verified(done.stderr)
    assert counts.keys() >= usual.keys() and sum(counts.values()) > sum(usual.values())
    assert_cheap(counts)


# ---- programs that are there only for some options, and what they become by others ----

NETNS = str(os.stat("/proc/self/ns/net").st_ino)
TASKS = ["--pid", "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16", "--tid", "1", "--uid", "0", "--comm", "none*", "--netns", NETNS]
OPTIONS = {
    "execsnoop": ["-x", "-x -D --exit --cwd --exe", "-x -D --exit --cwd --exe -P 1", "--args-max 32k",
                  *(f"--by {key}" for key in complete("execsnoop", "--by"))],
    "opensnoop": ["-F", "--host-path", "--latency --compat", "-F --latency --compat -x --write -f O_CREAT", "--min 1ms",
                  "--prefix /etc", "--json", *(f"--by {key}" for key in complete("opensnoop", "--by")),
                  "--by path --prefix /etc --min 1ms --compat"],
}
WITH_OPTIONS = [(tool, rung, options) for tool, rung in RUNGS for options in OPTIONS.get(tool, ())]


@pytest.mark.parametrize("tasks", ["", "tasks"])
@pytest.mark.parametrize("tool, rung, options", WITH_OPTIONS,
                         ids=[f"{tool} {rung} {options}" for tool, rung, options in WITH_OPTIONS])
def test_with_options(tool, rung, options, tasks, kernel, statistics):
    force = ["--probe", rung] if rung else []
    if run(tool, *force, "--duration", "1ms").returncode == 3:
        pytest.skip("this kernel refuses it")
    seen = {}
    assert_cheap(attached(tool, *force, *options.split(), *(TASKS if tasks else []), into=seen))
    # apart from what is loaded without options
    for (_, program), figure in seen.items():
        statistics[tool, f"{program}+"] = max(statistics.get((tool, f"{program}+"), (0,)), figure)


# ---- netmon: its program is another one for each key and each filter ----

KEYS = complete("netmon", "--by")

WITH_EXPRESSIONS = "filter expressions" in run("--version").stdout
EXPRESSION = [("filter", ["--filter", "udp port 53"])] if WITH_EXPRESSIONS else []

# (what is tested, options); two of one kind exclude each other.
FILTERS = [
    ("tcp", ["--no-tcp"]), ("unix", ["--no-unix"]), ("ovs", ["--no-ovs"]), ("netns", ["--netns", NETNS]),
    ("reason", ["--reason", "NO_SOCKET"]), ("reason", ["--reason", "!NO_SOCKET,TCP_CSUM"]),
    ("ifname", ["--ifname", "lo"]), ("address", ["--host", "127.0.0.1"]), ("address", ["--host", "fe80::1"]),
    ("address", ["--net", "10.0.0.0/7"]), ("address", ["--net", "2001:db8::/33"]), ("port", ["--port", "53"]),
    ("port", ["--port", "0,22,53,80,443,8080,8443,65535"]), ("proto", ["--proto", "arp"]), ("proto", ["--proto", "udp"]),
    ("vlan", ["--vlan", "0"]), *EXPRESSION, ("books", ["--stats"]), ("stack", ["--stack"]),
]
ALL = ["--no-tcp", "--no-unix", "--no-ovs", "--netns", NETNS, "--reason", "!NO_SOCKET", "--ifname", "lo",
       "--port", "0,22,53,80,443,8080,8443,65535", "--proto", "udp", "--vlan", "4094", "--stats"]
SETS = {"": [], "all filters, IPv4": [*ALL, "--net", "10.0.0.0/7"], "all filters, IPv6": [*ALL, "--host", "2001:db8::1"]}
ONE_OR_TWO = [[option] for _, option in FILTERS] + [[a, b] for (of_a, a), (of_b, b) in itertools.combinations(FILTERS, 2)
                                                    if of_a != of_b]


@pytest.fixture(scope="session")
def reasons():
    """Does this kernel give reasons? If not, filters by them are refused."""
    return os.geteuid() == 0 and json.loads(run("netmon", "--json", "--duration", "1ms").stdout.splitlines()[0])["reasons"]


def possible(options, reasons):
    if reasons or "--reason" not in options:
        return list(options)
    at = options.index("--reason")
    return [*options[:at], *options[at + 2:]]


@pytest.mark.parametrize("key", [None, *KEYS])
@pytest.mark.parametrize("filters", SETS)
def test_netmon_by_key(key, filters, kernel, reasons, statistics):
    if key == "reason" and not reasons:
        pytest.skip("this kernel gives no reasons")
    by = ["--by", key, "--interval", "1h"] if key else ["--stack"]
    counts = attached("netmon", *by, *possible(SETS[filters], reasons), into=statistics)
    assert len(counts) == 1, "one program is loaded, the other is not"
    assert_cheap(counts)


def recorded(filters, statistics):
    """Where what it took belongs. Each expression is a program of its own, and there is no most of them."""
    return {} if "--filter" in filters else statistics


@pytest.mark.parametrize("filters", ONE_OR_TWO, ids=lambda filters: " ".join(sum(filters, [])).replace(NETNS, "N"))
def test_netmon_by_filters(filters, kernel, reasons, statistics):
    filters = sum(filters, [])
    assert_cheap(attached("netmon", *possible(filters, reasons), into=recorded(filters, statistics)))


@pytest.mark.parametrize("filters", [option for kind, option in FILTERS if kind != "stack"],
                         ids=lambda filters: " ".join(filters).replace(NETNS, "N"))
def test_netmon_by_flow_and_a_filter(filters, kernel, reasons, statistics):
    assert_cheap(attached("netmon", "-s", "flow", *possible(filters, reasons), into=recorded(filters, statistics)))


@pytest.mark.parametrize("options", [
    ["--buffer", "1"], ["--buffer", "5000"], ["--buffer", "64M"],
    ["-s", "flow", "--rows", "1"], ["-s", "flow", "--rows", "100000"],
    ["-s", "ifname", "--json"], ["--json", "--timestamp", "mono"],
], ids=" ".join)
def test_netmon_with_other_sizes(options, kernel, statistics):
    attached("netmon", *options, into=statistics)


@pytest.mark.parametrize("filters", ["", "-p 1 --tid 1 --comm x --uid 0 --cgroup / --ppid 1 --stats"])
@pytest.mark.parametrize("key", complete("execsnoop", "--by"))
def test_execsnoop_by_key(key, filters, kernel, statistics):
    counts = attached("execsnoop", "--by", key, "--rows", "100000", "--netns", NETNS, *filters.split(), into=statistics)
    assert list(counts) == ["exec__tp_btf"]
    assert_cheap(counts)


# As long as there is room for, and such that the verifier has the most different states to follow.
EXPRESSIONS = {
    "all": "greater 0",
    "ports": "port " + " or ".join(str(port) for port in range(1, 1350, 7)),
    "addresses": " or ".join(f"src host 2001:db8:{i}::1" for i in range(1, 25)),
    "bytes": "ip" + "".join(f" and ip[ip[{i}]] != {i}" for i in range(20)),
    "arithmetic": "ip" + "".join(f" and (ip[{i}:2] - ((ip[0] & 0xf) << 2) > {i} or tcp[{i}] & 3 = {i} % ip[8])"
                                 for i in range(1, 13)),
    "tags": "(vlan 1 and vlan 2 and udp port 53) or (vlan 3 and tcp)",
    "memory": "ip[ip[ip[ip[8]]]] + ip[len - 40] * 3 > ip[9] << ip[10] and ether[0] & 1 = 0 or ip6[6] / ip6[7] = 44",
}


@pytest.mark.skipif(not WITH_EXPRESSIONS, reason="built without libpcap")
@pytest.mark.parametrize("filters", ["", "all filters, IPv6"])
@pytest.mark.parametrize("key", ["", "flow", "reason"])
@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_netmon_with_expressions(expression, key, filters, kernel, reasons):
    if key == "reason" and not reasons:
        pytest.skip("this kernel gives no reasons")
    counts = attached("netmon", *(["--by", key] if key else ["--stack"]), "--filter", EXPRESSIONS[expression],
                      *possible(SETS[filters], reasons), into={})
    assert len(counts) == 1
    assert_cheap(counts)


REFUSALS = {    # options: (status, what is named)
    "--reason NO_SUCH_REASON": (2, "NO_SUCH_REASON"),
    "--reason ,": (2, "--reason"),
    "--reason !": (2, "--reason"),
    "-o": (3, "Open vSwitch"),
}


@pytest.mark.parametrize("options", REFUSALS)
def test_netmon_says_in_one_sentence_what_it_cannot_do(options, kernel, reasons):
    if options == "-o" and " ovs_dp_process_packet" in open("/proc/kallsyms").read():
        pytest.skip("Open vSwitch is in this kernel")
    status, named = REFUSALS[options]
    if not reasons and named == "NO_SUCH_REASON":
        status, named = 3, "reason"
    done = run("netmon", *options.split(), "--duration", "1ms")
    assert (done.returncode, done.stdout) == (status, ""), done
    said = [line for line in done.stderr.splitlines() if not line.startswith("Try ")]
    assert len(said) == 1 and named in said[0], said


# ---- xdpdump: a program of its own, and those at the programs of others ----

@pytest.mark.parametrize("options", ["-s 1", "-s 95", "-s 96", "-s 97", "-s 1500", "-s 0", "--stats", "-S", "-w /dev/null",
                                     "--buffer 1", "--buffer 64M", "-c 1 -x -s 9000"])
def test_xdpdump_with_options(options, kernel, statistics):
    counts = attached("xdpdump", *options.split(), into=statistics)
    assert list(counts) == ["xdpdump"]
    assert_cheap(counts)


@pytest.mark.skipif(not WITH_EXPRESSIONS, reason="built without libpcap")
@pytest.mark.parametrize("expression", [*EXPRESSIONS, "short"])
def test_xdpdump_with_expressions(expression, kernel):
    counts = attached("xdpdump", "-s", "0", EXPRESSIONS.get(expression, "udp port 53"), into={})
    assert list(counts) == ["xdpdump"]
    assert_cheap(counts)


# Two programs of somebody else, on three interfaces; a fourth has none.
OTHERS = """
mount -t bpf none "$0"
bpftool prog loadall "$1" "$0"
shift
for i in 1 2 3 4; do
    ip link add "veth$i" type veth peer name "peer$i"
    ip link set "veth$i" up
done
ip link set dev veth1 xdp pinned "$0/xdp_all"
ip link set dev veth2 xdp pinned "$0/xdp_l4"
ip link set dev veth3 xdp pinned "$0/xdp_all"
exec "$@"
"""
FOREIGN = OBJECTS / "pkt_direct.bpf.o"
TRACED = "xdpdump_entry"      # what stands for the programs at others' in tests/vm/refused
CANNOT_TRACE = REFUSED.get(("xdpdump", TRACED))


def beside_others(folder, *args):
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    return call("unshare", "--net", "--mount", "env", f"PATH={path}", "bash", "-ec", OTHERS, folder, FOREIGN, BPFKIT,
                "xdpdump", "--verbose", "--verbose", "--duration", "1ms", *args)


@pytest.fixture
def traced(kernel, tmp_path):
    """Runs xdpdump where others' programs are. Skipped where the kernel has nothing at their entries, which it has to say."""
    if not FOREIGN.exists():
        pytest.skip(f"there are no tests beside the binary: no {FOREIGN}")

    def run_it(*args, into):
        done = beside_others(tmp_path, *args)
        if done.returncode == 3 and (CANNOT_TRACE or KERNEL not in MATRIX):
            said = done.stderr.splitlines()[-1]
            assert " already has the XDP program xdp_" in said and (CANNOT_TRACE or "captured") in said, said
            pytest.skip("this kernel refuses it")
        assert not CANNOT_TRACE, "tests/vm/refused says that this kernel refuses it"
        return attached_by(done, ("xdpdump", *args), into)
    return run_it


AT = {"entry": {"xdpdump_entry"}, "exit": {"xdpdump_exit"}, "entry,exit": {"xdpdump_entry", "xdpdump_exit"}}
ON = {"one of others": ["veth1"], "two of others": ["veth1", "veth2", "veth3"], "one of ours too": ["veth4", "veth2", "veth1"]}


@pytest.mark.parametrize("at, names, options", [*((at, names, "-s 0 --stats") for at in AT for names in ON),
                                                *(("entry,exit", "one of ours too", options) for options in ("", "-s 1"))])
def test_xdpdump_at_the_programs_of_others(at, names, options, traced, statistics):
    """A second program of theirs is another one to the kernel: there ours are loaded again, and nothing is said of that."""
    interfaces = [word for name in ON[names] for word in ("-i", name)]
    counts = traced("--rx-capture", at, *interfaces, *options.split(), into=statistics)
    assert set(counts) == AT[at] | ({"xdpdump"} if "veth4" in interfaces else set())
    assert_cheap(counts)


def test_xdpdump_anywhere(kernel, statistics, tmp_path):
    """What cannot be looked at is left out, and named."""
    args = ["-i", "any", "--rx-capture", "entry,exit"]
    done = beside_others(tmp_path, *args)
    counts = attached_by(done, ("xdpdump", *args), statistics)
    left_out = [name for name in ("veth1", "veth2", "veth3") if f"{name} already has the XDP program" in done.stderr]
    if left_out:
        assert (CANNOT_TRACE or KERNEL not in MATRIX) and len(left_out) == 3
    assert set(counts) == {"xdpdump"} | (set() if left_out else {"xdpdump_entry", "xdpdump_exit"})


@pytest.mark.skipif(not WITH_EXPRESSIONS, reason="built without libpcap")
@pytest.mark.parametrize("expression", ["arithmetic", "memory", "tags"])
def test_xdpdump_at_the_programs_of_others_with_expressions(expression, traced):
    counts = traced("--rx-capture", "entry,exit", "-i", "veth4", "-i", "veth2", "-i", "veth1", "-s", "0",
                    EXPRESSIONS[expression], into={})
    assert set(counts) == {"xdpdump", "xdpdump_entry", "xdpdump_exit"}
    assert_cheap(counts)


# ---- where a part of the system is missing ----

def in_other_mounts(command, *args):
    """Runs a tool where a command has changed what is mounted. It must say in one sentence what is wrong."""
    done = subprocess.run(["unshare", "--mount", "sh", "-ec", f'{command}; exec "$@"', "sh", BPFKIT, *args], text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (3, "", 1), done
    return done.stderr


def test_without_proc(kernel):
    assert "mount it (mount -t proc" in in_other_mounts("umount -l /proc", TOOLS[0])


def test_without_sys(kernel):
    assert "mount sysfs" in in_other_mounts("umount -l /sys; mount -t tmpfs none /sys", TOOLS[0])


@pytest.mark.parametrize("damage", ["unknown kind", "cut off", "no BTF", "empty"])
def test_with_an_odd_btf(damage, kernel, tmp_path):
    """As of a kernel to come, or one whose BTF was damaged by who packed it."""
    btf = bytearray(open("/sys/kernel/btf/vmlinux", "rb").read())
    if damage == "unknown kind":
        btf[24 + 7] |= 31       # the kind of the first type, behind the header
    btf = {"unknown kind": btf, "cut off": btf[:100000], "no BTF": b"nonsense" * 100, "empty": b""}[damage]
    (tmp_path / "btf").write_bytes(btf)
    said = in_other_mounts(f"mount --bind {tmp_path}/btf /sys/kernel/btf/vmlinux", TOOLS[0])
    assert "/sys/kernel/btf/vmlinux" in said, said


# ---- what all of that took, against what is recorded ----

def test_the_verifier_has_no_more_to_do_than_is_recorded(kernel, statistics):
    """Growth by more than a fifth is an accident, until the figure in tests/vm/verified is changed on purpose."""
    if KERNEL not in MATRIX:
        pytest.skip(f"nothing is recorded for {KERNEL}")
    if not COMPILER.startswith("clang 14."):
        pytest.skip(f"recorded is what clang 14 makes, and this is of {COMPILER}")
    assert statistics, "nothing was loaded"
    known = {(tool, program): figures[MATRIX.index(KERNEL)]
                for tool, program, *figures in table("verified")[1:] if len(figures) == len(MATRIX)}
    for (tool, program), (count, options) in statistics.items():
        figure = known.get((tool, program), "-")
        assert figure.isdecimal(), f"tests/vm/verified has no figure for {tool} {program} on {KERNEL}: it is {count}"
        assert 5 * count <= 6 * int(figure), \
            f"{tool} {program}: {count} instructions on {KERNEL}, not {figure}, with {' '.join(options)}"


# ---- the tests themselves ----

def test_a_tool_that_runs_is_no_orphan_and_a_map_that_is_pinned_is_one(kernel, tmp_path):
    before = all_objects()
    tool = subprocess.Popen([BPFKIT, TOOLS[0], "--json"], stdout=subprocess.PIPE, text=True)
    try:
        tool.stdout.readline()
        assert {kind for kind, _ in all_objects() - before} >= {"prog", "map"}
        assert not orphans(before)
    finally:
        tool.terminate()
        tool.communicate()
    subprocess.run(["mount", "-t", "bpf", "none", tmp_path], check=True)
    try:
        subprocess.run([BPFTOOL, "map", "create", tmp_path / "map", "type", "array", "key", "4", "value", "4",
                        "entries", "1", "name", "left"], check=True)
        pinned = subprocess.run([BPFTOOL, "-j", "map", "show", "pinned", tmp_path / "map"],
                                stdout=subprocess.PIPE, check=True)
        assert ("map", json.loads(pinned.stdout)["id"]) in orphans(before, seconds=1)
    finally:
        (tmp_path / "map").unlink(missing_ok=True)
        subprocess.run(["umount", tmp_path], check=True)


def test_statistics_are_read():
    text = ("x: libbpf: prog 'one': -- BEGIN PROG LOAD LOG --\nx: verification time 3 usec\n"
            "x: processed 7 insns (limit 1000000)\n"
            "x: -- END PROG LOAD LOG --\nx: libbpf: prog 'two': -- BEGIN PROG LOAD LOG --\nx: -- END PROG LOAD LOG --\n"
            "x: libbpf: prog 'three': -- BEGIN PROG LOAD LOG --\nx: processed 9 insns\nx: -- END PROG LOAD LOG --\n")
    assert verified(text) == {"one": 7, "three": 9}
