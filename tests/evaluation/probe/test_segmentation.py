"""Segmentation with a head on hypercolumns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from autochrome.color.spaces import LAB
from autochrome.errors import DataError
from autochrome.evaluation.intervals import Estimate
from autochrome.evaluation.probe.fitting import FitSettings
from autochrome.evaluation.probe.probe import ProbeSettings, segmentation_probe
from autochrome.evaluation.probe.segmentation import (
    SegmentationNet,
    best_steps,
    fold_parts,
    full_size_confusions,
    read_canvases,
)
from autochrome.evaluation.probe.trunks import RANDOM, make_trunk, parse_layers
from autochrome.evaluation.probe.voc import VOID, VOCFolder
from tests.evaluation.probe.made_voc import HEIGHT, WIDTH, shapes, write_labels, write_voc


def test_the_head_is_a_1x1_convolution_of_the_upsampled_hypercolumn(generator: torch.Generator) -> None:
    trunk = make_trunk("cic.test", random=True)
    [group] = parse_layers("0+3+7", 8)
    scales = [1.0, 9.0, 9.0, 2.0, 9.0, 9.0, 9.0, 3.0]
    network = SegmentationNet(trunk, group, 5, scales, 64).eval()
    with torch.no_grad():
        for parameter in (*network.heads.parameters(), network.bias):
            parameter.normal_(generator=generator)
    luma = torch.rand(2, 1, 64, 32, generator=generator) * 100
    columns = [
        F.interpolate(m * s, (64, 32), mode="bilinear", align_corners=False)
        for n, (m, s) in enumerate(zip(trunk.features(luma), scales, strict=True))
        if n in group.layers
    ]
    weight = torch.cat([parameter.flatten(1) for parameter in network.heads.parameters()], 1)
    expected = torch.einsum("kc,bchw->bkhw", weight, torch.cat(columns, 1)) + network.bias[:, None, None]
    torch.testing.assert_close(network(luma), expected, atol=1e-4, rtol=1e-4)


def test_canvases_keep_the_aspect_and_call_the_rest_void(tmp_path: Path) -> None:
    folder = VOCFolder(write_voc(tmp_path / "voc", train=2, val=1))
    canvases = read_canvases(folder, folder.names("train"), LAB, 32)
    assert canvases.extents == [(24, 32)] * 2
    assert canvases.classes == 3
    assert (canvases.luma[:, :, 24:] == 0).all() and (canvases.luma[:, :, :24] > 5).all()
    assert (canvases.labels[:, 24:] == VOID).all()
    # Every second pixel of the full map, as nearest-neighbor scaling by two takes them.
    assert np.array_equal(canvases.labels[1, :24].numpy(), shapes(1)[1][1::2, 1::2])
    part = canvases.part(torch.tensor([1]))
    assert torch.equal(part.luma[0], canvases.luma[1]) and part.classes == 3


def test_a_photo_and_a_label_map_of_unlike_size_are_refused(tmp_path: Path) -> None:
    root = write_voc(tmp_path / "voc", train=1, val=1)
    write_labels(root / "SegmentationClass/2007_000000.png", np.zeros((HEIGHT, WIDTH - 1)))
    with pytest.raises(DataError, match=r"2007_000000 differ in size: 64 x 48 and 63 x 48"):
        read_canvases(VOCFolder(root), ["2007_000000"], LAB, 32)


def test_the_held_out_fifths_are_disjoint_and_cover_everything() -> None:
    held_out = []
    for fold in range(5):
        train, held = fold_parts(23, fold, seed=1)
        assert sorted([*train.tolist(), *held.tolist()]) == list(range(23))
        assert len(held) in (4, 5)
        held_out += held.tolist()
    assert sorted(held_out) == list(range(23))


def test_the_mean_of_the_curves_chooses_the_steps() -> None:
    assert best_steps([{10: 0.2, 20: 0.5, 30: 0.4}, {10: 0.2, 20: 0.2, 30: 0.4}]) == 30
    assert best_steps([{10: 0.3, 20: 0.3}]) == 10


def test_scores_are_of_the_full_label_maps(tmp_path: Path) -> None:
    """A net that answers "background" everywhere: its confusions count every pixel that is not void."""
    folder = VOCFolder(write_voc(tmp_path / "voc", train=1, val=2))
    names = folder.names("val")
    trunk = make_trunk("cic.test", random=True)
    [group] = parse_layers("7", 8)
    network = SegmentationNet(trunk, group, 3, [1.0] * 8, 32).eval()
    torch.nn.init.constant_(network.bias[:1], 1.0)
    tables = full_size_confusions(network, folder, names, read_canvases(folder, names, LAB, 32), 3)
    for table, name in zip(tables, names, strict=True):
        counts = np.bincount(folder.labels(name).ravel(), minlength=3)[:3]
        assert table[:, 0].tolist() == counts.tolist()
        assert table[:, 1:].sum() == 0


def test_a_tiny_trunk_finds_the_shapes(tmp_path: Path) -> None:
    """All background would score about .25: IU .75 for it and 0 for both shapes."""
    root = write_voc(tmp_path / "voc")
    fit = FitSettings(steps=60, batch_size=8, lr=0.01, schedule="constant")
    settings = ProbeSettings(size=64, fit=fit, folds=1, replicates=200)
    trunks = {RANDOM: make_trunk("cic.test", random=True)}
    results = segmentation_probe(trunks, root, settings)
    [row] = results.rows
    assert list(row.scores) == ["mean_iu", "iu/background", "iu/class 1", "iu/class 2"]
    mean_iu = Estimate.of(row.scores["mean_iu"])
    assert 0.6 < mean_iu.low <= mean_iu.value <= mean_iu.high <= 1
    assert row.details["steps"] in range(6, 61, 6)
    assert results.manifest["data"]["test"] == 8


def test_photos_of_both_lists_are_refused(tmp_path: Path) -> None:
    root = write_voc(tmp_path / "voc", train=6, val=1)
    (root / "ImageSets/Segmentation/val.txt").write_text("2007_000003\n")
    trunks = {RANDOM: make_trunk("cic.test", random=True)}
    with pytest.raises(DataError, match=r"1 photos are in train\.txt and in val\.txt, such as 2007_000003"):
        segmentation_probe(trunks, root, ProbeSettings())
    (root / "ImageSets/Segmentation/train.txt").write_text("2007_000003\n")
    (root / "ImageSets/Segmentation/val.txt").write_text("2007_000004\n")
    with pytest.raises(DataError, match="at least 5 are needed"):
        segmentation_probe(trunks, root, ProbeSettings())
