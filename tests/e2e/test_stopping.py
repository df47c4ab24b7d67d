"""A budget ends a run in order: its step done, a checkpoint on record, and the way on said."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.e2e.command import Result, Start
from tests.e2e.conftest import only_run, rows, wait_for

SFT = """\
version: 1
name: NAME
method: sft
backend: local
model: {name: recipe-run/tiny, lora_rank: 8}
data: {kind: conversations, path: talks.jsonl}
batch_size: 2
epochs: 3
optimizer: {learning_rate: 1e-3}
checkpoint: {every: 100}
"""


def _numbers(run: Path) -> list[dict[str, Any]]:
    return [
        {key: value for key, value in row.items() if "time/" not in key}
        for row in rows(run / "metrics.jsonl")
    ]


def _usage(run: Path) -> dict[str, int]:
    used: dict[str, int] = json.loads((run / "usage.json").read_text())["tokens"]["recipe-run/tiny"]
    return used


def test_a_spent_budget_ends_a_run_that_goes_on_with_a_higher_one(
    write_recipe: Callable[..., Path],
    recipe_run: Callable[..., Result],
    tmp_path: Path,
) -> None:
    whole = recipe_run(write_recipe(SFT.replace("NAME", "whole"), "whole.yaml"))
    assert whole.returncode == 0, whole.stderr
    undisturbed = only_run(tmp_path, "whole")
    expected = _numbers(undisturbed)
    assert _usage(undisturbed)["trained"] == sum(int(row["num_tokens"]) for row in expected)
    assert "nothing was charged" in whole.stdout

    recipe = write_recipe(SFT.replace("NAME", "limited"))
    limit = sum(int(row["num_tokens"]) for row in expected[:4])
    ended = recipe_run(recipe, "--set", f"budget.tokens={limit}")
    assert ended.returncode == 5, ended
    assert f"of {limit:,} tokens" in ended.stderr
    assert "Raise it" in ended.stderr
    run = only_run(tmp_path, "limited")
    assert json.loads((run / "run.json").read_text())["state"] == "budget"
    done = len(_numbers(run))
    assert 0 < done < len(expected)
    (saved,) = rows(run / "checkpoints.jsonl")
    assert saved["recipe_run_step"] == done
    assert {"state_path", "sampler_path"} <= saved.keys()

    refused = recipe_run(recipe, "--set", f"budget.tokens={limit}")
    assert refused.returncode == 5
    assert "spent already" in refused.stderr
    assert len(_numbers(run)) == done

    on = recipe_run(recipe, "--set", "budget.tokens=1000000")
    assert on.returncode == 0, on.stderr
    assert only_run(tmp_path, "limited") == run
    assert _numbers(run) == expected
    assert _usage(run) == _usage(undisturbed)


def test_ctrl_c_lets_the_prompts_under_way_be_answered(
    write_recipe: Callable[..., Path],
    recipe_run: Callable[..., Result],
    start: Start,
    tmp_path: Path,
) -> None:
    prompts = [{"prompt": f"What is {a} + {b}?"} for a in range(60) for b in range(20)]
    (tmp_path / "many.jsonl").write_text("".join(json.dumps(each) + "\n" for each in prompts))
    recipe = write_recipe(
        "version: 1\nname: asked\nmethod: generate\nbackend: local\n"
        "model: {name: recipe-run/tiny}\ndata: {kind: prompts, path: many.jsonl}\n"
        "sampling: {max_tokens: 24}\n"
    )
    process = start(recipe)
    run = wait_for(lambda: next(iter(tmp_path.glob("runs/asked/*")), None))
    wait_for(lambda: rows(run / "metrics.jsonl"))
    process.send_signal(signal.SIGTERM)
    ended = process.result(60)
    assert ended.returncode == 130, ended
    kept = len(rows(run / "replies.jsonl"))
    assert f"after {kept:,} of 1200 prompts".replace(",", "") in ended.stdout + ended.stderr
    sampled = _usage(run)["sampled"]
    replies = [each["replies"][0]["num_tokens"] for each in rows(run / "replies.jsonl")]
    assert sampled == sum(replies)
    on = recipe_run(recipe)
    assert on.returncode == 0, on.stderr
    assert sorted(each["index"] for each in rows(run / "replies.jsonl")) == list(range(1200))
