"""From data to padded microbatches: validation, and bucketing by length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from recipe_runner.backends.local.api import Datum
from recipe_runner.backends.local.errors import EngineError
from recipe_runner.backends.local.losses import Loss
from recipe_runner.backends.local.network import Network

# Padded tokens of one microbatch: bounds memory, and how long sampling waits for its turn.
_TOKENS_AT_ONCE = 2048
# A microbatch of fewer tokens takes any shorter sequence: starting another would cost more.
_TOKENS_WORTH_PADDING = 256

_TARGETS = "target_tokens"


@dataclass(frozen=True)
class Microbatch:
    """Sequences of similar length: right-padded tokens [B, T], mask [B, T], inputs end to end.

    `indices` are the sequences' places in the caller's data, `lengths` their numbers of tokens.
    """

    tokens: Tensor
    mask: Tensor
    inputs: dict[str, Tensor]
    lengths: list[int]
    indices: list[int]


def microbatches(data: Sequence[Datum]) -> Iterator[Microbatch]:
    """Every datum once, the longest first, in microbatches of at most _TOKENS_AT_ONCE."""
    # Stacked inputs must agree in their names and in the number of targets a position has.
    keys = [(_stack_shape(datum), len(datum.tokens)) for datum in data]
    order = sorted(range(len(data)), key=lambda i: keys[i], reverse=True)
    pending: list[int] = []
    for index in order:
        if pending and not _fits(keys, pending, index):
            yield _stacked(data, pending)
            pending = []
        pending.append(index)
    if pending:
        yield _stacked(data, pending)


def _stack_shape(datum: Datum) -> tuple[str, ...]:
    return tuple(sorted(f"{name}{list(value.shape[1:])}" for name, value in datum.inputs.items()))


def _fits(keys: list[tuple[tuple[str, ...], int]], pending: list[int], index: int) -> bool:
    shape, length = keys[index]
    longest_shape, longest = keys[pending[0]]
    if shape != longest_shape or (len(pending) + 1) * longest > _TOKENS_AT_ONCE:
        return False
    return 2 * length >= longest or len(pending) * longest < _TOKENS_WORTH_PADDING


def _stacked(data: Sequence[Datum], indices: list[int]) -> Microbatch:
    chosen = [data[index] for index in indices]
    lengths = [len(datum.tokens) for datum in chosen]
    longest = max(lengths)
    rows = [datum.tokens + [0] * (longest - len(datum.tokens)) for datum in chosen]
    return Microbatch(
        tokens=torch.tensor(rows),
        mask=torch.arange(longest) < torch.tensor(lengths).unsqueeze(1),
        inputs={
            name: torch.cat([_canonical(name, datum.inputs[name]) for datum in chosen])
            for name in chosen[0].inputs
        },
        lengths=lengths,
        indices=indices,
    )


def _canonical(name: str, tensor: Tensor) -> Tensor:
    # Whole numbers serve as advantages too; what is made like them must not be cut to integers.
    return tensor.long() if name == _TARGETS else tensor.float()


def validated(data: Sequence[Datum], loss_fn: str, loss: Loss, network: Network) -> None:
    """EngineError, naming the datum and the fault, unless every datum fits loss and model."""
    for index, datum in enumerate(data):
        try:
            _check_tokens(datum, network)
            _check_inputs(datum, loss_fn, loss, network)
        except EngineError as error:
            raise EngineError(f"datum {index}: {error}") from None


def _check_tokens(datum: Datum, network: Network) -> None:
    if not datum.tokens:
        raise EngineError("model_input has no tokens")
    check_prompt(datum.tokens, network.vocab_size)
    if len(datum.tokens) > network.context_length:
        raise EngineError(
            f"{len(datum.tokens)} tokens do not fit the context of {network.context_length}"
        )


def check_prompt(tokens: Sequence[int], vocab_size: int) -> None:
    """EngineError when a token is outside the vocabulary."""
    for token in (min(tokens), max(tokens)):
        if not 0 <= token < vocab_size:
            raise EngineError(f"token {token} is outside the vocabulary of {vocab_size}")


def _check_inputs(datum: Datum, loss_fn: str, loss: Loss, network: Network) -> None:
    for name in (_TARGETS, *loss.required):
        if name not in datum.inputs:
            raise EngineError(f"loss {loss_fn!r} needs the input {name!r}")
    targets = datum.inputs[_TARGETS]
    if targets.dim() != 1 and not (loss.takes_topk and targets.dim() == 2):
        raise EngineError(
            f"target_tokens of shape {list(targets.shape)} do not fit loss {loss_fn!r}"
        )
    for name, value in datum.inputs.items():
        if len(value) != len(datum.tokens) or (
            name in (*loss.required, *loss.defaults, "weights") and value.shape != targets.shape
        ):
            raise EngineError(
                f"{name} has shape {list(value.shape)}, target_tokens {list(targets.shape)}, "
                f"model_input {len(datum.tokens)} tokens"
            )
        if value.is_floating_point() and not bool(value.isfinite().all()):
            raise EngineError(f"{name} has a value that is not finite")
    if targets.is_floating_point():
        raise EngineError("target_tokens must be integers")
    if not targets.numel():
        raise EngineError(f"target_tokens of shape {list(targets.shape)} hold no token")
    lowest, highest = (int(bound) for bound in targets.aminmax())
    for token in (lowest, highest):
        if not 0 <= token < network.vocab_size:
            raise EngineError(
                f"target token {token} is outside the vocabulary of {network.vocab_size}"
            )
