"""Keeps the terminal for the run's own display while the loop and its libraries print to a file."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO


@contextmanager
def captured_output(path: Path) -> Iterator[TextIO]:
    """Send file descriptors 1 and 2 to `path` and 0 to nowhere; yield the terminal's own output.

    Descriptors rather than sys.stdout, because loggers, progress bars and C libraries keep the
    stream they were born with. Standard input is empty so that nothing can stop for an answer.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    saved = [os.dup(descriptor) for descriptor in (0, 1, 2)]
    terminal = os.fdopen(os.dup(saved[1]), "w", encoding="utf-8", buffering=1)
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)
    os.close(nothing)
    try:
        yield terminal
    finally:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError):  # a full disk, which the loop has met too
                stream.flush()
        for descriptor, original in enumerate(saved):
            os.dup2(original, descriptor)
            os.close(original)
        terminal.close()
