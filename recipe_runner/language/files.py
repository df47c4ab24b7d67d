"""Reading recipe files, and finding them."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Sequence
from pathlib import Path

from recipe_runner.language.diagnostics import Diagnostic, Place, RecipeError, Report

MAX_BYTES = 64 * 1024
SUFFIXES = (".yaml", ".yml")
PARTS_DIRECTORY = "_base"
# What YAML counts as the end of a line.
LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")


def shown(path: str | Path) -> str:
    """Return a path as the user would write it: relative when below the working directory."""
    absolute = os.path.abspath(path)
    here = os.getcwd()
    if absolute.startswith(here.rstrip(os.sep) + os.sep):
        return os.path.relpath(absolute, here)
    return absolute


def read_text(path: str | Path, report: Report, *, blame: Place | None = None) -> str | None:
    """Return the file's text, or report why there is none and return none.

    `blame` is where the file was asked for; without it the file itself is.
    """
    file = shown(path)
    place = blame or Place(file, 1, 1)
    problem = _cannot_read(Path(path))
    if problem is not None:
        code, message, hint = problem
        if report.boundary is not None and report.boundary.is_named(file):
            hint = None  # which would name other files there
        report.add(place, ("extends",) if blame else (), code, f"{file} {message}", hint=hint)
        return None
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        report.add(place, (), "unreadable", f"{file} cannot be read: {error.strerror}")
        return None
    text = _decode(data, file, report)
    if text is not None:
        report.files[file] = text
    return text


def _cannot_read(path: Path) -> tuple[str, str, str | None] | None:
    """Return code, message and hint where the path is not a file of a recipe's size."""
    absolute = os.path.abspath(path)
    if not is_utf8(absolute):
        hint = "rename the file or the directory: what a run keeps on record is UTF-8"
        return "encoding", f"is at a path that is not UTF-8: {absolute}", hint
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        near = _nearest_file(path)
        return "missing-file", "does not exist", f"did you mean {near}?" if near else None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return "unreadable", f"cannot be read: {reason}", None
    if stat.S_ISDIR(status.st_mode):
        return "unreadable", "is a directory, not a recipe file", None
    if not stat.S_ISREG(status.st_mode):
        return "unreadable", "is not a regular file", None
    if status.st_size > MAX_BYTES:
        limit = MAX_BYTES // 1024
        return (
            "too-large",
            f"has {status.st_size // 1024:,} KiB; a recipe has at most {limit}",
            "keep data in files of its own and name them in the recipe",
        )
    return None


def is_utf8(name: str) -> bool:
    """Whether a name is text: Python has bytes that are none as halves of surrogate pairs."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _nearest_file(path: Path) -> str | None:
    import difflib

    try:
        names = os.listdir(path.parent)
    except OSError:
        return None
    near = difflib.get_close_matches(path.name, names, n=1, cutoff=0.7)
    return shown(path.parent / near[0]) if near else None


def _decode(data: bytes, file: str, report: Report) -> str | None:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = LINE_BREAK.split(data[: error.start].decode("utf-8-sig"))
        report.add(
            Place(file, len(before), len(before[-1]) + 1),
            (),
            "encoding",
            f"{file} is not UTF-8 text (byte {data[error.start]:#04x})",
            hint="save the recipe as UTF-8",
        )
        return None
    if "\0" in text:
        report.add(Place(file, 1, 1), (), "encoding", f"{file} is not text: it has null bytes")
        return None
    return text


def find_recipes(paths: Sequence[str | Path]) -> list[Path]:
    """Return the recipe files that the paths name: files as given, directories searched.

    Directories named `_base` hold parts that recipes extend; they are searched only when named
    themselves.

    Raises:
        RecipeError: a path does not exist, or a directory holds no recipe.
    """
    found: list[Path] = []
    problems: list[Diagnostic] = []
    for given in paths:
        path, report = Path(given), Report()
        if not str(given):
            # Path("") is the working directory, which an empty shell variable does not mean.
            report.add(Place(".", 1, 1), (), "missing-file", "a path is empty")
            problems.extend(report.diagnostics)
            continue
        # Of os.path: Path's own raise where a directory above may not be looked into.
        found.extend(_recipes_in(path, report) if os.path.isdir(path) else [path])
        if not os.path.exists(path):
            code, message, hint = _cannot_read(path) or ("missing-file", "does not exist", None)
            report.add(Place(shown(path), 1, 1), (), code, f"{shown(path)} {message}", hint=hint)
        problems.extend(report.diagnostics)
    if problems:
        raise RecipeError(problems)
    return list(dict.fromkeys(found))


def _recipes_in(directory: Path, report: Report) -> list[Path]:
    recipes: list[Path] = []
    for folder, subfolders, names in os.walk(directory):
        subfolders[:] = sorted(
            name for name in subfolders if name != PARTS_DIRECTORY and not name.startswith(".")
        )
        recipes += [Path(folder, n) for n in sorted(names) if n.endswith(SUFFIXES)]
    if not recipes:
        report.add(
            Place(shown(directory), 1, 1),
            (),
            "missing-file",
            f"{shown(directory)} holds no recipe",
            hint="recipes are *.yaml or *.yml files",
        )
    return recipes
