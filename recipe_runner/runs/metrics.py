"""Single columns of a metrics file, fast enough for a hundred thousand rows of a hundred keys."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic_core import from_json

# By step, in the file's order.
Column = dict[int, float]

_STEP = b'{"step": '
_TRAINING_KEYS = ("progress/done_frac", "progress")
_SAMPLE_OF_ROWS = 200


@dataclass(frozen=True)
class MetricsTable:
    """The rows of a metrics file as bytes: a value is parsed only where it is asked for.

    Attributes:
        rows: step and line.
    """

    rows: list[tuple[int, bytes]]

    @classmethod
    def read(cls, metrics_file: Path) -> MetricsTable:
        """Read a metrics file, empty where there is none; a line that was cut short ends it."""
        return cls(list(_rows(metrics_file)))

    def training_rows(self) -> MetricsTable:
        """Return the rows that are training steps; evaluation may write rows of its own."""
        return MetricsTable([(s, line) for s, line in self.rows if _is_training(line)])

    def column(self, key: str) -> Column:
        """Return the numbers that a key has, by step."""
        # JSON escapes a quote within a text, so what looks like a key is one.
        mark = f"{json.dumps(key)}: ".encode()
        found: Column = {}
        for step, line in self.rows:
            start = line.find(mark)
            if start >= 0:
                value = _number(line, start + len(mark))
                if value is not None:
                    found[step] = value
        return found

    def key_names(self) -> list[str]:
        """Return the keys of the first and last few hundred rows, as they first come."""
        few = len(self.rows) <= 2 * _SAMPLE_OF_ROWS
        chosen = self.rows if few else [*self.rows[:_SAMPLE_OF_ROWS], *self.rows[-_SAMPLE_OF_ROWS:]]
        found: dict[str, None] = {}
        for _, line in chosen:
            found |= dict.fromkeys(_parsed(line) or ())
        return [key for key in found if key != "step"]

    def latest(self, prefix: str) -> dict[str, float]:
        """Return the latest number of each key that starts with `prefix`."""
        mark = json.dumps(prefix)[:-1].encode()
        found: dict[str, float] = {}
        for _, line in self.rows:
            if mark in line:
                found |= {
                    key: value
                    for key, value in (_parsed(line) or {}).items()
                    if key.startswith(prefix) and isinstance(value, float | int)
                }
        return found


def is_training_row(row: Mapping[str, Any]) -> bool:
    """Whether a metrics row is a training step's; async evaluation writes rows of its own."""
    return any(key in row for key in _TRAINING_KEYS)


def common_keys(tables: Iterable[MetricsTable]) -> list[str]:
    """Return the keys that any of the tables has, in the order that they first come in."""
    return list(dict.fromkeys(key for table in tables for key in table.key_names()))


def _rows(metrics_file: Path) -> Iterator[tuple[int, bytes]]:
    if not metrics_file.exists():
        return
    for line in metrics_file.read_bytes().split(b"\n"):
        if not line:
            continue
        if line.startswith(_STEP) and line.endswith(b"}"):
            step = _number(line, len(_STEP))
        else:
            # Written by another hand, or cut short.
            row = _parsed(line)
            if row is None:
                return
            value = row.get("step")
            step = float(value) if isinstance(value, int) else None
            line = json.dumps(row).encode()
        if step is not None:
            yield int(step), line


def _is_training(line: bytes) -> bool:
    return any(f'"{key}": '.encode() in line for key in _TRAINING_KEYS)


def _parsed(line: bytes) -> dict[str, object] | None:
    try:
        row = from_json(line, cache_strings="keys")
    except ValueError:
        return None
    return row if isinstance(row, dict) else None


def _number(line: bytes, start: int) -> float | None:
    """Return the number that starts there, none where it is something else."""
    comma = line.find(b",", start)
    try:
        return float(line[start : len(line) - 1 if comma < 0 else comma])
    except ValueError:
        return None
