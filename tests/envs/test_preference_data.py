"""Comparisons and prompts from files: both forms, two files, ties, passes, and what is wrong."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tinker_cookbook.preference.types import LabeledComparison

from recipe_runner.envs.preference.comparisons import (
    FileComparisonBuilder,
    FilePromptBuilder,
    PairedFilesBuilder,
)
from recipe_runner.errors import DataError

Write = Callable[..., str]
PAIR = {"prompt": "Hi", "chosen": "Hello", "rejected": "Go away"}
USER = [{"role": "user", "content": "Hi"}]


def said(text: str) -> list[dict[str, str]]:
    return [{"role": "assistant", "content": text}]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def lines(*rows: dict[str, Any], name: str = "data.jsonl") -> str:
        path = tmp_path / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return str(path)

    return lines


def train(builder: FileComparisonBuilder) -> list[LabeledComparison]:
    rows, _ = builder.get_train_and_test_datasets()
    return [builder.example_to_labeled_comparison(row) for row in rows]


def test_both_forms_say_the_same(write: Write) -> None:
    cookbook = {
        "comparison": {
            "prompt_conversation": USER,
            "completion_A": said("Hello"),
            "completion_B": said("Go away"),
        },
        "label": "A",
    }
    messages = {"prompt": USER, "chosen": said("Hello"), "rejected": said("Go away")}
    first, *others = train(FileComparisonBuilder(path=write(PAIR, cookbook, messages)))
    assert first.label == "A"
    assert first.comparison.prompt_conversation == USER
    assert first.comparison.completion_A == said("Hello")
    assert others == [first, first]


def test_ties_are_left_out_for_pairs(write: Write) -> None:
    comparison = dict.fromkeys(("completion_A", "completion_B"), said("Hello"))
    tie = {"comparison": {"prompt_conversation": USER, **comparison}, "label": "Tie"}
    path = write(PAIR, tie)
    assert len(train(FileComparisonBuilder(path=path))) == 2
    assert [each.label for each in train(FileComparisonBuilder(path=path, ties=False))] == ["A"]


def test_held_out_comparisons_are_not_trained_on(write: Write) -> None:
    path = write(*({**PAIR, "chosen": str(i)} for i in range(9)))
    builder = FileComparisonBuilder(path=path, test_size=3, seed=5)
    rows, test = builder.get_train_and_test_datasets()
    assert test is not None
    assert (len(rows), len(test)) == (6, 3)
    assert set(rows["comparison"]).isdisjoint(test["comparison"])


def test_the_seed_decides_the_order_and_passes_are_whole(write: Write) -> None:
    path = write(*({**PAIR, "chosen": str(i)} for i in range(7)))

    def order(**fields: Any) -> list[Any]:
        built = train(FileComparisonBuilder(path=path, **fields))
        return [each.comparison.completion_A[0]["content"] for each in built]

    assert order(seed=1) == order(seed=1) != order(seed=2)
    thrice = order(seed=1, num_rows=21)
    assert thrice[:7] == order(seed=1)
    assert set(Counter(thrice).values()) == {3}
    assert order(seed=1, num_rows=3) == thrice[:3]


def test_two_files_meet_at_the_prompt(write: Write) -> None:
    better = write(
        {"prompt": "a", "answer": "A1"}, {"prompt": "b", "answer": "B1"}, name="better.jsonl"
    )
    conversation = [{"role": "user", "content": "a"}]
    worse = write(
        {"messages": conversation + said("a1")},
        {"messages": conversation + said("")},
        {"prompt": "c", "answer": "c1"},
        name="worse.jsonl",
    )
    pairs = train(PairedFilesBuilder(path=better, rejected_path=worse))
    replies = {
        (each.comparison.completion_A[0]["content"], each.comparison.completion_B[0]["content"])
        for each in pairs
    }
    assert replies == {("A1", "a1"), ("A1", "")}


def test_prompts_need_no_replies(write: Write) -> None:
    path = write({"prompt": "Hi"}, {"messages": USER}, {"prompt": "Hi", "answer": "unread"})
    prompts = train(FilePromptBuilder(path=path))
    assert [each.comparison.prompt_conversation for each in prompts] == [USER] * 3


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"prompt": "Hi", "chosen": "a"}, "column 'rejected': is missing; the line has chosen, pr"),
        ({**PAIR, "chosen": 3}, "column 'chosen': has to be a text or a list of messages, not a n"),
        ({**PAIR, "rejected": USER}, "column 'rejected': has to be the reply alone, but begins wi"),
        ({"comparison": 1, "label": "A"}, "column 'comparison': has to hold prompt_conversation, "),
        (
            {"comparison": {"prompt_conversation": USER}, "label": "C"},
            "column 'label': is 'C'; there are A, B, Tie",
        ),
    ],
)
def test_a_wrong_line_is_named(write: Write, row: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError) as raised:
        train(FileComparisonBuilder(path=write(PAIR, row)))
    assert f"data.jsonl:2: {message}" in str(raised.value)


def test_too_few_for_a_batch_says_how_many_there_are(write: Write) -> None:
    builder = FileComparisonBuilder(path=write(PAIR, PAIR, PAIR), test_size=1, at_least=3)
    with pytest.raises(DataError, match="has 3 lines to learn from, 1 of them held out; one batch"):
        train(builder)
