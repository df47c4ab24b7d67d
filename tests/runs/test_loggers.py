"""Trackio gets the rows of a run; W&B what the Cookbook's config has no field for."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from recipe_runner.language import load
from recipe_runner.planning.plan import Plan, Served
from recipe_runner.planning.resolve import make_plan
from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.loggers import wandb_environment


@pytest.fixture
def plan_of(write_recipe: Callable[..., Path]) -> Callable[..., Plan]:
    def plan(*overrides: str) -> Plan:
        loaded = load(write_recipe(), overrides=overrides)
        return make_plan(loaded, Served(kind="hosted", note=""))

    return plan


PROGRAM = """
import sys, threading
from recipe_runner.planning.plan import Plan
from recipe_runner.runs.loggers import trackio_logger
with trackio_logger(Plan.from_json(open(sys.argv[1]).read()), "id") as (log, _):
    # From a thread, as the display's.
    row = {"step": 3, "reward": 0.5, "words": "none"}
    thread = threading.Thread(target=log, args=(row,))
    thread.start()
    thread.join()
"""

FOLLOWED = """
import sys
from pathlib import Path
import wandb
from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.loggers import followed
from recipe_runner.runs.progress.status import Status
run, status = RunDirectory(Path(sys.argv[1])), Status()
with followed(run.read_plan(), run, status):
    # As the Cookbook does.
    again = wandb.init(project="p", config={"learning_rate": 0.5}, dir=str(run.path))
    wandb.config.update({"learning_rate": 0.5})
    wandb.log({"reward": 0.25}, step=0)
print(status.links["W&B"])
"""


@pytest.mark.parametrize(("name", "shown"), [("name: n", "n"), ("", "sums-id")])
def test_trackio_has_the_project_the_name_and_the_rows(
    plan_of: Callable[..., Plan], tmp_path: Path, name: str, shown: str
) -> None:
    # A process of its own: Trackio reads where it writes when it is imported.
    plan = plan_of(f"logging.trackio={{project: p, {name}}}")
    (tmp_path / "plan.json").write_text(plan.to_json())
    subprocess.run(
        [sys.executable, "-c", PROGRAM, str(tmp_path / "plan.json")],
        env={**os.environ, "TRACKIO_DIR": str(tmp_path / "trackio")},
        check=True,
        capture_output=True,
        timeout=120,
    )
    with closing(sqlite3.connect(tmp_path / "trackio" / "p.db")) as database:
        (row,) = database.execute("SELECT run_name, step, metrics FROM metrics").fetchall()
    assert row[:2] == (shown, 3)
    assert json.loads(row[2])["reward"] == 0.5
    assert "words" not in json.loads(row[2])


def test_wandb_continues_its_run_and_keeps_its_tags(plan_of: Callable[..., Plan]) -> None:
    plan = plan_of("logging.wandb={project: p, mode: offline, tags: [a]}", "tags=[b]")
    variables = wandb_environment(plan, "id")
    assert variables["WANDB_MODE"] == "offline"
    assert variables["WANDB_TAGS"] == "a,b"
    assert (variables["WANDB_RUN_ID"], variables["WANDB_RESUME"]) == ("id", "allow")
    assert wandb_environment(plan_of(), "id") == {}
    assert "WANDB_TAGS" not in wandb_environment(plan_of("logging.wandb={project: p}"), "id")


def test_wandb_has_the_plan_beside_the_cookbooks_config_and_the_run_links_it(
    plan_of: Callable[..., Plan], tmp_path: Path
) -> None:
    plan = plan_of("logging.wandb={project: p, mode: offline}", f"logging.dir={tmp_path / 'runs'}")
    run = RunDirectory.create(plan, "")
    done = subprocess.run(
        [sys.executable, "-c", FOLLOWED, str(run.path)],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
    )
    link = run.read_manifest().links["W&B"]
    assert done.stdout.splitlines()[-1] == link
    (data,) = Path(link).glob("*.wandb")
    written = data.read_bytes()
    for part in ("recipe_run", plan.hash, "groups_per_batch", "learning_rate", "reward"):
        assert part.encode() in written, part
