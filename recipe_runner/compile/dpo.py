"""`method: dpo` -> `tinker_cookbook.preference.train_dpo.Config`, for our loop."""

from __future__ import annotations

from tinker_cookbook.supervised.types import ChatDatasetBuilder, ChatDatasetBuilderCommonConfig

from recipe_runner.compile.data.comparisons import pairs_builder
from recipe_runner.compile.evaluators import evaluator_builders
from recipe_runner.compile.job import Target
from recipe_runner.compile.shared import shared_fields
from recipe_runner.loops.dpo import Config
from recipe_runner.planning.plan import Plan
from schemas.dpo import DpoRecipe

ENTRY = "recipe_runner.loops.dpo:main"

# Fields of the Cookbook's config that recipes do not expose, and why.
UNEXPOSED = {
    "num_replicas": "nothing in the Cookbook reads it",
    "infrequent_evaluator_builders": "one cadence of evaluation is enough",
    "infrequent_eval_every": "goes with infrequent_evaluator_builders",
    "rolling_ttl_seconds": "a safety net behind explicit deletion; the Cookbook's two hours",
    "span_chart_every": "needs plotly; the spans are in timing_spans.jsonl all the same",
}


def config(plan: Plan, target: Target) -> Config:
    """Compile a `dpo` plan."""
    recipe = plan.recipe
    assert isinstance(recipe, DpoRecipe)
    # The one field of the others that the Cookbook's DPO lacks.
    shared = {k: v for k, v in shared_fields(plan, target).items() if k != "session_name"}
    reference_model, reference_path = _reference(recipe, target)
    return Config(
        **shared,
        dataset_builder=_dataset_builder(plan, recipe),
        lr_schedule=recipe.optimizer.schedule,
        num_epochs=recipe.epochs,
        dpo_beta=recipe.beta,
        adam_beta1=recipe.optimizer.beta1,
        adam_beta2=recipe.optimizer.beta2,
        adam_eps=recipe.optimizer.eps,
        eval_every=recipe.eval.every if recipe.eval else 0,
        evaluator_builders=evaluator_builders(plan, recipe, target),
        reference_model_name=reference_model,
        reference_checkpoint_path=reference_path,
    )


def _reference(recipe: DpoRecipe, target: Target) -> tuple[str | None, str | None]:
    """Return the reference's model and weights: those that training starts from, by default."""
    if recipe.reference is None:
        return None, target.sampler(recipe.model.load_from)
    return recipe.reference.model, target.sampler(recipe.reference.load_from)


def _dataset_builder(plan: Plan, recipe: DpoRecipe) -> ChatDatasetBuilder:
    common = ChatDatasetBuilderCommonConfig(
        model_name_for_tokenizer=recipe.model.name,
        renderer_name=plan.renderer,
        max_length=recipe.max_length,
        batch_size=recipe.batch_size,
    )
    return pairs_builder(recipe.data, common, seed=recipe.seed)
