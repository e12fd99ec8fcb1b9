"""A photo's way: luma in, chroma out, everything else kept."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import skimage.color
import skimage.data
import torch
from torch import Tensor

from autochrome.color.lightness import rounded
from autochrome.color.spaces import HUE_CHROMA
from autochrome.io.photo import Photo
from autochrome.models.base import Colorizer, Samples
from autochrome.models.registry import create_model, model_spec
from autochrome.pipeline.painter import ColorizeSettings, Painter, choose_device
from tests.hue_model import HueModel


@pytest.fixture(scope="module")
def painter() -> Painter:
    torch.manual_seed(5)
    return Painter("cic.test")


@pytest.fixture
def camera() -> Photo:
    return Photo(np.ascontiguousarray(skimage.data.camera()[::4, ::4, None]))


def nearly_gray(height: int, width: int) -> np.ndarray:
    """128 give or take 4: what has one level all over would stay without color."""
    return np.tile(np.linspace(124, 132, width).round().astype(np.uint8)[:, None], (height, 1, 1))


class Constant(Colorizer):
    """Answers with one chroma everywhere, at a quarter of the luma's size; notes what it was shown."""

    def __init__(self, a: float = 20.0, b: float = -10.0, *, fails_above: int = 10**9) -> None:
        super().__init__()
        self.spec = replace(model_spec("gray"), working_size=64, multiple_of=32)
        self.ab, self.fails_above = (a, b), fails_above
        self.seen: list[Tensor] = []

    def sample(self, luma: Tensor, **_: Any) -> Samples:
        self.seen.append(luma)
        if min(luma.shape[2:]) > self.fails_above:
            raise torch.OutOfMemoryError("CUDA out of memory")
        chroma = torch.tensor(self.ab)[None, None, :, None, None]
        return Samples(chroma.expand(1, 1, 2, luma.shape[2] // 4, luma.shape[3] // 4), "lab")


class Sided(Constant):
    """Red where the left half of what it is shown lies, blue to the right."""

    def sample(self, luma: Tensor, **_: Any) -> Samples:
        chroma = torch.zeros(1, 1, 2, luma.shape[2] // 4, luma.shape[3] // 4)
        middle = chroma.shape[4] // 2
        chroma[..., 0, :, :middle], chroma[..., 1, :, middle:] = 40, -40
        return Samples(chroma, "lab")


def lab(photo: Photo) -> np.ndarray:
    white = {"uint8": 255, "uint16": 65535, "float32": 1}[photo.pixels.dtype.name]
    pixels = photo.pixels.astype(np.float64) / white
    return skimage.color.rgb2lab(np.repeat(pixels, 3, 2) if photo.is_gray else pixels)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [1, 3])
def test_lightness_and_depth_are_kept(painter: Painter, camera: Photo, dtype: type, channels: int) -> None:
    """L* moves no more than rounding to 8 bits moves it, at whatever depth."""
    scale = {np.uint8: 1, np.uint16: 257, np.float32: 1 / 255}[dtype]
    pixels = (np.repeat(camera.pixels, channels, axis=2) * np.float64(scale)).astype(dtype)
    photo = Photo(pixels)
    [colored] = painter.colorize(photo)
    assert colored.pixels.dtype == dtype
    assert colored.pixels.shape == (128, 128, 3)
    drift = np.abs(lab(colored)[..., 0] - lab(photo)[..., 0])
    # 8 bits: skimage, half a level in each channel; deeper photos hold L* to the gamut search's step.
    assert drift.mean() < (0.15 if dtype == np.uint8 else 0.01)
    assert np.abs(lab(colored)[..., 1:]).max() > 2


def test_sixteen_bits_are_not_eight(painter: Painter) -> None:
    ramp = np.linspace(20000, 30000, 64 * 64).astype(np.uint16).reshape(64, 64, 1)
    [colored] = painter.colorize(Photo(ramp))
    assert len(np.unique(colored.pixels[:, :, 1])) > 1000


def test_the_model_s_chroma_is_what_comes_out(camera: Photo) -> None:
    gentle = Photo((96 + camera.pixels // 4).astype(np.float32) / 255)
    [colored] = Painter(Constant(20.0, -10.0)).colorize(gentle)
    np.testing.assert_allclose(lab(colored)[..., 1], 20, atol=0.2)
    np.testing.assert_allclose(lab(colored)[..., 2], -10, atol=0.2)


def test_hues_are_turned_into_ab_before_they_are_interpolated() -> None:
    """Hue 11/12 beside hue 1/12, both reds: between them lies red, not the cyan of their mean 1/2."""
    photo = Photo(nearly_gray(256, 256))
    [colored] = Painter(HueModel(hues=(11, 1))).colorize(
        photo, ColorizeSettings(size=64, fuse="none", upsampling="bilinear")
    )
    assert colored.pixels[:, :, 0].min() > 150  # red throughout
    assert lab(colored)[..., 1].min() > 9


@pytest.mark.parametrize("hue", [0, 3, 8])
def test_hue_and_chroma_come_out_at_the_photo_s_lightness(hue: int) -> None:
    """Chroma 2.5/8 about gray 128/255: what `HUE_CHROMA` merges, in Lab's ab."""
    photo = Photo(nearly_gray(64, 64))
    [colored] = Painter(HueModel(hues=(hue, hue))).colorize(photo)
    planes = torch.tensor([128 / 255, hue / 12, 2.5 / 8])[None, :, None, None]
    expected = skimage.color.rgb2lab(HUE_CHROMA.merge(planes[:, :1], planes[:, 1:])[0, :, 0, 0].numpy())
    np.testing.assert_allclose(lab(colored)[..., 1:], np.broadcast_to(expected[1:], (64, 64, 2)), atol=1)


def test_gray_stays_gray(camera: Photo) -> None:
    [colored] = Painter("gray").colorize(camera)
    np.testing.assert_array_equal(colored.pixels, np.repeat(camera.pixels, 3, axis=2))


def test_all_else_is_kept(painter: Painter, camera: Photo) -> None:
    alpha = np.ascontiguousarray(camera.pixels[:, :, 0])
    photo = replace(camera, alpha=alpha, dpi=(300.0, 300.0), metadata={"exif": b"x"}, format="png")
    [colored] = painter.colorize(photo)
    assert colored.alpha is alpha
    assert (colored.dpi, colored.metadata, colored.format) == ((300.0, 300.0), {"exif": b"x"}, "png")


def test_how_it_was_made(camera: Photo) -> None:
    painter = Painter("cic.test")
    [colored] = painter.colorize(camera, ColorizeSettings(vibrance=0.25, fuse="none"))
    assert colored.provenance is not None
    assert colored.provenance.model == "cic.test"
    assert colored.provenance.settings == {
        "vibrance": 0.25, "temperature": 1 / 6, "size": 64, "fuse": "none", "upsampling": "guided",
        "look": "natural", "saturation": 1.0,
    }  # fmt: skip
    assert colored.provenance.software.startswith("Autochrome 0.")


# Color as input ---------------------------------------------------------------------------------


def test_color_is_taken_by_its_lightness_and_told() -> None:
    photo = Photo(np.ascontiguousarray(skimage.data.astronaut()[::8, ::8]))
    model = Constant()
    [colored] = Painter(model).colorize(photo)
    assert any("only its lightness was used" in note for note in colored.notes)
    expected = skimage.color.rgb2lab(photo.pixels)[..., 0]
    torch.testing.assert_close(model.seen[0][0, 0].double(), torch.tensor(expected), atol=1e-2, rtol=0)


@pytest.mark.parametrize(("noise", "told"), [(0, False), (3, False), (40, True)])
def test_nearly_gray_counts_as_gray(camera: Photo, noise: int, told: bool) -> None:
    rgb = np.repeat(camera.pixels, 3, axis=2).clip(0, 255 - noise)
    rgb[:, :, 2] += np.uint8(noise)
    [colored] = Painter("gray").colorize(Photo(rgb))
    assert bool(colored.notes) is told


# What the model sees -----------------------------------------------------------------------------


def test_the_photo_is_resized_to_multiples_of_what_the_model_needs(camera: Photo) -> None:
    """60 x 100 at size 60: the nearest multiples of 32. The luma is all photo, without padding."""
    model = Constant()
    ramp = np.tile(np.linspace(20, 230, 100).round().astype(np.uint8)[None, :, None], (60, 1, 1))
    Painter(model).colorize(Photo(ramp), ColorizeSettings(size=60, fuse="none"))
    [luma] = model.seen
    assert luma.shape == (1, 1, 64, 96)
    assert (luma[0, 0, 0].diff() > 0).all()


def test_views_of_other_scales_are_multiples_too(camera: Photo) -> None:
    model = Constant()
    Painter(model).colorize(camera, ColorizeSettings(size=128, fuse="full"))
    assert [tuple(luma.shape[2:]) for luma in model.seen[::2]] == [(128, 128), (96, 96), (160, 160)]


def test_lightness_is_shown_on_a_grid(camera: Photo) -> None:
    """So that systems whose lumas differ by roundings see the same photo."""
    model = Constant()
    Painter(model).colorize(camera, ColorizeSettings(size=96, fuse="none"))
    [luma] = model.seen
    assert torch.equal(luma, rounded(luma))


def test_luma_of_its_own_size_is_the_photo_s(camera: Photo) -> None:
    model = Constant()
    Painter(model).colorize(camera, ColorizeSettings(size=128, fuse="none"))
    torch.testing.assert_close(
        model.seen[0][0, 0].double(), torch.tensor(lab(camera)[..., 0]), atol=1e-2, rtol=0
    )


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 3), (7, 2000), (33, 31)])
def test_tiny_and_extreme_photos(painter: Painter, rng: np.random.Generator, shape: tuple[int, int]) -> None:
    photo = Photo(rng.integers(0, 256, (*shape, 1), dtype=np.uint8))
    for fuse in ("none", "full"):
        [colored] = painter.colorize(photo, ColorizeSettings(fuse=fuse))
        assert colored.pixels.shape == (*shape, 3)
        assert np.abs(lab(colored)[..., 0] - lab(photo)[..., 0]).mean() < 0.3


# Settings ----------------------------------------------------------------------------------------


def test_twice_is_the_same(painter: Painter, camera: Photo) -> None:
    for fuse in ("none", "mirror", "full"):
        settings = ColorizeSettings(fuse=fuse)
        first, second = (painter.colorize(camera, settings)[0].pixels for _ in range(2))
        np.testing.assert_array_equal(first, second)


def test_mirrored_photo_gets_mirrored_colors(painter: Painter, camera: Photo) -> None:
    """With the mirror image fused the pipeline has no left and right (sides are multiples of all grids)."""
    mirrored = Photo(np.ascontiguousarray(camera.pixels[:, ::-1]))
    for fuse, symmetric in (("mirror", True), ("none", False)):
        settings = ColorizeSettings(size=64, fuse=fuse)
        straight, turned = (painter.predict(photo, settings).answer for photo in (camera, mirrored))
        assert torch.allclose(straight.flip(3), turned, atol=1e-5) is symmetric


def test_fusing_averages_the_views(camera: Photo) -> None:
    """Red left and blue right, averaged with the mirror image, is the mean of both everywhere."""
    answer = Painter(Sided()).predict(camera, ColorizeSettings(size=64, fuse="mirror")).answer
    torch.testing.assert_close(answer[0, :, 0, 0], torch.tensor([20.0, -20.0]))
    torch.testing.assert_close(answer[0, :, -1, -1], torch.tensor([20.0, -20.0]))


def test_fused_log_probabilities_are_the_mean_of_the_views(painter: Painter, camera: Photo) -> None:
    from autochrome.models.cic.model import CIC

    assert isinstance(painter.model, CIC)
    prediction = painter.predict(camera, ColorizeSettings(size=64, fuse="mirror"))
    with torch.inference_mode():
        straight = torch.log_softmax(painter.model.predict(prediction.luma), 1)
        mirrored = torch.log_softmax(painter.model.predict(prediction.luma.flip(3)), 1).flip(3)
    torch.testing.assert_close(prediction.answer, (straight + mirrored) / 2)


def test_vibrance_and_temperature_change_colors_without_asking_again(painter: Painter, camera: Photo) -> None:
    prediction = painter.predict(camera)
    pictures = [
        painter.paint(prediction, ColorizeSettings(vibrance=v, temperature=t)).pixels
        for v, t in ((0.0, 0.2), (0.0, 1.0), (0.0, 0.0))
    ]
    assert not np.array_equal(pictures[0], pictures[1])
    assert not np.array_equal(pictures[0], pictures[2])
    painter.model.prior.copy_(torch.softmax(torch.linspace(0, 5, 313), 0))  # type: ignore[union-attr]
    try:
        vivid = painter.paint(prediction, ColorizeSettings(vibrance=1.0, temperature=0.2)).pixels
    finally:
        painter.model.prior.fill_(1 / 313)  # type: ignore[union-attr]
    assert not np.array_equal(pictures[0], vivid)


def test_upsampling_is_chosen() -> None:
    """Chroma differs left and right, and so does luma: guided keeps the border sharper than bilinear."""
    step = np.full((256, 256, 1), 90, np.uint8)
    step[:, 130:] = 200
    painter = Painter(Sided())
    width = {}
    for kind in ("guided", "bilinear"):
        [colored] = painter.colorize(Photo(step), ColorizeSettings(size=64, fuse="none", upsampling=kind))
        a = lab(colored)[128, :, 1]
        width[kind] = int(np.count_nonzero((a > 4) & (a < 36)))
    assert width["guided"] < width["bilinear"]


def test_a_model_without_distribution_has_no_vibrance(camera: Photo) -> None:
    with pytest.raises(ValueError, match="does not support vibrance or temperature"):
        Painter("gray").colorize(camera, ColorizeSettings(vibrance=0.5, temperature=1.0))


# Memory and devices ------------------------------------------------------------------------------


def test_memory_runs_out_and_the_note_says_so(camera: Photo) -> None:
    [colored] = Painter(Constant(fails_above=64)).colorize(camera, ColorizeSettings(size=256))
    assert colored.provenance is not None
    assert colored.provenance.settings["size"] == 60  # 256, 192, 144, 108, 81, 60
    assert "memory ran out at working size 256; 60 was used" in colored.notes
    assert np.ptp(colored.pixels, axis=2).max() > 0


def test_memory_that_never_suffices_is_an_error(camera: Photo) -> None:
    with pytest.raises(MemoryError, match="not enough memory for the model"):
        Painter(Constant(fails_above=1)).colorize(camera)


def test_other_errors_are_not_swallowed(camera: Photo) -> None:
    class Broken(Constant):
        def sample(self, luma: Tensor, **_: Any) -> Samples:
            raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        Painter(Broken()).colorize(camera)


def test_device_is_there_or_named_in_the_error() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    for name in ("cuda:99", "abacus"):
        with pytest.raises(ValueError, match=rf"device {name} is not available.*use auto or cpu"):
            choose_device(name)


def test_weights_for_a_model_already_made() -> None:
    with pytest.raises(ValueError, match="weights are only loaded into models given by name"):
        Painter(create_model("cic.test"), weights="some.safetensors")


def test_no_full_size_floats() -> None:
    """Of a photo of 6 megapixels the numpy memory beyond the 18 MB result is a few strips."""
    photo = Photo(np.zeros((2000, 3000, 1), np.uint8))
    painter = Painter(Constant())
    painter.colorize(Photo(photo.pixels[:64, :64]))
    tracemalloc.start()
    painter.colorize(photo)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 18e6 + 4e6


def test_borders_are_shown_to_the_model_where_their_search_is_turned_off() -> None:
    pixels = np.full((128, 96, 1), 250, np.uint8)
    pixels[16:112, 16:80] = np.random.default_rng(0).integers(0, 200, (96, 64, 1), np.uint8)
    painter = Painter(Constant())
    assert painter.predict(Photo(pixels)).extent.box == (16, 16, 112, 80)
    prediction = painter.predict(Photo(pixels), ColorizeSettings(border_detection=False))
    assert prediction.extent.is_whole
    assert not prediction.notes
