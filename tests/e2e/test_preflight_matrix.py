"""`recipe-run preflight` on the shipped recipes: a third of them, or all with `--preflight-all`.

A recipe is found by its file, so a new one is in the matrix by itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from recipe_runner.language import load
from tests.e2e.command import Result
from tests.e2e.conftest import ROOT
from tests.e2e.preflight_table import PROPERTY

RECIPES = ROOT / "recipes"
ALL = sorted(
    path.relative_to(RECIPES).as_posix()
    for path in RECIPES.rglob("*.yaml")
    if path.parts[len(RECIPES.parts)] not in ("_base", "data")
)

# What `make test` tries: every method and every kind of environment at least once.
THIRD = [
    "async_rl.yaml",
    "code_rl.yaml",
    "dpo.yaml",
    "eval_benchmarks.yaml",
    "gem_sudoku.yaml",
    "multi_teacher.yaml",
    "prompt_distillation.yaml",
    "research/rl_memory.yaml",
    "rubric.yaml",
    "sdft.yaml",
    "search_tool.yaml",
    "shorter.yaml",
    "text_arena.yaml",
    "verifiers.yaml",
]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "recipe" in metafunc.fixturenames:
        chosen = ALL if metafunc.config.getoption("--preflight-all") else THIRD
        metafunc.parametrize("recipe", chosen)


@pytest.mark.preflight
@pytest.mark.timeout(600)
def test_preflight(
    recipe_run: Callable[..., Result],
    record_property: Callable[[str, object], None],
    tmp_path: Path,
    recipe: str,
) -> None:
    started = time.monotonic()
    done = recipe_run("preflight", RECIPES / recipe, timeout=590)
    seconds = time.monotonic() - started
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    assert "Traceback" not in done.stderr
    assert "preflight passed: " in done.stdout
    assert not (tmp_path / "runs").exists()
    real, stand_in = (
        "; ".join(
            line.partition(": ")[2]
            for line in done.stdout.splitlines()
            if line.startswith(f"{kind}: ")
        )
        for kind in ("real", "stand-in")
    )
    assert real
    record_property(PROPERTY, (recipe, f"{seconds:.1f}", real, stand_in))


def features(recipe: str) -> set[str]:
    """The method of a recipe and its kinds of environment and judge; a pipeline's stages' too."""
    loaded = load(RECIPES / recipe)
    recipes = [loaded.recipe, *(stage.recipe for stage in loaded.stages.values())]
    found = {f"method {each.method}" for each in recipes}
    envs = [env for each in recipes if (env := getattr(each, "env", None)) is not None]
    return found | {f"environment {env.kind}" for env in envs}


def test_the_third_has_every_method_and_kind_of_environment() -> None:
    def of(recipes: list[str]) -> set[str]:
        return set().union(*map(features, recipes))

    assert set(THIRD) <= set(ALL)
    assert of(THIRD) == of(ALL)
    assert len(THIRD) <= 0.4 * len(ALL)
