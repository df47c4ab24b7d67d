"""Problems of a local file: what is read, and how a line that cannot be used is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from recipe_runner.envs.code.problems import load_problems
from recipe_runner.errors import DataError

ROOT = Path(__file__).parents[2]
TEST = {"input": "1", "output": "2"}
FUNCTION = {**TEST, "testtype": "functional"}


def test_the_shipped_problems_load() -> None:
    problems = load_problems(str(ROOT / "recipes/data/code_problems.jsonl"))
    assert {test["testtype"] for task in problems for test in task.tests} == {
        "stdin_stdout",
        "functional",
    }
    assert all(task.tests and task.problem for task in problems)


@pytest.mark.parametrize(
    "tests",
    [
        [TEST],
        json.dumps([TEST]),
        {"inputs": ["1"], "outputs": ["2"]},
        json.dumps({"inputs": ["1"], "outputs": ["2"]}),
        TEST,
    ],
)
def test_tests_come_in_the_forms_of_the_data_set(tmp_path: Path, tests: Any) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text(json.dumps({"problem": "Add one.", "tests": tests}))
    (task,) = load_problems(str(path))
    assert [(test["input"], test["output"]) for test in task.tests] == [("1", "2")]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"tests": [TEST]}, "column 'problem': is missing; the line has tests"),
        ({"problem": " ", "tests": [TEST]}, "column 'problem': is empty"),
        ({"problem": 3, "tests": [TEST]}, "column 'problem': has to be a text"),
        ({"problem": "p"}, "column 'tests': is missing"),
        ({"problem": "p", "tests": []}, "column 'tests': has no tests"),
        ({"problem": "p", "tests": 3}, "column 'tests': has to be a list of {input, output}"),
        ({"problem": "p", "tests": "[{"}, "column 'tests': holds a text that is not JSON"),
        ({"problem": "p", "tests": ["x"]}, "column 'tests': test 1 has to be an object"),
        ({"problem": "p", "tests": [TEST, {"input": ""}]}, "column 'tests': test 2 has no 'out"),
        (
            {"problem": "p", "tests": {"inputs": ["1"], "outputs": []}},
            "column 'tests': has 1 inputs and 0 outputs",
        ),
        (
            {"problem": "p", "tests": {"inputs": [], "outputs": [], "fn_name": "f"}},
            "column 'tests': write tests of a function as a list",
        ),
        (
            {"problem": "p", "tests": [{**TEST, "testtype": "call"}]},
            "column 'tests': test 1 has the testtype 'call'; there are stdin, stdin_stdout, func",
        ),
        ({"problem": "p", "tests": [FUNCTION]}, "column 'tests': test 1 calls a function, but"),
        (
            {"problem": "p", "tests": [{**FUNCTION, "input": "x"}], "metadata": {"func_name": "f"}},
            "column 'tests': test 1: input is not JSON, an argument a line: 'x'",
        ),
        ({"problem": "p", "tests": [TEST], "metadata": "{"}, "column 'metadata': holds a text"),
        ({"problem": "p", "tests": [TEST], "metadata": []}, "column 'metadata': has to be an obj"),
        ({"problem": "p", "tests": [TEST], "starter_code": 3}, "column 'starter_code': has to be"),
    ],
)
def test_what_is_wrong_is_named_by_line_and_column(
    tmp_path: Path, row: dict[str, Any], message: str
) -> None:
    path = tmp_path / "p.jsonl"
    path.write_text(json.dumps({"problem": "good", "tests": [TEST]}) + "\n" + json.dumps(row))
    with pytest.raises(DataError) as refused:
        load_problems(str(path))
    assert f"{path}:2: {message}" in str(refused.value)
