"""Plan -> a finished run: picks or makes its directory, brings the backend up, runs the loop."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from recipe_runner.backends import backend
from recipe_runner.errors import Interrupted, UsageError
from recipe_runner.planning.marked import code_references, main_model
from recipe_runner.planning.plan import Plan
from recipe_runner.runs import registry
from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.files import read_json_lines
from recipe_runner.runs.manifest import State, new_attempt, now, package_versions
from recipe_runner.runs.progress import Curve, headline
from recipe_runner.runs.resume import Position, align
from recipe_runner.runs.training import train
from recipe_runner.user_code import shadowed, shadowed_message
from schemas.backend import backend_kind

OnExisting = Literal["resume", "new", "fail"]
Announce = Callable[[str], None]


@dataclass(frozen=True)
class Outcome:
    """A run that came to its end.

    Attributes:
        run: its directory.
        curve: the headline metric over all its steps, those of earlier attempts included.
    """

    run: RunDirectory
    curve: Curve


def execute(
    plan: Plan, recipe_text: str, *, on_existing: OnExisting = "resume", announce: Announce
) -> Outcome:
    """Run a plan to its end, or resume the run of it that has not come to its end.

    Args:
        announce: takes the lines that a person should read before the display starts.

    Raises:
        RunnerError: what stopped the run, with the next step; the run directory has the details.
    """
    backend(backend_kind(plan.recipe.backend)).check_access()
    run, resumed = _choose_run(plan, recipe_text, on_existing)
    with run.lock():
        position = align(run, plan.recipe.method) if resumed else Position(0)
        _announce_start(announce, plan, run, resumed, position)
        curve = _curve_so_far(plan, run)
        with _recorded_attempt(run, position):
            train(plan, run, position, curve)
    return Outcome(run, curve)


def _choose_run(plan: Plan, recipe_text: str, on_existing: OnExisting) -> tuple[RunDirectory, bool]:
    unfinished = registry.unfinished_run(plan)
    if unfinished is None or on_existing == "new":
        return RunDirectory.create(plan, recipe_text), False
    if on_existing == "fail":
        raise UsageError(
            f"{unfinished.path} is an unfinished run of this plan; give --on-existing resume to "
            "continue it, or --on-existing new to start over"
        )
    return unfinished, True


def _announce_start(
    announce: Announce, plan: Plan, run: RunDirectory, resumed: bool, position: Position
) -> None:
    recipe = plan.recipe
    announce(f"{recipe.name}: {recipe.method} of {main_model(recipe)}, {plan.served.note}")
    if plan.served.is_stand_in:
        announce(
            "note: stand-in weights. This shows that the recipe runs, not what the model learns."
        )
    hidden = shadowed(plan.source) if code_references(recipe) else None
    if hidden is not None:
        announce(f"note: {shadowed_message(hidden)}")
    announce(f"run: {run.path}")
    if resumed and position.step:
        announce(f"resuming the unfinished run of this plan after step {position.step}")
    elif resumed:
        announce("an unfinished run of this plan has no checkpoint yet: it starts over")


def _curve_so_far(plan: Plan, run: RunDirectory) -> Curve:
    curve = Curve(headline(plan.recipe.method))
    for row in read_json_lines(run.metrics_file):
        curve.add(row)
    return curve


@contextmanager
def _recorded_attempt(run: RunDirectory, position: Position) -> Iterator[None]:
    """Keep run.json and events.jsonl true to what happens in the block."""
    manifest = run.read_manifest()
    attempt = new_attempt(from_step=position.step)
    manifest.attempts.append(attempt)
    manifest.versions = package_versions()

    def record(state: State, error: str | None = None) -> None:
        manifest.state = attempt.state = state
        attempt.error = error
        attempt.ended = None if state == "running" else now()
        run.write_manifest(manifest)
        run.add_event(state, from_step=position.step, **({"error": error} if error else {}))

    record("running")
    try:
        yield
    except KeyboardInterrupt as error:
        record("interrupted")
        raise Interrupted(
            f"interrupted; {run.path} is kept. Give the same command again to {_way_on(run)}"
        ) from error
    except Exception as error:
        from recipe_runner.runs.failures import explain

        explained = explain(error)
        with run.output_file.open("a", encoding="utf-8") as log:
            traceback.print_exc(file=log)
        record("failed", str(explained))
        explained.add_note(f"details: {run.output_file}")
        raise explained from error
    record("done")


def _way_on(run: RunDirectory) -> str:
    """Say what the same command will do with an interrupted run."""
    if read_json_lines(run.checkpoints_file):
        return "resume from its last checkpoint"
    return "start it over: it has no checkpoint yet (`checkpoint.every` sets how often)"
