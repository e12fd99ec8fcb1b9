"""The contract that every system keeps."""

from __future__ import annotations

import dataclasses
import subprocess
import sys

import pytest
import torch

from autochrome.models.base import Batch, Colorizer, Samples
from autochrome.models.baselines import Gray
from autochrome.models.registry import CIC_TEST


def test_a_spec_is_named_arch_dot_tag():
    assert CIC_TEST.name == "cic.test"


def test_a_spec_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        CIC_TEST.tag = "other"  # pyright: ignore[reportAttributeAccessIssue]


def test_specs_can_be_read_without_torch():
    code = "import sys, autochrome.models.spec; print('torch' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"


def test_a_colorizer_says_what_a_system_must_write():
    with pytest.raises(NotImplementedError):
        Colorizer().sample(torch.zeros(1, 1, 32, 32))
    with pytest.raises(NotImplementedError):
        Colorizer().training_losses(Batch(torch.zeros(1, 1, 32, 32), torch.zeros(1, 2, 32, 32)))


def test_samples_carry_only_what_a_model_has():
    samples = Samples(torch.zeros(1, 3, 2, 4, 4), "lab")
    assert (samples.log_prob, samples.uncertainty, samples.logits) == (None, None, None)


def test_gray_answers_neutral_chroma_n_times():
    samples = Gray(CIC_TEST).sample(torch.full((2, 1, 8, 6), 40.0), n=3)
    assert samples.chroma.shape == (2, 3, 2, 8, 6)
    assert samples.chroma.abs().max() == 0
    assert samples.space == "lab"
