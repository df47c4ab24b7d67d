"""A sweep from start to end on the local backend."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from recipe_runner.sweeps.record import SweepRecord, sweeps_under
from tests.conftest import CONVERSATION, SFT_RECIPE
from tests.e2e.command import Result, Start
from tests.e2e.conftest import only_run, rows, wait_for

# Eight conversations of the fixture: four steps an epoch.
RECIPE = SFT_RECIPE.replace("Qwen/Qwen3-8B-Base", "recipe-run/tiny, lora_rank: 8") + (
    "backend: local\n"
    "variants:\n"
    "  broken: {data.path: broken.jsonl, optimizer.learning_rate: 1e-3, seed: 3}\n"
    "  hot: {optimizer.learning_rate: 1e-2}\n"
    "  cold: {optimizer.learning_rate: 1e-5}\n"
)
ALONE = "logging.dir=alone"


def untimed(run: Path) -> list[dict[str, Any]]:
    """The metrics of a run without what no two runs have alike."""
    return [
        {key: value for key, value in row.items() if not key.startswith("time/")}
        for row in rows(run / "metrics.jsonl")
    ]


def test_a_sweep_goes_on_after_failures_and_ctrl_c_and_skips_what_is_done(
    write_recipe: Callable[..., Path],
    tmp_path: Path,
    start: Start,
    recipe_run: Callable[..., Result],
) -> None:
    recipe = write_recipe(RECIPE)
    (tmp_path / "broken.jsonl").write_text('{"messages": []}\n' * 8)
    command = ("sweep", recipe, "--max-parallel", "2", "--set", "epochs=4")

    def states() -> dict[str, str]:
        records = sweeps_under(tmp_path / "runs")
        return {each.variant: each.state for record in records for each in record.variants}

    # One fails, and the others are not touched by it. Ctrl-C: what is at work saves and ends.
    first = start(*command)
    wait_for(lambda: states().get("broken") == "failed")
    hot = wait_for(lambda: next(tmp_path.glob("runs/talks.hot/*/metrics.jsonl"), None)).parent
    wait_for(lambda: rows(hot / "metrics.jsonl"))
    first.send_signal(signal.SIGINT)
    assert first.wait(120) == 130
    assert states()["broken"] == "failed"
    assert states()["cold"] == "interrupted"
    assert json.loads((hot / "run.json").read_text())["state"] in ("interrupted", "done")

    # The same command goes on, with what was mended in between.
    (tmp_path / "broken.jsonl").write_text(CONVERSATION * 8)
    second = recipe_run(*command)
    assert second.returncode == 0, second.stderr
    table = [line.split() for line in second.stdout.split("\n\n")[1].splitlines()]
    assert [row[0] for row in table] == ["variant", "hot", "broken", "cold"]
    assert "3 variants: 3 done" in second.stdout
    assert only_run(tmp_path, "talks.hot") == hot
    assert [row["step"] for row in rows(hot / "metrics.jsonl")] == list(range(16))

    # What is done is done.
    third = recipe_run(*command, "--format", "json")
    assert third.returncode == 0, third.stderr
    record = SweepRecord.model_validate_json(third.stdout)
    assert all(each.state == "done" and each.skipped for each in record.variants)

    # In company, with a seed of its own, a run gives what it gives alone.
    (broken,) = [tmp_path / str(each.run) for each in record.variants if each.variant == "broken"]
    alone = recipe_run(*command[1:2], "--variant", "broken", "--set", "epochs=4", "--set", ALONE)
    assert alone.returncode == 0, alone.stderr
    (other,) = tmp_path.glob("alone/talks.broken/*/")
    assert untimed(other) == untimed(broken)
    files = {path.name for path in other.iterdir()} - {"backend.log"}
    assert files <= {path.name for path in broken.iterdir()}
