"""`env.kind: custom`: an RLDatasetBuilder that the user's own code makes."""

from __future__ import annotations

from typing import Any

import chz
from tinker_cookbook.rl.types import RLDataset, RLDatasetBuilder

from recipe_runner.envs import Rollouts
from recipe_runner.errors import UserCodeError
from recipe_runner.user_code import blamed
from recipe_runner.user_code.call import call_object
from schemas.env import CustomEnv


@chz.chz
class CustomDatasetBuilder(RLDatasetBuilder):
    """Imports and calls what the recipe names when the loop asks for its data, not before.

    Attributes:
        reference: `package.module:Name` of a function or class that gives an RLDatasetBuilder.
        kwargs: what the recipe calls it with.
        offered: what it gets of the run, as far as its parameters name it.
    """

    reference: str
    kwargs: dict[str, Any]
    offered: dict[str, Any]

    async def __call__(self) -> tuple[RLDataset, RLDataset | None]:
        made = await call_object(
            self.reference, self.kwargs, self.offered, expected=RLDatasetBuilder
        )
        with blamed(self.reference):
            datasets = await made()
        if not _are_datasets(datasets):
            raise UserCodeError(
                f"{self.reference}: its builder returned {datasets!r}; it has to return a pair of "
                "an RLDataset to train on and one to evaluate on, or None"
            )
        return datasets


def _are_datasets(value: Any) -> bool:
    if not isinstance(value, tuple) or len(value) != 2:
        return False
    train, test = value
    return isinstance(train, RLDataset) and (test is None or isinstance(test, RLDataset))


def builder(env: CustomEnv, rollouts: Rollouts) -> RLDatasetBuilder:
    """Return the builder of a user's environment."""
    return CustomDatasetBuilder(
        reference=env.builder, kwargs=env.kwargs, offered=offered_values(rollouts)
    )


def offered_values(rollouts: Rollouts) -> dict[str, Any]:
    """Return what a user's builder can ask for by name.

    `model_name_for_tokenizer`, `batch_size` and `n_batches` are what the Cookbook's own builders
    call the same things.
    """
    return {
        "model_name": rollouts.model_name,
        "model_name_for_tokenizer": rollouts.model_name,
        "renderer_name": rollouts.renderer_name,
        "group_size": rollouts.group_size,
        "groups_per_batch": rollouts.groups_per_batch,
        "batch_size": rollouts.groups_per_batch,
        "max_tokens": rollouts.max_tokens,
        "temperature": rollouts.temperature,
        "num_batches": rollouts.num_batches,
        "n_batches": rollouts.num_batches,
        "seed": rollouts.seed,
        "base_url": rollouts.base_url,
    }
