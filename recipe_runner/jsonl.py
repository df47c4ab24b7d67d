"""Reading JSONL data files, with errors that name the file, the line and the column.

Light: little but the standard library. A column is a key of a line's object, as in a table.
"""

from __future__ import annotations

import codecs
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from recipe_runner.errors import DataError
from recipe_runner.quoting import quoted

Message = dict[str, Any]
ROLES = ("system", "developer", "user", "assistant", "tool")
# An example with images within it has some megabytes; a file without line breaks is no JSONL.
MAX_LINE_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Record:
    """One line of a JSONL file.

    Attributes:
        path: the file, as it was named.
        line: its line, counted from 1.
        values: the object on it.
    """

    path: Path
    line: int
    values: dict[str, Any]

    def error(self, column: str | None, message: str) -> DataError:
        """Return the error for this line, or for one column of it."""
        place, message = f"{self.path}:{self.line}:", quoted(self.path, message)
        return DataError(
            f"{place} column {column!r}: {message}" if column else f"{place} {message}"
        )

    def has(self, column: str) -> bool:
        """Whether the line has a value of this column that is not null."""
        return self.values.get(column) is not None

    def value(self, column: str) -> Any:
        """Return a column's value.

        Raises:
            DataError: if the line lacks it; the message lists what it has.
        """
        if not self.has(column):
            raise self.error(column, f"is missing; the line has {_listed(self.values)}")
        return self.values[column]

    def text(self, column: str) -> str:
        """Return a column that has to be a text with something in it."""
        value = self.value(column)
        if not isinstance(value, str):
            raise self.error(column, f"has to be a text, not {_kind(value)}")
        if not value.strip():
            raise self.error(column, "is empty")
        return value

    def messages(self, column: str) -> list[Message]:
        """Return a column that has to be a list of {"role", "content"}, at least one of them."""
        value = self.value(column)
        if not isinstance(value, list) or not value:
            raise self.error(column, f"has to be a list of messages, not {_kind(value)}")
        return [self._message(column, index, item) for index, item in enumerate(value)]

    def turns(self, column: str) -> list[Message]:
        """Return a column that has to be a list of messages, with content of any kind."""
        value = self.value(column)
        if not isinstance(value, list):
            raise self.error(column, f"has to be a list of messages, not {_kind(value)}")
        if not value:
            raise self.error(column, "is empty")
        for number, item in enumerate(value, start=1):
            if not isinstance(item, dict):
                raise self.error(column, f"message {number} has to be an object, not {_kind(item)}")
            if not isinstance(item.get("role"), str):
                raise self.error(column, f"message {number} has no role")
        return value

    def conversation(self, column: str, role: str) -> list[Message]:
        """Return a column that is a list of messages, or a text, which is one message of `role`."""
        if isinstance(self.value(column), list):
            return self.messages(column)
        if not isinstance(self.value(column), str):
            kind = _kind(self.value(column))
            raise self.error(column, f"has to be a text or a list of messages, not {kind}")
        return [{"role": role, "content": self.text(column)}]

    def _message(self, column: str, index: int, item: Any) -> Message:
        place = f"message {index + 1}"
        if not isinstance(item, dict):
            raise self.error(column, f"{place} has to be an object, not {_kind(item)}")
        role, content = item.get("role"), item.get("content")
        if role not in ROLES:
            given = "has no role" if role is None else f"has the role {role!r}"
            raise self.error(column, f"{place} {given}; there are {', '.join(ROLES)}")
        if not isinstance(content, str):
            given = "has no content" if content is None else f"has {_kind(content)} as content"
            raise self.error(column, f"{place} {given}; a text is needed")
        return item


def read_records(path: str | Path) -> Iterator[Record]:
    """Yield the lines of a JSONL file, those that are empty left out.

    Raises:
        DataError: if the file cannot be read, has no lines, or one is too long or no JSON object.
    """
    file = Path(path)
    empty = True
    try:
        with file.open("rb") as lines:
            whole = iter(partial(lines.readline, MAX_LINE_BYTES + 1), b"")
            for line, raw in enumerate(whole, start=1):
                if len(raw) > MAX_LINE_BYTES:
                    limit = MAX_LINE_BYTES // 2**20
                    raise DataError(f"{file}:{line}: is longer than {limit} MiB; end it sooner")
                raw = raw.removeprefix(codecs.BOM_UTF8) if line == 1 else raw
                if raw.strip():
                    empty = False
                    yield Record(file, line, _object(file, line, raw))
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror}") from error
    if empty:
        raise DataError(f"{file} has no lines; it needs one JSON object a line")


def _object(file: Path, line: int, raw: bytes) -> dict[str, Any]:
    place = f"{file}:{line}:"
    try:
        value = json.loads(raw.decode("utf-8"), object_pairs_hook=_without_duplicates)
    except UnicodeDecodeError as error:
        raise DataError(f"{place} is not UTF-8 (byte {error.start + 1} of the line)") from error
    except json.JSONDecodeError as error:
        raise DataError(f"{place}{error.colno}: is not JSON: {error.msg}") from error
    except _Twice as error:
        raise DataError(f"{place} {quoted(file, str(error))}") from error
    except RecursionError as error:
        raise DataError(f"{place} nested too deeply") from error
    except ValueError as error:
        # The only one that is left: Python reads no longer numbers.
        raise DataError(f"{place} a number has more than 4,300 digits") from error
    if not isinstance(value, dict):
        raise DataError(f"{place} has to be a JSON object, not {_kind(value)}")
    return value


class _Twice(ValueError):
    """A key is there twice."""


def _without_duplicates(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise _Twice(f"the key {twice!r} is there twice")
    return values


def _listed(values: dict[str, Any]) -> str:
    return ", ".join(sorted(values)) or "no columns"


def _kind(value: Any) -> str:
    """Return what a JSON value is, in the words of JSON."""
    if value is None:
        return "null"
    if value == [] or value == {}:
        return "an empty list" if value == [] else "an empty object"
    names = {bool: "true or false", int: "a number", float: "a number", str: "a text"}
    names |= {list: "a list", dict: "an object"}
    return names[type(value)]
