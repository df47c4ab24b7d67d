"""Sampling sessions and sample requests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from recipe_runner.backends.local import requests
from recipe_runner.backends.local.checkpoints import CheckpointPath
from recipe_runner.backends.local.futures import Payload
from recipe_runner.backends.local.http_errors import BadRequest, Busy
from recipe_runner.backends.local.jobs import Answer, Jobs
from recipe_runner.backends.local.samplers import SamplerPool
from recipe_runner.backends.local.sessions import Registry, Sampler, Session
from recipe_runner.backends.local.store import Store

if TYPE_CHECKING:
    from recipe_runner.backends.local.engine import Engine

# The engine stops at the end of the context in any case.
UNLIMITED_TOKENS = 2**31 - 1
# Sequences that wait to be sampled, or are being: a kilobyte each before their first token.
MAX_WAITING = 1_000_000


class SamplingService:
    """What a SamplingClient asks for. Lives on one event loop."""

    def __init__(
        self,
        *,
        registry: Registry,
        store: Store,
        pool: SamplerPool,
        jobs: Jobs,
        engine: Callable[[], Awaitable[Engine]],
    ) -> None:
        self._registry = registry
        self._store = store
        self._pool = pool
        self._jobs = jobs
        self._engine = engine
        self._adding: dict[str, asyncio.Future[None]] = {}
        self._num_waiting = 0

    async def open_session(self, request: requests.CreateSamplingSession) -> Answer:
        session = self._registry.session(request.session_id)
        sampler_id = f"{session.session_id}:sample:{request.sampling_session_seq_id}"
        if sampler_id not in self._registry.samplers:
            self._registry.require_room_for_a_sampler()
            await self._add_sampler_once(self._sampler(sampler_id, session, request))
        return {"sampling_session_id": sampler_id, "type": "create_sampling_session"}

    async def _add_sampler_once(self, sampler: Sampler) -> None:
        # The SDK repeats a submission that takes too long; the repetition waits for the first.
        engine = await self._engine()
        adding = self._adding.get(sampler.sampler_id)
        if adding is None:
            adding = asyncio.ensure_future(self._pool.add(engine, sampler))
            self._adding[sampler.sampler_id] = adding
            adding.add_done_callback(lambda _: self._adding.pop(sampler.sampler_id))
        await asyncio.shield(adding)

    def _sampler(
        self, sampler_id: str, session: Session, request: requests.CreateSamplingSession
    ) -> Sampler:
        if request.model_path is None:
            if not request.base_model:
                raise BadRequest("a sampling session needs model_path or base_model")
            return Sampler(sampler_id, session.session_id, request.base_model, session.tenant)
        path = CheckpointPath.parse(request.model_path)
        if path.kind == "external_weights":
            raise BadRequest(f"{path} holds files for other libraries; sampling starts from others")
        checkpoint = self._store.checkpoint(path)
        if request.base_model not in (None, checkpoint.base_model):
            raise BadRequest(
                f"{request.model_path} was trained from {checkpoint.base_model}, not from "
                f"{request.base_model}"
            )
        return Sampler(
            sampler_id,
            session.session_id,
            checkpoint.base_model,
            session.tenant,
            model_path=checkpoint.path,
        )

    def sample(self, request: requests.Sample) -> Answer:
        sampler = self._registry.sampler(request.sampling_session_id)
        prompt = request.prompt.token_ids()
        _check_prompt(request, prompt)
        key = ("sample", sampler.sampler_id, request.seq_id)
        is_new = not self._jobs.knows(key)
        if is_new and self._num_waiting + request.num_samples > MAX_WAITING:
            raise Busy(f"{self._num_waiting:,} sequences wait to be sampled: wait for some")

        async def work() -> Payload:
            from recipe_runner.backends.local.wire import encode_sample

            try:
                engine = await self._engine()
                wanted = _engine_request(request, prompt)
                result = await self._pool.sample(engine, sampler, wanted)
            finally:
                self._num_waiting -= request.num_samples
            return encode_sample(result, last_n=request.prompt_logprobs_last_n)

        answer = self._jobs.submit(key, sampler.session_id, work)
        if is_new:
            self._num_waiting += request.num_samples
        request_id = answer["request_id"]
        ids = [f"{request_id}.{index}" for index in range(request.num_samples)]
        return {**answer, "sample_sequence_ids": ids}


def _check_prompt(request: requests.Sample, prompt: list[int]) -> None:
    if not prompt:
        raise BadRequest("an empty prompt")
    last_n = request.prompt_logprobs_last_n
    if last_n is not None and not (request.prompt_logprobs and last_n < len(prompt)):
        raise BadRequest(
            f"prompt_logprobs_last_n={last_n} needs prompt_logprobs and a prompt longer than that"
        )


def _engine_request(request: requests.Sample, prompt: list[int]) -> Any:
    from recipe_runner.backends.local.api import SampleRequest

    params = request.sampling_params
    stop = [params.stop] if isinstance(params.stop, str) else params.stop
    return SampleRequest(
        prompt=prompt,
        num_samples=request.num_samples,
        max_tokens=params.max_tokens or UNLIMITED_TOKENS,
        temperature=params.temperature,
        top_p=params.top_p,
        top_k=params.top_k,
        stop=stop,
        seed=params.seed,
        prompt_logprobs=bool(request.prompt_logprobs),
        topk_prompt_logprobs=request.topk_prompt_logprobs,
    )
