"""GEM environments (https://github.com/axon-rl/gem) as Cookbook environments.

`GemDatasetBuilder` is the whole public surface. gem itself is imported in worker processes only
(`episodes.py`, run by `worker.py`): its global random state, its SIGALRM timeouts, its logging
set-up and whatever a hostile reply makes a grader do stay out of the training process.

The package imports nothing heavy by itself, because every worker process imports it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recipe_runner.envs.gem.builder import GemDatasetBuilder

__all__ = ["GemDatasetBuilder"]


def __getattr__(name: str) -> Any:
    if name == "GemDatasetBuilder":
        from recipe_runner.envs.gem.builder import GemDatasetBuilder

        return GemDatasetBuilder
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
