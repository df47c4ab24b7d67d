"""Scheduling: any mix of outcomes, any number at once, and real processes."""

from __future__ import annotations

import multiprocessing.connection
import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from recipe_runner.sweeps import forked
from recipe_runner.sweeps.local import LocalWorker
from recipe_runner.sweeps.schedule import ENDS, TRIES, Exit, Job, Schedule, Worker

CODES = st.sampled_from([0, 0, 0, 1, 3, 4, 5, 130, -9, -11, int(Exit.LIMIT), int(Exit.LIMIT)])


@dataclass
class Machine:
    """Jobs that take some ticks and then end with a code of their own, in simulated time.

    Attributes:
        outcomes: for each job, ticks and exit code of each start; after the last, it is done.
    """

    outcomes: dict[str, list[tuple[int, int]]]
    now: float = 0.0
    at_work: list[Task] = field(default_factory=list)
    most_at_work: int = 0
    starts: list[str] = field(default_factory=list)

    def start(self, name: str) -> Worker:
        left = self.outcomes[name]
        if left and left[0][0] == 0:
            left.pop(0)
            raise BlockingIOError(11, "no more processes")
        ticks, code = left.pop(0) if left else (1, 0)
        assert name not in [task.name for task in self.at_work]
        task = Task(self, name, self.now + ticks, code)
        self.at_work.append(task)
        self.starts.append(name)
        self.most_at_work = max(self.most_at_work, len(self.at_work))
        return task


@dataclass
class Task:
    machine: Machine
    name: str
    ends: float
    code: int

    @property
    def exit_code(self) -> int | None:
        if self.machine.now < self.ends:
            return None
        if self in self.machine.at_work:
            self.machine.at_work.remove(self)
        return self.code

    def interrupt(self) -> None:
        # One that was just coming to its end does so all the same.
        if self.machine.now + 1 < self.ends:
            self.ends, self.code = self.machine.now + 1, 130

    def kill(self) -> None:
        self.ends, self.code = self.machine.now, -9


STARTS = st.lists(st.tuples(st.integers(0, 4), CODES), max_size=4)
SWEEPS = st.lists(STARTS, min_size=1, max_size=12)


def schedule_of(
    starts: list[list[tuple[int, int]]], max_parallel: int
) -> tuple[Machine, Schedule, dict[str, list[str]]]:
    machine = Machine({f"job{i}": list(each) for i, each in enumerate(starts)})
    ends: dict[str, list[str]] = {name: [] for name in machine.outcomes}

    def note(job: Job) -> None:
        if job.state in ENDS:
            ends[job.name].append(job.state)

    names = list(machine.outcomes)
    schedule = Schedule(names, machine.start, max_parallel, note, clock=lambda: machine.now)
    return machine, schedule, ends


@given(SWEEPS, st.integers(1, 6))
def test_each_job_comes_to_exactly_one_end_and_never_too_many_at_once(
    starts: list[list[tuple[int, int]]], max_parallel: int
) -> None:
    expected = [expected_end(each) for each in starts]
    machine, schedule, ends = schedule_of(starts, max_parallel)
    for _ in range(20_000):
        schedule.advance()
        if schedule.is_over:
            break
        machine.now += 1
    assert schedule.is_over
    assert machine.most_at_work <= max_parallel
    assert not machine.at_work
    assert [ends[f"job{i}"] for i in range(len(starts))] == [[end] for end in expected]


def expected_end(starts: list[tuple[int, int]]) -> str:
    """Limits are tried again, at most four times here; whatever else comes first is the end."""
    assert len(starts) < TRIES
    for ticks, code in starts:
        if ticks == 0:
            return "failed"
        if code != Exit.LIMIT:
            named = {0: "done", 5: "budget", 130: "interrupted"}
            return named.get(code, "failed")
    return "done"


@given(SWEEPS, st.integers(1, 6), st.integers(0, 8), st.integers(0, 3))
def test_a_stopped_schedule_begins_nothing_more_and_ends(
    starts: list[list[tuple[int, int]]], max_parallel: int, when: int, killed_after: int
) -> None:
    machine, schedule, ends = schedule_of(starts, max_parallel)
    for _ in range(when):
        schedule.advance()
        machine.now += 1
    schedule.stop()
    begun = len(machine.starts)
    for tick in range(12):
        if tick == killed_after:
            schedule.kill()
        schedule.advance()
        machine.now += 1
    assert schedule.is_over
    assert len(machine.starts) == begun
    assert all(len(each) == 1 for each in ends.values())


def test_a_job_that_the_service_always_refuses_fails_in_the_end() -> None:
    machine, schedule, _ = schedule_of([[(1, Exit.LIMIT)] * 50], 1)
    while not schedule.is_over:
        schedule.advance()
        machine.now += 1
    assert schedule.jobs["job0"].state == "failed"
    assert len(machine.starts) == TRIES


def test_what_the_service_refused_is_tried_again_when_another_has_made_room() -> None:
    machine, schedule, _ = schedule_of([[(5, 0)], [(1, Exit.LIMIT), (1, 0)]], 2)
    while not schedule.is_over:
        schedule.advance()
        machine.now += 1
    assert machine.now < 10  # long before the pause is over


def test_a_loser_is_ended_and_the_others_go_on() -> None:
    machine, schedule, ends = schedule_of([[(9, 0)], [(9, 0)]], 2)
    schedule.advance()
    machine.now += 1
    schedule.stop_loser("job0")
    while not schedule.is_over:
        schedule.advance()
        machine.now += 1
    assert ends == {"job0": ["stopped"], "job1": ["done"]}


def small(folder: str, name: str) -> int:
    """Fail, be full the first time, hang until Ctrl-C, or do well."""
    (Path(folder) / f"{name}.{os.getpid()}").touch()
    if name == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    if name == "full" and len(list(Path(folder).glob("full.*"))) == 1:
        return Exit.LIMIT
    try:
        time.sleep(600 if name == "hanging" else 0.01)
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    return {"failing": 3}.get(name, 0)


def test_real_processes_come_to_their_ends(tmp_path: Path) -> None:
    def start(name: str) -> LocalWorker:
        child = forked.start(
            small,
            [str(tmp_path), name],
            cwd=tmp_path,
            environment=os.environ,
            output=tmp_path / f"{name}.log",
        )
        return LocalWorker(child)

    names = ["killed", "full", "failing", "hanging", *(f"well{i}" for i in range(8))]
    # Pauses of half a minute pass in no time.
    schedule = Schedule(names, start, 3, clock=lambda: 1000 * time.monotonic())
    while not schedule.is_over:
        schedule.advance()
        at_work = [job.worker for job in schedule.running]
        assert len(at_work) <= 3
        if [job.name for job in schedule.running] == ["hanging"]:
            schedule.stop()
        sentinels = [worker.sentinel for worker in at_work if isinstance(worker, LocalWorker)]
        multiprocessing.connection.wait(sentinels, 0.05)
    states = {job.name: job.state for job in schedule.jobs.values()}
    assert states.pop("killed") == states.pop("failing") == "failed"
    assert states.pop("hanging") == "interrupted"
    assert set(states.values()) == {"done"}
