"""Where programs are graded: the seam at which the Cookbook hands them to a sandbox."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import logging
import os
import secrets
import urllib.parse
from pathlib import Path
from typing import Any

from tinker_cookbook.recipes.code_rl import code_grading
from tinker_cookbook.sandbox import SandboxBackend, SandboxFusionClient

from recipe_runner.envs import EnvironmentUnavailable
from recipe_runner.isolation import (
    Completed,
    IsolationUnavailable,
    available,
    run_python_async,
)

logger = logging.getLogger(__name__)

_JUDGE = Path(__file__).with_name("judge.py").read_text("utf-8")
_DEFAULT_URL = "http://localhost:8080/run_code"
_REACH_SECONDS = 5.0
_TRIES = 3


class IsolatedClient(SandboxFusionClient):
    """Takes what the Cookbook sends to SandboxFusion and runs it in `recipe_runner.isolation`.

    Attributes:
        timeout_s: seconds for each test.
        memory_mb: for the program, and for the judge.
        allow_unsafe: run without isolation where there is none.
    """

    def __init__(self, *, timeout_s: int, memory_mb: int, allow_unsafe: bool) -> None:
        super().__init__()
        self.timeout_s = timeout_s
        self.memory_mb = memory_mb
        self.allow_unsafe = allow_unsafe

    async def run(
        self, code: str, files: dict[str, str], timeout: float, language: str = "python"
    ) -> tuple[bool, dict[str, Any]]:
        """Return whether the program in `code.py` passes the tests, and what it wrote.

        code: the Cookbook's own test runner, whose place the judge takes.
        timeout: seconds for all tests.
        """
        token = secrets.token_hex(16)
        task = {
            "token": token,
            "sample": json.loads(files["test_cases.txt"]),
            "code": files["code.py"],
            "timeout": self.timeout_s,
        }
        done = await self._run_judge(json.dumps(task), files["testing_util.py"], timeout)
        lines = done.stdout.split("\n")
        verdicts = [line for line in lines if line.startswith(f"{token} ")]
        if not verdicts:
            ended = "Time Limit Exceeded" if done.timed_out else "the tests did not come to an end"
            return False, _details(1, done.stdout + ended, done.stderr)
        verdict = json.loads(verdicts[0].removeprefix(f"{token} "))
        written = "\n".join(line for line in lines if line != verdicts[0]).strip("\n")
        passed = bool(verdict["passed"])
        return passed, _details(int(not passed), written + verdict["details"], done.stderr)

    async def _run_judge(self, task: str, harness: str, timeout: float) -> Completed:
        """Run the judge, a few times where the machine is short of something for a moment.

        The Cookbook takes an error for a wrong program, so it is logged here.
        """
        for attempt in range(1, _TRIES + 1):
            try:
                return await run_python_async(
                    _JUDGE,
                    stdin=task,
                    files={"testing_util.py": harness},
                    timeout_s=timeout,
                    memory_mb=self.memory_mb,
                    allow_unsafe=self.allow_unsafe,
                )
            except IsolationUnavailable as error:
                logger.error("grading failed, attempt %d of %d: %s", attempt, _TRIES, error)
                if attempt == _TRIES:
                    raise
                await asyncio.sleep(attempt)
        raise AssertionError("the last attempt returns or raises")


def _details(exit_code: int, stdout: str, stderr: str) -> dict[str, Any]:
    """Return what the Cookbook's Modal sandbox returns, which the model may get to read."""
    return {"exit_code": exit_code, "stdout": stdout, "stderr": stderr}


def backend_of(sandbox: str) -> SandboxBackend:
    """Return the Cookbook's name of a sandbox; for `isolated`, the client makes the difference."""
    return SandboxBackend.MODAL if sandbox == "modal" else SandboxBackend.SANDBOXFUSION


def install(client: SandboxFusionClient | None) -> None:
    """Let the Cookbook grade by this client; None: by a new one for its own sandbox."""
    code_grading._sandboxfusion_client = client


async def prepare(sandbox: str, *, timeout_s: int, memory_mb: int, allow_unsafe: bool) -> None:
    """Make sure that programs can be graded, and have the Cookbook grade them there.

    Raises:
        EnvironmentUnavailable: if the sandbox does not answer; the message has the next step.
    """
    if sandbox == "isolated":
        await _check_isolation(allow_unsafe=allow_unsafe)
        install(IsolatedClient(timeout_s=timeout_s, memory_mb=memory_mb, allow_unsafe=allow_unsafe))
        return
    install(None)
    if sandbox == "modal":
        _check_modal()
    else:
        await _check_sandboxfusion()


async def _check_isolation(*, allow_unsafe: bool) -> None:
    try:
        done = await run_python_async("import numpy", allow_unsafe=allow_unsafe)
    except IsolationUnavailable as error:
        raise EnvironmentUnavailable(str(error)) from error
    if done.exit_code != 0:
        reason = done.stderr.strip().rpartition("\n")[2]
        raise EnvironmentUnavailable(
            f"the Cookbook's tests need numpy, which the isolated Python lacks ({reason}): run "
            "recipe-run as a user that can read its own Python, or use `sandbox: sandboxfusion`"
        )
    if available() is None:
        logger.warning("The model's programs run WITHOUT isolation: nothing here can isolate them")


async def _check_sandboxfusion() -> None:
    url = os.environ.get("SANDBOX_URL", _DEFAULT_URL)
    place = urllib.parse.urlsplit(url)
    port = place.port or (443 if place.scheme == "https" else 80)
    try:
        connecting = asyncio.open_connection(place.hostname, port)
        _, writer = await asyncio.wait_for(connecting, _REACH_SECONDS)
    except (OSError, TimeoutError) as error:
        raise EnvironmentUnavailable(
            f"SandboxFusion does not answer at {url} ({error or 'no answer in time'}): start it "
            "(`docker run -p 8080:8080 volcengine/sandbox-fusion:server-20250609`) and name it in "
            "SANDBOX_URL, or write `env.sandbox: isolated`"
        ) from error
    writer.close()


def _check_modal() -> None:
    if importlib.util.find_spec("modal") is None:
        raise EnvironmentUnavailable(
            "`sandbox: modal` needs Modal's package: `pip install 'tinker-cookbook[modal]'`"
        )
    from modal.config import config

    if not (config.get("token_id") and config.get("token_secret")):
        raise EnvironmentUnavailable(
            "Modal has no token here: run `modal token new`, or set MODAL_TOKEN_ID and "
            "MODAL_TOKEN_SECRET, or write `env.sandbox: isolated`"
        )
