"""`recipe-run envs`: what `env` can be, from the schemas and the shipped facts on GEM."""

from __future__ import annotations

import json
from typing import Any

import click


@click.command("envs")
@click.argument("words", nargs=-1, metavar="[WORD…]")
@click.option("--format", "output", type=click.Choice(["text", "json"]), default="text")
def envs(words: tuple[str, ...], output: str) -> None:
    """List the environments whose line has every WORD in it: kinds, then GEM's ids."""
    rows = [row for row in [*_kinds(), *_gem()] if _matches(row, words)]
    if output == "json":
        click.echo(json.dumps(rows, indent=2))
        return
    from recipe_runner.cli.tables import columns

    header = ["kind", "id", "turns", "needs", "takes"]
    shown = [[row["kind"], row["id"], row["turns"], row["needs"], row["takes"]] for row in rows]
    for line in columns(header, shown):
        click.echo(line)
    click.echo(f"{len(rows)} environments")


def _kinds() -> list[dict[str, Any]]:
    """Return one row for each `env.kind` but gem's, whose ids have rows of their own."""
    from typing import get_args

    from schemas.env import Env

    rows = []
    for model in get_args(get_args(Env)[0]):
        (kind,) = get_args(model.model_fields["kind"].annotation)
        if kind != "gem":
            keys = [key for key in model.model_fields if key != "kind"]
            rows.append(_row(kind, "", "", "", ", ".join(keys)))
    return rows


def _gem() -> list[dict[str, Any]]:
    from recipe_runner.catalog.gem import gem_facts, gem_ids, gem_kwargs

    rows = []
    for env_id in sorted(gem_ids()):
        facts = gem_facts(env_id)
        needs = "" if facts.offline else facts.hub_dataset or "files from the network"
        needs = f"broken: {facts.broken}" if facts.broken else needs
        takes = gem_kwargs(env_id)
        rows.append(
            _row(
                "gem",
                env_id,
                "many" if facts.multi_turn else "one",
                needs,
                "anything" if takes is None else ", ".join(sorted(takes)),
            )
        )
    return rows


def _row(kind: str, env_id: str, turns: str, needs: str, takes: str) -> dict[str, Any]:
    return {"kind": kind, "id": env_id, "turns": turns, "needs": needs, "takes": takes}


def _matches(row: dict[str, Any], words: tuple[str, ...]) -> bool:
    line = " ".join(map(str, row.values())).lower()
    return all(word.lower() in line for word in words)
