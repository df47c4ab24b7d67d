"""The curve: first and last values, sparkline, time left."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from recipe_runner.runs.progress.curve import WINDOW, Curve, headline


def curve_of(values: list[float], seconds: float = 2.0) -> Curve:
    curve = Curve(headline("rl"))
    for step, value in enumerate(values):
        curve.add(
            {
                "step": step,
                "progress/done_frac": 0.1,
                "env/all/reward/total": value,
                "env/all/total_ac_tokens": 3,
                "env/all/total_ob_tokens": 7,
                "time/total": seconds,
            }
        )
    return curve


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=200), st.integers(1, 80))
def test_sparkline_fits_and_spans_its_range(values: list[float], width: int) -> None:
    line = curve_of(values).sparkline(width)
    assert len(line) == min(width, len(values))
    if len(set(values)) > 1 and width >= len(values):
        assert "▁" in line
        assert "█" in line


def test_first_and_last_are_means_of_a_window() -> None:
    curve = curve_of([0.0, 0.3, 0.6, 0.5, 0.7, 0.8, 0.9])
    assert WINDOW == 3
    assert curve.first() == (0.0 + 0.3 + 0.6) / 3
    assert curve.last() == (0.7 + 0.8 + 0.9) / 3


def test_time_left_counts_the_steps_that_are_left() -> None:
    curve = curve_of([0.1] * 4, seconds=2.0)
    assert curve.seconds_left(10) == 12.0
    assert curve.seconds_left(None) is None
    assert curve_of([]).seconds_left(10) is None


def test_tokens_are_prompts_and_replies() -> None:
    assert curve_of([0.1] * 4).tokens == 40


def test_evaluation_rows_set_the_tests_and_are_no_steps() -> None:
    curve = curve_of([0.1])
    curve.add({"step": 5, "test/env/all/reward/total": 0.4})
    assert curve.tests == {"test/env/all/reward/total": 0.4}
    assert curve.last_step == 0


def test_watched_evaluation_metrics_have_short_names() -> None:
    curve = curve_of([0.1])
    curve.add({"step": 1, "test/nll": 1.5, "test/bpb": 2.0, "test/env/all/reward/total": 0.4})
    assert curve.test_headlines() == [("test reward", 0.4), ("test loss", 1.5)]


def test_the_last_step_is_the_latest_whose_value_is_known() -> None:
    curve = curve_of([0.1, 0.2])
    curve.add({"step": 2, "progress/done_frac": 0.3})
    assert curve.last_step == 1
    curve.add({"step": 0, "progress/done_frac": 0.1, "env/all/reward/total": 0.4})
    assert (curve.last_step, curve.values[0]) == (1, 0.4)
    assert curve_of([]).last_step is None
