"""Evaluators, against the shipped facts on benchmarks and Inspect's tasks; and `method: eval`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Sequence

from recipe_runner.catalog import evaluations, models
from recipe_runner.language import Diagnostic, LoadedRecipe
from recipe_runner.planning.checks.effects import no_effect
from schemas.evaluate import EvalRecipe
from schemas.evaluators import BenchmarkEvaluator, Evaluator, InspectEvaluator

# Keys that a recipe with a model has and that an evaluation alone reads nothing of.
_WITHOUT_EFFECT = {
    ("model", "lora_rank"): "an evaluation trains nothing",
    ("logging", "trace"): "an evaluation writes no trace",
    ("logging", "rollouts"): "an evaluation writes no rollouts",
}

# Inspect would take any other text for a directory, and import every Python file in it.
_TASK = re.compile(r"\w[\w.-]*(/\w[\w.-]*)*")


def check_eval(loaded: LoadedRecipe) -> Iterator[Diagnostic]:
    """Yield what is wrong across the fields of an `eval` recipe."""
    recipe = loaded.recipe
    assert isinstance(recipe, EvalRecipe)
    yield from check_evaluators(loaded, recipe.evaluators, "evaluators")
    for (section, key), reason in _WITHOUT_EFFECT.items():
        if key in getattr(recipe, section).model_fields_set:
            yield no_effect(loaded, f"{section}.{key}", reason, "remove it")


def check_evaluators(
    loaded: LoadedRecipe, evaluators: Sequence[Evaluator], path: str
) -> Iterator[Diagnostic]:
    """Yield what is wrong with a list of evaluators; `path` is where it stands."""
    for index, evaluator in enumerate(evaluators):
        place = f"{path}.{index}"
        if isinstance(evaluator, BenchmarkEvaluator):
            yield from _check_benchmark(loaded, evaluator, place)
        elif isinstance(evaluator, InspectEvaluator):
            yield from _check_inspect(loaded, evaluator, place)


def check_distinct(
    loaded: LoadedRecipe, evaluators: Sequence[Evaluator], path: str
) -> Iterator[Diagnostic]:
    """Yield the evaluators whose metrics would take those of another in a step's row."""
    seen: dict[str, int] = {}
    for index, evaluator in enumerate(evaluators):
        for key, name in _metric_sources(evaluator):
            if name in seen:
                yield loaded.diagnostic(
                    f"{path}.{index}.{key}",
                    "value",
                    f"{name} is measured by evaluator {seen[name]} already, and the metrics of "
                    "both have the same names",
                    hint="keep one during training; an `eval` recipe takes both",
                )
            seen[name] = index


def _metric_sources(evaluator: Evaluator) -> list[tuple[str, str]]:
    if isinstance(evaluator, InspectEvaluator):
        return [(f"tasks.{i}", task) for i, task in enumerate(evaluator.tasks)]
    if isinstance(evaluator, BenchmarkEvaluator):
        return [("name", evaluator.name)]
    return [("builder", evaluator.builder)]


def _check_benchmark(
    loaded: LoadedRecipe, evaluator: BenchmarkEvaluator, place: str
) -> Iterator[Diagnostic]:
    known = evaluations.benchmarks()
    facts = known.get(evaluator.name)
    if facts is None:
        near = difflib.get_close_matches(evaluator.name, known, n=3)
        yield loaded.diagnostic(
            f"{place}.name",
            "unknown-benchmark",
            f"the Cookbook has no benchmark {evaluator.name!r}",
            hint=f"did you mean {' or '.join(near)}?" if near else f"one of {', '.join(known)}",
        )
        return
    if facts.judge and evaluator.judge is None:
        yield loaded.diagnostic(
            f"{place}.name",
            "missing-key",
            f"{evaluator.name} is graded by a model, so the evaluator has to say `judge`",
            hint="write `judge: {model: Qwen/Qwen3-32B}`, say",
        )
    if evaluator.judge is not None:
        yield from _check_judge(loaded, evaluator, place, graded=facts.judge)


def _check_judge(
    loaded: LoadedRecipe, evaluator: BenchmarkEvaluator, place: str, *, graded: bool
) -> Iterator[Diagnostic]:
    judge = evaluator.judge
    assert judge is not None
    if not graded:
        reason = f"{evaluator.name} is graded by a program"
        yield no_effect(loaded, f"{place}.judge", reason, "remove it")
    elif judge.renderer == "auto" and models.find(judge.model) is None:
        near = models.near_names(judge.model)
        yield loaded.diagnostic(
            f"{place}.judge.model",
            "unknown-model",
            f"{judge.model} is not in the catalog, so no renderer can be chosen for it",
            hint=f"did you mean {' or '.join(near)}?" if near else "write `renderer: NAME`",
        )


def _check_inspect(
    loaded: LoadedRecipe, evaluator: InspectEvaluator, place: str
) -> Iterator[Diagnostic]:
    for index, task in enumerate(evaluator.tasks):
        file, at, name = task.partition("@")
        if file.endswith(".py"):
            wanted = f"`file: {file}`" + (f" and `tasks: [{name}]`" if at else " and its tasks")
            yield loaded.diagnostic(
                f"{place}.tasks.{index}", "value", f"{task!r} names a file", hint=f"write {wanted}"
            )
        elif not _TASK.fullmatch(task):
            yield loaded.diagnostic(
                f"{place}.tasks.{index}",
                "value",
                f"{task!r} is no name of a task",
                hint="PACKAGE/TASK; of a directory, write `file: FILE.py` and the names in it",
            )
        elif evaluator.file is None:
            yield from _check_task(loaded, task, f"{place}.tasks.{index}")


def _check_task(loaded: LoadedRecipe, task: str, place: str) -> Iterator[Diagnostic]:
    """Check a name of inspect_evals, or one without a package; other packages are not known."""
    package, slash, name = task.rpartition("/")
    known = evaluations.inspect_tasks()
    if (slash and package != evaluations.INSPECT_EVALS) or (slash and name in known):
        return
    near = [name] if name in known else difflib.get_close_matches(name, known, n=3)
    suggestions = [f"{evaluations.INSPECT_EVALS}/{each}" for each in near]
    yield loaded.diagnostic(
        place,
        "unknown-task",
        f"inspect_evals has no task {name!r}" if slash else f"{task!r} does not name a package",
        hint=f"did you mean {' or '.join(suggestions)}?" if near else "write PACKAGE/TASK",
    )
