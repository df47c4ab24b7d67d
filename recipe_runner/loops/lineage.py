"""Gives each sample of a loop a seed by where it is asked for, never by when.

The members of a group ask for the same prompt at the same time, and which request arrives first
hangs on threads and sockets. A run that is to be repeated to the last digit needs the same member
to get the same reply. So a request is known by the place of its asyncio task in the tree of tasks:
`gather` over groups and then over members makes the same tree every time.

A task's number counts the tasks of the same coroutine function, from zero whenever its parent
starts to make tasks again. So a resumed run has the same places: it makes no tasks for the steps
before, and what a process does once, on first use, stands in no other task's way.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar, copy_context
from typing import Any
from weakref import WeakKeyDictionary

from tinker import ModelInput, SamplingClient, SamplingParams

from recipe_runner.loops.replaced import replaced

_place: ContextVar[tuple[int, ...]] = ContextVar("place", default=())


def number_tasks() -> None:
    """Have every task of the running loop know its place from now on."""
    asyncio.get_running_loop().set_task_factory(_TaskFactory())


class _TaskFactory:
    def __init__(self) -> None:
        # Parent -> tasks that it has made since it last gave way, by coroutine function.
        self._made: WeakKeyDictionary[asyncio.Task[Any], Counter[str]] = WeakKeyDictionary()

    def __call__(
        self,
        loop: asyncio.AbstractEventLoop,
        coroutine: Any,
        context: Context | None = None,
    ) -> asyncio.Task[Any]:
        own = copy_context() if context is None else context
        kind = getattr(coroutine, "__qualname__", type(coroutine).__qualname__)
        place = (*_place.get(), self._number(loop, kind))
        own.run(_place.set, place)
        return asyncio.Task(coroutine, loop=loop, context=own)

    def _number(self, loop: asyncio.AbstractEventLoop, kind: str) -> int:
        try:
            parent = asyncio.current_task(loop)
        except RuntimeError:
            return 0
        if parent is None:
            return 0
        made = self._made.get(parent)
        if made is None:
            made = self._made[parent] = Counter()
            # Called once the parent has given way.
            loop.call_soon(self._made.pop, parent, None)
        number = made[kind]
        made[kind] += 1
        return number


@contextmanager
def seeded_samples(seed: int) -> Iterator[None]:
    """While the block lasts, seed the requests for samples that come without a seed.

    Requests from outside of a task of a loop with `number_tasks` are left as they are.
    """
    with replaced(SamplingClient, "sample", lambda original: _seeding(original, seed)):
        yield


def _seeding(original: Callable[..., Any], seed: int) -> Callable[..., Any]:
    asked: WeakKeyDictionary[SamplingClient, Counter[str]] = WeakKeyDictionary()

    def sample(
        self: SamplingClient,
        prompt: ModelInput,
        num_samples: int,
        sampling_params: SamplingParams,
        *rest: Any,
        **named: Any,
    ) -> Any:
        place = _place.get()
        if place and sampling_params.seed is None:
            name = f"{seed}:{place}:{prompt.to_ints()}"
            counts = asked.setdefault(self, Counter())
            counts[name] += 1
            own = _seed_of(f"{name}:{counts[name]}")
            sampling_params = sampling_params.model_copy(update={"seed": own})
        return original(self, prompt, num_samples, sampling_params, *rest, **named)

    return sample


def _seed_of(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") >> 1
