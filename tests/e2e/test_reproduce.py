"""A run and its reproduction from the record alone: the same metrics, to the last digit."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.conftest import RL_RECIPE
from tests.e2e.command import Result
from tests.e2e.conftest import only_run

PARENT = RL_RECIPE.replace("name: sums\n", "").replace("steps: 3", "steps: 2")
CHILD = "version: 1\nextends: base/rl.yaml\nname: sums\nbackend: local\n"


def git(directory: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", *identity, *arguments], cwd=directory, check=True, capture_output=True)


def test_a_run_is_reproduced_from_its_record(
    recipe_run: Callable[..., Result], tmp_path: Path
) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "base" / "rl.yaml").write_text(PARENT)
    (tmp_path / "sums.yaml").write_text(CHILD)
    (tmp_path / ".gitignore").write_text("runs/\n.env\n")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "first")
    (tmp_path / ".env").write_text("TOKEN=canary-of-an-ignored-file\n")
    (tmp_path / "new.py").write_text("KEY = 'tml-canaryOfAKeyInAFile'\nkept = 1\n")
    first = recipe_run("sums.yaml", MY_SERVICE_TOKEN="canary-of-the-environment")
    assert first.returncode == 0, first.stderr

    run = only_run(tmp_path, "sums")
    assert (run / "recipe" / "sums.yaml").read_text() == CHILD
    assert (run / "recipe" / "base" / "rl.yaml").read_text() == PARENT
    assert "+kept = 1" in (run / "git.diff").read_text()
    for path in run.rglob("*"):
        assert path.is_dir() or b"canary" not in path.read_bytes(), path

    # Neither the recipe nor its parent are needed any more, nor is the place.
    (tmp_path / "sums.yaml").unlink()
    (tmp_path / "base" / "rl.yaml").write_text("version: 1\n")
    again = recipe_run("reproduce", "sums", "--exact", "--format", "json")
    assert again.returncode == 0, again.stderr
    result = json.loads(again.stdout)
    found = result["metrics"][""]
    assert found["equal"]
    assert (found["steps"], found["missing"], found["differing"]) == (2, 0, [])
    assert found["keys"] > 10
    assert [each["what"] for each in result["differences"]] == [
        "files that are not committed",
        "not committed and not on record",
    ]
    record = json.loads((Path(result["run"]) / "run.json").read_text())
    assert record["reproduces"] == str(run.resolve())
    assert record["summary"]["steps"] == 2
