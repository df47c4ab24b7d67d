"""verifiers.yaml against the Cookbook's verifiers_rl."""

from __future__ import annotations

import asyncio
from typing import Any

import chz
import pytest
from tinker_cookbook.recipes.verifiers_rl import train as original_module
from tinker_cookbook.rl import rollouts

from tests.compile.originals.originals import assert_equal_but_for, compiled

DIFFERENCES = {
    "rollout_error_tolerance": "plays the groups, where the original replaces a function of the "
    "Cookbook's in its module",
    "dataset_builder.class": "a subclass, which says how to install what is missing",
}
STEPS = {"dataset_builder.num_batches": "the recipe's `steps`, for more than one pass"}


def original(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Any:
    configs: list[Any] = []

    async def capture(config: Any) -> None:
        configs.append(config)

    monkeypatch.setattr("tinker_cookbook.rl.train.main", capture)
    monkeypatch.setattr("tinker_cookbook.cli_utils.check_log_dir", lambda *_, **__: None)
    # The original replaces it for good; this puts it back.
    monkeypatch.setattr(rollouts, "do_group_rollout", rollouts.do_group_rollout)
    arguments_config = chz.Blueprint(original_module.CLIConfig).make_from_argv(list(arguments))
    asyncio.run(original_module.cli_main(arguments_config, None))
    return configs[0]


def test_the_variant_hub_is_the_original(monkeypatch: pytest.MonkeyPatch) -> None:
    job = compiled("verifiers.yaml", variant="hub")
    assert_equal_but_for(job, original(monkeypatch), DIFFERENCES)


def test_the_recipe_itself_plays_an_environment_beside_it(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = original(monkeypatch, "vf_env_id=modules.reversed-words", "max_steps=32")
    assert_equal_but_for(compiled("verifiers.yaml"), theirs, DIFFERENCES | STEPS)


def test_nothing_of_the_cookbook_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    before = rollouts.do_group_rollout
    compiled("verifiers.yaml")
    assert rollouts.do_group_rollout is before
