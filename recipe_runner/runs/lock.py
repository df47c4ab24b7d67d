"""The lock on a run's directory: one process at a time writes a run.

The kernel lets go of a lock however its process ends, so a lock that is held is never stale. What
the file says of its holder is for people, and tells a process that is gone from one at work.
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from recipe_runner.errors import RunFailed, UsageError

# A killed process may leave children that hold its lock until they notice, and `runs list` holds a
# lock for the moment in which it looks.
_LEFT_BEHIND_S = 10.0
_POLL_S = 0.05


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold a lock for this process until the block ends.

    Raises:
        UsageError: if another process holds it; the message says which.
        RunFailed: if the file system cannot lock.
    """
    with file.open("a+", encoding="utf-8") as stream:
        _acquire(stream)
        os.ftruncate(stream.fileno(), 0)
        with suppress(OSError):  # a full disk: the lock is held all the same
            holder = {"pid": os.getpid(), "host": platform.node()}
            os.write(stream.fileno(), json.dumps(holder).encode())
        yield
        os.ftruncate(stream.fileno(), 0)


def is_locked(file: Path) -> bool:
    """Whether a process holds the lock; asking leaves no trace."""
    try:
        with file.open(encoding="utf-8") as stream:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _acquire(stream: TextIO) -> None:
    waited_until = time.monotonic() + _LEFT_BEHIND_S
    while True:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError as error:
            holder = _holder(stream)
            if _is_at_work(holder) or time.monotonic() > waited_until:
                raise UsageError(
                    f"{Path(stream.name).parent} is being written by {_named(holder)}; wait for "
                    "it, or give --on-existing new"
                ) from error
            time.sleep(_POLL_S)
        except OSError as error:
            raise RunFailed(
                f"{stream.name} cannot be locked ({error.strerror}), so two processes could write "
                "one run; keep runs on a file system with locks: --set logging.dir=PATH"
            ) from error


def _holder(stream: TextIO) -> dict[str, object]:
    stream.seek(0)
    try:
        holder = json.loads(stream.read())
    except ValueError:
        return {}
    return holder if isinstance(holder, dict) else {}


def _is_at_work(holder: dict[str, object]) -> bool:
    """Whether the process on record runs, as far as this machine can tell."""
    if holder.get("host") != platform.node():
        return bool(holder)
    pid = holder.get("pid")
    return isinstance(pid, int) and _exists(pid)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _named(holder: dict[str, object]) -> str:
    if not holder:
        return "another process"
    return f"another process ({holder.get('pid')} on {holder.get('host')})"
