"""Paths of a recipe, which are relative to the file that they are written in."""

from __future__ import annotations

import os

from recipe_runner.language.diagnostics import Report, dotted
from recipe_runner.language.files import shown
from recipe_runner.language.grammar import walk
from recipe_runner.language.tree import Node
from schemas.base import STAGE


def resolve_paths(root: Node, report: Report) -> None:
    """Replace each path by one that holds from the working directory, and check its file."""
    resolved: set[int] = set()
    for path, slot, node in walk(root):
        value = node.value
        if not slot.is_path or node.broken or not isinstance(value, str) or not value:
            continue
        if id(node) in resolved or value.startswith(STAGE):
            continue
        resolved.add(id(node))
        node.value = shown(os.path.join(_directory(node.place.file), value))
        _check_file(node, dotted(path), report, path)


def _directory(file: str) -> str:
    return "" if file.startswith("--") else os.path.dirname(file)


def _check_file(node: Node, name: str, report: Report, path: tuple[str | int, ...]) -> None:
    target = str(node.value)
    if "\0" in target or not os.path.exists(target):
        node.broken = True
        where = "" if node.place.file.startswith("--") else "paths are relative to the recipe"
        report.add(
            node.place,
            path,
            "missing-file",
            f"`{name}`: {target!r} does not exist",
            hint=where or "paths given on the command line are relative to the working directory",
        )
    elif os.path.isdir(target):
        node.broken = True
        report.add(node.place, path, "missing-file", f"`{name}`: {target!r} is a directory")
