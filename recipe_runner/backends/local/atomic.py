"""Files that a reader sees whole or not at all, whenever the writer dies."""

from __future__ import annotations

import json
import logging
import os
import uuid
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)


def write_synced(file: Path, data: bytes) -> None:
    """Write a new file, whole or not at all; an error of the write names it."""
    try:
        with file.open("xb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
    except OSError as error:
        # On a full disk, what was written of it is the first thing to go.
        if not isinstance(error, FileExistsError):
            file.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(file)) from error


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _temporary_json(file: Path, record: dict[str, Any]) -> Path:
    temporary = file.with_name(f".{uuid.uuid4().hex}.tmp")
    write_synced(temporary, json.dumps(record, indent=1).encode())
    return temporary


def replace_json(file: Path, record: dict[str, Any]) -> None:
    os.replace(_temporary_json(file, record), file)
    _sync_directory(file.parent)


def create_json(file: Path, record: dict[str, Any]) -> bool:
    """False, and nothing changed, when the file exists: a link, unlike a rename, refuses."""
    temporary = _temporary_json(file, record)
    try:
        os.link(temporary, file)
    except FileExistsError:
        return False
    finally:
        temporary.unlink()
    _sync_directory(file.parent)
    return True


def read_json(file: Path) -> dict[str, Any] | None:
    try:
        record = json.loads(file.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValueError:
        logger.warning("ignoring a damaged record: %s", file)
        return None
    return record if isinstance(record, dict) else None


def modified(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except FileNotFoundError:
        return float("inf")
