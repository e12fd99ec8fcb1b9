"""The command that makes the conditional GAN's tables, with tiny models and models made up for it."""

from __future__ import annotations

import math
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from autochrome.color.spaces import LAB
from autochrome.data.photos import decode_rgb
from autochrome.data.sources import open_source
from autochrome.evaluation.scores import evaluate
from autochrome.io.photo import Photo, write_photo
from autochrome.metrics.baselines import gray
from autochrome.metrics.diversity import sample_errors
from autochrome.models.base import Colorizer, ModelSpec, Samples
from autochrome.pipeline.noise import noise_seed
from autochrome.pipeline.painter import ColorizeSettings, Painter
from benchmarks.cgan_table import main
from benchmarks.painted_samples import SINGLE_ANSWERS, Painted, measure, measure_rivals
from benchmarks.painted_tables import accuracy_table, color_table, diversity_table
from benchmarks.sample_tables import series_intersections
from tests.data.made_photos import encode, landscape, write_folder, write_shard

SETTINGS = ColorizeSettings(samples=3, seed=5)


class OneColor(Colorizer):
    """Draws a and b once for the whole photo, normally distributed, and remembers how it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.spec = ModelSpec("dice", "test", "lab", 32, 1, "", draws=True, defaults={"temperature": 1.0})
        self.asked: list[tuple[int, float, int]] = []

    def sample(
        self,
        luma: torch.Tensor,
        *,
        n: int = 1,
        temperature: float | None = None,
        generator: torch.Generator | None = None,
    ) -> Samples:
        assert generator is not None
        assert temperature is not None
        self.asked.append((generator.initial_seed(), temperature, min(luma.shape[2:])))
        drawn = [torch.randn(2, 1, 1, generator=generator) for _ in range(n)]
        ab = 8 * temperature * torch.stack(drawn)[None]
        return Samples(ab.expand(1, n, 2, *luma.shape[2:]), "lab")


def rows(text: str) -> dict[str, list[str]]:
    """Cells of every row of the tables, by its first cell."""
    lines = [[cell.strip() for cell in line[1:-1].split("|")] for line in text.splitlines() if "|" in line]
    return {line[0]: line[1:] for line in lines}


def made_up(**changed: torch.Tensor) -> Painted:
    """Two photos of 10 and 30 pixels, two samples of each."""
    one = torch.ones(2, 1, dtype=torch.float64)
    flat = torch.ones(2, 2, 2, 3, dtype=torch.float64)
    values: dict[str, torch.Tensor] = {
        "psnr": torch.tensor([[20.0, 24.0], [22.0, 30.0]], dtype=torch.float64),
        "auc": torch.tensor([[80.0, 84.0], [86.0, 90.0]], dtype=torch.float64),
        "ciede2000": torch.tensor([[12.0, 8.0], [10.0, 4.0]], dtype=torch.float64),
        "ms_ssim": 0.9 * one[..., None].expand(2, 1, 3),
        "spread": 3 * one,
        "delta_e": 2 * one,
        "histograms": flat,
        "histograms_truth": flat[:, 0],
        "ms_ssim_chroma": 0.7 * one,
        "colorfulness": torch.tensor([[20.0, 30.0], [40.0, 50.0]], dtype=torch.float64),
        "colorfulness_truth": torch.tensor([[30.0], [50.0]], dtype=torch.float64),
        "chroma": torch.tensor([[100.0, 300.0], [100.0, 300.0]], dtype=torch.float64),
        "chroma_truth": torch.tensor([[100.0], [500.0]], dtype=torch.float64),
        "pixels": torch.tensor([[10.0], [30.0]], dtype=torch.float64),
        "mean_errors": torch.tensor([[25.0, 88.0, 7.0], [27.0, 90.0, 5.0]], dtype=torch.float64),
    }
    return Painted(**{**values, **changed})


def test_figures_are_those_of_the_pictures_that_a_person_gets(photos: Path, tmp_path: Path) -> None:
    """The evaluator, on files that the pipeline wrote."""
    painter = Painter("pixcolor.test", device="cpu")
    found = measure(painter, open_source(photos), 3, SETTINGS)
    results = tmp_path / "second samples"
    results.mkdir()
    for path in sorted(photos.iterdir()):
        painted = painter.colorize(Photo(read(path)), SETTINGS)
        write_photo(painted[1], results / f"{path.stem}.png")
    scores = evaluate(photos, results, baselines=False)
    judged, pooled = scores.per_photo["second samples"], scores.systems["second samples"]
    assert found.psnr[:, 1].tolist() == pytest.approx(judged["psnr"], abs=1e-4)
    assert found.auc[:, 1].tolist() == pytest.approx(judged["auc"], abs=1e-3)
    assert found.ciede2000[:, 1].tolist() == pytest.approx(judged["ciede2000"], abs=1e-3)
    assert found.colorfulness[:, 1].tolist() == pytest.approx(judged["colorfulness"], rel=1e-5)
    assert found.colorfulness_truth[:, 0].tolist() == pytest.approx(judged["colorfulness_truth"], rel=1e-5)
    total = found.pixels.sum()
    assert (found.chroma[:, 1].sum() / total).item() == pytest.approx(pooled["chroma"].value, rel=1e-5)
    assert (found.chroma_truth.sum() / total).item() == pytest.approx(pooled["chroma_truth"].value, rel=1e-5)
    a, b = series_intersections(found)[1, 0].tolist()
    assert a == pytest.approx(pooled["intersection_a"].value, abs=1e-9)
    assert b == pytest.approx(pooled["intersection_b"].value, abs=1e-9)
    assert found.ms_ssim.shape == (3, 3, 3)
    assert found.ms_ssim_chroma.shape == (3, 3)


def read(path: Path) -> np.ndarray:
    return np.ascontiguousarray(decode_rgb(path.read_bytes()))


def test_photos_have_noise_of_their_own_and_the_settings_reach_the_model(photos: Path) -> None:
    model = OneColor()
    measure(Painter(model, device="cpu"), open_source(photos), 2, replace(SETTINGS, temperature=0.5, size=48))
    pictures = [Photo(read(path)) for path in sorted(photos.iterdir())[:2]]
    # Every second time it is asked for the doubt, with one noise for all.
    assert model.asked[::2] == [(noise_seed(picture, 5), 0.5, 48) for picture in pictures]
    assert model.asked[1::2] == 2 * [(0, 1.0, 32)]
    assert model.asked[0] != model.asked[2]


def test_without_noise_the_samples_do_not_differ(photos: Path) -> None:
    painter = Painter(OneColor(), device="cpu")
    still = measure(painter, open_source(photos), 1, replace(SETTINGS, temperature=0.0))
    assert still.delta_e.abs().max() == 0
    assert still.ms_ssim.min() == pytest.approx(1, abs=1e-5)
    moved = measure(painter, open_source(photos), 1, SETTINGS)
    # a and b with a standard deviation of 8 each; three draws stray around it, and sRGB ends somewhere.
    assert 2 < moved.spread.item() < 20
    assert moved.ms_ssim_chroma.max() < 1


def test_the_mean_color_of_opposite_samples_is_gray(photos: Path) -> None:
    class Opposite(OneColor):
        def sample(self, luma: torch.Tensor, **how: object) -> Samples:
            ab = torch.tensor([[5.0, 3.0], [-5.0, -3.0]])[None, :, :, None, None]
            return Samples(ab.expand(1, 2, 2, *luma.shape[2:]), "lab")

    found = measure(Painter(Opposite(), device="cpu"), open_source(photos), 1, replace(SETTINGS, samples=2))
    truth = torch.from_numpy(read(photos / "astronaut.png")).permute(2, 0, 1)[None] / 255
    wanted = sample_errors(gray(truth), truth)
    # Rounding to 8 bits and, in black and white, the end of sRGB leave it a little off.
    assert found.mean_errors[0, 0].item() == pytest.approx(wanted["psnr"].item(), abs=0.1)
    assert found.mean_errors[0, 2].item() == pytest.approx(wanted["ciede2000"].item(), abs=0.3)
    assert LAB.split(truth)[1].abs().mean() > 5, "or gray would be the truth"


def test_rivals_are_painted_by_the_pipeline(photos: Path) -> None:
    rivals = measure_rivals("cic.test", open_source(photos), 2)
    assert list(rivals) == ["cic.test, default", "cic.test, most accurate", "gray"]
    photo = Photo(read(photos / "chelsea.png"))
    truth = torch.from_numpy(photo.pixels).permute(2, 0, 1)[None] / 255
    painted = Painter("gray", device="cpu").colorize(photo)[0]
    by_pipeline = sample_errors(torch.from_numpy(painted.pixels).permute(2, 0, 1)[None] / 255, truth)
    assert rivals["gray"]["psnr"][1].item() == pytest.approx(by_pipeline["psnr"].item(), abs=0.02)
    assert set(SINGLE_ANSWERS) == {"default", "most accurate"}


def test_colors_by_hand() -> None:
    """Colorfulness: (25 + 45) / 2 is 7/8 of (30 + 50) / 2. Chroma over pooled pixels: 400 / 40, 600 / 40."""
    found = rows(color_table({"model": made_up()}))
    assert found["samples / photos"][0].startswith("0.875 [")
    assert found["within 20%"] == ["yes"]
    assert found["mean chroma of the samples"][0].startswith("10.00 [")
    assert found["mean chroma of the photos"][0].startswith("15.00 [")
    assert found["intersection a, each series"] == ["1.000, 1.000"]
    vivid = made_up(colorfulness=torch.tensor([[60.0, 30.0], [50.0, 60.0]], dtype=torch.float64))
    found = rows(color_table({"model": made_up(), "vivid": vivid}))
    assert found["samples / photos"][1].startswith("1.250 [")
    assert found["within 20%"] == ["yes", "no"]


def test_an_intersection_by_hand() -> None:
    """Three bins, alike in the truth. The second series has all in the first bin: min(1, 1/3) is a third."""
    histograms = torch.ones(2, 2, 2, 3, dtype=torch.float64)
    histograms[:, 1, 0] = torch.tensor([3.0, 0.0, 0.0], dtype=torch.float64)
    found = rows(color_table({"model": made_up(histograms=histograms)}))
    assert found["intersection a, each series"] == ["1.000, 0.333"]
    assert found["intersection a, mean of the series"][0].startswith("0.667 [")
    assert found["intersection a, first series"][0].startswith("1.000 [")
    assert found["intersection b, mean of the series"][0].startswith("1.000 [")


def test_diversity_by_hand() -> None:
    """MS-SSIM .9 in every channel of every pair lies in .90 to .95, which holds its lower end."""
    found = rows(diversity_table({"model": made_up()}))
    assert found["MS-SSIM of pairs, mean"] == ["0.900 [0.900, 0.900]"]
    assert found["share in .90 to .95"] == ["1.000 [1.000, 1.000]"]
    assert found["MS-SSIM of pairs in Cb and Cr, mean"] == ["0.700 [0.700, 0.700]"]
    assert found["standard deviation in ab, CIE units"] == ["3.00 [3.00, 3.00]"]
    none = torch.empty(2, 0, dtype=torch.float64)
    small = made_up(ms_ssim=none[..., None].expand(2, 0, 3), ms_ssim_chroma=none)
    text = diversity_table({"model": made_up(), "small": small})
    assert rows(text)["MS-SSIM of pairs, mean"] == ["0.900 [0.900, 0.900]", ""]
    assert "MS-SSIM was left out" in text
    assert diversity_table({"model": made_up(delta_e=none)}) == "One sample: no diversity."


def test_accuracy_is_told_beside_single_answers() -> None:
    rival = {key: torch.tensor(pair, dtype=torch.float64) for key, pair in
             (("psnr", [21.0, 21.0]), ("auc", [85.0, 85.0]), ("ciede2000", [9.0, 9.0]))}  # fmt: skip
    found = rows(accuracy_table(made_up(), {"cic, default": rival, "cic, most accurate": rival}))
    head = found["mean over photos"]
    assert head == ["PSNR", "AuC per photo", "CIEDE2000", "PSNR above cic, most accurate",
                    "AuC above cic, most accurate"]  # fmt: skip
    for name, wanted in (
        ("best of 1", (24.0, 85.0, 8.5, 3.0, 0.0)),
        ("best of 2", (27.0, 87.0, 6.0, 6.0, 2.0)),
        ("mean color of the samples", (26.0, 89.0, 6.0, 5.0, 4.0)),
    ):
        assert [float(cell.split(" ")[0]) for cell in found[name]] == pytest.approx(wanted)
    assert found["cic, default"][3:] == ["", ""]


def test_a_photo_without_error_is_left_out_of_the_means() -> None:
    rival = {"psnr": torch.tensor([math.inf, 21.0]), "auc": torch.tensor([100.0, 85.0]),
             "ciede2000": torch.tensor([0.0, 9.0])}  # fmt: skip
    text = accuracy_table(made_up(), {"gray": {key: value.double() for key, value in rival.items()}})
    assert rows(text)["gray"][0] == "21.00 [21.00, 21.00]"
    assert rows(text)["best of 1"][0] == "26.00 [26.00, 26.00]", "22 and 30 of the second photo"
    assert text.endswith("Left out, being gray themselves: 1.")


def test_the_first_photos_of_all() -> None:
    found = made_up().first(1)
    assert found.psnr.tolist() == [[20.0, 24.0]]
    assert all(len(getattr(found, field.name)) == 1 for field in fields(found))


def test_every_table_is_printed(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    models = ["--model", "pixcolor.test", "--single-answer", "cic.test", "--beside", "cgan.test"]
    main([str(photos), *models, "--samples", "2", "--beside-photos", "2", "--temperature", "0.5"])
    text = capsys.readouterr().out
    assert "pixcolor.test, 3 photos: 2 samples of each photo, size 64, temperature 0.5, guidance 0" in text
    assert "cgan.test, 2 photos: 2 samples of each photo, size 16, temperature 1, seed 0" in text
    assert "| pixcolor.test, 3 photos | pixcolor.test, 2 photos | cgan.test, 2 photos |" in text
    for part in ("Colors", "Diversity", "Accuracy"):
        assert f"### {part}\n" in text
    for row in ("samples / photos", "share above .99", "best of 2", "mean color of the samples", "gray"):
        assert f"| {row} |" in text
    assert text.count("MS-SSIM, quantile") == 2
    assert "nan" not in text


def test_a_brief_table_of_small_photos_in_shards(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    contents = {f"{k}.png": encode(landscape(k)) for k in range(3)}
    shard = write_shard(tmp_path / "photos.tar", contents)
    main([str(shard), "--model", "cgan.test", "--samples", "2", "--photos", "2", "--brief", "--size", "32"])
    text = capsys.readouterr().out
    assert "- cgan.test, 2 photos: 2 samples of each photo, size 32, temperature 1, seed 0" in text
    assert "standard deviation in ab" in text
    assert "MS-SSIM was left out" in text
    assert "Accuracy" not in text


def test_small_photos_are_measured_without_ms_ssim(tmp_path: Path) -> None:
    source = open_source(write_folder(tmp_path / "photos", 2))
    found = measure(Painter(OneColor(), device="cpu"), source, 2, SETTINGS)
    assert found.ms_ssim.shape == (2, 0, 3)
    assert found.delta_e.shape == (2, 3)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["nowhere"], "no photos at nowhere"),
        ([".", "--photos", "0"], "--photos is at least 1"),
        ([".", "--temperature", "3"], "temperature must lie within 0 and 1"),
        ([".", "--model", "cgann"], "no model is called 'cgann'"),
    ],
)
def test_what_is_wrong_is_told(
    arguments: list[str], told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    write_folder(tmp_path, 1)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit):
        main(arguments)
    assert told in capsys.readouterr().err
