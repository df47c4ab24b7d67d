"""A sweep at work: what is done is skipped, the rest runs side by side, and all is on record."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

from recipe_runner.planning.plan import Plan
from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.manifest import now
from recipe_runner.runs.metrics import Column
from recipe_runner.sweeps.halving import Halving
from recipe_runner.sweeps.metric import Metric
from recipe_runner.sweeps.record import SweepDirectory, SweepRecord, VariantRecord, new_record
from recipe_runner.sweeps.results import error_of, is_done, run_of, update
from recipe_runner.sweeps.schedule import Job, Schedule, Worker
from recipe_runner.sweeps.variants import Variant
from recipe_runner.sweeps.worker import Assignment

_POLL_S = 0.2
_LOOK_S = 1.0


class Executor(Protocol):
    """Where variants run."""

    def start(self, assignment: Assignment, output: Path) -> Any:
        """Begin a variant; what it prints is appended to `output`."""
        ...

    def wait(self, workers: Iterable[Any], timeout_s: float) -> None:
        """Return when one of the workers has ended, or the time is up."""
        ...


class MakeExecutor(Protocol):
    def __call__(
        self, plans: Sequence[Plan], directory: Path, max_parallel: int
    ) -> AbstractContextManager[Executor]: ...


class Display(Protocol):
    """What a person sees of a sweep."""

    def changed(self, variant: VariantRecord) -> None:
        """A variant's state is another."""
        ...

    def refresh(self) -> None:
        """The variants' figures are others."""
        ...


@dataclass(frozen=True)
class Settings:
    """How a sweep goes about it.

    Attributes:
        resume_losers: whether variants that an earlier start ended for losing go on.
    """

    max_parallel: int
    metric: Metric
    executor: str = "local"
    halving: Halving | None = None
    resume_losers: bool = False


class Sweep:
    """The variants of a recipe and their common record."""

    def __init__(self, variants: Sequence[Variant], settings: Settings) -> None:
        self.settings = settings
        self.directory = SweepDirectory(variants)
        self.record: SweepRecord = new_record(
            self.directory, variants, settings.metric, settings.executor
        )
        self._variants = {variant.name: variant for variant in variants}
        self._records = {each.variant: each for each in self.record.variants}
        self._signals = 0

    def run(self, make_executor: MakeExecutor, display: Display) -> SweepRecord:
        """Run what is not done, and return the record of all.

        Raises:
            UsageError: if the same sweep is at work in another process.
            RunnerError: if the executor cannot be brought up.
        """
        with self.directory.open(), self._taking_signals():
            names = self._take_stock(display)
            self.directory.write(self.record)
            if names:
                plans = [self._variants[name].plan for name in names]
                parallel = min(self.settings.max_parallel, len(names))
                with make_executor(plans, self.directory.path, parallel) as executor:
                    self._run(names, executor, display)
            self.record.ended = now()
            self.directory.write(self.record)
        return self.record

    def _take_stock(self, display: Display) -> list[str]:
        """Find out what earlier starts have done, and return the names of what is left."""
        earlier = self.directory.read()
        lost = (
            {each.variant for each in earlier.variants if each.state == "stopped"}
            if earlier
            else set()
        )
        left: list[str] = []
        ended: dict[str, Column] = {}
        for name, record in self._records.items():
            plan = self._variants[name].plan
            run = run_of(plan)
            done = run is not None and is_done(run)
            if not done and (name not in lost or self.settings.resume_losers):
                left.append(name)
                continue
            record.state = "done" if done else "stopped"
            record.skipped = True
            ended[name] = self._look_at(name)
            display.changed(record)
        self._losers(ended)  # the others are compared with these
        return left

    def _run(self, names: Sequence[str], executor: Executor, display: Display) -> None:
        def start(name: str) -> Worker:
            variant = self._variants[name]
            assignment = Assignment(
                variant.plan.to_json(), variant.loaded.text, variant.loaded.files
            )
            worker: Worker = executor.start(assignment, self.directory.output_of(variant))
            return worker

        def changed(job: Job) -> None:
            self._note(job)
            self.directory.write(self.record)
            display.changed(self._records[job.name])

        schedule = Schedule(names, start, self.settings.max_parallel, changed)
        looked, heeded = time.monotonic(), 0
        try:
            while not schedule.is_over:
                while heeded < min(self._signals, 2):
                    heeded += 1
                    schedule.stop() if heeded == 1 else schedule.kill()
                schedule.advance()
                executor.wait([job.worker for job in schedule.running], _POLL_S)
                if time.monotonic() - looked >= _LOOK_S:
                    self._look(schedule, display)
                    looked = time.monotonic()
        finally:
            schedule.kill()  # nothing is left, but for a fault here

    def _look(self, schedule: Schedule, display: Display) -> None:
        """Read how far the variants at work have come, and end those that lose."""
        columns = {job.name: self._look_at(job.name) for job in schedule.running}
        for name in self._losers(columns):
            schedule.stop_loser(name)
        display.refresh()

    def _losers(self, columns: Mapping[str, Column]) -> set[str]:
        halving = self.settings.halving
        return set() if halving is None else halving.losers(columns)

    def _look_at(self, name: str) -> Column:
        """Bring a variant's record up to date, and return what its run is halved by."""
        plan, record, halving = (
            self._variants[name].plan,
            self._records[name],
            self.settings.halving,
        )
        column = update(record, plan, self.settings.metric)
        if halving is None or halving.metric == self.settings.metric or record.run is None:
            return column
        return halving.metric.column(plan, RunDirectory(Path(record.run)))

    def _note(self, job: Job) -> None:
        """Put what has become of a job on record."""
        record = self._records[job.name]
        record.state = job.state
        record.seconds = round(job.seconds, 1)
        if job.state != "running":
            record.run = None  # a run may have begun anew in another directory
            self._look_at(job.name)
        if job.state == "failed" or (job.state == "waiting" and job.tries):
            output = self.directory.output_of(self._variants[job.name])
            record.error = error_of(record, output, job.exit_code)
        elif job.state != "waiting":
            record.error = None

    @contextmanager
    def _taking_signals(self) -> Iterator[None]:
        """Count Ctrl-C and termination signals, which the loop heeds."""

        def count(number: int, frame: FrameType | None) -> None:
            self._signals += 1

        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, count) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
