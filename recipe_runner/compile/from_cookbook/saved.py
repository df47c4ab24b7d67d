"""`config.json`, which the Cookbook writes into a run's log directory: fields without classes.

Which class an object was made of is found by its fields. Where several have the same, the run's
name has it (`gsm8k-Qwen-…`), which commands begin with the name of their data.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import chz
from chz.util import MISSING

from recipe_runner.compile.from_cookbook.draft import Tree
from recipe_runner.compile.from_cookbook.environments import BUILDERS, GEM_BUILDER
from recipe_runner.compile.from_cookbook.original import Original
from recipe_runner.compile.from_cookbook.sdft import DATA
from recipe_runner.errors import UsageError

CONFIG = "config.json"
_RECIPE = "recipe.yaml"
_GEM_FIELD = "env_kwargs_json"

_CHAT = "tinker_cookbook.recipes.chat_sl.chat_datasets"
_COMPARISONS = "tinker_cookbook.recipes.preference.datasets"
_SHORTER = "tinker_cookbook.recipes.preference.shorter.env"
_MATH = "tinker_cookbook.recipes.math_rl.math_env"
_SUPERVISED = (
    f"{_CHAT}:Tulu3Builder",
    f"{_CHAT}:NoRobotsBuilder",
    "tinker_cookbook.recipes.distillation.off_policy_reasoning:OpenThoughts3Builder",
    "tinker_cookbook.supervised.data:FromConversationFileBuilder",
    "tinker_cookbook.supervised.data:InterleavedChatDatasetBuilder",
    "tinker_cookbook.preference.preference_datasets:ChatDatasetBuilderFromComparisons",
)
# Configuration -> the classes that its data can be of, none where a draft does not ask.
_CONFIGS: dict[str, tuple[str, ...]] = {
    "tinker_cookbook.supervised.train:Config": _SUPERVISED,
    "tinker_cookbook.rl.train:Config": tuple(key for key in BUILDERS if key != GEM_BUILDER),
    "tinker_cookbook.preference.train_dpo:Config": (),
    "tinker_cookbook.distillation.train_on_policy:Config": (),
    "tinker_cookbook.distillation.train_off_policy:Config": _SUPERVISED,
    "tinker_cookbook.recipes.sl_loop:Config": (),
    "tinker_cookbook.recipes.rl_loop:Config": (),
}
# Field that holds an object -> the classes that it can be of.
_CLASSES = {
    "comparison_builder": (
        f"{_COMPARISONS}:HHHComparisonBuilder",
        f"{_COMPARISONS}:HelpSteer3ComparisonBuilder",
        f"{_COMPARISONS}:UltraFeedbackComparisonBuilder",
        f"{_SHORTER}:ShorterComparisonBuilder",
    ),
    "preference_model_builder": (
        f"{_SHORTER}:ShorterPreferenceModelBuilder",
        "tinker_cookbook.preference.types:PreferenceModelBuilderFromChatRenderer",
    ),
}
# What runs call their data -> the class.
_DATA = {
    "math": f"{_MATH}:MathDatasetBuilder",
    "gsm8k": f"{_MATH}:Gsm8kDatasetBuilder",
    "polaris": f"{_MATH}:PolarisDatasetBuilder",
    "deepmath": f"{_MATH}:DeepMathDatasetBuilder",
    "tulu3": f"{_CHAT}:Tulu3Builder",
    "no_robots": f"{_CHAT}:NoRobotsBuilder",
    "hhh": f"{_COMPARISONS}:HHHComparisonBuilder",
    "helpsteer3": f"{_COMPARISONS}:HelpSteer3ComparisonBuilder",
    "ultrafeedback": f"{_COMPARISONS}:UltraFeedbackComparisonBuilder",
    "shorter": f"{_SHORTER}:ShorterComparisonBuilder",
}
# Commands that have one data set alone.
_OF_RECIPE = {
    "recipe_rl_basic": "gsm8k",
    "recipe_sl_basic": "no_robots",
    "recipe_preference_shorter": "shorter",
    "recipe_preference_rlhf_sft": "no_robots",
    "recipe_preference_rlhf_rm": "hhh",
    "recipe_preference_rlhf_rl": "hhh",
}


def read_saved(path: Path, data: str | None = None) -> Original:
    """Return the configuration of a run, from its log directory or the config.json in it.

    Args:
        data: what the run's data are called, where the file and the run's name do not tell.

    Raises:
        UsageError: if it is not such a file, or does not tell what was run.
    """
    file = path / CONFIG if path.is_dir() else path
    if (file.parent / _RECIPE).exists():
        raise UsageError(f"{file.parent} is a run of recipe-run: {file.parent / _RECIPE} is it")
    tree = _read(file)
    if "topk" in tree and "demo_template" in tree:
        raise UsageError(f"{file} does not hold the data of self-distillation: import its command")
    kind = next((each for each in _CONFIGS if _fits(each, tree)), None)
    if kind is None:
        raise UsageError(f"{file} is no configuration of a training loop of the Cookbook's")
    known = _data_name(tree) if data is None else data
    classes = {**_CLASSES, DATA: _CONFIGS[kind]}
    config = _with_classes(_defaults(kind) | tree, classes, known)
    return Original(kind, config, classes=False)


def _read(file: Path) -> Tree:
    try:
        tree = json.loads(file.read_text("utf-8"))
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"{file} is not JSON: {error}") from error
    if not isinstance(tree, dict):
        raise UsageError(f"{file} does not hold a configuration")
    return tree


def _fields(reference: str) -> Mapping[str, Any]:
    module, _, name = reference.partition(":")
    fields: Mapping[str, Any] = chz.chz_fields(getattr(importlib.import_module(module), name))
    return fields


def _fits(reference: str, tree: Tree) -> bool:
    """Whether an object may be of a class: it has what the class needs, and nothing else.

    A configuration of another version of the Cookbook's may lack fields, which have their defaults.
    """
    try:
        fields = _fields(reference)
    except ImportError:
        return False
    needed = {name for name in fields if name not in _defaults(reference)}
    return needed <= tree.keys() <= fields.keys()


def _defaults(reference: str) -> Tree:
    found: Tree = {}
    for name, field in _fields(reference).items():
        if field._default is not MISSING:
            found[name] = field._default
        elif field._default_factory is not MISSING:
            found[name] = field._default_factory()
    return found


def _data_name(tree: Tree) -> str | None:
    of_recipe = _OF_RECIPE.get(tree.get("recipe_name", ""))
    names = [Path(str(tree.get("log_path", ""))).name, str(tree.get("wandb_name", ""))]
    begins = (data for data in _DATA for name in names if name.startswith(f"{data}-"))
    return of_recipe or next(begins, None)


def _with_classes(node: Any, classes: Mapping[str, Iterable[str]], data: str | None) -> Any:
    """Return a tree whose objects in the listed fields have their classes."""
    if isinstance(node, list):
        return [_with_classes(each, classes, data) for each in node]
    if not isinstance(node, dict):
        return node
    found = {key: _with_classes(value, classes, data) for key, value in node.items()}
    for key, candidates in classes.items():
        if isinstance(found.get(key), dict) and candidates:
            found[key] = _of_class(found[key], candidates, data)
    return found


def _of_class(node: Tree, candidates: Iterable[str], data: str | None) -> Tree:
    if _GEM_FIELD in node:
        return _of_gem(node)
    fitting = [each for each in candidates if _fits(each, node)]
    if len(fitting) > 1:
        exact = [each for each in fitting if _fields(each).keys() == node.keys()]
        fitting = exact or fitting
    if len(fitting) > 1:
        names = {name: each for name, each in _DATA.items() if each in fitting}
        if data not in names:
            raise UsageError(
                "the run's record does not say what its data are: give the command itself, or "
                f"--data {' or '.join(names)}"
            )
        fitting = [names[data]]
    if not fitting:
        raise UsageError(
            f"the run's record has data of a kind that no recipe has a word for: {sorted(node)}"
        )
    return {"class": fitting[0], **node}


def _of_gem(builder: Tree) -> Tree:
    """Return the fields of GEM's builder under the names that ours has for them."""
    return {
        "class": GEM_BUILDER,
        "env_id": builder["env_id"],
        "kwargs": json.loads(builder[_GEM_FIELD] or "{}"),
        "prompt": builder["prompt_type"],
        "model_name": builder["model_name_for_tokenizer"],
        "renderer_name": builder["renderer_name"],
        "group_size": builder["group_size"],
        "groups_per_batch": builder["groups_per_batch"],
        "num_batches": builder["n_batches"],
    }
