"""Many runs as a table that fits the terminal, and as JSON."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from recipe_runner.cli.tables import columns
from recipe_runner.runs.overview import Row
from recipe_runner.runs.registry import checkpoints_of

# The columns in their order, and how soon each gives way where the terminal is narrow.
_COLUMNS = ("name", "id", "state", "method", "steps", "result", "tokens", "usd", "took", "age")
_FIRST_TO_GO = ("age", "took", "method", "usd", "tokens", "result", "name")
_SHORTEST_RESULT = 10


def as_json(row: Row) -> dict[str, Any]:
    """Return a run as `--format json` has it."""
    record = row.record
    found = {
        "name": record["name"],
        "id": record["id"],
        "state": row.state,
        "method": row.method,
        "variant": record.get("variant"),
        "tags": record.get("tags", []),
        "steps": row.steps,
        "headline": row.learned,
        "tokens": row.tokens,
        "usd": row.usd,
        "seconds": row.summary["seconds"],
        "summary": row.summary,
        "model": record.get("served", {}).get("note", ""),
        "created": record["created"],
        "attempts": len(record["attempts"]),
        "error": row.error,
        "checkpoints": [saved.name for saved in checkpoints_of(row.run)],
        "links": record.get("links", {}),
        "directory": str(row.run.path),
    }
    if row.stages:
        found["stages"] = {name: as_json(stage) for name, stage in row.stages.items()}
    return found


def list_lines(rows: Sequence[Row]) -> Iterator[str]:
    """Yield the lines of a table of runs, as wide as the terminal; whole where there is none."""
    cells = [_cells(row) for row in rows]
    shown = [key for key in _COLUMNS if any(each[key] for each in cells)]
    if sys.stdout.isatty():
        shown, cells = _fitted(shown, cells, shutil.get_terminal_size().columns)
    yield from columns(
        [key.upper() for key in shown], [[row[key] for key in shown] for row in cells]
    )


def _cells(row: Row) -> dict[str, str]:
    seconds = row.summary["seconds"]
    return {
        "name": row.record["name"],
        "id": row.record["id"],
        "state": row.state,
        "method": row.method,
        "steps": f"{row.steps:,}",
        "result": row.learned or (row.error or "").partition("\n")[0],
        "tokens": f"{row.tokens:,}" if row.tokens else "",
        "usd": "" if row.usd is None else f"{row.usd:,.2f}",
        "took": short_duration(seconds) if seconds else "",
        "age": _age(row.record["created"]),
    }


def _fitted(
    shown: list[str], cells: list[dict[str, str]], width: int
) -> tuple[list[str], list[dict[str, str]]]:
    """Leave columns out until the rest fits; what a run came to is cut short before it goes."""
    for gone in ("", *_FIRST_TO_GO):
        shown = [key for key in shown if key != gone]
        room = width - _width([key for key in shown if key != "result"], cells)
        if "result" not in shown and room >= 0:
            break
        if "result" in shown and room - 2 >= _shortest(cells):
            cells = [{**each, "result": _cut(each["result"], room - 2)} for each in cells]
            break
    return shown, cells


def _width(shown: list[str], cells: list[dict[str, str]]) -> int:
    widest = [max(len(key), *(len(each[key]) for each in cells)) for key in shown]
    return sum(widest) + 2 * (len(widest) - 1)


def _shortest(cells: list[dict[str, str]]) -> int:
    """Return the room that results need: a figure is not cut, what went wrong may be."""
    figures = [len(each["result"]) for each in cells if " -> " in each["result"]]
    return max([_SHORTEST_RESULT, *figures])


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"


def _age(created: str) -> str:
    try:
        seconds = (datetime.now(UTC) - datetime.fromisoformat(created)).total_seconds()
    except (ValueError, TypeError):
        return ""
    return f"{short_duration(max(0.0, seconds))} ago"


def short_duration(seconds: float) -> str:
    """Return a duration in its largest two units: 45s, 3m20s, 2h05m, 12d."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    if whole < 48 * 3600:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d"
