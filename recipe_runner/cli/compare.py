"""`recipe-run compare`: what differs in the plans of runs, then their metrics side by side."""

from __future__ import annotations

import json
import shutil
import string
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recipe_runner.cli.runs import dir_option, format_option
from recipe_runner.errors import UsageError
from recipe_runner.printable import printable

if TYPE_CHECKING:
    from recipe_runner.runs.comparison import Comparison, Key

_SPARKLINE = 10
_MAX_VALUE = 40
_WIDTH_OF_A_FILE = 160
_UNCHANGED = "the result stays the same"


@click.command("compare")
@click.argument("references", metavar="RUN RUN...", nargs=-1, required=True)
@dir_option
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    metavar="KEY",
    help="Show this metric too, and order the runs by it; * and ? match any characters.",
)
@format_option
def compare(references: tuple[str, ...], root: Path, metrics: tuple[str, ...], output: str) -> None:
    """Say what differs in the plans of RUNs, and put their metrics side by side."""
    from recipe_runner.runs.comparison import compare_runs
    from recipe_runner.runs.overview import row_of
    from recipe_runner.runs.registry import find_run, require_record

    if len(references) < 2:
        raise UsageError("compare takes two runs or more")
    runs = [find_run(root, reference) for reference in references]
    found = compare_runs([row_of(run, require_record(run)) for run in runs], metrics)
    if metrics and found.sorted_by is None:
        raise UsageError(f"no run has a metric {' or '.join(metrics)}; metrics.jsonl has the keys")
    if output == "json":
        click.echo(json.dumps(_as_json(found), indent=2))
        return
    for line in _lines(found):
        click.echo(printable(line))


def _as_json(found: Comparison) -> dict[str, Any]:
    return {
        "runs": [
            {"name": row.record["name"], "id": row.record["id"], "state": row.state}
            | {"directory": str(row.run.path)}
            for row in found.rows
        ],
        "plan": [
            {"path": key.path, "values": key.values, "changes_result": key.changes_result}
            for key in found.keys
        ],
        "metrics": [{"name": each.name, "values": each.values} for each in found.measures],
        "sorted_by": found.sorted_by,
    }


def _lines(found: Comparison) -> Iterator[str]:
    letters = [_letter(index) for index in range(len(found.rows))]
    for letter, row in zip(letters, found.rows, strict=True):
        yield f"{letter}  {row.record['name']}/{row.record['id']}  {row.state}"
    yield ""
    if found.keys:
        yield f"plans: {len(found.keys)} key{'s' if len(found.keys) > 1 else ''} differ"
        yield from _table(letters, [_plan_row(key) for key in found.keys])
    else:
        yield "plans: no key differs"
    yield ""
    order = f", the best last {found.sorted_by} first" if found.sorted_by else ""
    yield f"metrics{order}"
    rows = [
        [each.name, *(_number(value, each.name) for value in each.values), ""]
        for each in found.measures
    ]
    drawn = [curve.sparkline(_SPARKLINE) if curve else "" for curve in found.curves]
    yield from _table(letters, [*rows, ["", *drawn, ""]])


def _plan_row(key: Key) -> list[str]:
    note = "" if key.changes_result else _UNCHANGED
    return [key.path, *map(_shown, key.values), note]


def _letter(index: int) -> str:
    """Return A … Z, then AA …"""
    first, second = divmod(index, len(string.ascii_uppercase))
    own = string.ascii_uppercase[second]
    return own if not first else _letter(first - 1) + own


def _table(letters: list[str], rows: list[list[str]]) -> Iterator[str]:
    """Yield key by run; as many runs beside each other as the terminal has room for.

    Args:
        rows: the key, a cell a run, and a note.
    """
    from recipe_runner.cli.tables import columns

    room = shutil.get_terminal_size().columns if sys.stdout.isatty() else _WIDTH_OF_A_FILE
    widths = [
        max(len(letters[index]), *(len(row[index + 1]) for row in rows)) + 2
        for index in range(len(letters))
    ]
    names = max(len(row[0]) for row in rows) + 2
    start = 0
    while start < len(letters):
        end = start + 1
        while end < len(letters) and names + sum(widths[start : end + 1]) <= room:
            end += 1
        shown = [[row[0], *row[start + 1 : end + 1], row[-1]] for row in rows]
        for line in columns(["", *letters[start:end], ""], shown):
            yield f"  {line}"
        start = end


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    text = " ".join(text.split())
    return text if len(text) <= _MAX_VALUE else text[: _MAX_VALUE - 1] + "…"


def _number(value: Any, name: str) -> str:
    if value is None:
        return "-"
    if name == "USD":
        return f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else f"{value:.4g}"
