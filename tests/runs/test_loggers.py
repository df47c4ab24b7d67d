"""Trackio gets the rows of a run; W&B what the Cookbook's config has no field for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from recipe_runner.language import load
from recipe_runner.planning.plan import Plan, Served
from recipe_runner.planning.resolve import make_plan
from recipe_runner.runs.loggers import trackio_logger, wandb_environment


@pytest.fixture
def plan_of(write_recipe: Callable[..., Path]) -> Callable[..., Plan]:
    def plan(*overrides: str) -> Plan:
        loaded = load(write_recipe(), overrides=overrides)
        return make_plan(loaded, Served(kind="hosted", note=""))

    return plan


def test_trackio_gets_project_name_and_rows(
    plan_of: Callable[..., Plan], monkeypatch: pytest.MonkeyPatch
) -> None:
    import trackio

    seen: list[object] = []
    monkeypatch.setattr(trackio, "init", lambda **settings: seen.append(settings))
    monkeypatch.setattr(trackio, "log", lambda row, step: seen.append((step, row)))
    monkeypatch.setattr(trackio, "finish", lambda: seen.append("finish"))
    plan = plan_of("logging.trackio={project: p, name: n}")
    with trackio_logger(plan, "id") as log:
        assert log is not None
        log({"step": 3, "reward": 0.5, "words": "none"})
    settings, row, end = seen
    assert isinstance(settings, dict)
    assert (settings["project"], settings["name"]) == ("p", "n")
    assert settings["config"]["recipe"]["steps"] == 3
    assert row == (3, {"step": 3, "reward": 0.5})
    assert end == "finish"


def test_no_trackio_without_the_recipe_asking(plan_of: Callable[..., Plan]) -> None:
    with trackio_logger(plan_of(), "id") as log:
        assert log is None


def test_wandb_continues_its_run_and_keeps_its_tags(plan_of: Callable[..., Plan]) -> None:
    plan = plan_of("logging.wandb={project: p, mode: offline, tags: [a]}", "tags=[b]")
    variables = wandb_environment(plan, "id")
    assert variables["WANDB_MODE"] == "offline"
    assert variables["WANDB_TAGS"] == "a,b"
    assert (variables["WANDB_RUN_ID"], variables["WANDB_RESUME"]) == ("id", "allow")
    assert wandb_environment(plan_of(), "id") == {}
