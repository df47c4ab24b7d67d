"""What differs between two plans, by what it means: keys and their values, not lines of text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from recipe_runner.planning.plan import Plan, changes_result, may_change_on_resume

ABSENT = "absent"


@dataclass(frozen=True)
class Change:
    """One key; `changes_result` says whether the two runs are different runs for it."""

    path: str
    before: Any
    after: Any
    changes_result: bool

    @property
    def may_change_on_resume(self) -> bool:
        """Whether a run of the old plan can go on under the new one."""
        return may_change_on_resume(self.path)

    def __str__(self) -> str:
        return f"{self.path}: {self.before} -> {self.after}"


def changes(before: Plan, after: Plan) -> list[Change]:
    """Return what differs, keys that change the result first, each group in the plan's order."""
    old, new = _flat(_tree(before)), _flat(_tree(after))
    found = [
        Change(path, old.get(path, ABSENT), new.get(path, ABSENT), changes_result(path))
        for path in dict.fromkeys([*old, *new])
        if old.get(path, ABSENT) != new.get(path, ABSENT)
    ]
    return sorted(found, key=lambda change: not change.changes_result)


def _tree(plan: Plan) -> dict[str, Any]:
    """Return a plan as its user knows it: the resolved keys, and what serves the model."""
    tree = plan.recipe.model_dump(mode="json", exclude={"stages", "version"})
    if plan.renderer is not None:
        tree["renderer"] = plan.renderer
    if plan.learning_rate is not None:
        tree["optimizer"]["learning_rate"] = plan.learning_rate.value
    tree["served"] = plan.served.kind
    if plan.fingerprints:
        tree["files"] = plan.fingerprints
    if plan.stages:
        tree["stages"] = {name: _tree(stage) for name, stage in plan.stages.items()}
    return tree


def _flat(tree: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, dict) and value:
            found |= _flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found
