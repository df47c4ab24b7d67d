"""Commands that only look at a recipe run nothing of what lies beside it.

Each starts the installed command in a directory that somebody else wrote.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

COMMAND = Path(sys.executable).with_name("recipe-run")
MARKER = "imported.txt"
# Any import of a module of theirs leaves its name behind.
TRAP = f"""\
import os
with open(os.path.join({{here!r}}, {MARKER!r}), "a") as file:
    file.write(__name__ + "\\n")
def __getattr__(name):
    raise AttributeError(name)
"""

RL = """\
version: 1
method: rl
model: {name: Qwen/Qwen3-8B-Base}
rollout: {groups_per_batch: 2, group_size: 2, max_tokens: 16}
optimizer: {learning_rate: 1e-3}
steps: 1
"""
GEM = 'env: {kind: gem, id: "rg:chain_sum"}\n'
TALKS = "data: {kind: conversations, path: talks.jsonl}\n"
SFT = "version: 1\nmethod: sft\nmodel: {name: Qwen/Qwen3-8B-Base}\nbatch_size: 2\n"
CODE = {
    "env": RL + "env: {kind: custom, builder: trap:build}\n",
    "judge": RL + "env: {kind: preference, data: {kind: prompts, path: prompts.jsonl}, "
    "judge: {kind: custom, builder: trap:build}}\n",
    "verifiers": RL + "env: {kind: verifiers, id: trap}\n",
    "data": SFT + "data: {kind: custom, builder: trap:build}\n",
    "evaluator": SFT + TALKS + "eval: {every: 1, evaluators: [{kind: custom, builder: trap:b}]}\n",
    "inspect": "version: 1\nmethod: eval\nmodel: {name: Qwen/Qwen3-8B}\n"
    "evaluators: [{kind: inspect, tasks: [theirs], file: trap.py}]\n",
    "loss": RL.replace("method: rl", "method: reinforce").replace(
        "rollout: {groups_per_batch: 2, group_size: 2, max_tokens: 16}",
        "episodes_per_batch: 2\nmax_tokens: 16",
    )
    + GEM
    + "loss: {custom: trap:loss}\n",
    "stage": "version: 1\nmethod: pipeline\nstages:\n  a: {recipe: env.yaml}\n",
}
OURS = (
    *("json", "torch", "schemas", "recipe_runner", "sitecustomize", "usercustomize", "click"),
    *("pydantic", "ruamel", "jinja2", "yaml", "tinker", "tinker_cookbook", "gem", "datasets"),
    *("transformers", "numpy", "typing", "subprocess", "reasoning_gym", "asyncio", "logging"),
)


@pytest.fixture
def theirs(tmp_path: Path) -> Iterator[Path]:
    """A directory with recipes that name code, and modules that note their import."""
    for name, text in CODE.items():
        (tmp_path / f"{name}.yaml").write_text(text + "variants: {a: {seed: 1}, b: {seed: 2}}\n")
    (tmp_path / "talks.jsonl").write_text(
        '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}\n'
        * 4
    )
    (tmp_path / "prompts.jsonl").write_text('{"prompt": "a"}\n' * 4)
    write_trap(tmp_path / "trap.py")
    yield tmp_path
    assert not (tmp_path / MARKER).exists(), (tmp_path / MARKER).read_text()


def write_trap(path: Path) -> None:
    path.write_text(TRAP.format(here=str(path.parent)))


def run(arguments: list[str], here: Path) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "TINKER_API_KEY")}
    return subprocess.run(
        [str(COMMAND), *arguments], cwd=here, env=environment, capture_output=True, text=True
    )


def test_looking_at_recipes_imports_nothing_that_they_name(theirs: Path) -> None:
    done = run(["validate", "."], theirs)
    assert done.returncode == 0, done.stderr
    assert f"{len(CODE)} recipes are valid" in done.stderr
    for name in CODE:
        assert run(["variants", f"{name}.yaml"], theirs).stdout == "a\nb\n"
