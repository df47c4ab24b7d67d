"""What of a preflight was the real thing, and what stood in for something else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from recipe_runner.backends.local.models import ModelSource
from recipe_runner.backends.local.tokenizers import sources
from recipe_runner.planning.marked import checkpoint_references, data_files
from recipe_runner.planning.plan import Plan
from recipe_runner.runs.training import of_a_stage
from schemas import Recipe


def real_parts(plan: Plan) -> list[str]:
    """Return what a preflight ran for real: loops, environments, data, renderers, models, SDK."""
    stages = list(plan.stages.values()) or [plan]
    parts = [part for stage in stages for part in _of_recipe(stage.recipe)]
    renderers = [f"renderer {stage.renderer}" for stage in stages if stage.renderer]
    models = [source.note for source in sources(plan) if source.kind != "stand-in"]
    return list(dict.fromkeys([*parts, *renderers, *models, "Tinker's SDK"]))


def stand_ins(plan: Plan, samples: Sequence[str]) -> list[str]:
    """Return what stood in for the models and the hub data sets that the plan names."""
    models = [source for source in sources(plan) if source.kind == "stand-in"]
    rows = [
        f"rows written for recipe-run in place of the data set {data_set}" for data_set in samples
    ]
    recipes = [plan.recipe, *(stage.recipe for stage in plan.stages.values())]
    named = sorted({each for recipe in recipes for each in checkpoint_references(recipe)})
    weights = [f"base weights in place of {each}" for each in named if not of_a_stage(each)]
    return [*_models(models), *weights, *rows]


def _of_recipe(recipe: Recipe) -> Iterator[str]:
    yield f"{recipe.method} loop"
    env = getattr(recipe, "env", None)
    if env is not None:
        names = (getattr(env, key, None) for key in ("id", "game", "dataset", "builder"))
        yield " ".join([f"{env.kind} environment", *(name for name in names if name)])
    data_set = getattr(getattr(recipe, "data", None), "dataset", None)
    if data_set is not None:
        yield f"builder of the data set {data_set}"
    yield from (f"data {file.name}" for file in data_files(recipe))


def _models(models: Sequence[ModelSource]) -> Iterator[str]:
    shipped = [source.name for source in models if source.weights is not None]
    random = [source.name for source in models if source.weights is None]
    if shipped:
        yield f"the shipped small model in place of {', '.join(shipped)}"
    if random:
        yield f"a small random model, with the real tokenizer, in place of {', '.join(random)}"
