"""The Cookbook's minimal loops, `sl_loop` and `rl_loop`, whose settings are all they have.

Their loops are methods here: what a loop has written into its code is a key of the recipe.
"""

from __future__ import annotations

from recipe_runner.compile.from_cookbook.draft import Draft, Lost, Tree
from recipe_runner.compile.from_cookbook.shared import shared_keys

# Problems of GSM8K, of which `rl_loop` leaves out the last batch where it is not a full one.
GSM8K_PROBLEMS = 7473

_COMMON = "dataset_builder.common_config"
_SETTINGS = {
    name: name
    for name in (
        "base_url",
        "model_name",
        "learning_rate",
        "lora_rank",
        "save_every",
        "ttl_seconds",
        "wandb_project",
    )
}
_SL = _SETTINGS | {
    "batch_size": f"{_COMMON}.batch_size",
    "max_length": f"{_COMMON}.max_length",
    "train_on_what": f"{_COMMON}.train_on_what",
    "max_steps": "max_steps",
}
_RL = _SETTINGS | {
    "batch_size": "dataset_builder.batch_size",
    "group_size": "dataset_builder.group_size",
    "max_tokens": "max_tokens",
}


def supervised(config: Tree, arguments: Tree) -> Draft:
    """Return the recipe of `sl_loop`: No Robots, with a linear schedule."""
    recipe = {
        "method": "sft",
        **shared_keys(config),
        "data": {"kind": "huggingface", "dataset": "no_robots"},
        "batch_size": config["batch_size"],
        "max_length": config["max_length"],
        "train_on": config["train_on_what"],
        "optimizer": {"learning_rate": config["learning_rate"], "schedule": "linear"},
    }
    return Draft(recipe, expected={field: config[key] for key, field in _SL.items()})


def reinforcement(config: Tree, arguments: Tree) -> Draft:
    """Return the recipe of `rl_loop`: GSM8K, groups without a difference left out."""
    batches = GSM8K_PROBLEMS // config["batch_size"]
    steps = batches if config["max_steps"] is None else min(batches, config["max_steps"])
    recipe = {
        "method": "rl",
        **shared_keys(config),
        "env": {"kind": "math", "dataset": "gsm8k"},
        "rollout": {
            "groups_per_batch": config["batch_size"],
            "group_size": config["group_size"],
            "max_tokens": config["max_tokens"],
        },
        "drop_constant_groups": True,
        "optimizer": {"learning_rate": config["learning_rate"]},
        "steps": max(steps, 1),
    }
    lost = [
        Lost("order", "of the file", "problems come in the order of the recipe's `seed`"),
        Lost("reward", 0.0, "a reply without an answer in a box gets -0.1 here"),
    ]
    return Draft(recipe, lost=lost, expected={field: config[key] for key, field in _RL.items()})
