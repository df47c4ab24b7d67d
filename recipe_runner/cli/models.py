"""`recipe-run models`: what `model.name` can be, from the shipped catalog."""

from __future__ import annotations

import json
from typing import Any

import click


@click.command("models")
@click.argument("words", nargs=-1, metavar="[WORD…]")
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text")
def models(words: tuple[str, ...], output: str) -> None:
    """List the models of the catalog whose names have every WORD in them."""
    from recipe_runner.catalog.models import models as known
    from recipe_runner.catalog.prices import prices

    names = sorted({*known(), *prices()})
    rows = [_row(name) for name in names if all(w.lower() in name.lower() for w in words)]
    if output == "json":
        click.echo(json.dumps(rows, indent=2))
        return
    _print(rows)


def _row(name: str) -> dict[str, Any]:
    from recipe_runner.catalog.models import find, retirement
    from recipe_runner.catalog.prices import price_of

    facts, price, retired = find(name), price_of(name), retirement(name)
    return {
        "name": name,
        "context": facts.context if facts else None,
        "usd_per_million_tokens": {
            "prefill": price.prefill if price else None,
            "sample": price.sample if price else None,
            "train": price.train if price else None,
        },
        "as_of": price.as_of if price else None,
        "stale": price.stale if price else None,
        "retired": retired.date if retired else None,
        "replacement": retired.replacement if retired else None,
        "renderers": list(facts.renderers) if facts else [],
        "learning_rate": facts.learning_rate if facts else None,
        "note": price.note if price else None,
    }


def _print(rows: list[dict[str, Any]]) -> None:
    from recipe_runner.cli.tables import columns

    header = ["model", "context", "prefill", "sample", "train", "as of", "renderer", "get_lr", ""]
    for line in columns(header, [_cells(row) for row in rows]):
        click.echo(line)
    click.echo(
        f"{len(rows)} models. Prices: USD per million tokens, as read on the day given, never "
        "live; ~ before a later change; ? unknown."
    )


def _cells(row: dict[str, Any]) -> list[str]:
    rate = row["learning_rate"]
    return [
        row["name"],
        _shown(row["context"]),
        *[_shown(price) for price in row["usd_per_million_tokens"].values()],
        ("~" if row["stale"] else "") + _shown(row["as_of"]),
        next(iter(row["renderers"]), "?"),
        "?" if rate is None else f"{rate:.2g}",
        _status(row),
    ]


def _status(row: dict[str, Any]) -> str:
    if row["retired"] is None:
        return row["note"] or ""
    instead = f", use {row['replacement']}" if row["replacement"] else ""
    return f"retired {row['retired']}{instead}"


def _shown(value: object) -> str:
    return "?" if value is None else str(value)
