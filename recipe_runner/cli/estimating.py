"""Estimates for the commands on one recipe, with what they find wrong as diagnostics."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from recipe_runner.planning.estimate import Estimate

if TYPE_CHECKING:
    from recipe_runner.language import LoadedRecipe
    from recipe_runner.planning.plan import Plan


@dataclass(frozen=True)
class Estimated:
    """What a command line asks about.

    Attributes:
        plan: the estimate of the plan.
        variants: of each variant, where the recipe has some and none is chosen.
    """

    plan: Estimate
    variants: Mapping[str, Estimate] = field(default_factory=dict)

    @property
    def all_variants(self) -> Estimate:
        from recipe_runner.planning.estimating import total

        return total(self.variants.values())


def estimated(
    loaded: LoadedRecipe, plan: Plan, overrides: tuple[str, ...], variables: tuple[str, ...]
) -> Estimated:
    """Measure a plan's data, and that of the recipe's variants where none was chosen.

    Raises:
        RecipeError: if the data ends before the steps do, or prompts leave no room for replies.
    """
    variants: dict[str, Plan] = {}
    if loaded.variants and plan.variant is None:
        from recipe_runner.sweeps.variants import load_variants

        found, _ = load_variants(loaded.path, overrides=overrides, variables=variables)
        variants = {each.name: each.plan for each in found}
    own, *others = _estimates([plan, *variants.values()])
    _refuse_what_does_not_fit(loaded, own)
    return Estimated(own, dict(zip(variants, others, strict=True)))


def estimated_plan(loaded: LoadedRecipe, plan: Plan) -> Estimate:
    """Measure a plan's data.

    Raises:
        RecipeError: if the data ends before the steps do, or prompts leave no room for replies.
    """
    (own,) = _estimates([plan])
    _refuse_what_does_not_fit(loaded, own)
    return own


def _estimates(plans: list[Plan]) -> list[Estimate]:
    from recipe_runner.runs.estimates import estimates_of

    if sys.stderr.isatty():  # it takes seconds: tokenizers, data, environments
        click.echo("looking at the data …", err=True)
    return estimates_of(plans)


def _refuse_what_does_not_fit(loaded: LoadedRecipe, estimate: Estimate) -> None:
    """Raise RecipeError where data that was looked at is too short, or its prompts too long."""
    from recipe_runner.language import RecipeError
    from recipe_runner.planning.checks.measured import check_measured

    found = [*check_measured(loaded, estimate)]
    for name, stage in estimate.stages.items():
        found += check_measured(loaded.stages[name], stage)
    if found:
        raise RecipeError(found)
