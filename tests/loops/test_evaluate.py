"""`method: eval` against the local backend: what it leaves, and how it goes on after a kill."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from pathlib import Path
from typing import Any, cast

import pytest
import tinker

from recipe_runner.backends.local.launch import launch
from recipe_runner.errors import UserCodeError
from recipe_runner.loops.evaluate import main_score, whole_records
from recipe_runner.loops.evaluators.benchmarks import forget_failures
from recipe_runner.loops.evaluators.custom import CustomBuilder
from recipe_runner.user_code import search_path
from tests.e2e.command import Command, Start

ROOT = Path(__file__).parents[2]

# One evaluator that counts its calls, and waits in its second until a file lets it go on.
USER_CODE = """\
from pathlib import Path
import asyncio
from tinker import ModelInput, SamplingParams


class Counted:
    def __init__(self, waits):
        self.waits = waits

    async def __call__(self, client):
        with open("calls.txt", "a") as file:
            file.write(f"{self.waits}\\n")
        while self.waits and not Path("go").exists():
            await asyncio.sleep(0.05)
        prompt, params = ModelInput.from_ints([1, 2, 3]), SamplingParams(max_tokens=4, seed=1)
        reply = await client.sample_async(prompt, num_samples=1, sampling_params=params)
        return {"tokens": float(len(reply.sequences[0].tokens))}


def counted(waits=False):
    return Counted(waits)


async def fails(client):
    return {"a": 1 / 0}


def wrong():
    return fails


def needy(it=None):
    return it + 1


def nothing():
    return None


async def words(client):
    return {"a": "b"}


def texts():
    return words
"""
DOTENV_NOTED = """
import os
open("dotenv.txt", "w").write(str(os.environ.get("FROM_DOTENV")))
"""
RECIPE = """\
version: 1
name: measured
method: eval
model: {name: recipe-run/tiny}
backend: local
evaluators:
"""
FIRST = "  - {kind: custom, builder: 'measures:counted'}\n"
WAITING = "  - {kind: custom, builder: 'measures:counted', kwargs: {waits: true}}\n"
SETTINGS = "limit: 4, max_tokens: 16, temperature: 0.0"
INSPECT = f"  - {{kind: inspect, file: sums.py, tasks: [sums], {SETTINGS}}}\n"


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "measures.py").write_text(USER_CODE)
    tasks = (ROOT / "recipes" / "data" / "inspect_sums.py").read_text()
    (tmp_path / "sums.py").write_text(tasks + DOTENV_NOTED)
    (tmp_path / ".env").write_text("FROM_DOTENV=1\n")
    return tmp_path


def evaluate(start: Start, here: Path, evaluators: str, *arguments: str) -> Command:
    (here / "recipe.yaml").write_text(RECIPE + evaluators)
    return start("recipe.yaml", *arguments)


def finish(process: Command) -> tuple[int, str]:
    done = process.result(200)
    return done.returncode, done.stdout + done.stderr


def the_run(here: Path) -> Path:
    (run,) = (here / "runs" / "measured").iterdir()
    return run


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def checkpoint(store: Path) -> tuple[str, str]:
    """Return a checkpoint's paths: to train on from, and to sample from."""
    with launch(store=store) as server:
        service = tinker.ServiceClient(base_url=server.url, api_key=server.api_key)
        client = service.create_lora_training_client("recipe-run/tiny", rank=4).result()
        state = client.save_state("final").result().path
        sampler = client.save_weights_for_sampler("final").result().path
        service.close("success").result()
    return state, sampler


def test_a_killed_evaluation_goes_on_behind_what_is_done(here: Path, start: Start) -> None:
    state, sampler = checkpoint(here / "runs" / ".local")
    load = ["--set", f"model.load_from={state}"]
    killed = evaluate(start, here, FIRST + WAITING + INSPECT, *load)
    deadline = time.monotonic() + 200
    while "True" not in _text(here / "calls.txt"):
        assert killed.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    with (the_run(here) / "evaluations.jsonl").open("a") as file:
        file.write('{"cut sh')
    (here / "go").touch()

    code, output = finish(evaluate(start, here, FIRST + WAITING + INSPECT, *load))
    assert code == 0, output
    assert "after step 1" in output
    assert (here / "calls.txt").read_text().split() == ["False", "True", "True"]
    run = the_run(here)
    assert [row["step"] for row in lines(run / "metrics.jsonl")] == [0, 1, 2]
    records = lines(run / "evaluations.jsonl")
    assert [record["evaluator"] for record in records] == [
        "measures:counted",
        "measures:counted",
        "sums",
    ]
    assert {record["model_path"] for record in records} == {sampler}
    assert records[0]["metrics"] == {"eval/counted/tokens": 4.0}
    assert records[2]["score"] == records[2]["metrics"]["eval/sums/accuracy"] > 0
    assert list((run / "inspect").glob("*_sums_*.eval")), "Inspect's own log is in the run"
    assert json.loads((run / "run.json").read_text())["state"] == "done"
    assert "sums/accuracy" in output
    assert (here / "dotenv.txt").read_text() == "None", "the environment is the user's alone"


def _text(path: Path) -> str:
    return path.read_text() if path.exists() else ""


@pytest.mark.parametrize(
    ("builder", "message"),
    [
        ("wrong", "measures:wrong"),
        ("texts", "dictionary of numbers"),
        ("absent", "has no absent"),
        ("needy", r"measures:needy: TypeError.*measures.py"),
        ("nothing", "returned None"),
    ],
)
def test_a_users_mistake_is_told_with_its_place(here: Path, builder: str, message: str) -> None:
    async def build_and_call() -> None:
        evaluator = CustomBuilder(builder=f"measures:{builder}", kwargs={})()
        await evaluator(cast(tinker.SamplingClient, None))

    with search_path(here / "recipe.yaml"), pytest.raises(UserCodeError, match=message):
        asyncio.run(build_and_call())


def test_the_main_score_of_an_evaluator() -> None:
    assert main_score({"eval/a/stderr": 0.1, "eval/a/accuracy": 0.5}) == 0.5
    assert main_score({"eval/a/num_correct": 3.0, "eval/a/score": 0.3}) == 0.3
    assert main_score({"eval/a/b": 0.2, "eval/a/c": 0.4}) == 0.2


def test_records_end_at_one_that_was_cut_short(tmp_path: Path) -> None:
    path = tmp_path / "evaluations.jsonl"
    assert whole_records(path) == []
    path.write_text('{"step": 0}\n{"st')
    assert whole_records(path) == [{"step": 0}]


def test_failed_examples_are_asked_again(tmp_path: Path) -> None:
    path = tmp_path / "trajectories.jsonl"
    forget_failures(path)
    good = {"example_id": "a", "error": None}
    bad = {"example_id": "b", "error": "timeout"}
    path.write_text(f"{json.dumps(good)}\n{json.dumps(bad)}\n{{")
    forget_failures(path)
    assert lines(path) == [good]
