"""What a run's record says of its surroundings, against what they are now."""

from __future__ import annotations

import platform
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from recipe_runner.backends import backend
from recipe_runner.planning.marked import main_model
from recipe_runner.planning.plan import Plan
from recipe_runner.runs.directory import RunDirectory
from recipe_runner.runs.environment import (
    PACKAGES,
    all_packages,
    code_fingerprints,
    machine,
)
from recipe_runner.runs.git import read_repository
from recipe_runner.runs.hub import hub_revisions
from recipe_runner.runs.manifest import Manifest
from recipe_runner.runs.record import GIT_DIFF
from recipe_runner.runs.record import PACKAGES as PACKAGES_FILE
from schemas.backend import backend_kind

NOTHING = "nothing"
UNKNOWN = "not on record"
_NAMED = 5


@dataclass(frozen=True)
class Difference:
    """One thing that could not be held equal: what it was, and what it is; or why it cannot be."""

    what: str
    then: str
    now: str

    def __str__(self) -> str:
        return (
            f"{self.what}: {self.then} -> {self.now}" if self.now else f"{self.what}: {self.then}"
        )

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


def differences(run: RunDirectory, manifest: Manifest, plan: Plan) -> list[Difference]:
    """Return what a repetition of a run cannot hold equal, in the directory that it starts in."""
    return [
        *_packages(run, manifest),
        *_changed("Python", manifest.python, platform.python_version()),
        *_changed("machine", manifest.machine or UNKNOWN, machine()),
        *_repository(run, manifest, plan),
        *_code(manifest, plan),
        *_data(plan),
        *_files("hub", manifest.hub, hub_revisions(plan.recipes)),
        *_weights(plan),
        *_never_equal(plan),
    ]


def _changed(what: str, then: str, now: str) -> Iterator[Difference]:
    if then != now:
        yield Difference(what, then, now)


def _packages(run: RunDirectory, manifest: Manifest) -> Iterator[Difference]:
    now = all_packages()
    then = _recorded_packages(run)
    if then is None:
        then = {name.lower(): version for name, version in manifest.versions.items()}
        now = {name: now[name] for name in PACKAGES if name in now}
        yield Difference("other packages", UNKNOWN, "")
    found = [
        Difference(name, then.get(name, NOTHING), now.get(name, NOTHING))
        for name in sorted(then.keys() | now.keys())
        if then.get(name) != now.get(name)
    ]
    decisive = [each for each in found if each.what in PACKAGES]
    others = [each for each in found if each not in decisive]
    yield from decisive
    if others:
        shown = ", ".join(f"{each.what} {each.then} -> {each.now}" for each in others[:_NAMED])
        more = f" and {len(others) - _NAMED} more" if len(others) > _NAMED else ""
        yield Difference(f"{len(others)} other packages", f"{shown}{more}", "")


def _recorded_packages(run: RunDirectory) -> dict[str, str] | None:
    try:
        lines = (run.path / PACKAGES_FILE).read_text("utf-8").splitlines()
    except OSError:
        return None
    return dict(line.split("==", 1) for line in lines if "==" in line)


def _repository(run: RunDirectory, manifest: Manifest, plan: Plan) -> Iterator[Difference]:
    directory = Path(plan.source).resolve().parent
    found = None
    if directory.is_dir():
        found = read_repository(directory, without=Path(plan.recipe.logging.dir))
    before = manifest.git
    then = NOTHING if before is None else before.commit[:12]
    now = NOTHING if found is None else found.commit[:12]
    yield from _changed("commit of the recipe's repository", then, now)
    if before is None or found is None:
        return
    recorded = run.path / GIT_DIFF
    text = recorded.read_text("utf-8") if recorded.exists() else ""
    body = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("# "))
    if then == now and body != found.diff:
        yield Difference(
            "files that are not committed", "as in git.diff of the record", "others are there"
        )
    if before.left_out:
        yield Difference("not committed and not on record", "; ".join(before.left_out), "")


def _code(manifest: Manifest, plan: Plan) -> Iterator[Difference]:
    places = (Path.cwd(), Path(plan.source).resolve().parent)
    yield from _files("user code", manifest.code, code_fingerprints(plan.recipes, places))


def _data(plan: Plan) -> Iterator[Difference]:
    from recipe_runner.planning.resolve import fingerprints

    for each in plan.stages.values() or [plan]:
        yield from _files("data", each.fingerprints, fingerprints(each.recipe))


def _files(what: str, then: Mapping[str, str], now: Mapping[str, str]) -> Iterator[Difference]:
    for path in sorted(then.keys() | now.keys()):
        if then.get(path) != now.get(path):
            yield Difference(
                f"{what} {path}", then.get(path, NOTHING)[:19], now.get(path, NOTHING)[:19]
            )


def _weights(plan: Plan) -> Iterator[Difference]:
    served = backend(backend_kind(plan.recipe.backend)).served
    for each in plan.stages.values() or [plan]:
        model = main_model(each.recipe) or ""
        yield from _changed(f"weights of {model}", each.served.note, served(model).note)


def _never_equal(plan: Plan) -> Iterator[Difference]:
    """Say what no record can hold."""
    kinds = {getattr(getattr(r, "execution", None), "kind", "sync") for r in plan.recipes}
    for kind in sorted(kinds - {"sync"}):
        yield Difference(
            f"order of rollouts under `execution: {kind}`", "it depends on which ends first", ""
        )
    if plan.served.kind in ("hosted", "remote"):
        yield Difference("sampling and arithmetic of the service", "they are the service's own", "")
    if any(getattr(getattr(r, "env", None), "kind", "") == "rubric" for r in plan.recipes):
        yield Difference("the judge's words", "they are sampled", "")
