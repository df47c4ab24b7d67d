"""A loop at work: backend up, terminal kept for the display, the Cookbook's loop inside."""

from __future__ import annotations

from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path

from recipe_runner.backends import Connection, backend
from recipe_runner.compile import Target, compile_plan
from recipe_runner.language.project import Project
from recipe_runner.planning.marked import brings_code, checkpoint_references, main_model
from recipe_runner.planning.plan import Plan
from recipe_runner.quoting import quoting
from recipe_runner.runs import registry
from recipe_runner.runs.console import captured_output
from recipe_runner.runs.control import guarded
from recipe_runner.runs.conversations import require_conversations
from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.environment import variables_set
from recipe_runner.runs.estimates import record_estimate
from recipe_runner.runs.links import require_within
from recipe_runner.runs.progress import Curve, watch
from recipe_runner.runs.progress.status import Status
from recipe_runner.runs.redacted_logs import redacted_logs
from recipe_runner.runs.resume import Position
from recipe_runner.runs.rollouts import rollouts_file
from recipe_runner.runs.waiting import shown_waiting
from recipe_runner.user_code import search_path
from schemas.backend import backend_kind
from schemas.base import STAGE

# Checkpoints of the local backend, below the directory of all runs: runs share them.
LOCAL_STORE = ".local"


def train(
    plan: Plan,
    run: RunDirectory,
    position: Position,
    curve: Curve,
    connection: Connection | None = None,
) -> None:
    """Run the Cookbook's loop, with the terminal kept for the display.

    Args:
        connection: a backend that is up; none: it is brought up for this run alone.
    """
    from recipe_runner.runs.loggers import followed
    from recipe_runner.runs.progress.display import make_display

    root = Path(plan.recipe.logging.dir)
    status = Status(budget=plan.recipe.budget)
    with ExitStack() as stack:
        terminal = stack.enter_context(captured_output(run.output_file))
        stack.enter_context(redacted_logs())
        stack.enter_context(quoting(Project.of(plan.source).contains))
        guard = stack.enter_context(guarded(plan, run, status))
        # Before the display starts its thread: the local server is forked where that is safe.
        if connection is None:
            connection = stack.enter_context(connected(plan, run))
        display = make_display(terminal, getattr(plan.recipe, "steps", None), position.step, status)
        stack.callback(display.close)
        on_row = stack.enter_context(followed(plan, run, status))
        stack.enter_context(watch(run.metrics_file, curve, display, on_row))
        stack.enter_context(shown_waiting(status, run))
        if brings_code(plan.recipe):
            stack.enter_context(search_path(plan.source))
        stack.enter_context(variables_set(_key(connection)))
        target = _target(plan, run.path, connection.base_url, root, stages=run.path.parent)
        run.note(loaded={name: path for name, path in target.checkpoints.items() if path})
        require_conversations(plan.recipe)
        job = compile_plan(plan, target)
        record_estimate(plan, run)
        stack.enter_context(_rollouts_written(plan, run))
        stack.enter_context(_repeatable(plan))
        guard.run(job)


def _rollouts_written(plan: Plan, run: RunDirectory) -> AbstractContextManager[None]:
    from recipe_runner.loops.rollouts import recorded

    return recorded(
        rollouts_file(run.path),
        method=plan.recipe.method,
        num_groups=plan.recipe.logging.rollouts,
        model_name=main_model(plan.recipe),
    )


def _repeatable(plan: Plan) -> AbstractContextManager[None]:
    """Have the local backend draw the same samples whenever the run is repeated or resumed."""
    from recipe_runner.loops.lineage import seeded_samples

    return seeded_samples(plan.recipe.seed) if plan.recipe.backend == "local" else nullcontext()


def connected(plan: Plan, run: RunDirectory) -> AbstractContextManager[Connection]:
    """Bring the backend of a plan up, for as long as the block lasts."""
    store = Path(plan.recipe.logging.dir) / LOCAL_STORE
    require_within(store.parent, store)
    chosen = backend(backend_kind(plan.recipe.backend))
    return chosen.connect(plan, store=store, log=run.backend_log)


def _target(
    plan: Plan, log_path: Path, base_url: str | None, root: Path, *, stages: Path | None
) -> Target:
    """Return where a plan runs; without `stages`, what a stage leaves keeps its name."""
    references = [
        each
        for each in checkpoint_references(plan.recipe)
        if stages is not None or not of_a_stage(each)
    ]
    unknown = [each for each in references if plan.from_base_weights and not of_a_stage(each)]
    known = [each for each in references if each not in unknown]
    paths = {each: resolve_checkpoint(root, each, stages) for each in known}
    return Target(
        log_path=log_path,
        base_url=base_url,
        checkpoints=paths | dict.fromkeys(unknown),
        samplers=_samplers(root, known, stages),
    )


def of_a_stage(reference: str) -> bool:
    """Whether a checkpoint is what an earlier stage of the same pipeline leaves."""
    return reference.startswith(STAGE)


def _samplers(root: Path, references: list[str], stages: Path | None) -> dict[str, str]:
    of_runs = [each for each in references if not each.startswith("tinker://")]
    paths = {each: registry.sampler_path(root, each, stages) for each in of_runs}
    return {each: path for each, path in paths.items() if path is not None}


def unstarted_target(plan: Plan) -> Target:
    """Return the target of a plan that has no run directory and no server yet."""
    recipe = plan.recipe
    root = Path(recipe.logging.dir)
    return _target(plan, root / recipe.name / "RUN", _configured_url(plan), root, stages=None)


def _configured_url(plan: Plan) -> str | None:
    return getattr(plan.recipe.backend, "base_url", None)


def resolve_checkpoint(root: Path, reference: str, stages: Path | None = None) -> str:
    """Return the `tinker://` path of a `load_from` value; `stages` holds a pipeline's stages."""
    if reference.startswith("tinker://"):
        return reference
    return registry.checkpoint_path(root, reference, stages)


def _key(connection: Connection) -> dict[str, str]:
    """Variables for the SDK, and quiet progress bars in the run's output file."""
    key = {} if connection.api_key is None else {"TINKER_API_KEY": connection.api_key}
    return {"TQDM_DISABLE": "1", **key}
