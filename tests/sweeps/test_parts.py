"""The parts of a sweep that need no run: limits, metrics, halving, variants."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
import tinker

from recipe_runner.errors import BackendError, UsageError
from recipe_runner.language import RecipeError
from recipe_runner.sweeps.halving import Halving
from recipe_runner.sweeps.limits import is_limit, says_limit
from recipe_runner.sweeps.metric import Metric, headline_metric, parse_metric
from recipe_runner.sweeps.variants import load_variants
from tests.conftest import RL_RECIPE

REWARD = Metric(("reward",), "reward", lower_is_better=False)
MATRIX = "variants: {matrix: {optimizer.learning_rate: [1e-3, 2e-3], seed: [0, 1]}}\n"


def refusal(status: int, words: str) -> BackendError:
    """What a run ends with when the service answers this, as `execute` raises it."""
    answer = httpx.Response(status, request=httpx.Request("POST", "http://127.0.0.1/create_model"))
    kinds = {429: tinker.RateLimitError, 400: tinker.BadRequestError}
    try:
        try:
            raise kinds[status](words, response=answer, body=None)
        except tinker.APIStatusError as error:
            raise BackendError(f"the service refuses: {error}") from error
    except BackendError as error:
        return error


def test_limits_of_the_service_are_told_from_refusals() -> None:
    assert is_limit(refusal(429, "slow down"))
    assert is_limit(refusal(400, "maximum number of concurrent LoRA adapters (8) reached"))
    assert not is_limit(refusal(400, "lora_rank 512 exceeds the maximum of 128 for this model"))
    assert not is_limit(BackendError("too many concurrent models"))  # nobody's words but ours


@pytest.mark.parametrize(
    ("words", "limit"),
    [
        ("too many active training sessions for this organization", True),
        ("at most 4 models may be trained at the same time", True),
        ("the cluster is at capacity", True),
        ("max_tokens exceeds the context of the model", False),
        ("no active checkpoint of that name", False),
        ("model Qwen/Qwen3-8B is not served", False),
    ],
)
def test_words_of_limits(words: str, limit: bool) -> None:
    assert says_limit(words) is limit


@pytest.mark.parametrize(
    ("text", "key", "low"),
    [
        ("test/nll", "test/nll", True),
        ("env/all/reward/total", "env/all/reward/total", False),
        ("kl_policy_base:min", "kl_policy_base", True),
        ("train/loss:sum", "train/loss:sum", True),
        ("optim/entropy:max", "optim/entropy", False),
        ("skill", "skill", False),
    ],
)
def test_metrics_say_which_is_better(text: str, key: str, low: bool) -> None:
    metric = parse_metric(text)
    assert (metric.keys, metric.lower_is_better) == ((key,), low)


def test_ranking_has_the_best_first_and_what_has_no_value_last() -> None:
    values = [0.2, None, float("nan"), 0.9]
    assert sorted(values, key=REWARD.rank)[:2] == [0.9, 0.2]
    assert sorted(values, key=parse_metric("loss").rank)[:2] == [0.2, 0.9]


def test_halving_ends_losers_and_never_the_best() -> None:
    halving = Halving(REWARD, min_steps=4, factor=2)
    curves = {f"v{i}": {step: i / 10 + step / 100 for step in range(32)} for i in range(8)}
    ended: dict[str, int] = {}
    for step in range(32):
        seen = {
            name: {s: value for s, value in curve.items() if s <= step}
            for name, curve in curves.items()
            if name not in ended
        }
        ended |= dict.fromkeys(halving.losers(seen), step)
    assert "v7" not in ended
    assert set(ended.values()) <= {3, 7, 15, 31}
    assert ended["v0"] == ended["v1"] == ended["v2"] == 3
    # What lost stays lost, also when it is looked at again.
    assert halving.losers({"v0": {0: 1.0}}) == {"v0"}


def test_halving_compares_with_what_is_done() -> None:
    halving = Halving(REWARD, min_steps=2, factor=2)
    assert halving.losers({"done": {0: 0.9, 1: 0.9, 2: 0.9}}) == set()
    assert halving.losers({"worse": {0: 0.5, 1: 0.5}}) == {"worse"}


def test_what_diverged_loses() -> None:
    halving = Halving(REWARD, min_steps=2, factor=2)
    curves = {"sane": {0: 0.1, 1: 0.1}, "lost": {0: 0.9, 1: float("nan")}}
    assert halving.losers(curves) == {"lost"}


def test_all_mistakes_of_all_variants_are_reported_at_once(
    write_recipe: Callable[..., Path],
) -> None:
    wrong = "variants: {a: {optimizer.learning_rate: -1}, b: {steps: 0}, c: {seed: 3}}\n"
    with pytest.raises(RecipeError) as raised:
        load_variants(write_recipe(RL_RECIPE + wrong))
    paths = {each.path for each in raised.value.diagnostics}
    assert {"optimizer.learning_rate", "steps"} <= paths


def test_a_recipe_without_variants_says_how_to_have_some(write_recipe: Callable[..., Path]) -> None:
    with pytest.raises(UsageError, match=r"has no variants to sweep over.*\n.*matrix"):
        load_variants(write_recipe())


def test_variants_come_as_they_are_written(write_recipe: Callable[..., Path]) -> None:
    variants, warnings = load_variants(
        write_recipe(RL_RECIPE + MATRIX), overrides=["backend=local", "steps=1"]
    )
    assert [v.name for v in variants] == [
        f"learning_rate={rate},seed={seed}" for rate in ("0.001", "0.002") for seed in (0, 1)
    ]
    assert len({v.plan.hash for v in variants}) == 4
    assert headline_metric(v.plan for v in variants).keys == ("env/all/reward/total",)
    assert not warnings
