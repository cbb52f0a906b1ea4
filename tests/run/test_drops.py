# SPDX-License-Identifier: GPL-2.0-only
"""The workload is what it says it is: the kernel's own event and counters see exactly these drops."""
import pytest

from drops import KINDS, KernelEvents


@pytest.fixture(scope="module")
def kernel():
    with KernelEvents() as kernel:
        yield kernel


@pytest.mark.parametrize("kind", KINDS)
def test_kind(lab, kernel, kind):
    for attempt in range(3):            # somebody else's drops at the same time may add to a number
        e, seen = kernel.count(lambda: lab.make(kind))
        if e.counted:
            assert e.counted() == e.count
        if any(n == e.count and (reason is None or reason in e.reasons) for (reason, _), n in seen.items()):
            break
    else:
        pytest.fail(f"{e.count} for one of {e.reasons} expected, seen: {dict(seen)}")
