"""Whether two runs have the same metrics, to the last digit, and where they first part."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.files import read_json_lines
from recipe_runner.runs.registry import stage_names

# What a clock decides, not the run.
_OF_THE_CLOCK = ("time/", "timing/")


@dataclass(frozen=True)
class Parting:
    """The first value that differs; `none` is shown for one that is missing."""

    step: int
    key: str
    before: Any
    after: Any


@dataclass(frozen=True)
class Equality:
    """Two runs' metrics side by side, times left aside.

    Attributes:
        steps: the steps that both have.
        missing: steps that one of them lacks.
        keys: the metrics that either has.
        differing: those of them that differ at any common step.
        parting: the first difference in a step that both have.
        outputs: files of samples that differ.
    """

    steps: int
    missing: int
    keys: int
    differing: tuple[str, ...]
    parting: Parting | None
    outputs: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether nothing differs."""
        return not (self.missing or self.differing or self.outputs)


def compare_metrics(before: RunDirectory, after: RunDirectory) -> dict[str, Equality]:
    """Return how equal two runs of a plan are; of a pipeline, stage by stage, else under ""."""
    names = stage_names(before)
    if not names:
        return {"": _compared(before, after)}
    return {name: _compared(before.stage(name), after.stage(name)) for name in names}


def _compared(before: RunDirectory, after: RunDirectory) -> Equality:
    old, new = _by_step(before), _by_step(after)
    common = sorted(old.keys() & new.keys())
    differing: dict[str, None] = {}
    parting = None
    keys: set[str] = set()
    for step in common:
        a, b = old[step], new[step]
        keys |= a.keys() | b.keys()
        found = [key for key in dict.fromkeys([*a, *b]) if not _equal(a.get(key), b.get(key))]
        differing |= dict.fromkeys(found)
        if found and parting is None:
            parting = Parting(step, found[0], a.get(found[0]), b.get(found[0]))
    return Equality(
        steps=len(common),
        missing=len(old.keys() ^ new.keys()),
        keys=len(keys),
        differing=tuple(differing),
        parting=parting,
        outputs=_differing_outputs(before, after),
    )


def _equal(a: Any, b: Any) -> bool:
    """Compare values as JSON has them, so that a number that is none equals itself."""
    return a == b or json.dumps(a) == json.dumps(b)


def _by_step(run: RunDirectory) -> dict[int, dict[str, Any]]:
    found: dict[int, dict[str, Any]] = {}
    for row in read_json_lines(run.metrics_file):
        kept = {k: v for k, v in row.items() if k != "step" and not k.startswith(_OF_THE_CLOCK)}
        if isinstance(row.get("step"), int):
            found.setdefault(row["step"], {}).update(kept)
    return found


def _differing_outputs(before: RunDirectory, after: RunDirectory) -> tuple[str, ...]:
    """Compare what a run of `generate` wrote."""
    output = getattr(before.read_plan().recipe, "output", None)
    if output is None:
        return ()
    texts = [path.read_bytes() if path.exists() else b"" for path in _places(before, after, output)]
    return () if texts[0] == texts[1] else (str(output),)


def _places(before: RunDirectory, after: RunDirectory, output: str) -> list[Any]:
    return [before.path / output, after.path / output]
