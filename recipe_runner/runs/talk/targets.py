"""What is talked to: from `RUN@STEP`, a model's name or a `tinker://` path to where it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from recipe_runner.backends.local.models import is_model_directory
from recipe_runner.catalog import models
from recipe_runner.errors import UsageError
from recipe_runner.runs.directory import STAGES, RunDirectory
from recipe_runner.runs.registry import (
    FINAL,
    Checkpoint,
    checkpoints_of,
    find_checkpoint,
    find_run,
    sampler_path,
    split_step,
)
from recipe_runner.runs.training import LOCAL_STORE
from schemas import Recipe
from schemas.backend import Backend
from schemas.common import ModelKeys

PATH = "tinker://"
MODEL = "model:"
_TRAINS_NOTHING = ("eval", "generate")


@dataclass(frozen=True)
class Target:
    """A checkpoint or a base model.

    Attributes:
        label: as it is called on screen and in files.
        model: the base model; None where only the service knows.
        path: weights to sample from; None: the base model's.
        renderer: None: the catalog's recommended one.
        store: the local backend's checkpoints.
        recipe: whose system prompt and wording it is asked with.
    """

    label: str
    model: str | None
    path: str | None
    renderer: str | None
    backend: Backend
    store: Path
    recipe: Recipe | None


def find_targets(
    root: Path, references: Sequence[str], *, backend: Backend | None, renderer: str | None
) -> list[Target]:
    """Return what the references mean, in their order.

    A base model beside a run is asked as the first run's model was: at its backend, in its wording,
    and through its renderer where it is the model that the run started from.

    Args:
        root: the directory of the runs.
        backend: in place of the runs' own.
        renderer: for all of them, in place of their own.

    Raises:
        UsageError: if one is neither a run, a model nor a path, or has nothing to sample from.
    """
    for reference in references:
        if list(references).count(reference) > 1:
            raise UsageError(f"{reference} is given twice")
    runs = {each: _of_run(root, each) for each in references if not _is_no_run(root, each)}
    targets = [
        runs[each] if each in runs else _without_run(root, each, list(runs.values()))
        for each in references
    ]
    return [
        replace(target, backend=backend or target.backend, renderer=renderer or target.renderer)
        for target in targets
    ]


def _is_no_run(root: Path, reference: str) -> bool:
    """Whether a reference is a path on the service, or a model that no run is called like."""
    if reference.startswith((PATH, MODEL)):
        return True
    known = models.find(reference) is not None or is_model_directory(Path(reference))
    return known and not (root / reference / "run.json").exists()


def _of_run(root: Path, reference: str) -> Target:
    name, step = split_step(reference)
    try:
        run = find_run(root, name)
    except UsageError as error:
        raise _no_run(reference, error) from error
    recipe = run.read_plan().recipe
    if recipe.method in _TRAINS_NOTHING and step is None:
        return _asked_by(run, reference)
    checkpoint = _to_sample_from(find_checkpoint(root, reference), any_step=step is None)
    return _target(checkpoint.run, _label(name, checkpoint), checkpoint.sampler_path)


def _no_run(reference: str, error: UsageError) -> UsageError:
    near = models.near_names(reference) if "/" in reference else []
    if near:
        listed = " or ".join(near)
        return UsageError(f"{error}. If a model is meant, the catalog has {listed}")
    return UsageError(f"{error}. A model that is not in the catalog is written model:NAME")


def _asked_by(run: RunDirectory, reference: str) -> Target:
    """Return the model that a run asked, which trained none."""
    recipe = run.read_plan().recipe
    assert isinstance(recipe, ModelKeys)
    start = recipe.model.load_from
    if start is None or start.startswith(PATH):
        return _target(run, reference, start and start.replace("/weights/", "/sampler_weights/"))
    path = sampler_path(_root(run), start, run.path.parent)
    if path is None:
        raise UsageError(f"{start}, which {run.path} asked, was saved to train on from alone")
    return _target(run, reference, path)


def _target(run: RunDirectory, label: str, path: str | None) -> Target:
    plan = run.read_plan()
    recipe = plan.recipe
    assert isinstance(recipe, ModelKeys), "a pipeline has no checkpoints, its stages have"
    return Target(
        label=label,
        model=recipe.model.name,
        path=path,
        renderer=plan.renderer,
        backend=recipe.backend,
        store=_root(run) / LOCAL_STORE,
        recipe=recipe,
    )


def _root(run: RunDirectory) -> Path:
    """Return the directory of all runs that a run is in, itself or with its pipeline."""
    own = run.path.absolute()
    return own.parents[3] if own.parent.name == STAGES else own.parents[1]


def _label(name: str, checkpoint: Checkpoint) -> str:
    """Return the run as it was called, with the stage that a pipeline's name was taken for."""
    step = checkpoint.name if checkpoint.name == FINAL else str(int(checkpoint.name))
    run = checkpoint.run.path
    stage = f"/{run.name}" if run.parent.name == STAGES and not name.endswith(run.name) else ""
    return f"{name.rstrip('/')}{stage}@{step}"


def _to_sample_from(checkpoint: Checkpoint, *, any_step: bool) -> Checkpoint:
    """Return the checkpoint, or the run's newest that can be sampled from where any step will do.

    Raises:
        UsageError: if it was saved to train on from alone.
    """
    if checkpoint.sampler_path is not None:
        return checkpoint
    others = [each for each in checkpoints_of(checkpoint.run) if each.sampler_path]
    if others and any_step:
        return others[-1]
    names = ", ".join(each.name for each in others)
    listed = f"those to sample from: {names}" if others else "the run has no other"
    raise UsageError(
        f"{checkpoint.run.path}: checkpoint {checkpoint.name} was saved to train on from, not to "
        f"sample from; {listed}"
    )


def _without_run(root: Path, reference: str, runs: Sequence[Target]) -> Target:
    """Return a base model, or weights that only the service knows."""
    path = reference if reference.startswith(PATH) else None
    if path is not None and "/sampler_weights/" not in path:
        raise UsageError(f"{path} is not to be sampled from; tinker://…/sampler_weights/NAME is")
    model = None if path else reference.removeprefix(MODEL)
    same = next((run for run in runs if model is not None and run.model == model), None)
    first = runs[0] if runs else None
    return Target(
        label=reference.removeprefix(MODEL),
        model=model,
        path=path,
        renderer=same.renderer if same else None,
        backend=first.backend if first else "tinker",
        store=first.store if first else root / LOCAL_STORE,
        recipe=first.recipe if first else None,
    )
