"""Which checkpoints a run has on the service, and which run a checkpoint belongs to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recipe_runner.errors import UsageError
from recipe_runner.planning.marked import checkpoint_references
from recipe_runner.runs import registry
from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.files import read_json_lines, write_json_lines
from schemas.backend import Backend

_STEP = re.compile(r"(?P<run>.+)@(?P<step>\d+|final)")
_PATHS = ("state_path", "sampler_path")


@dataclass(frozen=True)
class Saved:
    """A record of a run's checkpoints.jsonl.

    Attributes:
        name: `final`, or the step.
        paths: where it is on the service: to train on from, then to sample from.
    """

    run: RunDirectory
    name: str
    paths: tuple[str, ...]

    @property
    def label(self) -> str:
        return f"{self.run.path.parent.name}/{self.run.path.name}@{self.name}"


def saved_by(run: RunDirectory) -> list[Saved]:
    """Return a run's checkpoints, oldest first."""
    return [
        Saved(run, str(record.get("name")), _paths(record))
        for record in read_json_lines(run.checkpoints_file)
        if _paths(record)
    ]


def _paths(record: dict[str, Any]) -> tuple[str, ...]:
    return tuple(str(record[key]) for key in _PATHS if record.get(key))


def find_saved(root: Path, reference: str) -> tuple[RunDirectory, list[Saved]]:
    """Return the run of RUN or RUN@STEP, and the checkpoints that are meant: all, or the one.

    Raises:
        UsageError: if there is no such run or checkpoint; the message lists what there is.
    """
    match = _STEP.fullmatch(reference)
    run = registry.find_run(root, match["run"] if match else reference)
    saved = saved_by(run)
    if not saved:
        raise UsageError(f"{run.path} has no checkpoint")
    if match is None:
        return run, saved
    name = match["step"] if match["step"] == "final" else f"{int(match['step']):06d}"
    wanted = [each for each in saved if each.name == name]
    if not wanted:
        names = ", ".join(each.name for each in saved)
        raise UsageError(f"{run.path} has no checkpoint {match['step']}; it has {names}")
    return run, wanted[-1:]


def latest(saved: list[Saved]) -> Saved:
    """Return the one to take where no step is given: the final one, else the newest."""
    return next((each for each in saved if each.name == "final"), saved[-1])


def owners(root: Path) -> dict[str, Saved]:
    """Return the owner of each checkpoint that a run below `root` has on record, by path."""
    return {
        path: saved for run in _all_runs(root) for saved in saved_by(run) for path in saved.paths
    }


def _all_runs(root: Path) -> list[RunDirectory]:
    """Return the runs below a directory, the stages of pipelines included."""
    return [RunDirectory(manifest.parent) for manifest in sorted(root.glob("**/run.json"))]


def backend_of(run: RunDirectory) -> Backend:
    """Return where a run was executed."""
    return run.read_plan().recipe.backend


def users(root: Path, path: str) -> Iterator[RunDirectory]:
    """Yield the runs that are being executed and that wrote a checkpoint or started from it."""
    owner = owners(root).get(path)
    for run in _all_runs(root):
        if run.is_locked() and ((owner and owner.run == run) or path in _loaded(root, run)):
            yield run


def _loaded(root: Path, run: RunDirectory) -> set[str]:
    """Return the paths of the checkpoints that a run names."""
    found: set[str] = set()
    for reference in checkpoint_references(run.read_plan().recipe):
        if reference.startswith("tinker://"):
            found.add(reference)
        elif reference.startswith("run:"):
            with suppress(UsageError):  # what it started from is gone already
                found.add(registry.checkpoint_path(root, reference))
                found.add(registry.sampler_path(root, reference) or "")
    return found


def forget(root: Path, path: str) -> None:
    """Take a deleted checkpoint out of the record of the run that wrote it."""
    owner = owners(root).get(path)
    if owner is None:
        return
    run = owner.run
    with run.lock():
        kept = [_without(record, path) for record in read_json_lines(run.checkpoints_file)]
        write_json_lines(run.checkpoints_file, [record for record in kept if _paths(record)])
        run.add_event("checkpoint deleted", path=path)


def _without(record: dict[str, Any], path: str) -> dict[str, Any]:
    return {key: value for key, value in record.items() if key not in _PATHS or value != path}
