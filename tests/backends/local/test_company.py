"""What a sequence is given does not depend on the sequences that happen to be beside it."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, Qwen3Config

from recipe_runner.backends.local.decoding import decoder_for
from recipe_runner.backends.local.models import SHIPPED_DIR, ModelSource
from recipe_runner.backends.local.network import Network
from recipe_runner.backends.local.sampling import _by_length

STEPS = 40


# Weights large enough for the layout of large ones.
WIDE = Qwen3Config(
    vocab_size=600, hidden_size=384, intermediate_size=1024, num_hidden_layers=2,
    num_attention_heads=6, num_key_value_heads=3, head_dim=64, tie_word_embeddings=False,
)  # fmt: skip


@pytest.fixture(params=["shipped", "wide"])
def network(request: pytest.FixtureRequest, tmp_path: Path) -> Network:
    if request.param == "wide":
        torch.manual_seed(0)
        AutoModelForCausalLM.from_config(WIDE).save_pretrained(tmp_path)
        return Network(ModelSource("x", "weights", tmp_path, tmp_path, ""))
    return Network(ModelSource("x", "weights", SHIPPED_DIR, SHIPPED_DIR, ""))


def test_logits_are_the_same_to_the_last_bit_alone_and_in_company(network: Network) -> None:
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
