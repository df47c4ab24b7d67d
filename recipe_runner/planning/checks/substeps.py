"""`substeps`: the optimizer steps that a batch of rollouts is split into."""

from __future__ import annotations

from collections.abc import Iterator

from recipe_runner.language import Diagnostic, LoadedRecipe
from schemas.sampling import Rollout


def check_substeps(loaded: LoadedRecipe, rollout: Rollout, substeps: int) -> Iterator[Diagnostic]:
    """Yield an error where a batch has too few rollouts, a warning where it splits unevenly.

    The Cookbook takes as many substeps as there are rollouts, and parts of unequal size, in silence
    (`rl.train.train_step`, `utils.misc_utils.split_list`).
    """
    rollouts = rollout.groups_per_batch * rollout.group_size
    if substeps > rollouts:
        yield loaded.diagnostic(
            "substeps",
            "range",
            f"a batch of {rollouts} rollouts does not split into {substeps} substeps",
            hint=f"at most {rollouts}",
        )
    elif rollouts % substeps:
        yield loaded.diagnostic(
            "substeps",
            "uneven-substeps",
            f"{rollouts} rollouts split into {substeps} substeps of unequal size, each a step of "
            "the optimizer",
            hint="use a number that divides groups_per_batch x group_size",
            severity="warning",
        )
