"""Makes a run's files consistent before the Cookbook resumes it.

The Cookbook resumes from the last record of checkpoints.jsonl and appends to metrics.jsonl. After
a kill, four things stand in the way of a metrics file without a missing or doubled step:

- metrics of steps after the checkpoint are there already and would be written again;
- a checkpoint may be on record whose own step was never logged (it is saved first);
- the supervised loop saves a checkpoint while one more batch is in flight, under a position two
  steps behind the weights that it holds: resuming there would train these two batches again;
- off-policy distillation saves a checkpoint under the number of the step that it has just trained,
  which resuming would train again.

`align` cuts both files back to the last checkpoint that the metrics reach, and gives checkpoints
the position that they really hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recipe_runner.runs import rollouts
from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.files import read_json_lines, write_json_lines
from recipe_runner.runs.metrics import is_training_row

Record = dict[str, Any]

# The Cookbook's name of the checkpoint that ends a run.
FINAL = "final"

# method that has no checkpoints -> its file of one record for each step that is done
_RECORDS = {"eval": "evaluations.jsonl"}

# tinker_cookbook.supervised.train submits this many batches before it waits for the oldest
# (`submit_ahead` = 1), and saves after submitting.
_SFT_BATCHES_AHEAD = 1


# Methods whose metrics follow from what is on record: their loops write the rows that are missing.
_DERIVED_METRICS = ("generate",)


@dataclass(frozen=True)
class Position:
    """Where a run continues: the number of steps done, and whether nothing is left to do."""

    step: int
    finished: bool = False


def align(run: RunDirectory, method: str, steps: int | None = None) -> Position:
    """Cut metrics and checkpoints back to one consistent position, and return it.

    Args:
        steps: how many the plan asks for, where it says; a finished run of fewer goes on.
    """
    metrics = read_json_lines(run.metrics_file)
    if method in _DERIVED_METRICS:
        logged = _steps_logged(metrics)
        if run.metrics_file.exists():
            write_json_lines(run.metrics_file, metrics[:logged])
        return Position(logged)
    if method in _RECORDS:
        return _align_to_records(run, run.path / _RECORDS[method], metrics)
    checkpoints = read_json_lines(run.checkpoints_file)
    kept, position = _consistent(checkpoints, metrics, method, steps)
    if run.checkpoints_file.exists():
        write_json_lines(run.checkpoints_file, kept)
    if run.metrics_file.exists():
        write_json_lines(run.metrics_file, [row for row in metrics if row["step"] < position.step])
    rollouts.cut(rollouts.rollouts_file(run.path), position.step)
    return position


def keeps_all(method: str) -> bool:
    """Whether everything that a run of this method did is kept when it is interrupted."""
    return method in _DERIVED_METRICS or method in _RECORDS


def _align_to_records(run: RunDirectory, records_file: Path, metrics: list[Record]) -> Position:
    """Cut the metrics back to the steps that are on record as done; there are no checkpoints."""
    records = read_json_lines(records_file)
    if records_file.exists():
        write_json_lines(records_file, records)
    if run.metrics_file.exists():
        write_json_lines(run.metrics_file, [row for row in metrics if row["step"] < len(records)])
    return Position(len(records))


def _consistent(
    checkpoints: list[Record], metrics: list[Record], method: str, steps: int | None
) -> tuple[list[Record], Position]:
    steps_logged = _steps_logged(metrics)
    usable = _without_deleted_rolling(checkpoints)
    for index in range(len(usable) - 1, -1, -1):
        record = usable[index]
        if record.get("name") == FINAL and (steps is None or steps <= steps_logged):
            return usable[: index + 1], Position(steps_logged, finished=True)
        if record.get("name") == FINAL:
            reopened = _reopened(record, metrics, steps_logged)
            return [*usable[:index], reopened], Position(steps_logged)
        repaired = _REPAIRS[method](record, metrics) if method in _REPAIRS else record
        step = _global_step(repaired)
        if step is not None and step <= steps_logged:
            return [*usable[:index], repaired], Position(step)
    return [], Position(0)


def steps_logged(run: RunDirectory) -> int:
    """Return how many training steps a run has logged without a gap, from step 0."""
    return _steps_logged(read_json_lines(run.metrics_file))


def _steps_logged(metrics: list[Record]) -> int:
    """Number of training steps logged without a gap, from step 0."""
    steps = {row["step"] for row in metrics if is_training_row(row)}
    logged = 0
    while logged in steps:
        logged += 1
    return logged


def _without_deleted_rolling(checkpoints: list[Record]) -> list[Record]:
    """Leave out rolling checkpoints that the Cookbook deleted when it saved the next.

    With rolling checkpoints it also appends one after the final record and deletes its data, so
    the final record ends the list.
    """
    final = [i for i, record in enumerate(checkpoints) if record.get("name") == FINAL]
    if final:
        checkpoints = checkpoints[: final[-1] + 1]
    rolling = [i for i, record in enumerate(checkpoints) if record.get("rolling")]
    return [
        record
        for i, record in enumerate(checkpoints)
        if not record.get("rolling") or i == rolling[-1]
    ]


def _global_step(record: Record) -> int | None:
    """Steps done at a checkpoint: what `_repaired` found, else the RL loop's batch index."""
    step = record.get("recipe_run_step", record.get("batch"))
    return step if isinstance(step, int) else None


def _repaired(record: Record, metrics: list[Record]) -> Record:
    """Return a supervised checkpoint's record with the position of the weights that it holds."""
    if "recipe_run_step" in record:
        return record
    by_step = {row["step"]: row for row in metrics if is_training_row(row)}
    saved_at = _step_of_name(record)
    if saved_at is None:
        return record
    done = saved_at + 1 + _SFT_BATCHES_AHEAD
    last = by_step.get(done - 1)
    if last is None:
        # The batch in flight was never logged, so the weights run ahead of the metrics.
        return {**record, "recipe_run_step": done}
    return {**record, "recipe_run_step": done, **_place(done, by_step)}


def _place(done: int, by_step: dict[int, Record]) -> Record:
    """Return the epoch and the batch in it that come after so many steps."""
    epoch = int(by_step[done - 1]["epoch"])
    epoch_start = min(step for step, row in by_step.items() if row["epoch"] == epoch)
    return {"epoch": epoch, "batch": done - epoch_start}


def _reopened(record: Record, metrics: list[Record], done: int) -> Record:
    """Return the final record of a run that goes on, as one of its last step."""
    by_step = {row["step"]: row for row in metrics if is_training_row(row)}
    in_epochs = done > 0 and "epoch" in by_step[done - 1]
    place = _place(done, by_step) if in_epochs else {"batch": done}
    return {**record, "name": f"{done:06d}", "recipe_run_step": done, **place}


def _step_of_name(record: Record) -> int | None:
    """Return the global step that a periodic checkpoint is named after."""
    name = str(record.get("name", ""))
    return int(name) if name.isdecimal() else None


def _repaired_distillation(record: Record, metrics: list[Record]) -> Record:
    """Return an off-policy checkpoint's record with the step that its weights have seen counted."""
    on_policy = any("progress/batch" in row for row in metrics)
    if on_policy or "recipe_run_step" in record or not isinstance(record.get("batch"), int):
        return record
    done = record["batch"] + 1
    return {**record, "recipe_run_step": done, "batch": done}


def _repaired_preference(record: Record, metrics: list[Record]) -> Record:
    """Return a DPO checkpoint's record with its global step; its `batch` counts within an epoch."""
    return {**record, "recipe_run_step": _step_of_name(record)}


# method -> what puts the position of its checkpoints right, where the Cookbook's loop does not
_REPAIRS = {
    "sft": _repaired,
    "distill": _repaired_distillation,
    "dpo": _repaired_preference,
}
