"""What the operating system refuses, in words: what it is, where, and what helps.

Light: the standard library alone.
"""

from __future__ import annotations

import errno
import os
import pwd
import stat
import tempfile
from pathlib import Path

# Less than this is as good as full: the write that failed may have been larger than what is left.
_NEXT_TO_NOTHING = 1 << 20


def in_words(error: OSError, place: Path | None = None) -> str:
    """Return one line that says what was refused, where, and what to do about it.

    Args:
        place: where it was, for an error that does not say so: a write names no file.
    """
    path = _path_of(error) or place
    if _working_directory_is_gone():
        return "the working directory is gone; `cd` to one that is there"
    if error.errno == errno.ENOSPC:
        return _full(_full_one(path))
    if error.errno == errno.EDQUOT:
        return f"your disk quota is used up{_at(path)}; remove files, or ask for more room"
    if error.errno == errno.EFBIG:
        return f"a file is larger than allowed{_at(path)}; raise the limit: ulimit -f"
    if error.errno == errno.EMFILE:
        return "too many files are open at once; raise the limit: ulimit -n"
    if path is None:
        return error.strerror or str(error)
    if error.errno == errno.EROFS:
        return f"{path} is on a read-only file system"
    if error.errno in (errno.EACCES, errno.EPERM):
        return _denied(path)
    if error.errno in (errno.ENOTDIR, errno.EEXIST):
        return _in_the_way(path, error)
    return f"{path}: {error.strerror or error}"


def _path_of(error: OSError) -> Path | None:
    return Path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else None


def _at(path: Path | None) -> str:
    return "" if path is None else f" at {path}"


def _working_directory_is_gone() -> bool:
    try:
        os.getcwd()
    except FileNotFoundError:
        return True
    return False


def _full_one(path: Path | None) -> Path | None:
    """Return the directory whose disk is full: that of the path, or where else files are written.

    A library's own temporary file may be what did not fit.
    """
    candidates = [Path.cwd() if path is None else _existing(path), Path(_temporary_directory())]
    return next((each for each in candidates if _free_bytes(each) < _NEXT_TO_NOTHING), path)


def _temporary_directory() -> str:
    try:
        return tempfile.gettempdir()
    except OSError:  # none can be written to
        return os.sep


def _full(place: Path | None) -> str:
    if place is None:
        return "no space is left on the disk; make room"
    status = os.statvfs(_existing(place))
    if status.f_files and not status.f_favail and status.f_bavail:
        return f"the disk of {place} takes no more files (it has no inodes left); remove some"
    free = status.f_bavail * status.f_frsize // 1024
    return f"no space is left on the disk of {place} ({free:,} KiB are free); make room"


def _free_bytes(directory: Path) -> int:
    status = os.statvfs(directory)
    if status.f_files and not status.f_favail:
        return 0
    return status.f_bavail * status.f_frsize


def _denied(path: Path) -> str:
    there, denied = _existing(path), f"{path}: permission denied to {_user(os.geteuid())}"
    try:
        status = there.stat()
    except OSError:
        return denied
    which = "it" if there == path else str(there.resolve())
    mode = stat.filemode(status.st_mode)
    return f"{denied}; {which} belongs to {_user(status.st_uid)} ({mode})"


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # in a container, say
        return f"user {uid}"


def _in_the_way(path: Path, error: OSError) -> str:
    for each in (path, *path.parents):
        if each.is_file():
            return f"{each} is a file, where a directory is needed; move it away"
    return f"{path}: {error.strerror}"


def _existing(path: Path) -> Path:
    """Return the path itself, or the nearest directory above it that can be looked at."""
    return next((each for each in (path, *path.parents) if os.path.exists(each)), Path(os.curdir))
