"""Every file in recipes/ is a recipe that a user can open, understand and run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from recipe_runner.language import load
from recipe_runner.planning.checks import check
from tests.conftest import ROOT

RECIPES = ROOT / "recipes"
NOT_RECIPES = ("_base", "data", "modules")
SHIPPED = sorted(
    path
    for path in RECIPES.rglob("*.yaml")
    if path.relative_to(RECIPES).parts[0] not in NOT_RECIPES
)
COST = re.compile(r"\d[\d,.]*( million| billion)? (steps|tokens|questions|problems|episodes)\b")


def name(path: Path) -> str:
    return path.relative_to(RECIPES).as_posix()


def comment(path: Path) -> list[str]:
    """The lines that a recipe starts with, up to its first key."""
    lines = path.read_text(encoding="utf-8").splitlines()
    first_key = next(index for index, line in enumerate(lines) if not line.startswith("#"))
    return lines[:first_key]


@pytest.mark.parametrize("path", SHIPPED, ids=name)
def test_it_is_valid_and_says_nothing_without_effect(path: Path) -> None:
    assert list(check(load(path))) == []


@pytest.mark.parametrize("path", SHIPPED, ids=name)
def test_it_starts_with_its_schema_and_what_it_shows_and_costs(path: Path) -> None:
    schema, *rest = comment(path)
    depth = len(path.relative_to(ROOT).parts) - 1
    assert schema == f"# yaml-language-server: $schema={'../' * depth}schemas/recipe.schema.json"
    text = " ".join(line.removeprefix("#").strip() for line in rest)
    assert 2 <= len(rest) <= 24
    assert COST.search(text), "what it costs"


@pytest.mark.parametrize("path", SHIPPED, ids=name)
def test_it_is_called_after_its_file_and_described(path: Path) -> None:
    recipe = load(path).recipe
    assert recipe.name == path.stem.replace("_", "-")
    assert recipe.description


def test_names_tell_them_apart() -> None:
    names = [load(path).recipe.name for path in SHIPPED]
    assert len(set(names)) == len(names)


def test_the_overview_lists_every_recipe_with_its_method_and_description() -> None:
    overview = (RECIPES / "README.md").read_text("utf-8")
    for path in SHIPPED:
        recipe = load(path).recipe
        row = f"| [{path.stem}]({name(path)}) | {recipe.method} | {recipe.description} |"
        assert row in overview, row
