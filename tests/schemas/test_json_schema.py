from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

from recipe_runner.cli.schema import schema_text
from schemas import METHODS, parse_recipe

ROOT = Path(__file__).parents[2]
RECIPES = sorted((ROOT / "recipes").glob("*.yaml"))
BAD = ROOT / "tests" / "fixtures" / "bad"
# What only reading the text, or knowing models, can find.
BEYOND_A_SCHEMA = {
    "alias-bomb",
    "duplicate-key",
    "empty",
    "incompatible-renderer",
    "python-tag",
    "syntax-error",
    "tab-indent",
    "unknown-model",
}


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    schema = json.loads((ROOT / "schemas" / "recipe.schema.json").read_text("utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def read(path: Path) -> Any:
    return YAML(typ="safe", pure=True).load(path)


def test_the_file_is_what_the_command_prints() -> None:
    assert (ROOT / "schemas" / "recipe.schema.json").read_text("utf-8") == schema_text()


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_shipped_recipes_fit_the_schema(validator: Any, path: Path) -> None:
    assert [error.message for error in validator.iter_errors(read(path))] == []


@pytest.mark.parametrize(
    "name", sorted(p.stem for p in BAD.glob("*.yaml") if p.stem not in BEYOND_A_SCHEMA)
)
def test_editors_see_what_a_schema_can_catch(validator: Any, name: str) -> None:
    assert list(validator.iter_errors(read(BAD / f"{name}.yaml")))


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": {"learning_rate": "{{ vars.lr }}"}, "vars": {"lr": 2e-5}},
        {"steps": "{{ vars.n }}", "loss": "{{ vars.loss }}"},
        {"variants": {"matrix": {"model.lora_rank": [8, 32]}, "exclude": [{"seed": 1}]}},
        {"variants": {"small": {"steps": 1}}},
        {"backend": {"kind": "remote", "base_url": "https://example.org"}},
        {"loss": {"name": "ppo", "config": {"clip_low_threshold": 0.9}}},
        {"optimizer": {"learning_rate": {"auto": 0.5}}, "checkpoint": {"ttl_days": "never"}},
    ],
)
def test_every_form_of_the_language_fits_the_schema(validator: Any, changes: Any) -> None:
    recipe = {**read(ROOT / "recipes" / "gem_math.yaml"), **changes}
    assert [error.message for error in validator.iter_errors(recipe)] == []


def test_a_recipe_with_parents_need_not_be_whole_but_its_keys_are_known(validator: Any) -> None:
    child = {"extends": "_base/a.yaml", "steps": 3, "rollout": {"group_size": 2}}
    assert list(validator.iter_errors(child)) == []
    assert list(validator.iter_errors({**child, "stepss": 3}))
    assert list(validator.iter_errors({**child, "steps": "many"}))


def test_methods_are_what_the_union_tells_apart() -> None:
    for method, model in METHODS.items():
        assert model.model_fields["method"].annotation.__args__ == (method,)  # type: ignore[union-attr]
    assert len(METHODS) == 9


def test_a_recipe_survives_a_round_trip_through_json() -> None:
    tree = {**read(ROOT / "recipes" / "gem_math.yaml")}
    recipe = parse_recipe(tree)
    assert parse_recipe(json.loads(recipe.model_dump_json())) == recipe


def test_schemas_import_pydantic_and_the_standard_library_alone() -> None:
    code = "import schemas.json_schema, sys; print('\\n'.join(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    foreign = loaded - sys.stdlib_module_names - {"schemas", "pydantic", "pydantic_core"}
    allowed = {"typing_extensions", "typing_inspection", "annotated_types", "__main__"}
    assert {n for n in foreign - allowed if not n.startswith(("_", "sitecustomize"))} == set()
