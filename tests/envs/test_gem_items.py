from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipe_runner.envs.gem.items import (
    SEED_SPACE,
    Problem,
    ProceduralItems,
    ShuffledProblems,
    split_problems,
)

SEEDS = st.integers(0, SEED_SPACE - 1)
POSITIONS = st.integers(0, 10_000_000)


def _problems(count: int) -> list[Problem]:
    return [Problem(f"question {i}", str(i)) for i in range(count)]


@given(SEEDS, POSITIONS)
def test_item_seeds_are_in_numpys_range_and_evaluation_has_its_own(seed: int, at: int) -> None:
    train, held_out = ProceduralItems(seed).at(at), ProceduralItems(seed, held_out=True).at(at)
    assert 0 <= train.seed < SEED_SPACE // 2 <= held_out.seed < SEED_SPACE


@given(SEEDS, POSITIONS, st.integers(1, 1000))
def test_positions_have_different_item_seeds(seed: int, at: int, distance: int) -> None:
    items = ProceduralItems(seed)
    assert items.at(at) != items.at(at + distance)


def test_neighbouring_recipe_seeds_share_no_items_in_a_long_run() -> None:
    runs = [{ProceduralItems(seed).at(i).seed for i in range(20_000)} for seed in range(20)]
    assert len(set().union(*runs)) == 20 * 20_000


@given(SEEDS, st.integers(1, 60))
def test_each_epoch_has_every_problem_once(seed: int, count: int) -> None:
    items = ShuffledProblems(_problems(count), seed)
    for epoch in range(3):
        answers = [items.at(epoch * count + i).answer for i in range(count)]
        assert sorted(answers, key=int) == [str(i) for i in range(count)]


def test_epochs_and_seeds_have_different_orders() -> None:
    problems = _problems(40)

    def order(seed: int, epoch: int) -> list[Problem]:
        items = ShuffledProblems(problems, seed)
        return [items.at(epoch * 40 + i) for i in range(40)]

    assert order(0, 0) != order(0, 1) != order(1, 0) != problems


@given(SEEDS, st.integers(2, 40), st.data())
def test_held_out_problems_are_never_trained_on(seed: int, count: int, data: st.DataObject) -> None:
    eval_size = data.draw(st.integers(1, count - 1))
    train, held_out = split_problems(_problems(count), seed, eval_size)
    assert held_out is not None
    trained = {train.at(i).question for i in range(3 * count)}
    tested = {held_out.at(i).question for i in range(eval_size)}
    assert len(tested) == eval_size
    assert not trained & tested


def test_a_held_out_set_that_takes_everything_is_refused() -> None:
    with pytest.raises(ValueError, match="the data set has 5 problems"):
        split_problems(_problems(5), 0, 5)
