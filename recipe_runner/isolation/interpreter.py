"""Which Python runs the programs, and which paths of the machine it needs to see."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

# Where the dynamic loader finds what an interpreter is linked against.
_LIBRARIES = ("/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/nix/store")
_FILES = ("/etc/ld.so.cache", "/etc/localtime", "/usr/share/zoneinfo")
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
# What programs may import beside the standard library.
_PACKAGES = ("numpy",)


@dataclass(frozen=True)
class Interpreter:
    """A Python and the paths it needs, each visible at its own place.

    Attributes:
        executable: its path, without symbolic links.
        binds: directories and files to show read-only.
        hidden: directories among them that hold installed packages.
        packages: packages (from, to) that programs see all the same.
        links: symbolic links (path, target) of the machine that paths lead through.
    """

    executable: str
    binds: tuple[str, ...]
    hidden: tuple[str, ...]
    packages: tuple[tuple[str, str], ...]
    links: tuple[tuple[str, str], ...]


@cache
def interpreters() -> tuple[Interpreter, ...]:
    """Return the Pythons to try: the one that runs this, and the system's own."""
    own = Path(os.path.realpath(getattr(sys, "_base_executable", sys.executable)))
    found = [_own(own)]
    system = Path(os.path.realpath("/usr/bin/python3"))
    if system.exists() and system != own:
        found.append(_interpreter(system, (), (), ()))
    return tuple(found)


def _own(executable: Path) -> Interpreter:
    prefix = Path(os.path.realpath(sys.base_prefix))
    libraries = tuple(str(prefix / name) for name in ("lib", "lib64") if (prefix / name).is_dir())
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    installed = (f"{place}/{version}/site-packages" for place in libraries)
    hidden = tuple(path for path in installed if os.path.isdir(path))
    packages = tuple(_packages(hidden[0])) if hidden else ()
    return _interpreter(executable, libraries, hidden, packages)


def _packages(target: str) -> Iterator[tuple[str, str]]:
    """Yield the directories of the packages for programs, and where they go."""
    for name in _PACKAGES:
        spec = importlib.util.find_spec(name)
        for place in (spec.submodule_search_locations or []) if spec else []:
            for directory in (Path(place), Path(place).with_name(f"{name}.libs")):
                if directory.is_dir():
                    yield str(directory), f"{target}/{directory.name}"


def _interpreter(
    executable: Path,
    libraries: tuple[str, ...],
    hidden: tuple[str, ...],
    packages: tuple[tuple[str, str], ...],
) -> Interpreter:
    wanted = (str(executable), *libraries, *_LIBRARIES, *_FILES)
    links = tuple((path, os.readlink(path)) for path in wanted if os.path.islink(path))
    linked = {path for path, _ in links}
    real = {os.path.realpath(path) for path in wanted if os.path.exists(path)}
    binds = sorted(path for path in {p for p in wanted if p not in linked} | real)
    kept = [path for path in binds if os.path.exists(path)]
    return Interpreter(str(executable), _outermost(kept), hidden, packages, links)


def _outermost(paths: list[str]) -> tuple[str, ...]:
    """Return sorted paths without those that lie in another."""
    found: list[str] = []
    for path in paths:
        if not any(path == outer or path.startswith(f"{outer}/") for outer in found):
            found.append(path)
    return tuple(found)
