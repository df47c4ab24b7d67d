"""Plan -> a finished run: picks or makes its directory, and runs the plan or its stages there."""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Iterator, Mapping
from pathlib import Path

from recipe_runner.backends import backend
from recipe_runner.errors import RunFailed, UsageError
from recipe_runner.planning.changes import changes
from recipe_runner.planning.marked import main_model
from recipe_runner.planning.plan import Plan
from recipe_runner.planning.resolve import fingerprints
from recipe_runner.refused import in_words
from recipe_runner.runs.attempt import Announce, Outcome
from recipe_runner.runs.budget import limits_in_usd
from recipe_runner.runs.directory import STAGES, RunDirectory
from recipe_runner.runs.existing import OnExisting, choose_run
from recipe_runner.runs.links import require_own_files
from recipe_runner.runs.pipeline import run_stages
from recipe_runner.runs.survive import survive
from recipe_runner.versions import other_versions
from schemas.backend import backend_kind

__all__ = ["OnExisting", "execute", "resume", "start"]


def execute(
    plan: Plan,
    recipe_text: str,
    *,
    files: Mapping[str, str] | None = None,
    on_existing: OnExisting = "auto",
    announce: Announce,
) -> Outcome:
    """Run a plan to its end, or resume the run of it that has not come to its end.

    Args:
        files: the texts of all files that the recipe was made from, by path, for the record.
        announce: takes the lines that a person should read before the display starts.

    Raises:
        RunnerError: what stopped the run, with the next step; the run directory has the details.
    """
    backend(backend_kind(plan.recipe.backend)).check_access()
    for note in limits_in_usd(plan):
        announce(note)
    choice = choose_run(plan, recipe_text, on_existing, files)
    for note in choice.notes:
        announce(note)
    if not choice.resumed:
        return start(plan, choice.run, announce=announce)
    return _go_on(plan, choice.run, recipe_text, announce, files)


def start(plan: Plan, run: RunDirectory, *, announce: Announce) -> Outcome:
    """Run a plan to its end in a directory that was made for it.

    Raises:
        RunnerError: what stopped the run.
    """
    with _written(run), run.lock():
        return _run(plan, run, resumed=False, announce=announce)


def resume(run: RunDirectory, *, announce: Announce) -> Outcome:
    """Go on with a run under its own plan, wherever the command is given.

    Raises:
        UsageError: if there is nothing to go on with, or what the plan stands on is not what it
            was: data files, the weights behind the model's name.
        RunnerError: what stopped the run.
    """
    if run.path.parent.name == STAGES:
        raise UsageError(f"{run.path} is a stage; resume its pipeline: {run.path.parents[1]}")
    plan = run.read_plan()
    if run.read_manifest().state == "done":
        raise UsageError(
            f"{run.path} is done. To train it further, run its recipe with more steps and "
            "--on-existing resume"
        )
    require_own_files(run.root, run.path)
    run = RunDirectory(run.path.resolve())
    with contextlib.chdir(_working_directory(plan, run)):
        backend(backend_kind(plan.recipe.backend)).check_access()
        _require_unchanged(plan)
        for note in limits_in_usd(plan):
            announce(note)
        return _go_on(plan, run, None, announce)


def _go_on(
    plan: Plan,
    run: RunDirectory,
    recipe_text: str | None,
    announce: Announce,
    files: Mapping[str, str] | None = None,
) -> Outcome:
    """Resume a run under a plan that may differ from its own in what may change."""
    with _written(run), run.lock():
        manifest = run.read_manifest()
        last = manifest.attempts[-1] if manifest.attempts else None
        if last is not None and last.state == "running" and last.host != platform.node():
            announce(
                f"note: the last attempt was process {last.pid} on {last.host} and has not said "
                "that it ended; if it is still at work there, stop one of the two"
            )
        found = changes(run.read_plan(), plan)
        if found:
            run.add_event("plan changed", changes=[str(change) for change in found])
            run.write_plan(plan)
            if recipe_text is not None:
                run.write_recipe(recipe_text, files)
            manifest.plan_hash = plan.hash
            run.write_manifest(manifest)
        return _run(plan, run, resumed=True, announce=announce)


def _run(plan: Plan, run: RunDirectory, *, resumed: bool, announce: Announce) -> Outcome:
    for each in other_versions():
        announce(f"note: {each}; if something breaks: {each.remedy}")
    run_it = run_stages if plan.stages else survive
    return run_it(plan, run, resumed=resumed, announce=announce)


@contextlib.contextmanager
def _written(run: RunDirectory) -> Iterator[None]:
    """Say in words what keeps the files of a run from being written."""
    try:
        yield
    except OSError as error:
        if isinstance(error, BrokenPipeError):  # whoever read the output has gone away
            raise
        raise RunFailed(
            f"{in_words(error, run.path)}, then give the same command again: the run goes on where "
            "its files end"
        ) from error


def _working_directory(plan: Plan, run: RunDirectory) -> Path:
    """Return the directory that the plan's paths are relative to.

    The one on record, unless the runs have been moved: then the one that has them now.
    """
    root, given = run.path.parents[1], Path(plan.recipe.logging.dir)
    recorded = Path(run.read_manifest().working_directory)
    if (recorded / given).resolve() == root:
        return recorded
    if given.is_absolute() or root.parts[-len(given.parts) :] != given.parts:
        return Path.cwd()
    return Path(*root.parts[: -len(given.parts)])


def _require_unchanged(plan: Plan) -> None:
    """Refuse to go on with other data, or other weights under the same name."""
    served = backend(backend_kind(plan.recipe.backend)).served
    for stage in plan.stages.values() or [plan]:
        try:
            files = fingerprints(stage.recipe)
        except OSError as error:
            raise UsageError(
                f"{error.filename} cannot be read: {error.strerror}. The run reads it; give the "
                "command where the run was started, or bring the file back"
            ) from error
        now = {"fingerprints": files, "served": served(main_model(stage.recipe) or "")}
        found = changes(stage, stage.model_copy(update=now))
        if found:
            lines = "".join(f"\n  {change}" for change in found)
            raise RunFailed(f"the run cannot go on: what it stands on has changed{lines}")
