"""`plan --origin` names the place of every value, whatever way it came in."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from recipe_runner.cli.app import run_command
from tests.conftest import RL_RECIPE

CHILD = """\
extends: parent.yaml
vars: {size: 3}
rollout: {group_size: "{{ vars.size }}"}
variants: {small: {model.lora_rank: 8}}
"""


def origins(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, tuple[str, str]]:
    assert run_command(["plan", "--origin", *arguments]) == 0
    lines = capsys.readouterr().out.splitlines()
    split = (line.partition(" = ") for line in lines)
    return {
        key: (rest.rpartition("  ")[0].strip(), rest.rpartition("  ")[2]) for key, _, rest in split
    }


def test_each_value_has_its_place(
    write_recipe: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_recipe(RL_RECIPE, "parent.yaml")
    child = write_recipe(CHILD, "child.yaml")
    monkeypatch.chdir(child.parent)
    found = origins(capsys, "child.yaml", "--variant", "small", "--set", "steps=9")
    assert found["optimizer.learning_rate"] == ("0.001", "parent.yaml:7")
    assert found["rollout.group_size"] == ("3", "child.yaml:3")
    assert found["model.lora_rank"] == ("8", "child.yaml:4")
    assert found["steps"] == ("9", "--set")
    assert found["rollout.temperature"] == ("1.0", "default")
    assert found["env.kwargs.max_terms"] == ("2", "parent.yaml:5")


def test_a_pipelines_stages_have_theirs(
    root: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(root)
    found = origins(capsys, "recipes/prompt_distillation.yaml")
    stages = {key.split(".")[1] for key in found if key.startswith("stages.")}
    assert len(stages) == 2
    assert all(place != "" for _, place in found.values())
    for stage in stages:
        assert found[f"stages.{stage}.backend"] == ('"tinker"', "default")
        assert found[f"stages.{stage}.logging.dir"] == ('"runs"', "default")
    given = ("--set", "backend=local", "--set", "logging.dir=elsewhere")
    found = origins(capsys, "recipes/prompt_distillation.yaml", *given)
    for stage in stages:
        assert found[f"stages.{stage}.backend"] == ('"local"', "--set")
        assert found[f"stages.{stage}.logging.dir"] == ('"elsewhere"', "--set")
