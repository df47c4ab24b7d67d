"""Environments of the verifiers library: found beside the recipe, played for real."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from recipe_runner.envs import EnvironmentUnavailable, dataset_builder, rollout_strategy
from recipe_runner.errors import UserCodeError
from recipe_runner.user_code import search_path
from schemas.env import CustomEnv, VerifiersEnv
from tests.envs.small import rollouts

RECIPE = Path(__file__).parents[2] / "recipes" / "verifiers.yaml"


def words(**changes: Any) -> VerifiersEnv:
    return VerifiersEnv(kind="verifiers", id="modules.reversed-words", **changes)


@pytest.fixture(autouse=True)
def beside() -> Iterator[None]:
    """Be in the run of the shipped recipe."""
    with search_path(RECIPE):
        yield


def built(env: VerifiersEnv, model: str, **changes: Any) -> Any:
    dataset, test = asyncio.run(dataset_builder(env, rollouts(model, **changes))())
    assert test is None
    return dataset


def test_examples_come_in_batches_for_as_long_as_the_run_lasts(model: str) -> None:
    dataset = built(words(kwargs={"count": 7}), model, num_batches=4)
    assert len(dataset) >= 4
    assert all(len(dataset.get_batch(index)) == 5 for index in range(4))
    inputs = dataset.get_batch(0)[0].get_rollout_inputs(2)
    assert "backwards" in inputs[0]["prompt"][-1]["content"]


def test_examples_can_be_fewer_and_in_the_seeds_order(model: str) -> None:
    def answers(seed: int, *, shuffle: bool) -> list[str]:
        dataset = built(words(examples=10, shuffle=shuffle), model, seed=seed)
        return [row["answer"] for row in dataset.rows]

    assert len(answers(1, shuffle=False)) == 10
    assert answers(1, shuffle=False) == answers(2, shuffle=False)
    assert answers(1, shuffle=True) == answers(1, shuffle=True)
    assert answers(1, shuffle=True) != answers(2, shuffle=True)


def test_its_groups_are_played_by_the_environment_and_others_as_ever(model: str) -> None:
    assert rollout_strategy(words(), rollouts(model)) is not None
    other = CustomEnv(kind="custom", builder="a.b:C")
    assert rollout_strategy(other, rollouts(model)) is None


def test_one_that_is_not_installed_says_how_to_install_it(model: str) -> None:
    env = VerifiersEnv(kind="verifiers", id="primeintellect/no-such-thing")
    with pytest.raises(
        EnvironmentUnavailable, match="prime env install primeintellect/no-such-thing"
    ):
        built(env, model)


def test_one_that_fails_is_named(model: str) -> None:
    with pytest.raises(UserCodeError, match=r"modules\.reversed-words: .*colour"):
        built(words(kwargs={"colour": "red"}), model)
