"""The errors that end a command, by what the user can do about them.

RunnerError               exit code
├── UsageError            2    the command line asks for something that does not exist
├── RunFailed             3    the training loop stopped on an error
│   └── DataError         3    a data file has something wrong; the message says where
├── UserCodeError         3    code that the recipe names cannot be imported, or fails
├── BackendError          4    the backend cannot be reached, or refuses
│   ├── MissingKey        4    hosted Tinker without an API key
│   └── ServiceLost       4    the service went away, or forgot the run, and may come back
├── BudgetSpent           5    `budget` is reached; what was done is saved
└── Interrupted           130  Ctrl-C, or a termination signal

A wrong recipe is `recipe_runner.language.RecipeError`, exit code 1: it carries diagnostics.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar


class RunnerError(Exception):
    """An expected failure; the message has the cause and the next step, and is all a user sees."""

    exit_code: ClassVar[int] = 3


class UsageError(RunnerError):
    exit_code = 2


class RunFailed(RunnerError):
    exit_code = 3


class DataError(RunFailed):
    pass


class UserCodeError(RunnerError):
    exit_code = 3


class BackendError(RunnerError):
    exit_code = 4


class MissingKey(BackendError):
    pass


class BudgetSpent(RunnerError):
    exit_code = 5


class ServiceLost(BackendError):
    pass


class Interrupted(RunnerError):
    exit_code = 130


def chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error, the errors of its group, and what each was raised from or on the way of.

    Each once: an error may well have been raised from itself.
    """
    seen: set[int] = set()
    pending: list[BaseException | None] = [error]
    while pending:
        one = pending.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        hidden = None if one.__suppress_context__ else one.__context__
        pending.append(one.__cause__ or hidden)
        if isinstance(one, BaseExceptionGroup):
            pending.extend(reversed(one.exceptions))
