"""What differs between two plans: by key, resolved, with whether it changes the result."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from recipe_runner.cli.app import run_command
from recipe_runner.language import load
from recipe_runner.planning.changes import ABSENT, changes
from recipe_runner.planning.plan import Plan, Served
from recipe_runner.planning.resolve import make_plan
from recipe_runner.runs.directory import RunDirectory
from tests.conftest import RL_RECIPE, SFT_RECIPE


def plan(path: Path, *overrides: str) -> Plan:
    return make_plan(load(path, overrides=overrides), Served(kind="hosted", note=""))


def test_what_means_the_same_is_no_change(write_recipe: Callable[..., Path]) -> None:
    recipe = write_recipe()
    spelled_out = [
        "model.lora_rank=32",
        "rollout.temperature=1.0",
        "renderer=role_colon",
        "optimizer={learning_rate: 0.001}",
    ]
    assert changes(plan(recipe), plan(recipe, *spelled_out)) == []


@pytest.mark.parametrize(
    ("override", "path", "before", "after", "changes_result"),
    [
        ("rollout.group_size=4", "rollout.group_size", 2, 4, True),
        ("optimizer.learning_rate=2e-3", "optimizer.learning_rate", 1e-3, 2e-3, True),
        ("env.kwargs.max_digits=2", "env.kwargs.max_digits", ABSENT, 2, True),
        ("loss=ppo", "loss", "importance_sampling", "ppo", True),
        ("checkpoint.every=1", "checkpoint.every", 20, 1, False),
        ("tags=[a]", "tags", [], ["a"], False),
    ],
)
def test_a_change_has_its_key_and_both_values(
    write_recipe: Callable[..., Path],
    override: str,
    path: str,
    before: object,
    after: object,
    changes_result: bool,
) -> None:
    recipe = write_recipe()
    old, new = plan(recipe), plan(recipe, override)
    (change,) = changes(old, new)
    assert (change.path, change.before, change.after) == (path, before, after)
    assert change.changes_result == changes_result
    assert (old.hash != new.hash) == changes_result


def test_a_changed_data_file_is_a_change(write_recipe: Callable[..., Path]) -> None:
    recipe = write_recipe(SFT_RECIPE)
    before = plan(recipe)
    (recipe.parent / "talks.jsonl").write_text("{}\n" * 8)
    (change,) = changes(before, plan(recipe))
    assert change.path.startswith("files.")
    assert change.changes_result


def test_the_command_says_old_new_and_origin(
    write_recipe: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    recipe = write_recipe(RL_RECIPE, "sums.yaml")
    monkeypatch.chdir(tmp_path)
    run = RunDirectory.create(plan(Path("sums.yaml")), RL_RECIPE)
    recipe.write_text(RL_RECIPE.replace("group_size: 2", "group_size: 8"))
    assert run_command(["plan", "sums.yaml", "--against", "sums", "--set", "tags=[a]"]) == 0
    out = capsys.readouterr().out
    assert str(run.path) in out
    assert "rollout.group_size: 2 -> 8  sums.yaml:6" in out
    assert "tags: [] -> ['a']  --set  (the result stays the same)" in out
    assert run_command(["plan", "sums.yaml", "--against", "nothing"]) == 2
    assert "there is no run 'nothing'" in capsys.readouterr().err
    run.plan_file.write_text("{}")
    assert run_command(["plan", "sums.yaml", "--against", "sums"]) == 3
    assert "cannot be read as a plan" in capsys.readouterr().err
