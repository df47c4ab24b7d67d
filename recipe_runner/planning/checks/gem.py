"""`env.kind: gem`, against the shipped facts on GEM's environments."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from recipe_runner.catalog import gem
from recipe_runner.language import Diagnostic, LoadedRecipe
from recipe_runner.planning.checks.effects import no_effect
from schemas.env import GemEnv


def check_gem(loaded: LoadedRecipe, env: GemEnv) -> Iterator[Diagnostic]:
    """Yield what is wrong with the id and its arguments."""
    if env.id not in gem.gem_ids():
        near = difflib.get_close_matches(env.id, gem.gem_ids(), n=3)
        yield loaded.diagnostic(
            "env.id",
            "unknown-env",
            f"GEM has no environment {env.id!r}",
            hint=f"did you mean {' or '.join(near)}?" if near else None,
        )
        return
    facts = gem.gem_facts(env.id)
    if facts.broken:
        yield loaded.diagnostic("env.id", "broken-env", f"{env.id} {facts.broken}")
    yield from _check_wrappers(loaded, env, facts)
    accepted = gem.gem_kwargs(env.id)
    for key in env.kwargs:
        if accepted is not None and key not in accepted:
            near = difflib.get_close_matches(key, accepted, n=1)
            names = ", ".join(sorted(accepted)) or "nothing"
            yield loaded.diagnostic(
                f"env.kwargs.{key}",
                "unknown-key",
                f"{env.id} takes no {key!r}",
                hint=f"did you mean {near[0]}?" if near else f"it takes {names}",
                key=True,
            )


def _check_wrappers(loaded: LoadedRecipe, env: GemEnv, facts: gem.GemFacts) -> Iterator[Diagnostic]:
    tools = [name for name in env.wrappers if name.startswith("python_tool")]
    if env.wrappers and not tools and not facts.multi_turn:
        reason = f"{env.id} has a single turn"
        yield no_effect(loaded, "env.wrappers", reason, "remove it, or put a Python tool first")
    if len(tools) > 1 or (tools and env.wrappers[0] != tools[0]):
        yield loaded.diagnostic(
            "env.wrappers", "value", "one Python tool at most, and before the other wrappers"
        )
    if len(env.wrappers) - len(tools) > 1:
        yield loaded.diagnostic("env.wrappers", "value", "only one wrapper can build the prompts")
    if "allow_unsafe_execution" in env.model_fields_set and not tools:
        reason = "without a Python tool, no program runs"
        yield no_effect(loaded, "env.allow_unsafe_execution", reason, "remove it")
