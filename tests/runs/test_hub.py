"""The revisions of what a recipe names on the hub."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from huggingface_hub import constants

from recipe_runner.language import load
from recipe_runner.runs.hub import hub_revisions
from tests.conftest import SFT_RECIPE


def test_what_is_in_the_cache_is_on_record_by_commit(
    write_recipe: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    text = SFT_RECIPE.replace(
        "{kind: conversations, path: talks.jsonl}", "{kind: huggingface, dataset: no_robots}"
    )
    recipe = load(write_recipe(text)).recipe
    assert hub_revisions([recipe]) == {}
    for name, commit in (("datasets--HuggingFaceH4--no_robots", "abc"), ("models--other--x", "d")):
        (tmp_path / name / "refs").mkdir(parents=True)
        (tmp_path / name / "refs" / "main").write_text(commit)
    assert hub_revisions([recipe]) == {"datasets/HuggingFaceH4/no_robots": "abc"}
    (tmp_path / "models--Qwen--Qwen3-8B-Base" / "refs").mkdir(parents=True)
    (tmp_path / "models--Qwen--Qwen3-8B-Base" / "refs" / "main").write_text("def\n")
    assert hub_revisions([recipe])["models/Qwen/Qwen3-8B-Base"] == "def"
