"""`method: generate`: replies to prompts; nothing is trained."""

from __future__ import annotations

from recipe_runner.planning.plan import Plan
from recipe_runner.planning.volume.lengths import Lengths
from recipe_runner.planning.volume.replies import reply_assumption, reply_span
from recipe_runner.planning.volume.tally import Tally
from schemas.generate import GenerateRecipe


def add(tally: Tally, plan: Plan, lengths: Lengths, steps: int) -> None:
    """Add the tokens of a run."""
    recipe = plan.recipe
    assert isinstance(recipe, GenerateRecipe)
    prompts = num_prompts(recipe, lengths) or 0
    prompt, each = tally.of(lengths.texts[0].text), recipe.samples_per_prompt
    # One request asks for all replies to a prompt; the repeats are charged as cached.
    tally.add(
        recipe.model.name,
        prefill=prompts * prompt,
        cached=prompts * (each - 1) * prompt,
        sampled=prompts * each * tally.of(reply_span(recipe.sampling.max_tokens, lengths)),
    )


def rollouts(plan: Plan, lengths: Lengths, steps: int) -> int:
    """Return the number of replies."""
    recipe = plan.recipe
    assert isinstance(recipe, GenerateRecipe)
    return (num_prompts(recipe, lengths) or 0) * recipe.samples_per_prompt


def assumptions(plan: Plan, lengths: Lengths) -> list[str]:
    """Return what is taken for granted beside what was measured."""
    recipe = plan.recipe
    assert isinstance(recipe, GenerateRecipe)
    return [reply_assumption(recipe.sampling.max_tokens, lengths)]


def num_prompts(recipe: GenerateRecipe, lengths: Lengths) -> int | None:
    """Return how many prompts are answered, None where the data's length is not known."""
    known = [count for count in (lengths.rows, recipe.num_prompts) if count is not None]
    return min(known) if known else None
