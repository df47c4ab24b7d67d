"""`method: sdft`."""

from __future__ import annotations

import re
from collections.abc import Iterator

from recipe_runner.language import Diagnostic, LoadedRecipe
from recipe_runner.planning.checks.data import check_data
from recipe_runner.planning.checks.effects import no_effect
from recipe_runner.planning.checks.substeps import check_substeps
from schemas.data import COOKBOOK_DEMONSTRATIONS
from schemas.sdft import SdftRecipe


def check_sdft(loaded: LoadedRecipe) -> Iterator[Diagnostic]:
    """Yield what is wrong across the fields of an `sdft` recipe."""
    recipe = loaded.recipe
    assert isinstance(recipe, SdftRecipe)
    yield from check_data(
        loaded,
        recipe.data,
        kinds=("prompts", "huggingface", "custom"),
        named=COOKBOOK_DEMONSTRATIONS,
    )
    if recipe.reverse and recipe.top_k == 0:
        yield loaded.diagnostic(
            "reverse",
            "value",
            "reverse KL runs over the teacher's likeliest tokens, and `top_k: 0` has none",
            hint="set top_k to 20, say, or remove `reverse`",
        )
    for key in ("rolling_every", "ttl_days"):
        if key in recipe.checkpoint.model_fields_set:
            reason = "the Cookbook's loop of `method: sdft` has no setting for it"
            yield no_effect(loaded, f"checkpoint.{key}", reason, "remove it")
    yield from _check_teacher_prompt(loaded, recipe)
    yield from check_substeps(loaded, recipe.rollout, recipe.substeps)


def _check_teacher_prompt(loaded: LoadedRecipe, recipe: SdftRecipe) -> Iterator[Diagnostic]:
    for name in ("question", "answer"):
        template = recipe.teacher_prompt
        if template is not None and not re.search(r"\{\{\s*" + name + r"\s*\}\}", template):
            yield loaded.diagnostic(
                "teacher_prompt",
                "value",
                f"the teacher is not shown the {name}",
                hint=f"write {{{{ {name} }}}} where it belongs",
            )
