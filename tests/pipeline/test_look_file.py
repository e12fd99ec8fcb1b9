"""Look files: written, read, and wrong in every way."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from autochrome.errors import SettingsError
from autochrome.guidance import parse_hint
from autochrome.guidance.hint_files import Hint, Length, Point
from autochrome.io.photo import Photo, read_photo, write_photo
from autochrome.pipeline.look_file import as_look, read_look, write_look
from autochrome.pipeline.painter import Painter
from autochrome.pipeline.settings import ColorizeSettings

COLOR = np.tile(np.array([[200, 60, 30], [30, 60, 200]], np.uint8)[:, None], (8, 16, 1))


def test_every_setting_survives(tmp_path: Path) -> None:
    (tmp_path / "palettes").mkdir()
    write_photo(Photo(COLOR), tmp_path / "palettes" / "blue.png")
    third = Length(100 / 3, percent=True)
    settings = ColorizeSettings(
        look="vivid",
        saturation=1.1,
        vibrance=0.1,
        coherence=0.2,
        temperature=1 / 3,
        size=64,
        fuse="full",
        upsampling="bilinear",
        border_detection=False,
        samples=3,
        draws=12,
        keep_color=True,
        seed=2**63,
        guidance=0.3,
        refine=False,
        rank=True,
        reference=read_photo(tmp_path / "palettes" / "blue.png"),
        transfer="quantiles",
        warmth=-0.5,
        tint="teal",
        tint_strength=0.7,
        hints=(parse_hint("40%,25%,tomato"), Hint(Point((third, Length(7.0))), (0.0, 1.0, 0.2), 0.5)),
    )
    assert len(settings.changed()) == len(fields(settings)), "every setting differs from its default"
    write_look(settings, tmp_path / "mine.json")
    again = read_look(tmp_path / "mine.json")
    for name, value in settings.changed().items():
        if name != "reference":
            assert getattr(again, name) == value, name
    assert again.reference is not None
    np.testing.assert_array_equal(again.reference.pixels, COLOR)
    assert json.loads((tmp_path / "mine.json").read_text())["settings"]["reference"] == "palettes/blue.png"


def test_defaults_are_an_empty_look(tmp_path: Path) -> None:
    assert as_look(ColorizeSettings()) == {"version": 1, "settings": {}}
    (tmp_path / "mine.json").write_text('\ufeff{"version": 1}', encoding="utf-8")
    assert read_look(tmp_path / "mine.json") == ColorizeSettings()


def test_given_settings_replace_those_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text('{"version": 1, "settings": {"saturation": 1.2, "seed": 3, "reference": "nowhere.png"}}')
    reference = Photo(COLOR)
    settings = read_look(path, saturation=0.5, reference=reference)
    assert settings == ColorizeSettings(saturation=0.5, seed=3, reference=reference)


def test_a_colored_photo_lends_its_settings(tmp_path: Path) -> None:
    settings = ColorizeSettings(saturation=0.5, hints=(parse_hint("3,4,red"),))
    [colored] = Painter("cic.test").colorize(Photo(COLOR), settings)
    write_photo(colored, tmp_path / "a.jpg", provenance=colored.provenance)
    assert read_look(tmp_path / "a.jpg") == settings


def test_a_drawn_sample_asks_for_no_more_samples_than_it_needs() -> None:
    """So that the third of four has the metadata of the third of eight, and gives itself again."""
    painter = Painter("cgan.test")
    looks = []
    for count in (3, 4):
        several = painter.colorize(Photo(COLOR), ColorizeSettings(samples=count))
        looks.append([colored.provenance.look for colored in several if colored.provenance])
    assert looks[0] == looks[1][:3]
    assert looks[0][0] == as_look(ColorizeSettings())
    assert looks[0][2] == as_look(ColorizeSettings(samples=3))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[1]", "is neither a look file nor a photo that Autochrome has colored"),
        ("{", "is not JSON"),
        ('{"version": 1, "settings": []}', 'is not a look; write {"version": 1, "settings": {"look": "viv'),
        ("{}", "version is None, but this release reads version 1; save the look again with --save-look"),
        ('{"version": 2, "settings": {}}', "version is 2, but this release reads version 1"),
        ('{"version": true}', "version is True, but"),
        ('{"version": 1, "setting": {}}', "'setting' is not known in a look; did you mean settings?"),
        ('{"version": 1, "settings": {"vibrancy": 1}}', "'vibrancy' is not known in a look; did you mean"),
        ('{"version": 1, "settings": {"zoom": 1}}', "'zoom' is not known in a look; there may be look, sa"),
        ('{"version": 1, "settings": {"saturation": 9.0}}', "saturation must be a number from 0 to 3, not 9"),
        ('{"version": 1, "settings": {"tint": "blurple"}}', "'blurple' is not a color"),
        ('{"version": 1, "settings": {"hints": []}}', "hints is not a list of hints; write"),
        ('{"version": 1, "settings": {"hints": [{"color": "red"}]}}', "hints[0] has no place; write one of"),
        ('{"version": 1, "settings": {"reference": "b.png"}}', "b.png does not exist; give that photo"),
        ('{"version": 1, "settings": {"transfer": "energy"}}', "transfer needs reference"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "mine.json"
    path.write_text(content)
    with pytest.raises(SettingsError) as error:
        read_look(path)
    assert str(error.value).startswith(f"{path}: ")
    assert message in str(error.value)


def test_a_file_that_does_not_exist_and_a_photo_that_was_not_colored(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"cannot be read.*; name a look file"):
        read_look(tmp_path / "nowhere.json")
    write_photo(Photo(COLOR), tmp_path / "a.png")
    with pytest.raises(SettingsError, match="neither a look file nor a photo that Autochrome has colored"):
        read_look(tmp_path / "a.png")


def test_values_of_the_wrong_kind(tmp_path: Path) -> None:
    """In a program of its own: the type checks of this suite would come first."""
    values = {"saturation": "high", "samples": 2.5, "rank": 1, "tint": 5, "look": None}
    for name, value in values.items():
        (tmp_path / f"{name}.json").write_text(json.dumps({"version": 1, "settings": {name: value}}))
    program = (
        "import sys; from autochrome.pipeline.look_file import read_look\n"
        "for path in sys.argv[1:]:\n"
        "    try: read_look(path)\n"
        "    except ValueError as error: print(str(error).split(': ')[1])"
    )
    paths = [str(tmp_path / f"{name}.json") for name in values]
    run = subprocess.run([sys.executable, "-c", program, *paths], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines() == [
        "saturation must be a number from 0 to 3, not 'high'",
        "samples must be a whole number from 1 to 64, not 2.5",
        "rank must be true or false, not 1",
        "tint must be a color, not 5",
        "look must be one of natural, accurate, vivid, not None",
    ]


def test_a_reference_without_a_file_cannot_be_saved(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="the reference is not a file"):
        write_look(ColorizeSettings(reference=Photo(COLOR)), tmp_path / "mine.json")
    assert not list(tmp_path.iterdir())
