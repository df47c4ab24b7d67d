"""A tokenizer without a network, a renderer, and short ways to build datasets."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest
from tinker_cookbook import renderers, tokenizer_utils
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from recipe_runner.envs.gem import GemDatasetBuilder

MODEL = "tests/bytes"
RENDERER = "qwen3_instruct"

T = TypeVar("T")


def _byte_tokenizer() -> PreTrainedTokenizerFast:
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({char: i for i, char in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    markers = ["<|im_start|>", "<|im_end|>", "<|endoftext|>", "<think>", "</think>"]
    tokenizer.add_special_tokens([AddedToken(marker, special=True) for marker in markers])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<|im_end|>")


@pytest.fixture(scope="session")
def tokenizer() -> PreTrainedTokenizerFast:
    return _byte_tokenizer()


@pytest.fixture(scope="session", autouse=True)
def model(tokenizer: PreTrainedTokenizerFast) -> str:
    tokenizer_utils.register_tokenizer(MODEL, lambda: tokenizer)
    return MODEL


@pytest.fixture(scope="session")
def renderer(tokenizer: PreTrainedTokenizerFast) -> renderers.Renderer:
    return renderers.get_renderer(RENDERER, tokenizer)


@pytest.fixture(scope="session")
def run() -> Callable[[Coroutine[Any, Any, T]], T]:
    return asyncio.run


@pytest.fixture
def builder() -> Callable[..., GemDatasetBuilder]:
    """Return a maker of small builders: `builder("rg:chain_sum", seed=3)`."""

    def make(env_id: str, **changes: Any) -> GemDatasetBuilder:
        fields: dict[str, Any] = {
            "kwargs": {},
            "prompt": "boxed",
            "wrappers": (),
            "max_turns": None,
            "dataset": None,
            "model_name": MODEL,
            "renderer_name": RENDERER,
            "group_size": 2,
            "groups_per_batch": 3,
            "num_batches": 4,
            "seed": 0,
        }
        return GemDatasetBuilder(env_id=env_id, **{**fields, **changes})

    return make


@pytest.fixture
def reply(tokenizer: PreTrainedTokenizerFast) -> Callable[..., list[int]]:
    """Return an encoder of replies; `clean=False` leaves out the end marker."""

    def encode(text: str, *, clean: bool = True) -> list[int]:
        tokens: list[int] = tokenizer.encode(text + ("<|im_end|>" if clean else ""))
        return tokens

    return encode
