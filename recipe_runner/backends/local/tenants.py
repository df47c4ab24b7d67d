"""Several runs on one server, each as if it were alone.

A key may be followed by a tenant: `KEY.SEED.NAME`. Clients with the same one share the random
numbers of a server that was started with that seed for them alone; nothing that other tenants do
changes them.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass

_TENANT = re.compile(r"\.(\d+)\.([A-Za-z0-9_-]+)")


@dataclass(frozen=True)
class Tenant:
    """Whose random numbers are drawn; `seed` None is the server's own."""

    name: str = ""
    seed: int | None = None


def key_of(key: str, tenant: Tenant) -> str:
    """Return the key that a tenant's clients give to a server that was started with `key`."""
    return f"{key}.{tenant.seed}.{tenant.name}"


def admitted(given: str, key: str) -> Tenant | None:
    """Return who gives this key to a server that was started with `key`; None: a stranger.

    Takes the same time wherever the two differ.
    """
    if not secrets.compare_digest(given[: len(key)].encode(), key.encode()):
        return None
    if given == key:
        return Tenant()
    match = _TENANT.fullmatch(given, len(key))
    return None if match is None else Tenant(name=match[2], seed=int(match[1]))
