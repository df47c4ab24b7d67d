"""A resolved tree against the schemas."""

from __future__ import annotations

from pydantic import ValidationError

from recipe_runner.language.complaints import Complaints
from recipe_runner.language.diagnostics import Place, Report
from recipe_runner.language.grammar import Slot, slot_of
from recipe_runner.language.kinds import assume_kinds
from recipe_runner.language.tree import Node, Path, plain
from recipe_runner.language.wording import show
from schemas import METHODS, Recipe, parse_recipe
from schemas.common import CommonKeys

LATEST_VERSION = 1


def check_structure(root: Node, emptied: dict[Path, Place], report: Report) -> Recipe | None:
    """Return the recipe, or report every way in which the tree is not one and return none.

    `emptied` are the keys that were given without a value, with their places.
    """
    if _is_later_version(root, report):
        return None
    before = len(report.diagnostics)
    _check_version_type(root, report)
    assumed = assume_kinds(root, emptied, report)
    method = assumed.get("method")
    known = method.value if method is not None and method.value in list(METHODS) else None
    try:
        if known is not None:
            recipe = parse_recipe(plain(assumed))
            return recipe if len(report.diagnostics) == before else None
        CommonKeys.model_validate(_common_part(plain(assumed)))
    except ValidationError as error:
        start = Slot(CommonKeys) if known is None else slot_of(known)
        Complaints(assumed, emptied, report).add(error, start)
    return None


def _check_version_type(root: Node, report: Report) -> None:
    """Report `true` and `1.0`, which Python takes for 1."""
    version = root.get("version")
    if version is None or version.broken or type(version.value) not in (bool, float):
        return
    version.broken = True
    message = f"`version` must be {LATEST_VERSION}, not {version.text or show(version.value)}"
    report.add(version.place, ("version",), "type", message, hint=f"write {LATEST_VERSION}")


def _common_part(tree: dict[str, object]) -> dict[str, object]:
    """Return what can be checked of a recipe whose method is not known here.

    These are the keys that every method has, and those that no method has.
    """
    of_methods = {key for model in METHODS.values() for key in model.model_fields}
    common = CommonKeys.model_fields
    return {key: value for key, value in tree.items() if key in common or key not in of_methods}


def _is_later_version(root: Node, report: Report) -> bool:
    version = root.get("version")
    value = None if version is None else version.value
    if version is None or version.broken or isinstance(value, bool):
        return False
    if not isinstance(value, int | float) or value <= LATEST_VERSION:
        return False
    report.add(
        version.place,
        ("version",),
        "version",
        f"this recipe is written in version {show(value)} of the language; "
        f"this release reads version {LATEST_VERSION}",
        hint="upgrade recipe-run",
    )
    return True
