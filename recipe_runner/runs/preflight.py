"""A plan made small enough to run on this machine, with everything that can break left in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recipe_runner.isolation import available
from recipe_runner.planning.plan import Plan
from schemas import parse_recipe

# Key -> the most that a preflight has of it, wherever in the recipe it stands. Enough for groups
# with unequal rewards and for more than one datum a step.
LIMITS = {
    "batch_size": 8,
    "episodes_per_batch": 8,
    "eval_size": 4,
    "group_size": 4,
    "groups_per_batch": 4,
    "limit": 2,
    "max_examples": 2,
    "max_tokens": 128,
    "num_prompts": 8,
    "size": 4,
    "test_games": 2,
    "test_group_size": 4,
    "test_size": 8,
}

# The same where episodes have many turns: games up to twenty, searches five with long passages.
_OF_MANY_TURNS = {"group_size": 2, "groups_per_batch": 2, "test_group_size": 2}
_MANY_TURNS = ("multiplayer", "search")

# Of these, a recipe that says nothing has all there are.
_NONE_IS_ALL = ("limit", "max_examples", "num_prompts", "test_games", "test_group_size")

Tree = dict[str, Any]


def reduced(plan: Plan, directory: Path, steps: int) -> tuple[Plan, list[str]]:
    """Return the plan with sizes cut down and nothing logged elsewhere, and what was changed.

    Methods that train get `steps`; the others have no steps to cut.
    The loop, the environment or data, the renderer, the loss and the execution stay as they are.
    """
    if plan.stages:
        return _reduced_stages(plan, directory, steps)
    before = plan.recipe.model_dump(mode="json")
    after = _limited(before, _limits(before))
    if "steps" in after:
        after["steps"] = steps
    _grade_here(after)
    after["logging"] = {"dir": str(directory), "rollouts": plan.recipe.logging.rollouts}
    changes = list(_changes(before, after))
    update = {"recipe": parse_recipe(after), "from_base_weights": True}
    return plan.model_copy(update=update), changes


def _grade_here(recipe: Tree) -> None:
    """Let this machine run the programs of a code environment, where it can isolate them."""
    env = recipe.get("env") or {}
    if env.get("kind") == "code" and env["sandbox"] != "isolated" and available() is not None:
        env["sandbox"] = "isolated"


def _reduced_stages(plan: Plan, directory: Path, steps: int) -> tuple[Plan, list[str]]:
    stages = {name: reduced(stage, directory, steps) for name, stage in plan.stages.items()}
    changes = [f"{name}: {change}" for name, (_, found) in stages.items() for change in found]
    recipe = plan.recipe.model_dump(mode="json") | {"logging": {"dir": str(directory)}}
    update = {
        "recipe": parse_recipe(recipe),
        "stages": {name: stage for name, (stage, _) in stages.items()},
    }
    return plan.model_copy(update=update), changes


def _limits(recipe: Tree) -> dict[str, int]:
    """Leave enough groups for the parts that a batch is split into."""
    execution = recipe.get("execution", {})
    parts = recipe.get("substeps", 1) * execution.get("minibatches", 1)
    many_turns = recipe.get("env", {}).get("kind") in _MANY_TURNS
    limits = LIMITS | (_OF_MANY_TURNS if many_turns else {})
    groups = -(-limits["groups_per_batch"] // parts) * parts
    return limits | {"groups_per_batch": groups}


def _limited(tree: Any, limits: dict[str, int]) -> Any:
    if isinstance(tree, dict):
        return {
            key: _at_most(key, value, limits) if key in limits else _limited(value, limits)
            for key, value in tree.items()
        }
    return [_limited(item, limits) for item in tree] if isinstance(tree, list) else tree


def _at_most(key: str, value: Any, limits: dict[str, int]) -> Any:
    if value is None and key in _NONE_IS_ALL:
        return limits[key]
    return min(value, limits[key]) if isinstance(value, int) else _limited(value, limits)


def _changes(before: Any, after: Any, path: str = "") -> Iterator[str]:
    if isinstance(before, dict):
        for key in before:
            if path or key != "logging":
                yield from _changes(before[key], after[key], f"{path}.{key}" if path else key)
    elif isinstance(before, list):
        for index, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _changes(one, other, f"{path}.{index}")
    elif before != after:
        yield f"{path} {before} -> {after}"
