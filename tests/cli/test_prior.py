"""`autochrome prior` as a person uses it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from autochrome.cli.main import main
from autochrome.data.priors import load_prior
from tests.data.made_photos import encode, write_folder, write_shard


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["prior", *map(str, arguments)], catch_exceptions=False)


def test_statistics_of_folders_and_shards_together(tmp_path: Path) -> None:
    """One red photo in a folder, three gray ones in a shard."""
    (tmp_path / "red").mkdir()
    (tmp_path / "red" / "a.png").write_bytes(encode(np.full((8, 8, 3), (255, 0, 0), np.uint8)))
    gray = encode(np.full((8, 8, 3), 90, np.uint8))
    shard = write_shard(tmp_path / "gray.tar", {"a.png": gray, "b.png": gray, "c.png": gray})
    result = run(tmp_path / "red", shard, "-o", tmp_path / "prior.txt")
    assert result.exit_code == 0, result.output
    assert "4 photos, 2 of 313 bins occur" in result.stdout
    assert [line.split() for line in result.stdout.splitlines()[1:3]] == [
        ["a", "0", "b", "0", "75.0%"],
        ["a", "80", "b", "70", "25.0%"],
    ]
    assert sorted(load_prior(tmp_path / "prior.txt").unique().tolist()) == [0.0, 0.25, 0.75]
    first = (tmp_path / "prior.txt").read_text().splitlines()[0]
    assert first == "# share of each of the 313 ab bins in 4 photos of red gray.tar, 64 px"


def test_a_part_of_the_photos_by_seed(tmp_path: Path) -> None:
    write_folder(tmp_path / "photos", 8)
    files = [tmp_path / f"{name}.txt" for name in ("one", "same", "other")]
    for file, seed in zip(files, (1, 1, 2), strict=True):
        result = run(tmp_path / "photos", "-o", file, "--photos", 1, "--seed", seed)
        assert "1 photos" in result.stdout
    one, same, other = (file.read_text() for file in files)
    assert one == same != other


@pytest.mark.parametrize("arguments", [["nowhere"], ["."], ["nowhere", "-o", "none/prior.txt"]])
def test_what_is_wrong_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    monkeypatch.chdir(tmp_path)
    result = run(*arguments)
    assert result.exit_code != 0
    assert "Error: " in result.stderr
    assert "Traceback" not in result.output
    assert list(tmp_path.iterdir()) == []


def test_an_unreadable_photo_leaves_no_file(tmp_path: Path) -> None:
    write_folder(tmp_path / "photos", 2)
    (tmp_path / "photos" / "bad.png").write_bytes(b"no picture")
    result = run(tmp_path / "photos", "-o", tmp_path / "prior.txt")
    assert result.exit_code == 1
    assert "bad.png is not a readable picture" in result.stderr
    assert not (tmp_path / "prior.txt").exists()
