"""Weights & Biases and Trackio for a run: brought up before its loop, with the plan as config.

The Cookbook's own loggers write to the W&B run that is open then, and add their configuration.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from recipe_runner.errors import BackendError, UsageError
from recipe_runner.planning.plan import Plan
from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.environment import variables_set
from recipe_runner.runs.progress.status import Status
from recipe_runner.runs.wandb_settings import require_own_settings
from schemas.run_settings import Wandb

LogRow = Callable[[dict[str, Any]], None]
WANDB, TRACKIO = "W&B", "Trackio"

# The plan's place in a config that the Cookbook's fields share.
CONFIG_KEY = "recipe_run"


@contextmanager
def followed(plan: Plan, run: RunDirectory, status: Status) -> Iterator[LogRow | None]:
    """Have a run seen elsewhere as far as its recipe asks, and put on record where.

    Yields what logs a row of metrics that the Cookbook does not log itself, none where nothing is
    to be logged.

    Raises:
        UsageError: if what the recipe asks for is not installed.
        BackendError: if it does not start.
    """
    with ExitStack() as stack:
        stack.enter_context(_cookbook_loggers_apart())
        links: dict[str, str] = {}
        log = None
        if plan.recipe.logging.wandb is not None:
            links[WANDB] = stack.enter_context(_wandb(plan, run, plan.recipe.logging.wandb))
        if plan.recipe.logging.trackio is not None:
            log, links[TRACKIO] = stack.enter_context(trackio_logger(plan, run.run_id))
        if links:
            run.note(links=links)
            status.links = links
        yield log


def wandb_environment(plan: Plan, run_id: str) -> dict[str, str]:
    """Return the variables that carry what the Cookbook's config has no field for.

    The id makes a resumed run continue the W&B run that it began.
    """
    wandb = plan.recipe.logging.wandb
    if wandb is None:
        return {}
    tags = ",".join([*wandb.tags, *plan.recipe.tags])
    return {
        "WANDB_MODE": wandb.mode,
        **({"WANDB_TAGS": tags} if tags else {}),  # W&B refuses an empty one
        "WANDB_RUN_ID": run_id,
        "WANDB_RESUME": "allow",
        "WANDB_SILENT": "true",
    }


@contextmanager
def _wandb(plan: Plan, run: RunDirectory, settings: Wandb) -> Iterator[str]:
    """Yield where the W&B run is to be seen: its URL, or the directory that `wandb sync` takes."""
    try:
        import wandb
    except ImportError as error:
        raise UsageError(
            "the recipe logs to W&B, which is not installed: pip install wandb"
        ) from error
    require_own_settings(Path(wandb.Settings().settings_workspace))
    with variables_set(wandb_environment(plan, run.run_id)):
        try:
            started = wandb.init(
                project=settings.project,
                name=settings.name or plan.recipe.name,
                dir=str(run.path),
                config={CONFIG_KEY: _config(plan, run.run_id)},
                # A resumed run may have a plan with more steps.
                allow_val_change=True,
            )
        except Exception as error:
            raise BackendError(
                f"W&B does not start: {error}. Log in with `wandb login` or set WANDB_API_KEY, or "
                "give --set logging.wandb.mode=offline and `wandb sync` later"
            ) from error
        exit_code = 1
        try:
            yield str(started.url or started.settings.sync_dir)
            exit_code = 0
        finally:
            if wandb.run is not None:
                wandb.finish(exit_code=exit_code)


@contextmanager
def trackio_logger(plan: Plan, run_id: str) -> Iterator[tuple[LogRow, str]]:
    """Yield a function that logs one metrics row to Trackio, and where that is to be seen.

    Raises:
        UsageError: if Trackio is not installed.
    """
    settings = plan.recipe.logging.trackio
    assert settings is not None, "the caller has looked"
    try:
        import trackio
        from trackio.utils import TRACKIO_DIR
    except ImportError as error:
        raise UsageError(
            "the recipe logs to Trackio, which is not installed: pip install 'recipe-run[trackio]'"
        ) from error
    name = settings.name or f"{plan.recipe.name}-{run_id}"
    run = trackio.init(
        project=settings.project, name=name, config=_config(plan, run_id), resume="allow"
    )

    def log(row: dict[str, Any]) -> None:
        numbers = {key: value for key, value in row.items() if isinstance(value, float | int)}
        # Not `trackio.log`, which knows of no run in another thread than this one.
        run.log(numbers, step=row.get("step"))

    try:
        yield log, f"{TRACKIO_DIR} (trackio show --project {settings.project})"
    finally:
        run.finish()


def _config(plan: Plan, run_id: str) -> dict[str, Any]:
    return {"run": run_id, "plan_hash": plan.hash, "plan": plan.model_dump(mode="json")}


@contextmanager
def _cookbook_loggers_apart() -> Iterator[None]:
    """Keep the Cookbook from logging what is logged here.

    It would log to Trackio wherever W&B is asked for and both are installed; and its `code.diff` is
    the diff of whatever repository holds the installed packages, without a limit: with an
    environment inside of a project, that is the user's. `git.diff` has what may be on record.
    """
    from tinker_cookbook.utils import ml_log

    from recipe_runner.loops.replaced import replaced

    with (
        replaced(ml_log, "_trackio_available", lambda _: False),
        replaced(ml_log, "code_state", lambda _: lambda: "see git.diff\n"),
    ):
        yield
