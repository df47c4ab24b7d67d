"""What `chat` and `sample` are pointed at, in whose words they ask, and what `sample` writes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from recipe_runner.errors import DataError, UsageError
from recipe_runner.language import load
from recipe_runner.planning.plan import Served
from recipe_runner.planning.resolve import make_plan
from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.files import write_json_lines
from recipe_runner.runs.talk.answers import Answers
from recipe_runner.runs.talk.conversation import (
    default_max_tokens,
    system_prompt,
    with_system,
    worded,
)
from recipe_runner.runs.talk.sampling import seed_of
from recipe_runner.runs.talk.targets import Target, find_targets
from schemas.backend import RemoteBackend

GENERATE = """\
version: 1
name: asked
method: generate
model: {name: Qwen/Qwen3-8B, load_from: "run:sums@2"}
data: {kind: prompts, path: talks.jsonl}
system_prompt: Be brief.
prompt: "Say {{ prompt }}!"
sampling: {max_tokens: 9}
"""
PIPELINE = """\
version: 1
name: chain
method: pipeline
stages:
  first: {recipe: recipe.yaml}
"""
CHECKPOINTS = [
    {"name": "000002", "state_path": "tinker://a/weights/x", "sampler_path": "tinker://a/s/y"},
    {"name": "000003", "state_path": "tinker://a/weights/z"},
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "runs"


@pytest.fixture
def make(write_recipe: Callable[..., Path], root: Path) -> Callable[..., RunDirectory]:
    """Make the directory of a run of a recipe, with checkpoints."""

    def make_run(*recipe: str, overrides: tuple[str, ...] = ()) -> RunDirectory:
        loaded = load(write_recipe(*recipe), overrides=[f"logging.dir={root}", *overrides])
        run = RunDirectory.create(make_plan(loaded, Served(kind="hosted", note="")), loaded.text)
        for each in [run, *(run.stage(name) for name in loaded.stages)]:
            write_json_lines(each.checkpoints_file, CHECKPOINTS)
        return run

    return make_run


def find(root: Path, *references: str, **given: object) -> list[Target]:
    options: dict[str, object] = {"backend": None, "renderer": None} | given
    return find_targets(root, references, **options)  # type: ignore[arg-type]


def test_a_run_is_asked_where_it_was_and_as_it_trained(
    root: Path, make: Callable[..., RunDirectory]
) -> None:
    make(overrides=("backend=local", "renderer=qwen3_disable_thinking"))
    (target,) = find(root, "sums@2")
    assert (target.label, target.path) == ("sums@2", "tinker://a/s/y")
    assert (target.model, target.renderer) == ("Qwen/Qwen3-8B-Base", "qwen3_disable_thinking")
    assert (target.backend, target.store) == ("local", root / ".local")
    assert default_max_tokens([target]) == 16
    (elsewhere,) = find(root, "sums@2", backend=RemoteBackend(kind="remote", base_url="http://x"))
    assert elsewhere.backend != "local"


def test_a_base_model_beside_a_run_is_asked_as_the_run_is(
    root: Path, make: Callable[..., RunDirectory]
) -> None:
    make(overrides=("backend=local", "renderer=qwen3_disable_thinking"))
    run, base, other = find(root, "sums@2", "Qwen/Qwen3-8B-Base", "model:my/own")
    assert (base.path, base.backend, base.renderer) == (None, "local", run.renderer)
    assert base.recipe == run.recipe
    assert (other.model, other.renderer) == ("my/own", None)
    (alone,) = find(root, "Qwen/Qwen3-8B")
    assert (alone.backend, alone.renderer, alone.recipe) == ("tinker", None, None)


def test_without_a_step_it_is_the_newest_that_can_be_sampled_from(
    root: Path, make: Callable[..., RunDirectory]
) -> None:
    make()
    assert [target.label for target in find(root, "sums")] == ["sums@2"]
    with pytest.raises(UsageError, match=r"saved to train on from, not to sample from; .* 000002"):
        find(root, "sums@3")


def test_a_stage_of_a_pipeline_is_asked_for_by_name(
    root: Path, make: Callable[..., RunDirectory], write_recipe: Callable[..., Path]
) -> None:
    write_recipe()
    run = make(PIPELINE, "pipeline.yaml")
    run.checkpoints_file.unlink()
    for reference in ("chain", "chain/first@2", f"{run.path}/stages/first"):
        (target,) = find(root, reference)
        assert target.label.endswith("first@2")
        assert target.store == root / ".local"


def test_a_run_that_only_asked_is_the_model_that_it_asked(
    root: Path, make: Callable[..., RunDirectory]
) -> None:
    make()
    make(GENERATE, "asked.yaml").checkpoints_file.unlink()
    (target,) = find(root, "asked")
    assert (target.label, target.path) == ("asked", "tinker://a/s/y")
    assert system_prompt(target, None) == "Be brief."
    assert system_prompt(target, "Be long.") == "Be long."
    assert system_prompt(target, "") is None
    assert default_max_tokens([target]) == 9
    question = [{"role": "user", "content": "cheese"}]
    assert worded(question, target.recipe) == [{"role": "user", "content": "Say cheese!"}]


def test_a_question_is_worded_as_in_training(root: Path, make: Callable[..., RunDirectory]) -> None:
    make()
    (gem,) = find(root, "sums")
    (asked,) = worded([{"role": "user", "content": "3 + 4"}], gem.recipe)
    assert asked["content"].startswith("Question: 3 + 4\n")
    assert "\\boxed{}" in asked["content"]
    talk = [{"role": r, "content": "x"} for r in ("user", "assistant", "user")]
    assert worded(talk, gem.recipe) == talk
    make(overrides=("env={kind: math, dataset: gsm8k}",))
    (mathematics,) = find(root, "sums")
    *example, question = worded([{"role": "user", "content": "3 + 4"}], mathematics.recipe)
    assert [each["role"] for each in example] == ["user", "assistant"]
    assert question["content"].startswith("3 + 4 ")
    assert "\\boxed{}" in question["content"]


def test_a_system_prompt_of_the_prompts_own_stays() -> None:
    own = [{"role": "system", "content": "a"}, {"role": "user", "content": "b"}]
    assert with_system(own, "c") == own
    assert with_system(own[1:], "c")[0] == {"role": "system", "content": "c"}


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("nothing", "model:NAME"),
        ("Qwen/Qwen3-8b-Bse", "the catalog has .*Qwen/Qwen3-8B-Base"),
        ("tinker://a:train:0/weights/final", "not to be sampled from"),
    ],
)
def test_what_means_nothing_is_refused(root: Path, reference: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        find(root, reference)


def test_the_same_twice_is_refused(root: Path) -> None:
    with pytest.raises(UsageError, match="given twice"):
        find(root, "Qwen/Qwen3-8B", "Qwen/Qwen3-8B")


SAMPLING = {"max_tokens": 4, "temperature": 1.0, "top_p": 1.0, "seed": 7, "num_samples": 2}


def row(index: int, **changes: object) -> dict[str, object]:
    asked = [{"role": "user", "content": f"question {index}"}]
    base: dict[str, object] = {
        "index": index, "prompt": asked, "label": "a", "model": "m", "checkpoint": None,
        "backend": "local", "sampling": SAMPLING,
    }  # fmt: skip
    return base | changes


def written(path: Path, *rows: dict[str, object]) -> None:
    lines = [json.dumps(each | {"sample": n, "reply": "x"}) for each in rows for n in range(2)]
    path.write_text("".join(line + "\n" for line in lines))


def test_a_file_is_gone_on_with_where_it_stops(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    written(path, row(0), row(1))
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    answers = Answers(path, "resume")
    assert answers.has(row(0))
    assert not answers.has(row(1)), "half of its replies are there"
    assert path.read_bytes() == b"".join(whole.splitlines(keepends=True)[:2])
    with answers.open():
        pass
    assert path.read_bytes() == b"".join(whole.splitlines(keepends=True)[:2])


def test_answers_to_another_question_are_not_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    written(path, row(0))
    answers = Answers(path, "resume")
    changes: list[dict[str, object]] = [
        {"model": "n"},
        {"prompt": []},
        {"sampling": SAMPLING | {"seed": 8}},
    ]
    for change in changes:
        with pytest.raises(UsageError, match=f"another {next(iter(change))}.*--overwrite"):
            answers.has(row(0, **change))


def test_a_file_that_is_there_is_kept_until_something_says_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    written(path, row(0))
    with pytest.raises(UsageError, match=r"--resume .* --overwrite"):
        Answers(path, "fail")
    overwriting = Answers(path, "overwrite")
    assert path.read_bytes()
    assert not overwriting.has(row(0))
    with overwriting.open():
        pass
    assert not path.read_bytes()
    path.write_text('{"prompt": "no answers"}\n')
    with pytest.raises(DataError, match=r"out.jsonl:1: column 'label': is missing"):
        Answers(path, "resume")


def test_seeds_differ_by_prompt_and_stay() -> None:
    seeds = [seed_of(3, index) for index in range(100)]
    assert len(set(seeds)) == 100
    assert seeds == [seed_of(3, index) for index in range(100)]
    assert all(0 <= seed < 2**31 for seed in seeds)
