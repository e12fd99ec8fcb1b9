"""`autochrome models`."""

from __future__ import annotations

from click.testing import CliRunner

from autochrome.cli.main import main
from autochrome.models.registry import list_models


def test_every_model_with_its_paper_and_short_name() -> None:
    result = CliRunner().invoke(main, ["models"])
    assert result.exit_code == 0
    lines = result.output.splitlines()
    for name in list_models():
        [line] = [line for line in lines if line.startswith(f"{name} ")]
        if name.startswith("cic."):
            assert "arXiv:1603.08511" in line
    assert not any(line.startswith(("cic.test", "gray")) for line in lines)
    [paper] = [line for line in lines if line.startswith("cic.paper")]
    assert "give --weights" in paper
    assert "  natural  " in paper
    [shipped] = [line for line in lines if line.startswith("lrac.compact")]
    assert "natural, accurate, vivid" in shipped
    assert "cic = cic.compact" in lines[-1]
