"""A model in training: its parameters, forward and backward passes, and its state by name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from recipe_runner.backends.local import lora
from recipe_runner.backends.local.api import Adam, Datum, ForwardBackwardResult, LoraSpec
from recipe_runner.backends.local.batches import Microbatch, microbatches, validated
from recipe_runner.backends.local.errors import EngineError
from recipe_runner.backends.local.losses import Config, Loss, configured
from recipe_runner.backends.local.network import Network
from recipe_runner.backends.local.optim import AdamW, FlatParameters

# Logits of this many floats (64 MiB) are held at a time; a 150k vocabulary gets 111 positions.
_LOGITS_AT_ONCE = 16 * 1024**2

STEP = "step"
"""Name under which exported state carries the number of optimizer steps taken."""


class TrainedModel:
    """LoRA weights over a shared frozen network, or, at rank 0, weights of its own."""

    def __init__(self, network: Network, spec: LoraSpec, engine_seed: int) -> None:
        self.network = network
        self.spec = spec
        if spec.rank == 0:
            initial = network.untied_parameters()
        else:
            names = lora.targets(network.model, network.unembedding, spec)
            initial = lora.initial_weights(network.model, names, spec, engine_seed)
        self.parameters = FlatParameters(initial)
        self.optimizer = AdamW(self.parameters)

    @property
    def num_bytes(self) -> int:
        flat = self.parameters.flat
        return 4 * flat.numel() * flat.element_size()  # weights, gradients and two moments

    def forward_backward(
        self, data: Sequence[Datum], loss_fn: str, config: Config, *, backward: bool
    ) -> Iterator[ForwardBackwardResult | None]:
        """Loss and gradients over `data`, one microbatch for each item; the last is the result.

        Yielding in between lets sampling have its turn. Gradients of a batch that fails half-way
        are undone.
        """
        loss, settings = configured(loss_fn, config)
        validated(data, loss_fn, loss, self.network)
        outputs: list[dict[str, Tensor]] = [{} for _ in data]
        grad_before = self.parameters.grad.clone() if backward else None
        total = 0.0
        try:
            for batch in microbatches(data):
                total += self._microbatch(batch, loss, settings, outputs, backward)
                yield None
        except BaseException:
            if grad_before is not None:
                self.parameters.grad.copy_(grad_before)
            raise
        yield ForwardBackwardResult(outputs, {"loss:sum": total})

    def optim_step(self, adam: Adam) -> dict[str, float]:
        return self.optimizer.step(adam)

    def export_state(self, *, optimizer: bool) -> dict[str, Tensor]:
        """Copies of the weights by name, the step count, and the moments when asked."""
        state = {name: view.clone() for name, view in self.weights().items()}
        state[STEP] = torch.tensor(self.optimizer.num_steps)
        if optimizer:
            for kind, flat in self._moments().items():
                views = self.parameters.views(flat)
                state |= {f"optimizer.{kind}.{name}": view.clone() for name, view in views.items()}
        return state

    def import_state(self, state: dict[str, Tensor], *, optimizer: bool) -> None:
        """Take weights and, when asked, moments and step count; pending gradients are dropped.

        Without the optimizer's state the next step is a first step.
        """
        wanted = list(self.parameters.shapes)
        kinds = list(self._moments()) if optimizer else []
        names = wanted + [f"optimizer.{kind}.{name}" for kind in kinds for name in wanted]
        _check_shapes(state, names, self.parameters.shapes)
        if optimizer and STEP not in state:
            raise EngineError("the saved state has no optimizer step count")
        self.parameters.flat.copy_(_concatenated(state, wanted))
        self.optimizer.reset()
        if not optimizer:
            return
        self.optimizer.num_steps = int(state[STEP])
        for kind, flat in self._moments().items():
            flat.copy_(_concatenated(state, [f"optimizer.{kind}.{name}" for name in wanted]))

    def weights(self) -> dict[str, Tensor]:
        """The trained weights by name, as views that the next step changes."""
        return self.parameters.views(self.parameters.flat)

    def _moments(self) -> dict[str, Tensor]:
        return {"exp_avg": self.optimizer.exp_avg, "exp_avg_sq": self.optimizer.exp_avg_sq}

    def _microbatch(
        self,
        batch: Microbatch,
        loss: Loss,
        settings: Config,
        outputs: list[dict[str, Tensor]],
        backward: bool,
    ) -> float:
        with self.network.lora.using(self._adapter()), torch.set_grad_enabled(backward):
            logprobs = self._logprobs(batch)
            summed = loss.function(logprobs, batch.inputs, settings, batch.lengths).sum()
            if backward:
                torch.autograd.backward(summed)
        pieces = torch.split(logprobs.detach(), batch.lengths)
        for index, piece in zip(batch.indices, pieces, strict=True):
            outputs[index]["logprobs"] = piece.clone()
        return float(summed.detach())

    def _logprobs(self, batch: Microbatch) -> Tensor:
        """Log-probabilities of the targets, [N] or [N, K], over the sequences laid end to end."""
        network = self.network
        overrides = self._overrides()
        targets = batch.inputs["target_tokens"]
        hidden = network.hidden(batch.tokens, overrides)[batch.mask]

        def head(states: Tensor, wanted: Tensor) -> Tensor:
            return target_logprobs(network.head(states, overrides), wanted)

        at_once = max(1, _LOGITS_AT_ONCE // network.vocab_size)
        pieces = list(zip(torch.split(hidden, at_once), torch.split(targets, at_once), strict=True))
        if len(pieces) == 1:
            return head(*pieces[0])
        # Logits are computed again in the backward pass, so that no two chunks are alive at once.
        return torch.cat([checkpoint(head, *piece, use_reentrant=False) for piece in pieces])

    def _adapter(self) -> dict[str, tuple[Tensor, Tensor]]:
        return lora.adapter_of(self.parameters.named) if self.spec.rank else {}

    def _overrides(self) -> dict[str, Tensor]:
        return {} if self.spec.rank else self.network.with_ties(self.parameters.named)


def target_logprobs(logits: Tensor, targets: Tensor) -> Tensor:
    """Log-probabilities [N] or [N, K] of target tokens under logits [N, V]."""
    if targets.dim() == 1:
        return -F.cross_entropy(logits, targets, reduction="none")
    return logits.log_softmax(-1).gather(-1, targets)


def _concatenated(state: dict[str, Tensor], names: list[str]) -> Tensor:
    return torch.cat([state[name].float().reshape(-1) for name in names])


def _check_shapes(
    state: dict[str, Tensor], names: list[str], shapes: dict[str, torch.Size]
) -> None:
    for name in names:
        if name not in state:
            raise EngineError(f"the saved state has no {name!r}: another model or LoRA layout")
        parameter = name.split(".", 2)[2] if name.startswith("optimizer.") else name
        if state[name].shape != shapes[parameter]:
            raise EngineError(
                f"saved {name!r} has shape {list(state[name].shape)}, "
                f"this model {list(shapes[parameter])}"
            )
