"""`env.kind: gem`, against the shipped facts on GEM's environments."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from recipe_runner.catalog import gem
from recipe_runner.language import Diagnostic, LoadedRecipe
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
