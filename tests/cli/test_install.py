# SPDX-License-Identifier: GPL-2.0-only
"""bpfkit --install: links named as the tools, and nothing of others touched."""
import json
import os
import pathlib
import shutil

import pytest

from cli import BPFKIT, lines, output, run

NAMES = [name for tool in map(json.loads, lines("--list", "--json")) for name in [tool["name"], *tool["aliases"]]]
NAME = NAMES[0]


def install(*args):
    done = run("--install", *args)
    assert done.stdout == ""
    return done.returncode, done.stderr


def seen(folder):
    """All that --install could change."""
    return {path.name: (path.lstat().st_ino, path.lstat().st_mtime_ns, os.readlink(path) if path.is_symlink() else None)
            for path in folder.iterdir()}


def test_an_empty_folder_and_then_the_same_again(tmp_path):
    assert install(tmp_path) == (0, "")
    links = seen(tmp_path)
    assert sorted(links) == sorted(NAMES)
    for name in NAMES:
        assert os.readlink(tmp_path / name) == str(BPFKIT.resolve())
        assert run("--help", binary=tmp_path / name).stdout == output(name, "--help")
    for args in [[tmp_path], ["-f", tmp_path]]:
        assert install(*args) == (0, "")
        assert seen(tmp_path) == links


def test_through_a_link_and_a_relative_path(tmp_path, monkeypatch):
    link = tmp_path / "bpfkit"
    link.symlink_to(BPFKIT)
    (tmp_path / "bin").mkdir()
    monkeypatch.chdir(tmp_path)
    done = run("--install", "bin", binary=link)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "bin" / NAME).resolve() == BPFKIT.resolve()


def foreign_file(path, _):
    path.write_text("of somebody else")


def foreign_folder(path, _):
    path.mkdir()


def foreign_link(path, elsewhere):
    (elsewhere / "busybox").touch()
    path.symlink_to(elsewhere / "busybox")


def foreign_dead_link(path, elsewhere):
    path.symlink_to(elsewhere / "nothing")


def foreign_loop(path, _):
    path.symlink_to(path)


def foreign_pipe(path, _):
    os.mkfifo(path)


def copy_of_bpfkit(path, _):
    shutil.copy(BPFKIT, path)


@pytest.mark.parametrize("make", [foreign_file, foreign_folder, foreign_link, foreign_dead_link, foreign_loop, foreign_pipe,
                                  copy_of_bpfkit])
@pytest.mark.parametrize("force", [[], ["-f"]], ids=["", "-f"])
def test_what_is_of_others_stays(make, force, tmp_path):
    folder, elsewhere = tmp_path / "bin", tmp_path / "elsewhere"
    folder.mkdir(), elsewhere.mkdir()
    make(folder / NAME, elsewhere)
    before, before_elsewhere = seen(folder), seen(elsewhere)
    status, said = install(*force, folder)
    assert status == 1
    assert len(said.splitlines()) == 1 and f"{folder}/{NAME} " in said
    after = seen(folder)
    assert after[NAME] == before[NAME] and seen(elsewhere) == before_elsewhere
    assert sorted(after) == sorted(NAMES), "the others are made, and no temporary name is left"


@pytest.mark.parametrize("exists", [True, False])
def test_links_to_another_bpfkit_go_only_by_force(exists, tmp_path):
    folder, other = tmp_path / "bin", tmp_path / "bpfkit"
    folder.mkdir()
    if exists:
        other.write_text("#!/bin/sh\n")
    (folder / NAME).symlink_to(other)
    before = seen(folder)
    status, said = install(folder)
    assert status == 1 and f"{folder}/{NAME} " in said and "-f" in said
    assert seen(folder)[NAME] == before[NAME]
    assert install("-f", folder) == (0, "")
    assert os.readlink(folder / NAME) == str(BPFKIT.resolve())
    assert sorted(seen(folder)) == sorted(NAMES)
    assert not exists or other.read_text() == "#!/bin/sh\n"


def test_a_folder_that_cannot_be_written(place, nobody):
    folder = place / "unwritable"
    folder.mkdir(mode=0o555)
    done = nobody("--install", folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert f"{folder}/{NAME}: Permission denied" in done.stderr
    assert not seen(folder)


def test_no_folder(tmp_path):
    (tmp_path / "file").touch()
    for path, why in [("nothing", "No such file or directory"), ("file", "Not a directory")]:
        assert install(tmp_path / path) == (1, f"bpfkit: --install: {tmp_path / path}: {why}\n")
    assert install("") == (1, "bpfkit: --install: : No such file or directory\n")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_binary_that_is_gone_makes_no_dead_links(tmp_path):
    """As in the middle of an upgrade."""
    copy = tmp_path / "bpfkit"
    shutil.copy(BPFKIT, copy)
    (tmp_path / "bin").mkdir()
    fd = os.open(copy, os.O_RDONLY)
    copy.unlink()
    done = run("--install", tmp_path / "bin", binary=f"/proc/self/fd/{fd}", pass_fds=[fd])
    os.close(fd)
    assert done.returncode == 1 and len(done.stderr.splitlines()) >= 1
    assert not list(pathlib.Path(tmp_path / "bin").iterdir())
