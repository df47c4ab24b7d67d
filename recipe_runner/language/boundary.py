"""What a recipe gets from outside its project: named in a warning, and never quoted.

A recipe may come from somebody else, and where it is checked others may read what is said of it
(the log of a check on a pull request). So a mistake in a file outside the project is reported
where the project names that file, without what is written in it; so is one in a value that a
template takes from there.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from recipe_runner.language.diagnostics import Diagnostic, Place, dotted
from recipe_runner.language.project import Project

if TYPE_CHECKING:
    from recipe_runner.language.diagnostics import Report


class Boundary:
    """The edge of a recipe's project, and which of its values come from beyond it."""

    def __init__(self, project: Project) -> None:
        self._project = project
        self._named: dict[str, Place] = {}
        self._taken: dict[Place, str] = {}

    def cross(
        self,
        path: str | Path,
        place: Place,
        key: tuple[str | int, ...],
        report: Report,
        *,
        written: bool = False,
    ) -> None:
        """Warn where a path that was written at `place` leads out of the project.

        What is typed on the command line is the user's own, and needs no warning.

        Args:
            path: as diagnostics would name the file.
            key: where it stands; empty for the recipe's own file.
            written: whether it is written to, so that it matters where there is nothing yet.
        """
        typed = place.file.startswith("--")
        if typed or "\0" in str(path) or self._project.contains(path):
            return
        named = self._named.setdefault(str(path), self._named.get(place.file, place))
        if not (written or os.path.exists(path)):
            return
        what = f"`{dotted(key)}`" if key else "the recipe's own file"
        report.add(
            named,
            key,
            "outside-project",
            f"{what} leads out of the project {self._project.root}, to {os.path.realpath(path)}",
            hint="look at it before you run this; what is given with --set needs no warning",
            severity="warning",
        )

    def take(self, sources: Iterable[Place], into: Mapping[Place, str]) -> None:
        """Note that templates (place -> key) read values; those of outside are not quoted."""
        if any(self._is_outside(place) for place in sources):
            self._taken.update(into)

    def is_named(self, file: str) -> bool:
        """Whether this is a file outside, as diagnostics would name it."""
        return file in self._named

    def discreet(self, found: Diagnostic) -> Diagnostic:
        """Return the diagnostic as it may be shown: without what is written outside."""
        if found.code == "outside-project" or not (self._named or self._taken):
            return found
        place = Place(found.file, found.line, found.column)
        named = self._named.get(found.file)
        if named is not None:
            what = f"{found.file}:{found.line}:{found.column}: what is written there"
            where, path = named, ""
        elif place in self._taken:
            what = "the value that this takes from a file outside the project"
            where, path = place, self._taken[place]
        else:
            return found
        return replace(
            found,
            file=where.file,
            line=where.line,
            column=where.column,
            path=path,
            message=f"{what} does not fit ({found.code})",
            hint="nothing is quoted of a file outside the project",
        )

    def _is_outside(self, place: Place) -> bool:
        return place.file in self._named or place in self._taken
