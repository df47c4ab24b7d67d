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

from recipe_runner.language import load
from recipe_runner.planning.plan import Served
from recipe_runner.planning.resolve import make_plan
from recipe_runner.runs.directory import RunDirectory

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
# Installed, imported at a start whatever else is, or looked for by libraries that do without.
OTHERS = {
    *(sys.stdlib_module_names - {"this", "antigravity"}),
    *("schemas", "recipe_runner", "click", "pydantic", "ruamel", "jinja2", "yaml", "tinker", "gem"),
    *("tinker_cookbook", "datasets", "torch", "transformers", "numpy", "reasoning_gym", "pandas"),
    *("sitecustomize", "usercustomize"),
    *("numexpr", "bottleneck", "cython", "IPython", "sklearn", "tensorflow", "flax", "deepspeed"),
}


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


@pytest.fixture
def a_run(theirs: Path) -> RunDirectory:
    """A run on record of a recipe that names code."""
    loaded = load(theirs / "env.yaml", overrides=[f"logging.dir={theirs / 'runs'}"])
    plan = make_plan(loaded, Served(kind="hosted", note=""))
    return RunDirectory.create(plan, loaded.text, loaded.files)


def test_looking_at_recipes_imports_nothing_that_they_name(
    theirs: Path, a_run: RunDirectory
) -> None:
    done = run(["validate", *(f"{name}.yaml" for name in CODE)], theirs)
    assert (done.returncode, done.stderr) == (0, f"{len(CODE)} recipes are valid\n")
    for name in ("env", "stage"):
        assert run(["variants", f"{name}.yaml"], theirs).stdout == "a\nb\n"
    for look in (["list"], ["show", a_run.path.name]):
        assert a_run.path.name in run(["runs", *look], theirs).stdout


@pytest.mark.parametrize("name", CODE)
def test_a_plan_imports_nothing_that_it_names(theirs: Path, name: str) -> None:
    done = run(["plan", f"{name}.yaml", "--no-estimate"], theirs)
    assert done.returncode == 0, done.stderr
    assert f"plan of {name}.yaml" in done.stdout


def test_neither_an_estimate_nor_an_export_imports_what_a_recipe_names(theirs: Path) -> None:
    (theirs / "judge.yaml").write_text(CODE["judge"])
    for arguments in (["plan", "judge.yaml"], ["export", "env.yaml"]):
        done = run(arguments, theirs)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "command",
    [
        "validate recipe.yaml",
        "plan recipe.yaml --no-estimate",
        "plan recipe.yaml",
        "export recipe.yaml",
        "recipe.yaml --backend local --set model.name=recipe-run/tiny",
    ],
)
def test_a_recipe_that_names_no_code_imports_nothing_that_lies_beside_it(
    theirs: Path, command: str
) -> None:
    for name in OTHERS:
        write_trap(theirs / f"{name}.py")
    (theirs / "recipe.yaml").write_text(RL + GEM)
    done = run(command.split(), theirs)
    assert done.returncode == 0, done.stderr
