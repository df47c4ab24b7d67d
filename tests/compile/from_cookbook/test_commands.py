"""A recipe made from a command compiles to what the command would run."""

from __future__ import annotations

import asyncio
import os
import shlex
from pathlib import Path
from typing import Any

import chz
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tinker_cookbook import checkpoint_utils, model_info
from tinker_cookbook.recipes.sdft import datasets
from tinker_cookbook.recipes.verifiers_rl import train as verifiers_train
from tinker_cookbook.rl import rollouts

from recipe_runner.compile import Job, Target, compile_plan
from recipe_runner.compile.export import to_json_tree
from recipe_runner.compile.from_cookbook.commands import COMMANDS
from recipe_runner.compile.from_cookbook.imported import Imported, import_command
from recipe_runner.errors import UsageError
from recipe_runner.planning.checks import load_and_check
from recipe_runner.planning.plan import Plan, Served
from recipe_runner.planning.resolve import make_plan
from tests.compile.from_cookbook.arguments import GAMES, LOOPS, RECIPES, VERIFIERS
from tests.compile.originals.games import game_config
from tests.compile.originals.originals import NAMES, compiled, original_config
from tests.compile.originals.test_rlhf import LEFT, STAGES
from tests.compile.originals.test_rlhf import original as rlhf_original
from tests.conftest import CONVERSATION

SETS = [(module, each) for module, command in LOOPS.items() for each in command.sets]
GAME_SETS = [(game, each) for game, command in GAMES.items() for each in command.sets]


@pytest.fixture(autouse=True)
def away_from_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory with the files that commands read, and a service that says nothing."""
    monkeypatch.chdir(tmp_path)
    Path("talks.jsonl").write_text(CONVERSATION * 300)
    for name in ("train", "test"):
        file = Path(f"tinker_cookbook/example_data/example_rubric_{name}.jsonl")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()

    def resolved(*, model_name: str, explicit_renderer_name: str | None, **_: Any) -> str:
        return explicit_renderer_name or model_info.get_recommended_renderer_name(model_name)

    async def resolved_async(**arguments: Any) -> str:
        return resolved(**arguments)

    name = "resolve_renderer_name_from_checkpoint_or_default"
    monkeypatch.setattr(checkpoint_utils, name, resolved)
    monkeypatch.setattr(checkpoint_utils, f"{name}_async", resolved_async)


def imported(module: str, arguments: str) -> Imported:
    return import_command(["python", "-m", module, *shlex.split(arguments)])


def plan_of(recipe: Imported, directory: Path) -> Plan:
    """Write a recipe, as the command does, and load it."""
    directory.mkdir(exist_ok=True)
    path = directory / "imported.yaml"
    path.write_text(recipe.text(schema="recipe.schema.json", directory=directory), "utf-8")
    for file in recipe.data_files:
        if not Path(file).is_absolute():
            assert Path(file).exists()
    loaded, _ = load_and_check(path)
    return make_plan(loaded, Served(kind="hosted", note=""))


def job_of(recipe: Imported, directory: Path) -> Job:
    plan = plan_of(recipe, directory)
    url = getattr(plan.recipe.backend, "base_url", None)
    return compile_plan(plan, Target(log_path=Path("runs/here"), base_url=url))


def fields(config: Any) -> dict[str, Any]:
    def leaves(tree: Any, prefix: str) -> dict[str, Any]:
        items = dict(enumerate(tree)) if isinstance(tree, list) else tree
        if not isinstance(items, dict) or not items:
            return {prefix: tree}
        found: dict[str, Any] = {}
        for key, value in items.items():
            found |= leaves(value, f"{prefix}.{key}" if prefix else str(key))
        return found

    return leaves(to_json_tree(Job(entry="", config=config))["config"], "")


def _absolute(leaves: dict[str, Any]) -> dict[str, Any]:
    """A recipe's paths hold from the working directory, as the original's do."""
    path = ("file_path", "jsonl_path")
    return {k: os.path.abspath(v) if k.endswith(path) and v else v for k, v in leaves.items()}


def assert_same(recipe: Imported, ours: Any, theirs: Any, allowed: set[str]) -> None:
    """Assert that each field is equal, allowed to differ, or named in the recipe's comments."""
    left, right = _absolute(fields(ours)), _absolute(fields(theirs))
    named = {lost.key for lost in recipe.lost}
    known = allowed | named | set(NAMES)
    differing = {
        key: (left.get(key, "absent"), right.get(key, "absent"))
        for key in left.keys() | right.keys()
        if left.get(key, "absent") != right.get(key, "absent")
        and not any(key == each or key.startswith(f"{each}.") for each in known)
        # None and "absent" are the same for a key of ours that no command can set.
        and not (key not in right and left[key] is None)
    }
    assert not differing, f"recipe, original: {differing}"
    assert not recipe.settled.unknown


@pytest.mark.parametrize(("module", "arguments"), SETS, ids=lambda value: value[-60:])
def test_a_command_imports_as_itself(
    module: str, arguments: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    if "/data/" in arguments:
        arguments = arguments.replace("/data", str(tmp_path))
    command = LOOPS[module]
    recipe = imported(module, arguments)
    job = job_of(recipe, tmp_path / "below")
    built: list[Any] = []

    async def note(builder: Any) -> tuple[None, None]:
        built.append(builder)
        return None, None

    monkeypatch.setattr(datasets.SciKnowEvalSDFTBuilder, "__call__", note)
    monkeypatch.setattr(datasets.ToolAlpacaSDFTBuilder, "__call__", note)
    original = original_config(monkeypatch, module, *shlex.split(arguments), loop=command.loop)
    if built:
        assert_same(recipe, job.config.sdft, original, command.differences)
        changed = {lost.key.removeprefix("dataset_builder.") for lost in recipe.lost}
        assert_same(recipe, job.config.dataset_builder, built[0], changed)
    else:
        # Files are written relative to the recipe, and read from the working directory.
        assert_same(recipe, job.config, original, command.differences)


@pytest.mark.parametrize(("game", "arguments"), GAME_SETS, ids=lambda value: value[-60:])
def test_a_game_imports_as_itself(game: str, arguments: str, tmp_path: Path) -> None:
    recipe = imported(f"{RECIPES}.multiplayer_rl.{game}.train", arguments)
    original = game_config(game, *shlex.split(arguments))
    assert_same(recipe, job_of(recipe, tmp_path).config, original, GAMES[game].differences)


@pytest.mark.parametrize("arguments", VERIFIERS, ids=lambda value: value[-60:])
def test_verifiers_import_with_the_settings_of_their_groups(
    arguments: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    module = f"{RECIPES}.verifiers_rl.train"
    recipe = imported(module, arguments)
    config = job_of(recipe, tmp_path).config
    given = chz.Blueprint(verifiers_train.CLIConfig).make_from_argv(shlex.split(arguments))
    groups = config.rollout_error_tolerance
    assert groups.group_size == given.group_size
    assert groups.max_concurrent == given.max_concurrent_generation
    assert groups.max_concurrent_scoring == given.max_concurrent_scoring

    configs: list[Any] = []

    async def capture(config: Any) -> None:
        configs.append(config)

    monkeypatch.setattr("tinker_cookbook.rl.train.main", capture)
    monkeypatch.setattr(rollouts, "do_group_rollout", rollouts.do_group_rollout)
    asyncio.run(verifiers_train.cli_main(given, None))
    allowed = {"rollout_error_tolerance", "dataset_builder.class", "dataset_builder.num_batches"}
    assert_same(recipe, config, configs[0], allowed)


def test_importing_replaces_nothing_for_good() -> None:
    before = rollouts.do_group_rollout, checkpoint_utils.get_last_checkpoint
    imported(f"{RECIPES}.verifiers_rl.train", "")
    imported(f"{RECIPES}.preference.rlhf.rlhf_pipeline", "")
    assert (rollouts.do_group_rollout, checkpoint_utils.get_last_checkpoint) == before


@pytest.mark.parametrize("arguments", ["", "learning_rate=1e-3 eval_every=3 max_steps=2"])
@pytest.mark.parametrize("module", ["sl_basic", "rl_basic"])
def test_a_blueprint_imports_as_itself(module: str, arguments: str, tmp_path: Path) -> None:
    name = f"{RECIPES}.{module}"
    recipe = imported(name, f"model_name=Qwen/Qwen3-8B {arguments}")
    make = __import__(name, fromlist=["build_config_blueprint"]).build_config_blueprint
    original = make("Qwen/Qwen3-8B").make_from_argv(
        ["model_name=Qwen/Qwen3-8B", *shlex.split(arguments)]
    )
    assert_same(recipe, job_of(recipe, tmp_path).config, original, set())


RLHF = [
    "",
    "base_model=meta-llama/Llama-3.1-8B lora_rank=8 batch_size=16 rl_group_size=8 max_steps=5",
    "sft_learning_rate=1e-3 rm_learning_rate=2e-3 rl_learning_rate=3e-3 rl_max_tokens=7",
    "wandb_project=p save_every=7 eval_every=9 num_groups_to_log=0",
]


@pytest.mark.parametrize("arguments", RLHF)
def test_rlhf_imports_as_a_pipeline(
    arguments: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    recipe = imported(f"{RECIPES}.preference.rlhf.rlhf_pipeline", arguments)
    plan = plan_of(recipe, tmp_path)
    assert tuple(plan.stages) == STAGES
    target = Target(
        log_path=Path("runs/here"),
        checkpoints={f"stage:{each}@final": paths["state_path"] for each, paths in LEFT.items()},
        samplers={f"stage:{each}@final": paths["sampler_path"] for each, paths in LEFT.items()},
    )
    for name in STAGES:
        ours = compile_plan(plan.stages[name], target).config
        with monkeypatch.context() as patch:
            theirs = rlhf_original(patch, tmp_path / name, name, *shlex.split(arguments))
        allowed = {"dataset_builder.common_config.train_on_what"} if name == "rm" else set()
        if name == "rl":
            allowed = {"dataset_builder.class", "evaluator_builders"}
        assert_same(recipe, ours, theirs, allowed)


def test_rlhf_without_its_first_stages_is_refused() -> None:
    with pytest.raises(UsageError, match="import all three stages"):
        imported(f"{RECIPES}.preference.rlhf.rlhf_pipeline", "run_sft=False")


# Commands of shipped recipes' comments, each equal to the recipe but for the listed fields.
GEM = "examples.train_tinker"
SHIPPED = {
    "sl_loop.yaml": (f"{RECIPES}.sl_loop", ""),
    "rl_loop.yaml": (f"{RECIPES}.rl_loop", ""),
    "gem_math.yaml": (
        f"{GEM}.tinker_cookbook_train",
        "env_id=math:Math12K groups_per_batch=64 group_size=16 learning_rate=2e-5 max_tokens=2048 "
        "model_name=Qwen/Qwen3-8B-Base env_kwargs_json='{\"use_mp\": false}'",
    ),
    "gem_reasoning_gym.yaml": (
        f"{GEM}.tinker_cookbook_train",
        "env_id=rg:simple_equations groups_per_batch=64 group_size=8 learning_rate=2e-5 "
        "max_tokens=2048 model_name=Qwen/Qwen3-8B-Base",
    ),
    "gem_deepscaler.yaml": (
        f"{GEM}.tinker_train",
        "model_name=Qwen/Qwen3-8B-Base env_id=math:DeepScaleR40K num_env=128 max_tokens=8192 "
        "save_every=25",
    ),
    "gem_math_python_tool.yaml": (
        f"{GEM}.tinker_train",
        "env_id=math:Math12K num_env=128 max_tokens=2048 template=no gamma=1 save_every=25 "
        "model_name=meta-llama/Llama-3.1-8B-Instruct "
        "env_wrappers=python_tool_no_int_reward_last_line_error,concat_chat",
    ),
    "gem_sudoku.yaml": (
        f"{GEM}.tinker_train",
        "model_name=Qwen/Qwen3-8B-Base num_env=64 env_id=game:Sudoku-v0-easy max_tokens=1024 "
        "template=qwen3_game env_wrappers=concat save_every=25",
    ),
}


@pytest.mark.parametrize("name", SHIPPED)
def test_the_command_in_a_shipped_recipe_imports_as_that_recipe(name: str, tmp_path: Path) -> None:
    module, arguments = SHIPPED[name]
    recipe = imported(module, arguments)
    ours = fields(job_of(recipe, tmp_path).config)
    shipped = fields(compiled(name).config)
    differing = {key for key in shipped if ours.get(key) != shipped[key]}
    assert differing - set(NAMES) == set()


def test_a_path_of_gems_script_is_recognised(tmp_path: Path) -> None:
    script = ["python", "gem/examples/train_tinker/tinker_train.py", "num_env=8"]
    alone = ["uv", "run", "python3.11", "-u", "tinker_train.py", "num_env=8"]
    assert import_command(script).settled.tree == import_command(alone).settled.tree


INSPECT = "model_path=tinker://a:train:0/sampler_weights/b model_name=Qwen/Qwen3-8B tasks={}"


@pytest.mark.parametrize("more", ["", "limit=5 temperature=0.2 num_choices=3", "log_dir=x seed=3"])
def test_inspect_imports_as_an_evaluation(more: str, tmp_path: Path) -> None:
    from tinker_cookbook.eval.run_inspect_evals import Config

    arguments = f"{INSPECT.format('inspect_evals/ifeval')} {more}"
    recipe = imported("tinker_cookbook.eval.run_inspect_evals", arguments)
    original = chz.Blueprint(Config).make_from_argv(arguments.split())
    config = job_of(recipe, tmp_path).config
    assert config.model_path == original.model_path
    allowed = {"model_path", "renderer_name", "log_dir", "tasks", "class"}
    assert_same(recipe, config.evaluator_builders[0], original, allowed)
    assert config.evaluator_builders[0].tasks == ["inspect_evals/ifeval"]


def test_every_importable_command_is_tried() -> None:
    games = {f"{RECIPES}.multiplayer_rl.{game}.train" for game in GAMES}
    others = {f"{RECIPES}.{name}" for name in ("sl_basic", "rl_basic", "verifiers_rl.train")}
    others |= {f"{RECIPES}.preference.rlhf.rlhf_pipeline", "tinker_cookbook.eval.run_inspect_evals"}
    tried = LOOPS.keys() | games | others | {module for module, _ in SHIPPED.values()}
    assert COMMANDS.keys() == tried


counts = st.integers(min_value=1, max_value=10**6)
cadences = st.integers(min_value=0, max_value=10**4)
rates = st.floats(min_value=1e-9, max_value=10)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    env=st.sampled_from(["arithmetic", "math", "gsm8k", "polaris", "deepmath"]),
    group_size=counts,
    groups_per_batch=counts,
    learning_rate=rates,
    max_tokens=st.integers(min_value=1, max_value=4096),
    temperature=st.floats(min_value=0.01, max_value=2),
    seed=st.integers(min_value=0, max_value=2**32 - 1),
    lora_rank=counts,
    eval_every=cadences,
    save_every=cadences,
    max_steps=st.none() | counts,
    loss_fn=st.sampled_from(["importance_sampling", "ppo", "cispo", "dro"]),
    max_steps_off_policy=st.none() | cadences,
    wandb_name=st.none() | st.text(min_size=1, max_size=8, alphabet="az09 :#{}'\"\\é-"),
)
def test_any_arguments_of_math_rl(tmp_path_factory: pytest.TempPathFactory, **values: Any) -> None:
    module = f"{RECIPES}.math_rl.train"
    words = [f"{key}={value}" for key, value in values.items() if value is not None]
    recipe = import_command(["python", "-m", module, *words, "wandb_project=p"])
    with pytest.MonkeyPatch.context() as patch:
        original = original_config(patch, module, *words, "wandb_project=p", loop=f"{module}:main")
    job = job_of(recipe, tmp_path_factory.mktemp("any"))
    allowed = LOOPS[module].differences
    if values["wandb_name"] is not None:
        assert job.config.wandb_name == original.wandb_name
    assert_same(recipe, job.config, original, allowed)
