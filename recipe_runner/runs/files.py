"""Small files that survive a crash: atomic replacement, and JSON lines that may be cut short."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from collections.abc import Iterable
from io import RawIOBase
from pathlib import Path
from typing import Any

_TEMPORARY = ".part"


def _mode_of_new_files() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return 0o666 & ~mask


# Read once, before there are threads: a temporary file is readable for its owner alone.
_MODE = _mode_of_new_files()


def replace_atomically(path: Path, text: str) -> None:
    """Write a file so that a reader or a crash sees the old content or the new, never half."""
    descriptor, temporary = tempfile.mkstemp(
        dir=path.parent, prefix=f".{path.name}.", suffix=_TEMPORARY
    )
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, _MODE)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def size_of(path: str | Path) -> int:
    """Return a file's length in bytes, 0 where there is none."""
    try:
        return os.stat(path).st_size
    except OSError:
        return 0


def parse_object(text: bytes) -> dict[str, Any] | None:
    """Return the JSON object that a text is, none where it is something else."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def read_json_lines(path: Path) -> list[dict[str, Any]]:
    """Return the complete records of a JSON-lines file; a line that was cut short ends it."""
    if not path.exists():
        return []
    records: list[dict[str, Any]] = []
    for line in path.read_bytes().split(b"\n"):
        if not line.strip():
            continue
        record = parse_object(line)
        if record is None:
            break
        records.append(record)
    return records


def write_json_lines(path: Path, records: Iterable[dict[str, Any]]) -> None:
    """Replace a JSON-lines file."""
    replace_atomically(path, "".join(json.dumps(record) + "\n" for record in records))


def append_json_line(path: Path, record: dict[str, Any]) -> None:
    """Append one record to a JSON-lines file, behind the last that is whole."""
    line = json.dumps(record).encode() + b"\n"
    with path.open("ab+", buffering=0) as file:
        _cut_back_to_whole_lines(file)
        if (file.write(line) or 0) < len(line):  # the last of the space, and a part of the line
            _cut_back_to_whole_lines(file)
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def _cut_back_to_whole_lines(file: RawIOBase) -> None:
    """Remove what a kill or a full disk left of a line; leave the file at its end."""
    size = file.seek(0, os.SEEK_END)
    if size == 0:
        return
    file.seek(size - 1)
    if file.read(1) != b"\n":
        file.seek(0)
        file.truncate((file.readall() or b"").rfind(b"\n") + 1)
    file.seek(0, os.SEEK_END)


def remove_temporary_files(directory: Path) -> None:
    """Remove what `replace_atomically` had begun to write when its process was killed."""
    for path in directory.glob(f".*{_TEMPORARY}"):
        path.unlink(missing_ok=True)
