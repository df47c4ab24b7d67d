"""Pipelines: every stage is a recipe of its own, and each mistake is where it was written."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recipe_runner.language import Diagnostic, LoadedRecipe, RecipeError, load
from recipe_runner.planning.checks import check, load_and_check
from recipe_runner.planning.plan import Plan, Served
from recipe_runner.planning.resolve import make_plan

HEAD = """\
version: 1
method: pipeline
vars: {model: Qwen/Qwen3-8B, tokens: 8}
stages:
"""
DATA = """\
  data:
    recipe:
      method: generate
      model: {name: "{{ vars.model }}"}
      data: {kind: prompts, path: prompts.jsonl}
      prompt: "What is {{ prompt }}?"
      sampling: {max_tokens: "{{ vars.tokens }}"}
"""
SFT = """\
  sft:
    recipe: parts/sft.yaml
    set:
      data.path: "{{ stages.data.output }}"
      optimizer.learning_rate: "{{ vars.tokens / 10000 }}"
"""
MORE = """\
  more:
    recipe: parts/sft.yaml
    set: {data.path: "{{ stages.data.output }}", model.load_from: "{{ stages.sft.checkpoint }}"}
"""
FILES = {
    "prompts.jsonl": '{"prompt": "1 + 1"}\n',
    "parts/sft.yaml": """\
version: 1
method: sft
model: {name: Qwen/Qwen3-8B}
data: {kind: conversations, path: talks.jsonl}
optimizer: {learning_rate: 1e-3}
batch_size: 2
variants: {small: {batch_size: 1}}
""",
    "parts/talks.jsonl": '{"messages": []}\n',
}

Load = Callable[..., LoadedRecipe]


@pytest.fixture
def load_it(load_text: Load) -> Load:
    def load_pipeline(text: str, files: dict[str, str] | None = None, **flags: object) -> object:
        return load_text(text, {**FILES, **(files or {})}, **flags)

    return load_pipeline  # type: ignore[return-value]


@pytest.fixture
def wrong(load_it: Load) -> Callable[..., list[Diagnostic]]:
    def find(text: str, files: dict[str, str] | None = None, **flags: object) -> object:
        with pytest.raises(RecipeError) as caught:
            load_it(text, files, **flags)
        return caught.value.diagnostics

    return find  # type: ignore[return-value]


def places(found: list[Diagnostic]) -> list[tuple[str, int, str, str]]:
    return [(d.file, d.line, d.code, d.path) for d in found]


def test_stages_are_recipes(load_it: Load) -> None:
    loaded = load_it(HEAD + DATA + SFT + MORE)
    assert check(loaded) == []
    data, sft, more = loaded.stages.values()
    assert (data.recipe.name, data.recipe.method) == ("data", "generate")
    assert data.recipe.sampling.max_tokens == 8
    assert data.recipe.prompt == "What is {{ prompt }}?"
    assert sft.recipe.data.path == "stage:data/output"
    assert sft.recipe.optimizer.learning_rate == 0.0008
    assert more.recipe.model.load_from == "stage:sft@final"
    assert more.recipe.batch_size == 2
    assert sft.path == Path("parts/sft.yaml")


def test_what_the_pipeline_says_holds_for_its_stages(load_it: Load) -> None:
    head = "backend: local\nseed: 7\nsteps: 3\nlogging: {dir: elsewhere}\n" + HEAD
    loaded = load_it(head + DATA + SFT, overrides=["stages.sft.steps=9", "stages.sft.seed=1"])
    for stage in loaded.stages.values():
        assert (stage.recipe.backend, stage.recipe.seed) == ("local", 7)
        assert stage.recipe.logging.dir == "elsewhere"
    assert loaded.stages["sft"].recipe.steps == 3


def test_without_it_each_stage_has_its_own(load_it: Load) -> None:
    loaded = load_it(HEAD + DATA + SFT, overrides=["stages.sft.steps=9", "stages.sft.seed=1"])
    assert loaded.stages["sft"].recipe.steps == 9
    assert [stage.recipe.seed for stage in loaded.stages.values()] == [0, 1]


def test_flags_and_variants_reach_a_stage(load_it: Load) -> None:
    loaded = load_it(
        HEAD + DATA + SFT,
        overrides=[
            "stages.sft.set.optimizer.learning_rate=0.5",
            "stages.sft.variant=small",
            "stages.data.sampling.temperature=0",
        ],
        variables=["tokens=4"],
    )
    assert loaded.stages["sft"].recipe.optimizer.learning_rate == 0.5
    assert loaded.stages["sft"].recipe.batch_size == 1
    assert loaded.stages["data"].recipe.sampling.temperature == 0
    assert loaded.stages["data"].recipe.sampling.max_tokens == 4


def test_an_inline_stage_extends_and_has_variables_of_its_own(load_it: Load) -> None:
    text = HEAD + (
        "  one:\n    recipe:\n      extends: parts/sft.yaml\n      vars: {size: 5}\n"
        '      batch_size: "{{ vars.size + vars.tokens }}"\n'
    )
    assert load_it(text).stages["one"].recipe.batch_size == 13


def test_all_mistakes_at_once_each_at_its_place(
    wrong: Callable[..., list[Diagnostic]],
) -> None:
    data = DATA.replace("method: generate", "method: generate\n      seed: -1")
    sft = SFT.replace("set:", "set:\n      epoch: 2\n      max_length: no")
    bad = FILES["parts/sft.yaml"].replace("batch_size", "bach_size", 1)
    found = wrong(HEAD + data + sft, {"parts/sft.yaml": bad}, overrides=["stages.sft.epochs=0"])
    assert places(found) == [
        ("parts/sft.yaml", 6, "unknown-key", "bach_size"),
        ("recipe.yaml", 8, "range", "stages.data.recipe.seed"),
        ("recipe.yaml", 16, "unknown-key", "stages.sft.set.epoch"),
        ("recipe.yaml", 17, "type", "stages.sft.set.max_length"),
        ("--set", 1, "range", "stages.sft.set.epochs"),
    ]


def test_checks_across_fields_run_for_every_stage(load_it: Load, here: Path) -> None:
    data = DATA.replace("      prompt:", "      extract: 'a'\n      prompt:")
    found = check(load_it(HEAD + data + SFT.replace("set:", "set:\n      eval: {every: 2}")))
    assert places(found) == [
        ("recipe.yaml", 10, "pattern", "stages.data.recipe.extract"),
        ("recipe.yaml", 16, "no-effect", "stages.sft.set.eval.every"),
    ]
    (here / "recipe.yaml").write_text(HEAD + data + SFT.replace("set:", "set:\n      epochs: 0"))
    with pytest.raises(RecipeError) as caught:
        load_and_check(here / "recipe.yaml")
    assert [d.code for d in caught.value.diagnostics] == ["pattern", "range"]


@pytest.mark.parametrize(
    ("stages", "line", "words"),
    [
        (MORE + SFT, 7, "no stage `data`"),
        (DATA + MORE, 14, "no stage `sft`"),
        (DATA + MORE + SFT, 14, "stage `sft` runs after `more`"),
        (DATA + MORE.replace("stages.sft.c", "stages.more.c"), 14, "itself"),
        (DATA + MORE.replace("stages.sft.c", "stages.data.c"), 14, "leaves no checkpoint"),
        (DATA + SFT.replace("data.output", "dat.output"), 15, "did you mean `data`"),
        (DATA + SFT.replace("data.output", "data.file"), 15, "`checkpoint` or `output`"),
        (DATA + SFT + MORE.replace("data.output", "sft.output"), 19, "leaves no output"),
        (DATA + SFT.replace('"{{ stages.data.output }}"', "stage:sft/output"), 15, "itself"),
        (DATA + MORE.replace('"{{ stages.sft.checkpoint }}"', "'stage:a@final'"), 14, "no stage"),
    ],
)
def test_a_reference_to_what_no_earlier_stage_leaves(
    wrong: Callable[..., list[Diagnostic]], stages: str, line: int, words: str
) -> None:
    found = wrong(HEAD + stages)
    assert any(d.line == line and words in d.message for d in found), found
    assert {d.code for d in found} <= {"template", "stage"}


@pytest.mark.parametrize(
    ("stages", "code", "path"),
    [
        ("  a: {recipe: {method: pipeline, stages: {}}}\n", "stage", "stages.a.recipe.method"),
        ("  a: {recipe: nowhere.yaml}\n", "missing-file", "stages.a.recipe"),
        ("  a: {set: {}}\n", "missing-key", "stages.a.recipe"),
        ("  a: {recipe: 3}\n", "type", "stages.a.recipe"),
        ("  a: {recipe: parts/sft.yaml, sett: {}}\n", "unknown-key", "stages.a.sett"),
        ("  a: {recipe: parts/sft.yaml, variant: x}\n", "variant", "variants"),
        ("  A: {recipe: parts/sft.yaml}\n", "pattern", "stages.A"),
        ("  {}\n", "range", "stages"),
    ],
)
def test_what_a_stage_cannot_be(
    wrong: Callable[..., list[Diagnostic]], stages: str, code: str, path: str
) -> None:
    assert [(d.code, d.path) for d in wrong(HEAD + stages)] == [(code, path)]


def test_a_stage_elsewhere_than_the_pipeline(wrong: Callable[..., list[Diagnostic]]) -> None:
    local = {"parts/sft.yaml": FILES["parts/sft.yaml"] + "backend: local\n"}
    found = wrong(HEAD + DATA + SFT, local)
    assert places(found) == [("parts/sft.yaml", 8, "stage", "backend")]


def test_outside_a_pipeline_there_are_no_stages(wrong: Callable[..., list[Diagnostic]]) -> None:
    sft = FILES["parts/sft.yaml"].replace("talks.jsonl", "parts/talks.jsonl")
    literal = sft.replace("Qwen/Qwen3-8B", "Qwen/Qwen3-8B, load_from: stage:x@final")
    assert [d.code for d in wrong(literal)] == ["stage"]
    template = sft.replace("parts/talks.jsonl", '"{{ stages.x.output }}"')
    (found,) = wrong(template)
    assert "`stages` is not defined" in found.message


def test_a_plan_of_stages(load_it: Load) -> None:
    served = Served(kind="hosted", note="")
    plan = make_plan(load_it(HEAD + DATA + SFT + MORE), served)
    assert list(plan.stages) == ["data", "sft", "more"]
    assert plan.stages["data"].renderer == "qwen3"
    assert list(plan.stages["data"].fingerprints) == ["prompts.jsonl"]
    assert plan.stages["sft"].fingerprints == {}
    again = Plan.from_json(plan.to_json())
    assert again.hash == plan.hash

    def hash_of(*overrides: str) -> str:
        loaded = load("recipe.yaml", overrides=overrides)
        return make_plan(loaded, served).hash

    assert hash_of() == hash_of("description=x", "stages.sft.checkpoint.every=3") == plan.hash
    assert len({plan.hash, hash_of("seed=3"), hash_of("stages.more.epochs=2")}) == 3


def test_what_is_served_is_asked_for_each_stage(load_it: Load) -> None:
    def served(name: str) -> Served:
        return Served(kind="stand-in" if "8B" in name else "shipped", note=name)

    other = ["stages.data.model.name=recipe-run/tiny", "backend=local"]
    plan = make_plan(load_it(HEAD + DATA + SFT, overrides=other), served)
    assert plan.served == Served(kind="stand-in", note="recipe-run/tiny; Qwen/Qwen3-8B")
    assert plan.stages["data"].served.kind == "shipped"


WHOLE = HEAD + DATA + SFT + MORE
PIECES = [
    *("{", "}", "[", "null", "3", "stages", "recipe", "set", ":", "\n", "  ", "pipeline", "name"),
    *("extends: recipe.yaml", "stage:sft@final", "variant: small", "{{ vars.tokens }}"),
    *('"{{ stages.data.output }}"', '"{{ recipe.stages.sft.set }}"', "stages.sft.checkpoint"),
]


@given(st.lists(st.tuples(st.integers(0, len(WHOLE)), st.sampled_from(PIECES)), max_size=3))
@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_whatever_is_written_ends_in_a_recipe_or_in_diagnostics(
    load_it: Load, changes: list[tuple[int, str]]
) -> None:
    text = WHOLE
    for position, piece in changes:
        text = text[:position] + piece + text[position:]
    with suppress(RecipeError):
        check(load_it(text))
