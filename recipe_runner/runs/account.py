"""`Account`: what a run uses, counted over all its attempts, on record while it runs."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from recipe_runner.planning.marked import model_names
from recipe_runner.planning.plan import Plan
from recipe_runner.planning.tokens import Tokens
from recipe_runner.runs.budget import spent
from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.progress.status import Status
from recipe_runner.runs.usage import Usage, read_usage, usage_of, write_usage
from schemas.budget import Budget

_WRITTEN_AT_MOST_EVERY_S = 1.0

_logger = logging.getLogger(__name__)


class Account:
    """Tokens and time of a run: what earlier attempts left on record, and what this one adds.

    Args:
        status: kept up to date, for the displays.
        whole: the account of the pipeline that the run is a stage of.
    """

    def __init__(
        self, plan: Plan, run: RunDirectory, status: Status, whole: Account | None = None
    ) -> None:
        before = read_usage(run) or Usage()
        self._run = run
        self._budget: Budget | None = plan.recipe.budget
        self._status = status
        self._whole = whole
        self._names = {name.partition(":")[0]: name for name in _models(plan)}
        self._paid = plan.served.kind == "hosted"
        limited = self._budget is not None and self._budget.usd is not None
        self._shows_usd = self._paid or limited
        self._lock = threading.Lock()
        self._tokens = dict(before.tokens)
        self._seconds_before = before.seconds
        self._started = time.monotonic()
        self._written = (self._tokens, 0.0)
        status.seconds = before.seconds
        self._show()

    def add(self, model_name: str, tokens: Tokens) -> None:
        """Count what was used of a model; from any thread.

        A model whose plan says `:peft:N` is billed under that name, and a service may say the
        base model's alone.
        """
        name = self._names.get(model_name, model_name)
        with self._lock:
            # A new mapping each time: readers in other threads have the old one whole.
            self._tokens = {**self._tokens, name: self._tokens.get(name, Tokens()) + tokens}
        if self._whole is not None:
            self._whole.add(name, tokens)

    def usage(self) -> Usage:
        """Return what was used so far."""
        seconds = self._seconds_before + time.monotonic() - self._started
        return usage_of(self._tokens, seconds)

    def spent(self) -> str | None:
        """Return which limit is reached, the run's own or the pipeline's; none while there is room.

        The words name the key to raise.
        """
        own = spent(self._budget, self.usage(), paid=self._paid)
        if own is not None:
            return own
        whole = None if self._whole is None else self._whole.spent()
        return None if whole is None else f"{whole} for the whole pipeline"

    def update(self) -> None:
        """Bring the status and the record up to date, the record at most once a second."""
        self._show()
        if time.monotonic() - self._written[1] >= _WRITTEN_AT_MOST_EVERY_S:
            self.write()

    def write(self) -> None:
        """Write usage.json; a disk that is full ends the run elsewhere."""
        self._written = (self._tokens, time.monotonic())
        try:
            write_usage(self._run, self.usage())
        except OSError as error:
            _logger.warning("%s cannot be written: %s", self._run.usage_file, error)
        if self._whole is not None:
            self._whole.update()

    def _show(self) -> None:
        self._status.usage = self._tokens
        if self._shows_usd:
            self._status.usd = self.usage().usd


def _models(plan: Plan) -> list[str]:
    return [name for each in (plan, *plan.stages.values()) for name in model_names(each.recipe)]


_pipeline: Account | None = None


@contextmanager
def counted_together(plan: Plan, run: RunDirectory) -> Iterator[None]:
    """Count what the stages of a pipeline use, for as long as the block lasts, as its own too."""
    global _pipeline
    _pipeline = account = Account(plan, run, Status(budget=plan.recipe.budget))
    try:
        yield
    finally:
        _pipeline = None
        account.write()


def account_of(plan: Plan, run: RunDirectory, status: Status) -> Account:
    """Return the account of a run that starts now, a stage's with its pipeline's behind it."""
    return Account(plan, run, status, whole=_pipeline)
