"""What takes the place of each class of ours in a script, by `module:Name`.

A function returns the Cookbook's call and what is then different, or raises `Refused`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import chz

from recipe_runner.compile.script.calls import Call, call_of, reference
from recipe_runner.envs.passes import num_problems
from recipe_runner.user_code import load_object
from recipe_runner.user_code.call import arguments_of

Replaced = tuple[Call, list[str]]

_RECIPES = "tinker_cookbook.recipes"
_ENVS = "recipe_runner.envs"
GRADER_TOKENS = 2048  # in the code of the Cookbook's grader


class Refused(Exception):
    """Nothing of the Cookbook's does the same; the message has the reason and what to do."""


def _as(thing: Any, function: str, *dropped: str, **changes: Any) -> Call:
    """Return the call of another class with an object's fields."""
    arguments = {k: v for k, v in call_of(thing).arguments.items() if k not in dropped}
    return Call(function, arguments | changes)


def _arithmetic(builder: Any) -> Replaced:
    note = "the sums come from the index of the batch alone, not from the recipe's seed"
    call = _as(builder, f"{_RECIPES}.math_rl.arithmetic_env:ArithmeticDatasetBuilder", "seed")
    return call, [note]


def _code(builder: Any) -> Replaced:
    if builder.sandbox == "isolated":
        raise Refused(
            "env.sandbox: isolated programs run with recipe-run alone; export with "
            "--set env.sandbox=sandboxfusion, or modal"
        )
    if builder.dataset is not None:
        raise Refused("env.dataset: the Cookbook reads the hub's data set alone")
    function = f"{_RECIPES}.code_rl.code_env:DeepcoderDatasetBuilder"
    ours = ("sandbox", "dataset", "test_dataset", "memory_mb", "allow_unsafe")
    return _as(builder, function, *ours), []


def _search(builder: Any) -> Replaced:
    for key, value in (("dataset", builder.questions), ("documents", builder.documents)):
        if value is not None:
            raise Refused(f"env.{key}: the Cookbook searches its Chroma server alone")
    function = f"{_RECIPES}.search_tool.search_env:SearchR1DatasetBuilder"
    once = "the questions are gone through once"
    notes = [] if builder.num_batches is None else [once]
    return _as(builder, function, "questions", "documents", "num_batches"), notes


def _guess_number(builder: Any) -> Replaced:
    function = f"{_RECIPES}.multiplayer_rl.guess_number.env:GuessNumberDatasetBuilder"
    call = _as(builder, function, "seed", "num_batches", "test_games")
    return _same_games(builder, call, "_get_train_and_test_numbers"), []


def _twenty_questions(builder: Any) -> Replaced:
    if builder.answerer_path is not None or builder.answerer_renderer_name is not None:
        raise Refused("env.answerer: the Cookbook's is a base model with its own renderer")
    function = f"{_RECIPES}.multiplayer_rl.twenty_questions.env:TwentyQuestionsDatasetBuilder"
    once = len(chz.replace(builder, num_batches=None)._get_train_and_test_words()[0])
    passes = max(-(-num_problems(builder.num_batches, builder.batch_size) // once), 1)
    ours = ("seed", "num_batches", "test_games", "answerer_path", "answerer_renderer_name")
    call = _as(builder, function, *ours, **({"num_epochs": passes} if passes > 1 else {}))
    return _same_games(builder, call, "_get_train_and_test_words"), []


def _same_games(builder: Any, call: Call, games: str) -> Call:
    """Return the call if it makes a builder of the same games."""
    theirs = load_object(call.function)(**call.arguments)
    if getattr(theirs, games)() != getattr(builder, games)():
        raise Refused(
            "env: the Cookbook plays its own games once, in its own order; export with --set "
            "seed=0, without `test_games`, and with fewer steps"
        )
    return call


def _text_arena(builder: Any) -> Replaced:
    function = f"{_RECIPES}.multiplayer_rl.text_arena.env:TwoPlayerTextArenaDatasetBuilder"
    note = "games start from wherever Python's random state is, not from the recipe's seed"
    return _as(builder, function, "seed"), [note]


def _judged(builder: Any) -> Replaced:
    function = "tinker_cookbook.rl.preference_envs:PairwisePreferenceRLDatasetBuilder"
    note = "comparisons are asked for one after the other, and their ties are not counted"
    return _as(builder, function), [note]


def _rubric(builder: Any) -> Replaced:
    if builder.grader_path is not None or builder.grader_max_tokens != GRADER_TOKENS:
        raise Refused(f"env.grader: the Cookbook's is a base model, and has {GRADER_TOKENS} tokens")
    if builder.seed:
        raise Refused("seed: the Cookbook takes the file in its order; export with --set seed=0")
    wanted = num_problems(builder.num_batches, builder.batch_size)
    given = len(builder.train_datapoint_list_builder())
    if builder.num_batches is not None and wanted > given:
        raise Refused(
            f"steps: {builder.num_batches} steps take {wanted:,} conversations, and the Cookbook "
            f"goes through the {given:,} of the file once; export with --set steps=null"
        )
    ours = ("seed", "num_batches", "grader_path", "grader_max_tokens")
    return _as(builder, f"{_RECIPES}.rubric.env:RubricGradedDatasetBuilder", *ours), []


def _rubric_file(builder: Any) -> Replaced:
    return _as(builder, f"{_RECIPES}.rubric.data:RubricDatapointListBuilderFromJsonl"), []


def _inspect(builder: Any) -> Replaced:
    function = "tinker_cookbook.eval.inspect_evaluators:InspectEvaluatorBuilder"
    return _as(builder, function), ["the metrics of Inspect have no `eval/` before their names"]


REPLACEMENTS: dict[str, Callable[[Any], Replaced]] = {
    f"{_ENVS}.math:SeededArithmeticDatasetBuilder": _arithmetic,
    f"{_ENVS}.code:CodeDatasetBuilder": _code,
    f"{_ENVS}.search.dataset:SearchDatasetBuilder": _search,
    f"{_ENVS}.multiplayer.guess_number:SeededGuessNumberBuilder": _guess_number,
    f"{_ENVS}.multiplayer.twenty_questions:SeededTwentyQuestionsBuilder": _twenty_questions,
    f"{_ENVS}.multiplayer.text_arena:SeededTextArenaBuilder": _text_arena,
    f"{_ENVS}.preference.dataset:JudgedDatasetBuilder": _judged,
    f"{_ENVS}.rubric:SeededRubricBuilder": _rubric,
    f"{_ENVS}.rubric:RubricFile": _rubric_file,
    "recipe_runner.loops.evaluators.inspect_tasks:InspectBuilder": _inspect,
}


# Package or class of ours that nothing takes the place of -> what it is to a reader of the recipe.
OWN = {
    f"{_ENVS}.gem": "env.kind: gem: playing GEM's environments in the Cookbook's loop",
    f"{_ENVS}.verifiers": "env.kind: verifiers: the Cookbook's own command replaces a function of "
    "its loop (python -m tinker_cookbook.recipes.verifiers_rl.train); playing the groups otherwise",
    f"{_ENVS}.preference.prompted": "env.judge.kind: prompted: a judge with principles",
    f"{_ENVS}.preference.evaluation": "env.eval_size: the win rate",
    f"{_ENVS}.preference.comparisons": "data: reading comparisons and prompts from your files",
    f"{_ENVS}.preference.judges": "env.judge: an untrained model in a judge's place",
    "recipe_runner.compile.data.prompt_sets": "data: prompts of your own",
    "recipe_runner.compile.data.mixture": "data.kind: mixture",
    "recipe_runner.loops.evaluators": "the evaluators of benchmarks",
    "recipe_runner.loops.teacher_kl": "data.test_size: the distance to the teacher",
}


def of_ours(thing: Any) -> Replaced:
    """Return what takes the place of an object of ours.

    Raises:
        Refused: if nothing does.
    """
    name = reference(type(thing))
    if name in REPLACEMENTS:
        return REPLACEMENTS[name](thing)
    what = next((text for prefix, text in OWN.items() if name.startswith(prefix)), name)
    raise Refused(f"{what} (recipe-run's own)")


def of_reference(config: Any) -> list[str]:
    """Return why DPO's reference is not the Cookbook's: the weights that training starts from."""
    start = config.load_checkpoint_path
    own = None if start is None else start.replace("/weights/", "/sampler_weights/")
    if config.reference_model_name is None and config.reference_checkpoint_path in (None, own):
        return []
    return ["reference: the Cookbook's is always the weights that training starts from"]


def custom_environment(builder: Any) -> Call:
    """Return the call that the user's environment is made by."""
    return _users(builder.reference, builder.kwargs, builder.offered)


def custom_conversations(builder: Any) -> Call:
    """Return the call that the user's data set builder is made by."""
    common = builder.common_config
    offered = {name: getattr(common, name) for name in chz.chz_fields(common)}
    offered |= {"common_config": common, "seed": builder.seed}
    return _users(builder.reference, builder.kwargs, offered)


def custom_judge(builder: Any) -> Call:
    """Return the user's callable with its arguments, to be called when the run starts."""
    return Call(builder.builder, dict(builder.kwargs), later=True)


def custom_evaluator(builder: Any) -> Call:
    """Return the user's callable with its arguments, to be called when the run starts."""
    return Call(builder.builder, dict(builder.kwargs), later=True)


def _users(reference: str, kwargs: dict[str, Any], offered: dict[str, Any]) -> Call:
    function = load_object(reference)
    if inspect.iscoroutinefunction(function):
        raise Refused(f"{reference} is a coroutine function, which a configuration cannot await")
    if not callable(function):
        raise Refused(f"{reference} is no function or class")
    return Call(reference, arguments_of(reference, function, kwargs, offered))
