"""What the loop of `method: generate` is configured by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import chz
from tinker_cookbook.renderers import Message


class Prompt(Protocol):
    """A conversation that ends with what the model is to answer."""

    @property
    def messages(self) -> list[Message]: ...


class PromptSource(Protocol):
    """Called, it reads the prompts, in the order of the data."""

    def __call__(self) -> Sequence[Prompt]: ...


@chz.chz
class Config:
    """Which prompts are answered, by what, and what is written.

    Attributes:
        load_checkpoint_path: weights to sample from, `tinker://…/sampler_weights/…`; None: base.
        num_prompts: answer only that many; None: all.
        prompt_template: what the last message of a prompt becomes, with `{{ prompt }}`.
        extract: regular expression whose first group is the reply that is written out.
        keep_unmatched: write replies that `extract` does not match out as they are.
        output: name of the JSONL file in `log_path`.
        max_in_flight: prompts that are asked at the same time.
    """

    log_path: str
    model_name: str
    renderer_name: str
    recipe_name: str
    load_checkpoint_path: str | None = None
    base_url: str | None = None
    prompts: PromptSource
    num_prompts: int | None = None
    system_prompt: str | None = None
    prompt_template: str = "{{ prompt }}"
    samples_per_prompt: int = 1
    max_tokens: int
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = -1
    seed: int = 0
    extract: str | None = None
    keep_unmatched: bool = False
    output: str = "conversations.jsonl"
    max_in_flight: int = 128
    wandb_project: str | None = None
    wandb_name: str | None = None
