"""`Row`: one run in a list of thousands, read from as few bytes as will do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recipe_runner.runs import registry
from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.files import parse_object, size_of
from recipe_runner.runs.progress.curve import HEADLINES
from recipe_runner.runs.summarize import PIPELINE, summarize
from recipe_runner.runs.summary import Summary

_NOTHING = Summary().model_dump()


@dataclass(frozen=True)
class Row:
    """What a list says of a run.

    Attributes:
        record: run.json.
        summary: as JSON has it; read off the metrics where the one on record is out of date.
        stages: of a pipeline, by name.
    """

    run: RunDirectory
    record: dict[str, Any]
    method: str
    state: str
    summary: dict[str, Any]
    stages: dict[str, Row]

    @property
    def learned(self) -> str:
        """The headline metric at the start and at the end, in words."""
        if self.stages:
            done = sum(stage.state == "done" for stage in self.stages.values())
            return f"{done} of {len(self.stages)} stages done"
        first, last = self.summary["first"], self.summary["last"]
        if first is None or last is None:
            return ""
        return f"{self.summary['label']} {first:.3f} -> {last:.3f}"

    @property
    def steps(self) -> int:
        own: int = self.summary["steps"]
        return own + sum(stage.steps for stage in self.stages.values())

    @property
    def tokens(self) -> int:
        own: int = self.summary["tokens"]
        return own or sum(stage.tokens for stage in self.stages.values())

    @property
    def usd(self) -> float | None:
        own: float | None = self.summary["usd"]
        return own

    @property
    def error(self) -> str | None:
        """What ended the last attempt, where it did not come to its end."""
        attempts = self.record["attempts"]
        return attempts[-1].get("error") if attempts else None


@dataclass(frozen=True)
class Wanted:
    """Which runs a list shows; empty texts and none are no restriction."""

    name: str | None = None
    tags: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    limit: int | None = None


def rows(root: Path, wanted: Wanted | None = None) -> Iterator[Row]:
    """Yield the runs below a directory that are wanted, the newest first."""
    wanted = wanted or Wanted()
    found = 0
    for run in registry.newest_first(root):
        if wanted.limit is not None and found >= wanted.limit:
            return
        row = _wanted_row(run, wanted)
        if row is not None:
            found += 1
            yield row


def row_of(run: RunDirectory, record: dict[str, Any]) -> Row:
    """Return what a list says of a run."""
    method = _method(run, record)
    stages = {}
    if method == PIPELINE:
        for name in registry.stage_names(run):
            stage = registry.record_of(run.stage(name))
            if stage is not None:
                stages[name] = row_of(run.stage(name), stage)
    return Row(run, record, method, _state(run, record), _summary(run, record, method), stages)


def _wanted_row(run: RunDirectory, wanted: Wanted) -> Row | None:
    """Return the row if it is wanted; what is cheap to tell is looked at first."""
    record = registry.record_of(run)
    if record is None or (wanted.name is not None and not _is_named(record, wanted.name)):
        return None
    if not set(wanted.tags) <= set(record.get("tags", ())):
        return None
    if wanted.methods and _method(run, record) not in wanted.methods:
        return None
    if wanted.states and _state(run, record) not in wanted.states:
        return None
    return row_of(run, record)


def _is_named(record: dict[str, Any], pattern: str) -> bool:
    import fnmatch

    return fnmatch.fnmatchcase(record["name"], pattern)


def _state(run: RunDirectory, record: dict[str, Any]) -> str:
    """Return the state as `RunDirectory.state` does, without reading the record again."""
    state: str = record["state"]
    return "interrupted" if state == "running" and not run.is_locked() else state


def _summary(run: RunDirectory, record: dict[str, Any], method: str) -> dict[str, Any]:
    kept = record.get("summary")
    if isinstance(kept, dict) and kept.get("metrics_bytes") == size_of(f"{run.path}/metrics.jsonl"):
        return {**_NOTHING, **kept}
    is_paid = record.get("served", {}).get("kind") == "hosted"
    return summarize(run, method, record["attempts"], is_paid=is_paid).model_dump()


def _method(run: RunDirectory, record: dict[str, Any]) -> str:
    """Return a run's method; that of a pipeline, which has no metrics, where it is none we know."""
    method = record.get("method") or _method_of_plan(run)
    return method if method in HEADLINES else PIPELINE


def _method_of_plan(run: RunDirectory) -> str:
    """Return the method of a run that an earlier release recorded without it."""
    try:
        plan = parse_object(run.plan_file.read_bytes()) or {}
        return str(plan["recipe"]["method"])
    except (OSError, KeyError, TypeError):
        return PIPELINE
