"""Writing a report where it does not destroy anything else."""

from __future__ import annotations

from pathlib import Path

from recipe_runner.errors import RunFailed, UsageError
from recipe_runner.refused import in_words
from recipe_runner.reports.page import MARK
from recipe_runner.runs.files import replace_atomically

_NEAR_THE_START = 2_000


def check_writable(path: Path) -> None:
    """Find out before the work whether a report can be written there.

    Raises:
        UsageError: if there is a file that is not a report, or no directory to write to.
    """
    if path.is_dir():
        raise UsageError(f"{path} is a directory; give a file, as in -o {path / 'report.html'}")
    if not path.parent.is_dir():
        raise UsageError(f"{path.parent} is no directory: make it first, or give another -o FILE")
    if path.exists() and not _is_report(path):
        raise UsageError(
            f"{path} is there and is not a report of recipe-run, so it is left as it is; give "
            "another file with -o FILE"
        )


def write(page: str, path: Path) -> None:
    """Write a report, whole or not at all.

    Raises:
        UsageError: see `check_writable`.
        RunFailed: if the file cannot be written.
    """
    check_writable(path)
    try:
        replace_atomically(path, page)
    except OSError as error:
        raise RunFailed(f"{in_words(error, path)}; or give another -o FILE") from error


def _is_report(path: Path) -> bool:
    with path.open("rb") as file:
        return MARK.encode() in file.read(_NEAR_THE_START)
