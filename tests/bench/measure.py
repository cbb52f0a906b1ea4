#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Measures one tool and its peers here, as root: what tests/bench/run starts in a guest, and natively.

usage: measure.py TASK,... TOOL OPTIONS, where OPTIONS is a JSON object; the figures are printed as one line of JSON.
"""
import array
import contextlib
import ctypes
import dataclasses
import glob
import importlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

import figures
from contender import Output

STATISTICS = pathlib.Path("/proc/sys/kernel/bpf_stats_enabled")
MEMORY = "/dev/shm" if os.path.ismount("/dev/shm") else None      # where the output of contenders goes
START_SECONDS = 120     # until a contender must be quiet,
QUIET_SECONDS = 0.4     # which means that in this time
QUIET_CPU = 2e6         # it needs no more nanoseconds of a processor than this
END_SECONDS = 120
CLONE_NEWNET = 0x40000000
AGAIN_SECONDS = 10      # bpftrace 0.17 does not hear a signal that comes while it starts


class Failed(Exception):
    """A contender could not be measured, and why."""


class TooEarly(Failed):
    """It was stopped before it was ready."""


def say(text):
    print(f"  {text}", file=sys.stderr, flush=True)


def last_line(text):
    return next((line for line in reversed(text.splitlines()) if line.strip()), "it said nothing")


def own_network():
    """For this process, and all that it starts."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
        raise SystemExit(f"a network namespace of its own: {os.strerror(ctypes.get_errno())}")


class Running:
    """A contender that has been started."""

    def __init__(self, bench, contender, extra=()):
        self.bench = bench
        self.contender = contender
        self.known = bench.known.get(contender.name, 0)
        self.folder = tempfile.TemporaryDirectory(dir=MEMORY)
        self.path = pathlib.Path(self.folder.name)
        (self.path / "in").write_text(contender.stdin)
        command = [word.replace("{bpfkit}", bench.bpfkit).replace("{helpers}", bench.helpers)
                   for word in contender.command]
        (self.path / "work").mkdir()
        with open(self.path / "in") as stdin, open(self.path / "out", "w") as out, open(self.path / "err", "w") as err:
            self.launcher = subprocess.Popen([bench.helper("launch"), f"-{int(contender.stop)}", self.path / "report",
                                              *command, *extra], stdin=stdin, stdout=out, stderr=err,
                                             cwd=self.path / "work")
        while not (found := re.match(r"pid (\d+)\n", self.read("report"))):
            if self.launcher.poll() is not None:
                raise Failed(f"did not start: {last_line(self.read('err'))}")
            time.sleep(0.001)
        self.pid = int(found[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.launcher.poll() is None:
            self.launcher.kill()        # what it runs is killed with it
        self.launcher.wait()
        self.folder.cleanup()

    def read(self, name):
        try:
            return (self.path / name).read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def check(self):
        if self.launcher.poll() is not None:
            raise Failed(f"ended by itself: {last_line(self.read('err') or self.read('out'))}")

    def cpu(self):
        """Nanoseconds of a processor that its threads have used, and how often they have slept."""
        self.check()
        used = slept = 0
        for task in pathlib.Path(f"/proc/{self.pid}/task").iterdir():
            with contextlib.suppress(OSError):
                used += int((task / "schedstat").read_text().split()[0])
                slept += int(re.search(r"^voluntary_ctxt_switches:\s*(\d+)", (task / "status").read_text(), re.M)[1])
        return used, slept

    def wait_quiet(self):
        """It has started when it does no more. If that is wrong, its count will be."""
        time.sleep(2 * self.known)
        end = time.monotonic() + START_SECONDS
        before = 0
        while time.monotonic() < end:
            time.sleep(QUIET_SECONDS)
            used, _ = self.cpu()
            # The first milliseconds may be those of a wait for a disk.
            if before and used - before < QUIET_CPU:
                return
            before = used
        raise Failed(f"did not come to rest within {START_SECONDS} s")

    def warm(self):
        """Until it is ready, and has done what it does once, such as to read the kernel's symbols; events for that."""
        self.wait_quiet()
        made = self.bench.work(self.bench.tool.burst)["made"]
        self.wait_quiet()
        return made

    def stop(self):
        """Ends it; {started, stopped, ended, status, maxrss, seen, again: more signals that this took}"""
        self.check()
        for times in range(END_SECONDS // AGAIN_SECONDS):
            self.launcher.send_signal(signal.SIGTERM)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.launcher.wait(AGAIN_SECONDS)
                break
        else:
            raise Failed(f"did not end within {END_SECONDS} s")
        report = {name: int(number) for name, number in re.findall(r"^(\w+) (-?\d+)$", self.read("report"), re.M)}
        after = ""
        if self.contender.after:
            after = subprocess.run(self.contender.after, cwd=self.path / "work", stdin=subprocess.DEVNULL,
                                   capture_output=True, encoding="utf-8", errors="replace").stdout
        output = Output(self.read("out"), self.read("err"), after)
        report |= {"seen": self.contender.count(output), "again": times}
        return report


class Bench:
    def __init__(self, name, options):
        self.tool = importlib.import_module(name).TOOL
        self.bpfkit = options["bpfkit"]
        self.newer = options["newer"]
        self.helpers = options["helpers"]
        self.quick = options["quick"]
        self.guest = options["guest"]
        self.repeat = options["repeat"]
        self.starts = options["starts"]
        self.known = options["known"]   # by contender, the seconds that its start took, where that has been measured
        self.contenders = [contender for contender in self.tool.contenders if contender.name in options["contenders"]]
        if self.guest:
            for module in self.tool.modules:
                subprocess.run(["modprobe", module], check=False)
        if self.tool.setup or self.tool.captures:
            own_network()
        for words in self.tool.setup:
            subprocess.run([word.replace("{helpers}", self.helpers) for word in words], check=True)

    def helper(self, name):
        return f"{self.helpers}/{name}"

    def workload(self, *words):
        return subprocess.Popen([self.helper(self.tool.workload), *map(str, words)], stdout=subprocess.PIPE, text=True)

    @staticmethod
    def finish(process):
        said = process.communicate()[0]
        if process.returncode:
            raise SystemExit(f"the workload ended with status {process.returncode}")
        return json.loads(said.splitlines()[-1])

    def work(self, count, *words):
        return self.finish(self.workload(*words, count))

    def of_each(self, what, measure, contenders=None):
        """{contender: figures} of those that could be measured; for others {"failed": why}."""
        result = {}
        for contender in self.contenders if contenders is None else contenders:
            say(f"{what}: {contender.name}")
            try:
                result[contender.name] = measure(contender)
            except Failed as failed:
                result[contender.name] = {"failed": str(failed)}
                say(f"{contender.name}: {failed}")
        return result

    def seeing(self):
        """Those that say something of the events."""
        return [contender for contender in self.contenders if contender.sees]

    # ---- cost of an event, in instructions ----

    def window(self, settle):
        count = self.tool.events // (5 if self.quick else 1)
        return self.work(count, "-i", "-b", self.tool.burst, "-p", int(self.tool.period * 1e9), "-s", int(settle * 1e9))

    @staticmethod
    def programs():
        """{id: {name, run_time_ns, run_cnt}}"""
        for _ in range(20):     # an object that goes while bpftool looks at it is an error
            done = subprocess.run(["bpftool", "-j", "prog", "show"], capture_output=True, text=True)
            if done.returncode == 0:
                return {program["id"]: program for program in json.loads(done.stdout or "[]")}
            time.sleep(0.05)
        raise SystemExit(f"bpftool prog show failed: {done.stdout}{done.stderr}")

    @staticmethod
    @contextlib.contextmanager
    def statistics():
        before = STATISTICS.read_text()
        STATISTICS.write_text("1")
        try:
            yield
        finally:
            STATISTICS.write_text(before)

    def floor(self):
        """What the kernel counts for an empty program."""
        with self.statistics():
            done = subprocess.run([self.helper("xdp_ns"), "-n", "5", "-r", "1000"], capture_output=True, text=True,
                                  check=True)
        return json.loads(done.stdout)["counted"]

    def counted(self, running, known, settle):
        """One window in which the kernel counts what programs cost."""
        with self.statistics():
            before = self.programs()
            window = self.window(settle)
            after = self.programs()
        running.check()
        window["programs"] = {
            f"{program.get('name', '')} {number}": {
                what: program.get(what, 0) - before.get(number, {}).get(what, 0) for what in ("run_time_ns", "run_cnt")}
            for number, program in after.items() if number not in known}
        return window

    def cost_of(self, contender):
        known = self.programs()
        with Running(self, contender) as running:
            made = running.warm() + self.window(contender.settle)["made"]
            windows = []
            for _ in range(self.repeat):
                before, _ = running.cpu()
                window = self.window(contender.settle)
                window["reader"] = running.cpu()[0] - before
                windows.append(window)
            counted = [self.counted(running, known, contender.settle) for _ in range(2)]
            made += sum(window["made"] for window in windows + counted)
            made = figures.expected(contender, made)
            seen = running.stop()["seen"]
            if seen != made:
                said = last_line(running.read("err") or running.read("out"))
                say(f"{contender.name}: {figures.losses(made, seen)}; it said at the end: {said}")
        if not contender.sees and not figures.each_looked_at(counted):
            raise Failed("no program of it looked at each event")
        return {"windows": windows, "counted": counted, "made": made, "seen": seen}

    def cost(self):
        settles = sorted({contender.settle for contender in self.contenders})
        result = {"floor": self.floor()}
        say("cost: bare")
        self.window(settles[0])
        bare = {settle: [self.window(settle) for _ in range(self.repeat)] for settle in settles}
        result["contenders"] = self.of_each("cost", self.cost_of)
        for settle in settles:      # again, to see whether something has moved
            bare[settle] += [self.window(settle) for _ in range(self.repeat)]
        result["bare"] = [{"settle": settle, "windows": bare[settle]} for settle in settles]
        return result

    # ---- start, stop, memory ----

    def start_once(self, contender, seconds):
        period = max(1e-3 if self.guest else 2e-4, self.tool.period / self.tool.burst)
        with tempfile.NamedTemporaryFile() as file:
            workload = self.workload("-p", int(period * 1e9), "-t", file.name, int(300 / period))
            try:
                workload.stdout.readline()
                time.sleep(0.02)
                with Running(self, contender) as running:
                    time.sleep(seconds)
                    running.check()
                    workload.terminate()
                    self.finish(workload)
                    time.sleep(contender.settle + 0.05)
                    report = running.stop()
            finally:
                if workload.poll() is None:
                    workload.kill()
                    workload.communicate()
            times = array.array("q", file.read())
        if report["again"] or not report["seen"]:
            raise TooEarly(f"was not ready within {seconds:.1f} s")
        try:
            ready = figures.ready_at(times, report["seen"])
        except ValueError as wrong:
            raise Failed(str(wrong)) from None
        if ready < report["started"]:
            raise Failed("saw more events than there were since its start")
        return {"ready": ready - report["started"], "stop": report["ended"] - report["stopped"],
                "maxrss": report["maxrss"]}

    def start_of(self, contender):
        # The first is not counted: it brings the files into memory, and tells how long the others need.
        seconds, first, runs, wrong = 2, None, [], 0
        while len(runs) < self.starts:
            try:
                run = self.start_once(contender, seconds)
            except TooEarly:
                seconds *= 3
                if seconds > 100:
                    raise
                continue
            except Failed:
                wrong += 1      # something else has made such events, perhaps
                if wrong > self.starts / 10 + 1:
                    raise
                continue
            if first:
                runs.append(run)
            else:
                first = run
                self.known[contender.name] = first["ready"] / 1e9
                seconds = first["ready"] / 1e9 * 1.5 + 0.2
        result = {"runs": runs, "repeated": wrong}
        if contender.says:
            result["says"] = []
            for _ in runs[:10]:
                with Running(self, contender, ["--verbose"]) as running:
                    running.wait_quiet()
                    running.stop()
                    if found := re.search(contender.says, running.read("err")):
                        result["says"].append(float(found[1]))
        return result

    def start(self):
        """Ours also with the newest libbpf built in, which reads the kernel's BTF in another way."""
        contenders = []
        for contender in self.seeing():
            contenders.append(contender)
            if self.newer and contender.command[0] == "{bpfkit}":
                contenders.append(dataclasses.replace(contender, name=f"{contender.name}, newest libbpf built in",
                                                      command=[self.newer, *contender.command[1:]]))
        return {"contenders": self.of_each("start", self.start_of, contenders)}

    # ---- loss ----

    def loss_at(self, contender, rate, count):
        """At so many events a second; as fast as it goes if the rate is 0."""
        words = []
        if rate:
            burst = max(1, round(rate / 5000))
            words = ["-b", burst, "-p", int(burst / rate * 1e9)]
            count = int(min(count, rate))
        else:
            words = ["-b", 64]
        with Running(self, contender) as running:
            warm = running.warm()
            work = self.work(count, *words)
            time.sleep(contender.settle + 0.2)
            seen = running.stop()["seen"] - warm
        if seen > work["made"]:
            raise Failed(figures.losses(work["made"], seen))
        return {"wanted": rate, "rate": work["made"] / (work["ns"] / 1e9), "made": work["made"], "seen": seen}

    def loss_of(self, contender):
        count = self.tool.events * (2 if self.guest else 20) // (4 if self.quick else 1)
        steps = []
        tries = 1 if self.quick else 2

        def lossless(rate):
            for _ in range(tries):
                steps.append(self.loss_at(contender, rate, count))
                if steps[-1]["seen"] < steps[-1]["made"]:
                    return False
            return True

        if lossless(0):
            return {"steps": steps, "best": steps[-1]["rate"], "bound": True}
        high = rate = steps[-1]["rate"]
        while rate > 100:
            rate /= 2
            if lossless(rate):
                break
            high = rate
        else:
            return {"steps": steps, "best": None, "bound": False}
        low = rate
        for _ in range(1 if self.quick else 3):
            rate = (low * high) ** 0.5
            if lossless(rate):
                low = rate
            else:
                high = rate
        twice = min((self.loss_at(contender, low * 2, count) for _ in range(tries)),
                    key=lambda step: step["seen"] / step["made"])
        return {"steps": steps, "best": low, "bound": False, "twice": twice}

    def loss(self):
        return {"contenders": self.of_each("loss", self.loss_of, self.seeing())}

    # ---- loss and CPU time at a pace ----

    def pace_once(self, rate, contender=None):
        count = self.tool.events * 20 // (4 if self.quick else 1)
        burst = max(1, round(rate / 5000))
        words = ["-b", burst, "-p", int(burst / rate * 1e9), count] if rate else ["-b", 64, count]
        if contender is None:
            return self.work(words.pop(), *words)
        with Running(self, contender) as running:
            warm = running.warm()
            before, _ = running.cpu()
            work = self.work(words.pop(), *words)
            time.sleep(contender.settle + 0.2)
            work["reader"] = running.cpu()[0] - before
            work["seen"] = running.stop()["seen"] - warm
        return work

    def pace(self):
        """In turn; {"paces": [{rate, rounds: [{name: figures}]}], "failed": {name: why}}"""
        failed, paces = {}, []
        for rate in self.tool.paces:
            paces.append({"rate": rate, "rounds": []})
            for at in range(2 if self.quick else 5):
                say(f"pace: {rate or 'highest'}, round {at + 1}")
                one = {"bare": self.pace_once(rate)}
                for contender in self.seeing():
                    try:
                        if contender.name not in failed:
                            one[contender.name] = self.pace_once(rate, contender)
                    except Failed as reason:
                        failed[contender.name] = str(reason)
                        say(f"{contender.name}: {reason}")
                paces[-1]["rounds"].append(one)
        return {"paces": paces, "failed": failed}

    # ---- contention and wakeups, as ratios to bare runs ----

    def on_all(self, kind):
        """The workload on all processors: for lines at a pace that all can follow, for others as fast as it goes."""
        if kind != "line":
            words = ["-b", 64, self.tool.events * (2 if self.quick else 10)]
        else:
            words = ["-b", self.tool.burst, "-p", int(5 * self.tool.period * 1e9),
                     self.tool.events // (5 if self.quick else 2)]
        done = [self.finish(process) for process in [self.workload(*words) for _ in os.sched_getaffinity(0)]]
        return {what: sum(work[what] for work in done) for what in ("made", "cpu")}

    def ratio_round(self, contender):
        with Running(self, contender) as running:
            warm = running.warm()
            before = running.cpu()
            work = self.on_all(contender.kind)
            time.sleep(contender.settle + 0.1)
            after = running.cpu()
            work["seen"] = running.stop()["seen"] - warm
        return {**work, "reader": after[0] - before[0], "slept": after[1] - before[1]}

    def ratio(self):
        rounds = [{} for _ in range(3 if self.quick else 10)]
        kinds = sorted({contender.kind for contender in self.contenders})
        failed = {}
        for at, one in enumerate(rounds):
            say(f"ratio: round {at + 1} of {len(rounds)}")
            one["bare"] = {kind: self.on_all(kind) for kind in kinds}
            for contender in self.contenders:
                if contender.name not in failed:
                    try:
                        one[contender.name] = self.ratio_round(contender)
                    except Failed as reason:
                        failed[contender.name] = str(reason)
                        say(f"{contender.name}: {reason}")
        return {"rounds": rounds, "failed": failed}

    # ---- XDP ----

    def loaded_on_lo(self, process):
        """The id of the program that our tool has put there, when it has."""
        end = time.monotonic() + START_SECONDS
        while process.poll() is None and time.monotonic() < end:
            done = subprocess.run([self.bpfkit, "xdpdump", "-D", "--json"], capture_output=True, text=True)
            for row in map(json.loads, done.stdout.splitlines()):
                if row.get("ifname") == "lo" and row.get("prog_id"):
                    return row["prog_id"]
            time.sleep(0.05)
        raise Failed(f"did not start: {last_line(process.communicate()[1] if process.poll() is not None else '')}")

    def capture_ns(self, capture):
        """On lo: BPF_PROG_TEST_RUN has frames come from there, and the reader knows only what it captures from."""
        runs = 5 if self.quick else 20
        command = [self.bpfkit, "xdpdump", "-i", "lo", "-S", "-w", "/dev/null", *capture.words]
        with (tempfile.NamedTemporaryFile() as file, contextlib.ExitStack() as stack,
              subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process):
            stack.callback(process.kill)
            file.write(figures.frame(capture.size))
            file.flush()
            number = self.loaded_on_lo(process)
            done = subprocess.run([self.helper("xdp_ns"), "-n", str(runs), "-r", str(capture.repeat), "-p", file.name,
                                   str(number)], capture_output=True, text=True)
            process.terminate()
            said = process.communicate(timeout=END_SECONDS)[1]
            status = process.returncode
        if done.returncode or status:
            raise Failed(last_line(done.stderr or said))
        # xdp_ns has them run once more, before all
        made = runs * capture.repeat + capture.repeat // 100 + 1 if capture.captured else 0
        if problem := figures.refused(said, made):
            raise Failed(problem)
        empty, program = map(json.loads, done.stdout.splitlines())
        return {**program, "empty": empty["min"]}

    def xdp(self):
        words, names, missing = [], ["empty"], {}
        for name, pattern, program in self.tool.xdp:
            if found := glob.glob(pattern.replace("{objects}", f"{os.path.dirname(self.bpfkit)}/bpf")):
                words.append(f"{found[0]}:{program}")
                names.append(name)
            else:
                missing[name] = "is not there"
        done = subprocess.run([self.helper("xdp_ns"), "-n", "5" if self.quick else "20", *words], capture_output=True,
                              text=True)
        if done.returncode:
            raise SystemExit(f"xdp_ns failed: {last_line(done.stderr)}")
        programs = dict(zip(names, map(json.loads, done.stdout.splitlines()), strict=True))
        for capture in self.tool.captures:
            say(f"xdp: {capture.name}")
            try:
                programs[capture.name] = self.capture_ns(capture)
            except Failed as failed:
                missing[capture.name] = str(failed)
                say(f"{capture.name}: {failed}")
        return {"programs": programs, "missing": missing}


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))     # so that what it started ends too
    tasks, name, options = sys.argv[1:]
    bench = Bench(name, json.loads(options))
    print(json.dumps({"release": os.uname().release, **{task: getattr(bench, task)() for task in tasks.split(",")}}))


if __name__ == "__main__":
    main()
