"""Several colorizations of one photo: what the model is asked, and what becomes of its draws."""

from __future__ import annotations

from math import log
from typing import Any

import numpy as np
import pytest
import skimage.color
import skimage.data
import skimage.transform
import torch

from autochrome.color.spaces import YCBCR, YUV
from autochrome.io.photo import Photo
from autochrome.pipeline.noise import noise_generator
from autochrome.pipeline.painter import ColorizedPhoto, ColorizeSettings, Painter
from autochrome.pipeline.predict import preview, working_shape
from tests.drawing_model import Drawing, WholeDrawing

# All but flat: what has one level all over would stay without color.
FLAT = Photo(np.tile(np.linspace(124, 132, 96).round().astype(np.uint8)[:, None], (64, 1, 1)))


@pytest.fixture
def camera() -> Photo:
    return Photo(np.ascontiguousarray(skimage.data.camera()[::4, ::4, None]))


def ab(photo: Photo) -> np.ndarray:
    return skimage.color.rgb2lab(photo.pixels)[..., 1:]


def settings_of(colored: ColorizedPhoto) -> dict[str, object]:
    assert colored.provenance is not None
    return dict(colored.provenance.settings)


def test_the_model_sees_the_gray_values_and_is_asked_as_wished(camera: Photo) -> None:
    model = Drawing()
    Painter(model).colorize(camera, ColorizeSettings(samples=3, size=128, temperature=0.25, guidance=1.0))
    luma, small = model.seen
    torch.testing.assert_close(
        luma[0, 0].double(), torch.tensor(camera.pixels[..., 0] / 255), atol=1e-4, rtol=0
    )
    assert model.asked[0] == {"n": 3, "temperature": 0.25, "guidance": 1.0}
    # A second time for the doubt, in the model's own way.
    assert small.shape == (1, 1, 64, 64)
    assert model.asked[1] == {"n": 8, "temperature": 0.5, "guidance": 0.125}


def test_the_model_s_own_temperature_and_guidance_are_the_default() -> None:
    model = Drawing()
    [colored] = Painter(model).colorize(FLAT)
    assert model.asked[0]["temperature"] == settings_of(colored)["temperature"] == 0.5
    assert model.asked[0]["guidance"] == settings_of(colored)["guidance"] == 0.125


def test_the_drawn_colors_are_what_comes_out() -> None:
    """Of a gray photo 128/255: Cb and Cr of the draw through YCbCr and scikit-image's Lab."""
    colored = Painter(Drawing()).colorize(FLAT, ColorizeSettings(samples=2, seed=7, refine=False))
    drawn = 0.4 + 0.2 * torch.rand(2, 2, generator=noise_generator(FLAT, 7))
    for photo, (cb, cr) in zip(colored, drawn.tolist(), strict=True):
        planes = torch.tensor([cb, cr])[None, :, None, None]
        rgb = YCBCR.merge(torch.full((1, 1, 1, 1), 128 / 255), planes).clamp(0, 1).flatten().double().numpy()
        expected = skimage.color.rgb2lab(rgb[None, None])[0, 0, 1:]
        np.testing.assert_allclose(ab(photo), np.broadcast_to(expected, (64, 96, 2)), atol=0.6)


def test_lightness_is_the_photo_s_in_every_sample(camera: Photo) -> None:
    expected = skimage.color.rgb2lab(np.repeat(camera.pixels, 3, axis=2))[..., 0]
    for colored in Painter(Drawing()).colorize(camera, ColorizeSettings(samples=3)):
        assert np.abs(skimage.color.rgb2lab(colored.pixels)[..., 0] - expected).mean() < 0.15


def test_refining_happens_if_wished(camera: Photo) -> None:
    for refine in (True, False):
        [colored] = Painter(Drawing()).colorize(FLAT, ColorizeSettings(refine=refine))
        a = ab(colored)[..., 0]
        assert bool(a[50:].mean() - a[:14].mean() > 10) is refine
        assert settings_of(colored)["refine"] is refine
    prediction = Painter(Drawing()).predict(camera, ColorizeSettings(refine=False))
    assert prediction.answer.shape == (1, 2, 8, 8)
    prediction = Painter(Drawing()).predict(camera, ColorizeSettings(samples=2))
    assert prediction.answer.shape == (2, 2, 64, 64)


def test_a_sample_of_a_seed_does_not_depend_on_how_many_there_are() -> None:
    painter = Painter(Drawing())
    few, many = (painter.colorize(FLAT, ColorizeSettings(samples=n, seed=3)) for n in (2, 5))
    for one, same in zip(few, many[:2], strict=True):
        np.testing.assert_array_equal(one.pixels, same.pixels)
    assert not np.array_equal(many[0].pixels, many[1].pixels)
    [other] = painter.colorize(FLAT, ColorizeSettings(seed=4))
    assert not np.array_equal(few[0].pixels, other.pixels)


def test_how_each_was_made() -> None:
    _, second = Painter(Drawing()).colorize(FLAT, ColorizeSettings(samples=2, seed=7))
    known = settings_of(second)
    drawn = 0.4 + 0.2 * torch.rand(2, 2, generator=noise_generator(FLAT, 7))
    nats = -100 * float(drawn[1].sum())
    assert known.pop("log_prob") == pytest.approx(nats)
    # 64 x 96 pixels, a cell of 8: 8 x 12 cells of two numbers.
    assert known.pop("bits_per_dimension") == pytest.approx(-nats / log(2) / (8 * 12 * 2))
    assert known == {
        "sample": 2, "seed": 7, "temperature": 0.5, "guidance": 0.125, "refine": True, "size": 64,
        "upsampling": "guided", "look": "natural", "saturation": 1.0,
    }  # fmt: skip


def test_what_the_model_does_not_know_is_left_out() -> None:
    [colored] = Painter(Drawing(knows_likelihood=False)).colorize(FLAT)
    assert not {"log_prob", "bits_per_dimension", "rank_score"} & set(settings_of(colored))


def test_ranked_samples_come_best_first() -> None:
    painter = Painter(Drawing())
    plain = painter.colorize(FLAT, ColorizeSettings(samples=6, seed=1))
    ranked = painter.colorize(FLAT, ColorizeSettings(samples=6, seed=1, rank=True))
    scores = [settings_of(each)["rank_score"] for each in ranked]
    assert scores == sorted(scores, reverse=True)  # type: ignore[type-var]
    numbers = [settings_of(each)["sample"] for each in ranked]
    assert numbers != [1, 2, 3, 4, 5, 6]
    assert sorted(numbers) == [1, 2, 3, 4, 5, 6]  # type: ignore[type-var]
    for number, each in zip(numbers, ranked, strict=True):
        np.testing.assert_array_equal(each.pixels, plain[number - 1].pixels)  # type: ignore[operator]


def test_memory_runs_out_and_the_note_says_so() -> None:
    colored = Painter(Drawing(fails_above=50)).colorize(FLAT, ColorizeSettings(samples=2))
    assert len(colored) == 2
    assert settings_of(colored[1])["size"] == 48
    assert colored[0].notes == ("memory ran out at working size 64; 48 was used",)
    with pytest.raises(MemoryError, match="not enough memory for the model"):
        Painter(Drawing(fails_above=1)).colorize(FLAT)


def test_what_is_not_for_models_that_draw(camera: Photo) -> None:
    with pytest.raises(ValueError, match="does not support vibrance"):
        Painter(Drawing()).colorize(camera, ColorizeSettings(vibrance=0.5))
    with pytest.raises(ValueError, match="does not support samples=2"):
        Painter("gray").colorize(camera, ColorizeSettings(samples=2))


@pytest.mark.parametrize(
    ("size", "shorter", "unit", "expected"),
    [
        ((3000, 4000), 224, 8, (224, 296)),  # 298.7, to the nearest multiple of 8
        ((3000, 4000), 144, 16, (144, 192)),
        ((512, 512), 224, 8, (224, 224)),
        ((10, 20), 224, 8, (224, 448)),  # small photos are enlarged
        ((100_000, 100), 64, 8, (512, 64)),  # at most eight times as long as the size
        ((100, 100_000), 64, 16, (64, 512)),
        ((1, 1), 100, 8, (96, 96)),
        ((60, 100), 60, 32, (64, 96)),
        ((60, 100), 10, 32, (32, 32)),  # never nothing
        ((30, 50), 64, 1, (64, 107)),
    ],
)
def test_working_shape(size: tuple[int, int], shorter: int, unit: int, expected: tuple[int, int]) -> None:
    assert working_shape(size, shorter, unit) == expected


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (7, 900), (33, 31)])
@pytest.mark.parametrize("refine", [True, False])
def test_tiny_and_extreme_photos(rng: np.random.Generator, shape: tuple[int, int], refine: bool) -> None:
    photo = Photo(rng.integers(0, 256, (*shape, 1), dtype=np.uint8))
    for colored in Painter(Drawing()).colorize(photo, ColorizeSettings(samples=2, refine=refine)):
        assert colored.pixels.shape == (*shape, 3)


def test_the_network_itself_can_be_painted_with() -> None:
    """`pixcolor.test`, random weights: n pictures, one for each draw, the same when asked again."""
    painter = Painter("pixcolor.test")
    settings = ColorizeSettings(samples=2, seed=1, size=32, rank=True)
    first, again = (painter.colorize(FLAT, settings) for _ in range(2))
    assert len(first) == 2
    assert settings_of(first[0]) == settings_of(again[0])
    for one, same in zip(first, again, strict=True):
        np.testing.assert_array_equal(one.pixels, same.pixels)
    assert not np.array_equal(first[0].pixels, first[1].pixels)


# A preview ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [Drawing(), "lrac.test"])
def test_a_preview_has_the_colors_of_the_whole_photo(model: Any) -> None:
    photo = Photo(np.kron(skimage.data.camera()[::4, ::4], np.ones((8, 8), np.uint8))[:, :, None])
    painter = Painter(model)
    prediction = painter.predict(photo)
    small = preview(prediction, 128)
    assert small.photo.size == (128, 128)
    assert small.answer is prediction.answer
    assert small.notes == prediction.notes
    [whole] = painter.paint_all(prediction)
    [shown] = painter.paint_all(small)
    expected = skimage.transform.resize(whole.pixels, (128, 128), anti_aliasing=True) * 255
    assert np.abs(shown.pixels - expected).mean() < 1.5


def test_a_preview_of_a_small_photo_is_the_photo() -> None:
    prediction = Painter(Drawing()).predict(FLAT)
    assert preview(prediction, 96) is prediction


# A model that draws a photo at once ---------------------------------------------------------------


def test_noise_is_all_that_it_is_asked_for(camera: Photo) -> None:
    """Its luma is Y in [-1, 1], which is 2 gray - 1; of statistics it has the running ones."""
    model = WholeDrawing()
    Painter(model).colorize(camera, ColorizeSettings(samples=3, size=128, temperature=0.25))
    luma, small = model.seen  # a second time for the doubt
    assert small.shape == (1, 1, 64, 64)
    expected = torch.tensor(camera.pixels[..., 0] / 127.5 - 1)
    torch.testing.assert_close(luma[0, 0].double(), expected, atol=2e-4, rtol=0)
    ways = ((3, 0.25), (8, 0.5))
    assert model.asked == [{"n": n, "temperature": t, "statistics": "running"} for n, t in ways]


def test_it_sees_the_whole_photo_in_multiples_of_its_unit() -> None:
    model = WholeDrawing(multiple_of=16)
    Painter(model).colorize(Photo(np.full((30, 50, 1), 99, np.uint8)))
    assert model.seen[0].shape == (1, 1, 64, 112)  # 64 x 106.7


def test_how_a_whole_drawing_was_made() -> None:
    _, second = Painter(WholeDrawing()).colorize(FLAT, ColorizeSettings(samples=2, seed=7))
    assert settings_of(second) == {
        "sample": 2, "seed": 7, "temperature": 0.5, "size": 64, "upsampling": "guided",
        "look": "natural", "saturation": 1.0,
    }  # fmt: skip


@pytest.mark.parametrize("stride", [1, 2, 8])
def test_chroma_of_any_size_is_what_comes_out(stride: int) -> None:
    """Of a gray photo 128/255: U and V through YUV and scikit-image's Lab, at the outer columns."""
    colored = Painter(WholeDrawing(stride=stride)).colorize(FLAT, ColorizeSettings(samples=3, seed=7))
    drawn = 0.25 * torch.rand(3, 2, generator=noise_generator(FLAT, 7))
    for photo, uv in zip(colored, drawn, strict=True):
        for column, sign in ((0, 1), (95, -1)):
            planes = (sign * uv)[None, :, None, None]
            rgb = YUV.merge(torch.full((1, 1, 1, 1), 2 * 128 / 255 - 1), planes).clamp(0, 1)
            expected = skimage.color.rgb2lab(rgb.flatten().double().numpy()[None, None])[0, 0, 1:]
            np.testing.assert_allclose(ab(photo)[:, column], np.broadcast_to(expected, (64, 2)), atol=0.6)


def test_its_colors_end_where_the_photo_s_shapes_do() -> None:
    """The border between its two colors lies on the photo's edge: guided keeps it sharper than bilinear."""
    step = np.full((512, 512, 1), 70, np.uint8)
    step[:, 256:] = 170
    width = {}
    for kind in ("guided", "bilinear"):
        [colored] = Painter(WholeDrawing()).colorize(Photo(step), ColorizeSettings(upsampling=kind))
        a = ab(colored)[256, :, 0]
        lowest, highest = sorted((a[:64].mean(), a[-64:].mean()))
        inside = (a > lowest + 0.1 * (highest - lowest)) & (a < highest - 0.1 * (highest - lowest))
        width[kind] = int(np.count_nonzero(inside))
    assert width["guided"] < width["bilinear"] / 2


def test_a_seed_is_one_series_of_whole_drawings() -> None:
    painter = Painter(WholeDrawing())
    few, many = (painter.colorize(FLAT, ColorizeSettings(samples=n, seed=3)) for n in (4, 8))
    for one, same in zip(few, many[:4], strict=True):
        np.testing.assert_array_equal(one.pixels, same.pixels)
    assert len({each.pixels.tobytes() for each in many}) == 8


def test_memory_runs_out_while_a_whole_photo_is_drawn() -> None:
    colored = Painter(WholeDrawing(fails_above=50)).colorize(FLAT, ColorizeSettings(samples=2))
    assert colored[0].notes == ("memory ran out at working size 64; 48 was used",)


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (7, 900), (33, 31)])
@pytest.mark.parametrize("unit", [1, 16])
def test_tiny_and_extreme_photos_at_once(rng: np.random.Generator, shape: tuple[int, int], unit: int) -> None:
    photo = Photo(rng.integers(0, 256, (*shape, 1), dtype=np.uint8))
    for colored in Painter(WholeDrawing(multiple_of=unit)).colorize(photo, ColorizeSettings(samples=2)):
        assert colored.pixels.shape == (*shape, 3)


@pytest.mark.parametrize("asked", [{"guidance": 0.5}, {"refine": False}, {"rank": True}])
def test_what_a_whole_drawing_has_not_is_refused_before_it_is_asked(asked: dict[str, Any]) -> None:
    model = WholeDrawing()
    with pytest.raises(ValueError, match=f"does not support {next(iter(asked))}"):
        Painter(model).colorize(FLAT, ColorizeSettings(**asked))
    assert not model.asked
