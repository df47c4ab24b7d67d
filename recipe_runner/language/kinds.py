"""The keys that say what a recipe or a section is: `method`, `env.kind`, `loss.name`, …

Where one is missing or wrong, it is reported and the likeliest stands in, so that the mistakes
beside it are found in the same go.
"""

from __future__ import annotations

from collections.abc import Mapping

from recipe_runner.language.diagnostics import Place, Report, dotted
from recipe_runner.language.grammar import ROOT, Slot, discriminator_key, slots_at, tag_of, tags
from recipe_runner.language.grammar import child as child_slot
from recipe_runner.language.suggest import nearest
from recipe_runner.language.tree import Entry, Node, Path
from recipe_runner.language.wording import show


def assume_kinds(root: Node, emptied: Mapping[Path, Place], report: Report) -> Node:
    """Return the tree with a valid kind in each section that has kinds, or with it broken.

    A method that nothing hints at stays as it is. `emptied` are the keys without a value.
    """
    assumed = _assume(root, root.place, ROOT, (), emptied, report)
    entries = dict(assumed.mapping or {})
    parents = slots_at(assumed, ())
    for key, entry in entries.items():
        if entry.node.mapping is None or entry.node.broken:
            continue
        section = _section(assumed, key, parents)
        if section is not None:
            node = _assume(entry.node, entry.key_place, section, (key,), emptied, report)
            entries[key] = Entry(entry.key_place, node)
    return Node(entries, assumed.place, assumed.broken)


def _section(root: Node, key: str, parents: list[Slot]) -> Slot | None:
    """Return the union under a top-level key, if its branches are told apart by a key.

    `parents` are the slots that the whole recipe may be.
    """
    for parent in parents:
        union = child_slot(parent, key)
        if union is None:
            continue
        if not isinstance(union.discriminator, str):
            if _fits_alone(root, key, union):
                return None
            nested = [b for b in union.branches() if b.is_union and union.is_union]
            union = nested[0] if nested else union
        if isinstance(union.discriminator, str):
            return union
    return None


def _fits_alone(root: Node, key: str, union: Slot) -> bool:
    """Whether the section is of a form without a kind, beside those with one: `loss.custom`."""
    written = (root.mapping or {})[key].node.mapping if key in (root.mapping or {}) else None
    alone = [branch.model for branch in union.branches() if branch.model is not None]
    return any(name in model.model_fields for model in alone for name in written or {})


def _assume(
    node: Node,
    key_place: Place,
    union: Slot,
    path: Path,
    emptied: Mapping[Path, Place],
    report: Report,
) -> Node:
    key = discriminator_key(union)
    assert key is not None, "only unions told apart by a key are asked about"
    entry = (node.mapping or {}).get(key)
    if entry is not None and entry.node.value in tags(union):
        return node
    if entry is None:
        _report_missing(emptied.get((*path, key), key_place), union, key, path, report)
    elif not entry.node.broken:
        _report_wrong(entry.node, union, (*path, key), report)
    value = None if entry is None else entry.node.value
    likely = _likeliest(node, union, key, value, (*path, key))
    if likely is None:
        return node if not path else Node(node.value, node.place, broken=True)
    place = node.place if entry is None else entry.node.place
    stand_in = Entry(place if entry is None else entry.key_place, Node(likely, place))
    return Node({**(node.mapping or {}), key: stand_in}, node.place)


def _report_missing(place: Place, union: Slot, key: str, path: Path, report: Report) -> None:
    if report.incomplete:
        return
    what = f"`{dotted(path)}`" if path else "the recipe"
    report.add(
        place,
        (*path, key),
        "missing-key",
        f"{what} needs `{key}`",
        hint=f"one of {', '.join(tags(union))}",
    )


def _report_wrong(node: Node, union: Slot, path: Path, report: Report) -> None:
    valid = ", ".join(tags(union))
    if not isinstance(node.value, str):
        report.add(
            node.place,
            path,
            "type",
            f"`{dotted(path)}` must be one of {valid}, not {show(node.value)}",
        )
        return
    near = nearest(node.value, tags(union), cutoff=0.6)
    report.add(
        node.place,
        path,
        "value",
        f"`{dotted(path)}` must be one of {valid}, not {show(node.value)}",
        hint=f"did you mean `{near}`?" if near else None,
    )


def _likeliest(node: Node, union: Slot, key: str, value: object, path: Path) -> str | None:
    """Guess what was meant, from the name that was given or from the keys beside it."""
    if isinstance(value, str):
        near = nearest(value, tags(union), cutoff=0.6)
        if near is not None:
            return near
    given = set(node.mapping or {}) - {key}
    fits = {
        tag: len(given & set(branch.model.model_fields))
        for branch in union.branches()
        if branch.model is not None
        for tag in tag_of(branch, key)
    }
    best = max(fits.values(), default=0)
    likely = [tag for tag, fit in fits.items() if fit == best and best > 0]
    return likely[0] if len(likely) == 1 else None
