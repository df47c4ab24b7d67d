"""`tinker_cookbook.supervised.train.Config` -> `method: sft`."""

from __future__ import annotations

from recipe_runner.catalog import models
from recipe_runner.compile.from_cookbook.data import conversations, max_length
from recipe_runner.compile.from_cookbook.draft import Draft, Lost, Tree, class_name
from recipe_runner.compile.from_cookbook.shared import evaluation, shared_keys
from recipe_runner.compile.sft import UNEXPOSED

_OPEN_THOUGHTS = "OpenThoughts3Builder"
# Of a pass over the stream, by the Cookbook's default.
_MAX_PROMPTS = 128 * 3000
_TRAIN_ON = "dataset_builder.common_config.train_on_what"
_STREAM = {
    "dataset_builder.max_prompts": "`steps` ends the run at the same step",
    "dataset_builder.buffer_size": "the order of the stream is the Cookbook's",
    "max_steps": "the step at which the original's `max_prompts` end",
}
_SAME = {_TRAIN_ON: "what the original's builder takes where nothing is said"}


def draft(config: Tree, arguments: Tree) -> Draft:
    """Return the recipe of a configuration."""
    builder = config["dataset_builder"]
    common = builder["common_config"]
    found = conversations(builder)
    steps = _steps(config)
    facts = models.find(config["model_name"])
    lost: list[Lost] = []
    length = max_length(common, facts.context if facts else None, lost)
    recipe = {
        "method": "sft",
        **shared_keys(config),
        "seed": found.seed,
        "data": found.data,
        "batch_size": common["batch_size"],
        **({} if length is None else {"max_length": length}),
        **({} if found.train_on is None else {"train_on": found.train_on}),
        "epochs": config["num_epochs"],
        "optimizer": scheduled_optimizer(config),
        "eval": evaluation(config),
        "steps": steps,
    }
    changed = UNEXPOSED | (_STREAM if class_name(builder) == _OPEN_THOUGHTS else {})
    return Draft(recipe, _SAME, changed, lost)


def _steps(config: Tree) -> int | None:
    """Return the steps of a configuration; a stream of another length ends at its own."""
    builder, steps = config["dataset_builder"], config["max_steps"]
    if class_name(builder) != _OPEN_THOUGHTS or builder["max_prompts"] == _MAX_PROMPTS:
        return None if steps is None else int(steps)
    batches = builder["max_prompts"] // builder["common_config"]["batch_size"]
    total = max(batches, 1) * config["num_epochs"]
    return total if steps is None else min(total, steps)


def scheduled_optimizer(config: Tree) -> Tree:
    """Return `optimizer` with Adam's settings and the schedule."""
    return {
        "learning_rate": config["learning_rate"],
        "schedule": config["lr_schedule"],
        "beta1": config["adam_beta1"],
        "beta2": config["adam_beta2"],
        "eps": config["adam_eps"],
    }
