"""Files are written whole or not at all."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import stat
from pathlib import Path

import pytest

from autochrome.errors import FileError
from autochrome.io.whole_file import file_sha256, write_json, write_whole, written_together, written_whole
from tests.full_disk import disk_of


def test_what_is_written_reads_back_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "scores.json"
    path.write_text("old")
    write_json({"psnr": 22.5, "names": ["a", "ü"]}, path)
    assert json.loads(path.read_text(encoding="utf-8")) == {"psnr": 22.5, "names": ["a", "ü"]}
    assert path.read_text().endswith("}\n")
    assert list(tmp_path.iterdir()) == [path]


def test_what_json_does_not_hold_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "scores.json"
    path.write_text("old")
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json({"psnr": float("nan")}, path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("old")
    with pytest.raises(KeyboardInterrupt), written_whole(path) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_two_writers_do_not_clobber_each_other(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    with written_whole(path) as first, written_whole(path) as second:
        first.write_text("first")
        second.write_text("second")
        assert not path.exists()
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("mode", "expected"), [(0o666, 0o640), (0o600, 0o600)])
def test_permissions_follow_the_umask(mode: int, expected: int, tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_whole("text", tmp_path / "file", mode=mode)
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == expected


@pytest.mark.parametrize("kind", ["folder", "pipe", "socket", "device"])
def test_only_files_are_replaced(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "target"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        listening = socket.socket(socket.AF_UNIX)
        listening.bind(str(path))
    else:
        path.symlink_to("/dev/null")
    before = path.stat().st_mode
    with pytest.raises(FileError, match=f"is a {kind}, and only files are replaced"):
        write_whole("text", path)
    assert path.stat().st_mode == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_and_its_file_is_replaced(tmp_path: Path) -> None:
    elsewhere = tmp_path / "big disk"
    elsewhere.mkdir()
    for name in ("there.txt", "new.txt"):
        (tmp_path / name).symlink_to(elsewhere / name)
    (elsewhere / "there.txt").write_text("old")
    for name in ("there.txt", "new.txt"):
        write_whole("text", tmp_path / name)
        assert (tmp_path / name).is_symlink()
        assert (elsewhere / name).read_text() == "text"
    assert len(list(elsewhere.iterdir())) == 2


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o444])
def test_access_rights_stay_or_are_those_of_another_file(mode: int, tmp_path: Path) -> None:
    photo, old, new = (tmp_path / name for name in ("photo", "old", "new"))
    for path in (photo, old):
        path.write_text("old")
        path.chmod(mode)
    os.chown(old, os.getuid(), os.getgid())
    before = os.umask(0o022)
    try:
        write_whole("text", old)  # its own rights are kept
        with written_whole(new, like=photo) as temporary:
            assert stat.S_IMODE(temporary.stat().st_mode) & 0o077 == mode & 0o077
            temporary.write_text("text")
        photo.chmod(0o777)
        write_whole("text", tmp_path / "open", like=photo)  # no wider than the umask, and no program
    finally:
        os.umask(before)
    assert [stat.S_IMODE(path.stat().st_mode) for path in (old, new)] == [mode, mode]
    assert stat.S_IMODE((tmp_path / "open").stat().st_mode) == 0o644
    assert {path.read_text() for path in (old, new)} == {"text"}


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser may give files away")
def test_the_superuser_keeps_the_owner(tmp_path: Path) -> None:
    photo, old, new = (tmp_path / name for name in ("photo", "old", "new"))
    for path in (photo, old):
        path.write_text("old")
        os.chown(path, 1234, 4321)
    write_whole("text", old)
    write_whole("text", new, like=photo)
    assert [(path.stat().st_uid, path.stat().st_gid) for path in (old, new)] == [(1234, 4321)] * 2


def test_file_and_folder_are_flushed_in_this_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = []

    def flushed(number: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(number).st_mode) else "file")

    def renamed(source: object, target: object, real=os.replace) -> None:
        done.append("name")
        real(source, target)

    monkeypatch.setattr(os, "fsync", flushed)
    monkeypatch.setattr(os, "replace", renamed)
    write_whole("text", tmp_path / "file")
    assert done == ["file", "name", "folder"]


def test_a_full_disk_names_the_target_and_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "scores.json"
    path.write_text("old")
    with disk_of(10_000), pytest.raises(OSError, match=r"File too large: .*scores\.json") as caught:
        write_whole(b"x" * 20_000, path)
    assert caught.value.filename == str(path)
    with pytest.raises(FileNotFoundError) as caught:
        write_whole("text", tmp_path / "no" / "scores.json")
    assert caught.value.filename == str(tmp_path / "no" / "scores.json")
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_files_written_together_appear_together_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [tmp_path / name for name in "abc"]
    paths[0].write_text("old")
    for fails in (1, 2, 3, None):
        calls = []

        def renamed(source: object, target: Path, real=os.replace, calls=calls, fails=fails) -> None:
            calls.append(target)
            if len(calls) == fails:
                raise KeyboardInterrupt
            real(source, target)

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", renamed)
            try:
                with written_together(paths) as places:
                    for path in paths:
                        places[path].write_text("new")
            except KeyboardInterrupt:
                assert paths[0].read_text() == "old" and list(tmp_path.iterdir()) == [paths[0]]
    assert [path.read_text() for path in paths] == ["new"] * 3
    assert sorted(tmp_path.iterdir()) == paths


def test_the_digest_is_that_of_the_content(tmp_path: Path) -> None:
    write_whole(b"abc", tmp_path / "file")
    assert file_sha256(tmp_path / "file") == hashlib.sha256(b"abc").hexdigest()
