"""`method: distill`."""

from __future__ import annotations

from collections.abc import Iterator

from recipe_runner.catalog import models
from recipe_runner.language import Diagnostic, LoadedRecipe
from recipe_runner.planning.checks.data import check_data
from recipe_runner.planning.checks.effects import no_effect
from recipe_runner.planning.checks.substeps import check_substeps
from recipe_runner.planning.shares import share_out
from schemas.data import COOKBOOK_CONVERSATIONS, COOKBOOK_PROMPTS, Data
from schemas.distill import DistillRecipe, Teacher, TeacherWithData, teachers_of

# Keys that one mode has and the other has not.
_ON_POLICY = ("rollout", "loss", "kl", "substeps")
_OFF_POLICY = ("batch_size", "max_length", "train_on", "top_k")


def check_distill(loaded: LoadedRecipe) -> Iterator[Diagnostic]:
    """Yield what is wrong across the fields of a `distill` recipe."""
    recipe = loaded.recipe
    assert isinstance(recipe, DistillRecipe)
    yield from _check_other_modes_keys(loaded, recipe)
    yield from _check_checkpoints(loaded, recipe)
    yield from _check_where_data_is(loaded, recipe)
    if isinstance(recipe.teacher, list):
        for index, teacher in enumerate(recipe.teacher):
            path = f"teacher.{index}"
            yield from _check_teacher(loaded, recipe, teacher, path)
            yield from _check_data(loaded, recipe, teacher.data, f"{path}.data")
    else:
        yield from _check_teacher(loaded, recipe, recipe.teacher, "teacher")
        if recipe.data is not None:
            yield from _check_data(loaded, recipe, recipe.data, "data")
    if recipe.mode == "on_policy" and recipe.rollout is None:
        yield loaded.diagnostic(
            "rollout",
            "missing-key",
            "`mode: on_policy` needs `rollout`: what the student samples in a step",
            hint="write `rollout: {groups_per_batch: 64, group_size: 4, max_tokens: 1024}`, say",
        )
    if recipe.mode == "on_policy" and recipe.rollout is not None:
        yield from check_substeps(loaded, recipe.rollout, recipe.substeps)
    if recipe.mode == "off_policy":
        yield from _check_shares(loaded, recipe)


def _check_other_modes_keys(loaded: LoadedRecipe, recipe: DistillRecipe) -> Iterator[Diagnostic]:
    others = _OFF_POLICY if recipe.mode == "on_policy" else _ON_POLICY
    for key in others:
        if key in recipe.model_fields_set:
            yield no_effect(
                loaded, key, f"`mode: {recipe.mode}` does not read it", "remove it, or change mode"
            )


def _check_checkpoints(loaded: LoadedRecipe, recipe: DistillRecipe) -> Iterator[Diagnostic]:
    unread = ["rolling_every", "ttl_days"] if recipe.mode == "on_policy" else ["rolling_every"]
    for key in unread:
        if key in recipe.checkpoint.model_fields_set:
            yield no_effect(
                loaded,
                f"checkpoint.{key}",
                f"the Cookbook's loop of `mode: {recipe.mode}` has no setting for it",
                "remove it; a periodic checkpoint is kept for 7 days"
                if key == "ttl_days"
                else "use checkpoint.every",
            )


def _check_where_data_is(loaded: LoadedRecipe, recipe: DistillRecipe) -> Iterator[Diagnostic]:
    several = isinstance(recipe.teacher, list)
    if several and recipe.data is not None:
        yield no_effect(loaded, "data", "each teacher has its own", "move it to the teachers")
    if not several and recipe.data is None:
        yield loaded.diagnostic(
            "data",
            "missing-key",
            "one teacher needs `data`: what the student learns from it",
            hint="write `data: {kind: prompts, path: FILE.jsonl}`, say"
            if recipe.mode == "on_policy"
            else "write `data: {kind: conversations, path: FILE.jsonl}`, say",
        )


def _check_teacher(
    loaded: LoadedRecipe, recipe: DistillRecipe, teacher: Teacher, path: str
) -> Iterator[Diagnostic]:
    """The teacher scores the student's tokens, so both have to have the same tokenizer."""
    unread = "weight" if recipe.mode == "on_policy" else "groups_per_batch"
    if isinstance(teacher, TeacherWithData) and unread in teacher.model_fields_set:
        yield no_effect(
            loaded, f"{path}.{unread}", f"`mode: {recipe.mode}` does not read it", "remove it"
        )
    student, owner = recipe.model.name, teacher.model.partition("/")[0]
    if models.find(student) and models.find(teacher.model) and owner != student.partition("/")[0]:
        yield loaded.diagnostic(
            f"{path}.model",
            "tokenizer-mismatch",
            f"{teacher.model} comes from another maker than {student}, and a teacher scores the "
            "student's tokens: both need the same tokenizer",
            hint="take a teacher of the student's family",
            severity="warning",
        )


def _check_data(
    loaded: LoadedRecipe, recipe: DistillRecipe, data: Data, path: str
) -> Iterator[Diagnostic]:
    named: tuple[str, ...]
    if recipe.mode == "on_policy":
        kinds, named = ("prompts", "huggingface", "custom"), COOKBOOK_PROMPTS
    else:
        kinds, named = ("conversations", "huggingface", "custom"), COOKBOOK_CONVERSATIONS
        if "test_size" in data.model_fields_set:
            yield no_effect(
                loaded,
                f"{path}.test_size",
                "the loop of `mode: off_policy` evaluates with `eval.evaluators` alone",
                "remove it",
            )
    yield from check_data(loaded, data, kinds=kinds, named=named, path=path)


def _check_shares(loaded: LoadedRecipe, recipe: DistillRecipe) -> Iterator[Diagnostic]:
    weights = [teacher.weight for teacher in teachers_of(recipe)]
    if weights and min(share_out(recipe.batch_size, weights)) < 1:
        yield loaded.diagnostic(
            "batch_size",
            "range",
            f"a batch of {recipe.batch_size} leaves one of {len(weights)} teachers without a share",
            hint="raise batch_size, or make the weights more equal",
        )
