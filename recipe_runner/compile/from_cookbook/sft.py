"""`tinker_cookbook.supervised.train.Config` -> `method: sft`."""

from __future__ import annotations

from recipe_runner.catalog import models
from recipe_runner.compile.from_cookbook.data import conversations, max_length
from recipe_runner.compile.from_cookbook.draft import Draft, Lost, Tree
from recipe_runner.compile.from_cookbook.shared import evaluation, shared_keys
from recipe_runner.compile.sft import UNEXPOSED

_TRAIN_ON = "dataset_builder.common_config.train_on_what"
_SAME = {_TRAIN_ON: "what the original's builder takes where nothing is said"}


def draft(config: Tree, arguments: Tree) -> Draft:
    """Return the recipe of a configuration."""
    builder = config["dataset_builder"]
    common = builder["common_config"]
    found = conversations(builder)
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
    }
    return Draft(recipe, _SAME, UNEXPOSED, lost)


def scheduled_optimizer(config: Tree) -> Tree:
    """Return `optimizer` with Adam's settings and the schedule."""
    return {
        "learning_rate": config["learning_rate"],
        "schedule": config["lr_schedule"],
        "beta1": config["adam_beta1"],
        "beta2": config["adam_beta2"],
        "eps": config["adam_eps"],
    }
