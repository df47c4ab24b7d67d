"""`Summary`: what a run came to, kept in run.json so that a list of runs reads nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from recipe_runner.planning.tokens import Tokens
from recipe_runner.runs.metrics import Column, MetricsTable
from recipe_runner.runs.progress.curve import TOKENS_OF_A_STEP, WINDOW, Headline, headline

PIPELINE = "pipeline"


class Summary(BaseModel):
    """The headline metric of a run, and what the run took.

    Attributes:
        steps: training steps on record; of a pipeline, those of all stages.
        key: the headline metric's name in metrics.jsonl; none of a pipeline.
        label: what people call it.
        first: mean over the first three steps.
        last: mean over the last three steps.
        best: of a single step.
        tests: the latest value of each evaluation metric.
        tokens: counted at the service, else as far as the metrics count them.
        usd: what they cost; none without a price, or where nothing is charged.
        seconds: at work, over all attempts.
        metrics_bytes: length of the metrics file that this was read from.
    """

    steps: int = 0
    key: str | None = None
    label: str = ""
    lower_is_better: bool = False
    first: float | None = None
    last: float | None = None
    best: float | None = None
    tests: dict[str, float] = {}
    tokens: int = 0
    usd: float | None = None
    seconds: float = 0.0
    metrics_bytes: int = 0

    @property
    def learned(self) -> str:
        """The headline metric at the start and at the end, in words."""
        if self.first is None or self.last is None:
            return ""
        return f"{self.label} {self.first:.3f} -> {self.last:.3f}"


def summarize(directory: Path, method: str, attempts: Iterable[Mapping[str, Any]]) -> Summary:
    """Read a run's summary off its files, whatever state it is in.

    Args:
        attempts: as run.json has them.
    """
    metrics_file = directory / "metrics.jsonl"
    usage = counted_tokens(directory)
    summary = Summary(
        tokens=sum(tokens.total for tokens in usage.values()),
        usd=_usd(directory, usage),
        seconds=_seconds_at_work(attempts, metrics_file),
        metrics_bytes=size_of(metrics_file),
    )
    if method == PIPELINE or not summary.metrics_bytes:
        return summary
    return summary.model_copy(update=_of_metrics(metrics_file, method, summary.tokens))


def size_of(path: Path) -> int:
    """Return a file's length in bytes, 0 where there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def counted_tokens(directory: Path) -> dict[str, Tokens]:
    """Return what usage.json counts, by model; nothing where there is none to be read."""
    try:
        found = json.loads((directory / "usage.json").read_bytes())
        return {name: Tokens.model_validate(tokens) for name, tokens in found.items()}
    except (OSError, ValueError, AttributeError, ValidationError):
        return {}


def _usd(directory: Path, usage: Mapping[str, Tokens]) -> float | None:
    """Return the price of what was counted, where the backend is paid by tokens."""
    if not usage:
        return None
    from recipe_runner.planning.cost import usd_of

    try:
        record = json.loads((directory / "run.json").read_bytes())
    except (OSError, ValueError):
        return None
    return usd_of(usage) if record.get("backend") == "tinker" else None


def _of_metrics(metrics_file: Path, method: str, counted: int) -> dict[str, Any]:
    table = MetricsTable.read(metrics_file)
    training = table.training_rows()
    watched = watched_column(training, method)
    in_metrics = sum(int(sum(training.column(key).values())) for key in TOKENS_OF_A_STEP)
    return {
        **of_column(watched.column, lower_is_better=watched.headline.lower_is_better),
        "steps": len(training.rows),
        "key": watched.headline.key,
        "label": watched.headline.label,
        "lower_is_better": watched.headline.lower_is_better,
        "tests": table.latest("test/"),
        "tokens": counted or in_metrics,
    }


@dataclass(frozen=True)
class Watched:
    """The headline metric in the form that a run's loop reports, and its values."""

    headline: Headline
    column: Column


def watched_column(training: MetricsTable, method: str) -> Watched:
    forms = headline(method).forms
    for form in forms:
        column = training.column(form.key)
        if column:
            return Watched(form, column)
    return Watched(forms[0], {})


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


def _seconds_at_work(attempts: Iterable[Mapping[str, Any]], metrics_file: Path) -> float:
    """Sum the attempts; one without an end lasted until its last metrics."""
    return sum(
        _seconds(attempt["started"], attempt.get("ended"), metrics_file) for attempt in attempts
    )


def _seconds(started: str, ended: str | None, metrics_file: Path) -> float:
    start = datetime.fromisoformat(started).timestamp()
    if ended is not None:
        return datetime.fromisoformat(ended).timestamp() - start
    return max(0.0, metrics_file.stat().st_mtime - start) if metrics_file.exists() else 0.0
