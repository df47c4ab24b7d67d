"""The catalog's facts are the installed Cookbook's."""

from __future__ import annotations

import json

import pytest
from tinker_cookbook import model_info

from recipe_runner.catalog import models, refresh_models


def test_data_is_what_the_installed_packages_say() -> None:
    shipped = json.loads((refresh_models.DATA / "models.json").read_text("utf-8"))
    assert shipped == refresh_models.build()


@pytest.mark.parametrize("name", sorted(set(models.models()) - {models.SHIPPED_MODEL}))
def test_first_renderer_is_the_recommended_one(name: str) -> None:
    facts = models.find(name)
    assert facts is not None
    assert facts.renderers[0] == model_info.get_recommended_renderer_name(name)


def test_a_suffix_keeps_the_facts_and_sets_the_context() -> None:
    facts = models.find("openai/gpt-oss-120b:peft:131072")
    assert facts is not None
    assert facts.context == 131072
    assert facts.renderers == models.models()["openai/gpt-oss-120b"].renderers


def test_unknown_models_have_near_names() -> None:
    assert models.find("Qwen/Qwen3-8B-Bas") is None
    assert "Qwen/Qwen3-8B-Base" in models.near_names("qwen/qwen3-8b-bas")
