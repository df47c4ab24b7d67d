"""Tasks of Inspect AI, through the Cookbook's evaluator."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary

import chz
import tinker
from tinker_cookbook.eval.evaluators import SamplingClientEvaluator
from tinker_cookbook.eval.inspect_evaluators import InspectEvaluator, InspectEvaluatorBuilder

from recipe_runner.loops.evaluators import PREFIX
from recipe_runner.loops.replaced import replaced

_locks: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()


@asynccontextmanager
async def without_dotenv() -> AsyncIterator[None]:
    """Keep Inspect from changing the environment for as long as the block lasts."""
    from inspect_ai._eval import context

    with replaced(context, "init_dotenv", lambda _: lambda: None):
        yield


class OneAtATime(InspectEvaluator):
    """The Cookbook's evaluator, made to wait its turn.

    Inspect refuses a second evaluation while one is running in the process, and the Cookbook's RL
    loop starts all evaluators at once.
    """

    async def __call__(self, sampling_client: tinker.SamplingClient) -> dict[str, float]:
        lock = _locks.setdefault(asyncio.get_running_loop(), asyncio.Lock())
        # Inspect would take what is not in the environment from the nearest `.env` upwards, also
        # from somebody else's: where keys go (OPENAI_BASE_URL), what other processes load.
        async with lock, without_dotenv():
            metrics = await super().__call__(sampling_client)
        return {f"{PREFIX}{name}": value for name, value in metrics.items()}


@chz.chz
class InspectBuilder(InspectEvaluatorBuilder):
    """Inspect tasks; the fields are the Cookbook's."""

    def __call__(self) -> SamplingClientEvaluator:
        return OneAtATime(self)
