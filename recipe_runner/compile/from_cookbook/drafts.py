"""Class of a configuration -> the module that makes a recipe of it."""

from __future__ import annotations

from collections.abc import Callable

from recipe_runner.compile.from_cookbook import (
    distill,
    dpo,
    evaluate,
    gem,
    minimal_loops,
    rl,
    sdft,
    sft,
)
from recipe_runner.compile.from_cookbook.draft import Draft, Tree
from recipe_runner.compile.from_cookbook.original import Original
from recipe_runner.errors import UsageError

DRAFTS: dict[str, Callable[[Tree, Tree], Draft]] = {
    "tinker_cookbook.supervised.train:Config": sft.draft,
    "tinker_cookbook.rl.train:Config": rl.draft,
    "tinker_cookbook.preference.train_dpo:Config": dpo.draft,
    "tinker_cookbook.distillation.train_on_policy:Config": distill.on_policy,
    "tinker_cookbook.distillation.train_off_policy:Config": distill.off_policy,
    "tinker_cookbook.distillation.sdft:Config": sdft.draft,
    "tinker_cookbook.recipes.sl_loop:Config": minimal_loops.supervised,
    "tinker_cookbook.recipes.rl_loop:Config": minimal_loops.reinforcement,
    "tinker_cookbook.eval.run_inspect_evals:Config": evaluate.draft,
    "recipe_runner.compile.from_cookbook.gem:LoopSettings": gem.reinforce,
}


def draft_of(original: Original) -> Draft:
    """Return what the recipe of one configuration is.

    Raises:
        UsageError: if something in it is of a kind that no recipe has a word for.
    """
    try:
        return DRAFTS[original.kind](original.config, original.arguments)
    except KeyError as missing:
        raise UsageError(
            f"no kind of `env` or `data` in a recipe stands for {missing.args[0]}; a builder of "
            "your own can be named with `kind: custom`"
        ) from missing
