"""The shipped facts on evaluations are those of the installed packages."""

from __future__ import annotations

import pytest

from recipe_runner.catalog import evaluations, refresh_evaluations


def test_the_data_is_what_the_packages_say() -> None:
    pytest.importorskip("inspect_evals")
    shipped = refresh_evaluations.DATA.read_text("utf-8")
    assert shipped == refresh_evaluations.render(refresh_evaluations.collect())


def test_the_cookbook_finds_each_benchmark_by_its_name() -> None:
    from tinker_cookbook.eval.benchmarks import REGISTRY, _runner

    for name in evaluations.benchmarks():
        _runner._ensure_registered(name)
        assert name in REGISTRY
