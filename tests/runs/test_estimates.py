"""Lengths measured on real data and environments, with the real renderer and tokenizer."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recipe_runner.backends import backend
from recipe_runner.backends.local.tokenizers import register_tokenizer, sources
from recipe_runner.compile.lengths import Limits, measure
from recipe_runner.language import load
from recipe_runner.planning.plan import Plan
from recipe_runner.planning.resolve import make_plan
from recipe_runner.planning.volume.lengths import Lengths
from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.estimates import read_estimate, record_estimate
from recipe_runner.runs.estimates.aside import lengths_of
from recipe_runner.runs.estimates.measuring import measured_anywhere
from recipe_runner.runs.estimates.seen import with_seen
from schemas.backend import backend_kind

ROOT = Path(__file__).parents[2]
GAME = """\
version: 1
name: game
method: reinforce
model: {name: recipe-run/tiny}
backend: local
env: {kind: gem, id: "game:GuessTheNumber-v0-easy", eval: {every: 2, size: 3}}
episodes_per_batch: 4
max_tokens: 16
steps: 2
optimizer: {learning_rate: 1e-4}
"""
SUMS = """\
version: 1
name: sums
method: rl
model: {name: Qwen/Qwen3-8B}
env: {kind: gem, id: "rg:simple_equations"}
rollout: {groups_per_batch: 4, group_size: 2, max_tokens: 16}
steps: 2
"""

MakePlan = Callable[..., Plan]


@pytest.fixture
def plan_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakePlan:
    monkeypatch.chdir(tmp_path)

    def plan(recipe: str | Path, *overrides: str) -> Plan:
        if isinstance(recipe, str):
            Path("it.yaml").write_text(recipe)
            recipe = Path("it.yaml")
        loaded = load(recipe, overrides=overrides)
        return make_plan(loaded, backend(backend_kind(loaded.recipe.backend)).served)

    return plan


def measured(plan: Plan) -> Lengths:
    for source in sources(plan):
        register_tokenizer(source)
    return measure(plan, limits=Limits(problems=4, rehearsals=2, seconds=30))


def test_conversations_are_measured_as_the_loop_renders_them(plan_of: MakePlan) -> None:
    plan = plan_of(ROOT / "recipes/sft_conversations.yaml", "epochs=1", "steps=3")
    found = measured(plan)
    text = found.texts[0].text
    # All of three steps: the mean is exact, and a third of the recipe's three epochs are given.
    assert text.low == text.expected == text.high
    assert found.steps == 12
    assert found.texts[0].held_out > 0


def test_measuring_leaves_random_numbers_as_they_were(plan_of: MakePlan) -> None:
    plan = plan_of(GAME)
    random.seed(7)
    before = random.getstate()
    found = measured(plan)
    assert random.getstate() == before
    assert found == measured(plan)


def test_a_game_is_played_with_valid_moves(plan_of: MakePlan) -> None:
    found = measured(plan_of(GAME, "env.max_turns=4"))
    assert found.turns.low == 1
    assert found.turns.high == 4
    assert 1 < found.turns.expected <= 4
    assert 0 < found.observation.low <= found.observation.expected
    assert found.texts[0].held_out == 3
    assert "random valid moves" in found.assumptions[0]


def test_without_the_models_tokenizer_characters_are_counted_and_that_is_said(
    plan_of: MakePlan,
) -> None:
    found = measured_anywhere(plan_of(SUMS))
    assert "tokenizer of Qwen/Qwen3-8B is not on this machine" in found.assumptions[0]
    text = found.texts[0].text
    # A question of some 200 characters and the wish for a box.
    assert text.low <= 0.55 * text.expected
    assert 30 < text.expected < 150
    assert found.steps == 2


def test_without_the_hub_rows_of_our_own_stand_for_its_data(plan_of: MakePlan) -> None:
    found = measured_anywhere(plan_of(ROOT / "recipes/dpo.yaml"))
    assert "Anthropic/hh-rlhf" in " ".join(found.assumptions)
    assert found.steps is None
    assert found.texts[0].text.expected > 50


def test_code_that_a_recipe_names_is_not_imported(plan_of: MakePlan) -> None:
    custom = SUMS.replace(
        'env: {kind: gem, id: "rg:simple_equations"}', "env: {kind: custom, builder: nowhere:it}"
    )
    found = measured_anywhere(plan_of(custom))
    assert "not imported before the run" in found.assumptions[0]


def test_plans_with_the_same_data_are_measured_once_in_a_process_aside(
    plan_of: MakePlan,
) -> None:
    plans = [plan_of(ROOT / "recipes/sft_conversations.yaml", "epochs=1", "steps=3")]
    plans.append(plan_of(ROOT / "recipes/sft_conversations.yaml", "epochs=1", "steps=3"))
    first, second = lengths_of(plans)
    assert first == second
    assert first[""] == measure(plans[0])


def test_a_run_has_its_estimate_once(plan_of: MakePlan) -> None:
    plan = plan_of(GAME)
    for source in sources(plan):
        register_tokenizer(source)
    run = RunDirectory.create(plan, GAME)
    record_estimate(plan, run)
    written = read_estimate(run)
    assert written is not None
    assert written.steps == 2
    assert written.tokens["recipe-run/tiny"].expected.trained > 0
    run.estimate_file.write_text("{}")
    record_estimate(plan, run)
    assert run.estimate_file.read_text() == "{}"


def test_replies_are_expected_as_long_as_they_were_before(plan_of: MakePlan) -> None:
    plan = plan_of(GAME)
    found = {"": Lengths(texts=[])}
    assert with_seen(plan, found) == found
    run = RunDirectory.create(plan, GAME)
    rows: list[dict[str, Any]] = [
        {"env/all/ac_tokens_per_turn": tokens, "env/all/turns_per_episode": 3} for tokens in (6, 8)
    ]
    run.metrics_file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    seen = with_seen(plan, found)[""]
    assert (seen.reply, seen.seen_turns) == (7, 3)
    # Another limit on replies makes another length.
    assert with_seen(plan_of(GAME, "max_tokens=32"), found) == found
