"""`tinker_cookbook.preference.train_dpo.Config` -> `method: dpo`."""

from __future__ import annotations

from recipe_runner.catalog import models
from recipe_runner.compile.dpo import UNEXPOSED
from recipe_runner.compile.from_cookbook.data import max_length
from recipe_runner.compile.from_cookbook.draft import Draft, Lost, Tree
from recipe_runner.compile.from_cookbook.preference import comparisons
from recipe_runner.compile.from_cookbook.sft import scheduled_optimizer
from recipe_runner.compile.from_cookbook.shared import evaluation, shared_keys

_SAME = {
    "reference_checkpoint_path": "the weights that training starts from, as in the original",
    "dataset_builder.common_config.train_on_what": "replies are trained on, whatever it says",
}
_UNREAD = (
    "the Cookbook reads this nowhere: its reference is the weights that training starts from, "
    "and so is the recipe's; `reference: {model: …}` would use it"
)


def draft(config: Tree, arguments: Tree) -> Draft:
    """Return the recipe of a configuration."""
    builder = config["dataset_builder"]
    common = builder["common_config"]
    facts = models.find(config["model_name"])
    lost: list[Lost] = []
    length = max_length(common, facts.context if facts else None, lost)
    recipe = {
        "method": "dpo",
        **shared_keys(config),
        "data": comparisons(builder["comparison_builder"]),
        "beta": config["dpo_beta"],
        "batch_size": common["batch_size"],
        **({} if length is None else {"max_length": length}),
        "epochs": config["num_epochs"],
        "optimizer": scheduled_optimizer(config),
        "eval": evaluation(config),
    }
    changed = {**UNEXPOSED, "reference_model_name": _UNREAD}
    return Draft(recipe, _SAME, changed, lost)
