from __future__ import annotations

import logging
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from recipe_runner.envs import EnvironmentUnavailable

SAMPLE = os.path.join(os.path.dirname(__file__), "../../recipes/data/math_sample.jsonl")
Make = Callable[..., Any]


def test_a_batch_is_the_same_in_any_order_and_from_a_new_builder(builder: Make, run: Make) -> None:
    first, _ = run(builder("rg:chain_sum", seed=7)())
    again, _ = run(builder("rg:chain_sum", seed=7)())
    forwards = [first.get_batch(i) for i in range(4)]
    assert [again.get_batch(i) for i in (3, 1, 0, 2)] == [forwards[i] for i in (3, 1, 0, 2)]


def test_questions_repeat_neither_within_nor_across_batches(builder: Make, run: Make) -> None:
    async def questions() -> list[str]:
        dataset, _ = await builder("rg:chain_sum", groups_per_batch=8, seed=5)()
        groups = [group for i in range(4) for group in dataset.get_batch(i)]
        envs = [(await group.make_envs())[0] for group in groups]
        return [str((await env.initial_observation())[0]) for env in envs]

    asked = run(questions())
    assert len(asked) == len(set(asked)) == 32


def test_recipe_seeds_give_different_problems(builder: Make, run: Make) -> None:
    first, _ = run(builder("rg:chain_sum", seed=0)())
    second, _ = run(builder("rg:chain_sum", seed=1)())
    assert first.get_batch(0) != second.get_batch(0)


def test_group_builders_pickle(builder: Make, run: Make) -> None:
    dataset, _ = run(builder("game:Sudoku-v0-easy")())
    group = dataset.get_batch(0)[0]
    assert pickle.loads(pickle.dumps(group)) == group
    assert len(run(pickle.loads(pickle.dumps(group)).make_envs())) == 2


def test_tags_are_family_and_id(builder: Make, run: Make) -> None:
    dataset, _ = run(builder("rg:chain_sum")())
    assert dataset.get_batch(0)[0].logging_tags() == ["rg", "rg:chain_sum"]


def test_the_evaluation_set_has_its_size_in_groups_of_one(builder: Make, run: Make) -> None:
    train, held_out = run(builder("rg:chain_sum", eval_size=7)())
    groups = [group for i in range(len(held_out)) for group in held_out.get_batch(i)]
    assert [group.group_size for group in groups] == [1] * 7
    trained = {group.item.seed for i in range(len(train)) for group in train.get_batch(i)}
    assert not trained & {group.item.seed for group in groups}


def test_without_eval_size_there_is_no_evaluation_set(builder: Make, run: Make) -> None:
    assert run(builder("rg:chain_sum")())[1] is None


def test_a_batch_outside_the_run_is_an_index_error(builder: Make, run: Make) -> None:
    dataset, _ = run(builder("rg:chain_sum", num_batches=2)())
    assert len(dataset) == 2
    with pytest.raises(IndexError):
        dataset.get_batch(2)


def test_a_batch_costs_nothing_before_its_episodes_are_made(builder: Make, run: Make) -> None:
    dataset, _ = run(builder("rg:simple_equations", groups_per_batch=64, group_size=8)())
    start = time.perf_counter()
    assert len(dataset.get_batch(3)) == 64
    assert time.perf_counter() - start < 0.05


def test_a_procedural_environment_wants_steps(builder: Make, run: Make) -> None:
    with pytest.raises(ValueError, match="without end: set `steps`"):
        run(builder("rg:chain_sum", num_batches=None)())


def test_a_data_set_without_steps_goes_once_through(builder: Make, run: Make) -> None:
    dataset, _ = run(builder("math:Math12K", dataset=SAMPLE, num_batches=None, eval_size=2)())
    questions = [g.item.question for i in range(len(dataset)) for g in dataset.get_batch(i)]
    assert len(questions) == len(set(questions)) == 40


@pytest.mark.parametrize(
    ("env_id", "changes", "message"),
    [
        ("rg:chain_sun", {}, "did you mean rg:chain_sum"),
        ("game:GuessTheNumber-v0", {}, "no environment"),
        ("rg:chain_sum", {"kwargs": {"max_term": 2}}, "does not take 'max_term'; it takes .*terms"),
        ("rg:chain_sum", {"kwargs": {"max_terms": 0}}, "does not start: AssertionError"),
        ("game:Sudoku-v0-easy", {"wrappers": ("concta",)}, "wrappers are concat, concat_chat"),
        ("rg:chain_sum", {"wrappers": ("concat",)}, "no effect"),
        ("rg:chain_sum", {"dataset": SAMPLE}, "no effect"),
        ("rg:chain_sum", {"prompt": "Solve."}, "template with {{ observation }}"),
        ("rg:chain_sum", {"prompt": "{{ observation }} {{ x }}"}, "observation, x"),
        ("rg:chain_sum", {"prompt": "{{ observation"}, "prompt: "),
        ("rg:chain_sum", {"prompt": "{{ observation.__class__ }}"}, "unsafe"),
        ("game:FifteenPuzzle-v0-random", {}, "does not work"),
    ],
)
def test_a_wrong_setting_is_a_value_error_that_says_what(
    builder: Make, run: Make, env_id: str, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        run(builder(env_id, **changes)())
    assert "\n" not in str(caught.value)


def test_a_missing_gem_says_what_is_missing(
    builder: Make, run: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gem", None)
    with pytest.raises(EnvironmentUnavailable, match=r"gem-llm.*Python 3\.12\.0 or older"):
        run(builder("rg:chain_sum")())


def test_importing_the_package_imports_neither_gem_nor_torch() -> None:
    code = "import sys, recipe_runner.envs.gem; print({'gem', 'torch'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_building_leaves_the_logging_of_the_process_alone(builder: Make, run: Make) -> None:
    root = logging.getLogger()
    before = (list(root.handlers), root.level, "gem" in sys.modules)
    run(builder("rg:chain_sum")())
    assert (list(root.handlers), root.level, "gem" in sys.modules) == before
