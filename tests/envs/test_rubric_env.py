"""Rubrics from a file in the Cookbook's format; what is wrong in it is named by line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tinker_cookbook.recipes.rubric.data import (
    Rubric,
    RubricBasedDatapoint,
    RubricDatapointListBuilderFromJsonl,
)

from recipe_runner.envs.rubric import RubricFile
from recipe_runner.errors import DataError

DATA = Path(__file__).parents[2] / "recipes" / "data"
ASK = [{"role": "user", "content": "What is 1 + 2?"}]
RUBRIC = {"rubric_str": "Is it 3?"}


def written(path: Path, *rows: Any) -> RubricFile:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return RubricFile(jsonl_path=str(path))


def test_a_file_that_the_cookbook_wrote_reads_the_same(tmp_path: Path) -> None:
    path = tmp_path / "rubrics.jsonl"
    datapoint = RubricBasedDatapoint(convo=ASK, rubric_items=[Rubric("Is it 3?"), Rubric("Short?")])
    path.write_text(datapoint.to_json() + "\n")
    original = RubricDatapointListBuilderFromJsonl(jsonl_path=str(path))
    assert RubricFile(jsonl_path=str(path))() == original() == [datapoint]


def test_how_the_score_is_written_has_the_cookbooks_default(tmp_path: Path) -> None:
    (datapoint,) = written(tmp_path / "r.jsonl", {"convo": ASK, "rubric_items": [RUBRIC]})()
    assert datapoint.rubric_items == [Rubric("Is it 3?")]
    assert datapoint.rubric_items[0].extract_score("<score>0.5</score>") == 0.5


@pytest.mark.parametrize("name", ["rubric_train.jsonl", "rubric_test.jsonl"])
def test_the_examples_are_right(name: str) -> None:
    assert len(RubricFile(jsonl_path=str(DATA / name))()) >= 16


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"rubric_items": [RUBRIC]}, "column 'convo': is missing"),
        ({"convo": ASK}, "column 'rubric_items': is missing"),
        ({"convo": ASK, "rubric_items": []}, "at least one rubric"),
        ({"convo": ASK, "rubric_items": ["x"]}, "rubric 1 has to be an object"),
        ({"convo": ASK, "rubric_items": [RUBRIC, {}]}, "rubric 2 has to be an object"),
        ({"convo": ASK, "rubric_items": [RUBRIC | {"weight": 2}]}, "rubric 1 has 'weight'"),
        (
            {"convo": ASK, "rubric_items": [RUBRIC | {"extraction_regex": "("}]},
            "extraction_regex: missing",
        ),
        (
            {"convo": ASK, "rubric_items": [RUBRIC | {"extraction_regex": "x"}]},
            "no group for the score",
        ),
        (
            {"convo": ASK, "rubric_items": [RUBRIC | {"extraction_regex": 3}]},
            "extraction_regex has to be a text",
        ),
        (
            {"convo": [*ASK, {"role": "assistant", "content": "3"}], "rubric_items": [RUBRIC]},
            "ends with the assistant",
        ),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, row: dict[str, Any], message: str) -> None:
    path = tmp_path / "rubrics.jsonl"
    right = {"convo": ASK, "rubric_items": [RUBRIC]}
    with pytest.raises(DataError, match=f"{path}:2: .*{message}"):
        written(path, right, row)()
