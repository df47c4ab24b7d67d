"""Drives the installed command as a user would: a process, its output, its files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

COMMAND = Path(sys.executable).with_name("recipe-run")
ROOT = Path(__file__).parent.parent.parent

Result = subprocess.CompletedProcess[str]


def environment(**extra: str) -> dict[str, str]:
    """The test's environment without a key, without colours, without the hub."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("TINKER_")}
    return {**kept, "HF_HUB_OFFLINE": "1", "NO_COLOR": "1", **extra}


@pytest.fixture
def recipe_run(tmp_path: Path) -> Callable[..., Result]:
    """Run `recipe-run ARGUMENTS` in an empty working directory, recipes given by absolute path."""

    def run(*arguments: str | Path, timeout: float = 280, **env: str) -> Result:
        return subprocess.run(
            [str(COMMAND), *map(str, arguments)],
            cwd=tmp_path,
            env=environment(**env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    return run


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start `recipe-run ARGUMENTS` in the same directory and leave it running."""
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: str | Path, **env: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [str(COMMAND), *map(str, arguments)],
            cwd=tmp_path,
            env=environment(**env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.wait()
        if process.stdout:
            process.stdout.close()


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def only_run(directory: Path, name: str) -> Path:
    """Return the directory of the one run of a recipe."""
    (run,) = [path.parent for path in directory.glob(f"runs/{name}/*/run.json")]
    return run


def wait_for(condition: Callable[[], Any], seconds: float = 120) -> Any:
    """Wait until something is true, and return it."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError("it did not become true in time")


def is_alive(pid: int) -> bool:
    """Whether a process is there and not a zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
