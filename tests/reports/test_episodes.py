"""Rollouts on disk -> what the browser of rollouts shows."""

from __future__ import annotations

import base64
import gzip
import itertools
import json
from typing import Any

from recipe_runner.reports.blobs import Blobs
from recipe_runner.reports.episodes import Limit, pack
from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.rollouts import cut, rollouts_file
from tests.reports.conftest import MakeRun, rollout, write_lines

ALL = Limit(episodes=10_000, size=1 << 30)


def packed(run: RunDirectory, limit: Limit = ALL) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return what a page gets, with its table and its episodes unpacked."""
    blobs = Blobs()
    found = pack(run, blobs, limit)
    assert found is not None
    whole = [json.loads(gzip.decompress(base64.b64decode(each))) for each in blobs.packed]
    episodes = [episode for number in found["packs"] for episode in whole[number]]
    return {**found, "table": whole[found["table"]]}, episodes


def test_a_step_that_was_written_twice_is_shown_once_as_it_was_last(make_run: MakeRun) -> None:
    again = rollout(1, 0, 0, reward=0.25)
    run = make_run(rollouts=[rollout(0, 0, 0), rollout(1, 0, 0), rollout(2, 0, 0), again])
    found, episodes = packed(run)
    assert found["table"]["step"] == [0, 1, 2]
    assert found["table"]["reward"] == [1.0, 0.25, 1.0]
    assert episodes[1] == again


def test_what_a_kill_cut_short_is_left_out(make_run: MakeRun) -> None:
    run = make_run(rollouts=[rollout(0, 0, 0)])
    with rollouts_file(run.path).open("a") as file:
        file.write(json.dumps(rollout(1, 0, 0))[:-20])
    assert packed(run)[0]["total"] == 1


def test_whole_groups_are_left_out_evenly_and_counted(make_run: MakeRun) -> None:
    run = make_run(rollouts=[rollout(step, 0, member) for step in range(100) for member in (0, 1)])
    found, episodes = packed(run, Limit(episodes=20, size=1 << 30))
    assert (found["total"], found["kept"]) == (200, 20)
    assert (found["groups"], found["kept_groups"]) == (100, 10)
    steps = found["table"]["step"][::2]
    assert (steps[0], steps[-1]) == (0, 99)
    assert {b - a for a, b in itertools.pairwise(steps)} == {11}
    assert [each["step"] for each in episodes] == found["table"]["step"]


def test_long_texts_count_against_the_limit(make_run: MakeRun) -> None:
    long = [["x" * 10_000, "trained", 5_000, 0.5]]
    run = make_run(rollouts=[rollout(step, 0, 0, sequences=[long]) for step in range(20)])
    assert packed(run, Limit(episodes=1_000, size=60_000))[0]["kept"] <= 6
    assert packed(run, Limit(episodes=0, size=1))[0]["kept"] == 0


def test_examples_of_benchmarks_are_rollouts_too(make_run: MakeRun) -> None:
    run = make_run()
    (run.path / "gsm8k").mkdir()
    turns = [
        {"role": "user", "content": "What is 2 + 2?", "token_count": 7, "metadata": {}},
        {"role": "assistant", "content": "4", "token_count": 1, "metadata": {}},
    ]
    example = {"idx": 0, "benchmark": "gsm8k", "turns": turns, "reward": 1.0, "error": None}
    failed = {**example, "idx": 1, "reward": 0.0, "error": "timed out"}
    write_lines(run.path / "gsm8k" / "trajectories.jsonl", [example, failed])
    found, episodes = packed(run)
    assert found["table"]["split"] == ["gsm8k", "gsm8k"]
    assert found["table"]["error"] == [None, "timed out"]
    assert found["errors"] == 1
    assert episodes[0]["sequences"] == [
        [["What is 2 + 2?", "shown", 7, None], ["4", "untrained", 1, None]]
    ]


def test_errors_of_the_environment_are_found(make_run: MakeRun) -> None:
    turn = {"reward": 0.0, "metrics": {"env_error": 1.0}, "logs": {"env_error": "no such move"}}
    run = make_run(rollouts=[rollout(0, 0, 0, turns=[turn]), rollout(0, 0, 1)])
    assert packed(run)[0]["table"]["error"] == ["no such move", None]


def test_resuming_cuts_the_steps_that_are_computed_again(make_run: MakeRun) -> None:
    run = make_run(rollouts=[rollout(step, 0, 0) for step in range(5)])
    cut(rollouts_file(run.path), 3)
    assert packed(run)[0]["table"]["step"] == [0, 1, 2]


def test_the_first_groups_of_each_step_of_a_real_run_are_there(real_run: RunDirectory) -> None:
    found, episodes = packed(real_run)
    table = found["table"]
    trained = [i for i, split in enumerate(table["split"]) if split == "train"]
    assert len(trained) == 2 * 2 * 4  # steps, groups, members
    tests = {split for split in table["split"] if split != "train"}
    assert len(tests) == 1
    for i in trained:
        (sequence,) = episodes[i]["sequences"]
        assert [kind for _, kind, *_ in sequence] == ["shown", "trained"]
        assert sequence[0][2] == table["prompt_tokens"][i]
        assert sequence[1][2] == table["reply_tokens"][i]
        assert abs(sequence[1][3] - table["advantage"][i]) < 1e-4
        assert "boxed" in sequence[0][0]
    for step in (0, 1):
        members = [i for i in trained if table["step"][i] == step and table["group"][i] == 0]
        assert abs(sum(table["advantage"][i] for i in members)) < 1e-5
