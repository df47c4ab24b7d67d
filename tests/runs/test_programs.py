"""Where the programs that a model writes run: what a run and a preflight say and change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from recipe_runner import isolation
from recipe_runner.language import load
from recipe_runner.planning.plan import Plan, Served
from recipe_runner.planning.resolve import make_plan
from recipe_runner.runs.preflight import reduced
from recipe_runner.runs.programs import unisolated_programs

RECIPE = """\
version: 1
method: rl
model: {name: Qwen/Qwen3-8B}
env: {kind: code}
rollout: {groups_per_batch: 4, group_size: 2, max_tokens: 16}
optimizer: {learning_rate: 1e-3}
"""
UNSAFE = "env.allow_unsafe_execution=true"


@pytest.fixture
def plan(write_recipe: Callable[..., Path]) -> Callable[..., Plan]:
    path = write_recipe(RECIPE)
    return lambda *overrides: make_plan(
        load(path, overrides=overrides), Served(kind="hosted", note="")
    )


def answer(monkeypatch: pytest.MonkeyPatch, mechanism: str | None) -> None:
    for module in ("preflight", "programs"):
        monkeypatch.setattr(f"recipe_runner.runs.{module}.available", lambda: mechanism)


def test_a_plan_that_allows_unsafe_execution_says_so(plan: Callable[..., Plan]) -> None:
    assert "run with your own rights" in " ".join(plan(UNSAFE).notes)
    assert "rights" not in " ".join(plan().notes)


def test_a_run_warns_where_programs_are_not_isolated(
    plan: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(monkeypatch, None)
    warning = unisolated_programs(plan(UNSAFE))
    assert warning is not None
    assert "with your own rights" in warning
    assert unisolated_programs(plan()) is None
    answer(monkeypatch, "bubblewrap")
    assert unisolated_programs(plan(UNSAFE)) is None


def test_a_preflight_grades_here_where_it_can(
    plan: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    answer(monkeypatch, "namespaces")
    small, changes = reduced(plan("env.sandbox=modal"), tmp_path, 2)
    assert small.recipe.env.sandbox == "isolated"
    assert "env.sandbox modal -> isolated" in changes
    answer(monkeypatch, None)
    assert reduced(plan("env.sandbox=modal"), tmp_path, 2)[0].recipe.env.sandbox == "modal"


def test_isolation_says_what_there_is() -> None:
    assert isolation.available() in ("bubblewrap", "namespaces", None)
