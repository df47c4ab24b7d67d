"""Columns of a metrics file: the same numbers as reading every row, whoever wrote it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipe_runner.runs.files import read_json_lines
from recipe_runner.runs.metrics import is_training_row, key_names, scan
from recipe_runner.runs.summarize import of_metrics

KEYS = ("a", "a/b", 'with "quotes"', "progress/done_frac", "test/x")
VALUES = st.one_of(
    st.floats(allow_nan=False), st.integers(-(10**6), 10**6), st.text(), st.booleans(), st.none()
)
ROWS = st.lists(st.dictionaries(st.sampled_from(KEYS), VALUES), max_size=20)


def plainly(rows: list[dict[str, Any]], key: str) -> dict[int, float]:
    return {
        row["step"]: row[key]
        for row in rows
        if isinstance(row.get(key), float | int) and not isinstance(row[key], bool)
    }


@given(rows=ROWS, other_hand=st.booleans())
def test_columns_are_what_the_rows_hold(
    rows: list[dict[str, Any]], other_hand: bool, tmp_path_factory: Any
) -> None:
    file = tmp_path_factory.getbasetemp() / "metrics.jsonl"
    numbered = [{"step": step, **row} for step, row in enumerate(rows)]
    separators = (",", ":") if other_hand else (", ", ": ")
    file.write_text("".join(json.dumps(row, separators=separators) + "\n" for row in numbered))
    found = scan(file, training=KEYS, columns=KEYS, prefix="test/")
    training = [row for row in read_json_lines(file) if is_training_row(row)]
    assert found.training_steps == len(training)
    for key in KEYS:
        assert found.columns[key] == plainly(numbered, key)
        assert found.training[key] == plainly(training, key)
    assert set(key_names(file)) == {key for row in rows for key in row}


def test_a_row_that_was_cut_short_ends_the_file(tmp_path: Path) -> None:
    file = tmp_path / "metrics.jsonl"
    file.write_text('{"step": 0, "a": 1}\n{"step": 1, "a": NaN}\n{"step": 2, "a"')
    column = scan(file, columns=["a"]).columns["a"]
    assert column[0] == 1.0
    assert math.isnan(column[1])
    assert len(column) == 2
    assert scan(tmp_path / "none", columns=["a"]).columns == {"a": {}}


def test_the_summary_is_of_training_steps_and_of_the_latest_evaluation(tmp_path: Path) -> None:
    file = tmp_path / "metrics.jsonl"
    rows: list[dict[str, Any]] = [
        {"step": step, "progress/done_frac": 0.1, "env/all/reward/total": step / 10}
        | {"env/all/total_ac_tokens": 2}
        for step in range(6)
    ]
    rows.insert(3, {"step": 2, "test/env/all/reward/total": 0.4})
    rows.append({"step": 5, "test/env/all/reward/total": 0.5})
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = of_metrics(file, "rl")
    figures = [found[which] for which in ("first", "last", "best")]
    assert figures == pytest.approx([0.1, 0.4, 0.5])
    assert (found["steps"], found["tokens"]) == (6, 12)
    assert found["tests"] == {"test/env/all/reward/total": 0.5}
