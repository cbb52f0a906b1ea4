# SPDX-License-Identifier: GPL-2.0-only
"""What scripts/new-tool makes builds, runs and passes its own test, and the runtime chooses among its probes."""
import os
import pathlib
import shutil
import subprocess

import pytest

TREE = pathlib.Path(__file__).resolve().parents[2]
NAME = "fresh"
# A rung above the others that no kernel can have.
IMPOSSIBLE = """
SEC("fentry/no_such_function_anywhere")
int BPF_PROG(exec__impossible)
{
	return 0;
}

char LICENSE[]"""


def run(*words, **more):
    return subprocess.run([str(w) for w in words], capture_output=True, text=True, timeout=300, **more)


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    """A copy of the tree with a new tool in it, built with a rung that is refused everywhere."""
    copy = tmp_path_factory.mktemp("tree")
    for part in ("bpf", "cmd", "lib", "cmake", "man", "scripts", "completions", "CMakeLists.txt"):
        if (TREE / part).is_dir():
            shutil.copytree(TREE / part, copy / part)
        else:
            shutil.copy(TREE / part, copy / part)
    made = run("scripts/new-tool", NAME, cwd=copy)
    assert made.returncode == 0, made.stderr
    again = run("scripts/new-tool", NAME, cwd=copy)
    assert again.returncode == 1 and "already" in again.stderr
    program = copy / f"bpf/{NAME}.bpf.c"
    program.write_text(program.read_text().replace("\nchar LICENSE[]", IMPOSSIBLE))
    tool = copy / f"cmd/{NAME}.c"
    tool.write_text(tool.read_text().replace('{ "tp_btf"', '{ "impossible", "tp_btf"'))
    for step in (("cmake", "-S", ".", "-B", "b", "-G", "Ninja", "-DBPFKIT_TESTS=OFF", "-DBPFKIT_WERROR=ON"),
                 ("cmake", "--build", "b")):
        built = run(*step, cwd=copy)
        assert built.returncode == 0, built.stdout + built.stderr
    return copy


def test_only_its_own_files_and_one_line(tree):
    def files(top):
        return {str(p.relative_to(top)) for part in ("bpf", "cmd", "lib", "cmake", "man", "scripts")
                for p in (top / part).rglob("*") if p.is_file() and "__pycache__" not in p.parts}
    new = files(tree) - files(TREE)
    assert new == {f"bpf/{NAME}.bpf.c", f"bpf/{NAME}.h", f"cmd/{NAME}.c", f"man/{NAME}.8"}
    assert (tree / f"tests/run/test_{NAME}.py").exists()
    before = (TREE / "cmd/tools.h").read_text().splitlines()
    after = (tree / "cmd/tools.h").read_text().splitlines()
    assert sorted(after) == sorted([*before, f"TOOL({NAME})"])


def test_its_own_test(tree):
    """With a tracefs of its own, so that the classic tracepoint is tried too."""
    script = tree / f"tests/run/test_{NAME}.py"
    script.write_text(script.read_text().replace("return out.stdout.split()", 'return out.stdout.split()[1:]'))
    done = run("unshare", "--mount", "sh", "-c",
               "mount -t tracefs tracefs /sys/kernel/tracing 2>/dev/null; exec /usr/bin/python3 -m pytest -q -rs "
               f"-p no:cacheprovider {script}", env={**os.environ, "BPFKIT": str(tree / "b/bpfkit")})
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 passed" in done.stdout, done.stdout


def test_a_refused_rung_is_passed_over(tree):
    done = run(tree / "b/bpfkit", NAME, "-v", "--json", "--duration", "100ms")
    assert done.returncode == 0, done.stderr
    assert '"probe":"tp_btf"' in done.stdout.splitlines()[0]
    assert "the probe impossible is not to be had here" in done.stderr


def test_a_refused_rung_that_is_forced(tree):
    done = run(tree / "b/bpfkit", NAME, "--probe", "impossible", "--duration", "100ms")
    assert done.returncode == 3, done
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1 and "impossible" in done.stderr


def test_the_page_is_clean(tree):
    if not shutil.which("mandoc"):
        pytest.skip("mandoc is not there")
    env = {**os.environ, "BPFKIT": str(tree / "b/bpfkit")}
    assert run("scripts/update-man", NAME, cwd=tree, env=env).returncode == 0
    lint = run("mandoc", "-T", "lint", "-W", "warning", tree / f"man/{NAME}.8")
    assert lint.stdout + lint.stderr == ""
