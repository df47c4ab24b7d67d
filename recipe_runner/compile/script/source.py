"""Calls and plain values as Python source, laid out as `ruff format` does."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum
from typing import Any

import chz

from recipe_runner.compile.script.calls import Call, call_of, reference
from recipe_runner.errors import UsageError

WIDTH = 88  # the default of ruff and black
_INDENT = "    "
_PARTIAL = "functools:partial"


class Imports:
    """The names that a script imports, each bound once."""

    def __init__(self) -> None:
        self._bound: dict[str, str] = {}
        self._modules: dict[str, str] = {}

    def whole(self, module: str) -> None:
        """Have a module imported as such: what is in it is written `train.Config`."""
        package, _, last = module.rpartition(".")
        self._modules[module] = self.name(f"{package}:{last}")

    def name(self, thing: str) -> str:
        """Return the name in the script of a `module:Name`."""
        module, _, path = thing.partition(":")
        if module in self._modules:
            return f"{self._modules[module]}.{path}"
        first, _, rest = path.partition(".")
        key = f"{module}:{first}"
        if key not in self._bound:
            self._bound[key] = self._free(first, module)
        return f"{self._bound[key]}.{rest}" if rest else self._bound[key]

    def lines(self) -> list[str]:
        """Return the import statements, by module."""
        modules: dict[str, list[str]] = {}
        for key, bound in self._bound.items():
            module, _, name = key.partition(":")
            modules.setdefault(module, []).append(name if name == bound else f"{name} as {bound}")
        return [line for module in sorted(modules) for line in _import(module, modules[module])]

    def _free(self, name: str, module: str) -> str:
        taken = self._bound.values()
        if name not in taken:
            return name
        longer = f"{module.rpartition('.')[2]}_{name}"
        return longer if longer not in taken else f"{module.replace('.', '_')}_{name}"


def _import(module: str, names: list[str]) -> list[str]:
    line = f"from {module} import {', '.join(sorted(names))}"
    if len(line) <= WIDTH:
        return [line]
    return [f"from {module} import (", *(f"{_INDENT}{name}," for name in sorted(names)), ")"]


def source(value: Any, imports: Imports, *, indent: str = "", used: int = 0) -> str:
    """Return an expression.

    Args:
        indent: of the line that it starts on.
        used: characters of that line that are taken, before and after it.

    Raises:
        UsageError: if it holds something that cannot be written, such as a function without a name.
    """
    if chz.is_chz(value):
        value = call_of(value)
    if isinstance(value, Call):
        return _call(value, imports, indent, used)
    if isinstance(value, Enum):
        return f"{imports.name(reference(type(value)))}.{value.name}"
    if isinstance(value, dict):
        items = [(f"{_text(key)}: ", each) for key, each in value.items()]
        return _listed("{", items, "}", imports, indent, used)
    if isinstance(value, list | tuple):
        start, end = ("[", "]") if isinstance(value, list) else ("(", ")")
        parts = [("", each) for each in value]
        return _listed(start, parts, end, imports, indent, used)
    if callable(value):
        return imports.name(_named(value))
    if isinstance(value, str):
        return _text(value)
    if value is None or isinstance(value, bool | int | float):
        return repr(value)
    raise UsageError(f"a {type(value).__name__} cannot be written into a script: {value!r:.100}")


def _call(call: Call, imports: Imports, indent: str, used: int) -> str:
    parts = [(f"{key}=", each) for key, each in call.arguments.items()]
    name = imports.name(call.function)
    if call.later:
        return _listed(f"{imports.name(_PARTIAL)}({name}, ", parts, ")", imports, indent, used)
    nested = any(isinstance(each, Call) or chz.is_chz(each) for each in call.arguments.values())
    return _listed(f"{name}(", parts, ")", imports, indent, used, tall=nested)


def _listed(
    start: str,
    parts: list[tuple[str, Any]],
    end: str,
    imports: Imports,
    indent: str,
    used: int,
    *,
    tall: bool = False,
) -> str:
    """Return parts between brackets, on one line if they fit and are short themselves."""
    flat = [f"{before}{source(value, imports, indent=indent)}" for before, value in parts]
    comma = "," if start == "(" and len(parts) == 1 else ""
    line = f"{start}{', '.join(flat)}{comma}{end}"
    if (len(indent) + used + len(line) <= WIDTH and not tall and "\n" not in line) or not parts:
        return line
    below = indent + _INDENT
    opening, _, first = start.partition("(")
    lines = [f"{opening}(", f"{below}{first.strip()}"] if first else [start]
    for before, value in parts:
        lines.append(
            below + before + source(value, imports, indent=below, used=len(before) + 1) + ","
        )
    return "\n".join([*lines, indent + end])


def _named(function: Any) -> str:
    name = getattr(function, "__qualname__", "")
    if not name or "<" in name:
        raise UsageError(f"a function without a name of its own cannot be exported: {function!r}")
    return reference(function)


def _text(text: object) -> str:
    """Return a string as ruff writes it: in double quotes where that takes no escapes."""
    written = repr(text)
    if isinstance(text, str) and written.startswith("'") and '"' not in text:
        return '"' + written[1:-1].replace("\\'", "'") + '"'
    return written


def joined(lines: Iterable[str]) -> str:
    """Return lines as a text."""
    return "\n".join(lines) + "\n"
