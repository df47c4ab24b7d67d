"""Finding runs and their checkpoints on disk, by whatever a person calls them."""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Any

from pydantic_core import from_json

from recipe_runner.errors import UsageError
from recipe_runner.planning.plan import Plan
from recipe_runner.runs.directory import STAGES, RunDirectory
from recipe_runner.runs.files import parse_object, read_json_lines

FINAL = "final"
_TEXTS = ("id", "name", "state", "plan_hash", "created")
# What lists and pages take from a record beside these, where it has it.
_FORMS: dict[str, type | UnionType] = {
    **{"method": str, "source": str, "description": str, "python": str, "tags": list},
    **{"served": dict, "links": dict, "versions": dict, "git": dict | None, "summary": dict | None},
    **{"model": str | None, "variant": str | None, "reproduces": str | None},
}
_AT_STEP = re.compile(r"(?P<run>.+)@(?P<step>\d+|final)")


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint of a run.

    Attributes:
        run: the run that saved it; of a pipeline, the stage.
        name: `final`, or the step in six digits.
        state_path: where it is on the service, to train on from.
        sampler_path: the same weights, to sample from.
    """

    run: RunDirectory
    name: str
    state_path: str | None
    sampler_path: str | None


def runs_under(root: Path, name: str | None = None) -> list[RunDirectory]:
    """Return the readable runs below `root`, oldest first; of one recipe name if given."""
    return [run for run in reversed(newest_first(root, name)) if _is_readable(run)]


def unfinished_run(plan: Plan) -> RunDirectory | None:
    """Return the newest run of this plan that has not come to its end."""
    for run in newest_first(Path(plan.recipe.logging.dir), plan.recipe.name):
        record = record_of(run)
        if record and record["plan_hash"] == plan.hash and record["state"] != "done":
            return run
    return None


def record_of(run: RunDirectory) -> dict[str, Any] | None:
    """Return run.json as it stands, none where it is missing or no run's record.

    For lists of many runs: `RunDirectory.read_manifest` checks it too, and takes longer.
    """
    try:
        with open(f"{run.path}/run.json", "rb") as file:
            record = from_json(file.read(), cache_strings="keys")
    except (OSError, ValueError):
        return None
    return record if _is_record(record) else None


def _is_record(record: Any) -> bool:
    """Whether this is a run's record, as far as a quick look tells."""
    if not isinstance(record, dict) or not isinstance(record.get("attempts"), list):
        return False
    if not all(isinstance(record.get(key), str) for key in _TEXTS):
        return False
    if not all(isinstance(record[key], form) for key, form in _FORMS.items() if key in record):
        return False
    return all(
        isinstance(each, dict) and isinstance(each.get("started"), str)
        for each in record["attempts"]
    )


def require_record(run: RunDirectory) -> dict[str, Any]:
    """Return run.json.

    Raises:
        UsageError: if it is missing or no run's record.
    """
    record = record_of(run)
    if record is None:
        raise UsageError(f"{run.manifest_file} is not the record of a run")
    return record


def find_run(root: Path, reference: str) -> RunDirectory:
    """Return the run that a person means.

    Args:
        reference: a directory; an id, or the start of one that no other id has; NAME/ID; a recipe's
            name (its newest run); each with `/STAGE` behind it for a stage of a pipeline.

    Raises:
        UsageError: if there is none, or more than one.
    """
    if (Path(reference) / "run.json").exists():
        return RunDirectory(Path(reference))
    runs = newest_first(root)
    found = _found(root, runs, reference) or _stage(root, runs, reference)
    if found is not None:
        return found
    names = {run.path.parent.name for run in runs} | {run.path.name for run in runs}
    near = difflib.get_close_matches(reference, sorted(names), n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else "`recipe-run runs list` lists them"
    raise UsageError(f"there is no run {reference!r} in {root}; {hint}")


def _found(root: Path, runs: list[RunDirectory], reference: str) -> RunDirectory | None:
    name, _, run_id = reference.rpartition("/")
    ids = [run for run in runs if run.path.name == run_id and name in ("", run.path.parent.name)]
    named = [run for run in runs if run.path.parent.name == reference]
    for run in [*ids, *named]:
        if _is_readable(run):
            return run
    starting = [
        run
        for run in runs
        if run_id and run.path.name.startswith(run_id) and name in ("", run.path.parent.name)
    ]
    if len(starting) > 1:
        which = ", ".join(run.path.name for run in starting[:4])
        raise UsageError(
            f"{reference!r} is the start of {len(starting)} runs' ids in {root}: {which}"
            f"{', …' if len(starting) > 4 else ''}; give more of it"
        )
    return starting[0] if starting and _is_readable(starting[0]) else None


def _stage(root: Path, runs: list[RunDirectory], reference: str) -> RunDirectory | None:
    of, _, stage = reference.rpartition("/")
    pipeline = _found(root, runs, of.removesuffix(f"/{STAGES}")) if of else None
    if pipeline is None:
        return None
    stages = stage_names(pipeline)
    if stages and stage not in stages:
        raise UsageError(f"{pipeline.path} has no stage {stage!r}; it has {', '.join(stages)}")
    return pipeline.stage(stage) if stages else None


def stage_names(run: RunDirectory) -> list[str]:
    """Return the stages of a pipeline's run in their order; none of any other run."""
    directory = run.path / STAGES
    if not directory.is_dir():
        return []
    present = {path.name for path in directory.iterdir() if (path / "run.json").exists()}
    try:
        order = list((parse_object(run.plan_file.read_bytes()) or {})["stages"])
    except (OSError, KeyError, TypeError):
        order = sorted(present)
    return [name for name in order if name in present]


def find_checkpoint(root: Path, reference: str) -> Checkpoint:
    """Return the checkpoint that `RUN@STEP` or `RUN@final` means, RUN alone its final or newest.

    Of a pipeline's RUN alone, that of the last stage that has one.

    Raises:
        UsageError: if there is no such run or checkpoint; the message lists what there is.
    """
    run_reference, step = split_step(reference)
    run = find_run(root, run_reference)
    for each in [run, *(run.stage(name) for name in reversed(stage_names(run)))]:
        saved = checkpoints_of(each)
        if saved:
            return _chosen(each, saved, step)
    raise UsageError(
        f"{run.path} has no checkpoint: it ended before its first one, or its method has none"
    )


def split_step(reference: str) -> tuple[str, str | None]:
    """Return RUN and STEP of `RUN@STEP`: `final`, digits, or none where there is no `@`."""
    match = _AT_STEP.fullmatch(reference)
    return (match["run"], match["step"]) if match else (reference, None)


def checkpoints_of(run: RunDirectory) -> list[Checkpoint]:
    """Return a run's checkpoints, oldest first."""
    saved = [
        Checkpoint(run, str(each.get("name")), each.get("state_path"), each.get("sampler_path"))
        for each in read_json_lines(run.checkpoints_file)
    ]
    return [each for each in saved if each.state_path or each.sampler_path]


def _chosen(run: RunDirectory, saved: list[Checkpoint], step: str | None) -> Checkpoint:
    if step is None:
        return next((each for each in reversed(saved) if each.name == FINAL), saved[-1])
    name = _checkpoint_name(step)
    for each in reversed(saved):
        if each.name == name:
            return each
    names = ", ".join(each.name for each in saved)
    raise UsageError(f"{run.path} has no checkpoint {step}; it has {names}")


def _checkpoint_name(step: str) -> str:
    return step if step == FINAL else f"{int(step):06d}"


def checkpoint_path(root: Path, reference: str, stages: Path | None = None) -> str:
    """Return the `tinker://` state path that `run:NAME@STEP` or `run:NAME@final` stands for.

    `stages` is the directory of the stages that `stage:NAME@final` names.

    Raises:
        UsageError: if there is no such run or checkpoint; the message lists what there is.
    """
    found = named_checkpoint(root, reference, stages)
    assert found.state_path is not None
    return found.state_path


def sampler_path(root: Path, reference: str, stages: Path | None = None) -> str | None:
    """Return the path to sample from of the same checkpoint; None if it was saved without one."""
    return named_checkpoint(root, reference, stages).sampler_path


def named_checkpoint(root: Path, reference: str, stages: Path | None = None) -> Checkpoint:
    """Return the checkpoint that a recipe's `load_from` names.

    Raises:
        UsageError: as `checkpoint_path`.
    """
    kind, _, rest = reference.partition(":")
    name, _, step = rest.partition("@")
    if kind == "stage" and stages is not None:
        runs = [RunDirectory(stages / name)]
    else:
        runs = newest_first(root, name)
    if not runs:
        known = sorted({run.path.parent.name for run in newest_first(root)})
        raise UsageError(
            f"{reference}: there is no run of {name!r} in {root}"
            + (f"; there are {', '.join(known)}" if known else "")
        )
    for run in runs:
        for saved in reversed(checkpoints_of(run)):
            if saved.name == _checkpoint_name(step) and saved.state_path:
                return saved
    raise UsageError(f"{reference}: no run of {name!r} in {root} has a checkpoint {step}")


def newest_first(root: Path, name: str | None = None) -> list[RunDirectory]:
    """Return the runs below a directory by their ids, which start with the time in UTC."""
    names = [name] if name is not None else _directories(root)
    found = [
        (run_id, each)
        for each in names
        for run_id in _directories(root / each)
        if os.path.exists(f"{root}/{each}/{run_id}/run.json")
    ]
    return [
        RunDirectory(Path(f"{root}/{each}/{run_id}"))
        for run_id, each in sorted(found, reverse=True)
    ]


def _directories(path: Path) -> list[str]:
    try:
        with os.scandir(path) as entries:
            return [entry.name for entry in entries if entry.name[0] != "." and entry.is_dir()]
    except OSError:
        return []


def _is_readable(run: RunDirectory) -> bool:
    return record_of(run) is not None
