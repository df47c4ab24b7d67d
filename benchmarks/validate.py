"""How long recipes take to be accepted: one, a hundred, a thousand, and those at the limits.

    python benchmarks/validate.py [--repeat 5] [--limits]

Each recipe of the many extends a base, which extends another, reads a variable in a template, and
has four variants (a learning rate by a rank), each of which is checked as a recipe of its own: five
recipes in what is counted as one here. Cold: one process for all of them, its start included; what
a recipe takes is the difference to the process for one recipe. With `--limits` also recipes of
half the size that is allowed and of all of it: twice the time is linear, four times would not be.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import rows
import timing

ROOT = Path(__file__).parents[1]
RECIPE_RUN = Path(sys.executable).with_name("recipe-run")
NUMBERS = (1, 100, 1000)
LIMIT_MS = 5.0
# A recipe of the 1,000 may take so many times what one of the 100 takes, and growth be linear.
LINEAR_WITHIN = 1.2

COMMON = """\
version: 1
model: {name: Qwen/Qwen3-8B-Base, lora_rank: 32}
renderer: auto
checkpoint: {every: 25, ttl_days: 30}
logging: {dir: runs, wandb: {project: gem-tinker-cookbook}}
"""
BASE = """\
extends: common.yaml
method: rl
env: {kind: gem, id: math:Math12K, kwargs: {use_mp: false}, prompt: boxed}
rollout: {groups_per_batch: 64, group_size: 16, max_tokens: 2048}
loss: importance_sampling
optimizer: {learning_rate: 2e-5}
steps: 200
"""
RECIPE = """\
# yaml-language-server: $schema=../schemas/recipe.schema.json
extends: _base/gem_math.yaml
name: math-NUMBER
description: Math12K, seed NUMBER, over learning rate and rank
seed: NUMBER
tags: [math, sweep]
vars: {tokens: 1024}
rollout:
  max_tokens: "{{ vars.tokens }}"
variants:
  matrix:
    optimizer.learning_rate: [1e-5, 4e-5]
    model.lora_rank: [8, 32]
"""


def main() -> None:
    parser = rows.arguments(__doc__)
    parser.add_argument("--limits", action="store_true", help="recipes at the limits as well")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        works = [partial(accept, write_many(root / str(number), number)) for number in NUMBERS]
        taken = timing.in_turns(works, options.repeat, warm_up=1)
        print(f"one process: median (least – most) of {options.repeat}")
        for number, each in zip(NUMBERS, taken, strict=True):
            print(
                f"  {number:>5} recipes {median(each):8.3f} s  ({min(each):.3f} – {max(each):.3f})"
            )
        if options.limits:
            print_limits(root)
    rows.show(table(dict(zip(NUMBERS, taken, strict=True))), options.rows)


def write_many(directory: Path, number: int) -> Path:
    """Write that many recipes, with the two that they extend in `_base`, which is not searched."""
    parts = directory / "_base"
    parts.mkdir(parents=True)
    (parts / "common.yaml").write_text(COMMON, "utf-8")
    (parts / "gem_math.yaml").write_text(BASE, "utf-8")
    for index in range(number):
        text = RECIPE.replace("NUMBER", f"{index + 1}")
        (directory / f"math_{index:04}.yaml").write_text(text, "utf-8")
    return directory


def accept(path: Path) -> None:
    timing.process([RECIPE_RUN, "validate", path])


def table(taken: dict[int, list[float]]) -> list[rows.Row]:
    """Return the rows; a recipe's time is the median over rounds of that round's difference."""
    start = median(taken[1])
    each = {
        number: 1000 * median(map(partial(per_recipe, number), taken[number], taken[1]))
        for number in NUMBERS[1:]
    }
    found = [
        rows.Row(
            what="accept 1 recipe (extends, 4 variants), cold",
            against="itself",
            ours=f"{start:.3f} s",
            theirs="",
            ratio="the start, taken off below",
            goal="",
            met=True,
        )
    ]
    for number, milliseconds in each.items():
        growth = milliseconds / each[100]
        found.append(
            rows.Row(
                what=f"accept {number:,} recipes (extends, 4 variants each), cold",
                against="itself, 100 recipes" if number > 100 else "itself, 1 recipe",
                ours=f"{milliseconds:.2f} ms a recipe, {median(taken[number]):.2f} s in all",
                theirs=f"{each[100]:.2f} ms a recipe" if number > 100 else f"{start:.3f} s",
                ratio=f"{growth:.2f} times the time a recipe" if number > 100 else "after start",
                goal=f"below {LIMIT_MS:g} ms a recipe, linear (within {LINEAR_WITHIN:g} times)",
                met=milliseconds < LIMIT_MS and growth <= LINEAR_WITHIN,
            )
        )
    return found


def per_recipe(number: int, many: float, one: float) -> float:
    return (many - one) / (number - 1)


def print_limits(directory: Path) -> None:
    """Print processor seconds of recipes at half of a limit and at all of it, and the memory."""
    print(f"\n{'recipes at the limits':<30}{'half':>9}{'all':>9}{'growth':>8}{'memory':>10}")
    path = directory / "at_the_limit.yaml"
    empty, _ = cold(path, at_limit("", lambda index: "", 0))
    for what, make in LIMITS.items():
        (half, _), (whole, mebibytes) = (cold(path, make(share)) for share in (0.5, 1.0))
        # What takes hardly longer than an empty recipe says nothing about growth.
        seen = half - empty > 0.05
        growth = f"{(whole - empty) / (half - empty):.1f}" if seen else "-"
        print(f"{what:<30}{half:>7.2f} s{whole:>7.2f} s{growth:>8}{mebibytes:>6.0f} MiB")


def cold(path: Path, text: str) -> tuple[float, float]:
    """Return the processor seconds of a process for the recipe, and its memory at most in MiB."""
    path.write_text(text, "utf-8")
    child = subprocess.Popen([RECIPE_RUN, "validate", path], stderr=subprocess.PIPE)
    assert child.stderr is not None
    said = child.stderr.read()
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"not a valid recipe: {said.decode()[-500:]}")
    return used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def at_limit(head: str, line: Callable[[int], str], number: int) -> str:
    return COMMON + BASE.partition("\n")[2] + head + "".join(map(line, range(number)))


def of_bytes(head: str, line: Callable[[int], str], share: float) -> str:
    """Return a recipe with as many lines as fit into a share of 64 KiB."""
    room = share * 64 * 1024 - len(at_limit(head, line, 0))
    return at_limit(head, line, int(room / len(line(1000))))


LIMITS: dict[str, Callable[[float], str]] = {
    "64 KiB, a list": lambda share: of_bytes("tags:\n", lambda index: "  - some text\n", share),
    "64 KiB, comments": lambda share: of_bytes("", lambda index: "# not a word\n", share),
    "64 KiB, named variants": lambda share: of_bytes(
        "variants:\n", lambda index: f"  v{index:04}: {{seed: {index:04}, steps: 7}}\n", share
    ),
    "1,000 variants of a matrix": lambda share: at_limit(
        "variants:\n  matrix:\n    steps: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]\n    seed:\n",
        lambda index: f"      - {index}\n",
        int(share * 100),
    ),
    "500 templates": lambda share: at_limit(
        "vars: {word: x}\ntags:\n",
        lambda index: f'  - "{{{{ vars.word }}}}-{index}"\n',
        int(share * 500),
    ),
}  # fmt: skip


if __name__ == "__main__":
    main()
