"""Training of the classifier that judges, and the table of what it says of colorizations."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from autochrome.data.sources import open_source
from autochrome.errors import DataError
from autochrome.evaluation.classifier.classes import CLASS_NAMES
from autochrome.evaluation.classifier.labeled import held_out
from autochrome.evaluation.classifier.network import Classifier, ClassifierSettings, load_classifier
from autochrome.evaluation.probe.fitting import FitSettings
from benchmarks import classifier
from benchmarks.classifier import Photos, TrainSettings
from tests.data.made_photos import encode, landscape, write_shard

IDS = ("n01443537", "n07747607", "n12267677")


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    """Ninety photos of 64 px, of three of the classes."""
    names = [f"{wordnet_id}_{number}.png" for wordnet_id in IDS for number in range(30)]
    contents = {name: encode(landscape(number, 64, 64)) for number, name in enumerate(names)}
    return write_shard(tmp_path / "photos.tar", contents)


def red_and_blue(count: int) -> Photos:
    """Photos of two classes, that differ by their color alone."""
    rng = np.random.default_rng(count)
    labels = torch.from_numpy(rng.integers(0, 2, count))
    rgb = torch.from_numpy(rng.integers(60, 120, (count, 3, 32, 32)).astype(np.uint8))
    rgb[torch.arange(count), 2 * labels] += 100
    return Photos(rgb, labels)


def test_crops_grow_with_the_steps() -> None:
    settings = TrainSettings()
    steps = settings.fit.steps
    sides = [settings.crops(step).size for step in (0, int(0.41 * steps), int(0.76 * steps), steps - 1)]
    assert sides == [40, 48, 56, 56]


def test_it_learns_what_color_tells(capsys: pytest.CaptureFixture[str]) -> None:
    settings = TrainSettings(
        network=ClassifierSettings(classes=2, widths=(8, 8), blocks=(1, 1), size=32),
        fit=FitSettings(steps=30, batch_size=16, lr=1e-2, warmup=0.1),
        sizes=((0.5, 16), (1.0, 24)),
        average=0.8,
        report_every=10,
        save_every=15,
    )
    saved: list[float] = []
    model = classifier.train(
        red_and_blue(64),
        red_and_blue(40),
        settings,
        lambda model: saved.append(float(model.head.weight.detach().sum())),
    )
    assert classifier.accuracy(model, red_and_blue(40)) == (1.0, 1.0)
    assert not model.training
    assert len(saved) == 2
    # What is saved at the last multiple, here the last step, is what comes back: the averaged weights.
    assert saved[1] == pytest.approx(float(model.head.weight.detach().sum()))
    printed = capsys.readouterr().out
    assert "step 30/30  loss 0." in printed
    assert "step 30  validation top-1 100.0%, top-5 100.0%" in printed


def test_labels_count_the_classes(shard: Path) -> None:
    photos = classifier.read_part(open_source(shard), "train")
    assert photos.rgb.shape[1:] == (3, 64, 64)
    known = [list(CLASS_NAMES).index(wordnet_id) for wordnet_id in IDS]
    assert sorted(set(photos.labels.tolist())) == known
    np.testing.assert_array_equal(photos.rgb[0].permute(1, 2, 0), landscape(0, 64, 64))


def test_photos_that_do_not_fit_are_told(tmp_path: Path) -> None:
    other = write_shard(tmp_path / "other.tar", {"n99999999_1.png": encode(landscape(0, 64, 64))})
    with pytest.raises(DataError, match="n99999999 is none of the classifier's classes"):
        classifier.read_part(open_source(other), "train")
    with pytest.raises(DataError, match="no labeled photo is in the test part"):
        classifier.read_part(open_source(other), "test")


def test_saved_weights_are_half_precise_and_load(tmp_path: Path) -> None:
    model = Classifier().eval()
    classifier.save_classifier(model, tmp_path / "mine.safetensors")
    assert [file.name for file in tmp_path.iterdir()] == ["mine.safetensors"]
    judge = load_classifier(tmp_path / "mine.safetensors")
    views = torch.rand(2, 3, 64, 64)
    torch.testing.assert_close(judge.network(views), model(views), rtol=1e-2, atol=1e-2)


def test_the_gray_model_is_understood_as_gray_photos_are(shard: Path) -> None:
    """Painted by the model, or made from the truth: the same pictures, so the same answers."""
    photos = list(held_out(open_source(shard)))
    result = classifier.judge_all(load_classifier(), photos, ("gray",))
    assert list(result.systems) == ["truth", "gray", "random", "painted gray"]
    assert result.answers["painted gray"] == result.answers["gray"]
    assert result.labels == tuple(photo.wordnet_id for photo in photos)


def test_the_command_prints_a_table(
    shard: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        sys, "argv", ["classifier", "test", str(shard), "--colored", "4", "--models", "cic.test"]
    )
    classifier.main()
    printed = capsys.readouterr().out
    assert "4 held-out photos" in printed
    row = next(line for line in printed.splitlines() if line.startswith("| painted cic.test"))
    assert row.count("|") == 8
    top5 = float(row.split("|")[3].split("[")[0])
    assert math.isclose(top5 % 25, 0)


def test_the_command_trains_and_leaves_a_file(
    shard: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    quick = TrainSettings(fit=FitSettings(steps=2, batch_size=4), save_every=1)
    monkeypatch.setattr(classifier, "TrainSettings", lambda: quick)
    out = tmp_path / "made.safetensors"
    monkeypatch.setattr(sys, "argv", ["classifier", "train", str(shard), "-o", str(out)])
    classifier.main()
    assert "photos to train on" in capsys.readouterr().out
    assert load_classifier(out).classes == tuple(CLASS_NAMES)
    assert (tmp_path / "made.partial.safetensors").is_file()
