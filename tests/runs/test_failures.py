"""What stops a loop becomes one line with a cause, a way on and the right exit code."""

from __future__ import annotations

import httpx
import pytest
import tinker

from recipe_runner.backends.local.launch import LaunchError
from recipe_runner.envs import EnvironmentUnavailable
from recipe_runner.errors import Interrupted
from recipe_runner.runs.failures import explain

REQUEST = httpx.Request("POST", "http://127.0.0.1:9/api/v1/create_model")


def status_error(kind: type[tinker.APIStatusError], status: int) -> tinker.APIStatusError:
    return kind("no such model", response=httpx.Response(status, request=REQUEST), body=None)


def while_telling(error: Exception) -> Exception:
    """An error of the SDK's own, as it tells of another."""
    own = AttributeError("'InternalClientHolder' object has no attribute '_last_logged'")
    own.__context__ = error
    return own


@pytest.mark.parametrize(
    ("error", "exit_code", "words"),
    [
        (status_error(tinker.AuthenticationError, 401), 4, "check TINKER_API_KEY"),
        (status_error(tinker.NotFoundError, 404), 4, "no such model"),
        (tinker.APIConnectionError(request=REQUEST), 4, "same command again"),
        (LaunchError("torch is missing"), 4, "did not start"),
        (EnvironmentUnavailable("gem-llm is not installed"), 3, "gem-llm"),
        (ConnectionError("Couldn't reach the Hub"), 3, "env.dataset"),
        (OSError(28, "No space left on device"), 3, "make room, then give the same command again"),
        (ZeroDivisionError("division by zero"), 3, "ZeroDivisionError"),
        (Interrupted("stop"), 130, "stop"),
        (while_telling(status_error(tinker.APIStatusError, 402)), 4, "no such model"),
        (ExceptionGroup("tasks", [ExceptionGroup("more", [LaunchError("x")])]), 4, "x"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_explained(error: Exception, exit_code: int, words: str) -> None:
    explained = explain(error)
    assert explained.exit_code == exit_code
    assert words in str(explained)
    assert "\n" not in str(explained)


def test_a_key_never_gets_into_a_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TINKER_API_KEY", "tml-secret")
    assert "tml-secret" not in str(explain(RuntimeError("header tml-secret is wrong")))
