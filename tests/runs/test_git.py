"""The diff of the user's repository: what it holds, what it never holds, and that it applies."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from recipe_runner.runs import git
from recipe_runner.runs.git import Repository, read_repository

KEY = "tml-" + "Zx9" * 8
Git = Callable[..., str]


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one commit: code.py, old.py, data.bin and what it ignores."""
    root = tmp_path / "theirs"
    root.mkdir()
    (root / ".gitignore").write_text(".env\nignored/\n")
    (root / "code.py").write_text("".join(f"line {i}\n" for i in range(30)))
    (root / "old.py").write_text("gone\n")
    (root / "data.bin").write_bytes(b"\0\1")
    run_git(root, "init", "-q")
    run_git(root, "add", "-A")
    run_git(root, "commit", "-qm", "first")
    return root


def run_git(root: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    done = subprocess.run(
        ["git", *identity, *arguments], cwd=root, check=True, capture_output=True, text=True
    )
    return done.stdout


def read(root: Path) -> Repository:
    found = read_repository(root)
    assert found is not None
    return found


def test_a_clean_repository_has_a_commit_and_no_diff(repository: Path) -> None:
    found = read(repository)
    assert found == Repository(run_git(repository, "rev-parse", "HEAD").strip(), False, "", ())


def test_the_diff_applied_to_the_commit_gives_what_lay_on_disk(
    repository: Path, tmp_path: Path
) -> None:
    (repository / "code.py").write_text((repository / "code.py").read_text() + "no newline")
    (repository / "old.py").unlink()
    new = repository / "sub dir" / "nëw.py"
    new.parent.mkdir()
    new.write_text("diff --git a/x b/x\n+++\r\nlast")
    (repository / "empty.py").touch()
    found = read(new.parent)
    assert found.dirty
    assert found.left_out == ()
    other = tmp_path / "other"
    run_git(tmp_path, "clone", "-q", str(repository), str(other))
    (tmp_path / "diff").write_text(found.diff, newline="")
    run_git(other, "apply", "--whitespace=nowarn", str(tmp_path / "diff"))
    for path in ("code.py", "sub dir/nëw.py", "empty.py"):
        assert (other / path).read_bytes() == (repository / path).read_bytes(), path
    assert not (other / "old.py").exists()


def test_ignored_files_and_secrets_stay_out(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_SERVICE_TOKEN", "canary-of-the-environment")
    (repository / "ignored").mkdir()
    (repository / "ignored" / "a.txt").write_text("canary-ignored")
    (repository / ".env").write_text("A=canary-env")
    (repository / "prod.env").write_text("A=canary-by-name")
    (repository / "code.py").write_text(f"key = '{KEY}'\nx = 'canary-of-the-environment'\n")
    (repository / "new.py").write_text(
        "url = 'https://me:canary-url@host'\npassword = 'canary-password'\nkept = 1\n"
    )
    found = read(repository)
    assert "canary" not in found.diff
    assert KEY not in found.diff
    assert "+kept = 1" in found.diff
    assert "code.py: 2 texts that look like secrets" in found.left_out
    assert "new.py: 2 texts that look like secrets" in found.left_out


def test_what_is_too_large_is_left_out_and_said(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git, "MAX_DIFF_BYTES", 2_000)
    (repository / "code.py").write_text("changed\n" * 1_000)
    (repository / "old.py").write_text("small\n")
    (repository / "weights.txt").write_text("1" * 70_000)
    (repository / "data.bin").write_bytes(b"\0\2")
    found = read(repository)
    assert [part.path for part in git._parts(found.diff)] == ["old.py"]
    assert [line.partition(":")[0] for line in sorted(found.left_out)] == [
        "code.py",
        "data.bin",
        "weights.txt",
    ]


def test_runs_are_not_part_of_the_code(repository: Path) -> None:
    for name in ("runs/sums/1/recipe.yaml", "elsewhere/sums/2/recipe.yaml"):
        (repository / name).parent.mkdir(parents=True)
        (repository / name).write_text("a: 1\n")
        (repository / name).with_name("run.json").write_text("{}")
    found = read_repository(repository, without=repository / "runs")
    assert found is not None
    assert found.diff == ""


def test_a_slow_git_is_not_waited_for(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = tmp_path / "bin" / "git"
    slow.parent.mkdir()
    slow.write_text(
        '#!/bin/sh\ncase "$*" in *diff*) exec sleep 60;; esac\nexec /usr/bin/git "$@"\n'
    )
    slow.chmod(0o755)
    monkeypatch.setenv("PATH", f"{slow.parent}:/usr/bin:/bin")
    monkeypatch.setattr(git, "MAX_SECONDS", 1.0)
    started = time.monotonic()
    found = read(repository)
    assert time.monotonic() - started < 5
    assert found.dirty
    assert "git took longer" in found.left_out[0]


def test_there_may_be_no_repository_and_no_git(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert read_repository(tmp_path) is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert read_repository(tmp_path) is None


def test_a_program_that_the_repository_names_is_not_started(repository: Path) -> None:
    program = repository / "ignored" / "monitor"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ntouch '{repository}/ignored/ran'\nprintf '\\0'\n")
    program.chmod(0o700)
    run_git(repository, "config", "core.fsmonitor", str(program))
    assert read(repository).diff == ""
    assert not (repository / "ignored" / "ran").exists()
