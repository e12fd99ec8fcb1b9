"""The public surface: names, kinds of photos, settings."""

from __future__ import annotations

import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

import autochrome
from autochrome.errors import UnknownModelError
from autochrome.io.photo import Photo, write_photo
from autochrome.pipeline.painter import ColorizedPhoto, Painter
from tests.drawing_model import Drawing


@pytest.fixture(scope="module")
def painter() -> Painter:
    return Painter("cic.test")


@pytest.fixture
def gray() -> np.ndarray:
    return np.ascontiguousarray(skimage.data.camera()[::8, ::8])


def test_all_is_sorted_and_complete() -> None:
    assert autochrome.__all__ == sorted(autochrome.__all__)
    assert set(autochrome.__all__) <= set(dir(autochrome))
    for name in autochrome.__all__:
        assert getattr(autochrome, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'colorise'"):
        autochrome.colorise  # noqa: B018


def test_import_loads_neither_torch_nor_numpy() -> None:
    program = "import sys, autochrome; print({'torch', 'numpy', 'pyvips'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("shape", ["hw", "hw1", "hw3"])
def test_array_gives_an_array_of_its_type(
    painter: Painter, gray: np.ndarray, dtype: type, shape: str
) -> None:
    array = {np.uint8: gray, np.uint16: gray.astype(np.uint16) * 257}.get(dtype, (gray / 255).astype(dtype))
    array = {"hw": array, "hw1": array[:, :, None], "hw3": np.dstack([array] * 3)}[shape]
    before = array.copy()
    colored = autochrome.colorize(array, model=painter)
    assert isinstance(colored, np.ndarray)
    assert (colored.shape, colored.dtype) == ((64, 64, 3), np.dtype(dtype))
    assert np.ptp(colored, axis=2).max() > 0
    np.testing.assert_array_equal(array, before)


@pytest.mark.parametrize(
    ("array", "error", "told"),
    [
        (np.zeros((4, 4), np.int32), TypeError, "uint8, uint16 or floats.*not int32"),
        (np.zeros((4, 4), bool), TypeError, "not bool"),
        (np.zeros((4, 4, 4), np.uint8), ValueError, "with alpha"),
        (np.zeros((4, 4, 2), np.uint8), ValueError, r"not \(4, 4, 2\)"),
        (np.zeros((4,), np.uint8), ValueError, "shape"),
        (np.zeros((0, 4), np.uint8), ValueError, "shape"),
        (np.full((4, 4), 255.0), ValueError, r"must lie in \[0, 1\], not 255 to 255"),
        (np.array([[0.5, np.nan]]), ValueError, "the photo contains NaN; replace these values"),
        ([[1, 2]], TypeError, "a path, a PIL image or a numpy array, not list"),
    ],
)
def test_arrays_that_are_no_photo(painter: Painter, array: object, error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        autochrome.colorize(array, model=painter)


@pytest.mark.parametrize(
    ("mode", "result"),
    [("L", "RGB"), ("RGB", "RGB"), ("LA", "RGBA"), ("RGBA", "RGBA"), ("1", "RGB"), ("P", "RGB"),
     ("CMYK", "RGB"), ("I;16", "RGB"), ("I", "RGB")],
)  # fmt: skip
def test_pil_gives_pil(painter: Painter, gray: np.ndarray, mode: str, result: str) -> None:
    if mode in ("I;16", "I"):
        image = Image.fromarray(gray.astype({"I;16": np.uint16, "I": np.int32}[mode]) * 257)
    else:
        image = Image.fromarray(gray).convert(mode)
    image.info["comment"] = "kept"
    assert image.mode == mode
    # PIL has no color of 16 bits.
    with pytest.warns(UserWarning, match="8 bits") if mode.startswith("I") else nullcontext():
        colored = autochrome.colorize(image, model=painter)
    assert isinstance(colored, Image.Image)
    assert (colored.mode, colored.size) == (result, (64, 64))
    assert colored.info["comment"] == "kept"
    if mode != "1":  # black and white alone have no color that sRGB could hold
        assert np.ptp(np.asarray(colored)[:, :, :3], axis=2).max() > 0


def test_pil_alpha_is_kept(painter: Painter, gray: np.ndarray) -> None:
    image = Image.fromarray(np.dstack((gray, 255 - gray)), "LA")
    colored = np.asarray(autochrome.colorize(image, model=painter))
    np.testing.assert_array_equal(colored[:, :, 3], 255 - gray)


def test_pil_floats_have_no_range(painter: Painter) -> None:
    with pytest.raises(ValueError, match="mode F has no known range"):
        autochrome.colorize(Image.new("F", (4, 4)), model=painter)


def test_path_and_bytes_give_a_photo(painter: Painter, gray: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "gray.png"
    Image.fromarray(gray).save(path)
    for source in (path, str(path), path.read_bytes()):
        colored = autochrome.colorize(source, model=painter)
        assert isinstance(colored, ColorizedPhoto)
        assert colored.pixels.shape == (64, 64, 3)
        assert colored.format == "png"
    write_photo(colored, tmp_path / "colored.png", provenance=colored.provenance)
    assert autochrome.read_photo(tmp_path / "colored.png").pixels.shape == (64, 64, 3)


def test_several_samples_are_a_list_of_the_kind_that_was_given(gray: np.ndarray) -> None:
    painter = Painter(Drawing())
    several = autochrome.colorize(gray, model=painter, samples=3, seed=5)
    assert [type(each) for each in several] == [np.ndarray] * 3
    assert not np.array_equal(several[0], several[1])
    images = autochrome.colorize(Image.fromarray(gray), model=painter, samples=2, seed=5)
    np.testing.assert_array_equal(np.asarray(images[1]), several[1])
    one = autochrome.colorize(Photo(gray[:, :, None]), model=painter, samples=1, seed=5)
    np.testing.assert_array_equal(one.pixels, several[0])


def test_every_kind_gets_the_same_colors(painter: Painter, gray: np.ndarray) -> None:
    from_array = autochrome.colorize(gray, model=painter)
    from_pil = autochrome.colorize(Image.fromarray(gray), model=painter)
    from_photo = autochrome.colorize(Photo(gray[:, :, None]), model=painter)
    np.testing.assert_array_equal(from_array, np.asarray(from_pil))
    np.testing.assert_array_equal(from_array, from_photo.pixels)


@pytest.mark.parametrize(
    ("settings", "error", "told"),
    [
        ({"vibrance": 3.0}, ValueError, "vibrance must be a number from -1 to 2, not 3"),
        ({"guidance": -0.1}, ValueError, "guidance must be a number from 0 to 2"),
        ({"temperature": -0.1}, ValueError, "temperature must be a number from 0 to 1"),
        ({"temperature": float("nan")}, ValueError, "temperature"),
        ({"size": 8}, ValueError, "size must be a whole number from 32 to 2048"),
        ({"fuse": "all"}, ValueError, "fuse must be one of none, mirror, full"),
        ({"upsampling": "cubic"}, ValueError, "upsampling must be one of guided, bilinear"),
        (
            {"contrast": 1.0},
            TypeError,
            "the settings are look, saturation, vibrance, coherence, temperature, size, fuse",
        ),
        ({"samples": 0}, ValueError, "samples must be a whole number from 1 to 64, not 0"),
        ({"seed": -1}, ValueError, "seed must be a whole number of 0 or more"),
        ({"tint": "turqoise"}, ValueError, "did you mean turquoise"),
    ],
)
def test_wrong_settings(gray: np.ndarray, settings: dict, error: type[Exception], told: str) -> None:
    with pytest.raises(error, match=told):
        autochrome.colorize(gray, model="cic.test", **settings)


def test_unknown_model(gray: np.ndarray) -> None:
    with pytest.raises(UnknownModelError, match="did you mean"):
        autochrome.colorize(gray, model="cic.tset")


def test_named_models_stay_loaded(gray: np.ndarray) -> None:
    """`cic.test` is random: only if it is kept do two calls agree."""
    first = autochrome.colorize(gray, model="cic.test")
    np.testing.assert_array_equal(first, autochrome.colorize(gray, model="cic.test"))


WRONG_CALLS = {
    "autochrome.colorize(gray, model='cic.test', hints=[1])": "HintError",
    "autochrome.colorize(gray, model='cic.test', hints=1)": "TypeError",
    "autochrome.colorize(gray, model='cic.test', hints='40%,25%,rde')": "HintError",
    "autochrome.colorize(gray, model='cic.test', weights=3)": "TypeError",
    "autochrome.colorize(gray, model=3)": "TypeError",
    "autochrome.colorize(gray, model='cic.test', device='meta')": "SettingsError",
    "autochrome.colorize(gray, model='cic.test', device=None)": "SettingsError",
    "autochrome.colorize('https://example.com/a.jpg', model='cic.test')": "PhotoError",
    "autochrome.colorize(pathlib.Path('https://example.com/a.jpg'), model='cic.test')": "PhotoError",
    "autochrome.colorize(None, model='cic.test')": "TypeError",
    "autochrome.read_photo(None)": "TypeError",
    "autochrome.read_photo('a.png', page='1')": "TypeError",
    "autochrome.read_photo('a.png', page=10 ** 5000)": "PhotoError",
    "autochrome.write_photo(None)": "TypeError",
    "autochrome.write_photo(gray)": "TypeError",
}


def test_wrong_calls_are_answered_in_a_line(gray: np.ndarray, tmp_path: Path) -> None:
    """In a process of its own: the type checks of this suite would come first."""
    Image.fromarray(gray).save(tmp_path / "a.png")
    program = (
        "import autochrome, numpy, pathlib, sys\n"
        "gray = numpy.full((32, 32), 90, numpy.uint8)\n"
        "for call in sys.argv[1:]:\n"
        "    try: eval(call)\n"
        "    except Exception as error: print(type(error).__name__, len(str(error)) < 300)\n"
        "autochrome.colorize(gray, model='cic.test', hints=None)\n"
        "autochrome.colorize(gray, model='cic.test', hints='40%,25%,red')\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, *WRONG_CALLS],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=True,
    )
    assert run.stdout.splitlines() == [f"{name} True" for name in WRONG_CALLS.values()]
