"""Comparisons and prompts from JSONL files, and the Cookbook's named sets of comparisons."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any, cast

import chz
import datasets
from tinker_cookbook.preference.preference_datasets import ComparisonDatasetBuilder
from tinker_cookbook.preference.types import Comparison, LabeledComparison
from tinker_cookbook.renderers import Message

from recipe_runner.errors import DataError
from recipe_runner.jsonl import Record, read_records
from schemas.data import ComparisonsData

Conversation = tuple[list[Message], Message]

LABELS = ("A", "B", "Tie")
_COOKBOOK_COLUMNS = ("prompt_conversation", "completion_A", "completion_B")


@chz.chz
class FileComparisonBuilder(ComparisonDatasetBuilder):
    """Comparisons from a JSONL file, in an order that the seed decides.

    Attributes:
        path: the file.
        test_size: comparisons held out.
        seed: of the order.
        ties: keep comparisons that neither reply wins.
        at_least: comparisons that have to be left to train on: those of one batch.
        num_rows: comparisons to train on, going through the file again as needed; None: once.
    """

    path: str
    test_size: int = 0
    seed: int = 0
    ties: bool = True
    at_least: int = 1
    num_rows: int | None = None

    def get_train_and_test_datasets(self) -> tuple[datasets.Dataset, datasets.Dataset | None]:
        """Read the file.

        Raises:
            DataError: if a line is wrong, or too few comparisons are left to train on.
        """
        comparisons = self._read()
        order = random.Random(self.seed)
        order.shuffle(comparisons)
        test, train = comparisons[: self.test_size], comparisons[self.test_size :]
        if len(train) < self.at_least:
            held_out = f", {self.test_size} of them held out" if self.test_size else ""
            raise DataError(
                f"{self.path} has {len(comparisons)} lines to learn from{held_out}; one batch "
                f"takes {self.at_least}"
            )
        rows = _passes(train, self.num_rows or len(train), order)
        return _dataset(rows), _dataset(test) if test else None

    def example_to_labeled_comparison(self, example: dict[str, Any]) -> LabeledComparison:
        """Return the comparison of a row."""
        values = json.loads(example["comparison"])
        comparison = Comparison(**{column: values[column] for column in _COOKBOOK_COLUMNS})
        return LabeledComparison(comparison=comparison, label=values["label"])

    def _read(self) -> list[LabeledComparison]:
        read = [read_comparison(record) for record in read_records(self.path)]
        return [each for each in read if self.ties or each.label != "Tie"]


@chz.chz
class PairedFilesBuilder(FileComparisonBuilder):
    """Each reply of one file against the other file's replies to the same prompt.

    Attributes:
        path: the better replies.
        rejected_path: the worse ones.
    """

    rejected_path: str

    def _read(self) -> list[LabeledComparison]:
        worse: dict[str, list[Message]] = {}
        for record in read_records(self.rejected_path):
            prompt, reply = read_reply(record)
            worse.setdefault(json.dumps(prompt), []).append(reply)
        better = [read_reply(record) for record in read_records(self.path)]
        return [
            LabeledComparison(Comparison(prompt, [chosen], [rejected]), "A")
            for prompt, chosen in better
            for rejected in worse.get(json.dumps(prompt), [])
        ]


@chz.chz
class FilePromptBuilder(FileComparisonBuilder):
    """Prompts from a JSONL file, for judges that need no reply to compare with."""

    def _read(self) -> list[LabeledComparison]:
        prompts = [read_prompt(record) for record in read_records(self.path)]
        return [LabeledComparison(Comparison(prompt, [], []), "Tie") for prompt in prompts]


def named_comparisons(name: str, test_size: int | None = None) -> ComparisonDatasetBuilder:
    """Return the Cookbook's builder of `hhh`, `helpsteer3` or `ultrafeedback`.

    test_size: comparisons of the test set, where the builder lets one choose; None: its own.
    """
    from tinker_cookbook.recipes.preference import datasets as named

    if name == "hhh":
        if test_size is None:
            return named.HHHComparisonBuilder()
        return named.HHHComparisonBuilder(test_size=test_size)
    if name == "helpsteer3":
        return named.HelpSteer3ComparisonBuilder()
    assert name == "ultrafeedback", "the schema and the checks know these three"
    return named.UltraFeedbackComparisonBuilder()


def file_comparisons(
    data: ComparisonsData,
    *,
    test_size: int,
    seed: int,
    ties: bool = True,
    at_least: int = 1,
    num_rows: int | None = None,
) -> FileComparisonBuilder:
    """Return the builder of comparisons in one file, or of two files' replies."""
    fields: dict[str, Any] = {
        "test_size": test_size,
        "seed": seed,
        "ties": ties,
        "at_least": at_least,
        "num_rows": num_rows,
    }
    if data.path is not None:
        return FileComparisonBuilder(path=data.path, **fields)
    assert data.chosen is not None, "the schema takes one file or two"
    assert data.rejected is not None, "the schema takes one file or two"
    return PairedFilesBuilder(path=data.chosen, rejected_path=data.rejected, **fields)


def read_comparison(record: Record) -> LabeledComparison:
    """Return the comparison on a line, in either of the two forms.

    Raises:
        DataError: if it has neither, or a column is wrong.
    """
    if record.has("comparison"):
        return _cookbook_form(record)
    prompt = record.conversation("prompt", "user")
    chosen, rejected = (_reply(record, column) for column in ("chosen", "rejected"))
    return LabeledComparison(Comparison(_messages(prompt), chosen, rejected), "A")


def read_reply(record: Record) -> Conversation:
    """Return the prompt and the reply on a line: a conversation, or `prompt` and `answer`.

    Raises:
        DataError: if it has neither, or a column is wrong.
    """
    if not record.has("messages"):
        prompt = record.conversation("prompt", "user")
        return _messages(prompt), {"role": "assistant", "content": record.text("answer")}
    *prompt, reply = record.messages("messages")
    if reply["role"] != "assistant" or not prompt:
        raise record.error("messages", "has to be a prompt and, at the end, the assistant's reply")
    return _messages(prompt), cast(Message, reply)


def read_prompt(record: Record) -> list[Message]:
    """Return the prompt on a line: `prompt`, or `messages` without a reply at their end.

    Raises:
        DataError: if it has neither, or it is wrong.
    """
    if not record.has("messages"):
        return _messages(record.conversation("prompt", "user"))
    messages = record.messages("messages")
    if messages[-1]["role"] == "assistant":
        raise record.error(
            "messages", "ends with the assistant's; the reply is the policy's to give"
        )
    return _messages(messages)


def _cookbook_form(record: Record) -> LabeledComparison:
    inner = record.value("comparison")
    if not isinstance(inner, dict):
        raise record.error("comparison", f"has to hold {', '.join(_COOKBOOK_COLUMNS)}")
    comparison = Record(record.path, record.line, inner)
    label = record.text("label")
    if label not in LABELS:
        raise record.error("label", f"is {label!r}; there are {', '.join(LABELS)}")
    prompt = _messages(comparison.messages("prompt_conversation"))
    first, second = (_reply(comparison, column) for column in ("completion_A", "completion_B"))
    return LabeledComparison(Comparison(prompt, first, second), cast(Any, label))


def _reply(record: Record, column: str) -> list[Message]:
    messages = record.conversation(column, "assistant")
    if messages[0]["role"] != "assistant":
        role = messages[0]["role"]
        raise record.error(column, f"has to be the reply alone, but begins with the {role}'s")
    return _messages(messages)


def _messages(messages: Sequence[dict[str, Any]]) -> list[Message]:
    return [cast(Message, message) for message in messages]


def _passes(rows: list[LabeledComparison], count: int, order: random.Random) -> list[Any]:
    """Return `count` rows: whole passes over them, each in an order of its own."""
    passed = list(rows)
    while len(passed) < count:
        passed += order.sample(rows, len(rows))
    return passed[:count]


def _dataset(comparisons: list[LabeledComparison]) -> datasets.Dataset:
    """Return one JSON text a row: columns of messages would gain null keys from each other."""
    rows = [
        {"comparison": json.dumps({**vars(each.comparison), "label": each.label})}
        for each in comparisons
    ]
    return datasets.Dataset.from_list(rows)
