"""A recipe's evaluators -> builders of the Cookbook's evaluators."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from recipe_runner.catalog import models
from recipe_runner.catalog.evaluations import benchmark_facts
from recipe_runner.compile.job import Target
from recipe_runner.errors import UsageError
from recipe_runner.planning.plan import Plan
from recipe_runner.planning.resolve import renderer_of
from schemas.common import ModelKeys, TrainingKeys
from schemas.evaluators import BenchmarkEvaluator, CustomEvaluator, Evaluator, InspectEvaluator
from schemas.model import AskedModel

if TYPE_CHECKING:
    from tinker_cookbook.eval.evaluators import EvaluatorBuilder

    from recipe_runner.loops.evaluators.benchmarks import Judge

# Inspect's logs, below the run's directory.
INSPECT_LOGS = "inspect"


def evaluator_builders(plan: Plan, recipe: TrainingKeys, target: Target) -> list[EvaluatorBuilder]:
    """Return the builders of `eval.evaluators`, as the Cookbook's training configs take them."""
    if recipe.eval is None:
        return []
    return [evaluator_builder(plan, each, target) for each in recipe.eval.evaluators]


def evaluator_builder(
    plan: Plan, evaluator: Evaluator, target: Target, *, save_dir: Path | None = None
) -> EvaluatorBuilder:
    """Return the builder of one evaluator.

    Args:
        save_dir: takes a benchmark's replies; during training they are not kept.
    """
    if isinstance(evaluator, InspectEvaluator):
        return _inspect(plan, evaluator, target)
    if isinstance(evaluator, BenchmarkEvaluator):
        return _benchmark(plan, evaluator, target, save_dir)
    assert isinstance(evaluator, CustomEvaluator)
    from recipe_runner.loops.evaluators.custom import CustomBuilder

    return CustomBuilder(builder=evaluator.builder, kwargs=evaluator.kwargs)


def _inspect(plan: Plan, evaluator: InspectEvaluator, target: Target) -> EvaluatorBuilder:
    try:
        from recipe_runner.loops.evaluators.inspect_tasks import InspectBuilder
    except ImportError as error:
        raise UsageError(
            f"the recipe evaluates with Inspect AI, which is not installed ({error.name} is "
            "missing): pip install 'recipe-run[eval]'"
        ) from error
    place = "" if evaluator.file is None else f"{Path(evaluator.file).resolve()}@"
    return InspectBuilder(
        tasks=[f"{place}{task}" for task in evaluator.tasks],
        model_name=_model(plan),
        renderer_name=plan.renderer,
        limit=evaluator.limit,
        max_tokens=evaluator.max_tokens,
        temperature=evaluator.temperature,
        top_p=evaluator.top_p,
        top_k=evaluator.top_k,
        num_choices=evaluator.choices,
        include_reasoning=evaluator.include_reasoning,
        seed=evaluator.seed,
        max_connections=evaluator.max_connections,
        log_dir=str(target.log_path / INSPECT_LOGS),
    )


def _benchmark(
    plan: Plan, evaluator: BenchmarkEvaluator, target: Target, save_dir: Path | None
) -> EvaluatorBuilder:
    from recipe_runner.loops.evaluators.benchmarks import BenchmarkBuilder

    assert plan.renderer is not None, "every recipe with a model has a renderer"
    facts = models.find(_model(plan))
    recommended = benchmark_facts(evaluator.name).timeout_s
    return BenchmarkBuilder(
        benchmark=evaluator.name,
        model_name=_model(plan),
        renderer_name=plan.renderer,
        max_examples=evaluator.max_examples,
        num_samples=evaluator.samples_per_example,
        max_tokens=evaluator.max_tokens,
        temperature=evaluator.temperature,
        timeout_seconds=float(evaluator.timeout_s or recommended),
        system_prompt=evaluator.system_prompt,
        context_window=facts.context if facts else None,
        judge=None if evaluator.judge is None else _judge(evaluator.judge, target),
        save_dir=None if save_dir is None else str(save_dir),
    )


def _judge(judge: AskedModel, target: Target) -> Judge:
    from recipe_runner.loops.evaluators.benchmarks import Judge

    return Judge(
        model_name=judge.model,
        renderer_name=renderer_of(judge.model, judge.renderer),
        model_path=target.sampler(judge.load_from),
        base_url=target.base_url,
    )


def _model(plan: Plan) -> str:
    assert isinstance(plan.recipe, ModelKeys)
    return plan.recipe.model.name
