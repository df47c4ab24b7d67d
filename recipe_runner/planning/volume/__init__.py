"""How many tokens a plan takes, by method: one module each, pure arithmetic on measured lengths.

`Lengths` come from outside: measuring them takes tokenizers, renderers and environments.
"""

from __future__ import annotations

import importlib
from typing import Protocol, cast

from pydantic import BaseModel, ConfigDict

from recipe_runner.planning.estimate import CASES, Case, TokenEstimate
from recipe_runner.planning.plan import Plan
from recipe_runner.planning.tokens import Tokens
from recipe_runner.planning.volume.lengths import NOT_COUNTED, Lengths
from recipe_runner.planning.volume.tally import Tally
from schemas.common import TrainingKeys
from schemas.generate import GenerateRecipe

# method -> module with `add`, `rollouts` and `assumptions`; a pipeline is its stages.
METHODS = {
    "distill": "recipe_runner.planning.volume.distill",
    "dpo": "recipe_runner.planning.volume.dpo",
    "eval": "recipe_runner.planning.volume.evaluate",
    "generate": "recipe_runner.planning.volume.generate",
    "reinforce": "recipe_runner.planning.volume.reinforce",
    "rl": "recipe_runner.planning.volume.rl",
    "sdft": "recipe_runner.planning.volume.sdft",
    "sft": "recipe_runner.planning.volume.sft",
}


class Volume(BaseModel):
    """What a plan takes.

    Attributes:
        steps: training steps; none where the data's length is not known, 0 where nothing is
            trained.
        rollouts: sampled sequences of the training itself.
        tokens: by model; empty where the steps are not known.
        assumptions: each thing taken for granted, in a sentence.
        uncounted: what the sums leave out, for nothing is known of it.
    """

    model_config = ConfigDict(frozen=True)

    steps: int | None
    rollouts: int
    tokens: dict[str, TokenEstimate]
    assumptions: list[str]
    uncounted: list[str]


class _MethodModule(Protocol):
    def add(self, tally: Tally, plan: Plan, lengths: Lengths, steps: int) -> None: ...

    def rollouts(self, plan: Plan, lengths: Lengths, steps: int) -> int: ...

    def assumptions(self, plan: Plan, lengths: Lengths) -> list[str]: ...


def volume(plan: Plan, lengths: Lengths) -> Volume:
    """Return what one plan takes; a pipeline's stages are plans of their own."""
    method = cast(_MethodModule, importlib.import_module(METHODS[plan.recipe.method]))
    sentences = [*lengths.assumptions, *method.assumptions(plan, lengths)]
    said = [each for each in sentences if not each.startswith(NOT_COUNTED)]
    left_out = [each.removeprefix(NOT_COUNTED) for each in sentences if each not in said]
    steps = steps_of(plan, lengths)
    if not _is_countable(plan, lengths, steps):
        one = _per_step(method, plan, lengths)
        said.append(f"how much data there is is not known, so nothing is summed{one}")
        return Volume(steps=None, rollouts=0, tokens={}, assumptions=said, uncounted=left_out)
    counted = steps or 0
    return Volume(
        steps=counted,
        rollouts=method.rollouts(plan, lengths, counted),
        tokens=_tokens(method, plan, lengths, counted),
        assumptions=said,
        uncounted=left_out,
    )


def steps_of(plan: Plan, lengths: Lengths) -> int | None:
    """Return how many steps a plan trains for, None where that depends on unknown data."""
    if not isinstance(plan.recipe, TrainingKeys):
        return 0
    known = [count for count in (plan.recipe.steps, lengths.steps) if count is not None]
    return min(known) if known else None


def _is_countable(plan: Plan, lengths: Lengths, steps: int | None) -> bool:
    recipe = plan.recipe
    if isinstance(recipe, GenerateRecipe):
        return lengths.rows is not None or recipe.num_prompts is not None
    return steps is not None


def _per_step(method: _MethodModule, plan: Plan, lengths: Lengths) -> str:
    if not isinstance(plan.recipe, TrainingKeys):
        return " (`num_prompts` sets a limit)"
    one = sum((each.expected for each in _tokens(method, plan, lengths, 1).values()), Tokens())
    return f": one step takes about {one.total:,} tokens (`steps` sets how many there are)"


def _tokens(
    method: _MethodModule, plan: Plan, lengths: Lengths, steps: int
) -> dict[str, TokenEstimate]:
    by_case: dict[Case, dict[str, Tokens]] = {}
    for case in CASES:
        tally = Tally(case)
        method.add(tally, plan, lengths, steps)
        by_case[case] = tally.tokens
    names = dict.fromkeys(name for tokens in by_case.values() for name in tokens)
    return {
        name: TokenEstimate(
            low=by_case["low"].get(name, Tokens()),
            expected=by_case["expected"].get(name, Tokens()),
            high=by_case["high"].get(name, Tokens()),
        )
        for name in names
    }
