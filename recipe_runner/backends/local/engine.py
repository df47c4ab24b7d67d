"""The compute engine: models in training and samplers, behind futures, on one compute thread.

Start the process with OMP_WAIT_POLICY=passive: on a busy machine two threads that spin while they
wait for each other are ten times slower than one.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from recipe_runner.backends.local.api import (
    Adam,
    Datum,
    ForwardBackwardResult,
    LoraSpec,
    SampleRequest,
    SampleResult,
)
from recipe_runner.backends.local.api import Sequence as SampledSequence
from recipe_runner.backends.local.errors import EngineError
from recipe_runner.backends.local.models import ModelSource, resolve
from recipe_runner.backends.local.rng import derive_seed
from recipe_runner.backends.local.sampling_queue import SamplingQueue
from recipe_runner.backends.local.scheduler import FairShare, TaskQueues
from recipe_runner.backends.local.tenants import Tenant

if TYPE_CHECKING:
    from recipe_runner.backends.local.network import Network
    from recipe_runner.backends.local.training import TrainedModel

__all__ = [
    "Adam",
    "Datum",
    "Engine",
    "EngineError",
    "ForwardBackwardResult",
    "LoraSpec",
    "ModelSource",
    "SampleRequest",
    "SampleResult",
    "SampledSequence",
]

_LOG = logging.getLogger(__name__)
_ALONE = Tenant()


class Engine:
    """Trains and samples models; thread-safe, every method answers with a future.

    One thread owns every tensor. Calls for one model run in the order they came; training and
    sampling share the thread by time, and so do models and samplers among themselves.
    """

    def __init__(
        self,
        *,
        seed: int = 0,
        threads: int = 1,
        model_path: Path | None = None,
        max_slots: int = 128,
    ) -> None:
        self._seed = seed
        self._model_path = model_path
        self._networks: dict[tuple[str, str], Network] = {}
        self._models: dict[str, _Model] = {}
        self._base_samplers: Counter[tuple[Tenant, str]] = Counter()
        self._tasks = TaskQueues()
        self._sampling = SamplingQueue(max_slots)
        self._wake = threading.Condition()
        self._closed = False
        self._failure: BaseException | None = None
        self._thread = threading.Thread(
            target=self._run, args=(threads,), name="compute", daemon=True
        )
        self._thread.start()

    def create_model(
        self, model_id: str, base_model: str, lora: LoraSpec, tenant: Tenant = _ALONE
    ) -> Future[ModelSource]:
        """Start a model in training over the weights that serve `base_model`."""
        work = partial(self._create_model, model_id, base_model, lora, tenant)
        return self._put(model_id, work)

    def unload_model(self, model_id: str) -> Future[None]:
        """Forget a model; samplers made from it live on."""
        return self._put(model_id, partial(self._unload_model, model_id))

    def forward_backward(
        self,
        model_id: str,
        data: Sequence[Datum],
        loss_fn: str,
        config: Mapping[str, float],
        *,
        backward: bool = True,
    ) -> Future[ForwardBackwardResult]:
        """Loss of `data`; with `backward`, its gradients are added to the model's."""

        def work() -> Iterator[ForwardBackwardResult | None]:
            trained = self._model(model_id).trained
            return trained.forward_backward(data, loss_fn, config, backward=backward)

        return self._put(model_id, work)

    def optim_step(self, model_id: str, adam: Adam) -> Future[dict[str, float]]:
        """Apply the accumulated gradients and clear them."""
        return self._put(model_id, lambda: self._model(model_id).trained.optim_step(adam))

    def export_state(self, model_id: str, *, optimizer: bool) -> Future[dict[str, Tensor]]:
        """Copies of the trained weights by flat name, the step count, and moments when asked."""
        return self._put(
            model_id, lambda: self._model(model_id).trained.export_state(optimizer=optimizer)
        )

    def export_files(self, model_id: str) -> Future[dict[str, bytes]]:
        """The weights as files by name, in the format of PEFT or, at rank 0, of transformers."""
        return self._put(model_id, partial(self._export_files, model_id))

    def import_state(
        self, model_id: str, tensors: dict[str, Tensor], *, optimizer: bool
    ) -> Future[None]:
        """Replace a model's weights, and its optimizer's state, which is reset when not asked."""
        return self._put(
            model_id,
            lambda: self._model(model_id).trained.import_state(tensors, optimizer=optimizer),
        )

    def create_sampler(
        self,
        sampler_id: str,
        *,
        model_id: str | None = None,
        base_model: str | None = None,
        tensors: dict[str, Tensor] | None = None,
        lora: LoraSpec | None = None,
        tenant: Tenant = _ALONE,
    ) -> Future[ModelSource]:
        """A sampler over a model's weights as they are now, a base model, or saved tensors.

        `tensors` are what `export_state` gave, `lora` what its model was made with, `base_model`
        the name it was made from. A model's samplers are its tenant's. Sample once the future is
        done.
        """
        if model_id is not None:
            work = partial(self._sampler_from_model, sampler_id, model_id)
            return self._put(model_id, work)
        if base_model is None:
            raise EngineError("a sampler needs a model, or a base model")
        if tensors is None:
            base = partial(self._sampler_from_base, sampler_id, base_model, tenant)
            return self._put(sampler_id, base)
        if lora is None:
            raise EngineError("a sampler from saved tensors needs their LoRA configuration")
        state = partial(
            self._sampler_from_state, sampler_id, base_model, tensors, lora, self._seed_of(tenant)
        )
        return self._put(sampler_id, state)

    def drop_sampler(self, sampler_id: str) -> Future[None]:
        """Forget a sampler; what it is sampling now it still finishes."""
        return self._put(sampler_id, partial(self._sampling.drop, sampler_id))

    def sample(self, sampler_id: str, request: SampleRequest) -> Future[SampleResult]:
        """Continue a prompt; joins the sampler's running batch.

        Cancelling the future stops the sampling.
        """
        with self._wake:
            self._check_running()
            future = self._sampling.put(sampler_id, request)
            self._wake.notify()
        return future

    def stats(self) -> dict[str, int | float]:
        """Live models, samplers, slots in use, and bytes of tensors that stay between calls."""
        models, networks = list(self._models.values()), list(self._networks.values())
        samplers = list(self._sampling.live())
        resident = sum(network.num_bytes for network in networks)
        resident += sum(model.trained.num_bytes for model in models)
        resident += sum(sampler.num_bytes for sampler in samplers)
        return {
            "models": len(models),
            "samplers": len(self._sampling),
            "slots": sum(sampler.num_rows for sampler in samplers),
            "resident_bytes": resident,
        }

    @property
    def failure(self) -> BaseException | None:
        """What ended the compute thread before its time; None while all is well."""
        return self._failure

    def close(self) -> None:
        """Stop computing; futures that are not done fail."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        self._thread.join()

    def _put(self, queue: str, work: Callable[[], Any]) -> Future[Any]:
        with self._wake:
            self._check_running()
            future = self._tasks.put(queue, work)
            self._wake.notify()
        return future

    def _check_running(self) -> None:
        if self._failure is not None:
            raise _stopped_by(self._failure)
        if self._closed:
            raise RuntimeError("the engine is closed")

    def _run(self, threads: int) -> None:
        """The compute thread: whatever ends it, nobody is left waiting."""
        reason = RuntimeError("the engine was closed")
        try:
            # The number of OpenMP threads is a thread's own.
            torch.set_num_threads(threads)
            share = FairShare()
            while self._wait_for_work():
                self._work(share)
        except BaseException as error:
            _LOG.critical("the compute thread ended", exc_info=True)
            reason = _stopped_by(error)
            with self._wake:
                self._failure = error
        self._tasks.fail_all(reason)
        self._sampling.fail(reason)

    def _wait_for_work(self) -> bool:
        with self._wake:
            while not (self._closed or self._tasks or self._sampling):
                self._wake.wait()
            return not self._closed

    def _work(self, share: FairShare) -> None:
        """One slice of training or of sampling, whichever has used less time."""
        self._sampling.take_requests()
        sampler = self._sampling.next()
        if not self._tasks and sampler is None:
            return  # the requests that woke the thread were refused
        side = share.pick(first=bool(self._tasks), second=sampler is not None)
        started = time.perf_counter()
        if side == 0:
            self._tasks.advance()
        else:
            assert sampler is not None
            self._sampling.advance(sampler)
        share.charge(side, started)

    def _seed_of(self, tenant: Tenant) -> int:
        return self._seed if tenant.seed is None else tenant.seed

    def _create_model(
        self, model_id: str, base_model: str, lora: LoraSpec, tenant: Tenant
    ) -> ModelSource:
        from recipe_runner.backends.local.training import TrainedModel

        if model_id in self._models:
            raise EngineError(f"model {model_id!r} exists already")
        source, network = self._network(base_model)
        seed = self._seed_of(tenant)
        self._models[model_id] = _Model(source, TrainedModel(network, lora, seed), seed)
        return source

    def _unload_model(self, model_id: str) -> None:
        self._model(model_id)
        del self._models[model_id]

    def _export_files(self, model_id: str) -> dict[str, bytes]:
        from recipe_runner.backends.local.external import external_files

        model = self._model(model_id)
        return external_files(model.trained, model.source)

    def _sampler_from_model(self, sampler_id: str, model_id: str) -> ModelSource:
        model = self._model(model_id)
        trained = model.trained
        self._add_sampler(
            sampler_id,
            trained.network,
            {name: view.clone() for name, view in trained.weights().items()},
            ("trained", model.source.name, *model.next_sampler()),
            model.seed,
        )
        return model.source

    def _sampler_from_state(
        self,
        sampler_id: str,
        base_model: str,
        tensors: dict[str, Tensor],
        lora: LoraSpec,
        seed: int,
    ) -> ModelSource:
        from recipe_runner.backends.local.lora import adapter_of
        from recipe_runner.backends.local.training import STEP

        source, network = self._network(base_model)
        # As the first sampler that the model made at this step: a resumed run, which starts from
        # saved weights, then samples what the uninterrupted one did.
        step = int(tensors[STEP]) if STEP in tensors else 0
        weights = {name: tensor.float() for name, tensor in tensors.items() if name != STEP}
        if bool(lora.rank) != bool(adapter_of(weights)):
            raise EngineError("the saved weights do not fit their LoRA configuration")
        identity = ("trained", source.name, step, 0)
        self._add_sampler(sampler_id, network, weights, identity, seed)
        return source

    def _sampler_from_base(self, sampler_id: str, base_model: str, tenant: Tenant) -> ModelSource:
        source, network = self._network(base_model)
        ordinal = self._base_samplers[tenant, base_model]
        identity = ("base", base_model, ordinal)
        self._add_sampler(sampler_id, network, {}, identity, self._seed_of(tenant))
        self._base_samplers[tenant, base_model] += 1
        return source

    def _add_sampler(
        self,
        sampler_id: str,
        network: Network,
        weights: dict[str, Tensor],
        identity: tuple[object, ...],
        seed: int,
    ) -> None:
        from recipe_runner.backends.local.sampling import Sampler
        from recipe_runner.backends.local.snapshot import Snapshot

        self._sampling.check_new(sampler_id)
        own = derive_seed(seed, *identity)
        self._sampling.add(sampler_id, Sampler(Snapshot(network, weights), own))

    def _network(self, base_model: str) -> tuple[ModelSource, Network]:
        from recipe_runner.backends.local.network import Network

        source = resolve(base_model, self._model_path)
        key = (str(source.weights), str(source.tokenizer))
        if key not in self._networks:
            self._networks[key] = Network(source)
        return source, self._networks[key]

    def _model(self, model_id: str) -> _Model:
        try:
            return self._models[model_id]
        except KeyError:
            raise EngineError(f"there is no model {model_id!r}") from None


class _Model:
    """A model in training, and how many samplers it made since its last optimizer step."""

    def __init__(self, source: ModelSource, trained: TrainedModel, seed: int) -> None:
        self.source = source
        self.trained = trained
        self.seed = seed
        self._last_step = 0
        self._num_samplers = 0

    def next_sampler(self) -> tuple[int, int]:
        """Optimizer step and ordinal at that step: what tells its samplers apart.

        Not a running count, so that a resumed run draws the same numbers.
        """
        step = self.trained.optimizer.num_steps
        self._num_samplers = self._num_samplers + 1 if step == self._last_step else 1
        self._last_step = step
        return step, self._num_samplers - 1


def _stopped_by(error: BaseException) -> RuntimeError:
    return RuntimeError(
        f"the compute thread ended with {type(error).__name__}: {error}; start the backend anew"
    )
