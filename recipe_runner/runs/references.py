"""`load_from: run:NAME@STEP` against the runs on this machine: whether it is there, and fits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from recipe_runner.errors import UsageError
from recipe_runner.language import Diagnostic, LoadedRecipe
from recipe_runner.planning.checks.places import value_at
from recipe_runner.planning.marked import main_model, marked_places
from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.files import parse_object
from recipe_runner.runs.registry import named_checkpoint
from schemas.base import NamesCheckpoint

RUN = "run:"


def check_runs(loaded: LoadedRecipe, *, required: bool) -> list[Diagnostic]:
    """Return what is wrong with the runs that a recipe, or a stage of it, starts from.

    Args:
        required: whether a run that is not on this machine is a mistake. It is none where recipes
            are only read.
    """
    named = [each for each in marked_places(loaded.recipe, NamesCheckpoint) if _is_run(each[1])]
    stages = (check_runs(stage, required=required) for stage in loaded.stages.values())
    return [
        *(d for path, value in named for d in _check(loaded, path, value, required)),
        *(d for found in stages for d in found),
    ]


def _is_run(reference: str) -> bool:
    return reference.startswith(RUN)


def _check(loaded: LoadedRecipe, path: str, reference: str, required: bool) -> Iterator[Diagnostic]:
    try:
        run = named_checkpoint(Path(loaded.recipe.logging.dir), reference).run
    except UsageError as error:
        if required:
            yield loaded.diagnostic(path, "unknown-run", str(error))
        return
    trained, wanted = _model_of(run), _model_beside(loaded, path)
    if trained and wanted and _base(trained) != _base(wanted):
        yield loaded.diagnostic(
            path,
            "other-model",
            f"{reference} is a checkpoint of {trained}, and does not fit {wanted}",
            hint=f"name {trained} here, or a run of {wanted}",
        )


def _model_of(run: RunDirectory) -> str | None:
    """Return the model that a run trained; none where its plan does not say."""
    try:
        plan = parse_object(run.plan_file.read_bytes()) or {}
        return str(plan["recipe"]["model"]["name"])
    except (OSError, KeyError, TypeError):
        return None


def _model_beside(loaded: LoadedRecipe, path: str) -> str | None:
    """Return the model that a checkpoint is loaded into: its section's, else the recipe's."""
    section = path.rpartition(".")[0]
    for key in ("name", "model"):
        found = value_at(loaded.recipe, f"{section}.{key}")
        if isinstance(found, str):
            return found
    return main_model(loaded.recipe)


def _base(model: str) -> str:
    return model.partition(":")[0]
