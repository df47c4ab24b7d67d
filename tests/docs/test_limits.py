"""docs/limits.md says what the code holds, and leaves no limit of these packages out."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| .* \| (\S.*) \| `([\w.]+)` \|$", re.MULTILINE)
STATED = dict(
    reversed(pair) for pair in ROW.findall((ROOT / "docs" / "limits.md").read_text("utf-8"))
)
UNITS = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
CONSTANT = re.compile(r"^((?:MAX|KEEP)_\w+)(?:: \w+)? = ", re.MULTILINE)
# How messages are cut for people; what a key-value pair is kept for.
NO_LIMITS = {
    "language.complaints.MAX_HINTS",
    "language.suggest.MAX_LISTED",
    "language.wording.MAX_SHOWN",
    "backends.local.futures.KEEP_READ_S",
    "backends.local.futures.KEEP_UNREAD_S",
}


def number(text: str) -> int:
    value, _, unit = text.replace(",", "").partition(" ")
    base, _, power = value.partition("^")
    return int(base) ** int(power or 1) * UNITS.get(unit, 1)


def test_every_stated_limit_is_the_one_that_holds() -> None:
    assert len(STATED) > 30
    for name, text in STATED.items():
        module, _, constant = name.rpartition(".")
        assert getattr(import_module(f"recipe_runner.{module}"), constant) == number(text), name


def test_every_limit_is_stated() -> None:
    package = ROOT / "recipe_runner"
    files = [package / "jsonl.py", *(package / "language").glob("*.py")]
    files += (package / "backends" / "local").glob("*.py")
    found = {
        ".".join((*file.relative_to(package).with_suffix("").parts, constant))
        for file in files
        for constant in CONSTANT.findall(file.read_text("utf-8"))
    }
    server = {name for name in found if name.startswith("backends.local.server.")}
    assert found - NO_LIMITS - server == set(STATED)
