"""A preflight that fails leaves the log that its message names."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from tests.e2e.command import Result


def test_the_log_of_a_failed_preflight_is_there(
    recipe_run: Callable[..., Result], root: Path, tmp_path: Path
) -> None:
    (tmp_path / "wrong.jsonl").write_text('{"nothing": "that GEM asks for"}\n')
    recipe = root / "recipes/gem_math.yaml"
    done = recipe_run("preflight", recipe, "--set", f"env.dataset={tmp_path / 'wrong.jsonl'}")
    assert done.returncode == 3, done.stdout
    assert "Traceback" not in done.stderr
    details = next(line for line in done.stderr.splitlines() if line.startswith("details: "))
    log = Path(details.removeprefix("details: "))
    assert "wrong.jsonl" in log.read_text()
    run, preflight = log.parent, log.parents[2]
    assert (run / "run.json").exists()
    assert preflight.name.startswith("recipe-run-preflight-")
    shutil.rmtree(preflight)
