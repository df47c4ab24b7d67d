"""Many runs at once on one server of the local backend, held against one alone.

    python benchmarks/runs_at_once.py [--repeat 5] [--runs 1 10 50] [--steps 50]

A run is a client of its own, as a sweep's worker is: its own session, random numbers and LoRA rank
(8 to 64). Each step is the Cookbook's: a snapshot, 4 x 4 samples, one request each, a training
step, an optimizer step. The clients are threads of one process, so what they cost beside the
server is counted too. Each crowd of clients runs for the same number of steps in all, the crowds in
turns, on a warm server. Also printed: the server's processor time a step, how evenly the runs got
on, and the server's memory a run. `sweep.py --memory` has the memory of a whole run's own process.
"""

from __future__ import annotations

import os
import statistics
import tempfile
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "passive")
os.environ.setdefault("TINKER_TELEMETRY", "0")

import rows
import tinker
from local_backend import resident_mib, rl_step
from tinker import ServiceClient

from recipe_runner.backends.local.launch import RunningServer, launch
from recipe_runner.backends.local.tenants import Tenant, key_of

NUM_GROUPS = 4
RANKS = (8, 16, 32, 64)
# Of the throughput of one run: what a busy machine moves between two rounds of the same work.
NOISE = 0.05


@dataclass(frozen=True)
class Crowd:
    """Runs at once, and what was seen of them in each round.

    Attributes:
        mib: what the server grew by as they came and took a step.
        rates: steps a second of all together.
        spreads: how much later the last run was done than the first.
        cpu_seconds: the server's processor seconds a step, whatever the clients took.
    """

    clients: list[tinker.TrainingClient]
    mib: float
    rates: list[float] = field(default_factory=list)
    spreads: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)


def main() -> None:
    parser = rows.arguments(__doc__)
    parser.add_argument("--runs", type=int, nargs="+", default=[1, 10, 50])
    parser.add_argument("--steps", type=int, default=50, help="of all runs together, each round")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        with launch(store=place / "store", log=place / "server.log") as server:
            open_crowd(server, 1)  # whose memory would be torch's and the model's
            crowds = [open_crowd(server, count) for count in given.runs]
            for _ in range(given.repeat):
                for crowd in crowds:
                    step_all(server, crowd, given.steps)
            for crowd in crowds:
                tell(crowd)
            found = [row(crowds[0], crowd) for crowd in crowds[1:]]
    rows.show(found, given.rows)


def open_crowd(server: RunningServer, count: int) -> Crowd:
    """Start this many runs, and take one step in each."""
    before = resident_mib(server.pid)
    clients = []
    for number in range(count):
        key = key_of(server.api_key, Tenant(f"{count}-{number}", seed=number))
        service = ServiceClient(base_url=server.url, api_key=key)
        rank = RANKS[number % len(RANKS)] if count > 1 else 32
        clients.append(service.create_lora_training_client("recipe-run/tiny", rank=rank).result())
    step_all(server, Crowd(clients, 0), count)
    return Crowd(clients, resident_mib(server.pid) - before)


def step_all(server: RunningServer, crowd: Crowd, steps: int) -> None:
    """Take that many steps, the same number in each run, all runs at once."""
    each = max(1, steps // len(crowd.clients))
    before = cpu_seconds(server.pid)
    with ThreadPoolExecutor(len(crowd.clients)) as pool:
        started = time.perf_counter()
        ended = list(pool.map(partial(run, steps=each), crowd.clients))
    seconds = [end - started for end in ended]
    taken = each * len(crowd.clients)
    crowd.cpu_seconds.append((cpu_seconds(server.pid) - before) / taken)
    crowd.rates.append(taken / max(seconds))
    crowd.spreads.append(max(seconds) / min(seconds))


def run(client: tinker.TrainingClient, steps: int) -> float:
    """Take the steps; return when they were done."""
    for _ in range(steps):
        rl_step(client, NUM_GROUPS)
    return time.perf_counter()


def cpu_seconds(pid: int) -> float:
    """User and system time of all of a process's threads."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")


def tell(crowd: Crowd) -> None:
    count = len(crowd.clients)
    print(
        f"{count:3} at once: {statistics.median(crowd.rates):6.2f} steps/s of all, "
        f"{statistics.median(crowd.cpu_seconds) * 1e3:.0f} ms of the server's processor a step, "
        f"the last done {statistics.median(crowd.spreads):.2f} times as late as the first, "
        f"{crowd.mib / count:.1f} MiB a run on the server",
        flush=True,
    )


def row(alone: Crowd, crowd: Crowd) -> rows.Row:
    ours, theirs = statistics.median(crowd.rates), statistics.median(alone.rates)
    count = len(crowd.clients)
    return rows.Row(
        what=f"{count} runs at once on one server, steps of all, warm",
        against=f"{len(alone.clients)} alone",
        ours=f"{ours:.2f} steps/s, {crowd.mib / count:.1f} MiB a run",
        theirs=f"{theirs:.2f} steps/s",
        ratio=f"{ours / theirs:.2f} of its throughput",
        goal="does not fall",
        met=ours >= (1 - NOISE) * theirs,
    )


if __name__ == "__main__":
    main()
