"""A checkpoint that does not fit on the disk: said at once, nothing lost, and the way on works."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.e2e.command import INSTALLED, Result, environment
from tests.e2e.conftest import only_run, rows
from tests.e2e.test_stopping import SFT

STEPS = 12


def test_a_run_without_room_for_its_checkpoint_goes_on_once_there_is(
    write_recipe: Callable[..., Path], recipe_run: Callable[..., Result], tmp_path: Path
) -> None:
    """The shell's limit on files is met as a full disk is; weights for sampling still fit."""
    recipe = write_recipe(SFT.replace("NAME", "full").replace("every: 100", "every: 5"))
    ended = subprocess.run(
        ["bash", "-c", f"ulimit -f 700; exec {INSTALLED} {recipe}"],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        text=True,
    )
    assert ended.returncode == 3, ended
    assert "no place for its checkpoints: a file is larger than allowed at" in ended.stderr
    assert "ulimit -f, then give the same command again" in ended.stderr
    assert "Traceback" not in ended.stderr + ended.stdout
    run = only_run(tmp_path, "full")
    record = json.loads((run / "run.json").read_text())
    assert record["state"] == "failed"
    assert len(record["attempts"]) == 1
    assert not list(tmp_path.glob("runs/.local/*/weights/*"))

    on = recipe_run(recipe)
    assert on.returncode == 0, on.stderr
    assert only_run(tmp_path, "full") == run
    assert [row["step"] for row in rows(run / "metrics.jsonl")] == list(range(STEPS))
