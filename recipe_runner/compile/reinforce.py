"""`method: reinforce` -> `recipe_runner.loops.reinforce.config.Config`."""

from __future__ import annotations

from typing import Any

from recipe_runner.compile.evaluators import evaluator_builders
from recipe_runner.compile.job import Target
from recipe_runner.compile.shared import shared_fields
from recipe_runner.envs import Rollouts, dataset_builder
from recipe_runner.loops.reinforce.config import Config
from recipe_runner.planning.plan import Plan
from schemas.loss import CustomLoss, LossOrCustom, loss_config, loss_name
from schemas.reinforce import ReinforceRecipe

ENTRY = "recipe_runner.loops.reinforce.train:main"

# Fields of the loop's config that recipes do not expose, and why.
UNEXPOSED: dict[str, str] = {}

# GSPO's ratio is one of a whole sequence, and its sequences are the turns; DRO's penalty counts
# the prompt's positions, so a prompt in fewer data would weigh less.
_OF_A_SEQUENCE = ("gspo", "dro")


def config(plan: Plan, target: Target) -> Config:
    """Compile a `reinforce` plan."""
    recipe = plan.recipe
    assert isinstance(recipe, ReinforceRecipe)
    fields: dict[str, Any] = {
        **shared_fields(plan, target),
        **_loss(recipe.loss),
        "dataset_builder": dataset_builder(recipe.env, _rollouts(plan, recipe, target)),
        "max_tokens": recipe.max_tokens,
        "temperature": recipe.temperature,
        "gamma": recipe.gamma,
        "normalize_returns": recipe.normalize_returns,
        "seed": recipe.seed,
        "evaluator_builders": evaluator_builders(plan, recipe, target),
        "eval_every": recipe.eval.every if recipe.eval else 0,
        "test_every": recipe.env.eval.every if recipe.env.eval else 0,
        "num_groups_to_log": recipe.logging.rollouts,
    }
    return Config(**fields)


def _loss(loss: LossOrCustom) -> dict[str, Any]:
    if isinstance(loss, CustomLoss):
        return {"loss_fn": "custom", "custom_loss": loss.custom}
    name = loss_name(loss)
    return {
        "loss_fn": name,
        "loss_fn_config": loss_config(loss) or None,
        "share_prefixes": name not in _OF_A_SEQUENCE,
    }


def _rollouts(plan: Plan, recipe: ReinforceRecipe, target: Target) -> Rollouts:
    assert plan.renderer is not None, "every recipe with a model has a renderer"
    return Rollouts(
        model_name=recipe.model.name,
        renderer_name=plan.renderer,
        group_size=1,
        groups_per_batch=recipe.episodes_per_batch,
        max_tokens=recipe.max_tokens,
        temperature=recipe.temperature,
        num_batches=recipe.steps,
        seed=recipe.seed,
        base_url=target.base_url,
        checkpoint=target.checkpoint,
    )
