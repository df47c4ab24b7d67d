"""Pydantic's complaints as diagnostics: at the place in the file, in words for the writer."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

from recipe_runner.language.diagnostics import Place, Report, dotted
from recipe_runner.language.grammar import ROOT, Slot, field_slot, locate, slots_at, union_at
from recipe_runner.language.suggest import hint_for_key, nearest
from recipe_runner.language.tree import Node, Path, is_broken, node_at, place_of
from recipe_runner.language.wording import expected, show, show_type, type_hint

MAX_HINTS = 50
_BOUNDS = {
    "greater_than": ("gt", "greater than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}
_EMPTY = ("string_too_short", "too_short")


class Complaints:
    """Turns the errors of one validation of `root` into diagnostics."""

    def __init__(self, root: Node, emptied: dict[Path, Place], report: Report) -> None:
        self._root, self._emptied, self._report = root, emptied, report
        self._hints_left = MAX_HINTS
        self._meant: set[Path] = set()

    def add(self, error: ValidationError, start: Slot = ROOT) -> None:
        """Report every error; unknown keys first, as one may explain a missing key.

        `start` is what was validated.
        """
        errors = error.errors(include_url=False)
        details = [(locate(e["loc"], start), e) for e in errors]
        details = [(path, e) for path, e in details if not is_broken(self._root, path)]
        for path, detail in details:
            if detail["type"] == "extra_forbidden":
                self._unknown_key(path)
        for path, detail in details:
            if detail["type"] == "missing":
                self._missing_key(path)
            elif detail["type"] != "extra_forbidden":
                self._wrong_value(path, dict(detail))

    def _unknown_key(self, path: Path) -> None:
        place = place_of(self._root, path, key=True)
        section = f" in `{dotted(path[:-1])}`" if len(path) > 1 else ""
        self._report.add(
            place, path, "unknown-key", f"unknown key `{path[-1]}`{section}", hint=self._hint(path)
        )

    def _hint(self, path: Path) -> str | None:
        self._hints_left -= 1
        if self._hints_left < 0:
            return None
        method = self._root.get("method")
        name = method.value if method is not None and isinstance(method.value, str) else None
        hint = hint_for_key(str(path[-1]), path, self._root, name)
        for slot in slots_at(self._root, path[:-1]):
            for key in slot.model.model_fields if slot.model else ():
                if hint == f"did you mean `{key}`?":
                    self._meant.add((*path[:-1], key))
        return hint

    def _missing_key(self, path: Path) -> None:
        if self._report.incomplete or path in self._meant:
            return
        parent, key = path[:-1], path[-1]
        info = next(
            (s.model.model_fields[str(key)] for s in slots_at(self._root, parent)
             if s.model and key in s.model.model_fields),
            None,
        )  # fmt: skip
        if path in self._emptied:
            place, message = self._emptied[path], f"`{dotted(path)}` is empty, but required"
        else:
            place = place_of(self._root, parent, key=True)
            message = f"{f'`{dotted(parent)}`' if parent else 'the recipe'} needs `{key}`"
        self._report.add(place, path, "missing-key", message, hint=_how_to_write(key, info))

    def _wrong_value(self, path: Path, detail: dict[str, Any]) -> None:
        node = node_at(self._root, path)
        slot = union_at(self._root, path) or Slot(object)
        kind, context = str(detail["type"]), detail.get("ctx", {})
        name, value = f"`{dotted(path)}`", show(detail["input"] if node is None else node.value)
        place = place_of(self._root, path)
        if kind in _BOUNDS:
            key, words = _BOUNDS[kind]
            message = f"{name} must be {words} {_number(context[key])}, not {value}"
            self._report.add(place, path, "range", message)
        elif kind == "finite_number":
            self._report.add(place, path, "range", f"{name} must be a finite number, not {value}")
        elif kind in _EMPTY:
            self._report.add(place, path, "range", f"{name} must not be empty")
        elif kind == "string_pattern_mismatch":
            self._pattern(place, path, slot, value)
        elif kind == "literal_error":
            self._literal(place, path, slot, node, value)
        else:
            given = detail["input"] if node is None else node.value
            message = f"{name} must be {expected(slot)}, not {show_type(given)}"
            self._report.add(place, path, "type", message, hint=type_hint(slot, node))

    def _pattern(self, place: Place, path: Path, slot: Slot, value: str) -> None:
        description = _described(slot)
        hint = f"it takes: {description}" if description else None
        self._report.add(
            place, path, "pattern", f"`{dotted(path)}` has the wrong form: {value}", hint=hint
        )

    def _literal(self, place: Place, path: Path, slot: Slot, node: Node | None, value: str) -> None:
        valid = [v for branch in slot.branches() for v in branch.literals]
        message = f"`{dotted(path)}` must be {expected(slot)}, not {value}"
        given = None if node is None else node.value
        if not isinstance(given, type(valid[0])):
            quoted = isinstance(given, str) and given in map(str, valid)
            hint = f"write {given} without quotes" if quoted else type_hint(slot, node)
            message = f"`{dotted(path)}` must be {expected(slot)}, not {show_type(given)}"
            self._report.add(place, path, "type", message, hint=hint)
            return
        near = nearest(str(given), [v for v in valid if isinstance(v, str)])
        hint = f"did you mean `{near}`?" if near else None
        if path == ("backend",) and "://" in str(given):
            hint = f"write {{kind: remote, base_url: {given}}}"
        self._report.add(place, path, "value", message, hint=hint)


def _how_to_write(key: str | int, info: Any) -> str | None:
    if info is None:
        return None
    slot = field_slot(info)
    example = next(iter(info.examples or ()), None)
    if example is not None:
        return f"for example `{key}: {example}`"
    literals = slot.literals
    if len(literals) == 1:
        return f"write `{key}: {literals[0]}`"
    model = next((b.model for b in slot.branches() if b.model), None)
    if model is not None:
        needed = [k for k, f in model.model_fields.items() if f.is_required()]
        return f"write `{key}:` with {', '.join(needed)} below it"
    return f"`{key}` is {expected(slot)}" + (f": {info.description}" if info.description else "")


def _described(slot: Slot) -> str | None:
    notes = [getattr(item, "description", None) for item in slot.metadata]
    notes += [
        d for b in slot.branches() if b is not slot and slot.is_union for d in [_described(b)]
    ]
    return next((note for note in reversed(notes) if note), None)


def _number(bound: Any) -> str:
    return str(int(bound)) if float(bound).is_integer() else str(bound)
