"""rollouts.jsonl of a run: what it sampled, a line an episode; `loops.rollouts` writes it.

A step may be there twice: after a kill it is computed again. The later lines count.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from recipe_runner.runs.files import parse_object

NAME = "rollouts.jsonl"


def rollouts_file(run: Path) -> Path:
    """Return the file in a run's directory; it is there once a step was sampled."""
    return run / NAME


def whole_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the offset and the record of each line that was written to its end."""
    if not path.exists():
        return
    offset = 0
    with path.open("rb") as file:
        for line in file:
            record = _record(line)
            if record is not None:
                yield offset, record
            offset += len(line)


def record_at(path: Path, offset: int) -> dict[str, Any]:
    """Return the record of the line that starts at an offset."""
    with path.open("rb") as file:
        file.seek(offset)
        record = _record(file.readline())
    assert record is not None, "whole_lines has read it"
    return record


def cut(path: Path, step: int) -> None:
    """Leave the steps before `step` alone, as resuming there computes the rest again."""
    if not path.exists():
        return
    part = path.with_name(f".{path.name}.part")
    with path.open("rb") as old, part.open("wb") as new:
        for line in old:
            record = _record(line)
            if record is not None and record["step"] < step:
                new.write(line)
        new.flush()
        os.fsync(new.fileno())
    os.replace(part, path)


def _record(line: bytes) -> dict[str, Any] | None:
    if not line.endswith(b"\n"):
        return None
    record = parse_object(line)
    known = record is not None and isinstance(record.get("step"), int)
    return record if known else None
