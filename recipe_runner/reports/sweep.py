"""A sweep's record as a page shows it: its variants, those without a run included."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recipe_runner.errors import UsageError
from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.registry import find_run

_RECORD = "sweep.json"
_PLACE = ".sweeps"

Record = dict[str, Any]


@dataclass(frozen=True)
class Chosen:
    """What a page is about.

    Attributes:
        sweeps: the records of sweeps that the runs are of.
    """

    runs: list[RunDirectory]
    sweeps: list[Path]


def find(root: Path, reference: str) -> tuple[list[RunDirectory], Path | None]:
    """Return the runs that a person means: one, or those of a sweep, with the sweep's record.

    Args:
        reference: what `find_run` takes; a sweep's directory, or its name in `.sweeps`.

    Raises:
        UsageError: if there is none.
    """
    for place in (Path(reference), root / _PLACE / reference):
        if (place / _RECORD).is_file():
            return _runs_of(place / _RECORD), place / _RECORD
    return [find_run(root, reference)], None


def find_all(root: Path, references: Sequence[str]) -> Chosen:
    """Return the runs that several references mean, each once, and the sweeps among them."""
    found = [find(root, each) for each in references]
    runs = {run.path: run for several, _ in found for run in several}
    return Chosen(list(runs.values()), [record for _, record in found if record is not None])


def read(files: Sequence[Path], runs: Sequence[RunDirectory]) -> list[Record]:
    """Return sweeps with each variant's place among the page's runs; None where it has none."""
    places = {run.path.resolve(): index for index, run in enumerate(runs)}
    found = []
    for file in files:
        record = _read(file)
        for variant in record["variants"]:
            path = variant.get("run")
            place = _resolved(path) if path else None
            variant["index"] = None if place is None else places.get(place)
        found.append(record)
    return found


def _runs_of(file: Path) -> list[RunDirectory]:
    paths = [Path(each["run"]) for each in _read(file)["variants"] if each.get("run")]
    runs = [RunDirectory(path) for path in paths if (path / "run.json").exists()]
    if not runs:
        raise UsageError(f"{file.parent} has no run yet; give it again once a variant has begun")
    return runs


def _read(file: Path) -> Record:
    try:
        record = json.loads(file.read_bytes())
        known = all(isinstance(each.get("run"), str | None) for each in record["variants"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        known = False
    if not known:
        raise UsageError(f"{file} is not the record of a sweep; give the sweep's runs instead")
    return dict(record)


def _resolved(path: str) -> Path | None:
    """Return where a path leads; none where it cannot be one."""
    try:
        return Path(path).resolve()
    except (OSError, ValueError, RuntimeError):  # null bytes, halves of characters, loops
        return None
