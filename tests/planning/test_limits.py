"""Lengths against the context, learning rates against get_lr, and silencing a warning."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from recipe_runner.language import load
from recipe_runner.planning.checks import check
from recipe_runner.planning.checks.limits import check_prompts
from tests.conftest import RL_RECIPE, SFT_RECIPE

EIGHT_B = "model.name=Qwen/Qwen3-8B"


def codes(path: Path, *overrides: str) -> list[tuple[str, str]]:
    return [(d.code, d.severity) for d in check(load(path, overrides=overrides))]


@pytest.mark.parametrize(
    ("recipe", "override", "wrong"),
    [
        (RL_RECIPE, "rollout.max_tokens=32767", False),
        (RL_RECIPE, "rollout.max_tokens=32768", True),
        (SFT_RECIPE, "max_length=32768", False),
        (SFT_RECIPE, "max_length=32769", True),
    ],
)
def test_a_reply_leaves_room_for_a_prompt(
    write_recipe: Callable[..., Path], recipe: str, override: str, wrong: bool
) -> None:
    found = codes(write_recipe(recipe), EIGHT_B, override)
    assert (("context", "error") in found) == wrong


@pytest.mark.parametrize(
    ("longest", "hint"), [(None, None), (2768, None), (2769, "at most 29,999")]
)
def test_a_reply_fits_behind_the_longest_prompt(
    write_recipe: Callable[..., Path], longest: int | None, hint: str | None
) -> None:
    loaded = load(write_recipe(), overrides=[EIGHT_B, "rollout.max_tokens=30000"])
    found = list(check_prompts(loaded, longest))
    assert [(each.path, each.code, each.hint) for each in found] == (
        [("rollout.max_tokens", "context", hint)] if hint else []
    )


def test_a_length_by_default_is_nobodys_mistake(write_recipe: Callable[..., Path]) -> None:
    assert codes(write_recipe(SFT_RECIPE), "model.name=recipe-run/tiny", "backend=local",
                 "optimizer.learning_rate=1e-3") == []  # fmt: skip


@pytest.mark.parametrize(
    ("recipe", "rate", "odd"),
    [
        (SFT_RECIPE, "2e-4", False),
        (SFT_RECIPE, "1e-5", True),
        (SFT_RECIPE, "0.02", True),
        (SFT_RECIPE, "{auto: 20}", True),
        (SFT_RECIPE, "auto", False),
        (RL_RECIPE, "1e-5", False),
        (RL_RECIPE, "0.02", True),
    ],
)
def test_a_learning_rate_far_off_is_a_warning(
    write_recipe: Callable[..., Path], recipe: str, rate: str, odd: bool
) -> None:
    found = codes(write_recipe(recipe), EIGHT_B, f"optimizer.learning_rate={rate}")
    assert found == ([("odd-learning-rate", "warning")] if odd else [])


def test_a_comment_silences_a_warning_on_its_line_and_no_error(
    write_recipe: Callable[..., Path],
) -> None:
    loud = RL_RECIPE.replace("{learning_rate: 1e-3}", "{learning_rate: 0.02}")
    assert codes(write_recipe(loud)) == [("odd-learning-rate", "warning")]
    line = "optimizer: {learning_rate: 0.02}"
    quiet = loud.replace(line, f"{line}  # recipe-run: ignore[odd-learning-rate]")
    assert codes(write_recipe(quiet)) == []
    other = loud.replace(line, f"{line}  # recipe-run: ignore[retired-model]")
    assert codes(write_recipe(other)) == [("odd-learning-rate", "warning")]
    line = "renderer: nope"
    wrong = f"{RL_RECIPE}{line}  # recipe-run: ignore[unknown-renderer]\n"
    assert codes(write_recipe(wrong)) == [("unknown-renderer", "error")]
