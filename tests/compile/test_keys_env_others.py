"""Search, multiplayer, rubric, verifiers and custom environments: every key changes something."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from schemas.base import RecipeModel
from schemas.env import CustomEnv, MultiplayerEnv, RubricEnv, SearchEnv, VerifiersEnv
from tests.compile.keys import Table, assert_changes, entries, leaves

RECIPE = """\
version: 1
name: others
method: rl
model: {{name: Qwen/Qwen3-8B-Base}}
env: {env}
rollout: {{groups_per_batch: 4, group_size: 2, max_tokens: 16}}
optimizer: {{learning_rate: 1e-3}}
steps: 3
"""
KIND = "is what tells the environments apart"

SEARCH = "{kind: search, documents: passages.jsonl}"
SERVER = ["env.documents=null", "env.server=localhost:8000"]
SEARCH_KEYS: Table = {
    "env.kind": KIND,
    "env.dataset": ["env.dataset={here}/questions.jsonl"],
    "env.documents": ["env.documents={here}/questions.jsonl"],
    "env.server": ["env.server=localhost:9000", *SERVER],
    "env.collection": ["env.collection=other", *SERVER],
    "env.embedding_model": ["env.embedding_model=other", *SERVER],
    "env.embedding_dim": ["env.embedding_dim=64"],
    "env.n_results": ["env.n_results=1"],
    "env.max_turns": ["env.max_turns=2"],
    "env.format_coef": ["env.format_coef=0.5"],
    "env.max_trajectory_tokens": ["env.max_trajectory_tokens=999"],
}

GAME = "{kind: multiplayer, game: guess_number}"
QUESTIONS = ["env.game=twenty_questions", "env.answerer={model: Qwen/Qwen3-32B}"]
ARENA = ["env.game=text_arena", "env.id=TicTacToe-v0"]
GAME_KEYS: Table = {
    "env.kind": KIND,
    "env.game": ["env={kind: multiplayer, game: text_arena, id: TicTacToe-v0}"],
    "env.answerer.model": ["env.answerer.model=Qwen/Qwen3-8B", *QUESTIONS],
    "env.answerer.load_from": ["env.answerer.load_from=tinker://a/weights/b", *QUESTIONS],
    "env.answerer.renderer": ["env.answerer.renderer=qwen3_disable_thinking", *QUESTIONS],
    "env.id": ["env.id=Nim-v0", *ARENA],
    "env.train_games": ["env.train_games=64", *ARENA],
    "env.test_games": ["env.test_games=6"],
    "env.test_group_size": ["env.test_group_size=3"],
    "env.test_opponent": ["env.test_opponent=random", *ARENA],
}

RUBRIC = "{kind: rubric, data: rubrics.jsonl, grader: {model: Qwen/Qwen3-32B}}"
RUBRIC_KEYS: Table = {
    "env.kind": KIND,
    "env.data": ["env.data={here}/questions.jsonl"],
    "env.test_data": ["env.test_data={here}/rubrics.jsonl"],
    "env.test_group_size": ["env.test_group_size=2", "env.test_data={here}/rubrics.jsonl"],
    "env.grader.model": ["env.grader.model=Qwen/Qwen3-8B"],
    "env.grader.load_from": ["env.grader.load_from=tinker://a/weights/b"],
    "env.grader.renderer": ["env.grader.renderer=qwen3_disable_thinking"],
    "env.grader.max_tokens": ["env.grader.max_tokens=9"],
}

VERIFIERS = "{kind: verifiers, id: reverse-text}"
VERIFIERS_KEYS: Table = {
    "env.kind": KIND,
    "env.id": ["env.id=wordle"],
    "env.kwargs": ["env.kwargs={level: 2}"],
    "env.examples": ["env.examples=9"],
    "env.shuffle": ["env.shuffle=true"],
    "env.max_concurrent": ["env.max_concurrent=2"],
    "env.max_concurrent_scoring": ["env.max_concurrent_scoring=2"],
}

CUSTOM = "{kind: custom, builder: 'mine.games:Builder'}"
CUSTOM_KEYS: Table = {
    "env.kind": KIND,
    "env.builder": ["env.builder=mine.games:Other"],
    "env.kwargs": ["env.kwargs={level: 2}"],
}

KINDS: list[tuple[str, Table, type[RecipeModel]]] = [
    (SEARCH, SEARCH_KEYS, SearchEnv),
    (GAME, GAME_KEYS, MultiplayerEnv),
    (RUBRIC, RUBRIC_KEYS, RubricEnv),
    (VERIFIERS, VERIFIERS_KEYS, VerifiersEnv),
    (CUSTOM, CUSTOM_KEYS, CustomEnv),
]


@pytest.mark.parametrize(("table", "model"), [(table, model) for _, table, model in KINDS])
def test_the_tables_name_every_key(table: Table, model: type[RecipeModel]) -> None:
    assert set(table) == set(leaves(model, "env"))


CASES = [
    pytest.param(env, case.values[0], id=f"{model.__name__}-{case.id}")
    for env, table, model in KINDS
    for case in entries(table)
]


@pytest.mark.parametrize(("env", "overrides"), CASES)
def test_every_key_changes_something(
    write_recipe: Callable[..., Path], tmp_path: Path, env: str, overrides: list[str]
) -> None:
    for name in ("passages", "questions", "rubrics"):
        (tmp_path / f"{name}.jsonl").write_text(f'{{"text": "{name}"}}\n')
    assert_changes(write_recipe(RECIPE.format(env=env)), overrides)
