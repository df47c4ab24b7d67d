"""What is known of GEM's environments: names, settings, what they need, what is broken upstream."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import TypedDict

from recipe_runner.catalog import DATA


@dataclass(frozen=True)
class GemFacts:
    """One environment id.

    Attributes:
        family: what comes before the colon.
        offline: whether it works without a network and without files fetched beforehand.
        note: what a user of it should know.
        broken: why it cannot be used; None: it can.
        hub_dataset, hub_split: the Hugging Face data set behind a maths environment.
    """

    family: str
    offline: bool
    multi_turn: bool
    note: str | None
    broken: str | None
    hub_dataset: str | None = None
    hub_split: str | None = None


class _ClassRow(TypedDict):
    kwargs: list[str]
    offline: bool
    multi_turn: bool


class _IdRow(TypedDict, total=False):
    note: str
    broken: str
    hub: list[str | None]


class _Data(TypedDict):
    classes: dict[str, _ClassRow]
    ids: dict[str, dict[str, _IdRow]]
    reasoning_gym: dict[str, list[str]]


@cache
def _data() -> _Data:
    text = (DATA / "gem.json").read_text("utf-8")
    data: _Data = json.loads(text)
    return data


@cache
def _rows() -> dict[str, tuple[str, _IdRow]]:
    """Return each id's class and facts of its own."""
    return {
        env_id: (class_name, row)
        for class_name, ids in _data()["ids"].items()
        for env_id, row in ids.items()
    }


@cache
def gem_ids() -> frozenset[str]:
    """Return every id that GEM registers, those that are broken too."""
    return frozenset(_rows())


def gem_kwargs(env_id: str) -> frozenset[str] | None:
    """Return the names that `env.kwargs` may have, or None where any may be; KeyError: no such id.

    Left out are names that recipes have elsewhere: seed, size, dataset, dataset_name.
    """
    class_name, _row = _rows()[env_id]
    if class_name == "ReasoningGymEnv":
        return frozenset(_data()["reasoning_gym"][env_id.removeprefix("rg:")])
    return frozenset(_data()["classes"][class_name]["kwargs"])


def gem_facts(env_id: str) -> GemFacts:
    """KeyError: no such id."""
    class_name, row = _rows()[env_id]
    shared = _data()["classes"][class_name]
    hub_dataset, hub_split = row.get("hub", (None, None))
    return GemFacts(
        family=env_id.partition(":")[0],
        offline=shared["offline"],
        multi_turn=shared["multi_turn"],
        note=row.get("note"),
        broken=row.get("broken"),
        hub_dataset=hub_dataset,
        hub_split=hub_split,
    )
