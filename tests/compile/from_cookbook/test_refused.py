"""What cannot be imported says why, and what a recipe does not carry is named."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from recipe_runner.compile.from_cookbook.imported import Imported, import_command
from recipe_runner.errors import UsageError
from tests.compile.from_cookbook.arguments import RECIPES

GEM = "examples.train_tinker"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def imported(module: str, arguments: str) -> Imported:
    return import_command(["python", "-m", module, *shlex.split(arguments)])


WRONG: dict[str, tuple[str, str]] = {
    "unknown argument": (f"{RECIPES}.math_rl.train enw=gsm8k", "Did you mean 'env'"),
    "wrong type": (f"{RECIPES}.math_rl.train group_size=x", "does not take these arguments"),
    "unknown environment": (f"{RECIPES}.math_rl.train env=gsm9k", "Unknown environment: gsm9k"),
    "out of range": (f"{RECIPES}.math_rl.train learning_rate=-1", "must be greater than 0"),
    "no recipe for it": (f"{RECIPES}.harbor_rl.train", "cannot be imported"),
    "misspelled": (f"{RECIPES}.math_rl.trian", f"did you mean {RECIPES}.math_rl.train"),
    "another's module": ("os.path", "no command of the Cookbook or of GEM"),
    "its help": (f"{RECIPES}.sl_loop --help", "learning_rate"),
    "unknown model": (f"{RECIPES}.sl_basic model_name=nobody/nothing", "nobody/nothing"),
    "GEM's default environment": (f"{GEM}.tinker_cookbook_train", "GEM has no environment"),
    "GEM's arguments": (f"{GEM}.tinker_train num_envs=3", "Did you mean 'num_env'"),
    "a model to ask for": ("tinker_cookbook.eval.run_inspect_evals tasks=x", "add model_name="),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_imported_says_why(name: str) -> None:
    command, message = WRONG[name]
    with pytest.raises(UsageError) as error:
        import_command(["python", "-m", *command.split()])
    assert message in str(error.value)


@pytest.mark.parametrize("words", [["ls"], ["python"], ["python", "-m"], ["bash", "-c", "true"]])
def test_what_is_no_command_says_so(words: list[str]) -> None:
    with pytest.raises(UsageError):
        import_command(words)


def test_arguments_that_reach_nothing_are_named() -> None:
    text = imported(
        f"{RECIPES}.rubric.train", "seed=3 log_path=/x behavior_if_log_dir_exists=resume"
    ).text(schema="s", directory=Path.cwd())
    assert '# - seed="3": the command hands it to nothing' in text
    assert "`logging.dir`" in text
    assert "`--on-existing`" in text


def test_paths_are_written_for_the_place_of_the_recipe(tmp_path: Path) -> None:
    recipe = imported(f"{RECIPES}.chat_sl.train", "dataset=talks.jsonl")
    here = recipe.text(schema="s", directory=Path.cwd())
    below = recipe.text(schema="s", directory=Path.cwd() / "recipes")
    assert "path: talks.jsonl" in here
    assert 'path: "../talks.jsonl"' in below
