"""`recipe-run import` and `export --to python` as commands."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from recipe_runner.cli.app import run_command
from recipe_runner.compile.from_cookbook.commands import COMMANDS

COMMAND = ["--", "python", "-m", "tinker_cookbook.recipes.preference.shorter.train", "max_steps=3"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_recipe_on_standard_output_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["import", *COMMAND]) == 0
    printed = capsys.readouterr()
    Path("printed.yaml").write_text(printed.out)
    assert run_command(["validate", "printed.yaml"]) == 0
    assert "not carried over (1, also in the recipe)" in printed.err
    assert "eval_every=5: there is nothing to evaluate on" in printed.err


def test_a_recipe_in_a_file_with_the_schema_beside_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["import", "-o", "new/short.yaml", *COMMAND]) == 0
    assert "wrote new/short.yaml" in capsys.readouterr().err
    text = Path("new/short.yaml").read_text()
    assert "name: short\n" in text
    assert json.loads(Path("new/recipe.schema.json").read_text())
    assert run_command(["validate", "new"]) == 0
    assert run_command(["import", "-o", "new/short.yaml", *COMMAND]) == 2
    assert "give --force" in capsys.readouterr().err
    assert run_command(["import", "-o", "new/short.yaml", "--force", *COMMAND]) == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "give a command"),
        (["ls", "-l"], "no command that runs Python"),
        (["nothing.json"], "cannot be read"),
        (["--", "python", "-m", "json.tool"], "no command of the Cookbook or of GEM"),
        ([*COMMAND, "max_step=1"], "Did you mean 'max_steps'"),
    ],
)
def test_what_cannot_be_imported_is_an_error_of_the_command_line(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["import", *words]) == 2
    assert message in capsys.readouterr().err


def test_data_that_is_not_there_is_noted(capsys: pytest.CaptureFixture[str]) -> None:
    module = "tinker_cookbook.recipes.chat_sl.train"
    assert run_command(["import", "python", "-m", module, "dataset=mine.jsonl"]) == 0
    printed = capsys.readouterr()
    assert "mine.jsonl is not there from here" in printed.err
    assert "path: mine.jsonl" in printed.out


def test_a_pipeline_is_exported_as_json_alone(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = str(root / "recipes/rlhf.yaml")
    assert run_command(["export", recipe, "--to", "python"]) == 2
    assert "`--to json`" in capsys.readouterr().err


def test_paths_of_another_directory_are_relative_in_a_script(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = str(root / "recipes/sft_conversations.yaml")
    options = ["--set", "model.name=Qwen/Qwen3-8B", "--backend", "tinker"]
    assert run_command(["export", recipe, "--to", "python", *options]) == 0
    script = capsys.readouterr().out
    (path,) = re.findall(r'file_path="([^"]+)"', script)
    assert Path(path).samefile(root / "recipes/data/conversations.jsonl")
    assert not Path(path).is_absolute()


def test_the_page_lists_every_importable_command(root: Path) -> None:
    page = (root / "docs/import_export.md").read_text("utf-8")
    listed = set(re.findall(r"`((?:tinker_cookbook|examples)\.[\w.]+)`", page))
    assert listed == COMMANDS.keys()
