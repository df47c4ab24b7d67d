"""Returns and training data: arithmetic that can be checked by hand."""

from __future__ import annotations

import pytest
import tinker
import torch
from hypothesis import given
from hypothesis import strategies as st
from tinker_cookbook.completers import TokensWithLogprobs
from tinker_cookbook.rl.types import Trajectory, Transition

from recipe_runner.loops.reinforce.data import episode_data, for_loss, turns
from recipe_runner.loops.reinforce.returns import discounted_returns, normalized


def turn(prompt: list[int], reply: list[int]) -> Transition:
    """A turn whose log-probabilities tell its tokens apart."""
    action = TokensWithLogprobs(reply, [-token / 100 for token in reply])
    return Transition(tinker.ModelInput.from_ints(prompt), action, 0.0, False)


def episode(*turns: Transition) -> Trajectory:
    return Trajectory(list(turns), tinker.ModelInput.empty())


def test_a_return_is_the_reward_and_the_discounted_rest() -> None:
    assert discounted_returns([1.0, 0.0, 4.0], 0.5) == [2.0, 2.0, 4.0]
    assert discounted_returns([1.0, 2.0], 0.0) == [1.0, 2.0]
    assert discounted_returns([], 0.9) == []


@given(st.lists(st.lists(st.floats(-1e3, 1e3, width=32), max_size=4), min_size=1, max_size=6))
def test_normalized_returns_have_mean_0_and_deviation_1(returns: list[list[float]]) -> None:
    scaled = normalized(returns)
    assert [len(each) for each in scaled] == [len(each) for each in returns]
    flat = torch.tensor([value for each in returns for value in each])
    result = torch.tensor([value for each in scaled for value in each])
    assert torch.isfinite(result).all()
    if len(flat) > 1 and flat.std() > max(1e-3 * flat.abs().max(), 1e-4):
        assert result.mean().abs() < 1e-3
        assert result.std() == pytest.approx(1.0, abs=1e-3)


def test_equal_returns_become_zero() -> None:
    assert normalized([[0.5], [0.5, 0.5]]) == [[0.0], [0.0, 0.0]]
    assert normalized([[3.0]]) == [[0.0]]


def test_turns_that_continue_each_other_are_one_datum() -> None:
    played = episode(turn([1, 2], [30, 31]), turn([1, 2, 30, 31, 5], [40]))
    (datum,) = episode_data(played, [1.0, -2.0], share_prefixes=True)
    assert datum.model_input.to_ints() == [1, 2, 30, 31, 5]
    inputs = {key: value.to_torch().tolist() for key, value in datum.loss_fn_inputs.items()}
    assert inputs["target_tokens"] == [2, 30, 31, 5, 40]
    assert inputs["advantages"] == [0.0, 1.0, 1.0, 0.0, -2.0]
    assert inputs["mask"] == [0.0, 1.0, 1.0, 0.0, 1.0]
    assert inputs["logprobs"] == pytest.approx([0.0, -0.3, -0.31, 0.0, -0.4])


def test_a_prompt_that_does_not_continue_begins_a_datum() -> None:
    played = episode(turn([1], [2]), turn([1, 2, 3], [4]), turn([1, 9], [5]), turn([1, 9, 5], [6]))
    data = episode_data(played, [1.0] * 4, share_prefixes=True)
    assert [datum.model_input.to_ints() for datum in data] == [[1, 2, 3], [1, 9, 5]]


def test_an_episode_that_never_started_has_no_turn() -> None:
    empty = turn([], [])
    assert turns(episode(empty)) == []
    assert episode_data(episode(empty), [], share_prefixes=True) == []


tokens = st.lists(st.integers(1, 3), min_size=1, max_size=4)


@given(st.lists(st.tuples(tokens, tokens, st.booleans()), min_size=1, max_size=5))
def test_every_sampled_token_is_trained_once_after_the_tokens_it_was_sampled_after(
    parts: list[tuple[list[int], list[int], bool]],
) -> None:
    prompt: list[int] = []
    played = []
    for new, reply, anew in parts:
        prompt = new if anew else [*prompt, *new]
        played.append(turn(prompt, reply))
        prompt = [*prompt, *reply]
    advantages = [float(index) for index in range(len(played))]
    shared, separate = (
        _sampled(episode_data(episode(*played), advantages, share_prefixes=share))
        for share in (True, False)
    )
    assert shared == separate


def _sampled(data: list[tinker.Datum]) -> list[tuple[list[int], int, float, float]]:
    """Context, token, advantage and log-probability of each token that is trained."""
    found = []
    for datum in data:
        context = datum.model_input.to_ints()
        columns = [
            datum.loss_fn_inputs[key].to_torch().tolist()
            for key in ("target_tokens", "advantages", "logprobs", "mask")
        ]
        for position, (target, advantage, logprob, mask) in enumerate(zip(*columns, strict=True)):
            if mask:
                found.append((context[: position + 1], target, advantage, logprob))
    return found


def test_a_loss_gets_the_inputs_it_takes() -> None:
    (datum,) = episode_data(episode(turn([1], [2])), [1.0], share_prefixes=True)
    usual = {"target_tokens", "logprobs", "advantages"}
    assert set(for_loss(datum, "ppo").loss_fn_inputs) == usual
    assert set(for_loss(datum, "gspo").loss_fn_inputs) == usual | {"sequence_ratio_mask"}
