"""`Job`: a Cookbook configuration and the loop that runs it."""

from __future__ import annotations

import importlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, cast

from recipe_runner.planning.plan import Plan

# method -> module with `ENTRY`, `UNEXPOSED` and `config(plan, target)`
METHODS = {
    "rl": "recipe_runner.compile.rl",
    "sft": "recipe_runner.compile.sft",
}


@dataclass(frozen=True)
class Target:
    """Where a job runs and writes.

    Attributes:
        log_path: the run directory.
        base_url: URL of the server, None for hosted Tinker.
        load_from: `tinker://` path that `model.load_from` stands for.
        kl_reference: `tinker://` path that `kl.reference.load_from` stands for.
    """

    log_path: Path
    base_url: str | None = None
    load_from: str | None = None
    kl_reference: str | None = None


@dataclass(frozen=True)
class Job:
    """One training run, ready to start.

    Attributes:
        entry: the Cookbook's coroutine function, as `module:name`.
        config: its configuration, an instance of the Cookbook's own class.
    """

    entry: str
    config: Any

    async def run(self) -> None:
        """Run the loop to its end."""
        module, _, name = self.entry.partition(":")
        loop: Callable[[Any], Awaitable[None]] = getattr(importlib.import_module(module), name)
        await loop(self.config)


class _MethodModule(Protocol):
    ENTRY: str

    def config(self, plan: Plan, target: Target) -> Any: ...


def compile_plan(plan: Plan, target: Target) -> Job:
    """Compile a plan into the configuration that the Cookbook runs."""
    method = cast(_MethodModule, importlib.import_module(METHODS[plan.recipe.method]))
    return Job(entry=method.ENTRY, config=method.config(plan, target))
