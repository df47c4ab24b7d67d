"""A recipe's tree as YAML, in the order of the documentation, one line a section where it fits."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

WIDTH = 100
_FIRST = (
    "version", "name", "description", "tags", "method", "mode", "seed", "model", "renderer",
    "teacher", "data", "env", "evaluators", "stages", "rollout",
)  # fmt: skip
_LAST = ("optimizer", "steps", "eval", "checkpoint", "logging", "budget", "backend")
# What YAML reads as text without quotes, also within brackets.
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_./:-]*[A-Za-z0-9]|[A-Za-z]")
_NO_WORDS = ("true", "false", "null")
# Numbers below are written with an exponent.
_SMALL = 1e-3


def yaml_lines(tree: Mapping[str, Any], indent: str = "") -> Iterator[str]:
    """Yield the lines of a mapping."""
    for key in sorted(tree, key=_place if "method" in tree else _kind_first):
        yield from _lines(f"{indent}{key}: ", tree[key], indent + "  ")


def comment_lines(text: str, mark: str = "# ") -> Iterator[str]:
    """Yield a text as comments, lines after the first indented as much as its mark."""
    rest = "#" + " " * (len(mark) - 1)
    for line in text.splitlines():
        yield from textwrap.wrap(
            line,
            WIDTH,
            initial_indent=mark,
            subsequent_indent=rest,
            break_long_words=False,
            break_on_hyphens=False,
        )


def command_lines(words: Iterable[str]) -> Iterator[str]:
    """Yield a command as comments, broken between words."""
    line = "#  "
    for word in words:
        if len(line) + len(word) > WIDTH - 3 and line.strip("# "):
            yield f"{line} \\"
            line = "#    "
        line += f" {word}"
    yield line


def scalar(value: Any) -> str:
    """Return a value on one line, in flow style."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {scalar(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(scalar, value)) + "]"
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, str) and _WORD.fullmatch(value) and value not in _NO_WORDS:
        return str(value)
    return json.dumps(value, ensure_ascii=False)


def _number(value: float) -> str:
    if 0 < abs(value) < _SMALL:
        return f"{Decimal(repr(value)).normalize():e}"
    return repr(value)


def _lines(start: str, value: Any, indent: str) -> Iterator[str]:
    flow = start + scalar(value)
    if isinstance(value, str) and "\n" in value and _fits_block(value):
        yield f"{start}|-"
        yield from (f"{indent}{line}" for line in value.split("\n"))
        return
    mapping = isinstance(value, Mapping) and bool(value)
    listed = isinstance(value, list) and any(isinstance(item, Mapping) for item in value)
    if (len(flow) <= WIDTH and not listed and not _deep(value)) or not (mapping or listed):
        yield flow
    elif mapping:
        yield start.rstrip()
        yield from yaml_lines(value, indent)
    else:
        yield start.rstrip()
        for item in value:
            first, *others = yaml_lines(item, indent + "  ")
            yield f"{indent}- {first.strip()}"
            yield from others


def _fits_block(text: str) -> bool:
    """Whether a text reads back the same from a block: printable, no spaces that would be lost."""
    lines = text.split("\n")
    plain = all(line.isprintable() and line.strip() == line and line for line in lines)
    return plain and all(line.isascii() for line in lines)


def _deep(value: Any) -> bool:
    """Whether a mapping is easier to read over several lines: where it holds another's mappings."""
    inner = value.values() if isinstance(value, Mapping) else ()
    return any(isinstance(i, Mapping) and any(isinstance(v, Mapping) for v in i.values())
               for i in inner)  # fmt: skip


def _kind_first(key: str) -> bool:
    return key != "kind"


def _place(key: str) -> int:
    if key in _FIRST:
        return _FIRST.index(key)
    return len(_FIRST) + (1 + _LAST.index(key) if key in _LAST else 0)


def without_nothing(tree: dict[str, Any]) -> dict[str, Any]:
    """Return a tree without the keys that are None, also those of sections."""
    return {
        key: without_nothing(value) if isinstance(value, dict) else _item(value)
        for key, value in tree.items()
        if value is not None
    }


def _item(value: Any) -> Any:
    if isinstance(value, list):
        return [without_nothing(each) if isinstance(each, dict) else each for each in value]
    return value
