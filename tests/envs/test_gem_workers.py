from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from recipe_runner.envs import EnvironmentUnavailable
from recipe_runner.envs.gem import workers
from recipe_runner.envs.gem.protocol import EnvSpec, Job, open_problem
from recipe_runner.envs.gem.workers import EpisodeError, EpisodeTimeout, Worker, WorkerPool

Make = Callable[..., Any]

CHAIN_SUM = EnvSpec("rg", "rg:chain_sum", {})
INTEGRAL = EnvSpec("rg", "rg:simple_integration", {})
HANGS = "\\boxed{9**9**9}"  # the grader evaluates the reply


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    pool = WorkerPool(2)
    yield pool
    pool.close()


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def _wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return condition()


def test_any_worker_gives_the_same_opening_and_turn(pool: WorkerPool, run: Make) -> None:
    async def openings() -> list[Any]:
        return list(await asyncio.gather(*[pool.start(CHAIN_SUM, 5) for _ in range(20)]))

    first, *others = run(openings())
    assert all(other == first for other in others)


def test_sets_of_strings_are_in_the_same_order_in_each_worker(run: Make) -> None:
    spec = EnvSpec("rg", "rg:ransom_note", {})
    job = Job("start", (spec, 3), 20.0)
    questions = []
    for _ in range(2):
        worker = Worker()
        questions.append(worker.call(job).observation)
        worker.kill()
    assert questions[0] == questions[1]


def test_a_hung_grading_is_stopped_and_the_loop_goes_on(
    pool: WorkerPool, run: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "STEP_CPU_SECONDS", 0.3)

    async def grade() -> int:
        state = (await pool.start(INTEGRAL, 1)).state
        grading = asyncio.ensure_future(pool.step(state, HANGS))
        ticks = 0
        while not grading.done():
            await asyncio.sleep(0.01)
            ticks += 1
        with pytest.raises(EpisodeTimeout):
            grading.result()
        # The pool still works.
        assert (await pool.step(state, "\\boxed{x}")).done
        return ticks

    assert run(grade()) > 5


def test_a_timeout_is_a_metric_of_the_episode(
    builder: Make, run: Make, reply: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "STEP_CPU_SECONDS", 0.3)

    async def play() -> Any:
        dataset, _ = await builder("rg:simple_integration")()
        env = (await dataset.get_batch(0)[0].make_envs())[0]
        await env.initial_observation()
        return await env.step(reply(HANGS))

    result = run(play())
    assert (result.reward, result.episode_done) == (0.0, True)
    assert result.metrics["env_timeout"] == 1.0


def test_a_slow_reset_does_not_block_the_loop(pool: WorkerPool, run: Make) -> None:
    spec = EnvSpec("game", "game:Sokoban-v0-easy", {})

    async def longest_gap() -> float:
        resets = [asyncio.ensure_future(pool.start(spec, seed)) for seed in range(6)]
        longest, last = 0.0, time.perf_counter()
        while not all(reset.done() for reset in resets):
            await asyncio.sleep(0.005)
            now = time.perf_counter()
            longest, last = max(longest, now - last), now
        return longest

    assert run(longest_gap()) < 0.5


def test_many_gradings_share_few_processes(pool: WorkerPool, run: Make) -> None:
    state = open_problem("Half?", "\\frac{1}{2}").state

    async def grade() -> list[float]:
        turns = await asyncio.gather(*[pool.step(state, "\\boxed{0.5}") for _ in range(300)])
        return [turn.reward for turn in turns]

    assert run(grade()) == [1.0] * 300
    assert len(pool.pids()) <= 2


def test_a_worker_that_dies_costs_its_job_alone(pool: WorkerPool, run: Make) -> None:
    def kill_all() -> None:
        for pid in pool.pids():
            os.kill(pid, signal.SIGKILL)
            assert _wait_until(lambda pid=pid: not _alive(pid), 10)

    async def play() -> None:
        state = (await pool.start(INTEGRAL, 1)).state
        kill_all()
        assert (await pool.step(state, "\\boxed{1}")).done
        grading = asyncio.ensure_future(pool.step(state, HANGS))
        await asyncio.sleep(0.3)
        kill_all()
        with pytest.raises(EpisodeError, match="died"):
            await grading
        assert (await pool.step(state, "\\boxed{1}")).done

    run(play())


def test_a_pool_serves_one_event_loop_after_the_other(pool: WorkerPool, run: Make) -> None:
    assert run(pool.start(CHAIN_SUM, 1)) == run(pool.start(CHAIN_SUM, 1))


def test_workers_die_with_a_parent_that_is_killed() -> None:
    code = """
        import asyncio, time
        from recipe_runner.envs.gem.protocol import EnvSpec
        from recipe_runner.envs.gem.workers import WorkerPool
        pool = WorkerPool(1)
        asyncio.run(pool.start(EnvSpec("rg", "rg:chain_sum", {}), 1))
        print(pool.pids()[0], flush=True)
        time.sleep(60)
    """
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    assert _alive(pid)
    parent.kill()
    parent.communicate()
    assert _wait_until(lambda: not _alive(pid), 10)


def test_a_job_that_python_cannot_interrupt_is_ended_by_the_kernel() -> None:
    code = """
        import signal
        from recipe_runner.envs.gem import episodes, worker
        from recipe_runner.envs.gem.protocol import Job
        signal.signal(signal.SIGVTALRM, signal.SIG_DFL)
        episodes.JOBS["step"] = lambda count: sum(range(count))
        worker._run(Job("step", (10**11,), 0.1))
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], timeout=60)
    assert done.returncode == -signal.SIGVTALRM


def test_a_gem_that_does_not_import_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "gem").mkdir()
    (tmp_path / "gem/__init__.py").write_text("raise ImportError('no such wheel')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(EnvironmentUnavailable, match=r"gem-llm.*\(no such wheel\)"):
        Worker()


def test_workers_see_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINKER_API_KEY", "tml-not-for-graders")
    worker = Worker()
    environment = Path(f"/proc/{worker.pid}/environ").read_bytes()
    worker.kill()
    assert b"PYTHONHASHSEED=0" in environment
    assert b"tml-not-for-graders" not in environment
