"""Batches of groups of episodes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from tinker_cookbook import renderers
from tinker_cookbook.renderers import Renderer
from tinker_cookbook.rl.types import Env, EnvGroupBuilder, RLDataset
from tinker_cookbook.tokenizer_utils import get_tokenizer

from recipe_runner.envs.gem.env import GemEnv
from recipe_runner.envs.gem.items import Item, ItemSource, Problem
from recipe_runner.envs.gem.protocol import EnvSpec, Opening, open_problem
from recipe_runner.envs.gem.workers import EpisodeError, shared_pool
from recipe_runner.envs.gem.wrappers import prompt_of, tool_of


@dataclass(frozen=True)
class EpisodeSettings:
    """What all episodes of a dataset share; plain values, so that builders pickle."""

    spec: EnvSpec
    prompt: str
    max_turns: int | None
    model_name: str
    renderer_name: str
    max_prompt_tokens: int | None

    @property
    def single_turn(self) -> bool:
        return self.spec.kind != "game" and tool_of(self.spec.wrappers) is None

    @property
    def tags(self) -> list[str]:
        return [self.spec.env_id.partition(":")[0], self.spec.env_id]


@lru_cache(maxsize=8)
def renderer_for(model_name: str, renderer_name: str) -> Renderer:
    return renderers.get_renderer(renderer_name, get_tokenizer(model_name), model_name=model_name)


@dataclass(frozen=True)
class GemGroupBuilder(EnvGroupBuilder):
    """Builds `group_size` episodes of one problem."""

    settings: EpisodeSettings
    item: Item
    group_size: int

    async def make_envs(self) -> Sequence[Env]:
        """Reset once, in a worker; every member starts from that state."""
        opening = await self._open()
        settings = self.settings
        return [
            GemEnv(
                opening,
                renderer=renderer_for(settings.model_name, settings.renderer_name),
                prompt=settings.prompt,
                max_turns=settings.max_turns,
                max_prompt_tokens=settings.max_prompt_tokens,
                single_turn=settings.single_turn,
                one_message=prompt_of(settings.spec.wrappers) is not None,
                has_tool=tool_of(settings.spec.wrappers) is not None,
            )
            for _ in range(self.group_size)
        ]

    async def _open(self) -> Opening | EpisodeError:
        try:
            return await open_item(self.settings.spec, self.item)
        except EpisodeError as error:
            return error

    def logging_tags(self) -> list[str]:
        return self.settings.tags


async def open_item(spec: EnvSpec, item: Item) -> Opening:
    if isinstance(item, Problem):
        if tool_of(spec.wrappers) is None:
            return open_problem(item.question, item.answer)
        return await shared_pool().start_problem(spec, item.question, item.answer)
    return await shared_pool().start(spec, item.seed)


class GemDataset(RLDataset):
    """`num_groups` groups in batches; the last batch is short where they do not divide."""

    def __init__(
        self,
        settings: EpisodeSettings,
        items: ItemSource,
        *,
        num_groups: int,
        groups_per_batch: int,
        group_size: int,
    ) -> None:
        self._settings = settings
        self._items = items
        self._num_groups = num_groups
        self._groups_per_batch = groups_per_batch
        self._group_size = group_size

    def get_batch(self, index: int) -> Sequence[EnvGroupBuilder]:
        if not 0 <= index < len(self):
            raise IndexError(f"batch {index} of {len(self)}")
        start = index * self._groups_per_batch
        stop = min(start + self._groups_per_batch, self._num_groups)
        return [
            GemGroupBuilder(self._settings, self._items.at(position), self._group_size)
            for position in range(start, stop)
        ]

    def __len__(self) -> int:
        return math.ceil(self._num_groups / self._groups_per_batch)
