"""A recipe written back out, every default in it, reads as the same recipe."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from recipe_runner.language import LoadedRecipe, RecipeError, RecipeFile, load
from tests.language.test_wrong_recipes import RECIPES

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True, scope="module")
def in_a_copy() -> Iterator[None]:
    """A working directory from which the paths of resolved recipes hold."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "recipes").symlink_to(ROOT / "recipes")
        os.chdir(directory)
        yield
        os.chdir(before)


def as_yaml(tree: Any) -> str:
    stream = StringIO()
    writer = YAML(typ="safe", pure=True)
    writer.representer.sort_base_mapping_type_on_output = False
    writer.dump(tree, stream)
    return stream.getvalue()


def written(loaded: LoadedRecipe) -> dict[str, Any]:
    """Return a recipe with all its defaults, and its stages' recipes within it.

    What a pipeline says holds for its stages, so of its own keys only those that it has.
    """
    tree = loaded.recipe.model_dump(mode="json", exclude_unset=bool(loaded.stages))
    if loaded.stages:
        tree["stages"] = {name: {"recipe": written(each)} for name, each in loaded.stages.items()}
    return tree


def assert_reads_as_itself(loaded: LoadedRecipe, *forms: Callable[[Any], str]) -> None:
    for form in forms:
        Path("again.yaml").write_text(form(written(loaded)), encoding="utf-8")
        again = load("again.yaml")
        assert written(again) == written(loaded)


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_shipped_recipe_and_its_variants(path: Path) -> None:
    file = RecipeFile(path.relative_to(ROOT))
    for name in [None, *file.variants[:2]]:
        assert_reads_as_itself(file.load(name), as_yaml)


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30).filter(
    lambda text: "{{" not in text and "{%" not in text
)
# Keys of every shipped rl recipe, with what they take.
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "description": TEXT,
    "tags": st.lists(TEXT.filter(bool), max_size=3),
    "seed": st.integers(0, 2**32 - 1),
    "steps": st.integers(1, 10**9),
    "optimizer.learning_rate": st.one_of(
        st.floats(1e-30, 1e30), st.just("auto"), st.floats(1e-3, 1e3).map(lambda f: {"auto": f})
    ),
    "model.lora_rank": st.integers(1, 10**6),
    "model.load_from": st.sampled_from(["run:a@final", "run:a.b-c@12", "tinker://x/weights/0"]),
    "renderer": TEXT.filter(bool),
    "rollout.temperature": st.floats(1e-9, 2),
    "kl.coef": st.floats(0, 1e9),
    "loss": st.sampled_from(["ppo", {"name": "dro", "config": {"beta": 0.1}}, {"name": "gspo"}]),
    "execution": st.sampled_from([{"kind": "sync"}, {"kind": "async", "max_steps_off_policy": 2}]),
    "checkpoint.ttl_days": st.one_of(st.just("never"), st.floats(0.1, 100)),
    "budget": st.fixed_dictionaries({"usd": st.floats(0.01, 1e6)}, optional={"tokens": st.just(5)}),
    "backend": st.sampled_from(["local", {"kind": "remote", "base_url": "https://a.example"}]),
}


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.fixed_dictionaries({}, optional=VALUES))
def test_whatever_its_keys_hold(changes: dict[str, Any]) -> None:
    overrides = [f"{key}={json.dumps(value)}" for key, value in changes.items()]
    loaded = load("recipes/gem_reasoning_gym.yaml", overrides=overrides)
    for key, value in changes.items():
        found: Any = loaded.recipe
        for part in key.split("."):
            found = getattr(found, part)
        plain = found.model_dump(exclude_unset=True) if hasattr(found, "model_dump") else found
        assert plain == value
    assert_reads_as_itself(loaded, as_yaml, json.dumps)


def test_half_of_a_character_is_no_text() -> None:
    text = as_yaml(written(load("recipes/gem_reasoning_gym.yaml")))
    line = "description: " + json.dumps("\ud800 and no more") + "\n"
    kept = [each for each in text.splitlines(keepends=True) if not each.startswith("description")]
    Path("again.yaml").write_text("".join([line, *kept]))
    with pytest.raises(RecipeError) as caught:
        load("again.yaml")
    (found,) = caught.value.diagnostics
    assert (found.line, found.column, found.code) == (1, 14, "encoding")
