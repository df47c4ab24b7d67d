"""Finding and importing what a recipe names, and blaming its author by file and line."""

from __future__ import annotations

import difflib
import importlib
import sys
import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import schemas
from recipe_runner.errors import UserCodeError

_OUR_PACKAGES = (Path(__file__).parents[1], Path(schemas.__file__).parent)
_STANDARD_LIBRARY = Path(sysconfig.get_paths()["stdlib"])
_INSTALLED = {"site-packages", "dist-packages"}

# How the note on an error begins that `search_path` leaves.
PLACE_NOTE = "raised in "

# The directories of the `search_path` that the process is in.
_searched: list[Path] = []


@contextmanager
def search_path(source: str | Path) -> Iterator[None]:
    """While the block lasts, find modules in the working directory and beside a recipe.

    An error that leaves the block and passed through a file there gets a note with its line.
    Modules that came from there are forgotten at the end: the next recipe may have others of the
    same name.

    Args:
        source: the recipe's file.
    """
    loaded, outer, path = set(sys.modules), list(_searched), list(sys.path)
    _search(Path.cwd(), Path(source).parent)
    try:
        yield
    except Exception as error:
        _note_places(error)
        raise
    finally:
        added = [each for each in _searched if str(each) not in path]
        _forget(set(sys.modules) - loaded, added)
        for each in added:
            sys.path.remove(str(each))
        _searched[:] = outer


def load_object(reference: str, *, near: Path | None = None) -> Any:
    """Import what `package.module:Name` names and return it.

    Args:
        near: a directory to look in as well, until the `search_path` around the call ends.

    Raises:
        UserCodeError: if there is no such module or no such name in it, or the module fails.
    """
    module_name, _, name = reference.partition(":")
    if near is not None:
        _search(near)
    module = _import(reference, module_name)
    try:
        return getattr(module, name)
    except AttributeError:
        close = difflib.get_close_matches(name, _public_names(module), n=3)
        hint = f"; did you mean {' or '.join(close)}?" if close else ""
        raise UserCodeError(
            f"{reference}: {module.__file__ or module_name} has no {name}{hint}"
        ) from None


@contextmanager
def blamed(reference: str) -> Iterator[None]:
    """Turn what the code behind a reference raises in the block into an error for its author.

    Raises:
        UserCodeError: with the line of the user's code, and what it raised.
    """
    try:
        yield
    except UserCodeError:
        raise
    except Exception as error:
        raise UserCodeError(f"{reference}: {_words(error)}{_at(error)}") from error


def shadowed(source: str | Path) -> Path | None:
    """Return the `schemas` of the user's project that the recipe language's own hides, if any."""
    ours = Path(schemas.__file__).parent
    for directory in (Path.cwd(), Path(source).parent.resolve()):
        package, module = directory / "schemas", directory / "schemas.py"
        if module.is_file():
            return module
        if package.resolve() != ours and any(package.glob("*.py")):
            return package
    return None


def shadowed_message(place: Path) -> str:
    """Say what it means that a project has a `schemas` of its own."""
    return (
        f"{place} cannot be imported in a run: `schemas` is recipe-run's own package. Code that "
        "the recipe names has to reach it under another name"
    )


def searched() -> tuple[Path, ...]:
    """Return the directories of the user's that modules are looked for in now."""
    return tuple(_searched)


def _search(*directories: Path) -> None:
    """Look for modules in these too, at the end."""
    for directory in map(Path.resolve, directories):
        if directory not in _searched:
            _searched.append(directory)
        if str(directory) not in sys.path:
            sys.path.append(str(directory))


def _import(reference: str, module_name: str) -> ModuleType:
    importlib.invalidate_caches()
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not _is_prefix(error.name, module_name):
            raise _failed_import(reference, error) from error
        raise UserCodeError(_not_found(reference, error.name)) from error
    except Exception as error:
        raise _failed_import(reference, error) from error


def _is_prefix(name: str, module_name: str) -> bool:
    return module_name == name or module_name.startswith(f"{name}.")


def _not_found(reference: str, missing: str) -> str:
    top = missing.partition(".")[0]
    found = sys.modules.get(top)
    if missing != top and found is not None:
        places = ", ".join(str(place) for place in getattr(found, "__path__", [found.__file__]))
        return f"{reference}: there is no module {missing}; {top} is {places}{_hidden(top)}"
    looked = ", ".join(map(str, _searched))
    where = f"looked in {looked} and in the installed packages" if looked else "not installed"
    return f"{reference}: there is no module {missing}; {where}"


def _hidden(top: str) -> str:
    """Say so where a file of the user's lost to a package of the same name."""
    loaded = [Path(place).resolve() for place in getattr(sys.modules[top], "__path__", [])]
    for directory in _searched:
        for own in (directory / top, directory / f"{top}.py"):
            if own.exists() and own.resolve() not in loaded:
                return f", which comes before {own}: give yours another name"
    return ""


def _failed_import(reference: str, error: Exception) -> UserCodeError:
    message = f"{reference}: {_words(error)}{_at(error)}"
    if isinstance(error, ImportError) and _is_prefix("schemas", error.name or ""):
        message += "; `schemas` is recipe-run's own package, which hides others of the name"
    return UserCodeError(message)


def _words(error: BaseException) -> str:
    text = " ".join(str(error).split())
    if isinstance(error, SyntaxError):
        text = error.msg
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _at(error: BaseException) -> str:
    place = _place(error)
    return f" ({place})" if place else ""


def _place(error: BaseException) -> str | None:
    """Return `file:line` of the innermost user's code that an error passed through."""
    if isinstance(error, SyntaxError) and error.filename and _is_users(Path(error.filename)):
        return f"{error.filename}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    users = [frame for frame in frames if _is_users(Path(frame.filename))]
    if users:
        return f"{users[-1].filename}:{users[-1].lineno}"
    return _place(error.__cause__) if error.__cause__ else None


def _is_users(file: Path) -> bool:
    if not file.is_absolute() or _INSTALLED & set(file.parts):
        return False
    if any(file.is_relative_to(ours) for ours in _OUR_PACKAGES):
        return False
    return not file.is_relative_to(_STANDARD_LIBRARY)


def _note_places(error: BaseException) -> None:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            _note_places(inner)
    elif not isinstance(error, UserCodeError) and (place := _place(error)):
        error.add_note(f"{PLACE_NOTE}{place}")


def _public_names(module: ModuleType) -> list[str]:
    return [name for name in vars(module) if not name.startswith("_")]


def _forget(names: set[str], directories: list[Path]) -> None:
    for name in names:
        if _home(name) in directories:
            del sys.modules[name]


def _home(name: str) -> Path | None:
    """Return the directory that the search for a loaded module started in."""
    file = getattr(sys.modules[name], "__file__", None)
    if file is None:
        return None
    parents = Path(file).parents
    depth = name.count(".") + (Path(file).stem == "__init__")
    return parents[depth] if depth < len(parents) else None
