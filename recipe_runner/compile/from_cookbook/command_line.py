"""The words of a command: which module it runs, and with which arguments."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from recipe_runner.compile.from_cookbook.commands import COMMANDS, NO_METHOD, NOT_COVERED
from recipe_runner.errors import UsageError

_PYTHON = re.compile(r"python(\d(\.\d+)?)?(\.exe)?")


@dataclass(frozen=True)
class CommandLine:
    """A command that can be imported.

    Attributes:
        words: as given.
        module: of `COMMANDS`.
        arguments: what comes after it.
    """

    words: tuple[str, ...]
    module: str
    arguments: tuple[str, ...]


def parse_command(words: Sequence[str]) -> CommandLine:
    """Find the module in `[NAME=VALUE …] [uv run] python -m MODULE key=value…`, or a script's path.

    Raises:
        UsageError: if there is none, or it is not one that can be imported.
    """
    place = next((i for i, word in enumerate(words) if _PYTHON.fullmatch(Path(word).name)), None)
    if place is None:
        raise UsageError(
            "this is no command that runs Python; write it after `--`: recipe-run import -- "
            "python -m tinker_cookbook.recipes.math_rl.train env=gsm8k"
        )
    rest = list(words[place + 1 :])
    while rest and rest[0].startswith("-") and rest[0] != "-m":
        rest.pop(0)
    by_name = bool(rest) and rest[0] == "-m"
    if by_name:
        rest.pop(0)
    if not rest:
        raise UsageError("the command names no module: python -m MODULE key=value…")
    module = rest[0] if by_name else _of_script(rest[0])
    _check(module)
    return CommandLine(tuple(words), module, tuple(rest[1:]))


def _of_script(path: str) -> str:
    """Return the name that the module of a script has; a lone name is one of GEM's."""
    name = re.sub(r"\.py$", "", path).replace("\\", "/").strip("/").replace("/", ".")
    ends = (known for known in COMMANDS if f".{name}".endswith(f".{known}"))
    starts = (known for known in COMMANDS if known.endswith(f".{name.rpartition('.')[2]}"))
    of_gem = (known for known in starts if known.startswith("examples."))
    return next(ends, None) or next(of_gem, None) or name


def _check(module: str) -> None:
    if module in COMMANDS:
        return
    if module in NOT_COVERED:
        raise UsageError(f"{module} cannot be imported: {NOT_COVERED[module]}")
    if module.startswith("tinker_cookbook."):
        reason = f"{module} cannot be imported: {NO_METHOD}"
    else:
        reason = f"{module} cannot be imported: it is no command of the Cookbook or of GEM"
    near = difflib.get_close_matches(module, COMMANDS, n=1, cutoff=0.9)
    hint = f" (did you mean {near[0]}?)" if near else ""
    listed = "\n  ".join(COMMANDS)
    raise UsageError(f"{reason}{hint}. These can:\n  {listed}")
