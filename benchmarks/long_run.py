"""Whether a long run stays as it began: memory and step time over 1,000 steps of learning.

    python benchmarks/long_run.py [--steps 1000]

One real `recipe-run` of `method: rl` on the local backend, at a small shape. The memory of the run,
of its server and of the environment's workers is read twice a second, and their processor time,
which other work on the machine hardly touches. The first tenth is left out: caches fill, allocators
find their size. Through the rest a line is fitted by Theil and Sen's method (the median of the
slopes of all pairs, which outliers do not move), and what it comes to from end to end is shown.
Takes about five minutes.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import processes
import rows

RECIPE = """\
version: 1
name: long
method: rl
backend: local
model: {{name: recipe-run/tiny, lora_rank: 32}}
env: {{kind: gem, id: "rg:chain_sum", kwargs: {{min_terms: 2, max_terms: 2, max_digits: 1}}}}
rollout: {{groups_per_batch: 4, group_size: 4, max_tokens: 8}}
optimizer: {{learning_rate: 1e-5}}
steps: {steps}
checkpoint: {{every: 100}}
"""
LEFT_OUT = 0.1
READ_EVERY_S = 0.5
STEPS_APART = 10
# What a line may come to over 900 steps.
MOST_MB, MOST_TIME = 10.0, 0.05
_POINTS = 300


@dataclass
class Reading:
    """A quantity along the steps of a run."""

    steps: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def add(self, step: float, value: float) -> None:
        self.steps.append(step)
        self.values.append(value)

    def after(self, step: float) -> Reading:
        kept = [(s, v) for s, v in zip(self.steps, self.values, strict=True) if s >= step]
        return Reading([s for s, _ in kept], [v for _, v in kept])

    def change(self) -> float:
        """Return what the fitted line comes to from the first step to the last."""
        # Of so many points that all pairs can be looked at.
        every = max(1, len(self.steps) // _POINTS)
        steps, values = self.steps[::every], self.values[::every]
        slopes = [
            (values[b] - values[a]) / (steps[b] - steps[a])
            for b in range(len(steps))
            for a in range(b)
            if steps[b] > steps[a]
        ]
        return statistics.median(slopes) * (steps[-1] - steps[0])


def main() -> None:
    parser = rows.arguments(__doc__, repeat=1)
    parser.add_argument("--steps", type=int, default=1_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        here = Path(name)
        (here / "long.yaml").write_text(RECIPE.format(steps=given.steps))
        memory, processor = run(here)
        (metrics,) = here.glob("runs/long/*/metrics.jsonl")
        times = step_times(metrics)
        disk(here, metrics.parent, given.steps)
    first = LEFT_OUT * given.steps
    what = f"{given.steps:,} RL steps"
    found = [
        time_row(f"{what}: wall time of a step", times.after(first)),
        time_row(f"{what}: processor time of a step", processor.after(first)),
    ]
    found += [
        memory_row(f"{what}: memory of the {who}", each.after(first), given.steps)
        for who, each in memory.items()
    ]
    rows.show(found, given.rows)


def run(here: Path) -> tuple[dict[str, Reading], Reading]:
    """Run the recipe to its end.

    Returns:
        MiB by kind of process, and the seconds of processor time that all of them take for a step.
    """
    command = [str(processes.COMMAND), "long.yaml"]
    memory = {"run": Reading(), "server": Reading(), "workers": Reading()}
    total = Reading()
    with (here / "said.txt").open("w+") as said:
        process = subprocess.Popen(command, cwd=here, stdout=subprocess.DEVNULL, stderr=said)
        while process.poll() is None:
            time.sleep(READ_EVERY_S)
            steps = sum(_rows_of(path) for path in here.glob("runs/long/*/metrics.jsonl"))
            if steps:
                _read(process.pid, steps, memory, total)
        if process.returncode:
            said.seek(0)
            raise SystemExit(f"the run ended with {process.returncode}: {said.read()}")
    return memory, _each_step(total)


def _read(pid: int, steps: int, memory: dict[str, Reading], total: Reading) -> None:
    """Add what the processes use; the server is a fork of the run, under its command line."""
    now = dict.fromkeys(memory, 0.0)
    tree = processes.tree(pid)
    for each, command in tree.items():
        kind = "run" if each == pid else "workers" if "gem.worker" in command else "server"
        now[kind] += processes.resident_mb(each)
    if not all(now.values()):
        return  # the server and the workers end before the run does
    for kind, value in now.items():
        memory[kind].add(steps, value)
    total.add(steps, sum(map(processes.processor_seconds, tree)))


def _each_step(total: Reading) -> Reading:
    """Return what a step takes, from readings of all that was taken, some steps apart."""
    found = Reading()
    before = 0
    for at, step in enumerate(total.steps):
        steps = step - total.steps[before]
        if steps >= STEPS_APART:
            found.add(step, (total.values[at] - total.values[before]) / steps)
            before = at
    return found


def _rows_of(path: Path) -> int:
    return path.read_bytes().count(b"\n")


def step_times(metrics: Path) -> Reading:
    found = Reading()
    for line in metrics.read_text().splitlines():
        row = json.loads(line)
        found.add(row["step"], row["time/total"])
    return found


def disk(here: Path, run_directory: Path, steps: int) -> None:
    """Print what the run left on the disk."""
    print(f"on disk, a step: {_bytes(run_directory) / steps / 1e3:.1f} kB, of which")
    kinds: dict[str, int] = {}
    for path in run_directory.rglob("*"):
        if path.is_file():
            kinds[path.name] = kinds.get(path.name, 0) + path.stat().st_size
    for kind, size in sorted(kinds.items(), key=lambda item: -item[1])[:8]:
        print(f"  {kind:32} {size / steps / 1e3:8.1f} kB")
    stored = list((here / "runs" / ".local").rglob("*.safetensors"))
    print(f"checkpoints: {len(stored)} files, {sum(p.stat().st_size for p in stored) / 1e6:.1f} MB")


def _bytes(directory: Path) -> int:
    return sum(path.stat().st_size for path in directory.rglob("*") if path.is_file())


def time_row(what: str, times: Reading) -> rows.Row:
    share = times.change() / _median(times.values)
    tenth = max(1, len(times.values) // 10)
    return rows.Row(
        what=f"{what}, warm",
        against="itself, from the second tenth on",
        ours=f"{1e3 * _median(times.values[-tenth:]):.0f} ms at the end",
        theirs=f"{1e3 * _median(times.values[:tenth]):.0f} ms at the start",
        ratio=f"{share:+.1%} by the fitted line",
        goal=f"at most {MOST_TIME:.0%} longer",
        met=share <= MOST_TIME,
    )


def memory_row(what: str, memory: Reading, steps: int) -> rows.Row:
    change = memory.change()
    tenth = max(1, len(memory.values) // 10)
    most = MOST_MB * steps / 1_000
    return rows.Row(
        what=what,
        against="itself, from the second tenth on",
        ours=f"{_median(memory.values[-tenth:]):.0f} MB at the end",
        theirs=f"{_median(memory.values[:tenth]):.0f} MB at the start",
        ratio=f"{change:+.1f} MB by the fitted line",
        goal=f"at most {most:g} MB more",
        met=change <= most,
    )


def _median(values: Sequence[float]) -> float:
    return statistics.median(values)


if __name__ == "__main__":
    main()
