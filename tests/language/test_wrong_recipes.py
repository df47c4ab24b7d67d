"""Hundreds of wrong recipes: each rejected at its own place, under its own code, in no time."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from recipe_runner.cli.app import run_command
from tests.language.mutations import KINDS, Mutant, mutants

ROOT = Path(__file__).parents[2]
RECIPES = sorted(
    path for path in (ROOT / "recipes").rglob("*.yaml") if path.parent.name not in ("_base",)
)
MUTANTS = mutants(RECIPES, kinds_per_recipe=8)


# What a schema of one file's values can know. Templates, flags, parents and the catalog are not.
KNOWN_TO_A_SCHEMA = {
    "misspelled key", "text for a number", "list for a scalar", "out of range", "wrong section",
    "unknown method", "unknown loss", "unknown kind", "unknown backend", "missing key",
}  # fmt: skip
# Of a file with parents it sees the keys at the top alone: the rest may be theirs.
IN_A_SCHEMA = [
    mutant
    for mutant in MUTANTS
    if mutant.kind in KNOWN_TO_A_SCHEMA and "extends:" not in mutant.files["mutant.yaml"]
]


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    schema = json.loads((ROOT / "schemas" / "recipe.schema.json").read_text("utf-8"))
    return jsonschema.Draft202012Validator(schema)


def test_a_schema_agrees_where_it_can_know(validator: jsonschema.Draft202012Validator) -> None:
    assert len(IN_A_SCHEMA) > 60
    passed = [
        f"{mutant.recipe.stem}: {mutant.kind} on line {mutant.line}"
        for mutant in IN_A_SCHEMA
        if validator.is_valid(YAML(typ="safe", pure=True).load(mutant.files["mutant.yaml"]))
    ]
    assert passed == []


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
