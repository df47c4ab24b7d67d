"""Each method through a proxy that breaks requests at random, before a server that is restarted.

    python benchmarks/faults.py [--rate 0.05] [--restarts 2] [--seed 0] [METHOD …]

The proxy stands between Tinker's SDK and a `recipe-run serve`: it delays, drops and resets
connections, answers 429, 500 and 503, and cuts answers short. The server is killed in mid-run, and
started again on its store some seconds later. Prints a row a method: faults put in, restarts,
attempts, seconds next to those of an undisturbed run, whether every step is there once, and whether
all metrics are those of an undisturbed run; then why runs waited, as their screens said it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import kills
import small_runs
from fault_proxy import Fault, Proxy, Script, faulty

from recipe_runner.cli.app import run_command
from recipe_runner.sweeps import forked

_KINDS = (
    Fault("refuse", 429),
    Fault("refuse", 500),
    Fault("refuse", 503),
    Fault("drop"),
    Fault("lose"),
    Fault("reset"),
    Fault("cut"),
    Fault("delay", seconds=1.0),
)
# What the command itself asks before it begins, and what nobody waits for.
_LEFT_ALONE = ("healthz", "telemetry", "session_heartbeat")


class Server:
    """A `recipe-run serve` that can be killed and started again."""

    def __init__(self, directory: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._directory = directory
        self.start()

    def start(self) -> None:
        command = ["serve", "--port", str(self.port), "--store", str(self._directory / "store")]
        log = self._directory / "server.log"
        self._process = forked.start(
            run_command,
            (command,),
            cwd=self._directory,
            environment=dict(os.environ),
            output=log,
        )

    def kill(self) -> None:
        self._process.signal(signal.SIGKILL)
        self._process.wait()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("methods", nargs="*", help=", ".join(small_runs.NAMES))
    parser.add_argument("--rate", type=float, default=0.05, help="faults a request")
    parser.add_argument("--restarts", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    os.environ |= {"HF_HUB_OFFLINE": "1", "TINKER_API_KEY": "tml-faults"}
    forked.preload(kills.PRELOADED)
    root = Path(tempfile.mkdtemp(prefix="faults-"))
    print(f"{'method':<20}{'faults':>7}{'restarts':>9}{'attempts':>9}{'seconds':>16}  result")
    reasons: Counter[str] = Counter()
    failed = False
    for name in options.methods or small_runs.NAMES:
        failed |= _disturb(name, root / name, options, reasons)
    print("\nwaited for (times):")
    for reason, times in reasons.most_common():
        print(f"  {times:>4}  {reason}")
    print(f"kept: {root}" if failed else "")
    if not failed:
        shutil.rmtree(root)
    return int(failed)


def _disturb(
    name: str, directory: Path, options: argparse.Namespace, reasons: Counter[str]
) -> bool:
    """Run a method once in peace and once through the proxy; return whether that went wrong."""
    recipe = small_runs.write_recipe(directory / "undisturbed", name)
    server = Server(directory)
    chance = random.Random(f"{options.seed} {name}")
    status, peaceful_s = _run(recipe, f"http://127.0.0.1:{server.port}", server, [])
    assert status == 0, recipe.parent / "output.txt"
    (reference,) = kills.runs_below(recipe.parent)
    recipe = small_runs.write_recipe(directory / "disturbed", name)
    restarts = sorted(chance.uniform(0.1, 0.9) * peaceful_s for _ in range(options.restarts))
    with faulty(server.port, _script(chance, options.rate)) as proxy:
        status, seconds = _run(recipe, proxy.url, server, restarts)
    server.kill()
    (run,) = kills.runs_below(recipe.parent)
    for line in (run.path / "events.jsonl").read_text().splitlines():
        event = json.loads(line)
        if event["event"] == "waiting":
            reasons[event["reason"]] += 1
    return _report(name, proxy, options.restarts, status, seconds, peaceful_s, run, reference)


def _report(
    name: str,
    proxy: Proxy,
    restarts: int,
    status: int,
    seconds: float,
    peaceful_s: float,
    run: kills.RunDirectory,
    reference: kills.RunDirectory,
) -> bool:
    found = small_runs.metrics(run.path)
    faults = [] if status == 0 else [f"exit {status}, see {run.path.parents[2] / 'output.txt'}"]
    if not small_runs.steps_once_each(found):
        faults.append("steps are missing or doubled")
    if name in small_runs.REPRODUCIBLE:
        faults += small_runs.differences(small_runs.metrics(reference.path), found)
    result = "as undisturbed" if name in small_runs.REPRODUCIBLE else "every step once"
    attempts = len(run.read_manifest().attempts)
    print(
        f"{name:<20}{sum(proxy.done.values()):>7}{restarts:>9}{attempts:>9}"
        f"{seconds:>8.1f}/{peaceful_s:<7.1f}  {'FAULTS' if faults else result}",
        flush=True,
    )
    for fault in faults[:12]:
        print(f"    {fault}", flush=True)
    return bool(faults)


def _run(recipe: Path, url: str, server: Server, restarts: list[float]) -> tuple[int, float]:
    """Run a recipe to its end, and kill the server at these moments; return status and seconds."""
    started = time.monotonic()
    process = kills.start(recipe, "--backend", url)
    for moment in restarts:
        try:
            process.wait(max(0.0, started + moment - time.monotonic()))
            break
        except TimeoutError:
            server.kill()
            time.sleep(2.0)
            server.start()
    return process.wait(kills.HANGS_AFTER_S), time.monotonic() - started


def _script(chance: random.Random, rate: float) -> Script:
    def script(endpoint: str, _: int) -> Fault | None:
        if endpoint in _LEFT_ALONE or chance.random() >= rate:
            return None
        return chance.choice(_KINDS)

    return script


if __name__ == "__main__":
    sys.exit(main())
