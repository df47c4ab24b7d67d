"""How large a run's checkpoints are."""

from __future__ import annotations

from dataclasses import dataclass

from recipe_runner.catalog import models
from recipe_runner.planning.plan import Plan
from schemas.common import TrainingKeys

# A checkpoint to train on from holds the adapter in float32 and Adam's two moments of it; one to
# sample from holds the adapter in bfloat16. The loops save both at a time.
BYTES_A_PARAMETER = 3 * 4 + 2
_GIGABYTE = 1e9


@dataclass(frozen=True)
class Storage:
    """Gigabytes of checkpoints.

    Attributes:
        at_end: all that are there when the run ends.
        kept: those that do not expire.
    """

    at_end: float
    kept: float


def storage(plan: Plan, steps: int | None) -> Storage | None:
    """Return what a run's checkpoints take; None where the adapter's size is not known."""
    recipe = plan.recipe
    if not isinstance(recipe, TrainingKeys):
        return Storage(0.0, 0.0)
    facts = models.find(recipe.model.name)
    if facts is None or facts.lora_parameters_per_rank is None or steps is None:
        return None
    parameters = facts.lora_parameters_per_rank * recipe.model.lora_rank
    each = parameters * BYTES_A_PARAMETER / _GIGABYTE
    every = recipe.checkpoint.every
    periodic = max(steps - 1, 0) // every if every else 0
    kept = 1 + periodic if recipe.checkpoint.ttl_days == "never" else 1
    return Storage(at_end=(1 + periodic) * each, kept=kept * each)


def storage_assumption(plan: Plan) -> str | None:
    """Return what is taken for granted of the checkpoints' size, None where there are none."""
    recipe = plan.recipe
    if not isinstance(recipe, TrainingKeys):
        return None
    days = recipe.checkpoint.ttl_days
    gone = "none expires" if days == "never" else f"all but the last expire after {days:g} days"
    return (
        f"a checkpoint takes {BYTES_A_PARAMETER} bytes a parameter of the adapter (weights and "
        f"Adam's moments, and a copy to sample from); {gone}"
    )
