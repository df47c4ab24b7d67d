"""The displays: what a run at work shows on a terminal of any width, and in a pipe."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console
from rich.text import Text

from recipe_runner.planning.tokens import Tokens
from recipe_runner.runs.progress.curve import Curve, headline
from recipe_runner.runs.progress.display import make_display
from recipe_runner.runs.progress.live import LiveDisplay
from recipe_runner.runs.progress.plain import PlainDisplay
from recipe_runner.runs.progress.status import Status
from schemas.budget import Budget

LINK = "https://wandb.example/team/project/runs/20261121-074338-aaaa"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def row(step: int) -> dict[str, Any]:
    return {
        "step": step,
        "progress/done_frac": 0.1,
        "env/all/reward/total": step / 10,
        "env/all/total_ac_tokens": 1_000,
        "time/total": 2.5,
    }


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, Status, int], list[str]]:
    """Return what a terminal of a width shows after some steps of twenty."""

    def lines(width: int, status: Status, steps: int) -> list[str]:
        monkeypatch.setenv("COLUMNS", str(width))
        display = make_display(Terminal(), 20, 0, status)
        assert isinstance(display, LiveDisplay)
        curve = Curve(headline("rl"))
        for step in range(steps):
            curve.add(row(step))
        display.update(curve)
        shown = io.StringIO()
        Console(file=shown, width=width).print(display._render())
        display.close()
        return shown.getvalue().splitlines()

    return lines


@pytest.mark.parametrize("width", [40, 80, 160])
def test_everything_fits_every_width(
    screen: Callable[[int, Status, int], list[str]], width: int
) -> None:
    status = Status(
        usage={"m": Tokens(sampled=12_345)},
        usd=0.42,
        seconds=60.0,
        budget=Budget(usd=5, hours=2, tokens=1_000_000),
        waiting="the service is busy (429); trying again",
        waiting_since=time.monotonic() - 12,
        stopping="stopping after this step; Ctrl-C again stops now",
        links={"W&B": LINK},
    )
    lines = screen(width, status, 10)
    assert all(Text(line).cell_len <= width for line in lines)
    text = " ".join(" ".join(lines).split())
    for part in (
        "step 10/20",
        "reward 0.900",
        "2.5 s a step",
        "25 s left",
        "▁",
        "12,345 of 1,000,000 tokens",
        "$0.42 of $5.00",
        "1 min 00 s of 2 h 00 min",
        "waiting (12 s): the service is busy",
        "stopping after this step",
    ):
        assert part in text, part
    assert LINK in "".join(line.strip() for line in lines)


def test_before_the_first_step_it_says_why_it_waits(
    screen: Callable[[int, Status, int], list[str]],
) -> None:
    lines = screen(60, Status(waiting="no connection to the service"), 0)
    assert lines[0].startswith("starting: step 1 is under way")
    assert lines[1] == "waiting: no connection to the service"


def test_a_pipe_gets_a_line_a_step_and_one_for_each_wait() -> None:
    out, status, curve = io.StringIO(), Status(links={"W&B": LINK}), Curve(headline("rl"))
    display = PlainDisplay(out, 3, status)
    display.update(curve)
    curve.add(row(0))
    display.update(curve)
    status.waiting, status.waiting_since = "the service is busy", time.monotonic() - 8
    for _ in range(3):
        display.update(curve)
    status.waiting = status.waiting_since = None
    curve.add(row(1))
    display.update(curve)
    status.stopping = "stopping after this step"
    display.update(curve)
    display.update(curve)
    display.close()
    assert out.getvalue().splitlines() == [
        f"W&B: {LINK}",
        "step 1/3  reward 0.000  1,000 tokens  5 s left",
        "waiting: the service is busy",
        "step 2/3  reward 0.100  2,000 tokens  2 s left",
        "going on after 8 s",
        "stopping after this step",
    ]
