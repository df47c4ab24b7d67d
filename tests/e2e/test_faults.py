"""A service that breaks and is restarted in mid-run: the run waits, says why, loses nothing."""

from __future__ import annotations

import json
import signal
import socket
from collections.abc import Callable
from pathlib import Path

from benchmarks.fault_proxy import Fault, faulty
from tests.e2e.command import Start
from tests.e2e.conftest import only_run, rows, wait_for

RECIPE = """\
version: 1
name: shaken
method: sft
model: {name: recipe-run/tiny, lora_rank: 4}
data: {kind: conversations, path: talks.jsonl}
batch_size: 2
epochs: 3
optimizer: {learning_rate: 1e-3}
checkpoint: {every: 2}
"""
STEPS = 12

# (endpoint, how many requests of it came before) -> what breaks
FAULTS = {
    **{("create_model", number): Fault("refuse", 429) for number in range(3)},
    ("forward_backward", 1): Fault("lose"),
    ("forward_backward", 3): Fault("refuse", 503),
    ("optim_step", 2): Fault("drop"),
    ("optim_step", 4): Fault("reset"),
    ("retrieve_future", 5): Fault("cut"),
    ("retrieve_future", 7): Fault("refuse", 500),
    ("save_weights", 0): Fault("lose"),
    ("retrieve_future", 9): Fault("delay", seconds=0.5),
}


def test_every_fault_is_outlived(
    write_recipe: Callable[..., Path], start: Start, tmp_path: Path
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    serve = ("serve", "--port", str(port), "--store", str(tmp_path / "store"))
    server = start(*serve)
    recipe = write_recipe(RECIPE)
    wait_for(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0, 60)
    with faulty(port, lambda endpoint, number: FAULTS.get((endpoint, number))) as proxy:
        run = start(recipe, "--backend", proxy.url)
        directory = wait_for(lambda: next(iter(tmp_path.glob("runs/shaken/*")), None))
        wait_for(lambda: len(rows(directory / "metrics.jsonl")) >= 5)
        server.send_signal(signal.SIGKILL)
        server.wait()
        start(*serve)
        done = run.result(120)
    assert done.returncode == 0, done.stderr
    assert sum(proxy.done.values()) == len(FAULTS)
    assert "the service answers 429" in done.stdout
    assert "going on from the last checkpoint" in done.stdout
    assert only_run(tmp_path, "shaken") == directory
    assert [row["step"] for row in rows(directory / "metrics.jsonl")] == list(range(STEPS))
    attempts = json.loads((directory / "run.json").read_text())["attempts"]
    assert [attempt["state"] for attempt in attempts] == ["interrupted", "done"]
    assert attempts[1]["from_step"] > 0
    assert {"waiting", "going on"} <= {row["event"] for row in rows(directory / "events.jsonl")}
