"""Answering futures that their callers may have cancelled meanwhile."""

from __future__ import annotations

from concurrent.futures import Future, InvalidStateError
from typing import TypeVar

Result = TypeVar("Result")


def succeed(future: Future[Result], result: Result) -> None:
    """Give the result, unless the caller cancelled."""
    try:
        future.set_result(result)
    except InvalidStateError:
        notify_cancelled(future)


def fail(future: Future[Result], error: BaseException) -> None:
    """Give an error, unless the caller cancelled or the future is answered."""
    try:
        future.set_exception(error)
    except InvalidStateError:
        notify_cancelled(future)


def notify_cancelled(future: Future[Result]) -> None:
    """Tell those who wait for a cancelled future; once for each future."""
    if future.cancelled():
        future.set_running_or_notify_cancel()
