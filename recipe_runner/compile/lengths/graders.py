"""What a rubric's grader reads beside the conversation, and how often."""

from __future__ import annotations

from typing import Any

import tinker

from recipe_runner.compile.lengths.limits import Limits
from recipe_runner.compile.lengths.ruler import Ruler
from recipe_runner.planning.estimate import Span
from recipe_runner.planning.volume.spans import mean_of


def measured_grades(dataset: Any, *, ruler: Ruler, limits: Limits) -> dict[str, Span]:
    """Return `judged` and `judgements` of `Lengths`, over the first conversations of a data set.

    Args:
        dataset: the Cookbook's `RubricGradedDataset`.
    """
    chosen = dataset.datapoints[: limits.problems]
    reply = {"role": "assistant", "content": ""}
    read = [
        _tokens(rubric.get_grader_prompt([*point.convo, reply]), ruler)
        - _tokens(point.convo, ruler)
        for point in chosen
        for rubric in point.rubric_items
    ]
    grades = [float(len(point.rubric_items)) for point in chosen]
    everything = len(chosen) == len(dataset.datapoints)
    return {
        "judged": ruler.widened(mean_of([max(0.0, each) for each in read], all_of_them=everything)),
        "judgements": mean_of(grades, all_of_them=everything),
    }


def _tokens(messages: Any, ruler: Ruler) -> float:
    """Return the tokens of the messages' text, without a renderer's markers."""
    text = "\n".join(str(message["content"]) for message in messages)
    tokens = ruler.tokenizer.encode(text, add_special_tokens=False)
    return ruler.length(tinker.ModelInput.from_ints(tokens))
