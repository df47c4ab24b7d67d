"""Maths problems from a local file or from the Hugging Face hub."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from recipe_runner.envs import EnvironmentUnavailable
from recipe_runner.envs.gem.items import Problem
from recipe_runner.envs.gem.protocol import Answer
from recipe_runner.quoting import quoted

QUESTION_KEYS = ("problem", "question")
ANSWER_KEYS = ("answer",)

Row = Mapping[str, Any]


def load_local(path: str, kwargs: Mapping[str, Any]) -> list[Problem]:
    """Read problems from a JSONL, CSV or Parquet file; ValueError names the file and the line."""
    file = Path(path)
    read = _READERS.get(file.suffix.lower())
    if read is None:
        known = ", ".join(sorted(_READERS))
        raise ValueError(f"{file}: not a data file that env.dataset takes ({known})")
    if not file.is_file():
        raise ValueError(f"{file}: no such file (env.dataset)")
    try:
        return _problems(read(file), str(file), kwargs)
    except ValueError as error:
        said = quoted(file, str(error))
        raise ValueError(said if said == str(error) else f"{file}: {said}") from None


def load_hub(name: str, split: str | None, kwargs: Mapping[str, Any]) -> list[Problem]:
    """Load a data set as GEM does: the split asked for, else the only one there is."""
    import datasets

    try:
        loaded = datasets.load_dataset(name)
    except Exception as error:
        # The hub fails in as many ways as the network does, with as many exception classes.
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise EnvironmentUnavailable(
            f"cannot load {name} from the Hugging Face hub: {reason}; "
            "set env.dataset to a local JSONL, CSV or Parquet file with the columns "
            "`problem` and `answer`"
        ) from error
    split = kwargs.get("split", split)
    if split is None and len(loaded) == 1:
        split = next(iter(loaded))
    if split not in loaded:
        found = ", ".join(loaded)
        raise ValueError(f"{name} has the splits {found}: set env.kwargs.split to one of them")
    return _problems(loaded[split], name, kwargs)


def _problems(rows: Iterable[Row], source: str, kwargs: Mapping[str, Any]) -> list[Problem]:
    problems: list[Problem] = []
    keys: tuple[str, str] | None = None
    for number, row in enumerate(rows, start=1):
        keys = keys or _keys(row, source, kwargs)
        problems.append(_problem(row, keys, f"{source}, row {number}"))
    if not problems:
        raise ValueError(f"{source}: no problems in it")
    return problems


def _keys(row: Row, source: str, kwargs: Mapping[str, Any]) -> tuple[str, str]:
    question = _key(row, source, kwargs.get("question_key"), QUESTION_KEYS, "question_key")
    answer = _key(row, source, kwargs.get("answer_key"), ANSWER_KEYS, "answer_key")
    return question, answer


def _key(row: Row, source: str, asked: str | None, usual: tuple[str, ...], setting: str) -> str:
    candidates = (asked,) if asked else usual
    for candidate in candidates:
        if candidate in row:
            return candidate
    raise ValueError(
        f"{source}: no column {' or '.join(candidates)}; it has {', '.join(map(str, row))} "
        f"(env.kwargs.{setting} names another column)"
    )


def _problem(row: Row, keys: tuple[str, str], place: str) -> Problem:
    question_key, answer_key = keys
    question = row.get(question_key)
    if not isinstance(question, str) or not question.strip():
        raise ValueError(f"{place}: {question_key} must be text, not {question!r}")
    return Problem(question, _answer(row.get(answer_key), answer_key, place))


def _answer(value: Any, key: str, place: str) -> Answer:
    if isinstance(value, str) and value.strip():
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, list) and value and all(isinstance(part, str) for part in value):
        return value
    raise ValueError(f"{place}: {key} must be text, a number or a list of texts, not {value!r}")


def _read_jsonl(file: Path) -> Iterable[Row]:
    try:
        lines = file.read_text("utf-8").split("\n")
    except UnicodeDecodeError:
        raise ValueError(f"{file}: not UTF-8 text") from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            reason = "nested too deeply" if isinstance(error, RecursionError) else error
            raise ValueError(f"{file}, line {number}: not JSON: {reason}") from None
        if not isinstance(row, dict):
            raise ValueError(f'{file}, line {number}: must be an object, {{"problem": …}}')
        yield row


def _read_csv(file: Path) -> Iterable[Row]:
    try:
        with file.open(encoding="utf-8", newline="") as stream:
            yield from csv.DictReader(stream)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{file}: not CSV in UTF-8: {error}") from None


def _read_parquet(file: Path) -> Iterable[Row]:
    import pyarrow
    import pyarrow.parquet

    try:
        rows: list[Row] = pyarrow.parquet.read_table(file).to_pylist()
    except pyarrow.ArrowInvalid as error:
        raise ValueError(f"{file}: not a Parquet file: {error}") from None
    return rows


_READERS: dict[str, Callable[[Path], Iterable[Row]]] = {
    ".jsonl": _read_jsonl,
    ".csv": _read_csv,
    ".parquet": _read_parquet,
}
