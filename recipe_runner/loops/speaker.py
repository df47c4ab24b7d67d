"""A model that answers conversations: a sampling client and the renderer that goes with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import tinker
from tinker_cookbook.renderers import Message, Renderer, get_renderer
from tinker_cookbook.renderers.base import get_text_content
from tinker_cookbook.tokenizer_utils import Tokenizer, get_tokenizer

from recipe_runner.catalog import models
from recipe_runner.errors import RunFailed, UsageError
from recipe_runner.planning.resolve import renderer_of


@dataclass(frozen=True)
class Sampling:
    """How replies are sampled; `num_samples` for each prompt, at their own places of the seed."""

    max_tokens: int
    temperature: float = 1.0
    top_p: float = 1.0
    seed: int | None = None
    num_samples: int = 1


@dataclass(frozen=True)
class Reply:
    """One reply.

    Attributes:
        message: as the renderer reads it, to go on from.
        text: without what the model thought.
        thinking: what it thought, where its renderer tells that apart.
        tokens: ids, the stop sequence's included.
        stop_reason: `stop`, or `length` where it was cut off.
    """

    message: Message
    text: str
    thinking: str
    tokens: list[int]
    num_prompt_tokens: int
    stop_reason: str


class Speaker:
    """Methods raise what the SDK raises."""

    def __init__(self, client: tinker.SamplingClient, model: str, renderer: Renderer) -> None:
        self.model = model
        self._client = client
        self._renderer = renderer
        facts = models.find(model)
        self._context = facts.context if facts else None

    async def ask(self, messages: Sequence[Message], sampling: Sampling) -> list[Reply]:
        """Return replies to a conversation that ends with what the model is to answer.

        Where the context has less room than `max_tokens`, a reply may have what there is.

        Raises:
            RunFailed: if the context has no room for a reply.
        """
        prompt = self._renderer.build_generation_prompt(list(messages))
        result = await self._client.sample(
            prompt=prompt,
            num_samples=sampling.num_samples,
            sampling_params=tinker.SamplingParams(
                max_tokens=min(sampling.max_tokens, self._room(prompt.length)),
                temperature=sampling.temperature,
                top_p=sampling.top_p,
                seed=sampling.seed,
                stop=self._renderer.get_stop_sequences(),
            ),
        )
        return [self._reply(sequence, prompt.length) for sequence in result.sequences]

    def _room(self, num_prompt_tokens: int) -> int:
        if self._context is None:
            return 2**31
        room = self._context - num_prompt_tokens
        if room < 1:
            raise RunFailed(
                f"the conversation has {num_prompt_tokens:,} tokens, and {self.model} takes "
                f"{self._context:,}: there is no room for a reply"
            )
        return room

    def _reply(self, sequence: Any, num_prompt_tokens: int) -> Reply:
        message, _ = self._renderer.parse_response(sequence.tokens)
        return Reply(
            message=message,
            text=get_text_content(message),
            thinking=_thinking(message),
            tokens=list(sequence.tokens),
            num_prompt_tokens=num_prompt_tokens,
            stop_reason=str(sequence.stop_reason),
        )


def _thinking(message: Message) -> str:
    content = message["content"]
    if isinstance(content, str):
        return ""
    return "".join(part["thinking"] for part in content if part["type"] == "thinking")


@contextmanager
def speaker(
    *,
    model: str | None,
    path: str | None,
    renderer: str | None,
    tokenizer: Callable[[str], Tokenizer | None],
    base_url: str | None,
    api_key: str | None,
) -> Iterator[Speaker]:
    """Open a speaker; its session with the service ends with the block.

    Args:
        model: the base model; None: the service is asked which it is.
        path: weights to sample from, `tinker://…/sampler_weights/…`; None: the base model's.
        renderer: None: the catalog's recommended one.
        tokenizer: gives the tokenizer of a model's name; None: the Cookbook's.

    Raises:
        UsageError: if no renderer is known for the model.
    """
    metadata = {"recipe_run": "talk"}
    with tinker.ServiceClient(metadata, base_url=base_url, api_key=api_key) as service:
        if path is None:
            client = service.create_sampling_client(base_model=model).result()
        else:
            client = service.create_sampling_client(model_path=path).result()
        name = model or client.get_base_model()
        if renderer is None and models.find(name) is None:
            raise UsageError(f"no renderer is known for {name}; give --renderer NAME")
        reads = tokenizer(name) or get_tokenizer(name)
        chosen = get_renderer(renderer_of(name, renderer or "auto"), reads)
        yield Speaker(client, name, chosen)
