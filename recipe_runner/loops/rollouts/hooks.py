"""Where the Cookbook's loops pass what the recorder needs: their own modules have no seam for it.

While a run is recorded, three names of the Cookbook also tell its recorder: what makes a batch's
data of its groups, what sums up a test set's groups, and the logger, which knows the step's number
once its data are final.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinker_cookbook.utils import ml_log

from recipe_runner.loops.rollouts.compact import compact_trees
from recipe_runner.loops.rollouts.recorder import Recorder, active, current

if TYPE_CHECKING:
    import tinker
    from tinker_cookbook.rl.types import TrajectoryGroup

Function = Callable[..., Any]

# method -> the module of the Cookbook's loop; the methods without one sample nothing, or tell the
# recorder themselves.
_LOOPS = {
    "distill": "tinker_cookbook.distillation.train_on_policy",
    "rl": "tinker_cookbook.rl.train",
    "sdft": "tinker_cookbook.distillation.sdft",
}

# A row with this is a training step's; async evaluation logs rows of its own.
_OF_A_STEP = "progress/done_frac"
_BLOCK = 1 << 20


@contextmanager
def recorded(path: Path, *, method: str, num_groups: int, model_name: str | None) -> Iterator[None]:
    """Write the first groups of each step to a file, for as long as the block lasts."""
    if num_groups == 0 or model_name is None:
        yield
        return
    _cut_off_half_a_line(path)
    with ExitStack() as stack:
        if method in _LOOPS:
            from tinker_cookbook.rl import metric_util

            loop = importlib.import_module(_LOOPS[method])
            _replace(stack, loop, "assemble_training_data", _assembling)
            if hasattr(loop, "print_group"):
                _replace(stack, loop, "print_group", _unrecorded)
            _replace(stack, metric_util, "serialize_rollout_summaries", _testing)
        _replace(stack, ml_log.MultiplexLogger, "log_metrics", _logging)
        stack.enter_context(compact_trees())
        token = active.set(Recorder(path, num_groups, model_name))
        stack.callback(active.reset, token)
        yield


def _replace(
    stack: ExitStack, owner: Any, name: str, wrapped: Callable[[Function], Function]
) -> None:
    before = getattr(owner, name)
    setattr(owner, name, wrapped(before))
    stack.callback(setattr, owner, name, before)


def _assembling(assemble: Function) -> Function:
    @wraps(assemble)
    def and_keep(
        trajectory_groups_P: list[TrajectoryGroup], advantages_P: Any
    ) -> tuple[list[tinker.Datum], list[dict[str, int]]]:
        data_D, metadata_D = assemble(trajectory_groups_P, advantages_P)
        recorder = current()
        if recorder is not None:
            data: list[list[list[tinker.Datum]]] = [
                [[] for _ in group.trajectories_G] for group in trajectory_groups_P
            ]
            for datum, of in zip(data_D, metadata_D, strict=True):
                data[of["group_idx"]][of["traj_idx"]].append(datum)
            recorder.keep(trajectory_groups_P, data)
        return data_D, metadata_D

    return and_keep


def _unrecorded(print_group: Function) -> Function:
    """Keep what is assembled for the log alone, of the start of a group, out of the record."""

    @wraps(print_group)
    def unrecorded(*given: Any, **named: Any) -> None:
        token = active.set(None)
        try:
            print_group(*given, **named)
        finally:
            active.reset(token)

    return unrecorded


def _testing(serialize: Function) -> Function:
    @wraps(serialize)
    def and_write(**given: Any) -> list[dict[str, Any]]:
        recorder = current()
        if recorder is not None:
            recorder.write_untrained(
                given["iteration"], given["split"], given["trajectory_groups_P"], given["taglist_P"]
            )
        records: list[dict[str, Any]] = serialize(**given)
        return records

    return and_write


def _logging(log_metrics: Function) -> Function:
    @wraps(log_metrics)
    def write_and_log(
        logger: ml_log.MultiplexLogger, metrics: dict[str, Any], step: int | None = None
    ) -> None:
        recorder = current()
        if recorder is not None and step is not None and _OF_A_STEP in metrics:
            recorder.write(step)
        log_metrics(logger, metrics, step)

    return write_and_log


def _cut_off_half_a_line(path: Path) -> None:
    """A process that was killed may have left the start of a line."""
    if not path.exists():
        return
    with path.open("r+b") as file:
        end = file.seek(0, os.SEEK_END)
        while end:
            start = max(0, end - _BLOCK)
            file.seek(start)
            newline = file.read(end - start).rfind(b"\n")
            if newline >= 0:
                file.truncate(start + newline + 1)
                return
            end = start
        file.truncate(0)
