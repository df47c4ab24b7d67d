"""The order of problems: from the seed, for as long as the run lasts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipe_runner.envs.passes import in_passes, num_problems


@given(st.lists(st.integers(), min_size=1), st.integers(0, 9), st.integers(0, 60))
def test_every_pass_has_every_item(items: list[int], seed: int, num_items: int) -> None:
    order = in_passes(items, seed=seed, num_items=num_items)
    assert len(order) >= num_items
    assert len(order) % len(items) == 0
    for start in range(0, len(order), len(items)):
        assert sorted(order[start : start + len(items)]) == sorted(items)


def test_seed_0_keeps_the_order_and_others_have_their_own() -> None:
    items = list(range(50))
    assert in_passes(items, seed=0, num_items=None) == items
    assert in_passes(items, seed=1, num_items=None) == in_passes(items, seed=1, num_items=None)
    assert in_passes(items, seed=1, num_items=None) != in_passes(items, seed=2, num_items=None)


def test_nothing_to_train_on_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing to train on"):
        in_passes([], seed=0, num_items=None)


def test_a_run_needs_one_batch_at_least() -> None:
    assert num_problems(None, 8) == 8
    assert num_problems(3, 8) == 24
