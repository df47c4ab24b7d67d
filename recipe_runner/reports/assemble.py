"""Run directories -> the data of a page: plain, JSON, with every value that was measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from recipe_runner.reports import columns, episodes, sweep
from recipe_runner.reports.blobs import Blobs
from recipe_runner.reports.differences import differences
from recipe_runner.reports.record import record_of
from recipe_runner.reports.sweep import Chosen
from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.manifest import now
from recipe_runner.runs.progress.curve import WINDOW
from recipe_runner.runs.registry import stage_names

FORMAT = 1


@dataclass(frozen=True)
class _Shown:
    """A run of the page; a stage has the place of its pipeline."""

    run: RunDirectory
    parent: int | None = None
    stage: str | None = None


def assemble(chosen: Chosen, *, rollouts: int, live: bool = False) -> dict[str, Any]:
    """Return what a page shows.

    Args:
        rollouts: of each run at most; what is left out is counted.
        live: whether the page asks for newer data.

    Raises:
        RunFailed: if a run has no readable record.
    """
    blobs = Blobs()
    shown = _with_stages(chosen.runs)
    limit = episodes.Limit(rollouts, episodes.MAX_BYTES // len(shown))
    of_runs = [_of_run(each, blobs, limit) for each in shown]
    return {
        "format": FORMAT,
        "written": now(),
        "live": live,
        "runs": of_runs,
        "sweeps": sweep.read(chosen.sweeps, [each.run for each in shown]),
        "differences": differences([each.run for each in shown]) if _comparable(shown) else [],
        "blobs": blobs.packed,
    }


def _with_stages(runs: Sequence[RunDirectory]) -> list[_Shown]:
    shown: list[_Shown] = []
    for run in runs:
        parent = len(shown)
        shown.append(_Shown(run))
        shown += [_Shown(run.stage(name), parent, name) for name in stage_names(run)]
    return shown


def _comparable(shown: list[_Shown]) -> bool:
    """Whether the runs are runs side by side: the stages of one pipeline are not."""
    return len(shown) > 1 and all(each.parent is None for each in shown)


def _of_run(shown: _Shown, blobs: Blobs, limit: episodes.Limit) -> dict[str, Any]:
    record = record_of(shown.run)
    metrics = columns.read_columns(shown.run.metrics_file)
    record["headline"] = _headline(record["headline"], metrics)
    return {
        **record,
        "parent": shown.parent,
        "stage": shown.stage,
        "metrics": columns.pack(metrics, blobs),
        "rollouts": episodes.pack(shown.run, blobs, limit),
    }


def _headline(candidates: list[list[str]], metrics: columns.Columns) -> dict[str, Any] | None:
    """Return the metric that the run is watched by, its mean over the first and the last steps."""
    for key, label in candidates:
        values = [value for _, value in metrics.series(key) if value == value]
        if values:
            return {
                "key": key,
                "label": label,
                "steps": len(values),
                "first": _mean(values[:WINDOW]),
                "last": _mean(values[-WINDOW:]),
            }
    return None


def _mean(values: list[float]) -> float | None:
    mean = sum(values) / len(values)
    return mean if abs(mean) != float("inf") and mean == mean else None
