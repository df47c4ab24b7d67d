"""Ends any loop after the step under way, with a checkpoint that it resumes from without loss.

The Cookbook's loops have no hook for this. They have in common that each makes one
`CheckpointManager`, and logs a row of metrics once a step, in its own coroutine, when the step's
weights and nothing else are in place. So:

- when a row is logged and a stop is requested, `StepEnded` is raised there and ends the loop, but
  for the last step, whose loop ends by itself;
- the checkpoint is then saved through the loop's own manager, under the number of steps done.

Two loops are ended between steps instead (`stopping.until_stopped`): the supervised one, which has
sent the next batch by the time it logs one, and finishes that first; and ours for DPO. Both would
save a final checkpoint then, which is where `StepEnded` is raised. Loops without a manager, which
keep each item that is done, look for the request themselves.
"""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from tinker_cookbook import checkpoint_utils
from tinker_cookbook.checkpoint_utils import CheckpointManager
from tinker_cookbook.utils.file_utils import read_jsonl
from tinker_cookbook.utils.ml_log import MultiplexLogger

from recipe_runner.loops.replaced import replaced
from recipe_runner.loops.stopping import Stop, Stopped, stopped_by, until_stopped

# Loops whose `for … in range(…)` over steps is cut short.
_CUT_BETWEEN_STEPS = ("tinker_cookbook.supervised.train",)

# The Cookbook's name of the checkpoint that ends a run, and what a record says of its position.
FINAL = "final"
_POSITION = ("epoch", "batch", "recipe_run_step", "elapsed_tokens")

Row = dict[str, Any]


class StepEnded(Exception):
    """A step is done, its row is logged, and a stop was requested.

    Attributes:
        row: the step's metrics, `step` included; none where no step was begun.
    """

    def __init__(self, row: Row | None) -> None:
        super().__init__("ended between steps")
        self.row = row


async def run_until_stopped(
    loop: Callable[[], Awaitable[None]], module: str, stop: Stop, on_step: Callable[[], None]
) -> None:
    """Run a loop to its end, or until a stop is requested.

    Args:
        module: the loop's module.
        on_step: called after each row of metrics; may request the stop.

    Raises:
        Stopped: after what was asked for, with everything kept.
    """
    watch = _Watch(stop, on_step)
    with stopped_by(stop), watch.installed(module):
        try:
            await loop()
            await watch.save_final()
        except StepEnded as ended:
            if ended.row is None:
                raise Stopped("before its first step") from None
            await watch.save(ended.row)
            raise Stopped(f"after step {ended.row['step'] + 1}") from None


class _Watch:
    """What is known of the loop at work: its checkpoint manager, and its last row."""

    def __init__(self, stop: Stop, on_step: Callable[[], None]) -> None:
        self._stop = stop
        self._on_step = on_step
        self._manager: CheckpointManager | None = None
        self._logger: MultiplexLogger | None = None
        self._last: Row | None = None

    @contextmanager
    def installed(self, module: str) -> Iterator[None]:
        """Watch the loop while the block lasts."""
        with ExitStack() as stack:
            for owner, name, wrap in (
                (CheckpointManager, "__init__", self._noting_manager),
                (CheckpointManager, "save_final_async", self._refusing_when_cut),
                (MultiplexLogger, "log_metrics", self._ending_steps),
            ):
                stack.enter_context(replaced(owner, name, wrap))
            if module in _CUT_BETWEEN_STEPS:
                loop = importlib.import_module(module)
                stack.enter_context(replaced(loop, "range", lambda _: _range_until_stopped))
            yield

    def _noting_manager(self, original: Any) -> Any:
        def init(manager: CheckpointManager, *args: Any, **named: Any) -> None:
            original(manager, *args, **named)
            self._manager = manager
            self._stop.under_way = True

        return init

    def _ending_steps(self, original: Any) -> Any:
        def log_metrics(logger: MultiplexLogger, metrics: Row, step: int | None = None) -> None:
            original(logger, metrics, step)
            if "progress/done_frac" not in metrics and "progress" not in metrics:
                return  # an evaluation beside the training
            self._logger = logger
            self._last = {**metrics, "step": step}
            self._on_step()
            left = metrics.get("progress/done_frac", 1.0) < 1.0
            if self._manager is not None and self._stop.requested and left:
                raise StepEnded(self._last)

        return log_metrics

    def _refusing_when_cut(self, original: Any) -> Any:
        async def save_final(manager: CheckpointManager, *args: Any, **named: Any) -> Any:
            if self._stop.cut and (self._last or {}).get("progress", 0.0) < 1.0:
                raise StepEnded(self._last)
            return await original(manager, *args, **named)

        return save_final

    async def save_final(self) -> None:
        """Save the final checkpoint that the loop has not.

        A loop that was killed between its last periodic checkpoint and its final one resumes with
        no step left to do, and then ends without a final checkpoint.
        """
        manager = self._manager
        file = None if manager is None else Path(manager._log_path) / "checkpoints.jsonl"
        if manager is None or file is None or not file.exists():
            return
        records = read_jsonl(str(file))
        if not records or any(each["name"] == FINAL for each in records):
            return
        last = {key: value for key, value in records[-1].items() if key in _POSITION}
        await manager.save_final_async(loop_state=last)

    async def save(self, row: Row) -> None:
        """Save a checkpoint of the steps done, unless the loop has just done so."""
        manager = self._manager
        assert manager is not None, "only loops with a checkpoint manager are ended in a step"
        # What the loop is saving in the background comes first, so that the records are in order.
        await manager._resolve_pending_periodic_async()
        await manager._resolve_pending_rolling_async()
        await _cancel_other_tasks()
        done = row["step"] + 1
        if not _is_saved(manager._log_path, done):
            await checkpoint_utils.save_checkpoint_async(
                training_client=manager._training_client,
                name=f"{done:06d}",
                log_path=manager._log_path,
                loop_state=_position(manager._log_path, row),
                kind="both",
                ttl_seconds=manager._ttl_seconds,
                store=manager._store,
            )
        if self._logger is not None:
            self._logger.close()


def _range_until_stopped(*bounds: int) -> Iterator[int]:
    return until_stopped(range(*bounds))


async def _cancel_other_tasks() -> None:
    """End the parts of a loop that still sample, so that nothing is paid for in vain."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


def _is_saved(log_path: str, done: int) -> bool:
    """Whether the last checkpoint on record is one of this step, to train and to sample from."""
    record = checkpoint_utils.get_last_checkpoint(log_path)
    if record is None or record.batch != done or record.epoch is not None:
        return False
    return record.has("sampler_path") and not record.get("rolling", False)


def _position(log_path: str, row: Row) -> Row:
    """Return where a loop goes on after a row: loops over epochs count batches within one."""
    done = row["step"] + 1
    if "epoch" not in row:
        return {"batch": done, "recipe_run_step": done}
    rows = read_jsonl(str(Path(log_path) / "metrics.jsonl"))
    start = min(each["step"] for each in rows if each.get("epoch") == row["epoch"])
    return {"epoch": row["epoch"], "batch": done - start, "recipe_run_step": done}
