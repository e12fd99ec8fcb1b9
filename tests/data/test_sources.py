from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from autochrome.data.sources import FolderSource, JoinedSource, ShardSource, hold_out, open_source
from autochrome.errors import DataError
from tests.data.made_photos import encode, landscape, write_folder, write_shard


def test_folder_is_sorted_recursive_and_takes_pictures_alone(tmp_path: Path) -> None:
    left_out = ("notes.txt", ".hidden.png", "._a.jpg", "@eaDir/a.webp/thumb.jpg", ".trash/c.png")
    for name in ("b.png", "sub/a.JPG", "a.webp", *left_out):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    source = open_source(tmp_path)
    assert isinstance(source, FolderSource)
    assert [source.read(i).decode() for i in range(len(source))] == ["a.webp", "b.png", "sub/a.JPG"]
    assert source.key(0) == str(tmp_path / "a.webp")


def test_shards_are_read_by_number(tmp_path: Path) -> None:
    write_shard(tmp_path / "x-1.tar", {"c.png": b"third", "c.json": b"{}"})
    write_shard(
        tmp_path / "x-0.tar",
        {"a.png": b"first", "a.cls": b"7", "b.jpg": b"second", "._b.jpg": b"junk", "__MACOSX/b.jpg": b""},
    )
    source = open_source(tmp_path)
    assert isinstance(source, ShardSource)
    assert [source.read(i) for i in (2, 0, 1)] == [b"third", b"first", b"second"]
    assert source.key(1) == f"{tmp_path / 'x-0.tar'}: b.jpg"


def test_every_format_of_photos_is_taken(tmp_path: Path) -> None:
    photos = {"a.bmp": b"1", "b.jp2": b"2", "c.pgm": b"3", "d.gif": b"4", "e.jfif": b"5"}
    assert len(open_source(write_shard(tmp_path / "x.tar", {**photos, "f.psd": b"6"}))) == 5
    (tmp_path / "folder").mkdir()
    for name, content in photos.items():
        (tmp_path / "folder" / name).write_bytes(content)
    assert len(open_source(tmp_path / "folder")) == 5


def test_a_single_shard_can_be_named(tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "one.tar", {"a.png": b"only"})
    assert open_source(shard).read(0) == b"only"


def test_sources_travel_to_loading_processes_without_their_open_files(tmp_path: Path) -> None:
    source = open_source(write_shard(tmp_path / "one.tar", {"a.png": b"only"}))
    source.read(0)
    copy = pickle.loads(pickle.dumps(source))
    assert copy.read(0) == b"only"


def test_joined_sources_lie_end_to_end(tmp_path: Path) -> None:
    shard = open_source(write_shard(tmp_path / "s.tar", {"a.png": b"0", "b.png": b"1"}))
    folder = open_source(write_folder(tmp_path / "f", 1))
    joined = JoinedSource([shard, folder, shard])
    assert len(joined) == 5
    assert [joined.read(i) for i in (0, 1, 3, 4)] == [b"0", b"1", b"0", b"1"]
    assert joined.read(2) == folder.read(0)
    assert joined.key(2) == folder.key(0)


def test_photos_are_held_out_evenly_and_at_most_a_fifth(tmp_path: Path) -> None:
    many = open_source(write_shard(tmp_path / "m.tar", {f"{n:02d}.png": b"%d" % n for n in range(30)}))
    few = open_source(write_shard(tmp_path / "f.tar", {f"{n}.png": b"f%d" % n for n in range(10)}))
    kept, held = hold_out([many, few], 4)
    assert [held.read(i) for i in range(len(held))] == [b"5", b"15", b"25", b"f5"]
    assert held.key(3) == few.key(5)
    assert list(map(len, kept)) == [27, 9]
    left = {source.read(i) for source in kept for i in range(len(source))}
    assert left == {b"%d" % n for n in range(30) if n not in (5, 15, 25)} | {
        b"f%d" % n for n in range(10) if n != 5
    }
    assert len(hold_out([few], 24)[1]) == 2
    assert len(hold_out([open_source(write_folder(tmp_path / "p", 3))], 24)[1]) == 0


def test_environment_variables_are_put_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_folder(tmp_path / "set", 2)
    monkeypatch.setenv("SOME_PHOTOS", str(tmp_path))
    assert len(open_source("${SOME_PHOTOS}/set")) == 2
    monkeypatch.delenv("SOME_PHOTOS")
    with pytest.raises(DataError, match=r"SOME_PHOTOS\}/set names an environment variable that is not set"):
        open_source("${SOME_PHOTOS}/set")


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no photos at .*nowhere: give a folder"):
        open_source(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty holds no pictures"):
        open_source(tmp_path / "empty")
    (tmp_path / "false.tar").write_bytes(b"this is no tar file" * 100)
    with pytest.raises(DataError, match=r"false\.tar is not a readable, uncompressed tar shard"):
        open_source(tmp_path / "false.tar")
    (tmp_path / "photo.png").write_bytes(encode(landscape(0)))
    with pytest.raises(DataError, match="not a readable"):
        open_source(tmp_path / "photo.png")


def test_a_shard_cut_short(tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "s.tar", {"a.png": bytes(5000), "b.png": bytes(5000)})
    whole = shard.read_bytes()
    source = open_source(shard)
    shard.write_bytes(whole[:3000])  # after it was indexed
    with pytest.raises(DataError, match=r"s\.tar: a\.png is truncated: copy the shard again"):
        source.read(0)
    with pytest.raises(DataError, match="not a readable"):
        open_source(shard)


def test_a_photo_that_went_away(tmp_path: Path) -> None:
    source = open_source(write_folder(tmp_path / "f", 1))
    (tmp_path / "f" / "000.png").unlink()
    with pytest.raises(DataError, match=r"000\.png cannot be read: No such file"):
        source.read(0)


def test_shards_can_be_named_by_a_pattern(tmp_path: Path) -> None:
    for number in range(10):
        write_shard(tmp_path / f"train-{number}.tar", {f"{number}.png": str(number).encode()})
    source = open_source(tmp_path / "train-[0-6].tar")
    assert isinstance(source, ShardSource)
    assert [source.read(i) for i in range(len(source))] == [str(number).encode() for number in range(7)]
    assert len(open_source(tmp_path / "train-?.tar")) == 10
    with pytest.raises(DataError, match=r"no photos at .*test-\*\.tar"):
        open_source(tmp_path / "test-*.tar")


def test_a_name_that_looks_like_a_pattern_is_a_name_first(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "photos [1]", 2)
    write_folder(tmp_path / "photos 1", 3)
    assert len(open_source(folder)) == 2
