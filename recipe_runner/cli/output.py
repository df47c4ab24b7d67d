"""Diagnostics as text with the source line, as JSON, and as annotations of GitHub's checks."""

from __future__ import annotations

import json
import os
import re
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import click

from recipe_runner.printable import printable, printable_lines

if TYPE_CHECKING:
    from recipe_runner.language import Diagnostic

Flags = Mapping[str, Sequence[str]]

MAX_WIDTH = 140
_WORD = re.compile(r"""[^\s,:{}\[\]"']+""")
_COLOURS = {"error": "red", "warning": "yellow"}


def print_text(diagnostics: Iterable[Diagnostic], flags: Flags | None = None) -> None:
    """Print diagnostics on standard error, in colour on a terminal."""
    colour = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    for diagnostic in diagnostics:
        click.echo(as_text(diagnostic, flags or {}, colour=colour), err=True, color=colour)


def as_text(diagnostic: Diagnostic, flags: Flags, *, colour: bool = False) -> str:
    """Return place, message, source line with a caret, and the hint."""
    d = diagnostic
    kind = click.style(d.severity, fg=_COLOURS[d.severity], bold=True) if colour else d.severity
    lines = [f"{printable(d.file)}:{d.line}:{d.column}: {kind}[{d.code}] {printable(d.message)}"]
    source = source_line(d, flags)
    if source is not None:
        lines += _excerpt(source, d.line, d.column, colour=colour)
    if d.hint is not None:
        lines.append(f"  = help: {printable(d.hint)}")
    return "\n".join(lines)


def as_json(diagnostics: Iterable[Diagnostic]) -> str:
    """Return one JSON array, in ASCII: what a terminal would obey is escaped too."""
    return json.dumps([d.as_dict() for d in diagnostics], indent=2)


def as_github(diagnostic: Diagnostic) -> str:
    """Return a workflow command, which GitHub shows beside the line."""
    d = diagnostic
    message = printable_lines(d.message)
    if d.hint is not None:
        message += f"\n{printable(d.hint)}"
    place = f"file={_property(printable(d.file))},line={d.line},col={d.column}"
    return f"::{d.severity} {place},title={_property(d.code)}::{_data(message)}"


def source_line(diagnostic: Diagnostic, flags: Flags) -> str | None:
    """Return the line that a diagnostic points at, or none where it cannot be shown."""
    if diagnostic.file in flags:
        texts = flags[diagnostic.file]
        return texts[diagnostic.line - 1] if diagnostic.line <= len(texts) else None
    from recipe_runner.language.project import Project

    if not Project.of(diagnostic.file).contains(diagnostic.file):  # where a link leads out of it
        return None
    lines = _lines_of(diagnostic.file)
    return lines[diagnostic.line - 1] if diagnostic.line <= len(lines) else None


def flag_texts(argv: Sequence[str]) -> dict[str, list[str]]:
    """Return what was given to `--set`, `--var` and `--variant`, in order."""
    texts: dict[str, list[str]] = {"--set": [], "--var": [], "--variant": []}
    words = iter(argv)
    for word in words:
        flag, equals, value = word.partition("=")
        if flag in texts:
            texts[flag].append(value if equals else next(words, ""))
    return texts


@lru_cache(maxsize=64)
def _lines_of(file: str) -> list[str]:
    from recipe_runner.language.files import LINE_BREAK, MAX_BYTES

    try:
        if not os.path.isfile(file) or os.path.getsize(file) > MAX_BYTES:
            return []
        with open(file, encoding="utf-8-sig", newline="") as stream:
            return LINE_BREAK.split(stream.read())
    except (OSError, ValueError):
        return []


def _excerpt(source: str, line: int, column: int, *, colour: bool) -> list[str]:
    start = max(0, column - 1 - MAX_WIDTH // 2) if len(source) > MAX_WIDTH else 0
    shown = source[start : start + MAX_WIDTH]
    offset = column - 1 - start
    word = _WORD.match(shown, offset)
    length = len(word[0]) if word else 1
    before = ("…" if start else "") + printable(shown[:offset])
    after = "…" if start + MAX_WIDTH < len(source) else ""
    marks = "^" * max(1, sum(map(_width, printable(shown[offset : offset + length]))))
    carets = click.style(marks, fg="red", bold=True) if colour else marks
    number = str(line)
    return [
        f"  {number} | {'…' if start else ''}{printable(shown)}{after}",
        f"  {' ' * len(number)} | {_blank(before)}{carets}",
    ]


def _blank(text: str) -> str:
    """Return white space as wide as the text on a terminal; tabs stay tabs."""
    return "".join("\t" if c == "\t" else " " * _width(c) for c in text)


def _width(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
