"""Tokens of the models that an environment asks: graders, judges, answerers."""

from __future__ import annotations

from recipe_runner.planning.estimate import Span
from recipe_runner.planning.volume.lengths import NOT_COUNTED, Lengths
from recipe_runner.planning.volume.replies import Episodes
from recipe_runner.planning.volume.spans import exactly
from recipe_runner.planning.volume.tally import Tally
from schemas.env import (
    CustomEnv,
    CustomJudge,
    Env,
    MultiplayerEnv,
    PreferenceEnv,
    PromptedJudge,
    RewardModelJudge,
    RubricEnv,
    VerifiersEnv,
)

# The Cookbook compares replies within fours (`rl.preference_envs`, `matchup_group_size`).
_MATCHUP_GROUP = 4
# Of twenty_questions' answers: yes or no, five tokens at most.
_ANSWER = Span(low=1, expected=2, high=5)
_ANSWERERS_INSTRUCTIONS = Span(low=50, expected=150, high=300)
# What a judge is told beside prompt and replies, where it was not measured.
_JUDGES_INSTRUCTIONS = Span(low=20, expected=200, high=1_000)


def add_asked(tally: Tally, env: Env, lengths: Lengths, played: Episodes, policy: str) -> None:
    """Add what the environment asks of other models about episodes that were played."""
    if isinstance(env, RubricEnv):
        _add_grades(tally, env, lengths, played)
    if isinstance(env, MultiplayerEnv) and env.answerer is not None:
        _add_answers(tally, env.answerer.model, played)
    if isinstance(env, PreferenceEnv):
        _add_verdicts(tally, env, lengths, played, policy)


def add_win_rate(
    tally: Tally, env: PreferenceEnv, lengths: Lengths, played: Episodes, policy: str
) -> None:
    """Add the verdicts on replies against the data's own, each pair in both orders."""
    _add_comparisons(tally, env, lengths, played, policy, comparisons=2 * played.count)


def comparisons_of_a_group(env: PreferenceEnv, group_size: int) -> int:
    """Return how many verdicts a group's replies take."""
    whole, rest = divmod(group_size, _MATCHUP_GROUP)
    pairs = sum(size * (size - 1) for size in [*[_MATCHUP_GROUP] * whole, rest])
    return pairs if env.matches == "both_ways" else pairs // 2


def asked_assumptions(env: Env) -> list[str]:
    """Return what is taken for granted of the models that an environment asks."""
    if isinstance(env, VerifiersEnv):
        return [f"{NOT_COUNTED}models that the verifiers environment asks itself"]
    if isinstance(env, CustomEnv):
        return [f"{NOT_COUNTED}models that the environment of your own asks"]
    if isinstance(env, PreferenceEnv) and isinstance(env.judge, CustomJudge):
        return [f"{NOT_COUNTED}models that the judge of your own asks"]
    if isinstance(env, MultiplayerEnv) and env.answerer is not None:
        return [f"{env.answerer.model} answers once a turn, and reads the question alone"]
    if isinstance(env, RubricEnv):
        return [f"{env.grader.model} grades each reply once by each of its rubrics"]
    if isinstance(env, PreferenceEnv) and isinstance(env.judge, RewardModelJudge | PromptedJudge):
        return ["the judge reads the prompt and both replies of each pair, and instructions"]
    return []


def _add_grades(tally: Tally, env: RubricEnv, lengths: Lengths, played: Episodes) -> None:
    grader = env.grader
    grades = played.count * tally.of(lengths.judgements)
    tally.add(
        grader.model,
        prefill=grades * (played.prompt + played.reply + tally.of(lengths.judged)),
        sampled=grades * tally.of(_up_to(grader.max_tokens)),
    )


def _add_answers(tally: Tally, answerer: str, played: Episodes) -> None:
    turns = played.count * played.turns
    tally.add(
        answerer,
        prefill=turns * (tally.of(_ANSWERERS_INSTRUCTIONS) + played.reply),
        sampled=turns * tally.of(_ANSWER),
    )


def _add_verdicts(
    tally: Tally, env: PreferenceEnv, lengths: Lengths, played: Episodes, policy: str
) -> None:
    # A group's size is in `judgements`: verdicts on a whole group, shared by its replies.
    comparisons = played.count * tally.of(lengths.judgements)
    _add_comparisons(tally, env, lengths, played, policy, comparisons=comparisons)


def _add_comparisons(
    tally: Tally,
    env: PreferenceEnv,
    lengths: Lengths,
    played: Episodes,
    policy: str,
    *,
    comparisons: float,
) -> None:
    judge = env.judge
    if isinstance(judge, RewardModelJudge):
        model, written = judge.model or policy, exactly(1)
    elif isinstance(judge, PromptedJudge):
        model, written = judge.model, _up_to(judge.max_tokens)
    else:
        return
    instructions = lengths.judged if lengths.judged.high else _JUDGES_INSTRUCTIONS
    read = played.prompt + 2 * played.reply + tally.of(instructions)
    tally.add(model, prefill=comparisons * read, sampled=comparisons * tally.of(written))


def _up_to(max_tokens: int) -> Span:
    return Span(low=1, expected=max(1, max_tokens / 2), high=max_tokens)
