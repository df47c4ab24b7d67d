"""Episodes as training data.

A datum's `loss_fn_inputs`, each as long as its input: `target_tokens`, `logprobs` (the sampler's),
`advantages`, and `mask`, 1 where the target was sampled. Prompts have 0 in the last three.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import tinker
import torch
from tinker_cookbook.rl.types import Trajectory, Transition


@dataclass
class _Sequence:
    """Tokens of one or more turns; the other lists run beside them, token by token."""

    tokens: list[int] = field(default_factory=list)
    logprobs: list[float] = field(default_factory=list)
    advantages: list[float] = field(default_factory=list)
    mask: list[float] = field(default_factory=list)

    def add(self, prompt: list[int], turn: Transition, advantage: float) -> None:
        """prompt: what the turn's prompt has beyond the tokens that are here already."""
        reply, zeros = turn.ac.tokens, [0.0] * len(prompt)
        self.tokens += [*prompt, *reply]
        self.logprobs += [*zeros, *turn.ac.logprobs]
        self.advantages += [*zeros, *[advantage] * len(reply)]
        self.mask += [*zeros, *[1.0] * len(reply)]

    def datum(self) -> tinker.Datum:
        """Return the datum that predicts each token but the first from those before it."""
        return tinker.Datum(
            model_input=tinker.ModelInput.from_ints(self.tokens[:-1]),
            loss_fn_inputs={
                "target_tokens": tinker.TensorData.from_torch(torch.tensor(self.tokens[1:])),
                "logprobs": tinker.TensorData.from_torch(torch.tensor(self.logprobs[1:])),
                "advantages": tinker.TensorData.from_torch(torch.tensor(self.advantages[1:])),
                "mask": tinker.TensorData.from_torch(torch.tensor(self.mask[1:])),
            },
        )


def turns(episode: Trajectory) -> list[Transition]:
    """Return the turns that the policy took: an episode that fails to start has none."""
    return [turn for turn in episode.transitions if turn.ac.tokens]


def episode_data(
    episode: Trajectory, advantages: Sequence[float], *, share_prefixes: bool
) -> list[tinker.Datum]:
    """Return an episode's training data.

    A turn whose prompt starts with all tokens so far continues the datum; any other begins a new
    one. Losses are sums over tokens that see the same tokens before them either way, so the
    gradient is that of one datum a turn, at a fraction of the tokens.

    Args:
        advantages: of each of `turns(episode)`.
        share_prefixes: False gives one datum a turn.
    """
    sequences: list[_Sequence] = []
    for turn, advantage in zip(turns(episode), advantages, strict=True):
        prompt = turn.ob.to_ints()
        last = sequences[-1].tokens if sequences else []
        if share_prefixes and last and prompt[: len(last)] == last:
            sequences[-1].add(prompt[len(last) :], turn, advantage)
        else:
            sequences.append(_Sequence())
            sequences[-1].add(prompt, turn, advantage)
    return [sequence.datum() for sequence in sequences]


def for_loss(datum: tinker.Datum, loss_fn: str) -> tinker.Datum:
    """Return the datum with the inputs that a loss of the service takes."""
    inputs = dict(datum.loss_fn_inputs)
    mask = inputs.pop("mask")
    if loss_fn == "gspo":
        inputs["sequence_ratio_mask"] = mask
    return tinker.Datum(model_input=datum.model_input, loss_fn_inputs=inputs)
