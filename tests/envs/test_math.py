from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from tinker_cookbook.recipes.math_rl.math_env import DATASET_BUILDER_MAP

from recipe_runner.envs.math import math_dataset_builder


def _builder(name: str, model: str, **changes: Any) -> Any:
    fields: dict[str, Any] = {
        "renderer_name": "qwen3_instruct",
        "group_size": 2,
        "groups_per_batch": 5,
        "num_batches": 3,
        "seed": 0,
    }
    return math_dataset_builder(name=name, model_name=model, **{**fields, **changes})


def _sums(model: str, seed: int, batch: int) -> list[str]:
    dataset, _ = asyncio.run(_builder("arithmetic", model, seed=seed)())
    return [group.env_thunk().get_question() for group in dataset.get_batch(batch)]


def test_sums_depend_on_seed_and_batch_alone(model: str) -> None:
    assert _sums(model, 1, 2) == _sums(model, 1, 2)
    assert _sums(model, 1, 2) != _sums(model, 1, 0)
    assert _sums(model, 1, 2) != _sums(model, 2, 2)


def test_a_sum_is_graded(model: str, reply: Callable[..., list[int]]) -> None:
    async def play() -> Any:
        dataset, _ = await _builder("arithmetic", model)()
        assert len(dataset) == 3
        env = (await dataset.get_batch(0)[0].make_envs())[0]
        await env.initial_observation()
        return await env.step(reply(str(env.x + env.y)))

    assert asyncio.run(play()).metrics["correct"] == 1.0


@pytest.mark.parametrize("name", sorted(DATASET_BUILDER_MAP))
def test_data_sets_are_the_cookbooks_own(name: str, model: str) -> None:
    builder = _builder(name, model, seed=9)
    assert type(builder) is DATASET_BUILDER_MAP[name]
    assert (builder.batch_size, builder.group_size, builder.seed) == (5, 2, 9)


def test_unknown_names_and_endless_sums_are_refused(model: str) -> None:
    with pytest.raises(ValueError, match="arithmetic, math, polaris"):
        _builder("mathh", model)
    with pytest.raises(ValueError, match="set `steps`"):
        _builder("arithmetic", model, num_batches=None)
