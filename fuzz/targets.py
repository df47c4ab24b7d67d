"""The targets by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Protocol, cast

from fuzz.limits import Limits

NAMES = (
    "recipes",
    "templates",
    "flags",
    "data_files",
    "run_files",
    "backend_json",
    "backend_protobuf",
)


class Target(Protocol):
    """A module of this package."""

    LIMITS: Limits
    seeds: Callable[[], Iterator[bytes]]
    one_input: Callable[[bytes], None]


def load(name: str) -> Target:
    return cast("Target", import_module(f"fuzz.{name}"))
