"""Runs side by side: where their plans differ, and what came of them."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from recipe_runner.planning.changes import changes
from recipe_runner.runs.metrics import Column, key_names, scan
from recipe_runner.runs.overview import Row
from recipe_runner.runs.progress.curve import HEADLINES, TEST_LABELS, Curve
from recipe_runner.runs.summarize import PIPELINE, watched_by

_LOWER_IS_BETTER = re.compile(r"loss|nll|\bkl|_kl|error|perplexity")


@dataclass(frozen=True)
class Key:
    """A key of the plans that differs; `values` in the order of the runs."""

    path: str
    values: list[Any]
    changes_result: bool


@dataclass(frozen=True)
class Measure:
    """One figure of each run, none where a run has no such thing."""

    name: str
    values: list[Any]


@dataclass(frozen=True)
class Comparison:
    """Runs in the order of their columns.

    Attributes:
        curves: the headline metric over the steps, for a drawing.
        sorted_by: the metric that orders the runs, the best first; none: as they were given.
    """

    rows: list[Row]
    keys: list[Key]
    measures: list[Measure]
    curves: list[Curve | None]
    sorted_by: str | None = None


@dataclass(frozen=True)
class _Read:
    """A run, the columns of its metrics that are asked for, and the one that it is watched by."""

    row: Row
    columns: dict[str, Column]
    curve: Curve | None


def compare_runs(rows: Sequence[Row], metrics: Sequence[str] = ()) -> Comparison:
    """Put runs side by side.

    Args:
        metrics: keys of metrics.jsonl, or patterns of keys; the first one's last value orders the
            runs.
    """
    wanted = _matching(metrics, rows)
    runs = [_read(row, wanted) for row in rows]
    if wanted:
        runs.sort(key=lambda run: _rank(run.columns[wanted[0]], wanted[0]))
    return Comparison(
        rows=[run.row for run in runs],
        keys=_keys([run.row for run in runs]),
        measures=[*_of_summaries([run.row for run in runs]), *_of_metrics(runs, wanted)],
        curves=[run.curve for run in runs],
        sorted_by=wanted[0] if wanted else None,
    )


def lower_is_better(key: str) -> bool:
    """Whether training is to bring a metric down, as far as its name tells."""
    for method in HEADLINES.values():
        for form in method.forms:
            if form.key == key:
                return form.lower_is_better
    return bool(_LOWER_IS_BETTER.search(key))


def _read(row: Row, wanted: list[str]) -> _Read:
    forms = [] if row.method == PIPELINE else [form.key for form in HEADLINES[row.method].forms]
    found = scan(row.run.metrics_file, training=forms, columns=wanted)
    watched = watched_by(found.training, row.method) if forms else None
    curve = Curve(watched.headline, values=watched.column) if watched and watched.column else None
    return _Read(row, found.columns, curve)


def _matching(patterns: Sequence[str], rows: Sequence[Row]) -> list[str]:
    """Return the keys that are meant, in the order of the patterns; what nobody has is left out."""
    if not patterns:
        return []
    known = list(dict.fromkeys(key for row in rows for key in key_names(row.run.metrics_file)))
    found = [key for pattern in patterns for key in fnmatch.filter(known, pattern)]
    return list(dict.fromkeys(found))


def _rank(column: Column, key: str) -> tuple[bool, float]:
    """Order runs by the last value, those without one at the end."""
    if not column:
        return True, 0.0
    last = column[max(column)]
    return False, last if lower_is_better(key) else -last


def _keys(rows: list[Row]) -> list[Key]:
    """Return the keys in which any run's plan differs from the first one's."""
    plans = [row.run.read_plan() for row in rows]
    first = plans[0]
    found: dict[str, Key] = {}
    for index, plan in enumerate(plans):
        for change in changes(first, plan):
            new = Key(change.path, [change.before] * len(plans), change.changes_result)
            found.setdefault(change.path, new).values[index] = change.after
    return sorted(found.values(), key=lambda key: not key.changes_result)


def _of_summaries(rows: list[Row]) -> list[Measure]:
    labels = list(dict.fromkeys(row.summary["label"] for row in rows if row.summary["label"]))
    tests = list(dict.fromkeys(key for row in rows for key in row.summary["tests"]))
    watched = [key for key in tests if key in TEST_LABELS] or tests[:5]
    found = [
        Measure(f"{label} {which}", [_figure(row, label, which) for row in rows])
        for label in labels
        for which in ("first", "last", "best")
    ]
    found += [
        Measure(TEST_LABELS.get(key, key), [row.summary["tests"].get(key) for row in rows])
        for key in watched
    ]
    found += [
        Measure("steps", [row.steps for row in rows]),
        Measure("tokens", [row.tokens or None for row in rows]),
        Measure("USD", [row.usd for row in rows]),
        Measure("seconds", [row.summary["seconds"] or None for row in rows]),
    ]
    return [measure for measure in found if any(value is not None for value in measure.values)]


def _figure(row: Row, label: str, which: str) -> float | None:
    found: float | None = row.summary[which] if row.summary["label"] == label else None
    return found


def _of_metrics(runs: list[_Read], keys: list[str]) -> list[Measure]:
    found = []
    for key in keys:
        columns = [run.columns[key] for run in runs]
        found += [
            Measure(f"{key} first", [_at(column, min) for column in columns]),
            Measure(f"{key} last", [_at(column, max) for column in columns]),
            Measure(f"{key} lowest", [min(column.values(), default=None) for column in columns]),
            Measure(f"{key} highest", [max(column.values(), default=None) for column in columns]),
        ]
    return found


def _at(column: Column, which: Any) -> float | None:
    return column[which(column)] if column else None
