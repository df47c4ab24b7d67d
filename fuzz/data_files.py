"""JSONL files that a recipe names: the first byte says which kind it is read as.

Right: records, or an error that names the file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from fuzz.limits import Limits
from fuzz.recipes import directory
from recipe_runner.compile.data.prompts import PromptsFile
from recipe_runner.envs.code.problems import load_problems
from recipe_runner.envs.gem.problems import load_local
from recipe_runner.envs.preference.comparisons import (
    read_comparison,
    read_prompt,
    read_reply,
)
from recipe_runner.envs.rubric import RubricFile
from recipe_runner.errors import RunnerError
from recipe_runner.jsonl import read_records

LIMITS = Limits(max_bytes=4096, holds_json=True)
ROOT = Path(__file__).parents[1]


def _conversations(path: Path) -> None:
    for record in read_records(path):
        record.turns("messages")


def _comparisons(path: Path) -> None:
    for record in read_records(path):
        read_comparison(record)


def _replies(path: Path) -> None:
    for record in read_records(path):
        read_reply(record)
        read_prompt(record)


def _problems(path: Path) -> None:
    try:
        load_local(str(path), {})
    except ValueError as error:
        raise RunnerError(str(error)) from error


KINDS: list[tuple[Callable[[Path], object], str]] = [
    (_conversations, "conversations"),
    (_comparisons, "comparisons"),
    (_replies, "comparisons"),
    (lambda path: PromptsFile(path=str(path))(), "jokes"),
    (lambda path: RubricFile(jsonl_path=str(path))(), "rubric_train"),
    (lambda path: load_problems(str(path)), "code_problems"),
    (_problems, "math_sample"),
]


def seeds() -> Iterator[bytes]:
    for number, (_, name) in enumerate(KINDS):
        lines = (ROOT / "recipes" / "data" / f"{name}.jsonl").read_bytes().splitlines(True)
        yield bytes([number]) + b"".join(lines[:2])


def one_input(data: bytes) -> None:
    path = directory() / "data.jsonl"
    path.write_bytes(data[1:])
    read, _ = KINDS[(data[0] if data else 0) % len(KINDS)]
    problem = str(path)
    try:
        read(path)
    except RunnerError as error:
        problem = str(error)
    assert problem.startswith(str(path)), problem
