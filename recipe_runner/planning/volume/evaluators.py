"""Tokens of evaluators: the Cookbook's benchmarks, Inspect's tasks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from recipe_runner.planning.estimate import Span
from recipe_runner.planning.volume.lengths import NOT_COUNTED
from recipe_runner.planning.volume.spans import between
from recipe_runner.planning.volume.tally import Tally
from schemas.evaluators import BenchmarkEvaluator, CustomEvaluator, Evaluator, InspectEvaluator

# Examples of the benchmarks whose size their papers or data sets state.
SIZES = {
    "aime": 30,
    "aime_2025": 30,
    "aime_2026": 30,
    "gpqa": 198,
    "gsm8k": 1_319,
    "hmmt_feb_2025": 30,
    "hmmt_nov_2025": 30,
    "ifeval": 541,
    "math500": 500,
    "mmlu_pro": 12_032,
}
PROMPT = Span(low=20, expected=250, high=4_000)
# Those whose prompts are documents or whole conversations with tools.
_LONG = ("bfcl", "longbench", "swe_bench", "tau2_bench", "terminal_bench")


def add_evaluation(
    tally: Tally, evaluators: Sequence[Evaluator], model_name: str, times: int
) -> None:
    """Add what the evaluators take, each of them `times`."""
    for evaluator in evaluators:
        samples = _samples(evaluator)
        if samples is None or times == 0:
            continue
        replies = times * samples * _replies(evaluator)
        reply = tally.of(_reply(evaluator))
        prompt = tally.of(PROMPT)
        tally.add(model_name, prefill=replies * prompt, sampled=replies * reply)
        judge = getattr(evaluator, "judge", None)
        if judge is not None:
            tally.add(
                judge.model,
                prefill=replies * (prompt + reply),
                sampled=replies * tally.of(Span(low=1, expected=200, high=2_048)),
            )


def evaluator_assumptions(evaluators: Sequence[Evaluator]) -> Iterator[str]:
    """Yield what is taken for granted of evaluators, and which are not counted."""
    counted = [each for each in evaluators if _samples(each) is not None]
    if counted:
        names = ", ".join(_name(each) for each in counted)
        yield (
            f"{names}: a prompt has {PROMPT.low:,.0f} to {PROMPT.high:,.0f} tokens, "
            f"{PROMPT.expected:,.0f} expected; a reply half of what it may have"
        )
    for each in evaluators:
        if _samples(each) is None:
            yield f"{NOT_COUNTED}{_name(each)}, {_why(each)}"


def _samples(evaluator: Evaluator) -> int | None:
    """Return how many examples an evaluator has, None where that is not known."""
    if isinstance(evaluator, InspectEvaluator):
        return None if evaluator.limit is None else evaluator.limit * len(evaluator.tasks)
    if not isinstance(evaluator, BenchmarkEvaluator) or evaluator.name in _LONG:
        return None
    sizes = [size for size in (SIZES.get(evaluator.name), evaluator.max_examples) if size]
    return min(sizes) if sizes else None


def _replies(evaluator: Evaluator) -> int:
    if isinstance(evaluator, InspectEvaluator):
        return evaluator.choices
    assert isinstance(evaluator, BenchmarkEvaluator), "the others have no samples"
    return evaluator.samples_per_example


def _reply(evaluator: Evaluator) -> Span:
    assert isinstance(evaluator, InspectEvaluator | BenchmarkEvaluator), "the others are left out"
    return between(1, evaluator.max_tokens / 2, evaluator.max_tokens)


def _name(evaluator: Evaluator) -> str:
    if isinstance(evaluator, InspectEvaluator):
        return ", ".join(evaluator.tasks)
    return evaluator.name if isinstance(evaluator, BenchmarkEvaluator) else evaluator.builder


def _why(evaluator: Evaluator) -> str:
    if isinstance(evaluator, CustomEvaluator):
        return "an evaluator of your own"
    if isinstance(evaluator, InspectEvaluator):
        return "whose number of samples is not known (`limit` sets one)"
    if evaluator.name in _LONG:
        return "whose prompts are long and of unknown length"
    return "whose number of examples is not known (`max_examples` sets one)"
