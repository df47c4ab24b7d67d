"""The README's first command, as it is: the reward has to rise, for real."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.command import Result
from tests.e2e.conftest import only_run, rows
from tests.e2e.estimated import check_estimate

REWARD = "env/all/reward/total"


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


@pytest.mark.timeout(600)
def test_the_reward_rises(installed: Callable[..., Result], root: Path, tmp_path: Path) -> None:
    started = time.monotonic()
    # Three quarters of it: the reward has risen by then, and the rest is the same once more.
    done = installed(root / "recipes/quickstart.yaml", "--steps", "30", timeout=590)
    assert done.returncode == 0, done.stderr
    run = only_run(tmp_path, "quickstart")
    rewards = [row[REWARD] for row in rows(run / "metrics.jsonl")]
    print(f"quickstart: {time.monotonic() - started:.0f} s, {len(rewards)} steps")
    assert mean(rewards[:3]) <= 0.5
    assert mean(rewards[-3:]) >= 0.8
    assert json.loads((run / "run.json").read_text())["state"] == "done"
    # What the newcomer reads: progress on the way, and at the end where, what, what next.
    assert "step 1/" in done.stdout
    assert str(run.relative_to(tmp_path)) in done.stdout
    assert f"{mean(rewards[:3]):.3f} -> {mean(rewards[-3:]):.3f}" in done.stdout
    assert "next:" in done.stdout
    check_estimate(run, "prompts")
    assert not done.stderr
