"""What surrounds a run and decides what it does: packages, the machine, the user's own code."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib import metadata
from itertools import islice
from pathlib import Path

from recipe_runner.language.files import shown
from recipe_runner.planning.marked import code_references
from schemas import Recipe

PACKAGES = ("recipe-run", "tinker", "tinker-cookbook", "gem-llm", "torch", "transformers")

_MAX_CODE_FILES = 500


def package_versions() -> dict[str, str]:
    """Return the installed versions of the packages that decide what every run does."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions


@cache
def all_packages() -> Mapping[str, str]:
    """Return the versions of all installed packages, sorted by name; read once, for it is slow."""
    found: dict[str, str] = {}
    for distribution in metadata.distributions():
        about = distribution.metadata  # parsed anew by each of the distribution's own properties
        if about["Name"]:
            found.setdefault(about["Name"].lower().replace("_", "-"), about["Version"])
    return dict(sorted(found.items()))


def machine() -> str:
    """Return system, processor and number of cores: floating point may differ between two."""
    return f"{platform.system()} {platform.machine()}, {_processor()}, {os.cpu_count()} cores"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor() or "unknown processor")


def code_fingerprints(recipes: Iterable[Recipe], directories: Iterable[Path]) -> dict[str, str]:
    """Return the SHA-256 of the user's own modules that recipes name, by path.

    With a module of a package comes the whole package, as far as it is Python. Installed packages
    are not among them: their versions are on record.

    Args:
        directories: where modules are looked for, in that order.
    """
    places = list(directories)
    names = {
        each.partition(".")[0].partition(":")[0] for r in recipes for each in code_references(r)
    }
    return {
        shown(path): "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
        for name in sorted(names)
        for path in _python_files(name, places)
    }


def _python_files(name: str, directories: list[Path]) -> Iterator[Path]:
    for directory in directories:
        module, package = directory / f"{name}.py", directory / name
        if package.is_dir():
            yield from islice(sorted(package.rglob("*.py")), _MAX_CODE_FILES)
            return
        if module.is_file():
            yield module
            return


@contextmanager
def variables_set(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables for as long as the block lasts."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
