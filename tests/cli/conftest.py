"""`autochrome colorize` with the tiny model.

Nothing here imports autochrome before a fixture is asked for: jaxtyping's hook must be in place first.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the tiny model, so that every run has the same ones."""
    from autochrome.models.registry import create_model
    from autochrome.models.weights import save_weights

    torch.manual_seed(1)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    model = create_model("cic.test")
    with torch.no_grad():  # untrained it would be unsure of everything, and say so
        model.get_parameter("network.head.weight").mul_(1000)
    save_weights(model, path)
    return path


@pytest.fixture
def colorize(weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run the command with the tiny model, in the test's folder."""
    from autochrome.cli.main import main

    monkeypatch.chdir(tmp_path)

    def run(*arguments: object, given: bytes | None = None) -> Result:
        fixed = ["colorize", "--model", "cic.test", "--weights", str(weights)]
        return CliRunner().invoke(main, [*fixed, *map(str, arguments)], input=given)

    return run
