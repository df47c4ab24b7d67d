"""Prompts as the Cookbook's distillation loops take them: environments without reward."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import chz
from tinker_cookbook.distillation.datasets import PromptOnlyEnv
from tinker_cookbook.recipes.sdft.datasets import SDFTDataset
from tinker_cookbook.renderers import Renderer, get_renderer
from tinker_cookbook.rl.problem_env import ProblemGroupBuilder
from tinker_cookbook.rl.types import EnvGroupBuilder, RLDataset, RLDatasetBuilder
from tinker_cookbook.tokenizer_utils import get_tokenizer

from recipe_runner.compile.data.prompts import ChosenPrompts, Prompt
from recipe_runner.errors import DataError


class PromptsDataset(RLDataset):
    """Batches of prompts, each asked `group_size` times; replies earn nothing."""

    def __init__(
        self, prompts: list[Prompt], groups_per_batch: int, group_size: int, renderer: Renderer
    ) -> None:
        self._prompts = prompts
        self._groups_per_batch = groups_per_batch
        self._group_size = group_size
        self._renderer = renderer

    def get_batch(self, index: int) -> Sequence[EnvGroupBuilder]:
        start = index * self._groups_per_batch
        return [self._group(each) for each in self._prompts[start : start + self._groups_per_batch]]

    def __len__(self) -> int:
        return math.ceil(len(self._prompts) / self._groups_per_batch)

    def _group(self, prompt: Prompt) -> EnvGroupBuilder:
        *before, last = prompt.messages
        return ProblemGroupBuilder(
            env_thunk=partial(PromptOnlyEnv, last["content"], self._renderer, convo_prefix=before),
            num_envs=self._group_size,
            dataset_name="prompts",
        )


@chz.chz
class PromptsDatasetBuilder(RLDatasetBuilder):
    """Prompts for on-policy distillation."""

    prompts: ChosenPrompts
    groups_per_batch: int
    group_size: int
    model_name_for_tokenizer: str
    renderer_name: str

    async def __call__(self) -> tuple[RLDataset, None]:
        renderer = get_renderer(self.renderer_name, get_tokenizer(self.model_name_for_tokenizer))
        prompts = self.prompts.train()
        return PromptsDataset(prompts, self.groups_per_batch, self.group_size, renderer), None


@chz.chz
class DemonstrationsBuilder:
    """Questions with a demonstration each, for self-distillation: (train, held out)."""

    prompts: ChosenPrompts
    groups_per_batch: int
    group_size: int
    model_name_for_tokenizer: str
    renderer_name: str

    async def __call__(self) -> tuple[SDFTDataset, SDFTDataset | None]:
        held_out = self.prompts.held_out()
        train = self._dataset(self.prompts.train(), self.group_size)
        return train, self._dataset(held_out, 1) if held_out else None

    def _dataset(self, prompts: list[Prompt], group_size: int) -> SDFTDataset:
        renderer = get_renderer(self.renderer_name, get_tokenizer(self.model_name_for_tokenizer))
        return SDFTDataset(
            questions=[_question(prompt) for prompt in prompts],
            golden_answers=[_demonstration(prompt) for prompt in prompts],
            batch_size=self.groups_per_batch,
            group_size=group_size,
            renderer=renderer,
            dataset_name="demonstrations",
        )


def _question(prompt: Prompt) -> str:
    if len(prompt.messages) > 1:
        raise DataError(
            f"{prompt.place}: self-distillation asks one question, and this has "
            f"{len(prompt.messages)} messages"
        )
    return str(prompt.messages[0]["content"])


def _demonstration(prompt: Prompt) -> str:
    if prompt.answer is None:
        raise DataError(
            f"{prompt.place}: column 'answer': is missing; it is the demonstration that the "
            "teacher is shown"
        )
    return prompt.answer
