"""Calling what a recipe names with the recipe's `kwargs`, and with what it asks for by name."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any

from recipe_runner.errors import UserCodeError
from recipe_runner.user_code.load import blamed, load_object

_NAMED = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


async def call_object(
    reference: str, kwargs: Mapping[str, Any], offered: Mapping[str, Any], *, expected: type
) -> Any:
    """Call the function or class behind `package.module:Name` and return its result.

    It gets the recipe's `kwargs`, and of what is offered the values that its parameters name.
    A coroutine function is awaited. What already is an `expected` is returned as it is.

    Raises:
        UserCodeError: if it cannot be imported or called with these, fails, or returns something
            that is not an instance of `expected`.
    """
    result = _call(reference, kwargs, offered, expected)
    if inspect.isawaitable(result):
        with blamed(reference):
            result = await result
    return _expected(reference, result, expected)


def call_function(
    reference: str, kwargs: Mapping[str, Any], offered: Mapping[str, Any], *, expected: type
) -> Any:
    """Do the same where nothing can be awaited.

    Raises:
        UserCodeError: as `call_object` does, and for a coroutine function.
    """
    return _expected(reference, _call(reference, kwargs, offered, expected), expected)


def _call(
    reference: str, kwargs: Mapping[str, Any], offered: Mapping[str, Any], expected: type
) -> Any:
    function = load_object(reference)
    if isinstance(function, expected) and not kwargs:
        return function
    if not callable(function):
        raise UserCodeError(f"{reference} is {_a(type(function))}, which cannot be called")
    arguments = arguments_of(reference, function, kwargs, offered)
    with blamed(reference):
        return function(**arguments)


def _expected(reference: str, result: Any, expected: type) -> Any:
    if not isinstance(result, expected):
        raise UserCodeError(
            f"{reference} returned {_a(type(result))}; it has to return {_a(expected)}"
        )
    return result


def arguments_of(
    reference: str,
    function: Callable[..., Any],
    kwargs: Mapping[str, Any],
    offered: Mapping[str, Any],
) -> dict[str, Any]:
    """Return what a function is called with.

    Raises:
        UserCodeError: if it does not take the recipe's `kwargs`, or needs more.
    """
    parameters = inspect.signature(function).parameters
    named = {name: each for name, each in parameters.items() if each.kind in _NAMED}
    takes_any = any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters.values())
    for name in kwargs:
        if name not in named and not takes_any:
            raise UserCodeError(f"{reference} takes no {name!r}{_hint(name, named)}")
    arguments = {name: value for name, value in offered.items() if name in named} | dict(kwargs)
    missing = [
        name
        for name, each in named.items()
        if each.default is inspect.Parameter.empty and name not in arguments
    ]
    if missing:
        raise UserCodeError(
            f"{reference} needs {', '.join(missing)}: give it in `kwargs`; what it can ask for by "
            f"name without that is {', '.join(sorted(offered))}"
        )
    return arguments


def _hint(name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    if near:
        return f"; did you mean {near[0]}?"
    return f"; it takes {', '.join(known)}" if known else "; it takes nothing"


def _a(kind: type) -> str:
    return f"{'an' if kind.__name__[0] in 'AEIORaeio' else 'a'} {kind.__name__}"
