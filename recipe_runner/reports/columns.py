"""metrics.jsonl -> columns to draw, every value of every metric."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from recipe_runner.reports.blobs import Blobs
from recipe_runner.runs.files import parse_object

Row = Mapping[str, Any]

_STEP = "step"
_SECONDS = "time/total"


@dataclass
class _Column:
    rows: array[int] = field(default_factory=lambda: array("L"))
    values: array[float] = field(default_factory=lambda: array("d"))

    def add(self, row: int, value: float) -> None:
        self.rows.append(row)
        self.values.append(value)


@dataclass
class Columns:
    """The metrics of a run.

    Attributes:
        steps: of each row, in the file's order.
        seconds: time at work up to each row; empty where no row says how long it took.
        numbers: name of a metric -> its rows and values.
        texts: metrics that are no numbers -> their last value.
        without_step: rows that have no step and are left out.
    """

    steps: array[float] = field(default_factory=lambda: array("d"))
    seconds: array[float] = field(default_factory=lambda: array("d"))
    numbers: dict[str, _Column] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    without_step: int = 0

    def series(self, key: str) -> list[tuple[float, float]]:
        """Return a metric's values by step; of a step that was logged twice, the later one."""
        column = self.numbers.get(key)
        if column is None:
            return []
        found = {self.steps[r]: v for r, v in zip(column.rows, column.values, strict=True)}
        return sorted(found.items())


def read_columns(path: Path) -> Columns:
    """Read a metrics file; a line that was cut short ends it."""
    return columns_of(_rows(path))


def columns_of(rows: Iterable[Row]) -> Columns:
    """Turn rows into columns."""
    columns = Columns()
    at_work = 0.0
    timed = False
    for row in rows:
        step = _number(row.get(_STEP))
        if step is None or not math.isfinite(step):
            columns.without_step += 1
            continue
        index = len(columns.steps)
        columns.steps.append(step)
        took = _number(row.get(_SECONDS))
        if took is not None and math.isfinite(took):
            at_work += took
            timed = True
        columns.seconds.append(at_work)
        for key, value in row.items():
            if key == _STEP or value is None:
                continue
            number = _number(value)
            if number is None:
                columns.texts[key] = str(value)
            else:
                columns.numbers.setdefault(key, _Column()).add(index, number)
    if not timed:
        columns.seconds = array("d")
    return columns


def pack(columns: Columns, blobs: Blobs) -> dict[str, Any]:
    """Return the columns as a page takes them: rows by ascending step, each metric with its axis.

    Metrics that have the same rows share an axis: their steps, and the time at work.
    """
    axes: list[dict[str, Any]] = []
    known: dict[bytes, tuple[int, list[int]]] = {}
    metrics = []
    for key, column in columns.numbers.items():
        signature = column.rows.tobytes()
        if signature not in known:
            order = _order(columns, column.rows)
            known[signature] = (len(axes), order)
            axes.append(_axis(columns, [column.rows[i] for i in order], blobs))
        axis, order = known[signature]
        values = [column.values[i] for i in order]
        metrics.append({"key": key, "axis": axis, **_packed(values, blobs), **_figures(values)})
    return {
        "rows": len(columns.steps),
        "axes": axes,
        "metrics": metrics,
        "texts": [[key, text[:200]] for key, text in columns.texts.items()],
        "without_step": columns.without_step,
    }


def _order(columns: Columns, rows: array[int]) -> list[int]:
    """Return the places of a column by ascending step, the last of each step."""
    last = {columns.steps[row]: place for place, row in enumerate(rows)}
    return [last[step] for step in sorted(last)]


def _axis(columns: Columns, rows: list[int], blobs: Blobs) -> dict[str, Any]:
    steps, form = blobs.add_numbers([columns.steps[row] for row in rows])
    axis: dict[str, Any] = {"steps": steps, "form": form, "points": len(rows)}
    if columns.seconds:
        # A step that was computed again comes later than those behind it once did.
        ascending = _ascending(columns.seconds[row] for row in rows)
        axis["seconds"], axis["seconds_form"] = blobs.add_numbers(list(ascending))
    return axis


def _ascending(values: Iterable[float]) -> Iterator[float]:
    highest = -math.inf
    for value in values:
        highest = max(highest, value)
        yield highest


def _packed(values: list[float], blobs: Blobs) -> dict[str, Any]:
    number, form = blobs.add_numbers(values)
    return {"values": number, "form": form}


def _figures(values: list[float]) -> dict[str, Any]:
    finite = [value for value in values if math.isfinite(value)]
    return {
        "points": len(values),
        "not_finite": len(values) - len(finite),
        "first": finite[0] if finite else None,
        "last": finite[-1] if finite else None,
        "low": min(finite, default=None),
        "high": max(finite, default=None),
    }


def _number(value: Any) -> float | None:
    """Return a value as a number; None where it is none. Beyond a float's range it is infinite."""
    if not isinstance(value, int | float):
        return None
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _rows(path: Path) -> Iterator[Row]:
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            if not line.strip():
                continue
            row = _parsed(line)
            if row is None:
                return
            yield row


def _parsed(line: bytes) -> Row | None:
    try:
        row = from_json(line, allow_inf_nan=True, cache_strings="keys")
    except ValueError:
        # Slower, and takes what Python writes and JSON should not hold: half a surrogate pair.
        row = parse_object(line)
    return row if isinstance(row, dict) else None
