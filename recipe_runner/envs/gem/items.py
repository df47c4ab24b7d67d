"""Which problem comes when: positions 0, 1, 2, … of a run, and the item at each.

Position = batch × groups_per_batch + group. What is at a position depends on the recipe's seed and
the position alone, so any batch can be built at any time, in any order, by any process.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from recipe_runner.envs.gem.protocol import Answer

SEED_SPACE = 1 << 32
"""numpy takes seeds from 0 to 2^32-1; the lower half is for training, the upper for evaluation."""

_HALF = SEED_SPACE // 2
_STRIDE = 0x4F1BBCDD  # odd, so that its multiples go through the whole half; 2^31 / golden ratio


@dataclass(frozen=True)
class Procedural:
    """A problem that the environment makes from a seed."""

    seed: int


@dataclass(frozen=True)
class Problem:
    """A problem of a data set."""

    question: str
    answer: Answer


Item = Procedural | Problem


class ItemSource(Protocol):
    @property
    def size(self) -> int | None:
        """How many different items there are; None: no end."""

    def at(self, position: int) -> Item: ...


@dataclass(frozen=True)
class ProceduralItems:
    """Seeds at equal distances from a base that depends on the recipe's seed.

    No seed returns before 2^31 items, and none of training is one of evaluation. Neighbours are far
    apart because some environments try seed + 1, seed + 2, … where a seed gives nothing (Sokoban).
    """

    recipe_seed: int
    held_out: bool = False

    @property
    def size(self) -> None:
        return None

    def at(self, position: int) -> Procedural:
        seed = (_base(self.recipe_seed) + position * _STRIDE) % _HALF
        return Procedural(seed + _HALF if self.held_out else seed)


def _base(recipe_seed: int) -> int:
    """Spread recipe seeds 0, 1, 2, … apart, so that their ranges of item seeds do not overlap."""
    digest = hashlib.blake2b(str(recipe_seed).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % _HALF


@dataclass(frozen=True)
class ShuffledProblems:
    """A data set's problems, in a new order each time through."""

    problems: Sequence[Problem]
    recipe_seed: int

    @property
    def size(self) -> int:
        return len(self.problems)

    def at(self, position: int) -> Problem:
        epoch, offset = divmod(position, len(self.problems))
        return self.problems[_order(len(self.problems), self.recipe_seed, epoch)[offset]]


def split_problems(
    problems: Sequence[Problem], recipe_seed: int, eval_size: int
) -> tuple[ShuffledProblems, ShuffledProblems | None]:
    """Hold `eval_size` problems, drawn by seed, out of training."""
    if eval_size >= len(problems):
        raise ValueError(
            f"env.eval.size {eval_size} leaves nothing to train on: the data set has "
            f"{len(problems)} problems"
        )
    if eval_size == 0:
        return ShuffledProblems(problems, recipe_seed), None
    # Epoch -1 is the order that decides the split; training's epochs count from 0.
    order = _order(len(problems), recipe_seed, -1)
    held_out = [problems[index] for index in order[:eval_size]]
    rest = [problems[index] for index in order[eval_size:]]
    return ShuffledProblems(rest, recipe_seed), ShuffledProblems(held_out, recipe_seed)


@lru_cache(maxsize=8)
def _order(size: int, recipe_seed: int, epoch: int) -> tuple[int, ...]:
    order = list(range(size))
    random.Random(f"{recipe_seed}/{epoch}").shuffle(order)
    return tuple(order)
