"""A plan made small enough to run on this machine, with everything that can break left in."""

from __future__ import annotations

from pathlib import Path

from recipe_runner.planning.plan import Plan
from schemas.rl import RlRecipe
from schemas.run_settings import LoggingSettings
from schemas.sft import SftRecipe

# Enough for groups with unequal rewards and for more than one datum a step.
MAX_GROUPS = 4
MAX_GROUP_SIZE = 4
MAX_TOKENS = 128
MAX_BATCH = 8
MAX_EVAL = 4


def reduced(plan: Plan, directory: Path) -> tuple[Plan, list[str]]:
    """Return the plan with sizes cut down and nothing logged elsewhere, and what was changed.

    The loop, the environment or data, the renderer, the loss and the execution stay as they are.
    """
    recipe = plan.recipe
    small = _reduced_rl(recipe) if isinstance(recipe, RlRecipe) else _reduced_sft(recipe)
    small = small.model_copy(
        update={"logging": LoggingSettings(dir=str(directory), rollouts=recipe.logging.rollouts)}
    )
    return plan.model_copy(update={"recipe": small}), _changes(recipe, small)


def _reduced_rl(recipe: RlRecipe) -> RlRecipe:
    rollout = recipe.rollout
    parts = recipe.substeps * getattr(recipe.execution, "minibatches", 1)
    groups = min(rollout.groups_per_batch, max(MAX_GROUPS, parts))
    smaller = rollout.model_copy(
        update={
            "groups_per_batch": groups,
            "group_size": min(rollout.group_size, MAX_GROUP_SIZE),
            "max_tokens": min(rollout.max_tokens, MAX_TOKENS),
        }
    )
    env = recipe.env
    evaluation = getattr(env, "eval", None)
    if evaluation is not None:
        size = min(evaluation.size, MAX_EVAL)
        env = env.model_copy(update={"eval": evaluation.model_copy(update={"size": size})})
    return recipe.model_copy(update={"rollout": smaller, "env": env})


def _reduced_sft(recipe: SftRecipe) -> SftRecipe:
    return recipe.model_copy(update={"batch_size": min(recipe.batch_size, MAX_BATCH)})


def _changes(recipe: RlRecipe | SftRecipe, small: RlRecipe | SftRecipe) -> list[str]:
    before, after = recipe.model_dump(mode="json"), small.model_dump(mode="json")
    keys = [("rollout", key) for key in before.get("rollout", {})]
    changed = [
        f"{section}.{key} {before[section][key]} -> {after[section][key]}"
        for section, key in keys
        if before[section][key] != after[section][key]
    ]
    if before.get("batch_size") != after.get("batch_size"):
        changed.append(f"batch_size {before['batch_size']} -> {after['batch_size']}")
    return changed
