"""What is known of evaluations: the Cookbook's benchmarks with what each needs, Inspect's tasks."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import TypedDict

from recipe_runner.catalog import DATA

INSPECT_EVALS = "inspect_evals"


@dataclass(frozen=True)
class BenchmarkFacts:
    """One benchmark of the Cookbook.

    Attributes:
        sandbox: whether it runs the model's code, for which the Cookbook uses Modal.
        judge: whether a model grades.
        experimental: whether the Cookbook says that its scores may differ from published ones.
        timeout_s: seconds that an example may take, as the Cookbook recommends.
        note: what else it needs.
    """

    sandbox: bool
    judge: bool
    experimental: bool
    timeout_s: int
    note: str | None


class _BenchmarkRow(TypedDict):
    sandbox: bool
    judge: bool
    experimental: bool
    timeout_s: int
    note: str | None


class _Data(TypedDict):
    benchmarks: dict[str, _BenchmarkRow]
    inspect_evals: list[str]


@cache
def _data() -> _Data:
    data: _Data = json.loads((DATA / "evaluations.json").read_text("utf-8"))
    return data


@cache
def benchmarks() -> dict[str, BenchmarkFacts]:
    """Return every benchmark that the Cookbook registers, by name."""
    rows = _data()["benchmarks"]
    return {name: BenchmarkFacts(**row) for name, row in rows.items()}


def benchmark_facts(name: str) -> BenchmarkFacts:
    """Return the facts of a benchmark that `check` has accepted."""
    return benchmarks()[name]


@cache
def inspect_tasks() -> frozenset[str]:
    """Return the names of the tasks of the package inspect_evals, without its prefix."""
    return frozenset(_data()["inspect_evals"])
