# SPDX-License-Identifier: GPL-2.0-only
"""The arithmetic of the measurements, and how figures are shown."""
import dataclasses
import re
import statistics


@dataclasses.dataclass(frozen=True)
class Spread:
    """Some runs of one measurement: the median, and from where to where they went.

    Of five or more the lowest and the highest tenth are left out, one at least: a single run that something disturbed.
    """
    low: float
    middle: float
    high: float

    @classmethod
    def of(cls, values):
        values = sorted(values)
        cut = max(1, len(values) // 10) if len(values) >= 5 else 0
        return cls(values[cut], statistics.median(values), values[len(values) - 1 - cut])

    def above(self, base):
        """What this is more than the base; the spread of both is in it."""
        return Spread(self.low - base.high, self.middle - base.middle, self.high - base.low)

    def each(self, count):
        return Spread(self.low / count, self.middle / count, self.high / count)

    def meets(self, other):
        return self.low <= other.high and other.low <= self.high

    def to_json(self):
        return dataclasses.asdict(self)


def expected(contender, made):
    """How many events it has to say there were."""
    return made if contender.sees else 0


def each_looked_at(counted):
    """Did some program run for each event, in windows in which the kernel counts its calls?"""
    return all(any(program["run_cnt"] >= window["made"] for program in window["programs"].values())
               for window in counted)


def ratio(one, other):
    """The ratio of the medians, or None if there is no result: the spreads meet, or the other is not above zero."""
    if one.meets(other) or other.low <= 0:
        return None
    return one.middle / other.middle


def show_ratio(value):
    return "no result" if value is None else f"{value:.2f}"


def show(spread, digits=0):
    """The median, with half of the spread."""
    if spread is None:
        return "-"
    around = (spread.high - spread.low) / 2
    return f"{spread.middle:,.{digits}f}" + (f" ± {around:,.{digits}f}" if round(around, digits) else "")


def size(number):
    if number is None:
        return "-"
    for unit in "B", "kB", "MB":
        if number < 1000 or unit == "MB":
            return f"{number:.0f} B" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1000


def rate(number):
    return "-" if number is None else f"{float(f'{number:.2g}'):,.0f}"


def losses(made, seen):
    """What is wrong with a count, in words; nothing if nothing is."""
    if seen == made:
        return ""
    return f"lost {made - seen:,} of {made:,}" if seen < made else f"saw {seen - made:,} more than {made:,}"


def ready_at(times, seen):
    """When a contender was ready: it saw the last so many of the events, of which these are the times."""
    if not 0 < seen < len(times):
        raise ValueError(f"of {len(times)} events it saw {seen}")
    return times[len(times) - seen]


def frame(size):
    """UDP over IPv4, from port 4000 to port 9; of so many bytes, 64 or more."""
    udp = (4000).to_bytes(2, "big") + (9).to_bytes(2, "big") + (size - 34).to_bytes(2, "big") + bytes(2)
    ip = b"\x45\0" + (size - 14).to_bytes(2, "big") + bytes.fromhex("00010000 4011 0000 c0000201 c0000202")
    return (bytes.fromhex("020000000002 020000000001 0800") + ip + udp).ljust(size, b"\0")


def refused(said, made):
    """Why what a program took means nothing, if by its closing lines it did not capture just so many frames."""
    captured, lost = (re.search(rf"^(\d+) packets? {word}", said, re.M) for word in ("captured", "dropped by kernel"))
    if not captured or not lost:
        return "did not say how many it captured"
    if int(lost[1]):
        return f"had no room for {int(lost[1]):,} packets"
    return losses(made, int(captured[1]))


def table(head, rows):
    """In Markdown. Columns but the first are figures."""
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
