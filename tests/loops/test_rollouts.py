"""An episode's tokens as text: what was shown, what was trained and how, what was left out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import tinker
import torch
from hypothesis import given
from hypothesis import strategies as st
from tinker_cookbook.completers import TokensWithLogprobs
from tinker_cookbook.rl.data_processing import trajectory_to_data
from tinker_cookbook.rl.types import Trajectory, TrajectoryGroup, Transition
from tinker_cookbook.stores.storage import LocalStorage
from tinker_cookbook.stores.training_store import TrainingRunStore

from recipe_runner.backends.local.models import resolve
from recipe_runner.backends.local.tokenizers import register_tokenizer
from recipe_runner.loops.reinforce.data import episode_data
from recipe_runner.loops.rollouts import current, recorded
from recipe_runner.loops.rollouts.pieces import mean_advantage, sequences

MODEL = "recipe-run/tiny"
Turns = st.lists(
    st.tuples(
        st.lists(st.integers(0, 9), min_size=1, max_size=4),  # what the turn's prompt adds
        st.lists(st.integers(0, 9), min_size=1, max_size=4),  # the reply
        st.booleans(),  # whether the prompt holds all tokens before it
        st.booleans(),  # whether the reply is masked
    ),
    min_size=1,
    max_size=4,
)


def decode(tokens: list[int]) -> str:
    return "".join(map(str, tokens))


def episode(turns: list[tuple[list[int], list[int], bool, bool]]) -> Trajectory:
    transitions, so_far = [], []
    for added, reply, goes_on, masked in turns:
        prompt = [*so_far, *added] if goes_on else added
        transitions.append(
            Transition(
                ob=tinker.ModelInput.from_ints(prompt),
                ac=TokensWithLogprobs(tokens=reply, maybe_logprobs=[-0.5] * len(reply)),
                reward=1.0,
                episode_done=False,
                metrics={"parse_error_masked": 1.0} if masked else {},
            )
        )
        so_far = [*prompt, *reply]
    return Trajectory(transitions=transitions, final_ob=tinker.ModelInput.from_ints([]))


@given(Turns)
def test_pieces_hold_every_token_once_and_know_what_was_trained(
    turns: list[tuple[list[int], list[int], bool, bool]],
) -> None:
    played = episode(turns)
    data = trajectory_to_data(played, 0.25)
    found = sequences(played, data, decode)
    assert len(found) == len(data)
    for line, datum in zip(found, data, strict=True):
        tokens = [*datum.model_input.to_ints(), int(datum.loss_fn_inputs["target_tokens"].data[-1])]
        assert "".join(str(text) for text, *_ in line) == decode(tokens)
        assert sum(int(num) for _, _, num, _ in line) == len(tokens)
    trained = sum(n for line in found for _, kind, n, _ in line if kind == "trained")
    masks = sum(float(sum(datum.loss_fn_inputs["mask"].data)) for datum in data)
    assert trained == masks
    sampled = sum(n for line in found for _, kind, n, _ in line if kind != "shown")
    assert sampled == sum(len(reply) for _, reply, *_ in turns)
    assert mean_advantage(data) == (pytest.approx(0.25) if trained else None)


@given(Turns, st.booleans())
def test_the_data_of_reinforce_give_the_same_text(
    turns: list[tuple[list[int], list[int], bool, bool]], share: bool
) -> None:
    played = episode(turns)
    data = episode_data(played, [float(i) for i in range(len(turns))], share_prefixes=share)
    found = sequences(played, data, decode)
    trained = [p for line in found for p in line if p[1] == "trained"]
    assert sum(int(num) for _, _, num, _ in trained) == sum(len(reply) for _, reply, *_ in turns)
    assert {advantage for *_, advantage in trained} == {float(i) for i in range(len(turns))}


def test_advantages_of_single_tokens_make_pieces_of_their_own() -> None:
    played = episode([([1, 2], [3, 4, 5], True, False)])
    (datum,) = trajectory_to_data(played, 0.0)
    datum.loss_fn_inputs["advantages"] = tinker.TensorData.from_torch(
        torch.tensor([0.0, 0.5, 0.5, -0.25])
    )
    (line,) = sequences(played, [datum], decode)
    assert line == [
        ["12", "shown", 2, None],
        ["34", "trained", 2, 0.5],
        ["5", "trained", 1, -0.25],
    ]


def test_a_character_of_several_tokens_is_not_torn() -> None:
    parts = "é".encode()
    played = episode([([0], list(parts), True, False)])
    (datum,) = trajectory_to_data(played, 0.0)
    datum.loss_fn_inputs["advantages"] = tinker.TensorData.from_torch(torch.tensor([0.5, -0.5]))
    (line,) = sequences(played, [datum], lambda tokens: bytes(tokens).decode("utf-8", "replace"))
    assert [text for text, *_ in line] == ["\0", "é"]


def test_what_is_only_measured_is_sampled_and_not_trained() -> None:
    played = episode([([1], [2], True, False), ([3], [4], True, False), ([5], [6], False, False)])
    assert [[kind for _, kind, *_ in line] for line in sequences(played, None, decode)] == [
        ["shown", "untrained", "shown", "untrained"],
        ["shown", "untrained"],
    ]


def test_only_the_first_groups_are_written_and_a_torn_line_goes(tmp_path: Path) -> None:
    register_tokenizer(resolve(MODEL))
    file = tmp_path / "rollouts.jsonl"
    file.write_text('{"step": 0}\n{"step": 0, "spl')
    played = episode([([1], [2], True, False)])
    group = TrajectoryGroup([played, played], [0.0, 1.0], [{}, {}])
    data = [trajectory_to_data(played, advantage) for advantage in (-0.5, 0.5)]
    assert current() is None
    with recorded(file, method="reinforce", num_groups=2, model_name=MODEL):
        recorder = current()
        assert recorder is not None
        recorder.keep([group] * 3, [data] * 3)
        recorder.write(7)
        recorder.write_replies(8, 4, [1, 2], [[3], [4]])
    assert current() is None
    first, *written = [json.loads(line) for line in file.read_text().splitlines()]
    assert first == {"step": 0}
    assert [(each["step"], each["group"], each["member"]) for each in written] == [
        *((7, group, member) for group in (0, 1) for member in (0, 1)),
        (8, 4, 0),
        (8, 4, 1),
    ]
    assert [each["reward"] for each in written[:2]] == [1.0, 2.0]
    assert [each["advantage"] for each in written[:2]] == [-0.5, 0.5]


def test_the_cookbooks_trees_are_written_without_white_space(tmp_path: Path) -> None:
    store = TrainingRunStore(LocalStorage(tmp_path))
    tree = {"root": {"tag": "p", "children": ["a  b", {"tag": "b", "children": []}]}}
    with recorded(tmp_path / "rollouts.jsonl", method="rl", num_groups=1, model_name=MODEL):
        store.write_logtree(3, tree)
        store.write_config({"a": 1})
    assert store.read_logtree(3) == tree
    written = (tmp_path / "iteration_000003" / "train_logtree.json").read_text()
    assert written == json.dumps(tree, separators=(",", ":"))
    assert (tmp_path / "config.json").read_text() == json.dumps({"a": 1}, indent=2)
    store.write_logtree(4, tree)
    assert "\n" in (tmp_path / "iteration_000004" / "train_logtree.json").read_text()
