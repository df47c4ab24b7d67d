"""code_rl.yaml against the Cookbook's command."""

from __future__ import annotations

from typing import Any

import pytest

from tests.compile.originals.originals import assert_equal_but_for, compiled, original_config

MODULE = "tinker_cookbook.recipes.code_rl.train"
OURS = {
    "dataset_builder.class": "the Cookbook's, with local files and a sandbox tried beforehand",
    "dataset_builder.sandbox": "where programs run; the Cookbook has no name for isolated",
    "dataset_builder.memory_mb": "of isolated programs",
    "dataset_builder.allow_unsafe": "of isolated programs",
    "rollout_error_tolerance": "the model's default, which for these is the original's False",
}


def original(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Any:
    return original_config(monkeypatch, MODULE, *arguments, loop=f"{MODULE}:main")


def test_code_rl(monkeypatch: pytest.MonkeyPatch) -> None:
    assert_equal_but_for(compiled("code_rl.yaml"), original(monkeypatch), OURS)


@pytest.mark.parametrize("sandbox", ["sandboxfusion", "modal"])
def test_the_cookbooks_sandboxes(monkeypatch: pytest.MonkeyPatch, sandbox: str) -> None:
    job = compiled("code_rl.yaml", f"env.sandbox={sandbox}")
    assert_equal_but_for(job, original(monkeypatch, f"sandbox_backend={sandbox}"), OURS)


def test_the_command_of_its_readme(monkeypatch: pytest.MonkeyPatch) -> None:
    command = original(
        monkeypatch,
        "model_name=Qwen/Qwen3.5-4B",
        "group_size=8",
        "groups_per_batch=128",
        "learning_rate=4e-5",
        "lora_rank=32",
        "max_tokens=24576",
    )
    job = compiled(
        "code_rl.yaml",
        "model.name=Qwen/Qwen3.5-4B",
        "rollout={groups_per_batch: 128, group_size: 8, max_tokens: 24576}",
        "optimizer.learning_rate=4e-5",
    )
    assert_equal_but_for(job, command, OURS)
