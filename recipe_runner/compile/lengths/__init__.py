"""Measuring what an estimate rests on: the real data and environments, rendered and tokenized.

Nothing is sent to a service, and the random numbers that a run draws stay as they were. Code that
a recipe names is not imported.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from recipe_runner.compile.job import Target, compile_plan
from recipe_runner.compile.lengths.limits import Limits
from recipe_runner.compile.lengths.methods import METHODS
from recipe_runner.compile.lengths.offline import random_state_kept, without_service
from recipe_runner.compile.lengths.ruler import CHARACTERS_PER_TOKEN, Ruler
from recipe_runner.planning.marked import checkpoint_references, main_model
from recipe_runner.planning.plan import Plan
from recipe_runner.planning.volume.lengths import Lengths

__all__ = ["CHARACTERS_PER_TOKEN", "Limits", "has_tokenizer", "measure"]

# Where a text of unknown tokens is cut off: its characters are counted first.
_UNCUT = 1_000_000


def measure(plan: Plan, *, by_characters: bool = False, limits: Limits | None = None) -> Lengths:
    """Measure the data and the environment of a plan, whose tokenizer the Cookbook can get.

    Args:
        by_characters: that tokenizer is not the model's own: characters are counted in its place.

    Raises:
        Exception: whatever the data's or the environment's builders raise.
    """
    from tinker_cookbook.tokenizer_utils import get_tokenizer

    name = main_model(plan.recipe)
    assert name is not None, "a pipeline's stages are measured, each alone"
    longest = getattr(plan.recipe, "max_length", None) if by_characters else None
    ruler = Ruler(get_tokenizer(name), by_characters, longest)
    measured = _uncut(plan) if by_characters else plan
    with (
        TemporaryDirectory(prefix="recipe-run-lengths-") as directory,
        without_service(),
        random_state_kept(),
    ):
        config = _config(measured, Path(directory))
        return METHODS[plan.recipe.method](plan, config, ruler, limits or Limits())


def has_tokenizer(model_name: str) -> bool:
    """Whether the Cookbook can get a model's tokenizer here, from the hub's cache or the hub."""
    from tinker_cookbook.tokenizer_utils import get_tokenizer

    try:
        get_tokenizer(model_name)
    except Exception:  # what is missing differs by tokenizer, and any reason is the same here
        return False
    return True


def _config(plan: Plan, directory: Path) -> Any:
    unknown = dict.fromkeys(checkpoint_references(plan.recipe))
    return compile_plan(plan, Target(log_path=directory, checkpoints=unknown)).config


def _uncut(plan: Plan) -> Plan:
    if getattr(plan.recipe, "max_length", None) is None:
        return plan
    recipe = plan.recipe.model_copy(update={"max_length": _UNCUT})
    return plan.model_copy(update={"recipe": recipe})
