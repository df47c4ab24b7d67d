"""`Call`: an object as the call that makes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import chz
from chz.util import MISSING

# Fields that a script says also where the Cookbook's default of today is the same.
_ALWAYS = {
    "dpo_beta",
    "eval_every",
    "kl_penalty_coef",
    "learning_rate",
    "lora_rank",
    "loss_fn",
    "lr_schedule",
    "max_tokens",
    "num_epochs",
    "save_every",
    "seed",
    "temperature",
    "topk",
}


@dataclass(frozen=True)
class Call:
    """A call, to be written into a script.

    Attributes:
        function: `module:Name` of what is called, a class or a function.
        arguments: by keyword; values may be calls themselves.
        later: whether the script has it called later, with these arguments.
    """

    function: str
    arguments: dict[str, Any]
    later: bool = False


def reference(thing: Any) -> str:
    """Return `module:Name` of a class or a function."""
    return f"{thing.__module__}:{thing.__qualname__}"


def call_of(thing: Any) -> Call:
    """Return the call that makes a chz object.

    It has the fields that are not at their defaults, and those that an experiment is about.
    """
    values = {
        name: getattr(thing, name)
        for name, field in chz.chz_fields(thing).items()
        if name in _ALWAYS or not _is_default(field, getattr(thing, name))
    }
    return Call(reference(type(thing)), values)


def _is_default(field: Any, value: Any) -> bool:
    if field._default is not MISSING:
        return type(field._default) is type(value) and bool(field._default == value)
    if field._default_factory is not MISSING:
        return bool(field._default_factory() == value)
    return False
