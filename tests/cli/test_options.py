# SPDX-License-Identifier: GPL-2.0-only
"""Options of the tools: one table parses, explains, completes and fills the man page."""
import itertools
import os
import re
import shlex

import pytest

from cli import assert_usage_error, completions, least, options, output, run

# Values that are wrong besides the empty one: of the options that mean the same in all tools, and of a tool's own.
# An option whose values are completed takes no other.
BAD = {
    "pid": ["0", "1,", ",1", "-1", "1;2", "4194305", ",".join(["1"] * 17)],
    "tid": ["0", "x", "4194305"],
    "comm": ["sixteen-letters-", "*"],
    "uid": ["4294967295", "no such user"],
    "cgroup": ["no/such/cgroup"],
    "netns": ["0", "4294967296", "no-such-namespace", "/no/such/file", "/etc/passwd", "/"],
    "interval": ["0", "-1", "1x", "1.", ".5", "1 s", "0x10", "99999999999h"],
    "duration": ["0", "-1", "1x", "1.", ".5", "1 s", "0x10", "99999999999h"],
    "limit": ["0", "-1", "1.5", "4294967296", "99999999999999999999"],
    "count": ["0", "-1", "1.5", "4294967296", "99999999999999999999"],
    "follow-max": ["0", "4194305", "x"],
    "buffer": ["-1", "1x", "4MB", "2g", "1.5M", "9999999999g"],
}
OWN_BAD = {
    "netmon": {
        "by": ["mac", "netns,dmac"],
        "threshold": ["0", "-1"],
        "top": ["0", "x"],
        "rows": ["0", "1048577"],
        "ifname": ["sixteen-letters-"],
        "host": ["localhost", "10.0.0.0/8", "10.0.0", "1.2.3.4.5", "fe80::1%lo", "::1::"],
        "net": ["10.0.0.0/33", "fe80::/129", "10.0.0.0/", "10.0.0.0/-1", "10/8"],
        "port": ["65536", "1,", "http", "1-2", "1,2,3,4,5,6,7,8,9"],
        "proto": ["256", "no-such-protocol", "-1"],
        "vlan": ["4095", "-1"],
    },
    "execsnoop": {
        "by": ["pid", "comm,exe"],
        "rows": ["0", "1048577"],
        "ppid": ["0", "4194305"],
    },
    "opensnoop": {
        "by": ["uid", "comm,pid"],
        "rows": ["0", "1048577"],
        "flag": ["O_NONE", "O_CREAT,,O_EXCL", ","],
        "min": ["0", "-1", "1x"],
        "prefix": ["x" * 128],
    },
    "xdpdump": {
        "interface": ["sixteen-letters-"],
        "snaplen": ["262145", "-1", "x", "1.5"],
        "rx-capture": ["both", ",exit", "entry,,exit", "entry;exit"],
    },
}

COMMAND = "[-- COMMAND [ARGUMENT]...]"     # in the usage of a tool that takes one

# Options that are right one by one, and wrong together.
CONFLICTS = {
    "netmon": ["--top 3", "--rows 8", "--threshold 2", "--interval 1", "-s dmac --stack", "--host ::1 --net ::/0", "-o -O",
               "-w x -s dmac", "-w x --stack", "-w x --json", "-w x --no-header", "-w x --timestamp wall"],
    "execsnoop": ["--rows 8", "--interval 1", "--count -U", "--count -n x", "--count -l x", "--count -q", "--count --max-args 1",
                  "--count --args-max 1k", "--count --argv", "--count --buffer 1M", "--count -x", "--count -D",
                  "--count --exit", "--count --cwd", "--count --exe", "-T -t", "--count --interval 1us"],
    "opensnoop": ["--rows 8", "--interval 1", "--count -U", "--count -n x", "--count -e", "--count -F", "--count --host-path",
                  "--count --glob x", "--count --buffer 1M", "--count --latency", "--by comm --prefix /"],
    "xdpdump": ["-i lo -S -N", "-i lo -S -H", "-i lo -N -H", "-i lo -S -N -H", "-i any -H", "-i lo -i any -H",
                *(f"-i lo -w x {line}" for line in ("-x", "-X", "-e", "-q", "--json", "--output json", "--timestamp iso")),
                *(f"{instead} {live}" for instead in ("-r x", "-D")
                  for live in ("-i lo", "-i any", "-S", "-N", "-H", "--rx-capture exit")),
                *(f"-r x {line}" for line in ("--buffer 1M", "-d 1", "--stats", "--no-header")),
                *(f"-D {line}" for line in ("-x", "-X", "-e", "-q", "-s 9", "-c 1", "--timestamp iso", "-d 1", "--stats",
                                            "--buffer 1M", "-r x", "-w x", "arp", "-- arp")), "-i lo --no-header"],
}


def said_by_man_options(tool):
    """(letter, name, argument) of each item."""
    items = re.findall(r"^\.It (?:Fl (\S) , )?Fl Fl (\S+)(?: Ar (\S+))?$", output("--man-options", tool), re.M)
    return [(letter, name, arg.replace("\\-", "-").replace("\\&", "")) for letter, name, arg in items]


# ---- the three lists are one ----

def test_help_completion_and_manual_have_the_same_options(tool):
    help_words = [word for option in options(tool) for word in option.words]
    assert completions(tool) == help_words
    assert said_by_man_options(tool) == [(option.letter, option.name, option.arg) for option in options(tool)]
    assert len(help_words) == len(set(help_words)), "an option is there twice"


def test_shared_options_are_in_all_tools(tool):
    shared = {"help", "verbose", "output", "json", "no-header", "duration", "stats"}
    assert shared <= {option.name for option in options(tool)}


def test_values_that_are_completed_are_taken(tool, option, nobody):
    values = completions(tool, f"--{option.name}")
    if option.letter:
        assert completions(tool, f"-{option.letter}") == values
    assert bool(option.arg) == bool(values)
    choices = re.search(r": ((?:[\w-]+ )*[\w-]+)$", option.rest)
    for value in values:
        if re.fullmatch("<(iface|file|dir|value)>", value):
            assert values == [value]
            continue
        assert re.fullmatch(r"[\w-]+", value)
        for case in {value, value.upper() if option.name != "probe" else value}:
            done = nobody(tool, *least(tool), f"--{option.name}", case)
            # what is only missing is the option that it goes with
            assert done.returncode == 3 or " belong to " in done.stderr, f"{case}: {done}"
    if values and not values[0].startswith("<") and option.name != "probe":
        assert choices and choices[1].split() == values, "--help names other values"


# ---- what is wrong ----

@pytest.mark.parametrize("wrong", ["--no-such-option", "--no-such-option=1", "-%", "-%x"])
def test_an_unknown_option(tool, wrong, nobody):
    assert_usage_error(nobody(tool, wrong), tool, wrong if wrong[1] == "-" else "-%")


@pytest.mark.parametrize("args", [["word"], ["--", "word"], ["--verbose", "word"], ["--", "--help"]], ids=" ".join)
def test_an_argument_too_many(tool, args, nobody):
    usage = output(tool, "--help").splitlines()[0]
    if usage == f"Usage: {tool} [OPTION]... {COMMAND}":
        if args[0] == "--":
            pytest.skip(f"{tool} takes a command")
        assert f"-- {args[-1]}" in nobody(tool, *args).stderr
    elif usage != f"Usage: {tool} [OPTION]...":
        pytest.skip(f"{tool} takes arguments")
    assert_usage_error(nobody(tool, *args), tool, f"'{args[-1]}'")


def test_a_command(tool, nobody):
    """It is taken with all its words, or refused; one without a word is a mistake. Words can be an expression, too."""
    if "[EXPRESSION]" in output(tool, "--help").splitlines()[0]:
        assert_usage_error(nobody(tool, *least(tool), "--", "true", "--no-such-option"), tool, "'true --no-such-option'")
        return
    taken = output(tool, "--help").splitlines()[0].endswith(COMMAND)
    for args in (["--", "true"], ["-v", "--", "true", "--no-such-option", "--", "x"], ["--", "--help"]):
        done = nobody(tool, *args)
        if taken:
            assert (done.returncode, done.stdout) == (3, "") and "capabilit" in done.stderr
        else:
            assert_usage_error(done, tool, "runs no command")
    if taken:
        for args in (["--"], ["--json", "--"]):
            assert_usage_error(nobody(tool, *args), tool, "a command is missing")
        # here it is a value, and there is no command
        assert "capabilit" in nobody(tool, "--comm", "--").stderr
        assert_usage_error(nobody(tool, "--comm", "--", "--"), tool, "a command is missing")
        assert_usage_error(nobody(tool, "--follow-max", "5"), tool, "--follow-max")
        assert nobody(tool, "--follow-max", "5", "--", "true").returncode == 3
    assert_usage_error(nobody(tool, "--no-such-option", "--", "true"), tool, "--no-such-option")


def test_a_missing_value(tool, valued, nobody):
    for word in valued.words:
        assert_usage_error(nobody(tool, word), tool, f"{word} ")


def test_a_value_where_none_is_taken(tool, flag, nobody):
    assert_usage_error(nobody(tool, f"--{flag.name}=1"), tool, f"--{flag.name} ")


def test_a_bad_value(tool, valued, nobody):
    completed = completions(tool, f"--{valued.name}")
    others = ["!?", completed[0][:-1] + "!"] if completed and completed[0][0] != "<" else []
    for value in ["", *others, *BAD.get(valued.name, []), *OWN_BAD.get(tool, {}).get(valued.name, [])]:
        assert_usage_error(nobody(tool, f"--{valued.name}={value}"), tool, f"--{valued.name}: ")
        if valued.letter:
            assert_usage_error(nobody(tool, f"-{valued.letter}", value), tool, f"--{valued.name}: ")


def test_the_first_mistake_is_the_one_that_is_named(tool, nobody):
    assert_usage_error(nobody(tool, "--duration", "x", "--no-such-option"), tool, "--duration: 'x'")


@pytest.mark.parametrize("line", [f"{tool} {args}" for tool in CONFLICTS for args in CONFLICTS[tool]])
def test_options_that_exclude_each_other(line, nobody):
    name, *args = shlex.split(line)
    assert_usage_error(nobody(name, *args), name, *(word for word in args if word.startswith("-")))


def test_the_values_that_are_wrong_are_of_options_that_there_are():
    for tool in OWN_BAD:
        assert OWN_BAD[tool].keys() <= {option.name for option in options(tool)}


# ---- interfaces and an expression ----

@pytest.mark.parametrize("line", ["-i lo", "-i lo -i lo", "--interface=lo -i any", "-i any", "-i any -i any", "-i lo arp or udp",
                                  "-i lo -- arp or udp", "arp -i lo or udp", "-i lo 'arp or udp'", "-i lo arp -- or udp",
                                  "-i lo ''", "-i lo ' '", "-i lo -S -x -X -e -q -v -s 0 -c 1 --rx-capture exit,entry --json arp"])
def test_xdpdump_takes(line, nobody):
    """What is left to be wrong are the privileges."""
    done = nobody("xdpdump", *shlex.split(line))
    assert (done.returncode, done.stdout) == (3, "") and "capabilit" in done.stderr, done


@pytest.mark.parametrize("line, named", [
    ("", "-i IF"), ("arp", "-i IF"), ("--json -x", "-i IF"), ("-w x", "-i IF"), ("--rx-capture exit", "-i IF"),
    ("-i no-such-one", "'no-such-one'"), ("-i lo -i no-such-one", "'no-such-one'"), ("-i any -i no-such-one", "'no-such-one'"),
    ("-i lo -i ''", "--interface: ''"),
    ("-i lo arp and", "'arp and'"), ("-i lo -- -x", "'-x'"), ("-i lo -- arp --json", "'arp --json'"), ("-i lo tcp port http", "'http'"),
    ("-i lo host localhost", "'localhost'"), ("-i lo " + 1000 * "(arp) ", "is too long"),
    ("-i lo port " + " or ".join(map(str, range(1, 999))), "is too long"), ("-i lo ip[70000] = 1", "'ip[70000] = 1'"),
    ("-i lo arp $'\\e'", "'arp "),
])
def test_xdpdump_does_not_take(line, named, nobody):
    assert_usage_error(nobody("xdpdump", *shlex.split(line)), "xdpdump", named)


# ---- without privileges ----

def test_a_tool_without_privileges(tool, nobody):
    for args in [[], ["--json"], ["-v"], ["-vv", "--stats"]]:
        done = nobody(tool, *least(tool), *args)
        assert (done.returncode, done.stdout) == (3, "")
        said = done.stderr.splitlines()
        assert len(said) == 1 and re.fullmatch(rf"{tool}: the capabilit.* missing: run it as root \(sudo\)", said[0])
        assert "libbpf" not in done.stderr


@pytest.mark.parametrize("closed", [c for n in (1, 2, 3) for c in itertools.combinations((0, 1, 2), n)], ids=str)
def test_a_tool_without_privileges_and_with_closed_descriptors(tool, closed, nobody):
    done = nobody(tool, *least(tool), stdin=None, stdout=None if 1 in closed else -1, stderr=None if 2 in closed else -1,
                  preexec_fn=lambda: [os.close(fd) for fd in closed])
    assert done.returncode == 3
    assert not done.stdout
    assert 2 in closed or len(done.stderr.splitlines()) == 1


def test_help_needs_no_privileges(tool, nobody):
    assert nobody(tool, "--help").stdout == output(tool, "--help")
    assert nobody(tool, "--no-such-option", "--help").returncode == 2
    assert nobody(tool, "--verbose", "--help").returncode == 0
    assert run(tool, "--help", stdout=None, preexec_fn=lambda: os.close(1)).returncode == 1
