"""The fields that all Cookbook configs share."""

from __future__ import annotations

from typing import Any

from recipe_runner.compile.job import Target
from recipe_runner.planning.plan import Plan
from schemas.common import TrainingKeys

SECONDS_PER_DAY = 86_400


def shared_fields(plan: Plan, target: Target) -> dict[str, Any]:
    """Return the fields that every Cookbook config has, from a plan."""
    recipe = plan.recipe
    assert isinstance(recipe, TrainingKeys)
    assert plan.learning_rate is not None, "every method that trains has a learning rate"
    wandb = recipe.logging.wandb
    ttl_days = recipe.checkpoint.ttl_days
    return {
        "log_path": str(target.log_path),
        "model_name": recipe.model.name,
        "recipe_name": f"recipe_run_{recipe.name}",
        "load_checkpoint_path": target.checkpoint(recipe.model.load_from),
        "renderer_name": plan.renderer,
        "learning_rate": plan.learning_rate.value,
        "lora_rank": recipe.model.lora_rank,
        "base_url": target.base_url,
        "save_every": recipe.checkpoint.every,
        "rolling_save_every": recipe.checkpoint.rolling_every,
        "ttl_seconds": None if ttl_days == "never" else round(ttl_days * SECONDS_PER_DAY),
        "wandb_project": wandb.project if wandb else None,
        "wandb_name": (wandb.name or recipe.name) if wandb else None,
        "session_name": recipe.name,
        "enable_trace": recipe.logging.trace,
        "max_steps": recipe.steps,
    }
