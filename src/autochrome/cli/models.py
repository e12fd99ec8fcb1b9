"""`autochrome models`: what there is to choose from."""

from __future__ import annotations

from importlib.resources import files

import click


@click.command()
def models() -> None:
    """List the models: name, where the weights are, working size, one answer or several, and the paper."""
    from autochrome.models.registry import default_names, list_models, model_spec

    rows = []
    for name in list_models():
        spec = model_spec(name)
        rows.append(
            (name, _weights(name), f"{spec.working_size} px", "several" if spec.draws else "one", spec.paper)
        )
    rows.insert(0, ("model", "weights", "size", "answers", "paper"))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        click.echo("  ".join((*cells, row[4])))
    short = ", ".join(f"{short} = {name}" for short, name in default_names().items())
    click.echo(f"\nShort names: {short}.")


def _weights(name: str) -> str:
    from autochrome.models.registry import model_spec, needs_weights

    spec = model_spec(name)
    if not needs_weights(name):
        return "needs none"
    if spec.weights is None:
        return "give --weights"
    return (
        "shipped" if (files("autochrome") / "weights" / spec.weights).is_file() else "missing: give --weights"
    )
