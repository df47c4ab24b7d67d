"""From a run's files to its `Summary`, whatever state the run is in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.files import size_of
from recipe_runner.runs.manifest import Manifest
from recipe_runner.runs.metrics import Column, scan
from recipe_runner.runs.progress.curve import TOKENS_OF_A_STEP, WINDOW, Headline, headline
from recipe_runner.runs.summary import Summary
from recipe_runner.runs.usage import read_usage

Attempts = Iterable[Mapping[str, Any]]
PIPELINE = "pipeline"


def summarize(run: RunDirectory, method: str, attempts: Attempts, *, is_paid: bool) -> Summary:
    """Read what a run came to off its files.

    Args:
        attempts: as run.json has them.
        is_paid: whether the backend charges for tokens.
    """
    usage = read_usage(run)
    counted = 0 if usage is None else usage.total.total
    summary = Summary(
        tokens=counted,
        usd=usage.usd if usage and counted and is_paid else None,
        seconds=usage.seconds if usage else _seconds_at_work(attempts, run.metrics_file),
        metrics_bytes=size_of(run.metrics_file),
    )
    if method == PIPELINE or not summary.metrics_bytes:
        return summary
    found = of_metrics(run.metrics_file, method)
    return summary.model_copy(update={**found, "tokens": counted or found["tokens"]})


def summary_of(run: RunDirectory, manifest: Manifest, method: str) -> Summary:
    """Read what a run came to, with its record at hand."""
    attempts = [attempt.model_dump() for attempt in manifest.attempts]
    is_paid = manifest.served.kind == "hosted"
    return summarize(run, method, attempts, is_paid=is_paid)


def of_metrics(metrics_file: Path, method: str) -> dict[str, Any]:
    """Return what a summary takes from the metrics, field by field."""
    forms = headline(method).forms
    keys = [*(form.key for form in forms), *TOKENS_OF_A_STEP]
    found = scan(metrics_file, training=keys, prefix="test/")
    watched = watched_by(found.training, method)
    return {
        **of_column(watched.column, lower_is_better=watched.headline.lower_is_better),
        "steps": found.training_steps,
        "key": watched.headline.key,
        "label": watched.headline.label,
        "lower_is_better": watched.headline.lower_is_better,
        "tests": found.latest,
        "tokens": sum(int(sum(found.training[key].values())) for key in TOKENS_OF_A_STEP),
    }


@dataclass(frozen=True)
class Watched:
    """The headline metric in the form that a run's loop reports, and its values."""

    headline: Headline
    column: Column


def watched_by(training: Mapping[str, Column], method: str) -> Watched:
    """Return what people look at first in a run of a method, of the columns of its forms."""
    forms = headline(method).forms
    chosen = next((form for form in forms if training[form.key]), forms[0])
    return Watched(chosen, training[chosen.key])


def of_column(column: Column, *, lower_is_better: bool) -> dict[str, float | None]:
    """Return first, last (means of three steps) and best of a metric."""
    values = [column[step] for step in sorted(column)]
    if not values:
        return {"first": None, "last": None, "best": None}
    first, last = values[:WINDOW], values[-WINDOW:]
    return {
        "first": sum(first) / len(first),
        "last": sum(last) / len(last),
        "best": min(values) if lower_is_better else max(values),
    }


def _seconds_at_work(attempts: Attempts, metrics_file: Path) -> float:
    """Sum the attempts; one without an end lasted until its last metrics."""
    return sum(
        _seconds(attempt["started"], attempt.get("ended"), metrics_file) for attempt in attempts
    )


def _seconds(started: str, ended: str | None, metrics_file: Path) -> float:
    start = datetime.fromisoformat(started).timestamp()
    if ended is not None:
        # The clock may have been set back in between.
        return max(0.0, datetime.fromisoformat(ended).timestamp() - start)
    return max(0.0, metrics_file.stat().st_mtime - start) if metrics_file.exists() else 0.0
