"""How long replies were in the last run of a recipe, which says more than any assumption."""

from __future__ import annotations

import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recipe_runner.errors import RunFailed
from recipe_runner.planning.plan import Plan
from recipe_runner.planning.volume.lengths import Lengths
from recipe_runner.runs import registry
from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.files import read_json_lines

# The Cookbook's names, of the loops that sample.
_REPLY = "env/all/ac_tokens_per_turn"
_TURNS = "env/all/turns_per_episode"
_ENOUGH_STEPS = 2
_LOOKED_AT = 8


def with_seen(plan: Plan, lengths: Mapping[str, Lengths]) -> dict[str, Lengths]:
    """Return the lengths with replies as long as the newest comparable run had them."""
    if plan.stages or "" not in lengths:
        return dict(lengths)
    seen = _seen(plan)
    return {"": lengths[""].model_copy(update=seen)} if seen else dict(lengths)


def _seen(plan: Plan) -> dict[str, float] | None:
    root = Path(plan.recipe.logging.dir)
    for run in registry.newest_first(root, plan.recipe.name)[:_LOOKED_AT]:
        rows = read_json_lines(run.metrics_file)
        replies = _values(rows, _REPLY)
        if len(replies) >= _ENOUGH_STEPS and _is_comparable(plan, run):
            found = {"reply": statistics.fmean(replies)}
            turns = _values(rows, _TURNS)
            return found | ({"seen_turns": statistics.fmean(turns)} if turns else {})
    return None


def _values(rows: list[dict[str, Any]], key: str) -> list[float]:
    return [float(row[key]) for row in rows if isinstance(row.get(key), int | float)]


def _is_comparable(plan: Plan, run: RunDirectory) -> bool:
    """Whether the same model played the same environment, within the same limits."""
    try:
        other = run.read_plan()
    except RunFailed:
        return False
    return _what_is_played(plan) == _what_is_played(other)


def _what_is_played(plan: Plan) -> tuple[Any, ...]:
    recipe = plan.recipe
    rollout = getattr(recipe, "rollout", None)
    limit = getattr(rollout, "max_tokens", None) or getattr(recipe, "max_tokens", None)
    model = getattr(getattr(recipe, "model", None), "name", None)
    env = getattr(recipe, "env", None)
    kind = None if env is None else env.model_dump(mode="json", exclude={"eval"})
    return plan.served.kind, recipe.method, model, limit, kind
