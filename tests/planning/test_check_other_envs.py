"""What is wrong across the keys of search, multiplayer, rubric and verifiers environments."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from recipe_runner.language import load
from recipe_runner.planning.checks import check

RECIPE = """\
version: 1
name: others
method: rl
model: {{name: Qwen/Qwen3-8B-Base}}
env: {env}
rollout: {{groups_per_batch: 4, group_size: {group_size}, max_tokens: 16}}
optimizer: {{learning_rate: 1e-3}}
steps: 3
"""
ARENA = "kind: multiplayer, game: text_arena, id: TicTacToe-v0"
GUESS = "kind: multiplayer, game: guess_number"
QUESTIONS = "kind: multiplayer, game: twenty_questions"


@pytest.mark.parametrize(
    ("env", "path", "code"),
    [
        ("kind: search", "env", "missing-key"),
        ("kind: search, documents: d.jsonl, server: 'a:1'", "env.server", "no-effect"),
        ("kind: search, server: localhost", "env.server", "value"),
        ("kind: search, server: 'localhost:99999'", "env.server", "value"),
        ("kind: search, documents: d.jsonl, collection: c", "env.collection", "no-effect"),
        (QUESTIONS, "env", "missing-key"),
        (f"{GUESS}, id: TicTacToe-v0", "env.id", "no-effect"),
        (f"{GUESS}, answerer: {{model: Qwen/Qwen3-8B}}", "env.answerer", "no-effect"),
        (f"{GUESS}, test_opponent: random", "env.test_opponent", "no-effect"),
        ("kind: multiplayer, game: text_arena", "env", "missing-key"),
        (f"{ARENA}, test_games: 3", "env.test_games", "range"),
        (f"{ARENA}, test_group_size: 3", "env.test_group_size", "no-effect"),
        (
            "kind: multiplayer, game: text_arena, id: Nim-v0, test_opponent: optimal",
            "env.test_opponent",
            "value",
        ),
        (
            "kind: rubric, data: d.jsonl, grader: {model: Qwen/Qwen3-8B}, test_group_size: 2",
            "env.test_group_size",
            "no-effect",
        ),
        ("kind: verifiers, id: 'reverse text'", "env.id", "value"),
        ("kind: verifiers, id: owner/reverse-text@1.0", "env.id", "value"),
    ],
)
def test_a_mistake_is_found_at_its_key(
    write_recipe: Callable[..., Path], tmp_path: Path, env: str, path: str, code: str
) -> None:
    (tmp_path / "d.jsonl").write_text("{}\n")
    recipe = write_recipe(RECIPE.format(env=f"{{{env}}}", group_size=2))
    found = [each for each in check(load(recipe)) if each.severity == "error"]
    assert [(each.path, each.code) for each in found] == [(path, code)]


def test_self_play_is_in_pairs(write_recipe: Callable[..., Path]) -> None:
    recipe = write_recipe(RECIPE.format(env=f"{{{ARENA}}}", group_size=4))
    assert [each.path for each in check(load(recipe))] == ["rollout.group_size"]
