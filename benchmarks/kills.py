"""Each method killed with SIGKILL at random moments, and resumed each time.

    python benchmarks/kills.py [--kills 50] [--seed 0] [--no-server-kills] [METHOD …]

Starts are forks of one process that has imported everything, so a start costs about a second. A
part of the kills hits the run's local server alone, which the run has to outlive by itself. Prints
a row a method: kills, runs that it took them to end, attempts, whether every step is there once,
and whether all metrics are those of an undisturbed run (where the method has the same ones every
time). A failure prints what differs, and its directory is kept.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import small_runs

from recipe_runner.backends.local import backend
from recipe_runner.cli.app import run_command
from recipe_runner.compile.job import METHODS
from recipe_runner.runs.directory import RunDirectory
from recipe_runner.sweeps import forked

PRELOADED = (
    "recipe_runner.runs.execute",
    "recipe_runner.runs.training",
    "recipe_runner.runs.failures",
    "recipe_runner.runs.progress.display",
    "recipe_runner.envs.gem.recipe",
    "tinker_cookbook.rl.train",
    "tinker_cookbook.supervised.train",
    "transformers.tokenization_utils_tokenizers",
    "pyqwest.httpx",
    *METHODS.values(),
    *(f"{backend.__package__}.{name}" for name in ("backend", *backend._SERVER_MODULES)),
)
# A run that takes longer hangs.
HANGS_AFTER_S = 300.0
# Kills that are aimed at the first moments of a start, where nothing is on disk yet.
_EARLY = 0.25


@dataclass
class Tally:
    name: str
    kills: int = 0
    server_kills: int = 0
    runs: int = 0
    attempts: int = 0
    faults: list[str] = field(default_factory=list)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("methods", nargs="*", help=", ".join(small_runs.NAMES))
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--no-server-kills", action="store_true")
    options = parser.parse_args()
    os.environ["HF_HUB_OFFLINE"] = "1"
    forked.preload(PRELOADED)
    root = Path(tempfile.mkdtemp(prefix="kills-"))
    print(f"{'method':<20}{'kills':>6}{'server':>8}{'runs':>6}{'attempts':>10}  result", flush=True)
    tallies = []
    for name in options.methods or small_runs.NAMES:
        moments = random.Random(f"{options.seed} {name}")
        tally = _kill(name, root / name, options.kills, moments, not options.no_server_kills)
        tallies.append(tally)
        result = "as undisturbed" if name in small_runs.REPRODUCIBLE else "every step once"
        print(
            f"{name:<20}{tally.kills:>6}{tally.server_kills:>8}{tally.runs:>6}{tally.attempts:>10}"
            f"  {result if not tally.faults else 'FAULTS'}",
            flush=True,
        )
        for fault in tally.faults[:12]:
            print(f"    {fault}", flush=True)
    if any(tally.faults for tally in tallies):
        print(f"kept: {root}")
        return 1
    shutil.rmtree(root)
    return 0


def _kill(name: str, directory: Path, kills: int, moments: random.Random, servers: bool) -> Tally:
    """Kill runs of a recipe until the kills are used up, and let the last one end."""
    tally = Tally(name)
    undisturbed = directory / "undisturbed"
    recipe = small_runs.write_recipe(undisturbed, name)
    start(recipe, "--help").wait()  # once all imports are done
    started = time.monotonic()
    status = start(recipe).wait(HANGS_AFTER_S)
    whole_s = time.monotonic() - started
    if status != 0:
        tally.faults.append(f"undisturbed: exit {status}, see {undisturbed / 'output.txt'}")
        return tally
    (reference,) = [run.path for run in runs_below(undisturbed)]
    recipe = small_runs.write_recipe(directory / "killed", name)
    print(f"  {name}: {whole_s:.1f} s undisturbed", file=sys.stderr)
    while not tally.faults:
        _until_the_end(recipe, tally, kills, moments, whole_s, servers)
        _check(name, directory / "killed", reference, tally)
        if tally.kills >= kills:
            return tally
    return tally


def _until_the_end(
    recipe: Path,
    tally: Tally,
    kills: int,
    moments: random.Random,
    whole_s: float,
    servers: bool,
) -> None:
    while True:
        process = start(recipe)
        while tally.kills < kills:
            early = moments.random() < _EARLY
            try:
                process.wait(moments.uniform(0, 0.3 if early else 0.8) * whole_s)
                break
            except TimeoutError:
                tally.kills += 1
            server = _server_of(process.pid) if servers and moments.random() < 0.3 else None
            if server is not None:
                tally.server_kills += 1
                os.kill(server, signal.SIGKILL)
                continue
            process.signal(signal.SIGKILL)
            process.wait()
            break
        else:
            try:
                process.wait(HANGS_AFTER_S)
            except TimeoutError:
                tally.faults.append(f"hangs: process {process.pid}")
                process.signal(signal.SIGABRT)
                return
        if process.exit_code not in (0, -signal.SIGKILL):
            tally.faults.append(f"exit {process.exit_code}: {recipe.parent / 'output.txt'}")
            return
        if process.exit_code == 0:
            return


def _check(name: str, directory: Path, reference: Path, tally: Tally) -> None:
    """Compare what has ended with the undisturbed run, and put it aside."""
    for run in runs_below(directory):
        tally.runs += 1
        tally.attempts += len(run.read_manifest().attempts)
        if run.state() != "done":
            tally.faults.append(f"{run.path} is {run.state()}")
            continue
        found = small_runs.metrics(run.path)
        if not small_runs.steps_once_each(found):
            tally.faults.append(f"{run.path}: steps are missing or doubled")
        if not small_runs.final_checkpoints(run.path):
            tally.faults.append(f"{run.path}: the final checkpoint is missing")
        if name in small_runs.REPRODUCIBLE:
            differing = small_runs.differences(small_runs.metrics(reference), found)
            tally.faults += [f"{run.path}: {each}" for each in differing]
        if not tally.faults:
            shutil.rmtree(run.path)


def runs_below(directory: Path) -> list[RunDirectory]:
    found = sorted(directory.glob("runs/[!.]*/*/run.json"))
    return [RunDirectory(file.parent) for file in found]


def start(recipe: Path, *options: str) -> forked.Forked:
    """Start `recipe-run RECIPE` as a fork of the process that has everything imported."""
    return forked.start(
        run_command,
        ([recipe.name, *options],),
        cwd=recipe.parent,
        environment=dict(os.environ),
        output=recipe.parent / "output.txt",
    )


def _server_of(pid: int) -> int | None:
    """Return the local server that a run has started: its child that listens."""
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            if _listens(int(child)):
                return int(child)
    return None


def _listens(pid: int) -> bool:
    sockets = set()
    try:
        for number in Path(f"/proc/{pid}/fd").iterdir():
            link = os.readlink(number)
            if link.startswith("socket:["):
                sockets.add(link[8:-1])
    except OSError:
        return False
    rows = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return any(row.split()[3] == "0A" and row.split()[9] in sockets for row in rows)


if __name__ == "__main__":
    sys.exit(main())
