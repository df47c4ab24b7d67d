"""`method: distill` -> `Config` of `train_on_policy` or `train_off_policy`, by `mode`."""

from __future__ import annotations

from typing import Any

import chz
from tinker_cookbook.distillation import train_off_policy, train_on_policy
from tinker_cookbook.distillation.datasets import (
    DistillationDatasetConfig,
    PromptOnlyDatasetBuilder,
    TeacherConfig,
)
from tinker_cookbook.distillation.train_off_policy import DatasetWithTeacher
from tinker_cookbook.renderers import TrainOnWhat
from tinker_cookbook.rl.types import RLDatasetBuilder
from tinker_cookbook.supervised.types import ChatDatasetBuilderCommonConfig

from recipe_runner.compile.data import supervised_builder
from recipe_runner.compile.data.prompt_sets import PromptsDatasetBuilder
from recipe_runner.compile.data.prompts import ChosenPrompts, HeldOutPrompts, prompt_source
from recipe_runner.compile.evaluators import evaluator_builders
from recipe_runner.compile.job import Target
from recipe_runner.compile.shared import shared_fields
from recipe_runner.loops.teacher_kl import METRIC, TeacherKlBuilder
from recipe_runner.planning.plan import Plan
from recipe_runner.planning.shares import share_out
from schemas.data import COOKBOOK_PROMPTS, Data, HuggingFaceData
from schemas.distill import DistillRecipe, Teacher, TeacherWithData, teachers_of
from schemas.loss import loss_config, loss_name
from schemas.sampling import Rollout

ENTRY = {
    train_on_policy.Config: "tinker_cookbook.distillation.train_on_policy:main",
    train_off_policy.Config: "tinker_cookbook.distillation.train_off_policy:main",
}

# Fields of the Cookbook's configs that recipes do not expose, and why.
UNEXPOSED = {
    "span_chart_every": "needs plotly; the spans are in timing_spans.jsonl all the same",
    "teacher_concurrency": "the Cookbook's 64 requests to the teachers at a time",
}


def config(plan: Plan, target: Target) -> train_on_policy.Config | train_off_policy.Config:
    """Compile a `distill` plan."""
    recipe = plan.recipe
    assert isinstance(recipe, DistillRecipe)
    compiled = _on_policy if recipe.mode == "on_policy" else _off_policy
    return compiled(plan, recipe, target)


def _on_policy(plan: Plan, recipe: DistillRecipe, target: Target) -> train_on_policy.Config:
    assert recipe.rollout is not None, "check() asks for it"
    rollout = recipe.rollout
    return train_on_policy.Config(
        **_shared(plan, target, train_on_policy.Config),
        dataset_configs=[
            DistillationDatasetConfig(
                dataset_builder=_prompts(plan, recipe, each.data, _groups(each, rollout)),
                teacher_config=_teacher(each, target),
                groups_per_batch=_groups(each, rollout),
            )
            for each in teachers_of(recipe)
        ],
        max_tokens=rollout.max_tokens,
        temperature=rollout.temperature,
        loss_fn=loss_name(recipe.loss),
        loss_fn_config=loss_config(recipe.loss) or None,
        kl_penalty_coef=recipe.kl.coef,
        kl_discount_factor=recipe.kl.discount,
        compute_post_kl=recipe.kl.post_update,
        num_substeps=recipe.substeps,
        evaluator_builders=[
            *evaluator_builders(plan, recipe, target),
            *_held_out(plan, recipe, rollout, target),
        ],
        eval_every=recipe.eval.every if recipe.eval else 0,
    )


def _off_policy(plan: Plan, recipe: DistillRecipe, target: Target) -> train_off_policy.Config:
    teachers = teachers_of(recipe)
    shares = share_out(recipe.batch_size, [each.weight for each in teachers])
    return train_off_policy.Config(
        **_shared(plan, target, train_off_policy.Config),
        dataset_configs=[
            DatasetWithTeacher(
                dataset_builder=supervised_builder(
                    each.data, _conversations(plan, recipe, share), seed=recipe.seed
                ),
                teacher_config=_teacher(each, target),
                weight=each.weight,
            )
            for each, share in zip(teachers, shares, strict=True)
        ],
        n_teacher_targets=recipe.top_k,
        batch_size=recipe.batch_size,
        evaluator_builders=evaluator_builders(plan, recipe, target),
        eval_every=recipe.eval.every if recipe.eval else 0,
    )


def _shared(plan: Plan, target: Target, config_class: type) -> dict[str, Any]:
    """Leave out what the loop has no setting for; check() refuses keys that would need one."""
    fields = chz.chz_fields(config_class)
    return {name: value for name, value in shared_fields(plan, target).items() if name in fields}


def _teacher(teacher: Teacher, target: Target) -> TeacherConfig:
    return TeacherConfig(
        base_model=teacher.model, load_checkpoint_path=target.sampler(teacher.load_from)
    )


def _groups(teacher: TeacherWithData, rollout: Rollout) -> int:
    return teacher.groups_per_batch or rollout.groups_per_batch


def _prompts(plan: Plan, recipe: DistillRecipe, data: Data, groups: int) -> RLDatasetBuilder:
    assert recipe.rollout is not None, "check() asks for it"
    common: dict[str, Any] = {
        "groups_per_batch": groups,
        "group_size": recipe.rollout.group_size,
        "model_name_for_tokenizer": recipe.model.name,
        "renderer_name": plan.renderer,
    }
    if isinstance(data, HuggingFaceData) and data.dataset in COOKBOOK_PROMPTS:
        return PromptOnlyDatasetBuilder(dataset_name=data.dataset, **common)
    wanted = None if recipe.steps is None else recipe.steps * groups
    return PromptsDatasetBuilder(prompts=_chosen(data, recipe.seed, wanted), **common)


def _chosen(data: Data, seed: int, wanted: int | None = None) -> ChosenPrompts:
    return ChosenPrompts(
        source=prompt_source(data),
        test_size=getattr(data, "test_size", 0),
        seed=seed,
        num_prompts=wanted,
    )


def _held_out(
    plan: Plan, recipe: DistillRecipe, rollout: Rollout, target: Target
) -> list[TeacherKlBuilder]:
    """The distance to each teacher on the prompts that its data holds out."""
    assert plan.renderer is not None, "every recipe with a model has a renderer"
    if recipe.eval is None:
        return []
    several = isinstance(recipe.teacher, list)
    return [
        TeacherKlBuilder(
            held_out=HeldOutPrompts(prompts=_chosen(each.data, recipe.seed)),
            model_name_for_tokenizer=recipe.model.name,
            renderer_name=plan.renderer,
            teacher_model=each.model,
            teacher_path=target.sampler(each.load_from),
            base_url=target.base_url,
            max_tokens=rollout.max_tokens,
            temperature=rollout.temperature,
            name=f"{METRIC}/dataset_{index}" if several else METRIC,
        )
        for index, each in enumerate(teachers_of(recipe))
        if getattr(each.data, "test_size", 0) > 0
    ]


def _conversations(
    plan: Plan, recipe: DistillRecipe, batch_size: int
) -> ChatDatasetBuilderCommonConfig:
    return ChatDatasetBuilderCommonConfig(
        model_name_for_tokenizer=recipe.model.name,
        renderer_name=plan.renderer,
        max_length=recipe.max_length,
        batch_size=batch_size,
        train_on_what=TrainOnWhat(recipe.train_on),
    )
