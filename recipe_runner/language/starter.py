"""A first recipe for a method, with every other key of it as a comment."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from schemas import METHODS

SCHEMA_LINE = "# yaml-language-server: $schema={schema}"
# What YAML reads as text without quotes, also within brackets.
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_./:-]*[A-Za-z0-9]|[A-Za-z]")

_MODEL = {"name": "Qwen/Qwen3-8B"}
_ROLLOUT = {"groups_per_batch": 64, "group_size": 8, "max_tokens": 1024}
_EQUATIONS = {"kind": "gem", "id": "rg:simple_equations"}

# method -> what has to be decided, as a first try would have it
STARTERS: dict[str, dict[str, Any]] = {
    "sft": {
        "model": _MODEL,
        "data": {"kind": "huggingface", "dataset": "no_robots"},
        "steps": 100,
    },
    "rl": {"model": _MODEL, "env": _EQUATIONS, "rollout": _ROLLOUT, "steps": 100},
    "reinforce": {
        "model": _MODEL,
        "env": {"kind": "gem", "id": "game:GuessTheNumber-v0-easy", "wrappers": ["concat"]},
        "episodes_per_batch": 64,
        "max_tokens": 1024,
        "steps": 100,
    },
    "dpo": {
        "model": _MODEL,
        "data": {"kind": "huggingface", "dataset": "hhh"},
        "optimizer": {"learning_rate": 1e-5},
    },
    "distill": {
        "model": _MODEL,
        "mode": "on_policy",
        "teacher": {"model": "Qwen/Qwen3-32B"},
        "data": {"kind": "huggingface", "dataset": "deepmath"},
        "rollout": _ROLLOUT,
        "steps": 100,
    },
    "sdft": {
        "model": _MODEL,
        "data": {"kind": "huggingface", "dataset": "sciknoweval"},
        "rollout": {"groups_per_batch": 32, "group_size": 1, "max_tokens": 2048},
        "optimizer": {"learning_rate": 2e-5},
    },
    "generate": {
        "model": _MODEL,
        "data": {"kind": "huggingface", "dataset": "deepmath"},
        "sampling": {"max_tokens": 1024},
    },
    "eval": {
        "model": _MODEL,
        "evaluators": [{"kind": "benchmark", "name": "gsm8k", "max_examples": 100}],
    },
    "pipeline": {
        "stages": {
            "sft": {
                "recipe": {
                    "version": 1,
                    "method": "sft",
                    "model": _MODEL,
                    "data": {"kind": "huggingface", "dataset": "no_robots"},
                }
            },
            "rl": {
                "recipe": {
                    "version": 1,
                    "method": "rl",
                    "model": _MODEL | {"load_from": "{{ stages.sft.checkpoint }}"},
                    "env": _EQUATIONS,
                    "rollout": _ROLLOUT,
                    "steps": 100,
                }
            },
        }
    },
}


def starter(method: str, name: str, schema: str) -> str:
    """Return the text of a recipe that is valid as it stands.

    Args:
        name: the recipe's name.
        schema: where the JSON Schema is, for editors.
    """
    given = {"version": 1, "name": name, "method": method, **STARTERS[method]}
    return "\n".join([SCHEMA_LINE.format(schema=schema), *_lines(METHODS[method], given)]) + "\n"


def _lines(model: type[BaseModel], given: dict[str, Any], indent: str = "") -> Iterator[str]:
    """Yield a section: first the keys that are given, then the others as comments."""
    fields = model.model_fields
    for key, value in given.items():
        section = _section(fields[key].annotation, value)
        if section is not None:
            yield _with_comment(f"{indent}{key}:", fields[key].description)
            yield from _lines(section, value, indent + "  ")
        else:
            yield from _value(key, value, indent, fields[key].description)
    for key, info in fields.items():
        if key not in given:
            yield _with_comment(f"{indent}# {key}: {_plain(_default(info))}", info.description)


def _value(key: str, value: Any, indent: str, about: str | None = None) -> Iterator[str]:
    if isinstance(value, dict) and any(isinstance(item, dict) for item in value.values()):
        yield _with_comment(f"{indent}{key}:", about)
        for inner, item in value.items():
            yield from _value(inner, item, indent + "  ")
    else:
        yield _with_comment(f"{indent}{key}: {_plain(value)}", about)


def _with_comment(line: str, about: str | None) -> str:
    return f"{line}  # {about}" if about else line


def _plain(value: Any) -> str:
    """Return a value in flow style, words without quotes where YAML lets them stand."""
    if value is None:
        return "null"
    if isinstance(value, dict):
        inner = ", ".join(f"{key}: {_plain(item)}" for key, item in value.items())
        return f"{{{inner}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_plain, value))}]"
    if isinstance(value, str) and _WORD.fullmatch(value) and value not in ("true", "false", "null"):
        return value
    return json.dumps(value, ensure_ascii=False)


def _section(annotation: Any, value: Any) -> type[BaseModel] | None:
    """Return the model of a mapping, the branch of a union that its kind says."""
    if not isinstance(value, dict):
        return None
    models = list(_models(annotation))
    if len(models) == 1:
        return models[0]
    for model in models:
        kind = model.model_fields.get("kind")
        if kind is not None and value.get("kind") in get_args(kind.annotation):
            return model
    return next((model for model in models if value.keys() <= model.model_fields.keys()), None)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (Annotated, Union, UnionType):
        for item in get_args(annotation):
            yield from _models(item)


def _default(info: Any) -> Any:
    default = info.get_default(call_default_factory=True)
    if default is PydanticUndefined:
        return None
    return default.model_dump(mode="json") if isinstance(default, BaseModel) else default
