"""What is on disk of a variant: its run, how far it came, what it came to."""

from __future__ import annotations

import signal
from pathlib import Path

from recipe_runner.planning.plan import Plan
from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.metrics import Column
from recipe_runner.runs.registry import record_of, runs_under
from recipe_runner.runs.usage import read_usage
from recipe_runner.sweeps.metric import Metric
from recipe_runner.sweeps.record import VariantRecord
from recipe_runner.sweeps.worker import ERROR


def run_of(plan: Plan) -> RunDirectory | None:
    """Return the newest run of a plan that is done, else the newest there is."""
    newest = None
    for run in reversed(runs_under(Path(plan.recipe.logging.dir), plan.recipe.name)):
        record = record_of(run)
        if record is None or record["plan_hash"] != plan.hash:
            continue
        if record["state"] == "done":
            return run
        newest = newest or run
    return newest


def is_done(run: RunDirectory) -> bool:
    """Whether a run has come to its end, which only its own last line on record says."""
    record = record_of(run)
    return record is not None and record["state"] == "done"


def update(record: VariantRecord, plan: Plan, metric: Metric) -> Column:
    """Bring a variant's record up to date with its run, and return its metric by step."""
    run = RunDirectory(Path(record.run)) if record.run else run_of(plan)
    if run is None:
        return {}
    record.run = str(run.path)
    column = metric.column(plan, run)
    record.value = metric.value(column)
    record.steps = max(column, default=-1) + 1
    usage = read_usage(run)
    if usage is not None:
        record.tokens = usage.total.total
        record.usd = usage.usd if plan.served.kind == "hosted" else None
    return column


def error_of(record: VariantRecord, output: Path, exit_code: int | None) -> str:
    """Return what a worker failed on, in one line."""
    if exit_code is not None and exit_code < 0:
        name = signal.Signals(-exit_code).name
        return f"{name} ended its process (a machine out of memory does that); see {output}"
    said = [line for line in _lines(output) if line.startswith(ERROR)]
    if said:
        return said[-1].removeprefix(ERROR)
    return f"its process ended with exit code {exit_code}; see {output}"


def _lines(output: Path) -> list[str]:
    try:
        return output.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return []
