# SPDX-License-Identifier: GPL-2.0-only
"""Tables of what was measured, in Markdown."""
import importlib
import re

from figures import Spread, expected, losses, rate, ratio, show, show_ratio, size, table


def contenders(data):
    return importlib.import_module(data["tool"]).TOOL.contenders


def references(data):
    """{kind: name}"""
    return {contender.kind: contender.name for contender in contenders(data) if contender.reference}


def spread(windows, what):
    return Spread.of(window[what] for window in windows)


def per_event(result, bare, floor):
    """The cost of an event and its parts, as spreads; that of the programs is None where there are none."""
    windows = result["windows"]
    made = windows[0]["made"]
    total, caller = (spread(windows, what).above(spread(bare, what)).each(made) for what in ("busy", "cpu"))
    reader = spread(windows, "reader").each(made)
    programs = None
    if any(window["programs"] for window in result["counted"]):
        programs = Spread.of(sum(program["run_time_ns"] - floor * program["run_cnt"]
                                 for program in window["programs"].values()) / window["made"]
                             for window in result["counted"])
    rest = total.middle - caller.middle - reader.middle
    return {"total": total, "caller": caller, "programs": programs, "reader": reader, "rest": Spread(rest, rest, rest)}


def cost(data, cost):
    bares = {item["settle"]: item["windows"] for item in cost["bare"]}
    parts, wrong = {}, {}
    for contender in contenders(data):
        result = cost["contenders"].get(contender.name)
        if not result:
            continue
        if "failed" in result:
            wrong[contender.name] = result["failed"]
            continue
        parts[contender.name] = per_event(result, bares[contender.settle], cost["floor"])
        if problem := losses(result["made"], result["seen"]):
            wrong[contender.name] = problem
    rows = []
    for contender in contenders(data):
        name = contender.name
        if name not in parts:
            if name in wrong:
                rows.append([name, contender.kind, *"-------", wrong[name]])
            continue
        reference = references(data).get(contender.kind)
        beside = ["-", "-"]
        if name == reference:
            beside = ["1", "1"]
        elif name not in wrong and reference in parts and reference not in wrong:
            beside = [show_ratio(ratio(parts[name][part], parts[reference][part])) for part in ("total", "caller")]
        figures = [show(parts[name][part]) for part in ("total", "caller", "programs", "reader", "rest")]
        rows.append([name, contender.kind, *figures, *beside, wrong.get(name, "all" if contender.sees else "none")])
    windows = bares[min(bares)]
    made = windows[0]["made"]
    bare = spread(windows, "busy")
    event = importlib.import_module(data["tool"]).TOOL.event
    names = ", ".join(f"{kind}: {name}" for kind, name in references(data).items())
    return (table(["contender", "kind", f"instructions a {event}", "in the caller", "its programs", "its process",
                   "rest", "ratio", "in the caller", "seen"], rows)
            + f"\nRatio: to the reference of its kind ({names}). The workload alone: {show(bare.each(made))} a "
            f"{event}. {len(windows) // 2} runs of {made:,} for each. Reading the clock, {cost['floor']:.0f} for each "
            "call of a program, is taken off.\n")


def ms(values, digits=1):
    return show(Spread.of(value / 1e6 for value in values), digits)


def start(data, start):
    rows = []
    for name, result in start["contenders"].items():
        if "failed" in result:
            rows.append([name, "-", "-", "-", result["failed"]])
            continue
        runs = result["runs"]
        says = show(Spread.of(result["says"]), 1) if result.get("says") else "-"
        rows.append([name, ms(run["ready"] for run in runs), ms(run["stop"] for run in runs),
                     size(Spread.of(run["maxrss"] for run in runs).middle * 1024), says])
    number = next((len(result["runs"]) for result in start["contenders"].values() if "runs" in result), 0)
    repeated = sum(result.get("repeated", 0) for result in start["contenders"].values())
    return (table(["contender", "start, ms", "stop, ms", "peak memory", "says with -v, ms"], rows)
            + f"\nMedian of {number}, with half of the spread. "
            f"{repeated} runs were repeated, as something else made such events.\n")


def loss(data, loss):
    rows = []
    for name, result in loss["contenders"].items():
        if "failed" in result:
            rows.append([name, result["failed"], "-"])
        elif result["bound"]:
            rows.append([name, f"{rate(result['best'])} or more, which is all that the workload makes", "-"])
        elif not result["best"]:
            rows.append([name, "none", "-"])
        else:
            twice = result["twice"]
            lost = f"{100 * (twice['made'] - twice['seen']) / twice['made']:.1f} %"
            if twice["rate"] < 0.9 * twice["wanted"]:
                lost += f" (at {rate(twice['rate'])}, which is all that the workload makes)"
            rows.append([name, rate(result["best"]), lost])
    event = importlib.import_module(data["tool"]).TOOL.event
    return table(["contender", f"{event}s a second without loss", "lost at twice that"], rows)


def unless_one(times):
    """A ratio of each round: in some of them above one and in some below is no result."""
    return show_ratio(None if times.low <= 1 <= times.high else times.middle)


def ratios(data, result):
    rounds = result["rounds"]
    rows = []
    for contender in contenders(data):
        name = contender.name
        if name in result["failed"]:
            rows.append([name, contender.kind, *"-----", result["failed"][name]])
        elif name in rounds[0]:
            times = Spread.of(one[name]["cpu"] / one["bare"][contender.kind]["cpu"] for one in rounds)
            made, seen = (sum(one[name][what] for one in rounds) for what in ("made", "seen"))
            made = expected(contender, made)
            shown = "-" if made != seen else unless_one(times)
            reference = references(data).get(contender.kind)
            beside = "1" if name == reference else "-"
            if made == seen and name != reference and all(
                    reference in one and expected(contender, one[reference]["made"]) == one[reference]["seen"]
                    for one in rounds):
                beside = unless_one(Spread.of(one[name]["cpu"] / one[reference]["cpu"] for one in rounds))
            rows.append([name, contender.kind, shown, f"{times.low:.2f} to {times.high:.2f}", beside,
                         show(Spread.of(one[name]["reader"] / one[name]["made"] for one in rounds)),
                         show(Spread.of(1000 * one[name]["slept"] / one[name]["made"] for one in rounds), 2),
                         losses(made, seen) or ("all" if contender.sees else "none")])
    event = importlib.import_module(data["tool"]).TOOL.event
    bare = ", ".join(f"{kind} {show(Spread.of(one['bare'][kind]['cpu'] / one['bare'][kind]['made'] for one in rounds))}"
                     for kind in rounds[0]["bare"])
    return (table(["contender", "kind", "with it / without", "from, to", "ratio", f"its process, ns a {event}",
                   f"sleeps for 1000 {event}s", "seen"], rows)
            + f"\n{len(rounds)} rounds, in turn; CPU time of the workload, on all processors at once. Without, ns a "
            f"{event}: {bare}. Ratio: of the workload's CPU time, to the reference of its kind.\n")


def paces(data, result):
    rows = []
    for pace in result["paces"]:
        rounds = pace["rounds"]
        wanted = f"{pace['rate']:,}" if pace["rate"] else "highest"
        rows.append(["none", "-", wanted, *sent([one["bare"] for one in rounds]), "-", "-"])
        for contender in contenders(data):
            runs = [one[contender.name] for one in rounds if contender.name in one]
            if contender.name in result["failed"]:
                rows.append([contender.name, contender.kind, wanted, *"---", result["failed"][contender.name]])
            elif runs:
                rows.append([contender.name, contender.kind, wanted, *sent(runs),
                             show(Spread.of(run["reader"] / run["made"] for run in runs)),
                             lost_of(runs)])
    event = importlib.import_module(data["tool"]).TOOL.event
    return (table(["contender", "kind", f"{event}s a second", "reached", f"the workload, ns a {event}",
                   f"its process, ns a {event}", "lost"], rows)
            + f"\n{len(rounds)} runs in turn, of {rounds[0]['bare']['made']:,} for each. Both are CPU time, in user "
            "mode and in the kernel.\n")


def sent(runs):
    return (rate(Spread.of(run["made"] / (run["ns"] / 1e9) for run in runs).middle),
            show(Spread.of(run["cpu"] / run["made"] for run in runs)))


def lost_of(runs):
    """Of all runs together, and of the worst."""
    if any(run["seen"] > run["made"] for run in runs):
        return f"saw {max(run['seen'] - run['made'] for run in runs):,} more than there were"
    made, lost = sum(run["made"] for run in runs), [run["made"] - run["seen"] for run in runs]
    return f"{100 * sum(lost) / made:.2g} % (of one run up to {max(lost):,})" if any(lost) else "none"


def xdp(data, xdp):
    empty = xdp["programs"]["empty"]
    rows = [[name, f"{one['min']:.0f}", f"{one['min'] - one.get('empty', empty['min']):.0f}",
             f"{one['median']:.0f}"] for name, one in xdp["programs"].items()]
    rows += [[name, "-", "-", reason] for name, reason in xdp["missing"].items()]
    return table(["program", "ns a packet, minimum", "above an empty one", "median"], rows)


def sizes(data):
    rows = []
    for name, one in data["size"].items():
        libraries = ", ".join(f"{library} {size(number)}" for library, number in
                              sorted(one["libraries"].items(), key=lambda item: -item[1])[:3])
        rows.append([name, size(one["file"]), size(sum(one["libraries"].values())),
                     size(one["file"] + sum(one["libraries"].values())), libraries or "-"])
    return table(["executable", "itself", "libraries", "together", "the largest"], rows)


PARTS = [("cost", "cost of an event", cost), ("start", "start, stop and memory", start),
         ("loss", "loss", loss), ("pace", "at a pace", paces),
         ("ratio", "contention and wakeups", ratios), ("xdp", "XDP programs", xdp)]


def whole(data):
    """All that was measured of one tool."""
    text = f"### {data['tool']}\n\nMeasured {data['date']}: {'; '.join(data['versions'])}.\n"
    places = [(f"Linux {name}{', ' + guest['release'] if 'release' in guest else ''}, emulated", guest)
              for name, guest in data["guests"].items()]
    if data.get("native"):
        places.append((f"natively, Linux {data['release']}, {data['processors']} processors", data["native"]))
    for place, figures in places:
        for task, title, function in PARTS:
            if task in figures:
                text += f"\n#### {data['tool']}: {title} ({place})\n\n{function(data, figures[task])}"
    if data.get("size"):
        text += f"\n#### {data['tool']}: size on disk\n\n{sizes(data)}"
    return text


def merged(old, everything):
    """Sections of tools, with those that were measured now in the place of their old ones, and new ones behind."""
    new = {f"### {data['tool']}": whole(data) for data in everything}
    sections = {section.splitlines()[0]: section for section in re.split(r"^(?=### )", old, flags=re.M)
                if section.startswith("### ")}
    return "\n".join(section.strip("\n") + "\n" for section in {**sections, **new}.values())
