"""What is wrong with a recipe, and where it was written."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from recipe_runner.language.boundary import Boundary
    from recipe_runner.language.loaded import LoadedRecipe

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Place:
    """Where a key or a value was written; `line` and `column` count from 1.

    `file` is as the user would write it, or `--set` or `--var`: there `line` is the ordinal of the
    flag on the command line and `column` counts within its text.
    """

    file: str
    line: int
    column: int


@dataclass(frozen=True)
class Diagnostic:
    """One mistake (or warning); `path` is the dotted key, empty for the file as a whole."""

    file: str
    line: int
    column: int
    path: str
    code: str
    severity: Severity
    message: str
    hint: str | None

    def as_dict(self) -> dict[str, Any]:
        """Return the fields in the order in which they are documented."""
        return asdict(self)


class RecipeError(Exception):
    """A recipe is wrong; `diagnostics` holds every mistake that was found, sorted by place.

    `partial` is what could be made of the recipe without its wrong values, for further checks.
    """

    def __init__(
        self, diagnostics: Iterable[Diagnostic], partial: LoadedRecipe | None = None
    ) -> None:
        self.diagnostics = sort_diagnostics(diagnostics)
        self.partial = partial
        super().__init__("; ".join(f"{d.file}:{d.line}: {d.message}" for d in self.diagnostics))


def sort_diagnostics(diagnostics: Iterable[Diagnostic]) -> list[Diagnostic]:
    """Sort by place, command line last, and drop what says the same thing twice."""
    return sorted(
        dict.fromkeys(diagnostics),
        key=lambda d: (d.file.startswith("--"), d.file, d.line, d.column, d.path, d.code),
    )


class Report:
    """Collects diagnostics while a recipe is being resolved.

    `incomplete` is set when a part of the recipe could not be read at all, so that keys that it
    may have held are not reported as missing. `files` are the texts that were read, by path.
    `boundary` is that of the recipe's project; none where no recipe is read.
    """

    def __init__(self, boundary: Boundary | None = None) -> None:
        self.boundary = boundary
        self.diagnostics: list[Diagnostic] = []
        self.incomplete = False
        self.files: dict[str, str] = {}

    def add(
        self,
        place: Place,
        path: Iterable[str | int],
        code: str,
        message: str,
        *,
        hint: str | None = None,
        severity: Severity = "error",
    ) -> None:
        found = Diagnostic(
            place.file, place.line, place.column, dotted(path), code, severity, message, hint
        )
        self.diagnostics.append(self._discreet(found))

    def include(self, other: Report) -> None:
        """Take over what was found in a file that several recipes share."""
        self.diagnostics += map(self._discreet, other.diagnostics)
        self.incomplete |= other.incomplete

    def _discreet(self, found: Diagnostic) -> Diagnostic:
        return self.boundary.discreet(found) if self.boundary else found

    def copy(self) -> Report:
        """Return a report that goes on from here, for one of several ways to read a file."""
        own = Report(self.boundary)
        own.diagnostics = [*self.diagnostics]
        own.incomplete = self.incomplete
        own.files = dict(self.files)
        return own

    @property
    def has_errors(self) -> bool:
        return any(d.severity == "error" for d in self.diagnostics)


def dotted(path: Iterable[str | int]) -> str:
    """Join the parts of a path as users write it: `env.kwargs.use_mp`, `tags.0`."""
    return ".".join(str(part) for part in path)
