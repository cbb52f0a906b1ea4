# SPDX-License-Identifier: GPL-2.0-only
"""Tests of what needs no privileges. They pass as root and as an ordinary user."""
import os
import pathlib
import shutil
import tempfile

import pytest

import cli


def pytest_configure(config):
    if not os.access(cli.BPFKIT, os.X_OK):
        raise pytest.UsageError(f"{cli.BPFKIT} is not there; build it, or let BPFKIT name another")


def pytest_generate_tests(metafunc):
    """The arguments tool, option, flag and valued stand for every tool and every option of every tool."""
    kinds = {"option": None, "valued": True, "flag": False}
    if "tool" in metafunc.fixturenames and not kinds.keys() & set(metafunc.fixturenames):
        metafunc.parametrize("tool", cli.TOOLS)
    for name, with_value in kinds.items():
        if name in metafunc.fixturenames:
            rows = cli.each_option(with_value)
            metafunc.parametrize(("tool", name), rows, ids=[f"{tool} --{option.name}" for tool, option in rows])


@pytest.fixture(scope="session")
def place():
    """A folder that everybody can look into, unlike pytest's own."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="bpfkit-cli-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="session")
def nobody(place):
    """Runs bpfkit without any privileges: as another user if we are root."""
    if os.geteuid():
        return cli.run
    binary = place / "bpfkit"       # the folder of the build may be closed to others
    shutil.copyfile(cli.BPFKIT, binary)
    binary.chmod(0o755)
    who = {"user": cli.NOBODY, "group": cli.NOBODY, "extra_groups": [], "cwd": "/"}
    return lambda *args, **kwargs: cli.run(*args, **{"binary": binary, **who, **kwargs})
