"""Episodes as a page browses them: a table of all, and their texts in packs."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recipe_runner.reports.blobs import Blobs
from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.rollouts import rollouts_file, whole_lines

Record = dict[str, Any]

# Texts of a page together, before they are packed: a browser keeps the packed form.
MAX_BYTES = 64_000_000
_IN_A_PACK = 50
_PREVIEW = 160
_TRAIN = "train"

# How the Cookbook's benchmarks name who wrote a turn: what the model wrote was sampled.
_SAMPLED = "assistant"
_TRAJECTORIES = "trajectories.jsonl"


@dataclass(frozen=True)
class Limit:
    """What a run may take of a page: episodes, and bytes of them on disk."""

    episodes: int
    size: int


@dataclass(frozen=True)
class _Line:
    """Where an episode is on disk; `key` says which it is: a later line replaces it."""

    source: Path
    offset: int
    size: int
    key: tuple[int, str, int, int]

    @property
    def group(self) -> tuple[int, str, int]:
        return self.key[:3]


def pack(run: RunDirectory, blobs: Blobs, limit: Limit) -> Record | None:
    """Return a run's episodes as a page takes them; None where nothing was written.

    Args:
        limit: whole groups are left out, evenly over the run, and counted.
    """
    lines = _lines(run)
    if not lines:
        return None
    chosen = _chosen(lines, limit)
    table: dict[str, list[Any]] = {name: [] for name in _COLUMNS}
    packs: list[int] = []
    pack_of_records: list[Record] = []
    for record in _read(chosen):
        for name, value in _COLUMNS.items():
            table[name].append(value(record))
        pack_of_records.append(record)
        if len(pack_of_records) == _IN_A_PACK:
            packs.append(blobs.add_json(pack_of_records))
            pack_of_records = []
    if pack_of_records:
        packs.append(blobs.add_json(pack_of_records))
    return {
        "total": len(lines),
        "kept": len(chosen),
        "groups": len({line.group for line in lines}),
        "kept_groups": len({line.group for line in chosen}),
        "errors": sum(1 for error in table["error"] if error),
        "table": blobs.add_json(table),
        "packs": packs,
        "in_a_pack": _IN_A_PACK,
    }


def _lines(run: RunDirectory) -> list[_Line]:
    """Return the episodes on disk in the order of steps, each where it was written last."""
    found: dict[tuple[int, str, int, int], _Line] = {}
    for line in _own_lines(rollouts_file(run.path)):
        found[line.key] = line
    for path in sorted(run.path.glob(f"*/{_TRAJECTORIES}")):
        for line in _benchmark_lines(path):
            found[line.key] = line
    return [found[key] for key in sorted(found, key=lambda key: (key[0], key[1] != _TRAIN, key))]


def _own_lines(path: Path) -> Iterator[_Line]:
    end = path.stat().st_size if path.exists() else 0
    previous: tuple[int, Record] | None = None
    for offset, record in whole_lines(path):
        if previous is not None:
            yield _own_line(path, *previous, size=offset - previous[0])
        previous = offset, record
    if previous is not None:
        yield _own_line(path, *previous, size=end - previous[0])


def _own_line(path: Path, offset: int, record: Record, *, size: int) -> _Line:
    key = record["step"], str(record.get("split")), _int(record, "group"), _int(record, "member")
    return _Line(path, offset, size, key)


def _int(record: Record, key: str) -> int:
    value = record.get(key)
    return value if isinstance(value, int) else 0


def _benchmark_lines(path: Path) -> Iterator[_Line]:
    offset = 0
    with path.open("rb") as file:
        for number, line in enumerate(file):
            if line.endswith(b"\n"):
                yield _Line(path, offset, len(line), (0, path.parent.name, number, 0))
            offset += len(line)


def _chosen(lines: list[_Line], limit: Limit) -> list[_Line]:
    """Leave whole groups out, evenly, until what is left is within the limits."""
    groups: dict[tuple[int, str, int], list[_Line]] = {}
    for line in lines:
        groups.setdefault(line.group, []).append(line)
    size = sum(line.size for line in lines)
    share = min(1.0, limit.episodes / len(lines), limit.size / max(1, size))
    if share == 1.0:
        return lines
    wanted = math.floor(share * len(groups))
    every = list(groups.values())
    return [line for i in _evenly(len(every), wanted) for line in every[i]]


def _evenly(count: int, wanted: int) -> list[int]:
    """Return `wanted` places of `count`, the first and the last among them."""
    if wanted < 2:
        return [count - 1] * wanted
    return sorted({round(i * (count - 1) / (wanted - 1)) for i in range(wanted)})


def _read(lines: list[_Line]) -> Iterator[Record]:
    files = {path: path.open("rb") for path in {line.source for line in lines}}
    try:
        for line in lines:
            file = files[line.source]
            file.seek(line.offset)
            record = _parsed(file.readline())
            yield _from_benchmark(record, line) if line.source.name == _TRAJECTORIES else record
    finally:
        for file in files.values():
            file.close()


def _parsed(line: bytes) -> Record:
    """Read a line; one that is broken is shown as it is, as an error."""
    try:
        record = json.loads(line, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        record = None
    if isinstance(record, dict):
        return record
    return {"error": f"this line cannot be read: {line[:200]!r}"}


def _from_benchmark(record: Record, line: _Line) -> Record:
    """Return an example of a benchmark in the form of rollouts.jsonl."""
    step, split, group, member = line.key
    turns = [turn for turn in _listed(record.get("turns")) if isinstance(turn, dict)]
    pieces = [
        [
            str(turn.get("content", "")),
            "untrained" if turn.get("role") == _SAMPLED else "shown",
            turn.get("token_count", 0),
            None,
        ]
        for turn in turns
    ]
    counts = {True: 0, False: 0}
    for turn in turns:
        counts[turn.get("role") == _SAMPLED] += _int(turn, "token_count")
    return {
        "step": step,
        "split": split,
        "group": group,
        "member": member,
        "reward": record.get("reward"),
        "advantage": None,
        "prompt_tokens": counts[False],
        "reply_tokens": counts[True],
        "metrics": record.get("metrics") or {},
        "turns": [{"reward": record.get("reward"), "metrics": {}, "logs": record.get("logs", {})}],
        "sequences": [pieces],
        **({"error": str(record["error"])} if record.get("error") else {}),
    }


def _finite(key: str) -> Callable[[Record], float | None]:
    def value(record: Record) -> float | None:
        number = record.get(key)
        known = isinstance(number, int | float) and math.isfinite(number)
        return number if known else None

    return value


def error_of(record: Record) -> str | None:
    """Return what went wrong in an episode, as far as it says."""
    if record.get("error"):
        return str(record["error"])
    for turn in _listed(record.get("turns")):
        known = turn if isinstance(turn, dict) else {}
        logs, metrics = known.get("logs"), known.get("metrics")
        if isinstance(logs, dict) and logs.get("env_error"):
            return str(logs["env_error"])
        for name, value in metrics.items() if isinstance(metrics, dict) else ():
            if name in ("env_error", "env_timeout") and value:
                return name.replace("_", " ")
    return None


def _preview(record: Record) -> str:
    """Return the start of what was sampled."""
    for sequence in _listed(record.get("sequences")):
        for piece in _listed(sequence):
            if isinstance(piece, list) and len(piece) > 1 and piece[1] != "shown":
                return " ".join(str(piece[0])[: 2 * _PREVIEW].split())[:_PREVIEW]
    return ""


def _listed(value: Any) -> list[Any]:
    """Return a list as it is; nothing of what is none, as another hand may have written."""
    return value if isinstance(value, list) else []


# What the list of episodes shows without unpacking their texts.
_COLUMNS: dict[str, Callable[[Record], Any]] = {
    "step": lambda record: _int(record, "step"),
    "split": lambda record: str(record.get("split", "")),
    "group": lambda record: _int(record, "group"),
    "member": lambda record: _int(record, "member"),
    "reward": _finite("reward"),
    "advantage": _finite("advantage"),
    "prompt_tokens": lambda record: _int(record, "prompt_tokens"),
    "reply_tokens": lambda record: _int(record, "reply_tokens"),
    "error": error_of,
    "preview": _preview,
}
