"""`extends`: a file and its parents, read and merged into one tree."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from recipe_runner.language.diagnostics import Place, Report
from recipe_runner.language.files import read_text, shown
from recipe_runner.language.parse import file_locator, parse_text
from recipe_runner.language.sections import starts_over
from recipe_runner.language.tree import Node, copied, merge

MAX_PARENTS = 20


@dataclass(frozen=True)
class Source:
    """A recipe file as read: its text, and its tree merged onto its parents'."""

    text: str
    tree: Node


def read_recipe(path: Path, report: Report) -> Source | None:
    """Read a file with everything it extends; none where there is nothing to go on with."""
    return _Reader(report).read(path, chain=(), blame=None)


def read_inline(node: Node, text: str, report: Report) -> Source:
    """Return a recipe that is written within another file, merged onto what it extends."""
    file = node.place.file
    path = Path("." if file.startswith("--") else file)
    return Source(text, _Reader(report).with_parents(node, path, chain=()))


def _parse_file(text: str, file: str, report: Report) -> Node | None:
    return parse_text(text, report, file_locator(file))


def _parse_shared(text: str, file: str, report: Report) -> Node | None:
    """Read a file that other recipes may extend too; the tree is the caller's own."""
    parsed = _parsed(text, file)
    report.include(parsed.report)
    return None if parsed.tree is None else copied(parsed.tree)


@dataclass(frozen=True)
class _Parsed:
    tree: Node | None
    report: Report


@lru_cache(maxsize=64)  # a directory of recipes has a few parents in common
def _parsed(text: str, file: str) -> _Parsed:
    report = Report()
    return _Parsed(_parse_file(text, file, report), report)


class _Reader:
    def __init__(self, report: Report) -> None:
        self._report = report
        self._files_read = 0

    def read(self, path: Path, chain: tuple[str, ...], blame: Place | None) -> Source | None:
        text = read_text(path, self._report, blame=blame)
        if text is None:
            self._report.incomplete = True
            return None
        own = self._parse(text, shown(path), is_parent=blame is not None)
        if own is None:
            return None
        return Source(text, self.with_parents(own, path, (*chain, shown(path))))

    def _parse(self, text: str, file: str, *, is_parent: bool) -> Node | None:
        before = len(self._report.diagnostics)
        tree = (_parse_shared if is_parent else _parse_file)(text, file, self._report)
        start = Place(file, 1, 1)
        if tree is None or (tree.value is None and not tree.broken):
            if len(self._report.diagnostics) == before:
                self._report.add(
                    start, (), "empty", f"{file} is empty", hint="start with `version: 1`"
                )
            self._report.incomplete = True
            return None
        if tree.mapping is None:
            self._report.incomplete = True
            if not tree.broken:
                what = "a list" if isinstance(tree.value, list) else "a single value"
                self._report.add(
                    tree.place,
                    (),
                    "not-a-mapping",
                    f"a recipe is a mapping of keys to values, not {what}",
                    hint="start with `version: 1`",
                )
            return None
        return tree

    def with_parents(self, own: Node, path: Path, chain: tuple[str, ...]) -> Node:
        mapping = dict(own.mapping or {})
        entry = mapping.pop("extends", None)
        child = Node(mapping, own.place, own.broken)
        if entry is None:
            return child
        merged: Node | None = None
        for parent in self._parents(entry.node, path, chain):
            merged = parent if merged is None else merge(merged, parent, starts_over=starts_over)
        return child if merged is None else merge(merged, child, starts_over=starts_over)

    def _parents(self, node: Node, path: Path, chain: tuple[str, ...]) -> list[Node]:
        sources = [
            self._parent(item, path, chain)
            for item in (node.value if isinstance(node.value, list) else [node])
        ]
        return [source.tree for source in sources if source is not None]

    def _parent(self, node: Node, path: Path, chain: tuple[str, ...]) -> Source | None:
        if node.broken or node.value is None:
            return None
        if not isinstance(node.value, str) or not node.value:
            self._refuse(node, "type", "`extends` takes the path of a file, or a list of paths")
            return None
        parent = Path(os.path.normpath(path.parent / node.value))
        if shown(parent) in chain:
            start = chain.index(shown(parent))
            cycle = " -> ".join([*chain[start:], shown(parent)])
            self._refuse(node, "extends-cycle", f"a recipe cannot extend itself: {cycle}")
            return None
        if self._report.boundary is not None:
            self._report.boundary.cross(shown(parent), node.place, ("extends",), self._report)
        self._files_read += 1
        if self._files_read > MAX_PARENTS:
            self._refuse(node, "extends-cycle", f"more than {MAX_PARENTS} files are extended")
            return None
        return self.read(parent, chain, node.place)

    def _refuse(self, node: Node, code: str, message: str) -> None:
        self._report.incomplete = True
        self._report.add(node.place, ("extends",), code, message)
