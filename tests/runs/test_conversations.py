"""A run's conversations are looked through first, wherever its recipe has them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from recipe_runner.errors import DataError
from recipe_runner.language import load
from recipe_runner.runs.conversations import require_conversations
from tests.conftest import CONVERSATION, RL_RECIPE, SFT_RECIPE

MIXTURE = SFT_RECIPE.replace(
    "data: {kind: conversations, path: talks.jsonl}",
    """data:
  kind: mixture
  parts:
    - {weight: 1, data: {kind: conversations, path: talks.jsonl}}
    - {weight: 1, data: {kind: conversations, path: others.jsonl}}""",
)


@pytest.mark.parametrize(
    ("text", "broken"),
    [(SFT_RECIPE, "talks.jsonl"), (MIXTURE, "others.jsonl")],
    ids=["file", "mixture"],
)
def test_a_line_without_messages_is_named(
    write_recipe: Callable[..., Path], tmp_path: Path, text: str, broken: str
) -> None:
    recipe = write_recipe(text)
    (tmp_path / "others.jsonl").write_text(CONVERSATION * 8)
    require_conversations(load(recipe).recipe)
    (tmp_path / broken).write_text(CONVERSATION * 8 + '{"messages": []}\n')
    with pytest.raises(DataError, match=rf"{broken}:9: column 'messages': is empty"):
        require_conversations(load(recipe).recipe)


def test_a_recipe_without_conversations_has_nothing_to_look_through(
    write_recipe: Callable[..., Path],
) -> None:
    require_conversations(load(write_recipe(RL_RECIPE)).recipe)
