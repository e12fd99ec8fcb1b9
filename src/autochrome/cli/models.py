"""`autochrome models`: the models to choose from."""

from __future__ import annotations

from importlib.resources import files

import click


@click.command()
def models() -> None:
    """List the models: name, where the weights are, working size, one answer or several, looks, and paper."""
    from autochrome.models.registry import default_names, list_models, model_spec

    rows = []
    for name in list_models():
        spec = model_spec(name)
        answers = "several" if spec.kind == "samples" else "one"
        looks = ", ".join(spec.look_names)
        rows.append((name, _weights(name), f"{spec.working_size} px", answers, looks, spec.paper))
    rows.insert(0, ("model", "weights", "size", "answers", "looks", "paper"))
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        click.echo("  ".join((*cells, row[5])))
    short = ", ".join(f"{short} = {name}" for short, name in default_names().items())
    click.echo(f"\nShort names: {short}.")


def _weights(name: str) -> str:
    from autochrome.models.registry import model_spec

    spec = model_spec(name)
    if spec.weights is None:
        return "give --weights"
    return (
        "shipped" if (files("autochrome") / "weights" / spec.weights).is_file() else "missing: give --weights"
    )
