"""`method: sft` -> `tinker_cookbook.supervised.train.Config`."""

from __future__ import annotations

from tinker_cookbook.renderers import TrainOnWhat
from tinker_cookbook.supervised.train import Config
from tinker_cookbook.supervised.types import (
    ChatDatasetBuilderCommonConfig,
    SupervisedDatasetBuilder,
)

from recipe_runner.compile.data import supervised_builder
from recipe_runner.compile.evaluators import evaluator_builders
from recipe_runner.compile.job import Target
from recipe_runner.compile.shared import shared_fields
from recipe_runner.planning.plan import Plan
from schemas.sft import SftRecipe

ENTRY = "tinker_cookbook.supervised.train:main"

# Fields of the Cookbook's config that recipes do not expose, and why.
UNEXPOSED = {
    "infrequent_evaluator_builders": "one cadence of evaluation is enough",
    "infrequent_eval_every": "goes with infrequent_evaluator_builders",
    "save_every_tokens": "checkpoints are counted in steps",
    "save_every_seconds": "checkpoints are counted in steps",
    "rolling_ttl_seconds": "a safety net behind explicit deletion; the Cookbook's two hours",
    "async_periodic_saves": "a checkpoint is on record before training goes on",
    "span_chart_every": "needs plotly; the spans are in timing_spans.jsonl all the same",
    "submit_ahead": "resuming counts on the Cookbook's one batch of look-ahead",
}


def config(plan: Plan, target: Target) -> Config:
    """Compile an `sft` plan."""
    recipe = plan.recipe
    assert isinstance(recipe, SftRecipe)
    return Config(
        **shared_fields(plan, target),
        dataset_builder=_dataset_builder(plan, recipe),
        lr_schedule=recipe.optimizer.schedule,
        num_epochs=recipe.epochs,
        adam_beta1=recipe.optimizer.beta1,
        adam_beta2=recipe.optimizer.beta2,
        adam_eps=recipe.optimizer.eps,
        eval_every=recipe.eval.every if recipe.eval else 0,
        evaluator_builders=evaluator_builders(plan, recipe, target),
    )


def _dataset_builder(plan: Plan, recipe: SftRecipe) -> SupervisedDatasetBuilder:
    common = ChatDatasetBuilderCommonConfig(
        model_name_for_tokenizer=recipe.model.name,
        renderer_name=plan.renderer,
        max_length=recipe.max_length,
        batch_size=recipe.batch_size,
        train_on_what=TrainOnWhat(recipe.train_on),
    )
    return supervised_builder(recipe.data, common, seed=recipe.seed)
