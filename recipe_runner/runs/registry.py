"""Finding runs on disk."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from recipe_runner.errors import UsageError
from recipe_runner.planning.plan import Plan
from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.files import read_json_lines


def runs_under(root: Path, name: str | None = None) -> list[RunDirectory]:
    """Return the readable runs below `root`, oldest first; of one recipe name if given."""
    manifests = root.glob(f"{name or '*'}/*/run.json")
    runs = [RunDirectory(manifest.parent) for manifest in manifests]
    readable = [run for run in runs if _is_readable(run)]
    return sorted(readable, key=lambda run: (run.read_manifest().created, run.path.name))


def unfinished_run(plan: Plan) -> RunDirectory | None:
    """Return the newest run of this plan that has not come to its end."""
    for run in reversed(runs_under(Path(plan.recipe.logging.dir), plan.recipe.name)):
        if run.read_manifest().plan_hash == plan.hash and run.read_manifest().state != "done":
            return run
    return None


def find_run(root: Path, reference: str) -> RunDirectory:
    """Return the run that a directory, an id, NAME/ID or a recipe's name (its newest) stands for.

    Raises:
        UsageError: if there is none.
    """
    if (Path(reference) / "run.json").exists():
        return RunDirectory(Path(reference))
    known: set[str] = set()
    for run in reversed(runs_under(root)):
        name, run_id = run.path.parent.name, run.path.name
        names = {run_id, f"{name}/{run_id}", name}
        if reference in names:
            return run
        known |= names
    near = difflib.get_close_matches(reference, sorted(known), n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else "`recipe-run runs list` lists them"
    raise UsageError(f"there is no run {reference!r} in {root}; {hint}")


def checkpoint_path(root: Path, reference: str, stages: Path | None = None) -> str:
    """Return the `tinker://` state path that `run:NAME@STEP` or `run:NAME@final` stands for.

    `stages` is the directory of the stages that `stage:NAME@final` names.

    Raises:
        UsageError: if there is no such run or checkpoint; the message lists what there is.
    """
    return str(_checkpoint(root, reference, stages)["state_path"])


def sampler_path(root: Path, reference: str, stages: Path | None = None) -> str | None:
    """Return the path to sample from of the same checkpoint; None if it was saved without one."""
    path = _checkpoint(root, reference, stages).get("sampler_path")
    return None if path is None else str(path)


def _checkpoint(root: Path, reference: str, stages: Path | None) -> dict[str, Any]:
    kind, _, rest = reference.partition(":")
    name, _, step = rest.partition("@")
    if kind == "stage" and stages is not None:
        runs = [RunDirectory(stages / name)]
    else:
        runs = runs_under(root, name)
    if not runs:
        known = sorted({run.path.parent.name for run in runs_under(root)})
        raise UsageError(
            f"{reference}: there is no run of {name!r} in {root}"
            + (f"; there are {', '.join(known)}" if known else "")
        )
    for run in reversed(runs):
        for record in reversed(read_json_lines(run.checkpoints_file)):
            wanted = "final" if step == "final" else f"{int(step):06d}"
            if record.get("name") == wanted and record.get("state_path"):
                return record
    raise UsageError(f"{reference}: no run of {name!r} in {root} has a checkpoint {step}")


def _is_readable(run: RunDirectory) -> bool:
    try:
        run.read_manifest()
    except (OSError, ValidationError):
        return False
    return True
