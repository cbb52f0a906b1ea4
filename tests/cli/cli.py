# SPDX-License-Identifier: GPL-2.0-only
"""The binary under test and what it says of itself."""
import functools
import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
BPFKIT = pathlib.Path(os.environ.get("BPFKIT", ROOT / "build/bpfkit")).absolute()
TOOLS = re.findall(r"^TOOL\((\w+)\)$", (ROOT / "cmd/tools.h").read_text(), re.M)
NOBODY = 65534
SECONDS = 60        # a tool that should have refused runs until then


def run(*args, binary=BPFKIT, **kwargs):
    """Runs bpfkit; what it says is captured as text."""
    kwargs = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "timeout": SECONDS,
              "encoding": "utf-8", **kwargs}
    return subprocess.run([binary, *args], **kwargs)


def least(tool):
    """What a tool cannot be called without."""
    return ["-i", "lo"] if tool == "xdpdump" else []


def output(*args):
    """Of a call that must work and have no complaint."""
    done = run(*args)
    assert (done.returncode, done.stderr) == (0, ""), f"{args}: {done}"
    return done.stdout


def lines(*args):
    return output(*args).splitlines()


class Option:
    """A row of --help."""

    def __init__(self, letter, name, arg, rest):
        self.letter, self.name, self.arg, self.rest = letter, name, arg, rest

    @property
    def words(self):
        return [f"--{self.name}"] + ([f"-{self.letter}"] if self.letter else [])


@functools.lru_cache(None)
def options(tool):
    """The rows of TOOL --help."""
    text = output(tool, "--help").split("\nExamples:\n")[0]
    text = re.sub(r"\n {32}(?=\S)", " ", text)     # a list that goes on in the next line
    rows = re.findall(r"^  (?:-(\S), |    )--([\w-]+)(?: (\S+))?(?:\n? {2,}(.*))?$", text, re.M)
    assert rows, f"{tool} --help shows no options:\n{text}"
    return [Option(*row) for row in rows]


@functools.lru_cache(None)
def completions(*words):
    """The words that --complete offers, without what it says of them."""
    return [line.split("\t")[0] for line in lines("--complete", *words)]


def each_option(with_value=None):
    """(tool, option) of all tools; only those that take a value, or that take none, if asked."""
    return [(tool, option) for tool in TOOLS for option in options(tool)
            if with_value is None or bool(option.arg) == with_value]


def assert_usage_error(done, tool, *things):
    """Exit status 2, one sentence that names the thing, where to look, and nothing on stdout."""
    assert (done.returncode, done.stdout) == (2, ""), done
    said = done.stderr.splitlines()
    assert len(said) == 2, f"one sentence and a hint expected: {said}"
    assert said[0].startswith(f"{tool}: ") and any(thing in said[0] for thing in things), f"{things} not in {said[0]!r}"
    assert said[1] == f"Try '{tool} --help'."
