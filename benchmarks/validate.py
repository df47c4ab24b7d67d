"""How long a mistake in a recipe takes to be found, beside the Cookbook's own command line.

    python benchmarks/validate.py [--repeat 5]

Prints wall and processor seconds (the least of all repeats, which a busy machine disturbs least) of
a cold process each, of 200 recipes in one process, and of a recipe with 500 variants. Nothing is
sent anywhere.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
BAD = ROOT / "tests" / "fixtures" / "bad" / "misspelled-key.yaml"
VALIDATE = "from recipe_runner.cli import main; main(['validate', {path!r}])"
COLD = {
    "python, nothing imported": ["-c", "pass"],
    "import pydantic": ["-c", "import pydantic"],
    "recipe-run validate, a valid recipe": [
        "-c",
        VALIDATE.format(path="recipes/quickstart.yaml"),
    ],
    "recipe-run validate, a misspelled key": ["-c", VALIDATE.format(path=str(BAD))],
    "Cookbook math_rl.train, a misspelled key": [
        *("-m", "tinker_cookbook.recipes.math_rl.train"),
        "group_sise=4",
    ],
}
MATRIX = """
vars: {size: 4}
variants:
  matrix:
    optimizer.learning_rate: [1e-5, 2e-5, 3e-5, 4e-5, 5e-5]
    model.lora_rank: [4, 8, 16, 32, 64]
    rollout.group_size: [2, "{{ vars.size }}", "{{ vars.size * 2 }}", 16]
    seed: [0, 1, 2, 3, 4]
"""


def cold(arguments: list[str], repeat: int) -> tuple[float, float]:
    """Return the least wall and processor seconds of a process."""
    walls, cpus = [], []
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    for _ in range(repeat):
        before, started = os.times(), time.perf_counter()
        subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            timeout=120,
        )
        walls.append(time.perf_counter() - started)
        after = os.times()
        cpus.append(
            after.children_user - before.children_user
            + after.children_system - before.children_system
        )  # fmt: skip
    return min(walls), min(cpus)


def many(number: int) -> tuple[float, float]:
    """Return the seconds that one process takes for that many recipes, its start included."""
    recipe = (ROOT / "recipes" / "gem_math.yaml").read_text("utf-8")
    with tempfile.TemporaryDirectory() as directory:
        for index in range(number):
            text = recipe.replace("name: gem-math", f"name: gem-math-{index}")
            Path(directory, f"{index}.yaml").write_text(text)
        return cold(["-c", VALIDATE.format(path=directory)], 3)


def variants() -> tuple[float, float]:
    """Return the seconds that a recipe with 500 variants takes, every one of them checked."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory, "many.yaml")
        path.write_text((ROOT / "recipes" / "gem_reasoning_gym.yaml").read_text("utf-8") + MATRIX)
        return cold(["-c", VALIDATE.format(path=str(path))], 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeat", type=int, default=5)
    repeat = parser.parse_args().repeat
    print(f"{'cold process':<44}{'wall s':>8}{'cpu s':>8}")
    results = {}
    for name, arguments in COLD.items():
        wall, cpu = cold(arguments, repeat if "Cookbook" not in name else 2)
        results[name] = wall
        print(f"{name:<44}{wall:>8.3f}{cpu:>8.3f}")
    *_, ours, theirs = results.values()
    print(f"ours as a part of the Cookbook's: {ours / theirs:.3f}")
    wall, cpu = many(200)
    print(f"{'200 recipes in one process':<44}{wall:>8.3f}{cpu:>8.3f}")
    wall, cpu = variants()
    print(f"{'a recipe with 500 variants':<44}{wall:>8.3f}{cpu:>8.3f}")


if __name__ == "__main__":
    main()
