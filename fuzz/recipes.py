"""A recipe's bytes: loaded, checked, and its diagnostics written in all three formats.

Right: a recipe, or diagnostics; what is printed holds no character that a terminal obeys, one line
an annotation, and JSON that can be read.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from fuzz.limits import Limits
from recipe_runner.cli import output
from recipe_runner.language import Diagnostic, RecipeError
from recipe_runner.planning.checks import load_and_check
from recipe_runner.printable import is_unsafe

LIMITS = Limits(max_bytes=4096)
ROOT = Path(__file__).parents[1]


def seeds() -> Iterator[bytes]:
    for folder in ("recipes", "tests/fixtures/bad"):
        for path in sorted((ROOT / folder).rglob("*.yaml")):
            yield path.read_bytes()


def one_input(data: bytes) -> None:
    path = directory() / "recipe.yaml"
    path.write_bytes(data)
    output._lines_of.cache_clear()
    try:
        found = load_and_check(path)[1]
    except RecipeError as error:
        found = error.diagnostics
    check_printed(found, {})


def check_printed(found: list[Diagnostic], flags: output.Flags) -> None:
    for diagnostic in found:
        text = output.as_text(diagnostic, flags)
        assert not any(is_unsafe(c) for c in text if c != "\n"), text
        annotation = output.as_github(diagnostic)
        assert len(annotation.splitlines()) == 1, annotation
        assert annotation.startswith(("::error file=", "::warning file=")), annotation
    assert json.loads(output.as_json(found)) == [each.as_dict() for each in found]
    output.as_json(found).encode("ascii")


@lru_cache(maxsize=1)
def directory() -> Path:
    """A directory of this process's own."""
    return Path(tempfile.mkdtemp(prefix="fuzz-"))
