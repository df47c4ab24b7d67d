"""Runs inside the isolation: the Cookbook's test harness, kept apart from the program it tests.

The Cookbook runs a program in the interpreter that holds the expected outputs and says "passed"
by its exit code, so `sys.exit(0)`, or a look into the caller's frames, is as good as an answer.
Here two processes share the harness: the worker loads the program and calls it, by the harness's
own code; the judge runs the harness on a stand-in whose answers are the worker's, so that the
comparison is the harness's too. The worker never holds an expected output, nor the word that the
judge's verdict starts with.
"""

from __future__ import annotations

import importlib
import json
import marshal
import os
import signal
import sys
import types
from contextlib import suppress
from typing import Any

# The Cookbook's `TEST_UTIL`, which lies beside this file when it runs.
harness = importlib.import_module("testing_util")

_PR_SET_DUMPABLE = 4


class Channel:
    """Messages between the two processes: plain values, each with its length before it."""

    def __init__(self, source: int, sink: int) -> None:
        self._source = source
        self._sink = sink

    def send(self, value: Any) -> None:
        data = marshal.dumps(value)
        data = len(data).to_bytes(8, "big") + data
        while data:
            data = data[os.write(self._sink, data) :]

    def receive(self) -> Any:
        return marshal.loads(self._read(int.from_bytes(self._read(8), "big")))

    def _read(self, size: int) -> bytes:
        parts = bytearray()
        while len(parts) < size:
            part = os.read(self._source, min(size - len(parts), 1 << 20))
            if not part:
                raise EOFError("the other process has ended")
            parts += part
        return bytes(parts)


def main() -> None:
    requests, answers = os.pipe(), os.pipe()
    if os.fork() == 0:
        os.close(0)  # what comes on standard input is the judge's
        os.close(requests[1])
        os.close(answers[0])
        work(Channel(requests[0], answers[1]))
        os._exit(0)
    os.close(requests[0])
    os.close(answers[1])
    _hide_memory()
    judge(Channel(answers[0], requests[1]), json.load(sys.stdin))


def _hide_memory() -> None:
    """Keep the worker, which has the same user, from reading the judge's memory."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def judge(worker: Channel, task: dict[str, Any]) -> None:
    """Let the harness compare the worker's answers, and write the verdict on a line of its own.

    task: `token`, `sample` and `code` (what the Cookbook's harness takes), `timeout` in seconds.
    """
    expected = json.loads(task["sample"]["input_output"])
    worker.send((task["code"], expected.get("fn_name"), task["timeout"]))
    details = _loading_problem(worker)
    passed = False
    if details is None:
        sys.modules["worker"] = module = types.ModuleType("worker")
        module.__dict__["ask"] = lambda arguments: _ask(worker, arguments)
        stand_in = _stand_in(expected.get("fn_name"))
        results, details = harness.run_test(task["sample"], stand_in, timeout=task["timeout"])
        passed = len(results) == len(expected["inputs"]) and all(map(_is_true, results))
    verdict = json.dumps({"passed": passed, "details": str(details)})
    os.write(1, f"\n{task['token']} {verdict}\n".encode())
    os._exit(0)


def _loading_problem(worker: Channel) -> Any:
    try:
        return worker.receive()
    except EOFError as error:
        return repr(error)


class ProgramError(Exception):
    """Shows itself as the error that the program ended with, which the harness writes down."""

    def __repr__(self) -> str:
        return str(self)


def _is_true(result: Any) -> bool:
    """Whether one test passed: the harness's codes for errors are numbers below zero."""
    return result is True or (bool(result) and not isinstance(result, int))


def _ask(worker: Channel, arguments: Any) -> Any:
    worker.send(arguments)
    is_output, value = worker.receive()
    if not is_output:
        raise ProgramError(value)
    return value


def _stand_in(function: str | None) -> str:
    """Return a program for the harness that leaves every answer to the worker."""
    if function is not None:
        return f"from worker import ask\nglobals()[{function!r}] = lambda *a: ask(a)\n"
    return "from worker import ask\nimport sys\nsys.stdout.write(ask(sys.stdin.read()))\n"


def work(judge: Channel) -> None:
    """Load the program and answer with what it makes of each input."""
    code, function, timeout = judge.receive()
    method, problem = load(code, function, timeout)
    judge.send(problem)
    with suppress(EOFError, BrokenPipeError):  # the judge has come to its verdict
        while problem is None:
            judge.send(answer(method, judge.receive(), function, timeout))


def load(code: str, function: str | None, timeout: int) -> tuple[Any, str | None]:
    """Return the callable that the harness makes of a program, or why it makes none."""
    found: list[Any] = []

    def note(owner: Any, name: str) -> Any:
        found.append(getattr(owner, name))
        return found[-1]

    # The harness looks its callable up by `getattr`, and that one time alone.
    harness.__dict__["getattr"] = note
    tests: dict[str, Any] = {"inputs": [], "outputs": []}
    if function is not None:
        tests["fn_name"] = function
    sample = {"input_output": json.dumps(tests)}
    try:
        results, details = harness.run_test(sample, code, timeout=timeout)
    except BaseException as error:  # SystemExit is one more way to fail
        return None, repr(error)
    return (None, str(details)) if results else (found[-1], None)


def answer(method: Any, arguments: Any, function: str | None, timeout: int) -> tuple[bool, Any]:
    """Return whether the program came to an output, and the output or the error."""
    signal.alarm(timeout)
    try:
        return True, plain(_output(method, arguments, function))
    except BaseException as error:
        return False, repr(error)
    finally:
        signal.alarm(0)


def _output(method: Any, arguments: Any, function: str | None) -> Any:
    if function is not None:
        return method(*arguments)
    with harness.Capturing() as captured:
        harness.call_method(method, arguments)
    return captured[0]


def plain(value: Any) -> Any:
    """Return a value whose types are the built-in ones, which alone compare as they should."""
    if isinstance(value, dict):
        return {plain(key): plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, tuple):
        return tuple(plain(item) for item in value)
    for kind in (bool, int, float, str):
        if isinstance(value, kind):
            return kind(value)
    if value is None:
        return None
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


if __name__ == "__main__":
    main()
