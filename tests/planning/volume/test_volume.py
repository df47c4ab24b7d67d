"""Tokens by method: low, expected and high in order, sums that add up, and counts by hand."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recipe_runner.planning.estimate import CASES, KINDS, Estimate, Span, of_kind
from recipe_runner.planning.estimating import estimate, total
from recipe_runner.planning.plan import Plan, Served
from recipe_runner.planning.tokens import Tokens
from recipe_runner.planning.volume import METHODS, volume
from recipe_runner.planning.volume.cadence import evaluations
from recipe_runner.planning.volume.lengths import Lengths, Texts, assumed
from recipe_runner.planning.volume.spans import exactly
from schemas import METHODS as ALL_METHODS
from schemas import parse_recipe

MODEL = "Qwen/Qwen3-8B"
ASKED = "openai/gpt-oss-20b"
HOSTED = Served(kind="hosted", note="hosted")
ROLLOUT = {"groups_per_batch": 4, "group_size": 8, "max_tokens": 100}
COMMON = {"version": 1, "name": "it", "model": {"name": MODEL}}
GEM = {"kind": "gem", "id": "game:Sudoku-v0-easy", "max_turns": 5, "eval": {"every": 3, "size": 7}}
BENCHMARK = {"kind": "benchmark", "name": "gsm8k", "max_tokens": 64}
PROMPTED = {"kind": "prompted", "model": ASKED, "principles": ["Be brief."]}
CONVERSATIONS = {"kind": "conversations", "path": "c.jsonl", "test_size": 3}
PROMPTS = {"kind": "prompts", "path": "p.jsonl", "test_size": 3}
TEACHER = {"model": "Qwen/Qwen3.5-9B"}

RECIPES: dict[str, dict[str, Any]] = {
    "sft": {"method": "sft", "data": CONVERSATIONS, "batch_size": 4},
    "dpo": {"method": "dpo", "data": {"kind": "comparisons", "path": "c.jsonl", "test_size": 2}},
    "rl": {
        "method": "rl",
        "env": GEM,
        "rollout": ROLLOUT,
        "kl": {"coef": 0.1, "reference": {"model": ASKED}, "post_update": True},
        "drop_constant_groups": True,
    },
    "rl, asynchronous": {
        "method": "rl",
        "env": {"kind": "code"},
        "rollout": ROLLOUT,
        "execution": {"kind": "async", "max_steps_off_policy": 2},
    },
    "rl, judged": {
        "method": "rl",
        "env": {"kind": "preference", "data": PROMPTS, "judge": PROMPTED, "eval_size": 4},
        "rollout": ROLLOUT,
    },
    "rl, graded": {
        "method": "rl",
        "env": {"kind": "rubric", "data": "r.jsonl", "grader": {"model": ASKED}},
        "rollout": ROLLOUT,
    },
    "rl, answered": {
        "method": "rl",
        "env": {"kind": "multiplayer", "game": "twenty_questions", "answerer": {"model": ASKED}},
        "rollout": ROLLOUT,
    },
    "reinforce": {
        "method": "reinforce",
        "env": GEM,
        "episodes_per_batch": 6,
        "max_tokens": 100,
        "loss": {"custom": "module:loss"},
    },
    "distill": {
        "method": "distill",
        "mode": "on_policy",
        "teacher": TEACHER,
        "data": PROMPTS,
        "rollout": ROLLOUT,
        "kl": {"post_update": True},
    },
    "distill, off-policy": {
        "method": "distill",
        "mode": "off_policy",
        "teacher": [TEACHER | {"data": CONVERSATIONS}, {"model": ASKED, "data": CONVERSATIONS}],
    },
    "sdft": {"method": "sdft", "data": PROMPTS, "rollout": ROLLOUT},
    "generate": {
        "method": "generate",
        "data": PROMPTS,
        "sampling": {"max_tokens": 100},
        "samples_per_prompt": 3,
    },
    "eval": {"method": "eval", "evaluators": [BENCHMARK]},
}
TRAINING = [name for name, tree in RECIPES.items() if tree["method"] not in ("generate", "eval")]


def plan_of(tree: dict[str, Any], **more: Any) -> Plan:
    recipe = parse_recipe({**COMMON, **tree, **more})
    return Plan(
        source="it.yaml",
        variant=None,
        recipe=recipe,
        renderer="qwen3",
        learning_rate=None,
        served=HOSTED,
        fingerprints={},
        notes=[],
    )


def spans(most: float = 3_000) -> st.SearchStrategy[Span]:
    ordered = st.lists(st.floats(1, most), min_size=3, max_size=3).map(sorted)
    return ordered.map(lambda v: Span(low=v[0], expected=v[1], high=v[2]))


def texts() -> st.SearchStrategy[Texts]:
    return st.builds(
        Texts,
        text=spans(),
        teacher=spans(),
        held_out=st.integers(0, 20),
        held_out_text=spans(),
        held_out_teacher=spans(),
    )


@st.composite
def lengths(draw: st.DrawFn) -> Lengths:
    return Lengths(
        steps=draw(st.none() | st.integers(0, 50)),
        rows=draw(st.integers(0, 100)),
        texts=draw(st.lists(texts(), min_size=2, max_size=2)),
        turns=draw(spans(20)),
        observation=draw(spans(200)),
        rewritten=draw(st.booleans()),
        judged=draw(spans(200)),
        judgements=draw(spans(5)),
        reply=draw(st.none() | st.floats(0, 500)),
        seen_turns=draw(st.none() | st.floats(0, 30)),
    )


def for_plan(plan: Plan, found: Lengths) -> Lengths:
    """Return the lengths with as many data sets as the plan has."""
    several = isinstance(getattr(plan.recipe, "teacher", None), list)
    return found if several else found.model_copy(update={"texts": found.texts[:1]})


def values(span: Span) -> list[float]:
    return [span.at(case) for case in CASES]


def test_every_method_is_counted() -> None:
    assert set(METHODS) == set(ALL_METHODS) - {"pipeline"}
    assert {tree["method"] for tree in RECIPES.values()} == set(METHODS)


@pytest.mark.parametrize("name", RECIPES)
@settings(max_examples=25, deadline=None)
@given(found=lengths(), steps=st.integers(1, 40), every=st.integers(1, 9))
def test_low_expected_and_high_are_in_order(
    name: str, found: Lengths, steps: int, every: int
) -> None:
    more = {"steps": steps} if name in TRAINING else {}
    evaluates = name in TRAINING and "env" not in RECIPES[name]
    if evaluates:
        more["eval"] = {"every": every, "evaluators": [BENCHMARK]}
    plan = plan_of(RECIPES[name], **more)
    counted = estimate(plan, {"": for_plan(plan, found)})
    for tokens in counted.tokens.values():
        for kind in KINDS:
            assert values(tokens.of_kind(kind)) == sorted(values(tokens.of_kind(kind)))
        prefill = [tokens.at(case).prefill for case in CASES]
        assert prefill == sorted(prefill)
    if counted.usd is not None:
        assert values(counted.usd) == sorted(values(counted.usd))


@pytest.mark.parametrize("name", TRAINING)
@settings(max_examples=25, deadline=None)
@given(found=lengths(), steps=st.integers(1, 40))
def test_more_steps_never_cost_less(name: str, found: Lengths, steps: int) -> None:
    endless = found.model_copy(update={"steps": None})
    fewer = plan_of(RECIPES[name], steps=steps)
    more = plan_of(RECIPES[name], steps=steps + 1)
    before = estimate(fewer, {"": for_plan(fewer, endless)})
    after = estimate(more, {"": for_plan(more, endless)})
    for case in CASES:
        assert before.total.at(case).total <= after.total.at(case).total
        assert before.usd is not None
        assert after.usd is not None
        assert before.usd.at(case) <= after.usd.at(case)
    assert before.rollouts <= after.rollouts


@settings(max_examples=40, deadline=None)
@given(found=lengths(), names=st.lists(st.sampled_from(sorted(RECIPES)), min_size=1, max_size=4))
def test_sums_add_up(found: Lengths, names: list[str]) -> None:
    plans = [plan_of(RECIPES[name], **({"steps": 3} if name in TRAINING else {})) for name in names]
    each = [estimate(plan, {"": for_plan(plan, found)}) for plan in plans]
    whole = total(each)
    for case in CASES:
        together = sum((one.total.at(case) for one in each), Tokens())
        assert whole.total.at(case) == together
    assert whole.rollouts == sum(one.rollouts for one in each)
    if all(one.usd for one in each):
        assert whole.usd is not None
        spent = sum(one.usd.expected for one in each if one.usd)
        assert whole.usd.expected == pytest.approx(spent)


def counted(name: str, found: Lengths, **more: Any) -> Estimate:
    return estimate(plan_of(RECIPES[name], **more), {"": found})


def of(found: Estimate, model: str, kind: Any, case: Any = "expected") -> int:
    return of_kind(found.tokens[model].at(case), kind)


def test_conversations_are_trained_whole_and_held_out_ones_are_scored() -> None:
    known = Lengths(
        steps=10, texts=[Texts(text=exactly(50), held_out=3, held_out_text=exactly(60))]
    )
    found = counted("sft", known, eval={"every": 4})
    assert of(found, MODEL, "trained") == 10 * 4 * 50
    # Before steps 0, 4 and 8; what is scored has its last token too, and samples one.
    assert of(found, MODEL, "prompts") == 3 * 3 * 61
    assert of(found, MODEL, "sampled") == 3 * 3
    # Qwen3-8B on 2026-10-07: 0.195, 0.60 and 0.44 dollars for a million.
    assert found.usd is not None
    assert found.usd.expected == pytest.approx((549 * 0.195 + 9 * 0.6 + 2000 * 0.44) / 1e6)


def test_a_pair_is_trained_twice_and_the_reference_reads_it() -> None:
    known = Lengths(steps=5, texts=[Texts(text=exactly(100))])
    found = counted("dpo", known, batch_size=2, reference={"model": ASKED})
    assert of(found, MODEL, "trained") == 2 * 5 * 2 * 100
    assert of(found, ASKED, "prompts") == 5 * 2 * (100 + 2)
    assert of(found, ASKED, "sampled") == 5 * 2 * 2


def test_each_member_of_a_group_sends_the_prompt_and_each_turn_what_was_before() -> None:
    known = Lengths(
        texts=[Texts(text=exactly(10))], turns=exactly(3), observation=exactly(5), reply=20
    )
    tree = RECIPES["rl"] | {"env": GEM | {"eval": None}, "kl": {}}
    plan = plan_of(tree, steps=2)
    found = estimate(plan, {"": known})
    episodes = 2 * 4 * 8
    assert of(found, MODEL, "prompts") == episodes * (10 + 35 + 60)
    assert of(found, MODEL, "sampled") == episodes * 60
    # Prompt, three replies and two observations in one sequence, less its last token.
    assert of(found, MODEL, "trained") == episodes * (10 + 60 + 10 - 1)
    assert found.rollouts == episodes
    low = found.tokens[MODEL].low
    assert low.cached > 0
    assert found.tokens[MODEL].expected.cached == 0


def test_turns_whose_prompts_are_rewritten_are_trained_one_by_one() -> None:
    known = Lengths(
        texts=[Texts(text=exactly(10))],
        turns=exactly(2),
        observation=exactly(5),
        reply=20,
        rewritten=True,
    )
    tree = RECIPES["reinforce"] | {"env": GEM | {"eval": None}, "loss": "importance_sampling"}
    found = estimate(plan_of(tree, steps=1), {"": known})
    assert of(found, MODEL, "trained") == 6 * ((10 + 19) + (35 + 19))


def test_several_replies_to_a_prompt_are_asked_for_at_once() -> None:
    found = counted("generate", Lengths(rows=10, texts=[Texts(text=exactly(30))]))
    expected = found.tokens[MODEL].expected
    assert expected == Tokens(prefill=300, cached=600, sampled=10 * 3 * 50)
    assert found.steps == 0


@pytest.mark.parametrize(
    ("steps", "every", "also_last", "times"),
    [(10, 4, False, 3), (10, 4, True, 4), (9, 4, True, 3), (1, 5, True, 1), (10, 0, True, 0)],
)
def test_evaluations(steps: int, every: int, also_last: bool, times: int) -> None:
    assert evaluations(steps, every, also_last=also_last) == times


def test_a_model_without_a_price_leaves_the_cost_unknown_and_the_rest_known() -> None:
    known = Lengths(steps=5, texts=[Texts(text=exactly(100))])
    found = counted("dpo", known, reference={"model": "Qwen/Qwen3-8B-Base"})
    assert found.usd is None
    assert found.unpriced == ["Qwen/Qwen3-8B-Base"]
    assert found.usd_known is not None
    assert found.usd_known.expected > 0
    assert found.prices_of == ["2026-10-07"]


def test_what_is_not_counted_leaves_the_cost_unknown() -> None:
    unknown = {"kind": "inspect", "tasks": ["inspect_evals/gsm8k"]}
    plan = plan_of(RECIPES["eval"], evaluators=[BENCHMARK, unknown])
    found = estimate(plan, {})
    assert found.usd is None
    assert found.usd_known is not None
    assert "limit" in found.uncounted[0]
    assert of(found, MODEL, "prompts", "low") == 1319 * 20


def test_data_of_unknown_length_is_not_summed() -> None:
    plan = plan_of(RECIPES["sft"])
    found = estimate(plan, {"": assumed(plan, "nobody looked")})
    assert found.steps is None
    assert found.tokens == {}
    assert found.usd is None
    assert "one step takes about" in found.assumptions[-1]


def test_nothing_is_charged_here_and_what_a_server_charges_is_its_owners_business() -> None:
    known = Lengths(steps=5, texts=[Texts(text=exactly(100))])
    here = counted("sft", known, backend="local")
    assert here.usd is None
    assert here.usd_known is None
    assert here.unpriced == []
    assert "nothing is charged" in here.charge
    there = counted("sft", known, backend={"kind": "remote", "base_url": "http://a.example"})
    assert "owner" in there.charge


def test_checkpoints_that_expire_are_not_kept() -> None:
    known = Lengths(steps=41, texts=[Texts(text=exactly(100))])
    found = counted("sft", known, checkpoint={"every": 10})
    assert found.storage_gb == pytest.approx(5 * found.kept_gb, rel=1e-3)
    forever = counted("sft", known, checkpoint={"every": 10, "ttl_days": "never"})
    assert forever.kept_gb == forever.storage_gb
    assert forever.storage_usd_per_month == pytest.approx(0.1 * forever.kept_gb, rel=1e-2)


def test_the_volume_says_what_it_takes_for_granted() -> None:
    plan = plan_of(RECIPES["rl"], steps=1)
    said = volume(plan, assumed(plan, "no network")).assumptions
    assert any("no network" in each for each in said)
    assert any("1 to 5 turns" in each for each in said)
    assert any("1 and 100 tokens" in each for each in said)
