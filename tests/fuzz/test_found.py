"""What fuzzing the files of a run found, each input cut down to what matters."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fuzz import run_files

NAMES = sorted(run_files._originals())


def changed(name: str, changes: dict[str, Any]) -> bytes:
    """An input that replaces keys of a file's one record."""
    (line,) = run_files._originals()[name].splitlines()
    return bytes([NAMES.index(name)]) + json.dumps({**json.loads(line), **changes}).encode() + b"\n"


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("rollouts.jsonl", {"turns": 3}),
        ("rollouts.jsonl", {"turns": ["a"]}),
        ("rollouts.jsonl", {"turns": [{"logs": [1]}]}),
        ("rollouts.jsonl", {"turns": [{"metrics": [1]}]}),
        ("rollouts.jsonl", {"sequences": [[[]]]}),
        ("rollouts.jsonl", {"sequences": [[1]]}),
        ("run.json", {"attempts": 3}),
        ("run.json", {"attempts": [{}]}),
        ("run.json", {"git": 1}),
        ("run.json", {"served": "x"}),
        ("run.json", {"tags": [1]}),
        ("run.json", {"method": "\u202e"}),
        ("run.json", {"name": None}),
        ("plan.json", {"recipe": []}),
        ("plan.json", {"recipe": {"model": "x"}}),
        ("plan.json", {"recipe": {"method": ["a"]}}),
        ("usage.json", {"seconds": float("nan")}),
        ("sweep.json", {"variants": [{"run": 0.5}]}),
        ("sweep.json", {"variants": [{"run": "\ud800"}]}),
        ("sweep.json", {"variants": [3]}),
    ],
)
def test_a_strange_record_is_shown_as_far_as_it_goes(name: str, changes: dict[str, Any]) -> None:
    run_files.one_input(changed(name, changes))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("content", [b"[" * 100_000, b'{"step": 1e999}\n', b"\xff\n", b""])
def test_a_file_that_is_no_record_is_left_out(name: str, content: bytes) -> None:
    run_files.one_input(bytes([NAMES.index(name)]) + content)
