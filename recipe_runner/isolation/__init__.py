"""Runs Python programs that models wrote, shut in and within limits.

A program gets a throw-away directory, standard input and an interpreter; no network, no
environment, none of the machine's other files, and bounded time, memory, processes and output.
Imports the standard library alone; environments and wrappers use it, it knows none of them.
"""

from __future__ import annotations

from recipe_runner.isolation.run import (
    IsolationUnavailable,
    available,
    run_python,
    run_python_async,
)
from recipe_runner.isolation.supervise import Completed

__all__ = ["Completed", "IsolationUnavailable", "available", "run_python", "run_python_async"]
