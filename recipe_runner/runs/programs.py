"""What a person should know, before a run starts, of the programs that its model will write."""

from __future__ import annotations

from recipe_runner.isolation import available
from recipe_runner.planning.plan import Plan


def unisolated_programs(plan: Plan) -> str | None:
    """Return a warning where programs would run without isolation, else None."""
    env = getattr(plan.recipe, "env", None)
    if not getattr(env, "allow_unsafe_execution", False) or available() is not None:
        return None
    return (
        "warning: nothing on this machine can isolate the programs that the model writes. They "
        "run with your own rights, since the recipe says allow_unsafe_execution"
    )
