"""A template's text: evaluated over the names that a recipe's templates see.

Right: data, or a fault in words; text of at most `MAX_TEXT` characters, numbers that are finite.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from fuzz.limits import Limits
from recipe_runner.language.sandbox import MAX_TEXT, TemplateFault, evaluate, names_in

LIMITS = Limits(max_bytes=512, timeout_s=5)
SCOPE = {
    "vars": {"rate": 2e-5, "name": "a b" * 400, "big": True, "none": None, "n": 3},
    "recipe": {"model": {"name": "Qwen/Qwen3-8B"}, "steps": 200, "tags": ["a", "b"]},
    "variant": "rate=1e-05",
}


def seeds() -> Iterator[bytes]:
    for text in (
        "{{ vars.rate * 2 }}",
        "{{ vars.name | upper | replace('a', 'b') | trim }} and {{ recipe.steps + 1 }}",
        "{% if vars.big %}{{ recipe.tags | join(', ') }}{% else %}x{% endif %}",
        "{{ 4 if vars.n is divisibleby(2) else (vars.n ** 2) // 3 % 7 }}",
        "{{ vars.rate | round(3, 'ceil') }}{{ vars['n'] ~ recipe.tags[0] | title }}",
        "{{ [vars.n, 1e3, -2] | max }}{{ {'a': 1}.a }}{{ variant | default('none', true) }}",
        "{{ vars.name | int(0, 16) | string | length }}{{ recipe.tags | first | lower }}",
        "{{- 'a' in recipe.tags and not vars.none is none -}}",
    ):
        yield text.encode()


def one_input(data: bytes) -> None:
    source = data.decode("utf-8", errors="replace")
    names_in(source)
    try:
        value = evaluate(source, SCOPE)
    except TemplateFault:
        return
    assert not isinstance(value, str) or len(value) <= MAX_TEXT
    assert not isinstance(value, float) or math.isfinite(value)
    assert "object at 0x" not in str(value)
