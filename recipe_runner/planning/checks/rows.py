"""Rows of local data files, counted without reading what is in them."""

from __future__ import annotations

from pathlib import Path

from recipe_runner.planning.shares import share_out
from schemas import Recipe
from schemas.base import STAGE
from schemas.data import ComparisonsData, ConversationsData, Data, MixtureData
from schemas.distill import DistillRecipe, teachers_of
from schemas.dpo import DpoRecipe
from schemas.sft import SftRecipe

# Larger files are counted when the data is looked at for the plan.
_MAX_BYTES = 64 * 1024**2


def steps_of_files(recipe: Recipe) -> int | None:
    """Return the most steps that local files give, None where the data is not in such files.

    They may give fewer: comparisons that are ties are left out, which only a look at them tells.
    """
    if isinstance(recipe, SftRecipe | DpoRecipe):
        rows = _rows(recipe.data)
        return None if rows is None else rows // recipe.batch_size * recipe.epochs
    if isinstance(recipe, DistillRecipe) and recipe.mode == "off_policy":
        return _shortest(recipe)
    return None


def _shortest(recipe: DistillRecipe) -> int | None:
    """Return the batches of the teacher whose data ends first."""
    teachers = teachers_of(recipe)
    if not teachers:  # of a recipe that is wrong there, and is checked for the rest
        return None
    shares = share_out(recipe.batch_size, [each.weight for each in teachers])
    batches: list[int] = []
    for teacher, share in zip(teachers, shares, strict=True):
        rows = _rows(teacher.data)
        if rows is None or share < 1:
            return None
        batches.append(rows // share)
    return min(batches, default=None)


def _rows(data: Data) -> int | None:
    """Return the rows that are trained on."""
    if isinstance(data, MixtureData):
        parts = [_rows(part.data) for part in data.parts]
        known = [part for part in parts if part is not None]
        return sum(known) if len(known) == len(parts) else None
    if not isinstance(data, ConversationsData | ComparisonsData) or data.path is None:
        return None
    lines = None if data.path.startswith(STAGE) else _lines(Path(data.path))
    if lines is None:
        return None
    # The Cookbook holds nothing out where nothing would be left.
    return lines - data.test_size if lines > data.test_size else lines


def _lines(path: Path) -> int | None:
    """Return the lines of a file that are not empty; None where it is large or cannot be read."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            return None
        with path.open("rb") as file:
            return sum(1 for line in file if line.strip())
    except OSError:
        return None
