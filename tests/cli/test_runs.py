"""`runs` and `compare` as a person uses them, over runs that lie on disk."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recipe_runner.cli.app import run_command
from recipe_runner.language import load
from recipe_runner.planning.plan import Served
from recipe_runner.planning.resolve import make_plan
from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.files import write_json_lines
from recipe_runner.runs.manifest import State, new_attempt
from recipe_runner.runs.summarize import summary_of
from tests.conftest import SFT_RECIPE

WEIGHTS_RM = "recipe-run weights rm"
Make = Callable[..., RunDirectory]
Said = Callable[..., str]


@pytest.fixture
def make(write_recipe: Callable[..., Path], tmp_path: Path) -> Make:
    """Make a run that has done three steps: its reward rises from `start`."""

    def run(
        *overrides: str,
        state: State = "done",
        start: float = 0.1,
        text: str | None = None,
        key: str = "env/all/reward/total",
    ) -> RunDirectory:
        path = write_recipe() if text is None else write_recipe(text)
        loaded = load(path, overrides=[*overrides, f"logging.dir={tmp_path / 'runs'}"])
        plan = make_plan(loaded, Served(kind="hosted", note="hosted Tinker"))
        made = RunDirectory.create(plan, loaded.text, loaded.files)
        rows = [
            {"step": step, "progress": step / 3, key: start + step / 10, "num_tokens": 100}
            for step in range(3)
        ]
        write_json_lines(made.metrics_file, rows)
        manifest = made.read_manifest()
        manifest.attempts = [new_attempt(0)]
        manifest.state = state
        if state != "running":
            manifest.summary = summary_of(made, manifest, plan.recipe.method)
        made.write_manifest(manifest)
        return made

    return run


@pytest.fixture
def said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Said:
    """Return what a command prints; its exit code has to be the one given."""

    def run(*arguments: str, code: int = 0) -> str:
        assert run_command([*arguments, "--dir", str(tmp_path / "runs")]) == code
        captured = capsys.readouterr()
        return captured.out if code == 0 else captured.err

    return run


def names(text: str) -> list[str]:
    return [line.split()[0] for line in text.splitlines()[1:]]


def test_a_list_is_filtered_and_ordered(make: Make, said: Said) -> None:
    make("name=one", "tags=[a, b]")
    make("name=two", "tags=[b]", state="failed")
    make(text=SFT_RECIPE, key="train_mean_nll", state="interrupted")
    table = said("runs", "list")
    assert sorted(names(table)) == ["one", "talks", "two"]
    assert "reward 0.200 -> 0.200" in table
    assert "loss 0.200 -> 0.200" in table
    for arguments, found in (
        (["--name", "t*"], {"two", "talks"}),
        (["--tag", "b"], {"one", "two"}),
        (["--tag", "a", "--tag", "b"], {"one"}),
        (["--state", "failed", "--state", "interrupted"], {"two", "talks"}),
        (["--method", "sft"], {"talks"}),
        (["--name", "none"], set()),
    ):
        rows = json.loads(said("runs", "list", "--format", "json", *arguments))
        assert {row["name"] for row in rows} == found, arguments
    backwards = names(said("runs", "list", "--newest-first"))
    assert backwards == list(reversed(names(table)))
    assert names(said("runs", "list", "--limit", "1")) == backwards[:1]


def test_a_run_that_was_killed_is_listed_as_it_stands(make: Make, said: Said) -> None:
    run = make(state="running")
    with run.lock():
        assert "running" in said("runs", "list")
    (row,) = json.loads(said("runs", "list", "--format", "json"))
    assert (row["state"], row["steps"]) == ("interrupted", 3)
    # Metrics were cut back or went on since the summary was written.
    done = make()
    write_json_lines(done.metrics_file, [{"step": 0, "progress": 0.1, "num_tokens": 7}])
    (row,) = json.loads(said("runs", "list", "--format", "json", "--state", "done"))
    assert (row["steps"], row["tokens"]) == (1, 7)


def test_a_run_is_shown_with_what_is_on_record(make: Make, said: Said) -> None:
    run = make("tags=[a]")
    write_json_lines(run.checkpoints_file, [{"name": "final", "state_path": "tinker://a/w/final"}])
    text = said("runs", "show", run.run_id)
    for part in (r"sums/\S+  done", r"steps +3", "tinker://a/w/final", "plan.json", "packages.txt"):
        assert re.search(part, text), part
    assert json.loads(said("runs", "show", "sums", "--format", "json"))["record"]["tags"] == ["a"]


def test_removing_asks_and_spares_what_is_at_work(make: Make, said: Said, tmp_path: Path) -> None:
    run, other = make(), make("name=other")
    write_json_lines(run.checkpoints_file, [{"name": "final", "state_path": "tinker://a/w/final"}])
    assert "give --yes" in said("runs", "rm", "sums", code=2)
    with run.lock():
        assert "is at work" in said("runs", "rm", "sums", "other", "--yes", code=2)
    assert run.path.exists()
    assert other.path.exists()
    text = said("runs", "rm", "sums", "--yes")
    assert f"1 checkpoint stays on hosted Tinker; to delete them first: {WEIGHTS_RM}" in text
    assert f"{WEIGHTS_RM} {run.path}" in text
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["other"]


def compared(text: str) -> dict[str, Any]:
    found = json.loads(text)
    return {each["name"]: each["values"] for each in found["metrics"]}


def test_runs_are_compared_key_by_key_and_metric_by_metric(make: Make, said: Said) -> None:
    low = make("name=low", "optimizer.learning_rate=1e-4", start=0.1)
    high = make("name=high", "optimizer.learning_rate=1e-4", start=0.5, state="interrupted")
    third = make("name=third", "model.lora_rank=8", start=0.3)
    runs = [run.run_id for run in (low, high, third)]
    found = json.loads(said("compare", *runs, "--format", "json"))
    differing = {key["path"]: key["values"] for key in found["plan"]}
    assert differing["optimizer.learning_rate"] == [1e-4, 1e-4, 1e-3]
    assert differing["model.lora_rank"] == [32, 32, 8]
    assert differing["name"] == ["low", "high", "third"]
    assert [key["changes_result"] for key in found["plan"]] == [True, True, False]
    ordered = said("compare", *runs, "--metric", "env/*", "--format", "json")
    assert [run["name"] for run in json.loads(ordered)["runs"]] == ["high", "third", "low"]
    assert compared(ordered)["env/all/reward/total last"] == pytest.approx([0.7, 0.5, 0.3])
    table = said("compare", *runs)
    assert "A  low/" in table
    assert re.search(r"reward best +0.3 +0.7 +0.5", table)
    assert "no run has a metric" in said("compare", *runs, "--metric", "nope", code=2)
    assert "two runs or more" in said("compare", "low", code=2)


def test_runs_of_unequal_methods_are_compared(make: Make, said: Said) -> None:
    make()
    make(text=SFT_RECIPE, key="train_mean_nll")
    metrics = compared(said("compare", "sums", "talks", "--format", "json"))
    assert metrics["reward last"] == [pytest.approx(0.2), None]
    assert metrics["loss last"] == [None, pytest.approx(0.2)]
