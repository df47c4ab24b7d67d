"""`runs list` over thousands of runs, and `compare` over metrics of 100,000 rows.

Makes run directories of the shape that a run of reinforcement learning leaves, one in ten of them
killed, and times whole commands as a user starts them, the best of three. Beside each: the same
command where there is next to nothing to read, so that what is left is the reading.

    python benchmarks/many_runs.py [--runs 5000] [--rows 100000]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from recipe_runner.language import load
from recipe_runner.planning.plan import Served
from recipe_runner.planning.resolve import make_plan
from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.manifest import new_attempt
from recipe_runner.runs.summarize import summary_of

COMMAND = Path(sys.executable).with_name("recipe-run")
RECIPE = Path(__file__).parent.parent / "recipes" / "quickstart.yaml"
STEPS, KEYS, KILLED_EACH = 40, 60, 10


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=5000)
    parser.add_argument("--rows", type=int, default=100_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        model = make_model(root / "model")
        many, few = root / "many", root / "few"
        for place, count in ((many, given.runs), (few, 1)):
            for number in range(count):
                make_run(model, place, number)
        table(f"runs list, {given.runs:,} runs", timed("runs", "list", "--dir", many))
        table("runs list, 1 run", timed("runs", "list", "--dir", few))
        table("runs list --limit 20", timed("runs", "list", "--limit", "20", "--dir", many))
        long = root / "long"
        for number in range(2):
            run = make_run(model, long, number)
            run.metrics_file.write_text(metrics(given.rows))
        size = run.metrics_file.stat().st_size / 1e6
        names = [path.name for path in sorted(long.iterdir())]
        title = f"compare, 2 runs of {given.rows:,} rows of {KEYS} keys ({size:.0f} MB each)"
        table(title, timed("compare", *names, "--dir", long))
        pair = [path.name for path in sorted(many.iterdir())[:2]]
        table(f"compare, 2 runs of {STEPS} rows", timed("compare", *pair, "--dir", many))


def make_model(place: Path) -> RunDirectory:
    """Make the run that all others are copies of."""
    loaded = load(RECIPE, overrides=[f"logging.dir={place}"])
    plan = make_plan(loaded, Served(kind="shipped", note="the small model"))
    run = RunDirectory.create(plan, loaded.text, loaded.files)
    run.metrics_file.write_text(metrics(STEPS))
    manifest = run.read_manifest()
    manifest.state, manifest.attempts = "done", [new_attempt(0)]
    manifest.summary = summary_of(run, manifest, "rl")
    run.write_manifest(manifest)
    return run


def metrics(rows: int) -> str:
    filling = {f"time/part_{number}:mean": 0.123456789 * number for number in range(KEYS - 4)}
    return "".join(json.dumps(row(step) | filling) + "\n" for step in range(rows))


def row(step: int) -> dict[str, Any]:
    return {
        "step": step,
        "progress/done_frac": 0.5,
        "env/all/reward/total": (step % 100) / 100,
        "env/all/total_ac_tokens": 1_000,
    }


def make_run(model: RunDirectory, root: Path, number: int) -> RunDirectory:
    seconds = f"{number // 3600:02d}{number // 60 % 60:02d}{number % 60:02d}"
    run = RunDirectory(root / f"experiment-{number % 25}" / f"20260101-{seconds}-{number:04x}")
    run.path.mkdir(parents=True)
    record = json.loads(model.manifest_file.read_text()) | {"id": run.path.name}
    record["name"] = run.path.parent.name
    if number % KILLED_EACH == 0:
        record |= {"state": "running", "summary": None}
    run.manifest_file.write_text(json.dumps(record, indent=2))
    run.plan_file.write_text(model.plan_file.read_text())
    run.metrics_file.write_text(model.metrics_file.read_text())
    return run


def timed(*arguments: str | Path) -> float:
    """Return the seconds of the fastest of three."""
    seconds = []
    for _ in range(3):
        started = time.perf_counter()
        command = [str(COMMAND), *map(str, arguments)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def table(what: str, seconds: float) -> None:
    print(f"{what:<70} {seconds:6.2f} s")


if __name__ == "__main__":
    main()
