# SPDX-License-Identifier: GPL-2.0-only
"""Which tool is meant, and what bpfkit says of itself."""
import json
import os
import re
import shutil

import pytest

from cli import BPFKIT, ROOT, TOOLS, completions, lines, options, output, run

GROUPS = ["network", "processes", "files", "disks", "CPU"]
OWN = ["--list", "--json", "--version", "--help", "--install", "--complete", "help"]
LISTED = [json.loads(line) for line in lines("--list", "--json")]
NAMES = [name for tool in LISTED for name in [tool["name"], *tool["aliases"]]]


@pytest.mark.parametrize("name", NAMES)
def test_a_tool_by_any_way_of_calling_it(name, tmp_path):
    """argv[0], plain or with a prefix; a link anywhere; the first argument."""
    want = output(name, "--help")
    assert want.startswith("Usage: ")
    for called in [name, f"bpfkit-{name}", f"/no/such/folder/{name}"]:
        done = run("--help", binary=called, executable=BPFKIT)
        assert (done.returncode, done.stdout, done.stderr) == (0, want, ""), called
    for link in [tmp_path / name, tmp_path / f"bpfkit-{name}"]:
        link.symlink_to(BPFKIT)
        assert run("--help", binary=link).stdout == want
    assert output(f"bpfkit-{name}", "--help") == want


def test_the_name_of_a_link_counts_more_than_the_first_argument(tool, tmp_path):
    link = tmp_path / tool
    link.symlink_to(BPFKIT)
    done = run("--version", binary=link)
    assert done.returncode == 2 and "--version" in done.stderr


def test_a_copy_of_any_other_name_is_bpfkit(tmp_path):
    for name in ["other", "bpfkit-0.1", "bpfkit"]:
        shutil.copy(BPFKIT, tmp_path / name)
        assert run("--list", binary=tmp_path / name).stdout == output("--list")


def test_bpfkit_alone_shows_usage_and_list():
    done = run()
    assert done.returncode == 2
    assert done.stderr.startswith("Usage: bpfkit TOOL ")
    assert done.stdout == output("--list")


@pytest.mark.parametrize("how", ["--help", "-h", "help"])
def test_help_of_bpfkit(how):
    text = output(how)
    assert text.startswith("Usage: bpfkit TOOL ")
    assert text.endswith(output("--list"))
    for word in OWN:
        assert re.search(rf"(^|[\s|\[]){word}\b", text), word


def test_help_of_a_tool(tool):
    text = output(tool, "--help")
    assert text == output("help", tool) == output(tool, "-h")
    assert text.startswith(f"Usage: {tool} [OPTION]...")
    for word in [word for option in options(tool) for word in option.words]:
        assert re.search(rf"(^|\s){word}\b", text), word
    for option in options(tool):
        assert option.rest, f"--{option.name} is not explained"
    summary = next(row["summary"] for row in LISTED if row["name"] == tool)
    assert f"\n{summary}.\n" in text
    examples = text.split("\nExamples:\n")[1].splitlines()
    assert examples and all(line.startswith(f"  {tool}") for line in examples[:-2])


def test_list_by_group():
    group, seen = None, []
    for line in lines("--list"):
        if not line.startswith(" "):
            assert line.endswith(":")
            group = line[:-1]
        else:
            name, text = line.split(None, 1)
            seen.append((group, name, text))
    want = [(tool["group"], tool["name"], tool["summary"]) for tool in LISTED]
    assert [row for row in seen if not row[2].startswith("= ")] == sorted(want, key=lambda row: GROUPS.index(row[0]))
    aliases = {name for tool in LISTED for name in tool["aliases"]}
    assert {row[1] for row in seen if row[2].startswith("= ")} == aliases
    shown = [group for group, _, _ in seen]
    assert shown == sorted(shown, key=GROUPS.index)


def test_list_as_json():
    assert [tool["name"] for tool in LISTED] == TOOLS
    for tool in LISTED:
        assert list(tool) == ["name", "summary", "group", "aliases"]
        assert tool["group"] in GROUPS
        assert tool["summary"][0].isupper() and tool["summary"][-1] != "."
        assert all(isinstance(name, str) and name for name in tool["aliases"])
    assert len(NAMES) == len(set(NAMES)), "a name means two tools"


@pytest.mark.parametrize("how", ["--version", "-V"])
def test_version(how):
    first, second = lines(how)[:2]
    assert first == "bpfkit " + re.search(r"project\(bpfkit VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text())[1]
    assert re.fullmatch(r"libbpf \d+\.\d+(\.\d+)?, (static|dynamic)", second)


# ---- what there is not ----

@pytest.mark.parametrize("before", [[], ["help"]], ids=["", "help"])
@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_tool_and_the_nearest_name(name, before):
    swapped = name[0] + name[2] + name[1] + name[3:]
    for wrong in [name + "x", name[:-1], swapped, "x" + name[1:]]:
        if wrong in NAMES:
            continue
        done = run(*before, wrong)
        assert (done.returncode, done.stdout) == (127, "")
        near = re.fullmatch(rf"bpfkit: there is no tool '{wrong}'; did you mean '(\S+)'\?\n", done.stderr)
        assert near and near[1] in NAMES, done.stderr
        assert near[1] == name or len(NAMES) > 1


@pytest.mark.parametrize("name", ["xyzzyplughfoo", "x" * 5000, ""], ids=["far", "long", "empty"])
def test_an_unknown_tool_that_is_near_to_none(name):
    done = run(name)
    assert (done.returncode, done.stdout) == (127, "")
    assert len(done.stderr.splitlines()) == 1 and "did you mean" not in done.stderr
    assert name[:100] in done.stderr


@pytest.mark.parametrize("args", [["\x1b[31m\x07\n"], ["--\x1b[31m\x07\n"], *([tool, "\x1b[31m\x07\n"] for tool in TOOLS)],
                         ids=repr)
def test_control_bytes_of_the_caller_are_escaped(args):
    done = run(*args)
    assert done.returncode in (2, 127) and done.stderr
    assert not set(done.stderr) & {"\x1b", "\x07"}


@pytest.mark.parametrize("args, thing", [
    (["--lst"], "--lst"), (["-x"], "-x"), (["-"], "-"), (["--help=1"], "--help=1"),
    (["--list", "--jsn"], "--list"), (["--list", "--json", "x"], "--list"),
    (["--install"], "--install"), (["--install", "-f"], "--install"), (["--install", "/tmp", "/"], "--install"),
    (["--version", "x"], "x"), (["help", TOOLS[0], "x"], "x"), (["--man-options"], "--man-options"),
], ids=lambda value: " ".join(value) if isinstance(value, list) else "")
def test_options_of_bpfkit_that_are_wrong(args, thing):
    done = run(*args)
    assert (done.returncode, done.stdout) == (2, "")
    first = done.stderr.splitlines()[0]
    assert first.startswith("bpfkit: ") and thing in first


# ---- descriptors ----

CALLS = [["--help"], ["--list"], ["--list", "--json"], ["--version"], ["--complete"],
         *([tool, "--help"] for tool in TOOLS)]


@pytest.mark.parametrize("args", CALLS, ids=" ".join)
def test_output_that_does_not_arrive_is_a_failure(args):
    with open("/dev/full", "wb") as full:
        done = run(*args, stdout=full)
    assert done.returncode == 1
    assert re.fullmatch(r"\w+: cannot write to stdout: No space left on device\n", done.stderr)
    done = run(*args, stdout=None, preexec_fn=lambda: os.close(1))
    assert done.returncode == 1
    assert re.fullmatch(r"\w+: cannot write to stdout: Bad file descriptor\n", done.stderr)


@pytest.mark.parametrize("args", CALLS, ids=" ".join)
def test_stdin_and_stderr_are_not_needed(args):
    done = run(*args, stdin=None, stderr=None, preexec_fn=lambda: [os.close(fd) for fd in (0, 2)])
    assert (done.returncode, done.stdout) == (0, output(*args))


# ---- completion ----

def test_completion_of_bpfkit():
    words = completions()
    assert len(words) == len(set(words))
    assert [word for word in words if word in NAMES] == NAMES
    text = output("--help")
    for word in set(words) - set(NAMES):
        assert word in OWN and re.search(rf"(^|[\s|\[]){word}\b", text), word
    assert all("\t" in line and line.split("\t")[1] for line in lines("--complete"))


@pytest.mark.parametrize("args", [["nosuch"], ["nosuch", "--help"],
                                  *([TOOLS[0], word] for word in ["--nosuch", "nosuch", "--", "-", ""])], ids=" ".join)
def test_completion_of_what_there_is_not(args):
    assert run("--complete", *args).stdout == ""
