"""What a sequence is given does not depend on the sequences that happen to be beside it."""

from __future__ import annotations

import random

import torch

from recipe_runner.backends.local.decoding import decoder_for
from recipe_runner.backends.local.engine import Engine
from recipe_runner.backends.local.sampling import _by_length

STEPS = 40


def test_logits_are_the_same_to_the_last_bit_alone_and_in_company() -> None:
    _, network = Engine(seed=0, threads=1)._network("recipe-run/tiny")
    draw = random.Random(0)
    prompts = [tuple(draw.choices(range(500), k=draw.randrange(5, 150))) for _ in range(12)]
    replies = [draw.choices(range(500), k=STEPS) for _ in prompts]

    def logits(indices: list[int]) -> list[torch.Tensor]:
        decoder = decoder_for(network, {})
        first: dict[tuple[int, ...], torch.Tensor] = {}
        slots = {prompts[index]: slot for slot, index in enumerate(indices)}
        for batch in _by_length(list(slots)):
            hidden = decoder.prefill([list(each) for each in batch], [slots[p] for p in batch])
            last = torch.tensor([len(prompt) - 1 for prompt in batch])
            heads = decoder.head(hidden[torch.arange(len(batch)), last])
            first |= dict(zip(batch, heads, strict=True))
        all_steps = [torch.stack([first[prompts[index]] for index in indices])]
        for step in range(STEPS):
            tokens = [replies[index][step] for index in indices]
            lengths = [len(prompts[index]) + step for index in indices]
            all_steps.append(decoder.step(tokens, lengths))
        return list(torch.stack(all_steps, 1))

    with torch.no_grad():
        together = logits(list(range(12)))
        for index in (0, 5, 11):
            (alone,) = logits([index])
            assert torch.equal(alone, together[index])
