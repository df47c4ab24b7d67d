"""The Cookbook's builders of supervised data sets and of prompts -> `data`."""

from __future__ import annotations

from dataclasses import dataclass

from recipe_runner.compile.from_cookbook.draft import DataFile, Lost, Tree, class_name
from recipe_runner.compile.from_cookbook.preference import comparisons

_NAMED = {
    "Tulu3Builder": "tulu3",
    "NoRobotsBuilder": "no_robots",
    "OpenThoughts3Builder": "openthoughts3",
}
# What `train_on_what=None` means to those that do not take the Cookbook's general default.
_TRAINS_ON = {"Tulu3Builder": "last_assistant_message"}
# The field of a configuration that holds it.
MAX_LENGTH = "dataset_builder.common_config.max_length"
_ALL = "all_assistant_messages"


@dataclass(frozen=True)
class Conversations:
    """What a supervised dataset builder says; `train_on` is None where its kind decides it."""

    data: Tree
    train_on: str | None
    seed: int = 0


def conversations(builder: Tree) -> Conversations:
    """Return what a supervised dataset builder says.

    Raises:
        KeyError: if it is of a class that a recipe has no name for.
    """
    name = class_name(builder)
    if name == "ChatDatasetBuilderFromComparisons":
        data = comparisons(builder["comparison_builder"])
        assert data is not None, "comparisons of one prompt train no reward model"
        return Conversations(data, None)
    train_on = builder["common_config"]["train_on_what"] or _TRAINS_ON.get(name, _ALL)
    if name == "FromConversationFileBuilder":
        data = {
            "kind": "conversations",
            "path": DataFile(builder["file_path"]),
            "test_size": builder["test_size"],
        }
        return Conversations(data, train_on, builder["shuffle_seed"])
    if name == "InterleavedChatDatasetBuilder" and len(builder["sources"]) == 1:
        return Conversations(_hub(builder), train_on, builder["shuffle_seed"])
    return Conversations({"kind": "huggingface", "dataset": _NAMED[name]}, train_on)


def _hub(builder: Tree) -> Tree:
    (source,) = builder["sources"]
    return {
        "kind": "huggingface",
        "dataset": source["path"],
        "config": source["name"],
        "split": source["split"],
        "messages_column": source["message_field"],
        "test_size": builder["test_size"],
    }


def max_length(common: Tree, context: int | None, lost: list[Lost]) -> int | None:
    """Return the length that texts are cut off at; the whole context where the original has none.

    Returns None, for the method's default, where the context is not known either.
    """
    given = common["max_length"]
    if given is not None:
        return int(given)
    why = "a recipe has a limit always: " + (
        "this is the model's context, and longer texts cannot be trained on"
        if context
        else "the method's default"
    )
    lost.append(Lost(MAX_LENGTH, None, why))
    return context
