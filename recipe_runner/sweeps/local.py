"""`--executor local`: every variant is a process forked from one that has imported everything."""

from __future__ import annotations

import multiprocessing.connection
import os
import signal
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from recipe_runner.envs.gem.workers import SIZE_VARIABLE, default_size
from recipe_runner.errors import BackendError
from recipe_runner.planning.plan import Plan
from recipe_runner.runs.console import captured_output
from recipe_runner.sweeps import forked
from recipe_runner.sweeps.preload import modules_for
from recipe_runner.sweeps.worker import Assignment, run_variant


class LocalWorker:
    """A variant in a process of this machine."""

    def __init__(self, child: forked.Forked) -> None:
        self._child = child

    @property
    def sentinel(self) -> int:
        return self._child.sentinel

    @property
    def pid(self) -> int:
        return self._child.pid

    @property
    def exit_code(self) -> int | None:
        return self._child.exit_code

    def interrupt(self) -> None:
        self._child.signal(signal.SIGINT)

    def kill(self) -> None:
        self._child.signal(signal.SIGKILL)


class LocalExecutor:
    """Starts workers on this machine.

    Args:
        variables: what workers have in their environment besides this process's.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._environment = {**os.environ, **variables}

    def start(self, assignment: Assignment, output: Path) -> LocalWorker:
        child = forked.start(
            run_variant,
            [assignment],
            cwd=Path.cwd(),
            environment=self._environment,
            output=output,
        )
        return LocalWorker(child)

    def wait(self, workers: Iterable[LocalWorker], timeout_s: float) -> None:
        """Return when one of the workers has ended, or the time is up."""
        multiprocessing.connection.wait([worker.sentinel for worker in workers], timeout_s)


@contextmanager
def local_executor(
    plans: Iterable[Plan], directory: Path, max_parallel: int
) -> Iterator[LocalExecutor]:
    """Begin to import what the plans need; those of the local backend share one server.

    Raises:
        BackendError: if that server does not start.
    """
    from recipe_runner.backends.local.launch import LaunchError
    from recipe_runner.backends.local.shared import shared_server
    from recipe_runner.runs.training import LOCAL_STORE

    chosen = list(plans)
    shared = {SIZE_VARIABLE: str(default_size(max_parallel))}
    forked.preload(modules_for(chosen))
    # What the imports have to say is not for the terminal.
    with captured_output(directory / "imports.log"):
        forked.warm_up()
    stores = {Path(p.recipe.logging.dir) / LOCAL_STORE for p in chosen if _is_local(p)}
    if len(stores) != 1:  # none is needed, or runs with checkpoints in several places
        yield LocalExecutor(shared)
        return
    with ExitStack() as stack:
        server = shared_server(store=stores.pop(), log=directory / "backend.log")
        try:
            variables = stack.enter_context(server)
        except LaunchError as error:
            raise BackendError(f"the local backend did not start: {error}") from error
        yield LocalExecutor(shared | variables)


def _is_local(plan: Plan) -> bool:
    return plan.recipe.backend == "local"
