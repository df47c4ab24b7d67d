"""`sweep.json`: which variants a sweep has, what became of each, and in which run.

    <logging.dir>/.sweeps/<recipe's name>-<hash>/sweep.json
    <logging.dir>/.sweeps/<recipe's name>-<hash>/<variant's run name>.log   what its worker printed

The hash is over the variants' plans, so that the same command finds its sweep again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pydantic import BaseModel, ValidationError

from recipe_runner.errors import RunFailed, UsageError
from recipe_runner.refused import in_words
from recipe_runner.runs.files import replace_atomically
from recipe_runner.runs.links import require_own_files
from recipe_runner.runs.lock import locked
from recipe_runner.runs.manifest import now
from recipe_runner.sweeps.metric import Metric
from recipe_runner.sweeps.schedule import State
from recipe_runner.sweeps.variants import Variant

SWEEPS = ".sweeps"


class VariantRecord(BaseModel):
    """A variant of a sweep.

    Attributes:
        title: its name with the recipe's, for people.
        run: its run directory; none before it was begun.
        value: of the sweep's metric: the mean over the last three steps.
        steps: that are on record.
        num_steps: of its plan; none where the data's length decides.
        tokens: counted so far.
        usd: what they cost; none without a price, or where nothing is charged.
        seconds: at work in this sweep, over all its starts.
        skipped: whether it was done before this start of the sweep.
        error: what it failed on.
    """

    variant: str
    title: str
    plan_hash: str
    state: State = "waiting"
    run: str | None = None
    value: float | None = None
    steps: int = 0
    num_steps: int | None = None
    tokens: int = 0
    usd: float | None = None
    seconds: float = 0.0
    skipped: bool = False
    error: str | None = None


class SweepRecord(BaseModel):
    """A sweep as it stands on disk; `ended` is none while it is at work, or was killed."""

    name: str
    source: str
    executor: str
    metric: list[str]
    metric_label: str
    lower_is_better: bool
    started: str
    ended: str | None = None
    variants: list[VariantRecord]


class SweepDirectory:
    """Where a sweep keeps its record and what its workers print."""

    def __init__(self, variants: Sequence[Variant]) -> None:
        plans = [(each.name, each.plan.hash) for each in variants]
        digest = hashlib.sha256(repr(sorted(plans)).encode()).hexdigest()[:8]
        first = variants[0]
        self.name = first.loaded.title.partition("[")[0]
        self.path = Path(first.plan.recipe.logging.dir) / SWEEPS / f"{self.name}-{digest}"

    @property
    def record_file(self) -> Path:
        return self.path / "sweep.json"

    def output_of(self, variant: Variant) -> Path:
        return self.path / f"{variant.plan.recipe.name}.log"

    @contextmanager
    def open(self) -> Iterator[None]:
        """Make the directory, and keep others from running the same sweep at the same time.

        Raises:
            RunFailed: if it cannot be written.
            UsageError: if another process is at it, or a link leads out of the directory of runs.
        """
        require_own_files(self.path.parents[1], self.path)
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunFailed(
                f"the sweep's directory cannot be written: {in_words(error, self.path)}"
            ) from error
        with ExitStack() as stack:
            try:
                stack.enter_context(locked(self.path / ".lock"))
            except UsageError as error:
                raise UsageError(
                    f"{self.path} is in use: the same sweep is at work in another process"
                ) from error
            yield

    def read(self) -> SweepRecord | None:
        """Return the record of an earlier start, none where there is none that can be read."""
        return read_sweep(self.record_file)

    def write(self, record: SweepRecord) -> None:
        replace_atomically(self.record_file, record.model_dump_json(indent=2) + "\n")


def read_sweep(file: Path) -> SweepRecord | None:
    """Return a sweep's record, none where there is none that can be read."""
    try:
        return SweepRecord.model_validate_json(file.read_bytes())
    except (OSError, ValidationError):
        return None


def sweeps_under(root: Path) -> list[SweepRecord]:
    """Return the sweeps whose runs are below `root`, the oldest first."""
    files = root.glob(f"{SWEEPS}/*/sweep.json")
    found = [record for record in map(read_sweep, files) if record is not None]
    return sorted(found, key=lambda record: record.started)


def new_record(
    directory: SweepDirectory, variants: Sequence[Variant], metric: Metric, executor: str
) -> SweepRecord:
    """Return the record of a sweep that begins now."""
    return SweepRecord(
        name=directory.name,
        source=str(variants[0].loaded.path),
        executor=executor,
        metric=list(metric.keys),
        metric_label=metric.label,
        lower_is_better=metric.lower_is_better,
        started=now(),
        variants=[
            VariantRecord(
                variant=v.name,
                title=v.loaded.title,
                plan_hash=v.plan.hash,
                num_steps=getattr(v.plan.recipe, "steps", None),
            )
            for v in variants
        ],
    )
