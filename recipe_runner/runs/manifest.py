"""`run.json`: what a run is, what state it is in, and what it takes to repeat it.

No secret is ever written: neither an API key nor the environment.
"""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from recipe_runner.planning.marked import main_model
from recipe_runner.planning.plan import Plan, Served
from recipe_runner.runs.environment import code_fingerprints, machine, package_versions
from recipe_runner.runs.git import Repository
from recipe_runner.runs.summary import Summary
from schemas.backend import RemoteBackend

State = Literal["planned", "running", "interrupted", "failed", "budget", "done"]


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
    """The repository that the recipe lies in.

    Attributes:
        diff: the file in the run's directory that holds what differs from the commit.
        left_out: what that file lacks, each with the reason.
    """

    commit: str
    dirty: bool
    diff: str | None = None
    left_out: list[str] = []


class Manifest(BaseModel):
    """The record of a run.

    Attributes:
        untested: packages in other versions than the tests of recipe-run have them.
        working_directory: where it was started; relative paths of the plan hold from there.
        code: SHA-256 of the user's modules that the recipe names, by path.
        hub: commit of what the recipe names on the Hugging Face hub, as the cache had it.
        loaded: the `tinker://` path that each checkpoint stood for which the recipe names.
        links: name -> where the run is to be seen elsewhere.
        reproduces: the directory of the run that this one repeats.
        summary: what it came to, as of the end of its last attempt.
    """

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
    method: str = ""
    model: str | None = None
    machine: str = ""
    untested: list[str] = []
    working_directory: str = ""
    code: dict[str, str] = {}
    hub: dict[str, str] = {}
    loaded: dict[str, str] = {}
    links: dict[str, str] = {}
    reproduces: str | None = None
    summary: Summary | None = None


def now() -> str:
    """Return the time in UTC, to the second, as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def new_manifest(plan: Plan, run_id: str, git: GitState | None) -> Manifest:
    """Return the record of a run that has not started yet."""
    recipe = plan.recipe
    here = Path.cwd()
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
        git=git,
        attempts=[],
        method=recipe.method,
        model=main_model(recipe),
        machine=machine(),
        working_directory=str(here),
        code=code_fingerprints(plan.recipes, (here, Path(plan.source).resolve().parent)),
    )


def new_attempt(from_step: int) -> Attempt:
    """Return the record of an attempt that starts now."""
    return Attempt(started=now(), from_step=from_step, pid=os.getpid(), host=platform.node())


def git_state(repository: Repository | None, diff_file: str) -> GitState | None:
    """Return what run.json says of the user's repository."""
    if repository is None:
        return None
    return GitState(
        commit=repository.commit,
        dirty=repository.dirty,
        diff=diff_file if repository.diff else None,
        left_out=list(repository.left_out),
    )
