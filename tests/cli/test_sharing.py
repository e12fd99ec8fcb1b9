"""Two runs at once over one folder: each photo is colored once, and neither run fails."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from autochrome.cli.batch import Batch
from autochrome.cli.events import Event, Failed, Finished, Skipped, Started
from autochrome.cli.plan import FileOptions, make_plan
from autochrome.pipeline.painter import Painter
from autochrome.pipeline.settings import ColorizeSettings
from tests.cli.photos import LEDGER, names, put

PHOTOS = [f"{letter}.png" for letter in "abcdefgh"]


@pytest.fixture
def painter(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Painter:
    monkeypatch.chdir(tmp_path)
    return Painter("cic.test", weights=weights)


def results(events: list[Event]) -> tuple[list[str], list[str]]:
    """What a run colored, and what it left to others."""
    finished = [str(event.job.source) for event in events if isinstance(event, Finished)]
    return finished, [
        str(event.source) for event in events if isinstance(event, Skipped) and event.reason == "elsewhere"
    ]


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("samples", [1, 2])
def test_two_runs_share_the_photos(painter: Painter, samples: int, overwrite: bool) -> None:
    for name in PHOTOS:
        put(f"album/{name}")
    options = FileOptions(Path("out"), overwrite=overwrite, samples=samples)
    if overwrite:
        for name in PHOTOS:
            put(f"out/{name}")
    settings = ColorizeSettings(samples=samples)
    told: list[list[Event]] = [[], []]
    batches = [
        Batch(make_plan([Path("album")], options).jobs, settings, options, each.append) for each in told
    ]
    threads = [threading.Thread(target=batch.run, args=[painter]) for batch in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    (one, left_by_one), (two, left_by_two) = map(results, told)
    assert sorted(one + two) == [f"album/{name}" for name in PHOTOS]
    assert (sorted(left_by_one), sorted(left_by_two)) == (sorted(two), sorted(one))
    assert one
    assert two
    assert not any(isinstance(event, Failed) for events in told for event in events)
    assert not any(".autochrome-" in name for name in names())


def test_a_photo_that_another_run_is_at_comes_last(painter: Painter, monkeypatch: pytest.MonkeyPatch) -> None:
    """And is colored if the other one gives up."""
    for name in PHOTOS[:3]:
        put(name)
    options = FileOptions()
    jobs = make_plan([Path()], options).jobs
    begun, go_on = threading.Event(), threading.Event()

    def hold(event: Event) -> None:
        if isinstance(event, Started):
            begun.set()
            go_on.wait(60)
            raise RuntimeError("gives up")

    other = threading.Thread(target=Batch(jobs[:1], ColorizeSettings(), options, hold).run, args=[painter])
    told: list[Event] = []

    def tell(event: Event) -> None:
        told.append(event)
        if len(results(told)[0]) == 2:
            go_on.set()

    # A subscriber that waits keeps others from telling anything; not here, where both share a process.
    monkeypatch.setattr("autochrome.cli.batch.uninterrupted", threading.RLock)
    other.start()
    assert begun.wait(60)
    Batch(jobs, ColorizeSettings(), options, tell).run(painter)
    other.join(60)
    assert results(told)[0] == ["b.png", "c.png", "a.png"]


def test_what_another_run_has_made_since_the_plan_is_not_made_again(painter: Painter) -> None:
    put("a.png")
    options = FileOptions()
    jobs = make_plan([Path()], options).jobs
    first: list[Event] = []
    second: list[Event] = []
    Batch(jobs, ColorizeSettings(), options, first.append).run(painter)
    Batch(jobs, ColorizeSettings(), options, second.append).run(painter)
    assert results(first) == (["a.png"], [])
    assert results(second) == ([], ["a.png"])


def test_the_report_tells_of_the_other_run(colorize, monkeypatch: pytest.MonkeyPatch) -> None:
    put("a.png")
    from autochrome.cli import colorize as module

    original = module.make_painter

    def meanwhile(*arguments: str):
        put("a.colorized.png")
        return original(*arguments)

    monkeypatch.setattr(module, "make_painter", meanwhile)
    result = colorize("a.png")
    assert result.exit_code == 0
    assert "0 colorized, 1 colorized by another run meanwhile" in result.stderr


def test_folders_that_stay_empty_are_removed(colorize) -> None:
    Path("album/x/y").mkdir(parents=True)
    Path("album/x/y/a.png").write_text("no photo")
    put("album/z/b.png")
    assert colorize("album", "-r", "-o", "out/deep").exit_code == 1
    assert sorted(str(path) for path in Path("out").rglob("*")) == [
        "out/deep", f"out/deep/{LEDGER}", "out/deep/z", "out/deep/z/b.png",
    ]  # fmt: skip


def test_a_photo_that_changes_while_it_is_read(colorize, monkeypatch: pytest.MonkeyPatch) -> None:
    put("a.png")
    put("b.png")
    from autochrome.io import photo as module

    original = module.read_photo

    def changes(source, **options):
        photo = original(source, **options)
        if Path(source).name == "a.png":
            with open(source, "ab") as file:
                file.write(b"more")
        return photo

    monkeypatch.setattr(module, "read_photo", changes)
    result = colorize("a.png", "b.png")
    assert result.exit_code == 1
    assert "failed: a.png: changed while it was read" in result.stderr
    assert not Path("a.colorized.png").exists()
    assert Path("b.colorized.png").exists()
