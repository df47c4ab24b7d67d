"""Tinker's loss functions: pure functions from log-probabilities to a loss for each token.

Sources: Tinker's documentation, page "Loss Functions" and its pages per loss
(https://tinker-docs.thinkingmachines.ai/tinker/losses), and tutorials/202_loss_functions.py of
the Tinker Cookbook, both as of November 2026. Losses are summed over tokens, never averaged.

Shapes: N is the number of tokens of one or more sequences laid end to end. p is the model's
probability of the target token, q the probability under the policy that sampled it (`logprobs`),
A the advantage.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from recipe_runner.backends.local.errors import EngineError

Inputs = Mapping[str, Tensor]
Config = Mapping[str, float]


def cross_entropy(logprobs: Tensor, inputs: Inputs, config: Config, lengths: list[int]) -> Tensor:
    """-w log p for each target; [N], or [N, K] where each position has K weighted targets.

    Any float is a weight, negative ones too: the SDK trains a custom loss L by sending
    w = -dL/dlog p (tinker.lib.public_interfaces.custom_loss). Source: docs, page
    "cross_entropy". Without weights every target counts once (a choice).
    """
    weights = inputs.get("weights")
    return -logprobs if weights is None else -logprobs * weights


def importance_sampling(
    logprobs: Tensor, inputs: Inputs, config: Config, lengths: list[int]
) -> Tensor:
    """-(p / q) A for each token [N]. Source: docs, page "importance_sampling"."""
    return -_ratio(logprobs, inputs) * inputs["advantages"]


def ppo(logprobs: Tensor, inputs: Inputs, config: Config, lengths: list[int]) -> Tensor:
    """-min(r A, clip(r, low, high) A) with r = p / q, for each token [N].

    Defaults 0.8 and 1.2. Source: docs, page "ppo", after Schulman et al. 2017
    (arXiv:1707.06347), equation 7; defaults: tutorial 202.
    """
    ratio = _ratio(logprobs, inputs)
    return _clipped_surrogate(ratio, inputs, config)


def cispo(logprobs: Tensor, inputs: Inputs, config: Config, lengths: list[int]) -> Tensor:
    """-stop_gradient(clip(r, low, high)) A log p with r = p / q, for each token [N].

    Defaults 0.0 and 4.0: only the upper side is capped. Source: docs, page "cispo", after
    MiniMax-M1 (arXiv:2506.13585); defaults: tutorial 202.
    """
    ratio = _ratio(logprobs.detach(), inputs)
    low, high = _thresholds(inputs, config)
    return -ratio.clamp(low, high) * inputs["advantages"] * logprobs


def dro(logprobs: Tensor, inputs: Inputs, config: Config, lengths: list[int]) -> Tensor:
    """-(A log p - beta / 2 (log p - log q)^2) for each token [N].

    Source: docs, page "dro", after Richemond et al. 2024 (arXiv:2405.19107). The page names no
    default; 0.05, the value of its example, is a choice.
    """
    penalty = (logprobs - inputs["logprobs"]).square()
    return -(logprobs * inputs["advantages"] - 0.5 * config["beta"] * penalty)


def gspo(logprobs: Tensor, inputs: Inputs, config: Config, lengths: list[int]) -> Tensor:
    """-min(s_t A, clip(s_t, low, high) A) for each token [N], GSPO's token-level variant.

    s = exp(mean over the marked tokens of log p - log q) for each sequence, and
    s_t = stop_gradient(s) p / stop_gradient(p). `sequence_ratio_mask` marks the tokens.
    Source: docs, page "gspo", after Zheng et al. 2025 (arXiv:2507.18071), equations 7, 14, 15.
    Defaults 1 - 3e-4 and 1 + 4e-4 are those of the paper's section 5.1 (a choice). A sequence
    without a marked token has s = 1 (a choice).
    """
    marked = (inputs["sequence_ratio_mask"] != 0).to(logprobs.dtype)
    log_ratio = (logprobs.detach() - inputs["logprobs"]) * marked
    means = [
        ratios.sum() / marks.sum().clamp(min=1.0)
        for ratios, marks in zip(
            torch.split(log_ratio, lengths), torch.split(marked, lengths), strict=True
        )
    ]
    per_token = torch.stack(means).repeat_interleave(
        torch.tensor(lengths, device=logprobs.device), output_size=logprobs.shape[0]
    )
    ratio = torch.exp(per_token + logprobs - logprobs.detach())
    return _clipped_surrogate(ratio, inputs, config)


def _ratio(logprobs: Tensor, inputs: Inputs) -> Tensor:
    return torch.exp(logprobs - inputs["logprobs"])


def _clipped_surrogate(ratio: Tensor, inputs: Inputs, config: Config) -> Tensor:
    low, high = _thresholds(inputs, config)
    advantages = inputs["advantages"]
    return -torch.minimum(ratio * advantages, ratio.clamp(low, high) * advantages)


def _thresholds(inputs: Inputs, config: Config) -> tuple[Tensor, Tensor]:
    """Clip thresholds: a datum's own, for each token, before those of the configuration.

    The SDK lists both names among a datum's inputs (tinker.types.datum); that they come first is
    a choice.
    """
    like = inputs["advantages"]
    low, high = (
        inputs[key] if key in inputs else torch.full_like(like, config[key])
        for key in ("clip_low_threshold", "clip_high_threshold")
    )
    return low, high


LossFn = Callable[[Tensor, Inputs, Config, list[int]], Tensor]


@dataclass(frozen=True)
class Loss:
    """A loss function, the inputs it cannot do without, and its settings with their defaults."""

    function: LossFn
    required: tuple[str, ...] = ()
    defaults: Mapping[str, float] = field(default_factory=dict)
    takes_topk: bool = False


_POLICY_INPUTS = ("logprobs", "advantages")

LOSSES: Mapping[str, Loss] = {
    "cross_entropy": Loss(cross_entropy, takes_topk=True),
    "importance_sampling": Loss(importance_sampling, _POLICY_INPUTS),
    "ppo": Loss(ppo, _POLICY_INPUTS, {"clip_low_threshold": 0.8, "clip_high_threshold": 1.2}),
    "cispo": Loss(cispo, _POLICY_INPUTS, {"clip_low_threshold": 0.0, "clip_high_threshold": 4.0}),
    "dro": Loss(dro, _POLICY_INPUTS, {"beta": 0.05}),
    "gspo": Loss(
        gspo,
        (*_POLICY_INPUTS, "sequence_ratio_mask"),
        {"clip_low_threshold": 1 - 3e-4, "clip_high_threshold": 1 + 4e-4},
    ),
}


def configured(name: str, config: Config) -> tuple[Loss, dict[str, float]]:
    """The loss called `name` and its full settings; EngineError for an unknown name or key."""
    loss = LOSSES.get(name)
    if loss is None:
        raise EngineError(f"unknown loss {name!r}; this backend has {', '.join(LOSSES)}")
    unknown = [key for key in config if key not in loss.defaults]
    if unknown:
        valid = ", ".join(loss.defaults) or "no settings"
        raise EngineError(f"loss {name!r} has no setting {unknown[0]!r}; it takes {valid}")
    for key, value in config.items():
        if not abs(value) <= torch.finfo(torch.float32).max:
            raise EngineError(f"{key}={value} of loss {name!r} is not a finite number of 32 bits")
    return loss, {**loss.defaults, **config}
