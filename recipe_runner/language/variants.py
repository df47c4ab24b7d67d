"""`variants`: a matrix of values, or overrides by name, expanded to one override tree a variant."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product

from recipe_runner.language.assignments import split_key
from recipe_runner.language.diagnostics import Place, Report
from recipe_runner.language.scalars import resolve_plain
from recipe_runner.language.sections import starts_over
from recipe_runner.language.suggest import nearest
from recipe_runner.language.tree import Entry, Node, Path, merge, nested, plain

MAX_VARIANTS = 1000
# Values of all variants together: each variant is merged, rendered and checked as a whole.
MAX_EXPANDED = 300_000
MAX_LABEL = 80
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_MATRIX_KEYS = ("matrix", "include", "exclude")


@dataclass(frozen=True)
class Variant:
    """`name` is what `--variant` takes, `suffix` what the run's name ends in, `tree` the changes.

    `choices` are the dotted keys and values of a matrix's variant, empty for a named one.
    """

    name: str
    suffix: str
    tree: Node
    choices: tuple[tuple[str, Node], ...] = ()


def expand(node: Node | None, report: Report, *, num_values: int = 0) -> list[Variant]:
    """Return the variants in the order in which they are written, with names that all differ.

    `num_values` are those of the recipe that each of them is laid on.
    """
    if node is None or node.broken or node.value is None:
        return []
    if node.mapping is None:
        report.add(
            node.place,
            ("variants",),
            "type",
            "`variants` must be a mapping",
            hint="write {matrix: {KEY: [VALUES]}}, or NAME: {KEY: VALUE}",
        )
        return []
    if any(key in node.mapping for key in _MATRIX_KEYS):
        variants = _expand_matrix(node, report)
    else:
        variants = _expand_named(node, report)
    if len(variants) > MAX_VARIANTS or len(variants) * num_values > MAX_EXPANDED:
        report.add(
            node.place,
            ("variants",),
            "variant",
            f"{len(variants):,} variants of {num_values:,} values each; there can be "
            f"{MAX_VARIANTS:,} variants, and {MAX_EXPANDED:,} values in all of them",
            hint="write them as recipes that extend this one",
        )
        return []
    return _with_distinct_suffixes(variants)


def find_variant(
    variants: Sequence[Variant], wanted: str, report: Report, place: Place
) -> Variant | None:
    """Return the variant of that name; a matrix's also by its values in any spelling or order."""
    by_name = {variant.name: variant for variant in variants}
    if wanted in by_name:
        return by_name[wanted]
    for variant in variants:
        if variant.choices and _same_choices(variant, wanted):
            return variant
    if not variants:
        report.add(place, ("variants",), "variant", f"no variant {wanted!r}: the recipe has none")
        return None
    near = nearest(wanted, list(by_name), cutoff=0.5)
    listed = ", ".join(list(by_name)[:10]) + (", …" if len(by_name) > 10 else "")
    hint = f"did you mean {near!r}?" if near else f"there are: {listed}"
    report.add(place, ("variants",), "variant", f"no variant {wanted!r}", hint=hint)
    return None


def override_tree(pairs: Sequence[tuple[str, Entry]], path: Path, report: Report) -> Node:
    """Return the tree that dotted keys and their values make together."""
    start = pairs[0][1].key_place if pairs else Place("", 1, 1)
    result = Node({}, start)
    for key, entry in pairs:
        keys = split_key(key, partial(_beside, entry.key_place))
        if keys is None:
            report.add(entry.key_place, (*path, key), "pattern", f"{key!r} is not a dotted key")
            continue
        result = merge(result, nested(keys, entry.node), starts_over=starts_over)
    return result


def _beside(key: Place, column: int) -> Place:
    return Place(key.file, key.line, key.column + column - 1)


def _expand_named(node: Node, report: Report) -> list[Variant]:
    variants = []
    for name, entry in (node.mapping or {}).items():
        if not _NAME.fullmatch(name):
            report.add(
                entry.key_place,
                ("variants", name),
                "pattern",
                f"{name!r} cannot name a variant: letters, digits, . _ - only",
            )
        elif _is_mapping(entry.node, ("variants", name), report):
            pairs = list((entry.node.mapping or {}).items())
            tree = override_tree(pairs, ("variants", name), report)
            variants.append(Variant(name, safe(name), tree))
    return variants


def _expand_matrix(node: Node, report: Report) -> list[Variant]:
    for key, entry in (node.mapping or {}).items():
        if key not in _MATRIX_KEYS:
            near = nearest(key, _MATRIX_KEYS)
            report.add(
                entry.key_place,
                ("variants", key),
                "unknown-key",
                f"unknown key `{key}` beside `matrix`, `include` and `exclude`",
                hint=f"did you mean `{near}`?" if near else None,
            )
    axes = _axes(node.get("matrix"), report)
    if math.prod(len(values) for values in axes.values()) > MAX_VARIANTS:
        place = node.get("matrix") or node
        report.add(
            place.place,
            ("variants", "matrix"),
            "variant",
            f"the matrix has more than {MAX_VARIANTS} combinations",
        )
        return []
    combinations = [tuple(zip(axes, row, strict=True)) for row in product(*axes.values())]
    combinations = combinations if axes else []
    included = [tuple(o.items()) for o in _overrides(node, "include", report)]
    excluded = _overrides(node, "exclude", report)
    kept = _without_excluded(combinations, excluded, node, report)
    return [_matrix_variant(pairs, report) for pairs in [*kept, *included]]


def _axes(matrix: Node | None, report: Report) -> dict[str, list[Entry]]:
    path = ("variants", "matrix")
    if matrix is None or not _is_mapping(matrix, path, report):
        return {}
    axes = {}
    for key, entry in (matrix.mapping or {}).items():
        values = entry.node.value
        if entry.node.broken:
            continue
        if not isinstance(values, list) or not values:
            report.add(
                entry.node.place,
                (*path, key),
                "type",
                f"`{key}` must be a list of the values it takes",
                hint=f"write [{entry.node.text}]" if entry.node.text else None,
            )
        else:
            axes[key] = [Entry(entry.key_place, value) for value in values]
    return axes


def _overrides(node: Node, key: str, report: Report) -> list[dict[str, Entry]]:
    listed = node.get(key)
    if listed is None or listed.broken or listed.value is None:
        return []
    if not isinstance(listed.value, list):
        report.add(listed.place, ("variants", key), "type", f"`{key}` must be a list of mappings")
        return []
    return [
        dict(item.mapping or {})
        for index, item in enumerate(listed.value)
        if _is_mapping(item, ("variants", key, index), report)
    ]


def _without_excluded(
    combinations: list[tuple[tuple[str, Entry], ...]],
    excluded: list[dict[str, Entry]],
    node: Node,
    report: Report,
) -> list[tuple[tuple[str, Entry], ...]]:
    for index, pattern in enumerate(excluded):
        remaining = [c for c in combinations if not _matches(dict(c), pattern)]
        if len(remaining) == len(combinations):
            place = next((e.key_place for e in pattern.values()), node.place)
            report.add(
                place,
                ("variants", "exclude", index),
                "variant",
                "this leaves out nothing: no combination of the matrix has these values",
            )
        combinations = remaining
    return combinations


def _matches(combination: dict[str, Entry], pattern: dict[str, Entry]) -> bool:
    return bool(pattern) and all(
        key in combination and plain(combination[key].node) == plain(entry.node)
        for key, entry in pattern.items()
    )


def _matrix_variant(pairs: tuple[tuple[str, Entry], ...], report: Report) -> Variant:
    names = _short_keys([key for key, _ in pairs])
    labels = [(name, _label(entry.node)) for name, (_, entry) in zip(names, pairs, strict=True)]
    return Variant(
        name=",".join(f"{name}={label}" for name, label in labels),
        suffix=".".join(safe(f"{name}-{label}") for name, label in labels),
        tree=override_tree(pairs, ("variants",), report),
        choices=tuple((key, entry.node) for key, entry in pairs),
    )


def _short_keys(keys: list[str]) -> list[str]:
    """Return the last part of each key, or all of it where two would look the same."""
    last = [key.rsplit(".", 1)[-1] for key in keys]
    return [s if last.count(s) == 1 else key for s, key in zip(last, keys, strict=True)]


def _label(node: Node) -> str:
    value = plain(node)
    if isinstance(value, str):
        return value
    if isinstance(value, float) and not isinstance(value, bool):
        return f"{value:g}" if float(f"{value:g}") == value else repr(value)
    return json.dumps(value, separators=(",", ":"), sort_keys=True)


def _same_choices(variant: Variant, wanted: str) -> bool:
    given = dict(part.partition("=")[::2] for part in wanted.split(","))
    if len(given) != len(variant.choices):
        return False
    names = _short_keys([key for key, _ in variant.choices])
    return all(
        resolve_plain(given.get(name, given.get(key, "\0"))) == plain(node)
        for name, (key, node) in zip(names, variant.choices, strict=True)
    )


def safe(text: str) -> str:
    """Return the text as part of a run's name: lower-case, other characters as `-`."""
    cleaned = re.sub(r"[^a-z0-9._]+", "-", text.lower()).strip("-")
    if cleaned and len(cleaned) <= MAX_LABEL:
        return cleaned
    digest = hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).hexdigest()[:8]
    return f"{cleaned[: MAX_LABEL - 9]}-{digest}".lstrip("-")


def _with_distinct_suffixes(variants: list[Variant]) -> list[Variant]:
    """Drop what is listed twice, and number the suffixes that came out the same."""
    seen: dict[str, int] = {}
    result = []
    for variant in {variant.name: variant for variant in variants}.values():
        count = seen[variant.suffix] = seen.get(variant.suffix, 0) + 1
        suffix = variant.suffix if count == 1 else f"{variant.suffix}-{count}"
        result.append(Variant(variant.name, suffix, variant.tree, variant.choices))
    return result


def _is_mapping(node: Node, path: tuple[str | int, ...], report: Report) -> bool:
    if node.broken:
        return False
    if node.mapping is None:
        report.add(node.place, path, "type", f"`{path[-1]}` must be a mapping")
    return node.mapping is not None
