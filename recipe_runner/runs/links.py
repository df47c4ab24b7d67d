"""Symbolic links among the runs: a run never writes through one that leads out of their directory.

Whoever made the directory may have left some there. `logging.dir` itself may be a link: that is
how runs are kept on another disk.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from recipe_runner.errors import UsageError
from recipe_runner.language.project import is_below

# W&B links from below here to logs that it keeps elsewhere.
_OF_LIBRARIES = ("wandb",)


def require_within(root: Path, path: Path) -> None:
    """Refuse a file or directory of the runs that a link on the way to it leads out of `root`.

    Raises:
        UsageError: with the link, where it leads, and the way on.
    """
    if not is_below(path, root):
        raise UsageError(
            f"{path} leads out of {root}, to {os.path.realpath(path)}, through a symbolic link: "
            "nothing is written there. Remove the link, or give another place with "
            "--set logging.dir=PATH"
        )


def require_own_files(root: Path, directory: Path) -> None:
    """Refuse the directory of a run if it, or a file in it, leads out of `root`.

    Raises:
        UsageError: as `require_within`.
    """
    require_within(root, directory)
    for link in links_in(directory):
        require_within(root, link)


def links_in(directory: Path) -> Iterator[Path]:
    """Yield the links below a directory, but for those that libraries make for themselves."""
    for folder, subfolders, files in os.walk(directory):
        for name in (*subfolders, *files):
            path = Path(folder, name)
            if path.is_symlink():
                yield path
        subfolders[:] = [name for name in subfolders if name not in _OF_LIBRARIES]
