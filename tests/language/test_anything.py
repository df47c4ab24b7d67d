"""Whatever is given, loading and checking end in a recipe or in diagnostics within the file."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recipe_runner.language import Diagnostic, RecipeError
from recipe_runner.planning.checks import load_and_check

BASE = """\
version: 1
name: base
method: rl
description: all of it
tags: [a, b]
seed: 3
model:
  name: Qwen/Qwen3-8B-Base
  lora_rank: 32
renderer: qwen3_disable_thinking
env:
  kind: gem
  id: "rg:simple_equations"
  max_turns: 3
  eval:
    every: 5
    size: 10
rollout:
  groups_per_batch: 64
  group_size: 8
  max_tokens: 2048
  temperature: 1.0
loss:
  name: ppo
  config:
    clip_low_threshold: 0.9
kl:
  coef: 0.1
  reference:
    model: Qwen/Qwen3-8B-Base
execution:
  kind: async
  max_steps_off_policy: 3
optimizer:
  learning_rate: 2e-5
steps: 200
checkpoint:
  every: 20
  ttl_days: never
logging:
  wandb:
    project: p
backend:
  kind: remote
  base_url: https://example.org
"""
LINES = BASE.splitlines()


@pytest.fixture(autouse=True, scope="module")
def in_a_directory() -> Iterator[None]:
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as directory:
        os.chdir(directory)
        yield
        os.chdir(before)


def diagnostics(data: bytes, **flags: Any) -> list[Diagnostic]:
    Path("recipe.yaml").write_bytes(data)
    try:
        return load_and_check(Path("recipe.yaml"), **flags)[1]
    except RecipeError as error:
        return error.diagnostics


def assert_within(found: list[Diagnostic], data: bytes) -> None:
    text = data.decode("utf-8-sig", errors="replace")
    lines = re.split("\r\n|[\n\r\x85\u2028\u2029]", text)
    for d in found:
        if d.file != "recipe.yaml":
            continue
        assert 1 <= d.line <= len(lines)
        assert 1 <= d.column <= len(lines[d.line - 1]) + 1
        assert d.message
        assert d.code


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["{{ vars.x }}", "{{ recipe.model }}", "{% if x %}", "auto", "2e-5", "yes"]),
)
KEYS = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        [
            "version",
            "method",
            "model",
            "env",
            "kind",
            "name",
            "rollout",
            "loss",
            "config",
            "vars",
            "optimizer",
            "learning_rate",
            "extends",
            "variants",
            "matrix",
            "include",
            "exclude",
            "backend",
            "data",
            "execution",
            "steps",
            "rl",
            "sft",
            "gem",
            "eval",
            "id",
            "kwargs",
        ]
    ),
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=15,
)
YAML_ALPHABET = st.text(alphabet=" \n\t:-[]{}&*!|>'\"%@`#,?.~ab01{}\\\r", max_size=60)
RELAXED = settings(
    max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)


@RELAXED
@given(st.binary(max_size=100))
def test_bytes(data: bytes) -> None:
    assert_within(diagnostics(data), data)


@RELAXED
@given(st.one_of(YAML_ALPHABET, st.text(max_size=60)))
def test_text(text: str) -> None:
    data = text.encode("utf-8", errors="surrogatepass")
    assert_within(diagnostics(data), data)


@RELAXED
@given(TREES, st.booleans())
def test_trees(tree: Any, on_base: bool) -> None:
    from io import StringIO

    from ruamel.yaml import YAML

    stream = StringIO()
    try:
        YAML(typ="safe", pure=True).dump(tree, stream)
    except Exception:
        return  # the dumper cannot write every text
    data = ((BASE if on_base else "") + stream.getvalue()).encode("utf-8", errors="surrogatepass")
    assert_within(diagnostics(data), data)


@RELAXED
@given(st.lists(st.one_of(st.text(max_size=20), YAML_ALPHABET), max_size=3), KEYS, TREES)
def test_flags(words: list[str], key: str, value: Any) -> None:
    flags = [*words, f"{key}={value}", f"model.{key}={value!r}"]
    for d in diagnostics(BASE.encode(), overrides=flags, variables=words, variant=key):
        assert d.line >= 1
        assert d.column >= 1
        if d.file == "--set":
            assert d.line <= len(flags)
            assert d.column <= len(flags[d.line - 1]) + 1


def test_the_base_of_the_mutations_is_valid() -> None:
    assert diagnostics(BASE.encode()) == []


@pytest.mark.parametrize("number", range(1, len(LINES) + 1))
def test_a_typo_in_any_key_is_found_on_its_line(number: int) -> None:
    line = LINES[number - 1]
    key = line.strip().split(":")[0]
    for typo in (key + "x", key[:-1], "x" + key):
        mutated = [*LINES]
        mutated[number - 1] = line.replace(key, typo, 1)
        found = diagnostics("\n".join(mutated).encode())
        assert any(_is_at(d, number, line) for d in found), (typo, found)


@pytest.mark.parametrize("number", range(1, len(LINES) + 1))
def test_a_value_of_another_type_is_found_on_its_line(number: int) -> None:
    line = LINES[number - 1]
    key, _, _ = line.partition(":")
    indent = len(line) - len(line.lstrip())
    last = number
    while last < len(LINES) and LINES[last].startswith(" " * (indent + 1)):
        last += 1
    for other in ("[{x: [1]}]", "{unheard_of: {x: 1}}"):
        mutated = [*LINES[: number - 1], f"{key}: {other}", *LINES[last:]]
        found = diagnostics("\n".join(mutated).encode())
        assert any(d.line == number for d in found), (other, found)


def _is_at(diagnostic: Diagnostic, number: int, line: str) -> bool:
    """A key that says the kind of its section is missing there: it is its parent's line then."""
    if diagnostic.line == number:
        return True
    return diagnostic.code == "missing-key" and line.strip().startswith(("kind", "name"))
