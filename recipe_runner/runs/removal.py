"""Removing a run's directory; what it saved on the service stays there."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import suppress

from recipe_runner.errors import UsageError
from recipe_runner.runs.directory import STAGES, RunDirectory
from recipe_runner.runs.links import links_in, require_within
from recipe_runner.runs.registry import checkpoints_of, record_of, stage_names


def require_removable(run: RunDirectory) -> None:
    """Refuse a run that is at work, and a part of one; a link to a run never is.

    Raises:
        UsageError: with the way out.
    """
    require_within(run.root, run.path.parent)
    if run.path.is_symlink():
        return
    if run.path.parent.name == STAGES:
        raise UsageError(
            f"{run.path} is a stage; what can be removed is its pipeline: {run.path.parents[1]}"
        )
    for each in [run, *(run.stage(name) for name in stage_names(run))]:
        if each.is_locked():
            raise UsageError(f"{each.path} is at work; stop it first")


def left_on_service(run: RunDirectory) -> Iterator[str]:
    """Say which checkpoints nobody on this machine will know of once the run is removed."""
    if run.path.is_symlink():
        yield f"a link: what it leads to stays, {run.path.resolve()}"
        return
    saved = [
        each
        for directory in [run, *(run.stage(name) for name in stage_names(run))]
        for each in checkpoints_of(directory)
    ]
    if not saved:
        return
    record = record_of(run) or {}
    served = record.get("served", {}).get("kind")
    where = {"hosted": "on hosted Tinker", "remote": "on its server"}.get(
        served, "in the local backend's store, where their time to live ends them"
    )
    count = "1 checkpoint stays" if len(saved) == 1 else f"{len(saved)} checkpoints stay"
    yield f"{count} {where}; to delete them first: recipe-run weights rm {run.path}"


def remove(run: RunDirectory) -> None:
    """Remove a run's directory, and that of its name where it was the last.

    It is renamed before it is emptied, so that an interruption leaves no half of a run. A link is
    removed itself, and nothing of what it leads to.

    Raises:
        UsageError: if the run is at work.
    """
    require_removable(run)
    if run.path.is_symlink():
        run.path.unlink()
        return
    for link in links_in(run.path):
        link.unlink()
    hidden = run.path.with_name(f".removed-{run.path.name}")
    with run.lock():
        run.path.rename(hidden)
    for each in run.path.parent.glob(".removed-*"):  # with what an interruption left
        if each.is_symlink():
            each.unlink()
        else:
            shutil.rmtree(each)
    with suppress(OSError):  # others of that name are there
        run.path.parent.rmdir()
