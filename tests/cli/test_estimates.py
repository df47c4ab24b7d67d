"""What `plan` prints of an estimate, and what a run that is paid for asks."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from recipe_runner.cli.app import run_command
from recipe_runner.cli.estimates import cost, count, each_lines, estimate_lines, money
from recipe_runner.planning.estimate import Estimate, Span, TokenEstimate
from recipe_runner.planning.plan import Plan
from recipe_runner.planning.tokens import Tokens

PAID = """\
version: 1
name: paid
method: eval
model: {name: Qwen/Qwen3-8B}
evaluators: [{kind: benchmark, name: gsm8k, max_tokens: 1000}]
"""
ESTIMATE = Estimate(
    steps=20,
    rollouts=640,
    tokens={
        "m": TokenEstimate(
            low=Tokens(prefill=100, cached=900, sampled=10),
            expected=Tokens(prefill=1000, sampled=2_340),
            high=Tokens(prefill=1000, sampled=56_700_000),
        )
    },
    usd=Span(low=0.004, expected=12.345, high=2345.6),
    unpriced=[],
    prices_of=["2026-09-23"],
    storage_gb=2.5,
    storage_usd_per_month=0.05,
    assumptions=["replies are short"],
    stale=["m"],
    kept_gb=0.5,
)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TINKER_API_KEY", "tml-not-a-real-key")
    Path("paid.yaml").write_text(PAID)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0"),
        (950, "950"),
        (999.6, "1k"),
        (12_345, "12.3k"),
        (4_060_000, "4.06M"),
        (2e12, "2,000B"),
    ],
)
def test_numbers_of_tokens_are_short(number: float, text: str) -> None:
    assert count(number) == text


def test_money_is_never_shown_as_nothing() -> None:
    assert money(0.004) == "under $0.01"
    assert money(12.345) == "$12.35"
    assert money(2345.6) == "$2,346"


def test_an_estimate_is_a_small_table() -> None:
    lines = list(estimate_lines(ESTIMATE))
    assert lines[0] == "estimate: 20 steps, 640 rollouts"
    assert lines[1].split() == ["low", "expected", "high"]
    assert lines[2].split() == ["tokens:", "prompts", "1k", "1k", "1k"]
    assert lines[3].split() == ["of", "these,", "cached", "900", "0", "0"]
    assert lines[4].split() == ["tokens:", "sampled", "10", "2.34k", "56.7M"]
    assert "under $0.01 to $2,346, $12.35 expected; prices of 2026-09-23" in lines[5]
    assert "read before a later change of prices: m" in lines[5]
    assert lines[6] == "  checkpoints: 2.5 GB at the end, 0.5 GB kept, $0.05 a month"
    assert lines[7] == "  assumed: replies are short"


def test_an_unknown_cost_is_unknown_and_its_known_part_is_said() -> None:
    unknown = ESTIMATE.model_copy(
        update={"usd": None, "usd_known": ESTIMATE.usd, "unpriced": ["n"], "stale": []}
    )
    assert cost(unknown).startswith("unknown; the known part is under $0.01 to $2,346")
    assert "no price of n" in cost(unknown)


def test_several_have_a_line_each_and_one_for_all() -> None:
    lines = list(each_lines("variants", {"a": ESTIMATE, "b": ESTIMATE}, ESTIMATE))
    assert [line.split()[0] for line in lines] == ["variants:", "steps", "a", "b", "all"]


def test_a_plan_as_json_has_the_estimate_and_is_still_a_plan(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run_command(["plan", "paid.yaml", "--format", "json"]) == 0
    text = capsys.readouterr().out
    estimate = Estimate.model_validate(json.loads(text)["estimate"])
    assert estimate.tokens["Qwen/Qwen3-8B"].expected.sampled == 1_319 * 500
    assert Plan.from_json(text).recipe.name == "paid"
    assert run_command(["plan", "paid.yaml", "--format", "json", "--no-estimate"]) == 0
    assert "estimate" not in json.loads(capsys.readouterr().out)


def test_the_variants_of_a_recipe_are_summed(capsys: pytest.CaptureFixture[str]) -> None:
    Path("paid.yaml").write_text(PAID + "variants: {matrix: {seed: [1, 2, 3]}}\n")
    assert run_command(["plan", "paid.yaml", "--format", "json"]) == 0
    tree = json.loads(capsys.readouterr().out)
    one = Estimate.model_validate(tree["estimate"])
    whole = Estimate.model_validate(tree["estimate_of_variants"])
    assert len(tree["variants"]) == 3
    assert whole.total.high.total == 3 * one.total.high.total
    assert run_command(["plan", "paid.yaml"]) == 0
    assert "a sweep over the variants:" in capsys.readouterr().out
    assert run_command(["plan", "paid.yaml", "--variant", "seed=1"]) == 0
    assert "a sweep" not in capsys.readouterr().out


def test_a_script_has_a_budget_or_says_yes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["paid.yaml"]) == 2
    errors = capsys.readouterr().err
    assert "--yes" in errors
    assert "budget" in errors
    assert not Path("runs").exists()


def test_a_run_that_its_budget_cannot_hold_does_not_start(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run_command(["paid.yaml", "--set", "budget.usd=0.001", "--yes"]) == 1
    errors = capsys.readouterr().err
    assert "error[budget]" in errors
    assert "at least" in errors
    assert not Path("runs").exists()


def test_a_person_sees_one_screen_and_is_asked(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from recipe_runner.cli import confirm

    asked: list[str] = []

    def says_no(question: str, **_: object) -> bool:
        asked.append(question)
        return False

    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(confirm.click, "confirm", says_no)
    assert run_command(["paid.yaml", "--set", "budget={usd: 5, hours: 2}"]) == 2
    shown = capsys.readouterr()
    assert asked == ["Start?"]
    lines = shown.out.splitlines()
    assert len(lines) < 20
    assert all(len(line) <= 100 for line in lines)
    assert "budget   $5.00, 2 hours" in shown.out
    assert "prices of 2026-10-07" in shown.out
    assert "record   runs/paid/" in shown.out
    assert "not started" in shown.err
    assert not Path("runs").exists()
