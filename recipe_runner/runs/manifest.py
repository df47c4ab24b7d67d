"""`run.json`: what a run is, what state it is in, and what it takes to repeat it.

No secret is ever written: neither an API key nor the environment.
"""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from recipe_runner.planning.plan import Plan, Served
from schemas.backend import RemoteBackend

State = Literal["planned", "running", "interrupted", "failed", "budget", "done"]
PACKAGES = ("recipe-run", "tinker", "tinker-cookbook", "gem-llm", "torch", "transformers")


class Attempt(BaseModel):
    """One start of the run, up to its end or its loss."""

    started: str
    ended: str | None = None
    state: State = "running"
    from_step: int
    pid: int
    host: str
    error: str | None = None


class GitState(BaseModel):
    commit: str
    dirty: bool


class Manifest(BaseModel):
    id: str
    name: str
    variant: str | None
    description: str
    tags: list[str]
    state: State
    created: str
    source: str
    plan_hash: str
    seed: int
    backend: str | RemoteBackend
    served: Served
    versions: dict[str, str]
    python: str
    git: GitState | None
    attempts: list[Attempt]


def now() -> str:
    """Return the time in UTC, to the second, as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def new_manifest(plan: Plan, run_id: str) -> Manifest:
    """Return the record of a run that has not started yet."""
    recipe = plan.recipe
    return Manifest(
        id=run_id,
        name=recipe.name,
        variant=plan.variant,
        description=recipe.description,
        tags=recipe.tags,
        state="planned",
        created=now(),
        source=plan.source,
        plan_hash=plan.hash,
        seed=recipe.seed,
        backend=recipe.backend,
        served=plan.served,
        versions=package_versions(),
        python=platform.python_version(),
        git=git_state(Path(plan.source).resolve().parent),
        attempts=[],
    )


def new_attempt(from_step: int) -> Attempt:
    """Return the record of an attempt that starts now."""
    return Attempt(started=now(), from_step=from_step, pid=os.getpid(), host=platform.node())


def package_versions() -> dict[str, str]:
    """Return the installed versions of the packages that decide what a run does."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions


def git_state(directory: Path) -> GitState | None:
    """Return the commit that the recipe's directory is at, None outside a repository."""
    commit = _git(directory, "rev-parse", "HEAD")
    if commit is None:
        return None
    return GitState(commit=commit, dirty=bool(_git(directory, "status", "--porcelain")))


def _git(directory: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=directory, capture_output=True, text=True, timeout=20
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
