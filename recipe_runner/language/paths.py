"""Paths of a recipe, which are relative to the file that they are written in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

from recipe_runner.language.diagnostics import Report, dotted
from recipe_runner.language.files import shown
from recipe_runner.language.grammar import walk
from recipe_runner.language.project import is_below
from recipe_runner.language.tree import Node, Path
from schemas.base import STAGE, RecipePath, RunsPath


def resolve_paths(root: Node, report: Report) -> None:
    """Replace each path by one that holds from the working directory, and check its file.

    What leads out of the recipe's project gets a warning.
    """
    resolved: set[int] = set()
    for path, slot, node in walk(root):
        if id(node) in resolved or node.broken:
            continue
        if slot.type is Any and not _is_of_a_stage(path):
            resolved.add(id(node))
            _check_settings(node, path, report)
        elif slot.path_marker is not None and _is_path(node.value):
            resolved.add(id(node))
            _check(node, slot.path_marker, path, report)


def _is_path(value: Any) -> bool:
    """Whether this is a path, rather than nothing or what an earlier stage leaves."""
    return isinstance(value, str) and value != "" and not value.startswith(STAGE)


def _check(node: Node, marker: type, path: Path, report: Report) -> None:
    if marker is RecipePath:
        node.value = shown(os.path.join(_directory(node.place.file), str(node.value)))
        if _has_file(node, dotted(path), report, path):
            _cross(node, path, report)
    elif marker is RunsPath:
        if not is_below(str(node.value), os.getcwd()):
            _cross(node, path, report, written=True)
    else:
        _check_local(node, path, report)


def _check_settings(node: Node, path: Path, report: Report) -> None:
    """Check what is passed on as it stands, such as `env.kwargs`: any text may name a file."""
    for below, text in _texts(node, path):
        if os.sep in str(text.value):
            _check_local(text, below, report)


def _check_local(node: Node, path: Path, report: Report) -> None:
    """Check what a library takes for a local file or directory where there is one."""
    if "\0" not in str(node.value) and os.path.exists(str(node.value)):
        _cross(node, path, report)


def _cross(node: Node, path: Path, report: Report, *, written: bool = False) -> None:
    if report.boundary is not None:
        report.boundary.cross(str(node.value), node.place, path, report, written=written)


def _texts(node: Node, path: Path) -> Iterator[tuple[Path, Node]]:
    if isinstance(node.value, str) and not node.broken:
        yield path, node
    for part, child in node.children():
        yield from _texts(child, (*path, part))


def _is_of_a_stage(path: Path) -> bool:
    """Whether this is a part of a stage's own recipe, which is resolved by itself."""
    return path[:1] == ("stages",)


def _directory(file: str) -> str:
    return "" if file.startswith("--") else os.path.dirname(file)


def _has_file(node: Node, name: str, report: Report, path: Path) -> bool:
    """Return whether there is such a file; report it if not."""
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
    return not node.broken
