"""What goes into the engine and what comes out: plain frozen data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch


@dataclass(frozen=True)
class Datum:
    """One training sequence: model input tokens [T] and the loss's tensors.

    `inputs` maps names to tensors of length T, or [T, K] for top-k targets: target_tokens
    (int64), weights, logprobs, advantages (float32).
    """

    tokens: list[int]
    inputs: dict[str, torch.Tensor]


@dataclass(frozen=True)
class LoraSpec:
    """What is trained: LoRA of this rank on the chosen parts; rank 0 is full fine-tuning."""

    rank: int
    seed: int | None = None
    train_mlp: bool = True
    train_attn: bool = True
    train_unembed: bool = True


@dataclass(frozen=True)
class Adam:
    """Hyperparameters of one optimizer step; defaults are those of tinker.types.AdamParams."""

    learning_rate: float
    beta1: float = 0.9
    beta2: float = 0.95
    eps: float = 1e-12
    weight_decay: float = 0.0
    grad_clip_norm: float = 0.0


@dataclass(frozen=True)
class ForwardBackwardResult:
    """Outputs of each datum, and metrics named "name:reduction".

    `outputs[i]["logprobs"]` has the shape of datum i's target_tokens.
    """

    outputs: list[dict[str, torch.Tensor]]
    metrics: dict[str, float]


@dataclass(frozen=True)
class SampleRequest:
    """One prompt to continue `num_samples` times.

    `stop`: None stops at the model's end-of-sequence tokens; a list of token ids or of strings
    stops at those only; an empty list never stops before `max_tokens` (tinker.SamplingParams).
    `temperature` 0 is greedy; `top_k` -1 and `top_p` 1 are off.
    """

    prompt: list[int]
    num_samples: int
    max_tokens: int
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = -1
    stop: list[str] | list[int] | None = None
    seed: int | None = None
    prompt_logprobs: bool = False
    topk_prompt_logprobs: int = 0


@dataclass(frozen=True)
class Sequence:
    """A sampled continuation, with the token that ended it, and its tokens' log-probabilities."""

    tokens: list[int]
    logprobs: list[float]
    stop_reason: Literal["stop", "length"]


@dataclass(frozen=True)
class SampleResult:
    """Sequences of one request; position 0 of the prompt lists is None, as nothing predicts it."""

    sequences: list[Sequence]
    prompt_logprobs: list[float | None] | None
    topk_prompt_logprobs: list[list[tuple[int, float]] | None] | None
