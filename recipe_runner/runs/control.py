"""A loop at work under control: what it uses is counted, and it ends in order.

Ctrl-C, a termination signal and a spent budget all request the same stop: the step under way ends,
a checkpoint is saved, and the same command goes on from there. A second Ctrl-C stops at once, and
so does the first one where there is no step to wait for: while the run starts up, or while it has
waited for the service for some time.
"""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from recipe_runner.backends.billing import RUN_ID
from recipe_runner.errors import BudgetSpent, Interrupted, RunnerError
from recipe_runner.loops.stopping import Stop, Stopped
from recipe_runner.planning.plan import Plan
from recipe_runner.runs.account import Account, account_of
from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.progress.status import Status

if TYPE_CHECKING:
    from recipe_runner.compile import Job

_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_TICK_S = 0.5
# A wait for the service that is longer does not end soon.
_WAITED_LONG_S = 10.0


@contextmanager
def guarded(plan: Plan, run: RunDirectory, status: Status) -> Iterator[Guard]:
    """Count the run's time from here on, and take signals as requests to stop.

    Raises:
        BudgetSpent: if earlier attempts have spent it.
    """
    guard = Guard(plan, run, status)
    guard.require_budget()
    try:
        with _handling(guard.take_signal):
            yield guard
    finally:
        guard.account.write()


class Guard:
    """Runs one loop, and decides when it has to stop."""

    def __init__(self, plan: Plan, run: RunDirectory, status: Status) -> None:
        self.account: Account = account_of(plan, run, status)
        self._plan = plan
        self._run = run
        self._status = status
        self._stop = Stop()
        self._spent: str | None = None

    def run(self, job: Job) -> None:
        """Run the loop to its end.

        Raises:
            Interrupted, BudgetSpent: if it was stopped in order; what it did is kept.
        """
        from recipe_runner.loops.control import run_until_stopped
        from recipe_runner.loops.meter import metered

        module = job.entry.partition(":")[0]
        with metered(self.account.add, session_metadata(self._plan, self._run)), self._ticking():
            try:
                asyncio.run(run_until_stopped(job.run, module, self._stop, self._step_ended))
            except Stopped as stopped:
                raise self._reason(stopped.where) from None

    def require_budget(self) -> None:
        what = self.account.spent()
        if what is not None:
            raise BudgetSpent(
                f"the budget is spent already: {what}. Raise it, with --set budget.KEY=VALUE or in "
                f"the recipe, and give the same command again; {self._run.path} goes on then"
            )

    def take_signal(self, number: int, frame: FrameType | None) -> None:
        """Request a stop, or stop at once: the second time, and where no step can be waited for."""
        if self._status.stopping is not None and self._spent is None:
            raise KeyboardInterrupt
        if not self._stop.under_way or self._has_waited_long():
            raise KeyboardInterrupt
        self._spent = None
        self._stop.request()
        again = "; Ctrl-C again stops now" if number == signal.SIGINT else ""
        self._status.stopping = f"stopping after this step{again}"

    def _has_waited_long(self) -> bool:
        since = self._status.waiting_since
        return since is not None and time.monotonic() - since > _WAITED_LONG_S

    def _step_ended(self) -> None:
        self.account.update()
        self._hold_budget()

    def _hold_budget(self) -> None:
        if self._stop.requested:
            return
        self._spent = self.account.spent()
        if self._spent is not None:
            self._stop.request()
            self._status.stopping = f"the budget is spent ({self._spent}): stopping after this step"

    @contextmanager
    def _ticking(self) -> Iterator[None]:
        """Look after the record and the budget while a step takes its time."""
        ended = threading.Event()

        def tick() -> None:
            while not ended.wait(_TICK_S):
                self._step_ended()
                if self._stop.requested and self._has_waited_long():
                    # As if by hand: nothing else ends a loop that waits in the SDK. To the main
                    # thread itself, which sleeps on and never looks if another one takes it.
                    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
                    return

        thread = threading.Thread(target=tick, name="account", daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _reason(self, where: str) -> RunnerError:
        kept = f"stopped {where}; what was done is saved in {self._run.path}"
        if self._spent is None:
            return Interrupted(f"interrupted: {kept}. Give the same command again to go on")
        return BudgetSpent(
            f"the budget is spent: {self._spent}. The run has {kept}. Raise it, with "
            "--set budget.KEY=VALUE or in the recipe, and give the same command again to go on"
        )


def session_metadata(plan: Plan, run: RunDirectory) -> dict[str, str]:
    """Return what the service keeps of each session, to find what it billed for this run."""
    return {RUN_ID: run.run_id, "recipe_run_plan": plan.hash}


@contextmanager
def _handling(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Handle signals so; in another thread than the main one they are not ours."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, handler) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, previous in before.items():
            signal.signal(number, previous)
