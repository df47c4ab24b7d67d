"""Recipes of earlier versions of the language, rewritten with their comments kept.

A step is one function here and one entry of `STEPS`: it changes the file's tree in place, from its
version to the next. `migrate` runs the steps one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from recipe_runner.language.structure import LATEST_VERSION

Step = Callable[[Any], None]

# version -> the step from it to the next; version 1 is the first
STEPS: Mapping[int, Step] = {}


class MigrationError(ValueError):
    """The file cannot be migrated; the message says why."""


def migrated(
    text: str, *, steps: Mapping[int, Step] = STEPS, latest: int = LATEST_VERSION
) -> tuple[str, int]:
    """Return the recipe's text in the latest version, and the version that it was in.

    Raises:
        MigrationError: if it is no mapping with a version, or of a version that no step knows.
    """
    tree, yaml = _read(text)
    version = tree.get("version") if hasattr(tree, "get") else None
    if not isinstance(version, int) or isinstance(version, bool):
        raise MigrationError("it has no `version`, so it cannot be told what it is written in")
    if version > latest:
        raise MigrationError(f"it is of version {version}; this release knows {latest}")
    if version == latest:
        return text, version
    for number in range(version, latest):
        if number not in steps:
            raise MigrationError(f"there is no step from version {number} to {number + 1}")
        steps[number](tree)
        tree["version"] = number + 1
    return _written(tree, yaml), version


def _read(text: str) -> tuple[Any, Any]:
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    yaml = YAML(typ="rt", pure=True)
    yaml.preserve_quotes = True
    yaml.width = 100
    try:
        return yaml.load(text), yaml
    except YAMLError as error:
        raise MigrationError(f"it is not YAML: {' '.join(str(error).split())}") from error


def _written(tree: Any, yaml: Any) -> str:
    from io import StringIO

    stream = StringIO()
    yaml.dump(tree, stream)
    return stream.getvalue()
