"""Killed at any moment and started again: no step missing, none doubled."""

from __future__ import annotations

import json
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from recipe_runner.runs.directory import RunDirectory
from tests.e2e.command import Result, Start
from tests.e2e.conftest import is_alive, only_run, rows, wait_for

RL = """\
version: 1
name: killed
method: rl
backend: local
model: {name: recipe-run/tiny, lora_rank: 8}
env:
  kind: gem
  id: rg:chain_sum
  kwargs: {min_terms: 2, max_terms: 2, min_digits: 1, max_digits: 1}
rollout: {groups_per_batch: 4, group_size: 4, max_tokens: 12}
optimizer: {learning_rate: 1e-4}
steps: 10
checkpoint: {every: 3}
"""

SFT = """\
version: 1
name: killed
method: sft
backend: local
model: {name: recipe-run/tiny, lora_rank: 8}
data: {kind: conversations, path: talks.jsonl}
batch_size: 2
epochs: 3
optimizer: {learning_rate: 1e-4}
checkpoint: {every: 2}
"""


def server_pid(parent: int) -> int | None:
    """Return the local backend that a run has started: its one child in a session of its own."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        pid, session = int(stat.parent.name), int(fields[3])
        if int(fields[1]) == parent and session == pid:
            return pid
    return None


@pytest.mark.parametrize(("text", "steps"), [(RL, 10), (SFT, 12)], ids=["rl", "sft"])
def test_kill_and_resume(
    write_recipe: Callable[..., Path],
    recipe_run: Callable[..., Result],
    start: Start,
    tmp_path: Path,
    text: str,
    steps: int,
) -> None:
    recipe = write_recipe(text)
    victim = start(recipe)
    run = wait_for(lambda: next(iter(tmp_path.glob("runs/killed/*")), None))
    wait_for(lambda: len(rows(run / "metrics.jsonl")) >= 7)
    server = server_pid(victim.pid)
    assert server is not None
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    wait_for(lambda: not is_alive(server), seconds=10)
    assert RunDirectory(run).state() == "interrupted"

    done = recipe_run(recipe)
    assert done.returncode == 0, done.stderr
    assert "resuming the unfinished run of this plan after step" in done.stdout
    assert only_run(tmp_path, "killed") == run
    assert [row["step"] for row in rows(run / "metrics.jsonl")] == list(range(steps))
    manifest = json.loads((run / "run.json").read_text())
    assert manifest["state"] == "done"
    assert [attempt["state"] for attempt in manifest["attempts"]] == ["running", "done"]
    assert manifest["attempts"][1]["from_step"] > 0

    again = recipe_run(recipe, "--steps", "1", "--on-existing", "resume")
    assert again.returncode == 0, again.stderr
    assert len(list(tmp_path.glob("runs/killed/*/run.json"))) == 2


def test_killed_before_its_final_checkpoint_it_still_gets_one(
    write_recipe: Callable[..., Path],
    recipe_run: Callable[..., Result],
    tmp_path: Path,
) -> None:
    recipe = write_recipe(SFT.replace("epochs: 3", "epochs: 1"))
    assert recipe_run(recipe).returncode == 0
    run = only_run(tmp_path, "killed")
    saved, metrics = rows(run / "checkpoints.jsonl"), (run / "metrics.jsonl").read_text()
    # As if it had been killed in the moment before.
    kept = [record for record in saved if record["name"] != "final"]
    (run / "checkpoints.jsonl").write_text("".join(json.dumps(each) + "\n" for each in kept))
    record = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(record | {"state": "running"}))

    done = recipe_run(recipe)
    assert done.returncode == 0, done.stderr
    final = rows(run / "checkpoints.jsonl")[-1]
    assert (final["name"], "sampler_path" in final) == ("final", True)
    assert (run / "metrics.jsonl").read_text() == metrics


@pytest.mark.timeout(600)
def test_killed_again_and_again(
    write_recipe: Callable[..., Path],
    recipe_run: Callable[..., Result],
    start: Start,
    tmp_path: Path,
) -> None:
    recipe = write_recipe(RL)
    moments = random.Random(0)
    for _ in range(2):
        victim = start(recipe)
        time.sleep(moments.uniform(3, 12))
        victim.send_signal(signal.SIGKILL)
        victim.wait()
    done = recipe_run(recipe)
    assert done.returncode == 0, done.stderr
    # A kill that came after the end, or before the directory, leaves further runs or none.
    runs = [path.parent for path in tmp_path.glob("runs/killed/*/run.json")]
    assert runs
    for run in runs:
        assert [row["step"] for row in rows(run / "metrics.jsonl")] == list(range(10))


def test_interrupted_it_finishes_the_step_saves_and_goes_on_from_there(
    write_recipe: Callable[..., Path],
    recipe_run: Callable[..., Result],
    start: Start,
    tmp_path: Path,
) -> None:
    recipe = write_recipe(RL.replace("every: 3", "every: 100"))
    process = start(recipe)
    run = wait_for(lambda: next(iter(tmp_path.glob("runs/killed/*")), None))
    wait_for(lambda: rows(run / "metrics.jsonl"))
    process.send_signal(signal.SIGINT)
    ended = process.result(60)
    assert ended.returncode == 130, ended
    output = ended.stdout + ended.stderr
    assert "Traceback" not in output
    assert "Give the same command again" in output
    assert json.loads((run / "run.json").read_text())["state"] == "interrupted"
    done = len(rows(run / "metrics.jsonl"))
    assert f"stopped after step {done}" in output
    assert [record["batch"] for record in rows(run / "checkpoints.jsonl")] == [done]

    on = recipe_run(recipe)
    assert on.returncode == 0, on.stderr
    assert f"after step {done}" in on.stdout
    metrics = rows(run / "metrics.jsonl")
    assert [row["step"] for row in metrics] == list(range(10))
    used = json.loads((run / "usage.json").read_text())["tokens"]["recipe-run/tiny"]
    # The rows count what was kept: nothing was sampled twice, or trained twice.
    assert used["prefill"] == sum(row["env/all/total_ob_tokens"] for row in metrics)
    assert used["sampled"] == sum(row["env/all/total_ac_tokens"] for row in metrics)


def test_fail_and_new_on_an_unfinished_run(
    write_recipe: Callable[..., Path],
    recipe_run: Callable[..., Result],
    start: Start,
    tmp_path: Path,
) -> None:
    recipe = write_recipe(RL)
    process = start(recipe)
    run = wait_for(lambda: next(iter(tmp_path.glob("runs/killed/*/run.json")), None)).parent
    wait_for(lambda: rows(run / "metrics.jsonl"))
    busy = recipe_run(recipe)
    assert busy.returncode == 2
    assert "another process" in busy.stderr
    process.send_signal(signal.SIGKILL)
    process.wait()
    refused = recipe_run(recipe, "--on-existing", "fail")
    assert refused.returncode == 2
    assert "--on-existing new" in refused.stderr
    fresh = recipe_run(recipe, "--on-existing", "new")
    assert fresh.returncode == 0, fresh.stderr
    assert len(list(tmp_path.glob("runs/killed/*/run.json"))) == 2
