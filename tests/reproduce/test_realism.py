"""The classifier that tells real from generated colors, on pictures of a few pixels."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from reproduce import realism
from reproduce.realism import Classifier, error_by_photo, wrong_verdicts


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(realism, "WIDTHS", (8, 16))


def photos(count: int, seed: int = 0) -> Tensor:
    """Noise of 16 x 16 pixels: nothing in one photo tells of another."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(256, (count, 3, 16, 16), generator=generator, dtype=torch.uint8)


def test_equal_pictures_are_mistaken_half_of_the_time() -> None:
    """Whatever the verdict is, it is right of one of the two and wrong of the other."""
    real = photos(8)
    generated = real[:, None].expand(8, 3, 3, 16, 16)
    error = error_by_photo(real, generated, seeds=2, steps=3)
    assert error.tolist() == [0.5] * 8


def test_a_tint_gives_pictures_away() -> None:
    real = photos(16)
    tinted = real.clone()
    tinted[:, 2] = tinted[:, 2] // 2
    error = error_by_photo(real, tinted[:, None], seeds=1, steps=60)
    assert error.mean() < 0.05


def test_pictures_are_judged_by_classifiers_that_have_not_seen_them(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every photo is judged once for each seed, by one who has seen all those of the other parts."""
    real = torch.arange(0, 90, 10, dtype=torch.uint8)[:, None, None, None].expand(9, 3, 4, 4)
    generated = real[:, None].expand(9, 2, 3, 4, 4)
    judged: list[float] = []

    def numbers(pictures: Tensor) -> list[float]:
        return [round(float(value), 4) for value in pictures[:, 0, 0, 0]]

    def learned(seen: Tensor, samples: Tensor, steps: int) -> list[float]:
        assert numbers(samples[:, 1]) == numbers(seen)
        return numbers(seen)

    def asked(known: list[float], unseen: Tensor, samples: Tensor) -> Tensor:
        assert set(known).isdisjoint(numbers(unseen))
        assert len(known) + len(unseen) == 9
        judged.extend(numbers(unseen))
        return unseen[:, 0, 0, 0].double()

    monkeypatch.setattr(realism, "train", learned)
    monkeypatch.setattr(realism, "wrong_verdicts", asked)
    error = error_by_photo(real, generated, seeds=2, folds=3)
    assert sorted(judged) == sorted(2 * numbers(error[:, None, None, None]))
    assert len(set(judged)) == 9
    assert error.diff().min() > 0, "each photo has its own verdict in its own place"


def test_colors_must_fit_the_lightness() -> None:
    """Red where it is light or red where it is dark: the same colors over the same lightness."""
    generator = torch.Generator().manual_seed(0)
    light = (torch.rand(32, 1, 16, 16, generator=generator) < 0.5).float()
    gray = 90 + 80 * light

    def reddened(where: Tensor) -> Tensor:
        # A change of (20, -10, -2) leaves .299 R + .587 G + .114 B where it is.
        return (gray + where * torch.tensor([20.0, -10.0, -2.0])[:, None, None]).round().byte()

    error = error_by_photo(reddened(light), reddened(1 - light)[:, None], seeds=1, steps=100)
    assert error.mean() < 0.1


def test_the_verdict_counts_the_truth_as_much_as_all_samples() -> None:
    class Reddish(Classifier):
        """Takes for real what has a* above 0."""

        def forward(self, pictures: Tensor) -> Tensor:
            return pictures[:, 1].mean((1, 2))

    colors = torch.tensor([1.0, -1.0, 1.0, 1.0, -1.0])
    pictures = torch.zeros(1, 5, 3, 4, 4)
    pictures[:, :, 1] = colors[:, None, None]
    judge = Reddish().eval()
    # The truth is red and rightly taken for real, but so are two of the four samples: (0 + 1/2) / 2.
    assert wrong_verdicts(judge, pictures[:, 0], pictures[:, 1:]).tolist() == [0.25]
    # A truth that is not red: (1 + 3/4) / 2, three of the others being red.
    others = pictures[:, [0, 2, 3, 4]]
    assert wrong_verdicts(judge, pictures[:, 1], others).tolist() == [0.875]
    # Neither: a tie is half an error on both sides.
    gray = torch.zeros_like(pictures)
    assert wrong_verdicts(judge, gray[:, 0], gray[:, 1:]).tolist() == [0.5]


def test_the_same_seeds_give_the_same_errors_and_leave_the_global_ones() -> None:
    real, generated = photos(8), photos(8, seed=1)[:, None]
    torch.manual_seed(5)
    first = error_by_photo(real, generated, seeds=1, steps=5)
    after = torch.rand(1)
    torch.manual_seed(5)
    assert torch.equal(torch.rand(1), after)
    assert torch.equal(error_by_photo(real, generated, seeds=1, steps=5), first)


@pytest.mark.parametrize(("count", "folds"), [(3, 2), (8, 1)])
def test_too_few_photos_are_refused(count: int, folds: int) -> None:
    with pytest.raises(ValueError, match="two parts or more, of two photos or more"):
        error_by_photo(photos(count), photos(count)[:, None], folds=folds)
