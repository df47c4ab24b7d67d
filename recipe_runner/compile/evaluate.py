"""`method: eval` -> `recipe_runner.loops.evaluate.Config`."""

from __future__ import annotations

from recipe_runner.compile.evaluators import evaluator_builder
from recipe_runner.compile.job import Target
from recipe_runner.loops.evaluate import Config
from recipe_runner.planning.plan import Plan
from schemas.evaluate import EvalRecipe
from schemas.evaluators import BenchmarkEvaluator, Evaluator, InspectEvaluator

ENTRY = "recipe_runner.loops.evaluate:main"

# Every field of our own loop's config comes from a recipe.
UNEXPOSED: dict[str, str] = {}

# What the model said to benchmarks, below the run's directory: one folder an evaluator.
REPLIES = "benchmarks"


def config(plan: Plan, target: Target) -> Config:
    """Compile an `eval` plan."""
    recipe = plan.recipe
    assert isinstance(recipe, EvalRecipe)
    assert plan.renderer is not None, "every recipe with a model has a renderer"
    wandb = recipe.logging.wandb
    return Config(
        log_path=str(target.log_path),
        model_name=recipe.model.name,
        renderer_name=plan.renderer,
        recipe_name=f"recipe_run_{recipe.name}",
        model_path=target.sampler(recipe.model.load_from),
        base_url=target.base_url,
        names=[evaluator_name(evaluator) for evaluator in recipe.evaluators],
        evaluator_builders=[
            evaluator_builder(
                plan, evaluator, target, save_dir=target.log_path / REPLIES / str(index)
            )
            for index, evaluator in enumerate(recipe.evaluators)
        ],
        wandb_project=wandb.project if wandb else None,
        wandb_name=(wandb.name or recipe.name) if wandb else None,
    )


def evaluator_name(evaluator: Evaluator) -> str:
    """Return what people call an evaluator."""
    if isinstance(evaluator, InspectEvaluator):
        return ", ".join(evaluator.tasks)
    return evaluator.name if isinstance(evaluator, BenchmarkEvaluator) else evaluator.builder
