"""Fixtures that every folder uses: recipes as files, and loaded."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("HF_HUB_OFFLINE", "1")

# A suite started in the background of a script inherits an ignored Ctrl-C, and so would every
# process that a test starts and interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# The same examples every time, as a change is judged by these; `make fuzz` looks for new ones.
# No deadlines: a busy machine is slow.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("search", derandomize=False, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeatable"))

ROOT = Path(__file__).parent.parent
pytest_plugins = ["tests.browser", "tests.e2e.command", "tests.e2e.preflight_table"]

RL_RECIPE = """\
version: 1
name: sums
method: rl
model: {name: Qwen/Qwen3-8B-Base}
env: {kind: gem, id: "rg:chain_sum", kwargs: {min_terms: 2, max_terms: 2}}
rollout: {groups_per_batch: 4, group_size: 2, max_tokens: 16}
optimizer: {learning_rate: 1e-3}
steps: 3
"""

SFT_RECIPE = """\
version: 1
name: talks
method: sft
model: {name: Qwen/Qwen3-8B-Base}
data: {kind: conversations, path: talks.jsonl}
batch_size: 2
"""

CONVERSATION = (
    '{"messages": [{"role": "user", "content": "What is 1 + 2?"},'
    ' {"role": "assistant", "content": "1 + 2 is 3."}]}\n'
)


@pytest.fixture
def root() -> Path:
    """The project's root directory."""
    return ROOT


@pytest.fixture
def write_recipe(tmp_path: Path) -> Callable[..., Path]:
    """Write a recipe, with the data file that `SFT_RECIPE` names beside it."""

    def write(text: str = RL_RECIPE, name: str = "recipe.yaml") -> Path:
        (tmp_path / "talks.jsonl").write_text(CONVERSATION * 8)
        path = tmp_path / name
        path.write_text(text)
        return path

    return write
