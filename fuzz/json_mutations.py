"""JSON that is almost right: a value somewhere in it is another, missing, or there twice.

Bytes changed at random are hardly ever JSON; what stands in a place where it does not belong is
what a program stumbles on.
"""

from __future__ import annotations

import json
import random
from typing import Any

# What a place might hold that is not made for it.
HOSTILE: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, -(2**63) - 1, 10**30, 0.5, -0.0, 1e-320, 1e308),
    *(
        float("nan"),
        float("inf"),
        float("-inf"),
        "",
        "a",
        "@M",
        "é" * 300,
        "\0",
        "\u202e",
        "x" * 5000,
    ),
    *(
        "\ud800",
        "../..",
        "tinker://a/b/c",
        "2026-01-01T00:00:00",
        "-",
        "٣",
        [],
        {},
        [None],
        {"a": 1},
    ),
    *([[]] * 3, [1, "a"], {"": {}}, {"step": "a"}, list(range(-2, 50))),
)


def mutated(value: Any, rng: random.Random) -> Any:
    """Return a copy of a JSON value with one to three changes."""
    holder = [json.loads(json.dumps(value))]
    for _ in range(rng.choice((1, 1, 2, 3))):
        _change(holder, rng)
    return holder[0]


def mutated_lines(data: bytes, rng: random.Random) -> bytes | None:
    """Return JSON lines with a change in one of them; none where that one is no JSON."""
    lines = data.split(b"\n")
    number = rng.randrange(len(lines))
    try:
        lines[number] = json.dumps(mutated(json.loads(lines[number]), rng)).encode()
    except (ValueError, RecursionError):
        return None
    return b"\n".join(lines)


def _change(holder: list[Any], rng: random.Random) -> None:
    parent, key = rng.choice(list(_places(holder)))
    kind = rng.randrange(6)
    if kind == 0 and (isinstance(parent, dict) or parent is not holder):
        del parent[key]
    elif kind == 1 and isinstance(parent[key], dict):
        parent[key][rng.choice(("a", "", "type", "é"))] = _copied(rng.choice(HOSTILE))
    elif kind == 2 and isinstance(parent[key], list):
        parent[key] *= rng.choice((2, 50))
    elif kind == 3:
        parent[key] = _wrapped(parent[key], rng.choice((1, 5, 300)))
    else:
        parent[key] = _copied(rng.choice(HOSTILE))


def _copied(value: Any) -> Any:
    return json.loads(json.dumps(value))


def _wrapped(value: Any, depth: int) -> Any:
    for _ in range(depth):
        value = [value]
    return value


def _places(holder: list[Any]) -> list[tuple[Any, Any]]:
    """Each value's parent, and its key there."""
    found: list[tuple[Any, Any]] = []
    pending: list[Any] = [holder]
    while pending:
        parent = pending.pop()
        keys = parent.keys() if isinstance(parent, dict) else range(len(parent))
        for key in keys:
            found.append((parent, key))
            if isinstance(parent[key], dict | list):
                pending.append(parent[key])
    return found
