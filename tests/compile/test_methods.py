"""The tables of methods agree."""

from __future__ import annotations

from recipe_runner.compile.job import METHODS as COMPILERS
from schemas import METHODS


def test_methods_have_a_schema_and_a_compiler() -> None:
    assert set(METHODS) - {"pipeline"} == set(COMPILERS), "a pipeline is its stages"
