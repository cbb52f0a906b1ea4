# SPDX-License-Identifier: GPL-2.0-only
"""Guests run a command as if it were run here, and leave nothing behind."""
import glob
import os
import pathlib
import shutil
import signal
import subprocess
import time

import pytest

HERE = pathlib.Path(__file__).resolve().parent
CACHE = pathlib.Path(os.environ.get("BPFKIT_VM") or pathlib.Path(
    os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "bpfkit/vm")
KERNELS = ["5.10", "6.1", "6.12", "newest"]
SECONDS = 120       # for a boot, on a busy machine


def call(script, *words, **more):
    return subprocess.run([HERE / script, *map(str, words)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          **{"timeout": 600, **more})


def guest(*words, kernel="6.1", **more):
    return call("run", kernel, "--timeout", SECONDS, *words, **more)


@pytest.fixture(scope="session")
def kernels():
    """The kernels of x86-64 are there."""
    fetched = call("kernels", timeout=1500)
    if fetched.returncode:
        pytest.skip(f"the kernels cannot be fetched: {fetched.stderr.strip().splitlines()[-1]}")
    return dict(line.split() for line in fetched.stdout.splitlines())


@pytest.fixture(params=KERNELS + [name + "-arm64" for name in KERNELS])
def kernel(request, kernels):
    if request.param not in kernels and not (CACHE / "kernels" / request.param).exists():
        pytest.skip("it was not fetched")
    return request.param


# ---- processes ----

def processes():
    """{process: (its parent, its name)}"""
    found = {}
    for path in map(pathlib.Path, glob.glob("/proc/[0-9]*/stat")):   # pathlib's stumbles over one that ends
        try:
            head, tail = path.read_text().rsplit(")", 1)
        except OSError:
            continue        # has ended
        if tail.split()[0] != "Z":
            found[int(path.parent.name)] = int(tail.split()[1]), head.split("(", 1)[1]
    return found


def below(process):
    """The qemu of this process, and of those that it started."""
    all_of_them = processes()
    family = {process}
    while more := {child for child, (parent, _) in all_of_them.items() if parent in family} - family:
        family |= more
    return {child for child in family if all_of_them.get(child, (0, ""))[1].startswith("qemu-system")}


def wait_for(condition, seconds=SECONDS):
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)
    return value


def rest(process):
    """Is a process left?"""
    return process in processes()


# ---- a command ----

def test_output_and_status_are_those_of_the_command(kernels):
    done = guest("--", "uname -r; echo it went wrong >/dev/stderr; exit 23")
    assert (done.stdout, done.stderr, done.returncode) == (kernels["6.1"] + "\n", "it went wrong\n", 23)


def test_words_are_not_changed(kernels):
    words = ["a b", "", "'", '"$HOME"', "\\n", "ä"]
    done = guest("--", "printf", "<%s>", *words)
    assert (done.stdout, done.stderr, done.returncode) == ("".join(f"<{word}>" for word in words), "", 0)


def test_all_output_comes_also_when_processes_are_left(kernels):
    done = guest("--", "sleep 1000 & setsid sleep 1000 & seq 300000; seq 100000 >&2")
    assert done.stdout == "".join(f"{i}\n" for i in range(1, 300001))
    assert done.stderr == "".join(f"{i}\n" for i in range(1, 100001))
    assert done.returncode == 0


def test_environment(kernels, tmp_path):
    done = guest("--", "echo $BPFKIT_KERNEL $(id -u) $PWD; cat; ip -o link show up",
                 cwd=tmp_path)
    assert done.stdout.startswith(f"6.1 0 {tmp_path}\n1: lo: ") and done.stdout.count("\n") == 2, done
    done = guest("--", "findmnt -rno TARGET,FSTYPE")
    assert {"/proc proc", "/sys sysfs", "/sys/kernel/tracing tracefs", "/sys/fs/bpf bpf", "/sys/fs/cgroup cgroup2",
            "/dev devtmpfs", "/run tmpfs"} <= set(done.stdout.splitlines())


def test_the_root_here_is_not_changed(kernels, tmp_path):
    kept = tmp_path / "kept"
    kept.write_text("as it was")
    done = guest("--", f"cd {tmp_path}; cat kept; echo changed >kept; echo new >new; rm -r /etc; cat kept; ls -d /etc")
    assert done.stdout == "as it waschanged\n"
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert kept.read_text() == "as it was"
    assert pathlib.Path("/etc/passwd").exists()


def test_out_is_shared(kernels, tmp_path):
    (tmp_path / "in").write_text("from here")
    done = guest("--out", tmp_path, "--", "cat /out/in; echo from there >/out/back")
    assert (done.stdout, done.returncode) == ("from here", 0)
    assert (tmp_path / "back").read_text() == "from there\n"


def test_hardware(kernels):
    done = guest("--smp", 2, "--mem", 600, "--disk", 23, "--nics", "--append", "some.thing=1", "--",
                 "nproc; free -m | awk '/Mem/ { print ($2 > 400 && $2 < 600) }'; blockdev --getsize64 /dev/vda;"
                 "ls /sys/class/net; grep -o some.thing=1 /proc/cmdline; modprobe dummy && echo module")
    assert done.stdout.split() == ["2", "1", str(23 << 20), "eth0", "eth1", "lo", "some.thing=1", "module"], done


def test_instructions_are_counted(kernels):
    """With --icount the same work takes the same time."""
    work = "import time; t = time.process_time_ns(); sum(range(10**6)); print(time.process_time_ns() - t)"
    done = guest("--icount", "--", f"for i in 1 2 3; do /usr/bin/python3 -c '{work}'; done")
    times = [int(line) for line in done.stdout.split()]
    assert len(times) == 3 and max(times) < 1.05 * min(times), done


def test_the_log_and_the_times_are_printed(kernels):
    done = guest("--dmesg", "--time", "--", "echo bpfkit was here >/dev/kmsg")
    assert "bpfkit was here" in done.stderr and "until the command began" in done.stderr and done.stdout == ""


def test_two_at_once(kernels):
    both = [subprocess.Popen([HERE / "run", "6.1", "--", f"echo {name}; exit {status}"],
                             stdout=subprocess.PIPE, text=True)
            for name, status in (("one", 1), ("two", 2))]
    assert [(one.communicate(timeout=SECONDS)[0], one.returncode) for one in both] == [("one\n", 1), ("two\n", 2)]


def test_each_kernel(kernel):
    """It boots, and its BTF is the one that was found in its image."""
    btf = CACHE / "kernels" / kernel / "btf"
    release = (CACHE / "kernels" / kernel / "release").read_text()
    done = guest("--share", btf.parent, "--", f"uname -r; cmp {btf} /sys/kernel/btf/vmlinux && echo the same",
                 kernel=kernel)
    assert (done.stdout, done.stderr, done.returncode) == (f"{release}the same\n", "", 0)


def test_a_root_of_aarch64_sees_folders_of_this_machine(kernels, tmp_path):
    if not (CACHE / "kernels/6.1-arm64").exists():
        pytest.skip("6.1-arm64 was not fetched")
    (tmp_path / "a, b:c").mkdir()
    (tmp_path / "a, b:c/file").write_text("from here\n")
    done = guest("--", "uname -m; pwd; cat file; echo x >file; cat file; ls -d /usr/lib/x86_64-linux-gnu; "
                 f"test -x {HERE}/run && echo there", kernel="6.1-arm64", cwd=tmp_path / "a, b:c")
    assert done.stdout == f"aarch64\n{tmp_path}/a, b:c\nfrom here\nx\nthere\n", done
    assert (tmp_path / "a, b:c/file").read_text() == "from here\n"


# ---- ends ----

def test_time_limit(kernels):
    before = time.monotonic()
    done = call("run", "6.1", "--timeout", 20, "--", "echo begun; sleep 1000")
    assert (done.stdout, done.returncode) == ("begun\n", 124)
    assert done.stderr == "run: 6.1: the time of 20 s was over\n"
    assert 20 <= time.monotonic() - before < 30
    done = call("run", "6.1", "--timeout", 1, "--", "echo begun")
    assert (done.stdout, done.returncode) == ("", 124)
    assert done.stderr.startswith("run: 6.1: the time of 1 s was over before the command began")


@pytest.mark.parametrize("how, said", [("echo c >/proc/sysrq-trigger", "Kernel panic"), ("busybox poweroff -f", "")])
def test_a_guest_that_goes_away(how, said, kernels):
    done = guest("--", f"echo begun; sleep 1; {how}")
    assert (done.stdout, done.returncode) == ("begun\n", 125)
    assert done.stderr.startswith("run: 6.1: the guest went away while the command ran; its console says:")
    assert said in done.stderr


def test_a_guest_that_never_comes(kernels):
    done = guest("--append", "init=/none rdinit=/none root=/none", "--", "true")
    assert done.returncode == 125 and "the guest never ran the command" in done.stderr and "panic" in done.stderr


def test_a_reader_that_goes_away(kernels):
    done = subprocess.run(["bash", "-c", 'set -o pipefail; "$0" 6.1 -- yes | head -n 1; echo ${PIPESTATUS[0]}',
                           HERE / "run"], capture_output=True, text=True, timeout=SECONDS)
    assert done.stdout == "y\n141\n" and not done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
@pytest.mark.parametrize("moment", ["early", "booting", "running"])
def test_a_signal_leaves_no_guest_and_no_file(moment, number, kernels, tmp_path):
    for name in "kernels", "tools":
        (tmp_path / name).symlink_to(CACHE / name)
    run = subprocess.Popen([HERE / "run", "6.1", "--disk", "5", "--", "echo begun; sleep 1000"], stdout=subprocess.PIPE,
                           env={**os.environ, "BPFKIT_VM": str(tmp_path), "TMPDIR": str(tmp_path)})
    machines = set()
    if moment == "early":
        time.sleep(0.1)
    else:
        machines = wait_for(lambda: below(run.pid))
    if moment == "running":
        assert run.stdout.readline() == b"begun\n"
    machines |= below(run.pid)
    run.send_signal(number)
    run.communicate(timeout=20)
    assert run.returncode in ((-number,) if number == signal.SIGKILL else (128 + number, -number))
    wait_for(lambda: not any(map(rest, machines)), 10)
    assert {path.name for path in tmp_path.iterdir()} == {"kernels", "tools"}


def test_a_terminal_that_goes_away(kernels):
    """A signal to the whole foreground, and then KILL to the shell's whole group."""
    for number in signal.SIGINT, signal.SIGKILL:
        shell = subprocess.Popen(["bash", "-c", '"$0" 6.1 -- "echo begun; sleep 1000"; exit', HERE / "run"],
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)
        assert shell.stdout.readline() == b"begun\n"
        machines = below(shell.pid)
        assert len(machines) == 1
        os.killpg(shell.pid, number)
        assert shell.communicate(timeout=20) == (b"", b"")
        wait_for(lambda: not any(map(rest, machines)), 10)


# ---- KVM, played by a qemu that emulates, that hangs, or that ends at once ----

@pytest.mark.parametrize("with_kvm, works", [("exec REAL", True), ("exec sleep 1000", False), ("exit 1", False)])
def test_kvm_is_tried(with_kvm, works, kernels, tmp_path):
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        pytest.skip("there is no /dev/kvm")
    for name in "kernels", "tools":
        (tmp_path / name).symlink_to(CACHE / name)
    real = shutil.which("qemu-system-x86_64")
    fake = tmp_path / "bin/qemu-system-x86_64"
    fake.parent.mkdir()
    fake.write_text(f"""#!/bin/bash
        [[ " $* " = *" -accel kvm "* ]] || exec {real} "$@"
        echo >>{tmp_path}/tried
        set -- "${{@/#kvm/tcg}}"
        set -- "${{@/#host/max,la57=off}}"
        {with_kvm.replace("REAL", real + ' "$@"')}
    """)
    fake.chmod(0o755)
    for tries in (2, 3) if works else (1, 1):       # the second time there is no trial
        done = guest("--kvm", "--time", "--", "echo $BPFKIT_KERNEL; exit 7",
                     env={**os.environ, "BPFKIT_VM": str(tmp_path), "PATH": f"{fake.parent}:{os.environ['PATH']}"})
        assert (done.stdout, done.returncode) == ("6.1\n", 7)
        assert (", with KVM" in done.stderr) == works
        assert (tmp_path / "tried").read_text().count("\n") == tries


# ---- words ----

@pytest.mark.parametrize("words", ["", "6.1", "6.1 --", "-- true", "6.1 --smp 0 -- true", "6.1 --smp x -- true",
                                   "6.1 --nothing -- true", "6.1 true", "6.1 --out /none -- true", "6.1 --mem",
                                   "6.1 --icount --smp 2 -- true"])
def test_wrong_usage(words):
    done = call("run", *words.split())
    assert (done.stdout, done.returncode) == ("", 2) and "usage: tests/vm/run KERNEL" in done.stderr


@pytest.mark.parametrize("name", ["3.2", "../kernels/6.1", ""])
def test_a_kernel_that_is_not_there(name):
    done = call("run", name, "--", "true")
    assert (done.stdout, done.returncode) == ("", 125)
    assert "tests/vm/kernels" in done.stderr and done.stderr.count("\n") == 1


def test_no_qemu(kernels, tmp_path):
    done = guest("--", "true", env={**os.environ, "PATH": str(tmp_path)})
    assert done.returncode == 125 and done.stderr.startswith("run: there is no qemu-system-x86_64: install it")


@pytest.mark.parametrize("words", ["3.2", "--none", "6.1 6.1-riscv", "-arm64", "''"])
def test_wrong_usage_of_kernels(words):
    done = call("kernels", *words.split())
    assert (done.stdout, done.returncode) == ("", 2) and done.stderr.count("\n") == 1


# ---- fetching ----

def test_what_is_there_is_not_fetched(kernels):
    """apt is not even looked for."""
    before = time.monotonic()
    done = call("kernels", env={**os.environ, "BPFKIT_DEBIAN_MIRROR": "file:/none"})
    assert (done.stderr, done.returncode) == ("", 0)
    assert dict(line.split() for line in done.stdout.splitlines()) == kernels
    assert time.monotonic() - before < 2


def test_a_mirror_that_is_not_there(kernels, tmp_path):
    """Nothing half is left, and what others left is taken away."""
    (tmp_path / "tools").symlink_to(CACHE / "tools")
    (tmp_path / "new.old").mkdir()
    done = call("kernels", "6.1", env={**os.environ, "BPFKIT_VM": str(tmp_path), "BPFKIT_DEBIAN_MIRROR": "file:/none"})
    assert done.returncode == 1 and "apt-get could not read the package lists" in done.stderr.splitlines()[-1]
    assert {path.name for path in tmp_path.iterdir()} == {"tools", ".lock"}


def test_an_apt_without_debian(kernels, tmp_path):
    (tmp_path / "tools").symlink_to(CACHE / "tools")
    (tmp_path / "apt-get").symlink_to("/bin/true")
    environment = {**os.environ, "BPFKIT_VM": str(tmp_path), "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    environment.pop("BPFKIT_DEBIAN_MIRROR", None)
    done = call("kernels", "6.1", env=environment)
    assert done.returncode == 1 and "let BPFKIT_DEBIAN_MIRROR be the address of one" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_fetching_that_is_interrupted(number, kernels, tmp_path):
    (tmp_path / "tools").symlink_to(CACHE / "tools")
    fetch = subprocess.Popen([HERE / "kernels", "6.1"], env={**os.environ, "BPFKIT_VM": str(tmp_path)},
                             stderr=subprocess.DEVNULL, start_new_session=True)
    wait_for(lambda: list(tmp_path.glob("new.*/*")), 20)
    os.killpg(fetch.pid, number)
    fetch.wait(20)
    assert fetch.returncode in (-number, 128 + number)
    assert not (tmp_path / "kernels/6.1").exists()
    assert number == signal.SIGKILL or not list(tmp_path.glob("new.*"))


def test_what_is_no_kernel(tmp_path):
    for content in b"", b"\x7fELF" * 1000, os.urandom(5000), bytes(0x202) + b"HdrS" + bytes(5000):
        (tmp_path / "vmlinuz").write_bytes(content)
        done = call("image.py", tmp_path / "vmlinuz", tmp_path / "image", tmp_path / "btf")
        assert done.returncode == 1 and done.stderr.count("\n") == 1 and str(tmp_path) in done.stderr
        assert not (tmp_path / "btf").exists()
