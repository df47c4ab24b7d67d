"""A run, again: from its record, with what could not be held equal."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recipe_runner.backends import backend
from recipe_runner.errors import UsageError
from recipe_runner.planning.plan import Plan
from recipe_runner.planning.resolve import fingerprints
from recipe_runner.runs.attempt import Announce, Outcome
from recipe_runner.runs.directory import STAGES, RunDirectory
from recipe_runner.runs.execute import start
from recipe_runner.runs.manifest import Manifest
from recipe_runner.runs.record import RECIPE_FILES
from recipe_runner.runs.surroundings import Difference, differences
from schemas import parse_recipe
from schemas.backend import backend_kind


@dataclass(frozen=True)
class Repetition:
    """A run that is to be repeated.

    Attributes:
        original: its directory, absolute.
        plan: what the repetition runs: the plan on record, with checkpoints under the paths that
            they had then.
        differences: what could not be held equal.
    """

    original: RunDirectory
    manifest: Manifest
    plan: Plan
    differences: list[Difference]


@contextlib.contextmanager
def prepared(run: RunDirectory) -> Iterator[Repetition]:
    """Yield a run's repetition; while the block lasts, in the directory that it was started in.

    Raises:
        UsageError: if the run is a stage, or something that it reads is gone.
        RunFailed: if its plan cannot be read.
    """
    if run.path.parent.name == STAGES:
        raise UsageError(f"{run.path} is a stage; reproduce its pipeline: {run.path.parents[1]}")
    original = RunDirectory(run.path.resolve())
    manifest, plan = original.read_manifest(), original.read_plan()
    directory = Path(manifest.working_directory or ".")
    elsewhere = [] if directory.is_dir() else [_moved(directory)]
    with contextlib.chdir(directory if directory.is_dir() else Path.cwd()):
        pinned = _with_todays_files(_with_checkpoints(plan, original))
        found = [*elsewhere, *differences(original, manifest, plan)]
        yield Repetition(original, manifest, pinned, found)


def repeat(repetition: Repetition, *, announce: Announce) -> Outcome:
    """Run it, in a directory of its own; within `prepared`.

    Raises:
        RunnerError: what stopped the run.
    """
    original, plan = repetition.original, repetition.plan
    backend(backend_kind(plan.recipe.backend)).check_access()
    text = original.recipe_file.read_text("utf-8") if original.recipe_file.exists() else ""
    run = RunDirectory.create(plan, text, _files(original))
    run.note(reproduces=str(original.path))
    return start(plan, run, announce=announce)


def _moved(directory: Path) -> Difference:
    return Difference("working directory", str(directory), str(Path.cwd()))


def _files(run: RunDirectory) -> Mapping[str, str]:
    kept = run.path / RECIPE_FILES
    return {str(path): path.read_text("utf-8") for path in kept.rglob("*") if path.is_file()}


def _with_todays_files(plan: Plan) -> Plan:
    """Return the plan with the fingerprints of the data files as they are."""
    if plan.stages:
        stages = {name: _with_todays_files(stage) for name, stage in plan.stages.items()}
        return plan.model_copy(update={"stages": stages})
    try:
        found = fingerprints(plan.recipe)
    except OSError as error:
        raise UsageError(
            f"{error.filename} cannot be read: {error.strerror}. The run read it: bring it back to "
            f"reproduce the run (it was {plan.fingerprints.get(str(error.filename), 'there')})"
        ) from error
    return plan.model_copy(update={"fingerprints": found})


def _with_checkpoints(plan: Plan, run: RunDirectory) -> Plan:
    """Return the plan with the paths that `run:NAME@STEP` stood for when the run started."""
    loaded = {
        reference: path
        for reference, path in run.read_manifest().loaded.items()
        if reference.startswith("run:")
    }
    stages = {
        name: _with_checkpoints(stage, run.stage(name)) for name, stage in plan.stages.items()
    }
    if not loaded:
        return plan.model_copy(update={"stages": stages})
    recipe = parse_recipe(_replaced(plan.recipe.model_dump(mode="json"), loaded))
    return plan.model_copy(update={"recipe": recipe, "stages": stages})


def _replaced(tree: Any, values: Mapping[str, str]) -> Any:
    if isinstance(tree, dict):
        return {key: _replaced(item, values) for key, item in tree.items()}
    if isinstance(tree, list):
        return [_replaced(item, values) for item in tree]
    return values.get(tree, tree) if isinstance(tree, str) else tree
