"""`--executor ray` on a cluster of this machine alone, which the test starts and ends."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from recipe_runner.runs.directory import RunDirectory
from recipe_runner.sweeps.display import PlainDisplay
from recipe_runner.sweeps.metric import headline_metric
from recipe_runner.sweeps.on_ray import ray_executor
from recipe_runner.sweeps.record import sweeps_under
from recipe_runner.sweeps.sweep import Settings, Sweep
from recipe_runner.sweeps.variants import load_variants
from tests.conftest import SFT_RECIPE
from tests.e2e.conftest import rows

ray = pytest.importorskip("ray")

RECIPE = SFT_RECIPE.replace("Qwen/Qwen3-8B-Base", "recipe-run/tiny") + (
    "backend: local\n"
    "optimizer: {learning_rate: 1e-3}\n"
    "variants: {good: {seed: 1}, bad: {data.path: broken.jsonl}}\n"
)


@pytest.fixture
def here_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a Ray that is started listen on 127.0.0.1 alone."""
    from ray._private import ray_constants

    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    # As on a Mac, where Ray takes this machine's own address.
    monkeypatch.setattr(ray_constants, "ENABLE_RAY_CLUSTER", False)


@pytest.fixture
def cluster(here_alone: None) -> Iterator[None]:
    """A Ray of two processors, and a connection to it."""
    options = {"include_dashboard": False, "log_to_driver": False}
    started = ray.init(num_cpus=2, object_store_memory=100_000_000, **options)
    assert started.address_info["gcs_address"].startswith("127.0.0.1:")
    yield
    ray.shutdown()


@pytest.mark.usefixtures("cluster")
def test_variants_run_as_jobs_of_a_cluster_and_leave_the_same_records(
    write_recipe: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = write_recipe(RECIPE)
    (tmp_path / "broken.jsonl").write_text('{"messages": []}\n' * 8)
    variants, _ = load_variants(recipe)
    metric = headline_metric(variant.plan for variant in variants)
    sweep = Sweep(variants, Settings(max_parallel=2, metric=metric, executor="ray"))
    record = sweep.run(ray_executor, PlainDisplay(sys.stdout, metric))

    good, bad = record.variants
    assert (good.variant, good.state, good.steps) == ("good", "done", 4)
    assert (bad.variant, bad.state) == ("bad", "failed")
    assert "broken.jsonl:1: column 'messages': is empty" in str(bad.error)
    assert sweeps_under(tmp_path / "runs") == [record]
    run = RunDirectory(tmp_path / str(good.run))
    assert len(rows(run.metrics_file)) == 4
    assert run.state() == "done"
    assert run.read_manifest().attempts[0].pid != os.getpid()


@pytest.mark.usefixtures("here_alone")
def test_workers_import_nothing_of_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RAY_ADDRESS", "local")
    (tmp_path / "click.py").write_text("")
    with ray_executor([], tmp_path, 1):
        found = ray.get(ray.remote(_place_of_click).remote())
        assert found == _place_of_click()
    assert Path.cwd() == tmp_path


def _place_of_click() -> str:
    import click

    return str(click.__file__)
