"""Follows a run's metrics file and feeds what is new to the display."""

from __future__ import annotations

import json
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recipe_runner.runs.files import size_of
from recipe_runner.runs.progress.curve import Curve

if TYPE_CHECKING:
    from recipe_runner.runs.progress.display import Display

_POLL_SECONDS = 0.2

Row = dict[str, Any]


@contextmanager
def watch(
    metrics_file: Path,
    curve: Curve,
    display: Display,
    on_row: Callable[[Row], None] | None = None,
) -> Iterator[None]:
    """Show the run's progress until the block ends, whatever ends it.

    A thread of its own polls the file: the loop that writes it is the Cookbook's and is left alone.
    `on_row` is called with each row that is new, from that thread.
    """
    stop = threading.Event()
    reader = _Reader(metrics_file)

    def follow() -> None:
        while True:
            ending = stop.wait(_POLL_SECONDS)
            for row in reader.new_rows():
                curve.add(row)
                if on_row is not None:
                    _call(on_row, row)
            display.update(curve)
            if ending:
                return

    reader.skip_to_end()
    thread = threading.Thread(target=follow, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        display.close()


def _call(on_row: Callable[[Row], None], row: Row) -> None:
    """Hand a row on; what goes wrong there is in the log, and ends neither run nor display."""
    try:
        on_row(row)
    except Exception:
        traceback.print_exc()


class _Reader:
    """Reads whole lines as they are appended."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def skip_to_end(self) -> None:
        self._offset = size_of(self._path)

    def new_rows(self) -> list[Row]:
        if size_of(self._path) == self._offset:
            return []
        with self._path.open("rb") as file:
            file.seek(self._offset)
            data = file.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        return [json.loads(line) for line in whole.splitlines() if line.strip()]
