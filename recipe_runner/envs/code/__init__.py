"""`env.kind: code`: the Cookbook's DeepCoder environment, its programs graded in isolation."""

from __future__ import annotations

import asyncio
import random

import chz
from tinker_cookbook.recipes.code_rl.code_env import (
    DeepcoderDataset,
    DeepcoderDatasetBuilder,
    DeepcoderEnvGroupBuilder,
)
from tinker_cookbook.recipes.code_rl.deepcoder_tool import DeepcoderTask
from tinker_cookbook.rl.types import RLDataset

from recipe_runner.envs import Rollouts
from recipe_runner.envs.code.problems import load_problems
from recipe_runner.envs.code.sandbox import backend_of, prepare
from schemas.env import CodeEnv


@chz.chz
class CodeDatasetBuilder(DeepcoderDatasetBuilder):
    """The Cookbook's builder, with local files, and with a sandbox that was tried before.

    Attributes:
        sandbox: `isolated`, `sandboxfusion` or `modal`.
        dataset: a local JSONL file in place of the hub's data set.
        test_dataset: a local JSONL file to evaluate on, where `dataset` is one.
        memory_mb: of each process of an isolated program.
        allow_unsafe: run programs without isolation where there is none.
    """

    sandbox: str
    dataset: str | None
    test_dataset: str | None
    memory_mb: int
    allow_unsafe: bool

    async def __call__(self) -> tuple[RLDataset, RLDataset | None]:
        """Raise EnvironmentUnavailable without a sandbox, DataError for a file that is wrong."""
        await prepare(
            self.sandbox,
            timeout_s=self.timeout,
            memory_mb=self.memory_mb,
            allow_unsafe=self.allow_unsafe,
        )
        if self.dataset is None:
            return await super().__call__()
        train = self._dataset(await asyncio.to_thread(load_problems, self.dataset), shuffled=True)
        if self.test_dataset is None:
            return train, None
        test = await asyncio.to_thread(load_problems, self.test_dataset)
        return train, self._dataset(test, shuffled=False)

    def _dataset(self, tasks: list[DeepcoderTask], *, shuffled: bool) -> DeepcoderDataset:
        """Return a set as the Cookbook makes it of the hub's: shuffled to train on, once each."""
        ordered = list(tasks)
        if shuffled:
            random.Random(self.seed).shuffle(ordered)
        builders = [
            DeepcoderEnvGroupBuilder(
                task=task,
                model_name=self.model_name_for_tokenizer,
                renderer_name=self.renderer_name,
                max_turns=self.max_turns,
                group_size=self.group_size if shuffled else 1,
                sandbox_backend=self.sandbox_backend,
                timeout=self.timeout,
                format_coef=self.format_coef,
                max_generation_tokens=self.max_generation_tokens,
                context_overflow_reward=self.context_overflow_reward,
            )
            for task in ordered
        ]
        return DeepcoderDataset(env_group_builders=builders, batch_size=self.batch_size)


def builder(env: CodeEnv, rollouts: Rollouts) -> CodeDatasetBuilder:
    """Return the dataset builder of a code environment."""
    return CodeDatasetBuilder(
        model_name_for_tokenizer=rollouts.model_name,
        renderer_name=rollouts.renderer_name,
        batch_size=rollouts.groups_per_batch,
        group_size=rollouts.group_size,
        max_turns=env.max_turns,
        format_coef=env.format_coef,
        timeout=env.timeout_s,
        sandbox_backend=backend_of(env.sandbox),
        seed=rollouts.seed,
        max_generation_tokens=rollouts.max_tokens,
        sandbox=env.sandbox,
        dataset=env.dataset,
        test_dataset=env.test_dataset,
        memory_mb=env.memory_mb,
        allow_unsafe=env.allow_unsafe_execution,
    )
