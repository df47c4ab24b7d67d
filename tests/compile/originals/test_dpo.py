"""dpo.yaml against `tinker_cookbook.recipes.preference.dpo.train`."""

from __future__ import annotations

import pytest

from tests.compile.originals.originals import assert_equal_but_for, compiled, original_config

MODULE = "tinker_cookbook.recipes.preference.dpo.train"


@pytest.mark.parametrize("dataset", ["hhh", "helpsteer3", "ultrafeedback"])
def test_dpo(monkeypatch: pytest.MonkeyPatch, dataset: str) -> None:
    original = original_config(
        monkeypatch,
        MODULE,
        f"dataset={dataset}",
        loop="tinker_cookbook.preference.train_dpo:main",
    )
    assert_equal_but_for(compiled("dpo.yaml", variant=dataset), original, {})
