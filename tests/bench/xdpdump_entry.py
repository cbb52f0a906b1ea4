# SPDX-License-Identifier: GPL-2.0-only
"""xdpdump and xdp-tools' xdpdump where an XDP program is on the interface: at its entry, and at its exit."""
import dataclasses

import xdpdump
from xdpdump import our_lines, ours, their_lines, theirs

ENTRY, EXIT = ["--rx-capture", "entry"], ["--rx-capture", "exit"]

TOOL = dataclasses.replace(
    xdpdump.TOOL, paces=[],
    setup=[*xdpdump.SETUP, xdpdump.PASS.split()],
    contenders=[
        ours("-w, entry", *ENTRY),
        theirs("-w, entry", *ENTRY, reference=True),
        dataclasses.replace(ours("-w, exit", *EXIT), kind="file, exit"),
        dataclasses.replace(theirs("-w, exit", *EXIT, reference=True), kind="file, exit"),
        our_lines("entry", *ENTRY),
        their_lines("entry", *ENTRY, reference=True),
    ])
