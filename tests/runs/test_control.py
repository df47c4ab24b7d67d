"""A loop is ended in order, and at once where nothing else would end it."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from recipe_runner.language import load
from recipe_runner.loops.stopping import current
from recipe_runner.planning.plan import Served
from recipe_runner.planning.resolve import make_plan
from recipe_runner.runs.control import guarded
from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.progress.status import Status


@dataclass(frozen=True)
class Loop:
    """What `Guard.run` needs of a compiled job."""

    run: Callable[[], object]
    entry: str = "tinker_cookbook.rl.train:main"


def test_a_stop_that_waits_for_a_hung_service_does_not_wait_for_ever(
    write_recipe: Callable[..., Path], tmp_path: Path
) -> None:
    loaded = load(write_recipe(), overrides=[f"logging.dir={tmp_path / 'runs'}"])
    plan = make_plan(loaded, Served(kind="hosted", note=""))
    status = Status()

    async def hang() -> None:
        current().under_way = True
        os.kill(os.getpid(), signal.SIGINT)  # Ctrl-C, while the step is under way
        assert status.stopping is not None
        status.waiting, status.waiting_since = "the service is away", time.monotonic() - 60
        await asyncio.Event().wait()

    run = RunDirectory.create(plan, loaded.text)
    with guarded(plan, run, status) as guard, pytest.raises(KeyboardInterrupt):
        guard.run(Loop(hang))
