"""Rows of text in columns, for people and for `grep`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from recipe_runner.printable import printable

MAX_WIDTH = 100


def one_line(text: str) -> str:
    """Return a text as it is where it is short, else how it starts and how long it is."""
    start = text.splitlines()[0] if text else ""
    if start == text and len(text) <= MAX_WIDTH:
        return printable(text)
    return f"{printable(start[:MAX_WIDTH])} …  ({len(text):,} characters)"


def columns(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a table, each column as wide as its widest cell."""
    table = [header, *([printable(cell) for cell in row] for row in rows)]
    widths = [max(len(row[i]) for row in table) for i in range(len(header))]
    for row in table:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
