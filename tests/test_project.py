"""The project itself: quick to import, quick to answer, one version, weights that fit into the wheel."""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest
import yaml
from hatchling.builders.wheel import WheelBuilder

from autochrome.cli.main import main

ROOT = Path(__file__).parents[1]
WEIGHTS = ROOT / "src/autochrome/weights"
MEGABYTE = 10**6
PAPERS = {
    "Colorful Image Colorization": "arXiv:1603.08511",
    "Learning Representations for Automatic Colorization": "arXiv:1603.06668",
    "PixColor: Pixel Recursive Colorization": "arXiv:1705.07208",
    "Unsupervised Diverse Colorization via Generative Adversarial Networks": "arXiv:1702.06674",
}
ENCODER = {"EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks": "arXiv:1905.11946"}
# What may not be loaded before there is a photo to color.
HEAVY = {"torch", "kornia", "pyvips", "lightning_fabric", "matplotlib", "huggingface_hub"}

RUN_COMMAND = """
import json, sys
from autochrome.cli.main import main
sys.argv = ["autochrome", *sys.argv[1:]]
try:
    main()
except SystemExit as end:
    code = end.code or 0
else:
    code = 0
sys.stdout.flush()
print("\\n" + json.dumps({"code": code, "modules": sorted(sys.modules)}))
"""


def python(program: str, *arguments: str) -> list[str]:
    """The lines that `program` prints in a fresh interpreter, which must end well."""
    run = subprocess.run(
        [sys.executable, "-c", program, *arguments], capture_output=True, text=True, cwd=ROOT
    )
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()


def processor_seconds(command: list[str], *, limit: float, tries: int = 10) -> float:
    """The least processor time that `command` took: unlike wall time, it hardly grows on a busy machine."""
    best = float("inf")
    for _ in range(tries):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, capture_output=True, check=True, cwd=ROOT)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
        if best < limit:
            break
    return best


def test_import_is_quick_and_loads_no_heavy_library() -> None:
    program = (
        "import sys, time; start = time.process_time(); import autochrome; "
        "print(time.process_time() - start); print(*sys.modules)"
    )
    python(program)  # writes the bytecode, so that the runs below measure a second start
    seconds, modules = zip(*(python(program) for _ in range(5)), strict=True)
    assert min(map(float, seconds)) < 0.1
    assert not HEAVY & set(modules[0].split())


def test_public_names_are_listed_and_exist() -> None:
    import autochrome

    assert {"__version__", "Photo", "colorize", "create_model", "list_models"} <= set(autochrome.__all__)
    for name in autochrome.__all__:
        assert getattr(autochrome, name) is not None, name


@pytest.mark.parametrize(
    "arguments", [["--version"], ["--help"], ["models"], ["colorize", "--help"], ["try", "--help"]]
)
def test_command_answers_without_torch(arguments: list[str]) -> None:
    *answer, last = python(RUN_COMMAND, *arguments)
    end = json.loads(last)
    assert end["code"] == 0
    assert any(answer)
    assert not HEAVY & set(end["modules"])


@pytest.mark.parametrize("argument", ["--version", "--help", "models"])
def test_command_answers_in_under_0_3_s(argument: str) -> None:
    command = [sys.executable, "-c", "from autochrome.cli.main import main; main()", argument]
    assert processor_seconds(command, limit=0.3) < 0.3


def test_one_version_everywhere() -> None:
    import autochrome

    [answer] = [line for line in python(RUN_COMMAND, "--version") if "autochrome" in line and "{" not in line]
    assert autochrome.__version__ in answer
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == autochrome.__version__
    assert f"## {autochrome.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_built_version_is_the_source_s() -> None:
    import autochrome

    assert WheelBuilder(str(ROOT)).metadata.version == autochrome.__version__


def test_citation_names_the_four_papers_and_the_encoder_s() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    named = {paper["title"]: paper["identifiers"][0]["value"] for paper in citation["references"]}
    assert named == PAPERS | ENCODER
    assert all(paper["authors"] for paper in citation["references"])


def test_wheel_holds_weights_recipes_and_type_marker() -> None:
    included = {file.distribution_path for file in WheelBuilder(str(ROOT)).recurse_included_files()}
    assert "autochrome/py.typed" in included
    weights = {f"autochrome/weights/{path.name}" for path in WEIGHTS.glob("*.safetensors")}
    assert weights
    assert weights <= included
    recipes = {f"autochrome/recipes/{path.name}" for path in (ROOT / "recipes").glob("*.yaml")}
    assert recipes
    assert recipes <= included


FILES_OF_THE_REPOSITORY = re.compile(r"\b(docs|recipes|examples|reproduce|benchmarks|tests)/[\w./-]+")


def test_help_points_at_no_file_that_a_wheel_lacks() -> None:
    """Every command's help, with that of the commands of groups."""
    commands = [main]
    while commands:
        command = commands.pop()
        context = click.Context(command)
        found = FILES_OF_THE_REPOSITORY.search(command.get_help(context))
        assert not found, f"{command.name}: {found}"
        if isinstance(command, click.Group):
            names = command.list_commands(context)
            commands += [each for name in names if (each := command.get_command(context, name))]


def test_wheel_credits_whose_weights_the_encoder_began_with() -> None:
    """Section 4d of the Apache License: whoever passes the work on passes its notices on."""
    assert WheelBuilder(str(ROOT)).metadata.core.license_files == ["LICENSE", "NOTICE"]
    notice = (ROOT / "NOTICE").read_text(encoding="utf-8")
    for named in ("The TensorFlow Authors", "ML Illustrated", "Apache License, Version 2.0", "Mingxing Tan"):
        assert named in notice


def test_weights_are_small_enough_to_ship() -> None:
    sizes = {path.name: path.stat().st_size for path in WEIGHTS.glob("*.safetensors")}
    assert sizes, "the package ships no weights: nothing could be colorized after an installation"
    assert max(sizes.values()) < 30 * MEGABYTE
    assert sum(sizes.values()) < 80 * MEGABYTE


def test_constraints_admit_what_the_project_asks_for() -> None:
    """Every direct dependency is pinned, so that two installations differ in nothing that we chose."""
    from packaging.requirements import Requirement

    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = {r.name: r for r in (Requirement(line) for line in lines if line and not line.startswith("#"))}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    extras = project["project"]["optional-dependencies"]
    wanted = project["project"]["dependencies"] + extras["train"]
    wanted += [name for name in project["dependency-groups"]["dev"] if isinstance(name, str)]
    for need in map(Requirement, wanted):
        [pin] = pins[need.name].specifier
        assert need.specifier.contains(pin.version), f"{need} against {pin}"


def test_ci_entry_is_executable() -> None:
    assert os.access(ROOT / ".ci/run", os.X_OK)
