"""Counts the tokens of everything that this process sends through the Tinker SDK.

All of it passes two functions: `SamplingClient._sample_async_impl` (samples and log-probabilities,
whoever asks: rollouts, evaluators, judges, opponents, teachers) and `TrainingClient._run_fwd_bwd`
(forward and backward, custom losses too). Counted is what hosted Tinker bills, as far as the SDK
says how:

- A prompt's tokens are `cached` as far as the answer says so (`prompt_cache_hit_tokens`), and
  `prefill` otherwise. A request for several samples shares its prompt: what the others reuse is
  billed as cached. A server that says nothing about its cache has all prompts counted as prefill.
- `sampled` tokens are those that came back. A request for log-probabilities samples one too.
- Whole sequences are `trained`, once for each request: the bill knows "training tokens processed
  by forward/backward passes" alone. A custom loss, whose gradient is taken here, takes two
  requests, a forward pass and then forward and backward.

Samples count when they have arrived, training when it is sent: its batches are known by then, and
what a killed run has sent is paid for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from weakref import WeakKeyDictionary

from tinker import SampleResponse, SamplingClient, ServiceClient, TrainingClient

from recipe_runner.loops.replaced import replaced
from recipe_runner.planning.tokens import Tokens

Count = Callable[[str, Tokens], None]


@contextmanager
def metered(count: Count, metadata: Mapping[str, str]) -> Iterator[None]:
    """Count tokens while the block lasts.

    Args:
        count: takes the base model's name as the service says it, and what was used; called from
            the SDK's threads.
        metadata: added to what the service keeps of each session, to find the run's bill by.
    """
    with (
        replaced(SamplingClient, "_sample_async_impl", _counting_samples(count)),
        replaced(TrainingClient, "_run_fwd_bwd", _counting_training(count)),
        replaced(ServiceClient, "__init__", _with_metadata(metadata)),
    ):
        yield


def _counting_samples(count: Count) -> Callable[[Any], Any]:
    base_models: WeakKeyDictionary[SamplingClient, str] = WeakKeyDictionary()

    def wrap(original: Any) -> Any:
        async def sample(
            self: SamplingClient, prompt: Any, num_samples: int, *rest: Any, **named: Any
        ) -> SampleResponse:
            response: SampleResponse = await original(self, prompt, num_samples, *rest, **named)
            if self not in base_models:
                # In a thread: SDKs before 0.38 ask the service, on the loop that this runs on.
                base_models[self] = await asyncio.to_thread(self.get_base_model)
            count(base_models[self], of_samples(prompt.length, response))
            return response

        return sample

    return wrap


def of_samples(prompt_length: int, response: SampleResponse) -> Tokens:
    """Return what one request for samples used."""
    hits = min(response.prompt_cache_hit_tokens, prompt_length)
    return Tokens(
        prefill=prompt_length - hits,
        cached=hits + (len(response.sequences) - 1) * prompt_length,
        sampled=sum(len(sequence.tokens) for sequence in response.sequences),
    )


def _counting_training(count: Count) -> Callable[[Any], Any]:
    def wrap(original: Any) -> Any:
        def run(self: TrainingClient, requests: Any, *rest: Any, **named: Any) -> Any:
            future = original(self, requests, *rest, **named)
            length = sum(datum.model_input.length for chunk in requests for datum in chunk.data)
            count(str(self.get_info().model_data.model_name), Tokens(trained=length))
            return future

        return run

    return wrap


def _with_metadata(metadata: Mapping[str, str]) -> Callable[[Any], Any]:
    def wrap(original: Any) -> Any:
        def init(
            self: ServiceClient,
            user_metadata: dict[str, str] | None = None,
            *rest: Any,
            **named: Any,
        ) -> None:
            original(self, {**(user_metadata or {}), **metadata}, *rest, **named)

        return init

    return wrap
