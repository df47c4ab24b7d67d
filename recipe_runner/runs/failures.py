"""Turns what a training loop raises into an error with a cause and a next step."""

from __future__ import annotations

import re
from pathlib import Path

from recipe_runner.errors import BackendError, RunFailed, RunnerError, ServiceLost
from recipe_runner.refused import in_words
from recipe_runner.runs.lost import what_may_pass
from recipe_runner.runs.redaction import redacted
from recipe_runner.user_code import PLACE_NOTE
from recipe_runner.versions import blamed_on_versions

# What the SDK puts around the service's own words.
_FAILED_REQUEST = re.compile(r"^Request failed: (.*) for self\.request_id=.*$")


def explain(error: BaseException, place: Path | None = None) -> RunnerError:
    """Return the RunnerError that says what happened and what to do about it.

    Args:
        place: where the loop writes, for an error that does not say which file it was.
    """
    import tinker
    from tinker_cookbook.exceptions import TinkerCookbookError

    from recipe_runner.backends.local.launch import LaunchError
    from recipe_runner.envs import EnvironmentUnavailable

    error = _behind_the_sdks_own(_first_cause(error))
    if isinstance(error, RunnerError):
        return error
    lost = what_may_pass(error)
    if isinstance(lost, tinker.APIConnectionError):
        return ServiceLost(
            f"the service cannot be reached: {_words(lost)}; check the network, then give the "
            "same command again"
        )
    if lost is not None:
        return ServiceLost(
            f"the service has lost the run: {_words(lost)}; the same command goes on from the last "
            "checkpoint"
        )
    if isinstance(error, tinker.AuthenticationError | tinker.PermissionDeniedError):
        return BackendError(f"the service refuses the key: {_words(error)}; check TINKER_API_KEY")
    if isinstance(error, tinker.APIStatusError):
        return BackendError(f"the service refuses: {_words(error)}")
    if isinstance(error, EnvironmentUnavailable):
        return RunFailed(_words(error))
    if isinstance(error, TinkerCookbookError | tinker.TinkerError):
        return RunFailed(_words(error))
    if isinstance(error, LaunchError):
        return BackendError(f"the local backend did not start: {_words(error)}")
    if isinstance(error, ConnectionError):
        return RunFailed(
            f"{_words(error)}. A data set of the hub needs the network once; without it, give a "
            "local file: `env.dataset`, or `data: {kind: conversations, path: …}`"
        )
    if isinstance(error, OSError):
        return RunFailed(
            f"{in_words(error, place)}, then give the same command again: the run goes on where "
            "its files end"
        )
    versions = blamed_on_versions(error)
    return RunFailed(
        f"the training loop stopped: {type(error).__name__}: {_words(error)}{_place(error)}"
        + (f". {versions}" if versions else "")
    )


def _first_cause(error: BaseException) -> BaseException:
    """Return the first real error of a group that concurrent tasks raised."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _behind_the_sdks_own(error: BaseException) -> BaseException:
    """Return the refusal that the SDK was about to tell of when it failed itself.

    Its 0.38 does where there is no money (402) from the first request on.
    """
    import tinker

    told = error.__context__
    return (
        told if isinstance(error, AttributeError) and isinstance(told, tinker.APIError) else error
    )


def _place(error: BaseException) -> str:
    """Return the line of user's code that an error came through, where there is one."""
    notes = getattr(error, "__notes__", [])
    return "".join(f" ({note})" for note in notes if note.startswith(PLACE_NOTE))


def _words(error: BaseException) -> str:
    """Return an error's message in one line, without the key should it ever be in there."""
    text = " ".join(str(error).split()) or type(error).__name__
    return redacted(_FAILED_REQUEST.sub(r"\1", text))[0]
