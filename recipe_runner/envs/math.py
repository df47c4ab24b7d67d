"""The Cookbook's own maths environments: generated sums, and four data sets from the hub."""

from __future__ import annotations

from collections.abc import Sequence

import chz
from tinker_cookbook import renderers
from tinker_cookbook.recipes.math_rl.arithmetic_env import (
    ArithmeticDataset,
    ArithmeticDatasetBuilder,
)
from tinker_cookbook.recipes.math_rl.math_env import (
    DATASET_BUILDER_MAP,
    get_math_dataset_builder,
)
from tinker_cookbook.rl.types import EnvGroupBuilder, RLDatasetBuilder
from tinker_cookbook.tokenizer_utils import get_tokenizer

from recipe_runner.envs import Rollouts
from schemas.env import MathEnv

ARITHMETIC = "arithmetic"


class SeededArithmeticDataset(ArithmeticDataset):
    """Sums that depend on the recipe's seed; the Cookbook's depend on the batch's index alone."""

    def __init__(
        self,
        *,
        seed: int,
        batch_size: int,
        renderer: renderers.Renderer,
        group_size: int,
        n_batches: int,
        include_fewshot: bool,
    ) -> None:
        super().__init__(
            batch_size=batch_size,
            renderer=renderer,
            group_size=group_size,
            n_batches=n_batches,
            include_fewshot=include_fewshot,
        )
        self._seed = seed

    def get_batch(self, index: int) -> Sequence[EnvGroupBuilder]:
        self._rng.seed([self._seed, index])
        return [self._make_env_group_builder(self._rng) for _ in range(self.batch_size)]


@chz.chz
class SeededArithmeticDatasetBuilder(ArithmeticDatasetBuilder):
    seed: int = 0

    async def __call__(self) -> tuple[SeededArithmeticDataset, None]:
        tokenizer = get_tokenizer(self.model_name_for_tokenizer)
        dataset = SeededArithmeticDataset(
            seed=self.seed,
            batch_size=self.batch_size,
            renderer=renderers.get_renderer(self.renderer_name, tokenizer),
            group_size=self.group_size,
            n_batches=self.n_batches,
            include_fewshot=self.include_fewshot,
        )
        return dataset, None


def builder(env: MathEnv, rollouts: Rollouts) -> RLDatasetBuilder:
    """Return the dataset builder of a maths environment."""
    return math_dataset_builder(
        name=env.dataset,
        model_name=rollouts.model_name,
        renderer_name=rollouts.renderer_name,
        group_size=rollouts.group_size,
        groups_per_batch=rollouts.groups_per_batch,
        num_batches=rollouts.num_batches,
        seed=rollouts.seed,
    )


def math_dataset_builder(
    *,
    name: str,
    model_name: str,
    renderer_name: str,
    group_size: int,
    groups_per_batch: int,
    num_batches: int | None,
    seed: int,
) -> RLDatasetBuilder:
    """Return the builder of `arithmetic`, `math`, `polaris`, `deepmath` or `gsm8k`.

    num_batches: how long `arithmetic` goes on; the data sets always go once through, and the
    training loop's `max_steps` ends them earlier.
    """
    if name == ARITHMETIC:
        if num_batches is None:
            raise ValueError("arithmetic makes problems without end: set `steps`")
        return SeededArithmeticDatasetBuilder(
            batch_size=groups_per_batch,
            model_name_for_tokenizer=model_name,
            renderer_name=renderer_name,
            n_batches=num_batches,
            group_size=group_size,
            seed=seed,
        )
    if name not in DATASET_BUILDER_MAP:
        known = ", ".join([ARITHMETIC, *DATASET_BUILDER_MAP])
        raise ValueError(f"no maths environment {name!r}: there are {known}")
    return get_math_dataset_builder(
        dataset_name=name,
        batch_size=groups_per_batch,
        model_name_for_tokenizer=model_name,
        renderer_name=renderer_name,
        group_size=group_size,
        seed=seed,
    )
