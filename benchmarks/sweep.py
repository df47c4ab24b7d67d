"""What a sweep of many variants costs beside its runs: time, and memory a worker.

    python benchmarks/sweep.py                      64 variants against the same runs back to back
    python benchmarks/sweep.py --variants 16        fewer
    python benchmarks/sweep.py --kills              64 variants, the sweep killed twice in between
    python benchmarks/sweep.py --memory 1 10 50     that many workers at once, on one local server

All on the local backend, with short supervised runs. Seconds are this machine's: quote ratios.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from recipe_runner.sweeps.local import LocalExecutor, LocalWorker, local_executor
from recipe_runner.sweeps.metric import headline_metric
from recipe_runner.sweeps.record import VariantRecord, read_sweep
from recipe_runner.sweeps.sweep import Settings, Sweep
from recipe_runner.sweeps.variants import Variant, load_variants
from recipe_runner.sweeps.worker import Assignment

COMMAND = Path(sys.executable).with_name("recipe-run")

RECIPE = """\
version: 1
name: tiny
method: sft
backend: local
model: {{name: recipe-run/tiny, lora_rank: 8}}
data: {{kind: conversations, path: talks.jsonl}}
batch_size: 4
steps: {steps}
epochs: {steps}
optimizer: {{learning_rate: 1e-3}}
variants: {{matrix: {{seed: {seeds}}}}}
"""


def write(directory: Path, variants: int, steps: int) -> Path:
    line = {
        "messages": [
            {"role": "user", "content": "What is 1 + 2?"},
            {"role": "assistant", "content": "1 + 2 is 3."},
        ]
    }
    (directory / "talks.jsonl").write_text((json.dumps(line) + "\n") * 8)
    recipe = directory / "tiny.yaml"
    recipe.write_text(RECIPE.format(steps=steps, seeds=list(range(variants))))
    return recipe


@contextlib.contextmanager
def variants_of(count: int, steps: int) -> Iterator[list[Variant]]:
    """Variants in a directory of their own, which is the working directory meanwhile."""
    with tempfile.TemporaryDirectory() as name, contextlib.chdir(name):
        yield load_variants(write(Path(name), count, steps))[0]


class Clock:
    """Notes when the first variant begins, and when the last has ended."""

    def __init__(self) -> None:
        self.first = self.last = 0.0

    def changed(self, variant: VariantRecord) -> None:
        self.last = time.monotonic()
        self.first = self.first or self.last

    def refresh(self) -> None:
        """Between changes nothing is of interest."""


def begin(executor: LocalExecutor, variant: Variant) -> LocalWorker:
    assignment = Assignment(variant.plan.to_json(), variant.loaded.text, variant.loaded.files)
    return executor.start(assignment, Path(f"{variant.plan.recipe.name}.log"))


def overhead(count: int, steps: int) -> None:
    """The sweep, one variant at a time, and the same processes one after the other without it."""
    with variants_of(count, steps) as variants:
        metric = headline_metric([variants[0].plan])
        sweep, clock = Sweep(variants, Settings(max_parallel=1, metric=metric)), Clock()
        record = sweep.run(local_executor, clock)
        assert all(each.state == "done" for each in record.variants)
        swept = clock.last - clock.first
        at_work = sum(each.seconds for each in record.variants)
    with variants_of(count, steps) as variants:
        plans = [variant.plan for variant in variants]
        with local_executor(plans, Path.cwd(), 1) as executor:
            first: float | None = None
            for variant in variants:
                worker = begin(executor, variant)
                first = first or time.monotonic()
                while worker.exit_code is None:
                    executor.wait([worker], 60)
                assert worker.exit_code == 0
            plain = time.monotonic() - (first or 0)
    print(f"{count} runs of {steps} steps, one at a time, after the imports")
    print(f"  in a sweep        {swept:7.1f} s, of which {swept - at_work:.2f} s between the runs")
    print(f"  without it        {plain:7.1f} s   ratio {swept / plain:.3f}")
    print(f"  scheduling share  {(swept - at_work) / swept:7.2%}")


def memory(count: int) -> None:
    """All workers in the middle of their runs."""
    with variants_of(count, 100_000) as variants:
        plans = [variant.plan for variant in variants]
        with local_executor(plans, Path.cwd(), count) as executor:
            workers = [begin(executor, variant) for variant in variants]
            try:
                wait_until(lambda: len(list(Path.cwd().glob("runs/*/*/metrics.jsonl"))) == count)
                private, shared_out = [], []
                for worker in workers:
                    rollup = smaps(worker.pid)
                    private.append(rollup["Private_Clean"] + rollup["Private_Dirty"])
                    shared_out.append(rollup["Pss"])
            finally:
                for worker in workers:
                    worker.kill()
    each = sum(private) / count
    print(
        f"{count:4} workers: {each:6.0f} MiB private each (most: {max(private):.0f}), "
        f"{sum(shared_out):7.0f} MiB of all together (PSS)"
    )


def smaps(pid: int) -> dict[str, float]:
    """MiB by kind, of all of a process's memory."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    return {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines}


def kills(count: int, steps: int) -> None:
    """The command as a user starts it, SIGKILLed at a third and at two thirds."""
    with variants_of(count, steps):
        for share in (1 / 3, 2 / 3, None):
            command = [COMMAND, "sweep", "tiny.yaml"]
            process = subprocess.Popen(
                command, env={**os.environ, "HF_HUB_OFFLINE": "1"}, stdout=subprocess.DEVNULL
            )
            if share is not None:
                wait_until(partial(_is_done, share * count))
                process.send_signal(signal.SIGKILL)
                print(f"killed with {num_done()} of {count} done")
            code = process.wait()
        assert code == 0, code
        runs = list(Path.cwd().glob("runs/*/*/metrics.jsonl"))
        logged = [[json.loads(row)["step"] for row in run.read_text().splitlines()] for run in runs]
        print(f"{num_done()} of {count} done, in {len(runs)} runs")
        print(f"each has each of its {steps} steps once: {logged == [list(range(steps))] * count}")


def _is_done(goal: float) -> bool:
    return num_done() >= goal


def num_done() -> int:
    records = [read_sweep(file) for file in Path.cwd().glob("runs/.sweeps/*/sweep.json")]
    return sum(each.state == "done" for record in records if record for each in record.variants)


def wait_until(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--variants", type=int, default=64)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--kills", action="store_true")
    parser.add_argument("--memory", type=int, nargs="+", metavar="WORKERS")
    chosen = parser.parse_args()
    if chosen.memory:
        for count in chosen.memory:
            memory(count)
    elif chosen.kills:
        kills(chosen.variants, chosen.steps)
    else:
        overhead(chosen.variants, chosen.steps)


if __name__ == "__main__":
    main()
