"""Gives one target to atheris: `python -m fuzz.harness TARGET [libFuzzer's options] CORPUS`."""

from __future__ import annotations

import random
import sys

import atheris

from fuzz.json_mutations import mutated_lines
from fuzz.targets import load

# What is to be explored; the libraries that compute are left as they are.
_INSTRUMENTED = ["fuzz", "recipe_runner", "schemas", "jinja2", "ruamel"]


def main() -> None:
    with atheris.instrument_imports(include=_INSTRUMENTED):
        target = load(sys.argv[1])
    mutator = {"custom_mutator": _mutate} if target.LIMITS.holds_json else {}
    atheris.Setup([sys.argv[0], *sys.argv[2:]], target.one_input, **mutator)
    atheris.Fuzz()


def _mutate(data: bytes, max_bytes: int, seed: int) -> bytes:
    """Change JSON as JSON four times out of five; the first byte says what it is."""
    rng = random.Random(seed)
    changed = mutated_lines(data[1:], rng) if rng.random() < 0.8 else None
    if changed is None:
        return bytes(atheris.Mutate(data, len(data)))
    return (data[:1] + changed)[:max_bytes]


if __name__ == "__main__":
    main()
