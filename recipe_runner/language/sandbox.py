"""Jinja, cut down to expressions over plain data, with bounds on what one can compute.

No calls, loops, assignments, includes or attributes of Python objects; arithmetic on numbers of at
most 64 bits; text of at most `MAX_TEXT` characters. Undefined names are errors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, Template, TemplateError, UndefinedError, nodes
from jinja2.sandbox import SandboxedEnvironment

MAX_TEMPLATE = 2000
MAX_TEXT = 10_000
MAX_NESTING = 30
MAX_NUMBER = 2**63
MAX_PRECISION = 100
# More than a recipe has templates, so that its variants compile each of them once.
_COMPILED_KEPT = 1024

FILTERS = (
    *("abs", "default", "first", "float", "int", "join", "last", "length", "lower", "max", "min"),
    *("replace", "round", "string", "title", "trim", "upper"),
)
TESTS = (
    *("defined", "undefined", "none", "number", "string", "mapping", "sequence", "even", "odd"),
    *("eq", "ne", "lt", "le", "gt", "ge", "in", "divisibleby"),
)

_EXPRESSIONS = (
    nodes.Const,
    nodes.TemplateData,
    nodes.Name,
    nodes.Getattr,
    nodes.Getitem,
    nodes.List,
    nodes.Tuple,
    nodes.Dict,
    nodes.Pair,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.CondExpr,
    nodes.Add,
    nodes.Sub,
    nodes.Mul,
    nodes.Div,
    nodes.FloorDiv,
    nodes.Mod,
    nodes.Pow,
    nodes.Neg,
    nodes.Pos,
    nodes.Concat,
    nodes.Filter,
    nodes.Test,
    nodes.Keyword,
)
_ALLOWED = (nodes.Template, nodes.Output, nodes.If, *_EXPRESSIONS)


class TemplateFault(Exception):
    """A template is wrong; the message is for the person who wrote it."""


def evaluate(source: str, scope: Mapping[str, Any]) -> Any:
    """Return a template's text, or the value of a template that is exactly one expression.

    Raises:
        TemplateFault: it cannot be read, uses what is not allowed, or fails.
    """
    if len(source) > MAX_TEMPLATE:
        raise TemplateFault(f"a template has at most {MAX_TEMPLATE} characters")
    try:
        result = _compiled(source, frozenset(scope))(**scope)
        if isinstance(result, StrictUndefined):
            str(result)
        return _bounded(result)
    except TemplateFault:
        raise
    except TemplateError as error:
        reason = error.message or "it is not Jinja"
        raise TemplateFault(
            reason if isinstance(error, UndefinedError) else f"cannot read this template: {reason}"
        ) from error
    except (ArithmeticError, TypeError, ValueError, LookupError) as error:
        raise TemplateFault(f"this template fails: {error}") from error
    except SyntaxError as error:
        # Jinja takes the digits of other scripts for numbers; Python does not.
        raise TemplateFault("cannot read this template: it is not Jinja") from error
    except (RecursionError, MemoryError) as error:
        raise TemplateFault("this template is nested too deeply") from error


def fill_in(source: str, **texts: str) -> str:
    """Return a template that was left for later with its names filled in by texts of any length.

    Raises:
        TemplateFault: it cannot be read, or uses what is not allowed.
    """
    try:
        return _checked_template(source, frozenset(texts)).render(**texts)
    except TemplateError as error:
        raise TemplateFault(f"cannot read this template: {error.message}") from error
    except SyntaxError as error:
        raise TemplateFault("cannot read this template: it is not Jinja") from error


@lru_cache(maxsize=_COMPILED_KEPT)  # the variants of a recipe have its templates in common
def _compiled(source: str, names: frozenset[str]) -> Callable[..., Any]:
    environment = _environment()
    tree = environment.parse(source)
    _check(tree, set(names))
    if not _is_one_expression(tree):
        return environment.from_string(source).render
    inside = source[2:-2].removeprefix("-").removesuffix("-")
    return environment.compile_expression(inside, undefined_to_none=False)


@lru_cache(maxsize=8)
def _checked_template(source: str, names: frozenset[str]) -> Template:
    environment = _environment()
    _check(environment.parse(source), set(names))
    return environment.from_string(source)


@lru_cache(maxsize=_COMPILED_KEPT)
def names_in(source: str) -> frozenset[str]:
    """Return the dotted names that a template reads, as `vars.lr` or `observation`."""
    try:
        tree = _environment().parse(source)
    except (TemplateError, RecursionError, SyntaxError, ValueError):
        return frozenset()
    found = {node.name for node in tree.find_all(nodes.Name)}
    for attribute in tree.find_all(nodes.Getattr):
        if isinstance(attribute.node, nodes.Name):
            found.add(f"{attribute.node.name}.{attribute.attr}")
    for item in tree.find_all(nodes.Getitem):
        if isinstance(item.node, nodes.Name) and isinstance(item.arg, nodes.Const):
            found.add(f"{item.node.name}.{item.arg.value}")
    return frozenset(found)


class DataEnvironment(SandboxedEnvironment):
    """Attributes are keys of data; operators are bounded."""

    intercepted_binops = frozenset(SandboxedEnvironment.default_binop_table)

    def getattr(self, obj: Any, attribute: str) -> Any:
        return self.getitem(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, StrictUndefined):
            str(obj)
        if isinstance(obj, Mapping):
            if argument in obj:
                return _bounded(obj[argument])
            known = ", ".join(map(str, obj)) or "nothing"
            return self.undefined(hint=f"`{argument}` is not defined; there is: {known}")
        if isinstance(obj, list | tuple | str) and isinstance(argument, int):
            if -len(obj) <= argument < len(obj):
                return obj[argument]
            return self.undefined(hint=f"there is no item {argument}")
        return self.undefined(hint=f"`{argument}` cannot be looked up: only data has keys")

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            return _bounded(left + right)
        for value in (left, right):
            if isinstance(value, StrictUndefined):
                str(value)
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise TemplateFault(f"`{operator}` needs numbers, not {str(value)[:40]!r}")
        if operator == "**" and (abs(left) > 1e6 or abs(right) > 64):
            raise TemplateFault("this power is too large")
        return _bounded(self.binop_table[operator](left, right))


def _bounded(value: Any) -> Any:
    if isinstance(value, str) and len(value) > MAX_TEXT:
        raise TemplateFault(f"a template's text has at most {MAX_TEXT} characters")
    if isinstance(value, complex):
        raise TemplateFault("the result is not a real number")
    if isinstance(value, int) and abs(value) > MAX_NUMBER:
        raise TemplateFault("the number is too large")
    if isinstance(value, float) and not math.isfinite(value):
        raise TemplateFault("the result is not a finite number")
    return value


def _replace(text: Any, old: Any, new: Any, count: int | None = None) -> str:
    """Jinja's `replace`, which is refused before it makes a text that is too long."""
    text, old, new = str(text), str(old), str(new)
    times = text.count(old) if count is None or count < 0 else min(count, text.count(old))
    if len(text) + times * (len(new) - len(old)) > MAX_TEXT:
        raise TemplateFault(f"a template's text has at most {MAX_TEXT} characters")
    return text.replace(old, new, times)


def _round(value: Any, precision: Any = 0, method: Any = "common") -> Any:
    """Jinja's `round`, which computes 10 to the power of the precision, however long that takes."""
    from jinja2.filters import do_round

    if not isinstance(precision, int) or abs(precision) > MAX_PRECISION:
        raise TemplateFault(f"`round` takes a precision of at most {MAX_PRECISION} digits")
    return do_round(value, precision, method)


def _bounded_filter(function: Callable[..., Any]) -> Callable[..., Any]:
    from functools import wraps

    @wraps(function)
    def bounded(*arguments: Any, **settings: Any) -> Any:
        return _bounded(function(*arguments, **settings))

    return bounded


@lru_cache(maxsize=1)
def _environment() -> DataEnvironment:
    environment = DataEnvironment(undefined=StrictUndefined, keep_trailing_newline=True)
    environment.globals.clear()
    filters = {**environment.filters, "replace": _replace, "round": _round}
    environment.filters = {name: _bounded_filter(filters[name]) for name in FILTERS}
    environment.tests = {name: environment.tests[name] for name in TESTS}
    return environment


def _check(tree: nodes.Template, scope: set[str]) -> None:
    for depth, node in _descend(tree, 0):
        if depth > MAX_NESTING:
            raise TemplateFault("this template is nested too deeply")
        if not isinstance(node, _ALLOWED):
            raise TemplateFault(_refusal(node))
        if isinstance(node, nodes.Name) and node.name not in scope:
            known = ", ".join(f"`{name}`" for name in sorted(scope))
            raise TemplateFault(f"`{node.name}` is not defined; templates know {known}")
        if isinstance(node, nodes.Const) and node.value == math.inf:
            # Jinja would compile it to a name that is not there.
            raise TemplateFault("the number is too large")


def _descend(node: nodes.Node, depth: int) -> Iterator[tuple[int, nodes.Node]]:
    pending = [(depth, node)]
    while pending:
        depth, node = pending.pop()
        yield depth, node
        pending.extend((depth + 1, child) for child in node.iter_child_nodes())


def _refusal(node: nodes.Node) -> str:
    if isinstance(node, nodes.Call):
        return "templates cannot call functions; use a filter, as in {{ vars.name | lower }}"
    name = type(node).__name__.lower()
    return f"templates have expressions and `if` only, not `{name}`"


def _is_one_expression(tree: nodes.Template) -> bool:
    if len(tree.body) != 1 or not isinstance(tree.body[0], nodes.Output):
        return False
    parts = tree.body[0].nodes
    return len(parts) == 1 and not isinstance(parts[0], nodes.TemplateData)
