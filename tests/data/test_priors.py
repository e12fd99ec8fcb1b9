from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from autochrome.color.bins import AB_BINS, AB_CENTERS
from autochrome.data.priors import estimate_prior, load_prior, save_prior
from autochrome.data.sources import open_source
from autochrome.errors import DataError
from tests.data.made_photos import encode

GRAY = (128, 128, 128)  # ab (0, 0)
RED = (255, 0, 0)  # ab (80.1, 67.2), scikit-image 0.25: rgb2lab([[[1, 0, 0]]])
BLUE = (0, 0, 255)  # ab (79.2, -107.9)


def bin_at(a: float, b: float) -> int:
    return int((AB_CENTERS - torch.tensor([a, b])).norm(dim=1).argmin())


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    half = np.full((20, 30, 3), GRAY, np.uint8)
    half[:, :15] = RED
    (tmp_path / "a.png").write_bytes(encode(half))
    # Far larger than the other, and counted alike.
    (tmp_path / "b.png").write_bytes(encode(np.full((200, 300, 3), BLUE, np.uint8)))
    return tmp_path


def test_known_colors_are_counted_each_photo_alike(photos: Path) -> None:
    seen = []
    prior = estimate_prior(open_source(photos), progress=lambda done, total: seen.append((done, total)))
    assert AB_CENTERS[bin_at(80.1, 67.2)].tolist() == [80, 70]
    assert AB_CENTERS[bin_at(79.2, -107.9)].tolist() == [80, -110]
    shares = {bin_at(0, 0): 0.25, bin_at(80.1, 67.2): 0.25, bin_at(79.2, -107.9): 0.5}
    assert {i: round(prior[i].item(), 6) for i in prior.nonzero().flatten().tolist()} == shares
    assert seen == [(1, 2), (2, 2)]


def test_some_photos_can_be_counted_more_often(photos: Path) -> None:
    prior = estimate_prior(open_source(photos), numbers=[0, 0, 0, 1])
    assert prior[bin_at(0, 0)].item() == pytest.approx(3 / 8)


def test_round_trip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = torch.rand(AB_BINS)
    save_prior(counts, tmp_path / "prior.txt", about="made up")
    assert (tmp_path / "prior.txt").read_text().startswith("# made up\n")
    monkeypatch.setenv("PRIORS", str(tmp_path))
    torch.testing.assert_close(load_prior("$PRIORS/prior.txt"), counts / counts.sum())
    assert [p.name for p in tmp_path.iterdir()] == ["prior.txt"]


@pytest.mark.parametrize(
    "text", ["words", "1\n2\n", "\n".join(["-1"] * 313), "\n".join(["0"] * 313), "\n".join(["nan"] * 313)]
)
def test_what_is_no_prior_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "prior.txt").write_text(text)
    with pytest.raises(DataError, match=r"prior\.txt .*autochrome prior PHOTOS"):
        load_prior(tmp_path / "prior.txt")


def test_a_missing_prior_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.txt is not a color prior .*make one with: autochrome prior"):
        load_prior(tmp_path / "none.txt")


def test_an_unreadable_photo_is_named(photos: Path) -> None:
    (photos / "c.png").write_bytes(b"x")
    with pytest.raises(DataError, match=r"c\.png is not a readable picture"):
        estimate_prior(open_source(photos))
