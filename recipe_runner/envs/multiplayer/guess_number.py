"""A number below 1,024 is guessed in ten turns; a program says whether it is higher or lower."""

from __future__ import annotations

import chz
from tinker_cookbook.recipes.multiplayer_rl.guess_number.env import GuessNumberDatasetBuilder
from tinker_cookbook.rl.types import RLDatasetBuilder

from recipe_runner.envs import Rollouts
from recipe_runner.envs.passes import in_passes, num_problems
from schemas.env import MultiplayerEnv


@chz.chz
class SeededGuessNumberBuilder(GuessNumberDatasetBuilder):
    """The Cookbook's game with an order of numbers that depends on the seed.

    The numbers of the evaluation are the Cookbook's, whatever the seed.
    """

    seed: int
    num_batches: int | None
    test_games: int | None

    def _get_train_and_test_numbers(self) -> tuple[list[int], list[int]]:
        train, test = super()._get_train_and_test_numbers()
        needed = num_problems(self.num_batches, self.batch_size)
        return in_passes(train, seed=self.seed, num_items=needed), test[: self.test_games]


def builder(env: MultiplayerEnv, rollouts: Rollouts) -> RLDatasetBuilder:
    """Return the dataset builder of the game."""
    return SeededGuessNumberBuilder(
        batch_size=rollouts.groups_per_batch,
        renderer_name=rollouts.renderer_name,
        train_group_size=rollouts.group_size,
        base_url=rollouts.base_url,
        model_name=rollouts.model_name,
        test_group_size=env.test_group_size or 4,
        seed=rollouts.seed,
        num_batches=rollouts.num_batches,
        test_games=env.test_games,
    )
