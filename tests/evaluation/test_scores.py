"""Folders of files in, scores out."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from skimage import data

from autochrome.color.bins import AB_BINS
from autochrome.color.spaces import LAB
from autochrome.errors import EvaluationError
from autochrome.evaluation.files import load_rgb, match_files
from autochrome.evaluation.intervals import Estimate
from autochrome.evaluation.scores import Scores, evaluate
from autochrome.evaluation.sums import SCORES
from autochrome.io.photo import Photo, Provenance, write_photo
from autochrome.io.plain import to_plain
from autochrome.metrics.baselines import derangement, random_colors
from autochrome.metrics.pixel import psnr
from autochrome.metrics.places import helped_and_harmed


def save(path: Path, pixels: np.ndarray, provenance: Provenance | None = None) -> Path:
    path.parent.mkdir(exist_ok=True)
    write_photo(Photo(np.ascontiguousarray(pixels)), path, provenance=provenance)
    return path


@pytest.fixture
def truths(tmp_path: Path) -> Path:
    """Five small color photos: pieces of pictures that scikit-image carries."""
    pieces = [
        data.astronaut()[:48, 200:264],
        data.coffee()[150:198, 200:264],
        data.chelsea()[100:148, 150:214],
    ]
    pieces += [data.astronaut()[300:348, 100:164], data.coffee()[300:348, 400:464]]
    for i, piece in enumerate(pieces):
        save(tmp_path / "truth" / f"{i:03}.png", piece)
    return tmp_path / "truth"


@pytest.fixture
def results(truths: Path) -> Path:
    """The same photos with half of the color."""
    for path in sorted(truths.iterdir()):
        light, ab = LAB.split(load_rgb(path))
        rgb = LAB.merge(light, 0.5 * ab).clamp(0, 1)[0].permute(1, 2, 0)
        save(truths.parent / "half" / f"{path.stem}.colorized.png", (255 * rgb).round().byte().numpy())
    return truths.parent / "half"


@pytest.fixture
def scores(truths: Path, results: Path) -> Scores:
    return evaluate(truths, results, replicates=200)


def test_the_truth_is_perfect(truths: Path) -> None:
    scores = evaluate(truths, truths, replicates=20)
    row = scores.systems["truth"]
    assert row["auc"].value == 100
    assert row["psnr"].value == math.inf
    assert row["intersection_a"].value == pytest.approx(1)
    assert row["ciede2000"].value == pytest.approx(0, abs=1e-4)
    assert scores.perfect_photos == {"truth": 5, "gray": 0, "random": 0}


def test_half_the_color_beats_gray(scores: Scores) -> None:
    half, gray, random = (scores.systems[name] for name in ("half", "gray", "random"))
    for key in ("auc", "auc_rebalanced", "psnr"):
        assert half[key].value > gray[key].value + 1
    # Random keeps the colors and loses their places: as much of each color, and wrong in every photo.
    assert random["intersection_a"].value > 0.8 > gray["intersection_a"].value
    assert random["psnr"].value < half["psnr"].value - 1
    assert half["chroma"].value == pytest.approx(half["chroma_truth"].value / 2, rel=0.05)
    assert gray["chroma"].value < 0.01
    assert gray["alpha_beta_rmse"].value > half["alpha_beta_rmse"].value
    assert gray["lightness_drift"].value < 0.2


def test_differences_from_gray_are_paired(scores: Scores) -> None:
    difference = scores.above_gray["half"]["psnr"]
    half, gray = scores.systems["half"]["psnr"], scores.systems["gray"]["psnr"]
    assert difference.value == pytest.approx(half.value - gray.value)
    assert difference.high - difference.low < (half.high - half.low) + (gray.high - gray.low)
    assert set(scores.above_gray) == {"half", "random"}


def test_gray_neither_helps_nor_harms(scores: Scores, truths: Path, results: Path) -> None:
    gray, half, random = (scores.systems[name] for name in ("gray", "half", "random"))
    assert [gray[key] for key in ("helped", "harmed")] == [Estimate(0.0, 0.0, 0.0)] * 2
    assert to_plain(gray["helped_harmed"]) == {"value": None, "low": None, "high": None}
    # Half of the color is never farther from the truth than gray; that of another photo is in places.
    assert half["helped"].value > 0.3
    assert half["harmed"].value == 0
    assert half["helped_harmed"].value == math.inf
    assert min(random["harmed"].value, random["helped"].value) > 0.05
    assert 0 < random["helped_harmed"].low < random["helped_harmed"].value < random["helped_harmed"].high
    assert half["chroma_kept"].value == pytest.approx(0.5, abs=0.03)
    # Gray is what they measure against already.
    assert not {"helped", "harmed", "helped_harmed"} & set(scores.above_gray["half"])
    expected = []
    for pair in match_files(truths, [results]):
        ab, truth = (LAB.split(load_rgb(path))[1] for path in (pair.results["half"], pair.reference))
        expected.append(helped_and_harmed(ab, truth)[0].item())
    assert scores.per_photo["half"]["helped"] == pytest.approx(expected)


def test_a_ratio_is_of_means_and_not_a_mean_of_ratios(scores: Scores) -> None:
    found = scores.systems["random"]
    helped, harmed = (np.mean(scores.per_photo["random"][key]) for key in ("helped", "harmed"))
    assert found["helped"].value == pytest.approx(helped)
    assert found["harmed"].value == pytest.approx(harmed)
    assert found["helped_harmed"].value == pytest.approx(helped / harmed)


def test_per_photo_psnr_is_that_of_the_files(scores: Scores, truths: Path, results: Path) -> None:
    expected = [
        psnr(load_rgb(p.results["half"]), load_rgb(p.reference)).item()
        for p in match_files(truths, [results])
    ]
    assert scores.per_photo["half"]["psnr"] == pytest.approx(expected, rel=1e-6)
    assert scores.systems["half"]["psnr"].value == pytest.approx(np.mean(expected), rel=1e-6)


def test_random_takes_the_colors_of_the_seeds_permutation(truths: Path) -> None:
    scores = evaluate(truths, replicates=5, seed=7)
    files, order = sorted(truths.iterdir()), derangement(5, 7)
    expected = [
        psnr(random_colors(load_rgb(path), load_rgb(files[donor])), load_rgb(path)).item()
        for path, donor in zip(files, order, strict=True)
    ]
    assert scores.per_photo["random"]["psnr"] == pytest.approx(expected, rel=1e-6)


def test_intervals_hold_the_score_and_are_the_seeds(truths: Path, results: Path, scores: Scores) -> None:
    again = evaluate(truths, results, replicates=200)
    assert again.to_dict() == scores.to_dict()
    other = evaluate(truths, results, replicates=200, seed=1)
    for key, estimate in scores.systems["half"].items():
        assert estimate.low <= estimate.value <= estimate.high, key
    assert other.systems["half"]["psnr"].value == scores.systems["half"]["psnr"].value
    assert other.systems["half"]["psnr"].low != scores.systems["half"]["psnr"].low


def test_json_says_everything_and_is_valid(scores: Scores, truths: Path, tmp_path: Path) -> None:
    scores.save(tmp_path / "scores.json")
    text = (tmp_path / "scores.json").read_text()
    found = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert not list(tmp_path.glob(".*"))
    assert found["schema"] == "autochrome-evaluation/1"
    assert set(found["systems"]) == {"half", "gray", "random"}
    for row in found["systems"].values():
        assert set(row) == set(SCORES)
        assert all(set(estimate) == {"value", "low", "high"} for estimate in row.values())
    manifest = found["manifest"]
    assert manifest["photos"] == 5
    assert manifest["protocol"] == {"name": "native", "kind": "native", "size": None}
    assert set(manifest["definitions"]) == set(SCORES)
    assert manifest["bootstrap"] == {"replicates": 200, "seed": 0, "level": 0.95, "unit": "photo"}
    assert {"autochrome", "torch", "numpy", "pyvips"} <= set(manifest["versions"])
    first = manifest["references"]["photos"][0]
    assert first == {
        "name": "000",
        "file": "000.png",
        "format": "png",
        "sha256": hashlib.sha256((truths / "000.png").read_bytes()).hexdigest(),
        "height": 48,
        "width": 64,
    }
    assert manifest["results"]["half"]["formats"] == {"png": 5}
    assert manifest["results"]["half"]["photos"][4]["file"] == "004.colorized.png"
    assert 1 < manifest["bins_occupied"] < AB_BINS


def test_infinite_scores_are_null_in_json(truths: Path, tmp_path: Path) -> None:
    evaluate(truths, truths, replicates=5).save(tmp_path / "scores.json")
    found = json.loads((tmp_path / "scores.json").read_text())
    assert found["systems"]["truth"]["psnr"] == {"value": None, "low": None, "high": None}
    assert found["psnr_perfect_photos"]["truth"] == 5


def test_provenance_reaches_the_manifest(truths: Path, tmp_path: Path) -> None:
    made = Provenance("cic.test", "ab" * 32, {"temperature": 0.38}, "Autochrome test")
    for i, path in enumerate(sorted(truths.iterdir())):
        pixels = (255 * load_rgb(path)[0].permute(1, 2, 0)).round().byte().numpy()
        save(tmp_path / "made" / path.name, pixels, made if i else None)
    found = evaluate(truths, tmp_path / "made", replicates=5).manifest.results["made"].provenance
    assert found == [
        {
            "model": "cic.test",
            "weights_sha256": "ab" * 32,
            "settings": {"temperature": 0.38},
            "software": "Autochrome test",
        }
    ]


def test_lossy_results_are_warned_of(truths: Path, tmp_path: Path) -> None:
    for path in sorted(truths.iterdir()):
        pixels = (255 * load_rgb(path)[0].permute(1, 2, 0)).round().byte().numpy()
        save(tmp_path / "lossy" / f"{path.stem}.jpg", pixels)
    scores = evaluate(truths, tmp_path / "lossy", replicates=5)
    assert len(scores.warnings) == 1
    assert "5 results are JPEG files" in scores.warnings[0]


def test_several_folders_are_several_rows_over_the_same_truth(truths: Path, results: Path) -> None:
    scores = evaluate(truths, results, truths, baselines=False, replicates=5)
    assert list(scores.systems) == ["half", "truth"]
    assert scores.above_gray == {}


def test_folders_of_one_name_go_by_their_paths(truths: Path, results: Path) -> None:
    other = truths.parent / "other" / "half"
    other.parent.mkdir()
    results.rename(other)
    (truths.parent / "half").mkdir()
    for path in truths.iterdir():
        (truths.parent / "half" / path.name).write_bytes(path.read_bytes())
    scores = evaluate(truths, truths.parent / "half", other, replicates=5, baselines=False)
    assert list(scores.systems) == [str(truths.parent / "half"), str(other)]
    with pytest.raises(EvaluationError, match="name each results folder once"):
        evaluate(truths, other, other)


def test_missing_and_extra_results_are_named(truths: Path, results: Path) -> None:
    (results / "002.colorized.png").unlink()
    with pytest.raises(EvaluationError, match=r"half lacks results for 002\.png"):
        evaluate(truths, results)
    (truths / "002.png").unlink()
    (truths / "004.png").unlink()
    with pytest.raises(EvaluationError, match=r"without a reference in .*: 004\.colorized\.png"):
        evaluate(truths, results)


def test_results_may_lie_beside_their_references(truths: Path, results: Path) -> None:
    for path in results.iterdir():
        path.rename(truths / path.name)
    scores = evaluate(truths, truths, replicates=5)
    assert scores.perfect_photos["truth"] == 0
    assert len(scores.manifest.photos) == 5


def test_two_files_of_one_name_are_refused(truths: Path) -> None:
    save(truths / "001.tif", data.coffee()[:48, :64])
    with pytest.raises(EvaluationError, match=r"001\.png and 001\.tif are both called 001"):
        evaluate(truths, truths)


def test_wrong_sizes_are_named(truths: Path, results: Path) -> None:
    save(results / "003.colorized.png", data.coffee()[:40, :64])
    with pytest.raises(EvaluationError, match=r"003\.colorized\.png is 64 x 40 but its reference is 64 x 48"):
        evaluate(truths, results)
    with pytest.raises(EvaluationError, match="neither cropped nor stretched"):
        evaluate(truths, results, protocol="resize:32")


def test_protocols_change_the_size_of_comparison(truths: Path, results: Path) -> None:
    crop = evaluate(truths, results, protocol="crop:32", replicates=5)
    assert crop.manifest.to_dict()["protocol"] == {"name": "crop:32", "kind": "crop", "size": 32}
    expected = [
        psnr(load_rgb(p.results["half"])[..., 8:40, 16:48], load_rgb(p.reference)[..., 8:40, 16:48]).item()
        for p in match_files(truths, [results])
    ]
    assert crop.per_photo["half"]["psnr"] == pytest.approx(expected, rel=1e-6)
    small = evaluate(truths, results, protocol="resize:24", replicates=5)
    assert small.per_photo["half"]["psnr"] != pytest.approx(crop.per_photo["half"]["psnr"])
    with pytest.raises(ValueError, match="unknown protocol"):
        evaluate(truths, results, protocol="squash:3")


def test_photos_takes_the_first_by_name(truths: Path, results: Path) -> None:
    scores = evaluate(truths, results, photos=2, replicates=5)
    assert [entry["name"] for entry in scores.manifest.photos] == ["000", "001"]
    assert len(scores.per_photo["half"]["psnr"]) == 2


def test_one_photo_has_no_random_baseline(truths: Path) -> None:
    assert list(evaluate(truths, photos=1, replicates=5).systems) == ["gray"]


def test_unreadable_and_empty_inputs_are_clear_errors(truths: Path, results: Path, tmp_path: Path) -> None:
    (results / "001.colorized.png").write_bytes(b"no picture")
    with pytest.raises(EvaluationError, match=r"001\.colorized\.png"):
        evaluate(truths, results)
    (tmp_path / "empty").mkdir()
    with pytest.raises(EvaluationError, match="empty"):
        evaluate(tmp_path / "empty", results)
    with pytest.raises(EvaluationError, match="not a folder"):
        evaluate(truths / "000.png", results)


def test_depths_and_gray_files_are_read_to_one_scale(tmp_path: Path) -> None:
    gray = np.arange(256, dtype=np.uint8).reshape(16, 16, 1)
    eight = load_rgb(save(tmp_path / "8.png", gray))
    sixteen = load_rgb(save(tmp_path / "16.png", gray.astype(np.uint16) * 257))
    assert eight.shape == (1, 3, 16, 16)
    assert torch.allclose(eight, sixteen, atol=1e-6)
    assert eight.max() == 1


def test_progress_counts_photos(truths: Path) -> None:
    seen: list[tuple[int, int]] = []
    evaluate(truths, photos=3, replicates=5, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_references_that_are_nearly_gray_are_warned_of(truths: Path, results: Path) -> None:
    assert not any("nearly gray" in warning for warning in evaluate(truths, results, replicates=10).warnings)
    path = sorted(truths.iterdir())[0]
    luma = load_rgb(path).mean(1)[0, ..., None].expand(-1, -1, 3)
    save(path, (255 * luma).round().byte().numpy())
    [warning] = evaluate(truths, results, replicates=10).warnings
    assert warning.startswith("1 of 5 references is nearly gray")


def test_a_folder_of_folders_says_what_is_in_it(truths: Path, results: Path, tmp_path: Path) -> None:
    (tmp_path / "res").mkdir()
    results.rename(tmp_path / "res" / "half")
    with pytest.raises(EvaluationError, match=r"holds the folder half; give .*res/half"):
        match_files(truths, [tmp_path / "res"])
