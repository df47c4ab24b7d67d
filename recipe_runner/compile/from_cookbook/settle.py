"""From a draft to a recipe that is valid, says nothing twice, and is compared with its original."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from recipe_runner.compile.from_cookbook.compare import Difference, compiled_tree, differences
from recipe_runner.compile.from_cookbook.draft import DataFile, Draft, Lost, Tree
from recipe_runner.compile.from_cookbook.original import Original
from recipe_runner.compile.from_cookbook.text import without_nothing, yaml_lines
from recipe_runner.compile.job import Job, Target, compile_plan
from recipe_runner.errors import UsageError
from recipe_runner.language import Diagnostic, LoadedRecipe, RecipeError
from recipe_runner.language.files import shown
from recipe_runner.planning.checks import load_and_check
from recipe_runner.planning.plan import Plan, Served
from recipe_runner.planning.resolve import make_plan
from schemas.base import STAGE
from schemas.recipe import METHODS, parse_recipe

# Key of a recipe -> field of the Cookbook's, where a check says that it would have no effect.
_FIELDS = {
    "eval.every": "eval_every",
    "steps": "max_steps",
    "checkpoint.rolling_every": "rolling_save_every",
    "checkpoint.ttl_days": "ttl_seconds",
}
_NO_EFFECT = "no-effect"
_DATA_LENGTH = "data-length"
# Bytes of a file in place of a missing one.
_UNCOUNTED = 64 * 1024**2 + 1
_PIPELINE = "pipeline"


@dataclass
class Settled:
    """A recipe and what it does not say as its original does.

    Attributes:
        tree: the recipe's keys, without defaults.
        job: what it compiles to; of a pipeline, by stage.
        lost: to tell the reader.
        unknown: differences that no table explains.
    """

    tree: Tree
    jobs: dict[str, Job] = field(default_factory=dict)
    lost: list[Lost] = field(default_factory=list)
    unknown: list[Difference] = field(default_factory=list)


def settle(name: str, drafts: Mapping[str, Draft], originals: Mapping[str, Original]) -> Settled:
    """Return the recipe of one draft (under the name ""), or of the stages of a pipeline.

    Raises:
        UsageError: if the language refuses what the original says.
    """
    with _files(drafts) as files:
        trees = {stage: files.placed(draft.recipe) for stage, draft in drafts.items()}
        settled = Settled(_recipe(name, {stage: _short(tree) for stage, tree in trees.items()}))
        loaded = _checked(settled, files.directory)
        for stage, plan in _plans(loaded).items():
            job = compile_plan(plan, _target(plan))
            settled.jobs[stage] = job
            original, compiled = originals[stage], files.placed_compiled(compiled_tree(job))
            placed = replace(original, config=files.placed_config(original.config))
            found = differences(drafts[stage], placed, compiled)
            settled.lost += drafts[stage].lost
            _note(settled, stage, found)
        settled.tree = files.named(settled.tree)
    return settled


def _recipe(name: str, trees: dict[str, Tree]) -> Tree:
    if list(trees) == [""]:
        return {"version": 1, "name": name, **trees[""]}
    stages = {stage: {"recipe": tree} for stage, tree in trees.items()}
    return {"version": 1, "name": name, "method": _PIPELINE, "stages": stages}


def _short(tree: Tree) -> Tree:
    """Return a recipe's keys without those that are at their defaults.

    As it is where the language refuses it: what is wrong with it is said afterwards.
    """
    given = without_nothing(tree)
    try:
        recipe = parse_recipe({"version": 1, "name": "imported", **given})
    except ValueError:
        return given
    assert isinstance(recipe, METHODS[given["method"]])
    return recipe.model_dump(
        mode="json", exclude_defaults=True, exclude_none=True, exclude={"version", "name"}
    )


def _checked(settled: Settled, directory: Path) -> LoadedRecipe:
    """Load the recipe as a file; keys without effect are taken out and noted."""
    file = directory / "recipe.yaml"
    while True:
        file.write_text("\n".join(yaml_lines(templated(settled.tree))) + "\n", "utf-8")
        try:
            loaded, _ = load_and_check(file)
        except RecipeError as error:
            wrong = [each for each in error.diagnostics if each.severity == "error"]
            if not all(map(_can_go, wrong)):
                raise UsageError(_refused(wrong)) from error
            for each in wrong:
                settled.lost.append(_taken_out(settled.tree, each))
            continue
        return loaded


def _refused(diagnostics: list[Diagnostic]) -> str:
    lines = [
        f"  {d.path}: {d.message}" + (f" ({d.hint})" if d.hint else "")
        for d in diagnostics
        if not _can_go(d)
    ]
    return "\n".join(["this configuration cannot be written as a recipe:", *lines])


def _can_go(diagnostic: Diagnostic) -> bool:
    """Whether a run is the same without the key: one without effect, or steps beyond the data."""
    key = diagnostic.path.rpartition(".")[2]
    beyond = diagnostic.code == _DATA_LENGTH and key == "steps"
    return diagnostic.code == _NO_EFFECT or beyond


def _taken_out(tree: Tree, diagnostic: Diagnostic) -> Lost:
    *above, key = diagnostic.path.split(".")
    sections = [tree]
    for part in above:
        sections.append(sections[-1][part])
    value = sections[-1].pop(key)
    while above and not sections[-1]:
        sections.pop()
        del sections[-1][above.pop()]
    own = ".".join(diagnostic.path.split(".")[3:] if "stages" in tree else [*above, key])
    own = own if "stages" in tree else diagnostic.path
    reason = diagnostic.message.rpartition(" has no effect: ")[2]
    return Lost(_FIELDS.get(own, own), value, reason)


def _plans(loaded: LoadedRecipe) -> dict[str, Plan]:
    plan = make_plan(loaded, Served(kind="hosted", note=""))
    return plan.stages or {"": plan}


def _target(plan: Plan) -> Target:
    return Target(Path("runs/here"), base_url=getattr(plan.recipe.backend, "base_url", None))


def _note(settled: Settled, stage: str, found: list[Difference]) -> None:
    noted = {lost.key for lost in settled.lost}
    for difference in found:
        if difference.field in noted:
            continue
        if not difference.known:
            settled.unknown.append(difference)
        settled.lost.append(difference.lost())


def templated(tree: Any) -> Any:
    """Return a tree with what an earlier stage leaves as recipes write it."""
    if isinstance(tree, dict):
        return {key: templated(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [templated(value) for value in tree]
    if isinstance(tree, str) and tree.startswith(STAGE):
        return f"{{{{ stages.{tree[len(STAGE) :].partition('@')[0]}.checkpoint }}}}"
    return tree


class _Files:
    """Where the data files of a recipe are, which need not be there yet.

    In the place of a missing one is an empty file of a size that no check counts the lines of.
    """

    def __init__(self, directory: Path, names: list[str]) -> None:
        self.directory = directory
        self._places = {name: self._place(name, index) for index, name in enumerate(names)}

    def _place(self, name: str, index: int) -> str:
        if Path(name).is_file():
            return os.path.abspath(name)
        place = self.directory / f"{index}{Path(name).suffix}"
        place.touch()
        os.truncate(place, _UNCOUNTED)
        return str(place)

    def placed(self, tree: Tree) -> Tree:
        placed: Tree = _mapped(tree, self._places, DataFile)
        return placed

    def placed_config(self, config: Tree) -> Tree:
        placed: Tree = _mapped(config, self._places, str)
        return placed

    def placed_compiled(self, config: Tree) -> Tree:
        """Return a configuration with absolute paths, where those of a recipe may be relative."""
        shown_as = {shown(place): place for place in self._places.values()}
        placed: Tree = _mapped(config, shown_as, str)
        return placed

    def named(self, tree: Tree) -> Tree:
        """Return a tree with the names of the files again."""
        names = {place: DataFile(name) for name, place in self._places.items()}
        named: Tree = _mapped(tree, names, str)
        return named


@contextmanager
def _files(drafts: Mapping[str, Draft]) -> Iterator[_Files]:
    names = {str(name) for draft in drafts.values() for name in _data_files(draft.recipe)}
    with TemporaryDirectory() as directory:
        yield _Files(Path(os.path.realpath(directory)), sorted(names))


def _data_files(tree: Any) -> Iterator[DataFile]:
    if isinstance(tree, DataFile):
        yield tree
    elif isinstance(tree, dict | list):
        for value in tree.values() if isinstance(tree, dict) else tree:
            yield from _data_files(value)


def _mapped(tree: Any, names: Mapping[str, str], kind: type) -> Any:
    if isinstance(tree, dict):
        return {key: _mapped(value, names, kind) for key, value in tree.items()}
    if isinstance(tree, list):
        return [_mapped(value, names, kind) for value in tree]
    return names.get(str(tree), tree) if isinstance(tree, kind) else tree
