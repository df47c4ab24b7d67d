"""`tinker_cookbook.rl.train.Config` -> `method: rl`."""

from __future__ import annotations

from recipe_runner.compile.from_cookbook.draft import Draft, Lost, Tree
from recipe_runner.compile.from_cookbook.environment import BUILDER, Environment
from recipe_runner.compile.from_cookbook.environments import environment
from recipe_runner.compile.from_cookbook.shared import evaluation, loss, shared_keys
from recipe_runner.compile.rl import UNEXPOSED

_BOTH = {
    "max_steps": "both end at the same step",
    f"{BUILDER}.n_batches": "both end at the same step",
    f"{BUILDER}.num_batches": "both end at the same step",
    "renderer_name": "said to the Cookbook as well, which keeps it with the checkpoints",
}
_CHANGED = {
    "kl_reference_config": "the original has none, and the Cookbook refuses a penalty without "
    "one; here it is the base model",
    "rollout_error_tolerance": "a recipe keeps the model's default",
    "rollout_json_export": "`logging.rollouts: 0` writes none, and without it all are written",
}

# The last stage of the Cookbook's RLHF makes its evaluator in a local function, of so many
# comparisons.
_RLHF = "recipe_preference_rlhf_rl"
_RLHF_COMPARISONS = 256
_EVALUATOR = {"evaluator_builders": "the same evaluator, which the original makes in a function"}


def draft(config: Tree, arguments: Tree) -> Draft:
    """Return the recipe of a configuration.

    arguments: of the command, as far as they are known: of some commands the environment has more
    settings than the configuration holds.
    """
    found = environment(config[BUILDER])
    judged = _judged(config)
    lost: list[Lost] = []
    recipe = {
        "method": "rl",
        **shared_keys(config),
        "seed": found.seed,
        "env": found.env | _of_arguments(found, arguments) | judged,
        "rollout": {
            "groups_per_batch": found.groups_per_batch,
            "group_size": _group_size(found, arguments, lost),
            "max_tokens": config["max_tokens"],
            "temperature": config["temperature"],
        },
        "loss": loss(config),
        "kl": _kl(config),
        "execution": _execution(config),
        "substeps": config["num_substeps"],
        "drop_constant_groups": config["remove_constant_reward_groups"],
        "optimizer": {"learning_rate": config["learning_rate"]},
        "steps": _steps(config, found),
        "eval": evaluation(config),
    }
    recipe["logging"]["rollouts"] = config["num_groups_to_log"]
    same = _BOTH | found.same | (_EVALUATOR if judged else {})
    return Draft(recipe, same, UNEXPOSED | _CHANGED | found.changed, lost)


def _steps(config: Tree, found: Environment) -> int | None:
    limits = [steps for steps in (config["max_steps"], found.steps) if steps is not None]
    return min(limits, default=None)


def _judged(config: Tree) -> Tree:
    """Return how many comparisons the last stage of RLHF is measured on."""
    measured = config["recipe_name"] == _RLHF and config["evaluator_builders"]
    return {"eval_size": _RLHF_COMPARISONS} if measured else {}


def _of_arguments(found: Environment, arguments: Tree) -> Tree:
    """Return what the command of the verifiers library gives to the function that plays groups."""
    if found.env["kind"] != "verifiers":
        return {}
    generation = arguments.get("max_concurrent_generation", -1)
    scoring = arguments.get("max_concurrent_scoring", -1)
    return {
        "max_concurrent": None if generation < 0 else generation,
        "max_concurrent_scoring": None if scoring < 0 else scoring,
    }


def _group_size(found: Environment, arguments: Tree, lost: list[Lost]) -> int:
    if found.group_size:
        return found.group_size
    if "group_size" not in arguments:
        why = "the record of that run does not hold it; this is the command's default"
        lost.append(Lost("group_size", 8, why))
    return int(arguments.get("group_size", 8))


def _kl(config: Tree) -> Tree:
    keys: Tree = {"coef": config["kl_penalty_coef"], "post_update": config["compute_post_kl"]}
    if not config["kl_penalty_coef"]:
        return keys
    keys["discount"] = config["kl_discount_factor"]
    reference = config["kl_reference_config"]
    if reference is not None:
        own = reference["base_model"] == config["model_name"]
        keys["reference"] = {
            "model": None if own else reference["base_model"],
            "load_from": reference["load_checkpoint_path"],
        }
    return keys


def _execution(config: Tree) -> Tree:
    if config["async_config"] is not None:
        lag = config["async_config"]["max_steps_off_policy"]
        return {"kind": "async", "max_steps_off_policy": lag}
    if config["stream_minibatch_config"] is not None:
        parts = config["stream_minibatch_config"]["num_minibatches"]
        return {"kind": "stream", "minibatches": parts}
    return {"kind": "sync"}
