"""The commands and the snippet of the README do what they say."""

from __future__ import annotations

import io
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import skimage.transform
from click.testing import CliRunner
from PIL import Image

from autochrome.cli.main import main
from autochrome.guidance import parse_hint, write_hints
from autochrome.io.photo import Photo, read_photo, write_photo

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [
    shlex.split(line, comments=True)[1:]
    for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
    if line.startswith("$ autochrome")
]
QUICK_STUDY = ("--trials", "1", "--practice", "0", "--vigilance", "0", "--size", "32")
# Sections that run the models again have tests of their own.
SLOW_SECTIONS = ("calibration", "errors", "interpretability", "stability", "sweeps")
QUICK_COMPARISON = (
    *("--samples", "2", "--workers", "1"),
    *(part for name in SLOW_SECTIONS for part in ("--without", name)),
)
QUICK_TRAINING = ("steps=1", "batch_size=2", "log_every=1", "accelerator=cpu")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with what the README's commands speak of: photos, an album, originals, the recipes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("autochrome.study.web.server.serve", lambda *given, **named: None)
    colors = skimage.transform.resize(skimage.data.astronaut(), (72, 64), anti_aliasing=True)
    picture = np.round(np.asarray(colors) * 255).astype(np.uint8)
    gray = Photo(np.ascontiguousarray(picture[:, :, :1]))
    for name in ("photo.jpg", "photo.png", "album/1920/wedding.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        write_photo(gray, tmp_path / name)
    page = Image.fromarray(picture[:, :, 0])
    page.save(tmp_path / "scan.tif", save_all=True, append_images=[page.rotate(180)])
    for name in ("originals/a.png", "originals/b.png", "my-photos/a.png", "my-photos/b.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        write_photo(Photo(picture[:, ::-1].copy() if name.endswith("b.png") else picture), tmp_path / name)
    write_photo(Photo(picture), tmp_path / "postcard.jpg")
    write_hints([parse_hint("50%,50%,tomato")], tmp_path / "hints.json")
    (tmp_path / "recipes").symlink_to(ROOT / "recipes")
    return tmp_path


def run(words: list[str], desk: Path) -> None:
    """Run one of the README's commands; a pipe's redirections are followed."""
    given = (desk / words[words.index("<") + 1]).read_bytes() if "<" in words else None
    target = desk / words[words.index(">") + 1] if ">" in words else None
    words = words[1 : min((words.index(sign) for sign in "<>" if sign in words), default=len(words))]
    if words[0] == "train":
        words += [part for setting in QUICK_TRAINING for part in ("--set", f"trainer.{setting}")]
    if words[:2] == ["study", "new"]:
        words += QUICK_STUDY
    if words[0] == "compare":
        words += QUICK_COMPARISON
    if words[0] == "colorize" and "pixcolor" in words:
        words += ["--size", "32"]  # it draws pixel by pixel
    result = CliRunner().invoke(main, words, input=io.BytesIO(given) if given else None)
    assert result.exit_code == 0, f"autochrome {' '.join(words)}\n{result.output}"
    if target:
        target.write_bytes(result.stdout_bytes)


def test_every_command_of_the_readme_works(desk: Path) -> None:
    """In their order, since later ones use what earlier ones made."""
    assert {words[1] for words in COMMANDS} >= {"colorize", "figures", "evaluate", "train"}
    for words in COMMANDS:
        run(words[0:1] + words[1:], desk)
    expected = (
        "photo.colorized.jpg",
        "photo.try.jpg",
        "photo.colorized.4.jpg",
        "photo.colorized.sheet.jpg",
        "hues.6.jpg",
        "unsure.uncertainty.png",
        "places.png",
        "report.html",
        "mine.jpg",
        "hinted/1920/wedding.jpg",
        "colored/1920/wedding.jpg",
        "scan.colorized.tif",
        "scan.page-001.colorized.tif",
        "colored.png",
        "sweep.png",
        "maps.png",
        "scores.json",
        "sheet.png",
        "comparison/report.html",
        "judged.html",
        "runs/mine/model.safetensors",
    )
    missing = [name for name in expected if not (desk / name).is_file()]
    assert not missing, f"not made: {missing}; there is {sorted(p.name for p in desk.rglob('*'))}"
    assert read_photo(desk / "colored.png").pixels.shape == (72, 64, 3)


def test_the_snippet_of_the_readme_works(desk: Path) -> None:
    """It is run as it stands."""
    (snippet,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    exec(compile(snippet, "README.md", "exec"), {})
    assert read_photo(desk / "colored.jpg").pixels.shape == (72, 64, 3)
