"""The versions of packages that the tests run with, beside those that are installed.

Light: the standard library alone. Metadata is read, nothing is imported.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from types import TracebackType

from recipe_runner.errors import chain

# Distribution -> the version that constraints.txt pins, which a test holds equal to it.
TESTED: Mapping[str, str] = {
    "tinker": "0.38.0",
    "tinker-cookbook": "0.5.8",
    "gem-llm": "0.1.0",
    "torch": "2.13.0",
    "transformers": "5.5.4",
    "datasets": "5.2.0",
    "pydantic": "2.14.3",
    "ruamel.yaml": "0.19.1",
    "jinja2": "3.1.6",
    "click": "8.5.1",
    "rich": "15.0.0",
    "starlette": "1.10.0",
    "uvicorn": "0.54.0",
    "wandb": "0.31.0",
}
# What is imported, where it is not called as the distribution is.
_MODULES = {"gem-llm": "gem", "ruamel.yaml": "ruamel", "tinker-cookbook": "tinker_cookbook"}

_OWN = ("recipe_runner", "schemas")

# What comes of a name, an argument or a compiled part that another version has not.
_OF_ANOTHER_VERSION = (ImportError, AttributeError, TypeError, SystemError)


@dataclass(frozen=True)
class Untested:
    """A package that is installed in another version than the tests run with, or not at all."""

    package: str
    installed: str | None
    tested: str

    @property
    def remedy(self) -> str:
        return f"pip install '{self.package}=={self.tested}'"

    def __str__(self) -> str:
        if self.installed is None:
            return f"{self.package} is not installed"
        return f"{self.package} is {self.installed}, and the tests run with {self.tested}"


def installed_version(package: str) -> str | None:
    """Return the version of a package, none where it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def untested(package: str) -> Untested | None:
    """Return how a package differs from what the tests run with, none where it does not.

    Builds of a version, such as torch's `2.13.0+cpu`, are that version.
    """
    installed = installed_version(package)
    if installed is not None and installed.partition("+")[0] == TESTED[package]:
        return None
    return Untested(package, installed, TESTED[package])


@cache
def other_versions() -> tuple[Untested, ...]:
    """Return the packages that are installed in another version than the tests run with.

    Looked up once: a process keeps what it has imported.
    """
    found = filter(None, map(untested, TESTED))
    return tuple(each for each in found if each.installed is not None)


def blamed_on_versions(error: BaseException) -> str | None:
    """Return which packages an error may come from that the tests do not run with, and the remedy.

    None where it is not of the kind, or went through no such package.
    """
    found: dict[str, Untested] = {}
    for each in chain(error):
        if isinstance(each, _OF_ANOTHER_VERSION):
            for module in _modules_of(each):
                differs = _differs(module)
                if differs is not None:
                    found.setdefault(differs.package, differs)
    if not found:
        return None
    remedy = " ".join(f"'{each.package}=={each.tested}'" for each in found.values())
    return f"{'; '.join(map(str, found.values()))}: pip install {remedy}"


def _differs(module: str) -> Untested | None:
    for package in TESTED:
        if _module(package) == module:
            return untested(package)
    return None


def _modules_of(error: BaseException) -> Iterator[str]:
    """Yield the top-level modules that an error names or was raised through."""
    if isinstance(error, ImportError) and error.name:
        yield error.name.partition(".")[0]
    if isinstance(error, AttributeError):
        # Of a module its own name, of anything else that of the module which defines it.
        owner = getattr(error.obj, "__name__", None) or type(error.obj).__module__
        yield str(owner).partition(".")[0]
        yield str(getattr(error.obj, "__module__", "")).partition(".")[0]
    frames = list(_raised_through(error.__traceback__))
    # Every command is called by click, which is to blame only for what it raises itself.
    yield from (module for module in frames if module != "click")
    yield from frames[-1:]
    if isinstance(error, TypeError) and frames[-1:] and frames[-1] in _OWN:
        # An argument that a function refuses is refused where it is called, here.
        yield from (_module(each.package) for each in other_versions())


def _module(package: str) -> str:
    return _MODULES.get(package, package)


def _raised_through(traceback: TracebackType | None) -> Iterator[str]:
    while traceback is not None:
        yield str(traceback.tb_frame.f_globals.get("__name__", "")).partition(".")[0]
        traceback = traceback.tb_next
