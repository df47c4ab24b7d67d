"""Fixtures for every folder: `recipe-run` as a process, forked from one that has imported much.

Ten seconds of imports a process would be most of what these tests do. `INSTALLED` is the command
as a user starts it; test_quickstart.py, test_serve.py and others start that.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from recipe_runner.sweeps import forked

INSTALLED = Path(sys.executable).with_name("recipe-run")
SHARED = (
    "recipe_runner.cli.app",
    "recipe_runner.compile",
    "recipe_runner.runs.execute",
    "recipe_runner.backends.local.server",
    "recipe_runner.backends.local.network",
    "recipe_runner.backends.local.sampling",
    "recipe_runner.backends.local.training",
    "recipe_runner.backends.local.wire",
    "tinker_cookbook.rl.train",
    "tinker_cookbook.supervised.train",
    "datasets",
)

Result = subprocess.CompletedProcess[str]
Start = Callable[..., "Command"]


class Command:
    """A running `recipe-run ARGUMENTS`; as `subprocess.Popen`, as far as tests use it."""

    def __init__(
        self, arguments: list[str], cwd: Path, environment: Mapping[str, str], output: Path
    ) -> None:
        forked.preload(SHARED)
        self._output = output
        self._errors = output.with_suffix(".err")
        self._process = forked.start(
            _run,
            (arguments, str(self._errors)),
            cwd=cwd,
            environment=environment,
            output=output,
        )
        self.pid = self._process.pid

    def poll(self) -> int | None:
        return self._process.exit_code

    def wait(self, timeout: float | None = None) -> int:
        return self._process.wait(timeout)

    def send_signal(self, number: signal.Signals) -> None:
        self._process.signal(number)

    def result(self, timeout: float) -> Result:
        """Wait for its end, and return what it said."""
        try:
            code = self.wait(timeout)
        except TimeoutError:
            self.send_signal(signal.SIGKILL)
            raise AssertionError(f"no end within {timeout} s: {self._output.read_text()}") from None
        texts = (
            path.read_text("utf-8") if path.exists() else ""
            for path in (self._output, self._errors)
        )
        return Result([], code, *texts)


def _run(arguments: list[str], errors: str) -> int:
    from recipe_runner.cli.app import run_command

    stream = os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(stream, 2)
    os.close(stream)
    return run_command(arguments)


def environment(**extra: str) -> dict[str, str]:
    """The test's environment without a key, without colours, without the hub."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("TINKER_")}
    return {**kept, "HF_HUB_OFFLINE": "1", "NO_COLOR": "1", **extra}


@pytest.fixture
def start(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Start `recipe-run ARGUMENTS` in an empty working directory and leave it running."""
    started: list[Command] = []
    outputs = tmp_path_factory.mktemp("outputs")

    def run(*arguments: str | Path, **env: str) -> Command:
        output = outputs / f"{len(started)}.out"
        started.append(Command([*map(str, arguments)], tmp_path, environment(**env), output))
        return started[-1]

    yield run
    for command in started:
        command.send_signal(signal.SIGKILL)
        command.wait()


@pytest.fixture
def recipe_run(start: Start) -> Callable[..., Result]:
    """Run `recipe-run ARGUMENTS` to its end in the same directory, recipes by absolute path."""

    def run(*arguments: str | Path, timeout: float = 280, **env: str) -> Result:
        return start(*arguments, **env).result(timeout)

    return run


@pytest.fixture
def installed(tmp_path: Path) -> Callable[..., Result]:
    """Run the installed command to its end, as a user would, in the same directory."""

    def run(*arguments: str | Path, timeout: float = 280, **env: str) -> Result:
        return subprocess.run(
            [str(INSTALLED), *map(str, arguments)],
            cwd=tmp_path,
            env=environment(**env),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    return run


@pytest.fixture
def start_installed(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start the installed command, as a user would, in the same directory; leave it running."""
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: str | Path, **env: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [str(INSTALLED), *map(str, arguments)],
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
