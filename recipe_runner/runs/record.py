"""What a run keeps from its start, so that its record can be read and repeated without the rest."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from recipe_runner.language.files import shown
from recipe_runner.planning.plan import Plan
from recipe_runner.runs.environment import all_packages
from recipe_runner.runs.files import replace_atomically
from recipe_runner.runs.git import read_repository
from recipe_runner.runs.manifest import GitState, git_state

# What differs from the commit in the repository that the recipe lies in.
GIT_DIFF = "git.diff"
# All installed packages, NAME==VERSION a line.
PACKAGES = "packages.txt"
# The recipe and what it extends, in their places to each other.
RECIPE_FILES = "recipe"


def keep_surroundings(directory: Path, plan: Plan) -> GitState | None:
    """Write what the run's packages and the user's repository are; return the latter's state."""
    installed = "".join(f"{name}=={version}\n" for name, version in all_packages().items())
    replace_atomically(directory / PACKAGES, installed)
    repository = read_repository(
        Path(plan.source).resolve().parent, without=Path(plan.recipe.logging.dir)
    )
    if repository is not None and repository.diff:
        notes = [f"# what `git diff {repository.commit}` gave, with new files"]
        notes += [f"# left out: {each}" for each in repository.left_out]
        replace_atomically(directory / GIT_DIFF, "\n".join(notes) + "\n" + repository.diff)
    return git_state(repository, GIT_DIFF)


def keep_files(directory: Path, files: Mapping[str, str]) -> None:
    """Write the files that a recipe was made from below `recipe/`, where they are more than one."""
    if len(files) < 2:
        return
    paths = {name: Path(os.path.abspath(name)) for name in files}
    top = Path(os.path.commonpath([path.parent for path in paths.values()]))
    for name, text in files.items():
        copy = directory / RECIPE_FILES / paths[name].relative_to(top)
        copy.parent.mkdir(parents=True, exist_ok=True)
        replace_atomically(copy, text)


def text_of(stage: Plan, files: Mapping[str, str]) -> str:
    """Return the recipe of a pipeline's stage as it was written."""
    name = shown(stage.source)
    return files[name] if name in files else Path(stage.source).read_text("utf-8")
