"""`env.kind: verifiers`: what the Cookbook's client for these environments cannot do."""

from __future__ import annotations

import re
from collections.abc import Iterator

from recipe_runner.language import Diagnostic, LoadedRecipe
from schemas.env import VerifiersEnv

_ID = re.compile(r"^(?:[\w.-]+/)?[A-Za-z_][\w.-]*$")


def check_verifiers(loaded: LoadedRecipe, env: VerifiersEnv) -> Iterator[Diagnostic]:
    """Yield what is wrong with the id."""
    if not _ID.match(env.id):
        yield loaded.diagnostic(
            "env.id",
            "value",
            f"{env.id!r} is no id of an environment",
            hint="as in reverse-text or primeintellect/reverse-text, without a version",
        )
