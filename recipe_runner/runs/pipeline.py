"""The stages of a pipeline, one after the other, each a run in the pipeline's own directory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from recipe_runner.backends import Connection
from recipe_runner.planning.marked import checkpoint_references
from recipe_runner.planning.plan import Plan
from recipe_runner.planning.resolve import fingerprints
from recipe_runner.runs.account import counted_together
from recipe_runner.runs.attempt import (
    Announce,
    Outcome,
    announce_start,
    curve_so_far,
    recorded,
)
from recipe_runner.runs.console import captured_output
from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.estimates import record_estimate
from recipe_runner.runs.survive import survive
from recipe_runner.runs.training import connected, of_a_stage, resolve_checkpoint
from schemas import parse_recipe
from schemas.base import stage_output


def run_stages(plan: Plan, run: RunDirectory, *, resumed: bool, announce: Announce) -> Outcome:
    """Run the stages that are not done, in their order, in a directory that the caller has locked.

    Raises:
        RunnerError: what stopped a stage; it is on record, the stage's and the pipeline's.
    """
    _require_checkpoints(plan)
    announce_start(announce, plan, run)
    done = [name for name in plan.stages if run.stage(name).read_manifest().state == "done"]
    if resumed:
        announce(
            f"resuming the unfinished run of this plan: {len(done)} of {len(plan.stages)} stages "
            "are done"
        )
    outcomes: dict[str, Outcome] = {}
    with (
        recorded(plan, run, len(done)),
        counted_together(plan, run),
        _connected(plan, run) as connection,
    ):
        for number, (name, stage) in enumerate(plan.stages.items(), start=1):
            title = f"stage {number} of {len(plan.stages)}, {name}"
            if name in done:
                announce(f"{title}: done")
                outcomes[name] = Outcome(run.stage(name), curve_so_far(stage, run.stage(name)))
                continue
            announce(f"\n{title}")
            run.add_event("stage", stage=name, number=number)
            resolved = with_outputs(stage, plan, run)
            outcomes[name] = _run_stage(resolved, run.stage(name), announce, connection)
    return Outcome(run, None, outcomes)


def _run_stage(
    stage: Plan, directory: RunDirectory, announce: Announce, connection: Connection
) -> Outcome:
    with directory.lock():
        manifest = directory.read_manifest()
        resumed = manifest.state != "planned"
        manifest.plan_hash = stage.hash
        directory.write_plan(stage)
        directory.write_manifest(manifest)
        return survive(stage, directory, resumed=resumed, announce=announce, connection=connection)


@contextmanager
def _connected(plan: Plan, run: RunDirectory) -> Iterator[Connection]:
    """Bring the backend up once for all stages; what that prints goes to the run's log."""
    with ExitStack() as stack:
        with captured_output(run.output_file):
            connection = stack.enter_context(connected(plan, run))
            record_estimate(plan, run)
        yield connection


def _require_checkpoints(plan: Plan) -> None:
    """Find out before the first stage whether a later one lacks the run that it starts from."""
    root = Path(plan.recipe.logging.dir)
    for stage in plan.stages.values():
        for reference in checkpoint_references(stage.recipe):
            if not (of_a_stage(reference) or stage.from_base_weights):
                resolve_checkpoint(root, reference)


def with_outputs(stage: Plan, plan: Plan, run: RunDirectory) -> Plan:
    """Return a stage's plan with the files that earlier stages wrote in place of their names."""
    written = {
        stage_output(name): str(run.stage(name).path / each.recipe.output)
        for name, each in plan.stages.items()
        if each.recipe.method == "generate" and run.stage(name).state() == "done"
    }
    before = stage.recipe.model_dump(mode="json")
    after = _replaced(before, written)
    if after == before:
        return stage
    recipe = parse_recipe(after)
    return stage.model_copy(update={"recipe": recipe, "fingerprints": fingerprints(recipe)})


def _replaced(tree: Any, values: dict[str, str]) -> Any:
    if isinstance(tree, dict):
        return {key: _replaced(item, values) for key, item in tree.items()}
    if isinstance(tree, list):
        return [_replaced(item, values) for item in tree]
    return values.get(tree, tree) if isinstance(tree, str) else tree
