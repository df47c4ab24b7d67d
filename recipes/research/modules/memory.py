"""How fast can a sequence of digits be memorized? An environment, a data set and an evaluator.

The prompt never says the sequence. Reinforcement learning gets one point for each digit that stands
where it should; supervised learning sees the sequence itself. Both are measured alike: by how many
digits a sampled reply has right.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import chz
import tinker
from tinker_cookbook.eval.evaluators import SamplingClientEvaluator
from tinker_cookbook.renderers import Message, Renderer, get_renderer, get_text_content
from tinker_cookbook.rl.types import (
    Action,
    ActionExtra,
    Env,
    EnvGroupBuilder,
    RLDataset,
    RLDatasetBuilder,
    StepResult,
)
from tinker_cookbook.supervised.data import conversation_to_datum
from tinker_cookbook.supervised.types import SupervisedDataset, SupervisedDatasetBuilder
from tinker_cookbook.tokenizer_utils import get_tokenizer


def prompt(sequence: Sequence[int]) -> list[Message]:
    count = len(sequence)
    text = f"Recite the secret sequence: {count} digits with spaces between them, nothing else."
    return [{"role": "user", "content": text}]


def spoken(sequence: Sequence[int]) -> str:
    return " ".join(map(str, sequence))


def num_correct(reply: str, sequence: Sequence[int]) -> int:
    """Return how many of the reply's first digits stand where they should."""
    digits = [int(digit) for digit in re.findall(r"\d", reply, re.ASCII)]
    return sum(given == wanted for given, wanted in zip(digits, sequence, strict=False))


class Recital(Env):
    """One reply, which gets +1 for each correct digit."""

    def __init__(self, sequence: Sequence[int], renderer: Renderer) -> None:
        self.sequence = sequence
        self.renderer = renderer

    async def initial_observation(self) -> tuple[tinker.ModelInput, list[str] | list[int]]:
        observation = self.renderer.build_generation_prompt(prompt(self.sequence))
        return observation, self.renderer.get_stop_sequences()

    async def step(self, action: Action, *, extra: ActionExtra | None = None) -> StepResult:
        message, _ = self.renderer.parse_response(action)
        reply = get_text_content(message)
        correct = num_correct(reply, self.sequence)
        return StepResult(
            reward=float(correct),
            episode_done=True,
            next_observation=tinker.ModelInput.empty(),
            next_stop_condition=self.renderer.get_stop_sequences(),
            metrics={"all_correct": float(correct == len(self.sequence))},
            logs={"reply": reply, "correct": correct},
        )


class Recitals(EnvGroupBuilder):
    """A group of replies to the one prompt there is."""

    def __init__(self, sequence: Sequence[int], renderer: Renderer, group_size: int) -> None:
        self.sequence = sequence
        self.renderer = renderer
        self.group_size = group_size

    async def make_envs(self) -> Sequence[Env]:
        return [Recital(self.sequence, self.renderer) for _ in range(self.group_size)]


class RecitalDataset(RLDataset):
    """The same group in every place of every batch."""

    def __init__(self, group: Recitals, groups_per_batch: int, num_batches: int) -> None:
        self.group = group
        self.groups_per_batch = groups_per_batch
        self.num_batches = num_batches

    def get_batch(self, index: int) -> Sequence[EnvGroupBuilder]:
        return [self.group] * self.groups_per_batch

    def __len__(self) -> int:
        return self.num_batches


@chz.chz
class RecitalBuilder(RLDatasetBuilder):
    """`env.builder` of the recipe: all but `sequence` comes from the recipe's own keys."""

    sequence: list[int]
    model_name: str
    renderer_name: str
    group_size: int
    groups_per_batch: int
    num_batches: int

    async def __call__(self) -> tuple[RLDataset, None]:
        renderer = get_renderer(self.renderer_name, get_tokenizer(self.model_name))
        group = Recitals(self.sequence, renderer, self.group_size)
        return RecitalDataset(group, self.groups_per_batch, self.num_batches), None


class RepeatedDataset(SupervisedDataset):
    """The same conversation in every place of every batch."""

    def __init__(self, datum: tinker.Datum, batch_size: int, num_batches: int) -> None:
        self.datum = datum
        self.batch_size = batch_size
        self.num_batches = num_batches

    def get_batch(self, index: int) -> list[tinker.Datum]:
        return [self.datum] * self.batch_size

    def __len__(self) -> int:
        return self.num_batches

    def set_epoch(self, seed: int = 0) -> None:
        """There is one order."""


@chz.chz
class RepeatedBuilder(SupervisedDatasetBuilder):
    """`data.builder` of the recipe's supervised variants."""

    sequence: list[int]
    num_batches: int
    model_name_for_tokenizer: str
    renderer_name: str
    batch_size: int
    max_length: int | None

    def __call__(self) -> tuple[SupervisedDataset, None]:
        renderer = get_renderer(self.renderer_name, get_tokenizer(self.model_name_for_tokenizer))
        reply: Message = {"role": "assistant", "content": spoken(self.sequence)}
        datum = conversation_to_datum([*prompt(self.sequence), reply], renderer, self.max_length)
        return RepeatedDataset(datum, self.batch_size, self.num_batches), None


class Recall(SamplingClientEvaluator):
    """Mean number of correct digits of sampled replies, at temperature 1 as in training."""

    def __init__(
        self, sequence: list[int], model_name: str, renderer_name: str, samples: int = 64
    ) -> None:
        self.sequence = sequence
        self.samples = samples
        self.renderer = get_renderer(renderer_name, get_tokenizer(model_name))

    async def __call__(self, sampling_client: tinker.SamplingClient) -> dict[str, float]:
        sampled = await sampling_client.sample_async(
            prompt=self.renderer.build_generation_prompt(prompt(self.sequence)),
            num_samples=self.samples,
            sampling_params=tinker.SamplingParams(
                max_tokens=4 * len(self.sequence), stop=self.renderer.get_stop_sequences()
            ),
        )
        replies = [self.renderer.parse_response(each.tokens)[0] for each in sampled.sequences]
        correct = [num_correct(get_text_content(reply), self.sequence) for reply in replies]
        return {
            "digits": sum(correct) / self.samples,
            "all": sum(each == len(self.sequence) for each in correct) / self.samples,
        }
