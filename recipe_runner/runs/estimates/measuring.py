"""The lengths of one plan, with what is missing on this machine taken for granted, and said."""

from __future__ import annotations

from typing import Any

from recipe_runner.backends.local.tokenizers import (
    register_directories,
    register_tokenizer,
    sources,
)
from recipe_runner.language.project import Project
from recipe_runner.planning.marked import main_model
from recipe_runner.planning.plan import Plan
from recipe_runner.planning.volume.lengths import NOT_COUNTED, Lengths, assumed, known_held_out
from recipe_runner.planning.volume.spans import scaled
from recipe_runner.quoting import quoting
from recipe_runner.runs.hub_samples import hub_samples
from schemas.backend import backend_kind
from schemas.data import CustomData
from schemas.distill import DistillRecipe, teachers_of
from schemas.env import CustomEnv, SearchEnv, VerifiersEnv

# Models whose own tokenizer this process could not get: once registered, another looks like it.
_missing: set[str] = set()

# How far rows written for this project may be from those of the data set they stand for.
_LOW, _HIGH = 0.4, 2.5


def measured_anywhere(plan: Plan) -> Lengths:
    """Return a plan's lengths, measured where that is possible. Never raises."""
    reason = why_not(plan)
    if reason is not None:
        return assumed(plan, reason)
    try:
        with quoting(Project.of(plan.source).contains):
            return _measured(plan)
    except Exception as error:  # builders of data and environments raise whatever they like
        return assumed(plan, _in_a_line(error))


def why_not(plan: Plan) -> str | None:
    """Return why a plan's data is not to be looked at before it runs, None where it is."""
    recipe = plan.recipe
    env = getattr(recipe, "env", None)
    data = [getattr(recipe, "data", None)]
    if isinstance(recipe, DistillRecipe):
        data = [teacher.data for teacher in teachers_of(recipe)]
    if isinstance(env, CustomEnv | VerifiersEnv) or any(isinstance(x, CustomData) for x in data):
        return "code that a recipe names is not imported before the run"
    if isinstance(env, SearchEnv) and env.server is not None:
        return "the search server is not asked before the run"
    return None


def _measured(plan: Plan) -> Lengths:
    from recipe_runner.compile.lengths import CHARACTERS_PER_TOKEN, measure

    by_characters = _register_tokenizers(plan)
    with hub_samples() as used:
        try:
            lengths = measure(plan, by_characters=by_characters)
        except Exception:
            # A sample may have fewer rows than a batch.
            if not used:
                raise
            lengths = measure(_row_by_row(plan), by_characters=by_characters)
    if used:
        lengths = _of_samples(plan, lengths, used)
    if not by_characters:
        return lengths
    said = (
        f"the tokenizer of {main_model(plan.recipe)} is not on this machine: "
        f"{CHARACTERS_PER_TOKEN:g} characters are taken for a token, 2 to 8 as low and high"
    )
    return lengths.model_copy(update={"assumptions": [said, *lengths.assumptions]})


def _register_tokenizers(plan: Plan) -> bool:
    """Give the Cookbook a tokenizer for each model; return whether the plan's is another's."""
    from recipe_runner.compile.lengths import has_tokenizer

    local = backend_kind(plan.recipe.backend) == "local"
    register_directories(plan)
    for source in sources(plan):
        if local or source.kind == "shipped":
            register_tokenizer(source)
        elif source.name not in _missing and not has_tokenizer(source.name):
            _missing.add(source.name)
        if source.name in _missing:
            register_tokenizer(source)
    return not local and main_model(plan.recipe) in _missing


def _of_samples(plan: Plan, lengths: Lengths, used: list[str]) -> Lengths:
    """Return lengths of rows that stood for the hub's: wider, and without the data's length."""
    held_out = known_held_out(plan)
    texts = [
        each.model_copy(
            update={
                "text": scaled(each.text, _LOW, _HIGH),
                "teacher": each.teacher and scaled(each.teacher, _LOW, _HIGH),
                "held_out": each.held_out if held_out is None else held_out,
                "held_out_text": each.held_out_text and scaled(each.held_out_text, _LOW, _HIGH),
            }
        )
        for each in lengths.texts
    ]
    said = [
        f"the hub cannot be reached: rows written for recipe-run stand for {', '.join(used)}, so "
        "lengths may be off by a factor of 2.5 and the number of rows is not known"
    ]
    if held_out is None and any(each.held_out for each in texts):
        texts = [each.model_copy(update={"held_out": 0}) for each in texts]
        said.append(f"{NOT_COUNTED}evaluation on the data's own test set, of unknown size")
    return lengths.model_copy(
        update={
            "steps": None,
            "rows": None,
            "texts": texts,
            "assumptions": [*said, *lengths.assumptions],
        }
    )


def _row_by_row(plan: Plan) -> Plan:
    """Return the plan with the smallest batches; a row's length stays the same."""
    update: dict[str, Any] = {}
    if isinstance(plan.recipe, DistillRecipe):
        update["batch_size"] = len(teachers_of(plan.recipe))
    elif hasattr(plan.recipe, "batch_size"):
        update["batch_size"] = 1
    rollout = getattr(plan.recipe, "rollout", None)
    if rollout is not None:
        update["rollout"] = rollout.model_copy(update={"groups_per_batch": 1})
    return plan.model_copy(update={"recipe": plan.recipe.model_copy(update=update)})


def _in_a_line(error: Exception) -> str:
    words = " ".join(str(error).split()) or type(error).__name__
    return words if len(words) <= 160 else f"{words[:159]}…"
