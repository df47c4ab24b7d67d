"""Steps beyond the data: counted in local files at validation, said with what to write instead."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from recipe_runner.language import Diagnostic, load
from recipe_runner.planning.checks import check
from recipe_runner.planning.checks.budget import check_budget
from recipe_runner.planning.checks.steps import shortage
from recipe_runner.planning.estimate import Estimate, Span, TokenEstimate
from recipe_runner.planning.tokens import Tokens
from schemas import parse_recipe

SFT = """\
version: 1
method: sft
model: {name: Qwen/Qwen3-8B}
data: {kind: conversations, path: rows.jsonl, test_size: 2}
batch_size: 4
steps: 5
"""

Found = Callable[..., list[Diagnostic]]


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Found:
    """Return what is wrong with a recipe beside `rows.jsonl` of so many rows."""
    monkeypatch.chdir(tmp_path)

    def find(text: str, rows: int, *flags: str) -> list[Diagnostic]:
        lines = [json.dumps({"messages": []}), ""] * rows
        Path("rows.jsonl").write_text("\n".join(lines))
        Path("it.yaml").write_text(text)
        return [d for d in check(load("it.yaml", overrides=flags)) if d.severity == "error"]

    return find


def test_steps_that_the_file_gives_are_right(found: Found) -> None:
    assert found(SFT, 22) == []
    assert found(SFT, 12, "epochs=3") == []


def test_steps_beyond_the_file_are_wrong(found: Found) -> None:
    (wrong,) = found(SFT, 21)
    assert (wrong.code, wrong.line, wrong.column) == ("data-length", 6, 8)
    assert "gives 4 steps, and 5 are asked for" in wrong.message
    assert wrong.hint is not None
    assert "raise `epochs` to 2" in wrong.hint
    assert "lower `steps` to 4" in wrong.hint


def test_the_hints_number_of_epochs_is_enough(found: Found) -> None:
    (wrong,) = found(SFT, 21, "steps=100")
    assert "raise `epochs` to 25" in str(wrong.hint)
    assert found(SFT, 21, "steps=100", "epochs=25") == []
    assert found(SFT, 21, "steps=100", "epochs=24") != []


def test_a_file_that_fills_no_batch_is_wrong_without_steps_too(found: Found) -> None:
    (wrong,) = found(SFT, 5, "steps=null")
    assert (wrong.code, wrong.path) == ("data-length", "batch_size")


def test_comparisons_mixtures_and_teachers_are_counted(found: Found) -> None:
    comparisons = SFT.replace("sft", "dpo").replace("conversations", "comparisons")
    assert [d.code for d in found(comparisons, 21)] == ["data-length"]
    part = "{data: {kind: conversations, path: rows.jsonl}}"
    mixture = SFT.replace(
        "{kind: conversations, path: rows.jsonl, test_size: 2}",
        f"{{kind: mixture, parts: [{part}, {part}]}}",
    )
    assert found(mixture, 10) == []
    assert [d.code for d in found(mixture, 9)] == ["data-length"]
    teachers = SFT.replace("sft", "distill\nmode: off_policy").replace(
        "data: {kind: conversations, path: rows.jsonl, test_size: 2}",
        "teacher: [{model: Qwen/Qwen3-8B, weight: 3, data: "
        "{kind: conversations, path: rows.jsonl}}, "
        "{model: Qwen/Qwen3-8B, data: {kind: conversations, path: rows.jsonl}}]",
    )
    assert found(teachers, 15) == []
    assert [d.code for d in found(teachers, 14)] == ["data-length"]


def test_data_that_is_not_here_is_left_to_the_plan(found: Found) -> None:
    hub = SFT.replace("{kind: conversations, path: rows.jsonl, test_size: 2}", "HUB")
    assert found(hub.replace("HUB", "{kind: huggingface, dataset: no_robots}"), 1) == []


def test_environments_have_no_epochs_to_raise() -> None:
    recipe = parse_recipe(
        {
            "version": 1,
            "name": "it",
            "method": "rl",
            "model": {"name": "Qwen/Qwen3-8B"},
            "env": {"kind": "math", "dataset": "gsm8k"},
            "rollout": {"groups_per_batch": 64, "group_size": 4, "max_tokens": 8},
            "steps": 200,
        }
    )
    short = shortage(recipe, 116)
    assert short is not None
    assert "epochs" not in short.hint
    assert shortage(recipe, 200) is None
    assert shortage(recipe, None) is None
    nothing = shortage(recipe, 0)
    assert nothing is not None
    assert nothing.path == "rollout.groups_per_batch"


def estimate(low: int, usd: float) -> Estimate:
    high = TokenEstimate(
        low=Tokens(trained=low), expected=Tokens(trained=2 * low), high=Tokens(trained=9 * low)
    )
    return Estimate(
        steps=1,
        rollouts=0,
        tokens={"m": high},
        usd=None,
        usd_known=Span(low=usd, expected=2 * usd, high=9 * usd),
        unpriced=["n"],
        prices_of=[],
        storage_gb=None,
        storage_usd_per_month=None,
        assumptions=[],
    )


def test_a_low_estimate_above_the_budget_is_an_error_at_its_place(found: Found) -> None:
    found(SFT, 22)
    Path("it.yaml").write_text(SFT + "budget: {usd: 2, tokens: 100}\n")
    loaded = load("it.yaml")
    assert list(check_budget(loaded, estimate(100, 2.0))) == []
    usd, tokens = check_budget(loaded, estimate(101, 2.5))
    assert (usd.code, usd.line, usd.column) == ("budget", 7, 15)
    assert "$2.5 at least, and $2 are allowed" in usd.message
    assert (tokens.path, tokens.line) == ("budget.tokens", 7)
