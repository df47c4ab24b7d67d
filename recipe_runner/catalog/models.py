"""What is known of a model: renderers that fit, recommended learning rate, context, retirement."""

from __future__ import annotations

import difflib
import json
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import TypedDict

from recipe_runner.catalog import DATA

SHIPPED_MODEL = "recipe-run/tiny"


@dataclass(frozen=True)
class ModelFacts:
    """One model of the catalog.

    Attributes:
        renderers: renderers that fit, the recommended one first (Cookbook's `model_info`).
        is_chat: whether it is post-trained for chat.
        learning_rate: `hyperparam_utils.get_lr`, or None where that raises.
        context: tokens of prompt and reply together, None where unknown.
        lora_parameters_per_rank: parameters of an adapter of rank 1, None where unknown.
    """

    name: str
    renderers: tuple[str, ...]
    is_chat: bool
    learning_rate: float | None
    context: int | None
    lora_parameters_per_rank: int | None = None


@dataclass(frozen=True)
class Retirement:
    date: str
    replacement: str | None


class _ModelRow(TypedDict):
    renderers: list[str]
    is_chat: bool
    learning_rate: float | None
    context: int | None
    lora_parameters_per_rank: int | None


class _RetirementRow(TypedDict):
    date: str
    replacement: str | None


class _Data(TypedDict):
    models: dict[str, _ModelRow]
    retired: dict[str, _RetirementRow]


@cache
def _data() -> _Data:
    data: _Data = json.loads((DATA / "models.json").read_text("utf-8"))
    return data


@cache
def models() -> dict[str, ModelFacts]:
    """Return every model that the Cookbook knows, and the one this project ships."""
    return {
        name: ModelFacts(
            name=name,
            renderers=tuple(row["renderers"]),
            is_chat=row["is_chat"],
            learning_rate=row["learning_rate"],
            context=row["context"],
            lora_parameters_per_rank=row["lora_parameters_per_rank"],
        )
        for name, row in _data()["models"].items()
    }


@lru_cache(maxsize=1024)
def find(model_name: str) -> ModelFacts | None:
    """Return the facts of a model id, with or without a suffix such as `:peft:131072`.

    A suffix that states a context length wins over the base model's.
    """
    base, _, suffix = model_name.partition(":")
    facts = models().get(model_name) or models().get(base)
    if facts is None:
        return None
    length = suffix.removeprefix("peft:")
    context = int(length) if length.isdecimal() else facts.context
    return replace(facts, name=model_name, context=context)


def near_names(model_name: str) -> list[str]:
    """Return up to three names of the catalog that look like `model_name`."""
    by_lower = {name.lower(): name for name in models()}
    near = difflib.get_close_matches(model_name.lower(), by_lower, n=3, cutoff=0.6)
    return [by_lower[name] for name in near]


def retirement(model_name: str) -> Retirement | None:
    """Return when the service retired the model, and what it recommends instead."""
    row = _data()["retired"].get(model_name.partition(":")[0])
    if row is None:
        return None
    return Retirement(row["date"], row["replacement"])


@cache
def renderer_names() -> frozenset[str]:
    """Return every renderer that fits some model of the catalog."""
    return frozenset(renderer for facts in models().values() for renderer in facts.renderers)
