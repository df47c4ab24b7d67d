"""Rows of the table that `table.py` prints: a figure of ours, one to hold it against, a goal."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Row:
    """What was measured, as the table shows it.

    Attributes:
        what: what is done, and whether cold (a new process) or warm.
        against: whose figure `theirs` is.
        ours, theirs: medians with their unit, `0.27 s`.
        ratio: of the two, or of ours to a limit, in words: `7.1 times faster`.
        goal: what the ratio, or the figure, should be.
        met: whether it is.
    """

    what: str
    against: str
    ours: str
    theirs: str
    ratio: str
    goal: str
    met: bool


HEADINGS = ("what", "against", "ours", "theirs", "ratio", "goal", "met")


def arguments(doc: str | None, *, repeat: int = 5) -> argparse.ArgumentParser:
    """Return the options that every benchmark takes; `doc` is the module's docstring."""
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--repeat", type=int, default=repeat, metavar="N", help="rounds, after a warm-up"
    )
    parser.add_argument("--rows", type=Path, metavar="FILE", help="add the rows to it, as JSONL")
    return parser


def show(rows: Sequence[Row], file: Path | None = None) -> None:
    """Print the rows as a table, and add them to the file where there is one."""
    print(f"\n{machine()}\n\n{table(rows)}", flush=True)
    if file is not None:
        with file.open("a", encoding="utf-8") as out:
            out.writelines(json.dumps(asdict(row)) + "\n" for row in rows)


def read(file: Path) -> list[Row]:
    """Return the rows that `show` added to the file."""
    return [Row(**json.loads(line)) for line in file.read_text("utf-8").splitlines()]


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a Markdown table."""
    cells = [HEADINGS, tuple("---" for _ in HEADINGS)]
    for row in rows:
        *words, met = asdict(row).values()
        cells.append((*words, "yes" if met else "**no**"))
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


def machine() -> str:
    """Return one line about where this was measured, for a reader of the figures."""
    load, *_ = os.getloadavg()
    return (
        f"{os.cpu_count()} processors, {platform.system()}, Python {sys.version.split()[0]}, "
        f"load {load:.1f}"
    )
