"""Writes data/gem.json from the installed gem and reasoning_gym.

    python -m recipe_runner.catalog.refresh_gem

Names and settings are read from the packages; what does not work in them is written down here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent / "data" / "gem.json"

# Names that a recipe has elsewhere (seed, steps, env.dataset), and what registration fixes.
NOT_SETTINGS = {"self", "seed", "size", "dataset", "dataset_name", "name", "_", "kwargs"}

_NLTK = "needs NLTK's word list: python -m nltk.downloader words"
_UNBOXED = "its questions do not ask for \\boxed{}, which is what is graded: keep prompt: boxed"
_UNSUPPORTED = {
    "CodeEnv": "it runs the model's code without isolating it",
    "QaEnv": "not supported here: GEM's own grader raises on a reply without an answer tag",
    "MathVisualEnv": "its problems are pictures, and GEM skips every other one",
}
NOTES = {
    "WordleEnv": _NLTK,
    "HangmanEnv": _NLTK,
    "WordSearchEnv": _NLTK,
    "ReasoningGymEnv": _UNBOXED,
}
_SLOW_ROOMS = "an 8×8 room can take minutes to make; after 30 s it counts as env_timeout"
ID_NOTES = {"game:Sokoban-v0-hard": _SLOW_ROOMS, "game:Sokoban-v0-random": _SLOW_ROOMS}
BROKEN = {
    "game:FifteenPuzzle-v0-random": "GEM squares a number of rows that it has not drawn yet",
    "game:Crosswords-v0-random": "GEM looks up words for a difficulty that it has not drawn yet",
    "rg:composite": "reasoning_gym cannot make it without other datasets' configurations",
    **{
        f"logic:RuleTaker-d{depth}": "GEM's question asks for <answer>, its grader for \\boxed{}"
        for depth in (0, 1, 2, 3, 5)
    },
}
NEEDS_FILES = {"WordleEnv", "HangmanEnv", "WordSearchEnv"}
SINGLE_TURN = {"ReasoningGymEnv", "MathEnv", "MathVisualEnv", "CodeEnv", "QaEnv"}


def collect() -> dict[str, Any]:
    """Return what gem.json holds."""
    specs = _registry()
    classes = sorted({_class_name(spec) for spec in specs})
    return {
        "classes": {name: _class_row(name, specs) for name in classes},
        "ids": {name: _id_rows(name, specs) for name in classes},
        "reasoning_gym": _reasoning_gym_settings(),
    }


def render(data: dict[str, Any]) -> str:
    """One line an entry, so that a change of the packages shows as a readable diff."""
    sections = []
    for section, rows in data.items():
        lines = ",\n".join(
            f"  {json.dumps(key)}: {json.dumps(rows[key], ensure_ascii=False)}"
            for key in sorted(rows)
        )
        sections.append(f" {json.dumps(section)}: {{\n{lines}\n }}")
    return "{\n" + ",\n".join(sections) + "\n}\n"


def _registry() -> list[Any]:
    import logging

    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    from gem.envs.registration import ENV_REGISTRY

    # gem calls logging.basicConfig(INFO) when imported.
    root.handlers[:], root.level = handlers, level
    return list(ENV_REGISTRY.values())


def _class_name(spec: Any) -> str:
    return str(spec.entry_point).rpartition(":")[2]


def _class_row(name: str, specs: Iterable[Any]) -> dict[str, Any]:
    spec = next(spec for spec in specs if _class_name(spec) == name)
    uses_hub = name in SINGLE_TURN - {"ReasoningGymEnv"}
    return {
        "kwargs": sorted(_parameters(spec) - NOT_SETTINGS),
        "offline": not uses_hub and name not in NEEDS_FILES,
        "multi_turn": name not in SINGLE_TURN,
    }


def _parameters(spec: Any) -> set[str]:
    import importlib
    import inspect

    module, _, class_name = spec.entry_point.partition(":")
    return set(inspect.signature(getattr(importlib.import_module(module), class_name)).parameters)


def _id_rows(class_name: str, specs: Iterable[Any]) -> dict[str, dict[str, Any]]:
    return {spec.id: _id_row(class_name, spec) for spec in specs if _class_name(spec) == class_name}


def _id_row(class_name: str, spec: Any) -> dict[str, Any]:
    row: dict[str, Any] = {}
    note = ID_NOTES.get(spec.id) or NOTES.get(class_name)
    if note:
        row["note"] = note
    broken = BROKEN.get(spec.id) or _UNSUPPORTED.get(class_name)
    if broken:
        row["broken"] = broken
    if class_name == "MathEnv":
        row["hub"] = [spec.kwargs["dataset_name"], spec.kwargs.get("split")]
    return row


def _reasoning_gym_settings() -> dict[str, list[str]]:
    import dataclasses

    from reasoning_gym.factory import DATASETS

    return {
        name: sorted({field.name for field in dataclasses.fields(config)} - {"seed", "size"})
        for name, (_dataset, config) in DATASETS.items()
    }


if __name__ == "__main__":
    DATA.write_text(render(collect()), "utf-8")
