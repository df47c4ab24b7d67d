"""recipe-run against the same Cookbook configuration started directly, on the same server.

    python benchmarks/run_overhead.py [--steps 30] [--pairs 3]

Both train the shipped model for the same steps through one `recipe-run serve`, in turn. Prints the
wall time of the steps and the time from process start to the first step's end, as ratio and
difference of the medians. Quote those, not the seconds: machines differ and are noisy.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COMMAND = Path(sys.executable).with_name("recipe-run")

RECIPE = """\
version: 1
name: overhead
method: rl
backend: {{kind: remote, base_url: "{url}"}}
model: {{name: recipe-run/tiny, lora_rank: 32}}
renderer: qwen3_instruct
env: {{kind: gem, id: "rg:chain_sum", kwargs: {{min_terms: 2, max_terms: 2}}}}
rollout: {{groups_per_batch: 8, group_size: 8, max_tokens: 16}}
optimizer: {{learning_rate: 3e-4}}
steps: {steps}
checkpoint: {{every: 10}}
"""

DIRECT = """\
import asyncio, sys
from pathlib import Path
from tinker_cookbook.rl.train import Config, main
from tinker_cookbook.tokenizer_utils import register_tokenizer
from transformers import AutoTokenizer
import recipe_runner.backends.local.shipped as shipped
from recipe_runner.envs.gem import GemDatasetBuilder

url, log_path, steps = sys.argv[1], sys.argv[2], int(sys.argv[3])
tokenizer = AutoTokenizer.from_pretrained(str(Path(shipped.__file__).parent))
register_tokenizer("recipe-run/tiny", lambda: tokenizer)
asyncio.run(main(Config(
    log_path=log_path, model_name="recipe-run/tiny", recipe_name="overhead", base_url=url,
    renderer_name="qwen3_instruct", learning_rate=3e-4, lora_rank=32, max_tokens=16,
    eval_every=0, save_every=10, max_steps=steps,
    dataset_builder=GemDatasetBuilder(
        env_id="rg:chain_sum", kwargs={"min_terms": 2, "max_terms": 2}, prompt="boxed",
        wrappers=(), max_turns=None, dataset=None, model_name="recipe-run/tiny",
        renderer_name="qwen3_instruct", group_size=8, groups_per_batch=8, num_batches=steps,
        seed=0, eval_size=0),
)))
"""


def measure(command: list[str], cwd: Path, metrics: str) -> tuple[float, float]:
    """Return (seconds of all steps but the first, seconds from start to the first step's end)."""
    environment = {**os.environ, "TINKER_API_KEY": "tml-benchmark", "HF_HUB_OFFLINE": "1"}
    started = time.monotonic()
    process = subprocess.Popen(
        command, cwd=cwd, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    first = None
    while process.poll() is None:
        if first is None and any(path.stat().st_size for path in cwd.glob(metrics)):
            first = time.monotonic()
        time.sleep(0.01)
    if process.returncode or first is None:
        raise SystemExit(f"{command[0]} failed")
    (path,) = cwd.glob(metrics)
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return sum(row["time/total"] for row in rows[1:]), first - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--pairs", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        server = subprocess.Popen(
            [str(COMMAND), "serve", "--store", f"{directory}/store"],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        try:
            compare(url, Path(directory), arguments.steps, arguments.pairs)
        finally:
            server.terminate()
            server.wait()


def compare(url: str, directory: Path, steps: int, pairs: int) -> None:
    ours: list[tuple[float, float]] = []
    direct: list[tuple[float, float]] = []
    for pair in range(pairs):
        a, b = directory / f"a{pair}", directory / f"b{pair}"
        a.mkdir()
        b.mkdir()
        (a / "recipe.yaml").write_text(RECIPE.format(url=url, steps=steps))
        ours.append(measure([str(COMMAND), "recipe.yaml"], a, "runs/*/*/metrics.jsonl"))
        script = [sys.executable, "-c", DIRECT, url, str(b / "log"), str(steps)]
        direct.append(measure(script, b, "log/metrics.jsonl"))
    loop_ours = statistics.median(seconds for seconds, _ in ours)
    loop_direct = statistics.median(seconds for seconds, _ in direct)
    start_ours = statistics.median(seconds for _, seconds in ours)
    start_direct = statistics.median(seconds for _, seconds in direct)
    print(f"{steps - 1} steps: recipe-run {loop_ours:.2f} s, direct {loop_direct:.2f} s,", end=" ")
    print(f"ratio {loop_ours / loop_direct:.3f}")
    print(f"first step done: recipe-run {start_ours:.2f} s, direct {start_direct:.2f} s,", end=" ")
    print(f"difference {start_ours - start_direct:+.2f} s")


if __name__ == "__main__":
    main()
