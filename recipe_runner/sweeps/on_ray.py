"""`--executor ray`: every variant is a job of a Ray cluster that is there already.

The cluster's machines share a file system with this one: recipes, data and runs are at the same
paths on all of them. `backend: local` starts a server of its own for each run, where the run is.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import Any

from recipe_runner.errors import BackendError, UsageError
from recipe_runner.planning.plan import Plan
from recipe_runner.runs.redaction import redacted_traceback
from recipe_runner.sweeps.schedule import Exit
from recipe_runner.sweeps.worker import Assignment, run_variant

# Variables that a run reads. They travel as an argument of the job: Ray shows a job's own
# environment to whoever may look at its dashboard.
_TRAVELLING = ("TINKER_", "HF_", "WANDB_", "TRACKIO_", "OPENAI_", "ANTHROPIC_")


class RayWorker:
    """A variant in a process of the cluster."""

    def __init__(self, ray: Any, job: Any) -> None:
        self._ray = ray
        self._killed = False
        self.job = job

    @property
    def exit_code(self) -> int | None:
        ready, _ = self._ray.wait([self.job], timeout=0)
        if not ready:
            return None
        try:
            return int(self._ray.get(self.job))
        except self._ray.exceptions.TaskCancelledError:
            return Exit.INTERRUPTED
        except self._ray.exceptions.WorkerCrashedError:
            return -int(signal.SIGKILL)
        except self._ray.exceptions.RayError:
            return Exit.LIMIT  # the cluster's fault: a machine went away

    def interrupt(self) -> None:
        self._ray.cancel(self.job, force=False)

    def kill(self) -> None:
        self._ray.cancel(self.job, force=True)


class RayExecutor:
    """Starts workers on the cluster that this process is connected to."""

    def __init__(self, ray: Any) -> None:
        self._ray = ray
        self._variables = {
            name: value for name, value in os.environ.items() if name.startswith(_TRAVELLING)
        }
        # A process of its own for each: a loop leaves seeds and patches behind. What ends a run is
        # for the sweep to judge, not for Ray to try again.
        self._run = ray.remote(num_cpus=1, max_calls=1, max_retries=0)(_run_there)

    def start(self, assignment: Assignment, output: Path) -> RayWorker:
        job = self._run.remote(
            assignment, str(Path.cwd()), self._variables, str(output.resolve()), sys.path
        )
        return RayWorker(self._ray, job)

    def wait(self, workers: Iterable[RayWorker], timeout_s: float) -> None:
        """Return when one of the workers has ended, or the time is up."""

        jobs = [worker.job for worker in workers]
        if jobs:
            self._ray.wait(jobs, timeout=timeout_s)
        else:
            time.sleep(timeout_s)


@contextmanager
def ray_executor(
    plans: Sequence[Plan], directory: Path, max_parallel: int
) -> Iterator[RayExecutor]:
    """Connect to the cluster of RAY_ADDRESS, or to the one that runs on this machine.

    A connection that this process has already is used, and left open.

    Raises:
        UsageError: if Ray is not installed.
        BackendError: if there is no cluster.
    """
    try:
        import ray
    except ImportError as error:
        raise UsageError(
            "--executor ray needs Ray, which is not installed: pip install 'recipe-run[ray]'"
        ) from error
    if ray.is_initialized():
        yield RayExecutor(ray)
        return
    try:
        # Workers look for modules in the directory that this is called in before any other.
        with chdir(os.sep):
            ray.init(address=os.environ.get("RAY_ADDRESS") or "auto", log_to_driver=False)
    except (ConnectionError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise BackendError(
            f"there is no Ray cluster to connect to: {reason}\nStart one (ray start --head), or "
            "set RAY_ADDRESS; --executor local needs none"
        ) from error
    try:
        yield RayExecutor(ray)
    finally:
        ray.shutdown()


def _run_there(
    assignment: Assignment,
    directory: str,
    variables: dict[str, str],
    output: str,
    search_path: list[str],
) -> int:
    """Be the worker, in a process that Ray made for this alone."""
    os.chdir(directory)
    os.environ.update(variables)
    sys.path[:] = search_path
    log = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(log, 1)
    os.dup2(log, 2)
    sys.stdout = os.fdopen(1, "w", buffering=1, encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, encoding="utf-8", closefd=False)
    try:
        return run_variant(assignment)
    except Exception as error:
        print(redacted_traceback(error), file=sys.stderr)
        return 1
