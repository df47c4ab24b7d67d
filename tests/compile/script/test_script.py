"""`export --to python`: scripts that make the same configuration without this project."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import chz
import pytest
from tinker_cookbook.rl.types import RLDatasetBuilder
from tinker_cookbook.supervised.types import SupervisedDatasetBuilder

from recipe_runner.compile import Job, Target, compile_plan
from recipe_runner.compile.data.supervised import CustomConversationsBuilder
from recipe_runner.compile.export import to_json_tree
from recipe_runner.compile.from_cookbook.compare import leaves
from recipe_runner.compile.script import script
from recipe_runner.envs.custom import CustomDatasetBuilder
from recipe_runner.errors import UsageError
from recipe_runner.language import load, variant_names
from recipe_runner.planning.plan import Plan, Served
from recipe_runner.planning.resolve import make_plan
from recipe_runner.user_code import search_path
from recipe_runner.user_code.call import call_function, call_object
from tests.compile.originals.originals import ROOT

RUFF = str(Path(sys.executable).with_name("ruff"))
RECIPES = ROOT / "recipes"
BUILD = Path(__file__).with_name("build_configs.py")
BUILDER = "dataset_builder"
GAMES = {f"{BUILDER}.class", f"{BUILDER}.seed", f"{BUILDER}.num_batches", f"{BUILDER}.test_games"}

# Recipe -> fields that are ours, in a class of ours that the Cookbook's takes the place of.
EXPORTED: dict[str, set[str]] = {
    "async_rl": set(),
    "chat_sl": set(),
    "dpo": {"reference_checkpoint_path"},
    "guess_number": GAMES,
    "math_rl": {f"{BUILDER}.class", f"{BUILDER}.seed"},
    "multi_teacher": set(),
    "off_policy_distillation": set(),
    "off_policy_reasoning": set(),
    "on_policy_distillation": set(),
    "research/rl_memory": {"evaluator_builders"},
    "rl_basic": set(),
    "rl_loop": set(),
    "sdft": set(),
    "shorter": {f"{BUILDER}.class"},
    "sl_basic": set(),
    "sl_loop": set(),
    "text_arena": GAMES,
    "twenty_questions": {
        *GAMES,
        f"{BUILDER}.num_epochs",
        f"{BUILDER}.answerer_path",
        f"{BUILDER}.answerer_renderer_name",
    },
}
# With these, the others are exported too.
WITH: dict[str, tuple[tuple[str, ...], set[str]]] = {
    "code_rl": (
        ("env.sandbox=modal",),
        {f"{BUILDER}.{key}" for key in ("class", "sandbox", "memory_mb", "allow_unsafe")}
        | {f"{BUILDER}.dataset", f"{BUILDER}.test_dataset"},
    ),
    "rubric": (
        ("steps=null",),
        GAMES
        | {f"{BUILDER}.{part}_datapoint_list_builder.class" for part in ("train", "test")}
        | {f"{BUILDER}.grader_path", f"{BUILDER}.grader_max_tokens"},
    ),
    "sft_conversations": (("model.name=Qwen/Qwen3-8B", "backend=tinker"), set()),
    "eval_of_training": (
        ("eval={every: 2, evaluators: [{kind: inspect, tasks: [inspect_evals/gsm8k]}]}",),
        {"evaluator_builders.0.class"},
    ),
}
SEARCH = {f"{BUILDER}.{key}" for key in ("class", "questions", "documents", "num_batches")}


def planned(name: str, *overrides: str, variant: str | None = None) -> tuple[Plan, str]:
    file = RECIPES / f"{'rl_basic' if name == 'eval_of_training' else name}.yaml"
    loaded = load(file, overrides=overrides, variant=variant)
    return make_plan(loaded, Served(kind="hosted", note="")), loaded.text


def cases() -> dict[str, tuple[Plan, str, set[str]]]:
    """Return each recipe that is exported, with its variants."""
    found: dict[str, tuple[Plan, str, set[str]]] = {}
    for name, allowed in EXPORTED.items():
        for variant in [None, *variant_names(RECIPES / f"{name}.yaml")]:
            key = f"{name.replace('/', '_')}_{variant or ''}".replace("-", "_")
            found[key] = (*planned(name, variant=variant), allowed)
    for name, (overrides, allowed) in WITH.items():
        found[name] = (*planned(name, *overrides), allowed)
    found["search"] = (*planned("search_tool", variant="wikipedia"), SEARCH)
    return found


def job_of(plan: Plan) -> Job:
    return compile_plan(plan, Target(log_path=Path("runs/here")))


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """Every exportable recipe, and the directory with its script."""
    directory = tmp_path_factory.mktemp("scripts")
    found = cases()
    for key, (plan, written, _) in found.items():
        with search_path(plan.source):
            text = script(plan, job_of(plan), written=written)
        (directory / f"{key}.py").write_text(text, "utf-8")
    return found, directory


def test_scripts_make_the_same_configurations_without_this_project(
    exported: tuple[dict[str, Any], Path],
) -> None:
    found, directory = exported
    done = subprocess.run(
        [sys.executable, "-I", str(BUILD), str(directory), str(RECIPES / "research")],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    built = json.loads(done.stdout.rpartition("BUILT ")[2])
    assert built.keys() == found.keys()
    for key, (plan, _, allowed) in found.items():
        with search_path(plan.source):
            ours = _ours(plan)
        theirs = leaves(_plain(built[key]))
        differing = {
            field: (ours.get(field, "absent"), theirs.get(field, "absent"))
            for field in ours.keys() | theirs.keys()
            if ours.get(field, "absent") != theirs.get(field, "absent")
            and not any(field == each or field.startswith(f"{each}.") for each in allowed)
        }
        assert not differing, f"{key}: recipe, script: {differing}"


def _ours(plan: Plan) -> dict[str, Any]:
    job = job_of(plan)
    tree = to_json_tree(job)["config"]
    made = _users_own(getattr(job.config, "dataset_builder", None))
    if made is not None:
        tree["dataset_builder"] = to_json_tree(Job(entry="", config=Holder(of=made)))["config"][
            "of"
        ]
    return leaves(json.loads(json.dumps(tree)))


def _users_own(builder: Any) -> Any:
    """Return what the user's code makes where a builder of ours calls it; None for others."""
    if isinstance(builder, CustomDatasetBuilder):
        given = builder.reference, builder.kwargs, builder.offered
        return asyncio.run(call_object(*given, expected=RLDatasetBuilder))
    if isinstance(builder, CustomConversationsBuilder):
        common = builder.common_config
        offered = {name: getattr(common, name) for name in chz.chz_fields(common)}
        offered |= {"common_config": common, "seed": builder.seed}
        given = builder.reference, builder.kwargs, offered
        return call_function(*given, expected=SupervisedDatasetBuilder)
    return None


@chz.chz
class Holder:
    """Holds one object, so that it is written with its class."""

    of: Any


def _plain(built: dict[str, Any]) -> dict[str, Any]:
    config = {key: value for key, value in built["config"].items() if key != "class"}
    if "data" in built:
        loop = {"class": built["config"]["class"], **config}
        return {"sdft": loop, "dataset_builder": built["data"]}
    return config


def test_scripts_are_formatted(exported: tuple[dict[str, Any], Path]) -> None:
    done = subprocess.run(
        [RUFF, "format", "--isolated", "--check", str(exported[1])],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    done = subprocess.run(
        [RUFF, "check", "--isolated", "--select", "E4,E7,E9,F,I,UP", str(exported[1])],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout


def test_scripts_name_their_plan_and_no_place_of_this_machine(
    exported: tuple[dict[str, Any], Path],
) -> None:
    found, directory = exported
    for key, (plan, _, _) in found.items():
        text = (directory / f"{key}.py").read_text("utf-8")
        assert plan.hash[:16] in text
        assert str(ROOT) not in text
        assert "recipe_runner" not in text


REFUSED: dict[str, tuple[str, ...]] = {
    "code_rl": ("env.sandbox", "--set env.sandbox=sandboxfusion"),
    "gem_math": ("env.kind: gem",),
    "gem_sudoku": ("recipe_runner.loops.reinforce", "env.kind: gem"),
    "eval_benchmarks": ("recipe_runner.loops.evaluate",),
    "rubric": ("steps: 40 steps take 4,000 conversations", "--set steps=null"),
    "search_tool": ("env.dataset",),
    "verifiers": ("verifiers_rl.train",),
    "research/constitutional_ai": ("prompted", "win rate"),
    "quickstart": ("recipe-run/tiny",),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_needs_recipe_run_is_refused_with_the_reason(name: str) -> None:
    plan, written = planned(name)
    with pytest.raises(UsageError) as error:
        script(plan, job_of(plan), written=written)
    for part in REFUSED[name]:
        assert part in str(error.value)


def test_a_loss_that_the_cookbook_cannot_feed_is_refused() -> None:
    plan, written = planned("rl_basic", "loss=gspo")
    with pytest.raises(UsageError, match="gspo"):
        script(plan, job_of(plan), written=written)


def test_another_reference_is_refused() -> None:
    plan, written = planned("dpo", "reference={model: Qwen/Qwen3-8B}")
    with pytest.raises(UsageError, match="reference"):
        script(plan, job_of(plan), written=written)


@pytest.mark.parametrize(
    ("overrides", "note"),
    [
        (["budget={usd: 5}"], "the budget is not held"),
        (["logging.trackio={project: p}"], "Trackio"),
        (["logging.wandb={project: p, mode: offline}"], "WANDB_MODE=offline"),
        (["backend=local"], "TINKER_BASE_URL"),
    ],
)
def test_what_a_script_does_not_do_is_said_in_it(overrides: list[str], note: str) -> None:
    plan, written = planned("rl_basic", *overrides)
    assert note in script(plan, job_of(plan), written=written)
