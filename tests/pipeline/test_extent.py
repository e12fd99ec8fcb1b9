"""Nothing but the photo is shown to the network: borders, mats, hidden pixels and faded tones."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import numpy as np
import PIL.Image
import pytest
import skimage.color
import skimage.data
import torch
from torch import Tensor
from torch.nn import functional as F

from autochrome.guidance import parse_hint
from autochrome.io.photo import Photo, read_photo
from autochrome.models.base import Colorizer, Samples
from autochrome.models.registry import model_spec
from autochrome.pipeline.extent import Extent, find_extent
from autochrome.pipeline.painter import ColorizedPhoto, ColorizeSettings, Painter
from autochrome.pipeline.predict import BORDER, NO_PICTURE, preview
from tests.drawing_model import WholeDrawing
from tests.hue_model import HueModel

SHAPE = (240, 320)
ROWS, COLUMNS = np.mgrid[: SHAPE[0], : SHAPE[1]]
OVAL = ((ROWS + 0.5) / SHAPE[0] - 0.5) ** 2 + ((COLUMNS + 0.5) / SHAPE[1] - 0.5) ** 2 < 0.25


class Echo(Colorizer):
    """Colors are what it sees: a* falls and b* grows with the mean lightness of each four by four pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.spec = replace(model_spec("gray"), working_size=64, multiple_of=4)
        self.seen: list[Tensor] = []

    def sample(self, luma: Tensor, **_: Any) -> Samples:
        self.seen.append(luma)
        cells = (F.avg_pool2d(luma, 4) - 50) * 0.4
        return Samples(torch.stack((-cells, cells), 2), "lab")


def scene(height: int = SHAPE[0], width: int = SHAPE[1]) -> np.ndarray:
    """A photograph in gray, "h w"."""
    gray = PIL.Image.fromarray(skimage.data.astronaut()).convert("L").resize((width, height))
    return np.asarray(gray)


def torn(seed: int = 0) -> np.ndarray:
    """True within an irregular outline, "h w"."""
    walks = np.random.default_rng(seed).normal(0, 1, (4, max(SHAPE))).cumsum(1)
    walks -= walks.min(1, keepdims=True)
    walks *= 18 / walks.max()
    top, bottom, left, right = walks + 3
    return (
        (top[COLUMNS] < ROWS)
        & (bottom[COLUMNS] < SHAPE[0] - ROWS)
        & (left[ROWS] < COLUMNS)
        & (right[ROWS] < SHAPE[1] - COLUMNS)
    )


def framed(gray: np.ndarray, down: int, across: int, level: int) -> np.ndarray:
    return np.pad(gray, ((down, down), (across, across)), constant_values=level)


def jpeg(gray: np.ndarray, quality: int) -> np.ndarray:
    stream = io.BytesIO()
    PIL.Image.fromarray(gray).save(stream, "JPEG", quality=quality)
    return np.asarray(PIL.Image.open(stream))


def photo_of(gray: np.ndarray, dtype: Any = np.uint8) -> Photo:
    scale = {np.uint8: 1, np.uint16: 257, np.float32: 1 / 255}[dtype]
    return Photo((gray * np.float64(scale)).astype(dtype)[..., None])


def picture_of(gray: np.ndarray) -> tuple[Extent, np.ndarray]:
    """The extent, and which pixels it takes for picture."""
    extent = find_extent(gray[..., None])
    top, left, bottom, right = extent.box
    shown = np.zeros(gray.shape, bool)
    outside = extent.outside(top, bottom)
    shown[top:bottom, left:right] = True if outside is None else ~outside
    return extent, shown


def lab(photo: Photo) -> np.ndarray:
    return skimage.color.rgb2lab(np.broadcast_to(photo.pixels, (*photo.size, 3)))


def ab(photo: Photo) -> np.ndarray:
    return lab(photo)[..., 1:]


def chroma(photo: Photo) -> np.ndarray:
    return np.hypot(*np.moveaxis(ab(photo), 2, 0))


def colorized(photo: Photo, model: Colorizer | None = None, **asked: Any) -> ColorizedPhoto:
    return Painter(model or Echo()).colorize(photo, ColorizeSettings(**asked))[0]


# Borders and bars ---------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [0, 16, 128, 255])
@pytest.mark.parametrize("share", [0.01, 0.05, 0.2])
def test_colors_within_a_border_are_those_without_it(share: float, level: int) -> None:
    width = max(2, round(share * SHAPE[0]))
    plain = colorized(photo_of(scene()))
    bordered = colorized(photo_of(framed(scene(), width, width, level)))
    assert chroma(plain).mean() > 8
    np.testing.assert_array_equal(bordered.pixels[width:-width, width:-width], plain.pixels)
    border = np.ones(bordered.size, bool)
    border[width:-width, width:-width] = False
    np.testing.assert_array_equal(bordered.pixels[border], level)
    assert bordered.notes == (BORDER,)
    assert plain.notes == ()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize(("down", "across"), [(40, 0), (0, 40), (7, 31)])
def test_letterbox_bars_of_any_depth(down: int, across: int, dtype: Any) -> None:
    extent = find_extent(photo_of(framed(scene(), down, across, 0), dtype).pixels)
    assert extent.box == (down, across, down + SHAPE[0], across + SHAPE[1])
    assert extent.fills_box


@pytest.mark.parametrize("turned", [False, True])
def test_bars_of_a_narrow_picture_that_are_deeper_than_it_is_wide(turned: bool) -> None:
    gray = np.full((400, 48), 20, np.uint8)
    gray[80:-80] = scene(240, 48)
    pixels = np.ascontiguousarray((gray.T if turned else gray)[..., None])
    top, left, bottom, right = find_extent(pixels, None).box
    assert ((left, right) if turned else (top, bottom)) == (80, 320)


def test_a_border_in_a_color_file_is_found() -> None:
    rgb = np.pad(skimage.data.astronaut()[::2, ::2], ((20, 20), (20, 20), (0, 0)), constant_values=16)
    assert find_extent(rgb).box == (20, 20, 276, 276)


def test_frames_within_frames() -> None:
    """White paper around the film's black edge."""
    extent = find_extent(framed(framed(scene(), 9, 9, 3), 14, 14, 250)[..., None])
    assert extent.box == (23, 23, 23 + SHAPE[0], 23 + SHAPE[1])


@pytest.mark.parametrize("quality", [75, 92])
@pytest.mark.parametrize("level", [0, 16, 255])
def test_a_border_with_the_noise_of_jpeg(level: int, quality: int) -> None:
    extent, _ = picture_of(jpeg(framed(scene(), 13, 13, level), quality))
    wanted = (13, 13, 13 + SHAPE[0], 13 + SHAPE[1])
    assert np.abs(np.subtract(extent.box, wanted)).max() <= 3


@pytest.mark.parametrize("level", [16, 235])
def test_a_border_with_the_noise_of_a_scanner(rng: np.random.Generator, level: int) -> None:
    noisy = framed(scene(), 13, 13, level) + rng.normal(0, 1.5, (SHAPE[0] + 26, SHAPE[1] + 26))
    extent, _ = picture_of(noisy.round().clip(0, 255).astype(np.uint8))
    assert np.abs(np.subtract(extent.box, (13, 13, 13 + SHAPE[0], 13 + SHAPE[1]))).max() <= 1


def test_the_whole_file_can_be_asked_about_as_it_is() -> None:
    model = Echo()
    painter = Painter(model)
    prediction = painter.predict(photo_of(framed(scene() * 0.3 + 60, 30, 50, 0)), as_is=True)
    assert prediction.extent.is_whole
    assert model.seen[0][..., 0].max() == 0
    assert model.seen[0].max() < 60
    assert chroma(painter.paint(prediction))[:, 100:-100].mean() > 1
    assert prediction.notes == ()


@pytest.mark.parametrize("asked", [{"fuse": "none"}, {"fuse": "full"}, {"temperature": 0.5}])
def test_every_view_of_a_model_with_a_distribution_sees_the_photo_alone(asked: dict[str, Any]) -> None:
    plain = colorized(photo_of(scene()), HueModel((2, 7)), **asked)
    bordered = colorized(photo_of(framed(scene(), 30, 50, 0)), HueModel((2, 7)), **asked)
    np.testing.assert_array_equal(bordered.pixels[30:-30, 50:-50], plain.pixels)


def test_models_that_draw_see_the_photo_alone() -> None:
    plain, bordered = WholeDrawing(), WholeDrawing()
    settings = ColorizeSettings(samples=2, seed=5)
    without = Painter(plain).colorize(photo_of(scene()), settings)
    within = Painter(bordered).colorize(photo_of(framed(scene(), 30, 50, 0)), settings)
    torch.testing.assert_close(bordered.seen[0], plain.seen[0])
    for one, other in zip(without, within, strict=True):
        np.testing.assert_array_equal(other.pixels[30:-30, 50:-50], one.pixels)
        assert other.uncertainty is None or other.uncertainty.values[0].max() == 0


# Mats of other shapes -----------------------------------------------------------------------------


@pytest.mark.parametrize("level", [0, 16, 128, 255])
@pytest.mark.parametrize("shape", ["oval", "torn"])
def test_a_mat_of_another_shape_stays_neutral_and_unseen(shape: str, level: int) -> None:
    inside = OVAL if shape == "oval" else torn()
    model = Echo()
    gray = (60 + scene() * 0.5).astype(np.uint8)  # nothing as dark or bright as most of the mats
    matted = colorized(photo_of(np.where(inside, gray, level).astype(np.uint8)), model, fuse="none")
    plain = colorized(photo_of(gray))
    assert (chroma(matted)[~inside] > 0.1).mean() < 0.002
    assert BORDER in matted.notes
    # What is next to the mat is filled in for the network, and differs a little from what was there.
    difference = np.hypot(*np.moveaxis(ab(matted) - ab(plain), 2, 0))[inside].mean()
    assert difference < 0.15 * chroma(plain)[inside].mean()
    if level in (0, 255):
        [seen] = model.seen
        assert seen.min() > 5
        assert seen.max() < 95


@pytest.mark.parametrize("size", [(1500, 2000), (300, 400)])
def test_the_edge_of_a_mat_is_exact_in_photos_of_any_size(size: tuple[int, int]) -> None:
    rows, columns = np.mgrid[: size[0], : size[1]]
    oval = (rows / size[0] - 0.5) ** 2 + (columns / size[1] - 0.5) ** 2 < 0.24
    _, shown = picture_of(np.where(oval, scene(*size) // 2, 200).astype(np.uint8))
    assert (shown != oval).mean() < 1e-3


def test_two_photos_on_a_page() -> None:
    page = np.full((500, 400), 40, np.uint8)
    page[30:230, 50:350] = scene(200, 300)
    page[270:470, 50:350] = scene(200, 300)[:, ::-1]
    _, shown = picture_of(page)
    assert not shown[235:265].any()
    assert shown[32:228, 52:348].mean() > 0.98
    assert shown[272:468, 52:348].mean() > 0.98


def test_a_skewed_scan() -> None:
    # Without black of its own, which cannot be told from the scanner's.
    turned = PIL.Image.fromarray(np.maximum(scene(), 25)).rotate(3, expand=True, fillcolor=0)
    inside = np.asarray(PIL.Image.fromarray(np.full(SHAPE, 255, np.uint8)).rotate(3, expand=True)) > 0
    colored = colorized(photo_of(np.asarray(turned)))
    assert (chroma(colored)[~inside] < 0.1).all()
    _, shown = picture_of(np.asarray(turned))
    assert (shown != inside).mean() < 0.02


# What is no mat ------------------------------------------------------------------------------------


def vignette() -> np.ndarray:
    away = np.hypot(ROWS / SHAPE[0] - 0.5, COLUMNS / SHAPE[1] - 0.5)
    return (scene() * (1 - away).clip(0, 1) ** 3).astype(np.uint8)


def gradient() -> np.ndarray:
    return np.linspace(0, 60, SHAPE[0])[:, None].round().astype(np.uint8) + np.zeros(SHAPE, np.uint8)


def white_sky() -> np.ndarray:
    horizon = 80 + 25 * np.sin(COLUMNS / 20)
    return np.where(horizon > ROWS, 255, scene() // 2 + 30).astype(np.uint8)


def night() -> np.ndarray:
    """A dark ground with the texture of film."""
    lit = np.hypot(ROWS - 120, COLUMNS - 160) < 60
    grain = np.random.default_rng(1).normal(12, 4, SHAPE).clip(0, 255)
    return np.where(lit, scene(), grain).astype(np.uint8)


def clipped_shadows() -> np.ndarray:
    """Black in two corners and along a part of the bottom."""
    shadow = (ROWS + COLUMNS < 90) | ((ROWS > 200) & (abs(COLUMNS - 140) < 70 + ROWS % 7))
    return np.where(shadow, 0, scene() // 2 + 40).astype(np.uint8)


def cut_out() -> np.ndarray:
    """A thing before a white ground, as shops show it."""
    star = np.hypot(ROWS - 120, COLUMNS - 160) < 60 + 30 * np.cos(5 * np.arctan2(ROWS - 120, COLUMNS - 160))
    return np.where(star, scene() // 2, 255).astype(np.uint8)


@pytest.mark.parametrize("made", [scene, vignette, gradient, white_sky, night, clipped_shadows, cut_out])
def test_what_belongs_to_the_photo_is_left_in_it(made: Any) -> None:
    extent = find_extent(made()[..., None])
    assert extent.is_whole
    assert not extent.has_mat
    assert not extent.is_uniform


def test_shadows_that_touch_a_black_border_are_left_in_the_photo() -> None:
    extent = find_extent(framed(clipped_shadows(), 12, 12, 0)[..., None])
    assert extent.box == (12, 12, 12 + SHAPE[0], 12 + SHAPE[1])
    assert extent.fills_box


def test_photos_without_borders_are_all_shown() -> None:
    for name in ("camera", "astronaut", "coffee", "chelsea", "rocket"):
        pixels = getattr(skimage.data, name)()
        assert find_extent(pixels.reshape(*pixels.shape[:2], -1)).is_whole


# Hidden pixels -------------------------------------------------------------------------------------


def encoded(gray: np.ndarray, mode: str, shown: np.ndarray, hidden: int) -> bytes:
    """A PNG whose hidden pixels have a level of their own."""
    values = PIL.Image.fromarray(np.where(shown, gray, hidden).astype(np.uint8))
    alpha = PIL.Image.fromarray((shown * 255).astype(np.uint8))
    stream = io.BytesIO()
    if mode == "P":
        # Index 255 is the one that is hidden, and any color is behind it.
        indices = np.where(shown, gray // 2, 255).astype(np.uint8)
        image = PIL.Image.fromarray(indices, "P")
        image.putpalette([min(255, 2 * i) for i in range(255) for _ in "rgb"] + [hidden] * 3)
        image.save(stream, "PNG", transparency=bytes([255] * 255 + [0]))
    else:
        bands = [values] * (len(mode) - 1)
        PIL.Image.merge(mode, [*bands, alpha]).save(stream, "PNG")
    return stream.getvalue()


@pytest.mark.parametrize("mode", ["LA", "RGBA", "P"])
def test_what_is_hidden_is_neither_seen_nor_colored(mode: str) -> None:
    dark, bright = (
        colorized(read_photo(encoded(scene(), mode, OVAL, hidden)), HueModel((2, 7))) for hidden in (10, 240)
    )
    seen = []
    for hidden in (10, 240):
        model = Echo()
        colorized(read_photo(encoded(scene(), mode, OVAL, hidden)), model)
        seen.append(model.seen[0])
    torch.testing.assert_close(seen[0], seen[1], atol=0.2, rtol=0)
    np.testing.assert_allclose(dark.pixels[OVAL].astype(int), bright.pixels[OVAL].astype(int), atol=1)
    assert chroma(dark)[OVAL].mean() > 5
    for colored in (dark, bright):
        assert chroma(colored)[~OVAL].max() < 0.1
        assert colored.notes == ()


def test_a_photo_that_is_all_hidden_has_no_picture() -> None:
    pixels = scene()[..., None]
    colored = colorized(Photo(pixels, np.zeros(SHAPE, np.uint8)))
    np.testing.assert_array_equal(colored.pixels, np.repeat(pixels, 3, 2))
    assert colored.notes == (NO_PICTURE,)


# No picture ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [0, 64, 128, 200, 255])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_uniform_photo_stays_neutral(level: int, dtype: Any) -> None:
    photo = photo_of(np.full((240, 320), level), dtype)
    colored = colorized(photo, HueModel())
    assert chroma(photo_of(scene())).max() < 0.1 < chroma(colorized(photo_of(scene()), HueModel())).max()
    assert colored.pixels.dtype == dtype
    np.testing.assert_allclose(lab(colored), lab(photo), atol=0.01)
    assert NO_PICTURE in colored.notes


def test_noise_is_no_picture_but_a_faint_one_is(rng: np.random.Generator) -> None:
    noisy = (128 + rng.normal(0, 2, SHAPE)).round().astype(np.uint8)
    assert find_extent(noisy[..., None]).is_uniform
    faint = (120 + scene() * 0.05).round().astype(np.uint8)
    assert not find_extent(faint[..., None]).is_uniform


def test_a_color_that_is_known_is_given_even_to_a_uniform_photo() -> None:
    photo = photo_of(np.full(SHAPE, 128))
    colored = colorized(photo, HueModel(), hints=(parse_hint("50%,50%,#b06060"),))
    assert chroma(colored)[120, 160] > 20


# Tones ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("contrast", [0.4, 0.3])
def test_a_faded_photo_gets_the_colors_of_its_unfaded_self(contrast: float, dtype: Any) -> None:
    plain = colorized(photo_of(scene(), dtype))
    pale = photo_of(scene() * contrast + 90, dtype)
    faded = colorized(pale)
    np.testing.assert_allclose(lab(faded)[..., 0], lab(pale)[..., 0], atol=0.6)
    apart = np.hypot(*np.moveaxis(ab(faded) - ab(plain), 2, 0))
    # In the plain photo's deepest shadows sRGB has no room for its colors.
    lit = lab(plain)[..., 0] > 30
    assert apart[lit].mean() < 0.35 * chroma(plain)[lit].mean()


def test_a_border_does_not_count_as_a_tone() -> None:
    """Black and white around a faded photo; its own tones are stretched as without."""
    pale = (scene() * 0.4 + 90).astype(np.uint8)
    plain, bordered = Echo(), Echo()
    colorized(photo_of(pale), plain)
    colorized(photo_of(framed(framed(pale, 8, 8, 255), 12, 12, 0)), bordered)
    torch.testing.assert_close(bordered.seen[0], plain.seen[0])
    assert plain.seen[0].max() - plain.seen[0].min() > 70


# Where things are ----------------------------------------------------------------------------------


def test_hints_are_where_they_are_put() -> None:
    """By pixels of the file: the same place of the photo with and without a border."""
    plain = colorized(photo_of(scene()), HueModel(sureness=(1.0, 1.0)), hints=(parse_hint("100,60,crimson"),))
    hints = (parse_hint("150,90,crimson"),)
    bordered = colorized(photo_of(framed(scene(), 30, 50, 0)), HueModel(sureness=(1.0, 1.0)), hints=hints)
    np.testing.assert_allclose(bordered.pixels[30:-30, 50:-50].astype(int), plain.pixels.astype(int), atol=1)


def test_a_hint_on_the_border_is_left_out_and_the_note_says_so() -> None:
    photo = photo_of(framed(scene(), 30, 50, 0))
    plain = colorized(photo, HueModel(sureness=(1.0, 1.0)))
    hinted = colorized(photo, HueModel(sureness=(1.0, 1.0)), hints=(parse_hint("5,5,crimson"),))
    np.testing.assert_array_equal(hinted.pixels, plain.pixels)
    assert any("5,5" in note and "border" in note for note in hinted.notes)


def test_the_uncertainty_covers_the_file_and_is_0_on_the_border() -> None:
    plain = colorized(photo_of(scene()), HueModel(sureness=(0.0, 9.0))).uncertainty
    bordered = colorized(photo_of(framed(scene(), 120, 320, 0)), HueModel(sureness=(0.0, 9.0))).uncertainty
    assert plain is not None
    assert bordered is not None
    height, width = plain.values.shape
    assert bordered.values.shape == (2 * height, 3 * width)
    top, left = height // 2, width
    np.testing.assert_array_equal(bordered.values[top : top + height, left : left + width], plain.values)
    assert not bordered.values[:top].any()
    assert not bordered.values[:, :left].any()


def test_a_preview_has_its_border_in_the_same_place() -> None:
    prediction = Painter(Echo()).predict(photo_of(framed(scene(), 48, 64, 0)))
    painted = Painter(Echo()).paint(preview(prediction, 112))
    assert painted.size == (84, 112)
    assert max(chroma(painted)[:12].max(), chroma(painted)[:, :16].max()) < 0.01
    assert chroma(painted)[13:71, 17:95].mean() > 5


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (7, 900), (16, 16)])
def test_tiny_and_extreme_photos(rng: np.random.Generator, shape: tuple[int, int]) -> None:
    alpha = rng.integers(0, 2, shape, dtype=np.uint8)
    alpha[0, 0] = 255
    photo = Photo(rng.integers(0, 256, (*shape, 1), dtype=np.uint8), alpha)
    assert colorized(photo).pixels.shape == (*shape, 3)


def test_the_search_for_borders_can_be_turned_off() -> None:
    """What is hidden stays so, and a plain page is still no picture."""
    pixels = np.full((120, 100, 1), 245, np.uint8)
    pixels[20:100, 20:80] = np.random.default_rng(0).integers(0, 256, (80, 60, 1), np.uint8)
    assert find_extent(pixels).has_mat
    whole = find_extent(pixels, borders=False)
    assert whole.is_whole
    assert not whole.has_mat
    alpha = np.full((120, 100), 255, np.uint8)
    alpha[:, :10] = 0
    assert not find_extent(pixels, alpha, borders=False).fills_box
    assert find_extent(np.full((120, 100, 1), 245, np.uint8), borders=False).is_uniform
