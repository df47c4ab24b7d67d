"""`tinker_cookbook.distillation.sdft.Config`, with its data's builder -> `method: sdft`."""

from __future__ import annotations

import re

from tinker_cookbook.distillation import sdft

from recipe_runner.compile.from_cookbook.draft import Draft, Lost, Tree, class_name
from recipe_runner.compile.from_cookbook.shared import evaluation, shared_keys
from recipe_runner.compile.sdft import UNEXPOSED

# Beside the configuration's own fields, where a capture puts what the loop is called with.
DATA = "dataset_builder"

_LOSS = {"loss_fn": "with `top_k: 0` the loss is importance sampling; cross-entropy cannot use it"}


def draft(config: Tree, arguments: Tree) -> Draft:
    """Return the recipe of a configuration."""
    builder = config[DATA]
    lost: list[Lost] = []
    recipe = {
        "method": "sdft",
        **shared_keys(config),
        "data": _data(builder, lost),
        "top_k": config["topk"],
        "reverse": config["reverse"],
        "teacher_sync_every": config["teacher_sync_every"],
        "teacher_prompt": _teacher_prompt(config["demo_template"]),
        "system_prompt": config["system_prompt"],
        "max_length": config["max_context_length"],
        "substeps": config["num_substeps"],
        "rollout": {
            "groups_per_batch": builder["groups_per_batch"],
            "group_size": builder["group_size"],
            "max_tokens": config["max_tokens"],
            "temperature": config["temperature"],
        },
        "optimizer": {"learning_rate": config["learning_rate"]},
        "eval": evaluation(config),
    }
    return Draft(recipe, {}, UNEXPOSED | (_LOSS if config["topk"] == 0 else {}), lost)


def _data(builder: Tree, lost: list[Lost]) -> Tree:
    if class_name(builder) == "SciKnowEvalSDFTBuilder":
        return {"kind": "huggingface", "dataset": "sciknoweval", "config": builder["domain"]}
    if builder["data_path"] is not None:
        why = "a recipe reads ToolAlpaca from the hub; a JSONL file of your own is `kind: prompts`"
        lost.append(Lost(f"{DATA}.data_path", builder["data_path"], why))
    return {"kind": "huggingface", "dataset": "toolalpaca"}


def _teacher_prompt(template: str) -> str | None:
    """Return a template of `str.format` in the form of a recipe's; None for the Cookbook's."""
    if template == sdft.DEFAULT_DEMO_TEMPLATE:
        return None
    names = {"question": "{{ question }}", "golden_answer": "{{ answer }}"}
    parts = re.split(r"(\{\w+\})", template)
    return "".join(names.get(part.strip("{}"), part) for part in parts)
