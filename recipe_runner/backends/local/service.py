"""What each request of the protocol does, without HTTP: futures in, engine and store behind.

A request either is refused at once (ApiError) or gets a request id, whose future later holds the
answer or a failure. Requests of a training client carry a sequence number that must be used up
even by a refusal, so those always get a future.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Hashable
from functools import partial
from typing import TYPE_CHECKING, Any

from recipe_runner.backends.local import requests
from recipe_runner.backends.local.errors import EngineError
from recipe_runner.backends.local.futures import FutureStore, Payload
from recipe_runner.backends.local.http_errors import ApiError, BadRequest
from recipe_runner.backends.local.samplers import SamplerPool
from recipe_runner.backends.local.sequencer import Sequencer
from recipe_runner.backends.local.sessions import Model, Registry, Sampler, Session
from recipe_runner.backends.local.store import CheckpointPath, Kind, Lora, Run, Store

if TYPE_CHECKING:
    from recipe_runner.backends.local.engine import Engine
    from recipe_runner.backends.local.wire import ForwardBackwardCall

logger = logging.getLogger(__name__)

Answer = dict[str, Any]
Work = Callable[[], Awaitable[Payload]]

REAP_EVERY_S = 30.0
DEFAULT_MAX_TOKENS = 1024


class Service:
    """The state of one server. Every method runs on the server's event loop."""

    def __init__(self, store: Store, build_engine: Callable[[], Engine]) -> None:
        self.store = store
        self.registry = Registry()
        self.futures = FutureStore()
        self._samplers = SamplerPool(self.registry, store)
        self._build_engine = build_engine
        self._engine: asyncio.Future[Engine] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._adding: dict[str, asyncio.Future[None]] = {}

    # Life

    def start(self) -> None:
        """Import and build the engine in the background, and watch for silent clients."""
        self._engine = asyncio.ensure_future(asyncio.to_thread(self._build_engine))
        self._spawn(self._reap())

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        if self._engine is not None and self._engine.done() and not self._engine.exception():
            await asyncio.to_thread(self._engine.result().close)

    async def engine(self) -> Engine:
        assert self._engine is not None, "the service was not started"
        return await asyncio.shield(self._engine)

    async def finish_session(self, session: Session) -> None:
        """Release what a session holds; its saved checkpoints stay."""
        session.finished = True
        engine = await self.engine()
        for model_id in list(session.model_ids):
            await self._unload(engine, self.registry.models[model_id])
        for sampler_id in list(session.sampler_ids):
            await self._samplers.drop(engine, self.registry.samplers[sampler_id])
        self.futures.drop_owner(session.session_id)

    async def _reap(self) -> None:
        while True:
            await asyncio.sleep(REAP_EVERY_S)
            for session in self.registry.abandoned():
                logger.warning("releasing session %s: no heartbeat", session.session_id)
                await self.finish_session(session)
            await asyncio.to_thread(self.store.sweep)

    # Models

    def create_model(self, request: requests.CreateModel) -> Answer:
        session = self.registry.session(request.session_id)
        request.optimizer_config.check()
        config = request.lora_config or requests.LoraConfig(rank=0)
        if not (config.train_mlp or config.train_attn or config.train_unembed):
            raise BadRequest("at least one of train_mlp, train_attn, train_unembed must be true")
        run = Run(
            model_id=f"{session.session_id}:train:{request.model_seq_id}",
            base_model=request.base_model,
            lora=Lora(**config.model_dump()),
            user_metadata=_texts(request.user_metadata),
            created=time.time(),
        )
        return self._start_model(session, run, None)

    def create_model_from(self, request: requests.LoadWeights) -> Answer:
        """A new model that starts from a checkpoint, with its adapter's shape."""
        assert request.session_id is not None
        if request.model_seq_id is None:
            raise BadRequest("load_weights with session_id needs model_seq_id")
        if request.optimizer_config is not None:
            request.optimizer_config.check()
        session = self.registry.session(request.session_id)
        checkpoint = self.store.checkpoint(_training_path(request.path))
        run = Run(
            model_id=f"{session.session_id}:train:{request.model_seq_id}",
            base_model=request.base_model or checkpoint.base_model,
            lora=checkpoint.lora,
            user_metadata=_texts(request.user_metadata),
            created=time.time(),
        )
        return self._start_model(session, run, request)

    def _start_model(self, session: Session, run: Run, load: requests.LoadWeights | None) -> Answer:
        async def work() -> Payload:
            from recipe_runner.backends.local.api import LoraSpec

            engine = await self.engine()
            spec = LoraSpec(**vars(run.lora))
            source = await _wrap(engine.create_model(run.model_id, run.base_model, spec))
            if load is not None:
                try:
                    await self._import_state(engine, run.model_id, load)
                except BaseException:
                    await _wrap(engine.unload_model(run.model_id))
                    raise
            await asyncio.to_thread(self.store.put_run, run)
            logger.info("model %s: %s", run.model_id, source.note)
            self.registry.add_model(
                Model(run, session.session_id, source, Sequencer(), last_request=time.time())
            )
            kind = "create_model" if load is None else "load_weights"
            return _json({"model_id": run.model_id, "type": kind})

        return self._submit(("create", run.model_id), session.session_id, work)

    async def _import_state(
        self, engine: Engine, model_id: str, request: requests.LoadWeights
    ) -> None:
        path = _training_path(request.path)
        checkpoint, tensors = await asyncio.to_thread(self.store.load, path)
        if request.optimizer and not checkpoint.optimizer:
            raise BadRequest(f"{path} has no optimizer state; load it without")
        await _wrap(engine.import_state(model_id, tensors, optimizer=request.optimizer))

    def unload_model(self, model_id: str) -> Answer:
        model = self.registry.model(model_id)

        async def work() -> Payload:
            await self._unload(await self.engine(), model)
            return _json({"model_id": model_id, "type": "unload_model"})

        return self._submit(("unload", model_id), model.session_id, work)

    async def _unload(self, engine: Engine, model: Model) -> None:
        model_id = model.run.model_id
        if self.registry.models.pop(model_id, None) is None:
            return
        self.registry.sessions[model.session_id].model_ids.remove(model_id)
        await model.sequencer.close()
        await _wrap(engine.unload_model(model_id))

    # Training, in the order of the client's sequence numbers

    def in_order(self, model_id: str, seq_id: int, work: Work) -> Answer:
        """Queue work of a model; a repeated submission gets the first one's request id."""
        model = self.registry.model(model_id)
        model.last_request = time.time()
        key = ("train", model_id, seq_id)
        request_id = self.futures.find(key)
        if request_id is None:
            model.sequencer.check(seq_id)
            request_id = self.futures.open(key, model.session_id)
            model.sequencer.submit(seq_id, partial(self._finish, request_id, work))
        return {"request_id": request_id, "model_id": model_id}

    async def forward_backward(self, call: ForwardBackwardCall) -> Payload:
        from recipe_runner.backends.local.wire import encode_forward_backward

        engine = await self.engine()
        result = await _wrap(
            engine.forward_backward(
                call.model_id, call.data(), call.loss_fn, call.config(), backward=call.backward
            )
        )
        return encode_forward_backward(result)

    async def optim_step(self, request: requests.OptimStep) -> Payload:
        from recipe_runner.backends.local.api import Adam

        engine = await self.engine()
        adam = Adam(**request.adam().model_dump())
        return _json({"metrics": await _wrap(engine.optim_step(request.model_id, adam))})

    async def save_weights(self, request: requests.SaveWeights) -> Payload:
        path = await self._save(request, "weights", overwrite=request.overwrite)
        return _json({"path": str(path), "type": "save_weights"})

    async def save_weights_for_sampler(self, request: requests.SaveWeightsForSampler) -> Payload:
        kind = "save_weights_for_sampler"
        if request.path is not None:
            path = await self._save(request, "sampler_weights", overwrite=False)
            return _json({"path": str(path), "type": kind})
        if request.sampling_session_seq_id is None:
            raise BadRequest("save_weights_for_sampler needs path or sampling_session_seq_id")
        model = self.registry.model(request.model_id)
        sampler = Sampler(
            sampler_id=f"{model.session_id}:sample:{request.sampling_session_seq_id}",
            session_id=model.session_id,
            base_model=model.run.base_model,
            snapshot=True,
        )
        if sampler.sampler_id in self.registry.samplers:
            raise BadRequest(f"sampler {sampler.sampler_id} exists already")
        await self._samplers.add_snapshot(await self.engine(), sampler, request.model_id)
        return _json({"sampling_session_id": sampler.sampler_id, "type": kind})

    async def _save(
        self,
        request: requests.SaveWeights | requests.SaveWeightsForSampler,
        kind: Kind,
        *,
        overwrite: bool,
    ) -> CheckpointPath:
        model = self.registry.model(request.model_id)
        name = f"seq-{request.seq_id}" if request.path is None else request.path
        path = CheckpointPath.of(request.model_id, kind, name)
        engine = await self.engine()
        optimizer = kind == "weights"
        tensors = await _wrap(engine.export_state(request.model_id, optimizer=optimizer))
        await asyncio.to_thread(
            self.store.save,
            path,
            tensors,
            run=model.run,
            optimizer=optimizer,
            ttl_seconds=request.ttl_seconds,
            overwrite=overwrite,
            user_metadata=request.user_metadata,
        )
        return path

    async def load_weights(self, request: requests.LoadWeights) -> Payload:
        """Onto a live model."""
        assert request.model_id is not None
        await self._import_state(await self.engine(), request.model_id, request)
        return _json({"path": request.path, "model_id": request.model_id, "type": "load_weights"})

    # Sampling

    async def create_sampling_session(self, request: requests.CreateSamplingSession) -> Answer:
        session = self.registry.session(request.session_id)
        sampler_id = f"{session.session_id}:sample:{request.sampling_session_seq_id}"
        if sampler_id not in self.registry.samplers:
            await self._add_sampler_once(self._sampler(sampler_id, request))
        return {"sampling_session_id": sampler_id, "type": "create_sampling_session"}

    async def _add_sampler_once(self, sampler: Sampler) -> None:
        # The SDK repeats a submission that takes too long; the repetition waits for the first.
        engine = await self.engine()
        adding = self._adding.get(sampler.sampler_id)
        if adding is None:
            adding = asyncio.ensure_future(self._samplers.add(engine, sampler))
            self._adding[sampler.sampler_id] = adding
            adding.add_done_callback(lambda _: self._adding.pop(sampler.sampler_id))
        await asyncio.shield(adding)

    def _sampler(self, sampler_id: str, request: requests.CreateSamplingSession) -> Sampler:
        if request.model_path is None:
            if not request.base_model:
                raise BadRequest("a sampling session needs model_path or base_model")
            return Sampler(sampler_id, request.session_id, request.base_model)
        checkpoint = self.store.checkpoint(CheckpointPath.parse(request.model_path))
        if request.base_model not in (None, checkpoint.base_model):
            raise BadRequest(
                f"{request.model_path} was trained from {checkpoint.base_model}, not from "
                f"{request.base_model}"
            )
        return Sampler(
            sampler_id, request.session_id, checkpoint.base_model, model_path=checkpoint.path
        )

    def sample(self, request: requests.Sample) -> Answer:
        sampler = self.registry.sampler(request.sampling_session_id)
        prompt = request.prompt.token_ids()
        _check_prompt(request, prompt)

        async def work() -> Payload:
            from recipe_runner.backends.local.wire import encode_sample

            engine = await self.engine()
            wanted = _engine_request(request, prompt)
            result = await self._samplers.sample(engine, sampler, wanted)
            return encode_sample(result, last_n=request.prompt_logprobs_last_n)

        key = ("sample", sampler.sampler_id, request.seq_id)
        answer = self._submit(key, sampler.session_id, work)
        request_id = answer["request_id"]
        ids = [f"{request_id}.{index}" for index in range(request.num_samples)]
        return {**answer, "sample_sequence_ids": ids}

    # Futures

    def _submit(self, key: Hashable, owner: str, work: Work) -> Answer:
        request_id = self.futures.find(key)
        if request_id is None:
            request_id = self.futures.open(key, owner)
            self._spawn(self._finish(request_id, work))
        return {"request_id": request_id}

    async def _finish(self, request_id: str, work: Work) -> None:
        try:
            payload = await work()
        except (EngineError, ApiError) as error:
            payload = _json({"error": str(error), "category": "user"})
        except asyncio.CancelledError:
            payload = _json({"error": "the model or its session was closed", "category": "user"})
            self.futures.resolve(request_id, payload)
            raise
        except Exception as error:
            logger.exception("request %s failed", request_id)
            text = f"{type(error).__name__}: {error}"
            payload = _json({"error": f"fault in the local backend: {text}", "category": "server"})
        self.futures.resolve(request_id, payload)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _wrap(future: Any) -> Awaitable[Any]:
    return asyncio.wrap_future(future)


def _json(value: Answer) -> Payload:
    return Payload(json.dumps(value).encode())


def _texts(metadata: dict[str, Any] | None) -> dict[str, str] | None:
    return None if metadata is None else {key: str(value) for key, value in metadata.items()}


def _training_path(text: str) -> CheckpointPath:
    path = CheckpointPath.parse(text)
    if path.kind != "weights":
        raise BadRequest(f"{text} holds weights for sampling; training starts from save_state's")
    return path


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
        max_tokens=params.max_tokens or DEFAULT_MAX_TOKENS,
        temperature=params.temperature,
        top_p=params.top_p,
        top_k=params.top_k,
        stop=stop,
        seed=params.seed,
        prompt_logprobs=bool(request.prompt_logprobs),
        topk_prompt_logprobs=request.topk_prompt_logprobs,
    )
