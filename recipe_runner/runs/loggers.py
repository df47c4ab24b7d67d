"""Weights & Biases and Trackio for a run, as far as the Cookbook leaves them to the environment."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from recipe_runner.errors import UsageError
from recipe_runner.planning.plan import Plan


def wandb_environment(plan: Plan, run_id: str) -> dict[str, str]:
    """Return the variables that carry what the Cookbook's config has no field for.

    The id makes a resumed run continue the W&B run that it began.
    """
    wandb = plan.recipe.logging.wandb
    if wandb is None:
        return {}
    return {
        "WANDB_MODE": wandb.mode,
        "WANDB_TAGS": ",".join([*wandb.tags, *plan.recipe.tags]),
        "WANDB_RUN_ID": run_id,
        "WANDB_RESUME": "allow",
        "WANDB_SILENT": "true",
    }


@contextmanager
def trackio_logger(plan: Plan, run_id: str) -> Iterator[Callable[[dict[str, Any]], None] | None]:
    """Yield a function that logs one metrics row to Trackio, None where the recipe has none."""
    _no_trackio_behind_wandb()
    settings = plan.recipe.logging.trackio
    if settings is None:
        yield None
        return
    try:
        import trackio
    except ImportError as error:
        raise UsageError(
            "the recipe logs to Trackio, which is not installed: pip install 'recipe-run[trackio]'"
        ) from error
    name = settings.name or f"{plan.recipe.name}-{run_id}"
    trackio.init(project=settings.project, name=name, config=plan.model_dump(mode="json"))

    def log(row: dict[str, Any]) -> None:
        numbers = {key: value for key, value in row.items() if isinstance(value, float | int)}
        trackio.log(numbers, step=row.get("step"))

    try:
        yield log
    finally:
        trackio.finish()


def _no_trackio_behind_wandb() -> None:
    """The Cookbook would log to Trackio too, wherever W&B is asked for and both are installed."""
    from tinker_cookbook.utils import ml_log

    ml_log._trackio_available = False
