"""A recipe made from the config.json that the Cookbook writes into a run's log directory."""

from __future__ import annotations

import importlib
import json
import shlex
from pathlib import Path
from typing import Any

import chz
import pytest
from tinker_cookbook.rl.train import Config
from tinker_cookbook.utils.ml_log import JsonLogger

from recipe_runner.compile.from_cookbook import gem
from recipe_runner.compile.from_cookbook.imported import import_command, import_original
from recipe_runner.compile.from_cookbook.saved import read_saved
from recipe_runner.errors import UsageError
from tests.compile.from_cookbook.arguments import LOOPS, RECIPES
from tests.compile.originals.games import game_config
from tests.compile.originals.originals import original_config

# Each has a name of its own for a run, which is what tells data of the same fields apart.
COMMANDS = [
    ("chat_sl.train", "learning_rate=1e-3 wandb_project=p"),
    ("chat_sl.train", "dataset=tulu3 max_steps=4"),
    ("distillation.off_policy_reasoning", "batch_size=32"),
    ("math_rl.train", "max_steps=9"),
    ("math_rl.train", "env=gsm8k group_size=8"),
    ("math_rl.train", "env=math loss_fn=ppo"),
    ("math_rl.train", "env=polaris max_steps_off_policy=2"),
    ("math_rl.train", "env=deepmath kl_penalty_coef=0.1"),
    ("code_rl.train", "sandbox_backend=modal"),
    ("search_tool.train", "n_results=4"),
    ("preference.shorter.train", ""),
    ("preference.dpo.train", "dataset=helpsteer3"),
    ("distillation.on_policy_distillation", "dataset=tulu3"),
    ("distillation.on_policy_multi_teacher", "deepmath_groups_per_batch=8"),
]


def logged(config: Any, directory: Path) -> Path:
    """Write down a configuration as the Cookbook's loops do."""
    JsonLogger(directory).log_hparams(config)
    return directory


@pytest.mark.parametrize(("command", "arguments"), COMMANDS)
def test_a_log_directory_imports_as_its_command(
    command: str, arguments: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    module = f"{RECIPES}.{command}"
    words = shlex.split(arguments)
    config = original_config(monkeypatch, module, *words, loop=LOOPS[module].loop)
    saved = import_original(read_saved(logged(config, tmp_path)), str(tmp_path))
    assert saved.settled.tree == import_command(["python", "-m", module, *words]).settled.tree
    assert not saved.settled.unknown


@pytest.mark.parametrize("game", ["guess_number", "twenty_questions", "text_arena"])
def test_a_game_imports_as_its_command(game: str, tmp_path: Path) -> None:
    saved = read_saved(logged(game_config(game, "max_steps=3"), tmp_path) / "config.json")
    module = f"{RECIPES}.multiplayer_rl.{game}.train"
    wanted = import_command(["python", "-m", module, "max_steps=3"]).settled
    assert import_original(saved, "config.json").settled.tree == wanted.tree


@pytest.mark.parametrize("name", ["sl_basic", "rl_basic"])
def test_the_basic_commands_have_one_data_set(name: str, tmp_path: Path) -> None:
    blueprint = importlib.import_module(f"{RECIPES}.{name}").build_config_blueprint()
    saved = import_original(read_saved(logged(blueprint.make(), tmp_path)), "config.json")
    assert saved.settled.tree == import_command(["python", "-m", f"{RECIPES}.{name}"]).settled.tree


def test_a_run_of_gems_script_imports_as_its_command(tmp_path: Path) -> None:
    arguments = ["env_id=rg:simple_equations", "group_size=8", "model_name=Qwen/Qwen3-8B-Base"]
    settings = chz.Blueprint(gem.CookbookSettings).make_from_argv(arguments)
    written = gem.cookbook_config(settings)
    ours = written["dataset_builder"]
    written["dataset_builder"] = {
        "env_id": ours["env_id"],
        "model_name_for_tokenizer": ours["model_name"],
        "renderer_name": ours["renderer_name"],
        "prompt_type": ours["prompt"],
        "group_size": ours["group_size"],
        "groups_per_batch": ours["groups_per_batch"],
        "n_batches": ours["num_batches"],
        "env_kwargs_json": None,
        "convo_prefix": None,
    }
    # GEM's example is as old as a Cookbook whose configurations had no recipe's name.
    file = tmp_path / "config.json"
    file.write_text(json.dumps(written))
    wanted = import_command(
        ["python", "-m", "examples.train_tinker.tinker_cookbook_train", *arguments]
    )
    assert import_original(read_saved(file), "config.json").settled.tree == wanted.settled.tree


def a_config(**changes: Any) -> dict[str, Any]:
    builder = {
        "batch_size": 4,
        "model_name_for_tokenizer": "Qwen/Qwen3-8B",
        "renderer_name": "qwen3",
        "group_size": 2,
        "seed": 0,
    }
    required: dict[str, Any] = {
        "learning_rate": 1e-5,
        "dataset_builder": builder,
        "model_name": "Qwen/Qwen3-8B",
        "recipe_name": "mine",
        "max_tokens": 5,
        "log_path": "runs/mine",
    }
    return required | changes


def test_what_an_older_cookbook_did_not_write_has_its_default(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps(a_config()))
    tree = import_original(read_saved(file, "polaris"), "config.json").settled.tree
    assert tree["env"] == {"kind": "math", "dataset": "polaris"}
    assert {"learning_rate", "max_tokens"} <= chz.chz_fields(Config).keys()


def test_data_that_the_record_does_not_tell_apart_are_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps(a_config()))
    with pytest.raises(UsageError, match="--data polaris or deepmath"):
        read_saved(file)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "cannot be read"),
        ("{", "is not JSON"),
        ("[]", "does not hold a configuration"),
        ('{"a": 1}', "no configuration of a training loop"),
        ('{"topk": 20, "demo_template": ""}', "import its command"),
        (json.dumps(a_config(dataset_builder={"mine": 1})), "no recipe has a word for"),
    ],
)
def test_what_is_no_record_says_why(text: str | None, message: str, tmp_path: Path) -> None:
    if text is not None:
        (tmp_path / "config.json").write_text(text)
    with pytest.raises(UsageError, match=message):
        read_saved(tmp_path)


def test_a_run_of_ours_has_its_recipe(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").touch()
    (tmp_path / "config.json").write_text(json.dumps(a_config()))
    with pytest.raises(UsageError, match="is a run of recipe-run"):
        read_saved(tmp_path)
