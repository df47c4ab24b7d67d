"""Which data files messages may quote: those outside the project of the recipe at work are not.

A recipe may come from somebody else and name a file that is none of their business. Light: the
standard library alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

WITHHELD = "does not fit; nothing is quoted of a file outside the recipe's project"

# Of the recipes at work in this process; loops read their data on threads of their own.
_allowed: list[Callable[[Path], bool]] = []


@contextmanager
def quoting(allowed: Callable[[Path], bool]) -> Iterator[None]:
    """While the block lasts, quote only the data files that `allowed` holds of."""
    _allowed.append(allowed)
    try:
        yield
    finally:
        _allowed.remove(allowed)


def quoted(path: Path, message: str) -> str:
    """Return a message about a line of a data file, or what may be said of it instead."""
    return message if all(allowed(path) for allowed in _allowed) else WITHHELD
