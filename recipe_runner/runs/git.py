"""The user's own repository at the start of a run: its commit, and the diff of what lies on disk.

Files that git ignores are never read. Time and size are bounded: what was left out is said.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from recipe_runner.runs.redaction import is_secret_file, redacted

MAX_DIFF_BYTES = 1_000_000
MAX_UNTRACKED_BYTES = 64 * 1024
MAX_UNTRACKED_FILES = 1_000
MAX_SECONDS = 10.0

_MAX_READ_BYTES = 32_000_000
_HEADER = "diff --git "
# Of a hook that starts a run, they would point git elsewhere.
_NOT_INHERITED = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX")


@dataclass(frozen=True)
class Repository:
    """A repository as it stands.

    Attributes:
        commit: the commit that is checked out.
        dirty: whether a file differs from it, or is new and not ignored.
        diff: what differs, in a form that `git apply` takes; empty where nothing does.
        left_out: what the diff lacks, each with the reason.
    """

    commit: str
    dirty: bool
    diff: str
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class _Part:
    """What differs in one file."""

    path: str
    text: str


def read_repository(directory: Path, *, without: Path | None = None) -> Repository | None:
    """Return the state of the repository that a directory lies in, none outside of one.

    Args:
        without: a directory that is passed over, as that of the runs.
    """
    git = _Git(directory, deadline=time.monotonic() + MAX_SECONDS)
    root, commit = git.line("rev-parse", "--show-toplevel"), git.line("rev-parse", "HEAD")
    if root is None or commit is None:
        return None
    return _read(_Git(Path(root), git.deadline), commit, without)


def _read(git: _Git, commit: str, without: Path | None) -> Repository:
    paths = ["--", ".", *_excluded(git.directory, without)]
    left_out: list[str] = []
    changed = git.read(
        *("-c", "core.quotePath=off", "diff", "--no-color", "--no-ext-diff", "--no-textconv"),
        *("--src-prefix=a/", "--dst-prefix=b/", "HEAD", *paths),
    )
    if changed is None:
        left_out.append(f"what differs from the commit: git took longer than {MAX_SECONDS:.0f} s")
    parts = list(_parts(changed or ""))
    if len(changed or "") >= _MAX_READ_BYTES:
        left_out.append(f"{parts.pop().path} and all after it: more than is read")
    names = git.read("ls-files", "--others", "--exclude-standard", "-z", *paths)
    if names is None:
        left_out.append(f"new files: git took longer than {MAX_SECONDS:.0f} s")
    new = sorted(name for name in (names or "").split("\0") if name)
    parts += _untracked(git.directory, new, left_out)
    dirty = bool(parts or new or left_out)
    return Repository(commit, dirty, _joined(parts, left_out), tuple(left_out))


def _excluded(root: Path, without: Path | None) -> list[str]:
    if without is None or not without.resolve().is_relative_to(root.resolve()):
        return []
    inside = without.resolve().relative_to(root.resolve()).as_posix()
    return [f":(exclude,top,literal){inside}"] if inside != "." else []


def _parts(diff: str) -> Iterator[_Part]:
    """Split a diff by file: a line of content never starts with the header's words."""
    for number, piece in enumerate(("\n" + diff).split("\n" + _HEADER)):
        if number:
            path = piece.partition("\n")[0].rpartition(" b/")[2].rstrip('"')
            yield _Part(path, _HEADER + piece.rstrip("\n") + "\n")


def _untracked(root: Path, names: list[str], left_out: list[str]) -> list[_Part]:
    if len(names) > MAX_UNTRACKED_FILES:
        left_out.append(f"{len(names) - MAX_UNTRACKED_FILES:,} new files after the first")
    parts = []
    of_runs: dict[Path, bool] = {}
    for name in names[:MAX_UNTRACKED_FILES]:
        path = root / name
        if is_secret_file(name) or _is_of_a_run(path.parent, root, of_runs):
            continue
        text = _small_text(path)
        if text is None:
            left_out.append(f"{name}: new, and not a text of at most {MAX_UNTRACKED_BYTES:,} bytes")
        else:
            mode = "100755" if os.access(path, os.X_OK) else "100644"
            parts.append(_Part(name, _as_diff(name, text, mode)))
    return parts


def _is_of_a_run(directory: Path, root: Path, known: dict[Path, bool]) -> bool:
    """Whether a directory lies in a run's, which a repository need not ignore."""
    if directory == root:
        return False
    if directory not in known:
        known[directory] = (directory / "run.json").exists() or _is_of_a_run(
            directory.parent, root, known
        )
    return known[directory]


def _small_text(path: Path) -> str | None:
    try:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > MAX_UNTRACKED_BYTES:
            return None
        text = path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError):
        return None
    return None if "\0" in text else text


def _as_diff(name: str, text: str, mode: str) -> str:
    """Return a new file as git would show it."""
    header = f"{_HEADER}a/{name} b/{name}\nnew file mode {mode}\n"
    if not text:
        return header
    lines = text.split("\n")
    unended = lines.pop()
    count = len(lines) + bool(unended)
    body = "".join(f"+{line}\n" for line in lines)
    if unended:
        body += f"+{unended}\n\\ No newline at end of file\n"
    return f"{header}--- /dev/null\n+++ b/{name}\n@@ -0,0 +1,{count} @@\n{body}"


def _joined(parts: list[_Part], left_out: list[str]) -> str:
    """Join the parts, the smallest first where they are too much together."""
    kept: list[_Part] = []
    room = MAX_DIFF_BYTES
    for part in sorted(parts, key=lambda part: len(part.text)):
        if is_secret_file(part.path):
            left_out.append(f"{part.path}: by its name it holds secrets")
        elif "\nBinary files " in part.text:
            left_out.append(f"{part.path}: not a text")
        elif len(part.text) > room:
            left_out.append(f"{part.path}: the diff is cut at {MAX_DIFF_BYTES:,} characters")
        else:
            text, secrets = redacted(part.text)
            if secrets:
                left_out.append(f"{part.path}: {secrets} texts that look like secrets")
            kept.append(_Part(part.path, text))
            room -= len(part.text)
    return "".join(part.text for part in sorted(kept, key=lambda part: part.path))


@dataclass(frozen=True)
class _Git:
    directory: Path
    deadline: float

    def line(self, *arguments: str) -> str | None:
        text = self.read(*arguments)
        return text.strip() or None if text else None

    def read(self, *arguments: str) -> str | None:
        """Return what a git command prints, as far as it is read; none if it fails or is late."""
        kept = {name: value for name, value in os.environ.items() if name not in _NOT_INHERITED}
        with tempfile.TemporaryFile() as complaints:
            try:
                process = subprocess.Popen(
                    # A repository's own settings may name a program for this, which git would run.
                    ["git", "-c", "core.fsmonitor=false", *arguments],
                    cwd=self.directory,
                    env={**kept, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0"},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=complaints,
                )
            except OSError:
                return None
            late = threading.Timer(max(0.1, self.deadline - time.monotonic()), process.kill)
            late.start()
            with process:
                assert process.stdout is not None
                data = process.stdout.read(_MAX_READ_BYTES)
                cut = bool(process.stdout.read(1))
                if cut:
                    process.kill()
            late.cancel()
        if process.returncode and not cut:
            return None
        return data.decode("utf-8", errors="replace")
