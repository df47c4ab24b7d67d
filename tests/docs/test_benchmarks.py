"""docs/benchmarks.md and the table name every benchmark that has a goal."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
BENCHMARKS = ROOT / "benchmarks"
WITH_ROWS = {path.stem for path in BENCHMARKS.glob("*.py") if "rows.show(" in path.read_text()}


def test_the_table_has_every_benchmark_that_has_rows() -> None:
    done = subprocess.run(
        [sys.executable, BENCHMARKS / "table.py", "no-such-benchmark"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert "no benchmark with a goal: no-such-benchmark" in done.stderr
    helped = subprocess.run(
        [sys.executable, BENCHMARKS / "table.py", "--help"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(re.findall(r"[a-z_]+", helped.stdout)) >= WITH_ROWS


def test_the_page_explains_each_of_them() -> None:
    page = (ROOT / "docs" / "benchmarks.md").read_text("utf-8")
    named = set(re.findall(r"`benchmarks/(\w+)\.py`", page))
    assert named >= WITH_ROWS
    assert all((BENCHMARKS / f"{name}.py").exists() for name in named)
