# SPDX-License-Identifier: GPL-2.0-only
"""scripts/btf-check sees what kernels lack. (On the real ones scripts/test vm runs it.)"""
import os
import pathlib
import shutil
import subprocess

import pytest

from objects import BPFTOOL, ROOT, TOOLS
from test_arch import command, compiled

CHECK = ROOT / "scripts/btf-check"
X86 = ["5.10", "6.1", "6.12", "newest"]
ARM = [f"{name}-arm64" for name in X86]


# ---- scripts/btf-check itself, in a tree of its own ----

KERNEL = """
enum reason { NO_REASON, SOME_REASON = 7 };
struct part { long inner; };
struct thing { int before, count; struct part part; unsigned flag : 1; };
typedef void (*btf_trace_happened)(void *, struct thing *);
struct thing a_thing;
enum reason a_reason;
btf_trace_happened a_trace;
int attachable(struct thing *t) { return t->count; }
int bpf_lsm_hook(void) { return 0; }
int __arm64_sys_called(void) { return 0; }
"""

PROGRAM = """
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)
struct wide { unsigned number, other; int sign; char *pointer; long text; bool plain; }; /* see test_sizes */
enum reason { NO_REASON, NO_RAESON, BETTER_REASON };
struct part { long inner, iner; };
struct thing { int count, conut, newer; struct part part; unsigned falg : 1; };
struct thing___old { int older; };
struct thing___between { int rare; };
struct thing___arm64 { int arm; };
struct thnig { int count; };
#pragma clang attribute pop
extern void there(void) __ksym;
const volatile int option;
int result, numbers[8];
static __noinline int deep(struct thing *t) { return t->conut; }
char LICENSE[] SEC("license") = "GPL";
"""


class Tree:
    def __init__(self, folder):
        self.folder, self.kernels = folder, {}
        for name in ("scripts", "cmd", "build/bpf", "tests/vm", "bin"):
            (folder / name).mkdir(parents=True)
        shutil.copy(CHECK, folder / "scripts")
        (folder / "cmd/tools.h").write_text("TOOL(x)\n")
        self.kernel()

    def object_of(self, source):
        path = self.folder / "x.c"
        path.write_text(source)
        raw, _ = compiled([word for word in command(TOOLS[0])[:-1] if word != "-Werror"] + [path], self.folder)
        return raw

    def kernel(self, more="", name="kernel.o"):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if more not in self.kernels:
            self.kernels[more] = self.object_of(KERNEL + more)
        path.write_bytes(self.kernels[more])
        return path

    def program(self, body, section="tp_btf/happened", before=""):
        self.object_of(f"{PROGRAM}{before}\nSEC(\"{section}\") int work__rung(u64 *ctx)\n"
                       f"{{\n\tstruct thing *t = (void *)ctx[0];\n\tint n = 0;\n\t{body}\n\treturn n;\n}}\n")
        shutil.copy(self.folder / "bpf.o", self.folder / "build/bpf/x.bpf.o")

    def check(self, *words):
        env = {**os.environ, "PATH": f"{self.folder}/bin:{os.environ['PATH']}", "BPFKIT_VM": str(self.folder),
               "BPFKIT_BUILD": str(self.folder / "build")}
        done = subprocess.run([self.folder / "scripts/btf-check", *words], env=env, capture_output=True, text=True)
        return done.returncode, done.stdout, done.stderr

    def problems(self):
        """What is missing in the one kernel."""
        code, out, err = self.check("--kernel", self.folder / "kernel.o")
        lines = out.splitlines()
        assert (code, err) == (1 if lines else 0, "")
        end = f" in {self.folder / 'kernel.o'}"
        assert all(line.startswith("x: ") and line.endswith(end) for line in lines), out
        return [line[3:-len(end)].removesuffix(" is not there") for line in lines]

    def fake(self, name, script):
        path = self.folder / name
        path.write_text(f"#!/bin/bash\n{script}\n")
        path.chmod(0o755)


@pytest.fixture
def tree(tmp_path):
    command(TOOLS[0])       # is there a build?
    return Tree(tmp_path)


FINE = {
    "fields": "n = t->count + t->part.inner;",
    "bitfield": "n = BPF_CORE_READ_BITFIELD((struct flagged *)t, flag);",
    "types": "n = bpf_core_type_id_kernel(struct thing) + bpf_core_type_size(struct part);",
    "our own type": "n = bpf_core_type_id_local(struct thnig);",
    "enum value": "n = bpf_core_enum_value(enum reason, NO_REASON);",
    "field asked for": "if (bpf_core_field_exists(t->newer)) n = t->newer;",
    "asked for behind an option": "if (option && bpf_core_field_exists(t->newer) && t->count) n = t->newer;",
    "early return": "if (!bpf_core_field_exists(t->newer)) return 3; bpf_get_smp_processor_id(); n = t->newer;",
    "answer kept": "bool has = bpf_core_field_exists(t->newer); n = bpf_ktime_get_ns(); if (n & 1) t++;"
                   "if (has) n += t->newer;",
    "answer kept on the stack": "volatile u64 has = bpf_core_field_exists(t->newer); if (has) n = t->newer;",
    "answer kept in a loop": "bool has = bpf_core_field_exists(t->newer);\n#pragma nounroll\n"
                             "for (int i = 0; i < 8; i++) { if (has) n += t->newer; numbers[i] = n; }",
    "the other flavour": "if (bpf_core_field_exists(t->count)) n = t->count;"
                         "else n = ((struct thing___old *)t)->older;",
    "type asked for": "if (bpf_core_type_exists(struct thnig)) n = ((struct thnig *)t)->count;",
    "value asked for": "if (bpf_core_enum_value_exists(enum reason, BETTER_REASON)) "
                       "n = bpf_core_enum_value(enum reason, BETTER_REASON);",
    "function of ours, guarded": "if (bpf_core_field_exists(t->conut)) n = deep(t);",
    "bit field, guarded": "if (bpf_core_field_exists(t->falg)) n = BPF_CORE_READ_BITFIELD(t, falg);",
}
FLAGGED = "struct flagged { unsigned flag : 1; } __attribute__((preserve_access_index));\n"


@pytest.mark.parametrize("body", FINE.values(), ids=FINE)
def test_what_is_there_or_guarded_is_fine(tree, body):
    tree.kernel("struct flagged { int x; unsigned flag : 1; } flagged;")
    tree.program(body, before=FLAGGED)
    assert tree.problems() == []


BROKEN = {
    "field": ("n = t->conut;", ["struct thing.conut"]),
    "field of a field": ("n = t->part.iner;", ["struct thing.part.iner"]),
    "bit field": ("n = BPF_CORE_READ_BITFIELD(t, falg);", ["struct thing.falg"]),
    "address of a field": ("bpf_probe_read_kernel(&n, sizeof(n), &t->conut);", ["struct thing.conut"]),
    "struct": ("n = ((struct thnig *)t)->count;", ["struct thnig.count"]),
    "enum value": ("n = bpf_core_enum_value(enum reason, NO_RAESON);", ["enum reason::NO_RAESON"]),
    "two": ("n = t->conut + bpf_core_enum_value(enum reason, NO_RAESON);",
            ["enum reason::NO_RAESON", "struct thing.conut"]),
    "guard of another field": ("if (bpf_core_field_exists(t->count)) n = t->newer;", ["struct thing.newer"]),
    "guard the wrong way round": ("if (!bpf_core_field_exists(t->newer)) n = t->newer;", ["struct thing.newer"]),
    "guard that is not always asked": (
        "if (option || bpf_core_field_exists(t->newer)) n = t->newer;", ["struct thing.newer"]),
    "guard whose answer is written over": (
        "volatile u64 has = bpf_core_field_exists(t->newer); bpf_probe_read_kernel((void *)&has, 8, t);"
        "if (has) n = t->newer;", ["struct thing.newer"]),
    "guard that an option overrules": (
        "volatile u64 has = bpf_core_field_exists(t->newer); if (option) has = 1; if (has) n = t->newer;",
        ["struct thing.newer"]),
    "guard that an option overrules, the other way round": (
        "volatile u64 has = bpf_core_field_exists(t->newer); if (!option) has = 1; if (has) n = t->newer;",
        ["struct thing.newer"]),
    "guard that is made a number": (
        "volatile u64 has = bpf_core_field_exists(t->newer); has = bpf_ktime_get_ns(); if (has) n = t->newer;",
        ["struct thing.newer"]),
    "guard of the wrong flavour": (
        "if (!bpf_core_field_exists(t->newer)) n = ((struct thing___old *)t)->older;", ["struct thing___old.older"]),
    "size of a type": ("if (bpf_core_type_size(struct thnig)) n = 1;", ["struct thnig"]),
    "number of a type": ("n = bpf_core_type_id_kernel(struct thnig);", ["struct thnig"]),
    "function of ours": ("n = deep(t);", ["struct thing.conut"]),
}


@pytest.mark.parametrize("body, missing", BROKEN.values(), ids=BROKEN)
def test_what_is_missing_is_named(tree, body, missing):
    tree.program(body)
    assert tree.problems() == [f"work__rung: {what}" for what in missing]


@pytest.mark.parametrize("section", ["xdp", "program/entry", "program/exit"])
def test_what_is_missing_is_named_in_each_kind_of_program(section, tree):
    tree.program("n = t->conut;", section)
    assert tree.problems() == ["work__rung: struct thing.conut"]


@pytest.mark.parametrize("body, missing", [
    ("n = w->number;", None),                                               # mended by libbpf
    ("bpf_probe_read_kernel(&n, 4, &w->number);", "wide.number has 2 bytes and is read as 4 bytes"),
    ("bpf_probe_read_kernel(&n, bpf_core_field_size(w->number), &w->number);", None),
    ("n = w->sign;", "wide.sign has 2 bytes and is read as 4 bytes"),
    ("n = w->other;", None),
    ("n = *w->pointer;", None),
    ("n = w->plain;", "wide.plain is a bit field of 1 and is read as 1 bytes"),
    ("if (bpf_core_field_size(w->sign) == 4) n = w->number;", None),
])
def test_sizes(tree, body, missing):
    tree.kernel("struct wide { unsigned short number; unsigned other; short sign; char *pointer; "
                "long text; unsigned plain : 1; } wide;")
    tree.program("struct wide *w = (void *)t; " + body)
    assert tree.problems() == ([f"work__rung: struct {missing}"] if missing else [])


@pytest.mark.parametrize("section, missing", [
    ("tp_btf/happened", None), ("tp_btf/hapened", "tracepoint hapened"), ("?tp_btf/hapened", "tracepoint hapened"),
    ("raw_tp/happened", None), ("raw_tp/attachable", "tracepoint attachable"),
    ("tp/any/happened", None), ("tracepoint/any/hapened", "tracepoint hapened"),
    ("tp/syscalls/sys_enter_called", None), ("tp/syscalls/sys_exit_caled", "system call caled"),
    ("fentry/attachable", None), ("fentry/atachable", "function atachable"), ("fexit.s/happened", "function happened"),
    ("fmod_ret/atachable", "function atachable"),
    ("lsm/hook", None), ("lsm.s/hok", "LSM hook hok"), ("iter/hook", "iterator hook"), ("xdp", None),
    ("program/entry", None), ("program/exit", None),
])
def test_what_is_attached_to(tree, section, missing):
    tree.program("n = t->count;", section)
    assert tree.problems() == ([f"work__rung: {missing}"] if missing else [])


@pytest.mark.parametrize("declared, body, missing", [
    ("extern int attachable(struct thing *t) __ksym;", "n = attachable(t);", []),
    ("extern int atachable(struct thing *t) __ksym;", "n = atachable(t);",
     ["all programs: kernel symbol atachable", "work__rung: kernel symbol atachable"]),
    ("extern int atachable(struct thing *t) __ksym __weak;", "if (atachable) n = atachable(t); else n = t->count;", []),
    ("extern int atachable(struct thing *t) __ksym __weak;", "if (option) n = atachable(t);",
     ["work__rung: kernel symbol atachable"]),
    ("extern int atachable(struct thing *t) __ksym __weak;", "if (atachable) n = t->count; else n = atachable(t);",
     ["work__rung: kernel symbol atachable"]),
    ("extern int attachable(struct thing *t) __ksym __weak;", "if (!attachable) n = t->conut;", []),
    ("extern int atachable(struct thing *t) __ksym __weak;", "if (!atachable) n = t->conut;",
     ["work__rung: struct thing.conut"]),
    ("extern const struct thing a_thing __ksym;", "n = *(int *)&a_thing;", []),
    ("extern const struct thing the_thing __ksym;", "n = *(int *)&the_thing;",
     ["all programs: kernel symbol the_thing"]),
])
def test_kernel_symbols(tree, declared, body, missing):
    tree.program(body, before=declared)
    assert tree.problems() == missing


# ---- the whole matrix ----

def matrix(tree, **more):
    for name in X86 + ARM:
        tree.kernel(more.get("all", "") + more.get("arm64" if name in ARM else f"k{name}".replace(".", "_"), ""),
                    f"kernels/{name}/btf")


def test_the_kernels_are_named(tree):
    matrix(tree, arm64="struct thnig { int count; } thnig;")
    tree.program("n = ((struct thnig *)t)->count;")
    assert tree.check() == (1, "x: work__rung: struct thnig.count is not there in 5.10 6.1 6.12 newest\n", "")
    assert tree.check("--kernel", "6.1-arm64") == (0, "", "")


def test_refusals_that_are_expected(tree):
    matrix(tree, arm64="struct thnig { int count; } thnig;")
    tree.program("n = ((struct thnig *)t)->count;")
    table = tree.folder / "tests/vm/refused"
    table.write_text("# a comment\n\n5.10 x rung whatever it says\n6.1 x rung t\n6.12 x rung t\nnewest x other t\n")
    assert tree.check() == (1, "x: work__rung: struct thnig.count is not there in newest\n", "")
    table.write_text(table.read_text() + "newest x rung text\n")
    code, out, err = tree.check("-v")
    assert (code, err) == (0, "")
    assert [line.split()[-2:] for line in out.splitlines()[1:]] == [["1", "0"]] * 4 + [["0", "0"]] * 4


IN_VAIN = f", which is only asked for, is not there in {' '.join(X86 + ARM)}\n"
ASKED = "if (bpf_core_field_exists({0})) n = {0};"


@pytest.mark.parametrize("field, more, code, text", [
    ("t->newer", {}, 1, "x: all programs: struct thing.newer" + IN_VAIN),
    ("((struct thing___old *)t)->older", {}, 1, "x: all programs: struct thing___old.older" + IN_VAIN),
    ("((struct thnig *)t)->count", {"k6_12": "struct thnig { int count; } thnig;"}, 0, ""),
    ("((struct thing___between *)t)->rare", {}, 0, ""),
    ("((struct thing___arm64 *)t)->arm", {}, 1, "x: all programs: struct thing___arm64.arm" + IN_VAIN),
])
def test_names_that_are_asked_for_in_vain(tree, field, more, code, text):
    matrix(tree, **more)
    tree.program(ASKED.format(field))
    assert tree.check() == (code, text, "")
    assert tree.check("--kernel", "5.10", "--kernel", "6.1") == (0, "", ""), "who looked at a few kernels does not know"
    of_x86 = tree.check(*(word for name in X86 for word in ("--kernel", name)))
    assert of_x86[0] == (0 if "arm64" in field else code)


def test_weak_symbols_that_are_asked_for_in_vain(tree):
    matrix(tree)
    tree.program("if (there_not) there_not();", before="extern void there_not(void) __ksym __weak;")
    assert tree.check() == (1, "x: all programs: kernel symbol there_not" + IN_VAIN, "")


def test_kernels_are_fetched(tree):
    tree.program("n = t->count;")
    tree.kernel(name="kernels/6.1/btf")
    tree.fake("tests/vm/kernels", 'for n; do mkdir -p "$BPFKIT_VM/kernels/$n" && '
                                  'cp "$BPFKIT_VM/kernel.o" "$BPFKIT_VM/kernels/$n/btf"; done; echo fetched "$@"')
    three = tree.check("--kernel", "6.1", "--kernel", "5.10", "--kernel", "newest-arm64")
    assert three == (0, "", "fetched 5.10 newest-arm64\n")
    tree.fake("tests/vm/kernels", "exit 1")
    code, out, err = tree.check()
    assert (code, out) == (1, "") and "6.12 newest 5.10-arm64" in err and err.count("\n") == 1


# ---- errors ----

def test_errors_are_one_sentence(tree):
    tree.program("n = t->count;")
    kernel = tree.folder / "kernel.o"
    (tree.folder / "text").write_text("no BTF\n")
    (tree.folder / "empty").write_text("")
    (tree.folder / "short").write_bytes(kernel.read_bytes()[:100])
    (tree.folder / "program").write_bytes(pathlib.Path("/bin/true").read_bytes())
    for words, named in [
            (["--kernel", tree.folder / "nosuch"], "nosuch"),
            (["--kernel", tree.folder / "text"], "text holds no BTF"),
            (["--kernel", tree.folder / "empty"], "empty holds no BTF"),
            (["--kernel", tree.folder / "short"], "short"),
            (["--kernel", tree.folder / "program"], "program holds no BTF"),
            (["--kernel", tree.folder], tree.folder.name),
            (["--tool", "nosuch"], "nosuch"), (["--tool"], "--tool"), (["--nosuch"], "--nosuch"), (["x"], "option x")]:
        code, out, err = tree.check(*words)
        assert (code, out) == (2, ""), (words, err)
        assert err.startswith("btf-check: ") and err.count("\n") == 1 and named in err, err
    for damaged in (b"", (tree.folder / "build/bpf/x.bpf.o").read_bytes()[:-300], kernel.read_bytes()):
        (tree.folder / "build/bpf/x.bpf.o").write_bytes(damaged)
        code, out, err = tree.check("--kernel", kernel)
        assert (code, out) == (1, "") and "build it anew" in err and err.count("\n") == 1
    (tree.folder / "build/bpf/x.bpf.o").unlink()
    code, out, err = tree.check("--kernel", kernel)
    assert (code, out) == (1, "") and "x.bpf.o; build it" in err and err.count("\n") == 1


@pytest.mark.parametrize("change", [
    "/relo #1: </d", "/: matching candidate/d", "s/: matching candidate/: found/", "s/relo #/relocation #/",
    "s/^libbpf: //", "s/<byte_off>/<offset>/", "/no matching targets/d", "s/no matching targets found/no targets/", "d",
])
def test_a_bpftool_that_says_it_in_another_way_is_noticed(tree, change):
    tree.program("n = t->count + t->part.inner; if (bpf_core_field_exists(t->newer)) n += t->newer;")
    tree.fake("bin/bpftool", f"set -o pipefail\n{BPFTOOL} \"$@\" 2>&1 | sed '{change}' >&2")
    code, out, err = tree.check("--kernel", tree.folder / "kernel.o")
    assert (code, out) == (1, "") and err.startswith("btf-check: x, ") and err.count("\n") == 1, (out, err)
    tree.fake("bin/bpftool", f"{BPFTOOL} \"$@\"")
    assert tree.check("--kernel", tree.folder / "kernel.o") == (0, "", "")


def test_a_bpftool_that_fails_is_noticed(tree):
    tree.program("n = t->count;")
    tree.fake("bin/bpftool", f"{BPFTOOL} \"$@\"; echo 'Error: it did not work' >&2; exit 255")
    code, out, err = tree.check("--kernel", tree.folder / "kernel.o")
    assert (code, out) == (1, "") and "it did not work" in err and err.count("\n") == 1
