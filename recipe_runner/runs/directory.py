"""The directory of one run, `<logging.dir>/<name>/<id>/`, and the lock on it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from recipe_runner.errors import RunFailed, UsageError
from recipe_runner.language.files import is_utf8
from recipe_runner.planning.plan import Plan
from recipe_runner.refused import in_words
from recipe_runner.runs.files import (
    append_json_line,
    remove_temporary_files,
    replace_atomically,
)
from recipe_runner.runs.links import require_own_files, require_within
from recipe_runner.runs.lock import is_locked, locked
from recipe_runner.runs.manifest import GitState, Manifest, State, new_manifest, now
from recipe_runner.runs.record import keep_files, keep_surroundings, text_of

# Where a pipeline's run keeps those of its stages.
STAGES = "stages"

# Of an id, YYYYMMDD-HHMMSS; what follows counts parts of the second, of which a tick is one or two.
_TO_THE_SECOND = 15
_TICK = timedelta(microseconds=17)


@dataclass(frozen=True)
class RunDirectory:
    path: Path

    @property
    def run_id(self) -> str:
        """The run's own name, unlike any other's; a stage's has its pipeline's before it."""
        if self.path.parent.name == STAGES:
            return f"{self.path.parents[1].name}-{self.path.name}"
        return self.path.name

    @property
    def root(self) -> Path:
        """The directory of all runs, absolute; links are not followed."""
        path = Path(os.path.abspath(self.path))
        return path.parents[3] if path.parent.name == STAGES else path.parents[1]

    def stage(self, name: str) -> RunDirectory:
        """Return the directory of a pipeline's stage."""
        return RunDirectory(self.path / STAGES / name)

    @property
    def manifest_file(self) -> Path:
        return self.path / "run.json"

    @property
    def plan_file(self) -> Path:
        return self.path / "plan.json"

    @property
    def recipe_file(self) -> Path:
        return self.path / "recipe.yaml"

    @property
    def metrics_file(self) -> Path:
        """The Cookbook's own metrics, a JSON line a step."""
        return self.path / "metrics.jsonl"

    @property
    def checkpoints_file(self) -> Path:
        """The Cookbook's own record of checkpoints."""
        return self.path / "checkpoints.jsonl"

    @property
    def usage_file(self) -> Path:
        """Tokens counted so far, by model and kind, over all attempts."""
        return self.path / "usage.json"

    @property
    def estimate_file(self) -> Path:
        """What the plan expected before the start."""
        return self.path / "estimate.json"

    @property
    def events_file(self) -> Path:
        return self.path / "events.jsonl"

    @property
    def output_file(self) -> Path:
        """What the loop and its libraries print."""
        return self.path / "output.log"

    @property
    def backend_log(self) -> Path:
        return self.path / "backend.log"

    @classmethod
    def create(
        cls, plan: Plan, recipe_text: str, files: Mapping[str, str] | None = None
    ) -> RunDirectory:
        """Make the directory of a new run, with its recipe, plan and record, and its stages'.

        Args:
            files: the texts of all files that the recipe was made from, by path.

        Raises:
            RunFailed: if it cannot be written.
            UsageError: if a link leads out of the directory of all runs, or the working directory's
                name cannot go on record.
        """
        here = Path.cwd()
        if not is_utf8(str(here)):
            raise UsageError(
                f"the working directory {here} has a name that is not UTF-8, which the run's "
                "record cannot hold; rename it, or give the command in another one"
            )
        directory = Path(plan.recipe.logging.dir)
        require_within(directory, directory / plan.recipe.name)
        try:
            run = cls(_new_directory(directory / plan.recipe.name))
            git = keep_surroundings(run.path, plan)
            for name, stage in plan.stages.items():
                run.stage(name)._make(stage, text_of(stage, files or {}), {}, git)
            run._make(plan, recipe_text, files or {}, git)
        except OSError as error:
            raise RunFailed(
                f"the run's directory cannot be written: {in_words(error, directory)}; or give "
                "another place with --set logging.dir=PATH"
            ) from error
        return run

    def _make(
        self, plan: Plan, recipe_text: str, files: Mapping[str, str], git: GitState | None
    ) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        self.write_recipe(recipe_text, files)
        self.write_plan(plan)
        self.write_manifest(new_manifest(plan, self.run_id, git))

    def write_recipe(self, text: str, files: Mapping[str, str] | None = None) -> None:
        """Write the recipe as it was written, and `recipe/` where it was made from more files."""
        replace_atomically(self.recipe_file, text)
        if files:
            keep_files(self.path, files)

    def write_plan(self, plan: Plan) -> None:
        replace_atomically(self.plan_file, plan.to_json())

    def read_manifest(self) -> Manifest:
        """Read run.json.

        Raises:
            OSError, pydantic.ValidationError: if it is missing or not a run's record.
        """
        return Manifest.model_validate_json(self.manifest_file.read_text("utf-8"))

    def read_plan(self) -> Plan:
        """Read plan.json.

        Raises:
            RunFailed: if it is missing, or not a plan that this release reads.
        """
        try:
            return Plan.from_json(self.plan_file.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise RunFailed(
                f"{self.plan_file} cannot be read as a plan: {type(error).__name__}. It may be of "
                "another release: its recipe.yaml beside it can be run again"
            ) from error

    def write_manifest(self, manifest: Manifest) -> None:
        replace_atomically(self.manifest_file, manifest.model_dump_json(indent=2) + "\n")

    def note(self, **fields: object) -> None:
        """Put fields of the record on record; for whoever holds the run."""
        self.write_manifest(self.read_manifest().model_copy(update=fields))

    def add_event(self, kind: str, **details: object) -> None:
        """Append one line to events.jsonl."""
        append_json_line(self.events_file, {"time": now(), "event": kind, **details})

    def state(self) -> State:
        """Return the run's state; one that says `running` without a process was interrupted."""
        state = self.read_manifest().state
        return "interrupted" if state == "running" and not self.is_locked() else state

    def is_locked(self) -> bool:
        """Whether a process is writing this run."""
        return is_locked(self._lock_file)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the run for this process; the kernel lets go of it however the process ends.

        Raises:
            UsageError: if another process holds it, or it has a link to outside of all runs.
        """
        require_own_files(self.root, self.path)
        with locked(self._lock_file):
            remove_temporary_files(self.path)
            yield

    @property
    def _lock_file(self) -> Path:
        return self.path / ".lock"


def _new_directory(parent: Path) -> Path:
    """Make a directory that is named after the time, to 15 µs, so that names sort by it.

    Where the clock was set back, it is named after the newest that is there: a new run is the last.
    """
    parent.mkdir(parents=True, exist_ok=True)
    while True:
        time = max([datetime.now(UTC), *(each + _TICK for each in _times(parent))])
        path = parent / f"{time:%Y%m%d-%H%M%S}-{time.microsecond * 0x10000 // 1_000_000:04x}"
        with contextlib.suppress(FileExistsError):
            path.mkdir()
            return path


def _times(parent: Path) -> Iterator[datetime]:
    """Yield the times that the directories of runs are named after."""
    for name in os.listdir(parent):
        with contextlib.suppress(ValueError):  # of something else
            second, part = name[:_TO_THE_SECOND], name[_TO_THE_SECOND + 1 :]
            whole = datetime.strptime(f"{second}+0000", "%Y%m%d-%H%M%S%z")
            yield whole + timedelta(microseconds=int(part, 16) * 1_000_000 // 0x10000)
