"""What an original command would have run: its module is called with the loop taken out."""

from __future__ import annotations

import asyncio
import importlib
import inspect
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import chz
import pytest

from recipe_runner.compile import Job, Target, compile_plan
from recipe_runner.compile.export import to_json_tree
from recipe_runner.language import load
from recipe_runner.planning.plan import Served
from recipe_runner.planning.resolve import make_plan

ROOT = Path(__file__).parents[3]

# Where a run is kept and what it is called, which every recipe decides for itself.
NAMES = {
    "log_path": "the run's directory",
    "recipe_name": "says that recipe-run started it",
    "session_name": "the recipe's name",
    "wandb_name": "the recipe's name",
}


class _Captured(BaseException):
    """Carries the configuration out of the original's main function."""

    def __init__(self, config: Any) -> None:
        self.config = config


def original_config(
    monkeypatch: pytest.MonkeyPatch,
    module: str,
    *arguments: str,
    loop: str,
    main: str = "cli_main",
    cli_config: str = "CLIConfig",
) -> Any:
    """Return the configuration that `python -m module key=value…` hands to its training loop.

    loop: the loop's function as it is looked up, `module:name`, such as
    `tinker_cookbook.rl.train:main`, or the name in the original's own module where it was
    imported from there.
    """
    original = importlib.import_module(module)
    place, _, name = loop.partition(":")

    def capture(config: Any, *_: Any, **__: Any) -> None:
        raise _Captured(config)

    monkeypatch.setattr(importlib.import_module(place), name, capture)
    # Its question whether to overwrite what is there is not for a test.
    monkeypatch.setattr("tinker_cookbook.cli_utils.check_log_dir", lambda *_, **__: None)
    config = chz.Blueprint(getattr(original, cli_config)).make_from_argv(list(arguments))
    start = getattr(original, main)
    try:
        result = start(config)
        if inspect.iscoroutine(result):
            asyncio.run(result)
    except _Captured as captured:
        return captured.config
    raise AssertionError(f"{module} did not call {loop}")


def compiled(
    recipe: str, *overrides: str, variant: str | None = None, stage: str | None = None
) -> Job:
    """Return what a shipped recipe compiles to, `recipe` relative to recipes/."""
    loaded = load(ROOT / "recipes" / recipe, overrides=overrides, variant=variant)
    plan = make_plan(loaded, Served(kind="hosted", note=""))
    if stage is not None:
        plan = plan.stages[stage]
    return compile_plan(plan, Target(log_path=Path("runs/here")))


def assert_equal_but_for(job: Job, original: Any, expected: Mapping[str, str]) -> None:
    """Assert that two configurations differ in the listed fields, and in no others.

    expected: dotted field -> why it differs. `NAMES` are left out of the comparison.
    """
    ours = to_json_tree(job)["config"]
    theirs = to_json_tree(Job(entry="", config=original))["config"]
    differing = {
        key
        for key in _leaves(ours).keys() | _leaves(theirs).keys()
        if _leaves(ours).get(key) != _leaves(theirs).get(key)
    }
    named = {key for key in differing if key in NAMES}
    unexpected = {
        key: (_leaves(ours).get(key, "absent"), _leaves(theirs).get(key, "absent"))
        for key in differing - named
        if not _listed(key, expected)
    }
    assert not unexpected, f"recipe, original: {unexpected}"
    stale = {key for key in expected if not any(_listed(d, {key: ""}) for d in differing)}
    assert not stale, f"no longer differ: {stale}"


def _listed(key: str, expected: Mapping[str, str]) -> bool:
    return any(key == listed or key.startswith(f"{listed}.") for listed in expected)


def _leaves(tree: Any, prefix: str = "") -> dict[str, Any]:
    if isinstance(tree, dict) and tree:
        found: dict[str, Any] = {}
        for key, value in tree.items():
            found |= _leaves(value, f"{prefix}.{key}" if prefix else str(key))
        return found
    return {prefix: tree}
