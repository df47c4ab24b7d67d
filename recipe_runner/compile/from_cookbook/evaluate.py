"""`python -m tinker_cookbook.eval.run_inspect_evals` -> `method: eval`."""

from __future__ import annotations

from recipe_runner.compile.from_cookbook.draft import Draft, Lost, Tree
from recipe_runner.compile.from_cookbook.shared import renderer
from recipe_runner.errors import UsageError

_EVALUATOR = "evaluator_builders.0"
# Field of the Cookbook's -> key of an evaluator in a recipe.
_KEYS = {
    "limit": "limit",
    "max_tokens": "max_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "top_k": "top_k",
    "num_choices": "choices",
    "include_reasoning": "include_reasoning",
    "seed": "seed",
    "max_connections": "max_connections",
}
_ELSEWHERE = {"model_path", "renderer_name", "tasks", "log_dir"}


def draft(config: Tree, arguments: Tree) -> Draft:
    """Return the recipe of a command.

    Raises:
        UsageError: if it leaves the model's name to the service's record of its checkpoint.
    """
    name = config["model_name"]
    if name is None:
        raise UsageError("the command asks the service for the model's name: add model_name=…")
    tasks = [config["tasks"]] if isinstance(config["tasks"], str) else config["tasks"]
    inspect = {key: config[field] for field, key in _KEYS.items()}
    recipe = {
        "method": "eval",
        "model": {"name": name, "load_from": config["model_path"]},
        "renderer": renderer(name, config["renderer_name"]),
        "evaluators": [{"kind": "inspect", "tasks": tasks, **inspect}],
    }
    expected = {"model_path": config["model_path"]}
    expected |= {f"{_EVALUATOR}.{key}": config[key] for key in config.keys() - _ELSEWHERE}
    expected |= {f"{_EVALUATOR}.tasks.{index}": task for index, task in enumerate(tasks)}
    lost = []
    if config["log_dir"] is not None:
        why = "Inspect's logs are below the run's directory"
        lost.append(Lost("log_dir", config["log_dir"], why))
    return Draft(recipe, lost=lost, expected=expected)
