"""Hundreds of wrong recipes: each rejected at its own place, under its own code, in no time."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from pathlib import Path

import pytest

from recipe_runner.cli.app import run_command
from tests.language.mutations import KINDS, Mutant, mutants

ROOT = Path(__file__).parents[2]
RECIPES = sorted(
    path for path in (ROOT / "recipes").rglob("*.yaml") if path.parent.name not in ("_base",)
)
MUTANTS = mutants(RECIPES, kinds_per_recipe=8)


@pytest.fixture(scope="module")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("copied") / "recipes"
    shutil.copytree(ROOT / "recipes", directory)
    return directory


def test_there_are_enough_of_each_kind() -> None:
    assert len(MUTANTS) >= 250
    assert len({mutant.recipe for mutant in MUTANTS}) == len(RECIPES)
    kinds = Counter(mutant.kind for mutant in MUTANTS)
    assert len(kinds) >= len(KINDS)


@pytest.mark.parametrize("mutant", MUTANTS, ids=[f"{m.recipe.stem} {m.kind}" for m in MUTANTS])
def test_rejected_in_its_place(
    mutant: Mutant,
    copied: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    directory = copied / mutant.recipe.parent.relative_to(ROOT / "recipes")
    monkeypatch.chdir(directory)
    for name, text in mutant.files.items():
        Path(name).write_text(text)
    code = run_command(["validate", "--format", "json", "mutant.yaml", *mutant.flags])
    for name in mutant.files:
        os.remove(name)
    printed = capsys.readouterr()
    found = json.loads(printed.out)
    assert code == 1
    assert "Traceback" not in printed.err
    where = (mutant.file or "mutant.yaml", mutant.line, mutant.column, mutant.code)
    assert where in [(d["file"], d["line"], d["column"], d["code"]) for d in found], found
