"""From logits to the next token of each row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

# Uniform numbers are rounded down to this grid, which float32 holds exactly, so that none is 1.
_UNIFORM_GRID = 1 << 24
# Below this float32 has no room for logits divided by the temperature; it is greedy all the same.
_COLDEST = 1e-6


class Choice(Protocol):
    """How one row chooses: its settings and its own stream of uniform numbers in [0, 1)."""

    temperature: float
    top_p: float
    top_k: int

    def uniform(self) -> float: ...


def choose(logits: Tensor, rows: Sequence[Choice]) -> tuple[list[int], list[float]]:
    """A token for each row of logits [B, V], and its log-probability.

    Log-probabilities are those of the distribution at the row's temperature, before top_k and
    top_p cut it; at temperature 0 (greedy) those at temperature 1. Tinker's documentation does
    not say; this follows a maintainer who looked at the service: "we're returning the same
    logprobs used for sampling, even when temperature scaling is applied" (tinker-cookbook pull
    request 86, November 2025), and it is what importance ratios need. A user's report says
    otherwise (tinker-feedback issue 148, September 2026).

    Inverse-CDF sampling with one number a row: a row's token hangs on its own stream and
    distribution alone, not on the batch it is in.
    """
    temperatures = [max(row.temperature, _COLDEST) if row.temperature > 0 else 1.0 for row in rows]
    if any(temperature != 1.0 for temperature in temperatures):
        logits = logits / torch.tensor(temperatures).unsqueeze(1)
    logprobs = logits.log_softmax(-1)
    probabilities = _cut(logprobs.exp(), rows)
    cumulative = probabilities.cumsum(-1)
    uniforms = torch.tensor([int(row.uniform() * _UNIFORM_GRID) / _UNIFORM_GRID for row in rows])
    wanted = uniforms.unsqueeze(1) * cumulative[:, -1:]
    # right=True: the first token whose cumulative probability exceeds the number; never one of
    # probability zero.
    tokens = torch.searchsorted(cumulative, wanted, right=True).clamp_(max=logits.shape[-1] - 1)
    greedy = [index for index, row in enumerate(rows) if row.temperature <= 0]
    if greedy:
        tokens[greedy] = logprobs[greedy].argmax(-1, keepdim=True)
    chosen = logprobs.gather(-1, tokens)
    return tokens.squeeze(1).tolist(), chosen.squeeze(1).tolist()


def _cut(probabilities: Tensor, rows: Sequence[Choice]) -> Tensor:
    """Zero what top_k and top_p exclude, in the rows that use them; not normalized."""
    cutting = [index for index, row in enumerate(rows) if row.top_k > 0 or row.top_p < 1]
    if not cutting:
        return probabilities
    vocab_size = probabilities.shape[-1]
    ordered, order = probabilities[cutting].sort(dim=-1, descending=True, stable=True)
    top_k = torch.tensor([rows[i].top_k if rows[i].top_k > 0 else vocab_size for i in cutting])
    top_p = torch.tensor([rows[i].top_p for i in cutting])
    dropped = torch.arange(vocab_size) >= top_k.unsqueeze(1)
    ordered = ordered.masked_fill(dropped, 0.0)
    # top_p applies to what top_k left; the token that crosses the threshold stays, be it the first.
    before = ordered.cumsum(-1) - ordered
    beyond = before >= top_p.unsqueeze(1) * ordered.sum(-1, True)
    beyond[:, 0] = False
    ordered = ordered.masked_fill(beyond, 0.0)
    probabilities[cutting] = torch.zeros_like(ordered).scatter_(-1, order, ordered)
    return probabilities
