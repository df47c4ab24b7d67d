"""A recipe from a command, or from what the Cookbook wrote down of a run."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recipe_runner.compile.from_cookbook.capture import capture
from recipe_runner.compile.from_cookbook.command_line import CommandLine, parse_command
from recipe_runner.compile.from_cookbook.compare import leaves
from recipe_runner.compile.from_cookbook.draft import DataFile, Lost, Tree
from recipe_runner.compile.from_cookbook.drafts import draft_of
from recipe_runner.compile.from_cookbook.original import Original
from recipe_runner.compile.from_cookbook.settle import Settled, settle, templated
from recipe_runner.compile.from_cookbook.shared import NAMES
from recipe_runner.compile.from_cookbook.text import (
    command_lines,
    comment_lines,
    yaml_lines,
)
from recipe_runner.errors import UsageError

_ELSEWHERE = {
    "log_path": "a recipe's runs are kept below `logging.dir`",
    "log_dir": "a recipe's runs are kept below `logging.dir`",
    "behavior_if_log_dir_exists": "say `--on-existing` when you run the recipe",
    "wandb_name": "without `wandb_project`, nothing reads it",
}
_NOWHERE = "the command hands it to nothing"


@dataclass(frozen=True)
class Imported:
    """A recipe, and what of its original it does not say.

    Attributes:
        source: the command's words, or the file that it was read from.
        settled: the recipe's keys, and what was lost.
        original: what it was made from.
    """

    source: tuple[str, ...]
    settled: Settled
    original: Original

    @property
    def lost(self) -> list[Lost]:
        return self.settled.lost

    @property
    def data_files(self) -> list[str]:
        """The data files that the recipe names, from the working directory."""
        values = leaves(self.settled.tree).values()
        return [str(value) for value in values if isinstance(value, DataFile)]

    def text(self, *, schema: str, directory: Path) -> str:
        """Return the recipe's text.

        Args:
            schema: where the JSON Schema is, for editors.
            directory: of the recipe's file; the paths in it are relative to that.
        """
        tree = templated(_from(directory, self.settled.tree))
        lines = [f"# yaml-language-server: $schema={schema}", "# Imported from:"]
        lines += command_lines(map(shlex.quote, self.source))
        if self.lost:
            lines.append("# Not carried over:")
        for lost in self.lost:
            lines += comment_lines(str(lost), "# - ")
        return "\n".join([*lines, *yaml_lines(tree)]) + "\n"


def import_command(words: Sequence[str], *, name: str | None = None) -> Imported:
    """Return the recipe of a command of the Cookbook's or GEM's.

    Args:
        name: of the recipe; None: the command's own.

    Raises:
        UsageError: if it is none of them, refuses its arguments, or asks for what no recipe says.
    """
    line = parse_command(words)
    original = capture(line.module, line.arguments)
    settled = _settled(original, name or _name(original, line.module))
    settled.lost += list(_unread(line, original, settled))
    return Imported(line.words, settled, original)


def import_original(original: Original, source: str, *, name: str | None = None) -> Imported:
    """Return the recipe of a configuration that was read from a file.

    Raises:
        UsageError: if it asks for what no recipe says.
    """
    return Imported((source,), _settled(original, name or _name(original, "imported")), original)


def _settled(original: Original, name: str) -> Settled:
    originals = original.stages or {"": original}
    return settle(name, {key: draft_of(each) for key, each in originals.items()}, originals)


def _name(original: Original, module: str) -> str:
    """Return a recipe's name: the command's, without what all of them have in common."""
    given = original.config.get("recipe_name") or ""
    stem = re.sub(r"^recipe_(run_)?", "", given) or module.rpartition(".")[2]
    return re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")


def _unread(line: CommandLine, original: Original, settled: Settled) -> Iterator[Lost]:
    """Yield the arguments that reach neither the configuration nor the recipe.

    The command is asked once more without each of them.
    """
    noted = {lost.key for lost in settled.lost}
    for position, argument in enumerate(line.arguments):
        key, _, value = argument.lstrip("-").partition("=")
        if key in noted or key not in original.arguments:
            continue
        others = [each for at, each in enumerate(line.arguments) if at != position]
        try:
            without = capture(line.module, others)
            unread = _read(without) == _read(original)
        except UsageError:
            continue
        if unread and without.arguments[key] != original.arguments[key]:
            yield Lost(key, value, _ELSEWHERE.get(key, _NOWHERE))


def _read(original: Original) -> list[Any]:
    """Return what a configuration says to its loop and to the recipe."""
    if original.stages:
        return [_read(stage) for stage in original.stages.values()]
    unread = {*NAMES, *_ELSEWHERE}
    if original.config.get("wandb_project"):
        unread.remove("wandb_name")
    fields = {key: value for key, value in original.config.items() if key not in unread}
    return [_comparable(fields), draft_of(original).recipe]


def _comparable(tree: Tree) -> Tree:
    """Return fields without functions, which are made anew each time."""
    return {key: value for key, value in leaves(tree).items() if not callable(value)}


def _from(directory: Path, tree: Any) -> Any:
    if isinstance(tree, dict):
        return {key: _from(directory, value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_from(directory, value) for value in tree]
    if isinstance(tree, DataFile) and not os.path.isabs(tree):
        return os.path.relpath(tree, directory)
    return str(tree) if isinstance(tree, DataFile) else tree
