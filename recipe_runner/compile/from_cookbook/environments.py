"""The Cookbook's dataset builders -> `env`, one function a class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from recipe_runner.compile.from_cookbook import games
from recipe_runner.compile.from_cookbook.draft import DataFile, Tree, class_name
from recipe_runner.compile.from_cookbook.environment import BUILDER, SEED, STEPS, Environment
from recipe_runner.compile.from_cookbook.preference import comparisons, judge
from recipe_runner.compile.from_cookbook.shared import renderer

# Keys of ours that leave the Cookbook's behaviour as it is at their defaults.
_SANDBOX = {
    f"{BUILDER}.class": "the Cookbook's, with a sandbox that is tried beforehand",
    f"{BUILDER}.sandbox": "where programs run",
    f"{BUILDER}.memory_mb": "of isolated programs",
    f"{BUILDER}.allow_unsafe": "of isolated programs",
}
_FILES = {
    f"{BUILDER}.class": "a subclass, which can also read files",
    f"{BUILDER}.questions": "none: the original's data set",
    f"{BUILDER}.documents": "none: the original's Chroma server",
}


def environment(builder: Tree) -> Environment:
    """Return what a dataset builder says.

    Raises:
        KeyError: if it is of a class that no environment of ours covers.
    """
    found = BUILDERS[builder["class"]](builder)
    # Commands give their service's address to the loop and mostly not to the environment.
    address = {f"{BUILDER}.base_url": "the recipe's `backend` holds for all models"}
    return replace(found, same=found.same | address)


def _math(builder: Tree) -> Environment:
    names = {
        "MathDatasetBuilder": "math",
        "PolarisDatasetBuilder": "polaris",
        "DeepMathDatasetBuilder": "deepmath",
        "Gsm8kDatasetBuilder": "gsm8k",
    }
    return Environment(
        env={"kind": "math", "dataset": names[class_name(builder)]},
        groups_per_batch=builder["batch_size"],
        group_size=builder["group_size"],
        seed=builder["seed"],
    )


def _arithmetic(builder: Tree) -> Environment:
    return Environment(
        env={"kind": "math", "dataset": "arithmetic"},
        groups_per_batch=builder["batch_size"],
        group_size=builder["group_size"],
        steps=builder["n_batches"],
        same={f"{BUILDER}.class": "the same sums, but from the recipe's seed"},
        changed={f"{BUILDER}.seed": "the sums come from the recipe's `seed`; the original's from "
                 "the index of the batch alone"},
    )  # fmt: skip


def _code(builder: Tree) -> Environment:
    return Environment(
        env={
            "kind": "code",
            "sandbox": builder["sandbox_backend"] or "sandboxfusion",
            "timeout_s": builder["timeout"],
            "max_turns": builder["max_turns"],
            "format_coef": builder["format_coef"],
        },
        groups_per_batch=builder["batch_size"],
        group_size=builder["group_size"],
        seed=builder["seed"],
        same={
            **_SANDBOX,
            f"{BUILDER}.dataset": "none: the original's data set",
            f"{BUILDER}.test_dataset": "none: the original's data set",
            "rollout_error_tolerance": "the model's default, which for these is the original's",
        },
    )


def _search(builder: Tree) -> Environment:
    retrieval = builder["retrieval_config"]
    return Environment(
        env={
            "kind": "search",
            "server": f"{builder['chroma_host']}:{builder['chroma_port']}",
            "collection": builder["chroma_collection_name"],
            "embedding_model": retrieval["embedding_config"]["model_name"],
            "embedding_dim": retrieval["embedding_config"]["embedding_dim"],
            "n_results": retrieval["n_results"],
            "max_turns": builder["max_turns"],
            "format_coef": builder["format_coef"],
            "max_trajectory_tokens": builder["max_trajectory_tokens"],
        },
        groups_per_batch=builder["batch_size"],
        group_size=builder["group_size"],
        seed=builder["seed"],
        same=_FILES | STEPS,
    )


def _preference(builder: Tree) -> Environment:
    patterns = {"all_pairs_both_ways": "both_ways", "all_pairs_one_way": "one_way"}
    return Environment(
        env={
            "kind": "preference",
            "data": comparisons(builder["comparison_builder"]),
            "judge": judge(builder["preference_model_builder"], builder["policy_model_name"]),
            "matches": patterns[builder["tournament_pattern"]],
        },
        groups_per_batch=builder["batch_size"],
        group_size=builder["group_size"],
        same={f"{BUILDER}.class": "asks for a group's verdicts at once, and counts ties"},
    )


def _rubric(builder: Tree) -> Environment:
    test = builder["test_datapoint_list_builder"]
    grader = builder["grader_llm_name"]
    lists = [f"{BUILDER}.{part}_datapoint_list_builder.class" for part in ("train", "test")]
    return Environment(
        env={
            "kind": "rubric",
            "data": DataFile(builder["train_datapoint_list_builder"]["jsonl_path"]),
            "test_data": DataFile(test["jsonl_path"]) if test else None,
            "test_group_size": builder["test_group_size"],
            "grader": {
                "model": grader,
                "renderer": renderer(grader, builder["grader_renderer_name"]),
            },
        },
        groups_per_batch=builder["batch_size"],
        group_size=builder["train_group_size"],
        same={
            **SEED,
            **STEPS,
            **dict.fromkeys(lists, "names the line of a mistake in the file"),
            f"{BUILDER}.class": "a subclass: an order of the recipe's seed, any grader",
            f"{BUILDER}.grader_path": "none: the base model",
            f"{BUILDER}.grader_max_tokens": "2048, which the original has in its code",
            f"{BUILDER}.grader_renderer_name": "none: the model's recommended one",
        },
    )


def _verifiers(builder: Tree) -> Environment:
    number, seed = builder["dataset_n"], builder["dataset_seed"]
    return Environment(
        env={
            "kind": "verifiers",
            "id": builder["vf_env_id"],
            "kwargs": builder["vf_env_args"],
            "examples": None if number < 0 else number,
            "shuffle": seed is not None,
        },
        groups_per_batch=builder["groups_per_batch"],
        # Not in the builder: the command's own function plays groups, and gives it to the loop.
        group_size=0,
        seed=seed or 0,
        same={
            **STEPS,
            f"{BUILDER}.class": "a subclass, which says how to install what is missing",
            "rollout_error_tolerance": "plays the groups, where the original replaces a function",
        },
    )


def _gem(builder: Tree) -> Environment:
    return Environment(
        env={
            "kind": "gem",
            "id": builder["env_id"],
            "kwargs": builder["kwargs"],
            "prompt": {"general": "boxed", "no": "none"}[builder["prompt"]],
        },
        groups_per_batch=builder["groups_per_batch"],
        group_size=builder["group_size"],
        steps=builder["num_batches"],
        same={
            f"{BUILDER}.class": "ours",
            f"{BUILDER}.prompt": "the same words by another name",
            f"{BUILDER}.wrappers": "none, as in the original",
            f"{BUILDER}.eval_size": "no evaluation, as in the original",
            f"{BUILDER}.allow_unsafe": "no tool, as in the original",
            f"{BUILDER}.max_turns": "the game's own",
            f"{BUILDER}.dataset": "none: the hub's",
            f"{BUILDER}.max_prompt_tokens": "what the model's context leaves",
        },
        changed={
            f"{BUILDER}.seed": "problems come from the recipe's `seed`: no two of a run are alike "
            "and a resumed run goes on with the next; the original takes the clock's, and shows "
            "almost the same problems in every batch",
        },
    )


_RECIPES = "tinker_cookbook.recipes"
GEM_BUILDER = "examples.train_tinker.tinker_cookbook_adapter:GemDatasetBuilder"
BUILDERS: dict[str, Callable[[Tree], Environment]] = {
    f"{_RECIPES}.math_rl.math_env:MathDatasetBuilder": _math,
    f"{_RECIPES}.math_rl.math_env:PolarisDatasetBuilder": _math,
    f"{_RECIPES}.math_rl.math_env:DeepMathDatasetBuilder": _math,
    f"{_RECIPES}.math_rl.math_env:Gsm8kDatasetBuilder": _math,
    f"{_RECIPES}.math_rl.arithmetic_env:ArithmeticDatasetBuilder": _arithmetic,
    f"{_RECIPES}.code_rl.code_env:DeepcoderDatasetBuilder": _code,
    f"{_RECIPES}.search_tool.search_env:SearchR1DatasetBuilder": _search,
    f"{_RECIPES}.multiplayer_rl.guess_number.env:GuessNumberDatasetBuilder": games.guess_number,
    f"{_RECIPES}.multiplayer_rl.twenty_questions.env:TwentyQuestionsDatasetBuilder": (
        games.twenty_questions
    ),
    f"{_RECIPES}.multiplayer_rl.text_arena.env:TwoPlayerTextArenaDatasetBuilder": games.text_arena,
    "tinker_cookbook.rl.preference_envs:PairwisePreferenceRLDatasetBuilder": _preference,
    f"{_RECIPES}.rubric.env:RubricGradedDatasetBuilder": _rubric,
    f"{_RECIPES}.verifiers_rl.verifiers_env:VerifiersRLDatasetBuilder": _verifiers,
    GEM_BUILDER: _gem,
}
