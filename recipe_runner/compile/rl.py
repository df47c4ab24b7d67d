"""`method: rl` -> `tinker_cookbook.rl.train.Config`."""

from __future__ import annotations

from tinker_cookbook.rl.train import AsyncConfig, Config, KLReferenceConfig, StreamMinibatchConfig

from recipe_runner.compile.evaluators import evaluator_builders
from recipe_runner.compile.job import Target
from recipe_runner.compile.shared import shared_fields
from recipe_runner.envs import Rollouts, dataset_builder, env_evaluators, rollout_strategy
from recipe_runner.loops.gspo import GspoConfig
from recipe_runner.planning.plan import Plan
from schemas.env import GemEnv
from schemas.loss import loss_config, loss_name
from schemas.rl import RlRecipe

ENTRY = {
    Config: "tinker_cookbook.rl.train:main",
    GspoConfig: "recipe_runner.loops.gspo:main",
}

# Fields of the Cookbook's config that recipes do not expose, and why.
UNEXPOSED = {
    "termination": "the Cookbook's default for the model",
    "span_chart_every": "needs plotly; the spans are in timing_spans.jsonl all the same",
    "rolling_ttl_seconds": "a safety net behind explicit deletion; the Cookbook's two hours",
}


def config(plan: Plan, target: Target) -> Config:
    """Compile an `rl` plan."""
    recipe = plan.recipe
    assert isinstance(recipe, RlRecipe)
    rollouts = _rollouts(plan, recipe, target)
    config_class = GspoConfig if loss_name(recipe.loss) == "gspo" else Config
    return config_class(
        **shared_fields(plan, target),
        dataset_builder=dataset_builder(recipe.env, rollouts),
        max_tokens=recipe.rollout.max_tokens,
        temperature=recipe.rollout.temperature,
        eval_every=_eval_every(recipe),
        evaluator_builders=[
            *env_evaluators(recipe.env, rollouts),
            *evaluator_builders(plan, recipe, target),
        ],
        loss_fn=loss_name(recipe.loss),
        loss_fn_config=loss_config(recipe.loss) or None,
        kl_penalty_coef=recipe.kl.coef,
        kl_discount_factor=recipe.kl.discount,
        kl_reference_config=_kl_reference(recipe, target),
        compute_post_kl=recipe.kl.post_update,
        num_substeps=recipe.substeps,
        remove_constant_reward_groups=recipe.drop_constant_groups,
        async_config=_async_config(recipe),
        stream_minibatch_config=_stream_config(recipe),
        rollout_error_tolerance=rollout_strategy(recipe.env, rollouts),
        num_groups_to_log=recipe.logging.rollouts,
        rollout_json_export=recipe.logging.rollouts > 0,
    )


def _rollouts(plan: Plan, recipe: RlRecipe, target: Target) -> Rollouts:
    assert plan.renderer is not None, "every recipe with a model has a renderer"
    return Rollouts(
        model_name=recipe.model.name,
        renderer_name=plan.renderer,
        group_size=recipe.rollout.group_size,
        groups_per_batch=recipe.rollout.groups_per_batch,
        max_tokens=recipe.rollout.max_tokens,
        temperature=recipe.rollout.temperature,
        num_batches=recipe.steps,
        seed=recipe.seed,
        base_url=target.base_url,
        checkpoint=target.sampler,
    )


def _eval_every(recipe: RlRecipe) -> int:
    """The environment's own cadence, else the recipe's; 0 turns evaluation off."""
    if isinstance(recipe.env, GemEnv) and recipe.env.eval is not None:
        return recipe.env.eval.every
    return recipe.eval.every if recipe.eval else 0


def _kl_reference(recipe: RlRecipe, target: Target) -> KLReferenceConfig | None:
    if recipe.kl.coef == 0:
        return None
    return KLReferenceConfig(
        base_model=recipe.kl.reference.model or recipe.model.name,
        load_checkpoint_path=target.sampler(recipe.kl.reference.load_from),
    )


def _async_config(recipe: RlRecipe) -> AsyncConfig | None:
    if recipe.execution.kind != "async":
        return None
    return AsyncConfig(
        max_steps_off_policy=recipe.execution.max_steps_off_policy,
        groups_per_batch=recipe.rollout.groups_per_batch,
    )


def _stream_config(recipe: RlRecipe) -> StreamMinibatchConfig | None:
    if recipe.execution.kind != "stream":
        return None
    return StreamMinibatchConfig(
        groups_per_batch=recipe.rollout.groups_per_batch,
        num_minibatches=recipe.execution.minibatches,
    )
