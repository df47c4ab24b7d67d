"""The project that a recipe belongs to: the directory whose files it may name without a word."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Project:
    """A directory with everything below it; `root` is its real path, symbolic links followed."""

    root: str

    @classmethod
    def of(cls, recipe: str | Path) -> Project:
        """Return the project of a recipe's file, which need not exist.

        It is the repository (the nearest directory upwards with `.git`) that the file was named
        in; without one the working directory where that holds the file, else the file's own.
        """
        directory = os.path.dirname(os.path.abspath(recipe))
        top = _repository(directory)
        if top is None:
            here = os.getcwd()
            top = here if _is_below(directory, here) else directory
        return cls(_real(top))

    def contains(self, path: str | Path) -> bool:
        """Whether a file, or what a symbolic link on the way leads to, is in the project."""
        return _is_below(_real(path), self.root)


def is_below(path: str | Path, directory: str | Path) -> bool:
    """Whether a path is in a directory, or is it, symbolic links followed in both."""
    return _is_below(_real(path), _real(directory))


def _real(path: str | Path) -> str:
    try:
        return os.path.realpath(path)
    except ValueError:  # a null byte, which no file's name has
        return os.path.abspath(path)


def _repository(directory: str) -> str | None:
    while not os.path.lexists(os.path.join(directory, ".git")):
        above = os.path.dirname(directory)
        if above == directory:
            return None
        directory = above
    return directory


def _is_below(path: str, directory: str) -> bool:
    return path == directory or path.startswith(directory.rstrip(os.sep) + os.sep)
