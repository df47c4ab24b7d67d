"""Pipelines: stages hand on what they leave, and an interrupted one goes on where it stopped."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.command import Result, Start
from tests.e2e.conftest import only_run, rows, wait_for

PIPELINE = """\
version: 1
name: chain
method: pipeline
backend: local
vars: {tokens: 6}
stages:
  data:
    recipe:
      method: generate
      model: {name: recipe-run/tiny}
      data: {kind: prompts, path: sums.jsonl}
      system_prompt: Answer with a number.
      prompt: "What is {{ prompt }}?"
      sampling: {max_tokens: "{{ vars.tokens }}"}
  sft:
    recipe: sft.yaml
    set:
      data.path: "{{ stages.data.output }}"
  more:
    recipe: sft.yaml
    set:
      data.path: "{{ stages.data.output }}"
      model.load_from: "{{ stages.sft.checkpoint }}"
      epochs: 1
"""
SFT = """\
version: 1
method: sft
model: {name: recipe-run/tiny, lora_rank: 4}
data: {kind: conversations, path: talks.jsonl}
batch_size: 2
epochs: 6
optimizer: {learning_rate: 1e-3}
checkpoint: {every: 3}
"""
SUMS = [f"{a} + {b}" for a in range(4) for b in range(2)]


@pytest.fixture
def pipeline(write_recipe: Callable[..., Path], tmp_path: Path) -> Path:
    (tmp_path / "sums.jsonl").write_text("".join(json.dumps({"prompt": s}) + "\n" for s in SUMS))
    write_recipe(SFT, "sft.yaml")
    return write_recipe(PIPELINE, "pipeline.yaml")


def record(directory: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((directory / "run.json").read_text())
    return found


def test_killed_in_a_stage_it_goes_on_there(
    pipeline: Path, recipe_run: Callable[..., Result], start: Start, tmp_path: Path
) -> None:
    victim = start(pipeline)
    run = wait_for(lambda: next(iter(tmp_path.glob("runs/chain/*/run.json")), None)).parent
    wait_for(lambda: len(rows(run / "stages/sft/metrics.jsonl")) >= 8)
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    written = (run / "stages/data/conversations.jsonl").read_bytes()

    done = recipe_run(pipeline)
    assert done.returncode == 0, done.stderr
    assert "1 of 3 stages are done" in done.stdout
    assert "stage 1 of 3, data: done" in done.stdout
    assert "resuming the unfinished run of this plan after step" in done.stdout
    assert only_run(tmp_path, "chain") == run
    assert (run / "stages/data/conversations.jsonl").read_bytes() == written
    for stage, steps in (("sft", 24), ("more", 4)):
        metrics = rows(run / "stages" / stage / "metrics.jsonl")
        assert [row["step"] for row in metrics] == list(range(steps))
    states = {stage: record(run / "stages" / stage)["state"] for stage in ("data", "sft", "more")}
    assert set(states.values()) == {"done"}
    assert record(run)["state"] == "done"
    assert [attempt["from_step"] for attempt in record(run)["attempts"]] == [0, 1]
    assert len(record(run / "stages/data")["attempts"]) == 1
    assert record(run / "stages/sft")["attempts"][1]["from_step"] > 0

    talks = [row["messages"] for row in rows(run / "stages/data/conversations.jsonl")]
    assert [talk[0] for talk in talks] == [{"role": "user", "content": each} for each in SUMS]
    assert {talk[1]["role"] for talk in talks} == {"assistant"}
    sft, more = (run / "stages" / stage for stage in ("sft", "more"))
    final = rows(sft / "checkpoints.jsonl")[-1]["state_path"]
    assert f"Loaded weights from {final}" in (more / "logs.log").read_text()
    plan = json.loads((sft / "plan.json").read_text())
    assert plan["recipe"]["data"]["path"].endswith("stages/data/conversations.jsonl")
    assert list(plan["fingerprints"]) == [plan["recipe"]["data"]["path"]]

    shown = recipe_run("runs", "show", "chain")
    assert "3 of 3 stages done" in shown.stdout
    assert "stage more" in shown.stdout


def test_preflight_hands_real_outputs_on(
    pipeline: Path, recipe_run: Callable[..., Result], tmp_path: Path
) -> None:
    done = recipe_run(
        "preflight",
        pipeline,
        *("--set", "stages.data.model.name=Qwen/Qwen3-8B"),
        *("--set", "stages.data.set.extract='Final Answer: (.+)'"),
        *("--set", "stages.more=null"),
    )
    assert done.returncode == 0, done.stderr
    assert "preflight passed" in done.stdout
    assert "stand-in" in done.stdout
    assert "kept as they are" in done.stdout
    assert not (tmp_path / "runs").exists()


def test_a_failing_stage_is_on_record_and_interrupts_nothing_before_it(
    pipeline: Path, recipe_run: Callable[..., Result], tmp_path: Path
) -> None:
    given = "      sampling:"
    pipeline.write_text(pipeline.read_text().replace(given, f"      extract: '(never)'\n{given}"))
    failed = recipe_run(pipeline)
    assert failed.returncode == 3
    assert "extract" in failed.stderr
    assert "Traceback" not in failed.stderr
    run = only_run(tmp_path, "chain")
    assert record(run)["state"] == record(run / "stages/data")["state"] == "failed"
    assert record(run / "stages/sft")["state"] == "planned"
    missing = recipe_run(pipeline, "--set", "stages.more.set.model.load_from=run:nothing@final")
    assert missing.returncode == 1
    assert "nothing" in missing.stderr


def test_interrupted_it_is_on_record_and_says_how_to_go_on(
    pipeline: Path, start: Start, tmp_path: Path
) -> None:
    process = start(pipeline)
    run = wait_for(lambda: next(iter(tmp_path.glob("runs/chain/*/run.json")), None)).parent
    wait_for(lambda: rows(run / "stages/sft/metrics.jsonl"))
    process.send_signal(signal.SIGINT)
    done = process.result(120)
    assert done.returncode == 130, done
    output = done.stdout + done.stderr
    assert "Traceback" not in output
    assert "Give the same command again" in output
    states = [record(run / "stages" / stage)["state"] for stage in ("data", "sft", "more")]
    assert states == ["done", "interrupted", "planned"]
    assert record(run)["state"] == "interrupted"
