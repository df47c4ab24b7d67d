"""`recipes/sdft.yaml` is the Cookbook's command."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tinker_cookbook.recipes.sdft import datasets

from recipe_runner.compile import Job
from tests.compile.originals.originals import assert_equal_but_for, compiled, original_config

MODULE = "tinker_cookbook.recipes.sdft.train"
LOOP = "tinker_cookbook.distillation.sdft:main"


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """The builders that the command has called, which load nothing here."""
    called: list[Any] = []

    async def note(builder: Any) -> tuple[None, None]:
        called.append(builder)
        return None, None

    monkeypatch.setattr(datasets.SciKnowEvalSDFTBuilder, "__call__", note)
    monkeypatch.setattr(datasets.ToolAlpacaSDFTBuilder, "__call__", note)
    return called


def parts(job: Job) -> tuple[Job, Job]:
    """Our configuration is the Cookbook's and the builder of what it is called with."""
    return Job(entry="", config=job.config.sdft), Job(entry="", config=job.config.dataset_builder)


@pytest.mark.parametrize(
    ("arguments", "variant"), [([], None), (["dataset=toolalpaca"], "toolalpaca")]
)
def test_equal_to_the_command(
    monkeypatch: pytest.MonkeyPatch, built: list[Any], arguments: list[str], variant: str | None
) -> None:
    job = compiled("sdft.yaml", variant=variant)
    original = original_config(monkeypatch, MODULE, *arguments, loop=LOOP)
    settings, builder = parts(job)
    assert job.entry == "recipe_runner.loops.sdft:main"
    assert_equal_but_for(settings, original, {})
    assert_equal_but_for(builder, built[0], {})
    assert type(job.config.dataset_builder) is type(built[0])


def test_other_settings(monkeypatch: pytest.MonkeyPatch, built: list[Any]) -> None:
    job = compiled(
        "sdft.yaml",
        "data.config=Biology",
        "top_k=0",
        "teacher_sync_every=5",
        "max_length=4096",
        "substeps=2",
    )
    original = original_config(
        monkeypatch,
        MODULE,
        "sciknoweval_domain=Biology",
        "topk=0",
        "teacher_sync_every=5",
        "max_context_length=4096",
        "num_substeps=2",
        loop=LOOP,
    )
    settings, builder = parts(job)
    loss = "the command leaves cross-entropy there, which cannot be computed from advantages"
    assert_equal_but_for(settings, original, {"loss_fn": loss})
    assert_equal_but_for(builder, built[0], {})
