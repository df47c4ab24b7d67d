"""`env.kind: rubric`: the Cookbook's replies graded by a model, with data errors by line."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import chz
from tinker_cookbook.completers import MessageCompleter
from tinker_cookbook.recipes.rubric.data import (
    Rubric,
    RubricBasedDatapoint,
    RubricDatapointListBuilder,
)
from tinker_cookbook.recipes.rubric.env import RubricGradedDataset, RubricGradedDatasetBuilder
from tinker_cookbook.rl.types import RLDatasetBuilder

from recipe_runner.envs import Rollouts
from recipe_runner.envs.asked import asked_model
from recipe_runner.envs.passes import in_passes, num_problems
from recipe_runner.jsonl import Record, read_records
from schemas.env import RubricEnv

_OPTIONAL = ("extraction_regex", "grader_output_format_instruction")


@chz.chz
class RubricFile(RubricDatapointListBuilder):
    """A JSONL file in the Cookbook's format, one {"convo", "rubric_items"} a line.

    A rubric item has `rubric_str`, and may have `extraction_regex` and
    `grader_output_format_instruction`.
    """

    jsonl_path: str

    def __call__(self) -> Sequence[RubricBasedDatapoint]:
        return [_datapoint(record) for record in read_records(self.jsonl_path)]


def _datapoint(record: Record) -> RubricBasedDatapoint:
    convo: Any = record.messages("convo")
    if convo[-1]["role"] == "assistant":
        raise record.error("convo", "ends with the assistant, whose reply is what gets graded")
    items = record.value("rubric_items")
    if not isinstance(items, list) or not items:
        raise record.error("rubric_items", "has to be a list of at least one rubric")
    rubrics = [_rubric(record, position, item) for position, item in enumerate(items, start=1)]
    return RubricBasedDatapoint(convo=convo, rubric_items=rubrics)


def _rubric(record: Record, position: int, item: Any) -> Rubric:
    place = f"rubric {position}"
    if not isinstance(item, dict) or not isinstance(item.get("rubric_str"), str):
        raise record.error("rubric_items", f"{place} has to be an object with a rubric_str")
    unknown = sorted(item.keys() - {"rubric_str", *_OPTIONAL})
    if unknown:
        known = ", ".join(("rubric_str", *_OPTIONAL))
        raise record.error("rubric_items", f"{place} has {unknown[0]!r}; a rubric has {known}")
    if wrong := [key for key in _OPTIONAL if not isinstance(item.get(key, ""), str)]:
        raise record.error("rubric_items", f"{place}: {wrong[0]} has to be a text")
    rubric = Rubric(**item)
    try:
        groups = re.compile(rubric.extraction_regex).groups
    except re.error as error:
        raise record.error("rubric_items", f"{place}: extraction_regex: {error}") from error
    if groups == 0:
        raise record.error("rubric_items", f"{place}: extraction_regex has no group for the score")
    return rubric


@chz.chz
class SeededRubricBuilder(RubricGradedDatasetBuilder):
    """The Cookbook's data set in an order of the seed's, graded by any model or checkpoint.

    Attributes:
        grader_path: the `tinker://` path of the grader's weights; None: the base model's.
        grader_max_tokens: tokens that a grade may have.
    """

    seed: int
    num_batches: int | None
    grader_path: str | None
    grader_max_tokens: int

    def _get_grader_llm(self) -> MessageCompleter:
        return asked_model(
            model_name=self.grader_llm_name,
            model_path=self.grader_path,
            renderer_name=self.grader_renderer_name,
            max_tokens=self.grader_max_tokens,
            base_url=self.base_url,
        )

    async def __call__(self) -> tuple[RubricGradedDataset, RubricGradedDataset | None]:
        train, test = await super().__call__()
        needed = num_problems(self.num_batches, self.batch_size)
        order = in_passes(train.datapoints, seed=self.seed, num_items=needed)
        return replace(train, datapoints=order), test


def builder(env: RubricEnv, rollouts: Rollouts) -> RLDatasetBuilder:
    """Return the dataset builder of a rubric environment."""
    renderer = env.grader.renderer
    test = RubricFile(jsonl_path=env.test_data) if env.test_data is not None else None
    return SeededRubricBuilder(
        renderer_name=rollouts.renderer_name,
        model_name_for_tokenizer=rollouts.model_name,
        batch_size=rollouts.groups_per_batch,
        train_group_size=rollouts.group_size,
        test_group_size=env.test_group_size,
        train_datapoint_list_builder=RubricFile(jsonl_path=env.data),
        test_datapoint_list_builder=test,
        base_url=rollouts.base_url,
        grader_llm_name=env.grader.model,
        grader_renderer_name=None if renderer == "auto" else renderer,
        grader_path=rollouts.checkpoint(env.grader.load_from),
        grader_max_tokens=env.grader.max_tokens,
        seed=rollouts.seed,
        num_batches=rollouts.num_batches,
    )
