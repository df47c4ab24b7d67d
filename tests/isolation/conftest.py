"""Programs run by each mechanism that works on this machine."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from recipe_runner.isolation import Completed, run, run_python
from recipe_runner.isolation.mechanisms import BUBBLEWRAP, NAMESPACES, Mechanism

Run = Callable[..., Completed]


@pytest.fixture(params=[NAMESPACES, BUBBLEWRAP], ids=lambda mechanism: mechanism.name)
def isolated(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Run:
    """`run_python` by one mechanism."""
    mechanism: Mechanism = request.param
    chosen, reasons = run.choose([mechanism])
    if chosen is None:
        pytest.skip("; ".join(reasons))
    monkeypatch.setattr(run, "_choice", lambda: (chosen, []))
    return run_python


@pytest.fixture
def unisolated(monkeypatch: pytest.MonkeyPatch) -> Run:
    """`run_python` on a machine where nothing can shut a program in."""
    monkeypatch.setattr(run, "_choice", lambda: (None, ["bubblewrap: not installed"]))
    return run_python
