"""Prompts: from a JSONL file, from the hub, or from a data set that the Cookbook loads by name."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import chz

from recipe_runner.errors import DataError, UserCodeError
from recipe_runner.jsonl import Message, Record, read_records
from recipe_runner.user_code import blamed
from recipe_runner.user_code.call import call_function
from schemas.data import COOKBOOK_PROMPTS, CustomData, Data, HuggingFaceData, PromptsData


@dataclass(frozen=True)
class Prompt:
    """What a model is asked.

    Attributes:
        messages: the conversation so far; the last message is the user's.
        answer: a demonstration of the reply, where the data has one.
        place: where it stands, for messages about it.
    """

    messages: list[Message]
    answer: str | None
    place: str


class PromptSource(Protocol):
    """Plain values that say where prompts are; called, it reads them, in the order of the data."""

    def __call__(self) -> list[Prompt]: ...


def prompt_source(data: Data) -> PromptSource:
    """Return where the prompts of a recipe's data are."""
    if isinstance(data, PromptsData):
        return PromptsFile(path=data.path)
    if isinstance(data, CustomData):
        return CustomPrompts(reference=data.builder, kwargs=data.kwargs)
    assert isinstance(data, HuggingFaceData), "check() refuses other kinds"
    if data.dataset in COOKBOOK_PROMPTS:
        return NamedPrompts(dataset=data.dataset)
    return HubPrompts(
        dataset=data.dataset, name=data.config, split=data.split, column=data.messages_column
    )


@chz.chz
class ChosenPrompts:
    """Which prompts a run trains on, in which order, and which it holds out.

    Attributes:
        num_prompts: how many the run takes, for which the data is gone through again, each time in
            another order, as often as it takes; None for one pass.
    """

    source: PromptSource
    test_size: int
    seed: int
    num_prompts: int | None = None

    def train(self) -> list[Prompt]:
        """Return what is trained on, in its order."""
        rest = self._shuffled()[self.test_size :]
        passes = random.Random(self.seed)
        found = list(rest)
        while self.num_prompts is not None and len(found) < self.num_prompts:
            found += passes.sample(rest, len(rest))
        return found[: self.num_prompts]

    def held_out(self) -> list[Prompt]:
        """Return what is only evaluated on."""
        return self._shuffled()[: self.test_size]

    def _shuffled(self) -> list[Prompt]:
        prompts = self.source()
        if self.test_size >= len(prompts):
            raise DataError(
                f"`test_size` holds {self.test_size} prompts out, and the data has "
                f"{len(prompts)}: nothing would be left to train on"
            )
        return random.Random(self.seed).sample(prompts, len(prompts))


@chz.chz
class HeldOutPrompts:
    """Called, gives the conversations that are held out, each up to the user's turn."""

    prompts: ChosenPrompts

    def __call__(self) -> list[list[Message]]:
        return [prompt.messages for prompt in self.prompts.held_out()]


@chz.chz
class PromptsFile:
    """A JSONL file: `prompt` or `messages` on each line, and `answer` if there is one."""

    path: str

    def __call__(self) -> list[Prompt]:
        return [_of_record(record) for record in read_records(self.path)]


@chz.chz
class HubPrompts:
    """A data set of the hub: of a conversation, what comes before the last reply.

    That reply is the answer. A column of texts has prompts without answers.
    """

    dataset: str
    name: str | None
    split: str
    column: str

    def __call__(self) -> list[Prompt]:
        import datasets

        rows = datasets.load_dataset(self.dataset, name=self.name, split=self.split)
        if self.column not in rows.column_names:
            raise DataError(
                f"{self.dataset} has no column {self.column!r}; it has "
                f"{', '.join(rows.column_names)}: set `data.messages_column`"
            )
        values = enumerate(rows[self.column])
        return [self._prompt(index, value) for index, value in values]

    def _prompt(self, index: int, value: Any) -> Prompt:
        place = f"{self.dataset}, row {index}"
        if isinstance(value, str):
            return Prompt([{"role": "user", "content": value}], None, place)
        replies = [i for i, message in enumerate(value) if message["role"] == "assistant"]
        end = replies[-1] if replies else len(value)
        before = [{"role": each["role"], "content": each["content"]} for each in value[:end]]
        if not before or before[-1]["role"] != "user":
            raise DataError(f"{place}: there is no user's message before the last reply")
        return Prompt(before, value[end]["content"] if replies else None, place)


@chz.chz
class NamedPrompts:
    """A data set that the Cookbook loads by name."""

    dataset: str

    def __call__(self) -> list[Prompt]:
        from tinker_cookbook.distillation import datasets

        loaders = {
            "deepmath": datasets.load_deepmath_prompts,
            "tulu3": datasets.load_tulu3_prompts,
        }
        texts = loaders[self.dataset]()
        if texts is None:
            raise DataError(f"{self.dataset} could not be loaded from the hub; logs.log has why")
        return [
            Prompt([{"role": "user", "content": text}], None, f"{self.dataset}, row {index}")
            for index, text in enumerate(texts)
        ]


@chz.chz
class CustomPrompts:
    """What a callable of the user's own gives: texts, lists of messages, or lines of a JSONL file.

    Attributes:
        reference: `package.module:Name`, imported when the prompts are read, not before.
        kwargs: what the recipe calls it with.
    """

    reference: str
    kwargs: dict[str, Any]

    def __call__(self) -> list[Prompt]:
        given = call_function(self.reference, self.kwargs, {}, expected=Iterable)
        with blamed(self.reference):
            values = list(given)
        return [self._prompt(index, value) for index, value in enumerate(values)]

    def _prompt(self, index: int, value: Any) -> Prompt:
        columns: dict[type, str] = {str: "prompt", list: "messages"}
        if not isinstance(value, dict):
            if type(value) not in columns:
                raise UserCodeError(
                    f"{self.reference}: prompt {index} has to be a text, a list of messages, or "
                    f"{{'prompt': …, 'answer': …}}, not {value!r:.100}"
                )
            value = {columns[type(value)]: value}
        return _of_record(Record(Path(self.reference), index, value))


def _of_record(record: Record) -> Prompt:
    column = "messages" if record.has("messages") else "prompt"
    messages = record.conversation(column, "user")
    if messages[-1]["role"] != "user":
        raise record.error(column, "has to end with what the user says")
    answer = record.text("answer") if record.has("answer") else None
    return Prompt(messages, answer, f"{record.path}:{record.line}")
