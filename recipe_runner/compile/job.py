"""`Job`: a Cookbook configuration and the loop that runs it."""

from __future__ import annotations

import asyncio
import importlib
import inspect
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, cast

from recipe_runner.planning.plan import Plan

# method -> module with `ENTRY`, `UNEXPOSED` and `config(plan, target)`; a pipeline is its stages.
# `ENTRY` is the loop, or a loop for each class of configuration that the method compiles to.
METHODS = {
    "distill": "recipe_runner.compile.distill",
    "dpo": "recipe_runner.compile.dpo",
    "eval": "recipe_runner.compile.evaluate",
    "generate": "recipe_runner.compile.generate",
    "reinforce": "recipe_runner.compile.reinforce",
    "rl": "recipe_runner.compile.rl",
    "sdft": "recipe_runner.compile.sdft",
    "sft": "recipe_runner.compile.sft",
}


@dataclass(frozen=True)
class Target:
    """Where a job runs and writes.

    Attributes:
        log_path: the run directory.
        base_url: URL of the server, None for hosted Tinker.
        checkpoints: each checkpoint that the recipe names -> the `tinker://` path it stands for,
            None for the base model's weights.
        samplers: the same, for sampling alone, where that path is on record.
    """

    log_path: Path
    base_url: str | None = None
    checkpoints: Mapping[str, str | None] = field(default_factory=dict)
    samplers: Mapping[str, str] = field(default_factory=dict)

    def checkpoint(self, reference: str | None) -> str | None:
        """Return the `tinker://` path of a `load_from` value, to train on from."""
        return None if reference is None else self.checkpoints.get(reference, reference)

    def sampler(self, reference: str | None) -> str | None:
        """Return the `tinker://` path of a `load_from` value, to sample from.

        A service samples from `…/sampler_weights/NAME` alone, which the Cookbook saves beside
        `…/weights/NAME` under the same name.
        """
        path = self.checkpoint(reference)
        if reference is None or path is None:
            return None
        return self.samplers.get(reference, path.replace("/weights/", "/sampler_weights/"))


@dataclass(frozen=True)
class Job:
    """One training run, ready to start.

    Attributes:
        entry: the loop, as `module:name`: a function of the configuration, or a coroutine function.
        config: its configuration, an instance of the Cookbook's own class.
    """

    entry: str
    config: Any

    async def run(self) -> None:
        """Run the loop to its end."""
        from recipe_runner.loops.lineage import number_tasks

        number_tasks()
        module, _, name = self.entry.partition(":")
        loop: Callable[[Any], Awaitable[None]] = getattr(importlib.import_module(module), name)
        if inspect.iscoroutinefunction(loop):
            await loop(self.config)
        else:
            await asyncio.to_thread(loop, self.config)


class _MethodModule(Protocol):
    ENTRY: str | Mapping[type, str]

    def config(self, plan: Plan, target: Target) -> Any: ...


def compile_plan(plan: Plan, target: Target) -> Job:
    """Compile a plan into the configuration that the Cookbook runs."""
    method = cast(_MethodModule, importlib.import_module(METHODS[plan.recipe.method]))
    config = method.config(plan, target)
    entry = method.ENTRY if isinstance(method.ENTRY, str) else method.ENTRY[type(config)]
    return Job(entry=entry, config=config)
