"""What a person asks for reaches the colors, through the API, with models of every kind."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.color
import skimage.data
import torch

import autochrome
from autochrome.errors import HintError, PhotoError, SettingsError
from autochrome.guidance import parse_hint, write_hints
from autochrome.io.photo import Photo, write_photo
from autochrome.pipeline.decode import decode
from autochrome.pipeline.painter import ColorizedPhoto, ColorizeSettings, Painter
from autochrome.pipeline.reference import Reference, check_reference
from tests.drawing_model import Drawing, WholeDrawing
from tests.hue_model import HueModel

# All but flat: what has one level all over would stay without color.
FLAT = Photo(np.tile(np.linspace(124, 132, 96).round().astype(np.uint8)[:, None], (64, 1, 1)))
CAMERA = Photo(np.ascontiguousarray(skimage.data.camera()[::4, ::4, None]))
COFFEE = Photo(np.ascontiguousarray(skimage.data.coffee()[::4, ::4]), source=Path("/home/someone/coffee.png"))


def ab(photo: Photo) -> np.ndarray:
    """a* and b* by scikit-image."""
    return skimage.color.rgb2lab(photo.pixels)[..., 1:]


def made_with(colored: ColorizedPhoto) -> dict[str, Any]:
    assert colored.provenance is not None
    return dict(colored.provenance.settings)


def of_one_color(rgb: tuple[int, int, int]) -> Photo:
    return Photo(np.tile(np.array(rgb, np.uint8), (40, 60, 1)))


@pytest.fixture(scope="module")
def cic() -> Painter:
    return Painter("cic.test")  # untrained: unsure of everything, so that everything follows


# A reference -------------------------------------------------------------------------------------


@pytest.mark.parametrize("transfer", ["energy", "quantiles"])
@pytest.mark.parametrize("model", ["cic.test", "lrac.test", "hue"])
def test_a_palette_comes_over(model: str, transfer: str) -> None:
    painter = Painter(HueModel(sureness=(0.0, 0.0)) if model == "hue" else model)
    for color in ((60, 110, 200), (200, 120, 40)):
        settings = ColorizeSettings(temperature=1.0, reference=of_one_color(color), transfer=transfer)
        [colored] = painter.colorize(FLAT, settings)
        a, b = ab(colored).mean((0, 1))
        wanted = ab(of_one_color(color)).mean((0, 1))
        off = np.degrees(np.arctan2(b, a) - np.arctan2(wanted[1], wanted[0])) + 180
        assert abs(off % 360 - 180) < 25
        assert np.hypot(a, b) > 12
        assert made_with(colored)["transfer"] == transfer


def test_the_transfer_depends_on_the_kind_of_model(cic: Painter) -> None:
    kinds = {}
    for name, painter in (("cic", cic), ("drawn", Painter(Drawing())), ("gray", Painter("gray"))):
        [colored] = painter.colorize(CAMERA, ColorizeSettings(reference=COFFEE))
        kinds[name] = made_with(colored)["transfer"]
        assert np.abs(ab(colored)).max() > 5
    assert kinds == {"cic": "energy", "drawn": "quantiles", "gray": "quantiles"}


def test_the_reference_is_named_without_its_folder(cic: Painter) -> None:
    [colored] = cic.colorize(CAMERA, ColorizeSettings(reference=COFFEE))
    assert made_with(colored)["reference"] == "coffee.png"
    [colored] = cic.colorize(CAMERA, ColorizeSettings(reference=replace(COFFEE, source=None)))
    assert made_with(colored)["reference"] == "in memory"


def test_every_sample_takes_the_palette() -> None:
    colored = Painter(Drawing()).colorize(FLAT, ColorizeSettings(samples=2, reference=COFFEE))
    assert [made_with(each)["reference"] for each in colored] == ["coffee.png"] * 2


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_reference_of_any_depth(dtype: type) -> None:
    scale = {np.uint8: 1, np.uint16: 257, np.float32: 1 / 255}[dtype]
    photo = Photo((COFFEE.pixels * np.float64(scale)).astype(dtype))
    rgb = Reference(photo, 64).rgb
    assert rgb.shape == (1, 3, 64, 96)
    np.testing.assert_allclose(rgb, Reference(COFFEE, 64).rgb, atol=1e-5)


def test_a_reference_is_reduced_and_never_enlarged() -> None:
    assert Reference(of_one_color((9, 99, 199)), 64).rgb.shape == (1, 3, 40, 60)
    large = Photo(np.tile(COFFEE.pixels, (9, 9, 1)))
    assert Reference(large, 50).rgb.shape == (1, 3, 50, 75)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_gray_reference_is_refused(cic: Painter, channels: int) -> None:
    gray = Photo(np.repeat(CAMERA.pixels, channels, axis=2), source=Path("/a/gray.png"))
    with pytest.raises(ValueError, match=r"the reference gray.png has no colors; give a photo in"):
        cic.colorize(CAMERA, ColorizeSettings(reference=gray))


def test_a_reference_that_is_no_photo() -> None:
    with pytest.raises(TypeError, match="a reference must be a Photo"):
        check_reference("photo.jpg")  # type: ignore[arg-type]


@pytest.mark.parametrize("model", ["gray", "cgan.test"])
def test_energy_needs_a_distribution_or_the_trunk(model: str) -> None:
    with pytest.raises(SettingsError, match="does not support transfer=energy"):
        Painter(model).colorize(CAMERA, ColorizeSettings(reference=COFFEE, transfer="energy"))


def test_the_call_takes_references_of_every_kind(cic: Painter, tmp_path: Path) -> None:
    path = tmp_path / "coffee.png"
    write_photo(COFFEE, path)
    from_path = autochrome.colorize(CAMERA.pixels, model=cic, reference=path)
    for reference in (str(path), COFFEE, COFFEE.pixels, path.read_bytes()):
        np.testing.assert_array_equal(
            autochrome.colorize(CAMERA.pixels, model=cic, reference=reference), from_path
        )
    with pytest.raises(PhotoError, match="does not exist"):
        autochrome.colorize(CAMERA.pixels, model=cic, reference=tmp_path / "nowhere.jpg")
    with pytest.raises(TypeError, match="a photo is a path"):
        autochrome.colorize(CAMERA.pixels, model=cic, reference=7)


# Looks and saturation ------------------------------------------------------------------------------


LOOKS = {"accurate": {"temperature": 0.25, "fuse": "full"}, "vivid": {"temperature": 1.0, "saturation": 1.5}}


def with_looks(model: Any) -> Painter:
    """A painter of a model that knows every look."""
    model.spec = replace(model.spec, looks=LOOKS)
    return Painter(model)


@pytest.mark.parametrize("model", [HueModel(), WholeDrawing(), Drawing()])
def test_saturation_multiplies_chroma_and_turns_no_hue(model: Any) -> None:
    painter = Painter(model)
    prediction = painter.predict(FLAT)
    decoded = {
        factor: decode(painter.model, prediction, ColorizeSettings(saturation=factor), 0, None).ab
        for factor in (0.0, 0.5, 1.0, 3.0)
    }
    assert decoded[1.0].abs().max() > 5
    for factor, found in decoded.items():
        torch.testing.assert_close(found, factor * decoded[1.0])
    [gray] = painter.colorize(FLAT, ColorizeSettings(saturation=0.0))
    np.testing.assert_array_equal(gray.pixels, np.repeat(FLAT.pixels, 3, axis=2))


def test_half_the_saturation_is_half_the_chroma_of_the_picture() -> None:
    [full] = Painter(HueModel()).colorize(FLAT)
    [half] = Painter(HueModel()).colorize(FLAT, ColorizeSettings(saturation=0.5))
    np.testing.assert_allclose(ab(half), ab(full) / 2, atol=0.6)
    assert made_with(half)["saturation"] == 0.5


def test_a_palette_is_as_saturated_as_asked(cic: Painter) -> None:
    for transfer in ("energy", "quantiles"):
        settings = ColorizeSettings(reference=COFFEE, transfer=transfer)
        [full] = cic.colorize(FLAT, settings)
        [half] = cic.colorize(FLAT, replace(settings, saturation=0.5))
        np.testing.assert_allclose(ab(half).mean((0, 1)), ab(full).mean((0, 1)) / 2, atol=0.6)


@pytest.mark.parametrize("saturation", [0.0, 0.5, 2.0])
def test_a_color_that_is_known_stays_whatever_the_saturation(saturation: float) -> None:
    """The whole photo is said to be of one color, and so it is."""
    hint = parse_hint("50%,50%,#b06060")
    painter = with_looks(HueModel(sureness=(1.0, 1.0)))
    settings = ColorizeSettings(hints=(hint,), saturation=saturation, look="vivid")
    [colored] = painter.colorize(FLAT, settings)
    [wanted] = skimage.color.rgb2lab(np.array([[[0xB0, 0x60, 0x60]]], np.uint8))[0, :, 1:]
    np.testing.assert_allclose(ab(colored)[32, 48], wanted, atol=2)


def test_a_look_is_the_same_as_its_values() -> None:
    painter = with_looks(HueModel(sureness=(1.0, 2.0)))
    for look, values in LOOKS.items():
        [by_name] = painter.colorize(CAMERA, ColorizeSettings(look=look))
        [by_values] = painter.colorize(CAMERA, ColorizeSettings(**values))  # type: ignore[arg-type]
        np.testing.assert_array_equal(by_name.pixels, by_values.pixels)
    drawing = with_looks(WholeDrawing())
    [by_name] = drawing.colorize(FLAT, ColorizeSettings(look="vivid", seed=3))
    [by_values] = drawing.colorize(FLAT, ColorizeSettings(temperature=1.0, saturation=1.5, seed=3))
    np.testing.assert_array_equal(by_name.pixels, by_values.pixels)


def test_the_look_and_what_it_stood_for_are_recorded() -> None:
    painter = with_looks(HueModel())
    [colored] = painter.colorize(CAMERA, ColorizeSettings(look="vivid", saturation=0.5, fuse="none"))
    made = made_with(colored)
    assert (made["look"], made["saturation"], made["look_saturation"]) == ("vivid", 0.5, 1.5)
    assert (made["temperature"], made["fuse"]) == (1.0, "none")
    [plain] = painter.colorize(CAMERA)
    assert "look_saturation" not in made_with(plain)
    drawn = with_looks(Drawing()).colorize(FLAT, ColorizeSettings(look="vivid", samples=2))
    assert [made_with(each)["temperature"] for each in drawn] == [1.0, 1.0]
    assert made_with(drawn[1])["look"] == "vivid"


def test_what_is_recorded_makes_the_picture_again() -> None:
    painter = with_looks(HueModel(sureness=(1.0, 2.0)))
    [colored] = painter.colorize(CAMERA, ColorizeSettings(look="vivid", saturation=0.75))
    known = {field.name for field in fields(ColorizeSettings)}
    made = {name: value for name, value in made_with(colored).items() if name in known}
    [again] = painter.colorize(CAMERA, ColorizeSettings(**made))
    np.testing.assert_array_equal(again.pixels, colored.pixels)


def test_one_prediction_is_painted_in_every_look() -> None:
    painter = with_looks(HueModel(sureness=(1.0, 2.0)))
    prediction = painter.predict(CAMERA)
    settings = ColorizeSettings(look="vivid")
    [alone] = painter.colorize(CAMERA, settings)
    np.testing.assert_array_equal(painter.paint(prediction, settings).pixels, alone.pixels)


def test_a_look_that_the_model_lacks_is_refused(cic: Painter) -> None:
    with pytest.raises(SettingsError, match=r"cic\.test does not support look=vivid"):
        cic.colorize(CAMERA, ColorizeSettings(look="vivid"))
    with pytest.raises(SettingsError, match=r"gray\.baseline does not support look=accurate"):
        autochrome.colorize(CAMERA.pixels, model="gray", look="accurate")


# Biases ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["cic.test", "lrac.test", "hue"])
def test_warmer_and_cooler(model: str) -> None:
    painter = Painter(HueModel(sureness=(0.0, 0.0)) if model == "hue" else model)
    prediction = painter.predict(FLAT)
    warm, cool = (ab(painter.paint(prediction, ColorizeSettings(warmth=w))).mean((0, 1)) for w in (1.0, -1.0))
    assert warm[1] > 5
    assert cool[1] < -5
    assert warm[0] > cool[0]
    assert made_with(painter.paint(prediction, ColorizeSettings(warmth=-1.0)))["warmth"] == -1.0


def test_a_tint_by_name_and_by_number(cic: Painter) -> None:
    prediction = cic.predict(FLAT)
    named, numbered = (
        cic.paint(prediction, ColorizeSettings(tint=tint, tint_strength=1.0)) for tint in ("teal", "#008080")
    )
    np.testing.assert_array_equal(named.pixels, numbered.pixels)
    a, b = ab(named).mean((0, 1))
    assert a < -10
    assert -20 < b < 0
    assert made_with(named)["tint"] == "teal"
    assert made_with(named)["tint_strength"] == 1.0
    assert "tint_strength" not in made_with(cic.paint(prediction))


def test_biases_move_what_is_unsure() -> None:
    """Left the model knows nothing, right it is sure of a green."""
    painter = Painter(HueModel(hues=(4, 4), sureness=(0.0, 60.0)))
    settings = [ColorizeSettings(fuse="none", tint=tint, tint_strength=1.0) for tint in ("crimson", "navy")]
    one, other = (ab(painter.colorize(FLAT, each)[0]) for each in settings)
    apart = np.linalg.norm(one - other, axis=2)
    assert apart[:, :40].mean() > 20
    assert apart[:, 56:].mean() < 2


# Rotated biases ----------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["cic.test", "lrac.test", "hue"])
def test_several_colorizations_go_around_the_hues(model: str) -> None:
    painter = Painter(HueModel(sureness=(0.0, 0.0)) if model == "hue" else model)
    colored = painter.colorize(FLAT, ColorizeSettings(samples=5))
    assert [made_with(each).get("rotation") for each in colored] == [None, 0.0, 90.0, 180.0, 270.0]
    assert [made_with(each)["sample"] for each in colored] == [1, 2, 3, 4, 5]
    [own] = painter.colorize(FLAT)
    np.testing.assert_array_equal(colored[0].pixels, own.pixels)
    a, b = np.array([ab(each).mean((0, 1)) for each in colored]).T
    assert a[1] - a[3] > 8
    assert b[2] - b[4] > 8


def test_one_colorization_tells_of_no_samples(cic: Painter) -> None:
    assert not {"sample", "rotation"} & set(made_with(cic.colorize(FLAT)[0]))


def test_the_model_is_asked_once(cic: Painter) -> None:
    prediction = cic.predict(FLAT)
    assert len(prediction.answer) == 1
    assert len(list(cic.paint_all(prediction, ColorizeSettings(samples=3)))) == 3
    assert len(autochrome.colorize(CAMERA.pixels, model=cic, samples=2)) == 2


# Hints -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["cic.test", "lrac.test", "hue"])
def test_a_hinted_place_gets_the_asked_color(model: str) -> None:
    painter = Painter(HueModel(sureness=(0.0, 0.0)) if model == "hue" else model)
    wanted = skimage.color.rgb2lab(np.array([[[0x46, 0x82, 0xB4]]], np.uint8))[0, 0, 1:]
    colored = autochrome.colorize(FLAT, model=painter, hints=["48,32,steelblue"])
    np.testing.assert_allclose(ab(colored)[30:35, 46:51].mean((0, 1)), wanted, atol=6)
    [said] = made_with(colored)["hints"]
    assert said["color"] == "#4682b4"


def test_hints_have_the_last_word(cic: Painter) -> None:
    """Over a tint, a reference and whatever a rotated bias favors."""
    hints = ["25%,50%,#b44646,10%", "75%,50%,#4682b4,10%"]
    several = autochrome.colorize(FLAT, model=cic, hints=hints, tint="gold", reference=COFFEE, samples=3)
    matched = autochrome.colorize(FLAT, model=cic, hints=hints, reference=COFFEE, transfer="quantiles")
    for colored in (*several, matched):
        assert ab(colored)[32, 24, 0] > 20
        assert ab(colored)[32, 72, 1] < -15


def test_hints_from_a_file_and_as_objects(cic: Painter, tmp_path: Path) -> None:
    hints = (parse_hint("48,32,steelblue"),)
    write_hints(hints, tmp_path / "hints.json")
    from_file, as_objects = (
        autochrome.colorize(FLAT, model=cic, hints=given).pixels for given in (tmp_path / "hints.json", hints)
    )
    np.testing.assert_array_equal(from_file, as_objects)


def test_a_hint_outside_the_photo_is_told_before_the_model_works(
    cic: Painter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cic.model, "predict", None)
    with pytest.raises(HintError, match="the hint at 96,10 lies outside the photo, which has 96 x 64 pixels"):
        autochrome.colorize(FLAT, model=cic, hints=["96,10,red"])


@pytest.mark.parametrize("model", ["gray", "cgan.test"])
def test_hints_need_a_distribution_or_the_trunk(model: str) -> None:
    with pytest.raises(SettingsError, match="does not support hints"):
        autochrome.colorize(FLAT, model=Painter(model), hints=["9,9,red"])
