"""GEM's two scripts for Tinker, of which neither is installed with GEM.

Neither is executed: the first stops at once on today's Cookbook, whose configuration wants a
`recipe_name`, and the second is a loop that has no configuration to stop at. Their settings and
defaults are written down here, from `examples/train_tinker` of axon-rl/gem (4069f2f, December
2025), and their arguments are read as they read them.
"""

from __future__ import annotations

import json
from typing import Any, Literal

import chz
from tinker_cookbook.model_info import get_recommended_renderer_name
from tinker_cookbook.rl.train import AsyncConfig, Config

from recipe_runner.compile.export import to_json_tree
from recipe_runner.compile.from_cookbook.draft import Draft, Lost, Tree
from recipe_runner.compile.from_cookbook.environments import GEM_BUILDER
from recipe_runner.compile.from_cookbook.shared import evaluation, shared_keys
from recipe_runner.compile.job import Job

_GAME_PROMPT = (
    "You are playing language games. Make valid actions to win.\nObservation: {{ observation }}\n"
    "Please reason step by step, and put your final answer within \\boxed{}."
)
_PROMPTS = {"qwen3_general": "boxed", "qwen3_game": _GAME_PROMPT, "no": "none"}
# Writes the markers that GEM's templates write, and no thinking block.
_MARKERS = "qwen3_instruct"
_MARKED = "Qwen/Qwen3"
_FIELDS = {
    "model_name": "model_name",
    "learning_rate": "learning_rate",
    "lora_rank": "lora_rank",
    "max_tokens": "max_tokens",
    "max_steps": "max_steps",
    "gamma": "gamma",
    "use_rebn": "normalize_returns",
    "wandb_project": "wandb_project",
    "env_id": "dataset_builder.env_id",
    "num_env": "dataset_builder.groups_per_batch",
}


@chz.chz
class CookbookSettings:
    """The arguments of `tinker_cookbook_train`."""

    model_name: str = "meta-llama/Llama-3.2-1B"
    lora_rank: int = 32
    renderer_name: str | None = None
    load_checkpoint_path: str | None = None
    env_id: str = "game:GuessTheNumber-v0"
    env_kwargs_json: str | None = None
    prompt_type: Literal["general", "no"] = "general"
    group_size: int = 4
    groups_per_batch: int = 64
    n_batches: int = 200
    learning_rate: float = 1e-5
    max_tokens: int = 256
    kl_penalty_coef: float = 0.0
    num_substeps: int = 1
    log_path: str | None = None
    wandb_project: str | None = None
    wandb_name: str | None = None
    compute_post_kl: bool = False
    eval_every: int = 0
    save_every: int = 25
    base_url: str | None = None
    behavior_if_log_dir_exists: str = "ask"
    max_steps_off_policy: int | None = None


@chz.chz
class LoopSettings:
    """The arguments of `tinker_train`."""

    model_name: str = "Qwen/Qwen3-8B-Base"
    batch_size: int = 128
    learning_rate: float = 4e-5
    lora_rank: int = 32
    max_tokens: int = 2048
    seed: int = 0
    max_steps: int = 200
    save_every: int = -1
    env_id: str = "rg:simple_equations"
    num_env: int = 4
    env_wrappers: str = "concat"
    template: Literal["qwen3_general", "qwen3_game", "no"] = "qwen3_general"
    gamma: float = 0.9
    use_rebn: bool = True
    wandb_project: str | None = None
    wandb_name: str | None = None
    log_dir: str | None = None


def cookbook_config(settings: CookbookSettings) -> Tree:
    """Return what `tinker_cookbook_train` means to hand to the Cookbook.

    Its builder's fields have the names that ours have for them.

    Raises:
        ValueError: if `env_kwargs_json` is not the JSON of an object.
    """
    lag = settings.max_steps_off_policy
    renderer = settings.renderer_name or get_recommended_renderer_name(settings.model_name)
    nothing: Any = None
    config = Config(
        dataset_builder=nothing,
        learning_rate=settings.learning_rate,
        model_name=settings.model_name,
        renderer_name=renderer,
        recipe_name="gem",
        lora_rank=settings.lora_rank,
        max_tokens=settings.max_tokens,
        wandb_project=settings.wandb_project,
        wandb_name=settings.wandb_name,
        log_path=settings.log_path or "",
        base_url=settings.base_url,
        load_checkpoint_path=settings.load_checkpoint_path,
        compute_post_kl=settings.compute_post_kl,
        kl_penalty_coef=settings.kl_penalty_coef,
        num_substeps=settings.num_substeps,
        eval_every=settings.eval_every,
        save_every=settings.save_every,
        async_config=None
        if lag is None
        else AsyncConfig(max_steps_off_policy=lag, groups_per_batch=settings.groups_per_batch),
    )
    builder = {
        "class": GEM_BUILDER,
        "env_id": settings.env_id,
        "kwargs": _kwargs(settings.env_kwargs_json),
        "prompt": settings.prompt_type,
        "model_name": settings.model_name,
        "renderer_name": renderer,
        "group_size": settings.group_size,
        "groups_per_batch": settings.groups_per_batch,
        "num_batches": settings.n_batches,
    }
    tree: Tree = to_json_tree(Job(entry="", config=config))["config"]
    return tree | {"dataset_builder": builder}


def _kwargs(text: str | None) -> Tree:
    value = json.loads(text) if text else {}
    if not isinstance(value, dict):
        raise ValueError(f"env_kwargs_json has to be the JSON of an object, not {text}")
    return value


def reinforce(config: Tree, arguments: Tree) -> Draft:
    """Return the recipe of `tinker_train`."""
    fits = config["model_name"].startswith(_MARKED)
    lost = _lost(config)
    if config["template"] != "no" and not fits:
        why = "the markers of Qwen's turns; a recipe has the model's own renderer write them"
        lost.append(Lost("template", config["template"], why))
    recipe = {
        "method": "reinforce",
        **shared_keys(config | {"save_every": max(config["save_every"], 0)}),
        "renderer": _MARKERS if config["template"] != "no" and fits else "auto",
        "seed": config["seed"],
        "env": {
            "kind": "gem",
            "id": config["env_id"],
            "prompt": _PROMPTS[config["template"]],
            "wrappers": [each for each in config["env_wrappers"].split(",") if each],
        },
        "episodes_per_batch": config["num_env"],
        "max_tokens": config["max_tokens"],
        "gamma": config["gamma"],
        "normalize_returns": config["use_rebn"],
        "optimizer": {"learning_rate": config["learning_rate"]},
        "eval": evaluation(config),
    }
    expected = {field: config[key] for key, field in _FIELDS.items()}
    return Draft(recipe, lost=lost, expected=expected)


def _lost(config: Tree) -> list[Lost]:
    lost = [
        Lost(
            "batch_size",
            config["batch_size"],
            "the original plays until it has so many turns, and drops turns at random down to it; "
            "here all turns of `episodes_per_batch` episodes are trained on",
        )
    ]
    if config["seed"]:
        why = "the original reads it nowhere; here it decides problems, sampling, first weights"
        lost.append(Lost("seed", config["seed"], why))
    if config["template"] == "no" and "concat_chat" not in config["env_wrappers"].split(","):
        why = "the original sends the bare text; here the renderer writes the turns of a chat"
        lost.append(Lost("template", "no", why))
    return lost
