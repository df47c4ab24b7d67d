"""`env.kind: code`, played through the Cookbook's environment with programs that really run."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tinker_cookbook.recipes.code_rl import code_grading
from tinker_cookbook.rl.types import RLDataset

from recipe_runner.envs import EnvironmentUnavailable, Rollouts
from recipe_runner.envs.code import CodeDatasetBuilder, builder
from recipe_runner.isolation import available, run
from schemas.env import CodeEnv
from tests.envs.conftest import MODEL, RENDERER

isolating = pytest.mark.skipif(available() is None, reason="nothing here can isolate programs")

SUM = {
    "problem": "Read two integers. Print their sum.",
    "tests": [{"input": "1 2\n", "output": "3\n"}, {"input": "5 6", "output": "11"}],
}
DOUBLE = {
    "problem": "Return each number twice as large.",
    "starter_code": "class Solution:\n    def double(self, numbers: list[int]) -> list[int]:\n",
    "tests": json.dumps(
        [{"input": "[1, 2]", "output": "[2, 4]", "testtype": "functional", "metadata": {}}]
    ),
    "metadata": json.dumps({"func_name": "double"}),
}
RIGHT_SUM = "a, b = map(int, input().split())\nprint(a + b)"
RIGHT_DOUBLE = "class Solution:\n    def double(self, n):\n        return [2 * x for x in n]"


@pytest.fixture(autouse=True)
def _cookbooks_own_sandbox_afterwards() -> Any:
    yield
    code_grading._sandboxfusion_client = None


def make(path: Path | None, **changes: Any) -> CodeDatasetBuilder:
    rollouts = Rollouts(
        model_name=MODEL,
        renderer_name=RENDERER,
        group_size=2,
        groups_per_batch=2,
        max_tokens=512,
        temperature=1.0,
        num_batches=None,
        seed=0,
        base_url=None,
        checkpoint=lambda _: None,
    )
    fields = {"kind": "code", "dataset": str(path) if path else None, "timeout_s": 2} | changes
    return builder(CodeEnv.model_validate(fields), rollouts)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def write_rows(*rows: dict[str, Any]) -> Path:
        path = tmp_path / "problems.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return path

    return write_rows


def play(dataset_builder: CodeDatasetBuilder, *replies: list[int]) -> list[Any]:
    """Return what each reply to the first problem led to."""

    async def steps() -> list[Any]:
        train, _ = await dataset_builder()
        env = (await train.get_batch(0)[0].make_envs())[0]
        await env.initial_observation()
        return [await env.step(reply) for reply in replies]

    return asyncio.run(steps())


def block(code: str) -> str:
    return f"Here it is:\n```python\n{code}\n```"


@isolating
@pytest.mark.parametrize(("row", "code"), [(SUM, RIGHT_SUM), (DOUBLE, RIGHT_DOUBLE)])
def test_a_right_program_gets_the_reward(
    write: Callable[..., Path], reply: Callable[..., list[int]], row: dict[str, Any], code: str
) -> None:
    (step,) = play(make(write(row)), reply(block(code)))
    assert (step.reward, step.metrics["correct"], step.episode_done) == (1.0, 1.0, True)


WRONG = {
    "a wrong answer": (SUM, "print(3)"),
    "an answer to one test": (SUM, "input()\nprint(3)"),
    "a loop without end": (SUM, "while True: pass"),
    "an error": (SUM, "raise ValueError"),
    "no Python": (SUM, "let x = 1;"),
    "an exit that says success": (SUM, "import os\nos._exit(0)"),
    "the machine's files": (SUM, "print(open('/etc/passwd').read())"),
    "the network": (SUM, "import socket\nsocket.create_connection(('127.0.0.1', 80))"),
    "the parent": (SUM, "import signal, posix\nposix.kill(posix.getppid(), signal.SIGKILL)"),
    "an exit of a module": (DOUBLE, "import sys\nsys.exit(0)"),
    "an exit of a function": (DOUBLE, "import sys\ndef double(n): sys.exit(0)"),
    "what compares equal": (
        DOUBLE,
        "class Same(list):\n    def __eq__(self, other): return True\ndef double(n): return Same()",
    ),
    "the callers' variables": (
        DOUBLE,
        "import sys\ndef double(n):\n    frame = sys._getframe()\n    while frame.f_back:\n"
        "        frame = frame.f_back\n        for value in list(frame.f_locals.values()):\n"
        "            if '[2,' + ' 4]' in str(value): return [2, 5 - 1]\n    return None",
    ),
    "the harness's files": (
        DOUBLE,
        "def double(n):\n    import os, io\n    for name in os.listdir('/box'):\n"
        "        if '[2,' + ' 4]' in io.open('/box/' + name).read(): return [2, 5 - 1]",
    ),
    "a verdict of its own": (
        DOUBLE,
        "import os\nfor line in (b'{\"passed\": true}', b'passed'):\n    os.write(1, line)\n"
        "def double(n): return []",
    ),
}


@isolating
@pytest.mark.parametrize(("row", "code"), WRONG.values(), ids=WRONG)
def test_any_other_program_gets_none(
    write: Callable[..., Path], reply: Callable[..., list[int]], row: dict[str, Any], code: str
) -> None:
    (step,) = play(make(write(row)), reply(block(code)))
    assert (step.reward, step.metrics["correct"]) == (0.0, 0.0)


@isolating
def test_a_reply_without_code_costs_the_format_s_weight(
    write: Callable[..., Path], reply: Callable[..., list[int]]
) -> None:
    (step,) = play(make(write(SUM), format_coef=0.25), reply("I do not know."))
    assert step.reward == -0.25


@isolating
def test_the_model_can_try_a_program_first(
    write: Callable[..., Path], reply: Callable[..., list[int]]
) -> None:
    call = json.dumps({"name": "check_solution", "arguments": {"code": "print(3)"}})
    tried, done = play(
        make(write(SUM)),
        reply(f"<tool_call>\n{call}\n</tool_call>"),
        reply(block(RIGHT_SUM)),
    )
    assert not tried.episode_done
    result = json.loads(tried.logs["tool_result_0"])
    assert result["passed"] is False
    assert "Wrong Answer" in result["details"]["stdout"]
    assert (done.reward, done.episode_done) == (1.0, True)


def _problems(dataset: RLDataset) -> list[str]:
    batches = [dataset.get_batch(index) for index in range(len(dataset))]
    return [group.task.problem for batch in batches for group in batch]


@isolating
def test_a_file_is_shuffled_by_the_seed_and_gone_through_once(
    write: Callable[..., Path], tmp_path: Path
) -> None:
    rows = [{**SUM, "problem": f"Problem {number}."} for number in range(5)]
    path = write(*rows)
    tests = tmp_path / "test.jsonl"
    tests.write_text(json.dumps(SUM) + "\n")

    def problems() -> tuple[list[str], list[str]]:
        train, test = asyncio.run(make(path, test_dataset=str(tests))())
        assert test is not None
        return _problems(train), _problems(test)

    first, held_out = problems()
    assert first == problems()[0]
    assert first != sorted(first)
    assert len(set(first)) == 5
    assert len(held_out) == 1


@isolating
def test_the_groups_of_the_test_set_have_one_member(write: Callable[..., Path]) -> None:
    path = write(SUM)
    train, test = asyncio.run(make(path, test_dataset=str(path))())
    assert test is not None
    assert len(asyncio.run(train.get_batch(0)[0].make_envs())) == 2
    assert len(asyncio.run(test.get_batch(0)[0].make_envs())) == 1


def test_without_isolation_the_run_refuses_or_says_so(
    write: Callable[..., Path],
    reply: Callable[..., list[int]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(run, "_choice", lambda: (None, ["bubblewrap: not installed"]))
    path = write(SUM)
    with pytest.raises(EnvironmentUnavailable, match="allow_unsafe_execution: true"):
        asyncio.run(make(path)())
    (step,) = play(make(path, allow_unsafe_execution=True), reply(block(RIGHT_SUM)))
    assert step.reward == 1.0
    assert "WITHOUT isolation" in caplog.text


def test_a_remote_sandbox_that_is_not_there_is_found_at_once(
    write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = write(SUM)
    monkeypatch.setenv("SANDBOX_URL", "http://127.0.0.1:9/run_code")
    with pytest.raises(EnvironmentUnavailable, match=r"127\.0\.0\.1:9/run_code.*SANDBOX_URL"):
        asyncio.run(make(path, sandbox="sandboxfusion")())
    pytest.importorskip("modal")
    from modal import config

    monkeypatch.setattr(config, "_user_config", {})
    monkeypatch.delenv("MODAL_TOKEN_ID", raising=False)
    monkeypatch.delenv("MODAL_TOKEN_SECRET", raising=False)
    with pytest.raises(EnvironmentUnavailable, match="modal token new"):
        asyncio.run(make(path, sandbox="modal")())
