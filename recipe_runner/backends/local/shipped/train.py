"""Supervised training of the shipped model from nothing, the same for a seed and thread count."""

from __future__ import annotations

import itertools
import math
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from .data import Example
from .muon import Muon

_IGNORED = -100
_LAST_RATE = 0.02


@dataclass(frozen=True)
class TrainSpec:
    """The settings of the training; the defaults made the files in this folder."""

    seed: int = 0
    steps: int = 500
    batch_size: int = 128
    matrix_rate: float = 0.02
    vector_rate: float = 3e-3
    warmup_steps: int = 50
    weight_decay: float = 0.01
    threads: int = 1


def build_model(tokenizer: Any, seed: int) -> Any:
    """A `Qwen3ForCausalLM` of 0.92 million parameters with random weights."""
    from transformers import Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(seed)
    config = Qwen3Config(
        vocab_size=len(tokenizer),
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=32,
        max_position_embeddings=tokenizer.model_max_length,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
        initializer_range=0.04,
        # Untied, so that a LoRA adapter on the unembedding leaves the embedding alone.
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        dtype="float32",
    )
    return Qwen3ForCausalLM(config)


def train(
    model: Any,
    examples: Sequence[Example],
    spec: TrainSpec,
    report: Callable[[int, float, float], None],
) -> None:
    """Minimise the cross-entropy of the learned tokens; `report` gets step, loss and seconds."""
    torch.set_num_threads(spec.threads)
    optimizers = _optimizers(model, spec)
    batches = itertools.islice(_batches(examples, spec), spec.steps)
    started = time.monotonic()
    model.train()
    for step, batch in enumerate(batches):
        loss = _loss(model, *_pad(batch))
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer, rate in optimizers:
            optimizer.param_groups[0]["lr"] = rate * _schedule(step, spec)
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        report(step, loss.item(), time.monotonic() - started)
    model.eval()


def _optimizers(model: Any, spec: TrainSpec) -> list[tuple[torch.optim.Optimizer, float]]:
    """Muon for the layers' matrices, AdamW for norms, embedding and unembedding."""
    matrices = [p for p in model.model.layers.parameters() if p.ndim == 2]
    chosen = {id(p) for p in matrices}
    others = [p for p in model.parameters() if id(p) not in chosen]
    decay = spec.weight_decay
    adam = torch.optim.AdamW(others, lr=spec.vector_rate, betas=(0.9, 0.98), weight_decay=decay)
    muon = Muon(matrices, lr=spec.matrix_rate, weight_decay=decay)
    return [(muon, spec.matrix_rate), (adam, spec.vector_rate)]


def _schedule(step: int, spec: TrainSpec) -> float:
    """Linear warm-up, then half a cosine."""
    if step < spec.warmup_steps:
        return (step + 1) / spec.warmup_steps
    progress = (step - spec.warmup_steps) / max(1, spec.steps - spec.warmup_steps)
    return _LAST_RATE + (1 - _LAST_RATE) * 0.5 * (1 + math.cos(math.pi * progress))


def _batches(examples: Sequence[Example], spec: TrainSpec) -> Iterator[list[Example]]:
    """Batches without end: every example once an epoch, in a new order each time."""
    rng = random.Random(spec.seed)
    order = list(range(len(examples)))
    while True:
        rng.shuffle(order)
        for start in range(0, len(order) - spec.batch_size + 1, spec.batch_size):
            yield [examples[i] for i in order[start : start + spec.batch_size]]


def _pad(batch: Sequence[Example]) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs and shifted targets [B, T]; right padding needs no mask under causal attention."""
    longest = max(len(example.tokens) for example in batch) - 1
    inputs = torch.zeros(len(batch), longest, dtype=torch.long)
    targets = torch.full((len(batch), longest), _IGNORED)
    for row, example in enumerate(batch):
        tokens = torch.tensor(example.tokens)
        learned = torch.tensor(example.learned[1:])
        inputs[row, : len(tokens) - 1] = tokens[:-1]
        targets[row, : len(learned)] = torch.where(learned, tokens[1:], _IGNORED)
    return inputs, targets


def _loss(model: Any, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy; only the positions that count go through the unembedding."""
    hidden = model.model(input_ids=inputs, use_cache=False).last_hidden_state
    counted = targets != _IGNORED
    return torch.nn.functional.cross_entropy(model.lm_head(hidden[counted]), targets[counted])
