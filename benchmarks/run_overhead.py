"""recipe-run against the same Cookbook configuration started directly, on the same server.

    python benchmarks/run_overhead.py [--repeat 5] [--steps 100]

Both run the Cookbook's own `rl.train` on the shipped model for the same steps, with the same
environment, through one `recipe-run serve`: one after the other, the order changing from pair to
pair. The learning rate is next to nothing, so that replies keep their length and each step is the
same work. The first step is left out, whose end also says how long a start takes.

Wall time of a loop is noisier than the goal: between runs of the very same program it differs by
several per cent. So it is shown with the spread of the pairs, and beside it what noise hardly
touches: the processor time of the client, its environment workers included, which is all that
recipe-run could add to. Takes about six minutes.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from pathlib import Path

import rows
from processes import COMMAND, Taken, serving, timed_loop

GOAL = 1.02

RECIPE = """\
version: 1
name: overhead
method: rl
backend: {{kind: remote, base_url: "{url}"}}
model: {{name: recipe-run/tiny, lora_rank: 32}}
renderer: qwen3_instruct
env: {{kind: gem, id: "rg:chain_sum", kwargs: {{min_terms: 2, max_terms: 2}}}}
rollout: {{groups_per_batch: 8, group_size: 4, max_tokens: 8}}
optimizer: {{learning_rate: 1e-9}}
steps: {steps}
checkpoint: {{every: 50}}
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
    renderer_name="qwen3_instruct", learning_rate=1e-9, lora_rank=32, max_tokens=8,
    eval_every=0, save_every=50, max_steps=steps,
    dataset_builder=GemDatasetBuilder(
        env_id="rg:chain_sum", kwargs={"min_terms": 2, "max_terms": 2}, prompt="boxed",
        wrappers=(), max_turns=None, dataset=None, model_name="recipe-run/tiny",
        renderer_name="qwen3_instruct", group_size=4, groups_per_batch=8, num_batches=steps,
        seed=0, eval_size=0),
)))
"""


def main() -> None:
    parser = rows.arguments(__doc__)
    parser.add_argument("--steps", type=int, default=100)
    given = parser.parse_args()
    os.environ |= {"TINKER_API_KEY": "tml-benchmark", "HF_HUB_OFFLINE": "1"}
    with tempfile.TemporaryDirectory() as directory, serving(Path(directory, "store")) as url:
        ours, direct = compare(url, Path(directory), given.steps + 1, given.repeat)
    start = statistics.median(each.start for each in ours)
    direct_start = statistics.median(each.start for each in direct)
    print(f"first step done: {start:.1f} s and {direct_start:.1f} s")
    what = f"overhead over {given.steps} RL steps"
    wall = row(f"{what}: wall time", [x.wall for x in ours], [x.wall for x in direct])
    used = [[each.processor for each in way] for way in (ours, direct)]
    rows.show([wall, row(f"{what}: processor time of the client", *used)], given.rows)


def compare(url: str, directory: Path, steps: int, pairs: int) -> tuple[list[Taken], list[Taken]]:
    """Run both in turns; the first pair warms the server up and is not counted."""
    ours: list[Taken] = []
    direct: list[Taken] = []
    for pair in range(-1, pairs):
        ways = [(ours, _start_ours), (direct, _start_direct)]
        found = []
        for into, start in ways if pair % 2 else reversed(ways):
            taken = start(url, directory / f"{start.__name__}{pair}", steps if pair >= 0 else 3)
            found.append((into, taken))
        if pair < 0:
            continue
        for into, taken in found:
            into.append(taken)
        print(
            f"pair {pair + 1}: recipe-run {ours[-1].wall:.2f} s and {ours[-1].processor:.2f} s of "
            f"processor, direct {direct[-1].wall:.2f} s and {direct[-1].processor:.2f} s",
            flush=True,
        )
    return ours, direct


def _start_ours(url: str, here: Path, steps: int) -> Taken:
    here.mkdir()
    (here / "recipe.yaml").write_text(RECIPE.format(url=url, steps=steps))
    return timed_loop([COMMAND, "recipe.yaml"], here, "runs/*/*/metrics.jsonl", steps)


def _start_direct(url: str, here: Path, steps: int) -> Taken:
    here.mkdir()
    script = [sys.executable, "-c", DIRECT, url, str(here / "log"), str(steps)]
    return timed_loop(script, here, "log/metrics.jsonl", steps)


def row(what: str, ours: list[float], direct: list[float]) -> rows.Row:
    """Return the row of the median of the pairs' ratios, with their spread."""
    ratios = sorted(a / b for a, b in zip(ours, direct, strict=True))
    middle = statistics.median(ratios)
    return rows.Row(
        what=f"{what}, warm",
        against="the Cookbook alone",
        ours=f"{statistics.median(ours):.2f} s",
        theirs=f"{statistics.median(direct):.2f} s",
        ratio=f"{middle - 1:+.1%} (pairs {ratios[0] - 1:+.1%} to {ratios[-1] - 1:+.1%})",
        goal="below +2 %",
        met=middle < GOAL,
    )


if __name__ == "__main__":
    main()
