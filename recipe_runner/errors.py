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
