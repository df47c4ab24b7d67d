"""A run that outlives its service: attempt after attempt, each from the last checkpoint.

Tinker's SDK waits for some minutes by itself. Where it gives up, or the service has forgotten the
run, the next attempt begins here: at once when the service answers, else when it does again.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from recipe_runner.backends import Connection, backend
from recipe_runner.errors import BackendError, ServiceLost
from recipe_runner.planning.plan import Plan
from recipe_runner.runs.attempt import Announce, Outcome, announce_start, attempt
from recipe_runner.runs.directory import RunDirectory
from schemas.backend import backend_kind

# Attempts in a row that get no further than the one before.
TRIES = 5
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
# How long a service may be away before a run gives up; the same command still resumes it.
PATIENCE_S = 6 * 3600.0


def survive(
    plan: Plan,
    run: RunDirectory,
    *,
    resumed: bool,
    announce: Announce,
    connection: Connection | None = None,
) -> Outcome:
    """Run a plan to its end in its directory, which the caller has locked.

    Raises:
        BackendError: if the service is away for too long, or loses the run again and again.
        RunnerError: what else stopped the run; it is on record.
    """
    announce_start(announce, plan, run)
    tries, reached = 0, -1
    while True:
        try:
            return attempt(plan, run, resumed=resumed, announce=announce, connection=connection)
        except ServiceLost as lost:
            from_step = run.read_manifest().attempts[-1].from_step
            tries = 1 if from_step > reached else tries + 1
            reached = max(reached, from_step)
            if tries >= TRIES:
                raise _given_up(run, f"{lost} ({tries} attempts from step {reached})") from lost
            announce(f"{lost.args[0]}")
            pause = min(FIRST_PAUSE_S * 2 ** (tries - 1), LONGEST_PAUSE_S)
            announce(f"going on from the last checkpoint in {pause:.0f} s ({tries} of {TRIES})")
            time.sleep(pause)
            _wait_for_answer(plan, run, announce)
            resumed = True


def _wait_for_answer(plan: Plan, run: RunDirectory, announce: Announce) -> None:
    """Return once the service answers anything."""
    probe: Callable[[Plan], None] = backend(backend_kind(plan.recipe.backend)).probe
    deadline = time.monotonic() + PATIENCE_S
    pause, announced = FIRST_PAUSE_S, False
    while True:
        try:
            probe(plan)
        except BackendError as error:
            if time.monotonic() > deadline:
                raise _given_up(run, str(error)) from error
            if not announced:
                announce(f"{error}; waiting for it, for {PATIENCE_S / 3600:.0f} hours at most")
                announced = True
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_S)
        else:
            if announced:
                announce("the service answers again")
            return


def _given_up(run: RunDirectory, reason: str) -> BackendError:
    """Put a run on record as failed, and return the error that ends it."""
    manifest = run.read_manifest()
    manifest.state = manifest.attempts[-1].state = "failed"
    run.write_manifest(manifest)
    run.add_event("failed", error=reason)
    return BackendError(reason)
