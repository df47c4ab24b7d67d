"""Looks through a run's conversations before the loop does, which would not name the line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from recipe_runner.jsonl import read_records
from schemas.data import ConversationsData


def require_conversations(recipe: BaseModel) -> None:
    """Find lines that the Cookbook would stumble on, at the start of the run or in its middle.

    Raises:
        DataError: with the file, the line and what is wrong with it.
    """
    for data in _conversations(recipe):
        for record in read_records(data.path):
            record.turns("messages")


def _conversations(value: Any) -> Iterator[ConversationsData]:
    if isinstance(value, ConversationsData):
        yield value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _conversations(getattr(value, name))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _conversations(item)
