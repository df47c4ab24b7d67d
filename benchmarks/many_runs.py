"""`runs list` over thousands of runs, `runs show` and `compare` over metrics of 100,000 rows.

    python benchmarks/many_runs.py [--repeat 5] [--runs 5000] [--metrics-rows 100000]

Makes run directories of the shape that a run of reinforcement learning leaves, one in ten of them
killed, and times whole commands as a user starts them, in turns. Beside each: the same command
where there is next to nothing to read, so that what is left is the reading. The records of the long
runs are out of date, as those of a run under way are: all of their metrics have to be read.
Interactive means that the answer is there before a person looks away: within a second, and within
three where two whole runs are read. Takes about three minutes.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import rows
import timing

from recipe_runner.language import load
from recipe_runner.planning.plan import Served
from recipe_runner.planning.resolve import make_plan
from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.manifest import new_attempt
from recipe_runner.runs.summarize import summary_of

COMMAND = Path(sys.executable).with_name("recipe-run")
RECIPE = Path(__file__).parent.parent / "recipes" / "quickstart.yaml"
STEPS, KEYS, KILLED_EACH = 40, 60, 10
A_MOMENT_S, A_COMPARISON_S = 1.0, 3.0


@dataclass(frozen=True)
class Case:
    """A command on much and on little, and the seconds that it may take on much."""

    what: str
    command: tuple[str, ...]
    much: tuple[str | Path, ...]
    little: tuple[str | Path, ...]
    limit: float


def main() -> None:
    parser = rows.arguments(__doc__)
    parser.add_argument("--runs", type=int, default=5000)
    parser.add_argument("--metrics-rows", type=int, default=100_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        cases = make_cases(Path(directory), given.runs, given.metrics_rows)
        works = [
            partial(timing.process, [COMMAND, *case.command, *arguments])
            for case in cases
            for arguments in (case.much, case.little)
        ]
        taken = map(statistics.median, timing.in_turns(works, given.repeat, warm_up=1))
        found = [row(case, next(taken), next(taken)) for case in cases]
    rows.show(found, given.rows)


def make_cases(root: Path, runs: int, num_rows: int) -> list[Case]:
    model = make_model(root / "model")
    many, few, long = root / "many", root / "few", root / "long"
    for place, count in ((many, runs), (few, 2)):
        for number in range(count):
            make_run(model, place, number)
    for number in range(2):
        run = make_run(model, long, number)
        run.metrics_file.write_text(metrics(num_rows))
    size = run.metrics_file.stat().st_size / 1e6
    names = [path.name for path in sorted(long.iterdir())]
    of_rows = f"{num_rows:,} rows of {KEYS} metrics ({size:.0f} MB)"
    in_long, in_few = ("--dir", long), ("--dir", few)
    return [
        Case(
            f"`runs list` of {runs:,} runs", ("runs", "list"), ("--dir", many), in_few, A_MOMENT_S
        ),
        Case(
            "`runs list --limit 20` of them",
            ("runs", "list", "--limit", "20"),
            ("--dir", many),
            in_few,
            A_MOMENT_S,
        ),
        Case(f"`runs show`, {of_rows}", ("runs", "show", names[0]), in_long, in_few, A_MOMENT_S),
        Case("`compare` of two such runs", ("compare", *names), in_long, in_few, A_COMPARISON_S),
    ]


def row(case: Case, seconds: float, on_little: float) -> rows.Row:
    return rows.Row(
        what=f"{case.what}, cold",
        against="the same with next to nothing to read",
        ours=f"{seconds:.2f} s",
        theirs=f"{on_little:.2f} s",
        ratio=f"{seconds / on_little:.1f} times as long",
        goal=f"below {case.limit:g} s",
        met=seconds < case.limit,
    )


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
    return "".join(json.dumps(metrics_row(step) | filling) + "\n" for step in range(rows))


def metrics_row(step: int) -> dict[str, Any]:
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


if __name__ == "__main__":
    main()
