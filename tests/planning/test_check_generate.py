"""What is checked of `method: generate` alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from recipe_runner.language import RecipeError
from recipe_runner.loops.generate.record import REPLIES
from recipe_runner.planning.checks import load_and_check
from recipe_runner.planning.checks.generate import OF_THE_RUN
from recipe_runner.runs.directory import RunDirectory

RECIPE = """\
version: 1
method: generate
model: {{name: Qwen/Qwen3-8B}}
data: {{kind: prompts, path: prompts.jsonl}}
sampling: {{max_tokens: 16}}
output: {output}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    (tmp_path / "prompts.jsonl").write_text('{"prompt": "What is 1 + 2?"}\n')
    return tmp_path / "recipe.yaml"


@pytest.mark.parametrize("output", OF_THE_RUN)
def test_the_output_cannot_be_a_file_of_the_run(recipe: Path, output: str) -> None:
    recipe.write_text(RECIPE.format(output=output))
    with pytest.raises(RecipeError) as refused:
        load_and_check(recipe)
    (found,) = refused.value.diagnostics
    assert (found.code, found.path, found.line, found.column) == ("value", "output", 6, 9)
    assert "that the run itself writes" in found.message


def test_any_other_name_will_do(recipe: Path) -> None:
    recipe.write_text(RECIPE.format(output="answers.jsonl"))
    assert load_and_check(recipe)[0].recipe.output == "answers.jsonl"


def test_the_names_are_those_that_a_run_has() -> None:
    run = RunDirectory(Path("run"))
    files = (run.metrics_file, run.checkpoints_file, run.events_file)
    assert {REPLIES, *(file.name for file in files)} == set(OF_THE_RUN)
