"""What a run's directory says of it: state, attempts, errors, versions, cost, scores.

Read as plain data, so that a run of an earlier or later release is shown as far as it goes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from recipe_runner.errors import RunFailed, RunnerError
from recipe_runner.planning.estimate import Estimate
from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.files import parse_object, read_json_lines
from recipe_runner.runs.progress.curve import HEADLINES, Headline
from recipe_runner.runs.usage import read_usage

Record = dict[str, Any]

_EVALUATIONS = "evaluations.jsonl"
# A line each for the last of them; a run that waits for its service may have thousands.
_MAX_EVENTS = 500
_RUNNING, _DONE = "running", "done"


def record_of(run: RunDirectory) -> Record:
    """Return what is on record of a run, but for metrics and rollouts.

    Raises:
        RunFailed: if run.json cannot be read.
    """
    manifest = _manifest(run)
    plan = json_file(run.plan_file) or {}
    recipe = _object(plan, "recipe")
    served = _object(manifest, "served") or _object(plan, "served")
    attempts = [each for each in _list(manifest, "attempts") if isinstance(each, dict)]
    events = read_json_lines(run.events_file)
    return {
        "id": run.run_id,
        "name": str(manifest.get("name", run.path.parent.name)),
        "variant": manifest.get("variant"),
        "method": _text(recipe, "method"),
        "state": _state(run, manifest),
        "description": manifest.get("description") or "",
        "tags": [str(each) for each in _list(manifest, "tags")],
        "created": manifest.get("created"),
        "served": served.get("note"),
        "stand_in": served.get("kind") == "stand-in",
        "charged": served.get("kind") == "hosted",
        "steps_wanted": recipe.get("steps"),
        "facts": _facts(run, manifest, recipe),
        "versions": _object(manifest, "versions"),
        "attempts": attempts,
        "errors": [str(each["error"]) for each in attempts if each.get("error")],
        "events": events[-_MAX_EVENTS:],
        "events_left_out": max(0, len(events) - _MAX_EVENTS),
        "checkpoints": _checkpoints(run),
        "evaluations": read_json_lines(run.path / _EVALUATIONS),
        "plan": flat(_readable_plan(plan)),
        "notes": [str(each) for each in _list(plan, "notes")],
        "cost": _cost(run),
        "headline": _headline(_text(recipe, "method")),
    }


def json_file(path: Path) -> Record | None:
    """Return the object that a JSON file holds; None if there is none."""
    try:
        return parse_object(path.read_bytes())
    except OSError:
        return None


def flat(tree: Record, prefix: str = "") -> list[list[Any]]:
    """Return a tree's leaves as [dotted key, value as text]."""
    found: list[list[Any]] = []
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            found += flat(value, f"{prefix}{key}.")
        elif value is not None:
            found.append([f"{prefix}{key}", as_text(value)])
    return found


def as_text(value: Any) -> str:
    """Return a plan's value as a recipe would have it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _object(record: Record, key: str) -> Record:
    """Return an object of a record; an empty one where it has none, or something else."""
    value = record.get(key)
    return value if isinstance(value, dict) else {}


def _list(record: Record, key: str) -> list[Any]:
    value = record.get(key)
    return value if isinstance(value, list) else []


def _text(record: Record, key: str) -> str | None:
    value = record.get(key)
    return value if isinstance(value, str) else None


def _manifest(run: RunDirectory) -> Record:
    manifest = json_file(run.manifest_file)
    if manifest is None:
        raise RunFailed(
            f"{run.manifest_file} is missing or no run's record; `recipe-run runs list` lists runs"
        )
    return manifest


def _state(run: RunDirectory, manifest: Record) -> str:
    """Return the state, as the run directory sees it where it can read the record."""
    try:
        return run.state()
    except (RunnerError, OSError, ValueError):
        return str(manifest.get("state", "unknown"))


def _facts(run: RunDirectory, manifest: Record, recipe: Record) -> list[list[str]]:
    git = _object(manifest, "git")
    commit = git.get("commit")
    dirty = " with uncommitted changes" if git.get("dirty") else ""
    backend = manifest.get("backend")
    attempts = [each for each in _list(manifest, "attempts") if isinstance(each, dict)] or [{}]
    facts = {
        "method": recipe.get("method"),
        "model": _object(recipe, "model").get("name"),
        "weights": _object(manifest, "served").get("note"),
        "backend": as_text(backend) if backend is not None else None,
        "recipe": manifest.get("source"),
        "seed": manifest.get("seed"),
        "created": manifest.get("created"),
        "host": attempts[-1].get("host"),
        "git": f"{str(commit)[:12]}{dirty}" if commit else None,
        "python": manifest.get("python"),
        "plan hash": str(manifest.get("plan_hash", ""))[:16],
        "directory": str(run.path),
    }
    return [[name, str(value)] for name, value in facts.items() if value not in (None, "")]


def _checkpoints(run: RunDirectory) -> list[list[str]]:
    saved = read_json_lines(run.checkpoints_file)
    return [
        [str(each.get("name")), str(each.get("state_path") or each.get("sampler_path") or "")]
        for each in saved
    ]


def _readable_plan(plan: Record) -> Record:
    """Return the plan as its user knows it: `auto` resolved, no stages, which have their own."""
    tree = dict(_object(plan, "recipe"))
    tree.pop("stages", None)
    if plan.get("renderer") is not None:
        tree["renderer"] = plan["renderer"]
    rate = plan.get("learning_rate")
    if isinstance(rate, dict) and isinstance(tree.get("optimizer"), dict):
        value, source = rate.get("value"), rate.get("source")
        tree["optimizer"] = {**tree["optimizer"], "learning_rate": f"{value}  ({source})"}
    return tree


def _cost(run: RunDirectory) -> Record:
    """Return tokens and money, counted and expected; each None where it is not on record."""
    usage = read_usage(run)
    estimate = json_file(run.estimate_file)
    try:
        expected = None if estimate is None else Estimate.model_validate(estimate)
    except ValueError:
        expected = None
    return {
        "usage": None if usage is None else usage.model_dump(mode="json"),
        "estimate": None if expected is None else expected.model_dump(mode="json"),
    }


def _headline(method: str | None) -> list[list[str]]:
    """Return the metrics that a method is watched by, the first that there is counts."""
    found: list[list[str]] = []
    each: Headline | None = HEADLINES.get(method or "")
    while each is not None:
        found.append([each.key, each.label])
        each = each.otherwise
    return found
