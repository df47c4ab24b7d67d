"""The compute engine: models in training and samplers, behind futures, on one compute thread.

Start the process with OMP_WAIT_POLICY=passive: on a busy machine two threads that spin while they
wait for each other are ten times slower than one.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
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
from recipe_runner.backends.local.scheduler import FairShare, TaskQueues

if TYPE_CHECKING:
    from recipe_runner.backends.local.network import Network
    from recipe_runner.backends.local.sampling import Sampler
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

# Samplers that keep their merged weights while idle; the others merge again when asked.
_MERGED_KEPT = 4


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
        self._max_slots = max_slots
        self._networks: dict[tuple[str, str], Network] = {}
        self._models: dict[str, _Model] = {}
        self._samplers: dict[str, Sampler] = {}
        self._base_samplers: Counter[str] = Counter()
        self._busy: deque[Sampler] = deque()
        self._merged: deque[Sampler] = deque()
        self._tasks = TaskQueues()
        self._requests: deque[tuple[str, SampleRequest, Future[SampleResult]]] = deque()
        self._wake = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(
            target=self._run, args=(threads,), name="compute", daemon=True
        )
        self._thread.start()

    def create_model(self, model_id: str, base_model: str, lora: LoraSpec) -> Future[ModelSource]:
        """Start a model in training over the weights that serve `base_model`."""
        return self._put(model_id, partial(self._create_model, model_id, base_model, lora))

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
    ) -> Future[ModelSource]:
        """A sampler over a model's weights as they are now, a base model, or saved tensors.

        `tensors` are what `export_state` gave, `lora` what its model was made with, `base_model`
        the name it was made from. Sample once the future is done.
        """
        if model_id is not None:
            work = partial(self._sampler_from_model, sampler_id, model_id)
            return self._put(model_id, work)
        if base_model is None:
            raise EngineError("a sampler needs a model, or a base model")
        if tensors is None:
            return self._put(sampler_id, partial(self._sampler_from_base, sampler_id, base_model))
        if lora is None:
            raise EngineError("a sampler from saved tensors needs their LoRA configuration")
        return self._put(
            sampler_id, partial(self._sampler_from_state, sampler_id, base_model, tensors, lora)
        )

    def drop_sampler(self, sampler_id: str) -> Future[None]:
        """Forget a sampler; what it is sampling now it still finishes."""
        return self._put(sampler_id, partial(self._drop_sampler, sampler_id))

    def sample(self, sampler_id: str, request: SampleRequest) -> Future[SampleResult]:
        """Continue a prompt; joins the sampler's running batch."""
        future: Future[SampleResult] = Future()
        with self._wake:
            if self._closed:
                raise RuntimeError("the engine is closed")
            self._requests.append((sampler_id, request, future))
            self._wake.notify()
        return future

    def stats(self) -> dict[str, int | float]:
        """Live models, samplers, slots in use, and bytes of tensors that stay between calls."""
        models, networks = list(self._models.values()), list(self._networks.values())
        samplers = {id(s): s for s in (*self._samplers.values(), *self._busy)}.values()
        resident = sum(network.num_bytes for network in networks)
        resident += sum(model.trained.num_bytes for model in models)
        resident += sum(sampler.num_bytes for sampler in samplers)
        return {
            "models": len(models),
            "samplers": len(self._samplers),
            "slots": sum(sampler.num_rows for sampler in samplers),
            "resident_bytes": resident,
        }

    def close(self) -> None:
        """Stop computing; futures that are not done fail."""
        with self._wake:
            self._closed = True
            self._wake.notify()
        self._thread.join()

    def _put(self, queue: str, work: Callable[[], Any]) -> Future[Any]:
        with self._wake:
            if self._closed:
                raise RuntimeError("the engine is closed")
            future = self._tasks.put(queue, work)
            self._wake.notify()
        return future

    def _run(self, threads: int) -> None:
        # The number of OpenMP threads is a thread's own.
        torch.set_num_threads(threads)
        share = FairShare()
        while self._wait_for_work():
            self._take_requests()
            sampling = self._sampling_side()
            if not self._tasks and sampling is None:
                continue
            side = share.pick(first=bool(self._tasks), second=sampling is not None)
            started = time.perf_counter()
            if side == 0:
                self._tasks.advance()
            else:
                assert sampling is not None
                self._advance(sampling)
            share.charge(side, started)
        self._fail_everything(RuntimeError("the engine was closed"))

    def _wait_for_work(self) -> bool:
        with self._wake:
            while not (self._closed or self._tasks or self._requests or self._busy):
                self._wake.wait()
            return not self._closed

    def _take_requests(self) -> None:
        while self._requests:
            sampler_id, request, future = self._requests.popleft()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                sampler = self._sampler(sampler_id)
                sampler.submit(request, future)
            except Exception as error:
                # The caller holds the future and is the one to tell.
                future.set_exception(error)
                continue
            if sampler not in self._busy:
                self._busy.append(sampler)

    def _sampling_side(self) -> Sampler | None:
        """The busy sampler whose turn it is."""
        free = self._free_slots()
        for _ in range(len(self._busy)):
            if self._busy[0].can_advance(free):
                return self._busy[0]
            self._busy.rotate(-1)
        return None

    def _free_slots(self) -> int:
        return self._max_slots - sum(sampler.num_rows for sampler in self._busy)

    def _advance(self, sampler: Sampler) -> None:
        sampler.advance(self._free_slots())
        self._busy.remove(sampler)
        if sampler.busy:
            self._busy.append(sampler)
        elif sampler not in self._samplers.values():
            sampler.release()
        else:
            self._keep_merged(sampler)

    def _keep_merged(self, sampler: Sampler) -> None:
        if sampler in self._merged:
            self._merged.remove(sampler)
        self._merged.append(sampler)
        while len(self._merged) > _MERGED_KEPT:
            oldest = self._merged.popleft()
            if not oldest.busy:
                oldest.release()

    def _fail_everything(self, error: Exception) -> None:
        self._tasks.cancel_all(error)
        for sampler in self._busy:
            sampler.fail(error)
        while self._requests:
            future = self._requests.popleft()[2]
            if future.set_running_or_notify_cancel():
                future.set_exception(error)

    def _create_model(self, model_id: str, base_model: str, lora: LoraSpec) -> ModelSource:
        from recipe_runner.backends.local.training import TrainedModel

        if model_id in self._models:
            raise EngineError(f"model {model_id!r} exists already")
        source, network = self._network(base_model)
        self._models[model_id] = _Model(source, TrainedModel(network, lora, self._seed))
        return source

    def _unload_model(self, model_id: str) -> None:
        self._model(model_id)
        del self._models[model_id]

    def _sampler_from_model(self, sampler_id: str, model_id: str) -> ModelSource:
        model = self._model(model_id)
        trained = model.trained
        self._add_sampler(
            sampler_id,
            trained.network,
            {name: view.clone() for name, view in trained.weights().items()},
            ("trained", model.source.name, *model.next_sampler()),
        )
        return model.source

    def _sampler_from_state(
        self, sampler_id: str, base_model: str, tensors: dict[str, Tensor], lora: LoraSpec
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
        self._add_sampler(sampler_id, network, weights, ("trained", source.name, step, 0))
        return source

    def _sampler_from_base(self, sampler_id: str, base_model: str) -> ModelSource:
        source, network = self._network(base_model)
        ordinal = self._base_samplers[base_model]
        self._add_sampler(sampler_id, network, {}, ("base", base_model, ordinal))
        self._base_samplers[base_model] += 1
        return source

    def _add_sampler(
        self,
        sampler_id: str,
        network: Network,
        weights: dict[str, Tensor],
        identity: tuple[object, ...],
    ) -> None:
        from recipe_runner.backends.local.sampling import Sampler
        from recipe_runner.backends.local.snapshot import Snapshot

        if sampler_id in self._samplers:
            raise EngineError(f"sampler {sampler_id!r} exists already")
        seed = derive_seed(self._seed, *identity)
        self._samplers[sampler_id] = Sampler(Snapshot(network, weights), seed)

    def _drop_sampler(self, sampler_id: str) -> None:
        sampler = self._sampler(sampler_id)
        del self._samplers[sampler_id]
        if sampler in self._merged:
            self._merged.remove(sampler)

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

    def _sampler(self, sampler_id: str) -> Sampler:
        try:
            return self._samplers[sampler_id]
        except KeyError:
            raise EngineError(f"there is no sampler {sampler_id!r}") from None


class _Model:
    """A model in training, and how many samplers it made since its last optimizer step."""

    def __init__(self, source: ModelSource, trained: TrainedModel) -> None:
        self.source = source
        self.trained = trained
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
