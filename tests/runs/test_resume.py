"""`align` against simulations of the Cookbook's loops that are killed after any write."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.files import read_json_lines
from recipe_runner.runs.resume import align

Write = tuple[str, dict[str, Any]]


def rl_writes(steps: int, every: int, rolling: int) -> Iterator[Write]:
    """What rl.train writes, in order: the checkpoint of a step comes before its metrics."""
    for step in range(steps):
        done = step + 1
        if every and done % every == 0:
            yield "checkpoints", {"name": f"{done:06d}", "batch": done, "state_path": f"w{done}"}
        elif rolling and done % rolling == 0:
            record = {"name": f"{done:06d}", "batch": done, "rolling": True}
            yield "checkpoints", {**record, "state_path": f"w{done}"}
        yield "metrics", {"step": step, "progress/done_frac": done / steps}
    yield "checkpoints", {"name": "final", "batch": steps, "state_path": f"w{steps}"}
    if rolling:
        yield "checkpoints", {"name": "late", "batch": steps, "rolling": True, "state_path": "gone"}


def sft_writes(batches: int, epochs: int, every: int) -> Iterator[Write]:
    """What supervised.train writes: one batch is in flight whenever a checkpoint is saved.

    `state_path` carries the truth: the number of batches that the saved weights have seen.
    """
    steps = batches * epochs
    for step in range(steps):
        submitted = min(step + 2, steps)
        epoch, batch = divmod(step, batches)
        if every and step > 0 and step % every == 0:
            record = {"name": f"{step:06d}", "epoch": epoch, "batch": batch}
            yield "checkpoints", {**record, "state_path": f"w{submitted}"}
        yield "metrics", {"step": step, "epoch": epoch, "progress": (step + 1) / steps}
    yield "checkpoints", {"name": "final", "epoch": epochs, "batch": 0, "state_path": f"w{steps}"}


def dpo_writes(batches: int, epochs: int, every: int) -> Iterator[Write]:
    """What the DPO loop writes: the checkpoint before its step, with a place within the epoch."""
    steps = batches * epochs
    for step in range(steps):
        epoch, batch = divmod(step, batches)
        if every and step > 0 and step % every == 0:
            record = {"name": f"{step:06d}", "epoch": epoch, "batch": batch}
            yield "checkpoints", {**record, "state_path": f"w{step}"}
        yield "metrics", {"step": step, "epoch": epoch, "progress": step / steps}
    yield "checkpoints", {"name": "final", "epoch": epochs, "batch": 0, "state_path": f"w{steps}"}


def write_run(path: Path, writes: list[Write], cut: int) -> RunDirectory:
    """Write the files of a run whose last line was cut short by `cut` bytes."""
    run = RunDirectory(path)
    lines: dict[str, str] = {"checkpoints": "", "metrics": ""}
    for file, record in writes:
        lines[file] += json.dumps(record) + "\n"
    if writes:
        last = writes[-1][0]
        lines[last] = lines[last][: len(lines[last]) - cut]
    run.metrics_file.write_text(lines["metrics"])
    run.checkpoints_file.write_text(lines["checkpoints"])
    return run


def off_policy_writes(steps: int, every: int) -> Iterator[Write]:
    """What train_off_policy writes: a checkpoint is named after the step it has just trained."""
    for step in range(steps):
        if every and step > 0 and step % every == 0:
            record = {"name": f"{step:06d}", "batch": step, "state_path": f"w{step + 1}"}
            yield "checkpoints", record
        yield "metrics", {"step": step, "progress/done_frac": (step + 1) / steps}
    yield "checkpoints", {"name": "final", "batch": steps, "state_path": f"w{steps}"}


def weights_seen(run: RunDirectory) -> int:
    """Batches that the weights of the checkpoint that would be resumed have seen."""
    records = read_json_lines(run.checkpoints_file)
    return int(records[-1]["state_path"].removeprefix("w")) if records else 0


kills = st.tuples(st.integers(0, 60), st.integers(0, 5))


@given(st.integers(1, 12), st.integers(0, 5), st.integers(0, 3), kills)
def test_rl_resumes_where_metrics_and_weights_agree(
    tmp_path_factory: Any, steps: int, every: int, rolling: int, kill: tuple[int, int]
) -> None:
    writes = list(rl_writes(steps, every, rolling))[: kill[0]]
    run = write_run(tmp_path_factory.mktemp("run"), writes, kill[1])
    position = align(run, "rl")
    assert [row["step"] for row in read_json_lines(run.metrics_file)] == list(range(position.step))
    assert weights_seen(run) == position.step


@given(st.integers(1, 5), st.integers(1, 3), st.integers(0, 4), kills)
def test_sft_resumes_where_metrics_and_weights_agree(
    tmp_path_factory: Any, batches: int, epochs: int, every: int, kill: tuple[int, int]
) -> None:
    writes = list(sft_writes(batches, epochs, every))[: kill[0]]
    run = write_run(tmp_path_factory.mktemp("run"), writes, kill[1])
    position = align(run, "sft")
    assert [row["step"] for row in read_json_lines(run.metrics_file)] == list(range(position.step))
    assert weights_seen(run) == position.step
    records = read_json_lines(run.checkpoints_file)
    if records and not position.finished:
        # The Cookbook goes on at (epoch, batch); a batch index past the epoch's end is its next.
        assert records[-1]["epoch"] * batches + records[-1]["batch"] == position.step


@given(st.integers(1, 12), st.integers(0, 5), kills)
def test_off_policy_distillation_resumes_where_metrics_and_weights_agree(
    tmp_path_factory: Any, steps: int, every: int, kill: tuple[int, int]
) -> None:
    writes = list(off_policy_writes(steps, every))[: kill[0]]
    run = write_run(tmp_path_factory.mktemp("run"), writes, kill[1])
    position = align(run, "distill")
    assert align(run, "distill") == position
    assert [row["step"] for row in read_json_lines(run.metrics_file)] == list(range(position.step))
    assert weights_seen(run) == position.step
    records = read_json_lines(run.checkpoints_file)
    assert not records or records[-1]["batch"] == position.step


def test_on_policy_distillation_counts_its_steps_as_rl_does(tmp_path: Path) -> None:
    writes = [
        (file, {**record, "progress/batch": record["step"]} if file == "metrics" else record)
        for file, record in rl_writes(steps=5, every=2, rolling=0)
    ]
    run = write_run(tmp_path, writes[:6], cut=0)
    assert align(run, "distill").step == weights_seen(run) == 4


@given(st.integers(1, 5), st.integers(1, 3), st.integers(0, 5), kills)
def test_dpo_resumes_where_metrics_and_weights_agree(
    tmp_path_factory: Any,
    batches: int,
    epochs: int,
    every: int,
    kill: tuple[int, int],
) -> None:
    writes = list(dpo_writes(batches, epochs, every))[: kill[0]]
    run = write_run(tmp_path_factory.mktemp("run"), writes, kill[1])
    position = align(run, "dpo")
    assert position.step == weights_seen(run)
    logged = [row["step"] for row in read_json_lines(run.metrics_file)]
    assert logged == list(range(position.step))
    for record in read_json_lines(run.checkpoints_file)[-1:]:
        if not position.finished:
            assert record["epoch"] * batches + record["batch"] == position.step


def test_align_twice_changes_nothing_more(tmp_path: Path) -> None:
    writes = list(sft_writes(batches=4, epochs=2, every=2))[:9]
    run = write_run(tmp_path, writes, cut=0)
    first = align(run, "sft")
    files = run.metrics_file.read_text(), run.checkpoints_file.read_text()
    assert align(run, "sft") == first
    assert (run.metrics_file.read_text(), run.checkpoints_file.read_text()) == files


def test_rows_of_the_async_evaluation_are_not_steps(tmp_path: Path) -> None:
    writes = [
        ("metrics", {"step": 0, "progress/done_frac": 0.5}),
        ("checkpoints", {"name": "000002", "batch": 2, "state_path": "w2"}),
        ("metrics", {"step": 1, "test/env/all/reward/total": 0.3}),
    ]
    run = write_run(tmp_path, writes, cut=0)
    assert align(run, "rl").step == 0


def test_a_run_without_files_starts_at_zero(tmp_path: Path) -> None:
    assert align(RunDirectory(tmp_path), "rl").step == 0
