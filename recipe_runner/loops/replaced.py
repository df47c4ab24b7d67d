"""Puts something around a name of a library, for as long as a `with` block lasts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

_MISSING = object()


@contextmanager
def replaced(owner: Any, name: str, wrap: Callable[[Any], Any]) -> Iterator[None]:
    """Have `wrap(what was there)` under a name of a class or a module.

    A module's builtin is not there yet, and is hidden by what is put in its place.
    """
    original = vars(owner).get(name, _MISSING)
    setattr(owner, name, wrap(original))
    try:
        yield
    finally:
        if original is _MISSING:
            delattr(owner, name)
        else:
            setattr(owner, name, original)
