"""Checks across fields: each finds its mistake, at its place, with a way out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from recipe_runner.language import Diagnostic, load
from recipe_runner.planning.checks import check
from tests.conftest import RL_RECIPE, SFT_RECIPE


def one(found: list[Diagnostic]) -> Diagnostic:
    assert len(found) == 1, found
    return found[0]


@pytest.mark.parametrize(
    ("old", "new", "code", "path", "hint"),
    [
        ("Qwen3-8B-Base", "Qwen3-8b-Bse", "unknown-model", "model.name", "Qwen/Qwen3-8B-Base"),
        (
            "method: rl",
            "method: rl\nrenderer: llama3",
            "renderer-mismatch",
            "renderer",
            "role_colon",
        ),
        ("method: rl", "method: rl\nrenderer: qwen33", "unknown-renderer", "renderer", "qwen3"),
        ("rg:chain_sum", "rg:chain_sums", "unknown-env", "env.id", "rg:chain_sum"),
        ("max_terms: 2", "max_term: 2", "unknown-key", "env.kwargs.max_term", "max_terms"),
        ("steps: 3\n", "", "missing-key", "steps", "steps"),
        ("Qwen/Qwen3-8B-Base", "recipe-run/tiny", "model-backend", "model.name", "local"),
        (
            "steps: 3",
            "steps: 3\nexecution: {kind: stream, minibatches: 3}",
            "range",
            "rollout.groups_per_batch",
            "3",
        ),
        (
            "method: rl",
            "method: rl\nrenderer: qwen3",
            "thinking-renderer",
            "renderer",
            "role_colon",
        ),
        ("steps: 3", "steps: 3\nsubsteps: 9", "range", "substeps", "at most 8"),
        ("steps: 3", "steps: 3\neval: {every: 2}", "no-effect", "eval.every", "env.eval"),
        ("steps: 3", "steps: 3\nkl: {discount: 0.5}", "no-effect", "kl.discount", "kl.coef"),
    ],
)
def test_finds(
    write_recipe: Callable[..., Path], old: str, new: str, code: str, path: str, hint: str
) -> None:
    assert old in RL_RECIPE
    found = one(check(load(write_recipe(RL_RECIPE.replace(old, new)))))
    assert (found.code, found.path, found.severity) == (code, path, "error")
    assert hint in f"{found.hint} {found.message}"


def test_auto_learning_rate_without_recommendation(write_recipe: Callable[..., Path]) -> None:
    text = RL_RECIPE.replace("Qwen/Qwen3-8B-Base", "openai/gpt-oss-20b")
    found = one(check(load(write_recipe(text), overrides=["optimizer.learning_rate=auto"])))
    assert found.code == "learning-rate"


def test_a_retired_model_is_a_warning(write_recipe: Callable[..., Path]) -> None:
    text = RL_RECIPE.replace("Qwen/Qwen3-8B-Base", "Qwen/Qwen3-30B-A3B")
    found = one(check(load(write_recipe(text))))
    assert (found.code, found.severity) == ("retired-model", "warning")
    assert "2026-06-12" in found.message


def test_a_base_model_may_think_once_it_has_been_shown(write_recipe: Callable[..., Path]) -> None:
    shown = "model={name: Qwen/Qwen3-8B-Base, load_from: 'run:first@final'}"
    assert check(load(write_recipe(), overrides=["renderer=qwen3", shown])) == []
    assert check(load(write_recipe(), overrides=["renderer=qwen3_disable_thinking"])) == []
    assert check(load(write_recipe(SFT_RECIPE), overrides=["renderer=qwen3"])) == []


def test_substeps_of_unequal_size_are_a_warning(write_recipe: Callable[..., Path]) -> None:
    found = one(check(load(write_recipe(), overrides=["substeps=3"])))
    assert (found.code, found.severity) == ("uneven-substeps", "warning")
    assert check(load(write_recipe(), overrides=["substeps=4"])) == []


def test_an_unknown_model_is_fine_elsewhere_with_all_that_auto_would_need(
    write_recipe: Callable[..., Path],
) -> None:
    text = RL_RECIPE.replace("Qwen/Qwen3-8B-Base", "our-lab/secret-model")
    flags = ["backend=local", "renderer=role_colon"]
    assert check(load(write_recipe(text), overrides=flags)) == []


def test_settings_that_a_named_cookbook_data_set_does_not_read(
    write_recipe: Callable[..., Path],
) -> None:
    text = SFT_RECIPE.replace(
        "{kind: conversations, path: talks.jsonl}",
        "{kind: huggingface, dataset: no_robots, test_size: 3}",
    )
    found = one(check(load(write_recipe(text))))
    assert (found.code, found.path) == ("no-effect", "data.test_size")


def test_rollouts_of_a_method_without_rollouts(write_recipe: Callable[..., Path]) -> None:
    found = one(check(load(write_recipe(SFT_RECIPE), overrides=["logging.rollouts=2"])))
    assert (found.code, found.path, found.file) == ("no-effect", "logging.rollouts", "--set")


def test_good_recipes_have_no_findings(write_recipe: Callable[..., Path]) -> None:
    assert check(load(write_recipe(RL_RECIPE))) == []
    assert check(load(write_recipe(SFT_RECIPE))) == []
