"""Tasks of Inspect AI, through the Cookbook's evaluator."""

from __future__ import annotations

import asyncio
from weakref import WeakKeyDictionary

import chz
import tinker
from tinker_cookbook.eval.evaluators import SamplingClientEvaluator
from tinker_cookbook.eval.inspect_evaluators import InspectEvaluator, InspectEvaluatorBuilder

from recipe_runner.loops.evaluators import PREFIX

_locks: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()


class OneAtATime(InspectEvaluator):
    """The Cookbook's evaluator, made to wait its turn.

    Inspect refuses a second evaluation while one is running in the process, and the Cookbook's RL
    loop starts all evaluators at once.
    """

    async def __call__(self, sampling_client: tinker.SamplingClient) -> dict[str, float]:
        async with _locks.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
            metrics = await super().__call__(sampling_client)
        return {f"{PREFIX}{name}": value for name, value in metrics.items()}


@chz.chz
class InspectBuilder(InspectEvaluatorBuilder):
    """Inspect tasks; the fields are the Cookbook's."""

    def __call__(self) -> SamplingClientEvaluator:
        return OneAtATime(self)
