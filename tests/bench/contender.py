# SPDX-License-Identifier: GPL-2.0-only
"""How a tool and its peers are described: see netmon.py."""
import dataclasses
import signal
from collections.abc import Callable


@dataclasses.dataclass(frozen=True)
class Output:
    """What a contender left when it had ended."""
    stdout: str
    stderr: str
    after: str = ""         # what the command Contender.after printed


@dataclasses.dataclass(frozen=True)
class Contender:
    """One way to see the events. In the command {bpfkit} is our executable; it runs in an empty folder of its own."""
    name: str
    kind: str                           # contenders of one kind do the same: compared is within a kind
    command: list
    count: Callable[[Output], int]      # how many events of the workload it says there were
    reference: bool = False             # what others of its kind are compared with
    stdin: str = ""
    stop: int = signal.SIGINT
    settle: float = 0.05                # seconds after the last event until it has dealt with it
    after: list = ()                    # run in the same folder when it has ended, to see what it has counted
    sees: bool = True                   # False: all are filtered out, which costs something too
    says: str = ""                      # what our own says with -v when it is attached: an expression with one group


@dataclasses.dataclass(frozen=True)
class Capture:
    """A program that bpfkit xdpdump puts on an interface, for xdp_ns, while it captures."""
    name: str
    words: list                         # its options, and the filter
    size: int                           # bytes of the frame, which is UDP over IPv4
    repeat: int = 1000000
    captured: bool = False              # each frame is, and then all have to fit into the buffer


@dataclasses.dataclass(frozen=True)
class Tool:
    workload: str = ""                  # tests/workload/NAME.c, built on paced.h
    event: str = ""                     # what one is called
    contenders: list = ()
    modules: list = ()                  # that a guest has to load
    burst: int = 16                     # events at a time, for the cost, so that each contender keeps up,
    period: float = 1.1056e-3           # and the time from one burst to the next; no multiple fits the kernel's ticks
    events: int = 10000                 # for one figure of the cost
    xdp: list = ()                      # (name, OBJECT, PROGRAM) for xdp_ns
    captures: list = ()
    setup: list = ()                    # commands, {helpers} is their folder; for all a network namespace of their own
    paces: list = ()                    # events a second (0: as fast as it goes) at which it is measured natively
