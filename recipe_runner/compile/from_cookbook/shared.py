"""The keys that recipes of all methods have, from the fields that all Cookbook configs have."""

from __future__ import annotations

import re
from typing import Any

from recipe_runner.catalog import models
from recipe_runner.compile.from_cookbook.draft import Tree
from recipe_runner.compile.shared import SECONDS_PER_DAY

# Where a run is kept and what it is called, which each recipe decides for itself.
NAMES = {
    "log_path": "the run's directory: `logging.dir`",
    "recipe_name": "says that recipe-run started it",
    "session_name": "the recipe's name",
}

# The time at the end of a name that a command made up.
_MADE_UP = re.compile(r"\d{4}-\d\d-\d\d-\d\d-\d\d$")


def shared_keys(config: Tree) -> Tree:
    """Return model, renderer, steps, checkpoint, logging, backend; not the learning rate."""
    keys: Tree = {
        "model": _model(config),
        "renderer": renderer(config["model_name"], config.get("renderer_name")),
        "steps": config.get("max_steps"),
        "checkpoint": _checkpoint(config),
        "logging": _logging(config),
    }
    if config.get("base_url"):
        keys["backend"] = {"kind": "remote", "base_url": config["base_url"]}
    return keys


def evaluation(config: Tree) -> Tree | None:
    """Return `eval` for a cadence of evaluation, None where it is off."""
    return {"every": config["eval_every"]} if config.get("eval_every") else None


def renderer(model_name: str, name: str | None) -> str:
    """Return `auto` for the model's recommended renderer, else the renderer's name."""
    facts = models.find(model_name)
    recommended = facts is not None and name in (None, facts.renderers[0])
    return "auto" if recommended or name is None else name


def loss(config: Tree) -> Any:
    """Return a loss as its name, or with its settings."""
    name, settings = config["loss_fn"], config["loss_fn_config"]
    return {"name": name, "config": settings} if settings else name


def _model(config: Tree) -> Tree:
    return {
        "name": config["model_name"],
        "lora_rank": config["lora_rank"],
        "load_from": config.get("load_checkpoint_path"),
    }


def _checkpoint(config: Tree) -> Tree:
    settings: Tree = {"every": config["save_every"]}
    if "rolling_save_every" in config:
        settings["rolling_every"] = config["rolling_save_every"]
    if "ttl_seconds" in config:
        settings["ttl_days"] = _days(config["ttl_seconds"])
    return settings


def _days(seconds: int | None) -> float | str:
    return "never" if seconds is None else seconds / SECONDS_PER_DAY


def _logging(config: Tree) -> Tree:
    settings: Tree = {"trace": config.get("enable_trace", False)}
    if config.get("wandb_project"):
        settings["wandb"] = {"project": config["wandb_project"], "name": run_name(config)}
    return settings


def run_name(config: Tree) -> str | None:
    """Return the name of the W&B run that somebody gave.

    Commands make one up from their settings and the time, and have one without a project too.
    """
    name = config.get("wandb_name")
    if not config.get("wandb_project") or name is None or _MADE_UP.search(name):
        return None
    return str(name)
