"""A real Cookbook environment of many turns, in tokens: no text, no renderer, no process."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import chz
import tinker
from tinker_cookbook.completers import StopCondition
from tinker_cookbook.rl.types import (
    Action,
    ActionExtra,
    Env,
    EnvGroupBuilder,
    InitialObservationOverflow,
    Observation,
    RLDataset,
    RLDatasetBuilder,
    StepResult,
)

STOP = 7


class Turns(Env):
    """`turns` turns; a reply earns the share of even tokens in it.

    growing: each prompt continues the last prompt and the reply to it; otherwise the third turn
    starts anew.
    """

    def __init__(self, first: int, turns: int, *, growing: bool) -> None:
        self._tokens = [first, 3, 4]
        self._left = turns
        self._turns = turns
        self._growing = growing

    async def initial_observation(self) -> tuple[Observation, StopCondition]:
        return tinker.ModelInput.from_ints(self._tokens), [STOP]

    async def step(self, action: Action, *, extra: ActionExtra | None = None) -> StepResult:
        self._left -= 1
        self._tokens = [*self._tokens, *action, 5, 6]
        if not self._growing and self._left == self._turns - 2:
            self._tokens = [9, 8]
        return StepResult(
            reward=sum(token % 2 == 0 for token in action) / len(action),
            episode_done=self._left == 0,
            next_observation=tinker.ModelInput.from_ints(self._tokens),
            next_stop_condition=[STOP],
        )


class NeverStarts(Env):
    async def initial_observation(self) -> InitialObservationOverflow:
        return InitialObservationOverflow(reward=0.0, logs={"env_error": "no board today"})

    async def step(self, action: Action, *, extra: ActionExtra | None = None) -> StepResult:
        raise AssertionError("it never started")


class TooLong(Turns):
    async def initial_observation(self) -> tuple[Observation, StopCondition]:
        return tinker.ModelInput.from_ints([11] * 9000), [STOP]


class One(EnvGroupBuilder):
    def __init__(self, kind: str, first: int) -> None:
        self._kind, self._first = kind, first

    async def make_envs(self) -> Sequence[Env]:
        return [KINDS[self._kind](self._first)]

    def logging_tags(self) -> list[str]:
        return ["turns"]


KINDS: dict[str, Callable[[int], Env]] = {
    "growing": lambda first: Turns(first, 3, growing=True),
    "split": lambda first: Turns(first, 3, growing=False),
    "never": lambda first: NeverStarts(),
    "long": lambda first: TooLong(first, 1, growing=True),
}


class Batches(RLDataset):
    def __init__(self, kind: str, episodes: int, offset: int) -> None:
        self._kind, self._episodes, self._offset = kind, episodes, offset

    def get_batch(self, index: int) -> Sequence[EnvGroupBuilder]:
        start = self._offset + index * self._episodes
        return [One(self._kind, 20 + start + i) for i in range(self._episodes)]

    def __len__(self) -> int:
        return 8 if self._offset == 0 else 1


@chz.chz
class TurnsBuilder(RLDatasetBuilder):
    kind: str = "growing"
    episodes: int = 4
    test_episodes: int = 0

    async def __call__(self) -> tuple[RLDataset, RLDataset | None]:
        train = Batches(self.kind, self.episodes, offset=0)
        held_out = Batches(self.kind, self.test_episodes, offset=300)
        return train, held_out if self.test_episodes else None
