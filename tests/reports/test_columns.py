"""Metrics -> columns: every value that a metrics file has, whatever it has."""

from __future__ import annotations

import base64
import gzip
import json
import math
from array import array
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from recipe_runner.reports.blobs import Blobs
from recipe_runner.reports.columns import columns_of, pack, read_columns

Numbers = st.integers() | st.floats() | st.booleans() | st.just(10**400) | st.just(-(10**400))
Values = Numbers | st.text() | st.none() | st.lists(st.integers(), max_size=2)
Keys = st.sampled_from(["step", "time/total", "reward", "Größe\u2028", "</script>"])
Usual = st.fixed_dictionaries({"step": st.integers(0, 5), "reward": Numbers, "time/total": Numbers})
Rows = st.lists(st.dictionaries(Keys, Values) | Usual, max_size=12)


def unpacked(blobs: Blobs, number: int, form: str) -> list[float]:
    data = gzip.decompress(base64.b64decode(blobs.packed[number]))
    return array("d" if form == "f8" else "f", data).tolist()


def as_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


@given(Rows)
def test_every_number_of_every_row_is_kept_and_the_page_can_hold_it(
    rows: list[dict[str, Any]],
) -> None:
    blobs = Blobs()
    columns = columns_of(rows)
    packed = pack(columns, blobs)
    json.dumps(packed, allow_nan=False)
    dated = [r for r in rows if isinstance(r.get("step"), int | float) and _finite(r["step"])]
    assert packed["rows"] == len(dated)
    assert packed["without_step"] == len(rows) - len(dated)
    wanted: dict[str, dict[float, float]] = {}
    for row in dated:
        for key, value in row.items():
            if key != "step" and isinstance(value, int | float):
                wanted.setdefault(key, {})[float(row["step"])] = as_float(value)
    found = {metric["key"]: metric for metric in packed["metrics"]}
    assert found.keys() == wanted.keys()
    for key, values in wanted.items():
        metric = found[key]
        axis = packed["axes"][metric["axis"]]
        steps = unpacked(blobs, axis["steps"], axis["form"])
        assert steps == sorted(steps)
        assert metric["points"] == len(values) == len(steps)
        kept = unpacked(blobs, metric["values"], metric["form"])
        for value, (_, expected) in zip(kept, sorted(values.items()), strict=True):
            same = math.isclose(value, expected, rel_tol=1e-6, abs_tol=1e-37)
            assert same or value == expected or (value != value and expected != expected)
        assert metric["not_finite"] == sum(not math.isfinite(each) for each in values.values())


def _finite(value: Any) -> bool:
    return math.isfinite(as_float(value))


def test_a_line_that_was_cut_short_ends_the_file(tmp_path: Path) -> None:
    file = tmp_path / "metrics.jsonl"
    file.write_text('{"step": 0, "a": NaN}\n{"step": 1, "a": -Infinity}\n{"step": 2, "a": 1')
    columns = read_columns(file)
    assert len(columns.steps) == 2
    assert columns.series("a")[1] == (1.0, -math.inf)


def test_whole_numbers_beyond_four_bytes_stay_whole() -> None:
    blobs = Blobs()
    packed = pack(columns_of([{"step": 0, "tokens": 123_456_789_012}]), blobs)
    (metric,) = packed["metrics"]
    assert unpacked(blobs, metric["values"], metric["form"]) == [123_456_789_012]


def test_time_at_work_adds_up_over_the_rows() -> None:
    blobs = Blobs()
    rows = [{"step": step, "a": 1, "time/total": 2.5} for step in range(4)]
    axis = pack(columns_of(rows), blobs)["axes"][0]
    assert unpacked(blobs, axis["seconds"], axis["seconds_form"]) == [2.5, 5.0, 7.5, 10.0]


def test_of_a_step_that_was_logged_twice_the_later_counts() -> None:
    columns = columns_of([{"step": 0, "a": 1}, {"step": 1, "a": 2}, {"step": 0, "a": 3}])
    assert columns.series("a") == [(0.0, 3.0), (1.0, 2.0)]
