"""Processes that are forked from one that has imported what they need."""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from recipe_runner.sweeps import forked
from tests.e2e.conftest import is_alive, wait_for

ROOT = Path(__file__).parents[2]

# A program of its own, for one that is killed cannot be this one.
PARENT = """
import sys, time
from pathlib import Path
from recipe_runner.sweeps import forked
from tests.sweeps.test_forked import sleeper

here = Path(sys.argv[1])
for number in range(3):
    forked.start(sleeper, [], cwd=here, environment={}, output=here / f"{number}.log")
time.sleep(600)
"""


def tell(value: int) -> int:
    atexit.register(print, "at exit")
    facts = {
        "cwd": os.getcwd(),
        "environment": dict(os.environ),
        "threads": threading.active_count(),
        "leader": os.getsid(0) == os.getpid(),
    }
    print(json.dumps(facts))
    print("to standard error", file=sys.stderr)
    return value


def fails() -> None:
    raise ValueError("what went wrong")


def sleeper() -> None:
    print(os.getpid())
    time.sleep(600)


def interrupted() -> int:
    print("started")
    try:
        time.sleep(600)
    except KeyboardInterrupt:
        return 130
    return 0


def test_a_child_has_its_own_place_and_output(tmp_path: Path) -> None:
    output = tmp_path / "out.log"
    output.write_text("before\n")
    child = forked.start(tell, [7], cwd=tmp_path, environment={"A": "1"}, output=output)
    assert child.wait(60) == 7
    before, facts, error, end = output.read_text().splitlines()
    assert (before, error, end) == ("before", "to standard error", "at exit")
    assert json.loads(facts) == {
        "cwd": str(tmp_path),
        "environment": {"A": "1"},
        "threads": 1,
        "leader": True,
    }


def test_what_a_child_raises_is_in_its_output(tmp_path: Path) -> None:
    output = tmp_path / "out.log"
    child = forked.start(fails, [], cwd=tmp_path, environment={}, output=output)
    assert child.wait(60) == 1
    assert "ValueError: what went wrong" in output.read_text()


def test_a_child_takes_signals(tmp_path: Path) -> None:
    output = tmp_path / "out.log"
    child = forked.start(interrupted, [], cwd=tmp_path, environment={}, output=output)
    wait_for(lambda: output.exists() and "started" in output.read_text())
    with pytest.raises(TimeoutError):
        child.wait(0)
    assert child.exit_code is None
    child.signal(signal.SIGINT)
    assert child.wait(60) == 130
    child.signal(signal.SIGKILL)  # without effect on one that has ended


def test_children_end_with_the_process_that_started_them(tmp_path: Path) -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)], cwd=ROOT)

    def pids() -> list[int]:
        texts = [file.read_text() for file in tmp_path.glob("*.log")]
        return [int(text) for text in texts if text.endswith("\n")]

    try:
        wait_for(lambda: len(pids()) == 3)
    finally:
        parent.kill()
        parent.wait()
    wait_for(lambda: not any(is_alive(pid) for pid in pids()), 10)


WARM = """
import time
from recipe_runner.sweeps import forked
forked.preload(["json"])
forked.warm_up()
time.sleep(1)
"""


def test_nothing_of_the_working_directory_is_imported_at_the_start(tmp_path: Path) -> None:
    theirs, command = tmp_path / "theirs", tmp_path / "command"
    theirs.mkdir()
    command.write_text(WARM)  # as the installed command is, a file elsewhere
    for name in ("multiprocessing", "socket", "selectors", "signal", "sitecustomize"):
        (theirs / f"{name}.py").write_text("open('imported', 'a').close()")
    environment = {"PATH": os.environ["PATH"]}
    started = [sys.executable, str(command)]
    subprocess.run(started, cwd=theirs, env=environment, check=True, timeout=60)
    assert not (theirs / "imported").exists()
