"""Pytest plugin of the preflight matrix: which recipes it tries, and the table of what it saw."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

PROPERTY = "preflight"
COLUMNS = ("recipe", "seconds", "real", "stand-in")


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("preflight")
    group.addoption(
        "--preflight-all", action="store_true", help="Try every shipped recipe, not a third of them"
    )
    group.addoption(
        "--preflight-table", type=Path, metavar="FILE", help="Write the matrix as a Markdown table"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "preflight: tries a shipped recipe for real, offline")


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    # Test processes hand their properties to this one, which alone has a terminal.
    reports = [report for found in terminalreporter.stats.values() for report in found]
    rows = sorted(
        {
            tuple(value)
            for report in reports
            for name, value in getattr(report, "user_properties", ())
            if name == PROPERTY
        }
    )
    if not rows:
        return
    seconds = sum(float(row[1]) for row in rows)
    terminalreporter.section(f"preflight: {len(rows)} recipes, {seconds:.0f} s in all")
    for recipe, took, _, stand_in in rows:
        terminalreporter.write_line(f"{float(took):6.1f} s  {recipe}  ({stand_in or 'all real'})")
    path: Path | None = config.getoption("--preflight-table")
    if path is not None:
        path.write_text(markdown(rows), encoding="utf-8")


def markdown(rows: list[tuple[str, str, str, str]]) -> str:
    """Return the rows as a Markdown table."""
    lines = [COLUMNS, tuple("---" for _ in COLUMNS), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
