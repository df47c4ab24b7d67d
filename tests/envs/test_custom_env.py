"""Environments of the user's own: what they are called with, and what is wrong with them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from recipe_runner.envs import dataset_builder
from recipe_runner.errors import UserCodeError
from recipe_runner.user_code import search_path
from schemas.env import CustomEnv
from tests.envs.small import rollouts

RESEARCH = Path(__file__).parents[2] / "recipes" / "research"
DIGITS = [7, 3, 9]

MODULE = """\
import chz
from tinker_cookbook.recipes.multiplayer_rl.guess_number.env import GuessNumberDatasetBuilder

def plain(model_name, renderer_name, group_size, batch_size, *, fraction=0.5):
    return GuessNumberDatasetBuilder(
        model_name=model_name, renderer_name=renderer_name, batch_size=batch_size,
        train_group_size=group_size, train_fraction=fraction,
    )

async def later(model_name, renderer_name, group_size, batch_size):
    return plain(model_name, renderer_name, group_size, batch_size)

def needs_more(colour, seed): ...
def wrong(): return 3
number = 3
def fails():
    return [][0]

@chz.chz
class OneDataset(GuessNumberDatasetBuilder):
    async def __call__(self):
        return (await super().__call__())[0]

@chz.chz
class Failing(GuessNumberDatasetBuilder):
    async def __call__(self):
        raise RuntimeError("no data today")

ready = plain("tests/bytes", "qwen3_instruct", 1, 4)
"""


@pytest.fixture(autouse=True)
def beside(tmp_path: Path) -> Iterator[Path]:
    """Be in the run of a recipe with the module beside it."""
    (tmp_path / "mine.py").write_text(MODULE)
    with search_path(tmp_path / "recipe.yaml"):
        yield tmp_path


def datasets(model: str, name: str, **kwargs: Any) -> Any:
    env = CustomEnv(kind="custom", builder=f"mine:{name}", kwargs=kwargs)
    return asyncio.run(dataset_builder(env, rollouts(model))())


@pytest.mark.parametrize("name", ["plain", "later"])
def test_a_function_gets_what_it_asks_for_by_name(model: str, name: str) -> None:
    train, test = datasets(model, name)
    assert train.group_size == 2
    assert len(train.get_batch(0)) == 5
    assert test is not None


def test_a_builder_that_is_ready_is_taken_as_it_is(model: str) -> None:
    train, _ = datasets(model, "ready")
    assert len(train.get_batch(0)) == 4


def test_kwargs_come_from_the_recipe_and_go_before_what_is_offered(model: str) -> None:
    train, _ = datasets(model, "plain", fraction=0.25, batch_size=3)
    assert len(train.answers) == 256
    assert len(train.get_batch(0)) == 3


def test_a_builder_class_of_the_cookbook_can_be_named(model: str) -> None:
    reference = "tinker_cookbook.recipes.math_rl.arithmetic_env:ArithmeticDatasetBuilder"
    env = CustomEnv(kind="custom", builder=reference)
    offered = rollouts(model, num_batches=3)
    train, _ = asyncio.run(dataset_builder(env, offered)())
    assert len(train) == 3


@pytest.mark.parametrize(
    ("name", "kwargs", "message"),
    [
        ("absent", {}, r"has no absent"),
        ("plain", {"fracton": 1}, r"takes no 'fracton'; did you mean fraction\?"),
        ("needs_more", {}, r"needs colour: give it in `kwargs`"),
        ("wrong", {}, r"returned an int; it has to return a\w? RLDatasetBuilder"),
        ("fails", {}, r"IndexError: list index out of range \(.*mine\.py:17\)"),
        ("number", {}, r"is an int, which cannot be called"),
        (
            "OneDataset",
            {"train_group_size": 2},
            r"it has to return a pair of an RLDataset to train on",
        ),
        ("Failing", {"train_group_size": 2}, r"RuntimeError: no data today \(.*mine\.py:27\)"),
    ],
)
def test_a_wrong_builder_is_an_error_for_its_author(
    model: str, name: str, kwargs: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserCodeError, match=message):
        datasets(model, name, **kwargs)


def test_the_memory_environment_counts_digits(model: str, reply: Callable[..., list[int]]) -> None:
    env = CustomEnv(
        kind="custom", builder="modules.memory:RecitalBuilder", kwargs={"sequence": DIGITS}
    )

    async def reward(text: str) -> float:
        train, _ = await dataset_builder(env, rollouts(model, num_batches=2))()
        assert len(train) == 2
        recital = (await train.get_batch(0)[0].make_envs())[0]
        await recital.initial_observation()
        return float((await recital.step(reply(text))).reward)

    with search_path(RESEARCH / "rl_memory.yaml"):
        rewards = [asyncio.run(reward(text)) for text in ("7 3 9", "7 9 9", "379", "none", "7391")]
    assert rewards == [3.0, 2.0, 1.0, 0.0, 3.0]
