"""A recipe that starts from a run: the run has to be there, and of the same model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from recipe_runner.cli.app import run_command
from recipe_runner.language import load
from recipe_runner.planning.plan import Served
from recipe_runner.planning.resolve import make_plan
from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.files import write_json_lines
from tests.conftest import RL_RECIPE

TEACHERS = """\
version: 1
name: taught
method: distill
mode: on_policy
model: {name: Qwen/Qwen3-8B-Base}
rollout: {groups_per_batch: 4, group_size: 2, max_tokens: 16}
teacher:
  - {model: Qwen/Qwen3-8B-Base, load_from: "run:sums@2", data: {kind: prompts, path: p.jsonl}}
  - {model: Qwen/Qwen3-32B, load_from: "run:sums@2", data: {kind: prompts, path: p.jsonl}}
"""


@pytest.fixture(autouse=True)
def runs(
    write_recipe: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A working directory with one run, `sums` of Qwen3-8B-Base, that has a checkpoint."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.jsonl").write_text('{"prompt": "a"}\n')
    plan = make_plan(load(write_recipe()), Served(kind="hosted", note=""))
    run = RunDirectory.create(plan, RL_RECIPE)
    record = {"name": "000002", "state_path": "tinker://a/weights/x", "sampler_path": "tinker://y"}
    write_json_lines(run.checkpoints_file, [record])


def found(
    capsys: pytest.CaptureFixture[str], command: str, *arguments: str
) -> tuple[int, list[str]]:
    code = run_command([command, *arguments])
    lines = capsys.readouterr().err.splitlines()
    return code, [line for line in lines if "error[" in line]


def started_from(model: str, reference: str) -> str:
    text = RL_RECIPE.replace("name: sums", "name: more")
    return text.replace(
        "model: {name: Qwen/Qwen3-8B-Base}", f"model: {{name: {model}, load_from: '{reference}'}}"
    )


def test_a_run_that_is_there_and_fits(
    write_recipe: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    write_recipe(started_from("Qwen/Qwen3-8B-Base:peft:16384", "run:sums@2"), "more.yaml")
    for command in (["validate"], ["plan", "--no-estimate"]):
        assert found(capsys, *command, "more.yaml") == (0, [])


def test_a_run_of_another_model(
    write_recipe: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    write_recipe(started_from("Qwen/Qwen3-32B", "run:sums@2"), "more.yaml")
    for command in ("validate", "plan", None):
        arguments = [command, "more.yaml"] if command else ["more.yaml"]
        code, (line,) = found(capsys, *arguments)
        assert code == 1
        assert line.startswith("more.yaml:4:42: error[other-model] run:sums@2 is a checkpoint of ")


@pytest.mark.parametrize("reference", ["run:nothing@final", "run:sums@7"])
def test_a_run_that_is_not_here_is_missed_where_it_is_needed(
    write_recipe: Callable[..., Path], capsys: pytest.CaptureFixture[str], reference: str
) -> None:
    write_recipe(started_from("Qwen/Qwen3-8B-Base", reference), "more.yaml")
    assert found(capsys, "validate", "more.yaml") == (0, [])
    code, (line,) = found(capsys, "plan", "more.yaml")
    assert code == 1
    assert line.startswith("more.yaml:4:46: error[unknown-run] ")


def test_a_teacher_has_its_own_model(
    write_recipe: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    write_recipe(TEACHERS, "taught.yaml")
    code, (line,) = found(capsys, "validate", "taught.yaml")
    assert code == 1
    assert line.startswith("taught.yaml:9:40: error[other-model] ")
