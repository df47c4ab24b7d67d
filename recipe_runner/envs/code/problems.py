"""Programming problems from a local file, in the columns of the DeepCoder data set."""

from __future__ import annotations

import json
from typing import Any

from tinker_cookbook.recipes.code_rl.code_env import _build_question, _normalize_tests
from tinker_cookbook.recipes.code_rl.deepcoder_tool import DeepcoderTask

from recipe_runner.jsonl import Record, read_records

_QUESTION_COLUMNS = ("question", "prompt", "problem")
_TEST_COLUMNS = ("tests", "ground_truth")
_TEST_TYPES = ("stdin", "stdin_stdout", "functional")


def load_problems(path: str) -> list[DeepcoderTask]:
    """Return the problems of a JSONL file, in its order.

    Raises:
        DataError: if a line cannot be used; it names the file, the line and the column.
    """
    return [_task(record) for record in read_records(path)]


def _task(record: Record) -> DeepcoderTask:
    metadata = _metadata(record)
    record.text(_present(record, _QUESTION_COLUMNS, "problem"))
    question = _build_question(record.values)
    assert question is not None, "the column has text"
    starter = record.text("starter_code") if record.values.get("starter_code") else None
    return DeepcoderTask(problem=question, tests=_tests(record, metadata), starter_code=starter)


def _present(record: Record, columns: tuple[str, ...], usual: str) -> str:
    """Return the first of the columns that the line has, else the usual one, which is missing."""
    return next((column for column in columns if record.has(column)), usual)


def _metadata(record: Record) -> dict[str, Any]:
    value = _parsed(record, "metadata") if record.has("metadata") else {}
    if not isinstance(value, dict):
        raise record.error("metadata", "has to be an object, or the JSON text of one")
    return value


def _parsed(record: Record, column: str) -> Any:
    """Return a column that may hold JSON as a text, as the data set's do."""
    value = record.value(column)
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except json.JSONDecodeError as error:
        message = f"holds a text that is not JSON: {error.msg} (character {error.pos + 1})"
        raise record.error(column, message) from error
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise record.error(column, f"holds JSON that cannot be read: {reason}") from error


def _tests(record: Record, metadata: dict[str, Any]) -> list[dict[str, Any]]:
    column = _present(record, _TEST_COLUMNS, "tests")
    value = _parsed(record, column)
    if isinstance(value, dict) and ("inputs" in value or "outputs" in value):
        _check_parallel(record, column, value)
    elif isinstance(value, list | dict):
        for index, test in enumerate(value if isinstance(value, list) else [value], start=1):
            _check_test(record, column, index, test, metadata)
    else:
        raise record.error(column, "has to be a list of {input, output}, or {inputs, outputs}")
    tests = _normalize_tests(value, metadata)
    if not tests:
        raise record.error(column, "has no tests")
    return tests


def _check_parallel(record: Record, column: str, value: dict[str, Any]) -> None:
    if "fn_name" in value:  # the Cookbook would hand the function one list in place of arguments
        message = "write tests of a function as a list of {input, output, testtype, metadata}"
        raise record.error(column, message)
    inputs, outputs = value.get("inputs"), value.get("outputs")
    if not isinstance(inputs, list) or not isinstance(outputs, list):
        raise record.error(column, "inputs and outputs have to be lists")
    if len(inputs) != len(outputs):
        raise record.error(column, f"has {len(inputs)} inputs and {len(outputs)} outputs")


def _check_test(
    record: Record, column: str, index: int, test: Any, metadata: dict[str, Any]
) -> None:
    if not isinstance(test, dict):
        raise record.error(column, f"test {index} has to be an object with input and output")
    for key in ("input", "output"):
        if key not in test:
            raise record.error(column, f"test {index} has no {key!r}")
    kind = test.get("testtype") or "stdin_stdout"
    if kind not in _TEST_TYPES:
        listed = ", ".join(_TEST_TYPES)
        raise record.error(column, f"test {index} has the testtype {kind!r}; there are {listed}")
    if kind == "functional":
        _check_functional(record, column, index, test, metadata)


def _check_functional(
    record: Record, column: str, index: int, test: dict[str, Any], metadata: dict[str, Any]
) -> None:
    own = test.get("metadata") or {}
    if not (isinstance(own, dict) and own.get("func_name")) and not metadata.get("func_name"):
        raise record.error(column, f"test {index} calls a function, but metadata has no func_name")
    for key, lines in (("input", str(test["input"]).split("\n")), ("output", [test["output"]])):
        for line in lines:
            try:
                json.loads(str(line))
            except json.JSONDecodeError as error:
                raise record.error(
                    column, f"test {index}: {key} is not JSON, an argument a line: {line!r}"
                ) from error
