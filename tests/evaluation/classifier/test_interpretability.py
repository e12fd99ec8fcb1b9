"""Top-k shares, recovery, agreement and their intervals, on answers known beforehand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from math import inf, isnan
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from autochrome.evaluation.classifier.interpretability import interpret, recovery
from autochrome.evaluation.classifier.judge import Judge
from autochrome.io.photo import Photo, write_photo
from autochrome.metrics.baselines import gray

CLASSES = ("n01443537", "n01910747", "n02123045", "n07747607", "n07749582", "n07753592", "n09193705")


class ByRed(nn.Module):
    """Says of a picture the class that its first pixel's red names in tenths, then those after it in turn."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor(10.0))

    def forward(self, views: Tensor) -> Tensor:
        said = (views[:, 0, 0, 0] * self.scale).round().long()
        order = (torch.arange(len(CLASSES)) - said[:, None]) % len(CLASSES)
        return -order.float()


def made_judge(classes: tuple[str, ...] = CLASSES) -> Judge:
    return Judge(
        "a made judge", "made.safetensors", "0" * 64, classes, ByRed().eval(), lambda rgb: rgb[..., :2, :2]
    )


def saying(*outputs: int) -> list[Tensor]:
    """Pictures of which the judge says these classes first. Blue and green hold their gray at class 6."""
    return [torch.tensor([n / 10, 0.65, 0.65]).view(1, 3, 1, 1).expand(1, 3, 3, 4) for n in outputs]


def test_recovery_is_the_papers() -> None:
    """CIC, section 4.2: 87.4% true, 73.5% gray, 76.6% colored is "a 22.3% relative performance recovery"."""
    scores = torch.tensor([76.6, 76.4, 72.1, 73.5, 87.4])  # the third is Dahl's, in table 1
    found = recovery(scores, torch.tensor(73.5), torch.tensor(87.4))
    assert found.tolist() == pytest.approx([0.223, 0.209, -0.101, 0, 1], abs=5e-4)
    assert recovery(torch.tensor(0.5), torch.tensor([0.7, 0.8]), torch.tensor(0.7)).isnan().all()


def test_gray_pictures_are_what_the_cases_need() -> None:
    """Whatever class such a picture names, its gray version names class 6."""
    for picture in saying(*range(7)):
        assert int((gray(picture)[0, 0, 0, 0] * 10).round()) == 6


def test_shares_worked_by_hand() -> None:
    """Five photos of the classes 0 1 2 4 5, and one without a class.

    The true ones are said to be 0 1 2 4 4: top-1 4/5; the five answers from 4 are 4 5 6 0 1, so top-5 5/5.
    The gray ones are all answered 6 0 1 2 3: top-1 0/5, top-5 3/5.
    The system's are said to be 0 2 3 5 6: top-1 1/5; the five from 2 (2 3 4 5 6) lack 1, those from 3
    (3 4 5 6 0) lack 2, those from 5 (5 6 0 1 2) lack 4, those from 6 (6 0 1 2 3) lack 5: top-5 1/5.
    """
    labels = ["n01443537", "n01910747", "n02123045", None, "n07749582", "n07753592"]
    truth = saying(0, 1, 2, 3, 4, 4)
    result = interpret(made_judge(), truth, {"ours": saying(0, 2, 3, 3, 5, 6)}, labels)
    assert list(result.systems) == ["truth", "gray", "ours"]
    assert result.photos == 6
    shares = {}
    for name, row in result.systems.items():
        assert row.accuracy is not None and row.accuracy.photos == 5 and row.agreement.photos == 6
        shares[name] = (row.accuracy.top1.value, row.accuracy.top5.value)
    assert shares == {
        "truth": pytest.approx((0.8, 1.0)),
        "gray": pytest.approx((0.0, 0.6)),
        "ours": pytest.approx((0.2, 0.2)),
    }
    ours = result.systems["ours"].accuracy
    assert ours is not None
    assert ours.above_gray.value == pytest.approx(-0.4)
    assert ours.recovery.value == pytest.approx(-1.0)  # (.2 - .6) / (1 - .6)
    assert result.hits["ours"] == (True, False, False, None, False, False)
    assert result.hits["gray"] == (True, True, True, None, False, False)
    assert result.answers["ours"][1] == ("tabby cat", "orange", "lemon", "banana", "alp")


def test_agreement_is_with_the_answer_to_the_true_photo() -> None:
    """Six photos; the system's first answers 0 2 3 3 5 6 against the truth's 0 1 2 3 4 4: two alike."""
    result = interpret(made_judge(()), saying(0, 1, 2, 3, 4, 4), {"ours": saying(0, 2, 3, 3, 5, 6)})
    assert all(row.accuracy is None for row in result.systems.values())
    ours, of_truth = result.systems["ours"].agreement, result.systems["truth"].agreement
    assert (of_truth.top1.value, of_truth.top5.value) == (1, 1)
    assert (of_truth.top5.low, of_truth.top5.high) == (1, 1)
    assert ours.top1.value == pytest.approx(2 / 6)
    # Among the five from 5 there is no 4; among those from 6 neither: 0 and 3 alone.
    assert ours.top5.value == pytest.approx(2 / 6)
    assert result.labels == (None,) * 6 and result.hits["ours"] == (None,) * 6
    assert result.answers["ours"][0] == ("class 0", "class 1", "class 2", "class 3", "class 4")


def test_intervals_are_the_binomials_and_pairs_are_resampled_together() -> None:
    """300 photos, 60% right: the normal interval is .6 -+ 1.96 sqrt(.24 / 300) = .6 -+ .0554."""
    photos = 300
    right = [number % 5 < 3 for number in range(photos)]
    truth = saying(*[4] * photos)
    colors = saying(*[4 if hit else 5 for hit in right])
    labels = ["n07749582"] * photos
    result = interpret(made_judge(), truth, {"a": colors, "b": colors}, labels, replicates=4000)
    a, b = (result.systems[name].accuracy for name in "ab")
    assert a is not None and a == b
    assert a.top5.value == pytest.approx(0.6)
    assert a.top5.low == pytest.approx(0.6 - 0.0554, abs=0.006)
    assert a.top5.high == pytest.approx(0.6 + 0.0554, abs=0.006)
    # Gray is right nowhere and the truth everywhere, so that recovery is the share itself.
    assert a.recovery == a.top5 == a.above_gray
    of_gray = result.systems["gray"].accuracy
    assert of_gray is not None and (of_gray.above_gray.low, of_gray.above_gray.high) == (0, 0)


def test_recovery_is_undefined_where_gray_lacks_nothing() -> None:
    labels = ["n01443537"] * 4
    result = interpret(made_judge(), saying(0, 0, 0, 0), {"ours": saying(0, 5, 1, 1)}, labels)
    accuracy = result.systems["ours"].accuracy
    assert accuracy is not None and isnan(accuracy.recovery.value)
    assert (accuracy.recovery.low, accuracy.recovery.high) == (-inf, inf)
    as_json = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert as_json["systems"]["ours"]["accuracy"]["recovery"] == {"value": None, "low": None, "high": None}
    assert as_json["systems"]["ours"]["agreement"]["photos"] == 4
    assert as_json["hits"]["ours"] == [True, True, False, False]


def test_a_class_that_the_judge_does_not_know_is_no_label() -> None:
    result = interpret(made_judge(), saying(0, 1), {}, ["n01443537", "n99999999"])
    assert result.labels == ("n01443537", None)
    accuracy = result.systems["truth"].accuracy
    assert accuracy is not None and accuracy.photos == 1


def test_files_are_judged_as_pictures_are(tmp_path: Path) -> None:
    paths = []
    for number, picture in enumerate(saying(0, 3, 4)):
        pixels = (picture[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
        paths.append(tmp_path / f"{number}.png")
        write_photo(Photo(np.ascontiguousarray(pixels)), paths[-1])
    of_files = interpret(made_judge(), paths, {"ours": paths})
    of_pictures = interpret(made_judge(), saying(0, 3, 4), {"ours": saying(0, 3, 4)})
    assert of_files.answers == of_pictures.answers


def test_one_photo_is_in_memory_at_a_time() -> None:
    """Pictures are asked for in step: the system's is made after its true photo, before the next one."""
    made: list[str] = []

    def stream(name: str, outputs: list[int]) -> Iterator[Tensor]:
        for output in outputs:
            made.append(f"{name} {output}")
            yield saying(output)[0]

    done: list[int] = []
    interpret(made_judge(), stream("truth", [1, 2]), {"ours": stream("ours", [3, 4])}, progress=done.append)
    assert made == ["truth 1", "ours 3", "truth 2", "ours 4"]
    assert done == [1, 2]


@pytest.mark.parametrize(
    ("truth", "systems", "labels", "message"),
    [
        ([0, 1], {"ours": [0]}, None, "argument 2 is shorter than argument 1"),
        ([0], {"ours": [0, 1]}, None, "argument 2 is longer than argument 1"),
        ([], {}, None, "there are no photos to judge"),
        ([0, 1], {}, ["n01443537"], "1 labels for 2 photos"),
        ([0], {"gray": [0]}, None, "gray cannot be a system's name"),
    ],
)
def test_what_does_not_fit_is_told(
    truth: list[int], systems: dict[str, list[int]], labels: list[str | None] | None, message: str
) -> None:
    pictures = {name: saying(*outputs) for name, outputs in systems.items()}
    with pytest.raises(ValueError, match=message):
        interpret(made_judge(), saying(*truth), pictures, labels)
