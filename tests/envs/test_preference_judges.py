"""Judges: verdicts are read, counted and paid; a prompted judge is told its principles."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
import tinker
from hypothesis import given
from hypothesis import strategies as st
from tinker_cookbook import renderers
from tinker_cookbook.completers import MessageCompleter, TokensWithLogprobs
from tinker_cookbook.preference.types import (
    Comparison,
    ComparisonRendererFromChatRenderer,
    LabeledComparison,
    PreferenceModel,
)
from tinker_cookbook.recipes.preference.shorter.env import PreferenceModelShorter
from tinker_cookbook.renderers import Message
from tinker_cookbook.rl.preference_envs import PairwisePreferenceGroupBuilder, TournamentPattern
from tinker_cookbook.rl.types import Trajectory, Transition
from transformers import PreTrainedTokenizerFast

from recipe_runner.catalog import models
from recipe_runner.envs.preference.dataset import JudgedGroupBuilder
from recipe_runner.envs.preference.judges import CustomJudgeBuilder
from recipe_runner.envs.preference.prompted import PromptedJudge, question, read_verdict
from recipe_runner.errors import UserCodeError
from recipe_runner.planning.checks.preference import VERDICT_RENDERERS

PROMPT: list[Message] = [{"role": "user", "content": "Why is the sky blue?"}]
COMPARISON = Comparison(
    PROMPT,
    [{"role": "assistant", "content": "It scatters."}],
    [{"role": "assistant", "content": "No idea."}],
)
# Takes only a tokenizer of its own, which no test has.
NOT_HERE = {"tml_v0"}


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("A", -1.0),
        ("Both are fine, but the first one explains.\n\n**A**", -1.0),
        ("Verdict: Reply B.", 1.0),
        ("My final verdict is clear.\nb", 1.0),
        ("[[Tie]]\n", 0.0),
        ("A is better", None),
        ("", None),
        ("A\nor rather none", None),
        ("AB", None),
    ],
)
def test_a_verdict_is_the_last_line_alone(text: str, verdict: float | None) -> None:
    assert read_verdict(text) == verdict


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    assert read_verdict(text) in (-1.0, 0.0, 1.0, None)


def test_the_judge_sees_the_conversation_the_replies_and_its_principles() -> None:
    asked = question(COMPARISON, ["Be right.", "Be kind."])
    assert "1. Be right.\n2. Be kind." in asked
    assert asked.index("sky blue") < asked.index("It scatters.") < asked.index("No idea.")


class Scripted(MessageCompleter):
    """Answers in the order of its script."""

    def __init__(self, *replies: str) -> None:
        self._replies = iter(replies)

    async def __call__(self, messages: list[Message]) -> Message:
        return {"role": "assistant", "content": next(self._replies)}


def test_a_tie_stands_for_a_verdict_that_cannot_be_read() -> None:
    judge = PromptedJudge(Scripted("B", "who knows", "Tie"), ["Be kind."])

    async def verdicts() -> list[float]:
        return [await judge(COMPARISON) for _ in range(3)]

    assert asyncio.run(verdicts()) == [1.0, 0.0, 0.0]


@pytest.fixture
def group(
    renderer: renderers.Renderer,
) -> Callable[..., PairwisePreferenceGroupBuilder]:
    def make(judge: PreferenceModel, kind: type = JudgedGroupBuilder, size: int = 2) -> object:
        return kind(
            convo_prefix=PROMPT,
            policy_renderer=renderer,
            tournament_pattern=TournamentPattern.ALL_PAIRS_BOTH_WAYS,
            preference_model=judge,
            num_envs=size,
        )

    return make


def trajectory(tokens: list[int]) -> Trajectory:
    action = TokensWithLogprobs(tokens=tokens, maybe_logprobs=[0.0] * len(tokens))
    empty = tinker.ModelInput.empty()
    step = Transition(ob=empty, ac=action, reward=0.0, episode_done=True)
    return Trajectory(transitions=[step], final_ob=empty)


def test_rewards_are_the_cookbooks(
    group: Callable[..., PairwisePreferenceGroupBuilder], reply: Callable[..., list[int]]
) -> None:
    replies = [trajectory(reply(text)) for text in ("long reply", "short", "a", "b", "cut off")]
    replies.append(trajectory(reply("never ends", clean=False)))
    judge = PreferenceModelShorter()
    ours = asyncio.run(group(judge, size=6).compute_group_rewards(replies, []))
    theirs = asyncio.run(
        group(judge, PairwisePreferenceGroupBuilder, 6).compute_group_rewards(replies, [])
    )
    assert [reward for reward, _ in ours] == [reward for reward, _ in theirs]
    assert ours[0][0] < ours[1][0] < ours[2][0]
    # In parts of four and two, both ways: 14 comparisons, of which "a" against "b" ties twice.
    assert {metrics["judge_ties"] for _, metrics in ours} == {2 / 14}
    assert {metrics["judge_unreadable"] for _, metrics in ours} == {0.0}


def test_unreadable_verdicts_are_counted_and_pay_nothing(
    group: Callable[..., PairwisePreferenceGroupBuilder], reply: Callable[..., list[int]]
) -> None:
    judge = PromptedJudge(Scripted("B", "hm"), ["Be kind."])
    replies = [trajectory(reply("x")), trajectory(reply("y"))]
    rewards = asyncio.run(group(judge).compute_group_rewards(replies, []))
    assert [reward for reward, _ in rewards] == [-0.5, 0.5]
    assert rewards[0][1]["judge_unreadable"] == 0.5
    assert rewards[0][1]["judge_ties"] == 0.0


def test_a_judge_of_the_users_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "own_judges.py").write_text(
        "from tinker_cookbook.preference.types import PreferenceModel\n"
        "class Fixed(PreferenceModel):\n"
        "    def __init__(self, verdict):\n"
        "        self.verdict = verdict\n"
        "    async def __call__(self, comparison):\n"
        "        return self.verdict\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    judge = CustomJudgeBuilder(builder="own_judges:Fixed", kwargs={"verdict": 0.5})()
    assert asyncio.run(judge(COMPARISON)) == 0.5
    with pytest.raises(UserCodeError, match="returned a SimpleNamespace; a judge is a"):
        CustomJudgeBuilder(builder="types:SimpleNamespace", kwargs={})()


def _verdict_comes_first(name: str, tokenizer: PreTrainedTokenizerFast) -> bool:
    renderer = ComparisonRendererFromChatRenderer(renderers.get_renderer(name, tokenizer))
    prompt = renderer.build_generation_prompt(COMPARISON).to_ints()
    for label in ("A", "B"):
        datum, _ = renderer.to_model_input_weights(LabeledComparison(COMPARISON, label))
        *before, verdict = datum.to_ints()
        # A tokenizer of bytes has the space that role_colon writes as a token of its own.
        if before != prompt or tokenizer.decode([verdict]) not in (label, " "):
            return False
    return True


@pytest.mark.parametrize("name", sorted(models.renderer_names() - NOT_HERE))
def test_verdict_renderers_are_those_that_begin_with_the_verdict(name: str) -> None:
    from recipe_runner.backends.local import shipped

    folder = Path(shipped.__file__).parent
    tokenizer = PreTrainedTokenizerFast.from_pretrained(str(folder))
    try:
        first = _verdict_comes_first(name, tokenizer)
    except renderers.RendererError:
        first = False
    assert first == (name in VERDICT_RENDERERS)
