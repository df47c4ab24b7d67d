"""`method: sdft` -> the Cookbook's `sdft.Config`, inside that of `loops.sdft`."""

from __future__ import annotations

import re
from typing import Any

import chz
from tinker_cookbook.distillation import sdft
from tinker_cookbook.recipes.sdft.datasets import SciKnowEvalSDFTBuilder, ToolAlpacaSDFTBuilder

from recipe_runner.compile.data.prompt_sets import DemonstrationsBuilder
from recipe_runner.compile.data.prompts import ChosenPrompts, prompt_source
from recipe_runner.compile.evaluators import evaluator_builders
from recipe_runner.compile.job import Target
from recipe_runner.compile.shared import shared_fields
from recipe_runner.loops.sdft import Config
from recipe_runner.planning.plan import Plan
from schemas.data import COOKBOOK_DEMONSTRATIONS, HuggingFaceData
from schemas.sdft import SdftRecipe

ENTRY = "recipe_runner.loops.sdft:main"

# Fields of the Cookbook's config that recipes do not expose, and why.
UNEXPOSED = {
    "span_chart_every": "needs plotly; the spans are in timing_spans.jsonl all the same",
}


def config(plan: Plan, target: Target) -> Config:
    """Compile an `sdft` plan."""
    recipe = plan.recipe
    assert isinstance(recipe, SdftRecipe)
    return Config(
        sdft=sdft.Config(
            **_shared(plan, target),
            max_tokens=recipe.rollout.max_tokens,
            temperature=recipe.rollout.temperature,
            # The Cookbook's default is the loss of `topk` above 0 alone.
            loss_fn="cross_entropy" if recipe.top_k > 0 else "importance_sampling",
            topk=recipe.top_k,
            reverse=recipe.reverse,
            demo_template=_demo_template(recipe.teacher_prompt),
            system_prompt=recipe.system_prompt,
            teacher_sync_every=recipe.teacher_sync_every,
            max_context_length=recipe.max_length,
            num_substeps=recipe.substeps,
            evaluator_builders=evaluator_builders(plan, recipe, target),
            eval_every=recipe.eval.every if recipe.eval else 0,
        ),
        dataset_builder=_dataset_builder(plan, recipe),
    )


def _shared(plan: Plan, target: Target) -> dict[str, Any]:
    """Leave out what the loop has no setting for; check() refuses keys that would need one."""
    fields = chz.chz_fields(sdft.Config)
    return {name: value for name, value in shared_fields(plan, target).items() if name in fields}


def _demo_template(teacher_prompt: str | None) -> str:
    """Return the template in the Cookbook's form, which `str.format` fills in."""
    if teacher_prompt is None:
        return sdft.DEFAULT_DEMO_TEMPLATE
    text = teacher_prompt.replace("{", "{{").replace("}", "}}")
    for name, field in (("question", "question"), ("answer", "golden_answer")):
        text = re.sub(r"\{\{\{\{\s*" + name + r"\s*\}\}\}\}", "{" + field + "}", text)
    return text


def _dataset_builder(plan: Plan, recipe: SdftRecipe) -> Any:
    data, groups = recipe.data, recipe.rollout.groups_per_batch
    common: dict[str, Any] = {
        "groups_per_batch": groups,
        "group_size": recipe.rollout.group_size,
        "model_name_for_tokenizer": recipe.model.name,
        "renderer_name": plan.renderer,
    }
    if isinstance(data, HuggingFaceData) and data.dataset in COOKBOOK_DEMONSTRATIONS:
        if data.dataset == "toolalpaca":
            return ToolAlpacaSDFTBuilder(**common)
        domain = {} if data.config is None else {"domain": data.config}
        return SciKnowEvalSDFTBuilder(**common, **domain)
    prompts = ChosenPrompts(
        source=prompt_source(data),
        test_size=getattr(data, "test_size", 0),
        seed=recipe.seed,
        num_prompts=None if recipe.steps is None else recipe.steps * groups,
    )
    return DemonstrationsBuilder(prompts=prompts, **common)
