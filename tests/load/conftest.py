# SPDX-License-Identifier: GPL-2.0-only
"""Tests that every program loads and attaches, and that nothing stays."""
import os

import pytest

import objects

STATISTICS = {}     # (tool, program) -> (the most instructions, with which options)


def pytest_configure(config):
    if not os.access(objects.BPFKIT, os.X_OK):
        raise pytest.UsageError(f"{objects.BPFKIT} is not there; build it, or let BPFKIT name another")


def pytest_terminal_summary(terminalreporter):
    if STATISTICS:
        terminalreporter.section(f"most instructions that the verifier went through on {objects.KERNEL}")
    for (tool, program), (count, options) in STATISTICS.items():
        terminalreporter.write_line(f"{tool} {program} {count}: {' '.join(options)}")


@pytest.fixture(scope="session")
def statistics():
    return STATISTICS


@pytest.fixture
def kernel():
    """For tests that load: nothing may be left of what they made."""
    if os.geteuid():
        pytest.skip("loading programs needs root")
    if not objects.BPFTOOL:
        pytest.skip("bpftool is not installed")
    before = objects.all_objects()
    yield
    left = objects.orphans(before)
    assert not left, f"the kernel still has {left}"
