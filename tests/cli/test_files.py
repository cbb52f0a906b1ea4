# SPDX-License-Identifier: GPL-2.0-only
"""Man pages, completion scripts, and rules that all sources keep."""
import os
import re
import shlex
import shutil
import subprocess

import pytest

from cli import BPFKIT, ROOT, TOOLS, completions, options, output

SECTIONS = ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "OUTPUT", "OVERHEAD", "CAVEATS", "KERNEL SUPPORT", "EXAMPLES",
            "EXIT STATUS", "SEE ALSO"]
PAGES = ["bpfkit", *TOOLS]
BEGIN, END = '.\\" OPTIONS BEGIN\n', '.\\" OPTIONS END\n'


def page(name):
    path = ROOT / f"man/{name}.8"
    assert path.exists(), f"man/{name}.8 is missing"
    return path.read_text()


def need(program):
    found = shutil.which(program)
    if not found:
        pytest.skip(f"{program} is not installed")
    return found


# ---- man pages ----

@pytest.mark.parametrize("name", PAGES)
def test_man_page_is_clean(name):
    mandoc = need("mandoc")
    page(name)
    done = subprocess.run([mandoc, "-T", "lint", "-W", "warning", ROOT / f"man/{name}.8"], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("name", PAGES)
def test_man_page_has_its_sections(name):
    heads = [head.strip('"') for head in re.findall(r"^\.Sh (.+)$", page(name), re.M)]
    wanted = SECTIONS if name != "bpfkit" else ["NAME", "SYNOPSIS", "DESCRIPTION", "EXIT STATUS", "SEE ALSO"]
    assert not set(wanted) - set(heads)
    assert len(heads) == len(set(heads))
    text = page(name)
    for head, body in zip(heads, re.split(r"^\.Sh .+$", text, flags=re.M)[1:]):
        assert re.search(r"^\w|^\.[A-Z]", body, re.M), f"{head} is empty"
    assert re.search(rf"^\.Nm {name}$", text, re.M)
    assert name == "bpfkit" or ".Xr bpfkit 8" in text.split(".Sh SEE ALSO")[1]


def test_man_page_has_the_options(tool):
    text = page(tool)
    assert (text.count(BEGIN), text.count(END)) == (1, 1)
    block = text.split(BEGIN)[1].split(END)[0]
    assert block == output("--man-options", tool)
    assert ".Sh OPTIONS\n" in text.split(BEGIN)[0]
    words = [word for letter, name in re.findall(r"^\.It (?:Fl (\S) , )?Fl Fl (\S+)", block, re.M)
             for word in [f"--{name}", *([f"-{letter}"] if letter else [])]]
    assert words == completions(tool)


def test_man_page_of_bpfkit_has_its_options():
    text = page("bpfkit").replace("\\-", "-").replace("Fl Fl ", "--")
    for word in ["--list", "--json", "--version", "--help", "--install", "--complete"]:
        assert word in text, word


def test_man_pages_are_only_of_tools():
    assert sorted(path.stem for path in (ROOT / "man").glob("*.8")) == sorted(PAGES)


# ---- completion scripts ----

@pytest.fixture
def path(tmp_path):
    """PATH with bpfkit and links to it in front."""
    for name in PAGES:
        (tmp_path / name).symlink_to(BPFKIT)
    return f"{tmp_path}:{os.environ['PATH']}"


def bash_complete(path, *words):
    """What bash offers for the last of the words, by the function that is registered for the first."""
    script = f"""
        source {shlex.quote(str(ROOT / "completions/bpfkit.bash"))}
        registered=$(complete -p -- {words[0]}) || exit 9
        [[ $registered =~ -F\\ ([^\\ ]+) ]] || exit 8
        COMP_WORDS=({shlex.join(words)}) COMP_CWORD={len(words) - 1}
        "${{BASH_REMATCH[1]}}" {words[0]} {shlex.quote(words[-1])} {shlex.quote(words[-2])}
        printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    done = subprocess.run([need("bash"), "--noprofile", "--norc", "-c", script], capture_output=True, text=True, timeout=60,
                          env={"PATH": path, "HOME": "/"})
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout.split()


def test_bash_completes_bpfkit(path):
    assert bash_complete(path, "bpfkit", "") == completions()
    assert bash_complete(path, "bpfkit", "--l") == ["--list"]
    assert bash_complete(path, "bpfkit", "help", TOOLS[0][:-1]) == [
        tool for tool in completions() if tool.startswith(TOOLS[0][:-1])]


def test_bash_completes_tools(path, tool):
    assert bash_complete(path, "bpfkit", tool, "-") == completions(tool)
    assert bash_complete(path, tool, "--") == [word for word in completions(tool) if word.startswith("--")]
    assert bash_complete(path, tool, "--no-such") == []
    for option in options(tool):
        values = completions(tool, f"--{option.name}")
        if values and not values[0].startswith("<"):
            for word in option.words:
                assert bash_complete(path, tool, word, "") == values
            assert bash_complete(path, "bpfkit", tool, f"--{option.name}", values[0][:2]) == [
                value for value in values if value.startswith(values[0][:2])]
            assert bash_complete(path, tool, f"--{option.name}", "=", "") == values
            # the help says which take several
            several = [f"{values[0]},{value}" for value in values] if option.arg.endswith(",...") else []
            for words in [tool, *option.words[-1:]], [tool, f"--{option.name}", "="]:
                assert bash_complete(path, *words, f"{values[0]},") == several
                assert bash_complete(path, *words, f"{values[0]},{values[-1][:-1]}") == [
                    word for word in several if word.startswith(f"{values[0]},{values[-1][:-1]}")]
        elif values == ["<value>"]:
            assert bash_complete(path, tool, f"--{option.name}", "") == []
        elif values == ["<iface>"]:
            assert set(bash_complete(path, tool, f"--{option.name}", "")) == set(os.listdir("/sys/class/net"))


def test_bash_leaves_programs_of_the_same_name_alone(path, tmp_path, tool):
    (tmp_path / tool).unlink()
    (tmp_path / tool).write_text("#!/bin/sh\n")
    (tmp_path / tool).chmod(0o755)
    assert bash_complete(path, tool, "-") == []


def test_zsh_script_is_valid():
    subprocess.run([need("zsh"), "-f", "-n", ROOT / "completions/_bpfkit"], check=True)
    assert (ROOT / "completions/_bpfkit").read_text().startswith("#compdef bpfkit")


def test_fish_script_is_valid_and_completes(path, tmp_path, tool):
    fish, script = need("fish"), ROOT / "completions/bpfkit.fish"
    subprocess.run([fish, "--no-execute", script], check=True)

    def complete(line):
        env = {"PATH": path, "HOME": str(tmp_path), "TERM": "dumb"}
        done = subprocess.run([fish, "--no-config", "-c", f"source {script}; complete -C {shlex.quote(line)}"], env=env,
                              capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stderr) == (0, "")
        return {line.split("\t")[0] for line in done.stdout.splitlines()}

    assert complete("bpfkit --l") == {"--list"}
    assert set(completions(tool)) == complete(f"bpfkit {tool} -") == complete(f"{tool} -")
    assert complete(f"{tool} --output ") == set(completions(tool, "--output"))
    for option in options(tool):
        values = completions(tool, f"--{option.name}")
        if values and not values[0].startswith("<") and option.arg.endswith(",..."):
            for begin in f"{tool} {option.words[-1]} ", f"{tool} --{option.name}=":
                offered = complete(f"{begin}{values[0]},")
                assert {word.split("=")[-1] for word in offered} == {f"{values[0]},{value}" for value in values}


# ---- the sources ----

def files():
    """All files that are in git, or that could be put there."""
    git = shutil.which("git")
    done = git and subprocess.run([git, "-c", "safe.directory=*", "-C", ROOT, "ls-files", "-z", "--cached", "--others",
                                   "--exclude-standard"], capture_output=True, text=True)
    if not done or done.returncode:
        pytest.skip("the tree is not in git" if git else "git is not installed")
    return [ROOT / name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()]


def test_tools_are_sorted():
    assert TOOLS and TOOLS == sorted(set(TOOLS))
    listed = [line for line in (ROOT / "cmd/tools.h").read_text().splitlines() if not line.startswith("/*")]
    assert listed == [f"TOOL({tool})" for tool in TOOLS]
    for tool in TOOLS:
        assert (ROOT / f"cmd/{tool}.c").exists() and (ROOT / f"bpf/{tool}.bpf.c").exists()


def test_tools_print_data_through_the_library_only(tool):
    direct = re.compile(r"(?<!\w)(v?f?d?printf|f?puts|f?putc|putchar|fwrite|write|writev|perror)\s*\(")
    for number, line in enumerate((ROOT / f"cmd/{tool}.c").read_text().splitlines(), 1):
        assert not direct.search(line), f"cmd/{tool}.c:{number}: {line.strip()}"


def test_programs_are_licensed_to_the_kernel():
    programs = list((ROOT / "bpf").glob("*.bpf.c"))
    assert programs
    for path in programs:
        assert re.findall(r'^char \w+\[\] SEC\("license"\) = "(.*)";$', path.read_text(), re.M) == ["GPL"], path.name


def test_files_say_their_license():
    without = {".md", ".json", ".gitignore", "LICENSE"}   # they cannot, or need not
    lacking = [str(path.relative_to(ROOT)) for path in files() if not {path.name, path.suffix} & without
               and not re.search(r"^\W*SPDX-License-Identifier: GPL-2\.0-only\b", path.read_text()[:400], re.M)]
    assert not lacking


def test_files_are_small_and_text():
    for path in files():
        data = path.read_bytes()
        assert len(data) <= 512 << 10, f"{path} has {len(data)} bytes"
        assert b"\0" not in data, f"{path} is binary"
        data.decode()
