"""The builder of GEM datasets: what a recipe's `env` says, checked, as Cookbook datasets."""

from __future__ import annotations

import asyncio
import difflib
import importlib.util
from collections.abc import Iterable
from typing import Any

import chz
from tinker_cookbook.rl.types import RLDataset, RLDatasetBuilder

from recipe_runner.catalog.gem import GemFacts, gem_facts, gem_ids, gem_kwargs
from recipe_runner.envs import EnvironmentUnavailable
from recipe_runner.envs.gem.dataset import (
    EpisodeSettings,
    GemDataset,
    open_item,
    renderer_for,
)
from recipe_runner.envs.gem.items import (
    Item,
    ItemSource,
    Problem,
    ProceduralItems,
    split_problems,
)
from recipe_runner.envs.gem.problems import load_hub, load_local
from recipe_runner.envs.gem.prompts import check_prompt
from recipe_runner.envs.gem.protocol import EnvSpec, Kind
from recipe_runner.envs.gem.workers import EpisodeError, missing_gem, shared_pool
from recipe_runner.envs.gem.wrappers import check_wrappers, tool_of
from recipe_runner.isolation import IsolationUnavailable, run_python_async

_DATASET_KWARGS = frozenset({"use_mp", "question_key", "answer_key", "split"})
"""Settings of a data-set environment that say how it is loaded or run here, not what it asks."""


@chz.chz
class GemDatasetBuilder(RLDatasetBuilder):
    """Builds the training set, and a held-out one where `eval_size` is positive.

    Problems are made when a batch's episodes are, not before. The first problem is opened here, so
    that an environment that cannot work says so before anything is spent: EnvironmentUnavailable
    where this machine lacks something, ValueError where a setting is wrong.

    Attributes:
        env_id: GEM's id, such as `math:Math12K`, `rg:chain_sum`, `game:Sudoku-v0-easy`.
        kwargs: what that environment takes; for `rg` the reasoning_gym dataset's own settings.
            `use_mp` of `math` is accepted and has no effect: grading always runs in worker
            processes that all episodes share, and stops after two seconds of processor time.
        prompt: `boxed`, `none`, or a Jinja template with `{{ observation }}`, for the first turn.
        wrappers: names of gem's wrappers; see `wrappers`.
        allow_unsafe: run the programs of a tool without isolation where there is none.
        max_prompt_tokens: an episode whose next prompt is longer ends; None: no limit.
        max_turns: replies after which an episode ends; None: the environment's own limit.
        dataset: a local JSONL, CSV or Parquet file in place of the hub's.
        num_batches: None: the data set once through.
        seed: different seeds give different problems, 0 to 2^32-1.
        eval_size: problems of the held-out set, each tried once.
    """

    env_id: str
    kwargs: dict[str, Any]
    prompt: str
    wrappers: tuple[str, ...]
    max_turns: int | None
    dataset: str | None
    model_name: str
    renderer_name: str
    group_size: int
    groups_per_batch: int
    num_batches: int | None
    seed: int
    eval_size: int = 0
    allow_unsafe: bool = False
    max_prompt_tokens: int | None = None

    async def __call__(self) -> tuple[RLDataset, RLDataset | None]:
        facts = self._checked_facts()
        if tool_of(self.wrappers) is not None:
            await _try_isolation(allow_unsafe=self.allow_unsafe)
        kind = _kind(facts)
        train_items, eval_items = await self._items(kind, facts)
        settings = self._settings(kind)
        # Tokenizers can be registered anew under a name that an earlier run in this process used.
        renderer_for.cache_clear()
        await self._try(settings.spec, train_items.at(0), facts)
        shared_pool().warm_up()
        train = GemDataset(
            settings,
            train_items,
            num_groups=self._num_groups(train_items),
            groups_per_batch=self.groups_per_batch,
            group_size=self.group_size,
        )
        if eval_items is None:
            return train, None
        return train, GemDataset(
            settings,
            eval_items,
            num_groups=self.eval_size,
            groups_per_batch=self.groups_per_batch,
            group_size=1,
        )

    def _checked_facts(self) -> GemFacts:
        if self.env_id not in gem_ids():
            close = difflib.get_close_matches(self.env_id, gem_ids(), n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise ValueError(f"GEM has no environment {self.env_id!r}{hint}")
        facts = gem_facts(self.env_id)
        if facts.broken is not None:
            raise EnvironmentUnavailable(f"{self.env_id} does not work: {facts.broken}")
        if not _gem_is_importable():
            raise EnvironmentUnavailable(missing_gem("it is not installed"))
        _check_kwargs(self.env_id, self.kwargs)
        check_wrappers(self.wrappers)
        check_prompt(self.prompt)
        return facts

    def _settings(self, kind: Kind) -> EpisodeSettings:
        if kind != "game" and self.wrappers and tool_of(self.wrappers) is None:
            raise ValueError(f"wrappers have no effect on {self.env_id}: it has a single turn")
        if kind != "math" and self.dataset is not None:
            raise ValueError(f"env.dataset has no effect on {self.env_id}: it makes its problems")
        kwargs = {key: value for key, value in self.kwargs.items() if key not in _DATASET_KWARGS}
        return EpisodeSettings(
            spec=EnvSpec(kind, self.env_id, kwargs, self.wrappers, self.allow_unsafe),
            prompt=self.prompt,
            max_turns=self.max_turns,
            model_name=self.model_name,
            renderer_name=self.renderer_name,
            max_prompt_tokens=self.max_prompt_tokens,
        )

    async def _items(self, kind: Kind, facts: GemFacts) -> tuple[ItemSource, ItemSource | None]:
        if kind == "math":
            problems = await asyncio.to_thread(self._problems, facts)
            return split_problems(problems, self.seed, self.eval_size)
        held_out = ProceduralItems(self.seed, held_out=True) if self.eval_size else None
        return ProceduralItems(self.seed), held_out

    def _problems(self, facts: GemFacts) -> list[Problem]:
        if self.dataset is not None:
            return load_local(self.dataset, self.kwargs)
        assert facts.hub_dataset is not None, self.env_id
        return load_hub(facts.hub_dataset, facts.hub_split, self.kwargs)

    def _num_groups(self, items: ItemSource) -> int:
        if self.num_batches is not None:
            return self.num_batches * self.groups_per_batch
        if items.size is None:
            raise ValueError(f"{self.env_id} makes problems without end: set `steps`")
        return items.size

    async def _try(self, spec: EnvSpec, item: Item, facts: GemFacts) -> None:
        """Open an episode, and for a data set have a reply graded."""
        try:
            opening = await open_item(spec, item)
            if spec.kind == "math" and tool_of(spec.wrappers) is None:
                await shared_pool().step(opening.state, "\\boxed{0}")
        except EpisodeError as error:
            note = f"; {facts.note}" if facts.note else ""
            message = f"{self.env_id} does not start: {error}{note}"
            raise (ValueError if facts.offline else EnvironmentUnavailable)(message) from error


async def _try_isolation(*, allow_unsafe: bool) -> None:
    """Run an empty program as the tool will run the model's."""
    try:
        await run_python_async("", allow_unsafe=allow_unsafe)
    except IsolationUnavailable as error:
        raise EnvironmentUnavailable(str(error)) from error


def _kind(facts: GemFacts) -> Kind:
    if facts.hub_dataset is not None:
        return "math"
    return "rg" if facts.family == "rg" else "game"


def _gem_is_importable() -> bool:
    try:
        return importlib.util.find_spec("gem") is not None
    except ImportError:
        return False


def _check_kwargs(env_id: str, names: Iterable[str]) -> None:
    known = gem_kwargs(env_id)
    if known is None:
        return
    for name in names:
        if name not in known:
            listed = ", ".join(sorted(known)) or "nothing"
            raise ValueError(f"{env_id} does not take {name!r}; it takes {listed}")
