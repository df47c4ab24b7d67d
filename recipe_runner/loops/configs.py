"""chz's class decorator with a type: type checkers then know what our own configs are made of."""

from __future__ import annotations

from typing import TypeVar, dataclass_transform

import chz

Class = TypeVar("Class", bound=type)


@dataclass_transform(kw_only_default=True, frozen_default=True)
def config_class(cls: Class) -> Class:
    """Make a chz class, as the Cookbook's configurations are."""
    decorated: Class = chz.chz(cls)
    return decorated
