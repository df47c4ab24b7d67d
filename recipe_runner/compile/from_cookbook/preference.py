"""The Cookbook's builders of comparisons and of preference models -> `data` and `judge`."""

from __future__ import annotations

from recipe_runner.compile.from_cookbook.draft import Tree, class_name
from recipe_runner.compile.from_cookbook.shared import renderer

NAMED = {
    "HHHComparisonBuilder": "hhh",
    "HelpSteer3ComparisonBuilder": "helpsteer3",
    "UltraFeedbackComparisonBuilder": "ultrafeedback",
}


def comparisons(builder: Tree) -> Tree | None:
    """Return `data`; None for the one prompt of the Cookbook's `shorter`.

    Raises:
        KeyError: if it is of a class that a recipe has no name for.
    """
    if class_name(builder) == "ShorterComparisonBuilder":
        return None
    return {"kind": "huggingface", "dataset": NAMED[class_name(builder)]}


def judge(builder: Tree, policy_model: str) -> Tree:
    """Return `judge`: the shorter reply, or a reward model.

    Raises:
        KeyError: if it is of a class that a recipe has no name for.
    """
    if class_name(builder) == "ShorterPreferenceModelBuilder":
        return {"kind": "shorter"}
    if class_name(builder) != "PreferenceModelBuilderFromChatRenderer":
        raise KeyError(builder["class"])
    model = builder["model_name"]
    own = model == policy_model
    return {
        "kind": "reward_model",
        "model": None if own else model,
        "load_from": builder["rm_weights_path"],
        "renderer": "auto" if own else renderer(model, builder["renderer_name"]),
    }
