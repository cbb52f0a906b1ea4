# SPDX-License-Identifier: GPL-2.0-only
"""The arithmetic and the parts of tests/bench. No figure of any machine is looked at."""
import array
import importlib
import json
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys
import time

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import execsnoop    # noqa: E402
import figures      # noqa: E402
import netmon       # noqa: E402
import opensnoop    # noqa: E402
import report       # noqa: E402
import xdpdump      # noqa: E402
import xdpdump_entry    # noqa: E402
from contender import Output    # noqa: E402
from figures import Spread      # noqa: E402

PACED = '''#define _GNU_SOURCE
#include "paced.h"
static long events;
static void prepare(void) {}
static void make(long count) { events += count; }
static long made(void) { return events - LIE; }
'''
XDP = '''#include <linux/bpf.h>
__attribute__((section("xdp"), used)) int drop_udp(struct xdp_md *ctx)
{
	unsigned char *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;

	return data + 34 <= end && data[23] == 17 ? XDP_DROP : XDP_PASS;
}
__attribute__((section("xdp"), used)) int abort_all(struct xdp_md *ctx)
{
	return XDP_ABORTED;
}
'''


def built(folder, name, *words):
    out = folder / name
    subprocess.run(["cc", "-O2", "-w", f"-I{HERE.parent}/workload", "-o", out, *words], check=True)
    return out


# ---- arithmetic ----

def test_spread():
    spread = Spread.of([5, 1, 3, 11])
    assert spread == Spread(1, 4, 11)
    assert Spread.of([5, 1, 3, 11, 4]) == Spread(3, 4, 5)       # without the lowest and the highest
    assert Spread.of(range(40)) == Spread(4, 19.5, 35)          # of many, a tenth at each end
    # the least above the base is the lowest above the base's highest
    assert spread.above(Spread(2, 3, 5)) == Spread(-4, 1, 9)
    assert spread.each(2) == Spread(0.5, 2, 5.5)


@pytest.mark.parametrize("one, other, value", [
    (Spread(20, 30, 40), Spread(5, 10, 15), 3),
    (Spread(5, 10, 15), Spread(20, 40, 60), 0.25),
    (Spread(10, 30, 40), Spread(5, 10, 15), None),      # they meet
    (Spread(15, 30, 40), Spread(5, 10, 15), None),      # at one point
    (Spread(5, 10, 15), Spread(1, 10, 40), None),       # one is inside the other
    (Spread(5, 10, 15), Spread(-1, 0, 1), None),        # nothing to divide by
])
def test_a_ratio_within_the_spread_is_no_result(one, other, value):
    assert figures.ratio(one, other) == value
    assert (figures.show_ratio(figures.ratio(one, other)) == "no result") == (value is None)


def test_ready_is_the_first_of_the_last_events():
    times = array.array("q", [100, 200, 300, 400])
    assert figures.ready_at(times, 1) == 400
    assert figures.ready_at(times, 3) == 200
    for seen in 0, 4, 5:        # none, or ready before the first: nothing is known
        with pytest.raises(ValueError, match=f"of 4 events it saw {seen}"):
            figures.ready_at(times, seen)


def test_each_event_was_looked_at():
    def window(*runs):
        return {"made": 23, "programs": {str(i): {"run_cnt": run} for i, run in enumerate(runs)}}
    assert figures.each_looked_at([window(0, 23), window(29, 7)])
    assert not figures.each_looked_at([window(0, 23), window(22, 7)])
    assert not figures.each_looked_at([window()])


def test_words():
    assert figures.losses(7, 7) == ""
    assert figures.losses(1007, 4) == "lost 1,003 of 1,007"
    assert figures.losses(7, 11) == "saw 4 more than 7"
    assert figures.show(Spread(1000, 1234.4, 1100)) == "1,234 ± 50"
    assert figures.show(Spread(2, 2, 2), 1) == "2.0"
    assert [figures.size(number) for number in (17, 1500, 2_340_000, None)] == ["17 B", "1.5 kB", "2.3 MB", "-"]
    assert figures.rate(123456) == "120,000"
    assert figures.table(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | ---: |\n| 1 | 2 |\n"


# ---- counts ----

OUTPUTS = {
    "bpfkit netmon -s dmac": (17, Output(
        "12:00:00.000001: sort by destination mac, total drops: 999 (unix sockets 0):\n"
        "                     LLDP  ARP  other  total\n"
        "  02:62:6b:00:00:00     0    0      0     11\n  02:62:6b:00:00:0f     0    0      0      6\n"
        "  02:00:00:00:00:02     0    0      0     23\n    OTHERHOST:        40\n", "")),
    "bpfkit netmon -s reason": (17, Output("  OTHERHOST  0 0   17 0  0  17\n  NO_SOCKET  0 0 23 0 0 23\n", "")),
    "bpftrace one-liner": (17, Output("Attaching 1 probe...\n\n\n@[2]: 3\n@[8]: 17\n", "")),
    "dropwatch": (17, Output("dropwatch> start\n11 drops at ip_rcv_core+236 (0xffffffff8186d1d6) [software]\n"
                             "2 drops at unix_release_sock+31 (0xffffffff8186d1d6) [software]\n"
                             "6 drops at ip_rcv_core+236 (0xffffffff8186d1d6) [software]\n", "")),
    "perf stat": (17, Output("", "17,,skb:kfree_skb,3670295476,100.00,,\n")),
    "bpfkit netmon": (1, Output("12:00:00 lo other-host OTHERHOST 02:62:6b:00:01:00 -> 02:62:6b:00:00:07 IPv4\n"
                                "12:00:00 lo this-host NO_SOCKET 02:62:6b:00:01:00 -> 02:00:00:00:00:07 IPv4\n", "")),
    "bpftrace printf": (2, Output("Attaching 1 probe...\n12 8 ip_rcv_core 2048\n13 2 tcp_v4_rcv 2048\n"
                                  "14 8 ip_rcv_core 2048\n", "")),
    "dropwatch, by packet": (1, Output("drop at: ip_rcv_core+0x236/0x310 (0xffffffff8186d1d6)\norigin: software\n"
                                       "drop at: tcp_v4_rcv+0x236/0x310 (0xffffffff8186d1d6)\n", "")),
    "perf trace": (1, Output("", "  0.000 drops/1 skb:kfree_skb(skbaddr: 0xf, protocol: 2048, reason: 13)\n"
                                 "  0.001 drops/1 skb:kfree_skb(skbaddr: 0xf, protocol: 1, reason: 2)\n")),
    "perf record": (1, Output("", "", "drops 1 [1] 1.8: skb:kfree_skb: skbaddr=0xf rx_sk=(nil) protocol=2048 "
                                      "location=ip_rcv_core+0x22c reason: OTHERHOST\n")),
}


# three lines of which two are of the workload
OPENS = """PID    COMM              FD ERR PATH
9760   opens              3   0 /mnt/bpfkit/opens/existing-file
9761   cat               -1   2 /mnt/bpfkit/none
9760   opens             -1   2 /mnt/bpfkit/opens/no-such-file
"""
EXECS = """PCOMM            PID    PPID   RET ARGS
bpfkit-exec      9766   9744     0 /mnt/bpfkit-exec --of tests/workload/runs.c 23
runs             9766   9744     0 /tmp/runs 23
bpfkit-exec      9767   9744     0 /mnt/bpfkit-exec --of tests/workload/runs.c 23
"""


@pytest.mark.parametrize("tool, output", [(opensnoop, OPENS), (execsnoop, EXECS)], ids=["opensnoop", "execsnoop"])
def test_counts_of_lines(tool, output):
    for contender in tool.TOOL.contenders:
        assert contender.count(Output(output, "")) == 2, contender.name
        assert contender.count(Output("", "")) == 0


def test_counts_of_json():
    assert opensnoop.lines(Output('{"pid":1,"path":"/mnt/bpfkit/opens/existing-file","name":"/mnt/bpfkit/opens/"}\n'
                                  '{"pid":1,"path":"/etc/passwd"}\n', "")) == 1
    assert execsnoop.lines(Output('{"comm":"x","file":"/mnt/bpfkit-exec","args":["--of","/mnt/bpfkit-exec"]}\n'
                                  '{"file":"/bin/true"}\n', "")) == 1


@pytest.mark.parametrize("contender", netmon.TOOL.contenders, ids=lambda contender: contender.name)
def test_counts(contender):
    assert contender.count(Output("", "", "")) == 0
    if contender.name == "bpfkit netmon --json":
        assert contender.count(Output('{"type":"drop","dmac":"02:62:6b:00:00:0f"}\n{"type":"stop"}\n', "")) == 1
        return
    count, output = OUTPUTS[contender.name]
    assert contender.count(output) == count


# two frames of the workload, and one that is not
CAPTURES = {
    "bpfkit xdpdump": """12.000001 IP 192.0.2.1:4000 > 192.0.2.2:9 UDP, length 86
12.000002 IP 192.0.2.7:68 > 192.0.2.2:67 UDP, length 86
12.000003 IP 192.0.2.1:4000 > 192.0.2.2:9 UDP, length 86
""",
    "bpfkit xdpdump --json": """{"type":"packet","saddr":"192.0.2.1","daddr":"192.0.2.2","sport":4000,"dport":9,"x":1}
{"type":"packet","saddr":"192.0.2.1","daddr":"192.0.2.2","sport":4000,"dport":90,"x":1}
{"type":"packet","saddr":"192.0.2.1","daddr":"192.0.2.2","sport":4000,"dport":9,"x":1}
""",
    "xdp-tools xdpdump": """12.3: xdpdump()@entry: packet size 128 bytes on if_index 2, rx queue 0, id 1
12.3: pass()@exit[PASS]: packet size 64 bytes on if_index 2, rx queue 0, id 2
12.3: pass()@exit[PASS]: packet size 128 bytes on if_index 2, rx queue 0, id 3
""",
    "tcpdump": """12:00:00.000001 IP 192.0.2.1.4000 > 192.0.2.2.9: UDP, length 86
12:00:00.000002 IP 192.0.2.1.4000 > 192.0.2.2.90: UDP, length 86
12:00:00.000003 IP 192.0.2.1.4000 > 192.0.2.2.9: UDP, length 86
""",
}


@pytest.mark.parametrize("contender", xdpdump.TOOL.contenders + xdpdump_entry.TOOL.contenders,
                         ids=lambda contender: contender.name)
def test_counts_of_captures(contender):
    assert contender.count(Output("", "", "")) == 0
    if contender.kind.startswith("file"):
        assert contender.after[:2] == ["tcpdump", "-nr"] and contender.command[-1] == contender.after[2]
        assert contender.count(Output("5 packets captured\n", "6 packets captured\n", "2 packets\n")) == 2
        assert contender.count(Output("", "", "1 packet\n")) == 1
    elif contender.kind == "line":
        name = max((name for name in CAPTURES if contender.name.startswith(name)), key=len)
        assert contender.count(Output(CAPTURES[name], "")) == 2


def test_a_figure_with_packets_lost_is_refused():
    said = "{} packets captured\n{} packets received by filter\n{} packet{} dropped by kernel\n"
    assert figures.refused(said.format(23, 23, 0, "s"), 23) == ""
    assert figures.refused(said.format(0, 0, 0, "s"), 0) == ""
    assert figures.refused(said.format(22, 23, 1, ""), 23) == "had no room for 1 packets"
    assert figures.refused(said.format(22, 22, 0, "s"), 23) == "lost 1 of 23"
    assert figures.refused(said.format(1, 1, 0, "s"), 0) == "saw 1 more than 0"      # the filter was to match none
    assert figures.refused("xdpdump: cannot load the programs\n", 23) == "did not say how many it captured"


def test_frame():
    for size in 64, 1514:
        frame = figures.frame(size)
        assert len(frame) == size and frame[12:15] == b"\x08\0\x45" and frame[23] == 17
        assert int.from_bytes(frame[16:18], "big") == size - 14 and int.from_bytes(frame[38:40], "big") == size - 34
        assert frame[34:38] == (4000).to_bytes(2, "big") + (9).to_bytes(2, "big")


@pytest.mark.parametrize("name", ["netmon", "opensnoop", "opensnoop_failed", "execsnoop", "xdp", "xdpdump",
                                  "xdpdump_entry"])
def test_tables_of_contenders(name):
    tool = importlib.import_module(name).TOOL
    names = [contender.name for contender in tool.contenders]
    assert len(names) == len(set(names))
    for kind in {contender.kind for contender in tool.contenders}:
        assert sum(contender.reference for contender in tool.contenders if contender.kind == kind) == 1
        # those that see nothing are compared with each other only
        assert len({contender.sees for contender in tool.contenders if contender.kind == kind}) == 1
    assert not tool.contenders or (HERE.parent / f"workload/{tool.workload}.c").exists()


# ---- tables ----

def cost(one, other, seen):
    """Figures as measure.py gives them, of netmon and the one-liner: instructions for each of 100 events."""
    def result(each, **more):
        return {"windows": [{"made": 100, "busy": (500 + each + i) * 100, "cpu": (300 + each // 2) * 100, "reader": 700}
                            for i in range(3)],
                "counted": [{"made": 100, "programs": {"p": {"run_time_ns": 5900, "run_cnt": 100}}}] * 2,
                "made": 700, "seen": 700, **more}
    return {"floor": 49,
            "bare": [{"settle": settle, "windows": [{"made": 100, "busy": 50000, "cpu": 30000}]}
                     for settle in (0.05, 1.2)],
            "contenders": {"bpfkit netmon -s dmac": result(one, seen=seen), "bpftrace one-liner": result(other),
                           "dropwatch": {"failed": "did not start: no reason"}}}


def cells(text, name):
    line = next(line for line in text.splitlines() if line.startswith(f"| {name} |"))
    return [cell.strip() for cell in line.split("|")[2:-1]]


def test_table_of_the_cost():
    data = cost(199, 99, 700)
    text = report.cost({"tool": "netmon"}, data)
    #                                                      total      caller programs process rest = 200 - 99 - 7
    assert cells(text, "bpfkit netmon -s dmac") == ["summary", "200 ± 1", "99", "10", "7", "94", "2.00", "2.02", "all"]
    assert cells(text, "bpftrace one-liner")[-3:] == ["1", "1", "all"]
    assert cells(text, "dropwatch")[1:] == ["-"] * 7 + ["did not start: no reason"]


def test_who_lost_events_is_not_compared():
    text = report.cost({"tool": "netmon"}, cost(199, 99, 697))
    assert cells(text, "bpfkit netmon -s dmac")[-3:] == ["-", "-", "lost 3 of 700"]
    assert cells(report.cost({"tool": "netmon"}, cost(100, 99, 700)), "bpfkit netmon -s dmac")[-3] == "no result"


def test_table_of_what_is_filtered_out():
    ours, peer = "bpfkit opensnoop --probe tp -p 1", "libbpf-tools opensnoop -p 1"
    assert {figures.expected(contender, 7) for contender in opensnoop.TOOL.contenders if contender.name == ours} == {0}
    data = cost(199, 99, 700)
    one = data["contenders"].pop("bpfkit netmon -s dmac") | {"made": 0, "seen": 0}
    other = data["contenders"].pop("bpftrace one-liner") | {"made": 0, "seen": 0}
    data["contenders"] = {ours: one, peer: other}
    text = report.cost({"tool": "opensnoop"}, data)
    assert cells(text, ours)[0] == "filtered" and cells(text, ours)[-3:] == ["2.00", "2.02", "none"]
    one["seen"] = 3
    assert cells(report.cost({"tool": "opensnoop"}, data), ours)[-3:] == ["-", "-", "saw 3 more than 0"]


# ---- helpers ----

def test_paced_workload(tmp_path):
    workload = built(tmp_path, "paced", "-DLIE=0", "-x", "c", write(tmp_path / "paced.c", PACED))
    done = subprocess.run([workload, "-b", "7", "-p", "1000000", "-t", tmp_path / "times", "23"], capture_output=True,
                          text=True, check=True)
    begin, line = done.stdout.splitlines()
    assert begin == "begin" and json.loads(line)["made"] == 23
    times = array.array("q", (tmp_path / "times").read_bytes())
    assert len(times) == 4 and times[3] - times[0] >= 3e6
    for words in ["-b", "0", "1"], ["x"], [], ["1", "2"], ["-p", "1x", "1"], ["-i", "x"]:
        assert subprocess.run([workload, *words], capture_output=True).returncode == 2, words
    running = subprocess.Popen([workload, "-p", "1000000", "1000000"], stdout=subprocess.PIPE, text=True)
    assert running.stdout.readline() == "begin\n"
    running.terminate()
    assert 0 <= json.loads(running.communicate()[0])["made"] < 1000000 and running.returncode == 0


def test_a_workload_that_did_not_make_its_events_fails(tmp_path):
    workload = built(tmp_path, "paced", "-DLIE=1", "-x", "c", write(tmp_path / "paced.c", PACED))
    done = subprocess.run([workload, "23"], capture_output=True, text=True)
    assert done.returncode == 1 and "23 events were to be made, but there were 22" in done.stderr


@pytest.mark.parametrize("name", ["opens", "opens_failed", "runs"])
def test_workloads_of_processes(name, tmp_path):
    """What they say is not all: the kernel's own count, by strace, knows it too."""
    if os.geteuid():
        pytest.skip("a /mnt of its own needs root")
    workload = built(tmp_path, name, HERE.parent / f"workload/{name}.c")
    before = os.listdir("/mnt")
    done = subprocess.run([workload, "-b", "7", "23"], capture_output=True, text=True, check=True)
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["made"] == 23 and 0 < said["cpu"] <= 1.1 * said["ns"] + 4e6
    assert os.listdir("/mnt") == before
    if not shutil.which("strace"):
        pytest.skip("strace is not there")
    traced = subprocess.run(["strace", "-f", "-e", "trace=openat,execve", workload, "23"], capture_output=True,
                            text=True)
    called = [line for line in traced.stderr.splitlines() if "/mnt/bpfkit" in line and "O_CREAT" not in line]
    error = {"opens": "= 3", "opens_failed": "= -1 ENOENT", "runs": ""}[name]
    assert len(called) == 23 and all(error in line for line in called)


def test_workload_of_frames(tmp_path):
    """The other end has received them, whether a program is there or not."""
    if os.geteuid():
        pytest.skip("a network namespace of its own needs root")
    if not (clang := shutil.which("clang")):
        pytest.skip("clang is not there")
    folder = subprocess.run(["cc", "-print-multiarch"], capture_output=True, text=True).stdout.strip()
    subprocess.run([clang, "-O2", "-g", "-target", "bpf", f"-I/usr/include/{folder}", "-c", "-o", tmp_path / "pass.o",
                    HERE / "pass.bpf.c"], check=True)
    workload = built(tmp_path, "frames", HERE.parent / "workload/frames.c")
    setup = [*xdpdump.SETUP, xdpdump.PASS.replace("{helpers}", str(tmp_path)).split()]
    for commands in setup[:-1], setup:
        script = " && ".join(shlex.join(words) for words in [*commands, [str(workload), "-b", "7", "2300"]])
        done = subprocess.run(["unshare", "--net", "sh", "-c", script], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout.splitlines()[-1])["made"] == 2300
    done = subprocess.run(["unshare", "--net", workload, "23"], capture_output=True, text=True)
    assert done.returncode == 1 and "bk0" in done.stderr


def write(path, text):
    path.write_text(text)
    return path


def launched(path):
    return {name: int(number) for name, number in (line.split() for line in path.read_text().splitlines())}


def test_launch(tmp_path):
    launch = built(tmp_path, "launch", HERE / "launch.c")
    subprocess.run([launch, tmp_path / "report", "sh", "-c", "exit 3"], check=True)
    done = launched(tmp_path / "report")
    assert os.waitstatus_to_exitcode(done["status"]) == 3
    assert done["started"] < done["ended"] and done["stopped"] == 0 and done["maxrss"] > 100

    running = subprocess.Popen([launch, f"-{int(signal.SIGINT)}", tmp_path / "again", "sleep", "100"])
    while "pid" not in ((tmp_path / "again").read_text() if (tmp_path / "again").exists() else ""):
        time.sleep(0.01)
    running.terminate()
    assert running.wait(30) == 0
    done = launched(tmp_path / "again")
    assert os.waitstatus_to_exitcode(done["status"]) == -signal.SIGINT
    assert done["started"] < done["stopped"] < done["ended"]


def test_xdp_ns(tmp_path):
    if os.geteuid():
        pytest.skip("running XDP programs needs root")
    if not (clang := shutil.which("clang")):
        pytest.skip("clang is not there")
    folder = subprocess.run(["cc", "-print-multiarch"], capture_output=True, text=True).stdout.strip()
    subprocess.run([clang, "-O2", "-g", "-target", "bpf", f"-I/usr/include/{folder}", "-c", "-o", tmp_path / "x.o",
                    write(tmp_path / "x.c", XDP)], check=True)
    xdp_ns = built(tmp_path, "xdp_ns", HERE / "xdp_ns.c", "-lbpf")
    done = subprocess.run([xdp_ns, "-n", "3", "-r", "1000", f"{tmp_path}/x.o:drop_udp", f"{tmp_path}/x.o:abort_all"],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [program["returned"] for program in found] == [2, 1, 0]      # XDP_PASS, XDP_DROP, XDP_ABORTED
    assert all(0 <= program["min"] <= program["median"] for program in found)
    other = write(tmp_path / "tcp", "")
    other.write_bytes(bytes(12) + b"\x08\x00" + bytes(9) + b"\x06" + bytes(40))
    done = subprocess.run([xdp_ns, "-n", "1", "-r", "1", "-p", other, f"{tmp_path}/x.o:drop_udp"], capture_output=True,
                          text=True)
    assert json.loads(done.stdout.splitlines()[1])["returned"] == 2
    done = subprocess.run([xdp_ns, f"{tmp_path}/x.o:none"], capture_output=True, text=True)
    assert done.returncode == 1 and "there is no such program" in done.stderr


def test_from_a_file(tmp_path):
    data = [{"tool": "netmon", "date": "2026-01-02", "versions": ["bpfkit 1"], "release": "6.1", "processors": 2,
             "guests": {"6.1": {"cost": cost(199, 99, 700)}}}]
    source = write(tmp_path / "raw.json", json.dumps(data))
    done = subprocess.run([HERE / "run", "--from", source], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == report.whole(data[0]).strip()
    data[0]["guests"] = {"6.12": data[0]["guests"]["6.1"]}
    other = write(tmp_path / "other.json", json.dumps(data))
    done = subprocess.run([HERE / "run", "--from", source, "--from", other], capture_output=True, text=True, check=True)
    assert "(Linux 6.1, emulated)" in done.stdout and "(Linux 6.12, emulated)" in done.stdout
    done = subprocess.run([HERE / "run", "--from", HERE / "netmon.py"], capture_output=True, text=True)
    assert done.returncode == 1 and "netmon.py cannot be shown" in done.stderr
    for words in ["--tool", "none"], ["--contender", "no such"], ["--task", "none"]:
        done = subprocess.run([HERE / "run", *words], capture_output=True, text=True)
        assert done.returncode == 2, words


def test_table_of_paces():
    def one(seen, reader):
        each = {"made": 1000, "ns": 10_000_000, "cpu": 500_000}
        return {"bare": each, "bpfkit xdpdump -w": {**each, "seen": seen, "reader": reader}}

    def table(*rounds):
        return report.paces({"tool": "xdpdump"}, {"paces": [{"rate": 0, "rounds": rounds}],
                                                  "failed": {"tcpdump": "did not start: no reason"}})

    text = table(one(1000, 100_000), one(1000, 120_000))
    assert cells(text, "bpfkit xdpdump -w") == ["file", "highest", "100,000", "500", "110 ± 10", "none"]
    assert cells(text, "none") == ["-", "highest", "100,000", "500", "-", "-"]
    assert cells(text, "tcpdump")[-1] == "did not start: no reason"
    assert cells(table(one(1000, 1), one(990, 1)), "bpfkit xdpdump -w")[-1] == "0.5 % (of one run up to 10)"
    assert cells(table(one(1001, 1), one(990, 1)), "bpfkit xdpdump -w")[-1] == "saw 1 more than there were"


def test_table_of_xdp_programs():
    def program(least, **more):
        return {"min": least, "median": least + 1, **more}

    text = report.xdp({}, {"programs": {"empty": program(20), "a": program(24), "b": program(30, empty=22)},
                           "missing": {"c": "had no room for 3 packets"}})
    assert cells(text, "a") == ["24", "4", "25"]
    assert cells(text, "b") == ["30", "8", "31"]       # above the one that ran beside it
    assert cells(text, "c") == ["-", "-", "had no room for 3 packets"]


def test_sections_of_other_tools_stay():
    def data(tool, date):
        return {"tool": tool, "date": date, "versions": ["bpfkit 1"], "release": "6.1", "processors": 2, "guests": {}}

    first = report.merged("", [data("netmon", "2026-01-01"), data("xdp", "2026-01-01")])
    assert first == "\n".join([report.whole(data("netmon", "2026-01-01")), report.whole(data("xdp", "2026-01-01"))])
    second = report.merged(f"\n{first}\n", [data("xdpdump", "2026-02-02"), data("netmon", "2026-02-02")])
    assert [line for line in second.splitlines() if line.startswith(("###", "Measured"))] == [
        "### netmon", "Measured 2026-02-02: bpfkit 1.", "### xdp", "Measured 2026-01-01: bpfkit 1.",
        "### xdpdump", "Measured 2026-02-02: bpfkit 1."]
    assert report.merged(second, []) == second


def test_table_of_native_ratios():
    def one(lines, reference, seen=40):
        each = {"made": 40, "reader": 400, "slept": 4}
        return {"bare": {"line": {"made": 40, "cpu": 100}}, "bpfkit netmon": {**each, "cpu": lines, "seen": seen},
                "bpftrace printf": {**each, "cpu": reference, "seen": 40}}

    def table(*rounds):
        failed = {"perf trace": "did not start: no reason"}
        return report.ratios({"tool": "netmon"}, {"rounds": rounds, "failed": failed})

    text = table(one(200, 400), one(300, 400), one(210, 400))
    assert cells(text, "bpfkit netmon") == ["line", "2.10", "2.00 to 3.00", "0.53", "10", "100.00", "all"]
    assert cells(text, "bpftrace printf")[1:4] == ["4.00", "4.00 to 4.00", "1"]
    assert cells(text, "perf trace")[1:] == ["-"] * 5 + ["did not start: no reason"]
    # above one in one round and below in another
    assert cells(table(one(99, 90), one(300, 400)), "bpfkit netmon")[1:4] == ["no result", "0.99 to 3.00", "no result"]
    assert cells(table(one(200, 400), one(300, 400, 39)), "bpfkit netmon")[1:4:2] == ["-", "-"]
    assert cells(table(one(200, 400), one(300, 400, 39)), "bpfkit netmon")[-1] == "lost 1 of 80"

    def filtered(seen):
        each = {"made": 40, "reader": 400, "slept": 4}
        ours, peer = "bpfkit opensnoop --probe tp -p 1", "libbpf-tools opensnoop -p 1"
        rounds = [{"bare": {"filtered": {"made": 40, "cpu": 100}}, ours: {**each, "cpu": 150, "seen": seen},
                   peer: {**each, "cpu": 300, "seen": 0}}]
        return cells(report.ratios({"tool": "opensnoop"}, {"rounds": rounds, "failed": {}}), ours)

    assert filtered(0) == ["filtered", "1.50", "1.50 to 1.50", "0.50", "10", "100.00", "none"]
    assert filtered(3)[1:4:2] == ["-", "-"] and filtered(3)[-1] == "saw 3 more than 0"
