"""What each request of the protocol does, without HTTP: futures in, engine and store behind.

A request either is refused at once (ApiError) or gets a request id, whose future later holds the
answer or a failure. Requests of a training client carry a sequence number that must be used up
even by a refusal, so those always get a future.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from recipe_runner.backends.local import requests
from recipe_runner.backends.local.checkpoints import CheckpointPath, Kind, Lora, Run
from recipe_runner.backends.local.futures import FutureStore, Payload
from recipe_runner.backends.local.http_errors import BadRequest
from recipe_runner.backends.local.jobs import Answer, Jobs, json_payload
from recipe_runner.backends.local.memory import give_back
from recipe_runner.backends.local.samplers import SamplerPool
from recipe_runner.backends.local.sampling_service import SamplingService
from recipe_runner.backends.local.sequencer import Sequencer
from recipe_runner.backends.local.sessions import Model, Registry, Sampler, Session
from recipe_runner.backends.local.store import Store

if TYPE_CHECKING:
    from recipe_runner.backends.local.engine import Engine
    from recipe_runner.backends.local.wire import ForwardBackwardCall

logger = logging.getLogger(__name__)

TIDY_EVERY_S = 30.0


class Service:
    """The state of one server. Every method runs on the server's event loop."""

    def __init__(self, store: Store, build_engine: Callable[[], Engine]) -> None:
        self.store = store
        self.registry = Registry()
        self.futures = FutureStore()
        self._samplers = SamplerPool(self.registry, store)
        self._build_engine = build_engine
        self._engine: asyncio.Future[Engine] | None = None
        self.jobs = Jobs(self.registry, self.futures)
        self.sampling = SamplingService(
            registry=self.registry,
            store=store,
            pool=self._samplers,
            jobs=self.jobs,
            engine=self.engine,
        )

    # Life

    def start(self) -> None:
        """Import and build the engine in the background, and watch for silent clients."""
        loop = asyncio.get_running_loop()
        self._engine = loop.create_future()
        # A daemon thread: a server that is stopped before torch is imported ends at once.
        build = threading.Thread(target=self._build, args=(loop, self._engine), daemon=True)
        build.start()
        self.jobs.spawn(self._tidy_often())

    def _build(self, loop: asyncio.AbstractEventLoop, ready: asyncio.Future[Engine]) -> None:
        outcome: Callable[[], None]
        try:
            outcome = partial(ready.set_result, self._build_engine())
        except Exception as error:
            logger.exception("the engine could not be built")
            outcome = partial(ready.set_exception, error)
        with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(outcome)

    async def stop(self) -> None:
        self.jobs.cancel_all()
        if self._engine is not None and self._engine.done() and not self._engine.exception():
            await asyncio.to_thread(self._engine.result().close)

    async def engine(self) -> Engine:
        assert self._engine is not None, "the service was not started"
        return await asyncio.shield(self._engine)

    def fault(self) -> str | None:
        """Why nothing can be computed any more; None while all is well or still starting."""
        if self._engine is None or not self._engine.done():
            return None
        error = self._engine.exception() or self._engine.result().failure
        return None if error is None else f"{type(error).__name__}: {error}"

    async def finish_session(self, session: Session) -> None:
        """Release what a session holds; its saved checkpoints stay."""
        session.finished = True
        engine = await self.engine()
        while session.model_ids:
            await self._unload(engine, self.registry.models[session.model_ids[-1]])
        while session.sampler_ids:
            await self._samplers.drop(engine, self.registry.samplers[session.sampler_ids[-1]])
        self.futures.drop_owner(session.session_id)

    async def _tidy_often(self) -> None:
        while True:
            await asyncio.sleep(TIDY_EVERY_S)
            try:
                await self._tidy()
            except Exception:
                # A full disk now must not end the tidying for good.
                logger.exception("tidying up failed; trying again in %.0f s", TIDY_EVERY_S)

    async def _tidy(self) -> None:
        for session in self.registry.abandoned():
            logger.warning("releasing session %s: no heartbeat", session.session_id)
            await self.finish_session(session)
        await asyncio.to_thread(self.store.sweep)
        await asyncio.to_thread(give_back)

    # Models

    def create_model(self, request: requests.CreateModel) -> Answer:
        session = self.registry.session(request.session_id)
        self.registry.require_room_for_a_model()
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
        self.registry.require_room_for_a_model()
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
            source = await _wrap(
                engine.create_model(run.model_id, run.base_model, spec, session.tenant)
            )
            try:
                if load is not None:
                    await self._import_state(engine, run.model_id, load)
                # The client may have closed the session meanwhile.
                self.registry.session(session.session_id)
            except BaseException:
                await _wrap(engine.unload_model(run.model_id))
                raise
            await asyncio.to_thread(self.store.put_run, run)
            logger.info("model %s: %s", run.model_id, source.note)
            self.registry.add_model(
                Model(run, session.session_id, source, Sequencer(), last_request=time.time())
            )
            kind = "create_model" if load is None else "load_weights"
            return json_payload({"model_id": run.model_id, "type": kind})

        return self.jobs.submit(("create", run.model_id), session.session_id, work)

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
            return json_payload({"model_id": model_id, "type": "unload_model"})

        return self.jobs.submit(("unload", model_id), model.session_id, work)

    async def _unload(self, engine: Engine, model: Model) -> None:
        model_id = model.run.model_id
        if self.registry.models.pop(model_id, None) is None:
            return
        self.registry.sessions[model.session_id].model_ids.remove(model_id)
        await model.sequencer.close()
        await _wrap(engine.unload_model(model_id))

    # Training, in the order of the client's sequence numbers

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
        return json_payload({"metrics": await _wrap(engine.optim_step(request.model_id, adam))})

    async def save_weights(self, request: requests.SaveWeights) -> Payload:
        path = await self._save(request, "weights", overwrite=request.overwrite)
        return json_payload({"path": str(path), "type": "save_weights"})

    async def save_weights_for_sampler(self, request: requests.SaveWeightsForSampler) -> Payload:
        kind = "save_weights_for_sampler"
        if request.path is not None:
            path = await self._save(request, "sampler_weights", overwrite=False)
            return json_payload({"path": str(path), "type": kind})
        if request.sampling_session_seq_id is None:
            raise BadRequest("save_weights_for_sampler needs path or sampling_session_seq_id")
        model = self.registry.model(request.model_id)
        sampler = Sampler(
            sampler_id=f"{model.session_id}:sample:{request.sampling_session_seq_id}",
            session_id=model.session_id,
            base_model=model.run.base_model,
            tenant=self.registry.session(model.session_id).tenant,
            snapshot=True,
        )
        if sampler.sampler_id in self.registry.samplers:
            raise BadRequest(f"sampler {sampler.sampler_id} exists already")
        await self._samplers.add_snapshot(await self.engine(), sampler, request.model_id)
        return json_payload({"sampling_session_id": sampler.sampler_id, "type": kind})

    async def save_weights_external(self, request: requests.SaveWeightsExternal) -> Payload:
        """In the format of PEFT or transformers, to be downloaded."""
        from recipe_runner.backends.local.external import encrypted

        model = self.registry.model(request.model_id)
        path = CheckpointPath.of(request.model_id, "external_weights", request.path)
        files = await _wrap((await self.engine()).export_files(request.model_id))
        recipients = request.age_encryption_recipients
        if recipients:
            try:
                files = await asyncio.to_thread(encrypted, files, recipients)
            except ValueError as error:
                raise BadRequest(str(error)) from error
        await asyncio.to_thread(
            self.store.save, path, files, run=model.run, ttl_seconds=request.ttl_seconds
        )
        return json_payload({"path": str(path), "type": "save_weights_external"})

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
        return json_payload(
            {"path": request.path, "model_id": request.model_id, "type": "load_weights"}
        )


def _wrap(future: Any) -> Awaitable[Any]:
    return asyncio.wrap_future(future)


def _texts(metadata: dict[str, Any] | None) -> dict[str, str] | None:
    return None if metadata is None else {key: str(value) for key, value in metadata.items()}


def _training_path(text: str) -> CheckpointPath:
    path = CheckpointPath.parse(text)
    if path.kind != "weights":
        raise BadRequest(
            f"{text} holds weights for sampling or for other libraries; training starts from "
            "save_state's"
        )
    return path
