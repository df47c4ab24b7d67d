"""What a recipe compiles to, against what it was made from, field by field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from recipe_runner.compile.export import to_json_tree
from recipe_runner.compile.from_cookbook.draft import ABSENT, Draft, Lost, Tree
from recipe_runner.compile.from_cookbook.original import Original
from recipe_runner.compile.from_cookbook.sdft import DATA
from recipe_runner.compile.from_cookbook.shared import NAMES, run_name
from recipe_runner.compile.job import Job


@dataclass(frozen=True)
class Difference:
    """A field, what the original has there, and why the recipe compiles to something else.

    Attributes:
        known: whether a table says why; if not, the import has a gap.
    """

    field: str
    original: Any
    why: str
    known: bool

    def lost(self) -> Lost:
        """Return it as what a reader of the recipe is told."""
        return Lost(self.field, self.original, self.why)


def differences(draft: Draft, original: Original, compiled: Tree) -> list[Difference]:
    """Return the fields that differ, but for those that mean the same."""
    ours = leaves(compiled)
    theirs = leaves(original.config) if draft.expected is None else draft.expected
    fields = ours.keys() | theirs.keys() if draft.expected is None else theirs.keys()
    named = {} if run_name(original.config) else {"wandb_name": "the recipe's name"}
    same = draft.same | NAMES | named
    differing = [
        field
        for field in sorted(fields)
        if ours.get(field, ABSENT) != theirs.get(field, ABSENT)
        and _reason(field, same) is None
        and (original.classes or not field.endswith(".class"))
    ]
    unknown = [field for field in differing if _reason(field, draft.changed) is None]
    known = dict.fromkeys(_reason(field, draft.changed) for field in differing)
    return [
        *(
            Difference(key, _at(original.config, key), draft.changed[key], known=True)
            for key in known
            if key is not None
        ),
        *(_gap(field, theirs.get(field, ABSENT), ours.get(field, ABSENT)) for field in unknown),
    ]


def compiled_tree(job: Job) -> Tree:
    """Return a compiled configuration in the form in which originals are."""
    tree: Tree = to_json_tree(job)["config"]
    if "sdft" not in tree:
        return tree
    return {
        **{key: value for key, value in tree["sdft"].items() if key != "class"},
        DATA: tree[DATA],
    }


def leaves(tree: Any, prefix: str = "") -> Tree:
    """Return dotted field -> value, items of lists by their position."""
    items: Mapping[Any, Any] = {}
    if isinstance(tree, dict):
        items = tree
    elif isinstance(tree, list):
        items = dict(enumerate(tree))
    if not items:
        return {prefix: tree}
    found: Tree = {}
    for key, value in items.items():
        found |= leaves(value, f"{prefix}.{key}" if prefix else str(key))
    return found


def _gap(field: str, original: Any, compiled: Any) -> Difference:
    shown = "nothing" if compiled == ABSENT else repr(compiled)
    return Difference(field, original, f"the recipe has {shown}", known=False)


def _reason(field: str, reasons: Mapping[str, str]) -> str | None:
    """Return the listed field that this one is, or is part of."""
    found = [key for key in reasons if field == key or field.startswith(f"{key}.")]
    return max(found, key=len, default=None)


def _at(tree: Any, field: str) -> Any:
    for key in field.split("."):
        if not isinstance(tree, dict) or key not in tree:
            return ABSENT
        tree = tree[key]
    return tree
