"""What differs between the plans of several runs: a row a key, a column a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from recipe_runner.errors import RunnerError
from recipe_runner.planning.changes import ABSENT, changes
from recipe_runner.planning.plan import Plan
from recipe_runner.reports.record import as_text
from recipe_runner.runs.directory import RunDirectory


def differences(runs: Sequence[RunDirectory]) -> list[dict[str, Any]]:
    """Return the keys whose values are not the same in all plans, those that matter most first.

    A value is None where a run's plan cannot be read.
    """
    plans = [_plan(run) for run in runs]
    readable = [plan for plan in plans if plan is not None]
    if len(readable) < 2:
        return []
    base = readable[0]
    rows: dict[str, dict[str, Any]] = {}
    for index, plan in enumerate(plans):
        for change in [] if plan is None else changes(base, plan):
            row = rows.setdefault(
                change.path,
                {
                    "key": change.path,
                    "changes_result": change.changes_result,
                    "values": [None if each is None else _text(change.before) for each in plans],
                },
            )
            row["values"][index] = _text(change.after)
    return sorted(rows.values(), key=lambda row: not row["changes_result"])


def _plan(run: RunDirectory) -> Plan | None:
    try:
        return run.read_plan()
    except RunnerError:
        return None


def _text(value: Any) -> str:
    return ABSENT if value == ABSENT else as_text(value)
