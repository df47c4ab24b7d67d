"""What an evaluation left: `evaluations.jsonl` as a table."""

from __future__ import annotations

from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.files import read_json_lines

HEADER = ("evaluator", "metric", "value")


def results(run: RunDirectory) -> list[tuple[str, str, str]]:
    """Return a row for each metric of each evaluator that is done, in order."""
    return [
        (record["evaluator"], name.partition("/")[2], f"{value:.4g}")
        for record in read_json_lines(run.path / "evaluations.jsonl")
        for name, value in record["metrics"].items()
    ]
