"""Which samplers hold weights in memory.

Nothing in the protocol closes a sampler, and RL makes one a step, so the least recently used
idle ones are dropped. One that comes from a checkpoint or a base model is loaded again when it
is next asked; a snapshot without a name is gone. `MAX_RESIDENT` leaves room for off-policy
loops that still sample from some steps ago.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from concurrent.futures import Future
from typing import TYPE_CHECKING

from recipe_runner.backends.local.sessions import Registry, Sampler
from recipe_runner.backends.local.store import Store

if TYPE_CHECKING:
    from recipe_runner.backends.local.api import SampleRequest, SampleResult
    from recipe_runner.backends.local.engine import Engine

MAX_RESIDENT = 16


class SamplerPool:
    """Keeps at most `max_resident` idle samplers of a tenant in the engine.

    Lives on one event loop.
    """

    def __init__(self, registry: Registry, store: Store, max_resident: int = MAX_RESIDENT) -> None:
        self._registry = registry
        self._store = store
        self._max_resident = max_resident
        self._resident: OrderedDict[str, Sampler] = OrderedDict()
        self._in_flight: dict[str, set[Future[SampleResult]]] = {}
        self._loading: dict[str, asyncio.Lock] = {}

    async def add_snapshot(self, engine: Engine, sampler: Sampler, model_id: str) -> None:
        """A sampler of a live model's present weights."""
        await asyncio.wrap_future(engine.create_sampler(sampler.sampler_id, model_id=model_id))
        self._registry.add_sampler(sampler)
        await self._keep(engine, sampler)

    async def add(self, engine: Engine, sampler: Sampler) -> None:
        """A sampler of a base model or of a checkpoint."""
        await self._load(engine, sampler)
        self._registry.add_sampler(sampler)
        await self._keep(engine, sampler)

    async def sample(
        self, engine: Engine, sampler: Sampler, request: SampleRequest
    ) -> SampleResult:
        """Sample, loading the weights first where they were dropped."""
        sampler.num_in_flight += 1
        try:
            await self._require(engine, sampler)
            future = engine.sample(sampler.sampler_id, request)
            self._in_flight.setdefault(sampler.sampler_id, set()).add(future)
            try:
                return await asyncio.wrap_future(future)
            finally:
                self._in_flight[sampler.sampler_id].discard(future)
        finally:
            sampler.num_in_flight -= 1
            if sampler.num_in_flight == 0:
                self._in_flight.pop(sampler.sampler_id, None)

    async def drop(self, engine: Engine, sampler: Sampler) -> None:
        """Forget a sampler for good, and stop what it is sampling."""
        for future in list(self._in_flight.get(sampler.sampler_id, ())):
            future.cancel()
        self._registry.remove_sampler(sampler.sampler_id)
        if self._resident.pop(sampler.sampler_id, None) is not None:
            await asyncio.wrap_future(engine.drop_sampler(sampler.sampler_id))

    async def _require(self, engine: Engine, sampler: Sampler) -> None:
        if sampler.sampler_id in self._resident:
            self._resident.move_to_end(sampler.sampler_id)
            return
        lock = self._loading.setdefault(sampler.sampler_id, asyncio.Lock())
        async with lock:
            if sampler.sampler_id not in self._resident:
                self._registry.sampler(sampler.sampler_id)
                await self._load(engine, sampler)
                await self._keep(engine, sampler)
        self._loading.pop(sampler.sampler_id, None)

    async def _load(self, engine: Engine, sampler: Sampler) -> None:
        from recipe_runner.backends.local.api import LoraSpec

        if sampler.model_path is None:
            created = engine.create_sampler(
                sampler.sampler_id, base_model=sampler.base_model, tenant=sampler.tenant
            )
        else:
            checkpoint, tensors = await asyncio.to_thread(self._store.load, sampler.model_path)
            created = engine.create_sampler(
                sampler.sampler_id,
                base_model=checkpoint.base_model,
                tensors=tensors,
                lora=LoraSpec(**vars(checkpoint.lora)),
                tenant=sampler.tenant,
            )
        await asyncio.wrap_future(created)

    async def _keep(self, engine: Engine, sampler: Sampler) -> None:
        self._resident[sampler.sampler_id] = sampler
        own = [s for s in self._resident.values() if s.tenant == sampler.tenant]
        idle = [s for s in own if s.num_in_flight == 0 and s is not sampler]
        for victim in idle[: max(len(own) - self._max_resident, 0)]:
            del self._resident[victim.sampler_id]
            if victim.snapshot:
                self._registry.remove_sampler(victim.sampler_id)
            await asyncio.wrap_future(engine.drop_sampler(victim.sampler_id))
