"""`budget`: what counts as spent, over attempts and stages, and what is said before the start."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from recipe_runner.errors import BudgetSpent, UsageError
from recipe_runner.language import load
from recipe_runner.planning.plan import Plan, Served
from recipe_runner.planning.resolve import make_plan
from recipe_runner.planning.tokens import Tokens
from recipe_runner.runs.account import account_of, counted_together
from recipe_runner.runs.budget import limits_in_usd, spent
from recipe_runner.runs.control import guarded
from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.progress.status import Status
from recipe_runner.runs.usage import Usage, read_usage, usage_of
from schemas.budget import Budget
from tests.conftest import RL_RECIPE

PRICED, UNPRICED = "Qwen/Qwen3-8B", "recipe-run/tiny"
HOSTED = Served(kind="hosted", note="hosted")
LOCAL = Served(kind="shipped", note="local")
MakePlan = Callable[..., Plan]


@pytest.fixture
def plan_of(write_recipe: Callable[..., Path], tmp_path: Path) -> MakePlan:
    def make(*overrides: str, served: Served = LOCAL, model: str = PRICED) -> Plan:
        settings = (f"model.name={model}", f"logging.dir={tmp_path / 'runs'}", *overrides)
        return make_plan(load(write_recipe(RL_RECIPE), overrides=settings), served)

    return make


def run_of(plan: Plan) -> RunDirectory:
    return RunDirectory.create(plan, RL_RECIPE)


@pytest.mark.parametrize(
    ("budget", "what"),
    [
        (Budget(tokens=1_000), "1,000 of 1,000 tokens"),
        (Budget(tokens=1_001), None),
        (Budget(hours=2), "2 of 2 hours"),
        (Budget(hours=2.01), None),
        (Budget(usd=0.0001), "$0.0002 of $0.0001"),
        (Budget(usd=1, tokens=999), "1,000 of 999 tokens"),
        (None, None),
    ],
)
def test_each_limit_is_reached(budget: Budget | None, what: str | None) -> None:
    usage = Usage(tokens={PRICED: Tokens(trained=1_000)}, seconds=7_200, usd=0.0002)
    assert spent(budget, usage, paid=True) == what


def test_dollars_that_cannot_be_counted_are_none_to_spend() -> None:
    usage = usage_of({UNPRICED: Tokens(sampled=1)}, 1.0)
    assert usage.usd is None
    found = spent(Budget(usd=1), usage, paid=True)
    assert found is not None
    assert UNPRICED in found
    assert spent(Budget(usd=1), usage, paid=False) is None


def test_before_the_start(plan_of: MakePlan) -> None:
    with pytest.raises(UsageError, match=r"Llama-3\.2-1B; limit `budget\.tokens"):
        limits_in_usd(plan_of("budget.usd=1", served=HOSTED, model="meta-llama/Llama-3.2-1B"))
    assert limits_in_usd(plan_of("budget.usd=1", served=HOSTED)) == []
    (note,) = limits_in_usd(plan_of("budget.usd=1"))
    assert "held against the prices of hosted Tinker as of 20" in note
    (note,) = limits_in_usd(plan_of("budget.usd=1", "backend=local", model=UNPRICED))
    assert "has no effect here" in note
    assert limits_in_usd(plan_of("budget.tokens=1", "backend=local", model=UNPRICED)) == []


def test_attempts_add_up(plan_of: MakePlan) -> None:
    plan = plan_of("budget.tokens=100")
    run = run_of(plan)
    for _ in range(2):
        account = account_of(plan, run, Status())
        account.add(PRICED, Tokens(prefill=20, sampled=10))
        account.add("the/judge", Tokens(cached=5))
        account.write()
    usage = read_usage(run)
    assert usage is not None
    assert usage.tokens == {
        PRICED: Tokens(prefill=40, sampled=20),
        "the/judge": Tokens(cached=10),
    }
    status = Status()
    account = account_of(plan, run, status)
    assert status.usage == usage.tokens
    assert status.seconds == usage.seconds
    assert account.spent() is None
    account.add(PRICED, Tokens(trained=30))
    assert account.spent() == "100 of 100 tokens"


def test_a_model_is_billed_under_the_name_that_the_plan_has(plan_of: MakePlan) -> None:
    name = "Qwen/Qwen3.5-397B-A17B:peft:131072"
    plan = plan_of("budget.tokens=100", model=name)
    account = account_of(plan, run_of(plan), Status())
    account.add("Qwen/Qwen3.5-397B-A17B", Tokens(trained=1))
    assert list(account.usage().tokens) == [name]


def test_a_pipelines_budget_covers_its_stages(plan_of: MakePlan) -> None:
    whole, stage = plan_of("budget.tokens=100"), plan_of("budget.tokens=80")
    pipeline, first, second = run_of(whole), run_of(stage), run_of(stage)
    with counted_together(whole, pipeline):
        account = account_of(stage, first, Status())
        account.add(PRICED, Tokens(trained=70))
        account.write()
        assert account.spent() is None
        account = account_of(stage, second, Status())
        account.add(PRICED, Tokens(trained=30))
        account.write()
        assert account.spent() == "100 of 100 tokens for the whole pipeline"
    kept = [read_usage(each) for each in (first, second, pipeline)]
    assert [each.total.trained for each in kept if each] == [70, 30, 100]
    assert account_of(stage, second, Status()).spent() is None


def test_a_run_whose_budget_is_spent_does_not_start(plan_of: MakePlan) -> None:
    plan = plan_of("budget.tokens=10")
    run = run_of(plan)
    run.usage_file.write_text(json.dumps({"tokens": {PRICED: {"trained": 10}}, "seconds": 1}))
    spent_already = pytest.raises(BudgetSpent, match="spent already: 10 of 10 tokens")
    with spent_already, guarded(plan, run, Status()):
        raise AssertionError("it has started")
