"""What the system refuses is said in one line: what, where, and what to do."""

from __future__ import annotations

import errno
import os
import resource
from pathlib import Path

import pytest

from recipe_runner.refused import in_words
from tests.runs.test_survival import in_child

NOBODY = 65534


def refused(number: int, path: str | None = None) -> OSError:
    return OSError(number, os.strerror(number), path)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (errno.ENOSPC, "no space is left on the disk of /dev/shm/x ("),
        (errno.EDQUOT, "your disk quota is used up at /dev/shm/x; remove files"),
        (errno.EROFS, "/dev/shm/x is on a read-only file system"),
        (errno.EFBIG, "ulimit -f"),
        (errno.EMFILE, "ulimit -n"),
        (errno.EIO, "/dev/shm/x: Input/output error"),
    ],
)
def test_what_and_where(number: int, words: str) -> None:
    assert words in in_words(refused(number, "/dev/shm/x"))
    assert words in in_words(refused(number), Path("/dev/shm/x"))
    assert "\n" not in in_words(refused(number))


def test_a_file_where_a_directory_is_needed_is_named(tmp_path: Path) -> None:
    blocking = tmp_path / "runs"
    blocking.touch()
    with pytest.raises(OSError, match="Not a directory") as caught:
        (blocking / "talks").mkdir()
    assert f"{blocking} is a file" in in_words(caught.value)


def test_who_is_denied_and_whose_it_is(tmp_path: Path) -> None:
    """As root, which nothing is denied, in a child that is nobody."""
    closed = tmp_path / "closed"
    closed.mkdir()
    closed.chmod(0o500)

    def write() -> None:
        os.chdir("/")
        if os.geteuid() == 0:
            os.chmod(closed, 0o700)
            os.setresuid(NOBODY, NOBODY, NOBODY)
        with pytest.raises(PermissionError) as caught:
            (closed / "new").touch()
        assert "permission denied to " in in_words(caught.value)
        assert "closed/new" in in_words(caught.value)

    assert in_child(write) == 0


def test_too_many_open_files(tmp_path: Path) -> None:
    def open_many() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
        with pytest.raises(OSError, match="Too many") as caught:
            os.open(tmp_path, os.O_RDONLY)
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
        assert "ulimit -n" in in_words(caught.value)

    assert in_child(open_many) == 0


def test_a_working_directory_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert "`cd` to one" in in_words(refused(errno.ENOENT))
