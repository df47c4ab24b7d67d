"""One attempt at one run: on record from its start to its end, whatever ends it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from recipe_runner.backends import Connection
from recipe_runner.errors import BudgetSpent, Interrupted, ServiceLost
from recipe_runner.planning.marked import code_references, main_model
from recipe_runner.planning.plan import Plan
from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.environment import package_versions
from recipe_runner.runs.files import read_json_lines
from recipe_runner.runs.hub import hub_revisions
from recipe_runner.runs.manifest import State, new_attempt, now
from recipe_runner.runs.programs import unisolated_programs
from recipe_runner.runs.progress import Curve, headline
from recipe_runner.runs.redaction import redacted_traceback
from recipe_runner.runs.resume import Position, align, keeps_all
from recipe_runner.runs.summarize import summary_of
from recipe_runner.runs.training import train
from recipe_runner.user_code import shadowed, shadowed_message
from recipe_runner.versions import other_versions

Announce = Callable[[str], None]


@dataclass(frozen=True)
class Outcome:
    """A run that came to its end.

    Attributes:
        run: its directory.
        curve: the headline metric over all its steps, those of earlier attempts included; none
            where the run is a pipeline.
        stages: what became of each stage of a pipeline.
    """

    run: RunDirectory
    curve: Curve | None
    stages: Mapping[str, Outcome] = field(default_factory=dict)

    @property
    def steps_done(self) -> int:
        own = 0 if self.curve is None else len(self.curve.values)
        return own + sum(stage.steps_done for stage in self.stages.values())


def attempt(
    plan: Plan,
    run: RunDirectory,
    *,
    resumed: bool,
    announce: Announce,
    connection: Connection | None = None,
) -> Outcome:
    """Run a plan to its end in its directory, which the caller has locked.

    Raises:
        RunnerError: what stopped the run; it is on record.
    """
    steps = getattr(plan.recipe, "steps", None)
    position = align(run, plan.recipe.method, steps) if resumed else Position(0)
    if resumed and position.step:
        announce(f"resuming the unfinished run of this plan after step {position.step}")
    elif resumed and not keeps_all(plan.recipe.method):
        announce("an unfinished run of this plan has no checkpoint yet: it starts over")
    curve = curve_so_far(plan, run)
    with recorded(plan, run, position.step):
        train(plan, run, position, curve, connection)
    return Outcome(run, curve)


def announce_start(announce: Announce, plan: Plan, run: RunDirectory) -> None:
    """Say what runs, on what, and where."""
    recipe = plan.recipe
    what = main_model(recipe) or ", ".join(plan.stages)
    announce(f"{recipe.name}: {recipe.method} of {what}, {plan.served.note}")
    if plan.served.is_stand_in:
        announce(
            "note: stand-in weights. This shows that the recipe runs, not what the model learns."
        )
        if getattr(recipe, "extract", None) is not None:
            announce(
                "note: replies that `extract` does not match are kept as they are: a stand-in "
                "cannot answer"
            )
    hidden = shadowed(plan.source) if code_references(recipe) else None
    if hidden is not None:
        announce(f"note: {shadowed_message(hidden)}")
    unisolated = unisolated_programs(plan)
    if unisolated is not None:
        announce(unisolated)
    announce(f"run: {run.path}")


def curve_so_far(plan: Plan, run: RunDirectory) -> Curve:
    curve = Curve(headline(plan.recipe.method))
    for row in read_json_lines(run.metrics_file):
        curve.add(row)
    return curve


@contextmanager
def recorded(plan: Plan, run: RunDirectory, from_step: int) -> Iterator[None]:
    """Keep run.json and events.jsonl true to what happens in the block."""
    this = new_attempt(from_step=from_step)
    earlier = run.read_manifest().attempts

    def record(state: State, error: str | None = None) -> None:
        manifest = run.read_manifest()  # again: what the attempt finds out is put there too
        manifest.state = this.state = state
        this.error = error
        this.ended = None if state == "running" else now()
        manifest.attempts = [*earlier, this]
        manifest.versions = package_versions()
        manifest.untested = [str(each) for each in other_versions()]
        if state != "running":
            manifest.summary = summary_of(run, manifest, plan.recipe.method)
            manifest.hub = hub_revisions(plan.recipes)
        # In this order: after a kill in between, the record is behind, and goes on from there.
        run.add_event(state, from_step=from_step, **({"error": error} if error else {}))
        run.write_manifest(manifest)

    record("running")
    try:
        yield
    except KeyboardInterrupt as error:
        record("interrupted")
        raise Interrupted(
            f"interrupted; {run.path} is kept. Give the same command again to {_way_on(plan, run)}"
        ) from error
    except BudgetSpent:
        record("budget")
        raise
    except (Interrupted, BrokenPipeError):  # or whoever read the output has gone away
        record("interrupted")
        raise
    except Exception as error:
        from recipe_runner.runs.failures import explain

        explained = explain(error, run.path)
        may_go_on = isinstance(explained, ServiceLost)
        with suppress(OSError):  # a full disk: the record stays at `running`, which nobody is
            record("interrupted" if may_go_on else "failed", str(explained))
            if not getattr(explained, "__notes__", None):  # a stage has written its own
                with run.output_file.open("a", encoding="utf-8") as log:
                    log.write(redacted_traceback(error))
                explained.add_note(f"details: {run.output_file}")
        raise explained from (None if explained is error else error)
    record("done")


def _way_on(plan: Plan, run: RunDirectory) -> str:
    """Say what the same command will do with an interrupted run."""
    if plan.stages or keeps_all(plan.recipe.method):
        return "go on where it stopped"
    if read_json_lines(run.checkpoints_file):
        return "resume from its last checkpoint"
    return "start it over: it has no checkpoint yet (`checkpoint.every` sets how often)"
