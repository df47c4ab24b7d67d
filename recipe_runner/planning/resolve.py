"""Recipe -> Plan."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from recipe_runner.catalog import models
from recipe_runner.language import LoadedRecipe, RecipeError
from recipe_runner.planning.checks import check
from recipe_runner.planning.marked import data_files, main_model
from recipe_runner.planning.plan import LearningRate, Plan, Served
from schemas import Recipe
from schemas.common import ModelKeys
from schemas.optimizer import ScaledLearningRate


def make_plan(loaded: LoadedRecipe, served: Served | Callable[[str], Served]) -> Plan:
    """Resolve every default of a recipe.

    Args:
        served: which weights the backend serves, for all models or by a model's name.

    Raises:
        RecipeError: with every mistake that `check` finds.
    """
    errors = [found for found in check(loaded) if found.severity == "error"]
    if errors:
        raise RecipeError(errors)
    return _pipeline(loaded, served) if loaded.stages else _plan(loaded, served)


def _pipeline(loaded: LoadedRecipe, served: Served | Callable[[str], Served]) -> Plan:
    stages = {name: _plan(stage, served) for name, stage in loaded.stages.items()}
    return Plan(
        source=str(loaded.path),
        variant=loaded.variant,
        recipe=loaded.recipe,
        renderer=None,
        learning_rate=None,
        served=_served_to([stage.served for stage in stages.values()]),
        fingerprints={},
        notes=list(dict.fromkeys(note for stage in stages.values() for note in stage.notes)),
        stages=stages,
    )


def _served_to(stages: list[Served]) -> Served:
    """Return what a pipeline is served: stand-ins, if any of its stages is."""
    distinct = list(dict.fromkeys(stages))
    kind = next((served.kind for served in distinct if served.is_stand_in), distinct[0].kind)
    return Served(kind=kind, note="; ".join(dict.fromkeys(served.note for served in distinct)))


def _plan(loaded: LoadedRecipe, serves: Served | Callable[[str], Served]) -> Plan:
    recipe = loaded.recipe
    served = serves if isinstance(serves, Served) else serves(main_model(recipe) or "")
    return Plan(
        source=str(loaded.path),
        variant=loaded.variant,
        recipe=recipe,
        renderer=_renderer(recipe),
        learning_rate=_learning_rate(recipe),
        served=served,
        fingerprints=fingerprints(recipe),
        notes=_notes(recipe, served),
    )


def _renderer(recipe: Recipe) -> str | None:
    if not isinstance(recipe, ModelKeys):
        return None
    return renderer_of(recipe.model.name, recipe.renderer)


def renderer_of(model_name: str, wanted: str) -> str:
    """Return the renderer's name, `auto` resolved by the catalog."""
    if wanted != "auto":
        return wanted
    facts = models.find(model_name)
    assert facts is not None, "check() refuses an unknown model without a renderer"
    return facts.renderers[0]


def _learning_rate(recipe: Recipe) -> LearningRate | None:
    optimizer = getattr(recipe, "optimizer", None)
    if optimizer is None or not isinstance(recipe, ModelKeys):
        return None
    wanted = optimizer.learning_rate
    if isinstance(wanted, float | int):
        return LearningRate(value=float(wanted), source="recipe")
    facts = models.find(recipe.model.name)
    assert facts is not None, "check() refuses auto for a model without a recommendation"
    assert facts.learning_rate is not None, "check() refuses auto for such a model"
    get_lr = f"hyperparam_utils.get_lr({recipe.model.name!r})"
    if isinstance(wanted, ScaledLearningRate):
        return LearningRate(
            value=facts.learning_rate * wanted.auto, source=f"{wanted.auto:g} x {get_lr}"
        )
    return LearningRate(value=facts.learning_rate, source=get_lr)


def fingerprints(recipe: Recipe) -> dict[str, str]:
    return {str(path): _fingerprint(path) for path in data_files(recipe)}


def _fingerprint(path: Path) -> str:
    """Return a file's SHA-256, read in pieces: data may be larger than memory."""
    with path.open("rb") as file:
        return "sha256:" + hashlib.file_digest(file, "sha256").hexdigest()


def _notes(recipe: Recipe, served: Served) -> list[str]:
    notes = [served.note] if served.is_stand_in else []
    if recipe.method == "rl" and recipe.steps is not None:
        rollouts = recipe.rollout.groups_per_batch * recipe.rollout.group_size
        notes.append(
            f"{recipe.steps} steps of {rollouts} rollouts are {recipe.steps * rollouts:,} rollouts "
            f"of at most {recipe.rollout.max_tokens:,} tokens a turn"
        )
    if recipe.method == "reinforce":
        episodes = recipe.steps * recipe.episodes_per_batch
        notes.append(
            f"{recipe.steps} steps of {recipe.episodes_per_batch} episodes are {episodes:,} "
            f"episodes of at most {recipe.max_tokens:,} tokens a turn"
        )
    if getattr(getattr(recipe, "env", None), "allow_unsafe_execution", False):
        notes.append(
            "allow_unsafe_execution: on a machine that cannot isolate them, programs that the "
            "model writes run with your own rights"
        )
    return notes
