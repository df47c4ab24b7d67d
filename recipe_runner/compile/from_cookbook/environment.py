"""What a dataset builder of the Cookbook's says to a recipe."""

from __future__ import annotations

from dataclasses import dataclass, field

from recipe_runner.compile.from_cookbook.draft import Tree

BUILDER = "dataset_builder"
# Keys of ours that leave the Cookbook's behaviour as it is.
STEPS = {f"{BUILDER}.num_batches": "the recipe's `steps`"}
SEED = {f"{BUILDER}.seed": "seed 0 is the original's order"}


@dataclass(frozen=True)
class Environment:
    """What a dataset builder says.

    Attributes:
        env: the recipe's section.
        groups_per_batch: problems of one step.
        group_size: rollouts of each.
        seed: the recipe's, where the original's builder has one.
        steps: after which the data end.
        same: see `Draft`.
        changed: see `Draft`.
    """

    env: Tree
    groups_per_batch: int
    group_size: int
    seed: int = 0
    steps: int | None = None
    same: dict[str, str] = field(default_factory=dict)
    changed: dict[str, str] = field(default_factory=dict)
