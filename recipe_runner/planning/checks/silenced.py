"""`# recipe-run: ignore[code]` at the end of a line silences a warning there, never an error."""

from __future__ import annotations

import re
from collections.abc import Iterable

from recipe_runner.language import Diagnostic
from recipe_runner.language.files import LINE_BREAK, MAX_BYTES

_COMMENT = re.compile(r"#\s*recipe-run:\s*ignore\[([a-z, -]+)\]\s*$")


def without_silenced(found: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Return the diagnostics without the warnings that their own lines silence."""
    return [d for d in found if d.severity == "error" or d.code not in _silenced_at(d)]


def _silenced_at(diagnostic: Diagnostic) -> frozenset[str]:
    lines = _lines(diagnostic.file)
    if not 0 < diagnostic.line <= len(lines):
        return frozenset()
    comment = _COMMENT.search(lines[diagnostic.line - 1])
    return frozenset(code.strip() for code in comment[1].split(",")) if comment else frozenset()


def _lines(file: str) -> list[str]:
    """Return the file's lines as YAML counts them; none of what is no readable file."""
    try:
        with open(file, encoding="utf-8-sig", newline="") as stream:
            return LINE_BREAK.split(stream.read(MAX_BYTES + 1))
    except (OSError, ValueError):
        return []
