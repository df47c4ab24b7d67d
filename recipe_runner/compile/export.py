"""A job's configuration as JSON, field by field under the Cookbook's own names."""

from __future__ import annotations

from enum import Enum
from typing import Any

import chz

from recipe_runner.compile.job import Job


def to_json_tree(job: Job) -> dict[str, Any]:
    """Return `{"entry": "module:function", "config": {…}}`.

    A nested Cookbook object, such as the dataset builder, is its fields plus `"class"`, the
    `module:name` it is built from.
    """
    return {"entry": job.entry, "config": _fields(job.config)}


def _fields(config: Any) -> dict[str, Any]:
    return {name: _plain(getattr(config, name)) for name in chz.chz_fields(config)}


def _plain(value: Any) -> Any:
    if chz.is_chz(value):
        cls = type(value)
        return {"class": f"{cls.__module__}:{cls.__qualname__}", **_fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
