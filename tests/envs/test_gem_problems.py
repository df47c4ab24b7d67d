from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from recipe_runner.envs import EnvironmentUnavailable
from recipe_runner.envs.gem.items import Problem
from recipe_runner.envs.gem.problems import load_local

ROWS = [{"problem": "1 + 1?", "answer": "2"}, {"problem": "zwei,\n„drei“?", "answer": "3"}]
PROBLEMS = [Problem(row["problem"], row["answer"]) for row in ROWS]


def _jsonl(path: Path, rows: list[Any]) -> Path:
    path.write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    return path


def test_jsonl_csv_and_parquet_hold_the_same_problems(tmp_path: Path) -> None:
    with (tmp_path / "p.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, ["problem", "answer"])
        writer.writeheader()
        writer.writerows(ROWS)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(ROWS), tmp_path / "p.parquet")
    _jsonl(tmp_path / "p.jsonl", ROWS)
    for name in ("p.csv", "p.parquet", "p.jsonl"):
        assert load_local(str(tmp_path / name), {}) == PROBLEMS


def test_columns_are_guessed_or_named(tmp_path: Path) -> None:
    guessed = _jsonl(tmp_path / "q.jsonl", [{"question": "Why?", "answer": 42}])
    assert load_local(str(guessed), {}) == [Problem("Why?", "42")]
    named = _jsonl(tmp_path / "n.jsonl", [{"q": "Why?", "a": ["x", "y"], "answer": "z"}])
    keys = {"question_key": "q", "answer_key": "a"}
    assert load_local(str(named), keys) == [Problem("Why?", ["x", "y"])]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no problems in it"),
        (b'{"text": "a", "answer": "b"}', "no column problem or question; it has text, answer"),
        (b'{"problem": "a", "solution": "b"}', "no column answer; it has problem, solution"),
        (b'{"problem": "a", "answer": "b"}\n{"problem": "a"', "line 2: not JSON"),
        (b'{"problem": "a", "answer": "b"}\n["a"]', "line 2: must be an object"),
        (b'{"problem": "a", "answer": "b"}\n{"problem": "a"}', "row 2: answer must be"),
        (b'{"problem": 7, "answer": "b"}', "row 1: problem must be text, not 7"),
        (b'{"problem": "a", "answer": true}', "row 1: answer must be"),
        (b"\xff\xfe\x00", "not UTF-8"),
    ],
)
def test_a_bad_file_is_an_error_with_its_place(
    tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "bad.jsonl").write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        load_local(str(tmp_path / "bad.jsonl"), {})
    assert str(tmp_path / "bad.jsonl") in str(caught.value)


def test_other_files_are_refused_with_the_known_kinds(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.csv, \.jsonl, \.parquet"):
        load_local(str(tmp_path / "p.txt"), {})
    with pytest.raises(ValueError, match="no such file"):
        load_local(str(tmp_path / "p.jsonl"), {})
    (tmp_path / "p.parquet").write_bytes(b"not parquet")
    with pytest.raises(ValueError, match="not a Parquet file"):
        load_local(str(tmp_path / "p.parquet"), {})


def test_without_the_hub_the_error_names_the_remedy(
    builder: Callable[..., Any], run: Callable[..., Any]
) -> None:
    with pytest.raises(EnvironmentUnavailable, match=r"axon-rl/MATH-12k.*env\.dataset") as caught:
        run(builder("math:Math12K")())
    assert "\n" not in str(caught.value)
