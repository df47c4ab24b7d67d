"""`--set KEY=VALUE` and `--var NAME=VALUE`: values from the command line, as trees with places."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial

from recipe_runner.language.diagnostics import Place, Report
from recipe_runner.language.parse import parse_text
from recipe_runner.language.tree import Entry, Node, nested

NOT_SETTABLE = ("extends",)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def parse_overrides(overrides: Sequence[str], report: Report) -> Node:
    """Return one mapping of all `--set` flags; a later flag wins over an earlier one."""
    result = Node({}, Place("--set", 1, 1))
    for ordinal, text in enumerate(overrides, start=1):
        place = Place("--set", ordinal, 1)
        key, equals, value = text.partition("=")
        if not equals or not key:
            report.add(place, (), "syntax", f"--set takes KEY=VALUE, not {text!r}")
            continue
        node = _value(value, "--set", ordinal, len(key) + 1, report)
        keys = split_key(key, partial(Place, "--set", ordinal))
        if keys is None:
            report.add(place, (), "syntax", f"{key!r} is not a dotted key such as `model.name`")
        elif keys[0][0] in NOT_SETTABLE:
            report.add(place, (), "unknown-key", f"`{keys[0][0]}` cannot be set from outside")
        elif node is not None:
            result = _combine(result, nested(keys, node))
    return result


def parse_variables(variables: Sequence[str], report: Report) -> dict[str, Entry]:
    """Return the values of all `--var` flags."""
    found: dict[str, Entry] = {}
    for ordinal, text in enumerate(variables, start=1):
        place = Place("--var", ordinal, 1)
        name, equals, value = text.partition("=")
        if not equals or not _VARIABLE.fullmatch(name):
            report.add(place, (), "syntax", f"--var takes NAME=VALUE, not {text!r}")
            continue
        node = _value(value, "--var", ordinal, len(name) + 1, report)
        if node is not None and isinstance(node.value, dict | list):
            report.add(node.place, ("vars", name), "type", f"variable `{name}` must be one value")
        elif node is not None:
            found[name] = Entry(place, node)
    return found


def split_key(text: str, locate: Callable[[int], Place]) -> list[tuple[str, Place]] | None:
    """Split a dotted key into its parts with their places; none where a part is empty."""
    keys: list[tuple[str, Place]] = []
    column = 1
    for part in text.split("."):
        if not part or part != part.strip():
            return None
        keys.append((part, locate(column)))
        column += len(part) + 1
    return keys


def _value(text: str, flag: str, ordinal: int, offset: int, report: Report) -> Node | None:
    node = parse_text(
        text, report, lambda index, line, column: Place(flag, ordinal, offset + index + 1)
    )
    if node is None and not text.strip():
        return Node(None, Place(flag, ordinal, offset + 1), text="")
    return node


def _combine(below: Node, above: Node) -> Node:
    """Merge flags among themselves; here null is kept, as it removes only from the recipe."""
    if below.mapping is None or above.mapping is None:
        return above
    merged = dict(below.mapping)
    for key, entry in above.mapping.items():
        old = merged.get(key)
        node = entry.node if old is None else _combine(old.node, entry.node)
        merged[key] = Entry(entry.key_place, node)
    return Node(merged, above.place)
