"""Environments as Cookbook environments: plain values in, a Cookbook dataset builder out.

A kind of environment is one module here and one entry of `ENVS`. May import tinker,
tinker_cookbook, the catalog and, in worker processes only, gem. Never the layers above: compile,
backends, runs, cli.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tinker_cookbook.rl.rollout_strategy import RolloutStrategy
    from tinker_cookbook.rl.types import RLDatasetBuilder

# kind of `env` in a recipe -> module with `builder(env, rollouts) -> RLDatasetBuilder`, where it
# has evaluators of its own `evaluators(env, rollouts)`, and where its groups are not played as the
# Cookbook plays them `strategy(env, rollouts) -> RolloutStrategy`
ENVS = {
    "code": "recipe_runner.envs.code",
    "custom": "recipe_runner.envs.custom",
    "gem": "recipe_runner.envs.gem.recipe",
    "math": "recipe_runner.envs.math",
    "multiplayer": "recipe_runner.envs.multiplayer",
    "preference": "recipe_runner.envs.preference",
    "rubric": "recipe_runner.envs.rubric",
    "search": "recipe_runner.envs.search",
    "verifiers": "recipe_runner.envs.verifiers",
}


class EnvironmentUnavailable(ValueError):
    """An environment cannot run on this machine; the message has the reason and the remedy."""


@dataclass(frozen=True)
class Rollouts:
    """What an environment has to know of the run that plays it.

    Attributes:
        model_name: the policy's model, which names the tokenizer too.
        renderer_name: the policy's renderer.
        group_size: rollouts of each problem.
        groups_per_batch: problems of one step.
        max_tokens: tokens of a reply.
        temperature: of the policy's sampling.
        num_batches: steps of the run, None for the whole data set.
        seed: the recipe's.
        base_url: of the service, for environments that sample from models of their own.
        checkpoint: gives the `tinker://` path to sample from of a `load_from` value.
    """

    model_name: str
    renderer_name: str
    group_size: int
    groups_per_batch: int
    max_tokens: int
    temperature: float
    num_batches: int | None
    seed: int
    base_url: str | None
    checkpoint: Callable[[str | None], str | None]


def dataset_builder(env: Any, rollouts: Rollouts) -> RLDatasetBuilder:
    """Return the Cookbook's dataset builder of a recipe's `env`.

    Raises:
        EnvironmentUnavailable: if this machine lacks what it needs.
    """
    module = importlib.import_module(ENVS[env.kind])
    builder: RLDatasetBuilder = module.builder(env, rollouts)
    return builder


def rollout_strategy(env: Any, rollouts: Rollouts) -> RolloutStrategy | None:
    """Return how groups of a recipe's `env` are played, None for as the Cookbook plays them."""
    module = importlib.import_module(ENVS[env.kind])
    strategy: Callable[[Any, Rollouts], RolloutStrategy] | None
    strategy = getattr(module, "strategy", None)
    return None if strategy is None else strategy(env, rollouts)


def env_evaluators(env: Any, rollouts: Rollouts) -> list[Any]:
    """Return the builders of the evaluators that an environment brings beside its test set."""
    module = importlib.import_module(ENVS[env.kind])
    return module.evaluators(env, rollouts) if hasattr(module, "evaluators") else []
