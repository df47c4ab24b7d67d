"""Small steps between reading a recipe and validating it: its variables, and its empty keys."""

from __future__ import annotations

import re

from recipe_runner.language.diagnostics import Place, Report
from recipe_runner.language.grammar import ROOT, Slot, child, choose
from recipe_runner.language.suggest import nearest
from recipe_runner.language.tree import Entry, Node, Path
from recipe_runner.language.wording import show

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def check_variables(
    written: Node | None, given: dict[str, Entry], start: Place, report: Report
) -> Node:
    """Return the variables of a recipe, those of the command line last."""
    entries: dict[str, Entry] = {}
    place = start
    if written is not None and written.mapping is not None:
        place = written.place
        for name, entry in written.mapping.items():
            if _is_variable(name, entry, report):
                entries[name] = entry
    elif written is not None and written.value is not None and not written.broken:
        report.add(written.place, ("vars",), "type", "`vars` must be a mapping of names to values")
    return Node({**entries, **given}, place)


def _is_variable(name: str, entry: Entry, report: Report) -> bool:
    path = ("vars", name)
    if not _VARIABLE.fullmatch(name):
        report.add(
            entry.key_place,
            path,
            "pattern",
            f"{name!r} cannot name a variable",
            hint="letters, digits and _ only, no digit first",
        )
        return False
    value = entry.node.value
    if not entry.node.broken and (value is None or isinstance(value, dict | list)):
        report.add(
            entry.node.place,
            path,
            "type",
            f"`vars.{name}` must be text, a number, true or false, not {show(value)}",
        )
        return False
    return True


def require_known(given: dict[str, Entry], variables: Node, read: set[str], report: Report) -> None:
    """Report variables of the command line that the recipe neither declares nor reads."""
    declared = {
        name
        for name, entry in (variables.mapping or {}).items()
        if not entry.key_place.file.startswith("--var")
    }
    for name, entry in given.items():
        if name not in read | declared and not report.incomplete:
            near = nearest(name, read | declared)
            report.add(
                entry.key_place,
                ("vars", name),
                "unknown-key",
                f"the recipe has no variable `{name}`",
                hint=f"did you mean `{near}`?" if near else None,
            )


def drop_empty(root: Node, start: Slot = ROOT, path: Path = ()) -> dict[Path, Place]:
    """Remove keys of the language that have no value, so that their defaults hold.

    Returns the places of the removed keys. Unknown keys stay, to be reported, and so do the keys
    of free mappings such as `env.kwargs`, where null is a value.
    """
    dropped: dict[Path, Place] = {}
    for branch in choose(start, root):
        for part, node in list(root.children()):
            below = child(branch, part)
            if below is None:
                continue
            if branch.model is not None and node.value is None and not node.broken:
                assert root.mapping is not None
                dropped[*path, part] = root.mapping.pop(str(part)).key_place
            else:
                dropped |= drop_empty(node, below, (*path, part))
    return dropped
