"""shorter.yaml against `tinker_cookbook.recipes.preference.shorter.train`."""

from __future__ import annotations

import pytest

from tests.compile.originals.originals import assert_equal_but_for, compiled, original_config

DIFFERENCES = {
    "dataset_builder.class": "asks for a group's verdicts at once, and counts ties",
    "eval_every": "there is nothing to evaluate on, so the original's 5 does nothing",
}


def test_shorter(monkeypatch: pytest.MonkeyPatch) -> None:
    original = original_config(
        monkeypatch,
        "tinker_cookbook.recipes.preference.shorter.train",
        loop="tinker_cookbook.rl.train:main",
    )
    assert_equal_but_for(compiled("shorter.yaml"), original, DIFFERENCES)
