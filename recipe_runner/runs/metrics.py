"""Single columns of a metrics file, fast enough for a hundred thousand rows of a hundred keys."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic_core import from_json

# By step, in the file's order.
Column = dict[int, float]

_STEP = b'{"step": '
_TRAINING_KEYS = ("progress/done_frac", "progress")
_DONE, _PROGRESS = (f'"{key}": '.encode() for key in _TRAINING_KEYS)
_BYTES_AT_ONCE = 1 << 20
_SAMPLE_OF_ROWS = 200


@dataclass(frozen=True)
class Scan:
    """What one pass over a metrics file found.

    Attributes:
        training_steps: number of rows that are training steps; evaluation may write rows of its
            own.
        training: numbers of those rows, by key and step.
        columns: numbers of all rows, by key and step.
        latest: the latest number of each key that starts with the prefix.
    """

    training_steps: int
    training: dict[str, Column]
    columns: dict[str, Column]
    latest: dict[str, float]


def scan(
    metrics_file: Path,
    *,
    training: Iterable[str] = (),
    columns: Iterable[str] = (),
    prefix: str | None = None,
) -> Scan:
    """Read the numbers of a few keys; a line that was cut short ends the file.

    Args:
        training: keys to read in rows that are training steps.
        columns: keys to read in all rows.
        prefix: how keys start of which the latest number is wanted.
    """
    found = Scan(0, {key: {} for key in training}, {key: {} for key in columns}, {})
    # JSON escapes a quote within a text, so what looks like a key is one.
    of_training = [(f"{json.dumps(key)}: ".encode(), into) for key, into in found.training.items()]
    of_all = [(f"{json.dumps(key)}: ".encode(), into) for key, into in found.columns.items()]
    of_prefix = json.dumps(prefix)[:-1].encode() if prefix else None
    steps = 0
    for step, line in _rows(metrics_file):
        if _DONE in line or _PROGRESS in line:
            steps += 1
            _take(of_training, step, line)
        _take(of_all, step, line)
        if of_prefix is not None and prefix is not None and of_prefix in line:
            found.latest.update(_numbers(line, prefix))
    return Scan(steps, found.training, found.columns, found.latest)


def key_names(metrics_file: Path) -> list[str]:
    """Return the keys of the first rows and of the last, in the order that they first come in."""
    found: dict[str, None] = {}
    for _, line in islice(_rows(metrics_file), _SAMPLE_OF_ROWS):
        found |= dict.fromkeys(_parsed(line) or ())
    for line in _last_lines(metrics_file):
        found |= dict.fromkeys(_parsed(line) or ())
    return [key for key in found if key != "step"]


def is_training_row(row: Mapping[str, Any]) -> bool:
    """Whether a metrics row is a training step's; async evaluation writes rows of its own."""
    return any(key in row for key in _TRAINING_KEYS)


def _rows(metrics_file: Path) -> Iterator[tuple[int, bytes]]:
    if not metrics_file.exists():
        return
    with metrics_file.open("rb", buffering=_BYTES_AT_ONCE) as file:
        for line in file:
            if line.startswith(_STEP) and line.endswith(b"}\n"):
                step = _number(line, len(_STEP))
            else:
                # Written by another hand, cut short, or empty.
                row = _parsed(line)
                if row is None:
                    if line.strip():
                        return
                    continue
                value = row.get("step")
                step = float(value) if isinstance(value, int) and abs(value) < 2**53 else None
                line = json.dumps(row).encode() + b"\n"
            if step is not None and math.isfinite(step):
                yield int(step), line


def _last_lines(metrics_file: Path) -> list[bytes]:
    if not metrics_file.exists():
        return []
    with metrics_file.open("rb") as file:
        size = file.seek(0, 2)
        start = max(0, size - _BYTES_AT_ONCE)
        file.seek(start)
        lines = file.read().split(b"\n")
    return lines[1:] if start else lines


def _take(marks: list[tuple[bytes, Column]], step: int, line: bytes) -> None:
    for mark, column in marks:
        start = line.find(mark)
        if start >= 0:
            value = _number(line, start + len(mark))
            if value is not None:
                column[step] = value


def _numbers(line: bytes, prefix: str) -> dict[str, float]:
    return {
        key: value
        for key, value in (_parsed(line) or {}).items()
        if key.startswith(prefix) and isinstance(value, float | int)
    }


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        row = from_json(line, cache_strings="keys")
    except ValueError:
        return None
    return row if isinstance(row, dict) else None


def _number(line: bytes, start: int) -> float | None:
    """Return the number that starts there, none where it is something else."""
    end = line.find(b",", start)
    try:
        return float(line[start:end] if end >= 0 else line[start : line.rindex(b"}")])
    except ValueError:
        return None
