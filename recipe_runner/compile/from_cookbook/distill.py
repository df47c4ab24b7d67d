"""The Cookbook's distillation configs -> `method: distill`, `method: sdft`."""

from __future__ import annotations

from typing import Any

from recipe_runner.catalog import models
from recipe_runner.compile.distill import UNEXPOSED
from recipe_runner.compile.from_cookbook.data import conversations, max_length
from recipe_runner.compile.from_cookbook.draft import Draft, Lost, Tree
from recipe_runner.compile.from_cookbook.shared import evaluation, loss, shared_keys


def on_policy(config: Tree, arguments: Tree) -> Draft:
    """Return the recipe of a `train_on_policy.Config`."""
    parts = config["dataset_configs"]
    sizes = [part["groups_per_batch"] for part in parts]
    teachers = [{**_teacher(part), "data": _prompts(part["dataset_builder"])} for part in parts]
    if len(set(sizes)) > 1:
        teachers = [each | {"groups_per_batch": n} for each, n in zip(teachers, sizes, strict=True)]
    recipe = {
        "method": "distill",
        "mode": "on_policy",
        **shared_keys(config),
        **_teachers(teachers),
        "rollout": {
            "groups_per_batch": sizes[0],
            "group_size": parts[0]["dataset_builder"]["group_size"],
            "max_tokens": config["max_tokens"],
            "temperature": config["temperature"],
        },
        "loss": loss(config),
        "kl": {
            "coef": config["kl_penalty_coef"],
            "discount": config["kl_discount_factor"],
            "post_update": config["compute_post_kl"],
        },
        "substeps": config["num_substeps"],
        "optimizer": {"learning_rate": config["learning_rate"]},
        "eval": evaluation(config),
    }
    return Draft(recipe, {}, dict(UNEXPOSED))


def off_policy(config: Tree, arguments: Tree) -> Draft:
    """Return the recipe of a `train_off_policy.Config`."""
    parts = config["dataset_configs"]
    common = parts[0]["dataset_builder"]["common_config"]
    found = [conversations(part["dataset_builder"]) for part in parts]
    facts = models.find(config["model_name"])
    lost: list[Lost] = []
    length = max_length(common, facts.context if facts else None, lost)
    teachers = [
        {**_teacher(part), "data": each.data, "weight": part["weight"]}
        for part, each in zip(parts, found, strict=True)
    ]
    recipe = {
        "method": "distill",
        "mode": "off_policy",
        **shared_keys(config),
        "seed": found[0].seed,
        **_teachers(teachers),
        "batch_size": config["batch_size"],
        **({} if length is None else {"max_length": length}),
        "train_on": found[0].train_on,
        "top_k": config["n_teacher_targets"],
        "optimizer": {"learning_rate": config["learning_rate"]},
        "eval": evaluation(config),
    }
    same = {
        f"dataset_configs.{index}.dataset_builder.common_config.train_on_what": "what the "
        "original's builder takes where nothing is said"
        for index in range(len(parts))
    }
    return Draft(recipe, same, dict(UNEXPOSED), lost)


def _teacher(part: Tree) -> Tree:
    teacher = part["teacher_config"]
    return {"model": teacher["base_model"], "load_from": teacher["load_checkpoint_path"]}


def _teachers(teachers: list[Tree]) -> dict[str, Any]:
    """Return one teacher beside its data, several in a list."""
    if len(teachers) > 1:
        return {"teacher": teachers}
    (one,) = teachers
    return {"teacher": {key: one[key] for key in ("model", "load_from")}, "data": one["data"]}


def _prompts(builder: Tree) -> Tree:
    return {"kind": "huggingface", "dataset": builder["dataset_name"]}
